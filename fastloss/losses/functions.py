"""The softmax and its relatives as functions, for callers who want the probabilities: the losses' own kernels.

Arrays, dtypes, axes, threads and errors are as for the row losses.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..define.domain import POSITIVE
from ..define.rows import Functions
from ..rowloss import RowLoss
from .special import INF, exp_neg

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..define.keywords import Backend

Row = tuple[tuple[float, ...], tuple[float, ...]]


def _peak(z: float, temperature: float) -> float:
    return z


def _fold(z: float, t: float, m: float, temperature: float = 1.0) -> Row:
    x = 0.0 if z == m else (z - m) * (1.0 / temperature)
    return (exp_neg(x),), (exp_neg(x),)


def _fold_logs(z: float, t: float, m: float, temperature: float = 1.0) -> Row:
    x = 0.0 if z == m else (z - m) * (1.0 / temperature)
    return (exp_neg(x),), (x,)


def _finish_sum(m: float, total: float, temperature: float) -> tuple[float, tuple[float, ...]]:
    return m / temperature + math.log(total), (1.0 / total, math.log(total))


def _finish(m: float, total: float, temperature: float) -> tuple[float, tuple[float, ...]]:
    # A row of nothing but -inf has no probabilities, though the logarithm of its sum has a limit.
    return _finish_sum(m, math.nan if m == -INF else total, temperature)


def _share(e: float, t: float, inverse: float, log: float, temperature: float) -> float:
    return e * inverse


def _log_share(x: float, t: float, inverse: float, log: float, temperature: float) -> float:
    return x - log


def _made(name: str, fold: Any, share: Any, finish: Any = _finish) -> RowLoss:
    functions = Functions(fold=fold, finish=finish, grad=share, peak=_peak)
    return RowLoss(name, ("x",), "none", False, functions, {"temperature": POSITIVE}, {}, None, __name__)


_softmax, _log_softmax = _made("softmax", _fold, _share), _made("log_softmax", _fold_logs, _log_share)
_logsumexp = _made("logsumexp", _fold, _share, _finish_sum)


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


def log_softmax(
    x: ArrayLike,
    axis: int = -1,
    *,
    temperature: float = 1.0,
    out: NDArray[Any] | None = None,
    backend: Backend | None = None,
) -> NDArray[Any]:
    """Logarithms of `softmax`, which are finite where the probabilities are too small to be.

    >>> import fastloss as fl
    >>> fl.log_softmax([0.0, 1000.0])
    array([-1000.,     0.])
    """
    result: NDArray[Any] = _log_softmax.grad(
        x, axis=axis, temperature=temperature, out=out, backend=backend, reduction="sum"
    )
    return result


def logsumexp(x: ArrayLike, axis: int = -1, *, temperature: float = 1.0, backend: Backend | None = None) -> Any:
    """Logarithm of the sum of exp(x / temperature) along `axis`: one number for each row.

    A row of nothing but -inf gives -inf, as in SciPy and torch; a row with +inf gives +inf.

    >>> import fastloss as fl
    >>> fl.logsumexp([[1000.0, 1000.0], [0.0, -np.inf]])
    array([1000.69314718,    0.        ])
    """
    return _logsumexp(x, axis=axis, temperature=temperature, backend=backend, reduction="none")
