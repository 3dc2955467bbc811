"""The report says what the results say: bars and their causes, faster libraries, what is missing; sweeps know memory."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastloss as fl

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def module(name: str) -> Any:
    return importlib.import_module(f"bench.{name}")


def times(**medians: float) -> dict[str, Any]:
    return {name: module("timing").Timing(t, t, t, t, 1, 1) for name, t in medians.items()}


MACHINE = {"cpu": "a processor", "cores": 2, "threads": 2, "date": "2026-01-01T00:00:00", "versions": {}, "load": [0.1]}


def content(what: str, *records: dict[str, Any]) -> dict[str, Any]:
    return {"machine": MACHINE, "what": what, "records": list(records)}


def pointwise(loss: str, group: str, **medians: float) -> dict[str, Any]:
    bare = {"c = a - b": 1.0, "c = a": 0.8}
    record = {"loss": loss, "group": group, "size": 10, "dtype": "float32", "bandwidth": {"c = a - b": 12.0}}
    return {**record, "times": times(**{**bare, **medians}), "not_timed": {}}


def swept(size: int, faster: list[str], **medians: float) -> dict[str, Any]:
    return {"loss": "huber", "size": size, "dtype": "float32", "times": times(**medians), "faster": faster}


def test_without_results_every_bar_is_not_measured() -> None:
    report = module("report")
    bars = report.gathered({})
    assert {bar.met for bar in bars} == {bar.missed for bar in bars} == {False}
    assert {bar.missing for bar in bars if bar.family == "CUDA"} == {"not measured: no GPU was at hand"}
    assert {bar.missing for bar in bars if bar.family != "CUDA"} == {"not measured"}
    page = report.report({}, {})
    assert page.splitlines()[2] == "Whether another library is faster at any size: not measured (`bench.sweep`)."
    assert page.split("## Every bar")[1].count("| not measured |") == len([bar for bar in bars if bar.family != "CUDA"])
    assert report.readme_parts({})["gains"].startswith("Not measured.")


def test_the_readme_has_few_rows_of_plain_ratios() -> None:
    report = module("report")
    rows = {"classes": 1000, "rows": 7, "dtype": "float32", "times": times(out=2.0, numpy=8.0, **{"c = a": 1.0})}
    half = {**rows, "dtype": "bfloat16"}
    records = [pointwise("huber", "arithmetic", out=1.0, torch=9.96), pointwise("hinge", "arithmetic", out=1.0)]
    small = [{"what": f"8 numbers, {n}", "times": times(x=t)["x"]} for n, t in (("fastloss", 4e-6), ("numpy", 12e-6))]
    results = {"pointwise": content("pointwise", *records), "rows": content("rows", rows, half),
               "startup": content("startup", *small)}  # fmt: skip
    lines = [line for line in report.readme_parts(results)["gains"].splitlines() if line.startswith("| `")]
    assert lines == [
        "| `huber` of 10 numbers | 1 s | - | 10.0 | - | - | - |",
        "| `cross_entropy` of 7 rows of 1,000 classes | 2 s | 4.0 | - | - | - | - |",
        "| `huber` of 8 numbers | 4 us | 3 | - | - | - | - |",
    ]


def test_bars_that_fall_short_come_first_with_their_causes() -> None:
    report = module("report")
    records = [
        pointwise("huber", "arithmetic", out=1.05, fresh=2.0, torch=3.0),
        pointwise("hinge", "arithmetic", out=1.3, unchecked=1.0, fresh=2.0),
        pointwise("log_cosh", "transcendental", out=1.5, fresh=2.0, torch=7.5, sklearn=30.0),
        pointwise("cauchy", "transcendental", out=1.6, fresh=2.0, **{"torch.compile": 5.0}),
        pointwise("fair", "transcendental", out=1.6, fresh=2.0),
    ]
    cached = [
        {"loss": n, "dtype": "float32", "cached": t} for n, t in (("log_cosh", 0.5), ("fair", 0.1), ("hinge", 9.0))
    ]
    results = {"pointwise": content("pointwise", *records), "roofline": content("roofline", *cached)}
    lines = [
        line.split(" | ")
        for line in report.report(results, {}).split("## Every bar")[1].splitlines()
        if "| at " in line
    ]
    found = {(line[1], line[2]): line[4:] for line in lines}
    assert [line[5] for line in lines[:4]] == ["**missed**"] * 4
    assert found["huber", "out= / bare"][:2] == ["1.05", "met"]
    assert "target once more: 1.00 with `check=False`" in found["hinge", "out= / bare"][2]
    assert "arithmetic: 250000000.00 ns" in found["log_cosh", "out= / bare"][2]
    assert "out of reach: a bare pass over the same arrays would reach 7.50" in found["log_cosh", "torch / out="][2]
    assert found["log_cosh", "sklearn / out="][:2] == ["20.00", "met"]
    assert found["cauchy", "out= / bare"][2].startswith("not explained yet |")
    assert "pages: 3.12 with `out=`" in found["cauchy", "torch.compile / fresh"][2]
    assert "not explained yet, not by arithmetic: 50000000.00 ns" in found["fair", "out= / bare"][2]


def test_the_first_lines_name_the_library_that_is_faster() -> None:
    report = module("report")
    good = swept(1, [], fresh=1.0, out=1.0, numpy=2.0, scipy=2.0)
    line = report.first_lines({"sweep": content("sweep", good)})
    assert line == (
        "**No other library is faster at any size of the sweep**: huber, 1 to 1 elements, beside NumPy, SciPy."
    )
    bad = swept(64, ["scipy"], fresh=1.0, out=1.0, numpy=2.0, scipy=0.5)
    text = report.first_lines({"sweep": content("sweep", good, bad)})
    assert text.startswith(
        "**Another library is faster at 1 of 2 points**: huber, 1 to 64 elements, beside NumPy, SciPy."
    )
    assert text.splitlines()[-1] == "- huber of 64 elements, SciPy: 0.50 of the time of a call with a fresh gradient"
    # What memory left out is said, and what other scripts have found.
    line = report.first_lines({"sweep": content("sweep", good, swept(8, [], fresh=1.0, out=1.0, numpy=2.0))})
    assert line.endswith("beside NumPy, SciPy; not at 8, for want of memory: SciPy.")
    slow = pointwise("hinge", "arithmetic losses", out=1.0, fresh=9.0, torch=3.0, sklearn=0.5)
    text = report.first_lines({"sweep": content("sweep", good), "pointwise": content("pointwise", slow, slow)})
    assert "**In 2 of 2 other measurements another library is faster**" in text
    assert "- hinge of 10 elements, torch: 0.33 of the time of a call with a fresh gradient" in text
    assert text.endswith("- hinge of 10 elements, scikit-learn: 0.50 of the time of a call with `out=`")
    # The bar counts NumPy, torch and scikit-learn alone.
    (bar,) = module("sweep").bars([good, bad])
    assert bar.met
    assert bar.reached == 2.0
    (bar,) = module("sweep").bars([good, bad, swept(9, ["numpy"], fresh=1.0, out=1.0, numpy=0.9)])
    assert bar.missed
    assert "numpy at 9" in bar.subject


def test_figures_that_show_other_data_are_not_current(tmp_path: Path) -> None:
    plots = module("plots")
    results = {"pointwise": content("pointwise", pointwise("huber", "arithmetic", out=1.0, fresh=2.0))}
    found = plots.figures(results, ["huber"])
    assert found == {"pointwise": {"huber": {"fastloss": 1000.0, "bare": 1000.0}}}
    assert not plots.current(tmp_path, found)
    for theme in plots.THEMES:
        plots.path(tmp_path, "pointwise", theme).write_text(f"<svg>{plots.digest(found['pointwise'])}</svg>")
    assert plots.current(tmp_path, found)
    found["pointwise"]["huber"]["fastloss"] = 999.0
    assert not plots.current(tmp_path, found)


def test_a_page_that_lacks_the_marks_is_refused() -> None:
    readme = importlib.import_module("tools.readme")
    text = "a\n<!-- speed: me -->\nold\n<!-- end of speed -->\nb"
    assert readme.replaced(text, {"speed": "new"}, "me") == ("a\n<!-- speed: me -->\n\nnew\n\n<!-- end of speed -->\nb")
    with pytest.raises(SystemExit, match="no place for speed"):
        readme.replaced(text, {"speed": "new"}, "another")


def test_bytes_are_those_of_the_program() -> None:
    roofline = module("roofline")
    assert roofline.streams(fl.huber) == 3  # two inputs, a gradient
    assert roofline.streams(fl.hinge) == 4  # labels of -1 and 1 are read once more
    assert roofline.streams(fl.root_mean_squared_error) == 5  # two passes
    assert roofline.streams(fl.gaussian_nll) == 6  # three inputs, two gradients, variances


@pytest.mark.parametrize(("cached", "limit"), [(0.1, "memory"), (9.0, "arithmetic"), (None, "")])
def test_the_larger_of_two_floors_limits(cached: float | None, limit: str) -> None:
    roofline = module("roofline")
    record = {"loss": "huber", "dtype": "float32", "cached": cached}
    results = {
        "pointwise": content("pointwise", pointwise("huber", "arithmetic", out=2.0, fresh=2.0)),
        "roofline": content("roofline", record),
    }
    (line,) = roofline.judged(results)
    assert (line["limit"], line["bytes"], line["share"]) == (limit, 12, 0.5)
    assert len(roofline.cells(line)) == len(roofline.HEADER)


def test_a_sweep_leaves_out_what_does_not_fit() -> None:
    sweep = module("sweep")
    libraries = ["numpy", "jax", "torch"]
    all_of_them, some = (sweep.need(fl.huber, 1 << 20, "f4", names) for names in (libraries, ["numpy", "torch"]))
    assert sweep.fitting(fl.huber, 1 << 20, "f4", libraries, all_of_them) == (libraries, "")
    left, told = sweep.fitting(fl.huber, 1 << 20, "f4", libraries, some)
    assert left == ["numpy", "torch"]
    assert told.startswith("huber at 1048576: jax left out")
    left, told = sweep.fitting(fl.huber, 1 << 20, "f4", libraries, some - 1)
    assert left == []
    assert told.startswith("huber at 1048576: the size left out")


@pytest.mark.full
def test_a_size_that_does_not_fit_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = module("sweep")
    monkeypatch.setattr(sweep, "available", lambda: sweep.need(fl.huber, 4, "f4", []))
    options = SimpleNamespace(quick=True, dtype="float32", step=2, rounds=2)
    records, left_out = sweep.swept(fl.huber, options, [])
    assert [r["size"] for r in records] == [1, 4]
    assert [line.split(":")[0] for line in left_out] == ["huber at 16", "huber at 64"]


def test_numbers_of_elements() -> None:
    timing = module("timing")
    assert timing.count("2**28") == 1 << 28
    assert timing.count("1000") == 1000
    for text in ("", "0", "-1", "2**99", "1e3", "2**2**2"):
        with pytest.raises(ValueError, match="invalid literal|elements"):
            timing.count(text)


def test_a_group_limits_the_memory(tmp_path: Path) -> None:
    available = module("available")
    job = tmp_path / "memory" / "above" / "job"
    job.mkdir(parents=True)
    (job / "memory.limit_in_bytes").write_text("1000\n")
    (job / "memory.usage_in_bytes").write_text("900\n")
    (job / "memory.stat").write_text("cache 7\ntotal_inactive_file 50\n")
    (job.parent / "memory.limit_in_bytes").write_text("500\n")
    (job.parent / "memory.usage_in_bytes").write_text("470\n")
    membership = "5:cpu,cpuacct:/above/job\n4:memory:/above/job\n"
    assert list(available._groups(tmp_path, membership)) == [150, 30]
    two = tmp_path / "mine"
    two.mkdir()
    (two / "memory.max").write_text("max\n")
    (tmp_path / "memory.max").write_text("2000\n")
    (tmp_path / "memory.current").write_text("500\n")
    assert list(available._groups(tmp_path, "0::/mine\n")) == [1500]
    assert list(available._groups(tmp_path, "0::/no/such/group\n")) == [1500]
    assert 0 < available.available() < 1 << 50


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    timing = module("timing")
    record = {"loss": "huber", "times": times(out=1.5)}
    timing.write_json(
        str(tmp_path / "a.json"), [record, {"times": times(x=2.0)["x"]}], what="pointwise", more=np.int64(3)
    )
    found = timing.results(tmp_path)["pointwise"]
    assert found["records"] == [record, {"times": times(x=2.0)["x"]}]
    assert found["more"] == 3


def test_a_gpus_results_take_the_place_of_what_was_not_measured() -> None:
    report = module("report")
    seconds = times(**{"fastloss": 1e-3, "copy": 6e-4, "torch.compile": 8e-4, "torch": 5e-3})
    case = {"loss": "huber", "subject": "10 elements", "dtype": "float32", "times": seconds,
            "not_timed": {"liger": "ImportError: no"}}  # fmt: skip
    small = {"loss": "huber", "subject": "a call", "dtype": "float32", "times": times(fastloss=1.2e-5, torch=4e-5)}
    peak = {"loss": "huber", "subject": "10 elements", "dtype": "float32", "memory": {"fresh": 1.0, "out": 0.0}}
    card = {"card": {"name": "a card", "memory": 80 << 30, "cuda": "13.0"}, "failed": {"mse": "RuntimeError: out"}}
    found = content("gpu", {**case, "bandwidth": {"fastloss": 3000.0, "copy": 4000.0}}, small, peak) | card
    bars = [bar for bar in report.gathered({"gpu": found}) if bar.family == "CUDA"]
    reached = {bar.label: (round(bar.reached, 3), bar.met) for bar in bars}
    assert reached == {
        "share of the card's copy bandwidth": (0.75, False), "overhead": (12.0, True),
        "torch.compile / fastloss": (0.8, False),
    }  # fmt: skip
    page = report.report({"gpu": found}, {})
    assert "| huber, 10 elements, float32 | 1 ms | 3000 | 75% | 5.00 | 0.80 | - | - |" in page
    assert "a card, 80 GiB, CUDA 13.0." in page
    assert "fastloss 12 us, torch 40 us" in page
    assert "Not measured: mse (RuntimeError: out); huber, 10 elements, float32, liger (ImportError: no)." in page
