"""The report's tables, in Markdown, from the results of the scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import gpu, plots, roofline, sweep
from .timing import seconds

COLUMNS = ("numpy", "torch", "torch.compile", "jax", "sklearn")
"""The libraries of the README's table; the report's have all that were measured."""

GAINS = ("squared_error", "huber", "binary_cross_entropy_with_logits", "poisson")
CLASSES = (1_000, 128_256)
"""The losses, and the numbers of classes, of the README's table."""

NOTHING = "Not measured."

Results = Mapping[str, Any]


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """A table; columns of `words` to the left, numbers to the right."""
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("".join("|---" if k in words else "|---:" for k in range(len(header))) + "|")
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def label(library: str) -> str:
    return plots.LOOKS[library][0]


def found_libraries(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those that any record has, in the order of the figures."""
    return [name for name in plots.LOOKS if any(name in r["times"] for r in records)]


def times_as_many(record: Mapping[str, Any], libraries: Sequence[str]) -> list[str]:
    """How many times fastloss's own time each library takes."""
    times = record["times"]
    return [f"{times[n].median / times['out'].median:.1f}" if n in times else "-" for n in libraries]


def where(results: Results, what: str) -> str:
    """The machine and the libraries of a measurement."""
    machine = results[what]["machine"]
    names = ("torch", "jax", "scikit-learn", "numba", "numpy")
    versions = ", ".join(f"{n} {machine['versions'][n]}" for n in names if n in machine["versions"])
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['date'][:10]}; {versions}"


def pointwise(results: Results) -> str:
    """One row a loss: milliseconds of a value and gradient, and times as many for the other libraries."""
    records = results["pointwise"]["records"]
    libraries = found_libraries(records)
    header = ["loss", "ms", "to `a - b`", "`check=False`", "fresh", *(f"{label(n)}, times" for n in libraries)]
    rows = []
    for record in records:
        times = record["times"]
        bare, mine = times["c = a - b"].median, times["out"].median
        free = f"{times['unchecked'].median / bare:.2f}" if "unchecked" in times else "-"
        fresh = f"{times['fresh'].median / bare:.2f}"
        others = times_as_many(record, libraries)
        rows.append([record["loss"], f"{1e3 * mine:.1f}", f"{mine / bare:.2f}", free, fresh, *others])
    return markdown(header, rows)


def rows(results: Results) -> str:
    """One row a number of classes and a dtype: `cross_entropy` beside a copy of the logits."""
    records = results["rows"]["records"]
    libraries = found_libraries(records)
    header = ["classes", "dtype", "ms", "to a copy", "fresh", *(f"{label(n)}, times" for n in libraries)]
    lines = []
    for r in records:
        times = r["times"]
        bare, mine = times["c = a"].median, times["out"].median
        numbers = [f"{1e3 * mine:.1f}", f"{mine / bare:.2f}", f"{times['fresh'].median / bare:.2f}"]
        lines.append([f"{r['classes']:,}", r["dtype"], *numbers, *times_as_many(r, libraries)])
    return markdown(header, lines, (1,))


def swept(results: Results) -> str:
    """A table for each loss: fastloss's times, and times as many for each library called in the same way."""
    records, parts = results["sweep"]["records"], []
    for loss in dict.fromkeys(r["loss"] for r in records):
        mine = [r for r in records if r["loss"] == loss]
        libraries = found_libraries(mine)
        lines = []
        for r in mine:
            t = r["times"]
            others = ["-" if n not in t else f"{t[n].median / t[sweep.way(n)].median:.2f}" for n in libraries]
            faster = ", ".join(label(n) for n in r["faster"])
            lines.append([f"{r['size']:,}", seconds(t["fresh"].median), seconds(t["out"].median), *others, faster])
        header = [loss, "fresh", "out=", *(f"{label(n)}, times" for n in libraries), "faster"]
        parts.append(markdown(header, lines, ()))
    left_out = "\n".join(f"- {line}" for line in results["sweep"].get("left_out", ()))
    return "\n\n".join([*parts, left_out] if left_out else parts)


def limits(results: Results) -> str:
    """The roofline, and the bandwidth of this machine's bare passes."""
    widths: dict[str, list[float]] = {}
    for record in results.get("pointwise", {}).get("records", ()):
        for name, gbs in record["bandwidth"].items():
            widths.setdefault(name, []).append(gbs)
    bare = ", ".join(f"`{name}` {sorted(found)[len(found) // 2]:.1f}" for name, found in widths.items())
    head = f"GB/s of bare parallel passes: {bare}.\n\n" if bare else ""
    return head + markdown(roofline.HEADER, map(roofline.cells, roofline.judged(results)), (0, 1, 9))


