"""Every option of torch's loss functions beside torch's own, what is left to torch, and errors.

Kernels are plain Python here, but where a test says otherwise: what they compute is other tests' subject.
"""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torchface import INPUTS, derivatives, numbers, same  # noqa: E402

F = torch.nn.functional


# -- Every option ------------------------------------------------------------------------------------------------------


@pytest.fixture
def beside(flt: Any, computed: list[str]) -> Any:
    """Whether a function is torch's, and computed here."""
    torch.manual_seed(2)

    def check(name: str, *args: Any, places: tuple[int, ...] | None = None, order: int = 2, **keywords: Any) -> None:
        computed.clear()
        given = [*args], keywords, INPUTS.get(name, (0,)) if places is None else places, order
        found, expected = derivatives(getattr(flt, name), *given), derivatives(getattr(F, name), *given)
        same(name, found, expected)
        assert computed, (name, keywords)

    return check


SOME = [*product([False, True], [0.0, 0.2], [(5,), (4, 5), (3, 5, 2)])]


@pytest.mark.parametrize(("weighted", "smoothing", "shape"), SOME)
def test_cross_entropies(
    weighted: bool, smoothing: float, shape: tuple[int, ...], beside: Any, uncompiled: None
) -> None:
    axis = min(len(shape), 2) - 1
    rest = shape[:axis] + shape[axis + 1 :]
    weight = numbers(5, low=0.5) if weighted else None
    labels, masses = torch.randint(5, rest), numbers(*shape, low=0.0)
    for reduction in ("mean", "sum", "none"):
        given = {"weight": weight, "reduction": reduction}
        x = numbers(*shape)
        beside("cross_entropy", x, labels, label_smoothing=smoothing, **given)
        beside("cross_entropy", x, masses, label_smoothing=smoothing, places=(0,), **given)
        if len(rest):
            beside("cross_entropy", x, labels, label_smoothing=smoothing, ignore_index=int(labels.ravel()[0]), **given)
        if not smoothing:
            beside("nll_loss", x.log_softmax(axis), labels, **given)
            if len(shape) < 3:
                beside("multi_margin_loss", x, labels, p=2, margin=0.5, order=1, **given)
                masses = (masses > 1.0).double()
                beside("multilabel_soft_margin_loss", x, masses, places=(0,), **given)
                rows = torch.stack([torch.randperm(5) for _ in range(len(x))]) if axis else torch.randperm(5)
                rows[..., 2] = -1
                beside("multilabel_margin_loss", x, rows, order=1, reduction=reduction)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_elements(reduction: str, beside: Any, uncompiled: None) -> None:
    x, y, weight = numbers(3, 4), numbers(3, 4), numbers(3, 4, low=0.0)
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        beside(name, x, y, weight=weight, reduction=reduction)
    beside("huber_loss", x, y, delta=0.5, weight=weight, reduction=reduction)
    beside("smooth_l1_loss", x, y, beta=0.5, reduction=reduction)
    beside("smooth_l1_loss", x, y, beta=0, reduction=reduction)
    p, t = numbers(3, 4, low=0.1, high=0.9), numbers(3, 4, low=0.0, high=1.0)
    beside("binary_cross_entropy", p, t, weight=weight[0], reduction=reduction)
    for positive in (numbers(4, low=0.5), numbers(1, low=0.5)):
        beside("binary_cross_entropy_with_logits", x, t, weight=weight[:, :1], pos_weight=positive, reduction=reduction)
    signs = (t - 0.5).sign()
    beside("soft_margin_loss", x, signs, reduction=reduction)
    beside("hinge_embedding_loss", x, signs, margin=0.5, reduction=reduction)
    beside("margin_ranking_loss", x, y, signs, margin=0.25, reduction=reduction)
    beside("poisson_nll_loss", x, t, reduction=reduction)
    beside("gaussian_nll_loss", x, y, p, full=True, reduction=reduction)
    for several in (p[:, 0], p[:1]):
        beside("gaussian_nll_loss", x, y, several, reduction=reduction)
    beside("gaussian_nll_loss", x, y, 0.5, places=(0,), reduction=reduction)


