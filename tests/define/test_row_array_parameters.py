"""Parameters of losses of rows that are arrays, with the kernels as plain Python: a number for each row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from data import ROWS

import fastloss as fl
from fastloss.define.rows import Pair

STREAMED = [(name, n) for name in ROWS for n in fl.LOSSES[name].parameters if n not in fl.LOSSES[name].single]

N = 5


pytestmark = pytest.mark.usefixtures("uncompiled")


def drawn(loss: Any, classes: int, rng: np.random.Generator) -> list[Any]:
    """Arrays from inside the domains of a loss, a few rows of them."""
    shape = N, classes
    scores = [
        d.sample(rng, shape)
        if d.ends_only
        else rng.dirichlet(np.ones(classes), N)
        if d.low == 0.0
        else rng.normal(size=shape)
        for d in loss.domains[: loss.scores]
    ]
    if loss.target == "none":
        return scores
    return [*scores, rng.dirichlet(np.ones(classes), N) if loss.target == "dense" else rng.integers(0, classes, N)]


def numbers(loss: Any, parameter: str, rng: np.random.Generator) -> Any:
    """A number for each row, near the default."""
    domain, default = loss.parameters[parameter], loss.values[parameter]
    near = (default or 1.0) * rng.uniform(0.5, 1.0, N)
    return np.array([x if x in domain else domain.inner_point for x in near])


def test_what_may_be_an_array() -> None:
    assert ("distillation", "temperature") in STREAMED and ("multiclass_focal", "gamma") in STREAMED
    assert len(STREAMED) > 15


@pytest.mark.parametrize("classes", [4, 150])
@pytest.mark.parametrize(("name", "parameter"), STREAMED)
def test_each_row_has_its_own(name: str, parameter: str, classes: int) -> None:
    loss, rng = fl.LOSSES[name], np.random.default_rng(3)
    if isinstance(loss.functions, Pair) and classes > 4:
        pytest.skip("one template for rows of any length")
    inputs, array = drawn(loss, classes, rng), numbers(loss, parameter, rng)
    found = loss.value_and_grad(*inputs, reduction="none", **{parameter: array})
    for i in range(N):
        one = loss.value_and_grad(*[x[i : i + 1] for x in inputs], reduction="none", **{parameter: array[i]})
        np.testing.assert_allclose(found[0][i : i + 1], one[0], rtol=1e-14)
        np.testing.assert_allclose(found[1][i : i + 1], one[1], rtol=1e-13, atol=1e-17)
    constant = loss.value_and_grad(*inputs, reduction="none", **{parameter: np.full((1,), array[0])})
    expected = loss.value_and_grad(*inputs, reduction="none", **{parameter: array[0]})
    for a, b in zip(constant, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_axes_and_shapes() -> None:
    rng = np.random.default_rng(4)
    x, y, t = rng.normal(size=(2, 3, 7)), rng.normal(size=(2, 3, 7)), rng.uniform(0.5, 3, (2, 1))
    expected = fl.soft_distillation.value_and_grad(x, y, temperature=t, reduction="none")
    for i in range(2):
        one = fl.soft_distillation.value_and_grad(x[i], y[i], temperature=t[i, 0], reduction="none")
        np.testing.assert_allclose(expected[0][i], one[0])
    first = fl.soft_distillation.value_and_grad(
        np.moveaxis(x, 2, 1), np.moveaxis(y, 2, 1), temperature=t, reduction="none", axis=1
    )
    np.testing.assert_allclose(first[0], expected[0])
    np.testing.assert_allclose(np.moveaxis(first[1], 1, 2), expected[1])
    # Rows side by side along the axes after that of the classes: tiles of them.
    a, b, c = rng.normal(size=(2, 3, 70)), rng.normal(size=(2, 3, 70)), rng.uniform(0.5, 3, (2, 70))
    across = fl.soft_distillation(a, b, temperature=c, reduction="none", axis=1)
    along = fl.soft_distillation(np.moveaxis(a, 1, 2), np.moveaxis(b, 1, 2), temperature=c, reduction="none")
    np.testing.assert_allclose(across, along)


def test_with_other_keywords() -> None:
    rng = np.random.default_rng(5)
    loss = fl.distillation
    x, y, labels = rng.normal(size=(N, 4)), rng.normal(size=(N, 4)), np.array([0, -100, 2, 3, 1])
    t, alpha, weight = rng.uniform(0.5, 3, N), rng.uniform(0, 1, N), np.array([1.0, 2.0, 0.0, 0.5, 1.0])
    kept = [0, 3, 4]
    each = [loss(x[i : i + 1], y[i : i + 1], labels[i : i + 1], temperature=t[i], alpha=alpha[i]) for i in kept]
    options: dict[str, Any] = {"ignore_index": -100, "weight": weight, "temperature": t, "alpha": alpha}
    assert loss(x, y, labels, **options) == pytest.approx(np.average(each, weights=weight[kept]))
    out = np.empty_like(x)
    grad = loss.grad(x, y, labels, **options)
    assert (grad[[1, 2]] == 0.0).all()
    assert loss.grad(x, y, labels, out=out, **options) is out
    np.testing.assert_array_equal(out, grad)
    over = x.copy()
    np.testing.assert_array_equal(loss.grad(over, y, labels, out=over, **options), grad)
    stats = loss.value_and_grad(x, y, labels, return_stats=True, **options)[-1] if loss.functions.stats else None
    assert stats is None or np.isnan(stats.logsumexp[1])
    # What is absent may have any.
    t[[1, 2]] = math.nan, -1.0
    np.testing.assert_array_equal(loss.grad(x, y, labels, **options), grad)


def test_with_respect_to_the_other() -> None:
    rng = np.random.default_rng(6)
    x, y, z = rng.normal(size=(N, 4)), rng.dirichlet(np.ones(4), N), rng.uniform(0.5, 3, N)
    turned = fl.cross_entropy.with_respect_to("target")
    for loss in (turned, turned.bind(z_loss=z), fl.cross_entropy.bind(z_loss=z).with_respect_to("target")):
        found = loss.value_and_grad(x, y, reduction="none", **({} if loss is not turned else {"z_loss": z}))
        for i in range(N):
            one = turned.value_and_grad(x[i : i + 1], y[i : i + 1], z_loss=z[i], reduction="none")
            np.testing.assert_allclose(found[0][i : i + 1], one[0])
            np.testing.assert_allclose(found[1][i : i + 1], one[1])


X, Y, T = np.ones((N, 4)), np.zeros((N, 4)), np.linspace(1.0, 2.0, N)
BAD: list[tuple[Any, type[Exception], str]] = [
    (T[:3], ValueError, r"temperature has shape \(3,\), expected one that broadcasts to \(5,\), a number for each row"),
    (
        np.ones((N, 4)),
        ValueError,
        r"temperature has shape \(5, 4\), .* a number for each row of pred; classes share one",
    ),
    (np.ones((N, 1)), ValueError, r"temperature has shape \(5, 1\), .* a number for each row of pred"),
    ([1, 2, -1, 1, 1], ValueError, r"temperature\[2\] is -1, expected a number greater than 0"),
    ([1, 2, 0.0, 1, 1], ValueError, r"temperature\[2\] is 0.0, expected a number greater than 0"),
    ([1, 2, math.nan, 1, 1], ValueError, r"temperature\[2\] is nan, expected a number greater than 0"),
    ([1, 2, math.inf, 1, 1], ValueError, r"temperature\[2\] is inf, expected a number greater than 0 and finite"),
    (["a"] * N, TypeError, "temperature has dtype <U1, expected real numbers"),
    ([[1.0], [2.0, 3.0]], TypeError, "temperature is a list that NumPy cannot read"),
]


@pytest.mark.parametrize(("temperature", "kind", "text"), BAD)
def test_bad(temperature: Any, kind: type, text: str) -> None:
    out, over = np.zeros_like(X), X.copy()
    for place, first in ((None, X), (out, X), (over, over)):
        with pytest.raises(kind, match=f"^soft_distillation: {text}"):
            fl.soft_distillation.grad(first, Y, temperature=temperature, out=place)
    assert not out.any() and (over == X).all()


def test_others_take_one_number() -> None:
    with pytest.raises(TypeError, match=r"topk_distillation: temperature is \[1.0\].* expected one value for all rows"):
        fl.topk_distillation([[0.0, 0.0]], [[1]], [[-0.1]], [1], temperature=[1.0])
    with pytest.raises(TypeError, match="scale_t2 is .* expected one value for all rows: 0 or 1"):
        fl.soft_distillation(X, Y, scale_t2=[True] * N)
    shared = np.ones(4 * N)
    first = shared[: 4 * N].reshape(N, 4)
    with pytest.raises(ValueError, match="out overlaps temperature"):
        fl.soft_distillation.grad(X, Y, temperature=first[:, 0], out=first)
