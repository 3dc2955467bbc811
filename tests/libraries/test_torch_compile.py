"""`fastloss.torch` under `torch.compile` and `torch.export`: one graph, torch's numbers, for every size of a batch."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch._dynamo.testing import CompileCounterWithBackend  # noqa: E402

import fastloss.torch as ours  # noqa: E402  (without torch there is none)
from fastloss.torch.functional import calls  # noqa: E402

theirs, value = torch.nn.functional, torch.ops.fastloss.value.default
Sample = tuple[tuple[Any, ...], dict[str, Any]]


def _draw(*shape: int, dtype: Any, seed: int = 0) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def _of_two(n: int, dtype: Any, change: Callable[[Any], Any] = lambda x: x, **keywords: Any) -> Sample:
    return (_draw(n, 5, dtype=dtype), change(_draw(n, 5, dtype=dtype, seed=1))), keywords


def _labels(n: int, classes: int) -> Any:
    return torch.arange(n) * 7 % classes


def _rows(n: int, dtype: Any, target: Any = None, **keywords: Any) -> Sample:
    return (_draw(n, 5, dtype=dtype), _labels(n, 5) if target is None else target), keywords


def _signs(x: Any) -> Any:
    return x.sign()


def _binary(x: Any) -> Any:
    return (x > 0).to(x.dtype)


def _vectors(n: int, dtype: Any, *targets: Any, count: int = 2, **keywords: Any) -> Sample:
    return (*(_draw(n, 4, dtype=dtype, seed=k) for k in range(count)), *targets), keywords


@pytest.fixture(autouse=True)
def of_any_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is small is computed here, too, but where it is asked which size is small."""
    if "sizes" not in request.fixturenames:
        for table in (calls.COMPILED, calls.LEAST):
            for name in [*table]:
                monkeypatch.delitem(table, name)


SAMPLES: dict[str, Callable[[int, Any], Sample]] = {
    "binary_cross_entropy": lambda n, d: ((_draw(n, 5, dtype=d).sigmoid(), _binary(_draw(n, 5, dtype=d, seed=1))), {}),
    "binary_cross_entropy_with_logits": lambda n, d: _of_two(
        n, d, _binary, pos_weight=_draw(5, dtype=d, seed=2).abs(), weight=_draw(5, dtype=d, seed=3).abs()
    ),
    "cosine_embedding_loss": lambda n, d: _vectors(n, d, _draw(n, dtype=d, seed=3).sign()),
    "cross_entropy": lambda n, d: _rows(n, d, weight=_draw(5, dtype=d, seed=2).abs()),
    "ctc_loss": lambda n, d: (
        (
            _draw(9, n, 5, dtype=d).log_softmax(-1),
            1 + _labels(2 * n, 4).reshape(n, 2),
            torch.full((n,), 9),
            torch.full((n,), 2),
        ),
        {},
    ),
    "gaussian_nll_loss": lambda n, d: (
        (_draw(n, 5, dtype=d), _draw(n, 5, dtype=d, seed=1), _draw(n, 5, dtype=d, seed=2).abs() + 0.5),
        {"full": True},
    ),
    "hinge_embedding_loss": lambda n, d: _of_two(n, d, _signs),
    "huber_loss": lambda n, d: _of_two(n, d, delta=0.7),
    "kl_div": lambda n, d: _of_two(n, d, lambda x: x.softmax(-1), reduction="batchmean"),
    "l1_loss": lambda n, d: _of_two(n, d),
    "margin_ranking_loss": lambda n, d: (
        (_draw(n, dtype=d), _draw(n, dtype=d, seed=1), _draw(n, dtype=d, seed=2).sign()),
        {"margin": 0.3},
    ),
    "mse_loss": lambda n, d: _of_two(n, d),
    "multi_margin_loss": lambda n, d: _rows(n, d, margin=0.7),
    "multilabel_margin_loss": lambda n, d: _rows(n, d, torch.tensor([3, 0, -1, 1, 2]).repeat(n, 1)),
    "multilabel_soft_margin_loss": lambda n, d: _of_two(n, d, _binary),
    "nll_loss": lambda n, d: _rows(n, d, ignore_index=2),
    "poisson_nll_loss": lambda n, d: _of_two(n, d, lambda x: x.abs().round()),
    "smooth_l1_loss": lambda n, d: _of_two(n, d, beta=0.7),
    "soft_margin_loss": lambda n, d: _of_two(n, d, _signs),
    "triplet_margin_loss": lambda n, d: _vectors(n, d, count=3),
    "triplet_margin_with_distance_loss": lambda n, d: _vectors(n, d, count=3),
}
"""Each of torch's 21, with a batch of that size; what has a gradient of each comes in `LEAVES`."""

