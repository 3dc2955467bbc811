# ruff: noqa: E731
"""Losses as functions of JAX's arrays: JAX's own transformations of them beside the verbs and beside formulas."""

from __future__ import annotations

import doctest
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from rowwise import draw

import fastloss as fl
from fastloss import deferred

jax = pytest.importorskip("jax", reason="JAX is an extra; CI installs it and runs this file again")
jnp = jax.numpy

import fastloss.jax as flj  # noqa: E402
from fastloss.jax import foreign, functions, host, verbs  # noqa: E402

uncompiled = pytest.mark.usefixtures("uncompiled")


@pytest.fixture(autouse=True)
def wide(request: pytest.FixtureRequest) -> Iterator[None]:
    """float64 is there, unless a test is marked as narrow."""
    with jax.enable_x64("narrow" not in request.fixturenames):
        yield


@pytest.fixture
def narrow() -> None:
    """JAX as it is by default, without float64."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What is asked of the verbs, and the shape of the first array, one after another."""
    seen: list[tuple[str, Any]] = []

    def computed(call: Any, want: str, arrays: Any, out: Any = None) -> Any:
        seen.append((want, arrays[0].shape))
        return verbs.computed(call, want, arrays, out)

    for module in (foreign, host):
        monkeypatch.setattr(module, "computed", computed)
    return seen


def inputs(loss: Any, rng: np.random.Generator, n: int = 4) -> list[Any]:
    if isinstance(loss, fl.RowLoss):
        return draw(loss, n, 3, np.float64, rng)
    return [d.sample(rng, n) for d in loss.domains]


# -- Every loss ---------------------------------------------------------------------------------------------------------


@uncompiled
@pytest.mark.parametrize("name", fl.LOSSES)
def test_value_and_gradient_are_those_of_the_verbs(name: str, rng: np.random.Generator) -> None:
    loss, face = fl.LOSSES[name], getattr(flj, name)
    x = inputs(loss, rng)
    value, grad = jax.jit(jax.value_and_grad(face, argnums=loss.wrt if len(loss.wrt) > 1 else 0))(*x)
    expected, slopes = loss.value_and_grad(*x)
    assert value.dtype == np.float64
    assert_allclose(value, expected, rtol=1e-14)
    for g, slope in zip(grad if len(loss.wrt) > 1 else [grad], slopes if len(loss.wrt) > 1 else [slopes], strict=True):
        assert_allclose(g, slope, rtol=1e-14)


def test_names_signatures_and_what_they_are_not() -> None:
    assert flj.mse is flj.squared_error
    assert {*fl.LOSSES, *fl.ALIASES, "function", "register"} == {*dir(flj)}
    shown = inspect.signature(flj.huber)
    assert [*shown.parameters][:3] == ["pred", "target", "delta"]
    assert "out" not in shown.parameters
    assert shown.parameters["weight"].default is None
    assert "class_weight : " in flj.cross_entropy.__doc__
    with pytest.raises(AttributeError, match="did you mean squared_error"):
        flj.mean_squared_error  # noqa: B018
    with pytest.raises(TypeError, match="loss is a builtins?.*int, expected a loss|loss is an int, expected a loss"):
        flj.function(3)
    with pytest.raises(TypeError, match=r"huber: 'out' is no argument of the function for JAX; arrays of JAX never"):
        flj.huber(1.0, 2.0, out=3.0)
    with pytest.raises(TypeError, match=r"huber: 'beta' is no argument.*use delta"):
        flj.huber(1.0, 2.0, beta=3.0)
    with pytest.raises(TypeError, match="huber: target is missing"):
        flj.huber(1.0)
    assert flj.huber(y_pred=jnp.array([3.0]), y_true=jnp.array([1.0])) == 1.5


