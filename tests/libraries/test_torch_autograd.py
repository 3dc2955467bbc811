"""What autograd promises, of losses as functions of tensors: no gradient is silently wrong, nothing is overwritten
unasked. Kernels are plain Python here, but where a test says otherwise."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import fastloss as fl

torch = pytest.importorskip("torch")

import torchlaws  # noqa: E402

from fastloss.deferred import Deferred  # noqa: E402
from fastloss.torch import autograd, function, lend, module  # noqa: E402

pytestmark = pytest.mark.usefixtures("uncompiled")

OLD = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
"""What torch's own rules of forward mode are written with."""

CURVED = function(fl.pseudo_huber)
ROWS = function(fl.LOSSES["cross_entropy"])


def curved(pred: Any, target: Any) -> Any:
    """The same by torch's operations."""
    return ((1 + (pred - target).square()).sqrt() - 1).mean()


def leaf(*shape: int, dtype: Any = torch.float64) -> Any:
    return torch.randn(*shape, dtype=dtype).requires_grad_()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(11)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The verbs that are called."""
    found, verb = [], Deferred.verb

    def spy(call: Deferred, name: str, *arguments: Any, **keywords: Any) -> Any:
        found.append(name)
        return verb(call, name, *arguments, **keywords)

    monkeypatch.setattr(Deferred, "verb", spy)
    return found


# -- When a gradient is computed ---------------------------------------------------------------------------------------


def test_a_gradient_is_computed_with_the_value_where_it_will_be_asked_for(asked: list[str]) -> None:
    pred, target = leaf(3), torch.zeros(3).double()
    CURVED(pred, target).backward()
    assert asked == ["value_and_grad"]
    asked.clear()
    with torch.no_grad():
        assert not CURVED(pred, target).requires_grad
    with torch.inference_mode():
        CURVED(pred, target)
    CURVED(pred.detach(), target)
    assert asked == ["__call__"] * 3


def test_gradients_of_several_backward_passes() -> None:
    pred, target = leaf(3), torch.zeros(3).double()
    loss = CURVED(pred, target)
    (first,) = torch.autograd.grad(loss, pred, retain_graph=True)
    kept = first.clone()
    (second,) = torch.autograd.grad(3 * loss, pred, retain_graph=True)
    torch.testing.assert_close(second, 3 * kept)
    assert torch.equal(first, kept)
    loss.backward()
    CURVED(pred, target).backward()
    torch.testing.assert_close(pred.grad, 2 * kept)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_a_gradient_is_stolen_not_copied() -> None:
    pred = leaf(1000)
    CURVED(pred, torch.zeros(1000).double()).backward()
    kept = pred.grad.clone()
    pred.grad.mul_(2)  # is the leaf's alone by now
    torch.testing.assert_close(pred.grad, 2 * kept)


def test_what_was_modified_since_is_an_error_where_it_is_read_again() -> None:
    pred, target = leaf(3), torch.zeros(3).double()
    loss = CURVED(pred, target)
    target.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss, pred, create_graph=True)


def test_checkpoints_drop_the_gradient() -> None:
    from torch.utils.checkpoint import checkpoint

    pred, target = leaf(3), torch.zeros(3).double()
    checkpoint(CURVED, pred, target, use_reentrant=False).backward()
    (expected,) = torch.autograd.grad(curved(pred, target), pred)
    torch.testing.assert_close(pred.grad, expected)
    saved: list[Any] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(weakref.ref(x)), lambda _: None):
        loss = CURVED(pred * 1.0, target)
    gc.collect()
    assert len(saved) >= 3
    assert saved[-1]() is None
    del loss


# -- Double backward ---------------------------------------------------------------------------------------------------


def test_a_penalty_of_the_gradient() -> None:
    """The trap: a saved gradient is a constant to autograd, which would leave out the penalty's part in silence."""
    pred, target = leaf(4), torch.zeros(4).double()
    found = []
    for f in (CURVED, curved):
        value = f(pred, target)
        (grad,) = torch.autograd.grad(value, pred, create_graph=True)
        found.append(torch.autograd.grad(value + grad.square().sum(), pred)[0])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_second_derivative_by_upstream(reduction: str) -> None:
    """Of a loss that is multiplied by something learned."""
    pred, scale, target = leaf(4), leaf(4), torch.zeros(4).double()
    each = (1 + (pred - target).square()).sqrt() - 1
    theirs = {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]
    found = []
    for value in (CURVED(pred, target, reduction=reduction), theirs):
        (grad,) = torch.autograd.grad((value * scale.exp()).sum(), pred, create_graph=True)
        found.append(torch.autograd.grad(grad.square().sum(), (pred, scale)))
    torch.testing.assert_close(*found)


