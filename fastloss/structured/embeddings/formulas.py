"""What is computed of distances, in plain functions of numbers: losses of one pair, and of one triplet."""

from __future__ import annotations

import math


def triplet(near: float, far: float, margin: float) -> tuple[float, float]:
    """What the farther distance lacks to a margin above the nearer one; the slope by the nearer one."""
    short = near - far + margin
    return 0.0 if short <= 0.0 else short, 0.0 if short <= 0.0 else 1.0 if short > 0.0 else short


def cosine_embedding(d: float, target: float, margin: float) -> tuple[float, float]:
    """The distance 1 - cos of what belongs together, and of the rest by how much the cosine exceeds a margin."""
    over = (1.0 - d) - margin
    beyond = 0.0 if over <= 0.0 else over
    push = 0.0 if over <= 0.0 else -1.0 if over > 0.0 else over
    together = target > 0.0
    nothing = 0.0 * target + 0.0 * d  # keeps a NaN
    return (d if together else beyond) + nothing, (1.0 if together else push) + nothing


def contrastive_embedding(d: float, target: float, margin: float) -> tuple[float, float]:
    """Half the square of a distance, or of what it lacks to a margin."""
    short = margin - d
    held = 0.0 if short <= 0.0 else short
    together = target > 0.0
    side = (d if together else held) + 0.0 * target
    return 0.5 * side * side, side if together else 0.0 - side


def circle_positive(s: float, margin: float, gamma: float) -> tuple[float, float]:
    """The exponent of a positive's similarity, and its slope with the factor held."""
    away = 1.0 + margin - s
    steep = 0.0 - gamma * (0.0 if away <= 0.0 else away)
    return steep * (s - (1.0 - margin)), steep


def circle_negative(s: float, margin: float, gamma: float) -> tuple[float, float]:
    """The same of a negative's."""
    away = s + margin
    steep = gamma * (0.0 if away <= 0.0 else away)
    return steep * (s - margin), steep


def exponential(x: float) -> float:
    """exp(x)."""
    return math.exp(x)
