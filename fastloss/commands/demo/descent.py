"""Gradient descent, w <- w - rate * gradient of J(w), on a fit with a local minimum and a saddle in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...registry import LOSSES
from .common import Array

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .screen import Screen

STEPS = 3

SHARE, LINES, NOISE = 0.65, ((0.5, 1.5), (-0.6, -1.0)), 0.12
"""Which part of the points lies on the first line; constant and slope of both; the noise around them."""

SCALE = 0.6
"""From which residual on `welsch` levels off."""

GLOBAL_SIDE, LOCAL_SIDE = np.array([1.2, -0.2]), np.array([-1.0, 0.4])
"""Two starts, and between them, somewhere, the watershed."""


class Fit:
    """J(w): the mean loss of the line w[0] + w[1] x, over points of which there are two kinds."""

    def __init__(self, loss: Any, points: int) -> None:
        rng = np.random.default_rng(4)
        self.loss, self.x = loss, rng.uniform(-1.0, 1.0, points)
        first = np.arange(points) < SHARE * points
        constants, slopes = (np.where(first, a, b) for a, b in zip(*LINES, strict=True))
        self.y = constants + slopes * self.x + rng.normal(0.0, NOISE, points)
        self.design = np.stack([np.ones(points), self.x], axis=1)

    def __call__(self, w: Array) -> tuple[float, Array]:
        """The value and the gradient, by the chain rule: of the loss by the predictions, of these by w."""
        value, slopes = self.loss.value_and_grad(self.design @ w, self.y, backend="serial")
        return float(value), slopes @ self.design

    def bends(self, w: Array) -> Array:
        """The curvatures of J along its two main directions: the eigenvalues of its Hessian, the smaller one first."""
        _, second = self.loss.grad_and_hess(self.design @ w, self.y, backend="serial")
        return np.asarray(np.linalg.eigvalsh(self.design.T @ (second[:, None] * self.design)))


def descend(fit: Callable[[Array], tuple[float, Array]], start: Array, rate: float, steps: int) -> Array:
    """The points that gradient descent goes through, the start first; it ends early where nothing changes any more."""
    path = [np.asarray(start, dtype=np.float64)]
    for _ in range(steps):
        path.append(path[-1] - rate * fit(path[-1])[1])
        if np.abs(path[-1] - path[-2]).max() < 1e-9:
            break
    return np.array(path)


def watershed(fit: Fit, rate: float, steps: int, halvings: int) -> Array:
    """The start between the two from which descent goes to neither minimum, as nearly as float64 has it."""
    ends = [descend(fit, start, rate, steps)[-1] for start in (GLOBAL_SIDE, LOCAL_SIDE)]
    low, high = 0.0, 1.0
    for _ in range(halvings):
        middle = 0.5 * (low + high)
        end = descend(fit, (1.0 - middle) * GLOBAL_SIDE + middle * LOCAL_SIDE, rate, steps)[-1]
        near = [np.linalg.norm(end - other) for other in ends]
        low, high = (middle, high) if near[0] < near[1] else (low, middle)
    return (1.0 - low) * GLOBAL_SIDE + low * LOCAL_SIDE


class Run(NamedTuple):
    """A descent: what it is called, its function, its rate, and what it went through."""

    name: str
    fit: Fit
    rate: float
    path: Array

    def verdict(self, lowest: float) -> str:
        """What is at its end: told by gradient, curvatures, and the lowest value that was found."""
        value, gradient = self.fit(self.path[-1])
        small, large = self.fit.bends(self.path[-1])
        if np.abs(gradient).max() > 1e-4:
            return "still moves"
        if small < 0.0 < large:
            return "a saddle"
        return "lowest minimum" if value <= lowest + 1e-9 else "local minimum"


def runs(quick: bool) -> list[Run]:
    """The descents that the table shows."""
    fit = Fit(LOSSES["welsch"].bind(c=SCALE), 80)
    square = Fit(LOSSES["half_squared_error"], 80)
    ridge, steps = watershed(fit, 1.0, 300, 30 if quick else 60), 300
    found = [
        ("from the right", fit, 1.0, GLOBAL_SIDE),
        ("from the left", fit, 1.0, LOCAL_SIDE),
        ("the watershed", fit, 1.0, ridge),
        ("0.001 beside it", fit, 1.0, ridge + np.array([1e-3, 0.0])),
        ("left, long steps", fit, 9.0, LOCAL_SIDE),
        ("squared error", square, 1.0, LOCAL_SIDE),
    ]
    return [Run(name, f, rate, descend(f, start, rate, 150 if name == "the watershed" else steps))
            for name, f, rate, start in found]  # fmt: skip


def show(screen: Screen, quick: bool, out: Path | None) -> None:
    """Print where each descent ends; draw them."""
    screen.step("welsch and half_squared_error: their kernels, from the cache or the compiler")
    found = runs(quick)
    fit = found[0].fit
    ends = [(*run.fit(run.path[-1]), run.fit.bends(run.path[-1])) for run in found]
    screen.text(
        "Gradient descent, w <- w - rate * grad J(w), of a line w[0] + w[1] x. J is the mean loss at "
        f"{len(fit.y)} points, made up: {SHARE:.0%} lie on one line, the rest on another. The loss is "
        f"welsch(c={SCALE:g}), which gives up on far points, and in the last row half the squared error."
    )
    screen.line(f"{'':17}{'rate':>4}{'start':>13}{'steps':>7}{'end':>13}{'J':>8}{'|grad|':>8}{'curvatures':>13}")
    lowest = min(value for run, (value, *_) in zip(found, ends, strict=True) if run.fit is fit)
    for run, (value, gradient, bends) in zip(found, ends, strict=True):
        own = lowest if run.fit is fit else value
        screen.line(f"{run.name:17}{run.rate:4g}{pair(run.path[0]):>13}{len(run.path) - 1:7}{pair(run.path[-1]):>13}"
                    f"{value:8.4f}{np.linalg.norm(gradient):8.0e}{pair(bends):>13}  "
                    f"{run.verdict(own)}")  # fmt: skip
    screen.line()
    local, saddle, nearby = (found[k].path for k in (1, 2, 3))
    near = int((np.linalg.norm(nearby - saddle[-1], axis=1) < 0.2).sum())
    screen.text(
        "The start says which minimum is found. Between those that lead to either lies a watershed, which leads to "
        f"the saddle. There the gradient is 0, and around it small: from 0.001 beside the watershed, {near} of "
        f"{len(nearby) - 1} steps are spent within 0.2 of the saddle. Steps settle at a minimum while the rate is "
        f"below 2 / its larger curvature, which is {2.0 / fit.bends(local[-1])[1]:.1f} on the left; longer ones "
        "overshoot. The squared error has one minimum, wherever one starts, and its line lies between the two: where "
        "they part, hardly a point is near it."
    )
    if out is not None:
        screen.step("drawing")
        draw(found, out)
        screen.line(f"wrote {out}")


def pair(w: Array) -> str:
    """Two numbers as they are printed."""
    return f"{w[0]:.2f}, {w[1]:.2f}"


def draw(found: list[Run], out: Path) -> None:
    """The surface with the paths; beside it the points with the lines at their ends."""
    from ...plot import style, surface

    made, ((one, two),) = style.figure(9.5, 3.8, 1, 2)
    fit = found[0].fit
    paths = {run.name: run.path for run in found if run.fit is fit}
    surface(fit, paths, ax=one, span=[(-1.6, 1.6), (-2.0, 2.4)], names=("constant", "slope"), legend=False)
    colors = {line.get_label(): line.get_color() for line in one.get_lines()}
    style.bare(two)
    two.plot(fit.x, fit.y, ".", color=style.GREY, markersize=4)
    ends = np.array([-1.0, 1.0])
    for k, run in enumerate(found):  # later lines are thinner: where some agree, all are seen
        color, dashes = colors.get(run.name, "black"), "--" if run.name not in colors else "-"
        two.plot(ends, run.path[-1] @ [np.ones(2), ends], color=color, linestyle=dashes, label=run.name,
                 linewidth=3.6 - 0.4 * k)  # fmt: skip
    two.set_xlabel("x", fontsize="small")
    two.set_ylabel("y; the line that each descent ends at", fontsize="small")
    two.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small")
    style.save(made, out)
