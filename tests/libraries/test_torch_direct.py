"""What is handed over to torch's operators by the short way: that it is what torch's own function makes of it."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402
from torchface import INPUTS, derivatives, numbers, same  # noqa: E402

F = torch.nn.functional


def _calls() -> list[tuple[str, list[Any], dict[str, Any]]]:
    """Calls of all functions, with the options that torch's operators are told."""
    torch.manual_seed(7)
    x, y, z, weight = numbers(4, 3), numbers(4, 3), numbers(4, 3), numbers(4, 3, low=0.5)
    p, t, labels, classes = x.sigmoid(), y.sigmoid(), torch.tensor([0, 2, 1, 1]), numbers(3, low=0.5)
    signs, lists, layer = y.sign(), torch.tensor([[0, 2, -1]] * 4), numbers(3, 3)
    logs = numbers(5, 2, 4).log_softmax(-1)
    lengths = torch.tensor([5, 4]), torch.tensor([2, 1])
    return [
        ("mse_loss", [x, y], {}), ("mse_loss", [x, y], {"weight": weight}), ("l1_loss", [x, y], {}),
        ("l1_loss", [x, y], {"weight": weight}), ("smooth_l1_loss", [x, y], {"beta": 0.5}),
        ("smooth_l1_loss", [x, y], {"beta": 0}), ("huber_loss", [x, y], {"delta": 0.5}),
        ("huber_loss", [x, y], {"weight": weight}), ("poisson_nll_loss", [x, t], {"full": True, "eps": 1e-3}),
        ("gaussian_nll_loss", [x, y, p], {"full": True, "eps": 0.5}), ("binary_cross_entropy", [p, t], {}),
        ("binary_cross_entropy", [p, t], {"weight": classes}),
        ("binary_cross_entropy_with_logits", [x, t], {"weight": weight, "pos_weight": classes}),
        ("soft_margin_loss", [x, signs], {}), ("hinge_embedding_loss", [x, signs], {"margin": 0.5}),
        ("margin_ranking_loss", [x, y, signs], {"margin": 0.25}),
        ("cross_entropy", [x, labels], {"weight": classes, "ignore_index": 2, "label_smoothing": 0.1}),
        ("cross_entropy", [x, t], {}), ("nll_loss", [x, labels], {"weight": classes, "ignore_index": 2}),
        ("linear_cross_entropy", [x, layer, labels], {"linear_bias": classes, "weight": classes, "ignore_index": 1}),
        ("linear_cross_entropy", [x, layer, t], {"label_smoothing": 0.1}),
        ("linear_cross_entropy", [x[0], layer, labels[0]], {}), ("kl_div", [x, t], {}),
        ("kl_div", [x, y], {"log_target": True}), ("multi_margin_loss", [x, labels], {"p": 2, "weight": classes}),
        ("multilabel_margin_loss", [x, lists], {}),
        ("cosine_embedding_loss", [x, y, signs[:, 0]], {"margin": 0.1}),
        ("triplet_margin_loss", [x, y, z], {"p": 1, "swap": True}),
        ("triplet_margin_with_distance_loss", [x, y, z], {"margin": 2.0}),
        ("ctc_loss", [logs, torch.tensor([[1, 2], [3, 1]]), *lengths], {"zero_infinity": True}),
    ]  # fmt: skip


def _same(name: str, args: list[Any], keywords: Any, flt: Any) -> None:
    order = 1 if name in ("ctc_loss", "multi_margin_loss", "multilabel_margin_loss") else 2
    ours, theirs = (derivatives(getattr(m, name), args, keywords, INPUTS.get(name, (0,)), order) for m in (flt, F))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b), (name, keywords)


@pytest.mark.filterwarnings("ignore:size_average and reduce args", "ignore:reduction. 'mean' divides")
def test_the_short_way_has_torchs_bits(flt: Any) -> None:
    """Value and derivatives of every function, in each reduction and older spelling, by name and by place."""
    for name, args, keywords in _calls():
        for reduction in ("mean", "sum", "none", *["batchmean"] * (name == "kl_div")):
            _same(name, args, {**keywords, "reduction": reduction}, flt)
        if name in ("mse_loss", "soft_margin_loss", "cross_entropy", "kl_div"):
            _same(name, args, {**keywords, "size_average": False}, flt)
            _same(name, args, {**keywords, "reduce": False}, flt)


