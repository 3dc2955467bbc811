"""Losses as functions of torch's CUDA tensors: the laws that hold on the CPU, and what only a device can get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from sysconfig import get_path
from typing import Any

import pytest

import fastloss as fl
from fastloss.kernels.cuda import launch

torch = pytest.importorskip("torch")

import torchcases  # noqa: E402
import torchlaws  # noqa: E402
from torchcases import NAMES, ONCE, TORCHS, both, placed  # noqa: E402

from fastloss.torch import function, functional  # noqa: E402
from fastloss.torch.functional import calls  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default", "ignore:.torch.jit.script:DeprecationWarning")

CASES = torchcases.cases(24_008, 130, 8_000)
HERE = [name for name in NAMES if name not in TORCHS]
HEADERS = Path(get_path("include")) / "Python.h"


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few numbers are computed here, too: not a layer's, whose size decides as on the CPU."""
    monkeypatch.setattr(calls, "ON_GPU", 0)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the losses that are computed here."""
    run, found = calls.run, []

    def counted(call: Any, tensors: Any, **keywords: Any) -> Any:
        found.append(call.loss.name)
        return run(call, tensors, **keywords)

    monkeypatch.setattr(calls, "run", counted)
    return found


@contextmanager
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever waits for the device, torch or this library, is an error."""

    def wait(*_: Any) -> None:
        raise AssertionError("the device was waited for")

    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(launch.gpu(), "wait", wait)
            yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


# -- Each of torch's functions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients(name: str, dtype: Any, computed: list[str]) -> None:
    if name in ("ctc_loss", "multilabel_margin_loss") and dtype is torch.bfloat16:
        pytest.skip("torch has none of 16 bits")
    # Distances of 16 bits are rounded before margins decide, so that torch's own are others than in float64.
    law = torchcases.handed_over if name in TORCHS and dtype is torch.bfloat16 else torchcases.values_and_gradients
    law(name, CASES[name], "cuda", dtype)
    assert bool(computed) is (name in HERE)
    fl.synchronize()


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ONCE])
def test_second_derivatives(name: str, computed: list[str]) -> None:
    torchcases.second_derivatives(name, CASES[name], "cuda")
    assert bool(computed) is (name in HERE)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("ctc_loss", "multilabel_margin_loss")])
def test_autocast_types(name: str) -> None:
    torchcases.autocast_types(name, CASES[name], "cuda")


