"""Losses as classes of Keras's: beside Keras's own, beside the verbs, in training, and saved.

Keras has one backend in a process, here NumPy unless KERAS_BACKEND says otherwise: `test_keras_backends.py` runs this
file again with torch and with JAX.
"""

from __future__ import annotations

import copy
import doctest
import gc
import importlib
import inspect
import itertools
import os
import pickle
import re
import shutil
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import draw
from numpy.testing import assert_allclose, assert_array_equal
from rowwise import draw as draw_rows

import fastloss as fl

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras", reason="Keras is an extra; CI installs it and runs this file again")

import fastloss.keras as flk  # noqa: E402
from fastloss.define.domain import POSITIVE  # noqa: E402
from fastloss.keras import backends, losses  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("uncompiled"),
    # Of Keras's own code, with NumPy 2 and torch, and with NumPy where a metric divides by a count of 0.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning"),
]
BACKEND = keras.backend.backend()
trains = pytest.mark.skipif(BACKEND == "numpy", reason="Keras does not train on NumPy")


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def array(x: Any) -> Any:
    return keras.ops.convert_to_numpy(x)


def value_and_grad(loss: Any, t: Any, p: Any, weight: Any = None) -> tuple[Any, Any]:
    """The value, and the gradient by the predictions as the backend's trainer takes it; None of NumPy's."""
    if BACKEND == "torch":
        p = keras.ops.convert_to_tensor(p).requires_grad_()
        value = loss(t, p, sample_weight=weight)
        value.backward()
        return array(value), array(p.grad)
    if BACKEND == "jax":
        import jax

        value, grad = jax.jit(jax.value_and_grad(lambda p: loss(t, p, sample_weight=weight)))(p)
        return array(value), array(grad)
    return array(loss(t, p, sample_weight=weight)), None


def same(ours: Any, theirs: Any, t: Any, p: Any, weight: Any = None, scale: float = 1.0, more: float = 0.0) -> None:
    """Value and gradient of both, in float32."""
    (value, grad), (expected, slope) = (value_and_grad(loss, t, p, weight) for loss in (ours, theirs))
    assert_allclose(value, scale * expected + more, rtol=2e-5, atol=2e-6)
    if grad is not None:
        assert_allclose(grad, scale * slope, rtol=2e-4, atol=2e-6)


# -- Every loss ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", fl.LOSSES)
def test_every_loss_is_a_class_that_gives_the_verbs_numbers_or_says_why_not(
    name: str, rng: np.random.Generator
) -> None:
    loss = fl.LOSSES[name]
    if len(loss.inputs) != 2 or len(loss.wrt) != 1 or loss.rooted:
        assert not hasattr(flk, camel(name))
        with pytest.raises(AttributeError, match=f"{camel(name)}'?: {name} (reads|is the root)"):
            getattr(flk, camel(name))
        with pytest.raises(TypeError, match=f"subclass: {name} (reads|is the root)"):
            flk.subclass(loss)
        return
    found = getattr(flk, losses.camel(name))
    rows = isinstance(loss, fl.RowLoss)
    p, t = draw_rows(loss, 4, 3, np.float32, rng) if rows else draw(loss, (4, 3), np.float32, rng)
    each = loss(p, t, reduction="none")
    each = each if rows else each.mean(-1)
    assert_allclose(array(found(reduction="none")(t, p)), each, rtol=1e-5, atol=1e-7)
    value, grad = value_and_grad(found(), t, p)
    assert_allclose(value, each.mean(), rtol=1e-5, atol=1e-7)
    if grad is not None:
        assert_allclose(grad, loss.grad(p, t), rtol=2e-5, atol=1e-7)
    assert str(inspect.signature(found)).startswith(str(inspect.signature(loss.bind))[:-1])
    # What a configuration holds makes the same loss again.
    made = found(**loss.values, reduction="sum", dtype="float64")
    again = keras.losses.deserialize(keras.losses.serialize(made))
    assert type(again) is found
    assert again.get_config() == made.get_config() == copy.deepcopy(made).get_config()
    assert again.get_config().items() >= {"name": name, "reduction": "sum", "dtype": "float64", **loss.values}.items()


