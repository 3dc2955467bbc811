"""The softmax and its relatives as functions: the gradients of row losses, by the same kernels.

Arrays, dtypes, axes, threads and errors are as for the row losses.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..define.domain import POSITIVE
from ..define.rows import Functions
from ..loss import RowLoss
from ..signatures import like
from .softmax import Row, below
from .sparse import counted, probability, threshold, tops
from .special import INF, exp_neg

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..define.keywords import Backend


def _peak(z: float, temperature: float) -> float:
    return z


def _fold(z: float, t: float, m: float, temperature: float = 1.0) -> Row:
    x = 0.0 if z == m else (z - m) * (1.0 / temperature)
    return (exp_neg(x),), (exp_neg(x),)


def _fold_logs(z: float, t: float, m: float, temperature: float = 1.0) -> Row:
    x = 0.0 if z == m else (z - m) * (1.0 / temperature)
    return (exp_neg(x),), (x,)


def _rescale(total: float, m: float, n: float, temperature: float) -> tuple[float]:
    return (total if m == n else total * exp_neg((m - n) * (1.0 / temperature)),)


def _finish_sum(m: float, total: float, temperature: float) -> tuple[float, tuple[float, ...]]:
    return m / temperature + math.log(total), (1.0 / total, math.log(total))


def _finish(m: float, total: float, temperature: float) -> tuple[float, tuple[float, ...]]:
    # A row of nothing but -inf has no probabilities, though the logarithm of its sum has a limit.
    return _finish_sum(m, math.nan if m == -INF else total, temperature)


def _probability(e: float, t: float, inverse: float, log: float, temperature: float) -> float:
    return e * inverse


def _log_probability(x: float, t: float, inverse: float, log: float, temperature: float) -> float:
    return x - log


def _fold_tops(z: float, t: float, m: float, temperature: float = 1.0) -> Row:
    x = below(z, m) * (1.0 / temperature)
    count, xs, ws = counted(x, 1.0, 0.0)
    return (1.0 if x == 0.0 else 0.0, count, xs, ws), (x,)


def _first(m: float, ties: float, count: float, xs: float, ws: float, temperature: float) -> tuple[float, ...]:
    return _next(0.0, 0.0, 0.0, 0.0, tops(m, ties), count, xs, ws, temperature)


def _above(
    x: float, t: float, rise: float, shift: float, tau: float, share: float, ties: float, temperature: float
) -> tuple[float, ...]:
    return counted(x, shift, tau)


def _probe(
    x: float, rise: float, shift: float, tau: float, share: float, ties: float, temperature: float
) -> tuple[float, ...]:
    return counted(x, shift, tau)


def _next(
    rise: float, shift: float, tau: float, share: float, ties: float, count: float, xs: float, ws: float,
    temperature: float,
) -> tuple[float, ...]:  # fmt: skip
    shift, tau, share = threshold(ties, count, xs, ws)
    return -count, shift, tau, share, ties


def _finish_tops(
    m: float, ties: float, first: float, first_xs: float, first_ws: float, count: float, xs: float, ws: float,
    temperature: float,
) -> tuple[float, tuple[float, ...]]:  # fmt: skip
    shift, tau, _ = threshold(tops(m, ties), count, xs, ws)
    return tau, (shift, tau)


def _sparse_probability(x: float, t: float, shift: float, tau: float, temperature: float) -> float:
    return probability(x, shift, tau)


def _function(name: str, fold: Any, derivative: Any, finish: Any = _finish, **more: Any) -> RowLoss:
    functions = Functions(fold=fold, finish=finish, grad=derivative, peak=_peak, **more)
    return RowLoss(name, ("x",), "none", False, functions, {"temperature": POSITIVE}, {}, None, __name__)


_softmax = _function("softmax", _fold, _probability, rescale=_rescale)
_log_softmax = _function("log_softmax", _fold_logs, _log_probability, rescale=_rescale)
_logsumexp = _function("logsumexp", _fold, _probability, _finish_sum, rescale=_rescale)
_sparsemax = _function(
    "sparsemax", _fold_tops, _sparse_probability, _finish_tops, settle=_first, second=_above, probe=_probe, again=_next
)


def softmax(
    x: ArrayLike,
    axis: int = -1,
    *,
    temperature: float = 1.0,
    out: NDArray[Any] | None = None,
    backend: Backend | None = None,
) -> NDArray[Any]:
    """Probabilities exp(x / temperature), divided by their sum along `axis`.

    A row of nothing but -inf gives NaN; a row with +inf gives the limit. `out` may be `x` itself.

    >>> import fastloss as fl
    >>> fl.softmax([1.0, 1.0, -np.inf, 1.0])
    array([0.33333333, 0.33333333, 0.        , 0.33333333])
    """
    result: NDArray[Any] = _softmax.grad(
        x, axis=axis, temperature=temperature, out=out, backend=backend, reduction="sum"
    )
    return result


@like(softmax, _softmax="_log_softmax")
def log_softmax(*arguments: Any, **keywords: Any) -> NDArray[Any]:  # type: ignore[empty-body]
    """Logarithms of `softmax`, which are finite where the probabilities are too small to be.

    >>> import fastloss as fl
    >>> fl.log_softmax([0.0, 1000.0])
    array([-1000.,     0.])
    """


@like(softmax, _softmax="_sparsemax")
def sparsemax(*arguments: Any, **keywords: Any) -> NDArray[Any]:  # type: ignore[empty-body]
    """Probabilities max(x / temperature - tau, 0), with the tau that makes their sum along `axis` 1.

    They are the distribution nearest to x / temperature, and exactly 0 wherever that is 1 or more below the top
    (Martins and Astudillo, 2016). `sparsemax_loss` is the loss that belongs to them. -inf, +inf and `out` are as for
    `softmax`.

    >>> import fastloss as fl
    >>> fl.sparsemax([0.5, 0.0, -3.0])
    array([0.75, 0.25, 0.  ])
    """


def logsumexp(x: ArrayLike, axis: int = -1, *, temperature: float = 1.0, backend: Backend | None = None) -> Any:
    """Logarithm of the sum of exp(x / temperature) along `axis`: one number for each row.

    A row of nothing but -inf gives -inf, as in SciPy and torch; a row with +inf gives +inf.

    >>> import fastloss as fl
    >>> fl.logsumexp([[1000.0, 1000.0], [0.0, -np.inf]])
    array([1000.69314718,    0.        ])
    """
    return _logsumexp(x, axis=axis, temperature=temperature, backend=backend, reduction="none")
