"""What can be said of an objective's labels, weights and outputs before training begins, and of scores that diverge."""

from __future__ import annotations

import math
import re
import sys
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.checks import refuse_class_weights
from ..arrays.host.read import read_array
from ..arrays.shapes import check_class_weight, smoothing
from ..define.hints import outside, unknown_parameter
from ..define.wording import listed, no_loss
from ..losses.names import hint as of_name
from ..registry import LOSSES
from .versions import OLDEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

SMALL = 4096
"""Numbers up to which their squares' sum is finite sooner than all of them: 0.5 us where those take 1.7."""


def check_outputs(objective: Any, outputs: int | None) -> None:
    """Raise for a number of scores a row that the loss does not have."""
    if outputs is None:
        return
    o, name, option = objective, objective.name, objective.option
    if o.rows and outputs < 2:
        raise ValueError(f"{name} takes a score for each class, and the model has {outputs} output: set its number of "
                         f"classes ({option})")  # fmt: skip
    if len(o.definition.wrt) == 2 and outputs != 2:
        both = " and ".join(o.definition.inputs[k] for k in o.definition.wrt)
        raise ValueError(f"{name} takes two scores for each row, {both}, and the model has {outputs} output(s): set "
                         f"its number of classes ({option}) to 2")  # fmt: skip
    for n, size in o.sizes.items():
        if outputs != size and size > 1:
            raise ValueError(f"{name}: {n} has {size} values, and the model has {outputs} output(s), expected one for "
                             f"each value: set its number of classes ({option}) to {size}")  # fmt: skip


def check_names(loss: Any, given: Mapping[str, Any]) -> None:
    """Raise for a parameter that a loss without `bind` does not have: its call would, in the middle of training."""
    taken = signature(loss).parameters
    others = {*loss.inputs, *getattr(loss, "keywords", ()), "group"}
    own = [n for n in taken if n not in others]
    for n in given:
        if n not in own and not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
            raise unknown_parameter(loss, n, own)


def check_caller(name: str, own: str, data: Any = None, metric: bool = False) -> None:
    """Raise for a call by another library than the objective, or `metric`, is for, with its data, or as the other.

    Several scores would be read in a wrong order, and what is returned be taken for something else.
    """
    frame = sys._getframe(2)
    caller = frame.f_globals.get("__name__", "")
    for module in (caller, type(data).__module__):
        found = module.partition(".")[0]
        if found != own and found in OLDEST:
            raise called_by(name, own, found)
    if caller.partition(".")[0] == own and metric != bool(_EVALUATES.search(frame.f_code.co_qualname)):
        raise exchanged(name, metric)


_EVALUATES = re.compile("eval|metric", re.IGNORECASE)
"""Functions of the libraries that call metrics; no others of theirs are called so."""


def exchanged(name: str, metric: bool) -> TypeError:
    """The error of an objective in the place of a metric, or the other way round."""
    one, other = ("a metric", "an objective") if metric else ("an objective", "a metric")
    instead = "the objective that it is of, its .objective" if metric else "that of the objective, its .metric"
    return TypeError(f"{name}: {one} is handed over as {other}, expected {instead}")


def called_by(name: str, own: str, found: str) -> TypeError:
    """The error of an objective, or a metric, that another library calls."""
    return TypeError(f"{name}: an objective of fastloss.boosting.{own} is called by {OLDEST[found][0]}, "
                     f"expected {OLDEST[own][0]}: fastloss.boosting.{found} makes one for it")  # fmt: skip


def check_loss(loss: Any) -> None:
    """Raise for what is no loss of elements, rows or queries."""
    if not all(hasattr(loss, n) for n in ("grad_and_hess", "inputs", "wrt")):
        meant = of_name(loss, spelt="fl.{}") if isinstance(loss, str) and loss not in LOSSES else ""
        raise TypeError("an objective is made of a loss, such as fl.huber, got "
                        f"{f'{loss!r}; {meant}' if meant else no_loss(loss)}")  # fmt: skip
    if len(loss.inputs) == len(loss.wrt):
        raise TypeError(f"{loss.name} compares {listed(loss.inputs)}, and takes no labels, from which boosters learn")


def check_options(loss: Any, options: Mapping[str, Any], backend: Any) -> None:
    """Raise for what belongs to the objective, and would be found in the middle of training."""
    if backend not in (None, "serial", "parallel"):
        raise ValueError(f"{loss.name}: backend is {backend!r}, expected None, 'serial' or 'parallel'")
    if hasattr(loss, "check_parameters"):
        loss.check_parameters(**options)
    if "label_smoothing" in options:
        smoothing(loss, options["label_smoothing"])
    if options.get("class_weight") is not None:
        weight = read_array(loss, "class_weight", options["class_weight"])
        if weight.ndim != 1 or weight.size < 2:
            raise ValueError(f"{loss.name}: class_weight has shape {weight.shape}, expected a number for each class")
        check_class_weight(loss, weight.shape, weight.size)
        refuse_class_weights(loss, weight, np.float64)