def distillation(results: Results) -> str:
    records = results["distillation"]["records"]
    libraries = found_libraries(records)
    lines = []
    for r in records:
        t = r["times"]
        ratios = [f"{t[way].median / t['c = a - b'].median:.2f}" for way in ("out", "fresh")]
        lines.append([f"{r['classes']:,}", f"{1e3 * t['out'].median:.1f}", *ratios, *times_as_many(r, libraries)])
    return markdown(["classes", "ms", "to `a - b`", "fresh", *(f"{label(n)}, times" for n in libraries)], lines, ())


def linear(results: Results) -> str:
    record, peaks = results["linear"]["records"][0], results["linear"]["memory"]
    times, shape = record["times"], record["shape"]
    whole = times[f"products {shape[0]}"].median
    memory = {p["case"]: f"{_peak(p):.0f}" for p in peaks if "error" not in p}
    lines = [[n, seconds(t.median), f"{t.median / whole:.2f}", memory.get(n, "")] for n, t in times.items()]
    return markdown(
        ["{:,} rows of width {:,}, {:,} classes".format(*shape), "time", "to the products", "peak, MiB"], lines
    )


def _peak(record: Mapping[str, Any]) -> float:
    """MiB, by whichever measure says more."""
    return max(record["resident"], record["traced"]) / 2**20


def startup(results: Results) -> str:
    lines = []
    for r in results["startup"]["records"]:
        t = r["seconds"] if "seconds" in r else r["times"].median if "times" in r else None
        lines.append([r["what"], str(r["count"]) if t is None else seconds(t)])
    return markdown(["what", "time"], lines)


def memory(results: Results) -> str:
    lines = [
        [r["loss"], r["case"], f"{r['traced']:.2f}", f"{r['resident']:.2f}"]
        for r in results["memory"]["records"] if "error" not in r
    ]  # fmt: skip
    return markdown(["peak of a call, in gradients", "library", "traced", "resident"], lines, (0, 1))


def on_gpu(results: Results) -> str:
    """Bandwidth and libraries case by case; calls on a few numbers; memory; what failed."""
    content = results["gpu"]
    records, card = content["records"], content["card"]
    header = ["case", "fastloss", "GB/s", "of a copy", *(f"{name}, times" for name in gpu.LIBRARIES)]
    small = [f"{name} {t}" for r in records if "bandwidth" not in r for name, t in r.get("times", {}).items()]
    peaks = [f"{name} {x:.3f}" for r in records for name, x in r.get("memory", {}).items()]
    lost = [f"{name} ({why})" for name, why in content["failed"].items()]
    lost += [f"{r['loss']}, {r['subject']}, {r['dtype']}, {name} ({why})" for r in records
             for name, why in r.get("not_timed", {}).items()]  # fmt: skip
    return "\n\n".join([
        f"{card['name']}, {card['memory'] / 2**30:.0f} GiB, CUDA {card['cuda']}.",
        markdown(header, gpu.lines(records)),
        f"A call on 8 numbers: {', '.join(small)}. Memory at the peak, in gradients: {', '.join(peaks)}.",
        f"Not measured: {'; '.join(lost) or 'nothing'}.",
    ])  # fmt: skip


def gains(results: Results) -> str:
    """The README's table: value and gradient in few rows, and how many times as long others take."""
    lines: list[list[str]] = []
    first = ""
    for r in results.get("pointwise", {"records": []})["records"]:
        if r["loss"] in GAINS:
            first = first or "pointwise"
            lines.append(_gained(f"`{r['loss']}` of {r['size']:,} numbers", r["times"]))
    for r in results.get("rows", {"records": []})["records"]:
        if r["classes"] in CLASSES and r["dtype"] == "float32":
            first = first or "rows"
            lines.append(_gained(f"`cross_entropy` of {r['rows']:,} rows of {r['classes']:,} classes", r["times"]))
    if not first:
        return NOTHING
    if "startup" in results:
        found = {r["what"]: r["times"].median for r in results["startup"]["records"] if "times" in r}
        own = found["8 numbers, fastloss"]
        small = [f"{found[f'8 numbers, {n}'] / own:.0f}" if f"8 numbers, {n}" in found else "-" for n in COLUMNS]
        lines.append(["`huber` of 8 numbers", seconds(own), *small])
    header = ["value and gradient, float32", "fastloss", *map(label, COLUMNS)]
    place = "A call with `out=`, and how many times as long the others take; "
    place += f"{where(results, first)}."
    return f"{place}\n\n{markdown(header, lines)}"


