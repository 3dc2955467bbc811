"""The row templates as compiled against the same templates run as plain Python, for every row loss."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import plain
import pytest
from data import EACH_KIND, ROWS, at_once, some
from numpy.testing import assert_allclose
from rowwise import sample

import fastloss as fl
from fastloss.kernels.cpu import compile as cpu

# float64, and elementary functions that are within 2 units in the last place.
ROUNDING = 1e-12


BOTH_WAYS = [*product(EACH_KIND, [21, 131])]
OTHERS = [(name, 131) for name in ROWS if name not in EACH_KIND]
"""The losses that go through short rows in float32, against their formulas."""


FIRST = [*product(EACH_KIND, [21]), *product(["cross_entropy", "multilabel_margin"], [131])]
"""Long rows once by classes and once by pairs."""


@pytest.mark.parametrize(("name", "classes"), some([*BOTH_WAYS, *OTHERS], FIRST))
def test_compiled_is_plain(name: str, classes: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """66 short rows are a full tile, which goes through squares, and the beginning of another, which does not."""
    loss = fl.LOSSES[name]
    arrays = sample(loss, (66, classes), loss.target in ("labels", "both"), rng)
    weight = np.where(rng.random(66) < 0.2, 0.0, rng.random(66))

    def results() -> Any:
        if (name, classes) not in product(EACH_KIND, [131]):  # others take their kernel, too
            return at_once(loss, *arrays, weight=weight)
        return loss.bind().value_and_grad(*arrays, weight=weight)

    found = results()
    monkeypatch.setattr(cpu, "runner", lambda plan, size, backend: lambda *args: plain.run(plan, (0, 0), *args))
    for a, b in zip(found, results(), strict=True):
        assert_allclose(a, b, rtol=ROUNDING, atol=ROUNDING * np.abs(np.asarray(b)).max())