def test_losses_of_one_name_that_two_threads_meet_at_once_have_two_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(dict[str, Any]):
        """What a thread sees that the other has not yet written to."""

        def items(self) -> Any:
            return {}.items()

        def __len__(self) -> int:
            return 0

    monkeypatch.setattr(deferred, "_own", Late())
    once, twice = (fl.derive(lambda pred, target, c=c: c * (pred - target) ** 2) for c in (1.0, 2.0))
    texts = [deferred.Deferred(loss, ("pred", "target"), (0,)).text for loss in (once, twice)]
    assert [deferred.Deferred.of_text(text).loss for text in texts] == [once, twice]


# -- Formulas -----------------------------------------------------------------------------------------------------------


def entropy(z: Any, labels: Any) -> Any:
    return (jax.nn.logsumexp(z, -1) - jnp.take_along_axis(z, labels[:, None], -1)[:, 0]).mean()


FORMULAS: dict[str, Any] = {
    "squared_error": lambda p, t: jnp.mean((p - t) ** 2),
    "log_cosh": lambda p, t: jnp.mean(jnp.log(jnp.cosh(p - t))),
    "cauchy": lambda p, t: jnp.mean(0.5 * jnp.log1p((p - t) ** 2)),
    "pseudo_huber": lambda p, t: jnp.mean(jnp.sqrt(1 + (p - t) ** 2) - 1),
    "welsch": lambda p, t: jnp.mean(0.5 * -jnp.expm1(-((p - t) ** 2))),
    "poisson": lambda p, t: jnp.mean(jnp.exp(p) - t * p),
    "binary_cross_entropy_with_logits": lambda p, t: jnp.mean(jax.nn.softplus(p) - t * p),
    "squared_hinge": lambda p, t: jnp.mean(jnp.maximum(0, 1 - p * t) ** 2),
    "exponential": lambda p, t: jnp.mean(jnp.exp(-p * t)),
    "gaussian_nll": lambda p, t, v: jnp.mean(0.5 * (jnp.log(v) + (p - t) ** 2 / v)),
    "root_mean_squared_error": lambda p, t: jnp.sqrt(jnp.mean((p - t) ** 2)),
    "cross_entropy": entropy,
}


@uncompiled
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_forwards_backwards_and_twice(name: str, rng: np.random.Generator) -> None:
    loss, face, formula = fl.LOSSES[name], getattr(flj, name), FORMULAS[name]
    x = [jnp.asarray(a) for a in inputs(loss, rng)]
    if name == "gaussian_nll":
        x = [x[0], x[1], abs(x[2]) + 0.5]
    v = jnp.asarray(rng.normal(size=x[0].shape))
    every = lambda f: [f(*x), *jax.value_and_grad(f)(*x), *jax.jvp(lambda p: f(p, *x[1:]), (x[0],), (v,))]
    found, expected = every(face), every(formula)
    for a, b in zip(found, expected, strict=True):
        assert_allclose(a, b, rtol=1e-12)
    if isinstance(loss, fl.RowLoss) or loss.rooted:
        with pytest.raises(NotImplementedError, match=f"{name}: its gradient is differentiated"):
            jax.hessian(face)(*x)
        return
    for twice in (jax.hessian, lambda f: jax.jacrev(jax.grad(f)), lambda f: jax.jit(jax.jacfwd(jax.grad(f)))):
        assert_allclose(twice(face)(*x), jax.hessian(formula)(*x), rtol=1e-11, atol=1e-15)
    with pytest.raises(NotImplementedError, match=f"{name}: its second derivative is differentiated"):
        jax.jacfwd(jax.hessian(face))(*x)


