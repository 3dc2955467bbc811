"""Derivatives with respect to the target: against differences of the textbook's value, and as calls of their own."""

from __future__ import annotations

import pickle
from typing import Any

import mpmath
import numpy as np
import oracle
import pytest
import row_oracle
from data import NAMES, ROWS, some
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")

ELEMENTS = [n for n in NAMES if fl.LOSSES[n].others and not fl.LOSSES[n].rooted]
EXCHANGED = [n for n in ROWS if fl.LOSSES[n].exchanged is not None]

PRED, TARGET = np.array([0.375, 0.75, 0.125]), np.array([0.5, 0.25, 0.25])
DISTRIBUTIONS = np.array([[0.125, 0.5, 0.375]]), np.array([[0.25, 0.25, 0.5]])


def test_which_losses_have_them() -> None:
    assert {"squared_error", "huber", "binary_cross_entropy_with_logits"} <= {*ELEMENTS}
    assert {"cross_entropy", "kl_divergence", "js_divergence", "cosine_distance"} <= {*EXCHANGED}


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements(name: str) -> None:
    """The jet that a kernel is made of, first and second derivative, for both inputs at once."""
    loss = fl.LOSSES[name]
    both = loss.with_respect_to("pred", "target")
    params = loss.values
    for point in zip(PRED.tolist(), TARGET.tolist(), strict=True):
        value, (d1, e1), (d2, e2) = both.jet(*point, *params.values())
        assert (value, d1, d2) == loss.jet(*point, *params.values())
        assert loss.with_respect_to("target").jet(*point, *params.values()) == (value, e1, e2)
        with mpmath.workdps(50):
            numbers = {n: mpmath.mpf(v) if not isinstance(v, bool) else v for n, v in params.items()}
            x = mpmath.mpf(point[0])
            formula = oracle.FORMULAS[name].value
            slope, curve = (mpmath.diff(lambda t: formula(x, t, **numbers), mpmath.mpf(point[1]), k) for k in (1, 2))  # noqa: B023
        assert_allclose(e1, float(slope), 1e-14, 1e-15)
        assert_allclose(e2, float(curve), 1e-12, 1e-15)


@pytest.mark.parametrize(
    "params", some([{}, {"beta": 0.25}, {"beta": 0.0}, {"beta": 1.0}, {"softcap": 2.0}], [{}]), ids=str
)
@pytest.mark.parametrize("name", some(EXCHANGED, ["kl_divergence"]))
def test_rows(name: str, params: dict[str, Any]) -> None:
    loss = fl.LOSSES[name]
    if not {*params} <= {*loss.parameters}:
        return
    loss = loss.bind(**params)
    pred, target = DISTRIBUTIONS
    value, grad = loss.with_respect_to("target").value_and_grad(pred, target, backend="serial")
    with mpmath.workdps(50):
        rows = [[mpmath.mpf(float(v)) for v in x[0]] for x in (pred, target)]
        numbers = {n: v if v is None else mpmath.mpf(v) for n, v in loss.values.items()}
        assert_allclose(value, float(row_oracle.FORMULAS[name].value(*rows, **numbers)), 1e-14)
        expected = []
        for k in range(3):

            def of(t: Any, k: int = k) -> Any:
                return row_oracle.FORMULAS[name].value(rows[0], [*rows[1][:k], t, *rows[1][k + 1 :]], **numbers)

            expected.append(float(mpmath.diff(of, rows[1][k])))
    assert_allclose(grad[0], expected, 1e-13, 1e-15)


def test_as_a_loss_of_its_own(rng: np.random.Generator) -> None:
    """Derivatives come in the target's type, in the order of the names; parameters, weights and pickles go on working."""
    pred, target = rng.normal(size=5), rng.normal(size=5).astype("f4")
    twin = fl.huber.with_respect_to("target", "pred")
    assert repr(twin) == "huber(delta=1.0).with_respect_to('target', 'pred')"
    first, second = twin.bind(delta=0.5).grad(pred, target, reduction="sum")
    own = fl.huber.grad(pred, target.astype("f8"), delta=0.5, reduction="sum")
    assert (first.dtype, second.dtype) == (np.float32, np.float64)
    assert_allclose(first, -own, 1e-6)
    assert_allclose(second, own, 1e-6)
    again = pickle.loads(pickle.dumps(twin.bind(delta=0.5)))
    assert again == twin.bind(delta=0.5) != fl.huber.bind(delta=0.5)
    assert_array_equal(again.grad(pred, target, reduction="sum")[0], first)
    out = np.empty_like(target)
    assert fl.huber.with_respect_to("target").grad(pred, target, out=out) is out


