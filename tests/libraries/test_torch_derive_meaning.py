"""What torch means by a text and a trace does not show: gradients that are off, types, changes in place, thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special
from elements import plain

import fastloss as fl

torch = pytest.importorskip("torch")
F = torch.nn.functional


def without_gradients(pred: Any, target: Any) -> Any:
    with torch.no_grad():
        weight = torch.sigmoid(pred)
    return weight * (pred - target) ** 2


@torch.no_grad()  # type: ignore[untyped-decorator]
def _weight(pred: Any) -> Any:
    return torch.sigmoid(pred)


class Reversed(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(context: Any, x: Any) -> Any:
        return x * 1.5

    @staticmethod
    def backward(context: Any, slope: Any) -> Any:
        return -slope


def changed_in_place(pred: Any, target: Any) -> Any:
    error = pred - target
    doubled = error
    doubled *= 2
    return error * doubled


def argument_changed_in_place(pred: Any, target: Any) -> Any:
    error = pred
    error -= target
    return error * error + pred


def too_many_ways(pred: Any, target: Any) -> Any:
    total = pred * target
    for k in range(7):
        if pred > k - 3:
            total = total + k * pred
    for k in range(7):
        if target > k - 3:
            total = total + k * pred
    return total


def caught(pred: Any, target: Any) -> Any:
    try:
        return np.arctan2(pred, target)
    except TypeError:
        return pred * target


def caught_at_last(pred: Any, target: Any) -> Any:
    try:
        value = pred * target
    finally:
        target = 1.0
    return value


class Several(torch.nn.Module):  # type: ignore[misc]
    factor = 3.0

    def __init__(self) -> None:
        super().__init__()
        self.losses = torch.nn.ModuleList([torch.nn.MSELoss(), torch.nn.L1Loss()])
        self.start = torch.nn.Sequential(torch.nn.Sigmoid(), torch.nn.Softplus())

    def forward(self, pred: Any, target: Any) -> Any:
        if not isinstance(self, torch.nn.Module):
            return pred * target
        total = self.losses[0](self.start(pred), target) * self.__class__.factor
        for loss in self.losses:
            total = total + loss(pred, target)
        return total


class Further(Several):
    def forward(self, pred: Any, target: Any) -> Any:
        return super().forward(pred, target) + (pred * pred).mean()


REFUSED: dict[str, tuple[Any, str]] = {
    "no_grad": (without_gradients, r"`torch.sigmoid\(pred\)` is computed without gradients; the gradient of a loss"),
    "decorated": (lambda pred, target: _weight(pred) * pred, "is computed without gradients"),
    "backward": (
        lambda pred, target: Reversed.apply(pred) * target,
        r"`Reversed.apply\(pred\)` calls Reversed.apply; what",
    ),
    "in place": (changed_in_place, r"`error \* doubled` is of what was changed in place under another name; write x"),
    "argument": (argument_changed_in_place, "is of what was changed in place under another name"),
    "to": (lambda pred, target: pred - target.to(torch.long), "makes a whole number; a function of steps"),
    "astype": (lambda pred, target: pred * target.astype(np.int8), "makes a whole number"),
    "asarray": (lambda pred, target: pred - np.asarray(target, dtype=int), "makes a whole number"),
    "name": (lambda pred, target: pred - target.astype("int64"), "makes a whole number"),
    "type": (lambda pred, target: pred - target.type(torch.uint8), "makes a whole number"),
    "comparisons": (lambda pred, target: pred * ((pred > 0) + (target > 0)), r"adds comparisons; .*write `\|`"),
    "try": (caught, "caught has a try statement, which sees no number; choose by a condition"),
    "finally": (caught_at_last, "has a try statement"),
    "a helper's": (lambda pred, target: caught(pred, target) + pred, "caught has a try statement"),
    "ufunc": (lambda pred, target: scipy.special.boxcox(pred, target), "calls scipy.special.boxcox; help"),
    "ways": (too_many_ways, r"`(pred|target) > k - 3` is asked for on more than 64 ways through the function; a loop"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_trace_would_get_wrong_is_refused(what: str) -> None:
    function, text = REFUSED[what]
    with pytest.raises(TypeError, match=text):
        fl.derive(function)


def weight_of_labels(pred: Any, target: Any) -> Any:
    with torch.no_grad():
        weight = 1.0 + 2.0 * target
    loss = (pred - target) ** 2
    loss *= weight
    loss += pred
    return loss


TAKEN: dict[str, Any] = {
    "weight of labels": weight_of_labels,
    "modules": Several(),
    "super": Further(),
    "bool": lambda pred, target: pred * pred * target.to(torch.bool) + pred,
    "int of a comparison": lambda pred, target: pred * ((pred > 0).to(torch.int64) + (target > 0).float()),
    "threshold": lambda pred, target: F.softplus(pred - target, threshold=1) + F.softplus(pred, 3.0, threshold=2),
    "beta": lambda pred, target: F.smooth_l1_loss(pred, target, beta=0.0),
    "kink": lambda pred, target: F.huber_loss(pred, target, delta=0.5) + F.smooth_l1_loss(pred, target, beta=2.0),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_torch_means(name: str) -> None:
    """Value, slope and bend, by torch's autograd of the same function; 0.5 and 2 are kinks."""
    function = TAKEN[name]
    jet = plain(fl.derive(function).jet, np.float64)
    for x, t in [(x, t) for x in (-2.0, -0.3, 0.5, 2.5) for t in (-1.7, 0.0, 1.0)]:
        pred = torch.tensor([x], dtype=torch.float64, requires_grad=True)
        value = function(pred, torch.tensor([t], dtype=torch.float64))
        (slope,) = torch.autograd.grad(value.sum(), pred, create_graph=True)
        bend = torch.autograd.grad(slope.sum(), pred)[0].item() if slope.requires_grad else 0.0
        assert jet(np.float64(x), np.float64(t)) == pytest.approx((value.item(), slope.item(), bend), rel=1e-8), (x, t)


def test_gradients_that_are_off_where_a_loss_is_defined() -> None:
    with torch.no_grad():
        loss = fl.derive(lambda pred, target: torch.exp(pred - target))
    assert loss.grad([1.0], [1.0], backend="serial") == [1.0]
