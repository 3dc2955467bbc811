"""`fastloss demo`: two models trained on real data through `value_and_grad`, then fused passes against plain NumPy.

Needs no network: the data come with scikit-learn (``pip install "fastloss[demo]"``).
"""

from __future__ import annotations

import tracemalloc
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import HuberRegressor, LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from .loss import LOSSES, Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Array = NDArray[Any]

SEED = 0


def run(everything: bool = False, quick: bool = False) -> int:
    """Run all three parts and print what they find; 1 if a fused pass and its NumPy formula differ, else 0.

    `everything` times all the losses of `FORMULAS`; `quick`, for tests, times three of them on small arrays.
    """
    start = perf_counter()
    digits()
    diabetes()
    agreed = table([*FORMULAS] if everything else SELECTION[:3] if quick else SELECTION, 2**16 if quick else 2**20)
    print(f"\nAll of it, compilation included: {perf_counter() - start:.1f} s")
    return 0 if agreed else 1


# -- 1. a classifier --------------------------------------------------------------------------------------------------


def digits(penalty: float = 1.0) -> None:
    """Ten logistic regressions, one digit against the rest each, as one problem of (n, 10) logits."""
    x, labels = load_digits(return_X_y=True)
    parts = train_test_split(x / 16.0, labels, test_size=0.25, stratify=labels, random_state=SEED)
    x_train, x_test, labels_train, labels_test = parts
    print(f"1. Handwritten digits: {len(x_train)} images to learn from, {len(x_test)} to be tested on")
    print("   logistic regression, each digit against the rest, L2 penalty, L-BFGS\n")

    rest = OneVsRestClassifier(LogisticRegression(C=1.0 / penalty, max_iter=1000))
    rest_time, _ = _timed(lambda: rest.fit(x_train, labels_train))
    loaded, _ = _timed(lambda: fit_logistic(x_train[:20], labels_train[:20], penalty))
    own_time, weights = _timed(lambda: fit_logistic(x_train, labels_train, penalty))
    own = (_with_constant(x_test) @ weights).argmax(axis=1)

    print(f"   {'':45}{'test accuracy':>15}{'time':>12}")
    print(f"   {'fastloss, SciPy':45}{np.mean(own == labels_test):15.4f}{_seconds(own_time):>12}")
    print(f"   {'scikit-learn, OneVsRest(LogisticRegression)':45}{rest.score(x_test, labels_test):15.4f}"
          f"{_seconds(rest_time):>12}")  # fmt: skip
    print(f"   (before that, {_seconds(loaded)} to load Numba and to compile the kernels or find them in the cache)\n")


