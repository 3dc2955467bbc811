"""Linear models: a regression that withstands wrong targets, and the digits by multinomial logistic regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes
from sklearn.linear_model import HuberRegressor, LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from ...registry import LOSSES
from .common import SEED, Array, compared, digit_images, duration, in_words, timed

if TYPE_CHECKING:
    from .screen import Screen

# -- a robust regression ----------------------------------------------------------------------------------------------


def diabetes(screen: Screen, title: str, corrupted: float = 0.1, knee: float = 1.35) -> None:
    """Huber's loss on data of which some targets are wrong, beside least squares and scikit-learn's HuberRegressor."""
    x, y = load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=SEED)
    scaler = StandardScaler().fit(x_train)
    x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
    rng = np.random.default_rng(SEED)
    wrong = rng.choice(len(y_train), round(corrupted * len(y_train)), replace=False)
    y_train[wrong] = 10.0 * y_train[wrong]  # a slipped decimal point
    screen.line(f"{title}: {len(y_train)} patients of the diabetes data to learn from, {len(y_test)} to be tested on;")
    screen.line(
        f"   {len(wrong)} targets to learn from are 10 times too large. Linear regression, Huber's loss, L-BFGS\n"
    )

    screen.step("huber: its kernel, from the cache or the compiler")
    fit_huber(x_train[:20], y_train[:20], knee)
    screen.step("fitting, and scikit-learn's fits")
    least, huber = LinearRegression(), HuberRegressor(epsilon=knee, alpha=0.0, max_iter=1000)
    least_time, _ = timed(lambda: least.fit(x_train, y_train))
    times = compared(lambda: fit_huber(x_train, y_train, knee), lambda: huber.fit(x_train, y_train))
    weights, scale = fit_huber(x_train, y_train, knee)

    screen.line(f"   {'':45}{'mean |error|':>15}{'median |error|':>17}{'time':>12}")
    means = []
    for name, predicted, seconds in (
        (f"fastloss, SciPy (delta = {knee:g} x {scale:.1f})", _with_constant(x_test) @ weights, times.own),
        (f"scikit-learn, HuberRegressor ({knee:g} x {huber.scale_:.1f})", huber.predict(x_test), times.other),
        ("scikit-learn, LinearRegression", least.predict(x_test), least_time),
    ):
        error = np.abs(predicted - y_test)
        means.append(error.mean())
        screen.line(f"   {name:45}{error.mean():15.2f}{np.median(error):17.2f}{duration(seconds):>12}")
    screen.line("\n   The first two minimise the same function, of weights and scale at once. LinearRegression takes")
    screen.line("   less time because it solves one linear system, and outliers pull it away for the same reason.")
    screen.line("   The targets of the test are as measured.\n")
    screen.showed(
        f"a mean error of {means[0]:.0f}, least squares {means[2]:.0f}; HuberRegressor's fit, {in_words(times)}."
    )


def fit_huber(x: Array, y: Array, knee: float) -> tuple[Array, float]:
    """Weights of a linear regression, the constant last, and the scale of its residuals, both by Huber's loss.

    Of the residuals r and their scale s the sum of s + 2 huber(r, delta=knee s) / s is least, which is convex in both.
    Its derivative by s is 1 - (g / s)^2, where g is the gradient of huber by r: r itself, but at most delta.
    """
    loss = LOSSES["huber"]
    x = _with_constant(x)
    n = len(y)

    def objective(found: Array) -> tuple[float, Array]:
        weights, scale = found[:-1], found[-1]
        value, grad = loss.value_and_grad(x @ weights, y, delta=knee * scale, reduction="sum")
        by_scale = n - np.vdot(grad, grad) / scale**2
        return n * scale + 2.0 * value / scale, np.append((2.0 / scale) * (grad @ x), by_scale)

    start = np.zeros(x.shape[1] + 1)
    start[-1] = 1.0
    bounds = [(-np.inf, np.inf)] * x.shape[1] + [(10.0 * np.finfo(float).eps, np.inf)]
    best = minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1000, "gtol": 1e-5}
    )
    return best.x[:-1], float(best.x[-1])


def _with_constant(x: Array) -> Array:
    return np.hstack([x, np.ones((len(x), 1))])


# -- a classifier -----------------------------------------------------------------------------------------------------


def digits(screen: Screen, title: str, penalty: float = 1.0) -> None:
    """Multinomial logistic regression, beside scikit-learn's with the same penalty and tolerance."""
    x_train, x_test, labels_train, labels_test = digit_images()
    screen.line(f"{title}: {len(x_train)} images to learn from, {len(x_test)} to be tested on;")
    screen.line("   multinomial logistic regression: cross_entropy, L2 penalty, L-BFGS\n")

    screen.step("cross_entropy: its kernel for float64, from the cache or the compiler")
    fit_multinomial(x_train[:20], labels_train[:20], penalty)
    screen.step("fitting, and scikit-learn's fit")
    reference = LogisticRegression(C=1.0 / penalty, max_iter=1000)
    times = compared(
        lambda: fit_multinomial(x_train, labels_train, penalty), lambda: reference.fit(x_train, labels_train)
    )
    own = (_with_constant(x_test) @ fit_multinomial(x_train, labels_train, penalty)).argmax(axis=1)

    screen.line(f"   {'':45}{'test accuracy':>15}{'time':>12}")
    right = [np.mean(own == labels_test), reference.score(x_test, labels_test)]
    for name, accuracy, seconds in zip(
        ("fastloss, SciPy", "scikit-learn, LogisticRegression"), right, (times.own, times.other), strict=True
    ):
        screen.line(f"   {name:45}{accuracy:15.4f}{duration(seconds):>12}")
    screen.line()
    screen.showed(
        f"{100 * right[0]:.1f}% right, scikit-learn's LogisticRegression {100 * right[1]:.1f}%; {in_words(times)}."
    )


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
