"""A round of training with our objectives beside the library's own: ``python -m bench.boosting``.

XGBoost, 1,000,000 rows of 20 features, 50 rounds. Both kinds are trained in turns, and the best of each counts. Beside
it the objective alone, and the formula in NumPy that people write, for the same scores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import fastloss as fl

from . import timing


class Case(NamedTuple):
    """An objective of XGBoost's, the same loss, and NumPy's formula of both derivatives."""

    builtin: dict[str, Any]
    loss: Any
    labels: str
    formula: Callable[[Any, Any], tuple[Any, Any]]
    hessian: str = "xgboost"
    classes: int = 1


def sigmoid(f: Any) -> Any:
    """As people write it."""
    return 1.0 / (1.0 + np.exp(-f))


def logistic(f: Any, y: Any) -> tuple[Any, Any]:
    p = sigmoid(f)
    return p - y, np.maximum(p * (1.0 - p), 1e-16)


def poisson(f: Any, y: Any) -> tuple[Any, Any]:
    mu = np.exp(f)
    return mu - y, mu * np.exp(0.7)


def softmax(f: Any, y: Any) -> tuple[Any, Any]:
    e = np.exp(f - f.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    grad = p.copy()
    grad[np.arange(len(y)), y.astype(int)] -= 1.0
    return grad, np.maximum(2.0 * p * (1.0 - p), 1e-16)


def quantile(f: Any, y: Any) -> tuple[Any, Any]:
    return np.where(f > y, 0.2, -0.8).astype(f.dtype), np.ones_like(f)


def pseudo_huber(f: Any, y: Any) -> tuple[Any, Any]:
    z = f - y
    scale = 1.0 + z**2
    return z / np.sqrt(scale), 1.0 / (scale * np.sqrt(scale))


CASES = {
    "squared error": Case(
        {"objective": "reg:squarederror"}, fl.half_squared_error, "real", lambda f, y: (f - y, np.ones_like(f))
    ),
    "logistic": Case({"objective": "binary:logistic"}, fl.logistic.bind(zero_one=True), "binary", logistic),
    "poisson": Case({"objective": "count:poisson"}, fl.poisson, "counts", poisson),
    "softmax of 10": Case({"objective": "multi:softprob"}, fl.cross_entropy, "classes", softmax, classes=10),
    "quantile": Case(
        {"objective": "reg:quantileerror", "quantile_alpha": 0.8}, fl.quantile.bind(q=0.8), "real", quantile
    ),
    "pseudo-huber": Case({"objective": "reg:pseudohubererror"}, fl.pseudo_huber, "real", pseudo_huber),
}


def data(rows: int) -> tuple[Any, dict[str, Any]]:
    """Features, and labels of each kind."""
    rng = np.random.default_rng(20261126)
    X = rng.normal(size=(rows, 20)).astype(np.float32)
    raw = X[:, 0] + 0.5 * X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=rows).astype(np.float32)
    ranks = np.argsort(np.argsort(raw)) * 10 // rows
    return X, {
        "real": raw, "binary": (raw > 0).astype("f4"), "counts": rng.poisson(np.exp(0.5 * raw)).astype("f4"),
        "classes": ranks.astype("f4"),
    }  # fmt: skip


def round_times(case: Case, matrix: Any, rounds: int, repeats: int) -> dict[str, float]:
    """Seconds of a round with XGBoost's objective and with ours: the best of some trainings in turns."""
    import xgboost

    objective = fl.boosting.xgboost(case.loss, hessian=case.hessian)
    common: dict[str, Any] = {"max_depth": 6, "eta": 0.1, "tree_method": "hist", "base_score": 0.5}
    if case.classes > 1:
        common["num_class"] = case.classes
    ways: dict[str, Any] = {"built-in": ({**common, **case.builtin}, None), "ours": (common, objective)}
    best = dict.fromkeys(ways, float("inf"))
    for turn in range(repeats + 1):
        for name, (params, obj) in list(ways.items())[:: -1 if turn % 2 else 1]:
            start = time.perf_counter()
            xgboost.train(params, matrix, rounds if turn else 2, obj=obj)
            if turn:
                best[name] = min(best[name], (time.perf_counter() - start) / rounds)
    return best


def objective_times(case: Case, labels: Any) -> dict[str, timing.Timing]:
    """Seconds of the objective alone, and of NumPy's formula."""
    objective = fl.boosting.xgboost(case.loss, hessian=case.hessian)
    shape = (len(labels), case.classes) if case.classes > 1 else labels.shape
    scores = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    return timing.interleaved(
        {"ours": lambda: objective.grad_and_hess(scores, labels), "NumPy": lambda: case.formula(scores, labels)}
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Print times and their ratios."""
    import xgboost

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="cases with this in their name")
    options = parser.parse_args(argv)
    X, labels = data(options.rows)
    for name, case in CASES.items():
        if options.only not in name:
            continue
        y = labels[case.labels]
        alone = objective_times(case, y)
        matrix = xgboost.QuantileDMatrix(X, label=y)
        found = round_times(case, matrix, options.rounds, options.repeats)
        print(f"{name}: a round {timing.seconds(found['built-in'])} built in, {timing.seconds(found['ours'])} ours, "
              f"ratio {found['ours'] / found['built-in']:.3f}; the objective {timing.seconds(alone['ours'].best)}, "
              f"in NumPy {timing.seconds(alone['NumPy'].best)}, ratio {alone['NumPy'].best / alone['ours'].best:.1f}",
              flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