def fit_logistic(x: Array, labels: Array, penalty: float) -> Array:
    """Weights of ten classifiers: the sum of their mean losses and of `penalty` / 2n times the squared weights."""
    loss = LOSSES["binary_cross_entropy_with_logits"]
    x = _with_constant(x)
    n, features = x.shape
    target = np.eye(10)[labels]
    logits = np.empty((n, 10))
    penalties = np.full((features, 1), penalty / n)
    penalties[-1] = 0.0  # the constant is free, as in scikit-learn

    def objective(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(features, 10)
        np.matmul(x, weights, out=logits)
        # The gradient with respect to the logits takes their place; that with respect to the weights is X'g.
        value, grad = loss.value_and_grad(logits, target, normalizer=n, out=logits)
        pull = penalties * weights
        return value + 0.5 * np.vdot(pull, weights), (x.T @ grad + pull).ravel()

    # The largest slope allowed at the end is scikit-learn's own, `tol`.
    options = {"maxiter": 1000, "gtol": 1e-4, "ftol": 64 * np.finfo(float).eps}
    best = minimize(objective, np.zeros(features * 10), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(best.x).reshape(features, 10)


def _with_constant(x: Array) -> Array:
    return np.hstack([x, np.ones((len(x), 1))])


# -- 2. a robust regression -------------------------------------------------------------------------------------------


def diabetes(corrupted: float = 0.1, knee: float = 1.35) -> None:
    """Huber's loss on data of which some targets are wrong, beside least squares and scikit-learn's HuberRegressor."""
    x, y = load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=SEED)
    scaler = StandardScaler().fit(x_train)
    x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
    rng = np.random.default_rng(SEED)
    wrong = rng.choice(len(y_train), round(corrupted * len(y_train)), replace=False)
    y_train[wrong] = 10.0 * y_train[wrong]  # a slipped decimal point
    print(f"2. Diabetes: {len(y_train)} patients to learn from, {len(y_test)} to be tested on")
    print(f"   linear regression, Huber's loss, L-BFGS; {len(wrong)} targets to learn from are 10 times too large\n")

    least, huber = LinearRegression(), HuberRegressor(epsilon=knee, alpha=0.0, max_iter=1000)
    least_time, _ = _timed(lambda: least.fit(x_train, y_train))
    huber_time, _ = _timed(lambda: huber.fit(x_train, y_train))
    fit_huber(x_train[:20], y_train[:20], knee, 1.0)
    own_time, (weights, scale) = _timed(lambda: fit_huber_to_scale(x_train, y_train, knee))

    print(f"   {'':45}{'mean |error|':>15}{'median |error|':>17}{'time':>12}")
    for name, predicted, seconds in (
        (f"fastloss, SciPy (delta = {knee:g} x {scale:.0f})", _with_constant(x_test) @ weights, own_time),
        (f"scikit-learn, HuberRegressor ({knee:g} x {huber.scale_:.0f})", huber.predict(x_test), huber_time),
        ("scikit-learn, LinearRegression", least.predict(x_test), least_time),
    ):
        error = np.abs(predicted - y_test)
        print(f"   {name:45}{error.mean():15.2f}{np.median(error):17.2f}{_seconds(seconds):>12}")
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


# -- 3. the fused pass against plain NumPy ----------------------------------------------------------------------------


def _sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


# Loss and derivative of each element, as one writes them, what both need computed once; parameters at their defaults.
FORMULAS: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "squared_error": lambda f, y: ((r := f - y) ** 2, 2.0 * r),
    "half_squared_error": lambda f, y: (0.5 * (r := f - y) ** 2, r),
    "absolute_error": lambda f, y: (np.abs(r := f - y), np.sign(r)),
    "squared_log_error": lambda f, y: ((d := np.log1p(f) - np.log1p(y)) ** 2, 2.0 * d / (1.0 + f)),
    "huber": lambda f, y: (
        np.where((a := np.abs(r := f - y)) <= 1.0, 0.5 * r**2, a - 0.5), np.clip(r, -1.0, 1.0)),
    "smooth_l1": lambda f, y: (
        np.where((a := np.abs(r := f - y)) < 1.0, 0.5 * r**2, a - 0.5), np.clip(r, -1.0, 1.0)),
    "pseudo_huber": lambda f, y: ((s := np.sqrt(1.0 + (r := f - y) ** 2)) - 1.0, r / s),
    "log_cosh": lambda f, y: (
        (a := np.abs(r := f - y)) + np.log1p(np.exp(-2.0 * a)) - float(np.log(2.0)), np.tanh(r)),
    "quantile": lambda f, y: (np.maximum(0.5 * (r := f - y), -0.5 * r), 0.5 * np.sign(r)),
    "expectile": lambda f, y: (0.5 * (r := f - y) ** 2, r),
    "cauchy": lambda f, y: (0.5 * np.log1p(s := (r := f - y) ** 2), r / (1.0 + s)),
    "welsch": lambda f, y: (0.5 * (1.0 - (e := np.exp(-((r := f - y) ** 2)))), r * e),
    "fair": lambda f, y: ((a := np.abs(r := f - y)) - np.log1p(a), r / (a + 1.0)),
    "poisson": lambda f, y: ((e := np.exp(f)) - y * f, e - y),
    "gamma": lambda f, y: (f + (e := y * np.exp(-f)), 1.0 - e),
    "tweedie": lambda f, y: (2.0 * (e := np.exp(0.5 * f)) + 2.0 * y / e, e - y / e),
    "binary_cross_entropy": lambda f, y: (
        -(y * np.log(f) + (1.0 - y) * np.log1p(-f)), (f - y) / (f * (1.0 - f))),
    "binary_cross_entropy_with_logits": lambda f, y: (_softplus(f) - y * f, _sigmoid(f) - y),
    "logistic": lambda f, y: (_softplus(z := -y * f), -y * _sigmoid(z)),
    "hinge": lambda f, y: (np.maximum(m := 1.0 - y * f, 0.0), -y * (m > 0.0)),
    "squared_hinge": lambda f, y: ((m := np.maximum(1.0 - y * f, 0.0)) ** 2, -2.0 * y * m),
    "exponential": lambda f, y: (e := np.exp(-y * f), -y * e),
    "perceptron": lambda f, y: (np.maximum(m := -y * f, 0.0), -y * (m > 0.0)),
}  # fmt: skip

