"""Other libraries' functions of numbers and of elements, made of ours.

They are found by name in the modules of `HOMES`, and as methods of what is traced. Where two libraries mean different
things by a name, it is not here.
"""

from __future__ import annotations

import math
import re
import sys
from inspect import signature
from types import FunctionType
from typing import Any

from . import functional
from . import functions as ours
from .functional import reduced
from .functions import clip, log, log1p, maximum, minimum, softplus, where, xlogy
from .gradients import is_differentiated
from .names import ELEMENT, ELSEWHERE, NAMES, instead_of
from .refusals import called, refused
from .traced import Condition, Recorded, Traced, value_of, without_gradient

# -- functions of one argument -----------------------------------------------------------------------------------------


def _log(x: Any, base: Any = None) -> Any:
    return log(x) if base is None else log(x) / log(base)


def _logit(x: Any, eps: Any = None) -> Any:
    p = x if eps is None else clip(x, eps, 1.0 - eps)
    return log(p) - log1p(-p)


def _softplus(x: Any, beta: Any = 1.0, threshold: Any = 20.0) -> Any:
    value = softplus(x) if isinstance(beta, (int, float)) and beta == 1.0 else softplus(beta * x) / beta
    exact = isinstance(threshold, (int, float)) and threshold >= 20.0  # from there on, to 2e-9
    return value if exact else where(beta * x > threshold, x, value)


_OF_ONE: dict[str, Any] = {
    "entr": lambda x: -xlogy(x, x), "exp2": lambda x: ours.exp(x * math.log(2.0)), "log": _log,
    "log10": lambda x: log(x) / math.log(10.0), "log2": lambda x: log(x) / math.log(2.0), "logit": _logit,
    "ndtr": functional.normal, "neg": lambda x: -x, "negative": lambda x: -x, "reciprocal": lambda x: 1.0 / x,
    "rsqrt": lambda x: 1.0 / ours.sqrt(x), "softplus": _softplus,
}  # fmt: skip

# -- of several --------------------------------------------------------------------------------------------------------


def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    """The slope at an end is 1, as that of the clip with two ends."""
    if low is not None and high is not None:
        return clip(x, low, high)
    x = x if low is None else where(x < low, low, x)
    return x if high is None else where(x > high, high, x)


def _larger(x: Any, y: Any) -> Any:
    return maximum(x, _no_axis(y))


def _smaller(x: Any, y: Any) -> Any:
    return minimum(x, _no_axis(y))


def _no_axis(y: Any) -> Any:
    if isinstance(y, int):
        raise refused("reduces an axis", f"an argument is one number; {instead_of('maximum')} or fl.math.minimum")
    return y


def _add(x: Any, y: Any, alpha: Any = 1.0) -> Any:
    return x + alpha * y


def _subtract(x: Any, y: Any, alpha: Any = 1.0) -> Any:
    return x - alpha * y


def _rel_entr(x: Any, y: Any) -> Any:
    return xlogy(x, x / y)


def _truth(x: Any) -> Any:
    return x if isinstance(x, (Condition, bool)) else x != 0.0


_ARITHMETIC: dict[str, Any] = {
    "divide": lambda x, y: x / y, "greater": lambda x, y: x > y, "greater_equal": lambda x, y: x >= y,
    "less": lambda x, y: x < y, "less_equal": lambda x, y: x <= y, "multiply": lambda x, y: x * y,
    "not_equal": lambda x, y: x != y,
}  # fmt: skip

_SHORT = {
    "div": "divide", "ge": "greater_equal", "gt": "greater", "le": "less_equal", "lt": "less", "mul": "multiply",
    "ne": "not_equal", "true_divide": "divide",
}  # fmt: skip

_OF_SEVERAL: dict[str, Any] = {
    **_ARITHMETIC, **{n: _ARITHMETIC[m] for n, m in _SHORT.items()},
    "add": _add, "clamp": _clip, "clip": _clip, "eq": lambda x, y: x == y, "fmax": maximum, "fmin": minimum,
    "heaviside": lambda x, y: where(x > 0.0, 1.0, where(x < 0.0, 0.0, y)),
    "hypot": lambda x, y: ours.sqrt(x * x + y * y), "logical_and": lambda x, y: _truth(x) & _truth(y),
    "logical_not": lambda x: where(_truth(x), 0.0, 1.0) != 0.0, "logical_or": lambda x, y: _truth(x) | _truth(y),
    "logical_xor": lambda x, y: _truth(x) ^ _truth(y), "max": _larger, "min": _smaller, "rel_entr": _rel_entr,
    "sub": _subtract, "subtract": _subtract,
}  # fmt: skip

# -- of arrays, of which an argument is one element --------------------------------------------------------------------


def _same(x: Any, *_: Any, **__: Any) -> Any:
    if isinstance(x, Traced) and not is_differentiated():
        without_gradient(x)
    return x


def _cast(x: Any, *types: Any, dtype: Any = None) -> Any:
    """A number of another type, or whether it is not 0; comparisons become 0 or 1."""
    names = [getattr(t, "__name__", str(t)).rpartition(".")[2] for t in (dtype, *types) if not isinstance(t, Recorded)]
    if any(re.fullmatch(r"bool_?", n) for n in names):
        return _truth(x)
    if isinstance(x, Condition):
        return value_of(x.graph, x)
    if any(re.fullmatch(r"u?(int|long)\d*", n) for n in names):
        raise refused("makes a whole number", instead_of("int"))
    return _same(x)