LEAVES = {"cosine_embedding_loss": 2, "gaussian_nll_loss": 1, "margin_ranking_loss": 2, "triplet_margin_loss": 3,
          "triplet_margin_with_distance_loss": 3}  # fmt: skip


def _sample(name: str, n: int, dtype: Any = torch.float64) -> tuple[list[Any], list[Any], dict[str, Any]]:
    inputs, keywords = SAMPLES[name](n, dtype)
    given = [x.detach().requires_grad_(k < LEAVES.get(name, 1)) for k, x in enumerate(inputs)]
    return given, [x for x in given if x.requires_grad], keywords


def _results(f: Any, name: str, n: int, dtype: Any = torch.float64, **more: Any) -> list[Any]:
    given, leaves, keywords = _sample(name, n, dtype)
    value = f(*given, **keywords, **more)
    return [value, *torch.autograd.grad(value, leaves, torch.ones_like(value))]


# -- The operators ------------------------------------------------------------------------------------------------------


class _Noting(torch.fx.Interpreter):
    """Runs a graph and notes each call of an operator of ours."""

    def __init__(self, graph: Any, calls: list[Any]) -> None:
        super().__init__(graph)
        self.calls = calls

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if str(target).startswith("fastloss."):
            self.calls.append((target, args))
        return super().call_function(target, args, kwargs)


def _calls(f: Any, *inputs: Any, **keywords: Any) -> list[Any]:
    """The operators that a compiled function calls, and what it gives them."""
    torch._dynamo.reset()
    calls: list[Any] = []
    torch.compile(f, backend=lambda graph, _: _Noting(graph, calls).run, fullgraph=True)(*inputs, **keywords)
    return calls


@pytest.mark.parametrize("name", SAMPLES)
def test_each_function_is_one_operator_that_torch_finds_nothing_wrong_with(name: str) -> None:
    given, _, keywords = _sample(name, 6)
    ((operator, (text, tensors)),) = _calls(getattr(ours, name), *given, **keywords)
    # Of elements with one gradient and with two, of rows, and of an algorithm of its own also what they compile to.
    whole = name in ("mse_loss", "gaussian_nll_loss", "cross_entropy", "cosine_embedding_loss")
    tests = ("test_schema", "test_faketensor", "test_autograd_registration", "test_aot_dispatch_dynamic")[: 3 + whole]
    inputs = [x.detach().requires_grad_(x.requires_grad) for x in tensors]
    torch.library.opcheck(operator, (text, inputs), test_utils=tests)


LAYOUTS = {"transposed": lambda x: x.mT.contiguous().mT, "strided": lambda x: x.repeat(1, 2)[:, ::2]}


@pytest.mark.parametrize(
    ("dtype", "layout"), [("float32", "strided"), ("bfloat16", "transposed"), ("float16", "strided")]
)
def test_operators_of_other_types_and_layouts(dtype: str, layout: str) -> None:
    (x, y), _ = _of_two(6, getattr(torch, dtype))
    scores = LAYOUTS[layout](x).detach().requires_grad_()
    for f, target in ((ours.huber_loss, y), (ours.cross_entropy, _labels(6, 5))):
        for reduction in ("mean", "none"):
            for operator, args in _calls(f, scores, target, reduction=reduction):
                torch.library.opcheck(operator, args, test_utils=("test_schema", "test_faketensor"))


