"""Linear models of `fl.optimize.linear` and SciPy beside scikit-learn's own solvers: ``python -m bench.glm``.

Each fit is a process of its own: its seconds, its iterations, and how far the resident memory rose above X and y. Both
solvers of a problem stop at the same gradient. What is compared is the objective, by its formula in NumPy, and the
coefficients. HuberRegressor fits a scale, too: ours is given its delta, epsilon times that scale, which is the problem
that its coefficients solve, and has one coefficient less to find. QuantileRegressor solves a linear program, of fewer
rows; ours Newton's steps for smoothed losses, ever sharper. "softmax" of 10 classes is by L-BFGS in both, and
"softmax by Newton" by trust regions in ours, with products of each row's whole second derivative.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, memory, timing

GTOL = 1e-8
"""The largest component of the gradient at which a solver stops."""
FEATURES = 50
EPSILON, QUANTILE = 1.35, 0.7
CLASSES = 10
STRENGTH = 1e-4
"""Of the penalty, beside the mean loss."""
SMOOTH = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""Half-widths of the parabola in place of the quantile loss's kink, one after the other."""


def data(task: str, rows: int, features: int) -> tuple[Any, Any]:
    """Features of unit variance, and targets that a model of this kind gives."""
    rng = np.random.default_rng(20261126)
    x = rng.standard_normal((rows, features))
    scores = x @ (rng.standard_normal(features) / features**0.5) + 0.5
    if task.startswith("softmax"):
        scores = x @ (rng.standard_normal((features, CLASSES)) / features**0.5)
        return x, (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    if task == "logistic":
        return x, (rng.random(rows) < 1.0 / (1.0 + np.exp(-scores))).astype(np.float64)
    if task == "poisson":
        return x, rng.poisson(np.exp(0.5 * scores)).astype(np.float64)
    return x, scores + rng.standard_t(3, rows)


def strength(task: str, delta: float) -> float:
    """Of half the squares, beside a mean of losses; of huber that which its scale makes of theirs."""
    return STRENGTH * (delta / EPSILON if task == "huber" else 1.0)


def objective(task: str, x: Any, y: Any, w: Any, delta: float) -> float:
    """What both minimise, in plain NumPy."""
    if task.startswith("softmax"):
        w = w.reshape(-1, CLASSES)
        e = x @ w[:-1] + w[-1]
        top = e.max(axis=1, keepdims=True)
        found = np.log(np.exp(e - top).sum(axis=1)) + top[:, 0] - e[np.arange(len(y)), y]
        return float(np.mean(found)) + 0.5 * STRENGTH * float((w[:-1] ** 2).sum())
    e = x @ w[:-1] + w[-1]
    half = 0.5 * strength(task, delta) * float(w[:-1] @ w[:-1])
    if task == "logistic":
        return float(np.mean(np.logaddexp(0.0, e) - y * e)) + half
    if task == "poisson":
        return float(np.mean(np.exp(e) - y * e)) + half
    e = y - e
    if task == "quantile":
        return float(np.mean(np.maximum(QUANTILE * e, (QUANTILE - 1.0) * e))) + STRENGTH * float(np.abs(w[:-1]).sum())
    a = np.abs(e)
    return float(np.mean(np.where(a <= delta, 0.5 * e * e, delta * (a - 0.5 * delta)))) + half


# -- The solvers ------------------------------------------------------------------------------------------------------


def theirs(task: str, x: Any, y: Any, delta: float) -> tuple[Any, int, float]:
    """Coefficients with the intercept last, iterations, and the delta of huber."""
    from sklearn import linear_model

    if task == "logistic" or task.startswith("softmax"):
        model = linear_model.LogisticRegression(C=1.0 / (STRENGTH * len(x)), tol=GTOL, max_iter=1000)
    elif task == "poisson":
        model = linear_model.PoissonRegressor(alpha=STRENGTH, tol=GTOL, max_iter=1000)
    elif task == "huber":
        # Its objective is (2 / scale) times the sum of our losses, and alpha |w|^2.
        model = linear_model.HuberRegressor(epsilon=EPSILON, alpha=STRENGTH * len(x), tol=GTOL * len(x), max_iter=1000)
    else:
        model = linear_model.QuantileRegressor(quantile=QUANTILE, alpha=STRENGTH)
    model.fit(x, y)
    if task.startswith("softmax"):
        return _centred(np.vstack([model.coef_.T, model.intercept_])), int(np.max(model.n_iter_)), delta
    w = np.append(np.ravel(model.coef_), np.ravel(model.intercept_))
    return w, int(np.max(model.n_iter_)), EPSILON * float(getattr(model, "scale_", 1.0))


def _centred(w: Any) -> Any:
    """Coefficients whose intercepts, which no penalty touches, have the mean 0; in one run."""
    w[-1] -= w[-1].mean()
    return w.ravel()


def smoothed(width: float) -> Any:
    """The quantile loss with a parabola around its kink, as a sum of losses."""
    tilt = fl.derive(lambda pred, target, q=0.5: (q - 0.5) * (target - pred), name="tilt", q=fl.UNIT)
    return 0.5 * fl.smooth_l1.bind(beta=width) + tilt.bind(q=QUANTILE)


def mine(task: str, x: Any, y: Any, delta: float) -> tuple[Any, int, float]:
    """The same of ours."""
    from scipy import optimize

    if task == "quantile":
        return (*sharpened(x, y), delta)
    if task == "softmax by Newton":
        fun = fl.optimize.linear(fl.cross_entropy, x, y, penalty=fl.penalties.l2(STRENGTH))
        found = optimize.minimize(fun, np.zeros(fun.size), jac=True, hessp=fun.hessp, method="trust-ncg",
                                  options={"gtol": GTOL})  # fmt: skip
        return _centred(found.x.reshape(fun.shape)), int(found.nit), delta
    losses = {
        "logistic": fl.binary_cross_entropy_with_logits,
        "poisson": fl.poisson,
        "huber": fl.huber.bind(delta=delta),
        "softmax": fl.cross_entropy,
    }
    fun = fl.optimize.linear(losses[task], x, y, penalty=fl.penalties.l2(strength(task, delta)))
    options = {"gtol": GTOL, "ftol": 0.0, "maxiter": 1000, "maxls": 50}
    found = optimize.minimize(fun, np.zeros(fun.size), jac=True, method="L-BFGS-B", options=options)
    return _centred(found.x.reshape(fun.shape)) if task == "softmax" else found.x, int(found.nit), delta


def sharpened(x: Any, y: Any) -> tuple[Any, int]:
    """The quantile's coefficients: Newton's steps in trust regions, with ever sharper losses and penalties."""
    from scipy import optimize

    w, steps = np.zeros(x.shape[1] + 1), 0
    places, zero = np.arange(len(w) - 1), np.zeros(len(w) - 1)
    for width in SMOOTH:
        fun = fl.optimize.linear(smoothed(width), x, y)
        kink = fl.smooth_l1.bind(beta=width)

        def both(w: Any, fun: Any = fun, kink: Any = kink) -> tuple[float, Any]:
            (value, grad), (cost, rise) = fun(w), kink.value_and_grad(w[:-1], zero, reduction="sum")
            grad[:-1] += STRENGTH * rise
            return value + STRENGTH * float(cost), grad

        def hess(w: Any, fun: Any = fun, kink: Any = kink) -> Any:
            found = fun.hess(w)
            found[places, places] += STRENGTH * kink.grad_and_hess(w[:-1], zero, reduction="sum")[1]
            return found

        options = {"gtol": GTOL, "maxiter": 200}
        found = optimize.minimize(both, w, jac=True, hess=hess, method="trust-exact", options=options)
        w, steps = found.x, steps + int(found.nit)
    return w, steps


SOLVERS: dict[str, Callable[[str, Any, Any, float], tuple[Any, int, float]]] = {
    "scikit-learn": theirs,
    "fastloss": mine,
}


def child(solver: str, task: str, rows: int, features: int, delta: float) -> dict[str, Any]:
    """In a process of its own: a small fit that imports and compiles, then the one that counts."""
    x, y = data(task, 500, features)
    SOLVERS[solver](task, x, y, delta)
    x, y = data(task, rows, features)
    memory._give_back()
    memory._reset_peak()
    before, start = memory._resident_peak(), time.perf_counter()
    w, steps, delta = SOLVERS[solver](task, x, y, delta)
    took = time.perf_counter() - start
    rise = memory._resident_peak() - before
    value = objective(task, x, y, w, delta)
    return {"loss": task, "solver": solver, "rows": rows, "features": features, "seconds": took, "steps": steps,
            "rise": rise, "bytes": x.nbytes, "delta": delta, "objective": value, "w": w.tolist()}  # fmt: skip


def fit(solver: str, task: str, rows: int, features: int, delta: float) -> dict[str, Any]:
    """One fit in a fresh process."""
    about = {"solver": solver, "task": task, "rows": rows, "features": features, "delta": delta}
    done = subprocess.run([sys.executable, "-m", "bench.glm", "--child", json.dumps(about)], cwd=memory.ROOT,
                          capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def best(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The quickest of some fits of one problem by one solver."""
    return min(records, key=lambda r: r["seconds"])


def compared(task: str, rows: int, features: int, rounds: int) -> list[dict[str, Any]]:
    """Both solvers of one problem in turns, the best of each."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in SOLVERS}
    delta = EPSILON
    for _ in range(rounds):
        for name, records in found.items():
            records.append(fit(name, task, rows, features, delta))
            delta = records[-1]["delta"]
    return [best(records) for records in found.values()]


def report(pairs: Sequence[list[dict[str, Any]]]) -> str:
    """A line for each problem: times, memory beside X, and how far apart the optima are."""
    lines = []
    for other, own in pairs:
        apart = np.abs(np.subtract(other["w"], own["w"])).max()
        gap = (own["objective"] - other["objective"]) / other["objective"]
        lines.append([
            own["loss"], f"{own['rows']:,} x {own['features']}", *(timing.seconds(r["seconds"]) for r in (other, own)),
            f"{other['seconds'] / own['seconds']:.2f}", *(str(r["steps"]) for r in (other, own)),
            *(f"{r['rise'] / r['bytes']:.3f}" for r in (other, own)), f"{gap:.1e}", f"{apart:.1e}",
        ])  # fmt: skip
    header = [
        "loss",
        "X",
        "scikit-learn",
        "fastloss",
        "ratio",
        "steps",
        "ours",
        "memory / X",
        "ours",
        "objective",
        "coefficients",
    ]
    return timing.table(header, lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, rounds=3, of="fit")
    parser.add_argument("--rows", type=timing.count, default=2_000_000, help="rows (default: 2000000)")
    parser.add_argument("--lp-rows", type=timing.count, default=10_000, help="rows of the quantile (default: 10000)")
    parser.add_argument(
        "--losses", default="logistic,poisson,huber,quantile,softmax,softmax by Newton", help="separated by commas"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        about = json.loads(options.child)
        print(json.dumps(child(about["solver"], about["task"], about["rows"], about["features"], about["delta"])))
        return 0
    rows, lp, features, rounds = options.rows, options.lp_rows, FEATURES, options.rounds
    if options.quick:
        rows, lp, features, rounds = 2_000, 200, 5, 1
    timing.warn_if_busy()
    pairs = [compared(t, lp if t == "quantile" else rows, features, rounds) for t in options.losses.split(",")]
    print(timing.headline(timing.machine()))
    print(f"float64, gradient to {GTOL:g}, the best of {rounds} fits; objective: ours less theirs, by theirs\n")
    print(report(pairs))
    timing.write_json(options.json, [r for pair in pairs for r in pair], what="glm")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
