"""`fl.boosting.catboost` in CatBoost: what its built-in objectives predict, chunks from its threads, and its metric."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastloss as fl
from fastloss.boosting.catboost import CatBoostObjective

catboost = pytest.importorskip("catboost", reason="CatBoost is an extra; CI installs it and runs this file again")

ROWS, ROUNDS = 240, 5
EXACT = {"iterations": ROUNDS, "depth": 3, "learning_rate": 0.3, "boost_from_average": False, "bootstrap_type": "No",
         "random_strength": 0, "leaf_estimation_method": "Newton", "leaf_estimation_iterations": 1,
         "boosting_type": "Plain", "thread_count": 1, "allow_writing_files": False,
         "logging_level": "Silent"}  # fmt: skip
BUILT_IN = {
    "RMSE": (fl.half_squared_error, {}),
    "Logloss": (fl.binary_cross_entropy_with_logits, {}),
    "Huber:delta=0.5": (fl.huber, {"delta": 0.5, "hessian": "exact"}),
}


def rows(count=ROWS):
    x = np.random.default_rng(0).normal(size=(count, 4)).astype("f4")
    return x, (x[:, 0] + x[:, 1] ** 2).astype("f4"), np.random.default_rng(1).uniform(0.5, 2.0, count).astype("f4")


def trained(what, x, y, weight=None, **keywords):
    told = {**EXACT, **keywords, "loss_function": what}
    if not isinstance(what, str):
        told.setdefault("eval_metric", what.metric)
    return catboost.CatBoost(told).fit(catboost.Pool(x, y, weight=weight))


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_predicts_what_the_built_in_objective_does(name, weighted) -> None:
    x, y, weight = rows()
    y = (y > 0.5).astype("f4") if name == "Logloss" else y
    loss, keywords = BUILT_IN[name]
    both = (name, fl.boosting.catboost(loss, **keywords))
    theirs, ours = (trained(what, x, y, weight if weighted else None).predict(x) for what in both)
    assert np.ptp(theirs) > 0.5
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


class Watched(CatBoostObjective):
    """How many rows it is asked for."""

    seen: tuple = ()

    def calc_ders_range(self, approxes, targets, weights):
        type(self).seen += (len(approxes),)
        return super().calc_ders_range(approxes, targets, weights)


def test_chunks_from_threads() -> None:
    x, y, weight = rows(6000)
    f = Watched(fl.half_squared_error)
    whole = f.calc_ders_range(x[:, 1], y, weight)
    parts = np.array_split(np.arange(6000), 24)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda k: f.calc_ders_range(x[k, 1], y[k], weight[k]), parts))
    assert (np.concatenate(found) == whole).all()
    Watched.seen = ()
    one, four = (trained(f, x, y, weight, thread_count=k).predict(x) for k in (1, 4))
    assert max(Watched.seen) < 6000
    np.testing.assert_allclose(four, one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("least", [None, 0.0, 0.25])
@pytest.mark.parametrize("hessian", ["exact", "positive", "majorizer", "constant"])
def test_the_commonest_call_has_the_same_bits(hessian, least, weighted) -> None:
    x, y, weight = rows()
    scores, w = x[:, 1].astype("f8"), weight if weighted else None
    f = fl.boosting.catboost(fl.huber, delta=0.5, hessian=hessian, min_hessian=least)
    assert f.direct
    for shift in (0.0, 1e3):  # where the second derivative is 0 everywhere
        grad, hess = f.grad_and_hess(scores + shift, y, w)
        for _ in range(2):
            np.testing.assert_array_equal(f.calc_ders_range(scores + shift, y, w), np.stack([-grad, -hess], axis=1))
    np.testing.assert_array_equal(
        f.calc_ders_range(scores[::2], y[::2], None)[:, 0], -f.grad_and_hess(scores[::2], y[::2])[0]
    )
    scores[7] = np.nan
    with pytest.raises(FloatingPointError, match=r"huber: the score of row 7 is nan: training has diverged"):
        f.calc_ders_range(scores, y, w)


@pytest.mark.parametrize("name", ["half_squared_error", "huber", "logistic", "poisson"])
def test_the_commonest_call_is_direct_whatever_was_called_before(name) -> None:
    loss = fl.LOSSES[name].bind()
    assert fl.boosting.catboost(loss).direct
    loss.grad_and_hess(np.ones(3), np.ones(3))  # gives the loss its own class
    f = fl.boosting.catboost(loss)
    assert f.direct
    assert f.written(np.full(1000, 0.5), np.ones(1000), None, -1.0, *np.empty((2, 1000)))


ROW_OPTIONS = [{}, {"class_weight": [1.0, 2.0, 5.0]}, {"class_weight": [1.0, 0.0, 5.0]}, {"label_smoothing": 0.1},
               {"label_smoothing": 0.1, "class_weight": [1.0, 2.0, 5.0]}]  # fmt: skip


@pytest.mark.parametrize("least", [None, 0.25])
@pytest.mark.parametrize("hessian", ["exact", "positive", "majorizer", "constant"])
@pytest.mark.parametrize("options", ROW_OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_a_call_of_a_row_of_classes_has_the_same_numbers(options, hessian, least) -> None:
    f = fl.boosting.catboost(fl.cross_entropy, hessian=hessian, min_hessian=least, **options)
    scores = np.random.default_rng(0).normal(size=(6, 3))
    labels, weight = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0]), np.array([1.0, 2.0, 0.5, 0.0, 3.0, 1.0])
    scores[3] = np.nan  # of weight 0
    for _ in range(2):
        for k in range(6):
            grad, hess = f.grad_and_hess(scores[k : k + 1], labels[k : k + 1], weight[k : k + 1])
            for row in (scores[k].copy(), np.repeat(scores[k], 2)[::2]):
                slope, matrix = f.calc_ders_multi(row, float(labels[k]), float(weight[k]))
                np.testing.assert_allclose(slope, -grad[0], rtol=1e-14, atol=1e-300)
                np.testing.assert_allclose(matrix, np.diag(-hess[0]), rtol=1e-14, atol=1e-300)
    for label in (3.0, -1.0, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"cross_entropy: target\[0\] is "):
            f.calc_ders_multi(scores[0], label, 1.0)
    with pytest.raises(FloatingPointError, match="cross_entropy: the score of row 0 is nan"):
        f.calc_ders_multi(np.array([0.0, np.nan, 0.0]), 2.0, 1.0)
    short = fl.boosting.catboost(fl.cross_entropy, class_weight=[1.0, 2.0])
    with pytest.raises(ValueError, match="class_weight"):
        short.calc_ders_multi(scores[0], 0.0, 1.0)


def test_a_call_of_a_row_of_targets_has_the_same_numbers() -> None:
    scores, labels = np.random.default_rng(0).normal(size=(2, 4, 3))
    masses = np.array([[0.5, 0.25, 0.25]])
    slope, _ = fl.boosting.catboost(fl.cross_entropy, several=True).calc_ders_multi(scores[0], masses[0], 2.0)
    np.testing.assert_allclose(slope, -2.0 * fl.cross_entropy.grad(scores[:1], masses)[0], rtol=1e-12)
    for loss in (fl.huber, fl.quantile.bind(q=0.8), fl.quantile.bind(q=[0.1, 0.5, 0.9])):
        f = fl.boosting.catboost(loss, several=True, hessian="positive")
        grad, hess = f.grad_and_hess(scores, labels.astype("f4"), np.full(4, 2.0))
        for _ in range(2):
            for k in range(4):
                slope, matrix = f.calc_ders_multi(scores[k].copy(), labels[k].astype("f4"), 2.0)
                np.testing.assert_array_equal(slope, -grad[k])
                np.testing.assert_array_equal(matrix.diagonal() > -1.0, hess[k] < 1.0)


def test_verbs_that_are_not_the_library_s_are_called() -> None:
    class Own:
        """The square, as anybody may write it."""

        name, inputs, wrt, rooted, order = "own", ("pred", "target"), (0,), False, 2

        def __call__(self, pred, target, **options):
            return np.sum((pred - target) ** 2)

        def grad_and_hess(self, pred, target, **options):
            return 2.0 * (pred - target), np.full_like(pred, 2.0)

    assert fl.boosting.catboost(Own(), factor=3.0, hessian="exact").options == {"factor": 3.0}
    f = fl.boosting.catboost(Own(), hessian="exact")
    np.testing.assert_array_equal(f.calc_ders_range(np.array([1.0, 2.0]), np.zeros(2), None), [[-2, -2], [-4, -2]])


def test_several_classes() -> None:
    x, y, weight = rows()
    y = np.digitize(y, [0.0, 1.0])
    both = ("MultiClass", fl.boosting.catboost(fl.cross_entropy))
    told = {"leaf_estimation_method": "Gradient", "classes_count": 3}  # by Newton CatBoost takes its whole matrix
    theirs, ours = (trained(what, x, y, weight, **told).predict(x, prediction_type="RawFormulaVal") for what in both)
    assert ours.shape == (ROWS, 3)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_several_targets() -> None:
    x, y, weight = rows()
    y = np.stack([y, -2.0 * x[:, 2]], axis=1)
    both = ("MultiRMSE", fl.boosting.catboost(fl.half_squared_error, several=True))
    theirs, ours = (trained(what, x, y, weight).predict(x) for what in both)
    assert ours.shape == (ROWS, 2)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_the_metric_stops_training() -> None:
    x, y, weight = rows()
    f = fl.boosting.catboost(fl.half_squared_error)
    assert type(f.metric).__name__ == "half_squared_error"
    model = catboost.CatBoost({**EXACT, "iterations": 50, "loss_function": f, "eval_metric": f.metric})
    worse = catboost.Pool(x, -y, weight=weight)
    model.fit(catboost.Pool(x, y), eval_set=worse, early_stopping_rounds=2)
    found = model.get_evals_result()["validation"]["half_squared_error"]
    assert len(found) == 3
    first = model.predict(x, ntree_end=1)
    assert found[0] == pytest.approx(np.average(0.5 * (first + y) ** 2, weights=weight), rel=1e-6)


def test_the_start_is_that_of_the_built_in_objective() -> None:
    x, y, weight = rows()
    f = fl.boosting.catboost(fl.half_squared_error)
    start = f.baseline(y, weight)
    model = catboost.CatBoost({**EXACT, "loss_function": f, "eval_metric": f.metric})
    model.fit(catboost.Pool(x, y, weight=weight, baseline=start))
    theirs = trained("RMSE", x, y, weight, boost_from_average=True).predict(x)
    np.testing.assert_allclose(start[0] + model.predict(x), theirs, rtol=0, atol=1e-7)  # its average is float32


def test_models_are_pickled_and_go_on() -> None:
    x, y, weight = rows()
    f = fl.boosting.catboost(fl.half_squared_error)
    model = trained(f, x, y, weight, iterations=3)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(x) == model.predict(x)).all()
    told = {**EXACT, "iterations": 2, "loss_function": f, "eval_metric": f.metric}
    rest = catboost.CatBoost(told).fit(catboost.Pool(x, y, weight=weight), init_model=model)
    np.testing.assert_allclose(rest.predict(x), trained(f, x, y, weight).predict(x), rtol=0, atol=1e-9)
    for other in (pickle.loads(pickle.dumps(f)), pickle.loads(pickle.dumps(f.metric))):
        assert other.objective.name == "half_squared_error" if hasattr(other, "objective") else other.name


def test_estimators_are_cloned() -> None:
    base = pytest.importorskip("sklearn.base")
    for several in (False, True):
        f = fl.boosting.catboost(fl.huber, several=several)
        model = base.clone(catboost.CatBoostRegressor(**EXACT, loss_function=f, eval_metric=f.metric))
        assert model.get_params()["loss_function"] is f


def test_a_classifier_predicts_classes() -> None:
    x, y, _ = rows()
    f = fl.boosting.catboost(fl.cross_entropy)
    model = catboost.CatBoostClassifier(**EXACT, loss_function=f, eval_metric=f.metric, class_names=[0, 1, 2])
    kinds = np.digitize(y, [0.5, 1.5])
    assert set(model.fit(x, kinds).predict(x).ravel()) <= {0, 1, 2}
    scores = model.predict(x, prediction_type="RawFormulaVal")
    np.testing.assert_allclose(model.predict_proba(x), f.mean(scores), rtol=1e-6)


def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, _ = rows()
    f = fl.boosting.catboost(fl.binary_cross_entropy_with_logits)
    with pytest.raises(catboost.CatBoostError, match=r"target\[\d+\] is .*, expected a number in \[0, 1\]"):
        trained(f, x, y)
    y = (y > 0.5).astype("f4")
    y[17] = 2.0
    with pytest.raises(ValueError, match=r"target\[17\] is 2\.0"):
        f.check(y)
    monkeypatch.setattr(catboost, "__version__", "1.1.1")
    with pytest.raises(ImportError, match=r"CatBoost 1\.1\.1 is too old: it is for 1\.2"):
        fl.boosting.catboost(fl.huber)


def test_an_error_is_told_by_itself() -> None:
    """CatBoost's threads still hold the error of the training before, which Python would show first."""
    x, _, _ = rows()
    said = []
    for loss in (fl.poisson, fl.gamma):
        f = fl.boosting.catboost(loss)
        with pytest.raises(catboost.CatBoostError) as told:
            trained(f, x, -1.0 - np.arange(len(x)))
        said.append(str(told.value))
    assert "poisson: target[0] is -" in said[0] and "gamma: target[0] is -" in said[1]
    assert all(text.count("Error: ") == 1 and "During handling" not in text for text in said)


