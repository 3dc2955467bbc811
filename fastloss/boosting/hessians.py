"""What takes the place of a second derivative: a table of presets, a function each.

===============  =======================================================================================================
``"auto"``       ``"majorizer"`` for losses of a residual that grow slower than its square (absolute, quantile, Huber,
                 Cauchy, ...) and sums of them: their second derivative is 0, or negative, where it matters; else
                 ``"positive"``
``"exact"``      the second derivative as it is, also where it is 0 or negative
``"positive"``   the same, but at least 1e-16; 1 in a call that has nothing but zeros
``"fisher"``     its expectation, were the label drawn from the model; for likelihoods
``"majorizer"``  the curvature of a parabola that touches the loss at the score and is nowhere below it: a step to its
                 minimum never makes the loss larger; of a sum, that of each term
``"constant"``   1
``"xgboost"``    what XGBoost 3.2 has for the objective of this loss
``"lightgbm"``   what LightGBM 4.7 has
===============  =======================================================================================================

All of them are multiplied by the row's weight. `min_hessian` times the weight is the least that they are raised to.
"""

from __future__ import annotations

import math
from copy import copy
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import listed, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .arranged import Arranged

    Preset = Callable[[Arranged, Any, Any], None]
    """A function of a call and its derivatives, weighted, that writes over the second."""

FLOOR = 1e-16
"""The least of "positive": XGBoost's."""


class Curvature:
    """One of the presets, for a loss."""

    def __init__(self, loss: Any, name: Any, least: Any) -> None:
        if name not in HESSIANS:
            expected = listed([repr(n) for n in HESSIANS], "or")
            raise ValueError(f"{loss.name}: hessian is {shown(name)}, expected {expected}{nearest(name, HESSIANS)}")
        if least is not None and not (isinstance(least, Real) and 0.0 <= float(least) < math.inf):
            raise ValueError(f"{loss.name}: min_hessian is {shown(least)}, expected a number of at least 0")
        if name == "auto":
            slower = all(part.name in _SLOWER for part in getattr(loss, "parts", (loss,)))
            name = "majorizer" if slower and preset_of("majorizer", loss) is not None else "positive"
        if loss.order < 2 and name != "constant":
            raise TypeError(f"{loss.name} has no second derivative, and hessian is {name!r}: hessian='constant' puts 1 "
                            "in its place")  # fmt: skip
        if preset_of(name, loss) is None:
            bounded = name == "majorizer" and loss.name in _ONLY and of_the_library(loss)
            known = f"for {_ONLY[loss.name][0]}" if bounded else f"of fastloss's {listed(TABLES[name])}"
            sums = ", and of their sums" if name == "majorizer" and not bounded else ""
            raise TypeError(f"{loss.name}: hessian is {name!r}, which is known {known}{sums}; every loss has "
                            "'positive' and 'constant'")  # fmt: skip
        self.name = name
        self.least = (FLOOR if name == "positive" else 0.0) if least is None else float(least)
        self.exact = name != "constant"
        """Whether the loss's own second derivative is asked for."""

    def put(self, call: Arranged, grad: Any, hess: Any) -> None:
        """Write over a second derivative."""
        preset: Any = preset_of(self.name, call.objective.definition)
        preset(call, grad, hess)
        if self.least > 0.0:
            raised(call, hess, self.least)


def exact(call: Arranged, grad: Any, hess: Any) -> None:
    """The second derivative as it is."""


def positive(call: Arranged, grad: Any, hess: Any) -> None:
    """The second derivative, where there is one."""
    if hess.size and hess.flat[0] == 0.0 and not hess.any():
        constant(call, grad, hess)


def constant(call: Arranged, grad: Any, hess: Any) -> None:
    """1 for each row, times its weight."""
    hess[...] = 1.0 if call.weight is None else call.spread()


def times(factor: float, least: float = 0.0) -> Preset:
    """The second derivative times a number, and at least another."""

    def scaled(call: Arranged, grad: Any, hess: Any) -> None:
        if factor != 1.0:
            np.multiply(hess, hess.dtype.type(factor), out=hess)
        if least:
            raised(call, hess, least)

    return scaled


def raised(call: Arranged, hess: Any, least: float) -> None:
    """Raise a second derivative to at least a number times the weight."""
    floor = hess.dtype.type(least)
    most = floor if call.weight is None else floor * call.weight.max(initial=0.0)
    if hess.size and not hess.min() >= most:  # writing takes several times the time of looking
        np.maximum(hess, floor if call.weight is None else call.spread() * floor, out=hess)