def test_names() -> None:
    assert {*dir(flk)} >= {"Huber", "CrossEntropy", "BinaryCrossEntropyWithLogits", "Lp", "subclass", "function"}
    assert all(issubclass(getattr(flk, n), keras.losses.Loss) for n in {*dir(flk)} - {"function", "subclass"})
    assert flk.Huber().name == "huber" and flk.Huber(name="other").name == "other"
    assert "delta : " in flk.Huber.__doc__ and "class_weight : " in flk.CrossEntropy.__doc__
    assert list(inspect.signature(flk.KlDivergence).parameters) == ["axis", "reduction", "name", "dtype"]
    for name, likely in {"MeanSquaredError": "SquaredError", "KLDivergence": "KlDivergence", "Huberr": "Huber"}.items():
        with pytest.raises(AttributeError, match=f"has no attribute '{name}': did you mean {likely}"):
            getattr(flk, name)


# -- Beside Keras's own -------------------------------------------------------------------------------------------------


def real(rng: np.random.Generator) -> Any:
    return rng.normal(0.0, 2.0, (6, 4)), rng.normal(0.0, 2.0, (6, 4))


def counts(rng: np.random.Generator) -> Any:
    return rng.integers(1, 5, (6, 4)), rng.gamma(2.0, 1.0, (6, 4))


def bits(rng: np.random.Generator) -> Any:
    return rng.integers(0, 2, (6, 4)), rng.normal(0.0, 2.0, (6, 4))


def chances(rng: np.random.Generator) -> Any:
    return rng.integers(0, 2, (6, 4)), rng.uniform(0.05, 0.95, (6, 4))


def labels(rng: np.random.Generator) -> Any:
    return rng.integers(0, 4, 6), rng.normal(0.0, 2.0, (6, 4))


def one_hot(rng: np.random.Generator) -> Any:
    y, p = labels(rng)
    return np.eye(4)[y], p


def masses(rng: np.random.Generator) -> Any:
    return rng.dirichlet(np.ones(4), 6), rng.dirichlet(np.ones(4), 6)


def shares(rng: np.random.Generator) -> Any:
    return rng.integers(0, 4, 6), rng.dirichlet(np.ones(4), 6)


