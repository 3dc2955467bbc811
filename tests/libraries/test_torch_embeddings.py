"""Losses of embeddings beside torch's own, and beside the formulas of batches in torch's operations.

torch is no oracle where vectors are equal: it adds an eps to each coordinate of a difference, which moves them apart in
one direction. With ``eps=0`` its gradient is NaN there. Nor is it for labels that are none, whose loss is 0 there.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastloss as fl

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def agree(got: Any, formula: Any, arrays: Any) -> None:
    """Value and gradients are those that autograd finds."""
    given = [torch.tensor(x, requires_grad=True) for x in arrays]
    value = formula(*given)
    value.backward()
    assert_allclose(got[0], value.item(), rtol=1e-12)
    found = got[1] if isinstance(got[1], tuple) else (got[1],)
    for grad, x in zip(found, given, strict=True):
        assert_allclose(grad, x.grad.numpy(), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("swap", [False, True])
def test_triplets(swap: bool, rng: np.random.Generator) -> None:
    arrays = rng.standard_normal((3, 20, 5))
    own = functional.triplet_margin_loss
    agree(fl.triplet_margin.value_and_grad(*arrays, swap=swap), lambda *x: own(*x, eps=0.0, swap=swap), arrays)
    other = functional.triplet_margin_with_distance_loss
    for name, distance in {
        "cosine": lambda a, b: 1 - functional.cosine_similarity(a, b),
        "squared_euclidean": lambda a, b: (a - b).square().sum(dim=-1),
    }.items():
        got = fl.triplet_margin.value_and_grad(*arrays, distance=name, swap=swap, margin=0.5)
        agree(got, lambda *x, d=distance: other(*x, distance_function=d, margin=0.5, swap=swap), arrays)


def test_pairs_and_scores(rng: np.random.Generator) -> None:
    a, b, y = *rng.standard_normal((2, 20, 5)), rng.choice([-1.0, 1.0], 20)
    marks = torch.tensor(y)
    agree(fl.cosine_embedding.value_and_grad(a, b, y, margin=0.1),
          lambda p, q: functional.cosine_embedding_loss(p, q, marks, margin=0.1), (a, b))  # fmt: skip
    agree(fl.margin_ranking.value_and_grad(a[:, 0], b[:, 0], y, margin=0.5),
          lambda p, q: functional.margin_ranking_loss(p, q, marks, margin=0.5), (a[:, 0], b[:, 0]))  # fmt: skip
    agree(fl.hinge_embedding.value_and_grad(np.abs(a[:, 0]), y),
          lambda d: functional.hinge_embedding_loss(d, marks), (np.abs(a[:, 0]),))  # fmt: skip


def test_batches(rng: np.random.Generator) -> None:
    bench = importlib.import_module("bench.embeddings")
    a, b, y = *rng.standard_normal((2, 24, 5)), np.repeat(np.arange(8), 3)
    for both in (False, True):
        agree(fl.info_nce.value_and_grad(a, b, symmetric=both), bench.torch_info_nce(both), (a, b))
    agree(fl.nt_xent.value_and_grad(a, b), bench.torch_nt_xent, (a, b))
    agree(fl.supervised_contrastive.value_and_grad(a, y), bench.torch_supervised(y), (a,))
    for way in ("all", "hard"):
        agree(fl.batch_triplet_margin.value_and_grad(a, y, mining=way), bench.torch_mined(y, way), (a,))
