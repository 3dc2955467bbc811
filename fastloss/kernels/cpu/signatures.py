"""The types of a kernel's arguments, as Numba is told them: read-only inputs, in the order of the template."""

from __future__ import annotations

from typing import Any

import numba as _numba
import numpy as np

from ...define.keywords import GRAD, HESS
from ..plan.elements import BRAIN, HALF, Plan, compute_type
from ..plan.rows import RowPlan
from .views import Memory, Strided

numba: Any = _numba  # half of it is typed
types: Any = _numba.types

_CREW = types.UniTuple(types.int64, 2)


def signature(plan: Plan | RowPlan) -> tuple[Any, ...]:
    """Those of a plan."""
    return _row_signature(plan) if isinstance(plan, RowPlan) else _signature(plan)


def _array(stored: str, layout: str, readonly: bool) -> Any:
    element = types.uint16 if stored in (HALF, BRAIN) else numba.from_dtype(np.dtype(stored))
    return Memory(element, not readonly) if layout == "C" else Strided(element, not readonly)


def _tuple(*kinds: Any) -> Any:
    return types.Tuple(list(kinds))


def _signature(plan: Plan) -> tuple[Any, ...]:
    compute = types.float64 if plan.compute == "d" else types.float32
    derivatives = _tuple(*(_array(stored, plan.layout, False) for stored in plan.written))
    return (
        _CREW,
        _tuple(*(_array(stored, plan.layout, True) for stored in plan.types)),
        _tuple(*(_array(stored, plan.layout, True) for stored in plan.weight)),
        _tuple(*[compute] * plan.parameters),
        types.float64,
        types.float64,
        _tuple(*[compute] * 2 * len(plan.types)),
        _tuple(*[_array(plan.compute, plan.layout, False)] * plan.each),
        derivatives if plan.want & GRAD else _tuple(),
        derivatives if plan.want & HESS else _tuple(),
        types.int64,
    )


def _row_signature(plan: RowPlan) -> tuple[Any, ...]:
    compute = types.float64 if plan.compute == "d" else types.float32
    derivative = [_array(plan.types[0], "C", False)]
    steps = Memory(types.int64, False, columns=3)
    target = _tuple(*(_array(stored, "C", True) for stored in plan.target_type))
    weight = _tuple(*(_array(stored, "C", True) for stored in plan.weight))
    classes = _tuple(*[_array(compute_type(plan.types[0]), "C", True)] * plan.classes)
    shape = types.UniTuple(types.int64, 3)
    if plan.entry == "census":
        return _CREW, target, weight, classes, types.int64, steps, shape
    scores = _tuple(*(_array(stored, "C", True) for stored in plan.types))
    grad, hess = (_tuple(*derivative * bool(plan.want & wanted)) for wanted in (GRAD, HESS))
    number = {"": types.none, "number": compute}
    params = _tuple(*(number.get(of, _array(plan.compute, "C", True)) for of in plan.given))
    bounds = _tuple(*[compute] * 2 * len(plan.tests))
    facts = (_array(stored, "C", False) for stored in (plan.compute, plan.compute, "q") if plan.stats)
    return (
        _CREW,
        _tuple(scores, target, classes, grad, hess),
        weight,
        _tuple(params, types.UniTuple(compute, 3), bounds, types.float64, types.int64),
        _tuple(_tuple(*[_array(plan.compute, "C", False)] * plan.each), _tuple(*facts)),
        _tuple(steps, shape),
    )
