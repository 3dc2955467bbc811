"""Figures of losses, with matplotlib (``pip install "fastloss[plot]"``): `curves` of one number, `surface` of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..define.attributes import only
from .curves import curves
from .surface import surface

__all__ = ["curves", "surface"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = only(__name__, __all__)