SELECTION = [
    "squared_error", "huber", "binary_cross_entropy_with_logits", "absolute_error", "pseudo_huber", "log_cosh",
    "quantile", "poisson", "gamma", "tweedie", "logistic", "hinge",
]  # fmt: skip


def table(names: list[str], size: int) -> bool:
    """Time and memory of value and gradient, fused and in NumPy; whether all of them agree."""
    print(f"3. Value and gradient of {size:,} float32 elements: the fused pass, and the formula in NumPy")
    print("   time: median of interleaved runs; memory: the peak of what a call allocates, gradient included\n")
    print(f"   {'':34}{'NumPy':>10}{'fastloss':>11}{'faster':>9}{'NumPy':>14}{'fastloss':>11}")
    agreed = True
    for name in names:
        loss = LOSSES[name]
        rng = np.random.default_rng(SEED)
        pred, target = (domain.sample(rng, size).astype(np.float32) for domain in loss.domains)
        fused, plain = _calls(loss, pred, target)
        same = _agree(fused(), plain())
        agreed &= same
        fused_time, plain_time = _interleaved(fused, plain)
        print(f"   {name:34}{1e3 * plain_time:7.2f} ms{1e3 * fused_time:8.2f} ms{plain_time / fused_time:8.1f}x"
              f"{_peak(plain):10.1f} MiB{_peak(fused):7.1f} MiB{'' if same else '  DIFFER'}", flush=True)  # fmt: skip
    return agreed


def _calls(loss: Loss, pred: Array, target: Array) -> Iterator[Callable[[], tuple[Any, Array]]]:
    formula = FORMULAS[loss.name]

    def plain() -> tuple[Any, Array]:
        value, grad = formula(pred, target)
        grad /= grad.size
        return value.mean(), grad

    yield lambda: loss.value_and_grad(pred, target)
    yield plain


def _agree(fused: tuple[Any, Array], plain: tuple[Any, Array]) -> bool:
    """Whether the two are the same, up to the rounding of the textbook formula in float32."""
    largest = float(np.abs(plain[1]).max())
    return bool(
        np.isclose(fused[0], plain[0], rtol=1e-4) and np.allclose(fused[1], plain[1], rtol=1e-4, atol=1e-5 * largest)
    )


def _interleaved(first: Callable[[], Any], second: Callable[[], Any], times: int = 11) -> tuple[float, float]:
    """The median time of each, taken in turns: whatever else the machine does then hits both alike."""
    pairs = [(_timed(first)[0], _timed(second)[0]) for _ in range(times)]
    return median(a for a, _ in pairs), median(b for _, b in pairs)


def _peak(call: Callable[[], Any]) -> float:
    """MiB that are allocated at the peak of a call; NumPy reports its arrays to tracemalloc."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = perf_counter()
    result = call()
    return perf_counter() - start, result


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1.0 else f"{1e3 * seconds:.1f} ms"