def _gained(what: str, times: Mapping[str, Any]) -> list[str]:
    others = times_as_many({"times": times}, COLUMNS)
    return [what, seconds(times["out"].median), *others]


def figures(results: Results) -> str:
    """The report's list of further figures: those that were measured."""
    said = [sentence(results) for what, sentence in FIGURES.items() if what in results]
    return "\n".join(f"- {text}" for text in said) or NOTHING


def _of_distillation(results: Results) -> str:
    record = results["distillation"]["records"][-1]
    t, own = record["times"], record["times"]["out"].median
    others = [
        f"torch's two losses{how} take {t[n].median / own:.0f} times as long"
        for n, how in (("torch", ""), ("torch.compile", ", compiled,")) if n in t
    ]  # fmt: skip
    start = f"`distillation` of {record['classes']:,} classes: {own / t['c = a - b'].median:.1f} times a bare pass"
    return "; ".join([start, *others]) + "."


def _of_linear(results: Results) -> str:
    record = results["linear"]["records"][0]
    n, d, classes = record["shape"]
    peaks = {p["case"]: _peak(p) for p in results["linear"]["memory"] if "error" not in p}
    ratio = record["times"]["fastloss"].median / record["times"][f"products {n}"].median
    named = {"plain": "the plain form", "torch": "torch"}
    others = "".join(f"; {text} {peaks[case]:,.0f}" for case, text in named.items() if case in peaks)
    return (
        f"`linear_cross_entropy` of {n:,} rows of width {d:,} and {classes:,} classes: {ratio:.2f} times its three "
        f"matrix products, in {peaks['fastloss']:,.0f} MiB, of which {4 * (n + classes) * d / 2**20:,.0f} are the "
        f"gradients{others}."
    )


def _of_startup(results: Results) -> str:
    records = results["startup"]["records"]
    found = {r["what"]: r["times"].median if "times" in r else r.get("seconds", 0.0) for r in records}
    calls = [f"{label(n)} {1e6 * found[f'8 numbers, {n}']:.0f}" for n in COLUMNS if f"8 numbers, {n}" in found]
    return (
        f"Value and gradient of 8 numbers: {1e6 * found['8 numbers, fastloss']:.1f} µs; {', '.join(calls)}. The first "
        f"result of a process, from after `import numpy`: {found['first result, elements, serial, kept']:.2f} s with a "
        f"kernel that is kept, {found['first result, elements, serial, shipped']:.2f} s with one that is shipped, "
        f"{found['first result, elements, serial, compiled']:.1f} s with one that is compiled."
    )


def _of_memory(results: Results) -> str:
    worst: dict[str, float] = {}
    for r in results["memory"]["records"]:
        if "error" not in r:
            worst[r["case"]] = max(worst.get(r["case"], 0.0), r["traced"], r["resident"])
    others = ", ".join(f"{label(n)} {x:.1f}" for n, x in worst.items() if not n.startswith("fastloss"))
    own = f"{worst['fastloss']:.2f}, with `out=` {worst['fastloss out=']:.2f}"
    return f"Memory at the peak of a call, in gradients: {own}{f'; at worst {others}' if others else ''}."


FIGURES: dict[str, Callable[[Results], str]] = {
    "distillation": _of_distillation, "linear": _of_linear, "startup": _of_startup, "memory": _of_memory,
}  # fmt: skip


def per_element_header(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return ["loss", "dtype", *(f"{name}{what}" for name in records[0]["loops"] for what in ("", ", ns"))]


def per_element(record: Mapping[str, Any]) -> list[str]:
    """Instructions an element and the bound in nanoseconds, on each processor."""
    row = [record["loss"], record["dtype"]]
    for loop in record["loops"].values():
        bound = f"{loop['bound']:.2f}" if loop["arithmetic"] else "not packed"
        row += [f"{loop['instructions'] / loop['elements']:.2f}", bound]
    return row


def instructed(results: Results) -> str:
    records = results["instructions"]["records"]
    return markdown(per_element_header(records), map(per_element, records), (0, 1))


COMPLETE: dict[str, tuple[str, Callable[[Results], str]]] = {
    "pointwise": ("Every pointwise loss", pointwise),
    "rows": ("Softmax cross-entropy", rows),
    "sweep": ("From one element to many", swept),
    "roofline": ("What limits each loss", limits),
    "instructions": ("Instructions an element", instructed),
    "distillation": ("Distillation", distillation),
    "linear": ("A linear layer's cross-entropy", linear),
    "startup": ("Starts and small calls", startup),
    "memory": ("Memory", memory),
    "gpu": ("On a GPU", on_gpu),
}
"""The report's sections: a result's title and its table."""
