"""Connectionist temporal classification against all alignments spelled out, and against sums in 50 digits."""

from __future__ import annotations

import operator
from typing import Any

import ctc_oracle as oracle
import numpy as np
import pytest
from data import some
from mpmath import mp
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.kernels.bind import bind
from fastloss.structured import ctc_arrays

SERIAL = {"backend": "serial"}


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the templates as plain Python, which looks at bounds, in rooms of NaN: what reads too far or too early shows.

    So the variants need not be compiled, each in several seconds.
    """

    def run(template: Any, inputs: Any, outputs: Any, numbers: Any, **how: Any) -> None:
        for x in outputs[2:]:
            x.fill(np.nan if x.dtype.kind == "f" else 10**6)
        ports = {name: formula for name, formula, *_ in how["formulas"]} | dict.fromkeys(how["flags"], True)
        library = {"real": np.dtype(how["compute"]).type, "add": operator.add}
        with np.errstate(all="ignore"):
            bind(template, ports, lambda f: f, library)(inputs, outputs, numbers)

    monkeypatch.setattr(ctc_arrays, "run", run)


def expected(z: Any, target: Any, blank: int = 0) -> tuple[float, Any]:
    """The loss and the gradient by the logits of one sample, in 50 digits."""
    with mp.workdps(50):
        value, grad = oracle.by_states(oracle.softmax(oracle.exact(z)), target, blank)
        return float(value), grad.astype(float)


@pytest.mark.parametrize(
    ("frames", "target", "blank"),
    [
        (1, [], 0),
        (1, [2], 0),
        (3, [1, 1], 0),
        (4, [], 1),
        (4, [0, 2], 1),
        (4, [0, 0], 2),
        (4, [1, 2, 1], 0),
        (5, [1], 0),
    ],
)
def test_all_alignments(frames: int, target: list[int], blank: int, rng: np.random.Generator) -> None:
    z = 2.0 * rng.standard_normal((frames, 3))
    value, grad = fl.ctc.value_and_grad(z, np.array(target, int), blank=blank, reduction="sum", **SERIAL)
    with mp.workdps(50):
        exact = oracle.exact(z)
        loss = -mp.log(oracle.likelihood(oracle.softmax(exact), target, blank))
        slopes = oracle.by_differences(exact, target, blank).astype(float)
        assert_allclose(expected(z, target, blank)[1], slopes, atol=1e-25)  # the other oracle
    assert_allclose(value, float(loss), rtol=1e-14)
    assert_allclose(grad, slopes, rtol=1e-13, atol=1e-16)


def batch(rng: np.random.Generator, dtype: Any = float, classes: int = 140) -> tuple[Any, Any, Any, Any]:
    """Five samples of up to 40 frames, of many symbols and of none, with and without repeats; what is beyond a length
    is NaN, or no class."""
    z = 3.0 * rng.standard_normal((5, 40, classes))
    frames, symbols = np.array([40, 17, 1, 40, 25]), np.array([12, 8, 1, 0, 12])
    targets = rng.integers(1, classes, (5, 12))
    targets[0, 3:6] = targets[1, 2:4] = targets[4, ::2] = 7
    for n in range(5):
        z[n, frames[n] :], targets[n, symbols[n] :] = np.nan, -1
    return z.astype(dtype), targets, frames, symbols


@pytest.mark.parametrize("dtype", some(["float64", "float32"], ["float64"]))
def test_batches(dtype: str, rng: np.random.Generator) -> None:
    z, targets, frames, symbols = batch(rng, dtype)
    lengths = {"input_lengths": frames, "target_lengths": symbols, **SERIAL}
    each = fl.ctc.value_and_grad(z, targets, reduction="none", **lengths)
    rtol, atol = (1e-13, 1e-15) if dtype == "float64" else (2e-7, 2e-7)
    assert each[0].dtype == each[1].dtype == dtype
    for n in range(5):
        value, grad = expected(z[n, : frames[n]], targets[n, : symbols[n]])
        assert_allclose(each[0][n], value, rtol=rtol)
        assert_allclose(each[1][n, : frames[n]], grad, rtol=rtol * 100, atol=atol)
        assert_array_equal(each[1][n, frames[n] :], 0.0)
    joined = np.concatenate([targets[n, : symbols[n]] for n in range(5)])
    assert_array_equal(fl.ctc.grad(z, joined, reduction="sum", **lengths), each[1])


@pytest.mark.usefixtures("plainly")
def test_variants_in_bounds(rng: np.random.Generator) -> None:
    """The loss alone, and the gradient alone, of symbols one after the other: what the loops read has been written."""
    z, targets, frames, symbols = batch(rng, classes=130)
    lengths = {"input_lengths": frames, "target_lengths": symbols, "reduction": "none"}
    joined = np.concatenate([targets[n, : symbols[n]] for n in range(5)])
    each, slopes = fl.ctc(z, joined, **lengths), fl.ctc.grad(z, joined, **lengths)
    for n in range(5):
        value, grad = expected(z[n, : frames[n]], targets[n, : symbols[n]])
        assert_allclose(each[n], value, rtol=1e-13)
        assert_allclose(slopes[n, : frames[n]], grad, rtol=1e-11, atol=1e-15)


@pytest.mark.full
def test_any_number_of_threads(rng: np.random.Generator) -> None:
    z, targets, frames, symbols = batch(rng)
    lengths = {"input_lengths": frames, "target_lengths": symbols}
    one, two = (fl.ctc.value_and_grad(z, targets, backend=b, **lengths) for b in ("serial", "parallel"))
    assert_array_equal(one[0], two[0])
    assert_array_equal(one[1], two[1])


@pytest.mark.usefixtures("plainly")
def test_reductions(rng: np.random.Generator) -> None:
    z, targets, frames, symbols = batch(rng, classes=9)
    weight = np.array([1.0, 0.0, 2.0, 0.5, 3.0])
    how = {"input_lengths": frames, "target_lengths": symbols, **SERIAL}
    each, slopes = fl.ctc.value_and_grad(z, targets, reduction="none", **how)
    z[1], targets[1] = np.nan, 999
    for per_symbol, sizes in ((True, np.maximum(symbols, 1)), (False, np.ones(5))):
        value, grad = fl.ctc.value_and_grad(z, targets, weight=weight, per_symbol=per_symbol, **how)
        assert_allclose(value, (weight * each / sizes).sum() / 6.5, rtol=1e-14)
        assert_allclose(grad, (weight / sizes / 6.5)[:, None, None] * slopes, rtol=1e-12, atol=1e-18)
        assert_array_equal(grad[1], 0.0)
    value = fl.ctc(z, targets, weight=weight, normalizer=2.0, per_symbol=False, **how)
    assert_allclose(value, (weight * each).sum() / 2.0, rtol=1e-14)
    assert_allclose(fl.ctc(z, targets, weight=weight, reduction="none", **how), weight * each, rtol=1e-14)
    assert np.isnan(fl.ctc(z[:0], targets[:0], **SERIAL)) and fl.ctc.grad(z[:0], targets[:0]).shape == (0, 40, 9)
    with pytest.raises(ValueError, match="ctc: there is nothing to average"):
        fl.ctc(z, targets, weight=np.zeros(5), empty="raise", **how)


@pytest.mark.usefixtures("plainly")
def test_layouts(rng: np.random.Generator) -> None:
    """Frames first, every other one, backwards, classes that lie apart: read where they are, all to the same bits."""
    z, targets, frames, symbols = batch(rng, classes=9)
    z = np.nan_to_num(z)
    how = {"target_lengths": symbols, "reduction": "sum", "input_lengths": np.maximum(frames, 2), **SERIAL}
    value, grad = fl.ctc.value_and_grad(z, targets, **how)

    def same(x: Any, back: Any = np.asarray, **more: Any) -> None:
        own = x.copy(order="K")
        for scores, out in ((x, None), (x, np.full_like(x, 9.0)), (own, own)):
            found = fl.ctc.value_and_grad(scores, targets, out=out, **more, **how)
            assert found[0] == value and (out is None or found[1] is out)
            assert_array_equal(back(found[1]), grad)

    first = np.ascontiguousarray(z.transpose(1, 0, 2))
    same(first, lambda g: g.transpose(1, 0, 2), time_major=True)
    same(np.repeat(z, 2, axis=1)[:, ::2])
    same(np.ascontiguousarray(z[::-1, ::-1])[::-1, ::-1])
    apart = np.ascontiguousarray(z.transpose(0, 2, 1)).transpose(0, 2, 1)
    apart.flags.writeable = False
    assert_array_equal(fl.ctc.grad(apart, targets, **how), grad)
    out = np.zeros((5, 9, 40)).transpose(0, 2, 1)
    assert fl.ctc.grad(apart[..., ::-1][..., ::-1], targets, out=out, **how) is out
    assert_array_equal(out, grad)
    assert_array_equal(fl.ctc.grad(z.tolist(), targets.tolist(), **how), grad)


@pytest.mark.usefixtures("compiled_at_last")
def test_halves(rng: np.random.Generator) -> None:
    z, targets, frames, symbols = batch(rng, "float16")
    lengths = {"input_lengths": frames, "target_lengths": symbols, **SERIAL}
    value, grad = fl.ctc.value_and_grad(z, targets, **lengths)
    wide = fl.ctc.value_and_grad(z.astype("float32"), targets, **lengths)
    assert value == wide[0] and value.dtype == "float32" and grad.dtype == "float16"
    assert_array_equal(grad, wide[1].astype("float16"))


# -- Far from 0 --------------------------------------------------------------------------------------------------------


def test_long_and_extreme(rng: np.random.Generator) -> None:
    """Probabilities far below the smallest float64, in more frames than whose product any float would hold."""
    z = rng.standard_normal((300, 5)) * 10.0 ** rng.uniform(-2, 4, (300, 1))
    target = rng.integers(1, 5, 60)
    value, grad = fl.ctc.value_and_grad(z, target, reduction="sum", **SERIAL)
    loss, slopes = expected(z, target)
    assert loss > 1e4
    assert_allclose(value, loss, rtol=1e-14)
    assert_allclose(grad, slopes, rtol=1e-9, atol=1e-11)  # a unit in the last place of 1e4 is 2e-12


def test_confident_logits_keep_their_digits() -> None:
    """What is nearly right has a small gradient, of the difference of two numbers near 1, with all of its digits."""
    target = np.array([1, 2, 1])
    z = np.zeros((5, 3))
    z[np.arange(5), [1, 0, 2, 2, 1]] = 30.0
    value, grad = fl.ctc.value_and_grad(z, target, reduction="sum", **SERIAL)
    loss, slopes = expected(z, target)
    assert_allclose(value, loss, rtol=1e-2)  # of about 1e-13, in sums of numbers near 1
    assert_allclose(grad, slopes, rtol=1e-9, atol=1e-26)  # products of two that are wrong


def test_infinite_scores() -> None:
    """A class at -inf is impossible, one at inf certain."""
    z = np.array([[0.5, -np.inf, 1.0], [1.0, 2.0, -np.inf], [-np.inf, 0.0, 0.0]])
    finite = np.where(np.isinf(z), -1e4, z)
    found, limit = (fl.ctc.value_and_grad(x, [2, 1], reduction="sum", **SERIAL) for x in (z, finite))
    assert_allclose(found[0], limit[0], rtol=1e-15)
    assert_allclose(found[1], limit[1], atol=1e-15)
    value, grad = fl.ctc.value_and_grad([[np.inf, 0.0], [0.0, 1.0]], [1], **SERIAL)
    assert_allclose(value, np.log1p(np.exp(-1.0)), rtol=1e-15)
    assert_array_equal(grad[0], 0.0)
    # Where none is possible there are no probabilities, as in `cross_entropy`.
    value, grad = fl.ctc.value_and_grad([[-np.inf, -np.inf], [0.0, 1.0]], [1], zero_infinity=True, **SERIAL)
    assert np.isnan(value) and np.isnan(grad).all()


INFEASIBLE = {
    "frames": ([[0.0, 1.0]], [1, 1]),
    "a repeat": ([[0.0, 1.0], [1.0, 2.0]], [1, 1]),
    "impossible": ([[0.0, -np.inf], [1.0, -np.inf]], [1]),
    "no frame": (np.zeros((0, 2)), [1]),
}


@pytest.mark.parametrize("case", INFEASIBLE)
def test_nothing_fits(case: str) -> None:
    z, target = INFEASIBLE[case]
    value, grad = fl.ctc.value_and_grad(z, target, **SERIAL)
    assert value == np.inf and np.isnan(grad).all()
    value, grad = fl.ctc.value_and_grad(z, target, zero_infinity=True, **SERIAL)
    assert value == 0.0
    assert_array_equal(grad, 0.0)


def test_nan_is_not_hidden(rng: np.random.Generator) -> None:
    z, targets = rng.standard_normal((2, 6, 4)), [[1, 2], [3, 3]]
    sound = fl.ctc.value_and_grad(z[1], targets[1], reduction="sum", **SERIAL)
    z[0, 3, 3] = np.nan
    each, grad = fl.ctc.value_and_grad(z, targets, reduction="none", zero_infinity=True, **SERIAL)
    assert np.isnan(each[0]) and np.isnan(grad[0]).all()
    assert each[1] == sound[0]
    assert_array_equal(grad[1], sound[1])


@pytest.mark.usefixtures("plainly")
def test_logarithms_of_probabilities(rng: np.random.Generator) -> None:
    z, targets, frames, symbols = batch(rng, classes=9)
    z = np.nan_to_num(z)
    how = {"input_lengths": frames, "target_lengths": symbols, **SERIAL}
    logs = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    value, grad = fl.ctc.value_and_grad(logs, targets, from_log_probs=True, **how)
    other, slopes = fl.ctc.value_and_grad(z, targets, **how)
    assert_allclose(value, other, rtol=1e-14)
    assert_allclose(grad, slopes, rtol=1e-12, atol=1e-16)
    p = np.array([[3.0, 2.0], [1.0, 5.0]])  # not normalised: taken as they are
    value = fl.ctc.value_and_grad(np.log(p), [1], from_log_probs=True, **SERIAL)[0]
    assert_allclose(value, -np.log(3 * 5 + 2 * 1 + 2 * 5), rtol=1e-14)


@pytest.mark.full
@pytest.mark.parametrize("logs", [False, True])
def test_compiled_variants(logs: bool, rng: np.random.Generator) -> None:
    """Logarithms, and classes that lie apart, as kernels: what is above is plain Python."""
    z, targets, frames, symbols = batch(rng, classes=9)
    z = np.nan_to_num(z)
    how = {"input_lengths": frames, "target_lengths": symbols, **SERIAL}
    value, grad = fl.ctc.value_and_grad(z, targets, **how)
    scores = z - np.log(np.exp(z).sum(axis=-1, keepdims=True)) if logs else z
    apart = np.ascontiguousarray(scores.transpose(0, 2, 1)).transpose(0, 2, 1)
    found = fl.ctc.value_and_grad(apart, targets, from_log_probs=logs, **how)
    assert_allclose(found[0], value, rtol=1e-14)
    assert_allclose(found[1], grad, rtol=1e-12, atol=1e-16)


# -- Errors ------------------------------------------------------------------------------------------------------------

Z, Y = np.zeros((2, 4, 3)), np.array([[1, 2], [2, 1]])
WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "blank inside": (np.array([[1, 2], [2, 0]]), {}, r"targets\[1, 1\] is 0, but that is the blank"),
    "no class": (np.array([[1, 3], [2, 1]]), {}, r"targets\[0, 1\] is 3, but there are 3 classes \(0 to 2\)"),
    "negative": (np.array([[1, 2], [-1, 1]]), {}, r"targets\[1, 0\] is -1, but there are 3 classes"),
    "of a joined": (np.array([1, 2, 5]), {"target_lengths": [1, 2]}, r"targets\[2\], of sample 1, is 5"),
    "lengths missing": (np.array([1, 2]), {}, "target_lengths is missing"),
    "lengths of others": (np.array([1, 2]), {"target_lengths": [1, 2]}, "add up to 3, expected 2"),
    "too long": (Y, {"input_lengths": [4, 5]}, r"input_lengths\[1\] is 5, expected a number from 0 to 4; logits has 4"),
    "below 0": (Y, {"target_lengths": [-1, 2]}, r"target_lengths\[0\] is -1, expected a number from 0 to 2"),
    "lengths' shape": (Y, {"input_lengths": [4, 4, 4]}, r"input_lengths has shape \(3,\), expected \(2,\)"),
    "lengths' dtype": (Y, {"input_lengths": [4.0, 4.0]}, "input_lengths has dtype float64, expected integers"),
    "targets' dtype": (Y * 1.0, {}, "targets has dtype float64, expected integers"),
    "targets' rows": (Y[:1], {}, r"targets has shape \(1, 2\), expected \(2, symbols\)"),
    "blank": (Y, {"blank": 3}, r"blank is 3, but there are 3 classes \(0 to 2\)"),
    "blank below 0": (Y, {"blank": -1}, "blank is -1, expected a whole number of at least 0"),
    "switch": (Y, {"zero_infinity": 1}, "zero_infinity is 1, expected True or False"),
    "weight": (Y, {"weight": [1.0, -1.0]}, r"weight\[1\] is -1.0, expected a finite number of at least 0"),
    "weight's shape": (
        Y,
        {"weight": np.ones(3)},
        r"shapes do not broadcast: the batch of logits \(2,\), weight \(3,\)",
    ),
    "reduction": (Y, {"reduction": "average"}, "did you mean 'mean'"),
    "keyword": (Y, {"lengths": [4, 4]}, "'lengths' is no argument"),
    "out": (Y, {"out": np.zeros((2, 4, 3), "f")}, r"out has dtype float32 and shape \(2, 4, 3\), expected float64"),
    "backend": (Y, {"backend": "cuda"}, "ctc is computed on the host alone"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told(case: str) -> None:
    targets, keywords, text = WRONG[case]
    out = np.full_like(Z, 7.0)
    with pytest.raises((TypeError, ValueError), match=text) as caught:
        fl.ctc.grad(Z, targets, **{"out": out, **keywords})
    assert str(caught.value).startswith("ctc: ")
    assert_array_equal(out, 7.0)


def test_other_errors() -> None:
    with pytest.raises(NotImplementedError, match="ctc has no second derivative"):
        fl.ctc.grad_and_hess(Z, Y)
    with pytest.raises(ValueError, match=r"logits has shape \(3,\), expected \(samples, frames, classes\)"):
        fl.ctc(np.zeros(3), [1])
    with pytest.raises(ValueError, match="one class at least"):
        fl.ctc(np.zeros((2, 4, 0)), Y)
    # Unasked, a blank is a symbol; a number that is no class never is.
    assert np.isfinite(fl.ctc.grad(Z, [[1, 2], [2, 0]], check=False, **SERIAL)).all()
    with pytest.raises(ValueError, match="is 3, but there are 3 classes"):
        fl.ctc(Z, [[1, 3], [2, 1]], check=False)