@uncompiled
def test_other_inputs_have_the_right_gradient_or_an_error(rng: np.random.Generator) -> None:
    p, t = (jnp.asarray(rng.normal(size=4)) for _ in range(2))
    assert_allclose(jax.grad(flj.log_cosh, 1)(p, t), jax.grad(FORMULAS["log_cosh"], 1)(p, t), rtol=1e-12)
    for mine, theirs in zip(
        jax.grad(flj.log_cosh, (0, 1))(p, t), jax.grad(FORMULAS["log_cosh"], (0, 1))(p, t), strict=True
    ):
        assert_allclose(mine, theirs, rtol=1e-12)
    with pytest.raises(NotImplementedError, match="log_cosh.*then pred and target, and gives no mixed derivatives"):
        jax.hessian(flj.log_cosh, (0, 1))(p, t)
    with pytest.raises(TypeError, match=r"poisson: target is differentiated, and there is a "
                       r"derivative with respect to pred alone: pass jax.lax.stop_gradient\(target\)"):  # fmt: skip
        jax.grad(flj.poisson, (0, 1))(p, p**2)
    for name, x in (("weight", jnp.ones(4)), ("delta", jnp.array(1.0)), ("normalizer", jnp.array(2.0))):
        with pytest.raises(TypeError, match=f"huber: {name} is differentiated"):
            jax.grad(lambda x: flj.huber(p, t, **{name: x}))(x)  # noqa: B023
    # What is held constant on the way is none of it, in a scan neither.
    held = jax.jit(jax.grad(lambda p: flj.huber(p, jax.lax.stop_gradient(2 * p))))(p)
    assert_allclose(held, fl.huber.grad(np.asarray(p), 2 * np.asarray(p)), rtol=1e-12)
    two = jax.grad(flj.gaussian_nll, (0, 2))(p, t, t**2 + 1)
    for mine, theirs in zip(two, jax.grad(FORMULAS["gaussian_nll"], (0, 2))(p, t, t**2 + 1), strict=True):
        assert_allclose(mine, theirs, rtol=1e-12)


@uncompiled
@pytest.mark.parametrize("shapes", [((3, 1), (1, 4)), ((3, 4), ()), ((3, 4), (4,)), ((), (3, 4))], ids=str)
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_inputs_that_broadcast_have_the_shapes_of_their_own_derivatives(
    shapes: Any, reduction: str, rng: np.random.Generator
) -> None:
    p, t = (jnp.asarray(rng.normal(size=s)) for s in shapes)
    formula = lambda p, t: (jnp.mean if reduction == "mean" else jnp.asarray)(jnp.log(jnp.cosh(p - t)))
    face = partial(flj.log_cosh, reduction=reduction)
    for of in (
        lambda f: jax.jacrev(f, (0, 1)),
        lambda f: jax.jacfwd(f, (0, 1)),
        lambda f: lambda p, t: [jax.hessian(f, 1)(p, t)],
    ):
        for mine, theirs in zip(of(face)(p, t), of(formula)(p, t), strict=True):
            assert_allclose(mine, theirs, rtol=1e-11, atol=1e-15)


# -- vmap ---------------------------------------------------------------------------------------------------------------

B, N, K = 3, 4, 5


def one_after_another(f: Any, axes: tuple[Any, ...], arrays: Any) -> Any:
    results = [f(*[a if axis is None else a[i] for a, axis in zip(arrays, axes, strict=True)]) for i in range(B)]
    return jax.tree.map(lambda *x: jnp.stack(x), *results)


def mapped(f: Any, axes: tuple[Any, ...], shapes: Any, rng: np.random.Generator) -> None:
    """`jax.vmap` of value and gradient is their loop, outside and inside of `jax.grad`, compiled or not."""
    arrays = [jnp.asarray(make((B, *s) if axis == 0 else s)) for axis, (make, s) in zip(axes, shapes, strict=True)]
    both = lambda *x: jax.value_and_grad(lambda p, *y: f(p, *y).sum())(*x)
    expected = one_after_another(both, axes, arrays)
    for a, b in zip(jax.jit(jax.vmap(both, axes))(*arrays), expected, strict=True):
        assert_allclose(a, b, rtol=1e-12)
    assert_allclose(jax.vmap(f, axes)(*arrays), one_after_another(f, axes, arrays), rtol=1e-12)
    if axes[0] == 0:
        found = jax.grad(lambda p, *y: jax.vmap(f, axes)(p, *y).sum())(*arrays)
        assert_allclose(found, expected[1], rtol=1e-12)


ELEMENTS: dict[str, Any] = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "axis": {"reduction": "sum", "axis": 1},
    "normalizer": {"normalizer": 3.0},
}


