"""What is wrong with a call's numbers, after a kernel has counted it: the first place is found, and said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.plan.elements import look_plan
from ..checks import wrong_weight
from ..shapes import broadcast, place
from . import kernels
from .memory import number, pieces, plain, runs, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ...define.domain import Domain
    from ...define.elements import Definition
    from ...define.rows import Program


def first(test: Callable[..., Any], *arrays: Any) -> tuple[int, ...] | None:
    """The indices of the first place at which `test` of the arrays, broadcast to one shape, holds; None if nowhere.

    What `test` allocates is of the size of a piece.
    """
    shape = broadcast(*[np.shape(x) for x in arrays])
    full = [np.broadcast_to(x, shape) for x in arrays]
    seen = 0
    kinds = [x.dtype for x in full]
    with np.errstate(all="ignore"):
        for views, _, _ in pieces([stored(x) for x in full], 0):
            bad = np.asarray(test(*[v.view(k) for v, k in zip(views, kinds, strict=True)]))
            if bad.any():
                return tuple(int(i) for i in np.unravel_index(seen + int(bad.argmax()), shape))
            seen += bad.size
    return None


def strays(loss: Definition | Program, arrays: Sequence[NDArray[Any]], kind: Any, backend: str | None) -> bool:
    """Whether an element lies outside its domain, or may, for the absent are looked at with the others.

    Each array is gone through by itself. A kernel of rows would compute its sums on the way to the elements: of ten
    classes, three quarters as long again as without a check.
    """
    for k, x in enumerate(arrays):
        if loss.tests[k] == "none":
            continue
        for views, order, _ in runs((x,), x.shape, 0):
            if looker(loss, k, x.dtype.char, order, kind, views[0].size, backend)(views[0]):
                return True
    return False


def looker(loss: Definition | Program, k: int, stored: str, order: str, kind: Any, size: int, backend: Any) -> Any:
    """What counts the blocks of the k-th input's memory in which an element lies outside its domain."""
    plan, bounds = look_plan(stored, order, loss.tests[k], np.dtype(kind).char), plain(loss.bounds(kind)[2 * k :][:2])
    kernel = kernels().runner(plan, size, backend)
    return lambda x: kernel((x,), (), (), 1.0, 0.0, bounds, (), (), (), x.size)[1]


def refuse_values(loss: Definition | Program, arrays: Sequence[NDArray[Any]], present: Any, kind: Any) -> None:
    """Raise for the first element outside its domain, among those that are present: True, or a weight that is not 0."""
    look_for_values(loss, arrays, present, kind)
    raise AssertionError("a kernel counted a value outside its domain that the check does not find")


def look_for_values(loss: Definition | Program, arrays: Sequence[NDArray[Any]], present: Any, kind: Any) -> None:
    """The same, where there may be none."""
    from ...define import hints

    for name, domain, x in zip(loss.inputs, loss.domains, arrays, strict=False):
        if domain.test == "none":
            continue
        where = first(lambda y, p, domain=domain: domain.violations(y.astype(kind)) & (p != 0), x, present)
        if where is not None:
            got = np.broadcast_to(x, broadcast(x.shape, np.shape(present)))[where]
            wrong = outside(got, domain, kind) + hints.outside(loss, name, got)
            raise ValueError(f"{loss.name}: {name}{place(where, x.shape)} is {wrong}")


def outside(x: Any, domain: Domain, kind: Any) -> str:
    """What is wrong with an element, as the caller passed it and as a kernel of that type reads it."""
    read = number(kind, x)
    as_read = f", which is {read!s} in {np.dtype(kind)}, the type that it is read in" if float(x) in domain else ""
    return f"{x!s}{as_read}, expected {domain}"


def refuse_labels(loss: Program, labels: NDArray[Any], present: NDArray[Any], classes: int) -> None:
    """Raise for the first label that is no class, among those of rows that are present, if there is one."""
    from ...define import hints

    where = first(lambda y, here: ((y < 0) | (y >= classes)) & here, labels, present)
    if where is not None:
        hint = hints.no_class(loss, labels[where], classes)
        raise ValueError(f"{loss.name}: {loss.inputs[-1]}{place(where)} is {labels[where]}, "
                         f"but there are {classes} classes (0 to {classes - 1}){hint}")  # fmt: skip


def refuse_weights(loss: str, name: str, weight: NDArray[Any], kind: Any, present: Any = True) -> None:
    """Raise for the first of the weights that is none, among those of elements that are present, if there is one."""
    where = first(lambda w, here: _no_weight(w, kind) & here, weight, present)
    if where is not None:
        raise ValueError(f"{loss}: {name}{place(where)} is {wrong_weight(weight[where], kind)}")


def _no_weight(weight: NDArray[Any], kind: Any) -> Any:
    """Where a weight is negative, or infinite as the kernels read it."""
    return (weight < 0) | (weight.astype(kind) == np.inf)
