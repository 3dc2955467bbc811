"""Losses, their derivative or their curvature, as curves on one pair of axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import shown
from . import style
from .section import TOGETHER, WHATS, section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from .section import Section

Y = {"value": "loss", "grad": "derivative", "hess": "second derivative"}

POINTS = 241
"""Odd, so that 0, where many losses have their kink, is one of them."""

ENOUGH = 1.6

WIDTHS = 2.4, 1.2
"""Of the first and of the last curve."""

HALVINGS, JUMP = 24, 0.02
"""A step that so many halvings do not make smaller is a jump, if it is so large a part of the whole curve."""


def curves(
    losses: Any,
    *,
    ax: Axes | None = None,
    what: str = "value",
    span: tuple[float, float] | None = None,
    at: Mapping[str, float] | None = None,
    legend: bool = True,
) -> Axes:
    """Draw losses, their derivative or their curvature, over what they depend on, and return the Axes.

    losses : a loss, its name, or a list of them
        Each at its parameters: ``fl.huber.bind(delta=2.0)``. Losses of elements, also derived ones and your own, and
        losses of rows with a label, which are drawn for two classes.
    ax : matplotlib Axes, optional
        Where to draw; by default pyplot's current ones. A loss that has been drawn in the figure keeps its colour.
    what : {"value", "grad", "hess"}
        The loss, its first, or its second derivative, those of the verbs. Where it jumps, the curve is open.
    span : pair of numbers, optional
        From where to where on the x axis. By default, from -3 to 3, or as far as the input's domain goes.
    at : dict, optional
        Values of the inputs along which the loss is not drawn, by their names; by default 1, or 0 for the target of a
        residual.
    legend : bool
        Whether to name the lines: to the right of the Axes, in the order in which they arrive there.

    The x axis is the residual for losses that depend on ``pred - target`` alone, the margin for those with targets of
    -1 and 1 and for those of two scores, the logit or the probability for those with a target from 0 to 1, and else the
    prediction: which one is seen from the values. The y axis ends where the steepest curves would flatten the others.
    Losses over different things do not share an axis: that is a ValueError, as are an unknown name, a loss of whole
    rows, and the root of a mean, which have no curve.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import fastloss as fl
    >>> ax = fl.plot.curves(["squared_error", fl.huber, fl.huber.bind(delta=0.5)], what="grad")
    >>> ax.get_legend_handles_labels()[1]
    ['squared_error', 'huber', 'huber(delta=0.5)']
    >>> ax.get_xlabel()
    'residual (prediction − target)'
    """
    ax = style.axes("fl.plot.curves", ax)
    if what not in WHATS:
        raise ValueError(f"fl.plot.curves: what is {what!r}, expected 'value', 'grad' or 'hess'")
    given = list(losses) if isinstance(losses, (list, tuple)) else [losses]
    if not given:
        raise ValueError("fl.plot.curves: losses is empty, expected at least one loss")
    sections = [section(loss, at or {}) for loss in given]
    for each in sections:
        each.check_order(what)
    axis = shared_axis(sections)
    low, high = _span(sections, span)
    drawn = [_curve(each, what, low, high) for each in sections]
    looks = _looks(ax, [each.label for each in sections])
    for k, (each, (x, y)) in enumerate(zip(sections, drawn, strict=True)):
        # Later curves are thinner, and dashed on one that they hide: where some agree, all are seen.
        hidden = any(y.shape == z.shape and np.allclose(y, z, equal_nan=True) for _, z in drawn[:k])
        color, dashes = looks[each.label]
        width = WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * k / max(len(drawn) - 1, 2)
        dashes = style.DASHES[1] if hidden else dashes
        ax.plot(x, y, color=color, label=each.label, linewidth=width, linestyle=dashes, solid_capstyle="butt")
    named = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]  # also what was there before
    heights = [np.asarray(line.get_ydata(orig=False), np.float64) for line in named]
    _finish(ax, axis, Y[what], (low, high), _limits(heights))
    if legend:
        _legend(ax, named, heights)
    return ax


def shared_axis(sections: Sequence[Section]) -> str:
    """What is along the x axis, in words; an error if that is not one thing."""
    axes = {each.axis: each.loss.name for each in sections}
    if len(axes) > 1 and all(each.kind in TOGETHER for each in sections):
        return "margin, or logit for a target of 1"
    if len(axes) > 1:
        (one, first), (two, second) = list(axes.items())[:2]
        raise ValueError(f"fl.plot.curves: {first} is drawn over its {one}, {second} over its {two}: "
                         "they need Axes of their own")  # fmt: skip
    return next(iter(axes))


def _span(sections: Sequence[Section], span: Any) -> tuple[float, float]:
    low, high = max(each.low for each in sections), min(each.high for each in sections)
    if span is None:
        return low, high
    try:
        start, stop = map(float, span)
    except (TypeError, ValueError):
        raise TypeError(f"fl.plot.curves: span is {shown(span)}, expected a pair of numbers") from None
    if not -np.inf < start < stop < np.inf:
        raise ValueError(f"fl.plot.curves: span is {span!r}, expected two finite numbers, the lower one first")
    for each in sections:
        for end in (start, stop):
            if end not in each.domain:
                raise ValueError(f"fl.plot.curves: span ends at {end:g}, and {each.loss.name} takes {each.domain}")
    return start, stop


def _curve(each: Section, what: str, low: float, high: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of a curve, with a gap where it jumps."""
    x = np.linspace(low, high, POINTS)
    x[abs(x) < 1e-12 * (high - low)] = 0.0
    y = each.at(x, what)
    y[~np.isfinite(y)] = np.nan
    steps = np.abs(np.diff(y))
    size = np.ptp(y[np.isfinite(y)]) if np.isfinite(y).any() else 0.0
    at = np.flatnonzero(steps > JUMP * size)
    left, right, first, last = x[at], x[at + 1], y[at], y[at + 1]
    for _ in range(HALVINGS):  # all of them at once, always the half with the larger step
        middle = 0.5 * (left + right)
        between = each.at(middle, what)
        lower = np.abs(between - first) >= np.abs(last - between)
        left, first = np.where(lower, left, middle), np.where(lower, first, between)
        right, last = np.where(lower, middle, right), np.where(lower, between, last)
    jumps = np.abs(last - first) > 0.5 * steps[at]
    return _open(x, y, at[jumps], left[jumps], right[jumps], first[jumps], last[jumps])


