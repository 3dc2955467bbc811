"""A torch DataLoader whose forked workers compute losses. Run where torch is installed: see .ci/run."""

from __future__ import annotations

from pathlib import Path

import pytest
from procs import run

pytest.importorskip("torch", reason="torch is an extra; CI installs it and runs this file again")

SCRIPT = """
import numpy as np, torch
import fastloss as fl
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(0)
data = rng.normal(size=(8, 100_000)).astype("f4")

class Scored(Dataset):
    def __len__(self):
        return len(data)
    def __getitem__(self, i):
        value, grad = fl.huber.value_and_grad(data[i], np.float32(0))
        return float(value), grad

before = torch.get_num_threads()
expected = [Scored()[i] for i in range(8)]
torch.ones(1000, 1000) @ torch.ones(1000, 1000)
for batch, (value, grad) in enumerate(DataLoader(Scored(), batch_size=2, num_workers=2, multiprocessing_context="fork")):
    for j in range(2):
        assert float(value[j]) == expected[2 * batch + j][0]
        assert (grad[j].numpy() == expected[2 * batch + j][1]).all()
assert torch.get_num_threads() == before
print("done")
"""


@pytest.mark.parametrize("layer", [None, "omp", "workqueue"])
def test_torch_data_loader(layer: str | None, tmp_path: Path) -> None:
    assert "done" in run(SCRIPT, tmp_path, timeout=120, NUMBA_THREADING_LAYER=layer)
