"""The blocks in which the simulator's threads go one after another."""

from __future__ import annotations

import blocks
import numpy as np
import pytest
from numba import cuda
from numpy.testing import assert_array_equal

blocks.installed()


def total(x, to):
    shared = cuda.shared.array(8, np.float64)
    thread = cuda.threadIdx.x
    shared[thread] = x[cuda.blockIdx.x * 8 + thread]
    step = 4
    while step:
        cuda.syncthreads()
        if thread < step:
            shared[thread] += shared[thread + step]
        step //= 2
    if thread == 0:
        to[cuda.blockIdx.x] = shared[0]


def unguarded(x, to):
    """Each thread takes what its neighbour writes."""
    shared, thread = cuda.shared.array(8, np.float64), cuda.threadIdx.x
    shared[thread] = 0.0
    for turn in range(2):  # of three rounds
        cuda.syncthreads()
        shared[thread] = thread + 1.0
        to[8 * turn + thread] = shared[thread - 1] if thread else 8.0
        cuda.syncthreads()
        shared[thread] = 0.0
        cuda.syncthreads()


def early(x, to):
    thread = cuda.threadIdx.x
    if thread < 5:
        to[thread] = cuda.syncthreads_or(thread == 3)
        cuda.syncthreads()
        to[thread] += cuda.syncthreads_count(thread > 1)


def failing(x, to):
    if cuda.threadIdx.x == 5:
        raise IndexError("beyond")
    cuda.syncthreads()
    to[0] = 1.0


def test_threads_wait_for_each_other(rng: np.random.Generator) -> None:
    x, to = rng.integers(0, 9, 24).astype("f8"), np.empty(3)
    for _ in range(2):
        cuda.jit(total)[3, 8](x, to)
        assert_array_equal(to, x.reshape(3, 8).sum(1))


def test_a_round_goes_the_other_way_round_than_the_last_one() -> None:
    to = np.empty(16)
    cuda.jit(unguarded)[1, 8](to, to)
    assert sorted(turn[1:].sum() for turn in to.reshape(2, 8)) == [0.0, 28.0]


def test_those_that_have_ended_are_not_waited_for() -> None:
    to = np.zeros(8)
    cuda.jit(early)[1, 8](to, to)
    assert_array_equal(to, [4, 4, 4, 4, 4, 0, 0, 0])


def test_what_fails_ends_the_block_and_the_next_one_is_whole(rng: np.random.Generator) -> None:
    x, to = rng.random(8), np.zeros(1)
    with pytest.raises(IndexError, match="beyond"):
        cuda.jit(failing)[1, 8](x, to)
    assert to[0] == 0.0
    cuda.jit(total)[1, 8](x, to)
    assert to[0] == pytest.approx(x.sum())
