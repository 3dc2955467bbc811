"""Calls, the import and compilations at two commits, in turns: ``python -m bench.sidebyside BEFORE [AFTER]``.

Each is a commit or a folder with a checkout; without AFTER it is this one, as it stands. One process for each commit
waits for the names of calls, so that both are timed within the same milliseconds, in an order that changes. The best
counts. Imports and compilations are fresh processes, in turns too, and the processor's seconds; kernels are compiled
into an empty folder.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import measured, timing

ROOT = Path(__file__).resolve().parents[1]
ONCE = {"import": ["import fastloss"], "compile": [f"compile {name}" for name in measured.COMPILED]}
"""What a fresh process measures, by what it is told."""


@contextmanager
def checkout(what: str) -> Iterator[Path]:
    """The folder of a commit, checked out for as long as it is needed; a folder itself."""
    if Path(what).is_dir():
        yield Path(what).resolve()
        return
    with tempfile.TemporaryDirectory() as name:
        folder = str(Path(name, "tree"))
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", folder, what], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run([*git, "remove", "--force", folder], check=True)


def started(tree: Path, *arguments: str, cache: str | None = None) -> subprocess.Popen[str]:
    """A process that measures the package in `tree`."""
    environment = {**os.environ, "PYTHONPATH": str(tree), **({"FASTLOSS_CACHE_DIR": cache} if cache else {})}
    # -P: not the folder of the script; and from the tree, or a package of this folder would come first.
    command = [sys.executable, "-P", str(Path(measured.__file__)), *arguments]
    return subprocess.Popen(
        command, env=environment, cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def turns(trees: Sequence[Path], rounds: int) -> Iterator[tuple[int, Path]]:
    """Every tree in every round, now the one first and now the other."""
    for turn in range(rounds):
        pairs = list(enumerate(trees))
        yield from pairs[:: -1 if turn % 2 else 1]


def calls(trees: Sequence[Path], names: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """The best seconds of each call, for each tree."""
    best = {name: [float("inf")] * len(trees) for name in names}
    with ExitStack() as stack:
        processes = [stack.enter_context(started(tree)) for tree in trees]
        for name in names:
            for k, _ in turns(trees, rounds + 1):
                process = processes[k]
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                best[name][k] = min(best[name][k], float(process.stdout.readline()))
        for process in processes:
            process.communicate()
    return best


def once(trees: Sequence[Path], what: str, rounds: int) -> dict[str, list[float]]:
    """The best of the processor's seconds for what happens but once in a process, for each tree."""
    best = {name: [float("inf")] * len(trees) for name in ONCE[what]}
    for k, tree in turns(trees, rounds):
        with tempfile.TemporaryDirectory() as empty, started(tree, what, cache=empty) as process:
            told = process.communicate()[0].split()
        for name, spent in zip(best, told, strict=True):
            best[name][k] = min(best[name][k], float(spent))
    return best


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="+", metavar="COMMIT", help="one or two, or folders")
    parser.add_argument("--rounds", type=int, default=25, help="samples of a call; imports and compilations: a fifth")
    parser.add_argument("--only", default="", metavar="PATTERN", help="what has this regular expression in its name")
    parser.add_argument("--json", metavar="FILE", help="write the records and the machine's description")
    options = parser.parse_args(argv)
    if len(options.commits) > 2:
        parser.error("more than two commits")
    both = [*options.commits, str(ROOT)][:2]
    names = [name for name in measured.CALLS if re.search(options.only, name)]
    fresh = [what for what, has in ONCE.items() if any(re.search(options.only, name) for name in has)]
    if not names and not fresh:
        parser.error(f"nothing has {options.only!r} in its name")
    timing.warn_if_busy()
    with ExitStack() as stack:
        trees = [stack.enter_context(checkout(what)) for what in both]
        best = calls(trees, names, options.rounds)
        for what in fresh:
            best |= once(trees, what, max(1, options.rounds // 5))
    rows = [(name, *map(timing.seconds, pair), f"{pair[1] / pair[0]:.3f}") for name, pair in best.items()]
    print(timing.table(("the best of each", *both, "ratio"), rows))
    print("\n" + timing.headline(timing.machine()))
    records = [{"what": name, "before": a, "after": b} for name, (a, b) in best.items()]
    timing.write_json(options.json, records, what="side by side", commits=both)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