def _open(
    x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.intp], left: Any, right: Any, first: Any, last: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The curve with both sides of its jumps, and a gap between them."""
    xs = np.stack([left, 0.5 * (left + right), right], 1).ravel()
    ys = np.stack([first, np.full(len(at), np.nan), last], 1).ravel()
    places = np.repeat(at + 1, 3)
    return np.insert(x, places, xs), np.insert(y, places, ys)


def _looks(ax: Axes, labels: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """A colour and dashes for each label: those that it has in the figure, or the next that are free."""
    there = [str(line.get_label()) for other in ax.figure.axes for line in other.get_lines()]
    everybody = dict.fromkeys([*(label for label in there if not label.startswith("_")), *labels])
    colors, dashes = style.COLORS, style.DASHES
    return {label: (colors[k % len(colors)], dashes[k // len(colors) % len(dashes)])
            for k, label in enumerate(everybody)}  # fmt: skip


def _limits(ys: Sequence[NDArray[np.float64]]) -> tuple[float, float] | None:
    """The ends of the y axis: where whole curves would take `ENOUGH` times as much, most of each curve will do."""
    inner = [np.sort(y[np.isfinite(y)]) for y in ys if np.isfinite(y).any()]
    if not inner:
        return None
    whole = np.array([(y[len(y) // 50], y[-1 - len(y) // 50]) for y in inner])  # without a pole's last steps
    low, high = np.median(whole, axis=0)
    low, high = min(low, *(np.quantile(y, 0.3) for y in inner)), max(high, *(np.quantile(y, 0.7) for y in inner))
    if np.ptp(whole) < ENOUGH * (high - low):
        low, high = whole.min(), whole.max()
    room = 0.06 * (high - low) or 0.5
    return float(low - room), float(high + room)


def _finish(ax: Axes, axis: str, what: str, span: tuple[float, float], limits: tuple[float, float] | None) -> None:
    style.bare(ax)
    ax.set_xlabel(axis, fontsize="small")
    ax.set_ylabel(what, fontsize="small")
    ax.set_xlim(*span)
    if limits and ax.get_yscale() == "linear":
        ax.set_ylim(*limits)
    for line in (ax.axhline, ax.axvline):
        line(0.0, color=style.GREY, linewidth=0.6, zorder=1.0, label="_zero")


def _legend(ax: Axes, lines: Sequence[Line2D], heights: Sequence[NDArray[np.float64]]) -> None:
    """Names to the right of the Axes, the curve that ends uppermost first."""
    ends = [y[np.isfinite(y)][-1] if np.isfinite(y).any() else -np.inf for y in heights]
    handles = [lines[k] for k in sorted(range(len(lines)), key=lambda k: -ends[k])]
    ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small",
              handlelength=1.6)  # fmt: skip
