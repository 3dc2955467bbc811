"""The measurements run: each script once, tiny, without the libraries it compares with. Times are not tested."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from data import NAMES, rest

import fastloss as fl

ROOT = Path(__file__).resolve().parents[2]
FEW = "huber,binary_cross_entropy_with_logits"
SCRIPTS = {
    "pointwise": ["--peers", "numpy,sklearn", "--losses", f"{FEW},gaussian_nll,root_mean_squared_error"],
    "sweep": ["--peers", "numpy", "--losses", FEW],
    "memory": ["--peers", "numpy", "--losses", "huber"],
    "startup": ["--peers", "numpy"],
    "scaling": ["--losses", FEW],
    "oneshot": ["--peers", "numpy"],
    "roofline": ["--classes", "10", "--dtype", "float32", "--losses", FEW],
    "accuracy": ["--losses", FEW],
    "instructions": ["--losses", "binary_cross_entropy_with_logits"],
    "rows": ["--peers", "numpy,sklearn", "--classes", "10,1000"],
    "distillation": ["--peers", "", "--classes", "10,1000"],
    "linear": ["--peers", ""],
    "detection": ["--peers", "numpy"],
    "gan": ["--peers", ""],
    "estimators": [],
    "segmentation": ["--peers", ""],
    "ctc": ["--peers", ""],
    "embeddings": ["--peers", ""],
    "glm": ["--losses", "logistic"],
    "ranking": ["--peers", "numpy"],
    "survival": ["--peers", "numpy"],
}
# What those that take no losses must print.
PRINTED = {
    "startup": ["huber"],
    "oneshot": ["fastloss, in chunks", "numpy, in chunks, tuned"],
    "rows": ["float32, 1000 classes", "bfloat16, 1000 classes", "10 classes", "numpy", "sklearn"],
    "distillation": ["10 classes", "1000 classes: out= / bare"],
    "linear": ["products, 64 rows at once", "chunk=16", "plain", "peak of one call"],
    "embeddings": ["triplet_margin, 4 x 128, float32", "nt_xent, 16 x 128, float32", "samples", "circle, B/sample"],
    "detection": ["multibox, 2 x 21, float64", "box_iou, 10 x 8732, float32", "numpy, float32: fresh / numpy"],
    "gan": ["minimax", "relativistic_average", "elastic_net", "group_lasso", "total_variation"],
    "ranking": ["queries of 10", "grad_and_hess", "RankNet", "numpy"],
    "survival": ["100", "value_and_grad", "numpy"],
    "estimators": ["ridge", "softmax of 10", "logistic, l1", "quantile"],
    "segmentation": ["dice, 1 x 8, float64", "lovasz, 21 x 8, float64"],
    "ctc": ["2 x 12 x 5, float32", "value"],
}


PLAIN = ["ctc", "distillation", "embeddings", "gan", "segmentation"]
"""Scripts whose tiny runs compile more than they do: templates as plain Python take 20 s of a processor, kernels 100."""


@pytest.fixture(autouse=True)
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize(
    "script",
    [pytest.param(s, marks=pytest.mark.compiled) if s == "accuracy" else rest(s, plain=s in PLAIN) for s in SCRIPTS],
)
def test_runs(script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = importlib.import_module(f"bench.{script}").main
    arguments = SCRIPTS[script]
    assert main(["--quick", "--json", str(tmp_path / "records.json"), *arguments]) == 0
    printed = capsys.readouterr().out
    names = PRINTED[script] if script in PRINTED else arguments[-1].split(",")
    assert [name for name in names if name not in printed] == []
    assert "n/a" not in printed
    written = json.loads((tmp_path / "records.json").read_text())
    assert written["machine"]["versions"]["numpy"] == np.__version__
    assert written["records"]


def test_every_peer_is_of_a_loss() -> None:
    peers = importlib.import_module("bench.peers")
    assert set(peers.PEERS) <= set(NAMES)
    assert set(importlib.import_module("bench.expressions").TORCH) <= set(peers.PEERS)


def test_every_loss_is_sorted() -> None:
    groups = importlib.import_module("bench.pointwise")
    found = {name: groups.group(loss) for name, loss in fl.LOSSES.items() if name in NAMES}
    assert set(found.values()) <= set(groups.GROUPS)
    assert found["huber"] == found["pseudo_huber"] == "arithmetic"
    assert found["binary_cross_entropy_with_logits"] == found["tweedie"] == "transcendental"


@pytest.mark.full
@pytest.mark.usefixtures("uncompiled")  # what every loss is as a kernel is for tests/kernels, which took 30 s here
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_peer_that_is_here_agrees(dtype: type) -> None:
    peers, timing = (importlib.import_module(f"bench.{name}") for name in ("peers", "timing"))
    # torch.compile takes seconds a loss, and is torch.
    here = [name for name in peers.installed() if name != "torch.compile"]
    assert {"numpy", "scipy", "sklearn"} <= set(here)
    told = {}
    for name in NAMES:
        found = peers.rivals(fl.LOSSES[name], timing.inputs(fl.LOSSES[name], 1000, dtype), here)
        assert ("numpy" in found) == (name in peers.formulas.NUMPY)
        told |= {(name, library): rival.reason for library, rival in found.items() if rival.reason}
    assert told == {}


def test_a_peer_that_computes_something_else_is_not_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peers = importlib.import_module("bench.peers")
    timing = importlib.import_module("bench.timing")
    arrays = timing.inputs(fl.huber, 100, np.float32)
    assert peers.rivals(fl.huber, arrays, ["numpy"])["numpy"].call is not None
    monkeypatch.setitem(peers.formulas.NUMPY, "huber", lambda p, t, delta: ((p - t) ** 2, 2 * (p - t)))
    assert peers.rivals(fl.huber, arrays, ["numpy"])["numpy"].call is None
    assert "huber, numpy: not timed: its value is" in capsys.readouterr().out
    monkeypatch.setitem(peers.formulas.NUMPY, "huber", lambda p, t, delta: (0 * p + fl.huber(p, t), 0 * p))
    assert "gradient differs" in peers.rivals(fl.huber, arrays, ["numpy"])["numpy"].reason


@pytest.mark.full
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_row_peer_that_computes_something_else_is_not_timed(dtype: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows, row_peers = (importlib.import_module(f"bench.{name}") for name in ("rows", "row_peers"))
    logits, labels = rows.logits(20, 50, dtype), rows.labels(20, 50)
    value, grad = fl.cross_entropy.value_and_grad(logits, labels)
    wrong = {
        "numpy": lambda: lambda: (value, grad),
        "value": lambda: lambda: (1.1 * value, grad),
        "grad": lambda: lambda: (value, 1.5 * grad.astype(np.float32)),
        "sklearn": lambda: lambda: (value, 20 * grad.astype(np.float32)),
        "nan": lambda: lambda: (value, np.full_like(grad, np.nan)),
    }
    found = row_peers.rivals("50 classes", wrong, (value, grad), dtype, summed=20)
    assert [name for name, rival in found.items() if rival.call] == ["numpy", "sklearn"]
    printed = capsys.readouterr().out
    assert "50 classes, value: not timed: its value is" in printed
    assert "50 classes, grad: not timed: " in printed and "of its gradient differs" in printed


def test_bare_passes_do_what_their_names_say() -> None:
    timing = importlib.import_module("bench.timing")
    a, b, c = (np.arange(100, dtype=np.float32) * k for k in (1, 10, 0))
    expected = {"c = a - b": a - b, "c = a": a, "c = a + s*b": a + 3 * b}
    assert set(timing.STREAMS) == set(expected)
    for name, call in timing.floor(a, b, c).items():
        call()
        np.testing.assert_array_equal(c, expected[name])


def test_a_loss_without_peers_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    peers, pointwise, timing = (importlib.import_module(f"bench.{name}") for name in ("peers", "pointwise", "timing"))
    monkeypatch.delitem(peers.PEERS, "huber")
    record = pointwise.measure(fl.huber, 1000, "float32", ["numpy", "sklearn"], rounds=2)
    assert set(record["times"]) == {*timing.STREAMS, "out", "fresh"} and not record["not_timed"]
    assert "huber" in pointwise.report([record], ["numpy"])


def test_absent_libraries_are_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    peers = importlib.import_module("bench.peers")
    monkeypatch.setitem(peers.MODULES, "torch", "no_such_library")
    assert peers.installed(["numpy", "torch"]) == ["numpy"]
    assert capsys.readouterr().out == "torch: not installed, skipped\n"
