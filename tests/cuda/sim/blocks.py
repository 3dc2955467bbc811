"""Blocks for Numba's simulator, whose threads go one after another, each to the next barrier.

The simulator's own all run at once, and who looks whether they have come to a barrier runs with them: nearly all of
the time is waiting for Python's lock. Here a thread wakes the next one. Each round goes the other way round, so that
what is right by the order of threads alone shows.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
from numba.cuda.simulator import kernel, kernelapi
from numba.cuda.simulator.kernelapi import Dim3

_crew: list[Thread] = []
"""Threads that have been started; of one block after another."""


class Stopped(Exception):
    """Another thread of the block has failed."""


class Thread(threading.Thread):
    """What `threading.current_thread` is for a kernel."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.turn = threading.Lock()
        self.turn.acquire()
        self.start()

    def join_block(self, block: Block, blockIdx: Any, threadIdx: Any) -> None:
        self._manager, self.blockIdx, self.threadIdx, self.there = block, blockIdx, threadIdx, True
        self.barriers = self.exchanges = 0

    def run(self) -> None:
        while True:
            self.turn.acquire()
            self._manager.work(self)

    def syncthreads(self) -> None:
        """Until all threads that have not ended have come to as many barriers."""
        self.barriers += 1
        self._manager.wait(self)
        while any(other.there and other.barriers < self.barriers for other in self._manager.crew):
            self._manager.wait(self)

    def exchange(self, partner: int) -> None:
        """Until one other thread has come to as many exchanges: those of a warp are no barriers of the block."""
        self.exchanges += 1
        self._manager.wait(self)
        while self._manager.crew[partner].exchanges < self.exchanges:
            self._manager.wait(self)

    syncthreads_or = kernel.BlockThread.syncthreads_or
    syncthreads_and = kernel.BlockThread.syncthreads_and
    syncthreads_count = kernel.BlockThread.syncthreads_count


class Block:
    """A block of threads, as the simulator asks for one."""

    def __init__(self, function: Any, grid: Any, shape: tuple[int, ...], debug: bool) -> None:
        self.function, self.shape = function, shape
        self.block_state = np.zeros(shape, np.bool_)
        self.over = threading.Lock()
        self.over.acquire()
        self.fault: BaseException | None = None

    def run(self, place: tuple[int, ...], *args: Any) -> None:
        points = [Dim3(*point) for point in np.ndindex(*self.shape)]
        _crew.extend(Thread() for _ in range(len(points) - len(_crew)))
        self.args, self.order, self.at = args, _crew[: len(points)], 0
        self.crew = self.order
        for thread, point in zip(self.order, points, strict=True):
            thread.join_block(self, Dim3(*place), point)
        self.order[0].turn.release()
        self.over.acquire()
        if self.fault is not None:
            raise self.fault

    def work(self, thread: Thread) -> None:
        """All that a thread does, and the next one after it."""
        try:
            if self.fault is None:
                self.function(*self.args)
        except Stopped:
            pass
        except BaseException as fault:
            self.fault = self.fault or fault
        thread.there = False
        following = self._following()
        (self.over if following is None else following.turn).release()

    def wait(self, thread: Thread) -> None:
        """Until those that have not ended have come here."""
        following = self._following()
        if following is not None and following is not thread:
            following.turn.release()
            thread.turn.acquire()
        if self.fault is not None:
            raise Stopped

    def _following(self) -> Thread | None:
        self.at += 1
        if self.at == len(self.order):
            self.order, self.at = [thread for thread in reversed(self.order) if thread.there], 0
        return self.order[self.at] if self.order else None


class Shared(kernelapi.FakeCUDAShared):
    """Arrays of a block, known by the line that asks for them: the simulator reads the sources for it each time."""

    def array(self, shape: Any, dtype: Any, alignment: Any = None) -> Any:
        caller = sys._getframe(1)
        key = caller.f_code, caller.f_lineno
        if key not in self._allocations:
            self._allocations[key] = kernelapi.FakeCUDALocal().array(shape, dtype)  # of NumPy's own alignment
        return self._allocations[key]


class Device:
    """`cuda` in a part of a kernel, of whichever launch runs."""

    def __getattr__(self, name: str) -> Any:
        return getattr(kernel._kernel_context, name)


DEVICE = Device()


def installed() -> None:
    """In place of what the simulator has."""
    kernel.BlockManager = Block
    kernelapi.FakeCUDAShared = Shared
