"""Few and long rows on a pretended GPU, each shared out among several blocks, against the same calls on the host."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hosted import Hosted, agree, both, row_data
from numpy.testing import assert_array_equal

import fastloss as fl
from fastloss.define.keywords import VALUE
from fastloss.define.rows import Pair
from fastloss.kernels.cuda.plan import rows as rowplan
from fastloss.kernels.plan.rows import RowPlan

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]
LOSSES = [x for x in fl.LOSSES.values() if isinstance(x, fl.RowLoss) and not isinstance(x.functions, Pair)]
K = 133
"""Classes: with blocks of 16 threads three chunks of single elements, the last one not full."""


@pytest.fixture(autouse=True)
def _few_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rowplan, "CHUNKS", 2)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda x: x.name)
def test_every_loss(loss: Any, gpu: Any, rng: np.random.Generator) -> None:
    data = row_data(loss, K, "f4", rng, 2)
    both(loss.value_and_grad, *data)
    stages = [plan for plan, *_ in gpu.launches].count("CudaRowPlan")
    if loss.functions.again is not None:  # of as many sums as it takes
        assert stages == 1
        return
    assert stages == 2 + bool(loss.sizes.peaks) + (loss.functions.second is not None)
    assert gpu.waits == 0


@pytest.mark.parametrize("blocks", [4, 512])
@pytest.mark.parametrize(("kind", "k"), [("f4", 260), ("f8", 132), ("bf16", K)])
def test_ports(blocks: int, kind: str, k: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rowplan, "SHARED", blocks)
    x, labels = row_data(fl.cross_entropy, k, ml_dtypes.bfloat16 if kind == "bf16" else kind, rng, 2)
    weight, classes = np.array([2.0, 0.5]), rng.random(k)
    both(fl.cross_entropy.value_and_grad, x, labels, weight=weight, class_weight=classes, label_smoothing=0.1)
    masses = rng.dirichlet(np.ones(k), 2)
    both(fl.cross_entropy.value_and_grad, x, masses, weight=weight, class_weight=classes, z_loss=0.1)
    both(fl.cross_entropy, x, labels, return_stats=True, reduction="none", ignore_index=int(labels[0]))
    both(fl.cross_entropy.grad_and_hess, x, labels)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_no_part_is_without_elements(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part reads where it begins, and beyond the last row there is nothing."""
    monkeypatch.setattr(rowplan, "SHARED", 10)
    base = RowPlan.of(fl.cross_entropy, ("f",), VALUE, False, "labels", False, target_type="q")
    for k in range(1, 1_000):
        plan = rowplan.fitted(base, k, 1, False)
        chunk = plan.group * plan.width * plan.packets
        parts, chunks = rowplan.parts_of(plan, rows, k), -(-k // chunk)
        assert (parts - 1) * -(-chunks // parts) < chunks


def test_the_first_of_equal_maxima() -> None:
    x = np.zeros((2, K), "f4")
    x[0, [70, 90, 130]] = 3.0
    x[1, 5] = np.nan
    _, stats = fl.cross_entropy(Hosted(x), Hosted(np.array([70, 0])), return_stats=True)
    assert_array_equal(stats.argmax.array, [70, -1])


def test_in_place_and_what_is_wrong(gpu: Any, rng: np.random.Generator) -> None:
    x, labels = row_data(fl.cross_entropy, K, "f8", rng, 3)
    expected = fl.cross_entropy.grad(x, labels)
    over = Hosted(x.copy())
    fl.cross_entropy.grad(over, Hosted(labels), out=over)
    agree(over, expected)
    labels[1] = K
    grad = fl.cross_entropy.grad(Hosted(x), Hosted(labels))
    assert_array_equal(grad.array[1], 0.0)
    with pytest.raises(ValueError, match="cross_entropy: a label"):
        fl.synchronize()
    p = rng.dirichlet(np.ones(K), 2)
    q = p.copy()
    q[1, 130] = -0.5
    with pytest.raises(ValueError, match=r"pred\[1, 130\] is -0.5"):
        fl.kl_divergence(Hosted(q), Hosted(p), check=True)


def test_a_known_kind_of_call(gpu: Any, rng: np.random.Generator) -> None:
    for _ in range(3):
        both(fl.cross_entropy.value_and_grad, *row_data(fl.cross_entropy, K, "f4", rng, 2))
    assert gpu.replays > 0


def test_how_many_blocks_share_a_row() -> None:
    loss = fl.cross_entropy
    base = RowPlan.of(loss, ("f",), 3, False, "labels", target_type="q")
    plan = rowplan.fitted(base, 128_256, 4, False)
    found = {rows: rowplan.parts_of(plan, rows, 128_256) for rows in (1, 40, 256, 257, 10_000)}
    # One for each of the 16 threads, at most; 512 in all.
    assert found == {1: 16, 40: 12, 256: 2, 257: 1, 10_000: 1}
