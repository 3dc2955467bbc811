"""Adversarial losses against the textbook formulas in 50 digits; their keywords, laws and errors."""

from __future__ import annotations

import copy
import doctest
import inspect
import math
import pickle
from typing import Any

import gan_oracle
import numpy as np
import pytest
from gan_oracle import DISCRIMINATORS, GENERATORS, numbers, slopes
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.gan import terms

pytestmark = pytest.mark.usefixtures("compiled_at_last")

NAMES = [*DISCRIMINATORS]
AVERAGES = [n for n in NAMES if n.startswith("relativistic")]


def batches(rng: np.random.Generator, dtype: Any = "f8") -> tuple[Any, Any]:
    return (2 * rng.normal(size=(3, 2))).astype(dtype), (2 * rng.normal(size=5) - 0.5).astype(dtype)


# -- The functions of one score, as plain Python -----------------------------------------------------------------------


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(x))


EXACT: dict[Any, Any] = {
    terms.real_logit: lambda x: softplus(-x),
    terms.wanted_logit: lambda x: softplus(-x),
    terms.fake_logit: softplus,
    terms.seen_through: lambda x: -softplus(x),
}
POINTS = [0.0, 1e-30, -1e-30, 1e-8, 0.3, -0.3, 1.0, -1.0, 5.5, -5.5, 40.0, -40.0, 300.0, -300.0, 1e30, -1e30]


@pytest.mark.parametrize("jet", EXACT, ids=lambda jet: jet.__name__)
def test_functions_of_a_logit(jet: Any) -> None:
    """No digits are lost, however sure the discriminator is."""
    with mp.workdps(60):
        for x in POINTS:
            value, slope, bend = jet(x)
            exact = EXACT[jet](mpf(x)) if abs(x) < 1e3 else mpf(value)
            assert_allclose(value, float(exact), rtol=4e-16, atol=1e-300)
            p, sign = (
                mp.mpf(1) / (1 + mp.exp(-mpf(x) if abs(x) < 1e3 else mpf(0))),
                1 if jet in (terms.fake_logit,) else -1,
            )
            if abs(x) < 1e3:
                rising = jet in (terms.fake_logit, terms.seen_through)
                expected = sign * (p if rising else mp.mpf(1) / (1 + mp.exp(mpf(x))))
                assert_allclose(slope, float(expected), rtol=4e-16)
                curve = mp.exp(-abs(mpf(x))) / (1 + mp.exp(-abs(mpf(x)))) ** 2
                assert_allclose(bend, float(-curve if jet is terms.seen_through else curve), rtol=6e-16)
            assert math.isfinite(value) and math.isfinite(slope) and math.isfinite(bend)


@pytest.mark.parametrize("smoothing", [1e-9, 0.1, 0.25, 0.75, 1.0])
def test_one_sided_smoothing_in_50_digits(smoothing: float) -> None:
    with mp.workdps(60):
        s = mpf(smoothing)
        for x in [p for p in POINTS if abs(p) < 1e3]:
            value, slope, _ = terms.real_logit(x, smoothing)
            exact = (1 - s) * softplus(mpf(-x)) + s * softplus(mpf(x))
            assert_allclose(value, float(exact), rtol=5e-16)
            # Terms of both signs: the error is one of the larger of them.
            expected = s / (1 + mp.exp(-mpf(x))) - (1 - s) / (1 + mp.exp(mpf(x)))
            assert_allclose(slope, float(expected), rtol=5e-16, atol=3e-16 * min(smoothing, 1.0) if x > 0 else 3e-16)


@pytest.mark.parametrize("jet", [terms.above_one, terms.below_minus_one, *EXACT], ids=lambda jet: jet.__name__)
def test_ends_and_nan(jet: Any) -> None:
    assert all(math.isnan(v) for v in jet(math.nan)[:2])
    low, high = jet(-math.inf), jet(math.inf)
    assert not any(math.isnan(v) for v in (*low, *high))
    assert {abs(low[0]), abs(high[0])} == {0.0, math.inf}


def test_the_slope_of_a_line_is_nan_where_the_score_is() -> None:
    for jet, slope in ((terms.plus, 1.0), (terms.minus, -1.0)):
        assert jet(3.0)[1] == jet(math.inf)[1] == slope
        assert math.isnan(jet(math.nan)[0]) and math.isnan(jet(math.nan)[1])


