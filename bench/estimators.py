"""Estimators of `fastloss.sklearn` beside scikit-learn's own for the same problem: ``python -m bench.estimators``.

Each record holds both times and how far each one's objective lies above the lower of the two. ``--rows 1000 --features
10`` are the fits of a search.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, timing

ROWS, FEATURES = 20_000, 30
TOL = 1e-6
"""Of both: they mean different things by it, so that the objectives stand beside the times."""


def problems(n: int, p: int) -> dict[str, tuple[Any, Any, Any, Any, Callable[[Any], float]]]:
    """Name: our estimator, theirs, X, y, the objective of a fitted model."""
    from sklearn import linear_model as theirs

    from fastloss.sklearn import LossClassifier, LossRegressor

    rng = np.random.default_rng(20261126)
    x = rng.normal(size=(n, p))
    w = np.where(np.arange(p) < p // 4, rng.normal(size=p), 0.0)
    line = x @ w
    y = line + rng.standard_t(3, size=n)
    counts = rng.poisson(np.exp(np.clip(0.2 * line, -3.0, 3.0))).astype(float)
    signs = np.where(rng.random(n) < 1.0 / (1.0 + np.exp(-line)), 1.0, -1.0)
    kinds = np.argmax(x[:, :10] + rng.gumbel(size=(n, 10)), axis=1)
    small = min(n, 5000)

    def cost(loss: Any, penalty: Any, x: Any, target: Any) -> Callable[[Any], float]:
        def of(model: Any) -> float:
            coef = np.atleast_2d(model.coef_)
            scores = x @ coef.T + model.intercept_
            scores = scores if len(coef) > 1 else scores[:, 0]
            return float(loss(scores, target)) + float(penalty(coef))

        return of

    l1, l2 = fl.penalties.l1, fl.penalties.l2
    a = 1e-3
    c = 1.0 / (a * n)
    q = fl.quantile.bind(q=0.9)
    return {
        "ridge": (LossRegressor("squared_error", alpha=2 * a, tol=TOL), theirs.Ridge(a * n), x, y,
                  cost(fl.squared_error, l2(2 * a), x, y)),
        "logistic": (LossClassifier("logistic", alpha=a, tol=TOL),
                     theirs.LogisticRegression(C=c, tol=TOL, max_iter=1000), x, signs,
                     cost(fl.logistic, l2(a), x, signs)),
        "softmax of 10": (LossClassifier("cross_entropy", alpha=a, tol=TOL),
                          theirs.LogisticRegression(C=c, tol=TOL, max_iter=1000), x, kinds,
                          cost(fl.cross_entropy, l2(a), x, kinds)),
        "poisson": (LossRegressor("poisson", alpha=a, tol=TOL),
                    theirs.PoissonRegressor(alpha=a, tol=TOL, max_iter=1000), x, counts,
                    cost(fl.poisson, l2(a), x, counts)),
        "lasso": (LossRegressor("half_squared_error", penalty="l1", alpha=0.01, tol=TOL),
                  theirs.Lasso(0.01, tol=TOL), x, y, cost(fl.half_squared_error, l1(0.01), x, y)),
        "elastic net": (LossRegressor("half_squared_error", penalty="elastic_net", alpha=0.01, tol=TOL),
                        theirs.ElasticNet(0.01, tol=TOL), x, y,
                        cost(fl.half_squared_error, fl.penalties.elastic_net(0.01), x, y)),
        "logistic, l1": (LossClassifier("logistic", penalty="l1", alpha=a, tol=TOL),
                         theirs.LogisticRegression(C=c, l1_ratio=1.0, solver="saga", tol=1e-4, max_iter=1000), x, signs,
                         cost(fl.logistic, l1(a), x, signs)),
        "quantile": (LossRegressor(q, penalty="l1", alpha=a, max_iter=5000),
                     theirs.QuantileRegressor(quantile=0.9, alpha=a), x[:small], y[:small],
                     cost(q, l1(a), x[:small], y[:small])),
    }  # fmt: skip


def measured(n: int, p: int, rounds: int) -> list[Any]:
    """Each problem: both in turns, once their objectives have been compared."""
    found = []
    for name, (mine, other, x, y, cost) in problems(n, p).items():
        values = [cost(mine.fit(x, y)), cost(other.fit(x, y))]
        calls = {
            "fastloss": lambda m=mine, x=x, y=y: m.fit(x, y),
            "scikit-learn": lambda m=other, x=x, y=y: m.fit(x, y),
        }
        above = [(v - min(values)) / abs(min(values)) for v in values]
        found.append({"loss": name, "rows": len(x), "above": above, **command.timed(calls, {}, rounds)})
    return found


def report(records: Sequence[dict[str, Any]]) -> str:
    """Both times, their ratio, and how far each is above the lower objective."""
    rows = []
    for r in records:
        mine, other = r["times"]["fastloss"].best, r["times"]["scikit-learn"].best
        told = [timing.seconds(mine), timing.seconds(other), f"{other / mine:.2f}"]
        rows.append([r["loss"], f"{r['rows']:,}", *told, *[f"{v:.0e}" for v in r["above"]]])
    heads = ["problem", "rows", "fastloss", "scikit-learn", "ratio", "fastloss above", "scikit-learn above"]
    return timing.table(heads, rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, rounds=3, of="fit")
    parser.add_argument("--rows", type=timing.count, default=ROWS, help=f"rows (default: {ROWS})")
    parser.add_argument("--features", type=timing.count, default=FEATURES, help=f"columns, 10 at least ({FEATURES})")
    options = parser.parse_args(argv)
    timing.warn_if_busy()
    n, p, rounds = (300, 10, 1) if options.quick else (options.rows, options.features, options.rounds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that do not converge: the objectives say how far
        records = measured(n, p, rounds)
    print(timing.headline(timing.machine()))
    print(f"fit of {p} features, the best of all rounds; {command.spread(records)}\n")
    print(report(records))
    timing.write_json(options.json, records, what="estimators")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