def test_no_third_derivative() -> None:
    pred = leaf(3)
    (grad,) = torch.autograd.grad(CURVED(pred, torch.zeros(3).double()), pred, create_graph=True)
    (second,) = torch.autograd.grad(grad.sum(), pred, create_graph=True)
    with pytest.raises(NotImplementedError, match="differentiated twice, and no more"):
        second.sum().backward()


def test_a_native_formula_has_the_second_derivative() -> None:
    call = Deferred(fl.LOSSES["cross_entropy"], ("pred", "target"), (0,), (("axis", 1), ("reduction", "mean")))
    scores, labels = leaf(3, 4), torch.tensor([0, 3, 1])
    native = torch.nn.functional.cross_entropy
    found = []
    for f in (lambda: autograd.run(call, (scores, labels), native=native), lambda: native(scores, labels)):
        (grad,) = torch.autograd.grad(f(), scores, create_graph=True)
        found.append(torch.autograd.grad(grad.square().sum(), scores)[0])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("other", [lambda x: x, lambda x: x.sigmoid()], ids=["the same", "a function of it"])
def test_a_native_formula_of_inputs_that_depend_on_one_another(other: Any) -> None:
    """Each has its own share of the gradient, and no part is counted twice."""
    call = Deferred(fl.LOSSES["gaussian_nll"], ("pred", "target", "var"), (0, 2), (("reduction", "mean"),))
    start, target = torch.rand(3).double().add(0.5).requires_grad_(), torch.zeros(3).double()

    def native(pred: Any, target: Any, var: Any) -> Any:
        return torch.nn.functional.gaussian_nll_loss(pred, target, var)

    found = []
    for f in (lambda *x: autograd.run(call, x, native=native), native):
        pred = 2 * start
        (grad,) = torch.autograd.grad(f(pred, target, other(pred)), start, create_graph=True)
        found.append((grad, torch.autograd.grad(grad.square().sum(), start)[0]))
    torch.testing.assert_close(*found)


def test_a_second_backward_pass_with_a_graph() -> None:
    pred, target = leaf(4), torch.zeros(4).double()
    loss = CURVED(pred, target)
    torch.autograd.grad(2 * loss, pred, retain_graph=True)  # spends the gradient that was saved
    (grad,) = torch.autograd.grad(loss, pred, create_graph=True)
    torch.testing.assert_close(grad, torch.autograd.grad(curved(pred, target), pred)[0])


# -- Upstream ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, -1, (0, 2)])
def test_each_sample_has_its_own_upstream(dim: Any) -> None:
    pred, target = leaf(2, 3, 4), torch.zeros(2, 3, 4).double()
    value = CURVED(pred, target, dim=dim)
    above = torch.randn(value.shape).double()
    (grad,) = torch.autograd.grad(value, pred, above)
    (expected,) = torch.autograd.grad((((1 + pred.square()).sqrt() - 1).mean(dim)), pred, above)
    torch.testing.assert_close(grad, expected)


def test_frames_before_samples_have_their_samples_upstream() -> None:
    scores, above = leaf(4, 2, 3), torch.tensor([2.0, -3.0]).double()
    given = {"reduction": "none", "time_major": True}
    value = function(fl.ctc)(scores, torch.tensor([[1, 2], [2, 1]]), **given)
    (grad,) = torch.autograd.grad(value, scores, above)
    plain = fl.ctc.grad(scores.detach().numpy(), [[1, 2], [2, 1]], **given)
    np.testing.assert_allclose(grad, plain * above.numpy()[None, :, None], rtol=1e-14)


def test_losses_that_share_inputs_take_one_upstream() -> None:
    a, b = leaf(3, 2), leaf(3, 2)
    loss = function(fl.info_nce)
    loss(a, b, reduction="none").sum().backward()
    np.testing.assert_allclose(a.grad, fl.info_nce.grad(*(x.detach().numpy() for x in (a, b)), reduction="sum")[0])
    with pytest.raises(NotImplementedError, match="info_nce: its losses share inputs"):
        loss(a, b, reduction="none")[0].backward()


