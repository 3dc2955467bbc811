"""Losses as papers' repositories have them: taken, they are what torch's autograd makes of the same text."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from elements import plain

import fastloss as fl
from fastloss.define.derive.others import HOMES

torch = pytest.importorskip("torch")
F = torch.nn.functional

# -- as they are written -----------------------------------------------------------------------------------------------


def sigmoid_focal_loss(inputs: Any, targets: Any, alpha: float = 0.25, gamma: float = 2) -> Any:
    """A branch on a parameter, and a loss inside."""
    p = torch.sigmoid(inputs)
    ce = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    loss = ce * ((1 - p_t) ** gamma)
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return loss


def asymmetric(x: Any, y: Any, gamma_neg: float = 4.0, gamma_pos: float = 1.0, margin: float = 0.05) -> Any:
    positive = torch.sigmoid(x)
    negative = (1 - positive + margin).clamp(max=1)
    loss = y * torch.log(positive.clamp(min=1e-8)) + (1 - y) * torch.log(negative.clamp(min=1e-8))
    pt = positive * y + negative * (1 - y)
    loss *= torch.pow(1 - pt, gamma_pos * y + gamma_neg * (1 - y))
    return -loss.mean()


def poly1(logits: Any, labels: Any, epsilon: float = 1.0) -> Any:
    p = torch.sigmoid(logits)
    pt = labels * p + (1 - labels) * (1 - p)
    ce = F.binary_cross_entropy_with_logits(input=logits, target=labels, reduction="none")
    return (ce + epsilon * torch.pow(1 - pt, 1)).mean()


def generalized(p: Any, t: Any, q: float = 0.7) -> Any:
    pt = torch.where(t > 0.5, p, 1 - p)
    return (1 - pt.pow(q)) / q


def symmetric(pred: Any, labels: Any, alpha: float = 0.1, beta: float = 1.0) -> Any:
    pred = torch.clamp(pred, min=1e-7, max=1.0)
    labels = torch.clamp(labels, min=1e-4, max=1.0)
    return alpha * -(labels * torch.log(pred)) + beta * -(pred * torch.log(labels))


def taylor(p: Any, t: Any) -> Any:
    pt = torch.where(t > 0.5, p, 1.0 - p)
    loss = 0.0
    for i in range(1, 4):
        loss = loss + (1 - pt).pow(i) / i
    return loss


def barron(x: Any, t: Any, alpha: float = 1.3, c: float = 0.9) -> Any:
    scaled = ((x - t) / c) ** 2
    return abs(alpha - 2) / alpha * ((scaled / abs(alpha - 2) + 1) ** (alpha / 2) - 1)


def tukey(pred: Any, target: Any, c: float = 2.0) -> Any:
    r = pred - target
    return torch.where(r.abs() <= c, c**2 / 6 * (1 - (1 - (r / c) ** 2) ** 3), torch.full_like(r, 1.0) * c**2 / 6)


def wing(pred: Any, target: Any) -> Any:
    y = (target - pred).abs()
    return torch.where(y < 1.0, torch.log(1 + y / 0.5), y - (1.0 - math.log(1 + 1.0 / 0.5)))


def adaptive_wing(pred: Any, target: Any, omega: float = 14, theta: float = 0.5) -> Any:
    y, power = (target - pred).abs(), 2.1 - target
    slope = omega / (1 + torch.pow(torch.full_like(target, 0.5), power)) * power * 0.5 ** (power - 1)
    rest = theta * slope - omega * torch.log(1 + torch.pow(torch.full_like(target, 0.5), power))
    return torch.where(y < theta, omega * torch.log(1 + torch.pow(y, power)), slope * y - rest)


def log_cosh(pred: Any, target: Any) -> Any:
    def _log_cosh(x: Any) -> Any:
        return x + F.softplus(-2.0 * x, threshold=40) - math.log(2.0)

    return torch.mean(_log_cosh(pred - target))


def softplus_of_beta(pred: Any, y: Any) -> Any:
    return F.softplus(-y * pred, 2, threshold=60) + F.relu(1 - y * pred) + F.leaky_relu(y * pred, 0.1) + F.elu(pred)


def gaussian(mu: Any, y: Any) -> Any:
    var = F.softplus(y) + 0.1
    return 0.5 * (torch.log(var) + torch.div((mu - y).square(), var) + math.log(2 * math.pi))


def balanced_l1(pred: Any, target: Any, alpha: float = 0.5, gamma: float = 1.5) -> Any:
    diff, b = torch.abs(pred - target), np.e ** (1.5 / 0.5) - 1
    near = alpha / b * (b * diff + 1) * torch.log(b * diff + 1) - alpha * diff
    return torch.where(diff < 1.0, near, gamma * diff + gamma / b - alpha)


def pinball(preds: Any, target: Any, q: float = 0.9) -> Any:
    errors = target - preds
    return torch.max((q - 1) * errors, q * errors)


def masked(pred: Any, target: Any) -> Any:
    w = (target > 0).float()
    return (w * (pred - target) ** 2).mean() + 2.0 * ((1 - w) * F.l1_loss(pred, target, reduction="none")).mean()


def of_both_kinds(pred: Any, target: Any) -> Any:
    return F.smooth_l1_loss(pred, target, beta=0.5) - 0.1 * F.huber_loss(pred, target, delta=0.7) + 3.0


def branches(pred: Any, target: Any) -> Any:
    d = pred - target
    if d > 2:
        return torch.log2(d) + 1
    elif d < -2 or not target > -1:
        return -2 * d
    return d * d / 2 if 0 < d < 1 else torch.exp2(d) + torch.hypot(d, torch.ones_like(d))


def methods(pred: Any, target: Any) -> Any:
    r = pred.view(-1).sub(target.reshape(-1)).pow(2).mul(0.5).add(1.0)
    return (r.log() + r.sqrt() + r.rsqrt() + r.exp().log1p() + pred.sigmoid() * pred.tanh()).mean()


class BinaryFocal(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma, self.bce = gamma, torch.nn.BCEWithLogitsLoss(reduction="none")

    def _modulated(self, ce: Any) -> Any:
        return (1 - torch.exp(-ce)).pow(self.gamma) * ce

    def forward(self, logits: Any, labels: Any) -> Any:
        return self._modulated(self.bce(logits, labels)).mean()


def asks_what_it_has(pred: Any, target: Any, scale: float = 2.0) -> Any:
    """As a function that takes numbers and arrays besides tensors."""
    if not isinstance(target, torch.Tensor):
        target = torch.tensor(target)
    if isinstance(pred, (int, float)) or not torch.is_tensor(pred):
        return abs(pred - target)
    if not isinstance(pred, torch.autograd.Variable):
        return target
    if not isinstance(scale, (int, float)) or not isinstance(scale, int | float):
        return abs(pred - target)
    return (scale if isinstance(scale, float) else 1.0) * (pred - target) ** 2


POSITIVE_PART = functools.partial(torch.clamp, min=0)
STEPS = [torch.nn.Softplus(), torch.tanh]


def of_what_it_holds(pred: Any, target: Any) -> Any:
    """Functions in a partial, in a list and in a class, imported in the function, and a module that is made in it."""
    from torch.nn.functional import softplus

    for step in STEPS:
        pred = step(pred)
    return POSITIVE_PART(pred - target) + torch.nn.MSELoss(reduction="none")(pred, softplus(target)) + Held.cube(pred)


class Held(torch.nn.Module):  # type: ignore[misc]
    K = 3.0

    def __init__(self) -> None:
        super().__init__()
        self.steps = torch.nn.ModuleList([torch.nn.Softplus(), torch.nn.Sigmoid()])

    @staticmethod
    def cube(x: Any) -> Any:
        return torch.pow(x, 3)

    def forward(self, pred: Any, target: Any) -> Any:
        for step in self.steps:
            pred = step(pred)
        total = type(self).K * len(self.steps) * (pred - target) ** 2 + type(self).cube(pred)
        return total if self.steps and isinstance(self, Held) else pred


FORMULAS: dict[str, tuple[Any, str]] = {
    **{f.__name__: (f, "labels") for f in (sigmoid_focal_loss, asymmetric, poly1)},
    **{f.__name__: (f, "probabilities") for f in (generalized, symmetric, taylor, adaptive_wing)},
    **{f.__name__: (f, "numbers") for f in (barron, tukey, wing, log_cosh, softplus_of_beta, gaussian, balanced_l1)},
    **{f.__name__: (f, "numbers") for f in (pinball, masked, of_both_kinds, branches, methods)},
    **{f.__name__: (f, "numbers") for f in (asks_what_it_has, of_what_it_holds)},
    "what a module holds": (Held(), "numbers"),
    "a module": (BinaryFocal(), "labels"),
    "a method": (BinaryFocal(1.5).forward, "labels"),
}

POINTS = {
    "labels": [(x, t) for x in (-3.0, -0.3, 0.4, 2.5) for t in (0.0, 1.0)],
    "probabilities": [(x, t) for x in (0.07, 0.4, 0.85) for t in (0.02, 0.9)],
    "numbers": [(x, t) for x in (-3.1, -0.3, 0.4, 2.5) for t in (-1.7, 0.1, 1.3)],
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name: str) -> None:
    """Value, slope and bend, by torch's autograd of the same function."""
    function, kind = FORMULAS[name]
    loss = fl.derive(function)
    jet = plain(loss.jet, np.float64)
    for x, t in POINTS[kind]:
        pred = torch.tensor([x], dtype=torch.float64, requires_grad=True)
        value = function(pred, torch.tensor([t], dtype=torch.float64))
        (slope,) = torch.autograd.grad(value.sum(), pred, create_graph=True)
        bend = torch.autograd.grad(slope.sum(), pred)[0].item() if slope.requires_grad else 0.0
        expected = (value.item(), slope.item(), bend)
        with np.errstate(all="ignore"):
            got = jet(np.float64(x), np.float64(t), *map(np.float64, loss.values.values()))
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-9), (x, t)