K = keras.losses
PAIRS: dict[str, tuple[Any, Any, Callable[..., Any], float, float]] = {
    "squared": (flk.SquaredError(), K.MeanSquaredError(), real, 1.0, 0.0),
    "absolute": (flk.AbsoluteError(), K.MeanAbsoluteError(), real, 1.0, 0.0),
    "percentage": (flk.AbsolutePercentageError(), K.MeanAbsolutePercentageError(), counts, 0.01, 0.0),
    "log": (flk.SquaredLogError(), K.MeanSquaredLogarithmicError(), counts, 1.0, 0.0),
    "huber": (flk.Huber(delta=1.5), K.Huber(delta=1.5), real, 1.0, 0.0),
    "log_cosh": (flk.LogCosh(), K.LogCosh(), real, 1.0, 0.0),
    "hinge": (flk.Hinge(zero_one=True), K.Hinge(), bits, 1.0, 0.0),
    "squared_hinge": (flk.SquaredHinge(zero_one=True), K.SquaredHinge(), bits, 1.0, 0.0),
    "cosine": (flk.CosineDistance(), K.CosineSimilarity(), real, 1.0, 1.0),
    "kl": (flk.KlDivergence(), K.KLDivergence(), masses, 1.0, 0.0),
    "poisson": (flk.PoissonIdentity(), K.Poisson(), counts, 1.0, 0.0),
    "binary": (flk.BinaryCrossEntropy(), K.BinaryCrossentropy(), chances, 1.0, 0.0),
    "logits": (
        flk.BinaryCrossEntropyWithLogits(label_smoothing=0.1),
        K.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), bits, 1.0, 0.0,
    ),
    "focal": (
        flk.BinaryFocalFromProbabilities(), K.BinaryFocalCrossentropy(apply_class_balancing=True), chances, 1.0, 0.0,
    ),
    "focal logits": (
        flk.BinaryFocal(), K.BinaryFocalCrossentropy(apply_class_balancing=True, from_logits=True), bits, 1.0, 0.0,
    ),
    "sparse": (flk.CategoricalCrossEntropy(), K.SparseCategoricalCrossentropy(), labels, 1.0, 0.0),
    "dense": (flk.CategoricalCrossEntropy(), K.CategoricalCrossentropy(), one_hot, 1.0, 0.0),
    "sparse logits": (flk.CrossEntropy(), K.SparseCategoricalCrossentropy(from_logits=True), labels, 1.0, 0.0),
    "dense logits": (
        flk.CrossEntropy(label_smoothing=0.1), K.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        one_hot, 1.0, 0.0,
    ),
    "multiclass focal": (
        flk.MulticlassFocalFromProbabilities(), K.CategoricalFocalCrossentropy(alpha=1.0), one_hot, 1.0, 0.0,
    ),
    "multiclass focal logits": (
        flk.MulticlassFocal(), K.CategoricalFocalCrossentropy(alpha=1.0, from_logits=True), one_hot, 1.0, 0.0,
    ),
    "generalized": (
        flk.GeneralizedCrossEntropyFromProbabilities(q=0.7), K.CategoricalGeneralizedCrossEntropy(0.7), shares, 1.0, 0.0,
    ),
}  # fmt: skip
"""Ours, Keras's, what draws targets and predictions, and by what Keras's is multiplied, and what is added."""

SCALED = ("sparse", "dense", "multiclass focal")
"""Where Keras divides probabilities by their sum: a softmax has the same gradient by either."""

REDUCTIONS = ("sum_over_batch_size", "sum", "mean_with_sample_weight")
WEIGHED = [(name, "sum_over_batch_size", "samples") for name in PAIRS]
WEIGHED += [(n, r, w) for n in ("huber", "sparse logits") for r in REDUCTIONS for w in ("none", "samples", "column")]


