"""Robust regression: four losses on data of which some targets are wrong, and what each model is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...registry import LOSSES
from .common import SEED, Array

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .screen import Screen

SHARES, QUICK_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4), (0.0, 0.1)
"""Parts of the targets that are wrong: 10 times too large."""

SHOWN = 0.1
"""The part of which the models are looked at more closely."""

FEATURES = {"bmi": 3, "bp": 4, "s5": 9}
"""Body mass, blood pressure, a blood value: the coefficients that are printed."""

KNEE = 1.345
"""Huber's delta in standard deviations: with normal errors, 95% as good as least squares."""

STEPS = 8
ITERATIONS, SPREAD = 3000, 60.0
"""Of gradient descent; and what the targets' residuals are like, which the rates of two losses are in proportion to."""


class Data(NamedTuple):
    """Patients to learn from and to be tested on: a column of ones, then the standardised features; the targets."""

    x: Array
    y: Array
    x_test: Array
    y_test: Array

    def corrupted(self, share: float) -> Array:
        """The targets to learn from, a share of them with a slipped decimal point: a larger share holds a smaller."""
        wrong = np.random.default_rng(SEED).permutation(len(self.y))[: round(share * len(self.y))]
        y = self.y.copy()
        y[wrong] *= 10.0
        return y


def diabetes() -> Data:
    """Scikit-learn's diabetes data: 442 patients, ten features, how far the disease went in a year."""
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    x, y = load_diabetes(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, random_state=SEED)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    one, two = (np.column_stack([np.ones(len(a)), (a - mean) / scale]) for a in (x, x_test))
    return Data(one, y, two, y_test)


def fit(loss: Any, rate: float, x: Array, y: Array) -> tuple[Array, float]:
    """Weights by gradient descent with steps that shrink, the same for every loss; and the loss that they end at.

    The features are made orthonormal first, so that one rate serves all directions.
    """
    q, r = np.linalg.qr(x)
    q, r = q * np.sqrt(len(x)), r / np.sqrt(len(x))
    w = np.median(y) * q.mean(axis=0)
    for step in range(ITERATIONS):
        value, slopes = loss.value_and_grad(q @ w, y, backend="serial")
        w -= rate / (1.0 + step / 100.0) * (slopes @ q)
    return np.linalg.solve(r, w), float(value)


def models(data: Data, y: Array) -> dict[str, tuple[Array, float]]:
    """The four models: weights, and the loss on what they were trained on."""
    found = {}
    plain = {"squared_error": 0.5, "root_mean_squared_error": 5.0 * SPREAD, "absolute_error": 2.0 * SPREAD}
    for name, rate in plain.items():
        found[name] = fit(LOSSES[name], rate, data.x, y)
    residuals = np.abs(data.x @ found["absolute_error"][0] - y)
    delta = KNEE * float(np.median(residuals)) / 0.6745  # the standard deviation of normal errors with that median
    huber = LOSSES["huber"].bind(delta=round(delta))
    found["huber"] = fit(huber, 1.0, data.x, y)
    found[f"huber(delta={huber.values['delta']:g})"] = found.pop("huber")
    return found


def worth(data: Data, weights: Array) -> tuple[float, float]:
    """Mean absolute error and root mean squared error on the test's patients, whose targets are right."""
    pred = data.x_test @ weights
    return (float(LOSSES["absolute_error"](pred, data.y_test, backend="serial")),
            float(LOSSES["root_mean_squared_error"](pred, data.y_test, backend="serial")))  # fmt: skip