def test_a_module_has_the_name_of_its_class() -> None:
    loss = fl.derive(BinaryFocal())
    assert loss.name == "BinaryFocal"
    assert loss([0.5], [1.0], backend="serial") == pytest.approx(BinaryFocal()(torch.tensor(0.5), torch.tensor(1.0)))


# -- functions of other libraries --------------------------------------------------------------------------------------

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "clip": (-0.5, 0.5), "clamp": (-0.5, 0.5), "full_like": (2.0,), "leaky_relu": (0.2,), "smooth_abs": (0.3,),
}  # fmt: skip
"""What is given to functions besides the first argument, if that is not the target."""

_WITH_AXES = {"numpy.max", "numpy.min", "jax.numpy.max", "jax.numpy.min"}
"""Whose second argument is torch's other number, and an axis there."""

_OF_ARRAYS = {
    "array",
    "as_tensor",
    "asarray",
    "cast",
    "flatten",
    "mean",
    "ravel",
    "reshape",
    "squeeze",
    "tensor",
    "where",
}


def _theirs() -> list[Any]:
    import jax.numpy
    import jax.scipy.special
    import scipy.special

    modules: dict[str, Any] = {
        "math": math, "numpy": np, "scipy.special": scipy.special, "torch": torch, "torch.special": torch.special,
        "torch.nn.functional": F, "jax.nn": jax.nn, "jax.numpy": jax.numpy, "jax.scipy.special": jax.scipy.special,
    }  # fmt: skip
    cases = []
    for home, module in modules.items():
        for name in HOMES[home]:
            if hasattr(module, name) and name not in _OF_ARRAYS and f"{home}.{name}" not in _WITH_AXES:
                cases.append(pytest.param(home, getattr(module, name), HOMES[home][name], id=f"{home}.{name}"))
    return cases


