"""`check`: what is wrong with a loss, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..loading import compiling
from ..loss import Loss

if TYPE_CHECKING:
    from .report import Report


def check(loss: Any, *, ulps: float = 16.0, size: int = 24, seed: int = 7) -> Report:
    """Compare a loss of elements with itself in 400 digits, on its domains and at their ends.

    What is compared is the definition, at its current parameters (``fl.check(fl.huber.bind(delta=2.0))``), as plain
    Python: the value and the derivatives of float32 and float64 with the same formula in many digits, the first
    derivative with differences of the value, and the second with those of the first. Nothing is compiled, so the
    roundings of the kernels' own elementary functions are not seen; they are below 4 units in the last place.

    The faults that it finds: ``derivative`` (one that is not that of what is before it), ``cancellation``,
    ``underflow`` and ``inexact`` (more than `ulps` units in the last place off, beside what a rounding of the inputs
    would do; with the operation and the line that lost the digits), ``overflow`` (infinite where the formula is not),
    ``nan`` (NaN without reason, or none where an input is NaN), and ``jump`` (of the value). Kinks are named, and are
    no faults. It looks at some hundred points, `size` of them drawn with `seed`: what is wrong elsewhere it does not
    see, and neither a formula that is right and not the one that was meant.

    It takes some seconds, and mpmath (``pip install "fastloss[check]"``).

    >>> import fastloss as fl
    >>> import math
    >>> @fl.pointwise
    ... def naive_logistic(pred, target):
    ...     e = math.exp(-pred * target)
    ...     return math.log(1.0 + e), -target * e / (1.0 + e)
    >>> report = fl.check(naive_logistic)
    >>> report.ok, sorted({f.kind for f in report.faults})
    (False, ['cancellation', 'nan', 'overflow'])
    >>> fl.check(fl.huber).ok
    True
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"fl.check takes a loss of elements, such as fl.huber, got {loss!r}")
    loss.refuse_arrays()
    if not ulps > 0.0:
        raise ValueError(f"fl.check: ulps is {ulps!r}, expected a number greater than 0")
    if not (isinstance(size, int) and size > 0):
        raise ValueError(f"fl.check: size is {size!r}, expected a positive integer")
    try:
        import mpmath
    except ImportError:
        raise ModuleNotFoundError('fl.check: mpmath is not installed: pip install "fastloss[check]"') from None
    from . import examine, kinks, places
    from .numbers import DIGITS
    from .report import Report

    runs, worst, errors, count = examine.Runs(loss), examine.Worst(), dict[tuple[str, str], float](), 0
    # The number of digits is mpmath's, and the same in all threads.
    with compiling, mpmath.mp.workdps(DIGITS):
        for dtype, kind in examine.TYPES.items():
            for point in places.points(loss.domains, kind, size, seed):
                count += 1
                examine.examined(runs, point, dtype, ulps, worst, errors)
        examine.check_nan(runs, next(places.points(loss.domains, float, 1, seed)), worst)
        found = [*worst.findings(), *kinks.kinks(runs, seed)]
    return Report(repr(loss), count, tuple(found), errors)
