"""CuPy's arrays."""

from __future__ import annotations

from functools import partial
from typing import Any

import cupy
import numpy as np

from ..buffers import Buffer, char_of, dtype_of

NAME = "cupy"

ADDS = True


def owns(x: Any) -> bool:
    """All of CuPy's arrays are on a GPU."""
    return isinstance(x, cupy.ndarray)


def refused(x: Any) -> str:
    return ""


def buffer(x: Any) -> Buffer:
    return Buffer(x, x.data.ptr, x.shape, x.strides, char_of(x.dtype), x.device.id)


def seen(x: Any) -> tuple[Any, int] | None:
    if not isinstance(x, cupy.ndarray) or not x.flags.c_contiguous:
        return None
    return (x.shape, x.dtype, x.device.id), x.data.ptr


def address(x: Any) -> int:
    return x.data.ptr  # type: ignore[no-any-return]


def stream(device: int) -> int:
    with cupy.cuda.Device(device):
        current = cupy.cuda.get_current_stream()
    if getattr(current, "device_id", -1) not in (-1, device):
        raise ValueError(f"CuPy's current stream is of cuda:{current.device_id}, but the arrays are on cuda:{device}")
    return int(current.ptr)


def current(device: int) -> Any:
    """Or its kernels would run on another device, and on that one's stream."""
    return cupy.cuda.Device(device)


def empty(shape: tuple[int, ...], char: str, device: int) -> Any:
    with cupy.cuda.Device(device):
        return cupy.empty(shape, dtype_of(char))


def maker(shape: tuple[int, ...], char: str, device: int) -> Any:
    return partial(empty, shape, char, device)


def filled(number: float, shape: tuple[int, ...], char: str, device: int) -> Any:
    with cupy.cuda.Device(device):
        return cupy.full(shape, number, dtype_of(char))


def dense(x: Any, shape: tuple[int, ...]) -> Any:
    with x.device:
        return cupy.ascontiguousarray(cupy.broadcast_to(x, shape))


def cast(x: Any, char: str) -> Any:
    with x.device:
        return x.astype(dtype_of(char))


def assign(to: Any, x: Any) -> None:
    with to.device:
        to[...] = x


def moved(x: Any, source: int, destination: int) -> Any:
    return cupy.moveaxis(x, source, destination)


def add_up(x: Any, axes: tuple[int, ...], shape: tuple[int, ...], char: str) -> Any:
    with x.device:
        return x.sum(axis=axes, dtype=np.float64).reshape(shape).astype(dtype_of(char))


def largest(x: Any, axes: tuple[int, ...]) -> Any:
    with x.device:
        return x.max(axis=axes, keepdims=True)


def chosen(where: Any, a: Any, b: Any) -> Any:
    with where.device:
        return cupy.where(where, a, b)


def product(a: Any, b: Any, to: Any) -> None:
    with to.device:
        cupy.matmul(a, b, out=to)


def add_product(a: Any, b: Any, to: Any) -> None:
    """With the product in between."""
    with to.device:
        to += cupy.matmul(a, b)


def kept(x: Any, rows: Any) -> Any:
    with x.device:
        return cupy.where(rows[:, None], x, x.dtype.type(0))


def known(labels: Any, classes: int, ignore: int | None) -> Any:
    with labels.device:
        inside = (labels >= 0) & (labels < classes)
        return inside if ignore is None else inside & (labels != ignore)


def worthy(weight: Any, target: Any, labels: bool) -> Any:
    with target.device:
        some = weight != 0
        if labels:
            return some[cupy.clip(target, 0, len(weight) - 1).astype(cupy.intp)]
        masses = target != 0
        unclear = ~masses.any(axis=-1) | ~cupy.isfinite(target).all(axis=-1)
        return (masses & some).any(axis=-1) | (unclear & some.any())


def weighed(x: Any, number: int, weight: Any) -> Any:
    with x.device:
        return x != number if weight is None else cupy.where(x != number, weight, 0)


def hits(top: Any, labels: Any) -> Any:
    with top.device:
        return (top == labels) & (top >= 0)


def host(x: Any) -> Any:
    return cupy.asnumpy(x)


def present() -> bool:
    return bool(cupy.cuda.is_available())


def taken(x: Any) -> Any:
    return cupy.from_dlpack(x)
