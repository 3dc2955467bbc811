"""A figure of losses: a row for each thing that they depend on, a column for each derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import style
from .curves import curves
from .section import TOGETHER, section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

PANEL, NAMES, NAME = (2.7, 2.1), 1.5, 0.19
"""Inches of a panel, of the names beside a row, and of one among them."""


def panels(losses: Sequence[Any], whats: Sequence[str]) -> Figure:
    """The figure; a loss has one colour in it."""
    rows: dict[str, list[Any]] = {}
    for loss in losses:
        each = section(loss, {})
        rows.setdefault("margin" if each.kind in TOGETHER else each.axis, []).append(loss)
    height = max(PANEL[1], *(NAME * len(together) for together in rows.values()))
    made, axes = style.figure(len(whats) * PANEL[0] + NAMES, len(rows) * height, len(rows), len(whats))
    for row, together in zip(axes, rows.values(), strict=True):
        for ax, what in zip(row, whats, strict=True):
            curves(together, ax=ax, what=what, legend=ax is row[-1])
            if ax is not row[(len(row) - 1) // 2]:
                ax.set_xlabel("")  # once for all of the row
    return made
