"""Errors of a function that is traced: at its own line, with what it wrote there."""

from __future__ import annotations

import linecache
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .names import foreign

if TYPE_CHECKING:
    from types import FrameType

_HERE = str(Path(__file__).parent)


class NotDerivable(TypeError):
    """What a user's function does that has no derivative, where, and what to write instead."""

    def __init__(self, what: str, line: int | None = None, file: str = "") -> None:
        super().__init__(what)
        self.line, self.file = line, file


def user_frame() -> FrameType:
    """The frame of the function that is traced, or of a helper that it calls."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(_HERE) or foreign(frame.f_globals.get("__name__"))
    ):
        frame = frame.f_back
    return frame  # type: ignore[no-any-return]


def _written(frame: FrameType) -> str:
    """The expression that a frame evaluates; "" where its source is not known."""
    start, end, left, right = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    text = linecache.getline(frame.f_code.co_filename, start or 0).encode()
    return text[left:right].decode() if start == end and left is not None else ""


def refused(what: str, instead: str) -> NotDerivable:
    """The error at the place where the user's function is; `{}` in its texts is the expression there."""
    frame = user_frame()
    text = _written(frame)
    named = f"`{text}` " if text else ""
    return NotDerivable(f"{named}{what}; {instead}", frame.f_lineno, frame.f_code.co_filename)


def called(default: str) -> str:
    """The function that the user's expression calls."""
    found = re.match(r"([\w.]+)\(", _written(user_frame()))
    return found[1] if found else default