@pytest.mark.parametrize("name", ["huber_loss", "cross_entropy"])
def test_an_operator_differentiates_twice(name: str) -> None:
    given, _, keywords = _sample(name, 4)
    ((operator, (text, tensors)),) = _calls(getattr(ours, name), *given, **keywords)
    for f in (lambda x: operator(text, [x, *tensors[1:]])[0], lambda x: value(text, [x, *tensors[1:]])):
        assert torch.autograd.gradcheck(f, given[:1])
        assert torch.autograd.gradgradcheck(f, given[:1])


def test_an_operator_says_that_it_has_no_second_derivative() -> None:
    given, leaves, keywords = _sample("cosine_embedding_loss", 4)
    ((operator, (text, tensors)),) = _calls(ours.cosine_embedding_loss, *given, **keywords)
    for found in (operator(text, tensors)[0], value(text, tensors)):
        with pytest.raises(NotImplementedError, match="cosine_embedding"):
            torch.autograd.grad(found, leaves, create_graph=True)


def test_operators_know_the_results_of_tensors_on_a_gpu() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    given, _, keywords = _sample("cross_entropy", 6)
    ((operator, (text, tensors)),) = _calls(ours.cross_entropy, *given, **keywords)
    mode = FakeTensorMode()
    here = [mode.from_tensor(x.detach()) for x in tensors]
    with mode:
        found, (grad,) = operator(text, [torch.empty_like(x, device="cuda") for x in here])
    assert (found.device.type, grad.device.type, found.shape, grad.shape) == ("cuda", "cuda", (), (6, 5))


# -- Compiled -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_one_graph_serves_every_size_of_a_batch(name: str) -> None:
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(getattr(ours, name), backend=counter, fullgraph=True, dynamic=True)
    graphs = 0
    for n in (6, 9):
        for a, b in zip(_results(compiled, name, n), _results(getattr(theirs, name), name, n), strict=True):
            torch.testing.assert_close(a, b)
        graphs = graphs or counter.frame_count
    assert counter.frame_count == graphs > 0


@pytest.mark.parametrize("sizes", ["fixed", "any"])
@pytest.mark.parametrize("name", ["soft_margin_loss", "cross_entropy", "linear_cross_entropy"])
def test_what_is_known_to_be_small_is_torchs_own(name: str, sizes: str) -> None:
    """A graph that serves several sizes is ours, and the only one."""
    rows, classes = calls.COMPILED[name][1], 10
    given = {
        "soft_margin_loss": lambda n: (torch.zeros(n, classes), torch.zeros(n, classes)),
        "cross_entropy": lambda n: (torch.zeros(n, classes), _labels(n, classes)),
        "linear_cross_entropy": lambda n: (torch.zeros(n, 1), torch.zeros(classes, 1), _labels(n, classes)),
    }[name]
    assert _calls(getattr(ours, name), *given(64)) == []
    torch._dynamo.reset()
    graphs: list[list[str]] = []

    def noted(graph: Any, _: Any) -> Any:
        graphs.append([str(node.target) for node in graph.graph.nodes])
        return lambda *_: (torch.zeros(()),)

    compiled = torch.compile(getattr(ours, name), backend=noted, fullgraph=True, dynamic=sizes == "any")
    for n in (64, 9, rows, rows + 7):
        compiled(*given(n))
    here = [any(target.startswith("fastloss.") for target in targets) for targets in graphs]
    assert here == ([True] if sizes == "any" else [False, False, True, True])


