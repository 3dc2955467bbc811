"""The bits of every loss's results: which of them do two commits compute differently?

    python tests/helpers/net.py --against COMMIT [--quick]      # the package in this folder beside that of a commit
    python tests/helpers/net.py --write FILE [--quick]          # a line a case: its key, the hash of its result or its error
    python tests/helpers/net.py --compare BEFORE AFTER

Only what is public is called, so that this text runs on any commit; `fastloss` is loaded from the current directory.
Hashes depend on the processor and on the versions of NumPy and Numba: compare files of one machine alone. `--quick`:
each loss in float32, dense, element by element, two kernels each. The whole adds every loss's parameters, float64 and
other derivatives, and crosses one loss of each kind with verbs, sizes, dtypes, layouts and keywords.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

if __name__ in ("__main__", "__mp_main__"):
    sys.path.insert(0, os.getcwd())
import net_cases
from net_cases import Case

import fastloss as fl


def digest(result: Any) -> str:
    """A hash of types, shapes and bits; every NaN counts as the same."""
    state = hashlib.sha256()

    def take(x: Any) -> None:
        if isinstance(x, tuple):
            state.update(f"{type(x).__name__} {len(x)} ".encode())
            for y in x:
                take(y)
        elif isinstance(x, (np.ndarray, np.generic)):
            state.update(f"{isinstance(x, np.generic)} {x.dtype.str} {x.shape} ".encode())
            state.update((np.where(x == x, x, x.dtype.type(math.nan)) if x.dtype.kind == "f" else x).tobytes())
        else:
            state.update(f"{type(x).__name__} {x!r} ".encode())

    take(result)
    return state.hexdigest()[:20]


def told(run: Callable[[], list[Any]]) -> str:
    """The hashes of all results, one where they are the same; or the error, in a line."""
    try:
        return " ".join(dict.fromkeys(map(digest, run())))
    except Exception as error:
        return "! " + " ".join(f"{type(error).__name__}: {error}".split())


def groups(quick: bool) -> list[str]:
    """What one process does at a time, for it shares kernels: the longest first."""
    crossed, rows = net_cases.CROSSED, net_cases.is_rows
    names = sorted(fl.LOSSES, key=lambda n: (n not in crossed, not rows(fl.LOSSES[n]), n))
    return names if quick else [*names, "functions", "errors"]


def cases(group: str, quick: bool) -> Iterator[Case]:
    """The cases of a loss, or of what is none, under their whole keys."""
    parts: list[Iterable[Case]] = []
    if group in fl.LOSSES:
        parts = [make(fl.LOSSES[group]) for make in (net_cases.quick, *([] if quick else [net_cases.every]))]
        parts += [net_cases.crossed(fl.LOSSES[group])] if not quick and group in net_cases.CROSSED else []
    else:
        parts = [net_cases.functions() if group == "functions" else net_cases.errors()]
    yield from ((f"{group} {key}", run) for part in parts for key, run in part)


def done(group: str, quick: bool, only: str) -> list[tuple[str, str]]:
    """What the cases of a group gave, those whose key has the pattern."""
    warnings.simplefilter("ignore")
    return [(key, told(run)) for key, run in cases(group, quick) if re.search(only, key)]


def gathered(quick: bool, only: str, jobs: int) -> dict[str, str]:
    """All results by their keys."""
    work, names = partial(done, quick=quick, only=only), groups(quick)
    if jobs == 1:
        return dict(sorted(pair for name in names for pair in work(name)))
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        return dict(sorted(pair for found in pool.map(work, names) for pair in found))


def compared(before: dict[str, str], after: dict[str, str]) -> tuple[list[str], list[str]]:
    """What differs, a line each: results, and the words of errors."""
    results, words = [], []
    for key in sorted(before.keys() | after.keys()):
        a, b = before.get(key, "no such case"), after.get(key, "no such case")
        if a != b:
            (words if a[0] == b[0] == "!" else results).append(f"{key}\n    - {a}\n    + {b}")
    return results, words


def verdict(before: Path, after: Path) -> int:
    """Print what differs; 1 where results do, or where there are none."""
    a, b = (dict(line.split("\t") for line in file.read_text("utf-8").splitlines()) for file in (before, after))
    results, words = compared(a, b)
    print("\n".join([*results, *words]))
    print(f"{len(a)} and {len(b)} cases: {len(results)} results differ, and the words of {len(words)} errors")
    return int(bool(results) or not a)


def against(commit: str, more: list[str]) -> int:
    """This script on the package of a commit, and on the one here."""
    from bench.sidebyside import checkout

    with tempfile.TemporaryDirectory() as name, checkout(commit) as tree:
        files = Path(name, "before"), Path(name, "after")
        for folder, file in zip((tree, Path.cwd()), files, strict=True):
            command = [sys.executable, str(Path(__file__).resolve()), "--write", str(file), *more]
            subprocess.run(command, cwd=folder, check=True)
        return verdict(*files)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path, metavar="FILE")
    what.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    what.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--quick", action="store_true", help="two kernels a loss")
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases whose key has this regular expression")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args(argv)
    if options.compare:
        return verdict(*options.compare)
    if options.against:
        more = ["--only", options.only, "--jobs", str(options.jobs), *(["--quick"] if options.quick else [])]
        return against(options.against, more)
    start = time.perf_counter()
    found = gathered(options.quick, options.only, options.jobs)
    options.write.write_text("".join(f"{key}\t{value}\n" for key, value in found.items()), "utf-8")
    wrong = sum(value.startswith("!") for value in found.values())
    print(
        f"{Path(fl.__file__).parent}: {len(found)} cases, {wrong} of them errors, {time.perf_counter() - start:.0f} s"
    )
    return int(not found)


if __name__ == "__main__":
    raise SystemExit(main())
