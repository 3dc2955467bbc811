"""Every objective that XGBoost, LightGBM and CatBoost have built in, and the loss here that it is.

`bench.boosting --parity` trains both on the same rows and compares what they predict. What cannot be compared is
listed, with the reason.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastloss as fl
from fastloss.boosting.catboost import CatBoostObjective

ROWS, ROUNDS, CLASSES = 2000, 20, 4


@dataclass(frozen=True)
class BuiltIn:
    """One objective of a booster, and what is compared with it."""

    booster: str
    name: str
    labels: str = "real"
    loss: str = ""
    """Its name in the registry, or "half" and a name."""
    keywords: dict[str, Any] = field(default_factory=dict)
    """Of our objective: parameters, `hessian`."""
    theirs: dict[str, Any] = field(default_factory=dict)
    """The built-in objective's parameters."""
    both: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    """Why it is not compared, or what is to be said of the comparison."""
    leaves: bool = False
    """Whether only the first tree's leaves are compared, by the rows in them."""
    rounds: int = ROUNDS

    @property
    def ours(self) -> str:
        """What it is called here."""
        return ", ".join([*filter(None, [self.loss]), *(f"{k}={v!r}" for k, v in self.keywords.items())])


BCE = "binary_cross_entropy_with_logits"
TABLE = "5 rounds; LightGBM reads the logistic function from a table"
GROWN = ("20 rounds: rounding decides; noise of 1e-6 in our own derivatives moved this model by 0.2, of 1e-5 by 0.5 "
         "(without weights, measured once)")  # fmt: skip
TWICE = "the label is given once for each quantile, with `several=True`"
SCALED = "without weights, which XGBoost gives to queries, scaled"
MAP = "pairs weighted by the change of average precision are no loss here"
CONSTANT = (
    "; LightGBM's own counts its second derivative as constant, which with weights it is not: equal weights give 0"
)
FACTORS = "without weights, which XGBoost leaves out of the sums over those at risk"
RISKS = "a row's derivatives depend on all rows, of which CatBoost hands a thousand at a time to an objective of Python"
EACH = "a label of 0 or 1 for each class: the table of them is given in a function of one's own"
AS_LABELS = "two bounds for each row: CatBoost hands an objective of Python as many outputs as labels"
GROUPS = "CatBoost does not hand groups or pairs to an objective of Python"
RANKINGS = ("PairLogit", "PairLogitPairwise", "YetiRank", "YetiRankPairwise", "StochasticFilter", "StochasticRank",
            "LambdaMart", "QueryRMSE", "QuerySoftMax", "QueryCrossEntropy")  # fmt: skip
REFITTED = (
    "the booster sets the leaves' values anew, to quantiles of the residuals: the first tree's leaves are compared"
)
RANDOM = "its gradient is random"
WEIGHED = "its weights are exponents within the formula, no factors: without weights alone"

XGBOOST = [
    BuiltIn("xgboost", "reg:squarederror", "real", "half_squared_error"),
    BuiltIn("xgboost", "reg:linear", "real", "half_squared_error", why="the old name of the same"),
    BuiltIn("xgboost", "reg:squaredlogerror", "positive", "half squared_log_error",
            {"hessian": "exact", "min_hessian": 1e-6}, {"base_score": 0.5}),
    BuiltIn("xgboost", "reg:logistic", "unit", BCE, {}, {"base_score": 0.5}),
    BuiltIn("xgboost", "binary:logistic", "binary", BCE, {}, {"base_score": 0.5}),
    BuiltIn("xgboost", "binary:logitraw", "binary", BCE),
    BuiltIn("xgboost", "binary:hinge", "binary", "hinge", {"zero_one": True}),
    BuiltIn("xgboost", "reg:pseudohubererror", "real", "pseudo_huber", {"delta": 0.7}, {"huber_slope": 0.7}),
    BuiltIn("xgboost", "reg:absoluteerror", "real", "absolute_error", {}, why=REFITTED, leaves=True),
    BuiltIn("xgboost", "reg:quantileerror", "real", "quantile", {"q": 0.8},
            {"quantile_alpha": 0.8}, why=REFITTED, leaves=True),
    BuiltIn("xgboost", "count:poisson", "counts", "poisson", {}, {"base_score": 1.0},
            {"max_delta_step": 0.7}),
    BuiltIn("xgboost", "reg:gamma", "positive", "gamma", {}, {"base_score": 1.0}),
    BuiltIn("xgboost", "reg:tweedie", "amounts", "tweedie", {"power": 1.3},
            {"base_score": 1.0, "tweedie_variance_power": 1.3}),
    BuiltIn("xgboost", "multi:softmax", "classes", "cross_entropy", both={"num_class": CLASSES}),
    BuiltIn("xgboost", "multi:softprob", "classes", "cross_entropy", both={"num_class": CLASSES}),
    BuiltIn("xgboost", "survival:aft", "times", "accelerated_failure_time_normal", {"scale": 1.5, "hessian": "exact"}, {
        "base_score": 1.0, "aft_loss_distribution": "normal", "aft_loss_distribution_scale": 1.5}),
    BuiltIn("xgboost", "survival:cox", "signed", "cox", theirs={"base_score": 1.0}, why=FACTORS),
    BuiltIn("xgboost", "rank:ndcg", "grades", "lambdarank", {"truncation": 32}, why=SCALED),
    BuiltIn("xgboost", "rank:pairwise", "grades", "pairwise_logistic",
            {"truncation": 32, "score_norm": True, "query_norm": True}, why=SCALED),
    BuiltIn("xgboost", "rank:map", why=MAP),
]  # fmt: skip

