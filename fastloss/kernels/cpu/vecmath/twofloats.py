"""Sums and products of floats without error, as a float and what it lacks. Nothing in them may be fused."""

from __future__ import annotations

from .. import bits


def two_sum(a: float, b: float) -> tuple[float, float]:
    """a + b, whichever is larger."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def quick_sum(a: float, b: float) -> tuple[float, float]:
    """a + b, where a is the larger or 0."""
    total = a + b
    return total, b - (total - a)


def two_product(a: float, b: float) -> tuple[float, float]:
    """a b, where its lowest bit does not underflow."""
    product = a * b
    return product, bits.fma(a, b, -product)
