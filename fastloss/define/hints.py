"""Hints at the end of errors, for users of other libraries: the argument that was meant, the value to pass.

Only code that is about to raise imports this module.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..registry import LOSSES
from .callers import behind
from .keywords import keywords_of
from .wording import listed, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

MEANT = {
    "pred": "predictions preds prediction logits output outputs y_hat yhat y_score y_prob scores x input y_pred",
    "target": "targets labels label y true actual ground_truth y_test y_train y_true",
    "teacher": "teacher_logits teacher_scores",
    "var": "variance",
    "weight": "sample_weight sample_weights weights w mask where",
    "class_weight": "class_weights cls_weight class_weighting",
    "ignore_index": "ignore_label ignore_class padding_idx",
    "label_smoothing": "smoothing",
    "axis": "dim",
    "reduction": "reduce size_average multioutput normalize",
    "normalizer": "avg_factor num_items_in_batch denominator",
    "out": "grad_out inplace",
    "return_stats": "return_z_loss stats",
    "backend": "device parallel n_jobs",
    "delta": "beta threshold huber_delta huber_slope",
    "beta": "delta threshold",
    "q": "alpha tau quantile quantiles",
    "c": "scale sigma fair_c",
    "epsilon": "eps",
    "temperature": "T tau",
    "gamma": "focusing",
    "pos_weight": "scale_pos_weight",
    "power": "tweedie_variance_power variance_power p",
    "softcap": "logit_softcapping",
    "z_loss": "z_loss_weight",
}
"""Arguments of fastloss, and what other libraries call them."""

LOGITS = {
    "binary_cross_entropy": ("binary_cross_entropy_with_logits", "logits"),
    "binary_focal_from_probabilities": ("binary_focal", "logits"),
    "categorical_cross_entropy": ("cross_entropy", "logits"),
    "multiclass_focal_from_probabilities": ("multiclass_focal", "logits"),
    "generalized_cross_entropy_from_probabilities": ("generalized_cross_entropy", "logits"),
    "kl_divergence": ("kl_divergence_log", "logarithms"),
    "poisson_identity": ("poisson", "the logarithm of the mean"),
    "gamma_identity": ("gamma", "the logarithm of the mean"),
    "tweedie_identity": ("tweedie", "the logarithm of the mean"),
}
"""Losses of probabilities and means, the loss for a model that gives logits or logarithms, and which of these it is."""

INSTEAD = {
    "num_threads": "fastloss.set_num_threads(n) sets the threads",
    "threads": "fastloss.set_num_threads(n) sets the threads",
    "dtype": "the dtype of the prediction decides",
    "num_classes": "the axis of the classes says how many there are",
    "squared": "root_mean_squared_error is the root of squared_error",
}
"""Arguments of other libraries that have no counterpart, and what to do instead."""


def arguments(loss: Any) -> str:
    """The names of all inputs, parameters and keywords of a loss."""
    inputs, keywords = loss.shown_arguments or (loss.inputs, keywords_of(loss))
    return ", ".join([*inputs, *loss.parameters, *keywords])


def unknown_argument(loss: Any, given: str, positional: int | None = None, expected: str = "") -> TypeError:
    """The error for an argument that the loss does not have: the arguments that it has, and what was meant.

    `positional` is the number of inputs that were given by position; by default all of them. What is `expected` are
    the loss's arguments, unless somebody else has other ones.
    """
    positional = len(loss.inputs) if positional is None else positional
    if given in loss.inputs[:positional]:
        return TypeError(f"{loss.name}: {given} is given by position and by name, expected once")
    meant = _of_a_call(loss, given, positional)
    return TypeError(f"{loss.name}: {given!r} is no argument, expected {expected or arguments(loss)}{meant}")


def unknown_parameter(loss: Any, given: str, own: Sequence[str] | None = None) -> TypeError:
    """The error for what a loss is bound to and is none of its parameters: inputs and keywords are each call's.

    `own` are its parameters, if it is not bound to them itself.
    """
    own = list(loss.parameters) if own is None else own
    inputs, keywords = loss.shown_arguments or (loss.inputs, keywords_of(loss))
    those = listed(own) if own else "none"
    if given in inputs or given in keywords:
        kind = "an input" if given in inputs else "a keyword"
        return TypeError(f"{loss.name}: {given!r} is {kind} of the verbs, expected a parameter: {those}")
    other = [n for n in (*inputs, *keywords) if n not in own and given in MEANT.get(n, "").split()]
    meant = f"; {other[0]} is given with each call" if other else _meant(loss, given, own)
    return TypeError(f"{loss.name}: {given!r} is no parameter, expected {those}{meant}")


def missing(loss: Any, name: str, given: Collection[str]) -> TypeError:
    """The error for an input that was not passed, or was passed by another name."""
    for n in given:
        if n not in loss.parameters and n not in loss.inputs:
            return unknown_argument(loss, n, loss.inputs.index(name))
    text = f"{loss.name}: {name} is missing, expected {listed(loss.inputs)}"
    if name == loss.inputs[0] and given and not {*given} & {*loss.inputs} and hasattr(loss, "bind"):
        text += f"; {loss.name}.bind({', '.join(f'{n}=...' for n in given)}) is the loss with other defaults"
    if behind("scipy.optimize._lsq"):
        text += "; SciPy's least_squares takes fastloss.optimize.least_squares(loss)"
    return TypeError(text)


def too_many(loss: Any, inputs: tuple[Any, ...]) -> TypeError:
    """The error for too many positional arguments."""
    extra = inputs[len(loss.inputs)]
    example = "weight=..."
    if hasattr(inputs[0], "fit"):
        return TypeError(f"{loss.name}: an estimator is given, expected {listed(loss.inputs)}; scikit-learn's scorers "
                         "are made by fastloss.sklearn.scorer(loss)")  # fmt: skip
    if isinstance(extra, str):
        example = f"reduction={shown(extra)}"
    elif isinstance(extra, (int, float)) and loss.parameters:
        example = f"{next(iter(loss.parameters))}={shown(extra)}"
    return TypeError(f"{loss.name}: {len(inputs)} inputs are given, expected {listed(loss.inputs)}; "
                     f"everything else is passed by name, such as {example}")  # fmt: skip


def _of_a_call(loss: Any, given: str, positional: int) -> str:
    """What an unknown name of a call stands for."""
    inputs, keywords = loss.shown_arguments or (loss.inputs, keywords_of(loss))
    for k, name in enumerate(inputs):
        if given == name or given in MEANT.get(name, "").split():
            return f"; {name} is given, too" if k < positional else f"; use {name}"
    return _meant(loss, given, (*inputs, *loss.parameters, *keywords))


def _meant(loss: Any, given: str, own: Sequence[str]) -> str:
    """The same, of names that may be meant."""
    if inner := [n for n in loss.parameters if n.endswith(f"__{given}")]:  # of the terms of a sum
        return f"; use {listed(inner, 'or')}"
    foreign = translated(loss, given, own)
    if foreign is not None:
        return foreign
    having = [n for n, other in LOSSES.items() if given in other.parameters or given in other.inputs[1:]]
    if having and given != "target":
        some = listed(having[:3]) if len(having) < 4 else f"{', '.join(having[:3])} and others"
        return f"; {some} take{'s' if len(having) == 1 else ''} it"
    if any(given in keywords_of(other) for other in LOSSES.values()):
        kind = "elements, such as huber" if hasattr(loss, "target") else "rows, such as cross_entropy"
        return f"; losses of {kind}, take it"
    close = get_close_matches(given, own, 1)
    return f"; did you mean {close[0]}?" if close else ""


def translated(loss: Any, given: str, own: Iterable[str], spelt: Callable[[str], str] = str) -> str | None:
    """The hint for another library's argument: which of `own` it is, or what there is instead; None for any other.

    Losses are named as `spelt` spells them.
    """
    for name, others in MEANT.items():
        if name in own and given in others.split():
            return f"; use {name}"
    if given == "from_logits":
        return _of_logits_and_not(loss, spelt)
    return f"; {INSTEAD[given]}" if given in INSTEAD else None


def _of_logits_and_not(loss: Any, spelt: Callable[[str], str]) -> str:
    for name, (other, what) in LOGITS.items():
        if loss.name in (name, other) and what == "logits":
            return f"; {spelt(other)} takes logits, {spelt(name)} probabilities"
    if getattr(loss, "link", None) in ("sigmoid", "softmax"):
        return f"; {spelt(loss.name)} takes logits"
    return of_logits(loss, spelt)


def of_logits(loss: Any, spelt: Callable[[str], str] = str) -> str:
    """The hint for a model that gives logits, or logarithms, to a loss of something else."""
    other, what = LOGITS.get(loss.name, ("", ""))
    return f"; {spelt(other)} takes {what}" if other else ""


def outside(loss: Any, name: str, got: Any) -> str:
    """The hint where an input holds a value outside its domain: the loss, or the switch, that takes it."""
    place, value = loss.inputs.index(name), float(got)
    domain = loss.domains[place]
    if place == 0:
        return of_logits(loss)
    if value == 0.0 and domain.ends_only and domain.low == -1.0:
        also = "binary_cross_entropy_with_logits"
        for n, on in loss.values.items():
            if isinstance(on, bool) and 0.0 in loss.having({n: not on}).domains[place]:
                return f"; {n}={not on} takes labels of 0 and 1, as {also} does"
        return f"; labels of 0 and 1 are taken by {also}, or as 2 * {name} - 1"
    if value == -1.0 and (domain.low, domain.high) == (0.0, 1.0) and (domain.ends_only or hasattr(loss, "jet")):
        return f"; labels of -1 and 1 are taken by logistic and hinge, or as ({name} + 1) / 2"
    if getattr(loss, "labelled", None) == place and (value < -1.0 or value == 255.0) and value.is_integer():
        return f"; elements of this label are absent with ignore_index={value:.0f}"
    return ""


def no_class(loss: Any, label: Any, classes: int) -> str:
    """The hint where a label is no class."""
    if label < 0:
        return f"; rows of this label are absent with ignore_index={label}"
    return f"; labels count from 0: pass {loss.inputs[-1]} - 1" if label == classes else ""


def one_row(loss: Any, shape: tuple[int, ...], dtype: Any) -> TypeError:
    """The error for labels that would be read as the masses of a single row."""
    name, scores = loss.inputs[-1], loss.inputs[0]
    return TypeError(
        f"{loss.name}: {name} has dtype {dtype} and the shape of {scores}, {shape}, expected one label, or masses as "
        f"floats; a logit and a label of 0 or 1 each are for binary_cross_entropy_with_logits, and rows of scores are "
        f"(n, K), or (K, n) with axis=0"
    )