@pytest.mark.parametrize("reduction", ["mean", "sum", "batchmean"])
def test_divergences(reduction: str, beside: Any, uncompiled: None) -> None:
    for shape in ((4,), (3, 4), (2, 3, 4)):
        x, y = (numbers(*shape).log_softmax(-1) for _ in range(2))
        beside("kl_div", x, y.exp(), reduction=reduction)
        beside("kl_div", x, y, log_target=True, reduction=reduction)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_vectors(reduction: str, beside: Any, uncompiled: None) -> None:
    a, b, c = (numbers(4, 3) for _ in range(3))
    beside("triplet_margin_loss", a, b, c, margin=0.5, eps=1e-3, reduction=reduction)
    near = torch.nn.PairwiseDistance(eps=1e-4)
    beside("triplet_margin_with_distance_loss", a, b, c, distance_function=near, reduction=reduction)
    beside("triplet_margin_with_distance_loss", a, b, c, margin=2.0, reduction=reduction)
    beside("cosine_embedding_loss", a, b, torch.tensor([1, -1, 1, -1]), margin=0.1, reduction=reduction)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_sequences_with_kernels(reduction: str, beside: Any, one_thread: None) -> None:
    logs = numbers(6, 2, 4).log_softmax(-1)
    for targets in (torch.tensor([[1, 2, 2], [3, 1, 0]]), torch.tensor([1, 2, 2, 3, 1])):
        beside("ctc_loss", logs, targets, [6, 5], (3, 2), reduction=reduction, order=1)
    beside("ctc_loss", logs[:, 0], torch.tensor([0, 2]), torch.tensor(6), torch.tensor(2), blank=3, order=1)


def test_a_linear_layer(beside: Any, uncompiled: None) -> None:
    x, layer, bias, weight = numbers(6, 3), numbers(4, 3), numbers(4), numbers(4, low=0.5)
    labels, masses = torch.tensor([0, 3, -100, 1, 1, 2]), numbers(6, 4, low=0.0)
    for reduction in ("mean", "sum"):
        given = {"weight": weight, "linear_bias": bias, "reduction": reduction}
        beside("linear_cross_entropy", x, layer, labels, **given)
        beside("linear_cross_entropy", x, layer, masses, label_smoothing=0.1, **given)
    beside("linear_cross_entropy", x[0], layer, labels[0])


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_sixteen_bits_are_computed_in_more(kind: str, flt: Any, computed: list[str], uncompiled: None) -> None:
    torch.manual_seed(3)
    x, y, labels = numbers(4, 5).to(getattr(torch, kind)), numbers(4, 5).to(getattr(torch, kind)), torch.arange(4)
    for name, other in (("mse_loss", y), ("binary_cross_entropy_with_logits", y.sigmoid()), ("cross_entropy", labels)):
        wide = other.float() if other.is_floating_point() else other
        (value, grad), (expected, slope) = (
            derivatives(function, [a, b], {}, (0,), 1)
            for function, a, b in ((getattr(flt, name), x, other), (getattr(F, name), x.float(), wide))
        )
        assert grad.dtype == x.dtype
        torch.testing.assert_close(value.float(), expected, rtol=1e-2, atol=1e-3)
        torch.testing.assert_close(grad.float(), slope, rtol=1e-2, atol=1e-3)
    assert len(computed) == 3


@pytest.mark.filterwarnings("ignore:size_average and reduce args will be deprecated")
@pytest.mark.parametrize("older", [{"size_average": False}, {"reduce": False}, {"size_average": True, "reduce": True}])
def test_older_spellings_of_the_reduction(older: dict[str, bool], beside: Any, uncompiled: None) -> None:
    x, y = numbers(3, 4), numbers(3, 4)
    for name, target in (("l1_loss", y), ("cross_entropy", torch.tensor([0, 2, 1])), ("soft_margin_loss", y.sign())):
        beside(name, x, target, places=(0,), **older)


# -- What is handed over, and what is an error -------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:size_average and reduce args will be deprecated")
def test_options_that_are_torchs_own(flt: Any, computed: list[str]) -> None:
    a, b, c = (numbers(4, 3) for _ in range(3))
    counts = c.abs().round()
    for name, args, keywords in (
        ("triplet_margin_loss", (a, b, c), {"swap": True}),
        ("triplet_margin_loss", (a, b, c), {"p": 1}),
        ("triplet_margin_with_distance_loss", (a, b, c), {"distance_function": lambda x, y: (x - y).abs().sum(-1)}),
        ("poisson_nll_loss", (a.abs(), counts), {"log_input": False}),
        ("poisson_nll_loss", (a, counts), {"full": True}),
        ("kl_div", (a.log_softmax(-1), b.softmax(-1)), {"reduction": "none"}),
        ("kl_div", (a.log_softmax(-1), b.softmax(-1)), {"reduction": "batchmean", "reduce": True}),
        ("nll_loss", (a, torch.tensor([0, 2, 1, 1])), {"weight": torch.tensor([1.0, -1.0, 2.0]).double()}),
        ("cross_entropy", (a.float(), torch.tensor([0, 2, 1, 1], dtype=torch.uint8)), {}),
        ("multilabel_margin_loss", (a, torch.tensor([[1, 1, -1]] * 4)), {}),
        ("gaussian_nll_loss", (a, b, c.abs() * 1e-9), {}),
        ("hinge_embedding_loss", (a, b), {}),
        ("l1_loss", (a * 1j, b * 1j), {}),
    ):
        assert torch.equal(getattr(flt, name)(*args, **keywords), getattr(F, name)(*args, **keywords)), name
    assert not computed