LIGHTGBM = [
    BuiltIn("lightgbm", "regression", "real", "half_squared_error"),
    BuiltIn("lightgbm", "regression_l1", "real", "absolute_error", why=REFITTED, leaves=True),
    BuiltIn("lightgbm", "huber", "real", "huber", {"delta": 0.9}, {"alpha": 0.9}),
    BuiltIn("lightgbm", "fair", "real", "fair", {"c": 0.8}, {"fair_c": 0.8}),
    BuiltIn("lightgbm", "poisson", "counts", "poisson"),
    BuiltIn("lightgbm", "quantile", "real", "quantile", {"q": 0.8}, {"alpha": 0.8},
            why=REFITTED, leaves=True),
    BuiltIn("lightgbm", "mape", "positive", "absolute_percentage_error", {"epsilon": 1.0},
            why=REFITTED + CONSTANT, leaves=True),
    BuiltIn("lightgbm", "gamma", "positive", "gamma"),
    BuiltIn("lightgbm", "tweedie", "amounts", "tweedie", {"power": 1.3}, {"tweedie_variance_power": 1.3}),
    BuiltIn("lightgbm", "binary", "binary", BCE),
    BuiltIn("lightgbm", "multiclass", "classes", "cross_entropy", both={"num_class": CLASSES}),
    BuiltIn("lightgbm", "multiclassova", "classes", BCE, both={"num_class": CLASSES}, why=EACH),
    BuiltIn("lightgbm", "cross_entropy", "unit", BCE),
    BuiltIn("lightgbm", "cross_entropy_lambda", "unit", BCE, why=WEIGHED),
    BuiltIn("lightgbm", "lambdarank", "grades", "lambdarank", rounds=5, why=TABLE),
    BuiltIn("lightgbm", "lambdarank", "grades", "lambdarank", why=GROWN),
    BuiltIn("lightgbm", "rank_xendcg", why=RANDOM),
]  # fmt: skip

NEWTON = {"leaf_estimation_method": "Newton"}
CATBOOST = [
    BuiltIn("catboost", "RMSE", "real", "half_squared_error"),
    BuiltIn("catboost", "Logloss", "binary", BCE),
    BuiltIn("catboost", "CrossEntropy", "unit", BCE),
    BuiltIn("catboost", "Focal:focal_alpha=0.3;focal_gamma=2", "binary", "binary_focal", {"alpha": 0.3, "gamma": 2.0}),
    BuiltIn("catboost", "MAE", "real", "quantile", {"q": 0.5}),
    BuiltIn("catboost", "MAPE", "positive", "absolute_percentage_error", {"epsilon": 1.0}),
    BuiltIn("catboost", "Quantile:alpha=0.8", "real", "quantile", {"q": 0.8}),
    BuiltIn("catboost", "LogLinQuantile:alpha=0.8", "positive", "log_lin_quantile", {"q": 0.8}),
    BuiltIn("catboost", "Expectile:alpha=0.8", "real", "expectile", {"q": 0.8}, both=NEWTON),
    BuiltIn("catboost", "LogCosh", "real", "log_cosh", both=NEWTON),
    BuiltIn("catboost", "Lq:q=3", "real", "lp", {"p": 3.0}, both=NEWTON),
    BuiltIn("catboost", "Huber:delta=0.7", "real", "huber", {"delta": 0.7}, both=NEWTON),
    BuiltIn("catboost", "Poisson", "counts", "poisson"),
    BuiltIn("catboost", "Tweedie:variance_power=1.3", "amounts", "tweedie", {"power": 1.3}, both=NEWTON),
    BuiltIn("catboost", "MultiClass", "classes", "cross_entropy"),
    BuiltIn("catboost", "MultiClassOneVsAll", "classes", BCE, both=NEWTON, why=EACH),
    BuiltIn("catboost", "MultiRMSE", "several", "half_squared_error"),
    BuiltIn("catboost", "MultiLogloss", "both", BCE),
    BuiltIn("catboost", "MultiCrossEntropy", "both", BCE),
    BuiltIn("catboost", "MultiRMSEWithMissingValues", why="weights of single labels, by which are missing"),
    BuiltIn("catboost", "MultiQuantile:alpha=0.25,0.75", "twice", "quantile", {"q": [0.25, 0.75]}, why=TWICE),
    BuiltIn("catboost", "RMSEWithUncertainty", why="two outputs for one label; not tried with the label given twice"),
    BuiltIn("catboost", "SurvivalAft", why=AS_LABELS),
    BuiltIn("catboost", "Cox", why=RISKS),
    BuiltIn("catboost", "GroupQuantile", why=GROUPS),
    *(BuiltIn("catboost", name, why=GROUPS) for name in RANKINGS),
    BuiltIn("catboost", "Combination", why="a weighted sum of other objectives, on GPUs alone"),
]  # fmt: skip


