"""What takes the place of a second derivative: a table of presets, a function each.

===============  =======================================================================================================
``"auto"``       ``"majorizer"`` for losses of a residual that grow slower than its square (absolute, quantile, Huber,
                 Cauchy, ..., and your own) and sums of them: their second derivative is 0, or negative, where it
                 matters; else ``"positive"``
``"exact"``      the second derivative as it is, also where it is 0 or negative
``"positive"``   the same, but at least 1e-16; 1 in a call that has nothing but zeros
``"fisher"``     its expectation, were the label drawn from the model; for likelihoods
``"majorizer"``  the curvature of a parabola that touches the loss at the score and is nowhere below it: a step to its
                 minimum never makes the loss larger; of a sum, that of each term. Of your own losses of a
                 residual it is found by trying
``"constant"``   1
``"xgboost"``    what XGBoost 3.2 has for the objective of this loss
``"lightgbm"``   what LightGBM 4.7 has
===============  =======================================================================================================

All of them are multiplied by the row's weight. `min_hessian` times the weight is the least that they are raised to.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.wording import listed, nearest, shown
from ..loss import Loss
from .majorizers import (
    Number,
    OverDistance,
    Tried,
    constant,
    over_residual,
    power,
    sigmoid_bound,
    softmax_bound,
    tried,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .arranged import Arranged
    from .majorizers import Preset

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
            name = "majorizer" if slower(loss) and preset_of("majorizer", loss) is not None else "positive"
        preset = preset_of(name, loss)
        needless = isinstance(preset, Tried) or preset is by_terms or name == "constant"
        if loss.order < 2 and not needless:
            raise TypeError(f"{loss.name} has no second derivative, and hessian is {name!r}: hessian='constant' puts 1 "
                            "in its place")  # fmt: skip
        if preset is None:
            raise TypeError(f"{loss.name}: hessian is {name!r}, which is known {_known(name, loss)}; every loss has "
                            "'positive' and 'constant'")  # fmt: skip
        self.name = name
        self.least = (FLOOR if name == "positive" else 0.0) if least is None else float(least)
        self.exact = name != "constant" and loss.order > 1
        """Whether the loss's own second derivative is asked for."""
        found = level(preset, loss)
        self.level = found and (*found[:2], max(found[2], self.least) if self.least > 0.0 else found[2])
        """What takes a second derivative's place, by what it is multiplied and what it is raised to, if that is all."""
        self.fills = preset is positive
        """Whether 1 stands for second derivatives that are all 0 in a call."""

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


@dataclass(frozen=True)
class Times:
    """The second derivative times a number, and at least another."""

    factor: float
    least: float = -math.inf

    def __call__(self, call: Arranged, grad: Any, hess: Any) -> None:
        """Bring it there."""
        if self.factor != 1.0:
            np.multiply(hess, hess.dtype.type(self.factor), out=hess)
        if self.least > 0.0:
            raised(call, hess, self.least)


def level(preset: Any, loss: Any) -> tuple[str, float, float] | None:
    """The curve that a preset takes, by what it multiplies it, and what it raises that to, if that is all it does."""
    if isinstance(preset, Times):
        return "own", preset.factor, preset.least
    if isinstance(preset, Number) and not loss.arrays:
        return "own", 0.0, float(preset.value(loss.values))
    if isinstance(preset, Tried):
        return None if preset.kink or preset.both is not None else ("chord", 1.0, -math.inf)
    if isinstance(preset, OverDistance):
        return "distance", preset.factor, -math.inf
    return LEVELS.get(preset)


def raised(call: Arranged, hess: Any, least: float) -> None:
    """Raise a second derivative to at least a number times the weight."""
    floor = hess.dtype.type(least)
    most = floor if call.weight is None else floor * call.weight.max(initial=0.0)
    if hess.size and not hess.min() >= most:  # writing takes several times the time of looking
        np.maximum(hess, floor if call.weight is None else call.spread() * floor, out=hess)


def by_classes(call: Arranged, grad: Any, hess: Any) -> None:
    """K / (K - 1) times the second derivative."""
    classes = hess.shape[0 if call.turned else -1]
    Times(classes / (classes - 1.0))(call, grad, hess)


def active(call: Arranged, grad: Any, hess: Any) -> None:
    """1 where the gradient is not 0, else the smallest number."""
    constant(call, grad, hess)
    np.multiply(hess, np.where(grad != 0, 1.0, np.finfo(np.float32).tiny), out=hess)