def test_bad_input_is_one_clear_error(flt: Any, computed: list[str], uncompiled: None) -> None:
    x, y, labels = numbers(4, 3), numbers(4, 3), torch.tensor([0, 2, 1, 1])
    whole, away, wanted = torch.ones(4, 3, dtype=torch.int64), y.to("meta"), y.sign().requires_grad_()
    for name, args, text in (
        ("mse_loss", (whole, whole), "input is a tensor of int64"),
        ("cross_entropy", (whole, labels), "input is a tensor of int64"),
        ("cross_entropy", (x * 1j, labels), "input is a tensor of complex128"),
        ("cross_entropy", (x, labels.to("meta")), "target is .* on meta"),
        ("cross_entropy", (x, labels + 1), r"target\[1\] is 3"),
        ("mse_loss", (x, away), "target is .* on meta"),
        ("binary_cross_entropy", (x.sigmoid(), away), "target is .* on meta"),
        ("soft_margin_loss", (x, wanted), "target is .* requires grad"),
        ("hinge_embedding_loss", (x, wanted), "target requires grad"),
        ("cosine_embedding_loss", (x, y, wanted[:, 0]), "target requires grad"),
        ("binary_cross_entropy", (x, x), r"pred\[.*\] is"),
        ("ctc_loss", (x.log_softmax(-1)[:, None], torch.tensor([[0]]), [4], [1]), "blank"),
        ("ctc_loss", (x.log_softmax(-1)[:, None], torch.tensor([[1]]), [5], [1]), r"input_lengths"),
    ):
        with pytest.raises((ValueError, TypeError, RuntimeError, IndexError, NotImplementedError), match=text):
            getattr(flt, name)(*args).sum().backward()
    assert not computed


def test_what_torch_refuses_is_not_computed(flt: Any, computed: list[str]) -> None:
    x, labels = numbers(4, 3), torch.tensor([0, 2, 1, 1])
    logs, one = x.log_softmax(-1), torch.tensor(1)
    for name, args, keywords in (
        ("cross_entropy", (x, labels), {"ignore_index": None}),
        ("cross_entropy", (x, labels), {"ignore_index": True}),
        ("nll_loss", (x, labels), {"ignore_index": 1.0}),
        ("cross_entropy", (x, None), {}),
        ("soft_margin_loss", (x,), {"target": None}),
        ("triplet_margin_loss", (x, x, None), {}),
        ("gaussian_nll_loss", (x, None, x.abs()), {}),
        ("multilabel_margin_loss", (x, torch.tensor([[1, -1, 3]] * 4)), {}),
        ("ctc_loss", (logs, torch.tensor([1, 2]), 4 * one, one), {}),
    ):
        with pytest.raises((TypeError, RuntimeError), match=f"^{name}: "):
            getattr(flt, name)(*args, **keywords)
    batch = torch.tensor([[1, 2]])
    assert flt.ctc_loss(logs, batch, 4 * one, 2 * one) == F.ctc_loss(logs, batch, 4 * one, 2 * one)
    assert not computed


def test_errors_do_not_depend_on_the_size(flt: Any) -> None:
    x, target = numbers(4, 3), torch.ones(4, dtype=torch.float64, requires_grad=True)
    logs = x.log_softmax(-1)[:, None]
    with pytest.raises(ValueError, match="target requires grad"):
        flt.cosine_embedding_loss(x, x, target)
    with pytest.raises(ValueError, match="target requires grad"):
        flt.hinge_embedding_loss(x[:, 0], target=target)
    with pytest.raises(ValueError, match=r"targets\[0, 1\] is 0.*blank"):
        flt.ctc_loss(logs, torch.tensor([[1, 0]]), [4], [2])
    assert flt.ctc_loss(logs, torch.tensor([[1, 0]]), [4], [1]) == F.ctc_loss(logs, torch.tensor([[1]]), [4], [1])