@pytest.mark.parametrize(("name", "reduction", "weight"), list(dict.fromkeys(WEIGHED)))
def test_values_and_gradients_are_those_of_keras(
    name: str, reduction: str, weight: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs, drawn, scale, more = PAIRS[name]
    for loss in (ours, theirs):
        monkeypatch.setattr(loss, "reduction", reduction)
    t, p = (x.astype("f") if x.dtype.kind == "f" else x for x in drawn(rng))
    w = rng.gamma(2.0, 1.0, 6).astype("f")
    more *= w.mean()
    inner = keras.ops.softmax if name in SCALED else keras.ops.convert_to_tensor
    runs = [lambda t, p, sample_weight, loss=loss: loss(t, inner(p), sample_weight) for loss in (ours, theirs)]
    same(*runs, t, p, {"none": None, "samples": w, "column": w[:, None]}[weight], scale, more)
    monkeypatch.setattr(ours, "reduction", None)
    assert array(ours(t, inner(p))).shape == (6,)


@pytest.mark.parametrize("shapes", [((6,), (6, 1)), ((6, 1), (6,)), ((6,), (6,)), ((6, 3, 2), (6, 3, 2)), ((6, 3, 1), (6, 3)),
                                    ((6, 3), (6, 3, 1))], ids=str)  # fmt: skip
def test_shapes_of_elements(shapes: Any, rng: np.random.Generator) -> None:
    t, p = (rng.normal(size=s).astype("f") for s in shapes)
    same(flk.Huber(), K.Huber(), t, p)
    each = array(flk.Huber(reduction="none")(t, p))
    assert each.shape == (shapes[1][:-1] if len(shapes[1]) > 1 else (6,))


@pytest.mark.parametrize(
    "shapes", [((6,), (6, 4)), ((6, 1), (6, 4)), ((6, 3), (6, 3, 4)), ((6, 3, 1), (6, 3, 4))], ids=str
)
def test_shapes_of_labels(shapes: Any, rng: np.random.Generator) -> None:
    t, p = rng.integers(0, 4, shapes[0]), rng.normal(size=shapes[1]).astype("f")
    same(flk.CrossEntropy(), K.SparseCategoricalCrossentropy(from_logits=True), t, p)
    # Classes before the pixels, as some images have them.
    first = np.moveaxis(p, -1, 1)
    value, _ = value_and_grad(flk.CrossEntropy(axis=1), t.reshape(shapes[1][:-1]), first)
    assert_allclose(value, array(flk.CrossEntropy()(t, p)), rtol=1e-5)


def test_a_weight_is_its_samples(rng: np.random.Generator) -> None:
    """Keras averages samples of one number before it weighs them, and takes the last axis of others for the weights'."""
    t, p, w = (rng.gamma(2.0, 1.0, 6).astype("f") for _ in range(3))
    loss = flk.SquaredError()
    value, grad = value_and_grad(loss, t, p, w)
    assert_allclose(value, np.mean(w * (p - t) ** 2), rtol=1e-5)
    if grad is not None:
        assert_allclose(grad, w * (p - t) / 3, rtol=1e-5)
    t, p = (rng.normal(size=(6, 6, 2)).astype("f") for _ in range(2))
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        full = np.broadcast_to(w[:, None], (6, 6))
        same(flk.SquaredError(reduction=reduction), partial(each_weighed, K.MeanSquaredError(reduction=reduction), full),
             t, p, w)  # fmt: skip


def each_weighed(loss: Any, weight: Any, t: Any, p: Any, sample_weight: Any) -> Any:
    return loss(t, p, sample_weight=weight)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_of_a_label_that_is_ignored_count_in_no_mean(reduction: str, weighted: bool, rng: Any) -> None:
    t, p = rng.integers(0, 4, (6, 3)), rng.normal(size=(6, 3, 4)).astype("f")
    t[0] = t[2, 1] = -1
    w = rng.gamma(2.0, 1.0, (6, 3)).astype("f") if weighted else None
    theirs = K.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1, reduction=reduction)
    same(flk.CrossEntropy(ignore_index=-1, reduction=reduction), theirs, t, p, w)


def test_classes_weigh_their_rows(rng: np.random.Generator) -> None:
    t, p, w = rng.integers(0, 3, 6), rng.normal(size=(6, 3)).astype("f"), np.array([1.0, 2.0, 0.5], "f")
    weighed = partial(each_weighed, K.SparseCategoricalCrossentropy(from_logits=True), w[t])
    for given in (w, w.tolist(), tuple(w)):
        same(flk.CrossEntropy(class_weight=given), lambda t, p, sample_weight: weighed(t, p, sample_weight), t, p)


def test_several_quantiles_of_one_target(rng: np.random.Generator) -> None:
    t, p, q = rng.normal(size=6).astype("f"), rng.normal(size=(6, 3)).astype("f"), [0.1, 0.5, 0.9]
    loss = flk.Quantile(q=q)
    r = p - t[:, None]
    expected = np.maximum((1 - np.array(q)) * r, -np.array(q) * r).mean()
    for given in (t, t[:, None]):
        value, grad = value_and_grad(loss, given, p)
        assert_allclose(value, expected, rtol=1e-5)
        if grad is not None:
            assert_allclose(grad, np.where(r > 0, 1 - np.array(q), -np.array(q)) / 18, rtol=1e-5)
    assert flk.Quantile.from_config(loss.get_config()).get_config()["q"] == q


