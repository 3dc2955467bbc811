"""Losses with algorithms of their own, of extreme inputs: no result is off by more than rounded inputs excuse.

As `test_parameter_edges` of losses of elements and rows; a gradient is held to units of its largest number, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conditioned import BOUND, off
from data import some
from edge_cases import CASES, loss
from elements import TYPES

import fastloss as fl
from fastloss.structured.verbs import HostLoss

pytestmark = pytest.mark.usefixtures("compiled_at_last")

WIDER = {
    # Cosines of unit vectors are rounded as numbers near 1 are, whatever inputs move them by.
    "circle": 8_000.0,
    "info_nce": 256.0,
    "nt_xent": 64.0,
    "supervised_contrastive": 64.0,
    "cosine_embedding": 1_024.0,  # of a margin of -1: 2 - d, of distances near 2
    "cox": 32.0,  # weights of 36 powers of ten, whose logarithms are rounded as scores of their size are
    "ctc": 64.0,  # a frame's probability less a share that is as large: of sure ones by exponentials of rounded scores
}
"""What is off by more, as found in either type, and why."""


def test_every_loss_has_cases() -> None:
    ours = {x.name for x in (getattr(fl, name) for name in fl.__all__) if isinstance(x, HostLoss)}
    pairs = {"relativistic.discriminator", "relativistic.generator"}  # losses of elements
    gans = {f"{n}.{p}" for n in fl.gan.__all__ if n.islower() for p in ("discriminator", "generator")} - pairs
    penalties = {"l1", "l2", "elastic_net", "group_lasso", "total_variation"}
    assert {*CASES} == (ours - {"multibox"}) | gans | penalties  # multibox is composed of losses of elements and rows


@pytest.mark.parametrize("dtype", some(TYPES, ["float64"]))
@pytest.mark.parametrize("name", CASES)
def test_edges(name: str, dtype: str) -> None:
    found = (
        each for case in CASES[name](name, np.random.default_rng(23)) for each in off(case, loss(name), TYPES[dtype])
    )
    worst, where = max(found)
    assert worst <= WIDER.get(name, BOUND), f"{worst:.1f} units: {where}"


@pytest.mark.parametrize("name", [n for n in CASES if isinstance(loss(n), HostLoss)])
def test_a_gradient_in_the_place_of_its_input(name: str) -> None:
    """The same as in an array of its own, where a sample is absent, too."""
    own, case = loss(name), next(CASES[name](name, np.random.default_rng(23)))
    given: dict[str, Any] = {**case.keywords, "reduction": "none"}
    shape = np.shape(own(*case.arrays, *case.others, **given))
    given["reduction"] = "sum"
    if shape == np.shape(case.arrays[0])[: len(shape)] != ():
        given["weight"] = np.ones(shape)
        given["weight"].flat[0] = 0.0
    arrays = [np.array(x, np.float64) for x in case.arrays]
    expected = own.value_and_grad(*arrays, *case.others, **given)
    places = [arrays[k] for k in own.wrt]
    value, _ = own.value_and_grad(*arrays, *case.others, **given, out=places[0] if len(places) == 1 else tuple(places))
    assert value == expected[0]
    for got, right in zip(places, expected[1] if len(places) > 1 else expected[1:], strict=True):
        np.testing.assert_array_equal(got, right)
