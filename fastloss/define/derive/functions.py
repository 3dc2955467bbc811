"""The functions of which `fastloss.derive` makes losses: `fastloss.math`.

Each takes numbers, and then gives a number, or the arguments of a function that is derived. All are exact to a few
units in the last place where the formulas of textbooks overflow or cancel, and so are their derivatives.

>>> import fastloss as fl
>>> fl.math.softplus(-50.0)
1.9287498479639178e-22
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from ..code import function_of
from ..wording import shown
from .emit import SCOPE, function_tree
from .graph import Graph
from .lower import lowered
from .names import NAMES, instead_of
from .traced import Condition, Recorded, Traced, apply, condition_of, is_number, node_of

__all__ = list(NAMES)

pi, e, inf, nan = math.pi, math.e, math.inf, math.nan


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    raise AttributeError(f"fastloss.math has no {name}; {instead_of(name)}")


def __dir__() -> list[str]:
    return __all__


def _of(op: str, *args: Any) -> Any:
    if any(isinstance(x, Recorded) for x in args):
        return apply(op, *args)
    for x in args:
        if not is_number(x):
            raise TypeError(f"fastloss.math: {shown(x)} is no number; its functions take numbers, and no arrays")
    return _numeric(op, len(args))(*map(float, args))[0]


@cache
def _numeric(op: str, count: int) -> Any:
    """The function of numbers: what kernels compute, as plain Python."""
    g, names = Graph(), [f"x{k}" for k in range(count)]
    inputs = [g.variable(n, False) for n in names]
    root = getattr(g, op)(*inputs) if op == "absolute" else g.call(op, *inputs)
    tree = function_tree(op, names, (), lowered(g, [root]), 0, lazy=True)
    return function_of(tree, dict(SCOPE), __name__)


def absolute(x: Any) -> Any:
    """|x|, which is also the built-in ``abs``; its slope at 0 is 0."""
    return _of("absolute", x)


def asinh(x: Any) -> Any:
    """The inverse of the hyperbolic sine."""
    return _of("asinh", x)


def atan(x: Any) -> Any:
    """The inverse of the tangent."""
    return _of("atan", x)


def cbrt(x: Any) -> Any:
    """The cube root."""
    return _of("cbrt", x)


def clip(x: Any, low: Any, high: Any) -> Any:
    """X, but at least `low` and at most `high`, which wins; its slope is 1 between them and at both."""
    return _of("clip", x, minimum(low, high), high)


def cos(x: Any) -> Any:
    """The cosine."""
    return _of("cos", x)


def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    return _of("cosh", x)


def erf(x: Any) -> Any:
    """The error function."""
    return _of("erf", x)


def erfc(x: Any) -> Any:
    """1 - erf(x), with all of its digits."""
    return _of("erfc", x)


def exp(x: Any) -> Any:
    """The exponential."""
    return _of("exp", x)


def expm1(x: Any) -> Any:
    """exp(x) - 1, with all of its digits."""
    return _of("expm1", x)


def lgamma(x: Any) -> Any:
    """The logarithm of the gamma function, of what is not differentiated."""
    return _of("lgamma", x)


def log(x: Any) -> Any:
    """The natural logarithm."""
    return _of("log", x)


def log1mexp(x: Any) -> Any:
    """log(1 - exp(-x)) for x > 0."""
    return _of("log1mexp", x)


def log1p(x: Any) -> Any:
    """log(1 + x), with all of its digits."""
    return _of("log1p", x)


def log_cosh(x: Any) -> Any:
    """log(cosh(x)), which neither overflows nor cancels."""
    return _of("log_cosh", x)


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)), which is -softplus(-x)."""
    return -softplus(-x)


def logaddexp(x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)): the logarithm of the sum of two exponentials."""
    return _of("logaddexp", x, y)


def maximum(x: Any, y: Any) -> Any:
    """The larger; at a tie, the slope of the one that is constant, or else of the first."""
    return _of("maximum", x, y)


def minimum(x: Any, y: Any) -> Any:
    """The smaller; at a tie, the slope of the one that is constant, or else of the first."""
    return _of("minimum", x, y)


def pow(x: Any, k: Any) -> Any:
    """x to the power k, which is also ``x ** k``; products where k is a small multiple of 1/2."""
    return _of("pow", x, k)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return _of("sigmoid", x)


def sign(x: Any) -> Any:
    """1, -1, or 0 at 0."""
    return _of("sign", x)


def sin(x: Any) -> Any:
    """The sine."""
    return _of("sin", x)


def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    return _of("sinh", x)


def smooth_abs(x: Any, width: Any) -> Any:
    """sqrt(x^2 + width^2) - width: |x| with a round bottom; `width` is a positive number or parameter."""
    return _of("smooth_abs", x, width)


def softplus(x: Any) -> Any:
    """log(1 + exp(x))."""
    return _of("softplus", x)


def sqrt(x: Any) -> Any:
    """The square root."""
    return _of("sqrt", x)


def square(x: Any) -> Any:
    """X times x."""
    return x * x


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return _of("tanh", x)


def times_exp(t: Any, x: Any) -> Any:
    """t exp(x), also where exp(x) alone is infinite or 0; 0 where t is 0."""
    return _of("times_exp", t, x)


def where(condition: Any, x: Any, y: Any) -> Any:
    """X where the condition holds, else y: what takes the place of ``if`` in a function that is derived.

    Both are computed; `condition` is a comparison, or several with ``&``, ``|`` and ``~``.

    >>> import fastloss as fl
    >>> @fl.derive
    ... def own_hinge(pred, target):
    ...     return fl.where(pred * target < 1.0, 1.0 - pred * target, 0.0)
    >>> own_hinge.value_and_grad([0.5, 2.0], [1.0, 1.0])
    (np.float64(0.25), array([-0.5,  0. ]))
    """
    graph = next((v.graph for v in (condition, x, y) if isinstance(v, Recorded)), None)
    if graph is None:
        return x if condition else y
    c = condition.node if isinstance(condition, Condition) else condition_of(graph, condition)
    return Traced(graph, graph.select(c, node_of(graph, x), node_of(graph, y)))


def xlogy(x: Any, y: Any) -> Any:
    """X log(y), which is 0 where x is 0."""
    return _of("xlogy", x, y)