def _tensor(x: Any, dtype: Any = None) -> Any:
    """A copy of the number alone: torch.tensor's has no gradient, as_tensor's has."""
    if isinstance(x, Traced):
        without_gradient(x)
    return _cast(x, dtype=dtype)


def _flat(x: Any, shape: Any = -1) -> Any:
    if shape != -1:
        raise refused("gives an argument a shape", f"an argument is one number, and {ELEMENT}")
    return _same(x)


def _mean(x: Any, axis: Any = None) -> Any:
    return reduced(x, "mean" if axis is None else f"mean of axis {axis}")


_OF_ARRAYS: dict[str, Any] = {
    "is_floating_point": lambda x: not isinstance(x, Condition), "is_tensor": lambda x: not x.node.fixed,
    "full_like": lambda x, y: y, "mean": _mean, "ones_like": lambda x: 1.0, "zeros_like": lambda x: 0.0,
    **dict.fromkeys(("array", "as_tensor", "asarray", "cast", "convert_to_tensor"), _cast), "tensor": _tensor,
    **dict.fromkeys(("flatten", "ravel", "reshape", "squeeze"), _flat),
}  # fmt: skip

# -- how they are found and called -------------------------------------------------------------------------------------

_OURS = {n: getattr(ours, n) for n in NAMES if isinstance(getattr(ours, n), FunctionType)}

_EVERYWHERE: dict[str, Any] = {
    **_OURS, **{theirs: _OURS[n] for theirs, n in ELSEWHERE.items()}, **_OF_ONE, **_OF_SEVERAL, **_OF_ARRAYS,
    **functional.EVERYWHERE,
}  # fmt: skip

_OF_SCIPY = {
    "huber": lambda delta, r: functional.huber_loss(r, 0.0, "none", delta),
    "kl_div": lambda x, y: _rel_entr(x, y) - x + y,
    "pseudo_huber": lambda delta, r: delta * ours.smooth_abs(r, delta),
}

HOMES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("math", "numpy", "torch", "torch.special", "jax.nn", "jax.numpy", "jax.scipy.special"), _EVERYWHERE
    ),
    "scipy.special": _EVERYWHERE | _OF_SCIPY,
    "torch.nn.functional": _EVERYWHERE | functional.TORCH | functional.LOSSES,
    "keras.ops": {n: f for n, f in _EVERYWHERE.items() if n != "leaky_relu"},  # its slope is another
}
"""Modules, and what their functions of these names are; jax.lax.clamp and scipy.signal.square are something else."""

_METHODS: dict[str, Any] = {
    **{n: f for n, f in _EVERYWHERE.items() if n not in ("heaviside", "where")},
    **dict.fromkeys(("astype", "bfloat16", "double", "float", "half", "to", "type", "type_as"), _cast),
    **dict.fromkeys(("clone", "contiguous", "copy", "cpu", "cuda"), _same),
    "view": _flat,
}  # fmt: skip


def known() -> dict[int, tuple[str, Any, Any]]:
    """Names of other libraries' functions, ours and theirs, by the id of theirs, which holds while they are kept.

    A name alone says too little: that of ``np.vectorize(f)`` is f's, and torch.special.expit's is special_expit.
    """
    homes = [(sys.modules[home], names) for home, names in HOMES.items() if home in sys.modules]
    found = [(n, function, getattr(home, n, None)) for home, names in homes for n, function in names.items()]
    return {id(theirs): (n, function, theirs) for n, function, theirs in found if theirs is not None}


def method(x: Any, name: str) -> Any:
    """A tensor's method of this name, for a traced number; None where it says nothing of one."""
    function = _METHODS.get(name)
    return function and (lambda *args, **options: call(name, function, (x, *args), options))


Recorded.method = staticmethod(method)


def function(theirs: Any, args: Any, options: Any) -> Any:
    """What another library's function gives, called where no text was traced, as by functools.partial or a module."""
    name, mine, _ = next((k for k in known().values() if k[2] is theirs or k[2] == theirs), ("", None, None))
    if mine is None:
        name = getattr(theirs, "__name__", str(theirs))
        raise refused(f"calls {called(name)}", instead_of(name))
    return call(name, mine, args, options)


Recorded.function = staticmethod(function)

_OPTIONS = {
    **dict.fromkeys(("a", "arr", "array", "input", "x1"), "x"),
    **dict.fromkeys(("exponent", "fill_value", "other", "target", "values", "x2"), "y"),
    **dict.fromkeys(("a_min", "min", "min_val", "x_min"), "low"),
    **dict.fromkeys(("a_max", "max", "max_val", "x_max"), "high"),
    "dim": "axis", "negative_slope": "slope",
}  # fmt: skip
"""Others' names of arguments, and ours."""

_OF_TYPES = frozenset(["device", "dtype", "keepdim", "keepdims", "layout", "requires_grad"])
"""Options that say nothing of a number's value."""


def call(name: str, function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What another library's function of this name gives for these arguments, of which one is traced."""
    takes = signature(function).parameters
    given = {}
    for option, value in options.items():
        ours_of_it = _OPTIONS.get(option, option)
        ours_of_it = "k" if ours_of_it == "y" and "k" in takes else ours_of_it
        if ours_of_it in takes:
            given[ours_of_it] = value
        elif option not in _OF_TYPES and value is not None:
            raise refused(f"passes {option}= to {name}", f"of numbers it takes {', '.join(takes)}")
    try:
        signature(function).bind(*args, **given)
    except TypeError as error:
        raise refused(f"calls {name} otherwise: {error}", f"of numbers it takes {', '.join(takes)}") from None
    return function(*args, **given)
