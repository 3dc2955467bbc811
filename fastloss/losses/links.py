"""Links: functions that make of a loss's raw scores what they predict, probabilities and means."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..define.domain import POSITIVE
from ..loss import Loss
from ..registry import LINKS
from .special import Jet, sigmoids

Mean = Callable[[Any, int, Mapping[str, Any]], Any]
"""A function of raw scores, the axis of a row and the loss's parameters."""


class Link(NamedTuple):
    """A link, by whose name a loss declares it: ``@pointwise(link="exp")``."""

    mean: Mean
    raw: Callable[[Any], Any]
    """The inverse, of NumPy's arrays."""
    unit: bool = False
    """Whether what is predicted is a probability."""


def exponential(raw: float) -> Jet:
    """exp."""
    e = math.exp(raw)
    return e, e, e


def sigmoid(raw: float, scale: float = 1.0) -> Jet:
    """1 / (1 + exp(-scale raw))."""
    _, up, down = sigmoids(scale * raw)
    slope = scale * up * down
    return up, slope, scale * slope * (down - up)


def hard_sigmoid(raw: float) -> Jet:
    """(1 + raw) / 2, between 0 and 1."""
    certain = raw >= 1.0 or raw <= -1.0
    p = 1.0 if raw >= 1.0 else (0.0 if raw <= -1.0 else 0.5 + 0.5 * raw)
    return p, 0.0 if certain else 0.5, 0.0


def capped(raw: float, softcap: float = 1.0) -> Jet:
    """softcap tanh(raw / softcap)."""
    tanh = math.tanh(raw / softcap)
    slope = 1.0 - tanh * tanh
    return softcap * tanh, slope, -2.0 * tanh * slope / softcap


_CAPPED = Loss(capped, domains={"softcap": POSITIVE})


def _each(jet: Callable[..., Jet], **parameters: float) -> Mean:
    """A function of each score."""
    function = Loss(jet, domains={}).bind(**parameters)
    return lambda raw, axis, values: function(raw, reduction="none")


def _softmax(raw: Any, axis: int, values: Mapping[str, Any]) -> Any:
    from .functions import softmax  # some losses are imported with it, and links are there before any

    cap = values.get("softcap")
    return softmax(raw if cap is None else _CAPPED(raw, softcap=cap, reduction="none"), axis)


def _sparsemax(raw: Any, axis: int, values: Mapping[str, Any]) -> Any:
    from .functions import sparsemax

    return sparsemax(raw, axis)


def _logit(p: Any) -> Any:
    return np.log(p) - np.log1p(-p)


LINKS.update(
    identity=Link(lambda raw, axis, values: raw, lambda mean: mean),
    exp=Link(_each(exponential), np.log),
    sigmoid=Link(_each(sigmoid), _logit, True),
    double_sigmoid=Link(_each(sigmoid, scale=2.0), lambda p: 0.5 * _logit(p), True),
    hard_sigmoid=Link(_each(hard_sigmoid), lambda p: 2.0 * p - 1.0, True),
    softmax=Link(_softmax, np.log, True),
    sparsemax=Link(_sparsemax, lambda p: p, True),
)
