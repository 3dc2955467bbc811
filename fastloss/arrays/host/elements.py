"""The NumPy adapter: whatever NumPy can read becomes arrays, is checked, and goes to the CPU kernels.

Nothing is written before everything is checked, and nothing of the arrays' size is allocated but what is returned.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from ...define.keywords import HESS, VALUE
from ..checks import check_options, mean_of_nothing, packed, refuse_reduced
from . import memory as layout
from . import recipes as quick
from . import roots
from . import weights as w
from .sweep import Outputs, Sweep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...define.elements import Definition
    from ...define.rows import Program


def evaluate(
    loss: Definition,
    want: int,
    inputs: tuple[Any, ...],
    weight: Any,
    reduction: str,
    normalizer: Any,
    empty: str,
    out: Any,
    backend: str | None,
    check: bool,
) -> Any:
    """One verb on NumPy arrays, or on anything that becomes one."""
    if normalizer is None and empty == "nan":
        result = quick.evaluate(loss, want, inputs, weight, reduction, out, backend, check)
        if result is not None:
            return result
    with np.errstate(all="ignore"):
        return _evaluate(loss, want, inputs, weight, reduction, normalizer, empty, out, backend, check)


def _evaluate(
    loss: Definition,
    want: int,
    inputs: tuple[Any, ...],
    weight: Any,
    reduction: str,
    normalizer: Any,
    empty: str,
    out: Any,
    backend: str | None,
    check: bool,
) -> Any:
    """The long way, on which NumPy says nothing of numbers that a type does not hold."""
    check_options(loss, want, reduction, normalizer, empty, backend)
    arrays = [read_array(loss, name, x) for name, x in zip(loss.inputs, inputs, strict=True)]
    for k in loss.wrt:
        if arrays[k].dtype.char not in layout.FLOATS:
            arrays[k] = arrays[k].astype(np.float64)
    weights = [] if weight is None else [read_array(loss, "weight", weight)]
    shape = arrays[0].shape
    for x in (*arrays, *weights):
        if x.shape != shape:
            shape = layout.common_shape(loss.name, (*loss.inputs, "weight"), (*arrays, *weights), loss.streamed)
            break
    each = reduction == "none"
    dtypes = [x.dtype for x in arrays]
    for k in loss.wrt:
        if arrays[k].shape != shape and want & ~VALUE:
            if loss.rooted and want & HESS:
                raise layout.not_full(loss.name, loss.inputs[k], arrays[k].shape, shape)
            if arrays[k].dtype.itemsize < 4:  # its derivative is a sum, of terms that are not rounded to 16 bits
                arrays[k] = arrays[k].astype(np.float32)
    sweep = Sweep(loss, arrays, weights, shape, each, backend, dtypes)
    given = None if out is None else _given(sweep, want, out)
    denominator = _denominator(sweep, reduction, normalizer, check, given is not None)
    first = check and loss.checks and (given is not None or loss.rooted)
    if first:
        sweep.run(0, True, 0.0, 0.0, Outputs())
    absent = denominator == 0.0
    value = mean_of_nothing(loss.name, empty) if absent else 0.0
    if absent:
        denominator = inf  # every derivative is then exactly 0
    to = _aimed(sweep, want, given)
    if loss.rooted:
        root = roots.run(sweep, want, denominator, to)
        value = value if absent else root
    else:
        total = sweep.run(want, check and not first, 1.0 / denominator, 0.0, to)
        value = value if absent else total / denominator
    if normalizer is None and sweep.dense and not sweep.wide:
        quick.remember(sweep, want, reduction, backend, check, given is not None)
    return _results(sweep, want, value, to, given)


def read_array(loss: Definition | Program, name: str, x: Any) -> NDArray[Any]:
    """`x` as an array of numbers, without a copy where it is one."""
    if type(x) is not ndarray:
        given, error = x, None
        try:
            # Of an array alone: NumPy loads `numpy.ma` when it is asked for.
            odd = isinstance(x, ndarray) and isinstance(x, (np.matrix, np.ma.MaskedArray))
            x = None if odd else np.asarray(x)
        except (TypeError, ValueError) as found:
            x, error = None, found
        if x is None or not _readable(x.dtype):
            from ..foreign import refused

            raise refused(loss.name, name, given, x, error) from None
    elif not _readable(x.dtype):
        from ..foreign import refused

        raise refused(loss.name, name, x, x)
    if not x.dtype.isnative:
        x = x.astype(x.dtype.newbyteorder("="))
    return x  # type: ignore[no-any-return]


def _readable(dtype: np.dtype[Any]) -> bool:
    # By more than the type character: an extension's one-byte integer has float16's.
    return dtype.char in layout.NUMBERS and (dtype.isbuiltin != 2 or dtype.name == "bfloat16")


def _denominator(sweep: Sweep, reduction: str, normalizer: Any, check: bool, given: bool) -> float:
    """What the sum is divided by. Weights are looked at where they decide it, or no kernel looks in time (roots)."""
    divisor = 1.0 if reduction != "mean" else float(sweep.size if normalizer is None else normalizer)
    summed = reduction == "mean" and normalizer is None
    early = check and (given or sweep.loss.rooted) and not sweep.loss.checks
    if sweep.weights and sweep.size and (summed or w.apart(divisor) or early):
        found = _weighed(sweep, check, np.float64 if summed or w.apart(divisor) else sweep.kind)
        divisor = found if summed else divisor
    if reduction == "mean" and w.apart(divisor):
        weight, power = w.near(sweep.weights[0] if sweep.weights else np.ones(()), divisor, sweep.kind)
        sweep.weights = [weight]
        divisor = _weighed(sweep, False, np.float64) if summed else w.times(divisor, power)
    return divisor


def _weighed(sweep: Sweep, check: bool, kind: Any) -> float:
    weight = sweep.weights[0]
    look = (lambda: w.refuse(sweep.loss.name, "weight", weight, kind)) if check else None
    return w.summed(weight, sweep.backend, kind, look) * (sweep.size / weight.size)


def _given(sweep: Sweep, want: int, out: Any) -> Outputs:
    """The caller's `out=`, checked: the right dtype and shape each, and no memory that anything else uses."""
    loss = sweep.loss
    own = [(loss.inputs[k], sweep.dtypes[k], sweep.arrays[k].shape) for k in loss.wrt]
    if want == VALUE:
        refuse_reduced(loss.name, sweep.each)
        given = Outputs(value=(out,))
        expected: list[tuple[Any, Any, tuple[int, ...], int]] = [(out, sweep.kind, sweep.shape, -1)]
    else:
        pair = layout.several(loss.name, out, 2, "(grad, hess)") if want & HESS else (out,)
        names = f"({', '.join(name for name, *_ in own)})"
        parts = [layout.several(loss.name, part, len(own), names) if len(own) > 1 else (part,) for part in pair]
        given = Outputs((), *parts)
        expected = [(a, dtype, shape, k) for a, (_, dtype, shape), k in zip(given.grad, own, loss.wrt, strict=True)]
        expected += [(a, dtype, shape, -1) for a, (_, dtype, shape) in zip(given.hess, own, strict=False)]
    for i, (a, dtype, shape, partner) in enumerate(expected):
        layout.check_output(loss.name, a, dtype, shape, [other for other, *_ in expected[:i]])
        for j, x in enumerate((*sweep.arrays, *sweep.weights)):
            if layout.overlap(a, x) and not (j == partner == 0 and layout.same_memory(a, x)):
                name = (*loss.inputs, "weight")[j]
                raise layout.overlapped(loss.name, name, loss.inputs[0] if loss.wrt[0] == 0 else "")
    return given