def test_the_page_s_table_has_each_pair_and_each_of_keras_s() -> None:
    page = (Path(__file__).parents[2] / "docs" / "keras.md").read_text().partition("| Keras's |")[2]
    table, rest = page.split("\n\n")[:2]
    said = set()
    for row in table.splitlines()[2:]:
        theirs, ours = (re.findall(r"`(\w+)`", cell) for cell in row.split("|")[1:3])
        said |= {*itertools.product(theirs, ours)} if "of logits `" in row else {
            *zip(theirs, ours or theirs, strict=True)}  # fmt: skip
    assert said == {(type(theirs).__name__, type(ours).__name__) for ours, theirs, *_ in PAIRS.values()}
    classes = {n for n, x in vars(K).items() if inspect.isclass(x)} - {"Loss"}
    assert classes == {theirs for theirs, _ in said} | {*re.findall(r"`(\w+)`", rest)} & classes
    for theirs, ours in said - {("Poisson", "PoissonIdentity")}:  # the one name that is another's here
        if theirs != ours:
            with pytest.raises(AttributeError, match=rf"'{theirs}': did you mean .*\b{ours}\b"):
                getattr(flk, theirs)


def test_lists_are_arrays_of_one_prediction() -> None:
    assert_allclose(array(flk.Huber()([[0.0], [1.0]], [[2.0], [1.0]])), 0.75)
    assert_allclose(array(flk.CrossEntropy()([0, 1], [[0.0, 0.0], (3.0, 3.0)])), np.log(2.0), rtol=1e-6)


@pytest.mark.skipif(BACKEND == "jax", reason="JAX's compiled programs are kept with what they compute")
def test_losses_that_nobody_holds_are_let_go() -> None:
    known = [weakref.ref(flk.Huber(delta=1.0 + k).loss) for k in range(100)]
    gc.collect()
    assert sum(loss() is not None for loss in known) <= 64


# -- What is wrong ------------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_named() -> None:
    x = np.ones((4, 4), "f")
    for text, run in {
        "Huber: 'beta' is no argument, expected delta, reduction, name, dtype; use delta": lambda: flk.Huber(beta=1.0),
        "Huber: 'detla' is no argument.*did you mean delta": lambda: flk.Huber(detla=1.0),
        "CrossEntropy: 'from_logits' is no argument, expected z_loss, softcap, axis, class_weight, ignore_index, "
        "label_smoothing, reduction, name, dtype; CrossEntropy takes logits, CategoricalCrossEntropy probabilities":
            lambda: flk.CrossEntropy(from_logits=True),
        "CategoricalCrossEntropy: 'from_logits'.*; CrossEntropy takes logits, Cat": lambda: flk.CategoricalCrossEntropy(
            from_logits=False
        ),
        "MulticlassFocalFromProbabilities: .*; MulticlassFocal takes logits, MulticlassFocalFromProbabilities prob":
            lambda: flk.MulticlassFocalFromProbabilities(from_logits=True),
        "PolyCrossEntropy: 'from_logits' .*; PolyCrossEntropy takes logits": lambda: flk.PolyCrossEntropy(from_logits=True),
        "'ignore_class' is no argument.*; use ignore_index": lambda: flk.CrossEntropy(ignore_class=255),
        "huber: delta is -1, expected": lambda: flk.Huber(delta=-1.0),
        "reduction": lambda: flk.Huber(reduction="average"),
        r"huber: y_true has shape \(4,\), expected that of y_pred, \(4, 4\)": lambda: flk.Huber()(x[0], x),
        r"huber: y_true has shape \(4, 1\), expected": lambda: flk.Huber()(x[:, :1], x),
        r"huber: sample_weight has shape \(3,\), and the losses of y_pred have \(4,\)": lambda: flk.Huber()(x, x, x[0, :3]),
        r"cross_entropy: y_pred has shape \(4, 1\), one class.*BinaryCross": lambda: flk.CrossEntropy()(x[:, :1], x[:, :1]),
        r"cross_entropy: axis is -1, expected one of y_pred, of shape \(4,\)": lambda: flk.CrossEntropy()(x[0], x[0]),
        r"cross_entropy: axis is 0, expected one of y_pred": lambda: flk.CrossEntropy(axis=0)(x, x),
        r"cross_entropy: dtype is bfloat16, in which .* 256 alone": lambda: flk.CrossEntropy(dtype="bfloat16")(
            np.ones(2, int), np.ones((2, 300), "f")
        ),
        r"huber: sample_weight has shape \(4, 4\), and the losses": lambda: flk.Huber()(x, x, x),
        r"huber: sample_weight has shape \(4, 1, 1\), and the losses": lambda: flk.Huber()(x, x, x[:, :1, None]),
        r"quantile: y_pred has shape \(4,\), expected \(n, k\): q has": lambda: flk.Quantile(q=[0.1, 0.5, 0.6, 0.9])(x[0], x[0]),
        r"Huber: 1\.5 has no name: arguments are passed by name, delta,": lambda: flk.Huber(1.5),
        "CrossEntropy: class_weight is a dict, which model.fit takes": lambda: flk.CrossEntropy(class_weight={0: 1.0}),
        "subclass: named has a parameter 'dtype', which Keras's losses have": lambda: flk.subclass(named),
        "subclass: loss is a.*int, expected": lambda: flk.subclass(3),
        "subclass: name is .*, expected that of a class": lambda: flk.subclass(2 * fl.huber + fl.mse),
    }.items():  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=text):
            run()