@pytest.mark.parametrize("sizes", [(10, 1_000_000)])
def test_a_declared_range_of_sizes_needs_no_other_graph(sizes: tuple[int, int]) -> None:
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(ours.soft_margin_loss, backend=counter, fullgraph=True)
    for n in sizes:
        given = torch.arange(n) * -1e-5, torch.ones(n)
        for x in given:
            torch._dynamo.mark_dynamic(x, 0, min=2, max=2_000_000)
        torch.testing.assert_close(compiled(*given), theirs.soft_margin_loss(*given))
    assert counter.frame_count == 1


@pytest.mark.parametrize(("name", "sizes"), [("cross_entropy", 0), ("cross_entropy", 1), ("mse_loss", 0)])
def test_sizes_that_depend_on_numbers_stand_in_a_whole_graph(name: str, sizes: int) -> None:
    """Those of a batch, or of the classes."""
    x, keep = _draw(6, 6, dtype=torch.float64), torch.arange(6) % 3 > 0
    target = _labels(6, 4) if name == "cross_entropy" else x.sin()

    def kept(x: Any, y: Any, keep: Any) -> Any:
        return (x[:, keep], y) if sizes else (x[keep], y[keep])

    torch._dynamo.reset()
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        compiled = torch.compile(
            lambda x, y, keep: getattr(ours, name)(*kept(x, y, keep)), backend="aot_eager", fullgraph=True
        )
        found = compiled(x, target, keep)
    torch.testing.assert_close(found, getattr(theirs, name)(*kept(x, target, keep)))


@pytest.mark.parametrize("name", ["cross_entropy", "huber_loss", "triplet_margin_loss"])
def test_losses_of_each_element_row_and_sample(name: str) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(getattr(ours, name), backend="aot_eager", fullgraph=True, dynamic=True)
    for n in (6, 3):
        found, expected = (_results(f, name, n, reduction="none") for f in (compiled, getattr(theirs, name)))
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b)


def test_gradients_through_what_was_compiled() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(lambda x, y: ours.cross_entropy(2 * x, y), backend="aot_eager", fullgraph=True)
    (scores, labels), _ = _rows(4, torch.float64)
    assert torch.autograd.gradcheck(compiled, (scores.requires_grad_(), labels))


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_tangents_in_what_is_compiled() -> None:
    """Torch's own formula has them, and what has none is not compiled; they are never left out."""
    (scores, labels), _ = _rows(4, torch.float64)

    def change(face: Any, x: Any) -> Any:
        return torch.func.jvp(lambda z: face(z, labels), (x,), (x,))[1]

    torch._dynamo.reset()
    compiled = torch.compile(change, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(ours.cross_entropy, scores), change(ours.cross_entropy, scores))
    with pytest.raises(torch._dynamo.exc.Unsupported, match="no forward mode"):
        compiled(ours.multiclass_focal, scores)


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # which torch reads where a graph ends
@pytest.mark.parametrize("name", ["cross_entropy", "multiclass_focal"])
def test_what_overwrites_the_scores_is_between_graphs(name: str) -> None:
    scores, labels = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 0])

    def called(x: torch.Tensor) -> torch.Tensor:
        return getattr(ours, name)(2 * x, labels, inplace=True)

    found = []
    torch._dynamo.reset()
    for run in (called, torch.compile(called, backend="eager")):
        leaf = scores.clone().requires_grad_()
        run(leaf).backward()
        found.append(leaf.grad)
    torch.testing.assert_close(*found)
    torch._dynamo.reset()
    whole = torch.compile(called, backend="eager", fullgraph=True)
    with pytest.raises(torch._dynamo.exc.Unsupported, match="inplace=True is not for a whole graph"):
        whole(scores.requires_grad_())