def test_later_calls_give_what_the_first_one_gave(rng: np.random.Generator) -> None:
    """One input's derivatives are no tuple, in its type, also where a recipe makes them."""
    pred, target = rng.normal(size=5), rng.normal(size=5).astype("f4")
    twin = fl.huber.with_respect_to("target").bind()
    for _ in range(3):
        grad = twin.grad(pred, target, backend="serial")
        found = grad, *twin.grad_and_hess(pred, target, backend="serial"), *twin.value_and_grad(pred, target)[1:]
        assert [(type(a), a.dtype, a.shape) for a in found] == [(np.ndarray, "f4", (5,))] * 4
        assert_allclose(grad, -fl.huber.grad(pred, target.astype("f8")), 1e-6)
        assert_array_equal(found[1], grad)
        assert_array_equal(found[3], grad)


def test_rows_by_name_and_in_place() -> None:
    pred, target = (x.copy() for x in DISTRIBUTIONS)
    twin = fl.kl_divergence.with_respect_to("target")
    expected = twin.grad(pred, target, backend="serial")
    assert_array_equal(twin.grad(target=target, pred=pred, backend="serial"), expected)
    assert twin.grad(pred, target, out=target, backend="serial") is target
    assert_array_equal(target, expected)
    assert pickle.loads(pickle.dumps(twin)).turned is not None


def test_what_has_no_such_derivative() -> None:
    with pytest.raises(ValueError, match="poisson: with_respect_to names target, expected pred$"):
        fl.poisson.with_respect_to("target")
    with pytest.raises(ValueError, match="huber: with_respect_to names nothing, expected pred or target or both"):
        fl.huber.with_respect_to()
    with pytest.raises(
        ValueError, match="kl_divergence: with_respect_to names pred and target, expected pred or target$"
    ):
        fl.kl_divergence.with_respect_to("pred", "target")
    with pytest.raises(ValueError, match="gaussian_nll: its derivatives are with respect to pred and var together"):
        fl.gaussian_nll.with_respect_to("var")
    with pytest.raises(ValueError, match="expected that of target"):
        fl.cross_entropy.with_respect_to("target").grad([[0.0, 1.0]], [1])
    with pytest.raises(ValueError, match="cross_entropy: class_weight is given, expected None"):
        fl.cross_entropy.with_respect_to("target").grad([[0.0, 1.0]], [[0.5, 0.5]], class_weight=[1.0, 2.0])


@pytest.mark.parametrize("loss", [fl.kl_divergence, fl.huber], ids=lambda loss: loss.name)
def test_twins_are_losses_apart(loss: Any) -> None:
    twin = loss.with_respect_to("target")
    assert twin != loss
    assert twin == loss.with_respect_to("target") == pickle.loads(pickle.dumps(twin))
    assert twin.with_respect_to("pred") == loss


def of_target(d1: float, d2: float, pred: float, target: float) -> tuple[float, float]:
    return -d1, d2


def short_rule(d1: float, d2: float) -> tuple[float, float]:
    return -d1, d2


def square(pred: float, target: float) -> tuple[float, float, float]:
    r = pred - target
    return r * r, 2.0 * r, 2.0


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"pred": of_target}, "square: others names pred, expected an input beside the one that it differentiates"),
        ({"target": "mirrored"}, "square: the rule for target must be a plain Python function, got a str"),
        ({"target": short_rule}, "square: the rule for target must return two derivatives, given"),
    ],
    ids=["pred", "text", "short"],
)
def test_rules_are_looked_at_where_they_are_written(others: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        fl.pointwise(others=others)(square)
    assert fl.pointwise(others={"target": of_target})(square).with_respect_to("target").jet(3.0, 1.0)[1] == -4.0


def test_what_exchanges_inputs_is_looked_at_where_it_is_written() -> None:
    class apart:
        def fold(p, q, t):
            return (abs(p - q),), (p,)

        def finish(total):
            return total, ()

        def grad(p, t):
            return p, 0.0

    with pytest.raises(TypeError, match="apart: exchanged must be a loss of rows of the same two inputs"):
        fl.rowwise(targets="none", smooth=False, exchanged=3)(apart)  # type: ignore[arg-type]
