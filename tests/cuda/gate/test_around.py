"""What surrounds the compiler, without a driver: a linker that is too old, and Numba's device arrays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numba.cuda.cudadrv.devicearray import DeviceNDArray, MappedNDArray
from numba.cuda.cudadrv.driver import MemoryPointer, binding

from fastloss.arrays.gpu.libraries import numba as face
from fastloss.kernels.cuda import target
from fastloss.kernels.cuda.plan.elements import CombinePlan


def test_a_linker_older_than_the_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from cuda import core

    def older(code: Any, options: Any) -> Any:
        raise ValueError("ptxas application ptx input, line 9; fatal   : Unsupported .version 9.4; current is '9.0'")

    monkeypatch.setattr(core, "Linker", older)
    with pytest.raises(RuntimeError, match=r"older than its compiler \(NVVM\).*install both in one command"):
        target.compiled(CombinePlan("f", "f", "averaged", False), (9, 0))


MEMORY = MemoryPointer(SimpleNamespace(device=SimpleNamespace(id=3)), binding.CUdeviceptr(4096), 64)


def device_array(shape: Any, strides: Any, kind: Any) -> Any:
    return DeviceNDArray(shape, strides, np.dtype(kind), gpu_data=MEMORY)


@pytest.mark.parametrize(
    ("shape", "strides", "kind", "char"),
    [((), (), "f4", "f"), ((2, 3), (6, 2), ml_dtypes.bfloat16, "E"), ((2**31 + 5,), (2,), "f2", "e")],
)
def test_device_arrays_say_where_they_are(shape: Any, strides: Any, kind: Any, char: str) -> None:
    x = device_array(shape, strides, kind)
    assert face.owns(x) and face.refused(x) == ""
    assert face.buffer(x)[1:] == (4096, shape, strides, char, 3)
    assert face.seen(x) == ((shape, char, 3), 4096) and face.address(x) == 4096


def test_device_arrays_that_are_not_dense_are_refused() -> None:
    x = device_array((3, 2), (4, 12), "f4")
    assert "is not in C order" in face.refused(x) and face.seen(x) is None


def test_host_memory_that_a_gpu_sees_is_taken() -> None:
    x, other = (np.zeros((2, 3), "f4", order).view(MappedNDArray) for order in "CF")
    x.device_setup(MEMORY)
    assert face.owns(x) and face.refused(x) == ""
    assert face.buffer(x)[1:] == (4096, (2, 3), (12, 4), "f", 3)
    assert "is not in C order" in face.refused(other)