def test_inputs_that_are_broadcast_have_sums() -> None:
    pred, target, above = leaf(3), torch.randn(2, 3).double(), torch.randn(2, 3).double()
    (grad,) = torch.autograd.grad(CURVED(pred, target, reduction="none"), pred, above)
    r = pred.detach() - target
    torch.testing.assert_close(grad, (above * r / (1 + r * r).sqrt()).sum(0))
    torch.testing.assert_close(
        torch.autograd.grad(CURVED(pred, target), pred), torch.autograd.grad(curved(pred, target), pred)
    )
    for reduction in ("mean", "none"):
        assert torch.autograd.gradgradcheck(lambda x, how=reduction: CURVED(x, target, reduction=how), pred)


def test_weights_of_more_axes_than_the_inputs() -> None:
    pred, weight, above = leaf(3), torch.rand(2, 3).double(), torch.randn(2, 3).double()
    (grad,) = torch.autograd.grad(CURVED(pred, torch.zeros(3).double(), weight=weight, reduction="none"), pred, above)
    r = pred.detach()
    torch.testing.assert_close(grad, (above * weight).sum(0) * r / (1 + r * r).sqrt())


@OLD
@pytest.mark.parametrize("shape", [(), (3,)])
def test_tangents_of_upstream(shape: tuple[int, ...]) -> None:
    pred, above, tangent = leaf(3), torch.ones(shape).double(), torch.randn(shape).double()
    loss = CURVED(pred, torch.zeros(3).double(), reduction="none" if shape else "mean")

    def pulled(v: Any) -> Any:
        return torch.autograd.grad(loss, pred, v, retain_graph=True)[0]

    found = torch.func.jvp(pulled, (above,), (tangent,))
    torch.testing.assert_close(found, (pulled(above), pulled(tangent)))


@OLD
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_batches_of_upstreams(reduction: str) -> None:
    """As a vectorised Jacobian has them."""
    pred, target = leaf(3), torch.zeros(3).double()
    assert torch.autograd.gradcheck(
        lambda x: CURVED(x, target, reduction=reduction), pred, check_batched_grad=True, check_forward_ad=True
    )


# -- Several inputs ----------------------------------------------------------------------------------------------------


def test_of_several_inputs_those_that_require_grad_have_one() -> None:
    loss, variance = function(fl.gaussian_nll), torch.rand(3).double() + 0.5
    mean, target = torch.randn(3).double(), torch.randn(3).double()
    expected = fl.gaussian_nll.grad(mean.numpy(), target.numpy(), variance.numpy())
    given = {"pred": mean, "target": target, fl.gaussian_nll.inputs[2]: variance}
    for k, name in enumerate(fl.gaussian_nll.inputs[j] for j in fl.gaussian_nll.wrt):
        own = {n: x.clone().requires_grad_(n == name) for n, x in given.items()}
        loss(*own.values()).backward()
        np.testing.assert_array_equal(own[name].grad, expected[k])


def test_a_target_has_a_gradient_where_the_loss_has_a_rule_for_it() -> None:
    pred, target = leaf(3), leaf(3)
    loss = function(fl.squared_error)
    loss(pred, target).backward()
    torch.testing.assert_close(pred.grad, -target.grad)
    loss(pred.detach(), target).backward()
    torch.testing.assert_close(pred.grad, -target.grad / 2)


def test_a_target_of_rows_has_a_gradient_where_it_may_be_exchanged() -> None:
    pred, target = torch.rand(2, 3).double().softmax(1), torch.rand(2, 3).double().softmax(1).requires_grad_()
    divergence = fl.LOSSES["js_divergence"]
    for loss in (function(divergence), function(divergence.with_respect_to("target"))):
        assert torch.autograd.gradcheck(lambda y, f=loss: f(pred, y), target)
        with pytest.raises(NotImplementedError, match="requires grad, but its gradient is with respect to"):
            loss(pred.clone().requires_grad_(), target)


@pytest.mark.parametrize("name", ["target", "weight", "delta"])
def test_what_has_no_gradient_and_requires_one_is_an_error(name: str) -> None:
    given = {"pred": leaf(1, 3), "target": torch.zeros(1, 3).double()}
    loss = function(fl.pairwise_logistic if name == "target" else fl.huber)
    given |= {name: leaf(1, 3)}
    with pytest.raises(NotImplementedError, match=f"{name} requires grad, but its gradient is with respect to pred"):
        loss(**given)
    with torch.no_grad():
        loss(**given | {name: torch.ones(1, 3).double()})


