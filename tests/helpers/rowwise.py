"""Rows for tests, and memory for them."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from data import some
from numpy.testing import assert_allclose

import fastloss as fl

BRAIN = ml_dtypes.bfloat16

# The elementary functions are within 2 units in the last place of the compute type, an exponential adds its argument's
# rounding times the argument (here at most 20), and a row sums strips of 2,048 terms.
TOLERANCE = {"f8": 2e-14, "f4": 1e-5}

KINDS = [3, 20, 150]
"""Classes for each way of going through rows: lanes, squares, row by row."""

SOME_KINDS = some(KINDS, [20], plain=True)
"""Of what a law says one way is compiled: each keyword's kernels in each way are those of `test_options`."""


def scores(shape: Any, dtype: Any, rng: np.random.Generator) -> Any:
    return rng.normal(0.0, 3.0, shape).astype(dtype)


def targets(kind: str, n: int, k: int, dtype: Any, rng: np.random.Generator) -> Any:
    return rng.integers(0, k, n) if kind == "labels" else rng.dirichlet(np.ones(k), n).astype(dtype)


def draw(loss: fl.RowLoss, n: int, k: int, dtype: Any, rng: np.random.Generator, kind: str = "") -> list[Any]:
    """The inputs of any row loss: numbers in their domains; as a target a distribution, unless 0 and 1 are all it may
    hold, or what target it takes."""
    arrays = [domain.sample(rng, (n, k)).astype(dtype) for domain in loss.domains]
    if loss.inputs[-1] == "target" and not loss.domains[-1].ends_only:
        kind = kind or {"both": "labels", "none": "dense"}.get(loss.target, loss.target)
        arrays[-1] = targets(kind, n, k, dtype, rng)
    return arrays


def close(actual: Any, expected: Any, tolerance: float) -> None:
    scale = np.abs(np.asarray(expected)).max(initial=0.0)
    assert_allclose(np.asarray(actual).astype(np.float64), expected, rtol=tolerance, atol=tolerance * scale)


def layouts(x: Any) -> dict[str, Any]:
    """The same rows in every kind of memory that can be written to."""
    wide, tall = np.zeros((x.shape[0] * 2, x.shape[1] * 3), x.dtype), np.zeros((x.shape[0], x.shape[1] + 5), x.dtype)
    wide[::2, 1::3] = tall[:, 2:-3] = x
    return {"Fortran": np.asfortranarray(x), "strided": wide[::2, 1::3], "slice": tall[:, 2:-3],
            "rows reversed": x[::-1].copy()[::-1], "classes reversed": x[:, ::-1].copy()[:, ::-1]}  # fmt: skip


def sample(loss: fl.RowLoss, shape: tuple[int, int], labels: bool, rng: np.random.Generator) -> list[Any]:
    """Scores inside their domains; labels, or a dense target whose rows sum to 1."""
    arrays = [domain.sample(rng, shape) for domain in loss.domains]
    if loss.target != "none":
        arrays[-1] = rng.integers(0, shape[1], shape[0]) if labels else rng.dirichlet(np.ones(shape[1]), shape[0])
    return arrays
