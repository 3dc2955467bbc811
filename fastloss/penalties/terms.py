"""Penalties of one coefficient at a time, and their proximal step, in plain Python."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..define.domain import NON_NEGATIVE, UNIT, Domain
from ..loss import Loss
from ..losses.special import Jet, scaled, sign


def magnitude(w: float, strength: float = 1.0) -> Jet:
    """strength |w|; the gradient at 0 is 0."""
    return scaled(strength, abs(w)), scaled(strength, sign(w)), 0.0


def half_square(w: float, strength: float = 1.0) -> Jet:
    """strength w^2 / 2."""
    slope = scaled(strength, w)
    return 0.5 * slope * w if strength != 0.0 else 0.0, slope, strength


def both(w: float, strength: float = 1.0, l1_ratio: float = 0.5) -> Jet:
    """The two, in shares of the strength."""
    value, slope, _ = magnitude(w, strength * l1_ratio)
    other, rise, bend = half_square(w, strength * (1.0 - l1_ratio))
    return value + other, slope + rise, bend


def shrunk(w: float, threshold: float = 0.0, decay: float = 0.0) -> tuple[float, float]:
    """Where the proximal step takes w, in a derivative's place, so that it may be written over w."""
    beyond = w - threshold if w > threshold else (w + threshold if w < -threshold else 0.0)
    return 0.0, w if w != w else beyond / (1.0 + decay)


@cache
def element(jet: Any, name: str) -> Loss:
    """The penalty of arrays of coefficients, under the name that errors call it by."""
    domains = {"strength": NON_NEGATIVE} if jet is not both else {"strength": NON_NEGATIVE, "l1_ratio": UNIT}
    return Loss(jet, name=name, domains=domains, order=2)


@cache
def step(name: str) -> Loss:
    """The proximal step of such penalties."""
    far = Domain("NON_NEGATIVE_OR_INF", 0.0, endless=True)  # a product of step and strength may overflow
    return Loss(shrunk, name=name, domains={"threshold": far, "decay": far}, order=1)
