"""What the user is told of compilations: that one takes its time, and that no kernel can be kept.

That one takes its time is a line on standard error, or for the logger `fastloss` where the program has set up logging:
what its level hides is then not said. ``FASTLOSS_QUIET=1`` hides it, too. The other one is a warning.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from time import perf_counter

from . import disk

VARIABLE = "FASTLOSS_QUIET"
NOT_QUIET = "", "0", "false", "no", "off"

PATIENCE = 1.0
"""Seconds of compiling, of all kernels for one loss and dtype, before it is said."""

_spent: dict[str, float] = {}
"""Seconds that kernels have taken to compile, by what is said of them; infinite once it is said."""
_warned = False


@contextmanager
def announced(what: str) -> Iterator[None]:
    """Say that `what` is being compiled if it takes long, and once if it cannot be kept."""
    import logging  # noqa: F401, or the timer's thread would import it, and a fork meanwhile could never do so again

    left = PATIENCE - _spent.get(what, 0.0)
    timer = threading.Timer(max(left, 0.0), _say, (what,))
    timer.daemon = True
    if os.environ.get(VARIABLE, "").strip().lower() in NOT_QUIET and left > -inf:
        with suppress(RuntimeError):  # there can be no more threads
            timer.start()
    start = perf_counter()
    try:
        yield
    finally:
        timer.cancel()
        if timer.is_alive():
            timer.join(1.0)  # Python warns of a fork beside a thread
        _spent[what] = _spent.get(what, 0.0) + perf_counter() - start
    _warn_once()


def _say(what: str) -> None:
    """One line; what goes wrong with it is nobody's concern."""
    import logging

    _spent[what] = inf
    folder = disk.kept_in()
    how = "by every process" if folder is None else f"once; kept in {folder}"
    text, logger = f"compiling {what} ({how})", logging.getLogger("fastloss")
    with suppress(Exception):
        if logger.hasHandlers() or not logger.isEnabledFor(logging.WARNING):
            logger.info(text)
        elif sys.stderr is not None:
            sys.stderr.write(f"fastloss: {text}\n")
            sys.stderr.flush()


def _warn_once() -> None:
    """Warn where kernels cannot be kept."""
    global _warned
    problem = "" if _warned else disk.unkept()
    if problem:
        _warned = True
        text = (
            f"compiled kernels cannot be kept, so that every process compiles them: {problem}. Set {disk.VARIABLE} to "
            "a folder that only this user can write to, or to off"
        )
        with suppress(RuntimeWarning):  # where warnings are errors: the caller has a kernel all the same
            warnings.warn(text, RuntimeWarning, stacklevel=2)