def by_classes(call: Arranged, grad: Any, hess: Any) -> None:
    """K / (K - 1) times the second derivative."""
    classes = hess.shape[0 if call.turned else -1]
    times(classes / (classes - 1.0))(call, grad, hess)


def active(call: Arranged, grad: Any, hess: Any) -> None:
    """1 where the gradient is not 0, else the smallest number."""
    constant(call, grad, hess)
    np.multiply(hess, np.where(grad != 0, 1.0, np.finfo(np.float32).tiny), out=hess)


def number(value: Callable[[Mapping[str, Any]], Any]) -> Preset:
    """What depends on the loss's parameters alone."""

    def filled(call: Arranged, grad: Any, hess: Any) -> None:
        constant(call, grad, hess)
        np.multiply(hess, np.asarray(value(call.loss.values), hess.dtype), out=hess)

    return filled


def over_residual(call: Arranged, grad: Any, hess: Any) -> None:
    """gradient / residual; at a residual of 0 its limit, the second derivative."""
    e = _residual(call)
    np.divide(grad, e, out=hess, where=e != 0)


def over_distance(factor: float) -> Preset:
    """A number / |residual|, for a kink at 0, where no parabola is above it: a residual counts as at least a thousandth
    of the mean of all.
    """

    def divided(call: Arranged, grad: Any, hess: Any) -> None:
        np.divide(hess.dtype.type(factor), _distance(call), out=hess)
        if call.weight is not None:
            np.multiply(hess, call.spread(), out=hess)

    return divided


def power(call: Arranged, grad: Any, hess: Any) -> None:
    """|gradient| / |residual|, with the same floor."""
    if call.loss.values["p"] < 2.0:
        np.divide(np.abs(grad), _distance(call), out=hess)


def _distance(call: Arranged) -> Any:
    e = _residual(call)
    np.abs(e, out=e)
    rows = call.count if call.weight is None else int((call.weight != 0).sum())
    least = 1e-3 * float(e.sum(dtype=np.float64)) / (rows * e.size / call.count) if rows else 0.0
    return np.maximum(e, e.dtype.type(least or 1.0), out=e)


def _residual(call: Arranged) -> Any:
    """Score less label; 0 in rows that are absent, whatever they hold."""
    e = call.scores - call.labels[0]
    if call.weight is not None:
        np.copyto(e, 0.0, where=call.spread() == 0)
    return e


def by_terms(call: Arranged, grad: Any, hess: Any) -> None:
    """The sum of what each term of a sum has."""
    hess[...] = 0.0
    for factor, part in zip(call.loss.factors, call.loss.parts, strict=True):
        term = copy(call)
        term.loss = part
        own = term.derivatives("grad_and_hess")
        TABLES["majorizer"][part.name](term, *own)
        hess += own[1] * hess.dtype.type(factor)


def softmax_bound(call: Arranged, grad: Any, hess: Any) -> None:
    """1/2, Boehning's (1992), times the weights of the target's classes."""
    number(lambda values: 0.5)(call, grad, hess)
    weights, smoothing = (call.objective.options.get(n) for n in ("class_weight", "label_smoothing"))
    if weights is not None:
        target, each = call.labels[-1], np.asarray(weights, np.float64)
        if target.ndim == 1:
            with np.errstate(invalid="ignore"):
                share = each.take(np.asarray(target).astype(np.intp), mode="clip")
        else:
            share = each @ (target if call.turned else target.T)
        share = (1.0 - (smoothing or 0.0)) * share + (smoothing or 0.0) * each.mean()
        np.multiply(hess, share if call.turned else share[:, None], out=hess, casting="same_kind")


def sigmoid_bound(call: Arranged, grad: Any, hess: Any) -> None:
    """tanh(score / 2) / (2 score), Jaakkola's and Jordan's (2000)."""
    half = 0.5 * call.scores
    bound = np.full_like(half, 0.25)
    np.divide(np.tanh(half), 4.0 * half, out=bound, where=half != 0)
    constant(call, grad, hess)
    np.multiply(hess, bound, out=hess)


def expected(call: Arranged, grad: Any, hess: Any) -> None:
    """The second derivative at the expected label, of losses whose second derivative is linear in it."""
    loss = call.loss
    if call.objective.rows:
        means = (loss.mean(call.scores, axis=0 if call.turned else -1),)
    elif loss.link == "sigmoid":
        p = loss.mean(call.scores)
        low, high = (np.full_like(p, end) for end in (loss.domains[1].low, loss.domains[1].high))
        at = [call.derivatives("grad_and_hess", labels=(x,))[1] for x in (low, high)]
        np.add((1.0 - p) * at[0], p * at[1], out=hess)
        return
    else:
        means = (loss.mean(call.scores),)
    hess[...] = call.derivatives("grad_and_hess", labels=means)[1]