def one_label(loss: Any, library: str) -> None:
    """Raise for a loss with several arrays of labels, of which a library has one."""
    check_loss(loss)
    labels = [n for k, n in enumerate(loss.inputs) if k not in loss.wrt]
    if len(labels) > 1 and not hasattr(loss, "of_labels"):
        raise TypeError(f"{loss.name} takes {listed(labels)} of each row, and {library} has one label (XGBoost has "
                        "the two bounds of times)")  # fmt: skip


def one_score(objective: Any, several: bool) -> None:
    """Raise for a loss of which CatBoost has too little: as many scores as labels of a row, and no queries."""
    o = objective
    if o.grouped:
        raise TypeError(f"{o.name} is a loss of queries, which CatBoost does not hand over; XGBoost and LightGBM do")
    if o.definition.rooted or getattr(o.definition, "coupled", False):
        raise TypeError(f"{o.name}: a row's derivatives depend on all rows, and CatBoost hands over a thousand at a "
                        "time; XGBoost and LightGBM hand over all")  # fmt: skip
    if len(o.definition.wrt) > 1:
        raise TypeError(f"{o.name} takes two scores for each row, and CatBoost has as many as labels; XGBoost and "
                        "LightGBM have as many as one says")  # fmt: skip
    for n, size in o.sizes.items():
        if size > 1 and not several and not o.rows:
            raise TypeError(f"{o.name}: {n} has {size} values, and CatBoost has as many scores as labels: set "
                            f"several=True, and give the labels {size} times, in {size} columns")  # fmt: skip


def check_weight(name: str, weight: Any, count: int) -> Any:
    """Whether each row is present; raise for weights that are none."""
    if weight is None:
        return True
    w = np.asarray(weight)
    if w.shape != (count,):
        raise ValueError(f"{name}: weight has shape {w.shape}, expected ({count},), a number for each row")
    bad = ~((w >= 0) & (w < np.inf))
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(f"{name}: weight[{row}] is {w[row]!s}, expected a finite number of at least 0")
    return w != 0


def check_target(objective: Any, name: str, labels: NDArray[Any], present: Any, outputs: int | None) -> None:
    """Raise for the first label that is missing, outside its domain, or no class."""
    o, loss = objective, objective.definition
    if labels.ndim not in (1, 2):
        raise ValueError(f"{o.name}: {name} has shape {labels.shape}, expected (rows,) or (rows, outputs)")
    there = present[:, None] if labels.ndim == 2 and present is not True else present
    domains = getattr(loss, "domains", None)
    classes = o.rows and name == o.targets[-1] and loss.target != "none" and labels.ndim == 1
    with np.errstate(invalid="ignore"):
        _refuse(o.name, name, labels, (labels != labels) & there, "expected a label; give a row without one weight 0")
        if classes:
            ends = "" if outputs is None else f" below {outputs}"
            bad = (labels < 0) | (labels != np.floor(labels)) | (labels >= (np.inf if outputs is None else outputs))
            _refuse(o.name, name, labels, bad & there, f"expected a class, a whole number of at least 0{ends}")
        elif domains:
            domain = domains[loss.inputs.index(name)]
            hint = partial(outside, loss, name)
            _refuse(o.name, name, labels, domain.violations(labels) & there, f"expected {domain}", hint)


def _refuse(
    loss: str, name: str, x: NDArray[Any], bad: Any, expected: str, hint: Callable[[Any], str] = lambda got: ""
) -> None:
    if np.any(bad):
        where = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), x.shape))
        raise ValueError(f"{loss}: {name}[{', '.join(map(str, where))}] is {x[where]!s}, {expected}{hint(x[where])}")


def finite(x: Any) -> bool:
    """Whether nothing is infinite or NaN. (For a million float32 it takes half the time of their sum.)"""
    with np.errstate(over="ignore"):  # of squares of finite numbers
        few = x.size <= SMALL and x.ndim == 1 and math.isfinite(x.dot(x))
    return few or bool(np.isfinite(x).all())


def refuse_scores(name: str, scores: Any, slopes: Any, which: str = "derivative") -> None:
    """Raise for the first score that is not finite, or whose derivative is not."""
    for what, x in (("score", scores), (which, slopes)):
        bad = ~np.isfinite(x)
        if bool(bad.any()):
            where = np.unravel_index(int(bad.argmax()), bad.shape)
            at = "" if what == "score" else f" at a score of {float(scores[where])}"
            raise FloatingPointError(
                f"{name}: the {what} of row {where[0]} is {float(x[where])}{at}: training has diverged. Lower the "
                "learning rate, start from `initial`, or bound the step (hessian='majorizer', min_hessian)"
            )
