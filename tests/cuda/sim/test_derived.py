"""A loss that is derived of its value runs on a GPU as those do that are written by hand."""

from __future__ import annotations

from typing import Any

import hosted
import numpy as np

import fastloss as fl


def test_on_a_gpu(gpu: Any, rng: np.random.Generator) -> None:
    @fl.derive(target=fl.UNIT, gamma=fl.NON_NEGATIVE)
    def focal(pred: Any, target: Any, gamma: Any = 1.5) -> Any:
        p, q = fl.math.sigmoid(pred), fl.math.sigmoid(-pred)
        surprise = target * fl.math.softplus(-pred) + (1.0 - target) * fl.math.softplus(pred)
        return (target * q + (1.0 - target) * p) ** gamma * surprise

    x, t = rng.normal(size=50).astype("f"), rng.random(50).astype("f")
    for verb in (focal.value_and_grad, focal.grad_and_hess):
        hosted.both(verb, x, t)
    found = hosted.both(focal.with_respect_to("target").grad, x, t)
    assert np.isfinite(hosted.host(found)).all()