KINKS = [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, -3.7, 0.3, 7.0]

ACTIVATIONS = ["celu", "elu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish",
               "relu", "relu6", "selu", "silu", "softshrink", "softsign", "tanhshrink"]  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_of_activations_are_torch_own_at_kinks(name: str) -> None:
    function = getattr(F, name)
    jet = fl.derive(lambda pred: function(pred) + 0.0 * pred).jet
    for x in KINKS:
        at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = function(at)
        value.backward()
        # Of hardsigmoid torch has a sixth in float32.
        assert jet(x)[:2] == pytest.approx((value.item(), at.grad.item()), rel=1e-7, abs=1e-15), x


OF_TORCH: dict[str, tuple[Any, list[tuple[float, float]]]] = {
    "binary_cross_entropy": (
        F.binary_cross_entropy,
        [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (0.0, 0.3), (1e-50, 1.0), (1e-14, 0.5), (0.3, 0.7)],
    ),
    "gaussian_nll_loss": (lambda x, y: F.gaussian_nll_loss(x, y, 0.5 + 0.0 * y, full=True), [(0.5, 1.0), (2.0, -1.0)]),
    "its variance": (lambda x, y: F.gaussian_nll_loss(y, 0.0 * y, x), [(0.5, 1.0), (1e-9, 1e-3)]),
    "kl_div": (lambda x, y: F.kl_div(x, y, reduction="none"), [(-0.5, 0.3), (-2.0, 0.0)]),
    "log_target": (lambda x, y: F.kl_div(x, y, reduction="none", log_target=True), [(-0.5, -0.3)]),
    "poisson_nll_loss": (lambda x, y: F.poisson_nll_loss(x, y, full=True), [(0.5, 3.0), (0.5, 1.0), (1.0, 0.0)]),
    "of the mean": (lambda x, y: F.poisson_nll_loss(x, y, log_input=False), [(0.5, 3.0), (0.0, 0.0)]),
    "soft_margin_loss": (F.soft_margin_loss, [(0.5, -1.0), (-2.0, 1.0)]),
    "hinge_embedding_loss": (F.hinge_embedding_loss, [(0.5, -1.0), (1.0, -1.0), (2.0, -1.0), (2.0, 1.0)]),
    "margin_ranking_loss": (lambda x, y: F.margin_ranking_loss(x, 0.0 * y, y), [(0.5, 1.0), (0.0, 1.0), (0.5, -1.0)]),
}


