"""Domains of inputs that depend on parameters, switches, and parameters that a type does not hold."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastloss as fl
from fastloss.define.domain import BINARY, SIGN, SWITCH, Domain


def labels(binary: bool) -> Domain:
    return BINARY if binary else SIGN


@fl.pointwise(target=labels, binary=SWITCH)
def wrong_side(pred: float, target: float, binary: bool = False) -> tuple[float, float]:
    side = 2.0 * target - 1.0 if binary else target
    return 0.0 if side * pred > 0.0 else 1.0, 0.0


def test_a_domain_depends_on_a_switch() -> None:
    """The domain, what its error says, and the function all follow the parameter, whatever was called before."""
    on = wrong_side.bind(binary=True)
    assert (wrong_side.domains[1], on.domains[1]) == (SIGN, BINARY)
    for _ in range(2):
        assert_array_equal(wrong_side([2.0, 2.0], [-1.0, 1.0], reduction="none"), [1.0, 0.0])
        assert_array_equal(wrong_side([2.0, 2.0], [0.0, 1.0], binary=True, reduction="none"), [1.0, 0.0])
        assert_array_equal(on([2.0, 2.0], [0.0, 1.0], reduction="none"), [1.0, 0.0])
        with pytest.raises(ValueError, match=r"wrong_side: target\[0\] is 0.0, expected -1 or 1"):
            wrong_side([2.0, 2.0], [0.0, 1.0], reduction="none")
        with pytest.raises(ValueError, match=r"wrong_side: target\[1\] is -1.0, expected 0 or 1"):
            on([2.0, 2.0], [0.0, -1.0], reduction="none")


def test_switches_are_true_or_false() -> None:
    assert repr(wrong_side) == "wrong_side(binary=False)"
    assert repr(wrong_side.bind(binary=1)) == "wrong_side(binary=True)"
    on = wrong_side.bind(binary=True)
    assert pickle.loads(pickle.dumps(on)) == on == copy.deepcopy(on) != wrong_side
    with pytest.raises(ValueError, match="wrong_side: binary is 0.5, expected False or True"):
        wrong_side.bind(binary=0.5)
    with pytest.raises(TypeError, match="wrong_side: binary is 'yes', expected False or True"):
        wrong_side.bind(binary="yes")


def test_what_a_domain_may_depend_on() -> None:
    with pytest.raises(TypeError, match="f: a domain depends on power, which is no parameter"):

        @fl.pointwise(target=lambda power: SIGN)
        def f(pred, target, binary=0.0):
            return pred, 1.0

    with pytest.raises(TypeError, match="g: the domain of binary depends on parameters; only an input's may"):

        @fl.pointwise(binary=lambda: SIGN)
        def g(pred, target, binary=0.0):
            return pred, 1.0


def upwards(pred: float, target: float, power: float) -> tuple[float, float]:
    return pred * target, target


@fl.pointwise(instead=lambda power: upwards if power == 1.0 else None)
def risen(pred: float, target: float, power: float = 2.0) -> tuple[float, float]:
    return pred * pred * target, 2.0 * pred * target


def test_another_function_for_some_parameters() -> None:
    """It follows the parameters in force, whatever was called before."""
    one = risen.bind(power=1.0)
    for _ in range(2):
        assert_array_equal(risen.grad([3.0], [1.0]), [6.0])
        assert_array_equal(risen.grad([3.0], [1.0], power=1.0), [1.0])
        assert_array_equal(one.grad([3.0], [1.0]), [1.0])
        assert_array_equal(one.grad([3.0], [1.0], power=2.0), [6.0])
    assert one.bind(power=2.0) == risen != one
    assert pickle.loads(pickle.dumps(one)) == one


@pytest.mark.parametrize("name", sorted(fl.LOSSES))
def test_how_many_derivatives_no_parameter_says(name: str) -> None:
    """A first call may be with any parameters, of which exponentials are infinite that plain Python raises for."""
    loss = fl.LOSSES[name]
    for parameter, domain in loss.parameters.items():
        some = [*(sign * 10.0**k for k in (-300, -30, -4, 4, 30, 300) for sign in (-1, 1)), domain.low, domain.high]
        for value in filter(domain.admits, some if domain.kind is float else ()):
            twin = loss.bind(**{parameter: value})
            for known in ("order", "sizes", "_spread"):
                vars(twin).pop(known, None)
            assert twin.order == loss.order, (parameter, value)


@pytest.mark.usefixtures("compiled_at_last")
def test_a_divisor_has_a_reciprocal_in_the_stored_type() -> None:
    """float16's largest number is 65,504: a smaller divisor's reciprocal is infinite in it, and in no wider type."""
    pred, target = np.array([1.0, 0.0, 0.5]), np.array([0.0, 1.0, 1.0])
    half = fl.binary_cross_entropy.grad(pred.astype("f2"), target, reduction="sum")
    assert half.dtype == np.float16
    assert_array_equal(half, np.array([65504.0, -65504.0, -2.0]))
    rows = fl.categorical_cross_entropy.grad(np.float16([[1.0, 0.0], [0.5, 0.5]]), [1, 0], reduction="sum")
    assert_array_equal(rows, [[0.0, -65504.0], [-2.0, 0.0]])
    for dtype in ("f4", "f8"):
        whole = fl.binary_cross_entropy.grad(pred.astype(dtype), target.astype(dtype), reduction="sum")
        assert whole == pytest.approx([1e12, -1e12, -2.0], rel=1e-6)


def test_every_floor_is_a_divisor() -> None:
    """And whoever gives a larger one gets it."""
    floored = [loss for loss in fl.LOSSES.values() if "floor" in loss.parameters]
    assert len(floored) >= 5
    for loss in floored:
        place = list(loss.parameters).index("floor")
        assert loss.cast(np.float32, "e")[place] == np.float32(1 / 65504), loss.name
        assert loss.bind(floor=0.25).cast(np.float32, "e")[place] == 0.25
        assert loss.cast(np.float32, "f")[place] == loss.cast(np.float32, "E")[place] == np.float32(1e-12)
