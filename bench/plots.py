"""The report's figures as SVG, for light and dark pages. What a figure shows is plain data, whose hash is in its files:
whether they are up to date can be told without matplotlib."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from . import timing

# Names, markers, colours on light and on dark pages.
LOOKS = {
    "fastloss": ("fastloss", "o", "#cf222e", "#ff7b72"),
    "bare": ("bare pass", "|", "#6e7781", "#8b949e"),
    "numpy": ("NumPy", "s", "#0969da", "#58a6ff"),
    "numexpr": ("numexpr", "P", "#0a7ea4", "#39c5cf"),
    "scipy": ("SciPy", "X", "#bf3989", "#f778ba"),
    "torch": ("torch", "^", "#bc4c00", "#f0883e"),
    "torch.compile": ("torch.compile", "v", "#9a6700", "#d29922"),
    "jax": ("JAX jit", "D", "#1a7f37", "#3fb950"),
    "optax": ("optax", "d", "#4d7c0f", "#a3e635"),
    "sklearn": ("scikit-learn", "*", "#8250df", "#bc8cff"),
}
THEMES = {"light": ("#1f2328", "#d0d7de"), "dark": ("#e6edf3", "#3d444d")}  # text and axes, grid

Data = dict[str, Any]
Results = Mapping[str, Any]


def figures(results: Results, shown: Sequence[str]) -> dict[str, Data]:
    """What there is to draw: a figure's data by its name."""
    found: dict[str, Data] = {}
    if "pointwise" in results:
        records = [r for r in results["pointwise"]["records"] if r["loss"] in shown]
        found["pointwise"] = {r["loss"]: _milliseconds(r["times"], "c = a - b") for r in records}
    if "rows" in results:
        records = [r for r in results["rows"]["records"] if r["dtype"] == "float32"]
        each = {r["classes"]: _nanoseconds(r["times"], "out", "c = a", r["rows"] * r["classes"]) for r in records}
        found["rows"] = {"cross_entropy": _lines(each)}
    if "sweep" in results:
        found["sweep"] = {}
        for r in results["sweep"]["records"]:
            each = found["sweep"].setdefault(r["loss"], {})
            each[r["size"]] = _nanoseconds(r["times"], "fresh", "", r["size"])
        found["sweep"] = {loss: _lines(each) for loss, each in found["sweep"].items()}
    return {name: data for name, data in found.items() if data}


def _renamed(times: Mapping[str, timing.Timing], own: str, bare: str, scale: float) -> dict[str, float]:
    names = {own: "fastloss", bare: "bare"}
    found = {names.get(name, name): float(f"{scale * t.median:.4g}") for name, t in times.items()}
    return {name: found[name] for name in LOOKS if name in found}


def _milliseconds(times: Mapping[str, timing.Timing], bare: str) -> dict[str, float]:
    return _renamed(times, "out", bare, 1e3)


def _nanoseconds(times: Mapping[str, timing.Timing], own: str, bare: str, elements: int) -> dict[str, float]:
    return _renamed(times, own, bare, 1e9 / elements)


def _lines(each: Mapping[int, Mapping[str, float]]) -> dict[str, list[list[float]]]:
    """From numbers for each size to points for each library."""
    found: dict[str, list[list[float]]] = {}
    for size in sorted(each):
        for name, t in each[size].items():
            found.setdefault(name, []).append([size, t])
    return found


def digest(data: Data) -> str:
    """What its files say of the data that they show."""
    return "data " + sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def path(folder: Path, name: str, theme: str) -> Path:
    """Where a figure is."""
    return folder / f"{name}-{theme}.svg"


def current(folder: Path, found: Mapping[str, Data]) -> bool:
    """Whether all figures are there and show these data."""
    files = [(path(folder, name, theme), digest(data)) for name, data in found.items() for theme in THEMES]
    return all(file.is_file() and told in file.read_text("utf-8") for file, told in files)


def picture(folder: str, name: str, text: str) -> str:
    """For a page that is light or dark as its reader likes."""
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{folder}{name}-dark.svg">'
        f'<img alt="{text}" src="{folder}{name}-light.svg"></picture>'
    )


def draw(folder: Path, found: Mapping[str, Data]) -> None:
    """Write all figures; the same data and the same matplotlib give the same bytes."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    for name, data in found.items():
        for theme, (ink, grid) in THEMES.items():
            style = {
                "svg.hashsalt": name, "svg.fonttype": "none", "font.size": 9, "text.color": ink, "axes.edgecolor": grid,
                "axes.labelcolor": ink, "xtick.color": ink, "ytick.color": ink, "grid.color": grid,
                "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
            }  # fmt: skip
            with mpl.rc_context(style):
                figure = PAINTERS[name](plt, data, theme)
                told = {"Date": None, "Creator": None, "Description": digest(data)}
                figure.savefig(path(folder, name, theme), transparent=True, bbox_inches="tight", metadata=told)
                plt.close(figure)


def _look(name: str, theme: str) -> dict[str, Any]:
    label, marker, light, dark = LOOKS[name]
    front = name == "fastloss"
    return {
        "label": label, "marker": marker, "color": dark if theme == "dark" else light,
        "markersize": 7 if front or marker in "|*" else 5, "zorder": 3 if front else 2,
    }  # fmt: skip


def _dots(plt: Any, data: Data, theme: str) -> Any:
    """A row for each loss, a dot for each library."""
    losses = list(data)
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.38 * len(losses)))
    for name in (n for n in LOOKS if any(n in times for times in data.values())):
        points = [(times[name], k) for k, times in enumerate(data.values()) if name in times]
        axes.plot(*zip(*points, strict=True), linestyle="none", **_look(name, theme))
    axes.set_xscale("log")
    axes.set_yticks(range(len(losses)), losses)
    axes.invert_yaxis()
    axes.grid(True)
    axes.set_xlabel("milliseconds for value and gradient; less is better")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _curves(across: str, plt: Any, data: Data, theme: str) -> Any:
    """A panel for each loss, a line for each library, both axes logarithmic."""
    columns = min(2, len(data))
    rows = -(-len(data) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(1 + 3.9 * columns, 0.5 + 2.9 * rows), squeeze=False)
    for panel in panels.flat[len(data) :]:
        panel.set_visible(False)
    used: dict[str, Any] = {}
    for panel, (loss, lines) in zip(panels.flat, data.items(), strict=False):
        for name, points in lines.items():
            look = _look(name, theme) | {"linewidth": 2.0 if name == "fastloss" else 1.0}
            (used[name],) = panel.plot(*zip(*points, strict=True), **look)
        panel.set(xscale="log", yscale="log", title=loss, xlabel=across, ylabel="ns an element")
        panel.grid(True)
    handles = [used[name] for name in LOOKS if name in used]
    figure.tight_layout()
    figure.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _over(across: str) -> Callable[[Any, Data, str], Any]:
    return lambda plt, data, theme: _curves(across, plt, data, theme)


PAINTERS: dict[str, Callable[[Any, Data, str], Any]] = {
    "pointwise": _dots, "rows": _over("classes"), "sweep": _over("elements"),
}  # fmt: skip