@pytest.mark.parametrize("name", OF_TORCH)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_losses_of_torch_have_its_slopes(name: str) -> None:
    """Also where a bound holds: that of binary_cross_entropy is not its value's."""
    function, points = OF_TORCH[name]
    jet = plain(fl.derive(lambda x, y: function(x, y)).jet, np.float64)
    for x, y in points:
        pred, target = torch.tensor(x, dtype=torch.float64, requires_grad=True), torch.tensor(y, dtype=torch.float64)
        value = function(pred, target)
        value.backward()
        with np.errstate(all="ignore"):
            got = jet(np.float64(x), np.float64(y))
        # The bound of binary_cross_entropy's slope, 1e-12, is torch's in float32.
        assert got[:2] == pytest.approx((value.item(), pred.grad.item()), rel=1e-8, abs=1e-15), (x, y)


def test_second_derivatives_within_bounds_keep_their_digits() -> None:
    """Those of the logarithms, whose reciprocals the bound would hide."""
    jet = plain(fl.derive(lambda x, y: F.binary_cross_entropy(x, y)).jet, np.float64)
    for x in (1e-9, 0.3, 1.0 - 1e-9):
        for y in (0.0, 1.0):
            assert jet(np.float64(x), np.float64(y))[2] == pytest.approx(1.0 / (x if y else 1.0 - x) ** 2, rel=1e-14)


def _number(theirs: Any, home: str, *args: float) -> float:
    """What another library gives for numbers, in its widest type."""
    kind: Callable[..., Any] = (lambda x: torch.tensor(x, dtype=torch.float64)) if home.startswith("torch") else float
    return float(theirs(*map(kind, args)))


@pytest.mark.filterwarnings("ignore:reduction. .mean. divides")
@pytest.mark.parametrize(("home", "theirs", "ours"), _theirs())
def test_function_of_another_library(home: str, theirs: Any, ours: Any) -> None:
    """A name that means something else in one of the modules would be found here."""
    needed = [p for p in inspect.signature(ours).parameters.values() if p.default is p.empty]
    given = ARGUMENTS.get(theirs.__name__, (0.7,) * (len(needed) - 1))
    options = {"reduction": "none"} if "reduction" in inspect.signature(ours).parameters else {}
    loss = fl.derive(lambda pred, x: pred + theirs(x, *given, **options))
    for x in (0.3, 0.9):
        expected = _number(theirs, home, x, *given)
        tolerance = 1e-5 if home.startswith("jax") else 1e-12
        assert loss.jet(0.0, x)[0] == pytest.approx(expected, rel=tolerance, abs=1e-15), x


