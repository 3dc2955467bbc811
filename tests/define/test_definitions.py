"""Every definition against its textbook formula: value, derivatives, extremes, kinks, NaN, infinities, style.

The definitions run as plain Python, in float64 and in float32, on correctly rounded elementary functions. What a
compiler makes of them is for other tests.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
from data import NAMES
from elements import CASES, PARTS, TYPES, ULPS, WIDER, Elementary, by_terms, error, is_held, jet, part_of, points
from mpmath import mp, mpf
from written import constants_are_floats

import fastloss as fl
from fastloss.kernels.bind import lift

# -- how exact -----------------------------------------------------------------------------------------------------


def errors(name: str, params: dict[str, float], kind: type, part: str) -> Iterator[tuple[int, float, str]]:
    """Order of the derivative, error, and where, for every point of a part."""
    fixed = {n: float(kind(v)) for n, v in params.items()}
    for point in part_of(points(name, fixed, kind), part):
        yield from errors_at(name, point, fixed, kind)


def errors_at(
    name: str, point: tuple[float, ...], fixed: dict[str, float], kind: type
) -> Iterator[tuple[int, float, str]]:
    """The same for one point."""
    for k, wrt in enumerate(fl.LOSSES[name].wrt):
        exact = oracle.exact(name, point, fixed, wrt)
        got = jet(name, point, fixed, kind, k)
        with mp.workdps(40):
            scales = [s[k] if isinstance(s, tuple) else s for s in by_terms(name, *map(mpf, point), **fixed)]
            for order in range(3):
                if exact[order] is not None and not is_held(name, order, point, fixed):
                    off = error(got[order], exact[order], scales[order], kind)
                    yield order, off, f"{point}: {got[order]!r} instead of {mp.nstr(exact[order], 20)}"


ENDS = {np.float32: 2.0**126, np.float64: 2.0**1022}
"""A quarter of the largest number of a type; its reciprocal is the smallest that has all of its digits."""


def ends(name: str, params: dict[str, float], kind: type) -> Iterator[tuple[float, ...]]:
    """Points of which every input is at an end of the type."""
    top = float(np.finfo(kind).max)
    some = [top, 1.0 / ENDS[kind], 1.0]
    # Fewer of float64, of which an exponential takes 300 digits.
    both = [*some, -top] if kind is np.float64 else [0.0, ENDS[kind], -ENDS[kind], *some, *(-x for x in some)]
    domains = fl.LOSSES[name].bind(**params).domains
    return product(
        *([x for x in both if x in d] for d in domains[:2]), *([x for x in some if x in d] for d in domains[2:])
    )


def beside_a_kink(name: str, point: tuple[float, ...], params: dict[str, float], kind: type) -> bool:
    """Whether a rounded difference of prediction and target may be taken for the kink itself."""
    with mp.workdps(400):
        kinks = oracle.FORMULAS[name].kinks(mpf(point[1]), **params) if len(point) > 1 else ()
        return any(0 < abs(point[0] - k) <= float(np.finfo(kind).eps) * max(1.0, abs(k)) for k in kinks)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_ends(name: str, params: dict[str, float], dtype: str, part: str) -> None:
    """The textbook formula in 40 digits, also where intermediate results would be infinite or 0."""
    kind = TYPES[dtype]
    fixed = {n: float(kind(v)) for n, v in params.items()}
    bounds = WIDER.get(name, (ULPS,) * 3)
    for point in part_of(ends(name, fixed, kind), part):
        for order, off, where in errors_at(name, point, fixed, kind):
            assert off <= 2 * bounds[order] or (order and beside_a_kink(name, point, fixed, kind)), (order, off, where)


@pytest.mark.parametrize("dtype", TYPES)
def test_scales_beyond_squares(dtype: str) -> None:
    """A residual, or one over such a scale, may be beyond the type where the loss and its slope are ordinary."""
    kind, bounds = TYPES[dtype], WIDER["cauchy"]
    for c in (1e-12, 1e-18, 1e-19, 1e-21, 1e-37):
        for pred in (1e-37, 1e-20, 1e-3, 1.0, 1e10, 1e19, float(np.finfo(kind).max)):
            for order, off, where in errors_at("cauchy", (pred, 0.0), {"c": float(kind(c))}, kind):
                assert off <= bounds[order], (c, order, off, where)
    top = float(np.finfo(kind).max)
    for c in (1e10, 1e18, 1e30, top / 8.0, top):
        for pred, target in ((top, -top), (-top, top / 2.0), (top / 8.0, 0.0), (top / 1e3, 0.0)):
            for order, off, where in errors_at("cauchy", (pred, target), {"c": float(kind(c))}, kind):
                assert off <= bounds[order], (c, order, off, where)
        assert jet("cauchy", (-math.inf, 0.0), {"c": c}, kind)[:2] == (math.inf, 0.0)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_formula(name: str, params: dict[str, float], dtype: str, part: str) -> None:
    """Value and derivatives are those of the textbook formula in 40 digits."""
    assert name in oracle.FORMULAS, f"tests/helpers/oracle.py has no formula for {name}"
    assert set(params) == set(fl.LOSSES[name].parameters)
    bounds = WIDER.get(name, (ULPS,) * 3)
    wrong = [
        f"d{k} off by {e:.1f}, {where}"
        for k, e, where in errors(name, params, TYPES[dtype], part)
        if not e <= bounds[k]
    ]
    assert not wrong, "\n".join(wrong)


# -- kinks, NaN, infinities ----------------------------------------------------------------------------------------

KINKS = [
    # loss, parameters, prediction, target, and value, first and second derivative by the documented rule
    ("absolute_error", {}, 3.0, 3.0, (0.0, 0.0, 0.0)),
    ("absolute_percentage_error", {"epsilon": 1.0}, 3.0, 3.0, (0.0, 0.0, 0.0)),
    ("symmetric_absolute_percentage_error", {}, 3.0, 3.0, (0.0, 0.0, 0.0)),
    ("symmetric_absolute_percentage_error", {}, 0.0, 0.0, (0.0, 0.0, 0.0)),
    ("symmetric_absolute_percentage_error", {}, 0.0, 4.0, (2.0, -0.5, 0.0)),
    ("symmetric_absolute_percentage_error", {}, 0.0, -4.0, (2.0, 0.5, 0.0)),
    ("quantile", {"q": 0.75}, 3.0, 3.0, (0.0, 0.0, 0.0)),
    ("expectile", {"q": 0.75}, 3.0, 3.0, (0.0, 0.0, 1.5)),
    ("epsilon_insensitive", {"epsilon": 0.5}, 3.5, 3.0, (0.0, 0.0, 0.0)),
    ("epsilon_insensitive", {"epsilon": 0.5}, 2.5, 3.0, (0.0, 0.0, 0.0)),
    ("squared_epsilon_insensitive", {"epsilon": 0.5}, 3.5, 3.0, (0.0, 0.0, 0.0)),
    ("huber", {"delta": 0.5}, 3.5, 3.0, (0.125, 0.5, 1.0)),
    ("huber", {"delta": 0.5}, 2.5, 3.0, (0.125, -0.5, 1.0)),
    ("smooth_l1", {"beta": 0.5}, 3.5, 3.0, (0.25, 1.0, 2.0)),
    ("smooth_l1", {"beta": 0.0}, 3.0, 3.0, (0.0, 0.0, 0.0)),
    ("fair", {"c": 2.0}, 3.0, 3.0, (0.0, 0.0, 1.0)),
    ("hinge", {}, 1.0, 1.0, (0.0, 0.0, 0.0)),
    ("hinge", {}, -1.0, -1.0, (0.0, 0.0, 0.0)),
    ("squared_hinge", {}, 1.0, 1.0, (0.0, 0.0, 0.0)),
    ("modified_huber", {}, 1.0, 1.0, (0.0, 0.0, 0.0)),
    ("modified_huber", {}, -1.0, 1.0, (4.0, -4.0, 2.0)),
    ("perceptron", {}, 0.0, 1.0, (0.0, 0.0, 0.0)),
    ("hinge", {"zero_one": True}, -1.0, 0.0, (0.0, 0.0, 0.0)),
    ("modified_huber", {"zero_one": True}, 1.0, 0.0, (4.0, 4.0, 2.0)),
    ("lp", {"p": 1.0}, 3.0, 3.0, (0.0, 0.0, 0.0)),
    ("lp", {"p": 1.5}, 3.0, 3.0, (0.0, 0.0, math.inf)),
    ("lp", {"p": 2.0}, 3.0, 3.0, (0.0, 0.0, 2.0)),
    ("lp", {"p": 2.5}, 3.0, 3.0, (0.0, 0.0, 0.0)),
    ("log_lin_quantile", {"q": 0.75}, 0.0, 1.0, (0.0, 0.0, 0.0)),
    ("generalized_kl", {}, 0.0, 0.0, (0.0, 1.0, 0.0)),
    ("generalized_kl", {}, 0.0, 2.0, (math.inf, -math.inf, math.inf)),
    ("smoothed_hinge", {"gamma": 0.5}, 1.0, 1.0, (0.0, 0.0, 0.0)),
    ("smoothed_hinge", {"gamma": 0.5}, -0.5, -1.0, (0.25, 1.0, 2.0)),
    ("distance_weighted_discrimination", {"q": 1.0}, 0.5, 1.0, (0.5, -1.0, 0.0)),
    ("hinge_embedding", {"margin": 0.5, "zero_one": False}, 0.5, -1.0, (0.0, 0.0, 0.0)),
    ("contrastive", {"margin": 0.5}, 0.5, 0.0, (0.0, 0.0, 0.0)),
    ("binary_sparsemax", {}, 1.0, 1.0, (0.0, 0.0, 0.0)),
    ("binary_sparsemax", {}, 1.0, 0.0, (1.0, 1.0, 0.5)),
]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params", "pred", "target", "expected"), KINKS)
def test_kink(name: str, params: dict[str, float], pred: float, target: float, expected: Any, dtype: str) -> None:
    assert jet(name, (pred, target), params, TYPES[dtype]) == expected


def has_kinks(name: str, params: dict[str, float]) -> bool:
    return name in oracle.FORMULAS and bool(oracle.FORMULAS[name].kinks(mpf(1), **params))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), [case for case in CASES if has_kinks(*case.values)])
def test_the_slope_of_a_kink_is_between_those_beside_it(name: str, params: dict[str, float], dtype: str) -> None:
    """For every loss that has kinks; `KINKS` says which of these slopes, where one is documented."""
    kind, loss, step = TYPES[dtype], fl.LOSSES[name].bind(**params), 1e-4
    for rest in zip(*(d.sample(np.random.default_rng(7), 10) for d in loss.domains[1:]), strict=True):
        for k in oracle.FORMULAS[name].kinks(mpf(rest[0]), **params):
            low, high = float(k) - step, float(k) + step
            if all(x in loss.domains[0] for x in (low, high)):
                around = [oracle.exact(name, (x, *rest), params)[1] for x in (low, high)]
                slack = 10 * step * (1 + max(map(abs, around)))  # by which they change within a step
                assert min(around) - slack <= jet(name, (float(k), *rest), params, kind)[1] <= max(around) + slack, rest


@pytest.mark.parametrize("dtype", TYPES)
def test_a_weight_of_nothing(dtype: str) -> None:
    """An infinite loss that alpha, or a power of nothing, takes out of account."""
    kind = TYPES[dtype]
    for gamma in (0.0, 2.0, 2.3):
        for pred, target, alpha in ((math.inf, 0.0, 1.0), (-math.inf, 1.0, 0.0), (math.inf, 1.0, 0.5)):
            got = jet("binary_focal", (pred, target), {"gamma": gamma, "alpha": alpha}, kind)
            assert got == (0.0, 0.0, 0.0), (gamma, pred)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("pred", "target", "expected"),
    [
        (0.0, 1.0, (100.0, -1e12, 1e24)),
        (0.0, 0.0, (0.0, 1.0, 1.0)),
        (1.0, 1.0, (0.0, -1.0, 1.0)),
        (1.0, 0.0, (100.0, 1e12, 1e24)),
    ],
)
def test_probability_bounds(pred: float, target: float, expected: Any, dtype: str) -> None:
    """Logarithms end at -clamp; derivatives take the probabilities to be at least floor."""
    got = jet("binary_cross_entropy", (pred, target), {"clamp": 100.0, "floor": 1e-12}, TYPES[dtype])
    assert got == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_nan(name: str, params: dict[str, float], dtype: str) -> None:
    """NaN in any input makes value and gradient NaN."""
    loss, kind = fl.LOSSES[name].bind(**params), TYPES[dtype]
    corners = [[x for x in (0.0, 1.0, -1.0, 0.5, 1e20, math.inf) if x in d] for d in loss.domains]
    for point in product(*corners):
        for k in range(len(point)):
            value, d1, _ = jet(name, (*point[:k], math.nan, *point[k + 1 :]), params, kind)
            assert math.isnan(value), (point, k)
            assert math.isnan(d1), (point, k)


def infinite(domains: Any) -> Iterator[tuple[float, ...]]:
    """Points of which one input is infinite."""
    others = [[x for x in (0.0, 1.0, -1.0, 0.25, 3.0) if x in d] for d in domains]
    for k, domain in enumerate(domains):
        for x in (math.inf, -math.inf):
            if x in domain:
                yield from product(*others[:k], [x], *others[k + 1 :])


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_infinity(name: str, params: dict[str, float], dtype: str, part: str) -> None:
    """An infinite input gives the limit of the formula."""
    kind = TYPES[dtype]
    fixed = {n: float(kind(v)) for n, v in params.items()}
    for point in part_of(infinite(fl.LOSSES[name].bind(**fixed).domains), part):
        expected = oracle.limit(name, point, fixed)
        got = jet(name, point, fixed, kind)
        for order in range(3):
            if expected[order] is not None:
                assert got[order] == pytest.approx(expected[order], rel=1e-6), (point, order)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "name", ["poisson", "poisson_identity", "gamma", "gamma_identity", "tweedie", "tweedie_identity"]
)
def test_an_infinite_amount_of_an_infinite_mean(name: str, dtype: str) -> None:
    """The formula has no limit there: neither its value nor its slope is known."""
    value, d1, _ = jet(name, (math.inf, math.inf), {}, TYPES[dtype])
    assert math.isnan(value)
    assert math.isnan(d1)


# -- how definitions are written -------------------------------------------------------------------------------------

ROOT = Path(fl.__file__).parent
DEFINITIONS = sorted(p for p in (ROOT / "losses").glob("*.py") if p.stem not in ("functions", "links", "names"))
ELEMENTARY = {"exp", "expm1", "log", "log1p", "sqrt", "tanh", "pow", "copysign", "inf"}


@pytest.mark.parametrize("name", NAMES)
def test_constants_are_floats(name: str) -> None:
    """An integer in an expression turns a float32 loop into a float64 one."""
    for params in oracle.FORMULAS[name].points:
        constants_are_floats(fl.LOSSES[name].bind(**params).jet)


@pytest.mark.parametrize("name", NAMES)
def test_constants_of_another_type_are_no_errors(name: str) -> None:
    """Of two constants the one for float64 may be infinite in float32, whatever NumPy does about that elsewhere."""
    for params in oracle.FORMULAS[name].points:
        with np.errstate(all="raise"):
            lift(fl.LOSSES[name].bind(**params).jet, Elementary, np.float32, lambda f: f)


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda p: p.stem)
def test_style(path: Path) -> None:
    """No branch, no loop, no power operator, no function that loses NaN, nothing of `math` that a kernel lacks."""
    for function in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)):
        for node in ast.walk(function):
            assert not isinstance(node, ast.If | ast.For | ast.While | ast.Pow | ast.Try | ast.Match), function.name
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("min", "max", "round", "pow", "float", "int"), function.name
            if isinstance(node, ast.Attribute):
                assert isinstance(node.value, ast.Name), function.name
                assert node.value.id == "math", function.name
                assert node.attr in ELEMENTARY, function.name


@pytest.mark.parametrize("name", NAMES)
def test_documented(name: str) -> None:
    loss = fl.LOSSES[name]
    doc = loss.__doc__ or ""
    assert doc.splitlines()[0].endswith((".", ":")), "one sentence on what the loss is for"
    assert f">>> fl.{name}" in doc, "an example"
    assert len(doc.split("\n\n")) >= 3, "a paragraph with the formula and the convention"
    assert all(parameter in doc for parameter in loss.parameters)
    free = {n for n, domain in loss.parameters.items() if str(domain) == "a real number"}
    assert free <= {"reference"}, "a domain: of a parameter that is a score there is none"


@pytest.mark.parametrize("name", [n for n in NAMES if fl.SIGN in fl.LOSSES[n].domains])
def test_labels_of_zero_and_one(name: str) -> None:
    """By the switch they are what -1 and 1 are without it, and neither kind is taken for the other."""
    loss = fl.LOSSES[name]
    other = loss.bind(zero_one=True)
    assert 0.0 not in loss.domains[-1]
    assert -1.0 not in other.domains[-1]
    rest = (0.75,) * (len(loss.domains) - 2)
    for pred in (-3.0, -0.25, 0.0, 0.5, 1.0, 40.0):
        for target in (0.0, 1.0):
            assert jet(name, (pred, *rest, target), {"zero_one": True}, np.float64) == jet(
                name, (pred, *rest, 2.0 * target - 1.0), {}, np.float64
            )


def test_aliases() -> None:
    assert set(fl.ALIASES.values()) <= set(fl.LOSSES)
    assert not sorted(set(fl.ALIASES) & set(fl.LOSSES))


def test_oracle_knows_no_other_loss() -> None:
    assert set(oracle.FORMULAS) == set(NAMES)
