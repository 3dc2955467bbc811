"""What was measured, as pages: ``python -m bench.report`` writes bench/REPORT.md, its figures, and the README's table.

It reads the results that the scripts have left in bench/results (`--json`), and measures nothing. `--check` only
compares. What has no result is listed as not measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import (
    accuracy,
    distillation,
    gpu,
    linear,
    memory,
    plots,
    pointwise,
    roofline,
    rows,
    startup,
    sweep,
    tables,
    timing,
)
from .bars import NO_GPU, Bar, worst

ROOT = Path(__file__).resolve().parents[1]
RESULTS, REPORT = ROOT / "bench/results", ROOT / "bench/REPORT.md"
WRITER = "python -m bench.report"
SHOWN = ("squared_error", "huber", "quantile", "hinge", "binary_cross_entropy_with_logits", "log_cosh", "poisson",
         "tweedie")  # fmt: skip
"""The losses of the figure."""

ALT = {
    "pointwise": "Milliseconds of value and gradient: a row for each loss, a dot for each library",
    "rows": "Nanoseconds an element of cross_entropy over the number of classes, a line for each library",
    "sweep": "Nanoseconds an element over the number of elements, a line for each library",
}
"""What the figures show, for those who cannot see them."""

Results = Mapping[str, Any]


def _each(script: Callable[[Any], list[Bar]]) -> Callable[[Sequence[Any]], list[Bar]]:
    return lambda records: [bar for record in records for bar in script(record)]


BARS: dict[str, Callable[[Sequence[Any]], list[Bar]]] = {
    "pointwise": _each(pointwise.bars), "rows": _each(rows.bars), "startup": startup.bars, "sweep": sweep.bars,
    "memory": memory.bars, "accuracy": accuracy.bars, "distillation": _each(distillation.bars),
    "linear": _each(linear.bars), "gpu": gpu.bars,
}  # fmt: skip


def _expected() -> list[Bar]:
    """Every bar once, as it is listed where no result has it."""
    every, groups = "every loss", pointwise.GROUPS
    found = [Bar(groups[kind], every, "out= / bare", limit, None) for kind, limit in pointwise.BARE.items()]
    for library, limit in pointwise.FASTER.items():
        label = f"{library} / {'fresh' if library == 'torch.compile' else 'out='}"
        found.append(Bar(groups["transcendental"], every, label, limit, None, True))
    found.append(Bar("cross_entropy", "1,000 to 128,256 classes", "out= / copy", rows.COPY, None))
    for library, limit in rows.FASTER.items():
        found.append(Bar("cross_entropy", "1,000 to 128,256 classes", f"{library} / out=", limit, None, True, "x"))
    return [
        *found,
        Bar(startup.FAMILY, "import fastloss", "import fastloss / import numpy", startup.IMPORT_BAR, None),
        *(
            Bar(startup.FAMILY, "first result", f"{call}, {kind}", bar[k > 1], None, unit=" s")
            for k, call in enumerate(startup.CALLS)
            for kind, bar in startup.FIRST_BARS.items()
        ),
        Bar(startup.FAMILY, "every small call", startup.SMALL, 1e6 * startup.CALL_BAR, None, unit=" us"),
        Bar(sweep.FAMILY, "1 to 2**28 elements", sweep.LABEL, 1.0, None, True),
        Bar(memory.FAMILY, every, memory.LABEL, memory.LIMIT["fastloss"] + memory.ALLOWED, None),
        Bar(accuracy.FAMILY, every, accuracy.LABEL, accuracy.BAR, None, unit=" ULP"),
        Bar(gpu.FAMILY, "pointwise, 2**28 elements", gpu.SHARE, gpu.BANDWIDTH_BAR, None, True, missing=NO_GPU),
        Bar(gpu.FAMILY, "cross_entropy, to 131,072 classes", gpu.SHARE, gpu.BANDWIDTH_BAR, None, True, missing=NO_GPU),
        Bar(gpu.FAMILY, "every launch", gpu.OVERHEAD, gpu.OVERHEAD_BAR, None, unit=" us", missing=NO_GPU),
        Bar(gpu.FAMILY, every, gpu.COMPILED, 1.0, None, True, missing=NO_GPU),
    ]


def gathered(results: Results) -> list[Bar]:
    """All bars, those that fall short first, then those not measured."""
    found = [bar for what, bars in BARS.items() if what in results for bar in bars(results[what]["records"])]
    measured = {(bar.family, bar.label) for bar in found}
    found += [bar for bar in _expected() if (bar.family, bar.label) not in measured]
    return sorted(found, key=lambda bar: (not bar.missed, bar.met, -bar.shortfall))


def first_lines(results: Results) -> str:
    """Where another library is faster at any size, or that none is."""
    if "sweep" not in results:
        parts = ["Whether another library is faster at any size: not measured (`bench.sweep`)."]
    else:
        records = results["sweep"]["records"]
        lost = [f"- {r['loss']} of {r['size']:,} elements, {told}" for r in records for told in _faster(r)]
        points = sum(bool(_faster(r)) for r in records)
        found = f"**Another library is faster at {points} of {len(records)} points**" if lost else (
            "**No other library is faster at any size of the sweep**")  # fmt: skip
        parts = [f"{found}: {_swept(records)}.", "\n".join(lost)]
    return "\n\n".join([part for part in (*parts, _elsewhere(results)) if part])


def _faster(record: Mapping[str, Any]) -> list[str]:
    """The libraries that are faster than fastloss called in the same way."""
    times = record["times"]
    names = [name for name in plots.LOOKS if name in times and times[name].median < times[sweep.way(name)].median]
    return [
        f"{tables.label(n)}: {times[n].median / times[sweep.way(n)].median:.2f} of the time of a call with "
        f"{'`out=`' if sweep.way(n) == 'out' else 'a fresh gradient'}" for n in names
    ]  # fmt: skip


def _swept(records: Sequence[Mapping[str, Any]]) -> str:
    """Which losses, sizes and libraries; and which libraries not at which sizes."""
    losses = ", ".join(dict.fromkeys(r["loss"] for r in records))
    names = tables.found_libraries(records)
    text = f"{losses}, {min(r['size'] for r in records):,} to {max(r['size'] for r in records):,} elements, beside "
    text += ", ".join(map(tables.label, names))
    for size in sorted({r["size"] for r in records}):
        here = tables.found_libraries([r for r in records if r["size"] == size])
        absent = [tables.label(name) for name in names if name not in here]
        text += f"; not at {size:,}, for want of memory: {', '.join(absent)}" if absent else ""
    return text


def _elsewhere(results: Results) -> str:
    """The same of the other scripts' measurements, each of one size."""
    cases = [
        (f"{r['loss']} of {r['size']:,} elements", r) for r in results.get("pointwise", {"records": []})["records"]
    ]
    cases += [(f"{r['loss']}, {rows.title(r['dtype'], r['classes'])}", r)
              for r in results.get("rows", {"records": []})["records"]]  # fmt: skip
    lines = [f"- {case}, {told}" for case, r in cases for told in _faster(r)]
    count = sum(bool(_faster(r)) for _, r in cases)
    head = f"**In {count} of {len(cases)} other measurements another library is faster**:\n\n"
    return head + "\n".join(lines) if lines else ""