def test_hinges_on_the_margin() -> None:
    assert terms.above_one(1.0) == (0.0, 0.0, 0.0) == terms.below_minus_one(-1.0)
    assert terms.above_one(0.5) == (0.5, -1.0, 0.0) and terms.below_minus_one(0.5) == (1.5, 1.0, 0.0)


# -- Whole batches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_discriminators_in_50_digits(name: str, rng: np.random.Generator) -> None:
    real, fake = batches(rng)
    value, (of_real, of_fake) = getattr(fl.gan, name).discriminator.value_and_grad(real, fake)
    assert (of_real.shape, of_fake.shape) == (real.shape, fake.shape)
    check(DISCRIMINATORS[name], (real, fake), value, (of_real, of_fake))


# Among the few one of a batch alone and one of averages have kernels; in the rest each loss.
COMPILED = ["minimax", "relativistic_average"]


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.compiled) if n in COMPILED else n for n in NAMES])
def test_generators_in_50_digits(name: str, rng: np.random.Generator) -> None:
    given = batches(rng) if name in AVERAGES else batches(rng)[1:]
    value, grads = getattr(fl.gan, name).generator.value_and_grad(*given)
    check(GENERATORS[name], given, value, grads if name in AVERAGES else (grads,))


def check(exact: Any, given: tuple[Any, ...], value: float, grads: tuple[Any, ...], rtol: float = 1e-14) -> None:
    with mp.workdps(60):
        data = [numbers(x) for x in given]
        assert_allclose(value, float(exact(*data)), rtol=rtol, atol=rtol)
        for k, grad in enumerate(grads):
            assert_allclose(grad.reshape(-1), slopes(exact, data, k), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("side", ["discriminator", "generator"])
def test_pairs_in_50_digits(side: str, rng: np.random.Generator) -> None:
    real, fake = rng.normal(size=4), rng.normal(size=4)
    sign = -1 if side == "discriminator" else 1

    def exact(a: Any, b: Any) -> Any:
        return gan_oracle.mean([gan_oracle.softplus(sign * (x - y)) for x, y in zip(a, b, strict=True)])

    check(exact, (real, fake), *getattr(fl.gan.relativistic, side).value_and_grad(real, fake))
    with pytest.raises(ValueError, match=r"gan\.relativistic\.\w+: shapes do not broadcast"):
        getattr(fl.gan.relativistic, side)(real, fake[:3])


def test_probabilities(rng: np.random.Generator) -> None:
    """As the original paper writes them; those of logits are the same."""
    real, fake = rng.uniform(0.05, 0.95, 4), rng.uniform(0.05, 0.95, 3)
    with mp.workdps(60):
        for loss, exact in (
            (fl.gan.minimax.discriminator, lambda r, f: gan_oracle.entropies(r, 1) + gan_oracle.entropies(f, 0)),
            (fl.gan.minimax.discriminator.bind(label_smoothing=0.25),
             lambda r, f: gan_oracle.entropies(r, mpf("0.75")) + gan_oracle.entropies(f, 0)),
        ):  # fmt: skip
            check(exact, (real, fake), *loss.value_and_grad(real, fake, from_logits=False), rtol=1e-13)
        for name, sign, target in (("minimax", -1, 0), ("non_saturating", 1, 1)):
            value, grad = getattr(fl.gan, name).generator.value_and_grad(fake, from_logits=False)
            check(lambda f, s=sign, t=target: s * gan_oracle.entropies(f, t), (fake,), value, (grad,), rtol=1e-13)
    logits = np.log(fake / (1 - fake))
    assert_allclose(fl.gan.minimax.generator(logits), fl.gan.minimax.generator(fake, from_logits=False), rtol=1e-13)
    # A certain and wrong discriminator.
    assert fl.gan.minimax.discriminator([0.0], [1.0], from_logits=False) == 200.0
    with pytest.raises(
        ValueError, match=r"gan\.minimax\.discriminator: fake\[1\] is 1\.5, expected a number in \[0, 1\]"
    ):
        fl.gan.minimax.discriminator(real, [0.5, 1.5], from_logits=False)


def test_parameters_of_least_squares() -> None:
    loss = fl.gan.least_squares
    assert loss.discriminator([1.0], [1.0], a=-1.0, b=0.5) == 0.125 + 2.0
    assert loss.discriminator.bind(a=-1.0, b=0.5)([1.0], [1.0]) == 2.125
    assert loss.generator([1.0], c=0.0) == 0.5
    with pytest.raises(
        TypeError, match=r"gan\.least_squares\.discriminator: 'c' is no argument, expected real, fake, b, a"
    ):
        loss.discriminator([1.0], [1.0], c=1.0)


# -- Keywords ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param("minimax", marks=pytest.mark.plain), "relativistic_average"])
def test_reductions_and_weights(name: str, rng: np.random.Generator) -> None:
    loss = getattr(fl.gan, name).discriminator
    real, fake = batches(rng)
    value = loss(real, fake)
    each = loss(real, fake, reduction="none")
    assert [x.shape for x in each] == [real.shape, fake.shape]
    assert_allclose(value, each[0].mean() + each[1].mean(), rtol=1e-14)
    assert_allclose(loss(real, fake, reduction="sum"), each[0].sum() + each[1].sum(), rtol=1e-14)
    assert_allclose(loss(real, fake, normalizer=(2.0, 3.0)), each[0].sum() / 2 + each[1].sum() / 3, rtol=1e-14)
    assert_allclose(loss(real, fake, normalizer=2.0), each[0].sum() / 2 + each[1].sum() / 2, rtol=1e-14)
    both, slopes = loss.value_and_grad(real, fake, reduction="none")
    assert_array_equal(both[0], each[0])
    for a, b in zip(slopes, loss.grad(real, fake, reduction="sum"), strict=True):
        assert_array_equal(a, b)
    # Whole weights are repetitions, a weight of 0 is an absence, whatever the sample holds.
    weight = np.array([2, 0, 1, 1, 3]), np.array([1, 0, 2])
    one, two = rng.normal(size=5), rng.normal(size=3)
    few = np.repeat(one, weight[0]), np.repeat(two, weight[1])
    expected, steps = loss.value_and_grad(*few)
    one[1] = two[1] = np.nan
    found, own = loss.value_and_grad(one, two, weight=weight)
    assert_allclose(found, expected, rtol=1e-14)
    for grad, step, w in zip(own, steps, weight, strict=True):
        assert grad[1] == 0.0
        sums = np.add.reduceat(step, np.cumsum([0, *w[w > 0]])[:-1])
        assert_allclose(grad[w > 0], sums, rtol=1e-12, atol=1e-15)
    only = loss(one[:1], two[[0, 2]], weight=(None, weight[1][[0, 2]]))
    assert_allclose(only, loss(one[:1], np.repeat(two[[0, 2]], [1, 2])), rtol=1e-14)


def test_nan_reaches_both_gradients_of_an_average_only_where_it_is_present() -> None:
    loss = fl.gan.relativistic_average.discriminator
    value, (of_real, of_fake) = loss.value_and_grad([1.0, np.nan], [0.0, 2.0], weight=(None, [1.0, 0.0]))
    assert np.isnan(value) and np.isnan(of_real).all() and np.isnan(of_fake[0]) and of_fake[1] == 0.0
    value, (of_real, of_fake) = fl.gan.hinge.discriminator.value_and_grad([1.0, np.nan], [0.0, -2.0])
    assert np.isnan(value) and of_real[0] == 0.0 and np.isnan(of_real[1]) and not np.isnan(of_fake).any()


@pytest.mark.parametrize("name", ["minimax", "relativistic_average"])
def test_empty_batches(name: str) -> None:
    loss, some, none = getattr(fl.gan, name).discriminator, np.array([1.0, -2.0]), np.zeros(0)
    value, (of_real, of_fake) = loss.value_and_grad(some, none)
    assert np.isnan(value) and of_real.shape == (2,) and of_fake.shape == (0,)
    expected = np.log1p(np.exp(-some)).mean()
    assert_allclose(loss(some, none, empty="zero"), expected, rtol=1e-14)
    with pytest.raises(ValueError, match=rf"gan\.{name}\.discriminator: there is nothing to average"):
        loss(some, none, empty="raise")


@pytest.mark.parametrize("name", ["minimax", "relativistic_average"])
def test_types_and_layouts(name: str, rng: np.random.Generator) -> None:
    loss = getattr(fl.gan, name).discriminator
    real, fake = batches(rng)
    expected, grads = loss.value_and_grad(real, fake)
    for dtype, close in (("f4", 1e-6), ("f2", 2e-3)):
        value, own = loss.value_and_grad(real.astype(dtype), fake.astype(dtype))
        assert value.dtype == np.float32 and {g.dtype for g in own} == {np.dtype(dtype)}
        assert_allclose(value, expected, rtol=close)
        for a, b in zip(own, grads, strict=True):
            assert_allclose(a, b, rtol=close, atol=close / 4)
    fixed = real.copy()
    fixed.flags.writeable = False
    for given in (fixed, np.asfortranarray(real), np.repeat(real, 2, axis=1)[:, ::2], real.tolist()):
        value, own = loss.value_and_grad(given, fake)
        assert_allclose(value, expected, rtol=1e-15)
        assert_allclose(own[0], grads[0], rtol=1e-14)
    assert_array_equal(fixed, real)
    assert loss.grad([1, 2], [3])[0].dtype == np.float64
    assert loss.grad(1.0, 2.0)[0].shape == ()


@pytest.mark.parametrize("name", ["minimax", "relativistic_average"])
def test_out(name: str, rng: np.random.Generator) -> None:
    loss = getattr(fl.gan, name).discriminator
    real, fake = batches(rng)
    value, grads = loss.value_and_grad(real, fake)
    for out in ((np.empty_like(real), np.empty_like(fake)), (real.copy(), np.empty(10)[::2])):
        found, given = loss.value_and_grad(real, fake, out=out)
        assert found == value and given[0] is out[0] and given[1] is out[1]
        assert_allclose(out[0], grads[0], rtol=1e-15)
        assert_array_equal(out[1], grads[1])
    again = real.copy(), fake.copy()
    assert_array_equal(loss.grad(*again, out=again)[1], grads[1])
    assert_array_equal(again[0], grads[0])
    each = np.empty_like(real), np.empty_like(fake)
    assert loss(real, fake, reduction="none", out=each)[0] is each[0]
    assert_array_equal(each[1], loss(real, fake, reduction="none")[1])


def test_second_derivatives(rng: np.random.Generator) -> None:
    real, fake = batches(rng)
    grads, bends = fl.gan.minimax.discriminator.grad_and_hess(real, fake, reduction="sum")
    p = 1 / (1 + np.exp(-real))
    assert_allclose(bends[0], p * (1 - p), rtol=1e-13)
    assert_array_equal(grads[1], fl.gan.minimax.discriminator.grad(real, fake, reduction="sum")[1])
    out = (np.empty_like(real), np.empty_like(fake)), (np.empty_like(real), np.empty_like(fake))
    fl.gan.minimax.discriminator.grad_and_hess(real, fake, reduction="sum", out=out)
    assert_array_equal(out[1][0], bends[0])
    with pytest.raises(NotImplementedError, match=r"gan\.relativistic_average\.discriminator has no second derivative"):
        fl.gan.relativistic_average.discriminator.grad_and_hess(real, fake)


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["hinge", "relativistic_average"])
def test_the_same_bits_for_any_number_of_threads(name: str, rng: np.random.Generator) -> None:
    loss = getattr(fl.gan, name).discriminator
    real, fake = rng.normal(size=40_000), rng.normal(size=70_000)
    expected, (first, second) = loss.value_and_grad(real, fake, backend="serial")
    value, (one, two) = loss.value_and_grad(real, fake, backend="parallel")
    assert value == expected
    assert_array_equal(one, first)
    assert_array_equal(two, second)