REFUSED = [
    (fl.lambdarank, {}, "lambdarank is a loss of queries, which CatBoost does not hand over"),
    (fl.cox, {}, "cox: a row's derivatives depend on all rows, and CatBoost hands over a thousand at a time"),
    (fl.root_mean_squared_error, {"hessian": "constant"}, "a row's derivatives depend on all rows, and CatBoost"),
    (fl.gaussian_nll_log_scale, {}, "takes two scores for each row, and CatBoost has as many as labels"),
    (fl.accelerated_failure_time_normal, {"several": True}, "takes lower and upper of each row, and CatBoost has one"),
    (fl.quantile, {"q": [0.1, 0.9]}, r"q has 2 values, .* set several=True, and give the labels 2 times"),
]


@pytest.mark.parametrize(("loss", "told", "text"), REFUSED, ids=lambda x: getattr(x, "name", ""))
def test_what_catboost_has_no_room_for_is_refused_at_once(loss, told, text) -> None:
    with pytest.raises(TypeError, match=text):
        fl.boosting.catboost(loss, **told)


def test_the_number_of_classes_is_called_as_catboost_calls_it() -> None:
    f = fl.boosting.catboost(fl.cross_entropy)
    with pytest.raises(ValueError, match=r"the model has 1 output: set its number of classes \(classes_count\)"):
        f.calc_ders_range(np.zeros(3), np.zeros(3), None)


def test_several_quantiles_of_labels_that_are_repeated() -> None:
    x, y, _ = rows()
    f = fl.boosting.catboost(fl.quantile, q=[0.1, 0.5, 0.9], several=True)
    many = np.stack([y] * 3, axis=1)
    told = {"iterations": 60, "learning_rate": 0.3, "leaf_estimation_method": "Newton"}
    below = (many < trained(f, x, many, **told).predict(x)).mean(axis=0)
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.12)