def test_sizes_decide(flt: Any) -> None:
    """With kernels: above and below the table's sizes the results are the same."""
    from fastloss.torch.functional import calls

    torch.manual_seed(4)
    x = numbers(calls.LEAST["mse_loss"][0] + 1, dtype=torch.float32)
    for given in (x, x[:3]):
        found, expected = (derivatives(f, [given, given.sin()], {}, (0,), 1) for f in (flt.mse_loss, F.mse_loss))
        same("mse_loss", found, expected, rtol=1e-5, atol=1e-6)


def test_sizes_decide_on_a_gpu() -> None:
    from fastloss.torch.functional import calls

    few, many = (SimpleNamespace(is_cuda=True, numel=lambda n=n: n) for n in (calls.ON_GPU - 1, calls.ON_GPU))
    assert [calls.large("mse_loss", x) for x in (few, many)] == [False, True]
    assert not calls.large("nll_loss", many)


@pytest.mark.parametrize(
    ("rows", "width", "classes", "wanted", "here"),
    [(512, 128, 32_000, (0, 1), True), (512, 128, 32_000, (1,), True), (512, 128, 32_000, (), True),
     (2_000, 8, 1_000, (0,), True), (2_000, 8, 1_000, (), False), (4_000, 4_096, 2, (0, 1), False)],
)  # fmt: skip
@pytest.mark.parametrize("named", [False, True])
def test_logits_decide_of_a_layer(
    rows: int, width: int, classes: int, wanted: tuple[int, ...], here: bool, named: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Not the hidden state: a head of few hidden numbers may have many classes."""
    from fastloss.torch.functional import calls, recipes

    @calls.face(lambda *_, **__: False, layer=(1, "linear_weight"))
    def linear_cross_entropy(input: Any, linear_weight: Any) -> Any:
        return recipes.Given(None, (), lambda: True, lasting=False)

    monkeypatch.setattr(calls, "_computed", lambda given, kind: given.native())
    shapes = (rows, width), (classes, width)
    x, weight = (torch.zeros(()).expand(s).requires_grad_(k in wanted) for k, s in enumerate(shapes))
    found: Any = linear_cross_entropy(x, linear_weight=weight) if named else linear_cross_entropy(x, weight)
    assert found is here


def test_a_call_like_an_earlier_one_is_of_its_own_numbers(flt: Any, computed: list[str], uncompiled: None) -> None:
    """What is known of a kind of call says nothing of numbers, of which tensor is which, or of what may change."""
    x, y, weight = numbers(6), numbers(6), numbers(6, low=0.5)
    measure = torch.nn.PairwiseDistance(eps=0.0)
    distance = {"distance_function": measure}
    rows = [numbers(3, 4) for _ in range(3)]
    labels = torch.tensor([0, 3, 1])
    smooth = {"label_smoothing": 0.2}

    def check(name: str, *args: Any, **keywords: Any) -> None:
        found, expected = (derivatives(getattr(m, name), [*args], keywords, (0,), 1) for m in (flt, F))
        same(name, found, expected)

    for given in ((y, y), (x, y), (y, x)):
        torch.testing.assert_close(flt.mse_loss(*given), F.mse_loss(*given))
    for given in ({"input": x, "target": y.sign()}, {"target": y.sign(), "input": x}):
        torch.testing.assert_close(flt.soft_margin_loss(**given), F.soft_margin_loss(**given))
    for var in (weight, weight - 0.5 + 1e-9, weight):
        check("gaussian_nll_loss", x, y, var)
    for factor in (1.0, 3.0, 1.0):
        positive = torch.tensor(factor, dtype=torch.float64)
        check("binary_cross_entropy_with_logits", x, weight.clamp(max=1.0), pos_weight=positive)
    for least in (0.5, 0.0, 0.25):
        check("cross_entropy", rows[0], labels, weight=numbers(4, low=0.5) * 0 + least, **smooth)
    for norm in (2.0, 1.0, 2.0):
        measure.norm = norm
        check("triplet_margin_with_distance_loss", *rows, **distance)
    assert len(computed) > 10


def test_the_gradient_may_overwrite_the_logits(flt: Any, computed: list[str], uncompiled: None) -> None:
    x, labels = numbers(4, 3).requires_grad_(), torch.tensor([0, 2, 1, 1])
    expected = torch.autograd.grad(F.cross_entropy(x, labels), x)
    logits = x * 1.0
    loss = flt.cross_entropy(logits, labels, inplace=True)
    assert not torch.equal(logits, x)
    torch.testing.assert_close(torch.autograd.grad(loss, x), expected)
