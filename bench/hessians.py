"""What each Hessian makes of losses that grow slowly, from near and from far starts: ``python -m bench.hessians``.

XGBoost, 5,000 rows, a tenth of whose targets are 30 too high.
"""

from __future__ import annotations

import numpy as np

import fastloss as fl

ROUNDS = 50


def main() -> None:
    """Print the loss, and the median distance of the scores from the truth."""
    import xgboost

    rng = np.random.default_rng(1)
    X = rng.normal(size=(5000, 5)).astype(np.float32)
    truth = 2.0 * X[:, 0] + X[:, 1] * X[:, 2]
    y = (truth + 0.3 * rng.normal(size=5000) + np.where(rng.random(5000) < 0.1, 30.0, 0.0)).astype(np.float32)
    matrix = xgboost.DMatrix(X, label=y)
    for loss in (fl.huber, fl.cauchy, fl.welsch):
        for start in (0.0, 10.0):
            for name in ("exact", "positive", "constant", "majorizer"):
                objective = fl.boosting.xgboost(loss, hessian=name)
                params = {"max_depth": 4, "eta": 0.3, "base_score": start, "min_child_weight": 1e-3}
                try:
                    model = xgboost.train(params, matrix, ROUNDS, obj=objective)
                    scores = model.predict(matrix, output_margin=True)
                    far = float(np.median(np.abs(scores - truth)))
                    print(f"{loss.name} from {start:g}, {name}: loss {objective.loss(scores, y):.3g}, median distance "
                          f"from the truth {far:.3g}", flush=True)  # fmt: skip
                except FloatingPointError as error:
                    print(f"{loss.name} from {start:g}, {name}: {str(error)[:80]}", flush=True)


if __name__ == "__main__":
    main()
