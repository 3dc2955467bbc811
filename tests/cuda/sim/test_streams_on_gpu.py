"""Parameters that are arrays on a pretended GPU, its kernels in the simulator, against the same calls on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hosted import Hosted, agree, both, raises
from numpy.testing import assert_array_equal

import fastloss as fl

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]


def drawn(rng: np.random.Generator, dtype: str = "f4") -> tuple[Any, Any, Any]:
    return rng.normal(size=(7, 11)).astype(dtype), rng.normal(size=(7, 11)).astype(dtype), rng.uniform(0.2, 2, (7, 11))


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_a_number_for_each_element(dtype: str, gpu: Any, rng: np.random.Generator) -> None:
    x, y, delta = drawn(rng, dtype)
    both(fl.huber.value_and_grad, x, y, delta=delta.astype(dtype))
    both(fl.huber.value_and_grad, x, y, delta=delta[0].astype("f4"), reduction="sum")
    both(fl.huber.grad_and_hess, x, y, delta=delta[:, :1].astype("f8"), reduction="sum")
    assert gpu.waits == 0


def test_several(rng: np.random.Generator) -> None:
    x, weight = rng.normal(size=(7, 11)).astype("f4"), rng.integers(0, 3, (7, 11)).astype("f4")
    y, positive, smooth = (x > 0).astype("f4"), rng.uniform(0.5, 3, 11).astype("f4"), rng.uniform(0, 0.2, (7, 1))
    options = {"pos_weight": positive, "label_smoothing": smooth.astype("f4"), "weight": weight}
    both(fl.bce_with_logits.value_and_grad, x, y, **options)
    both(fl.bce_with_logits.value_and_grad, x, y, axis=1, **options)
    both(fl.bce_with_logits, x, y, reduction="none", **options)
    y[rng.random(y.shape) < 0.3] = -100
    both(fl.bce_with_logits.value_and_grad, x, y, ignore_index=-100, pos_weight=positive)


def test_quantiles_of_a_column(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(7, 1)).astype("f4"), rng.normal(size=(7, 1)).astype("f4")
    _, grad = both(fl.quantile.value_and_grad, x, y, q=np.float32([0.1, 0.5, 0.9]))
    assert grad.shape == (7, 1)
    out = Hosted(np.empty_like(x))
    assert fl.quantile.grad(Hosted(x), Hosted(y), q=Hosted(np.float32([0.1, 0.5, 0.9])), out=out) is out
    assert_array_equal(out.array, grad.array)


def test_the_short_way(gpu: Any, rng: np.random.Generator) -> None:
    """Launched again with other arrays: of the parameter, too."""
    x, y, delta = drawn(rng)
    first = fl.huber.value_and_grad(Hosted(x), Hosted(y), delta=Hosted(delta))
    for given in (delta, delta * 2, delta):
        agree(
            fl.huber.value_and_grad(Hosted(x), Hosted(y), delta=Hosted(given)),
            fl.huber.value_and_grad(x, y, delta=given),
        )
    agree(first, fl.huber.value_and_grad(x, y, delta=delta))


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan])
def test_outside_its_domain(bad: float, rng: np.random.Generator) -> None:
    x, y, delta = drawn(rng)
    delta[3, 4] = bad
    for out in (None, Hosted(x.copy())):
        before = out and out.array.copy()
        with pytest.raises(ValueError, match=rf"huber: delta\[3, 4\] is {bad}, expected a number greater than 0"):
            fl.huber.grad(Hosted(x), Hosted(y), delta=Hosted(delta), check=True, out=out)
        assert out is None or (out.array == before).all()
    fl.huber(Hosted(x), Hosted(y), delta=Hosted(delta))
    with pytest.raises(ValueError, match="huber: .* of an earlier call on the GPU"):
        fl.synchronize()
    weight = np.ones((7, 11), "f4")
    weight[3, 4] = 0.0
    fl.huber(Hosted(x), Hosted(y), delta=Hosted(delta), weight=Hosted(weight))
    fl.synchronize()


@pytest.mark.parametrize(
    ("delta", "kind", "text"),
    [
        (np.ones(11), TypeError, "delta is a numpy.ndarray, expected an array of hosted on a GPU, as pred is"),
        (Hosted(np.ones(5)), ValueError, r"shapes do not broadcast: pred \(7, 11\), target \(7, 11\), delta \(5,\)"),
        (Hosted(np.ones(11), 1), ValueError, "delta is on cuda:1, expected cuda:0, where pred is"),
        (Hosted(np.ones(11, "c8")), TypeError, "delta has dtype complex64, expected real"),
    ],
)
def test_bad(delta: Any, kind: Any, text: str, gpu: Any, rng: np.random.Generator) -> None:
    x, y, _ = drawn(rng)
    raises(gpu, lambda: fl.huber.grad(Hosted(x), Hosted(y), delta=delta), kind, f"^huber: {text}")
    raises(
        gpu, lambda: fl.huber(x, y, delta=Hosted(np.ones(11))), TypeError, "^huber: pred is a numpy.ndarray, expected"
    )
    raises(
        gpu, lambda: fl.huber.bind(delta=Hosted(np.ones(11))), TypeError, "^huber: delta is a .*Hosted, expected a num"
    )
