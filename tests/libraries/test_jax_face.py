"""What JAX's own arrays are taken for: those in host memory, those that only stand for others, and those of keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastloss as fl

jax = pytest.importorskip("jax", reason="JAX is an extra; CI installs it and runs this file again")
X, Y = np.array([[0.5, -1.0, 2.0], [1.0, 0.0, -0.5]], "f4"), np.array([2, 0])


@pytest.mark.parametrize("inside", [jax.jit, jax.grad, jax.vmap], ids=lambda f: f.__name__)
def test_a_traced_array_has_no_numbers(inside: Any) -> None:
    text = "is traced by JAX, so it has no numbers yet: call the loss outside of jit, grad and vmap"
    with pytest.raises(TypeError, match=f"squared_error: target {text}"):
        inside(lambda x: fl.mse(X, x))(X)
    with pytest.raises(TypeError, match=f"cross_entropy: pred {text}"):
        inside(lambda x: fl.cross_entropy(x, Y))(X)


def test_arrays_in_host_memory_are_refused_with_what_to_pass() -> None:
    x = jax.numpy.asarray(X)
    for given in (x, jax.random.key(0)):
        with pytest.raises(
            TypeError,
            match=r"target is .* on the CPU, expected an array of real numbers; .* pass numpy\.asarray\(target\)",
        ):
            fl.mse(X, given)
    assert fl.mse(np.asarray(x), X) == 0.0


def test_a_loss_with_an_algorithm_of_its_own_is_not_said_to_have_a_function() -> None:
    import fastloss.jax as flj

    x = jax.numpy.asarray(X)
    for loss in (fl.dice_loss, fl.lambdarank, fl.gan.hinge.discriminator):
        with pytest.raises(TypeError, match="on the CPU, expected an array of real numbers; pass numpy.asarray"):
            loss(x, x)
    with pytest.raises(TypeError, match=r"call fastloss\.jax\.function\(loss\), which jax\.grad differentiates"):
        (2.0 * fl.mse)(x, X)
    found = jax.grad(flj.function(2.0 * fl.mse))(x, jax.numpy.asarray(X + 1.0))
    np.testing.assert_array_equal(found, (2.0 * fl.mse).grad(X, X + 1.0))


def test_pure_callback_is_the_way_into_jit() -> None:
    def slope(x: Any) -> Any:
        return fl.huber.grad(np.asarray(x), np.zeros_like(X))

    found = jax.jit(lambda x: jax.pure_callback(slope, jax.ShapeDtypeStruct(X.shape, X.dtype), x))(X)
    np.testing.assert_array_equal(found, fl.huber.grad(X, np.zeros_like(X)))


def test_formulas_of_jax_and_torch_are_derived_as_they_are_written() -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra; CI installs both and runs this file again")
    ours = fl.derive(lambda pred, target: fl.where(pred > target, fl.math.softplus(pred), fl.math.log_sigmoid(pred)))
    theirs = [
        lambda pred, target: jax.numpy.where(pred > target, jax.nn.softplus(pred), jax.nn.log_sigmoid(pred)),
        lambda pred, target: torch.where(
            pred > target, torch.nn.functional.softplus(pred), torch.nn.functional.logsigmoid(pred)
        ),
    ]
    for formula in theirs:
        for pred, target in ((0.5, 0.25), (-1.0, 0.25)):
            assert fl.derive(formula).jet(pred, target) == ours.jet(pred, target)
