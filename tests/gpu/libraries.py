"""The array libraries that are installed, each with what the tests need of it."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from typing import Any

import ml_dtypes
import numpy as np

BRAIN = np.dtype(ml_dtypes.bfloat16)


class Torch:
    def __init__(self) -> None:
        import torch

        self.torch = torch

    def put(self, x: Any) -> Any:
        if x.dtype == BRAIN:
            return self.torch.from_numpy(x.view(np.int16).copy()).cuda().view(self.torch.bfloat16)
        return self.torch.from_numpy(np.array(x)).cuda()

    def get(self, x: Any) -> Any:
        return x.double().cpu().numpy() if x.is_floating_point() else x.cpu().numpy()

    @contextmanager
    def stream(self) -> Any:
        stream = self.torch.cuda.Stream()
        with self.torch.cuda.stream(stream):
            yield stream.cuda_stream
        stream.synchronize()

    def free(self) -> None:
        self.torch.cuda.empty_cache()


class Cupy:
    def __init__(self) -> None:
        import cupy

        self.cupy = cupy

    def put(self, x: Any) -> Any:
        return self.cupy.asarray(x)

    def get(self, x: Any) -> Any:
        host = self.cupy.asnumpy(x)
        return host.astype("f8") if host.dtype.kind in "fV" else host

    @contextmanager
    def stream(self) -> Any:
        stream = self.cupy.cuda.Stream(non_blocking=True)
        with stream:
            yield stream.ptr
        stream.synchronize()

    def free(self) -> None:
        self.cupy.get_default_memory_pool().free_all_blocks()


class Numba:
    def __init__(self) -> None:
        from numba import cuda

        self.cuda = cuda

    def put(self, x: Any) -> Any:
        if x.dtype == BRAIN:  # which no buffer is of
            return self.cuda.to_device(np.ascontiguousarray(x).view(np.int16)).view(BRAIN)
        return self.cuda.to_device(np.ascontiguousarray(x))

    def get(self, x: Any) -> Any:
        host = x.view(np.int16).copy_to_host().view(BRAIN) if x.dtype == BRAIN else x.copy_to_host()
        return host.astype("f8") if host.dtype.kind in "fV" else host

    def free(self) -> None:
        self.cuda.current_context().deallocations.clear()


class Jax:
    """Its arrays never change, and its streams are nobody's to choose."""

    def __init__(self) -> None:
        # Or it would take three quarters of the memory from the others at once.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax, self.device = jax, jax.devices("cuda")[0]

    def put(self, x: Any) -> Any:
        return self.jax.device_put(np.asarray(x), self.device)

    def get(self, x: Any) -> Any:
        host = np.asarray(x)
        return host.astype("f8") if host.dtype.kind in "fV" else host

    def free(self) -> None:
        """It keeps what it has taken."""


def installed() -> dict[str, Any]:
    """By name."""
    found = {}
    for kind in (Torch, Cupy, Numba, Jax):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what it says of the machine is no failure of ours
                found[kind.__name__.lower()] = kind()
        except (ImportError, RuntimeError):  # JAX without its plugin for GPUs
            continue
    return found