@fl.pointwise(dtype=POSITIVE)
def named(pred: float, target: float, dtype: float = 1.0) -> Any:
    """A loss with a parameter of Keras's name."""
    r = pred - target
    return 0.5 * dtype * r * r, dtype * r, dtype


def test_classes_are_the_last_axis_on_every_backend(rng: np.random.Generator) -> None:
    z, labels = rng.normal(size=(2, 3, 4)).astype("f"), rng.integers(0, 3, (2, 3))
    run = flk.function(fl.cross_entropy)
    z, y = keras.ops.convert_to_tensor(z), keras.ops.convert_to_tensor(labels)
    expected = fl.cross_entropy(array(z), labels, reduction="none")
    np.testing.assert_allclose(array(run(z, y, reduction="none")), expected, rtol=1e-5)
    turned = run(keras.ops.moveaxis(z, -1, 1), y, reduction="none", axis=1)
    np.testing.assert_allclose(array(turned), expected, rtol=1e-5)


def test_a_column_of_weights_is_one_for_each_sample(rng: np.random.Generator) -> None:
    x, t = rng.normal(size=(2, 4, 3)).astype("f")
    w = np.arange(1.0, 5.0, dtype="f")
    np.testing.assert_allclose(array(flk.Huber()(t, x, w[:, None])), array(flk.Huber()(t, x, w)), rtol=1e-6)


Own = flk.subclass(fl.huber, "Own")


def test_a_class_of_a_user_s_is_pickled_where_it_stands() -> None:
    assert pickle.loads(pickle.dumps(Own)) is Own


def test_a_bad_label_and_a_number_outside_of_the_domain_are_named_where_they_are() -> None:
    x = np.full((2, 3), 0.5, "f")
    for text, loss, t in (
        (r"cross_entropy: target\[1\] is 7, but there are 3 classes", flk.CrossEntropy(), [0, 7]),
        (r"cross_entropy: target\[1\] is 0\.5", flk.CrossEntropy(), [0.0, 0.5]),
        (r"binary_cross_entropy: target\[1, 2\] is -1\.0, expected", flk.BinaryCrossEntropy(), [[0, 1, 1], [0, 1, -1]]),
    ):
        with pytest.raises(ValueError, match=text):
            loss(np.array(t), x)


# -- Models -------------------------------------------------------------------------------------------------------------


def model(outputs: int = 3, masked: bool = False) -> Any:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(5, "tanh"), keras.layers.Dense(outputs)]
    return keras.Sequential([keras.Input((7, 2)), keras.layers.Masking(), *layers] if masked else
                            [keras.Input((2,)), *layers])  # fmt: skip