# -- Memory of every kind ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.t().contiguous().t(),
        lambda x: x.repeat_interleave(2, 1)[:, ::2],
        lambda x: x[:1].expand(4, 6),
        lambda x: torch.complex(x, -x).conj().imag,
        lambda x: x[0, 0],
        lambda x: x[:0],
        lambda x: x.reshape(1, 4, 3, 2).contiguous(memory_format=torch.channels_last),
    ],
    ids=["transposed", "strided", "expanded", "negative", "single", "empty", "channels last"],
)
def test_tensors_wherever_their_numbers_lie(make: Any) -> None:
    pred = make(torch.randn(4, 6).double())
    dense = pred.detach().clone().contiguous().requires_grad_()
    pred = pred.detach().requires_grad_()
    target = torch.zeros(pred.shape).double()
    for x in (pred, dense):
        CURVED(x, target, reduction="sum").backward()
    torch.testing.assert_close(pred.grad, dense.grad, rtol=1e-14, atol=0)
    if pred.dim() == 4:
        rows = [x.detach().requires_grad_() for x in (pred, dense)]
        for x in rows:
            ROWS(x, torch.zeros(1, 3, 2, dtype=torch.int64)).backward()
        torch.testing.assert_close(rows[0].grad, rows[1].grad, rtol=1e-14, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_floats(dtype: Any) -> None:
    """The value is a float32, the gradient what its input is; one that float16 does not hold waits for its scale."""
    pred = torch.tensor([0.5, -2.0], dtype=dtype, requires_grad=True)
    value = CURVED(pred, torch.zeros(2, dtype=dtype), normalizer=1e9)
    (value * 2.0**16).backward()
    wide = pred.detach().double()
    assert value.dtype is torch.float32
    assert pred.grad.dtype is dtype
    expected = wide / (1 + wide.square()).sqrt() * (2.0**16 / 1e9)
    torch.testing.assert_close(pred.grad.double(), expected, rtol=1e-2, atol=1e-7)
    each = CURVED(pred, torch.zeros(2, dtype=dtype), reduction="none")
    assert torch.autograd.grad(each, pred, torch.tensor([1.0, 0.0]))[0][1] == 0


def test_bfloat16_that_is_to_be_negated() -> None:
    pred, target = torch.tensor([0.5, -2.0], dtype=torch.bfloat16), torch.tensor([1.0, 2.0])
    assert CURVED(torch._neg_view(pred), target) == CURVED(-pred, target)


def test_bfloat16_without_ml_dtypes(monkeypatch: pytest.MonkeyPatch) -> None:
    pred = torch.tensor([0.5, -2.0], dtype=torch.bfloat16, requires_grad=True)
    CURVED(pred, torch.zeros(2)).backward()
    expected, pred.grad = pred.grad, None
    monkeypatch.setattr(lend, "bfloat16", None)
    CURVED(pred, torch.zeros(2)).backward()
    torch.testing.assert_close(pred.grad, expected)


def test_loss_scaling_and_autocast() -> None:
    layer = torch.nn.Linear(3, 2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    step = torch.optim.SGD(layer.parameters(), lr=0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = ROWS(layer(torch.randn(5, 3)), torch.tensor([0, 1, 1, 0, 1]))
    assert value.dtype is torch.float32
    scaler.scale(value).backward()
    scaler.step(step)
    assert layer.weight.grad.isfinite().all()


# -- In place ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("there", [True, False])
def test_a_gradient_over_the_scores(dtype: Any, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not there:
        monkeypatch.setattr(lend, "bfloat16", None)
    source, labels = leaf(3, 4, dtype=dtype), torch.tensor([0, 3, 1])
    scores = source * 1.0
    (expected,) = torch.autograd.grad(ROWS(source, labels), source)
    value = ROWS(scores, labels, inplace=True)
    if there:
        torch.testing.assert_close(scores.detach(), expected)
    (2 * value).backward()
    torch.testing.assert_close(source.grad, 2 * expected)


def test_who_needs_overwritten_scores_is_told() -> None:
    source, labels = leaf(3, 4), torch.tensor([0, 3, 1])
    scores = source.exp()  # whose derivative is what it returned
    ROWS(scores, labels, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        scores.sum().backward()
    with pytest.raises(ValueError, match="would overwrite pred, a leaf"):
        ROWS(source, labels, inplace=True)
    with pytest.raises(ValueError, match="a view of a leaf"):
        ROWS(source.view(3, 4), labels, inplace=True)
    with pytest.raises(ValueError, match="out"):
        ROWS((source[:1] * 1.0).expand(3, 4), labels, inplace=True)
    scores = source * 1.0
    value = ROWS(scores, labels, inplace=True)
    with torch.no_grad():
        scores.zero_()  # the gradient, by now
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()
    value = ROWS(source * 1.0, labels, inplace=True)
    value.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="leave out inplace=True"):
        value.backward()
    kept = source.detach().clone()
    with torch.no_grad():
        ROWS(source, labels, inplace=True)
    assert torch.equal(source, kept)


# -- Transforms --------------------------------------------------------------------------------------------------------


@OLD
def test_transforms_of_elements() -> None:
    func, x, y = torch.func, torch.randn(4).double(), torch.zeros(4).double()
    ours, theirs = (lambda f: lambda a: f(a, y))(CURVED), (lambda f: lambda a: f(a, y))(curved)
    for transform in (func.grad, func.jacfwd, func.jacrev, func.hessian, func.grad_and_value):
        torch.testing.assert_close(transform(ours)(x), transform(theirs)(x))
    torch.testing.assert_close(func.jvp(ours, (x,), (x,)), func.jvp(theirs, (x,), (x,)))
    batch = torch.randn(3, 4).double()
    torch.testing.assert_close(func.vmap(func.grad(ours))(batch), func.vmap(func.grad(theirs))(batch))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, x)
        found = torch.autograd.forward_ad.unpack_dual(ours(dual)).tangent
    torch.testing.assert_close(found, func.jvp(theirs, (x,), (x,))[1])


@OLD
def test_transforms_of_rows() -> None:
    func, labels, native = torch.func, torch.tensor([0, 3, 1]), torch.nn.functional.cross_entropy
    x = torch.randn(3, 4).double()
    each = {"reduction": "none"}
    torch.testing.assert_close(
        func.jvp(lambda a: ROWS(a, labels, **each), (x,), (x,)),
        func.jvp(lambda a: native(a, labels, **each), (x,), (x,)),
    )
    torch.testing.assert_close(
        func.vmap(func.grad(lambda a, y: ROWS(a, y)))(x, labels), func.vmap(func.grad(native))(x, labels)
    )
    torch.testing.assert_close(func.hessian(ROWS)(x, labels), func.hessian(native)(x, labels))


@OLD
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("wanted", [False, True])
def test_traces_hold_the_loss_and_not_its_result(wanted: bool, uncompiled: None) -> None:
    """Of torch.jit.trace and make_fx, with a gradient, of elements and of rows: other numbers have their own value."""
    from torch.fx.experimental.proxy_tensor import make_fx

    labels = torch.tensor([0, 2, 1, 1])
    for loss, target in ((fl.huber, torch.zeros(4, 3)), (fl.cross_entropy, labels)):
        face = function(loss)
        first, then = (torch.randn(4, 3).requires_grad_(wanted) for _ in range(2))
        for traced in (torch.jit.trace(face, (first, target)), make_fx(face)(first, target),
                       make_fx(face, tracing_mode="fake")(first, target)):  # fmt: skip
            found, expected = traced(then, target), face(then, target)
            assert torch.equal(found, expected)
            if wanted:
                assert torch.equal(*(torch.autograd.grad(value, then)[0] for value in (found, expected)))


def test_transforms_by_what_has_no_derivative() -> None:
    x, y = torch.randn(1, 3).double(), torch.randn(1, 3).double()
    loss = function(fl.pairwise_logistic)
    with pytest.raises(NotImplementedError, match="target requires grad"):
        torch.func.grad(loss, argnums=1)(x, y.abs())
    with pytest.raises(NotImplementedError, match="target requires grad"):
        torch.func.jvp(loss, (x, y.abs()), (x, y))


@OLD
def test_transforms_by_a_parameter_that_is_one_number() -> None:
    x, y, deltas = torch.randn(3).double(), torch.zeros(3).double(), torch.tensor([0.5, 0.7]).double()
    loss = function(fl.huber)
    with pytest.raises(NotImplementedError, match="delta requires grad"):
        torch.func.jvp(lambda d: loss(x, y, delta=d), (deltas[0],), (deltas[1],))
    found = torch.func.vmap(lambda d: loss(x, y, delta=d))(deltas)
    torch.testing.assert_close(found, torch.stack([loss(x, y, delta=d) for d in deltas]))


# -- Threads and processes ---------------------------------------------------------------------------------------------


def test_torchs_threads_are_the_most(monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> None:
    found: list[Any] = []
    monkeypatch.setattr(lend.threads, "limit", lambda n: found.append(n) or 0)
    before = torch.get_num_threads()
    call = Deferred(fl.iou_loss, ("pred", "target"), (0,))
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    try:
        torch.set_num_threads(3)
        autograd.run(call, (boxes, boxes))
        torch.set_num_threads(1)
        autograd.run(call, (boxes, boxes))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert found == [3]


def test_a_limit_of_threads_is_lifted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, now = lend.threads, [8]
    pool = threads._Pool("tbb", lambda: now[0], lambda n: now.__setitem__(0, n), None)
    monkeypatch.setattr(threads, "_pool", pool)
    monkeypatch.setattr(threads, "_serial_only", False)
    monkeypatch.setattr(threads, "_cap", None)
    assert threads.limit(8) == 0
    assert threads.limit(2) == 8
    assert now == [2]
    threads.unlimit(8)
    assert now == [8]


class Losses(torch.utils.data.Dataset):
    """What a worker computes: a loss and its gradient."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, k: int) -> Any:
        pred = torch.full((3,), float(k), requires_grad=True)
        CURVED(pred, torch.zeros(3)).backward()
        return pred.grad


@pytest.mark.full
def test_workers_of_a_loader() -> None:
    """Not forked: a child of a process whose OpenMP has threads may wait for them for ever."""
    loader = torch.utils.data.DataLoader(
        Losses(), batch_size=2, num_workers=1, multiprocessing_context="spawn", timeout=120
    )
    expected = torch.stack([Losses()[k] for k in range(4)])
    torch.testing.assert_close(torch.cat([*loader]), expected)


def _train(rank: int, place: str) -> None:
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=f"file://{place}/group", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 1, bias=False))
    x = torch.arange(6.0).reshape(2, 3)[rank : rank + 1]
    module(fl.squared_error)(model(x), torch.zeros(1, 1)).backward()
    torch.save(next(model.parameters()).grad, f"{place}/{rank}.pt")
    dist.barrier()  # one that is gone first takes the other's connection, and Gloo then ends that process at times
    dist.destroy_process_group()


@pytest.mark.full
def test_two_processes_share_gradients(tmp_path: Any) -> None:
    processes = torch.multiprocessing.spawn(_train, (str(tmp_path),), 2, join=False)
    assert any(processes.join(60) for _ in range(3)), "they hang"
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(3, 1, bias=False), torch.arange(6.0).reshape(2, 3)
    layer(x).square().mean().backward()
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f"{rank}.pt"), layer.weight.grad)


# -- What is no tensor for a loss --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pred", "target", "words"),
    [
        (torch.zeros(2, dtype=torch.complex64), torch.zeros(2), "pred has dtype torch.complex64, expected floating"),
        (torch.zeros(2, dtype=torch.int64), torch.zeros(2), "pred has dtype torch.int64, expected floating"),
        (torch.zeros(2), torch.zeros(2, dtype=torch.complex64), "target has dtype complex64, expected real numbers"),
        (torch.zeros(2, device="meta"), torch.zeros(2), "pred is on device 'meta', expected 'cpu' or 'cuda'"),
        (torch.zeros(2), torch.zeros(2, device="meta"), "target is on device 'meta'"),
        (torch.zeros(2), torch.zeros(2).to_sparse(), "target has layout torch.sparse_coo.*to_dense"),
    ],
    ids=["complex", "integers", "complex target", "meta", "meta target", "sparse"],
)
@pytest.mark.parametrize("grad", [False, True])
def test_tensors_that_no_loss_takes(pred: Any, target: Any, words: str, grad: bool) -> None:
    if grad and (pred.is_floating_point() or pred.is_complex()):
        pred = pred.clone().requires_grad_()
    with pytest.raises(TypeError, match=f"pseudo_huber: {words}"):
        CURVED(pred, target)


# -- What a GPU's tests hold on a GPU ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", torchlaws.CLOSE, ids=str)
def test_first_derivatives_on_any_device(dtype: Any) -> None:
    torchlaws.first_derivatives("cpu", dtype)


@OLD
@pytest.mark.parametrize("law", torchlaws.LAWS)
def test_laws_on_any_device(law: Any) -> None:
    law("cpu")
