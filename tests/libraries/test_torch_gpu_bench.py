"""`bench.gpu` from its first line to its last, with a GPU that is the host's: what fails there costs only itself."""

from __future__ import annotations

import importlib
import json
import sys
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fastloss as fl

torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]


class Event:
    """torch.cuda.Event, by the host's clock."""

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None:
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, end: Event) -> float:
        return 1e3 * (end.time - self.time)


def hosts(x: Any) -> Any:
    x = x.detach()
    return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16) if x.dtype is torch.bfloat16 else x.numpy()


def tensor(x: Any) -> Any:
    brain = x.dtype == ml_dtypes.bfloat16
    return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16) if brain else torch.from_numpy(x)


class Liger(torch.nn.Module):
    """Of which the logits are gradients afterwards."""

    def forward(self, logits: Any, labels: Any) -> Any:
        return Written.apply(logits, labels)


class Written(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Any, labels: Any) -> Any:
        value, grad = fl.cross_entropy.value_and_grad(logits.detach(), labels)
        ctx.save_for_backward(logits.detach().copy_(grad))
        return value

    @staticmethod
    def backward(ctx: Any, _: Any) -> Any:
        return ctx.saved_tensors[0], None


def module(monkeypatch: pytest.MonkeyPatch, name: str, **contents: Any) -> None:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    vars(made).update(contents)
    monkeypatch.setitem(sys.modules, name, made)


def nothing(*args: Any) -> None:
    pass


def no_compiler(forward: Any) -> Any:
    raise AssertionError  # without a word, as an assert


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    card = SimpleNamespace(name="a card", total_memory=1 << 30, multi_processor_count=1)
    for name, value in {
        "is_available": lambda: True, "Event": Event, "synchronize": nothing, "empty_cache": nothing,
        "reset_peak_memory_stats": nothing, "memory_allocated": lambda: 0, "max_memory_allocated": lambda: 0,
        "get_device_properties": lambda _: card,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.Tensor, "cuda", lambda x: x)
    for name in ("randn", "randint"):
        make = getattr(torch, name)
        monkeypatch.setattr(
            torch, name, lambda *a, make=make, **k: make(*a, **{n: v for n, v in k.items() if n != "device"})
        )
    # Each has its own copy of the verbs, from when one is first looked up.
    for kind in [type(loss) for loss in fl.LOSSES.values() if loss.value_and_grad]:
        verb = kind.value_and_grad

        def value_and_grad(loss: Any, *inputs: Any, verb: Any = verb, out: Any = None, **options: Any) -> Any:
            given = {} if out is None else {"out": hosts(out)}
            value, grad = verb(loss, *map(hosts, inputs), **given, **options)
            return torch.tensor(float(value)), tensor(grad) if out is None else out

        monkeypatch.setattr(kind, "value_and_grad", value_and_grad)
    monkeypatch.setattr(importlib.import_module("bench.frameworks"), "compiled", no_compiler)
    module(monkeypatch, "liger_kernel")
    module(monkeypatch, "liger_kernel.transformers", LigerCrossEntropyLoss=Liger)
    module(monkeypatch, "quack")  # which lacks what is imported of it
    measured = importlib.import_module("bench.gpu")
    monkeypatch.setattr(measured, "SAMPLE", 1e-4)
    return measured


ARGUMENTS = ["--quick", "--losses", "huber,root_mean_squared_error", "--classes", "1000"]


def test_everything_is_measured(gpu: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([*ARGUMENTS, "--json", str(tmp_path / "gpu.json")]) == 0
    written = json.loads((tmp_path / "gpu.json").read_text())
    records = {f"{r['loss']}, {r['subject']}, {r['dtype']}": r for r in written["records"] if "times" in r}
    assert (len(records), len(written["records"])) == (5, 6)
    assert written["card"]["name"] == "a card" and written["failed"] == {}
    for dtype in ("float32", "bfloat16"):
        found = records[f"cross_entropy, {dtype}, 1000 classes, {dtype}"]
        assert {*found["times"]} == {"fastloss", "copy", "torch", "liger"}
        assert found["not_timed"]["torch.compile"] == "AssertionError: -"
        assert "No module named" in found["not_timed"]["quack"]
        assert {*records[f"huber, 1,048,576 elements, {dtype}"]["times"]} == {"fastloss", "copy", "torch"}
    small = records["huber, a call on 8 numbers, float32"]
    assert {*small["times"]} == {"fastloss", "fastloss, out=", "torch"} and {*small["not_timed"]} == {"torch.compile"}
    assert "MISSED" in capsys.readouterr().out


def test_a_case_that_fails_costs_only_itself(
    gpu: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing() -> int:
        raise RuntimeError("out of memory\nand more lines")

    monkeypatch.setattr(torch.cuda, "memory_allocated", failing)
    assert gpu.main([*ARGUMENTS, "--dtype", "float32", "--json", str(tmp_path / "gpu.json")]) == 1
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert [r["subject"] for r in written["records"]] == [
        "a call on 8 numbers", "float32, 1000 classes", "1,048,576 elements"
    ]  # fmt: skip
    assert written["failed"] == {"memory": "RuntimeError: out of memory"}
    assert "FAILED: memory: RuntimeError: out of memory" in capsys.readouterr().out


def test_what_was_measured_is_kept_when_the_run_is_ended(
    gpu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gpu, "pointwise", ended)
    with pytest.raises(KeyboardInterrupt):
        gpu.main([*ARGUMENTS, "--dtype", "float32", "--json", str(tmp_path / "gpu.json")])
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert [r["loss"] for r in written["records"]] == ["huber", "huber", "cross_entropy"]


def test_each_function_is_timed_and_what_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    """`bench.torch_cuda`, on the CPU, of 8 numbers, where the functions here are torch's."""
    monkeypatch.syspath_prepend(str(ROOT))
    bench: Any = importlib.import_module("bench.torch_cuda")
    interleaved = bench.interleaved
    monkeypatch.setattr(bench, "SAMPLE", 1e-6)
    monkeypatch.setattr(bench, "interleaved", lambda *given: 1 // len(failing) and interleaved(*given))
    path, line = tmp_path / "found.json", ["--device", "cpu", "--quick", "--json"]
    failing = ["one"]
    assert bench.main([*line, str(path), "--functions", "mse_loss,kl_div"]) == 0
    assert [r["function"] for r in json.loads(path.read_text())["records"]] == ["mse_loss", "kl_div"]
    failing.clear()
    assert bench.main([*line, str(path), "--functions", "l1_loss,huber_loss"]) == 1
    assert "ZeroDivisionError: integer division or modulo by zero: l1_loss 8, huber_loss 8" in capsys.readouterr().out
    assert len(json.loads(path.read_text())["records"]) == 2
