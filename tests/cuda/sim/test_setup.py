"""What a machine lacks for arrays on a GPU, one clear error each."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import cuda

import fastloss as fl
import fastloss.arrays.gpu.libraries
from fastloss.kernels.cuda import launch
from fastloss.kernels.cuda.plan.elements import CombinePlan

EXTRAS = r"arrays on a GPU need fastloss\[cuda13\] or fastloss\[cuda12\], whichever CUDA you have: "


@pytest.fixture(autouse=True)
def anew() -> Any:
    """What was found before is asked for again."""
    launch.gpu.cache_clear()
    yield
    launch.gpu.cache_clear()


def test_no_numba_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba has a CUDA target of its own, which it has given up."""
    monkeypatch.setattr(cuda, "__file__", "numba/cuda/__init__.py")
    with pytest.raises(RuntimeError, match=EXTRAS + "numba-cuda is not installed"):
        fl.synchronize()


def test_no_cuda_in_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """One day it has none."""
    monkeypatch.delattr("numba.cuda")
    monkeypatch.setitem(sys.modules, "numba.cuda", None)
    with pytest.raises(RuntimeError, match=EXTRAS + "numba-cuda is not installed"):
        fl.synchronize()


def test_no_bindings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(RuntimeError, match=EXTRAS + r".*cuda\.bindings"):
        fl.synchronize()


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(driver: Any) -> Any:
        raise RuntimeError("Failed to dlopen libcuda.so.1")

    monkeypatch.setattr(launch, "Driver", absent)
    with pytest.raises(RuntimeError, match=r"arrays on a GPU need NVIDIA's driver: Failed to dlopen libcuda\.so\.1"):
        fl.synchronize()


def test_a_numpy_too_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends in an error of numba-cuda's that names neither."""
    monkeypatch.setattr(np, "__version__", "2.5.0")
    with pytest.raises(
        RuntimeError, match=r"numba-cuda compiles nothing with NumPy 2\.5 or later, and this is 2\.5\.0"
    ):
        launch._compiled(CombinePlan("f", "d", "averaged", True), (9, 0))


class Entered:
    """A device of CuPy's: the current one, while it is entered."""

    current = 0

    def __init__(self, device: int) -> None:
        self.device = device

    def __enter__(self) -> None:
        self.before, Entered.current = Entered.current, self.device

    def __exit__(self, *_: object) -> None:
        Entered.current = self.before


def test_a_stream_of_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy's current stream is the thread's, whichever device is current."""
    cupy: Any = ModuleType("cupy")
    cupy.ndarray = type("ndarray", (), {})
    stream = SimpleNamespace(ptr=77, device_id=1)
    cupy.cuda = SimpleNamespace(Device=Entered, get_current_stream=lambda: stream)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    # What is set first is taken back afterwards: nobody else gets a face of this CuPy.
    monkeypatch.setattr(fastloss.arrays.gpu.libraries, "cupy", None, raising=False)
    monkeypatch.setitem(sys.modules, "fastloss.arrays.gpu.libraries.cupy", ModuleType("to be imported"))
    del sys.modules["fastloss.arrays.gpu.libraries.cupy"]
    face = import_module("fastloss.arrays.gpu.libraries.cupy")

    assert face.stream(1) == 77
    with pytest.raises(ValueError, match="CuPy's current stream is of cuda:1, but the arrays are on cuda:0"):
        face.stream(0)
    stream.device_id = -1  # the null stream is everybody's
    assert face.stream(0) == 77
