"""What the parts of the demo share: the images of digits, and times."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[Any]

SEED = 0


def digit_images() -> list[Array]:
    """Images to learn from and to be tested on, 64 numbers from 0 to 1 each, then the digits that they show."""
    x, labels = load_digits(return_X_y=True)
    return list(train_test_split(x / 16.0, labels, test_size=0.25, stratify=labels, random_state=SEED))


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """How many seconds a call takes, and what it returns."""
    start = perf_counter()
    result = call()
    return perf_counter() - start, result


def duration(seconds: float) -> str:
    """Seconds as they are printed."""
    return f"{seconds:.2f} s" if seconds >= 1.0 else f"{1e3 * seconds:.1f} ms"