_EVEN = ("huber", "smooth_l1", "pseudo_huber", "log_cosh", "cauchy", "welsch", "fair", "geman_mcclure")
_SLOWER = (*_EVEN, "absolute_error", "quantile", "lp")
"""Losses of a residual that grow slower than its square."""

TABLES: dict[str, dict[str, Preset]] = {
    "fisher": dict.fromkeys(
        ("squared_error", "half_squared_error", "poisson", "poisson_identity", "gamma", "gamma_identity", "tweedie",
         "tweedie_identity", "logistic", "binary_cross_entropy_with_logits", "cross_entropy"), expected,
    ),
    "majorizer": {
        **dict.fromkeys(("squared_error", "half_squared_error"), exact),
        **dict.fromkeys(_EVEN, over_residual),
        "absolute_error": over_distance(1.0),
        "quantile": over_distance(0.5),
        "lp": power,
        "expectile": number(lambda v: 2.0 * np.maximum(v["q"], 1.0 - v["q"])),
        **dict.fromkeys(("squared_hinge", "modified_huber", "squared_epsilon_insensitive"), number(lambda v: 2.0)),
        "smoothed_hinge": number(lambda v: 1.0 / v["gamma"]),
        "binary_sparsemax": number(lambda v: 0.5),
        **dict.fromkeys(("logistic", "binary_cross_entropy_with_logits"), sigmoid_bound),
        "cross_entropy": softmax_bound,
    },
    "xgboost": {
        **dict.fromkeys(("squared_error", "half_squared_error", "expectile", "gamma", "tweedie", "pseudo_huber"),
                        exact),
        **dict.fromkeys(("absolute_error", "quantile"), constant),
        **dict.fromkeys(("logistic", "binary_cross_entropy_with_logits"), times(1.0, FLOOR)),
        "poisson": times(math.exp(0.7)),
        "squared_log_error": times(1.0, 2e-6),
        "hinge": active,
        "cross_entropy": times(2.0, FLOOR),
        **dict.fromkeys(("lambdarank", "pairwise_logistic"), times(2.0)),
    },
    "lightgbm": {
        **dict.fromkeys(("squared_error", "half_squared_error", "fair", "gamma", "tweedie", "logistic",
                         "binary_cross_entropy_with_logits", "lambdarank"), exact),
        **dict.fromkeys(("absolute_error", "quantile", "huber", "absolute_percentage_error"), constant),
        "poisson": times(math.exp(0.7)),
        "cross_entropy": by_classes,
    },
}  # fmt: skip
"""Presets that differ by loss."""

HESSIANS: dict[str, Preset | None] = {
    "auto": None, "exact": exact, "positive": positive, "fisher": None, "majorizer": None, "constant": constant,
    "xgboost": None, "lightgbm": None,
}  # fmt: skip

_ONLY: dict[str, tuple[str, Callable[[Mapping[str, Any]], bool]]] = {
    "lp": ("p of at most 2", lambda v: v["p"] <= 2.0),
    "binary_cross_entropy_with_logits": ("pos_weight=1", lambda v: v["pos_weight"] == 1.0),
    "cross_entropy": ("z_loss=0 and no softcap", lambda v: v["z_loss"] == 0.0 and v["softcap"] is None),
}
"""Parameters that the bound of a loss needs, in words and as a test."""


def preset_of(name: str, loss: Any) -> Preset | None:
    """The function that a name stands for with a loss; None where there is none."""
    if name not in TABLES:
        return HESSIANS[name]
    if hasattr(loss, "parts"):  # no term may pull down what the others hold up
        terms = zip(loss.factors, loss.parts, strict=True)
        known = name == "majorizer" and all(f >= 0.0 and preset_of(name, part) is not None for f, part in terms)
        return by_terms if known and not hasattr(loss, "target") else None
    if not of_the_library(loss):
        return None
    only = _ONLY.get(loss.name)
    if name == "majorizer" and only is not None and (loss.arrays or not only[1](loss.values)):
        return None
    return TABLES[name].get(loss.name)


def of_the_library(loss: Any) -> bool:
    """Whether a loss is what its name says here: your own may have the same name, or be differentiated otherwise."""
    return getattr(loss, "frozen", None) is None and getattr(loss, "by", ()) in ((), loss.inputs[:1])
