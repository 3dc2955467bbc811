"""No call's outcome depends on the calls before it: each kind of call, cold and after every other, bit by bit."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from data import draw, rest
from rowwise import sample

import fastloss as fl

VERBS = {"__call__": 0, "value_and_grad": 1, "grad": 1, "grad_and_hess": 2}
"""How many arrays each verb writes for every input that it differentiates."""


pytestmark = pytest.mark.usefixtures("uncompiled")


def kinds(verb: str, inputs: int, count: int, weighted: bool, each: bool) -> list[Any]:
    """What each input is an array of, and each part of `out`: a number is a place among the arrays, last the weights."""
    places = [(*range(inputs),), (0, *([0] * (inputs - 1)))]
    weights = [inputs, 0] if weighted else [None]
    parts = VERBS[verb] * count or each
    every: list[Any] = ["apart", "view", *range(inputs + weighted)]
    # One part at a time, and all alike.
    outs = {tuple(p if k == here else "apart" for k in range(parts)): None for p in every for here in range(parts)}
    outs |= {(p,) * parts: None for p in every if parts}
    return list(product(places, weights, [None, *outs]))


def outcome(loss: Any, verb: str, arrays: list[Any], options: Any, kind: Any) -> Any:
    """What the call returns and what it leaves in every array; or its error, after which the arrays are as they were."""
    place, weight, parts = kind
    own = [x.copy() for x in arrays]
    apart = np.zeros_like(own[0])
    out: Any = None
    if parts is not None:
        chosen = [apart if p == "apart" else own[0][:] if p == "view" else own[p] for p in parts]
        count = len(loss.wrt) if isinstance(loss, fl.Loss) else 1
        pairs = [tuple(chosen[:count]), tuple(chosen[count:])] if count > 1 and verb != "__call__" else chosen
        out = pairs[0] if verb != "grad_and_hess" else tuple(pairs)
    try:
        found = getattr(loss, verb)(
            *[own[k] for k in place], weight=None if weight is None else own[weight], out=out, **options
        )
    except ValueError as error:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(arrays, own, strict=True)), (
            "written before it was refused"
        )
        return str(error)
    return told([found, own, apart])


def told(x: Any) -> Any:
    return [told(y) for y in x] if isinstance(x, (list, tuple)) else (np.shape(x), np.asarray(x).tobytes())


def hold(loss: Any, arrays: list[Any], options: dict[str, Any], verb: str, weighted: bool) -> None:
    count = len(loss.wrt) if isinstance(loss, fl.Loss) else 1
    each = options["reduction"] == "none"
    known = kinds(verb, len(loss.inputs), count, weighted, each and verb == "__call__")
    cold = [outcome(loss.bind(), verb, arrays, options, kind) for kind in known]
    for before in known:
        used = loss.bind()
        outcome(used, verb, arrays, options, before)
        for kind, expected in zip(known, cold, strict=True):
            assert outcome(used, verb, arrays, options, kind) == expected, (before, kind)
    over = [c for kind, c in zip(known, cold, strict=True) if kind[2] and kind[0][1] == 0 and 0 in kind[2]]
    assert all(isinstance(c, str) and "overlap" in c for c in over), "written over another input"


ELEMENTS = [
    *product(["poisson", "root_mean_squared_error"], [False, True]),
    ("gaussian_nll", False),
    rest(("gaussian_nll", True)),
]
"""Kinds of losses, with weights or without; three inputs and weights have as many kinds of calls as the others together."""

ROWS = [("cross_entropy", 3), ("soft_distillation", 130), rest(("cross_entropy", 130)), rest(("soft_distillation", 3))]
"""Among the few each loss has one length and each length one loss: what is remembered of one is not of the other."""


@pytest.mark.parametrize(("name", "weighted"), ELEMENTS)
@pytest.mark.parametrize("verb", list(VERBS))
def test_elements(name: str, verb: str, weighted: bool, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    for reduction in ["mean"] if loss.rooted else ["mean", "none"]:
        arrays = [np.abs(x) for x in draw(loss, (3,), "f8", rng)]
        hold(loss, [*arrays, rng.random(3)], {"reduction": reduction}, verb, weighted)


@pytest.mark.parametrize(("name", "classes"), ROWS)
@pytest.mark.parametrize("verb", list(VERBS))
def test_rows(name: str, verb: str, classes: int, rng: np.random.Generator) -> None:
    loss = fl.LOSSES[name]
    arrays = [np.abs(x) for x in sample(loss, (2, classes), False, rng)]
    hold(loss, [*arrays, rng.random(2)], {"reduction": "mean"}, verb, False)
