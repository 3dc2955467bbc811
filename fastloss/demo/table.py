"""The fused pass against plain NumPy: the time and the memory that each takes."""

from __future__ import annotations

import tracemalloc
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from ..loss import LOSSES
from ..rowloss import RowLoss
from .common import SEED, Array, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..loss import Loss


def _sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _cross_entropy(f: Array, y: Array) -> tuple[Array, Array]:
    rows = np.arange(len(y))
    z = f - f.max(axis=1, keepdims=True)
    p = np.exp(z)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    p[rows, y] -= 1.0
    return np.log(total[:, 0]) - z[rows, y], p


# Loss of each element (or row) and derivative, as one writes them, what both need computed once; parameters at their
# defaults.
FORMULAS: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "squared_error": lambda f, y: ((r := f - y) ** 2, 2.0 * r),
    "half_squared_error": lambda f, y: (0.5 * (r := f - y) ** 2, r),
    "absolute_error": lambda f, y: (np.abs(r := f - y), np.sign(r)),
    "squared_log_error": lambda f, y: ((d := np.log1p(f) - np.log1p(y)) ** 2, 2.0 * d / (1.0 + f)),
    "huber": lambda f, y: (
        np.where((a := np.abs(r := f - y)) <= 1.0, 0.5 * r**2, a - 0.5), np.clip(r, -1.0, 1.0)),
    "smooth_l1": lambda f, y: (
        np.where((a := np.abs(r := f - y)) < 1.0, 0.5 * r**2, a - 0.5), np.clip(r, -1.0, 1.0)),
    "pseudo_huber": lambda f, y: ((s := np.sqrt(1.0 + (r := f - y) ** 2)) - 1.0, r / s),
    "log_cosh": lambda f, y: (
        (a := np.abs(r := f - y)) + np.log1p(np.exp(-2.0 * a)) - float(np.log(2.0)), np.tanh(r)),
    "quantile": lambda f, y: (np.maximum(0.5 * (r := f - y), -0.5 * r), 0.5 * np.sign(r)),
    "expectile": lambda f, y: (0.5 * (r := f - y) ** 2, r),
    "cauchy": lambda f, y: (0.5 * np.log1p(s := (r := f - y) ** 2), r / (1.0 + s)),
    "welsch": lambda f, y: (0.5 * (1.0 - (e := np.exp(-((r := f - y) ** 2)))), r * e),
    "fair": lambda f, y: ((a := np.abs(r := f - y)) - np.log1p(a), r / (a + 1.0)),
    "poisson": lambda f, y: ((e := np.exp(f)) - y * f, e - y),
    "gamma": lambda f, y: (f + (e := y * np.exp(-f)), 1.0 - e),
    "tweedie": lambda f, y: (2.0 * (e := np.exp(0.5 * f)) + 2.0 * y / e, e - y / e),
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": lambda f, y: (
        -(y * np.log(f) + (1.0 - y) * np.log1p(-f)), (f - y) / (f * (1.0 - f))),
    "binary_cross_entropy_with_logits": lambda f, y: (_softplus(f) - y * f, _sigmoid(f) - y),
    "logistic": lambda f, y: (_softplus(z := -y * f), -y * _sigmoid(z)),
    "hinge": lambda f, y: (np.maximum(m := 1.0 - y * f, 0.0), -y * (m > 0.0)),
    "squared_hinge": lambda f, y: ((m := np.maximum(1.0 - y * f, 0.0)) ** 2, -2.0 * y * m),
    "exponential": lambda f, y: (e := np.exp(-y * f), -y * e),
    "perceptron": lambda f, y: (np.maximum(m := -y * f, 0.0), -y * (m > 0.0)),
}  # fmt: skip

SELECTION = [
    "squared_error", "huber", "cross_entropy", "binary_cross_entropy_with_logits", "absolute_error", "pseudo_huber",
    "log_cosh", "quantile", "poisson", "gamma", "tweedie", "logistic", "hinge",
]  # fmt: skip


def compare(names: list[str], size: int) -> bool:
    """Time and memory of value and gradient, fused and in NumPy; whether all of them agree."""
    print(f"4. Value and gradient of {size:,} float32 elements: the fused pass, and the formula in NumPy")
    print("   (cross_entropy: as rows of 10 logits, with labels)")
    print("   time: median of interleaved runs; memory: the peak of what a call allocates, gradient included\n")
    print(f"   {'':34}{'NumPy':>10}{'fastloss':>11}{'faster':>9}{'NumPy':>14}{'fastloss':>11}")
    agreed = True
    for name in names:
        loss = LOSSES[name]
        rng = np.random.default_rng(SEED)
        if isinstance(loss, RowLoss):
            pred, target = rng.normal(size=(size // 10, 10)).astype(np.float32), rng.integers(10, size=size // 10)
        else:
            pred, target = (domain.sample(rng, size).astype(np.float32) for domain in loss.domains)
        fused, plain = _calls(loss, pred, target)
        same = _agree(fused(), plain())
        agreed &= same
        fused_time, plain_time = _interleaved(fused, plain)
        print(f"   {name:34}{1e3 * plain_time:7.2f} ms{1e3 * fused_time:8.2f} ms{plain_time / fused_time:8.1f}x"
              f"{_peak(plain):10.1f} MiB{_peak(fused):7.1f} MiB{'' if same else '  DIFFER'}", flush=True)  # fmt: skip
    return agreed


def _calls(loss: Loss | RowLoss, pred: Array, target: Array) -> Iterator[Callable[[], tuple[Any, Array]]]:
    formula = FORMULAS[loss.name]

    def plain() -> tuple[Any, Array]:
        value, grad = formula(pred, target)
        grad /= value.size
        return value.mean(), grad

    yield lambda: loss.value_and_grad(pred, target)
    yield plain


def _agree(fused: tuple[Any, Array], plain: tuple[Any, Array]) -> bool:
    """Whether the two are the same, up to the rounding of the textbook formula in float32."""
    largest = float(np.abs(plain[1]).max())
    return bool(
        np.isclose(fused[0], plain[0], rtol=1e-4) and np.allclose(fused[1], plain[1], rtol=1e-4, atol=1e-5 * largest)
    )


def _interleaved(first: Callable[[], Any], second: Callable[[], Any], times: int = 11) -> tuple[float, float]:
    """The median time of each, taken in turns: whatever else the machine does then hits both alike."""
    pairs = [(timed(first)[0], timed(second)[0]) for _ in range(times)]
    return median(a for a, _ in pairs), median(b for _, b in pairs)


def _peak(call: Callable[[], Any]) -> float:
    """MiB that are allocated at the peak of a call; NumPy reports its arrays to tracemalloc."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