def short_bars(bars: Sequence[Bar]) -> str:
    """The bars that are not held everywhere: how many are, and the farthest beyond; then a line of the others."""
    groups: dict[tuple[str, str, str], list[Bar]] = {}
    for bar in bars:
        groups.setdefault((bar.family, bar.label, bar.bound), []).append(bar)
    lines, held = [], []
    for (family, label, bound), mine in groups.items():
        measured = [bar for bar in mine if bar.reached is not None]
        if all(bar.met for bar in mine):
            held.append(f"{family}, {label} ({bound})")
            continue
        if not measured:
            lines.append([family, label, bound, mine[0].missing, ""])
            continue
        last = worst(measured)
        lines.append([family, label, bound, f"{sum(bar.met for bar in measured)} of {len(measured)}",
                      f"{last.reached:.2f}{last.unit}: {last.subject}"])  # fmt: skip
    table = tables.markdown(["what", "ratio or number", "bar", "met", "worst"], lines, (0, 1, 2, 3, 4))
    return f"{table}\n\nHeld throughout: {'; '.join(held) or 'none'}."


def complete_bars(bars: Sequence[Bar], limits: Mapping[str, str]) -> str:
    """Every bar, those that fall short first, each with its cause."""
    lines = []
    for bar in bars:
        met = bar.missing if bar.reached is None else "met" if bar.met else "**missed**"
        reached = "-" if bar.reached is None else f"{bar.reached:.2f}{bar.unit}"
        lines.append([bar.family, bar.subject, bar.label, bar.bound, reached, met,
                      bar.cause(limits.get(bar.subject, ""))])  # fmt: skip
    return tables.markdown(["what", "of", "ratio or number", "bar", "reached", "", "cause"], lines, (0, 1, 2, 3, 5, 6))


