"""Shared by the parts of the demo: images of digits, timing, and the comparison of two calls."""

from __future__ import annotations

from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = NDArray[Any]

SEED = 0


def digit_images() -> list[Array]:
    """Images to learn from and to be tested on, 64 numbers from 0 to 1 each, then the digits that they show."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, labels = load_digits(return_X_y=True)
    return list(train_test_split(x / 16.0, labels, test_size=0.25, stratify=labels, random_state=SEED))


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds that a call takes, and its result."""
    start = perf_counter()
    result = call()
    return perf_counter() - start, result


class Compared(NamedTuple):
    """Median seconds of two calls, and the quartiles of the ratios of their runs, which were taken in turns."""

    own: float
    other: float
    low: float
    ratio: float
    """The other call's time, divided by ours."""
    high: float

    @property
    def slower(self) -> bool:
        """Whether ours is slower, beyond noise."""
        return self.high < 1.0

    @property
    def tie(self) -> bool:
        """Whether 1 lies in the middle half of the ratios."""
        return self.low <= 1.0 <= self.high

    def __str__(self) -> str:
        spread = f"({self.low:.1f} to {self.high:.1f})"
        return f"tie {spread}" if self.tie else f"{self.ratio:.1f}x {spread}" + " slower" * self.slower


def compared(own: Callable[[], Any], other: Callable[[], Any], runs: int = 11, budget: float = 1.5) -> Compared:
    """Time two calls in turns, so that whatever else the machine does hits both; twice more what may be a tie or worse.

    It ends after some `budget` seconds, with whatever has been measured by then, but never with fewer than three runs.
    """
    start = perf_counter()
    pairs: list[tuple[float, float]] = []
    while len(pairs) < 3 or perf_counter() - start < budget:
        pairs.append((timed(own)[0], timed(other)[0]))
        if len(pairs) >= runs and (len(pairs) >= 3 * runs or _compared(pairs).low > 1.0):
            break
    return _compared(pairs)


def _compared(pairs: Sequence[tuple[float, float]]) -> Compared:
    ratios = quantiles(theirs / mine for mine, theirs in pairs)
    return Compared(median(mine for mine, _ in pairs), median(theirs for _, theirs in pairs), *ratios)


def in_words(times: Compared) -> str:
    """A comparison as a phrase."""
    spread = f"{times.low:.1f} to {times.high:.1f}"
    return f"a tie ({spread} times as fast)" if times.tie else f"{times.ratio:.1f} times as fast ({spread})"


def duration(seconds: float) -> str:
    """Seconds as they are printed."""
    return f"{seconds:.2f} s" if seconds >= 1.0 else f"{1e3 * seconds:.1f} ms"
