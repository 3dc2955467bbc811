"""Sums of losses run on a GPU as every other loss does: of elements, and of rows."""

from __future__ import annotations

from typing import Any

import hosted
import numpy as np

import fastloss as fl


def test_elements(gpu: Any, rng: np.random.Generator) -> None:
    loss = 2.0 * fl.huber - fl.quantile.bind(q=0.75)
    x, y = rng.normal(size=(2, 50)).astype("f")
    for verb in (loss.value_and_grad, loss.grad_and_hess):
        hosted.both(verb, x, y)
    hosted.both(loss.grad, x, y, huber__delta=0.25)


def test_rows(gpu: Any, rng: np.random.Generator) -> None:
    loss = 0.75 * fl.cross_entropy + 0.25 * fl.multiclass_focal
    z, label = rng.normal(size=(4, 7)).astype("f"), rng.integers(0, 7, 4)
    hosted.both(loss.value_and_grad, z, label)
