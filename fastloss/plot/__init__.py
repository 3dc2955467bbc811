"""Figures of losses, with matplotlib (``pip install "fastloss[plot]"``): `curves` of one number, `surface` of two."""

from __future__ import annotations

from .curves import curves
from .surface import surface

__all__ = ["curves", "surface"]
