"""Losses as functions of the squared residual: against their formulas in 50 digits and SciPy's own; refusals."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_allclose

import fastloss as fl

# What is tested calls kernels, and does not see whether they are compiled: those of the page's code are.
pytestmark = pytest.mark.usefixtures("uncompiled")

OWN = fl.derive(lambda pred, target: 0.5 * fl.math.atan((pred - target) ** 2), name="own")
LOSSES: dict[str, tuple[Any, Any]] = {
    "linear": (fl.half_squared_error, lambda z: z),
    "huber": (fl.huber, lambda z: z if z <= 1 else 2 * mp.sqrt(z) - 1),
    "soft_l1": (fl.pseudo_huber, lambda z: 2 * (mp.sqrt(1 + z) - 1)),
    "cauchy": (fl.cauchy, lambda z: mp.log(1 + z)),
    "arctan": (OWN, mp.atan),
}
"""SciPy's names, our losses, and the formulas."""
OTHERS = {
    "welsch": (fl.welsch, lambda z: 1 - mp.exp(-z)),
    "geman_mcclure": (fl.geman_mcclure, None),
    "log_cosh": (fl.log_cosh, lambda z: 2 * mp.log(mp.cosh(mp.sqrt(z)))),
    "squared_error": (fl.squared_error, lambda z: 2 * z),
    "sum": (0.5 * fl.half_squared_error + 2.0 * fl.cauchy, lambda z: z / 2 + 2 * mp.log(1 + z)),
}
SQUARES = [1e-12, 1e-6, 0.01, 0.5, 0.9, 1.5, 7.0, 1e4, 1e9]


@pytest.mark.parametrize("name", [n for n, (_, f) in {**LOSSES, **OTHERS}.items() if f])
def test_rho_in_50_digits(name: str) -> None:
    loss, formula = {**LOSSES, **OTHERS}[name]
    found = fl.optimize.least_squares(loss)(np.array(SQUARES))
    assert found.shape == (3, len(SQUARES))
    with mp.workdps(50):
        for k, z in enumerate(map(mpf, SQUARES)):
            value, slope, bend = (float(mp.diff(formula, z, n)) if n else float(formula(z)) for n in range(3))
            assert_allclose(found[0, k], value, rtol=4e-15)
            assert_allclose(found[1, k], slope, rtol=4e-15, atol=1e-300)
            # A difference of two numbers near rho', divided by 2 z: what SciPy multiplies with 2 z again.
            assert_allclose(found[2, k], bend, rtol=4e-15, atol=4e-16 * slope / float(z) + 1e-300)


def test_no_residual() -> None:
    for loss in (fl.huber, fl.pseudo_huber, fl.cauchy, fl.half_squared_error, fl.welsch):
        found = fl.optimize.least_squares(loss)(np.array([0.0, 1e-320]))
        assert_allclose(found[:2], [[0.0, 0.0], [1.0, 1.0]], rtol=1e-15, atol=1e-300)
        assert_allclose(found[2] * 1e-320, 0.0, atol=1e-300)
    assert np.isnan(fl.optimize.least_squares(fl.huber)(np.array([np.nan]))).all()


def test_the_loss_itself_is_no_loss_of_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    with pytest.raises(TypeError, match=r"; SciPy's least_squares takes fastloss.optimize.least_squares\(loss\)"):
        optimize.least_squares(lambda w: w - 1.0, [0.0], loss=fl.huber)


@pytest.mark.parametrize("name", LOSSES)
def test_scipy_finds_what_its_own_loss_finds(name: str, rng: np.random.Generator) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    t = np.linspace(0.0, 3.0, 40)
    seen = 2.0 * np.exp(-1.3 * t) + 0.05 * rng.normal(size=40)
    seen[::9] += 2.0

    def residuals(p: Any) -> Any:
        return p[0] * np.exp(-p[1] * t) - seen

    rho = fl.optimize.least_squares(LOSSES[name][0])
    found, other = (
        optimize.least_squares(residuals, [1.0, 1.0], loss=loss, f_scale=0.1, xtol=1e-12, ftol=1e-12, gtol=1e-12)
        for loss in (rho, name)
    )
    assert_allclose(found.x, other.x, rtol=1e-7)
    assert_allclose(found.cost, other.cost, rtol=1e-12)


def test_parameters_are_bound_and_it_is_pickled() -> None:
    rho = fl.optimize.least_squares(fl.huber, delta=2.0)
    again = pickle.loads(pickle.dumps(rho))
    assert again == rho and hash(again) == hash(rho)
    z = np.array([1.0, 100.0])
    assert_allclose(again(z)[0], [1.0, 36.0], rtol=1e-15)
    each = fl.optimize.least_squares(fl.huber, delta=np.array([1.0, 2.0]))
    assert_allclose(each(np.array([100.0, 100.0]))[0], [19.0, 36.0], rtol=1e-15)


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (fl.quantile.bind(q=0.3), "it is 0.7 at pred 1 and target 0, and 0.3 at -1 and 0"),
        (fl.absolute_error, "a kink at 0"),
        (fl.lp.bind(p=1.5), "a kink at 0"),
        (fl.poisson, "it takes some numbers only as target"),
        (fl.logistic, "it takes some numbers only as target"),
        (fl.symmetric_absolute_percentage_error, "and target 0, and"),
        (fl.gaussian_nll, "pairs of pred and one other input"),
        (fl.root_mean_squared_error, "a sum over pairs"),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_others_are_refused(loss: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"{loss.name} is no smooth function of the squared residual: .*{text}"):
        fl.optimize.least_squares(loss)


def test_what_is_no_loss_is_refused() -> None:
    with pytest.raises(TypeError, match="pass the loss itself, as fl.huber"):
        fl.optimize.least_squares("huber")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected one of elements"):
        fl.optimize.least_squares(fl.cross_entropy)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'detla' is no parameter"):
        fl.optimize.least_squares(fl.huber, detla=1.0)