WORDS: dict[str, tuple[Any, Any]] = {
    "a_min": (lambda pred, target: np.clip(pred, a_min=0.0, a_max=None), lambda p: max(p, 0.0)),
    "min": (lambda pred, target: np.clip(pred, min=0), lambda p: max(p, 0.0)),
    "max": (lambda pred, target: torch.clamp(pred, max=1), lambda p: min(p, 1.0)),
    "input": (lambda pred, target: torch.clamp(input=pred, min=0, max=1), lambda p: min(max(p, 0.0), 1.0)),
    "number": (lambda pred, target: torch.where(pred > 0, pred, 0.0), lambda p: max(p, 0.0)),
    "other": (lambda pred, target: torch.where(condition=pred > 0, input=pred, other=0.0), lambda p: max(p, 0.0)),
    "base": (lambda pred, target: math.log(pred * pred + 1.0, 2), lambda p: math.log2(p * p + 1.0)),
    "dtype": (lambda pred, target: torch.zeros_like(pred, dtype=pred.dtype) + pred * torch.ones(1), lambda p: p),
    "exponent": (lambda pred, target: torch.pow(input=pred, exponent=2), lambda p: p * p),
    "arithmetic": (lambda pred, target: np.add(np.multiply(pred, 2), np.negative(pred)), lambda p: p),
    "logic": (lambda pred, target: np.where(np.logical_and(pred > 0, pred < 1), pred, 0), lambda p: p * (0 < p < 1)),
    "list": (lambda pred, target: max([pred, 0.0]) + min((pred, 1.0)), lambda p: max(p, 0.0) + min(p, 1.0)),
}


@pytest.mark.parametrize("words", WORDS)
def test_arguments_as_others_call_them(words: str) -> None:
    theirs, formula = WORDS[words]
    jet = fl.derive(theirs).jet
    for x in (-0.7, 0.3, 2.5):
        assert jet(x, 1.0)[0] == pytest.approx(formula(x), rel=1e-15)


# -- what is refused, and what to write --------------------------------------------------------------------------------


def _raises(pred: Any, target: Any, c: float = 1.0) -> Any:
    if c <= 0:
        raise ValueError("c is positive")
    return pred / c


class _Elsewhere:
    @staticmethod
    def shaped(pred: Any) -> Any:
        return pred * pred if isinstance(pred, torch.Tensor) else pred