@uncompiled
@pytest.mark.parametrize("how", ELEMENTS)
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)], ids=str)
def test_elements_under_vmap(how: str, axes: Any, rng: np.random.Generator, asked: Any) -> None:
    shape = (2, N)
    f = lambda p, t: flj.huber(p, t, **ELEMENTS[how])
    mapped(f, axes, [(partial(rng.normal, 0.0, 1.0), shape)] * 2, rng)
    asked.clear()
    arrays = [jnp.ones((B, *shape) if axis == 0 else shape) for axis in axes]
    jax.jit(jax.vmap(f, axes))(*arrays).block_until_ready()
    assert len(asked) == 1


@uncompiled
def test_weights_numbers_and_parameters_under_vmap(rng: np.random.Generator) -> None:
    normal, positive = partial(rng.normal, 0.0, 1.0), partial(rng.gamma, 2.0, 1.0)
    weighted = lambda p, t, w, d: flj.huber(p, t, weight=w, delta=d)
    mapped(weighted, (0, 0, 0, 0), [(normal, (N,)), (normal, (N,)), (positive, (N,)), (positive, ())], rng)
    mapped(weighted, (0, None, None, 0), [(normal, (N,)), (normal, (N,)), (positive, ()), (positive, (N,))], rng)
    mapped(weighted, (0, None, None, 0), [(normal, (B,)), (normal, (B,)), (positive, (B,)), (positive, ())], rng)
    mapped(lambda p, t: flj.huber(p, t), (0, 0), [(normal, ())] * 2, rng)
    mapped(lambda p, t: flj.huber(p, t, reduction="none"), (0, None), [(normal, ())] * 2, rng)
    mapped(flj.root_mean_squared_error, (0, 0), [(normal, (N,))] * 2, rng)
    mapped(lambda p, t, n: flj.huber(p, t, normalizer=n), (0, 0, 0), [(normal, (N,))] * 2 + [(positive, ())], rng)
    twice = jax.vmap(jax.vmap(jax.grad(flj.log_cosh)), in_axes=(1, None))
    x, y = jnp.asarray(normal((2, B, N))), jnp.asarray(normal((2, N)))
    expected = [[fl.log_cosh.grad(np.asarray(x[i, j]), np.asarray(y[i])) for i in range(2)] for j in range(B)]
    assert_allclose(twice(x, y), expected, rtol=1e-12)
    hessians = jax.vmap(jax.hessian(flj.log_cosh))(x[0], x[1])
    assert_allclose(hessians, jax.vmap(jax.hessian(FORMULAS["log_cosh"]))(x[0], x[1]), rtol=1e-11, atol=1e-15)


ROWS: dict[str, Any] = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "smoothed": {"label_smoothing": 0.1},
    "ignoring": {"ignore_index": 1},
    "of classes": {"class_weight": np.arange(1.0, K + 1)},
    "of classes, summed": {"class_weight": np.arange(1.0, K + 1), "reduction": "sum"},
}


@uncompiled
@pytest.mark.parametrize("how", ROWS)
@pytest.mark.parametrize("axes", [(0, 0), (0, None)], ids=str)
def test_rows_under_vmap(how: str, axes: Any, rng: np.random.Generator, asked: Any) -> None:
    normal, labels = partial(rng.normal, 0.0, 1.0), lambda shape: rng.integers(0, K, shape)
    f = lambda z, y: flj.cross_entropy(z, y, **ROWS[how])
    mapped(f, axes, [(normal, (N, K)), (labels, (N,))], rng)
    if how != "ignoring":  # of one row alone there may be nothing
        mapped(f, axes, [(normal, (K,)), (labels, ())], rng)
    asked.clear()
    z = jnp.ones((B, N, K) if axes[0] == 0 else (N, K))
    jax.jit(jax.vmap(f, axes))(z, jnp.ones((B, N) if axes[1] == 0 else (N,), int)).block_until_ready()
    assert len(asked) == (B if how in ("ignoring", "of classes") else 1)