def test_the_short_way_is_taken(flt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By every function that has one, of few numbers: what would refuse the long way is not asked."""
    from fastloss.torch.functional import calls

    def never(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(calls, "_small", never)
    monkeypatch.setattr(calls, "_here", never)
    for name, args, keywords in _calls():
        if "smooth_l1" not in name or keywords["beta"]:
            getattr(flt, name)(*args, **keywords, reduction="sum")


class _Seen(TorchFunctionMode):
    """What torch's functions are called by way of."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


class _Sub(torch.Tensor):
    """A tensor with a mind of its own."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (
            func.__name__ if func.__name__.endswith("_loss") else super().__torch_function__(func, types, args, kwargs)
        )


def test_subclasses_and_modes_see_torchs_own_function(flt: Any) -> None:
    x, y = torch.zeros(3), torch.ones(3)
    for name in ("mse_loss", "soft_margin_loss", "huber_loss"):
        with _Seen() as seen:
            getattr(flt, name)(x, y)
        assert name in seen.names
        for given in ((x.as_subclass(_Sub), y), (x, y.as_subclass(_Sub))):
            assert getattr(flt, name)(*given) == name


class _Strict(torch.Tensor):
    """A tensor that knows torch's functions, and nothing else."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(F, func.__name__, None) is not func:
            raise NotImplementedError
        return func.__name__


def test_a_subclass_is_asked_for_nothing_but_the_loss(flt: Any, computed: list[str]) -> None:
    """Of any size, by every function, as by torch's own."""
    for name, args, keywords in _calls():
        assert getattr(flt, name)(args[0].as_subclass(_Strict), *args[1:], **keywords) == name


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_transforms_autocast_and_inference(flt: Any) -> None:
    x, y = numbers(4, 3), numbers(4, 3)
    for name, keywords in (("mse_loss", {}), ("cross_entropy", {}), ("soft_margin_loss", {})):
        ours, theirs = (getattr(m, name) for m in (flt, F))
        for transform in (torch.func.grad, torch.func.vmap):
            assert torch.equal(transform(lambda a, b, f=ours: f(a, b, **keywords))(x, y),  # noqa: B023
                               transform(lambda a, b, f=theirs: f(a, b, **keywords))(x, y))  # noqa: B023  # fmt: skip
        with torch.autocast("cpu", torch.bfloat16):
            assert (
                ours(x.bfloat16(), y.bfloat16(), **keywords).dtype
                == theirs(x.bfloat16(), y.bfloat16(), **keywords).dtype
            )
        with torch.inference_mode():
            assert ours(x, y, **keywords).is_inference()


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_what_torch_warns_of_and_refuses(flt: Any) -> None:
    """The same as by the long way: the warnings of what is broadcast and deprecated, and errors that say who it was."""
    x, labels = numbers(4, 3), torch.tensor([0, 2, 1, 1])
    for name, args, keywords, text in (
        ("mse_loss", (x, x[0]), {}, "different to the input size"),
        ("l1_loss", (x, x), {"reduction": "elementwise_mean"}, "elementwise_mean"),
        ("kl_div", (x, x.exp()), {}, "batchmean"),
        ("cross_entropy", (x, labels), {"reduce": True}, "deprecated"),
    ):
        with pytest.warns(UserWarning, match=text):
            getattr(flt, name)(*args, **keywords)
    for name, args, keywords, text in (
        ("mse_loss", (x, x), {"reduction": "median"}, "mse_loss: median is not a valid value"),
        ("cross_entropy", (x, labels + 9), {}, "cross_entropy: .*out of bounds"),
        ("multi_margin_loss", (x, labels), {"p": 3}, "only p == 1 and p == 2"),
        ("triplet_margin_loss", (x, x, x), {"margin": 0.0}, "margin must be greater than 0"),
        ("binary_cross_entropy", (x.sigmoid(), x[0]), {}, "Using a target size"),
        ("margin_ranking_loss", (x, x[0], x), {}, "same dimension"),
        ("linear_cross_entropy", (x, x[:, :2], labels), {}, "in_features"),
        ("linear_cross_entropy", (x, x, labels), {"linear_bias": x[0, :1]}, "linear_bias shape"),
        ("hinge_embedding_loss", (x, x.sign().requires_grad_()), {}, "target requires grad"),
    ):
        with pytest.raises((ValueError, RuntimeError, IndexError), match=text):
            getattr(flt, name)(*args, **keywords)
    with pytest.raises(TypeError, match=r"mse_loss\(\) missing 2 required"):
        flt.mse_loss()


def test_symbols_that_are_no_class_are_an_error(flt: Any) -> None:
    """torch's own reads what lies beside the frame's numbers; what is beyond a target's length counts for nothing."""
    logs = numbers(6, 2, 4).log_softmax(-1)
    for targets, text in (([[1, 9], [3, 1]], r"targets\[0, 1\] is 9"), ([1, 3, -1, 1], r"targets\[2\].* is -1")):
        with pytest.raises(ValueError, match=text):
            flt.ctc_loss(logs, torch.tensor(targets), [6, 6], [2, 2])
    padded, short = torch.tensor([[1, -1], [3, 9]]), torch.tensor([[1, 1], [3, 1]])
    assert flt.ctc_loss(logs, padded, [6, 6], [1, 1]) == F.ctc_loss(logs, short, [6, 6], [1, 1])


def test_a_distance_is_called_no_second_time(flt: Any) -> None:
    calls = []

    def distance(a: Any, b: Any) -> Any:
        calls.append((a, b))
        raise ValueError("too far")

    x = numbers(4, 3)
    with pytest.raises(ValueError, match="too far"):
        flt.triplet_margin_with_distance_loss(x, x, x, distance_function=distance)
    assert len(calls) == 1


def test_tensors_without_numbers(flt: Any, computed: list[str]) -> None:
    """On torch's device "meta" the result is torch's own, of any size."""
    for name in ("mse_loss", "cross_entropy", "multi_margin_loss", "multilabel_soft_margin_loss"):
        x, y = torch.empty(10_000_000, 2, device="meta"), torch.empty(10_000_000, 2, device="meta")
        assert getattr(flt, name)(x, y[:, 0].long() if name == "multi_margin_loss" else y).is_meta, name
    assert not computed


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_traces_hold_torchs_operators(flt: Any, computed: list[str]) -> None:
    """And no result of the numbers that they were made with."""
    x, y, z = numbers(4, 3).sigmoid(), numbers(4, 3).sigmoid(), numbers(4, 3).sigmoid()
    for name in ("mse_loss", "binary_cross_entropy", "cross_entropy", "multilabel_soft_margin_loss"):
        ours, theirs = (getattr(m, name) for m in (flt, F))

        def called(a: Any, b: Any) -> Any:
            return ours(a, b)  # noqa: B023

        for traced in (torch.jit.trace(called, (x, y), check_trace=False), make_fx(called)(x, y)):
            assert torch.equal(traced(z, y), theirs(z, y)), name
    assert not computed


def _outcome(function: Any, args: list[Any], keywords: Any, made: set[int]) -> Any:
    """Value and gradient with those arguments made in inference mode; the type of the error."""
    given = []
    for k, x in enumerate(args):
        with torch.inference_mode(k in made):
            given.append(x.clone())
    try:
        value = function(given[0].requires_grad_(0 not in made), *given[1:], **keywords)
        grads = torch.autograd.grad(value.sum(), given[0]) if value.requires_grad else ()
    except RuntimeError as error:
        return str(error).partition("Inference tensors")[1]
    return [value.detach(), *grads]


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_tensors_made_in_inference_mode(flt: Any, computed: list[str], uncompiled: None) -> None:
    """What torch takes has its value and its gradient, computed here or not, and what it refuses is refused."""
    for name, args, keywords in _calls():
        if name in ("ctc_loss", "multilabel_margin_loss"):  # a kernel; saves no labels here, which torch refuses
            continue
        for made in (set[int](), *({k} for k in range(len(args))), {*range(1, len(args))}):
            ours, theirs = (_outcome(getattr(m, name), args, keywords, made) for m in (flt, F))
            assert isinstance(ours, str) is isinstance(theirs, str), (name, made, ours, theirs)
            if not isinstance(theirs, str):
                same(name, ours, theirs)
            else:
                assert ours == theirs
    assert computed
