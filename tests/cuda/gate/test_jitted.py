"""A loss inside a user's own CUDA kernel, compiled without a GPU."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from numba import cuda, types

import fastloss as fl


@pytest.mark.parametrize("loss", [fl.huber, fl.poisson.bind(full=True)], ids=["plain", "constant"])
def test_it_is_part_of_the_kernel(loss, monkeypatch) -> None:
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: SimpleNamespace(compute_capability=(8, 0)))
    function = loss.jitted

    def each(x, y, out):
        i = cuda.grid(1)
        if i < x.size:
            out[i] = function(x[i], y[i])[1]

    column = types.float32[::1]
    ptx, _ = cuda.compile_ptx(each, (column, column, column), cc=(8, 0))
    assert "call" not in ptx.partition(".entry")[2]
    assert not re.search(r"\.f64", ptx)  # all of it in the type of the prediction