@uncompiled
def test_weights_axes_and_masses_of_rows_under_vmap(rng: np.random.Generator) -> None:
    normal, positive = partial(rng.normal, 0.0, 1.0), partial(rng.gamma, 2.0, 1.0)
    labels = lambda shape: rng.integers(0, K, shape)
    masses = lambda shape: rng.dirichlet(np.ones(K), shape[:-1])
    summed = lambda z, y, w: flj.cross_entropy(z, y, weight=w, reduction="sum", axis=0)
    mapped(summed, (0, 0, 0), [(normal, (K, N)), (labels, (N,)), (positive, (N,))], rng)
    mapped(summed, (0, 0, None), [(normal, (K, N)), (labels, (N,)), (positive, ())], rng)
    averaged = lambda z, y, w: flj.cross_entropy(z, y, weight=w)
    mapped(averaged, (0, 0, 0), [(normal, (N, K)), (labels, (N,)), (positive, (N,))], rng)
    mapped(flj.cross_entropy, (0, 0), [(normal, (N, K)), (masses, (N, K))], rng)
    mapped(flj.cross_entropy, (None, 0), [(normal, (N, K)), (labels, (N,))], rng)


# -- What programs do --------------------------------------------------------------------------------------------------


@uncompiled
def test_a_gradient_is_computed_only_where_it_is_asked_for(asked: Any) -> None:
    x = jnp.ones(4)
    jax.jit(flj.log_cosh)(x, x).block_until_ready()
    assert [want for want, _ in asked] == ["value"]
    asked.clear()
    jax.block_until_ready(jax.jit(jax.value_and_grad(flj.log_cosh))(x, x))
    assert [want for want, _ in asked] == ["grad"]
    asked.clear()
    jax.jit(jax.grad(lambda x: jax.grad(flj.log_cosh)(x, jnp.zeros(4)).sum()))(x).block_until_ready()
    assert [want for want, _ in asked] == ["hess"]


@uncompiled
def test_scans_checkpoints_and_upstream_gradients(rng: np.random.Generator) -> None:
    x, t, up = (jnp.asarray(rng.normal(size=(3, 4))) for _ in range(3))

    def train(face: Any, w: Any) -> Any:
        def step(w: Any, xt: Any) -> Any:
            value, slope = jax.value_and_grad(lambda w: face(xt[0] * w, xt[1]))(w)
            return w - 0.1 * slope, value

        return jax.lax.scan(step, w, (x, t))

    def through(face: Any, w: Any) -> Any:
        return jax.lax.scan(lambda w, xt: (w + face(xt[0] * w, xt[1]), w), w, (x, t))[0].sum()

    w = jnp.ones(4)
    formula = FORMULAS["log_cosh"]
    for a, b in zip(jax.jit(partial(train, flj.log_cosh))(w), train(formula, w), strict=True):
        assert_allclose(a, b, rtol=1e-12)
    for around in (lambda f: f, jax.checkpoint):
        assert_allclose(
            jax.jit(jax.grad(partial(through, around(flj.log_cosh))))(w),
            jax.grad(partial(through, formula))(w),
            rtol=1e-11,
        )
    each = jax.jit(jax.grad(lambda x: (up * flj.log_cosh(x, t, reduction="none")).sum()))(x)
    assert_allclose(each, up * np.tanh(x - t), rtol=1e-12)
    wide = jax.grad(lambda c: flj.squared_error(c, t, reduction="sum"))(jnp.ones(()))
    assert_allclose(wide, 2 * (1 - t).sum(), rtol=1e-12)


