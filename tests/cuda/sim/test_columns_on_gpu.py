"""Parameters of losses of rows that are arrays on a pretended GPU: each row against a call of that row with its number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hosted import Hosted, agree, both, raises, row_data
from numpy.testing import assert_array_equal

import fastloss as fl
from fastloss.kernels.cuda.plan import rows as rowplan

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]

ROWS = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.RowLoss)]
STREAMED = [(loss.name, n) for loss in ROWS for n in loss.parameters if n not in loss.single]


def numbers(loss: Any, parameter: str, n: int, rng: np.random.Generator) -> Any:
    """A number for each row, near the default."""
    domain, default = loss.parameters[parameter], loss.values[parameter]
    near = (default or 1.0) * rng.uniform(0.5, 1.0, n)
    return np.array([x if x in domain else domain.inner_point for x in near])


def one_by_one(loss: Any, data: Any, parameter: str, array: Any) -> None:
    """All rows in one call, and each in a call of its own."""
    found = loss.value_and_grad(*map(Hosted, data), reduction="none", **{parameter: Hosted(array)})
    for i, number in enumerate(array):
        row = [Hosted(x[i : i + 1].copy()) for x in data]
        one = loss.value_and_grad(*row, reduction="none", **{parameter: float(number)})
        agree(found[0][i : i + 1], one[0].array)
        agree(found[1][i : i + 1], one[1].array)


@pytest.mark.parametrize(("name", "parameter"), STREAMED)
def test_each_row_has_its_own(name: str, parameter: str, gpu: Any, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    one_by_one(loss, row_data(loss, 6, "f4", rng), parameter, numbers(loss, parameter, 5, rng))
    assert gpu.waits == 0


@pytest.mark.parametrize("name", ["distillation", "multiclass_focal", "cross_entropy"])
def test_rows_that_blocks_share(name: str, gpu: Any, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rowplan, "CHUNKS", 2)
    loss = fl.LOSSES[name]
    parameter = next(n for n in loss.parameters if (name, n) in STREAMED)
    one_by_one(loss, row_data(loss, 133, "f4", rng, 2), parameter, numbers(loss, parameter, 2, rng))
    stages = [plan for plan, *_ in gpu.launches].count("CudaRowPlan")
    assert stages > 6  # each of three calls has several


X, Y, T = np.zeros((5, 6), "f4"), np.ones((5, 6), "f4"), np.linspace(1, 2, 5)


@pytest.mark.parametrize("kind", ["f4", "f8", "f2"])
def test_as_on_the_host(kind: str, gpu: Any, rng: np.random.Generator) -> None:
    x, y = row_data(fl.soft_distillation, 6, kind, rng)
    t = rng.uniform(0.5, 4, 5)
    both(fl.soft_distillation.value_and_grad, x, y, temperature=t)
    both(fl.soft_distillation.value_and_grad, x, y, temperature=t[:1].astype(kind))
    out = Hosted(np.empty_like(x))
    grad = fl.soft_distillation.grad(Hosted(x), Hosted(y), temperature=Hosted(t))
    assert fl.soft_distillation.grad(Hosted(x), Hosted(y), temperature=Hosted(t), out=out) is out
    assert_array_equal(out.array, grad.array)
    assert gpu.waits == 0


def test_axes(rng: np.random.Generator) -> None:
    x, y, t = rng.normal(size=(2, 6, 3)), rng.normal(size=(2, 6, 3)), rng.uniform(0.5, 3, (2, 1))
    both(fl.soft_distillation.value_and_grad, x, y, temperature=t, axis=1)


def test_the_short_way(gpu: Any, rng: np.random.Generator) -> None:
    """Launched again with other arrays: of the parameter, too."""
    x, y = row_data(fl.soft_distillation, 6, "f4", rng)
    t = rng.uniform(0.5, 4, 5).astype("f4")
    cold = [fl.soft_distillation.value_and_grad(x, y, temperature=s) for s in (t, t * 2)]
    for k in (0, 1, 0):
        given = Hosted(t * (1 + k))
        agree(fl.soft_distillation.value_and_grad(Hosted(x), Hosted(y), temperature=given), cold[k])
    assert gpu.replays == 2


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf])
@pytest.mark.parametrize("loss", [fl.soft_distillation, fl.multilabel_margin])
def test_outside_its_domain(loss: Any, bad: float, rng: np.random.Generator) -> None:
    name = next(iter(loss.parameters))
    if bad == 0.0 and bad in loss.parameters[name]:
        pytest.skip("inside")
    x, y = row_data(loss, 6, "f4", rng)
    array, weight = np.linspace(1, 2, 5), np.ones(5, "f4")
    array[3] = bad
    out = Hosted(x.copy())
    with pytest.raises(ValueError, match=rf"^{loss.name}: {name}\[3\] is {bad}, expected a number"):
        loss.grad(Hosted(x), Hosted(y), check=True, out=out, **{name: Hosted(array)})
    assert_array_equal(out.array, x)
    loss(Hosted(x), Hosted(y), **{name: Hosted(array)})
    with pytest.raises(ValueError, match=f"{loss.name}: .* of an earlier call on the GPU"):
        fl.synchronize()
    loss(Hosted(x), Hosted(y), check=False, **{name: Hosted(array)})
    weight[3] = 0.0
    loss(Hosted(x), Hosted(y), weight=Hosted(weight), check=True, **{name: Hosted(array)})
    fl.synchronize()


@pytest.mark.parametrize(
    ("temperature", "kind", "text"),
    [
        (T, TypeError, "temperature is a numpy.ndarray, expected an array of hosted on a GPU, as pred is"),
        (Hosted(T[:3]), ValueError, r"temperature has shape \(3,\), expected one that broadcasts to \(5,\)"),
        (Hosted(np.ones((5, 6))), ValueError, r"temperature has shape \(5, 6\), .*; classes share one"),
        (Hosted(T, 1), ValueError, "temperature is on cuda:1, expected cuda:0, where pred is"),
        (Hosted(np.ones(5, "c8")), TypeError, "temperature has dtype complex64, expected real"),
    ],
)
def test_bad(temperature: Any, kind: Any, text: str, gpu: Any) -> None:
    raises(
        gpu,
        lambda: fl.soft_distillation.grad(Hosted(X), Hosted(Y), temperature=temperature),
        kind,
        f"^soft_distillation: {text}",
    )


def test_out_overlaps_it(gpu: Any) -> None:
    shared = X.copy()
    raises(
        gpu,
        lambda: fl.soft_distillation.grad(Hosted(X), Hosted(Y), temperature=Hosted(shared[:, 0]), out=Hosted(shared)),
        ValueError,
        "out overlaps temperature",
    )
