"""Losses on Dask's cluster of processes, one of which is killed while it computes."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

import fastloss as fl

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")


@pytest.mark.full  # three processes that import Dask: 20 s of processor time
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing kills so here")
def test_a_killed_worker_changes_no_result(tmp_path) -> None:
    marker = str(tmp_path / "killed")

    def deadly(block):  # the first that comes here ends its process, and what it holds
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return block
        os.kill(os.getpid(), signal.SIGKILL)

    pred, target = np.random.default_rng(0).normal(size=(2, 6_000))
    p, y = da.from_array(pred, chunks=1_000), da.from_array(target, chunks=1_000)
    lazy = fl.huber.value_and_grad(p.map_blocks(deadly, dtype=float, meta=pred[:0]), y)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        value, grad = client.gather(client.compute(lazy))
    assert os.path.exists(marker)
    expected = fl.huber.value_and_grad(pred, target)
    assert value == pytest.approx(expected[0], rel=1e-14)
    np.testing.assert_array_equal(grad, expected[1])
