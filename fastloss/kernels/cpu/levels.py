"""Processors that kernels are compiled for ahead, and which of them this one is.

A kernel that is compiled ahead is found by its level, whatever compiled it: its name holds the level, this library's
sources and what its entry takes for granted of Python's objects. Where the user has settings of Numba, none is.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from . import objects

NATIVE = "native"
"""The level of the one processor that compiles, with all its features."""


class Level(NamedTuple):
    """A processor as LLVM is told of it, and the features that it has beyond those of the level before."""

    cpu: str
    tuning: str
    features: tuple[str, ...]


LEVELS = {
    "x86-64-v3": Level(
        "x86-64-v3",
        "",
        ("avx", "avx2", "bmi", "bmi2", "cmov", "cx16", "cx8", "f16c", "fma", "fxsr", "lzcnt", "mmx", "movbe", "popcnt",
         "sahf", "sse", "sse2", "sse3", "sse4.1", "sse4.2", "ssse3", "xsave"),
    ),
    # Without the tuning LLVM takes half of a vector, in fear of the clock of 2017: 1.4 times as long on AMD's Zen 4.
    "x86-64-v4": Level("x86-64-v4", "-prefer-256-bit", ("avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl")),
}  # fmt: skip
"""In rising order; each has the features of those before it."""


def known() -> tuple[str, ...]:
    """The names of the levels."""
    return (NATIVE, *LEVELS)


def here() -> list[str]:
    """The levels that this processor has, the best first."""
    triple, _, features = objects.processor()
    has, found = {*features.split(",")}, [NATIVE]
    if triple.startswith("x86_64"):
        for name, level in LEVELS.items():
            if not has.issuperset(f"+{feature}" for feature in level.features):
                break
            found.insert(1, name)
    return found


def environment(level: str) -> dict[str, str]:
    """The settings with which Numba compiles for a level."""
    if level == NATIVE:
        return {}
    return {"NUMBA_CPU_NAME": LEVELS[level].cpu, "NUMBA_CPU_FEATURES": LEVELS[level].tuning}


def key(level: str) -> object:
    """What else a kernel of a level depends on."""
    triple, name, features = objects.processor()
    machine = (triple, name, features) if level == NATIVE else (triple.partition("-")[0], LEVELS[level][:2])
    return level, machine, sys.platform, object.__basicsize__
