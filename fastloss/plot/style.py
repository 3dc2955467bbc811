"""What all figures have in common: colours, a thin grid, files that are the same whenever they are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#222222")
"""Colours that people who confuse red and green tell apart, too (M. Okabe and K. Ito, 2002), without the yellow."""

DASHES: tuple[Any, ...] = ("solid", (0, (4.0, 1.5)), (0, (1.0, 1.2)))
"""Once more through the colours: the next of these."""

GREY, PALE = "#555555", "#dddddd"


def needed(asking: str) -> None:
    """Raise if matplotlib is not there; say what to install."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ModuleNotFoundError(
            f'{asking}: matplotlib is not installed: pip install "fastloss[plot]"', name="matplotlib"
        ) from None


def axes(asking: str, ax: Axes | None) -> Axes:
    """The Axes to draw on: pyplot's current ones unless some are given."""
    needed(asking)
    from matplotlib.axes import Axes

    if ax is None:
        import matplotlib.pyplot as plt

        return plt.gca()
    if not isinstance(ax, Axes):
        raise TypeError(f"{asking}: ax is a {type(ax).__name__}, expected one of matplotlib's Axes")
    return ax


def bare(ax: Axes) -> None:
    """Take away what says nothing: the frame's right and upper side; make grid and ticks thin."""
    from matplotlib.ticker import MaxNLocator

    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(which="both", colors=GREY, length=0.0, labelsize="small")
    for axis in (ax.xaxis, ax.yaxis):
        if isinstance(locator := axis.get_major_locator(), MaxNLocator):  # of a linear scale
            locator.set_params(nbins=5)
    ax.grid(True, color=PALE, linewidth=0.5)
    ax.set_axisbelow(True)


def figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure that no window shows, and a rectangle of Axes in it."""
    needed("fastloss plot")
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False)


def save(made: Figure, to: Path | BinaryIO) -> None:
    """Write SVG, PNG or PDF, by the file's name, or SVG to a stream; the same figure gives the same bytes."""
    import matplotlib

    kind = to.suffix[1:].lower() if isinstance(to, Path) else "svg"
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with matplotlib.rc_context({"svg.hashsalt": "fastloss", "svg.fonttype": "path"}):
        made.savefig(to, format=kind, dpi=144, metadata=metadata, facecolor="white")