@pytest.mark.parametrize("name", HERE)
def test_nothing_waits_in_functions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither forward nor backward."""
    args, leaves = placed(CASES[name], "cuda", torch.float32)
    given = getattr(functional, name), args, leaves
    for _ in range(2):  # compiled and remembered by now
        expected = both(*given, **CASES[name].keywords)
    with no_waiting(monkeypatch):
        found = both(*given, **CASES[name].keywords)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", HERE)
def test_graphs_of_functions(name: str) -> None:
    """Forward and backward, captured once and replayed with other numbers in the same tensors."""
    args, leaves = placed(CASES[name], "cuda", torch.float32)
    given = getattr(functional, name), args, leaves
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            both(*given, **CASES[name].keywords)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = both(*given, **CASES[name].keywords)
    with torch.no_grad():
        leaves[0].copy_(leaves[0].flip(0))
    graph.replay()
    for a, b in zip(found, both(*given, **CASES[name].keywords), strict=True):
        assert torch.equal(a, b)
    torch.cuda.synchronize()


@pytest.mark.parametrize("name", HERE)
def test_functions_on_the_callers_stream(name: str) -> None:
    """Which has work to do yet: its tensors have no numbers when the calls are made."""
    case = CASES[name]
    args, leaves = placed(case, "cuda", torch.float32)
    expected = both(getattr(functional, name), args, leaves, **case.keywords)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)
        copies = [x.detach().clone() if torch.is_tensor(x) else x for x in args]
        for k in case.places:
            copies[k].requires_grad_()
        found = both(getattr(functional, name), copies, [copies[k] for k in case.places], **case.keywords)
    stream.synchronize()
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("device", [f"cuda:{k}" for k in range(torch.cuda.device_count())])
def test_each_device(device: str) -> None:
    """Also one that is not the current one, which stays what it is."""
    before = torch.cuda.current_device()
    for name in ("mse_loss", "cross_entropy"):
        torchcases.values_and_gradients(name, CASES[name], device, torch.float32)
    assert torch.cuda.current_device() == before


# -- Options that a device could get wrong -----------------------------------------------------------------------------


def test_weights_and_options(computed: list[str]) -> None:
    """Weights, smoothing, ignored labels, masses, classes on axis 1, arrays of parameters: as torch in float64."""
    x, labels = torch.randn(64, 9, 5, dtype=torch.float64), torch.randint(9, (64, 5))
    labels[::7] = -100
    weight, rows = torch.rand(9, dtype=torch.float64) + 0.5, torch.randn(64, 9, dtype=torch.float64)
    masses, whole = rows.flip(0).softmax(-1), torch.randint(9, (64,))
    cases = [
        ("cross_entropy", [x, labels], {"weight": weight}), ("cross_entropy", [x, labels], {"label_smoothing": 0.1}),
        ("cross_entropy", [x, labels], {"label_smoothing": 0.1, "weight": weight}),
        ("cross_entropy", [rows, masses], {}), ("cross_entropy", [rows[0], whole[0]], {}),
        ("multi_margin_loss", [rows, whole], {"weight": weight, "p": 2}),
        ("multilabel_soft_margin_loss", [rows, masses], {"weight": weight}),
        ("binary_cross_entropy_with_logits", [rows, masses], {"weight": weight, "pos_weight": weight.flip(0)}),
        ("binary_cross_entropy_with_logits", [rows, masses], {"pos_weight": weight[:1]}),
        ("huber_loss", [rows, masses], {"weight": rows.abs()}), ("mse_loss", [rows, masses], {"weight": rows.abs()}),
        ("kl_div", [rows.log_softmax(-1), masses.log()], {"log_target": True, "reduction": "batchmean"}),
        ("gaussian_nll_loss", [rows, masses, rows[:, :1].abs() + 0.1], {"full": True}),
        ("gaussian_nll_loss", [rows, masses, rows.abs() * 1e-7], {}),
    ]  # fmt: skip
    for name, args, keywords in cases:
        exact = [args[0].clone().requires_grad_(), *args[1:]]
        there = [v.to("cuda") for v in args]
        there[0].requires_grad_()
        on = {n: v.to("cuda") if torch.is_tensor(v) else v for n, v in keywords.items()}
        found = both(getattr(functional, name), there, there[:1], **on)
        for a, b in zip(found, both(torchcases.native(name), exact, exact[:1], **keywords), strict=True):
            torch.testing.assert_close(a.cpu(), b, rtol=1e-9, atol=1e-11, msg=f"{name} {[*keywords]}")
    assert len(computed) == len(cases) - 1  # smoothing and weights are torch's, which must not be asked for zeros
    fl.synchronize()


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.int16, torch.uint8], ids=str)
def test_labels_of_any_integer(kind: Any) -> None:
    x, labels = torch.randn(200, 17, device="cuda", requires_grad=True), torch.randint(17, (200,), device="cuda")
    found = both(function(fl.LOSSES["cross_entropy"]), [x, labels.to(kind)], [x])
    for a, b in zip(found, both(torch.nn.functional.cross_entropy, [x, labels], [x]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_modules_go_where_their_tensors_go() -> None:
    x, y = torch.randn(50, 3, device="cuda", requires_grad=True), torch.rand(50, 3, device="cuda")
    weight = torch.tensor([0.5, 1.0, 2.0])
    ours, theirs = (m.BCEWithLogitsLoss(pos_weight=weight).cuda() for m in (fl.torch, torch.nn))
    for a, b in zip(both(ours, [x, y], [x]), both(theirs, [x, y], [x]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["mse_loss", "cross_entropy"])
@pytest.mark.skipif(
    not (find_spec("triton") and (which("cc") or which("gcc") or which("clang")) and HEADERS.exists()),
    reason="torch.compile on a GPU needs Triton, and a C compiler and Python.h for what Triton makes",
)
def test_compiled(name: str) -> None:
    """By torch's own compiler, in one graph."""
    args, leaves = placed(CASES[name], "cuda", torch.float32)
    ours = getattr(functional, name)
    compiled = torch.compile(lambda *a: ours(*a) * 2.0, fullgraph=True)
    expected = both(lambda *a: ours(*a) * 2.0, args, leaves)
    for _ in range(2):
        for a, b in zip(both(compiled, args, leaves), expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


# -- Any loss as a function --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", torchlaws.CLOSE, ids=str)
def test_first_derivatives(dtype: Any) -> None:
    torchlaws.first_derivatives("cuda", dtype)


@pytest.mark.parametrize("law", torchlaws.LAWS)
def test_laws(law: Any) -> None:
    law("cuda")


def test_nothing_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the number from above is on the device."""
    loss = function(fl.squared_error)
    x, y, above = (torch.randn(1000, device="cuda") for _ in range(3))
    x.requires_grad_()
    loss(x, y).backward(above[0])  # compiled by now
    with no_waiting(monkeypatch):
        loss(x, y).backward(above[0])


def test_tensors_in_two_places_are_an_error() -> None:
    x, y = torch.zeros(2, device="cuda"), torch.zeros(2)
    for given in ((x, y), (y, x)):
        with pytest.raises(ValueError, match="target is on device .*, and pred on .*: move one of them"):
            function(fl.squared_error)(*given)
    with pytest.raises(TypeError, match="giou_loss: pred is .*in GPU memory"):
        function(fl.giou_loss)(torch.zeros(1, 4, device="cuda"), torch.zeros(1, 4, device="cuda"))


def test_a_tensor_that_is_to_be_negated() -> None:
    x = torch.randn(8, dtype=torch.complex64, device="cuda").conj().imag
    y = torch.zeros(8, device="cuda")
    torch.testing.assert_close(function(fl.squared_error)(x, y), x.square().mean())
