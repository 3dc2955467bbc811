"""Linear models: the digits by multinomial logistic regression, and a regression that withstands wrong targets."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes
from sklearn.linear_model import HuberRegressor, LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from ..loss import LOSSES
from .common import SEED, Array, digit_images, duration, timed

# -- a classifier -----------------------------------------------------------------------------------------------------


def digits(penalty: float = 1.0) -> None:
    """Multinomial logistic regression, beside scikit-learn's with the same penalty and tolerance."""
    x_train, x_test, labels_train, labels_test = digit_images()
    print(f"1. Handwritten digits: {len(x_train)} images to learn from, {len(x_test)} to be tested on")
    print("   multinomial logistic regression: cross_entropy, L2 penalty, L-BFGS\n")

    reference = LogisticRegression(C=1.0 / penalty, max_iter=1000)
    reference_time, _ = timed(lambda: reference.fit(x_train, labels_train))
    loaded, _ = timed(lambda: fit_multinomial(x_train[:20], labels_train[:20], penalty))
    own_time, weights = timed(lambda: fit_multinomial(x_train, labels_train, penalty))
    own = (_with_constant(x_test) @ weights).argmax(axis=1)

    print(f"   {'':45}{'test accuracy':>15}{'time':>12}")
    for name, accuracy, seconds in (
        ("fastloss, SciPy", np.mean(own == labels_test), own_time),
        ("scikit-learn, LogisticRegression", reference.score(x_test, labels_test), reference_time),
    ):
        print(f"   {name:45}{accuracy:15.4f}{duration(seconds):>12}")
    print(f"   (before that, {duration(loaded)} to load Numba and to compile the kernel or find it in the cache)\n")


def fit_multinomial(x: Array, labels: Array, penalty: float) -> Array:
    """Weights of ten classes, the constants last: the mean loss and `penalty` / 2n times the squared weights."""
    loss = LOSSES["cross_entropy"]
    x = _with_constant(x)
    n, features = x.shape
    logits = np.empty((n, 10))
    penalties = np.full((features, 1), penalty / n)
    penalties[-1] = 0.0  # the constant is free, as in scikit-learn

    def objective(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(features, 10)
        np.matmul(x, weights, out=logits)
        # The gradient with respect to the logits takes their place; that with respect to the weights is X'g.
        value, grad = loss.value_and_grad(logits, labels, out=logits)
        pull = penalties * weights
        return value + 0.5 * np.vdot(pull, weights), (x.T @ grad + pull).ravel()

    # The largest slope allowed at the end is scikit-learn's own, `tol`.
    options = {"maxiter": 1000, "gtol": 1e-4, "ftol": 64 * np.finfo(float).eps}
    best = minimize(objective, np.zeros(features * 10), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(best.x).reshape(features, 10)


def _with_constant(x: Array) -> Array:
    return np.hstack([x, np.ones((len(x), 1))])


# -- a robust regression ----------------------------------------------------------------------------------------------


def diabetes(corrupted: float = 0.1, knee: float = 1.35) -> None:
    """Huber's loss on data of which some targets are wrong, beside least squares and scikit-learn's HuberRegressor."""
    x, y = load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=SEED)
    scaler = StandardScaler().fit(x_train)
    x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
    rng = np.random.default_rng(SEED)
    wrong = rng.choice(len(y_train), round(corrupted * len(y_train)), replace=False)
    y_train[wrong] = 10.0 * y_train[wrong]  # a slipped decimal point
    print(f"3. Diabetes: {len(y_train)} patients to learn from, {len(y_test)} to be tested on")
    print(f"   linear regression, Huber's loss, L-BFGS; {len(wrong)} targets to learn from are 10 times too large\n")

    least, huber = LinearRegression(), HuberRegressor(epsilon=knee, alpha=0.0, max_iter=1000)
    least_time, _ = timed(lambda: least.fit(x_train, y_train))
    huber_time, _ = timed(lambda: huber.fit(x_train, y_train))
    fit_huber(x_train[:20], y_train[:20], knee, 1.0)
    own_time, (weights, scale) = timed(lambda: fit_huber_to_scale(x_train, y_train, knee))

    print(f"   {'':45}{'mean |error|':>15}{'median |error|':>17}{'time':>12}")
    for name, predicted, seconds in (
        (f"fastloss, SciPy (delta = {knee:g} x {scale:.0f})", _with_constant(x_test) @ weights, own_time),
        (f"scikit-learn, HuberRegressor ({knee:g} x {huber.scale_:.0f})", huber.predict(x_test), huber_time),
        ("scikit-learn, LinearRegression", least.predict(x_test), least_time),
    ):
        error = np.abs(predicted - y_test)
        print(f"   {name:45}{error.mean():15.2f}{np.median(error):17.2f}{duration(seconds):>12}")
    print("   (fastloss: the scale is the median absolute residual of a first fit; HuberRegressor estimates it\n"
          "   along with the weights. The targets of the test are as measured.)\n")  # fmt: skip


def fit_huber_to_scale(x: Array, y: Array, knee: float) -> tuple[Array, float]:
    """Weights, and the scale of the residuals: that of the targets serves a first fit, whose residuals' the second."""
    scale = _deviation(y - np.median(y))
    scale = _deviation(y - _with_constant(x) @ fit_huber(x, y, knee, scale))
    return fit_huber(x, y, knee, scale), scale


def _deviation(residuals: Array) -> float:
    """A standard deviation that outliers do not move: the median of normal residuals is 0.6745 of it."""
    return float(np.median(np.abs(residuals))) / 0.6745


def fit_huber(x: Array, y: Array, knee: float, scale: float) -> Array:
    """Weights of a linear regression, the constant last, that minimise the mean of Huber's loss."""
    loss = LOSSES["huber"].bind(delta=knee * scale)
    x = _with_constant(x)

    def objective(weights: Array) -> tuple[float, Array]:
        value, grad = loss.value_and_grad(x @ weights, y)
        return value, x.T @ grad

    start = np.zeros(x.shape[1])
    start[-1] = np.median(y)
    return np.asarray(minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x)