@uncompiled
def test_losses_of_your_own(rng: np.random.Generator) -> None:
    derived = fl.derive(lambda pred, target, c=1.0: fl.math.log1p(((pred - target) / c) ** 2))
    mixed = 0.5 * fl.huber.bind(delta=2.0) + 0.5 * fl.log_cosh
    x, t = (jnp.asarray(rng.normal(size=4)) for _ in range(2))
    for loss in (
        derived,
        derived.bind(c=2.0),
        mixed,
        fl.huber.bind(delta=[1.0, 2.0, 0.5, 3.0]),
        fl.log_cosh.with_respect_to("target"),
    ):
        argnum = loss.wrt[0]
        found = jax.jit(jax.value_and_grad(flj.function(loss), argnum))(x, t)
        for a, b in zip(found, loss.value_and_grad(np.asarray(x), np.asarray(t)), strict=True):
            assert_allclose(a, b, rtol=1e-13)
    assert flj.function(derived) is flj.function(derived)
    turned = fl.js_divergence.with_respect_to("target")
    x, t = (jnp.asarray(rng.dirichlet(np.ones(3), 2)) for _ in range(2))
    expected = turned.grad(np.asarray(x), np.asarray(t))
    assert_allclose(jax.jit(jax.grad(flj.function(turned), 1))(x, t), expected, rtol=1e-12)
    assert_allclose(jax.jit(jax.grad(flj.js_divergence, 1))(x, t), expected, rtol=1e-12)
    assert_allclose(jax.vmap(jax.grad(flj.function(turned), 1))(x, t), 2 * expected, rtol=1e-12)


