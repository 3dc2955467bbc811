"""Calls that a user may get wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import fastloss as fl


def made(module: str, name: str, **attributes: Any) -> Any:
    """What looks like an object of a library that need not be installed."""
    return type(name, (), {"__module__": module, **attributes})()


p = np.array([0.5, 2.0, -1.0], "f4")

t = np.array([0.0, 1.0, 1.0], "f4")

s = np.array([-1.0, 1.0, 1.0], "f4")

w = np.ones(3, "f4")

scores = np.array([[0.5, 2.0, -1.0], [0.0, 1.0, 1.0]], "f4")

labels = np.array([0, 2])

KNOWN = {"fl": fl, "np": np, "pd": pd, "pl": pl, "Path": Path, "made": made, "p": p, "t": t, "s": s, "w": w,
         "scores": scores, "labels": labels}  # fmt: skip
"""Names in the calls."""

HUBER = "pred, target, delta, weight, axis, reduction, normalizer, empty, out, backend, check"

CROSS_ENTROPY = (
    "pred, target, z_loss, softcap, axis, weight, class_weight, ignore_index, label_smoothing, "
    "reduction, normalizer, empty, out, return_stats, backend, check"
)
"""What these take, in the order of their signatures."""

CALLS: dict[str, str] = {
    'fl.mean_squared_error(p, t)':
        "AttributeError: module 'fastloss' has no attribute 'mean_squared_error': did you mean fl.squared_error?",
    'fl.MSELoss()':
        "AttributeError: module 'fastloss' has no attribute 'MSELoss': did you mean fl.squared_error?",
    'fl.BCEWithLogitsLoss()':
        "AttributeError: module 'fastloss' has no attribute 'BCEWithLogitsLoss': did you mean fl.binary_cross_entropy_with_logits?",
    'fl.bce_loss(p, t)':
        "AttributeError: module 'fastloss' has no attribute 'bce_loss': did you mean fl.binary_cross_entropy?",
    'fl.rmse_loss(p, t)':
        "AttributeError: module 'fastloss' has no attribute 'rmse_loss': did you mean fl.root_mean_squared_error?",
    'fl.log_loss(t, p)':
        "AttributeError: module 'fastloss' has no attribute 'log_loss': did you mean fl.binary_cross_entropy or fl.categorical_cross_entropy?",
    'fl.ce(scores, labels)':
        "AttributeError: module 'fastloss' has no attribute 'ce': did you mean fl.cross_entropy?",
    'fl.KLDivergence()':
        "AttributeError: module 'fastloss' has no attribute 'KLDivergence': did you mean fl.kl_divergence?",
    'fl.l2_loss(p, t)':
        "AttributeError: module 'fastloss' has no attribute 'l2_loss': did you mean fl.half_squared_error or fl.squared_error?",
    'fl.hubr(p, t)':
        "AttributeError: module 'fastloss' has no attribute 'hubr': did you mean fl.huber?",
    'fl.set_num_thread(2)':
        "AttributeError: module 'fastloss' has no attribute 'set_num_thread': did you mean fl.set_num_threads or fl.get_num_threads?",
    'fl.value_and_grad(fl.huber)':
        "AttributeError: module 'fastloss' has no attribute 'value_and_grad': each loss has it, as in fl.huber.value_and_grad",
    'fl.losses_of_everybody':
        "AttributeError: module 'fastloss' has no attribute 'losses_of_everybody': fl.LOSSES has all losses, by name; "
        "`fastloss losses --search WORD` finds some, fl.derive makes others",
    'fl.huber(p)':
        'TypeError: huber: target is missing, expected pred and target',
    'fl.huber(y_true=t)':
        'TypeError: huber: pred is missing, expected pred and target',
    'fl.huber(delta=2.0)':
        'TypeError: huber: pred is missing, expected pred and target; huber.bind(delta=...) is the loss with other defaults',
    'fl.huber(p, t, 1.5)':
        'TypeError: huber: 3 inputs are given, expected pred and target; everything else is passed by name, such as delta=1.5',
    'fl.huber(p, t, w)':
        'TypeError: huber: 3 inputs are given, expected pred and target; everything else is passed by name, such as weight=...',
    'fl.huber(p, t, "sum")':
        "TypeError: huber: 3 inputs are given, expected pred and target; everything else is passed by name, such as reduction='sum'",
    'fl.huber(p, t, sample_weight=w)':
        f"TypeError: huber: 'sample_weight' is no argument, expected {HUBER}; use weight",
    'fl.huber(p, t, gamma=2.0)':
        f"TypeError: huber: 'gamma' is no argument, expected {HUBER}; smoothed_hinge, binary_focal, binary_focal_from_probabilities and others take it",
    'fl.huber(p, t, detla=2.0)':
        f"TypeError: huber: 'detla' is no argument, expected {HUBER}; did you mean delta?",
    'fl.huber(p, t, beta=2.0)':
        f"TypeError: huber: 'beta' is no argument, expected {HUBER}; use delta",
    'fl.huber(p, t, class_weight=w)':
        f"TypeError: huber: 'class_weight' is no argument, expected {HUBER}; losses of rows, such as cross_entropy, take it",
    'fl.huber(p, t, target=t)':
        "TypeError: huber: target is given by position and by name, expected once",
    'fl.huber(p, labels=t)':
        f"TypeError: huber: 'labels' is no argument, expected {HUBER}; use target",
    'fl.huber(p, y_pred=t)':
        f"TypeError: huber: 'y_pred' is no argument, expected {HUBER}; pred is given, too",
    'fl.quantile(p, t, alpha=0.9)':
        "TypeError: quantile: 'alpha' is no argument, expected pred, target, q, weight, axis, reduction, normalizer, empty, out, backend, check; use q",
    'fl.binary_cross_entropy(p, t, from_logits=True)':
        "TypeError: binary_cross_entropy: 'from_logits' is no argument, expected pred, target, clamp, floor, weight, ignore_index, axis, reduction, normalizer, empty, out, backend, check; binary_cross_entropy_with_logits takes logits, binary_cross_entropy probabilities",
    'fl.cross_entropy(scores, labels, dim=1)':
        f"TypeError: cross_entropy: 'dim' is no argument, expected {CROSS_ENTROPY}; use axis",
    'fl.cross_entropy(scores, labels, smoothing=0.1)':
        f"TypeError: cross_entropy: 'smoothing' is no argument, expected {CROSS_ENTROPY}; use label_smoothing",
    'fl.huber.bind(weight=w)':
        "TypeError: huber: 'weight' is a keyword of the verbs, expected a parameter: delta",
    'fl.huber.bind(target=3.0)':
        "TypeError: huber: 'target' is an input of the verbs, expected a parameter: delta",
    'fl.huber.bind(y_true=3.0)':
        "TypeError: huber: 'y_true' is no parameter, expected delta; target is given with each call",
    'fl.huber.bind(beta=3.0)':
        "TypeError: huber: 'beta' is no parameter, expected delta; use delta",
    'fl.mse.bind(delta=3.0)':
        "TypeError: squared_error: 'delta' is no parameter, expected none; huber and pseudo_huber take it",
    'fl.huber(p, t, delta=-1.0)':
        'ValueError: huber: delta is -1, expected a number greater than 0, or inf',
    'fl.huber(p, t, delta="big")':
        "TypeError: huber: delta is 'big', expected a number greater than 0, or inf",
    'fl.huber(p, t, delta=np.ones(1000))':
        'ValueError: huber: shapes do not broadcast: pred (3,), target (3,), delta (1000,)',
    'fl.huber(p, t, reduction="average")':
        "ValueError: huber: reduction is 'average', expected 'mean', 'sum' or 'none'; did you mean 'mean'?",
    'fl.huber(p, t, reduction=None)':
        "ValueError: huber: reduction is None, expected 'mean', 'sum' or 'none'; did you mean 'none'?",
    'fl.huber(p, t, reduction="men")':
        "ValueError: huber: reduction is 'men', expected 'mean', 'sum' or 'none'; did you mean 'mean'?",
    'fl.huber(p, t, empty="skip")':
        "ValueError: huber: empty is 'skip', expected 'nan', 'zero' or 'raise'",
    'fl.huber(p, t, backend="gpu")':
        "ValueError: huber: backend is 'gpu', expected None, 'serial' or 'parallel' for arrays on the host",
    'fl.huber(p, t, normalizer=0)':
        'ValueError: huber: normalizer is 0, expected a positive number',
    'fl.huber(p, t, normalizer=8, reduction="sum")':
        "ValueError: huber: normalizer is given and reduction is 'sum', expected 'mean'; it replaces the mean's denominator",
    'fl.rmse(p, t, reduction="none")':
        "ValueError: root_mean_squared_error: reduction is 'none', expected 'mean'; it is the root of a mean",
    'fl.huber(p, t[:, None])':
        "ValueError: huber: pred has shape (3,) and target has shape (3, 1): they differ by an axis of length 1 and would broadcast against each other; reshape one to the other's shape",
    'fl.huber(p, t[:2])':
        'ValueError: huber: shapes do not broadcast: pred (3,), target (2,)',
    'fl.huber(p, None)':
        'TypeError: huber: target is None, expected an array of real numbers',
    'fl.huber(p, "targets.npy")':
        "TypeError: huber: target is 'targets.npy', expected an array of real numbers; a file is read by numpy.load, pandas or polars before it is passed, a column is passed, not its name",
    'fl.huber(p, Path("targets.npy"))':
        "TypeError: huber: target is PosixPath('targets.npy'), expected an array of real numbers; a file is read by numpy.load, pandas or polars before it is passed, a column is passed, not its name",
    'fl.huber(p, ["cat", "dog", "cat"])':
        'TypeError: huber: target has dtype <U3, expected real numbers of at most 64 bits; labels as text become numbers by numpy.unique(target, return_inverse=True)[1]',
    'fl.huber(p, [1.0, None, 2.0])':
        'TypeError: huber: target has dtype object, expected real numbers of at most 64 bits; target[1] is None: pass numpy.array(target, float); what is missing is then NaN, and absent with weight=0',
    'fl.huber(p, [[1.0], [1.0, 2.0]])':
        'TypeError: huber: target is a list that NumPy cannot read, expected an array of real numbers; rows of different lengths are padded to one, with weight=0 where there is nothing',
    'fl.huber(p, {"a": 1.0})':
        'TypeError: huber: target is a dict, expected an array of real numbers; pass numpy.array(list(target.values()))',
    'fl.huber(p, (x for x in t))':
        'TypeError: huber: target is a generator, expected an array of real numbers; pass a list, as of list(target)',
    'fl.huber(p, np.ma.array(t))':
        'TypeError: huber: target is a MaskedArray, expected an array of real numbers; pass target.data, with weight=~numpy.ma.getmaskarray(target)',
    'fl.huber(p, t.astype(complex))':
        'TypeError: huber: target has dtype complex128, expected real numbers of at most 64 bits',
    'fl.huber(p, np.zeros(3, "M8[D]"))':
        "TypeError: huber: target has dtype datetime64[D], expected real numbers of at most 64 bits; pass the time in a unit, as (target - start) / numpy.timedelta64(1, 'D')",
    'fl.huber(p, pd.Series(["a", "b", "a"], dtype="category"))':
        "TypeError: huber: target has dtype category, expected real numbers of at most 64 bits; pass the categories' codes, target.cat.codes",
    'fl.huber(pd.DataFrame({"a": [1.0, 2.0], "city": ["x", "y"]}), 0.0)':
        "TypeError: huber: pred has dtype object, expected real numbers of at most 64 bits; its column 'city' has 'x' in row 0",
    'fl.huber(pd.DataFrame({"a": [1.0, 2.0], "b": [3, None]}).astype("Float64"), 0.0)':
        'TypeError: huber: pred has dtype object, expected real numbers of at most 64 bits; pred[1, 1] is <NA>: pass pred.to_numpy(float, na_value=numpy.nan); what is missing is then NaN, and absent with weight=0',
    'fl.huber(p, pl.col("target"))':
        'TypeError: huber: target is a polars.Expr, expected an array of real numbers; pass what it gives of a frame, frame.select(target).to_series()',
    'fl.huber(p, pl.DataFrame({"a": [1.0]}).lazy())':
        'TypeError: huber: target is a polars.LazyFrame, expected an array of real numbers; pass target.collect()',
    'fl.huber(made("torch", "Tensor"), t)':
        'TypeError: huber: pred is a torch.Tensor on the CPU, expected an array of real numbers; call fastloss.torch.huber, or pass pred.numpy(), the same memory',
    'fl.huber(made("torch", "Tensor", requires_grad=True), t)':
        'TypeError: huber: pred is a torch.Tensor on the CPU that requires a gradient, expected an array of real numbers; call fastloss.torch.huber, which autograd differentiates',
    'fl.softmax(made("torch", "Tensor"))':
        'TypeError: softmax: x is a torch.Tensor on the CPU, expected an array of real numbers; pass x.numpy(), the same memory',
    'fl.huber(made("jaxlib._jax", "ArrayImpl"), t)':
        'TypeError: huber: pred is a jaxlib._jax.ArrayImpl on the CPU, expected an array of real numbers; call fastloss.jax.huber, which jax.grad differentiates, or pass numpy.asarray(pred)',
    'fl.huber(made("jax._src.interpreters.partial_eval", "DynamicJaxprTracer"), t)':
        'TypeError: huber: pred is a jax._src.interpreters.partial_eval.DynamicJaxprTracer, expected an array of real numbers; call fastloss.jax.huber under jit, grad and vmap',
    'fl.lambdarank(made("jax._src.interpreters.partial_eval", "DynamicJaxprTracer"), t)':
        'TypeError: lambdarank: pred is a jax._src.interpreters.partial_eval.DynamicJaxprTracer, expected an array of real numbers; lambdarank is called outside of jit, grad and vmap',
    'fl.huber(made("tensorflow.python.framework.ops", "EagerTensor"), t)':
        'TypeError: huber: pred is a tensorflow.python.framework.ops.EagerTensor, expected an array of real numbers; huber computes the gradient itself, and no tape sees it: pass pred.numpy()',
    'fl.linear_cross_entropy(made("dask.array.core", "Array"), [[1.0]], labels)':
        "TypeError: linear_cross_entropy: hidden is a dask.array.core.Array, expected an array of real numbers; linear_cross_entropy is not computed block by block: pass hidden.compute()",
    'fl.hinge.value_and_grad(p, t)':
        'ValueError: hinge: target[0] is 0.0, expected -1 or 1; zero_one=True takes labels of 0 and 1, as binary_cross_entropy_with_logits does',
    'fl.bce_with_logits.value_and_grad(p, s)':
        'ValueError: binary_cross_entropy_with_logits: target[0] is -1.0, expected a number in [0, 1]; labels of -1 and 1 are taken by logistic and hinge, or as (target + 1) / 2',
    'fl.bce_with_logits.value_and_grad(p, t - 100)':
        'ValueError: binary_cross_entropy_with_logits: target[0] is -100.0, expected a number in [0, 1]; elements of this label are absent with ignore_index=-100',
    'fl.huber(p, t, ignore_index=-100)':
        'ValueError: huber: ignore_index is -100, expected None; the loss has no labels: pass a weight of 0 for what is to be absent',
    'fl.gamma.value_and_grad(p, [1e-50, 1.0, 1.0])':
        'ValueError: gamma: target[0] is 1e-50, which is 0.0 in float32, the type that it is read in, expected a number greater than 0',
    'fl.cross_entropy.value_and_grad(scores, labels - 100)':
        'ValueError: cross_entropy: target[0] is -100, but there are 3 classes (0 to 2); rows of this label are absent with ignore_index=-100',
    'fl.cross_entropy.value_and_grad(scores, labels + 1)':
        'ValueError: cross_entropy: target[1] is 3, but there are 3 classes (0 to 2); labels count from 0: pass target - 1',
    'fl.cross_entropy(scores, labels + 0.5)':
        'ValueError: cross_entropy: target[0] is 0.5, expected a label, a whole number',
    'fl.cross_entropy(scores, [0.0, np.nan])':
        'ValueError: cross_entropy: target[1] is nan, expected a label, a whole number; a row whose label is missing is absent with weight=0',
    'fl.cross_entropy(scores, labels[:, None])':
        'ValueError: cross_entropy: target has shape (2, 1), expected integer labels of shape (2,), or an array of the shape of pred, (2, 3); pass target[:, 0]',
    'fl.cross_entropy(p, [0, 1, 1])':
        'TypeError: cross_entropy: target has dtype int64 and the shape of pred, (3,), expected one label, or masses as floats; a logit and a label of 0 or 1 each are for binary_cross_entropy_with_logits, and rows of scores are (n, K), or (K, n) with axis=0',
    'fl.cross_entropy(scores, labels, weight=[1.0, 2.0, 1.0])':
        'ValueError: cross_entropy: weight has shape (3,), expected one that broadcasts to (2,), the batch of pred; a weight for each class is class_weight',
    'fl.cross_entropy(scores, labels, class_weight=[1.0, 2.0])':
        'ValueError: cross_entropy: class_weight has shape (2,), expected (3,), one for each class',
    'fl.cross_entropy(scores, labels, axis=2)':
        'ValueError: cross_entropy: axis is 2, expected one of pred, of shape (2, 3)',
    'fl.cross_entropy(scores, labels, label_smoothing=10)':
        'ValueError: cross_entropy: label_smoothing is 10, expected a number in [0, 1]',
    'fl.multiclass_hinge(scores, np.eye(3)[labels])':
        'ValueError: multiclass_hinge: target has shape (2, 3), expected integer labels of shape (2,); pass target.argmax(1)',
    'fl.kl_divergence(scores, scores, class_weight=[1.0, 2.0, 1.0])':
        'ValueError: kl_divergence: class_weight is given, expected None; the loss has no weights of classes',
    'fl.categorical_cross_entropy.value_and_grad(4 * abs(scores) + 1, labels)':
        'ValueError: categorical_cross_entropy: pred[0, 0] is 3.0, expected a number in [0, 1]; cross_entropy takes logits',
}  # fmt: skip


def said(call: str) -> str:
    """The error of a call, its class first."""
    try:
        result = eval(call, dict(KNOWN))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"no error, but {result!r}"


if __name__ == "__main__":
    for call in CALLS:
        print(f">>> {call}\n{said(call)}\n")
