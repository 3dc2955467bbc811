"""Connectionist temporal classification beside torch's, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import fastloss as fl

torch = pytest.importorskip("torch")


def theirs(z: Any, targets: Any, frames: Any, symbols: Any, **options: Any) -> tuple[Any, Any]:
    """Of logits that come frames first, and the gradient of the sum."""
    given = torch.tensor(z, requires_grad=True)
    lengths = torch.tensor(frames), torch.tensor(symbols)
    loss = torch.nn.functional.ctc_loss(given.log_softmax(-1), torch.tensor(targets), *lengths, **options)
    loss.sum().backward()
    return loss.detach().numpy(), given.grad.numpy()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_reductions_and_targets(reduction: str, rng: np.random.Generator) -> None:
    z, frames, symbols = 2.0 * rng.standard_normal((30, 4, 9)), np.array([30, 12, 5, 30]), np.array([7, 6, 0, 2])
    targets = rng.integers(0, 8, (4, 7))
    targets[0, 2:5] = 3
    flat = np.concatenate([targets[n, :k] for n, k in enumerate(symbols)])
    for y in (targets, flat):
        value, grad = theirs(z, y, frames, symbols, blank=8, reduction=reduction)
        found = fl.ctc.value_and_grad(z, y, input_lengths=frames, target_lengths=symbols, blank=8, time_major=True,
                                      reduction=reduction, backend="serial")  # fmt: skip
        assert_allclose(found[0], value, rtol=1e-12)
        assert_allclose(found[1], grad, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("zero", [False, True])
def test_nothing_fits(zero: bool) -> None:
    z, frames, symbols = np.zeros((3, 2, 4)), np.array([3, 2]), np.array([2, 2])
    targets = np.array([[1, 2], [1, 1]])
    value, grad = theirs(z, targets, frames, symbols, reduction="none", zero_infinity=zero)
    found = fl.ctc.value_and_grad(z, targets, input_lengths=frames, target_lengths=symbols, time_major=True,
                                  reduction="none", zero_infinity=zero, backend="serial")  # fmt: skip
    assert_allclose(found[0], value, rtol=1e-14)
    assert_allclose(found[1], grad, rtol=1e-12, atol=1e-15)


def test_gradients_by_logarithms() -> None:
    """torch gives the logits' gradient for that of their logarithms of probabilities, too."""
    rng = np.random.default_rng(20261126)
    logs = torch.tensor(rng.standard_normal((12, 1, 5))).log_softmax(-1).requires_grad_()
    targets = np.array([[1, 2, 2]])
    loss = torch.nn.functional.ctc_loss(logs, torch.tensor(targets), [12], [3], reduction="sum")
    loss.backward()
    value, grad = fl.ctc.value_and_grad(logs.detach().numpy(), targets, time_major=True, from_log_probs=True,
                                        reduction="sum", backend="serial")  # fmt: skip
    assert_allclose(value, loss.item(), rtol=1e-13)
    assert_allclose(grad, logs.grad.numpy(), rtol=1e-10, atol=1e-14)