@pytest.mark.parametrize("way", ["XLA's", "JAX's"])
def test_large_arrays_empty_ones_and_both_ways(way: str, narrow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where JAX makes arrays while its callback waits, large ones have made programs stand still."""
    if way == "JAX's":
        monkeypatch.setattr(foreign, "known", lambda: False)
    x = jnp.linspace(-1.0, 1.0, 1_000_000, dtype="f")

    @jax.jit
    def run(x: Any) -> Any:
        step = lambda x, _: (x - 1e5 * jax.grad(flj.squared_error)(jnp.sin(x), 0.5 * x), flj.squared_error(x, 2 * x))
        return jax.lax.scan(step, x, None, length=6)

    end, values = run(x)
    expected = np.asarray(x)
    for value in values:
        assert_allclose(value, np.mean(expected.astype("d") ** 2), rtol=1e-5)
        expected = expected - 1e5 * (2e-6 * (np.sin(expected) - 0.5 * expected))
    assert_allclose(end, expected, rtol=1e-3, atol=1e-4)
    nothing = jnp.zeros((0, 3))
    assert np.isnan(jax.jit(flj.squared_error)(nothing, nothing))
    assert jax.jit(jax.grad(partial(flj.squared_error, reduction="sum")))(nothing, nothing).shape == (0, 3)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32", "bool"])
def test_types(dtype: str, narrow: None, rng: np.random.Generator) -> None:
    x = jnp.asarray(rng.normal(0.0, 2.0, (3, 4))).astype(dtype)
    value, grad = jax.jit(jax.value_and_grad(lambda x: flj.squared_error(x.astype(dtype), jnp.zeros((3, 4)))))(
        x if x.dtype.kind in "fV" else x.astype("f")
    )
    exact = np.asarray(x).astype("d")
    assert value.dtype == np.float32
    assert_allclose(value, np.mean(exact**2), rtol=1e-6)
    if dtype in ("int32", "bool"):
        assert not grad.any()
        return
    assert grad.dtype == x.dtype
    assert_allclose(grad.astype("f"), exact / 6, rtol={"float32": 1e-6, "float16": 1e-3, "bfloat16": 1e-2}[dtype])


def test_a_small_gradient_of_float16_is_scaled_before_it_is_rounded(narrow: None) -> None:
    x = jnp.full(1_000_000, 0.01, "float16")
    loss = lambda x, y: 2.0**20 * flj.squared_error(x, y)
    by_pred, by_target = jax.jit(jax.grad(loss, (0, 1)))(x, jnp.zeros_like(x))
    assert_allclose(by_pred.astype("f"), 2.0**20 * 2e-6 * float(x[0]), rtol=1e-3)
    assert_allclose(by_target, -by_pred)


@uncompiled
def test_keywords_of_numpy_are_numbers(rng: np.random.Generator) -> None:
    z, labels = jnp.asarray(rng.normal(size=(4, 3))), jnp.array([0, 1, 2, 1])
    for x in (np.int64(1), np.array(1), jnp.array(1)):
        run = lambda z: flj.cross_entropy(z, labels, ignore_index=x)  # noqa: B023
        assert jax.jit(run)(z) == run(z) == flj.cross_entropy(z, labels, ignore_index=1)
    summed = jax.jit(lambda z: flj.log_cosh(z, z, axis=np.array([0, 1]), reduction="sum"))
    assert summed(z) == 0.0


# -- What is wrong -----------------------------------------------------------------------------------------------------


def test_shapes_and_types_are_refused_while_jax_traces() -> None:
    x = jnp.ones((3, 1))
    for text, run in {
        "huber: pred has shape .3, 1. and target has shape .3,.: they differ by an axis": lambda: flj.huber(x, x[:, 0]),
        "cross_entropy: target has shape .2,., expected integer labels of shape .3,.": lambda: flj.cross_entropy(
            jnp.ones((3, 4)), jnp.ones(2, int)
        ),
        "cross_entropy: weight has shape .4,.": lambda: flj.cross_entropy(
            jnp.ones((3, 4)), jnp.ones(3, int), weight=jnp.ones(4)
        ),
        "huber: pred has dtype complex128": lambda: flj.huber(x * 1j, x),
        "huber: target is .*, expected an array of real numbers": lambda: flj.huber(x, jax.random.key(0)),
        "huber: reduction is 'average', expected .*did you mean 'mean'": lambda: flj.huber(x, x, reduction="average"),
        "huber: delta is -1, expected": lambda: flj.huber(x, x, delta=-1.0),
        "huber: axis is 2, expected axes of 2 dimensions": lambda: flj.huber(x, x, axis=2),
        "tweedie: power is an array of shape .3, 1., expected one value": lambda: flj.tweedie(x, x, power=1.0 + x / 4),
    }.items():  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=text):
            jax.eval_shape(run)
    with pytest.raises(TypeError, match="problematic value is of type <class 'str'>"):
        jax.jit(flj.huber)(x, x, reduction="sum")
    with pytest.raises(TypeError, match="cross_entropy: ignore_index is traced by JAX.*static_argnames"):
        jax.jit(flj.cross_entropy)(jnp.ones((3, 4)), jnp.ones(3, int), ignore_index=1)


@uncompiled
@pytest.mark.parametrize("way", ["XLA's", "JAX's"])
def test_bad_values_are_named_by_whoever_runs_the_program(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "JAX's":
        monkeypatch.setattr(foreign, "known", lambda: False)
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"cross_entropy: target\[1\] is 7, but there are 4 classes"):
        jax.block_until_ready(jax.jit(flj.cross_entropy)(jnp.ones((3, 4)), jnp.array([0, 7, 1])))
    with pytest.raises(jax.errors.JaxRuntimeError, match="huber: delta is -1, expected"):
        jax.block_until_ready(jax.jit(flj.huber)(jnp.ones(3), jnp.ones(3), delta=-1.0))
    with pytest.raises(ValueError, match=r"huber: weight\[1\] is -1"):
        flj.huber(jnp.ones(2), jnp.zeros(2), weight=jnp.array([1.0, -1.0]))


SHARDED = """
from functools import partial
import jax, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
import fastloss as fl, fastloss.jax as flj
z = np.random.default_rng(0).normal(size=(8, 4)).astype("f")
y = 0.5 * z[::-1]
value, grad = fl.squared_error.value_and_grad(z, y)
mesh = Mesh(jax.devices(), ("i",))
run = jax.value_and_grad(flj.squared_error)

@partial(jax.shard_map, mesh=mesh, in_specs=(P("i"), P("i")), out_specs=(P(), P("i")), check_vma=False)
def parts(z, y):
    value, grad = run(z, y)
    return jax.lax.pmean(value, "i"), grad / 2

x, t = (jax.device_put(a, NamedSharding(mesh, P("i"))) for a in (z, y))
for f in (run, jax.jit(run), jax.jit(parts)):
    found = f(x, t)
    np.testing.assert_allclose(found[0], value, rtol=1e-6)
    np.testing.assert_allclose(found[1], grad, rtol=1e-6)
explicit = jax.device_put(z, NamedSharding(jax.make_mesh((2,), ("i",)), P("i")))
try:
    flj.squared_error(explicit, y)
except TypeError as error:
    print(error)
"""


def test_arrays_on_several_devices_give_what_whole_ones_give() -> None:
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run([sys.executable, "-c", SHARDED], env=env, capture_output=True, text=True, timeout=60)
    assert "pred is of type float32[8@i,4], spread over devices" in done.stdout, done.stderr


RUNNING = """
import jax, jax.numpy as jnp, fastloss.jax as flj
step = lambda x, _: (x - jax.grad(flj.squared_error)(jnp.sin(x), x), None)
jax.jit(lambda x: jax.lax.scan(step, x, None, length=1_000))(jnp.ones(1_000_000))
"""


def test_a_process_ends_while_a_program_runs() -> None:
    done = subprocess.run([sys.executable, "-c", RUNNING], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


DEEP = """
import sys, jax, jax.numpy as jnp, fastloss.jax as flj
x = jnp.ones(3)
step = jax.jit(flj.squared_error)
step(x, x)

def down(levels):
    return down(levels - 1) if levels else step(x, x)

refused = 0
for levels in range(sys.getrecursionlimit() - 100, sys.getrecursionlimit()):
    try:
        assert down(levels) == 0.0
    except (RecursionError, ValueError, jax.errors.JaxRuntimeError):
        refused += 1
print(0 < refused < 100, step(x, x))
"""


def test_a_call_for_which_python_has_no_stack_left_is_an_error() -> None:
    done = subprocess.run([sys.executable, "-c", DEEP], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True", "0.0"], done.stderr


@uncompiled
def test_other_calls_of_the_function_of_xla_are_refused() -> None:
    for given in ({}, {"call": np.int64(7)}, {"call": "value"}, {"a": "value", "b": "grad"}):
        with pytest.raises(jax.errors.JaxRuntimeError, match="INVALID_ARGUMENT"):
            jax.block_until_ready(jax.ffi.ffi_call(foreign.NAME, jax.ShapeDtypeStruct((), np.float32))(1.0, **given))


def test_a_version_of_xla_that_is_not_known_is_not_read() -> None:
    frame = foreign._Frame()
    with pytest.raises(RuntimeError, match="of a version that is not known"):
        foreign._check(frame)
    assert foreign.known()


@uncompiled
@pytest.mark.parametrize("module", [flj, functions], ids=lambda m: m.__name__)
def test_examples(module: Any, narrow: None) -> None:
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted
    assert not found.failed


EXPORTED = """
import sys
import jax, numpy as np
import fastloss as fl, fastloss.jax as flj
from fastloss.deferred import Deferred
call = "value " + Deferred(fl.huber, ("pred", "target"), (0,)).text
if sys.argv[1] == "registered":
    flj.register()
made = jax.ffi.ffi_call("fastloss", jax.ShapeDtypeStruct((), np.float32))
print(jax.jit(lambda x, y: made(x, y, call=call))(np.ones(3, "f"), np.zeros(3, "f")))
"""
"""A program that was made elsewhere, in a process that has traced no loss."""


@pytest.mark.full
@pytest.mark.skipif(not foreign.known(), reason="JAX's interface is not one that is known here")
@pytest.mark.parametrize(("way", "said"), [("registered", "0.5"), ("not", "No FFI handler registered for fastloss")])
def test_exported_programs_find_the_function_that_was_registered(way: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", EXPORTED, way], capture_output=True, text=True, timeout=60)
    assert said in done.stdout + done.stderr


def test_register_says_where_nothing_can_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "known", lambda: False)
    with pytest.raises(RuntimeError, match="register: the foreign-function interface of JAX"):
        flj.register()
