"""The version of the boosting library that calls, and which ones are too old."""

from __future__ import annotations

import re
import sys
from functools import cache

from ..define.callers import BOOSTERS

OLDEST = {n: (title, v) for (n, title), v in zip(BOOSTERS.items(), [(1, 7), (4, 0), (1, 2)], strict=True)}
"""XGBoost: scores are raw in all interfaces. LightGBM: ``params["objective"]`` may be a function, and scores have a row
for each row. CatBoost: derivatives may be arrays."""


def version(package: str, missing: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The library's version, of two numbers, `missing` where it is not imported; raise for one that is too old."""
    library = sys.modules.get(package)
    return _numbers(package, str(library.__version__)) if library is not None else missing


@cache
def _numbers(package: str, text: str) -> tuple[int, ...]:
    found = tuple([int(n) for n in re.findall(r"\d+", text)[:2]])
    title, oldest = OLDEST[package]
    if found < oldest:
        raise ImportError(f"fastloss.boosting.{package}: {title} {text} is too old: it is for {oldest[0]}.{oldest[1]} "
                          "and later")  # fmt: skip
    return found
