"""How a command ends: exit codes, and errors of one line on stderr instead of tracebacks."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

OK, FAILED, USAGE, BAD_DATA, INTERRUPTED, READER_GONE = 0, 1, 2, 3, 130, 141
"""Exit codes; the last two are those of a program that SIGINT or SIGPIPE has ended."""


class Stop(Exception):
    """Ends the command with a line for the user and an exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def tell(line: str) -> None:
    """Write a line to stderr, if anybody can read it there."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)


def show_warning(warning: Any, *_: Any) -> None:
    """Write the first line of a warning to stderr, without the source line that gave it."""
    tell(f"fastloss: {str(warning).strip().partition(chr(10))[0]}")


def silence() -> None:
    """Send stdout to nowhere, so that neither further lines nor the flush at exit raise."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the process in the midst of a compilation, too.

    LLVM calls Python back when it has done its work, and an exception that is raised then is printed and forgotten.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(*_: Any) -> NoReturn:
    tell("\nfastloss: interrupted")
    os._exit(INTERRUPTED)


def missing(error: ModuleNotFoundError, optional: dict[str, str], extra: str) -> NoReturn:
    """Stop with one line if an optional package is missing; raise again if it is any other module."""
    package = (error.name or "").partition(".")[0]
    if package not in optional:
        raise error
    raise Stop(f'{optional[package]} is not installed: pip install "fastloss[{extra}]"') from None


def check_settings() -> None:
    """Stop for a setting of the environment with which no kernel can be run."""
    from ...kernels.cpu import threads

    try:
        threads.allowed()
    except ValueError as error:
        raise Stop(str(error), USAGE) from None