def _aimed(sweep: Sweep, want: int, given: Outputs | None) -> Outputs:
    """Where the kernels write: the caller's arrays, or fresh ones of the common shape."""
    if given is None or any(a.shape != sweep.shape for part in given for a in part):
        return sweep.allocate(want)
    return given if given.value else given._replace(value=sweep.allocate(want & VALUE).value)


def _results(sweep: Sweep, want: int, value: float, to: Outputs, given: Outputs | None) -> Any:
    """What the verb returns: the value as a number of the compute type, derivatives in the shape of their inputs."""
    loss = sweep.loss
    results: list[Any] = []
    if want & VALUE:
        results.append(layout.passed(to.value[0]) if sweep.each else layout.number(sweep.kind, value))
    for part, mine in ((to.grad, given and given.grad), (to.hess, given and given.hess)):
        if part:
            arrays = [_summed(a, sweep.arrays[k].shape, sweep.dtypes[k]) for a, k in zip(part, loss.wrt, strict=True)]
            if mine:
                for a, b in zip(arrays, mine, strict=True):
                    if a is not b:
                        b[...] = a
            arrays = list(mine) if mine else [layout.passed(a) for a in arrays]
            results.append(arrays[0] if len(arrays) == 1 else tuple(arrays))
    return packed(results)


def _summed(a: NDArray[Any], shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """A derivative of the common shape as one of its input's: an input that was broadcast has the sum."""
    if a.shape == shape:
        return a
    extra = a.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(extra + i for i, n in enumerate(shape) if n == 1 != a.shape[extra + i])
    return np.asarray(a.sum(axis=axes, dtype=np.float64)).reshape(shape).astype(dtype)
