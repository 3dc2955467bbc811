"""What the scripts share: arguments, times of calls beside the libraries' that agree, lines of tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import peers, timing
from .peers import Rival
from .timing import Timing


def parser(doc: str | None, *, libraries: Iterable[str] = (), rounds: int = 0, of: str = "call") -> Any:
    """A script's arguments: what all take, `--peers` and `--rounds` where there are defaults for them."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if libraries:
        made.add_argument("--peers", default=",".join(libraries), help="libraries, separated by commas")
    if rounds:
        made.add_argument("--rounds", type=int, default=rounds, help=f"samples of each {of}")
    made.add_argument("--quick", action="store_true", help="a tiny run that only shows that everything works")
    made.add_argument("--json", metavar="FILE", help="write the records and the machine's description")
    return made


def installed(options: argparse.Namespace) -> list[str]:
    """Which of the libraries asked for are there."""
    return peers.installed([name for name in options.peers.split(",") if name])


def timed(calls: Mapping[str, Callable[[], Any]], rivals: Mapping[str, Rival], rounds: int) -> dict[str, Any]:
    """A record's times: of these calls and of the peers that agree, in turns; why the others are not timed."""
    agreeing = {name: rival.call for name, rival in rivals.items() if rival.call}
    return {
        "times": timing.interleaved({**calls, **agreeing}, rounds=rounds),
        "not_timed": {name: rival.reason for name, rival in rivals.items() if rival.reason},
    }


def header(libraries: Iterable[str]) -> list[str]:
    """The titles of the columns that `cells` makes for libraries."""
    return [title for library in libraries for title in (library, "/out=", "/fresh")]


def cells(record: dict[str, Any], bare: str, ways: Iterable[str], libraries: Iterable[str]) -> list[str]:
    """The bare pass, fastloss's ways with their ratio to it, the libraries with their ratios to fastloss."""
    times: dict[str, Timing] = record["times"]
    row = [str(times[bare])]
    for way in ways:
        absent = "n/a" if way in record["not_timed"] else "-"
        row += [str(times[way]), f"{times[way].median / times[bare].median:.2f}"] if way in times else [absent, ""]
    for library in libraries:
        if library in times:
            t = times[library].median
            row += [str(times[library]), f"{t / times['out'].median:.1f}", f"{t / times['fresh'].median:.1f}"]
        else:
            row += ["n/a" if library in record["not_timed"] else "-", "", ""]
    return row


def spread(records: Sequence[dict[str, Any]]) -> str:
    """The widest interquartile range seen: how far to trust the medians."""
    wide = [((t.high - t.low) / t.median, r["loss"], name) for r in records for name, t in r["times"].items()]
    width, loss, name = max(wide)
    typical = np.median([w for w, *_ in wide])
    return f"interquartile range / median: {typical:.1%} typical, {width:.0%} widest ({loss}, {name})"
