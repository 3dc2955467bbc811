"""Inputs for any loss: drawn inside its domains, by its own account of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastloss as fl
from fastloss.arrays import evaluate, evaluate_rows
from fastloss.define.keywords import GRAD, HESS, VALUE, Call

NAMES = [name for name, loss in fl.LOSSES.items() if isinstance(loss, fl.Loss)]
ROWS = [name for name, loss in fl.LOSSES.items() if isinstance(loss, fl.RowLoss)]
REPRESENTATIVE = [
    "huber",  # parameters, no domain
    "binary_cross_entropy_with_logits",  # a domain, transcendental
    "hinge",  # a domain of two points
    "gaussian_nll",  # three inputs, two gradients
    "root_mean_squared_error",  # two passes
]
"""One loss of each kind that the templates and the dispatch treat differently."""

EACH_KIND = [
    "cross_entropy",
    "multiclass_hinge",  # a maximum that depends on the label
    "multiclass_hinge_sum",  # a second sum
    "kl_divergence",  # two scores, no maximum, a domain
    "soft_distillation",  # two maxima
    "multilabel_margin",  # pairs of scores
]
"""The same of row losses."""


@fl.pointwise
def stairs(pred: float, target: float) -> tuple[float, float, float]:
    """Loops as often as the residual is large, and for ever where 1 more is lost to rounding."""
    r, k = abs(pred - target), 0.0
    while k < r:
        k += 1.0
    return k * r, k if pred > target else -k, 0.0


def some(values: Iterable[Any], few: Collection[Any], *, tuples: bool = False, plain: bool = False) -> list[Any]:
    """All values for `parametrize`, of which those beside `few` run with `--rest` and `--full` alone.

    A tuple is a value for each of several names, unless the values are `tuples`. The others may be `plain`: of them no
    kernel is compiled, where `compiled_at_last` lets tests do without.
    """
    values = list(values)
    strange = [value for value in few if value not in values]
    assert not strange, f"not among the values: {strange}"
    return [value if value in few else rest((value,) if tuples else value, plain=plain) for value in values]


def rest(value: Any, *, plain: bool = False) -> Any:
    """One value, or those of several names, that runs with `--rest` and `--full` alone."""
    marks = [pytest.mark.full, *[pytest.mark.plain] * plain]
    if hasattr(value, "marks"):
        return pytest.param(*value.values, marks=[*value.marks, *marks], id=value.id)
    return pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=marks)


def draw(loss: fl.Loss, shape: int | tuple[int, ...], dtype: Any, rng: np.random.Generator) -> list[NDArray[Any]]:
    """One array per input of the loss."""
    return [domain.sample(rng, shape).astype(dtype) for domain in loss.domains]


def at_once(loss: Any, *inputs: Any, weight: Any = None, **parameters: Any) -> tuple[Any, Any, Any]:
    """The value of each element or row, gradient and second derivative of their sum: of one kernel, not of two verbs'.

    Of a root, which is one of a mean, it is the only value.
    """
    want, reduction = VALUE | GRAD | HESS, "mean" if loss.rooted else "none"
    smoothing = parameters.pop("label_smoothing", 0.0) if isinstance(loss, fl.RowLoss) else 0.0
    loss = loss.bind(**parameters)  # anew, for the short way of later calls knows what verbs want, no more
    if isinstance(loss, fl.RowLoss):
        call = Call(want, weight=weight, axis=-1, label_smoothing=smoothing, reduction=reduction)
        value, grad, hess = evaluate_rows(loss, inputs, call, {})
    else:
        value, grad, hess = evaluate(loss, want, inputs, weight, reduction, None, "nan", None, None, None, {})
    return value, grad, hess


def watched(module: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each call from now on went a short way."""
    short, evaluate = [], getattr(module, name)

    def spy(*arguments: Any) -> Any:
        result = evaluate(*arguments)
        short.append(result is not None)
        return result

    monkeypatch.setattr(module, name, spy)
    return short


def same_bits_on_threads(call: Any) -> Any:
    """Hold that `call(backend=...)` returns the same bits on any number of threads as serially; return these."""
    expected = call(backend="serial")
    before = fl.get_num_threads()
    try:
        for n in (1, 2):
            fl.set_num_threads(n)
            for found, serial in zip(gradients(call(backend="parallel")), gradients(expected), strict=True):
                np.testing.assert_array_equal(found, serial)
    finally:
        fl.set_num_threads(before)
    return expected


def gradients(result: Any) -> tuple[NDArray[Any], ...]:
    """The derivatives of a verb as a tuple, also where there is one."""
    return result if isinstance(result, tuple) else (result,)