def rows(kind: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Features, labels of that kind, weights."""
    rng = np.random.default_rng(20261126)
    x = rng.normal(size=(ROWS, 8)).astype("f4")
    z = x[:, 0] + np.sin(2.0 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3]
    amounts = rng.gamma(2.0, np.exp(0.5 * z) / 2.0)
    labels: dict[str, Any] = {
        "real": z + 0.5 * rng.normal(size=ROWS),
        "positive": amounts,
        "counts": rng.poisson(np.exp(0.5 * z)),
        "amounts": amounts * rng.poisson(1.0, ROWS),
        "unit": 1.0 / (1.0 + np.exp(-z - rng.normal(size=ROWS))),
        "binary": z + rng.logistic(size=ROWS) > 0.0,
        "classes": np.argmax(x[:, :CLASSES] + rng.gumbel(size=(ROWS, CLASSES)), axis=1),
        "times": np.stack([amounts, np.where(z > rng.normal(size=ROWS), amounts, np.inf)], axis=1),
        "signed": amounts * np.where(z > rng.normal(size=ROWS), 1.0, -1.0),
        "grades": np.clip(np.round(1.0 + z + rng.normal(size=ROWS)), 0, 4),
        "several": np.stack([z, -z * z], axis=1) + 0.5 * rng.normal(size=(ROWS, 2)),
        "twice": np.stack([z, z], axis=1),
        "both": np.stack([z > rng.logistic(size=ROWS), x[:, 4] > rng.logistic(size=ROWS)], axis=1),
    }
    return x, labels[kind].astype("f4"), rng.uniform(0.5, 2.0, ROWS).astype("f4")


PRESETS = {"xgboost": "xgboost", "lightgbm": "lightgbm", "catboost": "exact"}
"""What each has for second derivatives."""

SIZES = np.full(ROWS // 20, 20)
"""Rows of each query of a ranking."""


def loss_of(row: BuiltIn) -> Any:
    """The loss that is compared."""
    half, _, name = row.loss.rpartition(" ")
    return 0.5 * fl.LOSSES[name] if half else getattr(fl, name)


def told_ours(row: BuiltIn) -> dict[str, Any]:
    """Keywords of our objective."""
    return {"hessian": PRESETS[row.booster], **row.keywords}


def with_xgboost(row: BuiltIn, ours: bool, weight: Any) -> NDArray[Any]:
    """Margins of the training rows; or the leaf of each in the first tree."""
    import xgboost

    x, y, _ = rows(row.labels)
    data = xgboost.DMatrix(x, None if row.labels == "times" else y, weight=weight)
    if row.labels == "times":
        data.set_info(label_lower_bound=y[:, 0], label_upper_bound=y[:, 1])
    if row.labels == "grades":
        data.set_group(SIZES)
    told = {"tree_method": "hist", "max_depth": 4, "nthread": 1, "verbosity": 0, "base_score": 0.0, **row.both}
    if ours:
        # A custom objective's base_score is a margin; that of these built-in ones lies on the scale of the mean.
        margin = row.theirs.get("base_score", 0.0) if row.name == "reg:squaredlogerror" else 0.0
        told |= {"base_score": margin, "disable_default_eval_metric": True}
        f: Any = fl.boosting.xgboost(loss_of(row), **told_ours(row))
        model = xgboost.train(told, data, row.rounds, obj=f)
    else:
        model = xgboost.train(told | {"objective": row.name} | row.theirs, data, row.rounds)
    if row.leaves:
        return np.asarray(model.predict(data, pred_leaf=True, iteration_range=(0, 1)))
    return np.asarray(model.predict(data, output_margin=True))


def with_lightgbm(row: BuiltIn, ours: bool, weight: Any) -> NDArray[Any]:
    """Raw scores of the training rows; or the leaf of each in the first tree."""
    import lightgbm

    x, y, _ = rows(row.labels)
    group = SIZES if row.labels == "grades" else None
    told = {"num_leaves": 15, "learning_rate": 0.3, "boost_from_average": False, "deterministic": True,
            "force_col_wise": True, "num_threads": 1, "verbosity": -1, **row.both}  # fmt: skip
    if ours:
        f: Any = fl.boosting.lightgbm(loss_of(row), **told_ours(row))
        held = lambda scores, d: f(np.eye(CLASSES)[y.astype(int)], scores, weight)  # noqa: E731
        told["objective"] = held if row.why == EACH else f
    else:
        told |= {"objective": row.name, **row.theirs}
    model = lightgbm.train(told, lightgbm.Dataset(x, y, weight=weight, group=group), row.rounds)
    if row.leaves:
        return np.asarray(model.predict(x, pred_leaf=True, num_iteration=1))
    return np.asarray(model.predict(x, raw_score=True))


class OneForEach(CatBoostObjective):
    """An objective of a label of 0 or 1 for each class."""

    def calc_ders_multi(self, approxes: Any, targets: Any, weight: float) -> Any:
        """Of one row, of which CatBoost tells the class."""
        return super().calc_ders_multi(approxes, np.eye(CLASSES)[int(targets)], weight)


def with_catboost(row: BuiltIn, ours: bool, weight: Any) -> NDArray[Any]:
    """Raw values of the training rows."""
    import catboost

    x, y, _ = rows(row.labels)
    several = row.labels in ("several", "both", "twice")
    told = {"iterations": row.rounds, "depth": 4, "learning_rate": 0.3, "boost_from_average": False,
            "bootstrap_type": "No", "random_strength": 0, "leaf_estimation_method": "Gradient",
            "leaf_estimation_iterations": 1, "boosting_type": "Plain", "thread_count": 1,
            "allow_writing_files": False, "logging_level": "Silent",
            **row.both}  # fmt: skip
    if row.labels == "classes":
        told["classes_count"] = CLASSES
    if ours:
        f = fl.boosting.catboost(loss_of(row), several=several, **told_ours(row))
        if row.why == EACH:
            f = OneForEach(loss_of(row), hessian="exact")
        told |= {"loss_function": f, "eval_metric": "MultiClass" if row.why == EACH else f.metric}
    else:
        told["loss_function"] = row.name
        y = y[:, 0] if row.labels == "twice" else y
    model = catboost.CatBoost(told).fit(catboost.Pool(x, y, weight=weight))
    return np.asarray(model.predict(x, prediction_type="RawFormulaVal"))


BUILT_IN = {"xgboost": XGBOOST, "lightgbm": LIGHTGBM, "catboost": CATBOOST}
TRAINED: dict[str, Callable[[BuiltIn, bool, Any], NDArray[Any]]] = {
    "xgboost": with_xgboost, "lightgbm": with_lightgbm, "catboost": with_catboost,
}  # fmt: skip


def compared(row: BuiltIn) -> dict[str, Any]:
    """How far the two models' predictions are apart, without weights and with them, relative to the largest."""
    record: dict[str, Any] = {"booster": row.booster, "built_in": row.name, "ours": row.ours, "why": row.why}
    if not row.loss:
        return record
    train = TRAINED[row.booster]
    for name, weight in (("unweighted", None), ("weighted", rows(row.labels)[2])):
        if name == "weighted" and row.why in (WEIGHED, SCALED, FACTORS):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            theirs, ours = train(row, False, weight), train(row, True, weight)
        assert theirs.shape == ours.shape, row.name
        assert np.ptp(theirs), f"{row.name} has learnt nothing"
        record[name] = float(
            np.mean(theirs != ours) if row.leaves else np.abs(theirs - ours).max() / np.abs(theirs).max()
        )
    return record
