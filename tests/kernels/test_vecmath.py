"""Accuracy and special values of the elementary functions of the kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from elementary import (
    BOUNDS,
    DOMAIN,
    DTYPES,
    EXACT,
    MODULES,
    PRECISION,
    UNARY,
    evaluate,
    inputs,
    neighbourhood,
    random_bits,
    ulp_errors,
)
from elements import PARTS, part_of
from mpmath import mp, mpf
from numba import njit

from fastloss.define.rules import CONSTANTS, ELEMENTARY
from fastloss.kernels.cpu.vecmath import errorfunctions, exponentials, factorials, logarithms, powers, trigonometry
from fastloss.kernels.cpu.vecmath.elementary import ports


@pytest.fixture(autouse=True)
def fifty_digits():
    with mp.workdps(50):
        yield


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_ulp(name, dtype, part):
    x = np.array([*part_of(inputs(name, dtype), part)])
    errors = ulp_errors(evaluate(name, dtype, x), [EXACT[name](mpf(v)) for v in x.tolist()], dtype)
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS[name, dtype], f"{errors[worst]} ULP at {x[worst]!r}"


# Of all floats those that are nearest to a multiple of pi / 2, and twice as much (continued fractions find them).
NEAREST_QUARTERS = {
    "float32": [m * 2.0**e for m, e in ((16367173, 72), (10741887, 11), (16573937, -16))],
    "float64": [m * 2.0**e for m, e in ((6381956970095103, 797), (6411027962775774, -47), (5916243447979695, 79))],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_ulp_next_to_quarter_turns(name, dtype):
    x = np.array(NEAREST_QUARTERS[dtype], dtype)
    x = np.concatenate([x, 2 * x, -x])
    exact = [EXACT[name](mpf(v)) for v in x.tolist()]
    assert min(map(abs, exact)) < 2.0 ** -(PRECISION[dtype] + 3)
    assert ulp_errors(evaluate(name, dtype, x), exact, dtype).max() <= BOUNDS[name, dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_lgamma_below_minus_two(dtype):
    """There it is a difference whose zeros lie beside each pole: relative to the largest term."""
    random = np.random.default_rng(23)
    x = np.concatenate([random.uniform(-40, -2, 2000), -np.exp2(random.uniform(1, PRECISION[dtype] - 2, 500))])
    x = np.concatenate([x.astype(dtype), neighbourhood(-np.arange(3.0, 60.0), dtype)])
    x = x[(x != np.rint(x)) & (x < -2)]
    got = evaluate("lgamma", dtype, x).tolist()
    exact = [EXACT["lgamma"](mpf(v)) for v in x.tolist()]
    largest = [max(abs(e), mp.loggamma(-mpf(v)), 1) for e, v in zip(exact, x.tolist(), strict=True)]
    unit = [mp.ldexp(1, int(mp.frexp(v)[1]) - PRECISION[dtype]) for v in largest]
    errors = [float(abs(mpf(g) - e) / u) for g, e, u in zip(got, exact, unit, strict=True)]
    assert max(errors) <= 2.0  # 1.69


@pytest.mark.parametrize("dtype", DTYPES)
def test_ulp_pow(dtype):
    random = np.random.default_rng(21)
    limit = math.log(float(np.finfo(dtype).max))
    near_one = 1 + np.exp2(random.uniform(-PRECISION[dtype] + 1, 0, 1000)) * np.resize([0.5, -0.5], 1000)
    x = np.concatenate([random_bits(random, dtype, 2000), random.uniform(0.5, 2, 2000), near_one])
    x = np.concatenate([x, neighbourhood([math.sqrt(0.5), math.sqrt(2), 1.0], dtype)]).astype(dtype)
    x = x[x != 1]
    with np.errstate(over="ignore"):
        y = (random.uniform(-1.05, 1.01, x.size) * limit / np.log(x.astype(np.float64))).astype(dtype)
    x, y = np.concatenate([x, x]), np.concatenate([y, random.normal(size=y.size).astype(dtype)])
    exact = [mp.power(mpf(a), mpf(b)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    errors = ulp_errors(evaluate("pow", dtype, x, y), exact, dtype)
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS["pow", dtype], f"{errors[worst]} ULP at {x[worst]!r}, {y[worst]!r}"


@pytest.mark.parametrize("name", UNARY)
def test_ulp_float32_sweep(name):
    """Every 2003rd float32, against NumPy in float64; every 40,009th against Python where NumPy has no such function."""
    other = {"asinh": "arcsinh", "atan": "arctan"}.get(name, name.split("_")[0])
    step, reference = (2003, getattr(np, other)) if hasattr(np, other) else (40_009, np.vectorize(getattr(math, name)))
    x = np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)
    low, high = DOMAIN.get(name, (-math.inf, math.inf))
    x = x[(x >= low) & (x <= high)]
    x = x[np.isfinite(x) & (x != 0)] if name in ("sin", "cos", "lgamma") else x
    got = evaluate(name, "float32", x).astype(np.float64)
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
        rounded = exact.astype(np.float32)
        ulp = np.ldexp(1.0, np.maximum(np.frexp(exact)[1] - 24, -149))
        errors = np.where(got == rounded, np.minimum(np.abs(got - exact) / ulp, 0.5), np.abs(got - exact) / ulp)
    errors[np.isinf(rounded) & (got == rounded)] = 0
    assert not np.isnan(errors).any()
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS[name, "float32"] + 1e-6, f"{errors[worst]} ULP at {x[worst]!r}"


INF, NAN = math.inf, math.nan
SPECIAL_VALUES = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), ("max", INF), ("-max", 0.0)],
    "exp_neg": [(0.0, 1.0), (-0.0, 1.0), (-INF, 0.0), (NAN, NAN), ("-max", 0.0), ("-tiny", 1.0)],
    "exp_with_expm1": [(0.0, 1.0), (-0.0, 1.0), (-INF, 0.0), (NAN, NAN), ("-max", 0.0), ("-tiny", 1.0)],
    "expm1_neg": [(-INF, -1.0), (NAN, NAN), ("-max", -1.0), ("-tiny", "-tiny"), (-0.0, 0.0)],
    "expm1": [(INF, INF), (-INF, -1.0), (NAN, NAN), ("max", INF), ("-max", -1.0)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-INF, NAN), (-1.0, NAN), ("-tiny", NAN), (NAN, NAN)],
    "log1p": [(-1.0, -INF), (INF, INF), (-INF, NAN), (-1.5, NAN), ("-max", NAN), (NAN, NAN)],
    "log1p_unit": [(0.0, 0.0), (NAN, NAN), ("tiny", "tiny"), ("least", "least")],
    "tanh": [(INF, 1.0), (-INF, -1.0), (NAN, NAN), ("max", 1.0), ("-max", -1.0)],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-1.0, NAN), (NAN, NAN)],
    "cbrt": [(INF, INF), (-INF, -INF), (NAN, NAN), (27.0, 3.0), (-1.0, -1.0), (0.0, 0.0), (-0.0, -0.0)],
    "sinh": [(INF, INF), (-INF, -INF), (NAN, NAN), ("max", INF), ("-max", -INF)],
    "cosh": [(INF, INF), (-INF, INF), (NAN, NAN), ("max", INF), ("-max", INF), (0.0, 1.0), (-0.0, 1.0)],
    "asinh": [(INF, INF), (-INF, -INF), (NAN, NAN)],
    "sin": [(INF, NAN), (-INF, NAN), (NAN, NAN)],
    "cos": [(INF, NAN), (-INF, NAN), (NAN, NAN), (0.0, 1.0), (-0.0, 1.0), ("least", 1.0)],
    "atan": [(INF, math.pi / 2), (-INF, -math.pi / 2), (NAN, NAN), ("max", math.pi / 2)],
    "erf": [(INF, 1.0), (-INF, -1.0), (NAN, NAN), ("max", 1.0), ("-max", -1.0), (0.0, 0.0), (-0.0, -0.0)],
    "erfc": [(INF, 0.0), (-INF, 2.0), (NAN, NAN), ("max", 0.0), ("-max", 2.0), (0.0, 1.0), (-0.0, 1.0)],
    "lgamma": [(v, INF) for v in (0.0, -0.0, -1.0, -2.0, -171.0, "-max", INF, -INF)]
    + [(1.0, 0.0), (2.0, 0.0), (NAN, NAN)],
}
for _name in ("expm1", "log1p", "tanh", "sinh", "asinh", "sin", "atan"):
    SPECIAL_VALUES[_name] += [(v, v) for v in (0.0, -0.0, "tiny", "-tiny", "least", "-least")]


def special(value: float | str, dtype: str) -> float:
    if not isinstance(value, str):
        return value
    info = np.finfo(dtype)
    named = {"max": info.max, "tiny": info.tiny, "least": info.smallest_subnormal}
    return math.copysign(float(named[value.lstrip("-")]), -1 if value[0] == "-" else 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SPECIAL_VALUES)
def test_special_values(name, dtype):
    x, expected = (np.array([special(v, dtype) for v in c], dtype) for c in zip(*SPECIAL_VALUES[name], strict=True))
    # Once each, and many times so that the vector code and the remainder loop both meet them.
    for repeat in (1, 67):
        got = evaluate(name, dtype, np.repeat(x, repeat))
        np.testing.assert_array_equal(got, np.repeat(expected, repeat))
        numbers = ~np.isnan(got)
        np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(np.repeat(expected, repeat))[numbers])


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponentials_of_rows_are_normal_numbers_or_none(dtype):
    """The same bits as any other exponential, and 0 for all that is below twice the least normal number, or nearly."""
    tiny = float(np.finfo(dtype).tiny)
    low, edge = 1.1 * math.log(tiny), math.log(tiny)
    x = np.concatenate([np.linspace(low, 0.0, 4001), np.linspace(edge - 1.0, edge + 1.0, 4001), [-INF, -1e30]])
    x = x.astype(dtype)
    got, full = (evaluate(name, dtype, x) for name in ("exp_flushed", "exp_neg"))
    some = got != 0.0
    np.testing.assert_array_equal(got[some], full[some])
    assert got[some].min() >= tiny
    assert full[~some].max() < 2.0 * tiny
    assert np.isnan(evaluate("exp_flushed", dtype, np.full(67, np.nan, dtype))).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_pow(dtype):
    named = [special(v, dtype) for v in ("max", "tiny", "least")]
    one_up = float(np.nextafter(np.array(1, dtype), np.array(2, dtype)))
    x = np.array([0.0, 0.25, 1.0, one_up, 4.0, INF, NAN, *named], dtype)
    y = np.array([0.0, 0.5, 1.0, 2.0, INF, *named], dtype)
    y = np.concatenate([y, -y, np.array([NAN], dtype)])
    x, y = (a.ravel().copy() for a in np.meshgrid(x, y))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    got = evaluate("pow", dtype, x, y)
    np.testing.assert_allclose(got, expected, rtol=2 * float(np.finfo(dtype).eps))
    assert not np.signbit(got[~np.isnan(got)]).any()
    negative = evaluate("pow", dtype, np.array([-1.0, -INF, -2.0]), np.array([1.0, 2.0, 0.0]))
    np.testing.assert_array_equal(negative, np.array([NAN, NAN, 1.0], dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_of_negative_numbers(dtype):
    """As NumPy has them, but for -0.0, which is taken for 0.0, and for -inf to what is no integer, which is NaN."""
    far = 2.0 ** PRECISION[dtype]  # from there on, every number is even
    x = np.array([0.0, 0.25, 1.0, -0.25, -1.0, -1.5, -INF, *(special(v, dtype) for v in ("-max", "-tiny", "-least"))])
    y = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 7.5, 10.0, far - 1.0, far, INF])
    x, y = (a.ravel().astype(dtype) for a in np.meshgrid(x, np.concatenate([y, -y, [NAN]])))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    expected[(x == -INF) & (np.rint(y) != y)] = NAN
    got, numbers = evaluate("pow_signed", dtype, x, y), ~np.isnan(expected)
    np.testing.assert_allclose(got, expected, rtol=2 * float(np.finfo(dtype).eps))
    np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(expected)[numbers])


@pytest.mark.parametrize("dtype", DTYPES)
def test_sign_and_magnitude(dtype):
    module = MODULES[dtype]
    kind = np.dtype(dtype).type
    magnitude, signed = module.fabs, module.copysign
    # Only compiled functions call them.
    fabs, copysign = njit(lambda x: magnitude(x)), njit(lambda x, y: signed(x, y))
    assert fabs(kind(-2.5)) == 2.5
    assert math.copysign(1, fabs(kind(-0.0))) == 1
    assert copysign(kind(2.5), kind(-0.0)) == -2.5


@pytest.mark.parametrize("compute", ["f", "d"])
def test_no_port_is_left_empty(compute: str) -> None:
    filled = ports(compute).keys()
    for module in (exponentials, logarithms, powers, trigonometry, errorfunctions, factorials):
        assert not {name for name, value in vars(module).items() if value is None and name[0] != "_"} - filled


def test_each_that_a_loss_may_use_is_there() -> None:
    """For both widths, tested here, and of Python's `math`, with which a loss is tried where it is defined."""
    for module in MODULES.values():
        assert set(vars(module)) >= ELEMENTARY
    assert set(vars(math)) >= ELEMENTARY
    assert {name for name, _ in BOUNDS} >= ELEMENTARY - CONSTANTS - {"fabs", "copysign"}