def by_terms(call: Arranged, grad: Any, hess: Any) -> None:
    """The sum of what each term of a sum has."""
    hess[...] = 0.0
    for factor, part in zip(call.loss.factors, call.loss.parts, strict=True):
        term = copy(call)
        term.loss = part
        if part.order > 1:
            own = term.derivatives("grad_and_hess")
        else:
            slope = term.derivatives("grad")
            own = slope, np.empty_like(slope)
        majorizer: Any = preset_of("majorizer", part)
        majorizer(term, *own)
        hess += own[1] * hess.dtype.type(factor)


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
         "tweedie_identity", "negative_binomial", "logistic", "binary_cross_entropy_with_logits", "cross_entropy"),
        expected,
    ),
    "majorizer": {
        **dict.fromkeys(("squared_error", "half_squared_error"), exact),
        **dict.fromkeys(_EVEN, over_residual),
        "absolute_error": OverDistance(1.0),
        "quantile": OverDistance(0.5),
        "lp": power,
        "expectile": Number(lambda v: 2.0 * np.maximum(v["q"], 1.0 - v["q"])),
        **dict.fromkeys(("squared_hinge", "modified_huber", "squared_epsilon_insensitive"), Number(lambda v: 2.0)),
        "smoothed_hinge": Number(lambda v: 1.0 / v["gamma"]),
        "binary_sparsemax": Number(lambda v: 0.5),
        **dict.fromkeys(("logistic", "binary_cross_entropy_with_logits"), sigmoid_bound),
        "cross_entropy": softmax_bound,
    },
    "xgboost": {
        **dict.fromkeys(("squared_error", "half_squared_error", "expectile", "gamma", "tweedie", "pseudo_huber",
                         "cox"), exact),
        **dict.fromkeys(("absolute_error", "quantile"), constant),
        **dict.fromkeys(("logistic", "binary_cross_entropy_with_logits"), Times(1.0, FLOOR)),
        "poisson": Times(math.exp(0.7)),
        "squared_log_error": Times(1.0, 2e-6),
        "hinge": active,
        "cross_entropy": Times(2.0, FLOOR),
        **dict.fromkeys(("lambdarank", "pairwise_logistic"), Times(2.0)),
    },
    "lightgbm": {
        **dict.fromkeys(("squared_error", "half_squared_error", "fair", "gamma", "tweedie", "logistic",
                         "binary_cross_entropy_with_logits", "lambdarank"), exact),
        **dict.fromkeys(("absolute_error", "quantile", "huber", "absolute_percentage_error"), constant),
        "poisson": Times(math.exp(0.7)),
        "cross_entropy": by_classes,
    },
}  # fmt: skip
"""Presets that differ by loss."""

LEVELS: dict[Any, tuple[str, float, float]] = {
    exact: ("own", 1.0, -math.inf), positive: ("own", 1.0, -math.inf), constant: ("own", 0.0, 1.0),
    over_residual: ("chord", 1.0, -math.inf),
}  # fmt: skip

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


def _known(name: str, loss: Any) -> str:
    """Of what losses a preset is known, for one of which it is not."""
    if name == "majorizer" and loss.name in _ONLY and of_the_library(loss):
        return f"for {_ONLY[loss.name][0]}"
    more = ", of their sums, and of losses that grow no faster than a residual's square" if name == "majorizer" else ""
    return f"of fastloss's {listed(TABLES[name])}{more}"


def preset_of(name: str, loss: Any) -> Preset | None:
    """The function that a name stands for with a loss; None where there is none."""
    if name not in TABLES:
        return HESSIANS[name]
    found: Preset | None = _of_a_sum(name, loss) if hasattr(loss, "parts") else _of_the_table(name, loss)
    if found is None and name == "majorizer" and isinstance(loss, Loss):
        found = tried(loss)
    return found


def _of_a_sum(name: str, loss: Any) -> Preset | None:
    terms = zip(loss.factors, loss.parts, strict=True)  # none of them may pull down what the others hold up
    known = name == "majorizer" and all(f >= 0.0 and preset_of(name, part) is not None for f, part in terms)
    return by_terms if known else None


def _of_the_table(name: str, loss: Any) -> Preset | None:
    only = _ONLY.get(loss.name) if name == "majorizer" else None
    if not of_the_library(loss) or (only is not None and (loss.arrays or not only[1](loss.values))):
        return None
    return TABLES[name].get(loss.name)


def slower(loss: Any) -> bool:
    """Whether a loss of a residual grows slower than its square."""
    if hasattr(loss, "parts"):
        return all(slower(part) for part in loss.parts)
    found = preset_of("majorizer", loss)
    return found.slower if isinstance(found, Tried) else found is not None and loss.name in _SLOWER


def of_the_library(loss: Any) -> bool:
    """Whether a loss is what its name says here: your own may have the same name, or be differentiated otherwise."""
    return getattr(loss, "frozen", None) is None and getattr(loss, "by", ()) in ((), loss.inputs[:1])