# -- Errors, and what they are -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["minimax", "relativistic_average"])
def test_errors(name: str, rng: np.random.Generator) -> None:
    loss = getattr(fl.gan, name).discriminator
    real, fake = batches(rng)
    own = rf"gan\.{name}\.discriminator"
    tensor = type("Tensor", (), {"__module__": "torch"})()
    for call, message in (
        (lambda out: loss.grad(real, fake, out=out[0]), f"{own}: out is an array .*, expected a tuple of two arrays, for real"),
        (lambda out: loss.grad(real, fake, out=(out[0], out[1][:3])), f"{own}: out has dtype float64 and shape"),
        (lambda out: loss.grad(real, fake, out=(out[0], out[1].astype("f4"))), f"{own}: out has dtype float32 and shape"),
        (lambda out: loss.grad(real, fake[:2], out=(out[0], out[0].ravel()[:2])), f"{own}: the arrays of out overlap"),
        (lambda out: loss.grad(out[0], fake, out=(np.empty_like(real), out[0].ravel()[:5])), f"{own}: out overlaps real"),
        (lambda out: loss(real, fake, out=out), f"{own}: out is for reduction='none'"),
        (lambda out: loss.grad(real, fake, weight=(None, [1, 1, 1, -1, 1]), out=out), r"weight\[3\] is -1, expected"),
        (lambda out: loss.grad(real, [0.5, "a"], out=out), f"{own}: fake"),
        (lambda out: loss.grad(real, np.zeros(0), empty="raise", out=(out[0], np.zeros(0))), "nothing to average"),
        (lambda out: loss.grad(real, fake, weight=(None, np.ones(4)), out=out), f"{own}: shapes do not broadcast: fake"),
        (lambda out: loss(real, fake, weight=np.ones(6)), f"{own}: weight is an array .*, expected a tuple of two arrays"),
        (lambda out: loss(real, fake, weight=[None, None]), f"{own}: weight is a list of 2, expected a tuple of two"),
        (lambda out: loss(real, fake, normalizer=(1.0, 2.0, 3.0)), f"{own}: normalizer is a tuple of 3, expected a tuple"),
        (lambda out: loss(real, fake, normalizer=(1.0, 0.0)), f"{own}: normalizer is 0.0, expected a positive number"),
        (lambda out: loss(real, fake, reduction="avg"), f"{own}: reduction is 'avg'"),
        (lambda out: loss(real, fake, delta=1.0), f"{own}: 'delta' is no argument, expected real, fake"),
        (lambda out: loss(tensor, fake), f"{own}: real is a torch.Tensor"),
        (lambda out: loss(real, tensor), f"{own}: fake is a torch.Tensor"),
    ):  # fmt: skip
        out = np.full_like(real, 7.0), np.full_like(fake, 7.0)
        with pytest.raises((ValueError, TypeError), match=message):
            pytest.fail(f"no error: {message}, got {call(out)}")
        assert all((x == 7.0).all() for x in out)


