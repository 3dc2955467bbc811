"""Penalties of each coefficient on a pretended GPU, their kernels in the simulator, against the same on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hosted import Hosted, both, raises
from numpy.testing import assert_array_equal

import fastloss as fl

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]

OWN = fl.penalties.l1([0.0, 1.0, 2.0, 3.0, 4.0])
PENALTIES = [fl.penalties.l1(0.5), fl.penalties.l2(0.5), fl.penalties.elastic_net(0.5, l1_ratio=0.25)]


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_verbs(penalty: Any, gpu: Any, rng: np.random.Generator) -> None:
    w = rng.normal(size=(3, 5)).astype("f4")
    mask = rng.random((3, 5)) < 0.5
    for _ in range(2):  # the second time by the short way
        both(penalty.value_and_grad, w)
    both(penalty.prox, w, step=0.5)
    both(penalty.value_and_grad, w, mask=mask, intercept="last")
    both(penalty.prox, w, step=0.5, mask=mask)
    both(penalty.prox, w[0], step=0.5, intercept="first")
    assert gpu.waits == 0
    out = Hosted(w.copy())
    assert penalty.prox(out, 0.5, out=out) is out
    assert_array_equal(out.array, penalty.prox(Hosted(w), 0.5).array)


def test_errors(gpu: Any) -> None:
    w = Hosted(np.ones((3, 5), "f4"))
    for call, kind, text in (
        (lambda: PENALTIES[0](w, mask=np.ones(5, bool)), TypeError, r"penalties\.l1: mask is an array .* where w is"),
        (lambda: PENALTIES[0](w, mask=Hosted(np.ones(5))), TypeError, "mask has dtype float64, expected booleans"),
        (lambda: PENALTIES[0](w, intercept=-1), ValueError, "intercept is -1"),
        (
            lambda: OWN(w),
            TypeError,
            r"penalties\.l1: strength is an array on the host and w .* on a GPU, expected a number",
        ),
        (lambda: OWN.prox(w, intercept="last"), TypeError, "strength is an array on the host"),
        (lambda: fl.penalties.group_lasso(1.0, axis=0)(w), TypeError, r"penalties\.group_lasso: w is .* there alone"),
        (lambda: fl.penalties.total_variation(1.0)(w), TypeError, r"penalties\.total_variation: w is .* there alone"),
    ):
        raises(gpu, call, kind, text)
