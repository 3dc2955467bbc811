"""Every input is read in the type of the arithmetic, whatever it is stored in."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numba
import numpy as np
import pytest
from data import some, watched
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.arrays.host import recipes
from fastloss.arrays.host.memory import stored
from fastloss.arrays.shapes import NUMBERS
from fastloss.kernels.bind import bind
from fastloss.kernels.cpu.target import Cpu, jit

BRAIN = np.dtype(ml_dtypes.bfloat16)

decode: Any = None
save: Any = None


def moved(source: Any, aim: Any) -> Any:
    x = decode(source[0])
    aim[0] = save(x)
    return x


@pytest.mark.parametrize("compute", "fd")
@pytest.mark.parametrize("char", sorted(NUMBERS))
def test_a_number_of_any_type(char: str, compute: str) -> None:
    """So numbers of any two types meet in one: what LLVM combines must not differ in width."""
    target = Cpu()
    x = np.array([1], BRAIN if char == "E" else char)
    y = np.zeros_like(x)
    named = {"real": target.real(compute), "decode": target.decode(char), "save": target.encode(char)}
    kernel = numba.njit(bind(moved, named, jit))
    assert kernel(stored(x), stored(y)) == 1.0
    assert kernel.nopython_signatures[0].return_type == target.real(compute)
    assert_array_equal(y, x)


@pytest.mark.parametrize("dtype", some(["f2", BRAIN], [BRAIN]), ids=str)
def test_float64_scores_and_a_narrow_teacher(dtype: Any, rng: np.random.Generator) -> None:
    """130 classes, whose maxima are compared as patterns of bits."""
    student, teacher = rng.normal(size=(2, 130)), rng.normal(size=(2, 130)).astype(dtype)
    p, q = (np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in (teacher.astype("f8"), student))
    value, grad = fl.soft_distillation.value_and_grad(student, teacher, temperature=1.0)
    assert_allclose(value, (p * np.log(p / q)).sum() / 2, 1e-13)
    assert_allclose(grad, (q - p) / 2, 1e-12, 1e-16)


def test_float64_predictions_and_narrow_variances() -> None:
    """The gradient by the variance 2 at a residual of 1: 1/4 - 1/8, in float16."""
    pred, target, variance = np.array([1.0]), np.array([0.0]), np.array([2], "f2")
    value, (mean, var) = fl.gaussian_nll.value_and_grad(pred, target, variance)
    assert_allclose(value, 0.5 * np.log(2.0) + 0.25, 1e-15)
    assert (mean, var, var.dtype) == (0.5, 0.125, np.float16)


@pytest.mark.usefixtures("compiled_at_last")
@pytest.mark.parametrize("way", some(["fresh", "over"], ["over"]))
@pytest.mark.parametrize("name", ["huber", "cross_entropy"])
def test_16_bit_arrays_go_the_short_way(
    name: str, way: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss that remembers no call goes the long way; the next call goes the short one, to the same bits."""
    short = watched(recipes, "evaluate_rows" if name == "cross_entropy" else "evaluate", monkeypatch)
    pred = rng.normal(size=(3, 5)).astype(np.float16)
    target = rng.integers(0, 5, 3) if name == "cross_entropy" else rng.normal(size=(3, 5)).astype(np.float16)
    loss, found = fl.LOSSES[name].bind(), []
    for _ in range(2):
        own = pred.copy()
        value, grad = loss.value_and_grad(own, target, out=own if way == "over" else None)
        assert (grad is own) == (way == "over")
        found.append((value.dtype, value.tobytes(), grad.dtype, grad.tobytes()))
    assert short == [False, True]
    assert found[0] == found[1]
