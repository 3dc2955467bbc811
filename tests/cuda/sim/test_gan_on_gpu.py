"""Adversarial losses on a pretended GPU, their kernels in the simulator, against the same calls on the host."""

from __future__ import annotations

from typing import Any

import hosted
import numpy as np
import pytest
from hosted import Hosted, agree, both, raises
from numpy.testing import assert_array_equal

import fastloss as fl

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]

NAMES = ["minimax", "least_squares", "hinge", "wasserstein", "relativistic_average", "relativistic_average_hinge"]


def batches(rng: np.random.Generator, dtype: str = "f4") -> tuple[Any, Any]:
    return (2 * rng.normal(size=(3, 7))).astype(dtype), (2 * rng.normal(size=11)).astype(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_verbs(name: str, gpu: Any, rng: np.random.Generator) -> None:
    game, (real, fake) = getattr(fl.gan, name), batches(rng)
    for _ in range(2):  # the second time by the short way
        both(game.discriminator.value_and_grad, real, fake)
    both(game.discriminator, real, fake, reduction="none")
    both(game.generator.grad, *((real, fake) if "average" in name else (fake,)))
    assert gpu.waits == 0


@pytest.mark.parametrize("name", ["minimax", "relativistic_average"])
def test_keywords(name: str, rng: np.random.Generator) -> None:
    loss, (real, fake) = getattr(fl.gan, name).discriminator, batches(rng)
    weight = rng.integers(0, 3, real.shape).astype("f4"), rng.integers(0, 3, fake.shape).astype("f4")
    real[0, 0], weight[0][0, 0] = np.nan, 0.0
    here = tuple(map(Hosted, weight))
    found = loss.value_and_grad(Hosted(real), Hosted(fake), weight=here, label_smoothing=0.25)
    agree(found, loss.value_and_grad(real, fake, weight=weight, label_smoothing=0.25))
    assert found[1][0].array[0, 0] == 0.0
    one, two = batches(rng, "f2")
    both(loss.value_and_grad, one, two, reduction="sum")
    # What one batch's slopes add up to is a number of its own arithmetic, here float32's.
    both(loss.value_and_grad, one, two.astype("f8"), normalizer=4.0, tolerance=1e-5)


@pytest.mark.parametrize("name", ["minimax", "relativistic_average"])
def test_out(name: str, gpu: Any, rng: np.random.Generator) -> None:
    loss, (real, fake) = getattr(fl.gan, name).discriminator, batches(rng)
    expected = loss.grad(Hosted(real), Hosted(fake))
    out = Hosted(np.empty_like(real)), Hosted(fake.copy())
    assert loss.grad(Hosted(real), out[1], out=out)[1] is out[1]
    for a, b in zip(out, expected, strict=True):
        assert_array_equal(a.array, b.array)
    gpu.launches.clear()
    own = rf"gan\.{name}\.discriminator"
    raises(gpu, lambda: loss.grad(*out, out=(out[0], out[0])), ValueError, f"{own}: out has dtype float32")
    raises(
        gpu,
        lambda: loss.grad(*out, out=(np.empty_like(real), out[1])),
        TypeError,
        f"{own}: out is a numpy.ndarray, expected an array of",
    )
    raises(
        gpu, lambda: loss.grad(out[0], fake), TypeError, f"{own}: real is .* and fake is .*, expected both in one place"
    )


def test_arrays_without_arithmetic(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """As Numba's: what only adds two numbers is a kernel, what needs more says so."""
    monkeypatch.setattr(hosted, "ADDS", False)
    real, fake = batches(rng)
    both(fl.gan.hinge.discriminator.value_and_grad, real, fake)
    with pytest.raises(TypeError, match=r"gan\.relativistic_average\.generator: hosted's arrays have no arithmetic"):
        fl.gan.relativistic_average.generator(Hosted(real), Hosted(fake))