def show(screen: Screen, quick: bool, out: Path | None) -> None:
    """Print what each loss makes of wrong targets; draw it."""
    screen.step("loading scikit-learn")
    data = diabetes()
    shares = QUICK_SHARES if quick else SHARES
    found: dict[float, dict[str, tuple[Array, float]]] = {}
    for share in shares:
        screen.step(f"fitting with {share:.0%} of the targets wrong")
        found[share] = models(data, data.corrupted(share))
    mean = np.zeros(data.x.shape[1])
    mean[0] = data.y.mean()
    rows = [("the mean of right targets", (mean, np.nan)),
            ("squared_error of right targets", found[0.0]["squared_error"]), *found[SHOWN].items()]  # fmt: skip
    errors_of = {name: worth(data, weights) for name, (weights, _) in rows}
    screen.text(
        f"Linear regression by gradient descent: {len(data.y)} patients of scikit-learn's diabetes data to learn from, "
        f"{len(data.y_test)} to be tested on. Of {SHOWN:.0%} of the targets to learn from the decimal point has "
        "slipped: they are made 10 times too large. Those of the test are as they were."
    )
    screen.line(f"{'':34}{'its own loss':>13}{'test MAE':>10}{'test RMSE':>11}"
                + "".join(f"{name:>9}" for name in FEATURES))  # fmt: skip
    for name, (weights, value) in rows:
        own = "" if np.isnan(value) else f"{value:.1f}"
        screen.line("{:34}{:>13}{:10.1f}{:11.1f}".format(name, own, *errors_of[name])
                    + "".join(f"{weights[k]:9.1f}" for k in FEATURES.values()))  # fmt: skip
    screen.line(f"\n{'test MAE with so many wrong':34}" + "".join(f"{share:9.0%}" for share in shares))
    kinds = [name.partition("(")[0] for name in found[SHOWN]]
    errors = {kind: [worth(data, of(found[share], kind))[0] for share in shares] for kind in kinds}
    for kind, each in errors.items():
        screen.line(f"{kind:34}" + "".join(f"{error:9.1f}" for error in each))
    screen.line()
    screen.text(conclusion(errors, shares))
    if out is not None:
        screen.step("drawing")
        draw(errors, shares, out)
        screen.line(f"wrote {out}")


def of(found: dict[str, tuple[Array, float]], kind: str) -> Array:
    """The weights of the model of that loss, whatever its parameters."""
    return next(weights for name, (weights, _) in found.items() if name.partition("(")[0] == kind)


def conclusion(errors: dict[str, list[float]], shares: Sequence[float]) -> str:
    """What the tables say."""
    k = list(shares).index(SHOWN)
    square, root, absolute, huber = (errors[n][k] / errors["squared_error"][0] for n in errors)
    same = "the same model, for a root moves no minimum" if abs(square - root) < 0.005 else "NOT the same model"
    last = [f"{errors[name][-1]:.0f}" for name in ("absolute_error", "huber")]
    most = "" if shares[-1] == SHOWN else f" With {shares[-1]:.0%} wrong their errors are {' and '.join(last)}."
    return (
        f"With {SHOWN:.0%} wrong, least squares is {square:.1f} times as far off as without; its root {root:.1f} "
        f"times, {same}. The absolute error is {absolute:.2f} times as far off, Huber's loss {huber:.2f} times: beyond "
        f"delta, a target pulls no harder the further away it is.{most} A median breaks down when half of what it "
        "is taken of is wrong; Huber's loss lies between it and the mean, and its delta is measured on the same data."
    )


def draw(errors: dict[str, list[float]], shares: Sequence[float], out: Path) -> None:
    """How hard a residual pulls, and the error by the part of the targets that is wrong."""
    from ...plot import curves, style

    made, ((one, two),) = style.figure(9.0, 3.2, 1, 2)
    curves(["squared_error", "absolute_error", "huber"], ax=one, what="grad", legend=False)
    one.set_xlabel("residual, in units of Huber's delta", fontsize="small")
    one.set_ylabel("derivative, for a delta of 1", fontsize="small")
    colors = {line.get_label(): line.get_color() for line in one.get_lines()}
    for name, each in errors.items():
        two.plot([100.0 * s for s in shares], each, color=colors.get(name, "black"), label=name, marker="o",
                 markersize=3.5, linestyle="-" if name in colors else "--")  # fmt: skip
    style.bare(two)
    two.set_xlabel("% of the targets that are wrong", fontsize="small")
    two.set_ylabel("test MAE", fontsize="small")
    two.set_ylim(bottom=0.0)
    two.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small")
    style.save(made, out)