class _Reversed(torch.autograd.Function):  # type: ignore[misc]
    """What it computes says nothing of its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return -g


class _Counting(torch.nn.Module):  # type: ignore[misc]
    calls = 0

    def forward(self, pred: Any, target: Any) -> Any:
        self.calls += 1
        return pred / self.calls - target


def _without_gradient(pred: Any, target: Any) -> Any:
    with torch.no_grad():
        weight = pred.clone()
    return weight * pred


def _also_of_another_name(pred: Any, target: Any) -> Any:
    mask = pred > 0
    known = mask
    mask &= target > 0
    return torch.where(known, pred, 2 * pred)


_CALLS: list[int] = []


def _remembers(pred: Any, target: Any) -> Any:
    _CALLS.append(1)
    return pred * len(_CALLS)


def _hooked() -> Any:
    module = torch.nn.Softplus()
    module.register_forward_hook(lambda module, given, value: 2 * value)
    return module


_HOOKED = _hooked()

REFUSED: dict[str, tuple[Any, str]] = {
    "torch.tensor": (lambda pred, target: torch.tensor(pred) * pred, "is computed without gradients"),
    "a copy": (_without_gradient, "is computed without gradients"),
    "a gradient of its own": (lambda pred, target: _Reversed.apply(pred) - target, r"a loss of fl\.pointwise"),
    "hooks": (_HOOKED, "Softplus: the module has hooks, which are not derived; derive its forward"),
    "hooks inside": (lambda pred, target: _HOOKED(pred) - target, "the module has hooks"),
    "a count": (_Counting(), "computes something else when it is called again"),
    "a list": (_remembers, "computes something else when it is called again"),
    "a mask in place": (_also_of_another_name, "what was changed in place under another name"),
    "type of numbers": (lambda pred, target: pred if isinstance(pred, torch.DoubleTensor) else target, "of numbers"),
    "type": (lambda pred, target: pred if type(pred) is torch.Tensor else target, "isinstance.* holds of an input"),
    "its type elsewhere": (lambda pred, target: _Elsewhere.shaped(pred), "`isinstance.* asks for the type of an arg"),
    "type of a parameter": (lambda pred, target, c=1.0: pred * c if isinstance(c, int) else pred, "type of a param"),
    "of rows": (lambda pred, target: F.cosine_embedding_loss(pred, pred, target), "a loss of rows is made by"),
    "in a list": (lambda pred, target: [F.normalize][0](pred), "calls .*; an argument is one number; a loss of rows"),
    "chance": (lambda pred, target: F.dropout(pred) - target, "nothing in a loss is random"),
    "batchmean": (lambda pred, target: F.kl_div(pred, target, reduction="batchmean"), "return the loss of one"),
    "fl.exp": (lambda pred, target: fl.exp(pred) - target, r"did you mean fl\.math\.exp\?"),
    "sum": (lambda pred, target: (pred - target).sum(), r"the loss of one element; the verbs reduce \(reduction="),
    "np.sum": (lambda pred, target: np.sum(pred - target), "calls np.sum; return the loss of one element"),
    "reduction": (lambda pred, target: F.mse_loss(pred, target, reduction="sum"), "is a sum; return the loss of one"),
    "axis": (lambda pred, target: np.mean(pred - target, axis=-1), "is a mean of axis -1; return the loss of one"),
    "of a mean": (lambda pred, target: torch.sqrt(F.mse_loss(pred, target)), "computes with a mean over elements"),
    "by a mean": (lambda pred, target: pred - pred.mean(), "computes with a mean over elements"),
    "of means": (lambda pred, target: pred.mean() * pred.mean(), "computes with a mean over elements"),
    "in place": (lambda pred, target: pred.clamp_(min=0), r"nothing is changed in place: write x = x.clamp\(...\)"),
    "detach": (lambda pred, target: pred.detach() * pred, "the gradient of a loss is its value's"),
    "softmax": (lambda pred, target: F.softmax(pred, dim=-1), "a loss of rows is made by fl.rowwise"),
    "shape": (lambda pred, target: pred.view(-1, 1) - target, "of numbers it takes x, shape"),
    "out": (
        lambda pred, target: np.maximum(pred, 0, out=np.empty(3)),
        "passes out= to maximum; of numbers it takes x, y",
    ),
    "steps": (lambda pred, target: np.floor(pred), "calls np.floor; a function of steps has no derivative"),
    "any": (lambda pred, target: (pred < 0).any(), r"the decorator says what they may be, fl.derive\(pred=fl.POS"),
    "axis of max": (lambda pred, target: torch.max(pred, 0), "reduces an axis; .*write fl.math.maximum"),
    "list": (lambda pred, target: torch.stack([pred, target]), "calls torch.stack; an argument is one number"),
    "raise": (_raises, "ValueError: c is positive; both ways of an `if` are followed; .*fl.derive.c=fl.POSITIVE"),
    "string": (lambda pred, target, reduction="mean": pred, "reduction is 'mean' by default.*; every loss takes it"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_says_what_to_write(what: str) -> None:
    function, text = REFUSED[what]
    with pytest.raises(TypeError, match=text):
        fl.derive(function)


def test_what_is_no_function_but_near_one() -> None:
    from functools import partial

    with pytest.raises(TypeError, match="got a type .*; pass an object of the class"):
        fl.derive(BinaryFocal)
    with pytest.raises(TypeError, match=r"got a partial .*; pass its function, and bind the loss: .bind\(q=0.9\)"):
        fl.derive(partial(pinball, q=0.8))


def test_branches_hold_nan_and_ends() -> None:
    """As fl.where: at a tie the side that the condition takes; NaN gives NaN."""
    jet = fl.derive(lambda pred, target: 2.0 * pred if pred > target else pred * pred).jet
    assert (jet(1.0, 1.0), jet(3.0, 1.0)) == ((1.0, 2.0, 2.0), (6.0, 2.0, 0.0))
    assert all(math.isnan(v) for point in ((math.nan, 1.0), (1.0, math.nan)) for v in jet(*point)[:2])
