"""A limit to the Python that a trial of somebody's function runs: its loop may be as long as its argument."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import lru_cache
from opcode import opmap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

BACK = {code for name, code in opmap.items() if "JUMP_BACKWARD" in name}


class TooLong(RuntimeError):
    """All has been run that was allowed."""


@contextmanager
def limited(lines: int) -> Iterator[None]:
    """Raise TooLong in whatever this thread calls here, after so many lines: a number of seconds would vary.

    What counts is each call, for which the tracer takes 0.6 us, and each line of functions with a loop.
    """
    left = lines

    def seen(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise TooLong(f"more than {lines:,} lines of Python")
        return seen if event != "call" or _loops(frame.f_code) else None

    before = sys.gettrace()
    sys.settrace(seen)
    try:
        yield
    finally:
        sys.settrace(before)


@lru_cache(maxsize=1024)
def _loops(code: CodeType) -> bool:
    return not BACK.isdisjoint(code.co_code[::2])