def data(rng: np.random.Generator) -> Any:
    return rng.normal(size=(20, 2)).astype("f"), rng.integers(0, 3, 20)


@trains
@pytest.mark.parametrize("how", ["plain", "class_weight", "sample_weight", "masked", "mixed_float16", "metrics"])
def test_training_is_keras_own(how: str, rng: np.random.Generator) -> None:
    x, t = data(rng)
    given: dict[str, Any] = {}
    if how == "class_weight":
        given = {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}}
    elif how == "sample_weight":
        given = {"sample_weight": rng.gamma(2.0, 1.0, 20)}
    elif how == "masked":
        x, t = rng.normal(size=(20, 7, 2)).astype("f"), rng.integers(0, 3, (20, 7))
        x[::3, 4:] = 0.0
    ended = []
    for loss in (flk.CrossEntropy(), K.SparseCategoricalCrossentropy(from_logits=True)):
        keras.config.set_dtype_policy("mixed_float16" if how == "mixed_float16" else "float32")
        try:
            made = model(masked=how == "masked")
            metrics = [flk.CrossEntropy(reduction="none", name="m")] if how == "metrics" else []
            made.compile(keras.optimizers.SGD(0.1), loss=loss, metrics=metrics)
            history = made.fit(x, t, batch_size=6, epochs=3, verbose=0, shuffle=False, **given).history
        finally:
            keras.config.set_dtype_policy("float32")
        if metrics:  # of batches that are not alike in size, each sample counts once
            assert_allclose(history["m"], history["loss"], rtol=1e-5)
        ended.append([*made.get_weights(), history["loss"], made.evaluate(x, t, verbose=0)])
    tolerance = 2e-3 if how == "mixed_float16" else 1e-5  # gradients of float16 layers, summed in another order
    for a, b in zip(ended[0][:-1], ended[1][:-1], strict=True):
        assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@trains
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # Inductor's own
def test_training_with_a_loss_of_elements_compiled(rng: np.random.Generator) -> None:
    x, t = rng.normal(size=(20, 2)).astype("f"), rng.normal(size=20).astype("f")
    ended = []
    compiles = BACKEND == "jax" or shutil.which("c++") is not None  # torch needs a compiler
    for loss, compiled in ((flk.Huber(delta=0.5), compiles), (K.Huber(delta=0.5), False)):
        made = model(1)
        made.compile(keras.optimizers.SGD(0.1), loss=loss, jit_compile=compiled)
        made.fit(x, t, batch_size=10, epochs=3, verbose=0, shuffle=False)
        ended.append(made.get_weights())
    for a, b in zip(*ended, strict=True):
        assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@trains
@pytest.mark.parametrize("where", ["loss", "metrics"])
@pytest.mark.parametrize(("loss", "named"), [(fl.huber, "Huber"), (2 * fl.huber, "subclass(loss)")])
def test_a_loss_itself_is_none_of_keras(loss: Any, named: str, where: str, rng: np.random.Generator) -> None:
    made = model(1)
    made.compile("sgd", **{"loss": "mse", where: loss if where == "loss" else [loss]})
    with pytest.raises(TypeError, match="huber: Keras calls .*" + re.escape(f"fastloss.keras.{named}()")):
        made.fit(rng.normal(size=(4, 2)), rng.normal(size=4), verbose=0)


@trains
@pytest.mark.parametrize("loss", [fl.quantile.bind(q=0.9), fl.poisson, fl.huber], ids=str)
def test_a_function_of_tensors_is_none_of_keras(loss: Any, rng: np.random.Generator) -> None:
    """Keras calls it with the targets first: the gradient of the quantile at 0.9 would be that at 0.1."""
    face = importlib.import_module(f"fastloss.{BACKEND}")
    made = model(1)
    made.compile("sgd", loss=face.function(loss))
    with pytest.raises(TypeError, match=rf"{loss.name}: .* targets first, .* fastloss\.keras\.{camel(loss.name)}\(\)"):
        made.fit(rng.normal(size=(4, 2)), rng.uniform(size=4), verbose=0)
    own = face.function(loss)
    made.compile("sgd", loss=lambda y_true, y_pred: own(y_pred, y_true))
    assert np.isfinite(made.fit(rng.normal(size=(4, 2)), rng.uniform(size=(4, 1)), verbose=0).history["loss"][0])