@pytest.mark.parametrize("name", ["multiclass_focal", "giou_loss"])
def test_functions_of_the_librarys_own_losses(name: str) -> None:
    given = {"multiclass_focal": _rows(6, torch.float64)[0], "giou_loss": (_boxes(0), _boxes(1))}[name]
    function, leaf = getattr(ours, name), given[0].requires_grad_()
    torch._dynamo.reset()
    compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
    found, expected = (f(leaf, *given[1:]) for f in (compiled, function))
    assert found.item() == expected.item()
    (a,), (b,) = (torch.autograd.grad(x, leaf) for x in (found, expected))
    torch.testing.assert_close(a, b, rtol=0, atol=0)
    with torch._dynamo.config.patch(error_on_recompile=True):
        assert compiled(leaf, *given[1:]).item() == found.item()


def _boxes(seed: int) -> Any:
    return _draw(5, 4, dtype=torch.float64, seed=seed).abs().cumsum(-1)


class _Network(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(5, 7)
        self.loss = ours.CrossEntropyLoss(label_smoothing=0.1)

    def forward(self, x: Any, y: Any) -> Any:
        return self.loss(self.layer(x).relu(), y)

    def reference(self, x: Any, y: Any) -> Any:
        return theirs.cross_entropy(self.layer(x).relu(), y, label_smoothing=0.1)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # Inductor's own
def test_inductor_and_export_hold_the_same_operator() -> None:
    torch._dynamo.reset()
    network = _Network().double()
    given = _draw(12, 5, dtype=torch.float64), _labels(12, 7)
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(network, given, dynamic_shapes=({0: batch}, {0: batch}))
    assert sum(str(node.target) == "fastloss.value_and_grad.default" for node in program.graph.nodes) == 1
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    for run in (torch.compile(network, fullgraph=True), torch.export.load(file).module()):
        for n in (12, 5):
            part = [x[:n] for x in given]
            owner = run if hasattr(run, "layer") else network
            value, expected = run(*part), network.reference(*part)
            torch.testing.assert_close(value, expected)
            found = torch.autograd.grad(value, list(owner.layer.parameters()))
            for a, b in zip(found, torch.autograd.grad(expected, list(network.layer.parameters())), strict=True):
                torch.testing.assert_close(a, b)


# -- Mixed precision ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_gives_the_types_that_torch_gives(dtype: Any, computed: list[str]) -> None:
    for name in ("mse_loss", "cross_entropy", "multilabel_soft_margin_loss"):
        (x, y), keywords = SAMPLES[name](6, dtype)
        leaf = x.requires_grad_()
        for on in (True, False):
            with torch.autocast("cpu", dtype, enabled=on):
                found, expected = (getattr(m, name)(leaf, y, **keywords) for m in (ours, theirs))
            assert (found.dtype, torch.autograd.grad(found, leaf)[0].dtype) == (expected.dtype, dtype)
            torch.testing.assert_close(
                found, expected, rtol=0.02, atol=0.02
            )  # torch adds up in 16 bits where it is off
    with torch.autocast("cpu", dtype):  # of two types
        mixed = ours.binary_cross_entropy_with_logits(leaf, _binary(_draw(6, 5, dtype=torch.float32)))
    assert mixed.dtype == torch.float32
    assert torch.autograd.grad(mixed, leaf)[0].dtype == dtype
    assert len(computed) == 7


@pytest.mark.parametrize("how", ["compiled", "exported"])
def test_a_module_is_the_operator_of_its_function(how: str) -> None:
    scores, labels = _draw(6, 5, dtype=torch.float32), _labels(6, 5)
    module, counted = ours.CrossEntropyLoss(label_smoothing=0.1), CompileCounterWithBackend("eager")
    if how == "compiled":
        found = torch.compile(module, backend=counted, fullgraph=True)(scores, labels)
        (graph,) = counted.graphs
    else:
        program = torch.export.export(module, (scores, labels))
        found, graph = program.module()(scores, labels), program.graph_module
    called = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    assert value in called and not [f for f in called if "cross_entropy" in str(f)]
    torch.testing.assert_close(found, theirs.cross_entropy(scores, labels, label_smoothing=0.1))
