"""The surface of a function of two parameters from above, and the paths of descents on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import shown
from . import style

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DEEP, HIGH = "#8ea6bf", "#ffffff"

LEVELS, POINTS = 22, 101

MARGIN = 0.25
"""How much more than the paths is shown, on each side."""


def surface(
    fun: Callable[[Any], Any],
    path: Any = None,
    *,
    ax: Axes | None = None,
    span: Any = None,
    names: tuple[str, str] = ("w₀", "w₁"),
    legend: bool = True,
) -> Axes:
    """Draw a function of two parameters as a map of its heights, with paths on it, and return the Axes.

    fun : function of an array of shape (2,)
        Returns the value, or a tuple that begins with it: what an optimiser takes will do.
    path : array of shape (n, 2), or a dict of such arrays, optional
        What a descent went through, one row for each step. It begins at a ring and ends at a dot; those of a dict are
        named by their keys.
    ax : matplotlib Axes, optional
        Where to draw; by default pyplot's current ones.
    span : pair of pairs of numbers, optional
        From where to where each parameter goes. By default as far as the paths, and a quarter more.
    names : pair of str
        The parameters, for the axes.
    legend : bool
        Whether to name paths that have names, to the right of the Axes.

    The darker, the lower. Lines of equal height are the closer the deeper, at squares of their number, so that there
    are some in a valley, too. Where `fun` is not finite, nothing is drawn. It is called some 10,000 times.

    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import fastloss as fl
    >>> x, y = np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 4.0])
    >>> def fit(w):
    ...     loss, grad = fl.squared_error.value_and_grad(w[0] + w[1] * x, y, backend="serial")
    ...     return loss, np.array([grad.sum(), grad @ x])
    >>> path = [np.zeros(2)]
    >>> for _ in range(50):
    ...     path.append(path[-1] - 0.2 * fit(path[-1])[1])
    >>> ax = fl.plot.surface(fit, path, span=[(-1, 3), (-1, 3)])
    >>> path[-1].round(2)
    array([0.83, 1.5 ])
    """
    ax = style.axes("fl.plot.surface", ax)
    if not callable(fun):
        raise TypeError(f"fl.plot.surface: fun is {shown(fun)}, expected a function of an array of two parameters")
    named = isinstance(path, Mapping)
    paths = _paths(path)
    x, y = (np.linspace(low, high, POINTS) for low, high in _spans(span, [*paths.values()]).tolist())
    heights = np.array([[_height(fun, np.array([a, b])) for a in x] for b in y])
    _map(ax, x, y, heights)
    for k, (label, points) in enumerate(paths.items()):
        color = style.COLORS[(k + 1) % len(style.COLORS)]  # the first looks like the map
        ax.plot(*points.T, color=color, linewidth=1.4, label=label if named else "_path", marker=".", markersize=2.5)
        ax.plot(*points[0], "o", markersize=7, markerfacecolor="white", markeredgecolor=color, label="_start")
        ax.plot(*points[-1], "o", markersize=6, color=color, markeredgecolor="white", label="_end", zorder=3.0)
    _finish(ax, (x[0], x[-1]), (y[0], y[-1]), names)
    if named and paths and legend:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small", handlelength=1.6)
    return ax


def _paths(path: Any) -> dict[str, Array]:
    """The paths by their names, or by their numbers."""
    given = {} if path is None else path if isinstance(path, Mapping) else {"": path}
    found = {}
    for name, points in given.items():
        where = f"path[{name!r}]" if name else "path"
        try:
            array = np.asarray(points, dtype=np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"fl.plot.surface: {where} is {shown(points)}, expected an array of shape (n, 2)") from None
        if array.ndim != 2 or array.shape[1] != 2 or not len(array):
            raise ValueError(f"fl.plot.surface: {where} has the shape {array.shape}, expected (n, 2), n at least 1")
        found[str(name)] = array
    return found


def _spans(span: Any, paths: list[Array]) -> Array:
    """From where to where both axes go."""
    if span is not None:
        try:
            ends = np.array(span, dtype=np.float64)
        except (TypeError, ValueError):
            ends = np.zeros(0)
        if ends.shape != (2, 2) or not (np.isfinite(ends).all() and (ends[:, 0] < ends[:, 1]).all()):
            raise ValueError(f"fl.plot.surface: span is {shown(span)}, expected two pairs of finite numbers, the lower "
                             "one of each first")  # fmt: skip
        return ends
    points = np.concatenate([p[np.isfinite(p).all(axis=1)] for p in paths] or [np.zeros((0, 2))])
    if not len(points):
        raise ValueError("fl.plot.surface: without a path, span is needed: where each parameter begins and ends")
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.where(high > low, MARGIN * (high - low), 1.0)
    return np.stack([low - room, high + room], axis=1)


def _height(fun: Callable[[Any], Any], w: Array) -> float:
    found = fun(w)
    found = found[0] if isinstance(found, tuple) else found
    try:
        return float(found)
    except (TypeError, ValueError):
        raise TypeError(f"fl.plot.surface: fun returns {shown(found)}, expected a number, or a tuple that begins with "
                        "one") from None  # fmt: skip


def _map(ax: Axes, x: Array, y: Array, heights: Array) -> None:
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    seen = heights[np.isfinite(heights)]
    if not len(seen) or np.ptp(seen) == 0.0:
        return
    levels = seen.min() + np.ptp(seen) * np.linspace(0.0, 1.0, LEVELS) ** 2
    shades = LinearSegmentedColormap.from_list("depth", [DEEP, HIGH], N=LEVELS)
    drawn = np.ma.masked_invalid(heights)
    ax.contourf(x, y, drawn, levels, cmap=shades, norm=BoundaryNorm(levels, LEVELS))
    ax.contour(x, y, drawn, levels, colors=style.GREY, linewidths=0.3)


def _finish(ax: Axes, x: tuple[float, float], y: tuple[float, float], names: tuple[str, str]) -> None:
    style.bare(ax)
    ax.grid(False)
    ax.set(xlim=x, ylim=y)
    ax.set_xlabel(names[0], fontsize="small")
    ax.set_ylabel(names[1], fontsize="small")