def test_what_keras_maps_over_trees_is_called_in_the_order_of_the_trees(rng: np.random.Generator) -> None:
    pred, target = rng.normal(size=(2, 7)).astype("f4")
    own = fl.derive(lambda pred, target: (pred - 2.0 * target) ** 2, name="mapped")  # which nobody has called
    found = keras.tree.map_structure(own, {"a": pred}, {"a": target})
    assert found["a"] == pytest.approx(np.mean((pred - 2.0 * target) ** 2), rel=1e-6)


@trains
def test_a_model_is_saved_and_loaded_with_its_loss(tmp_path: Path, rng: np.random.Generator) -> None:
    x, t = data(rng)
    made = model()
    metric = keras.metrics.MeanMetricWrapper(flk.MulticlassFocal(gamma=1.5, reduction="none"), name="focal")
    made.compile("sgd", loss=flk.CrossEntropy(class_weight=[1.0, 2.0, 3.0]), metrics=[metric])
    made.fit(x, t, verbose=0)
    made.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == made.loss.get_config()
    assert_allclose(again.evaluate(x, t, verbose=0), made.evaluate(x, t, verbose=0), rtol=1e-6)
    again.fit(x, t, verbose=0)


@pytest.mark.parametrize("build", [False, True])
def test_evaluation_of_a_model_that_keras_has_not_built(build: bool, rng: np.random.Generator) -> None:
    """Keras then calls the loss with arrays of anything, whose values are no labels and no logarithms."""
    x, t = data(rng)
    net = keras.Sequential([keras.layers.Dense(3), keras.layers.Activation("log_softmax")])
    if build:
        net.build((None, 2))
    net.compile(loss=flk.NegativeLogLikelihood(), metrics=[flk.NegativeLogLikelihood(reduction="none", name="m")])
    value, metric = net.evaluate(x, t, verbose=0)
    logs = np.asarray(net.predict(x, verbose=0))
    assert_allclose(value, -logs[np.arange(20), t].mean(), rtol=1e-5)
    assert_allclose(metric, value, rtol=1e-5)


# -- Your own -----------------------------------------------------------------------------------------------------------


def test_losses_of_your_own(rng: np.random.Generator) -> None:
    t, p = rng.normal(size=(5, 2)).astype("f"), rng.normal(size=(5, 2)).astype("f")
    mixed = 0.5 * fl.huber + 0.5 * fl.log_cosh
    derived = fl.derive(lambda pred, target, c=1.0: fl.math.log1p(((pred - target) / c) ** 2))
    for loss, given in ((mixed, {"huber__delta": 0.3}), (derived, {"c": 2.0}), (fl.huber.bind(delta=0.1), {})):
        made = flk.subclass(loss, "Mine")
        value, grad = value_and_grad(made(**given), t, p)
        expected, slope = loss.value_and_grad(p, t, **given)
        assert_allclose(value, expected, rtol=1e-5)
        if grad is not None:
            assert_allclose(grad, slope, rtol=1e-5, atol=1e-7)
        config = keras.losses.serialize(made(**given))
        again = keras.losses.deserialize(config, custom_objects={"Mine": made})
        assert_array_equal(array(again(t, p)), array(made(**given)(t, p)))


@pytest.mark.parametrize("module", [flk, backends, losses], ids=lambda m: m.__name__)
def test_examples(module: Any) -> None:
    found = doctest.testmod(importlib.import_module(module.__name__), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted
    assert not found.failed