def test_objects() -> None:
    for name in [*NAMES, "relativistic"]:
        game = getattr(fl.gan, name)
        assert pickle.loads(pickle.dumps(game)) is game
        for loss in (game.discriminator, game.generator):
            assert loss.name == f"gan.{name}.{'discriminator' if loss is game.discriminator else 'generator'}"
            assert pickle.loads(pickle.dumps(loss)) == loss == copy.deepcopy(loss)
            assert loss.bind() == loss
    bound = fl.gan.minimax.discriminator.bind(label_smoothing=0.25)
    assert pickle.loads(pickle.dumps(bound)) == bound != fl.gan.minimax.discriminator
    assert repr(bound).startswith("gan.minimax.discriminator(label_smoothing=0.25, from_logits=True")
    takes = list(inspect.signature(bound.value_and_grad).parameters)
    assert takes[:2] == ["real", "fake"] and list(inspect.signature(bound).parameters)[2:4] == [
        "label_smoothing",
        "from_logits",
    ]


def test_arrays_of_parameters() -> None:
    """A bound one is copied, checked, compared and pickled as that of any other loss."""
    loss, smoothing = fl.gan.minimax.discriminator, np.array([0.1, 0.2])
    bound = loss.bind(label_smoothing=smoothing)
    value = loss([1.0, 2.0], [0.5], label_smoothing=smoothing)
    smoothing[:] = 0.9
    assert bound([1.0, 2.0], [0.5]) == value
    again = loss.bind(label_smoothing=[0.1, 0.2])
    assert pickle.loads(pickle.dumps(bound)) == bound == again != loss
    assert hash(again) == hash(bound)
    assert bound != loss.bind(label_smoothing=smoothing)
    assert repr(bound).startswith("gan.minimax.discriminator(label_smoothing=[0.1, 0.2], ")
    with pytest.raises(
        ValueError, match=r"gan\.minimax\.discriminator: label_smoothing\[0\] is 5\.0, expected a number in"
    ):
        loss.bind(label_smoothing=[5.0, 0.2])


@pytest.mark.parametrize("name", [*NAMES, "relativistic"])
def test_examples(name: str) -> None:
    game = getattr(fl.gan, name)
    for text in {game.__doc__, getattr(game.generator, "own_text", ""), getattr(game.discriminator, "own_text", "")}:
        test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
        assert doctest.DocTestRunner().run(test).failed == 0