def report(results: Results, figures: Mapping[str, Any]) -> str:
    """The page of everything."""
    bars = gathered(results)
    parts = [
        "# What was measured",
        first_lines(results),
        f"Written by `{WRITER}` from [results](results); [README.md](README.md) says how it is measured. Ratios to "
        "fastloss count its call with `out=`, or with a fresh gradient where that is said.",
        "## In short",
        tables.figures(results),
        short_bars(bars),
        "## Every bar",
        complete_bars(bars, roofline.said(results)),
    ]
    for what, (title, table) in tables.COMPLETE.items():
        if what in results:
            parts += [f"## {title}", f"{tables.where(results, what)}; load {results[what]['machine']['load']}."]
            parts += [ABOUT[what](results)] if what in ABOUT else []
            parts += [plots.picture("results/", what, ALT[what])] if what in figures else []
            parts.append(table(results))
    return "\n\n".join(parts) + "\n"


def _about_elements(results: Results) -> str:
    first = results["pointwise"]["records"][0]
    return (
        f"`value_and_grad` of {first['size']:,} {first['dtype']} into a given array. "
        '"To `a - b`" is the time beside a bare parallel `c = a - b` of the same arrays, "fresh" that of a call that '
        "makes the gradient's array; the first touch of its pages costs that, and more where the machine has to find "
        "the memory first: outliers in that column are of that kind."
    )


def _about_rows(results: Results) -> str:
    first = results["rows"]["records"][0]
    return (
        f"`cross_entropy.value_and_grad` of about {first['rows'] * first['classes']:,} logits with labels into a given "
        'array. "To a copy" is the time beside a bare parallel copy of the logits.'
    )


def _about_instructions(results: Results) -> str:
    said = [
        f"{name}: {p['cpu']} at {p['clock']} GHz, {p['width']:g} instructions a cycle, {p['pipes']:g} of them packed "
        f"arithmetic, a division every {p['division']['f']:g} cycles ({p['division']['d']:g} of float64)"
        for name, p in results["instructions"]["processors"].items()
    ]
    return (
        "The loop of `value_and_grad`, of transcendental losses, as LLVM compiles it for processors that need not be "
        f"here; nothing of it is timed. A bound is of one core, with everything in its cache. {'; '.join(said)}."
    )


ABOUT: dict[str, Callable[[Results], str]] = {
    "pointwise": _about_elements,
    "rows": _about_rows,
    "instructions": _about_instructions,
}
"""What the tables are of."""


def readme_parts(results: Results) -> dict[str, str]:
    """What stands between the README's marks."""
    more = "Every loss, size and library, and every bar with its cause: [bench/REPORT.md](bench/REPORT.md)."
    return {"gains": f"{tables.gains(results)}\n\n{more}"}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if anything is out of date")
    options = parser.parse_args(argv)
    from tools import readme  # not found where asv looks for benchmarks

    results = timing.results(RESULTS)
    figures = plots.figures(results, SHOWN)
    text = readme.replaced(readme.README.read_text("utf-8"), readme_parts(results), WRITER)
    held = [readme.settled(readme.README, text, options.check)]
    held.append(readme.settled(REPORT, report(results, figures), options.check))
    if not options.check:
        plots.draw(RESULTS, figures)
    held.append(plots.current(RESULTS, figures))
    return int(not all(held))


if __name__ == "__main__":
    raise SystemExit(main())
