"""Settings that the environment makes for all programs; a malformed one is reported, and the default used."""

from __future__ import annotations

import os
import reprlib
import warnings

PARALLEL_FROM = "FASTLOSS_PARALLEL_FROM"
"""The variable that sets from how many elements threads are used."""

KEEP = "FASTLOSS_KEEP"
"""The variable that sets how many MiB of gradients' memory are kept for the next ones; 0 for none."""

LARGEST = 1 << 62


def number(variable: str, default: int, least: int = 1) -> int:
    """The whole number of a variable; the default where it is unset, or no such number."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    # Longer texts are no such number either, and Python refuses to read the longest.
    found = int(text) if text.isdecimal() and len(text) < 20 else -1
    if least <= found <= LARGEST:
        return found
    kind = "positive whole number" if least else "whole number of MiB"
    problem = f"{variable} must be a {kind}, got {reprlib.repr(text)}; {default:,} is used"
    warnings.warn(problem, RuntimeWarning, stacklevel=2)
    return default
