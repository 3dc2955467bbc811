"""A library of arrays that pretends: its GPUs' memory is the host's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fastloss.arrays.gpu.buffers import Buffer, char_of, dtype_of
from fastloss.define.rows import Pair

NAME = "hosted"

ADDS = True


class Hosted(np.lib.mixins.NDArrayOperatorsMixin):
    """An array on a pretended device."""

    def __init__(self, array: Any, device: int = 0) -> None:
        self.array, self.device = np.asarray(array), device
        memory.append(self.array)

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    def __getitem__(self, key: Any) -> Hosted:
        return Hosted(self.array[key], self.device)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None) -> Hosted:
        """Every operator."""
        assert at[-1] == self.device  # as CuPy wants it
        arrays = [x.array if isinstance(x, Hosted) else x for x in inputs]
        found = getattr(ufunc, method)(*arrays, out=out and tuple(x.array for x in out))
        return out[0] if out else Hosted(found, self.device)

    __hash__ = object.__hash__

    def reshape(self, *shape: Any) -> Hosted:
        return Hosted(self.array.reshape(*shape), self.device)

    @property
    def T(self) -> Hosted:
        return Hosted(self.array.T, self.device)

    @property
    def shape(self) -> Any:
        return self.array.shape


Hosted.__module__ = "cupy"  # by which it is found

memory: list[Any] = []
at = [0]
"""The current device, after those that will be it again."""


def owns(x: Any) -> bool:
    return isinstance(x, Hosted)


def refused(x: Any) -> str:
    return ""


def buffer(x: Hosted) -> Buffer:
    a = x.array
    return Buffer(x, a.ctypes.data, a.shape, a.strides, char_of(a.dtype), x.device)


def seen(x: Any) -> Any:
    if not isinstance(x, Hosted) or not x.array.flags.c_contiguous or not x.array.size:
        return None
    return (x.array.shape, x.array.dtype, x.device), x.array.ctypes.data


def address(x: Hosted) -> int:
    return x.array.ctypes.data


def stream(device: int) -> int:
    return 7 + device


@contextmanager
def current(device: int) -> Iterator[None]:
    at.append(device)
    try:
        yield
    finally:
        at.pop()


def empty(shape: Any, char: str, device: int) -> Hosted:
    # What nobody has written shows.
    return Hosted(np.full(shape, 77, dtype_of(char)), device)


def maker(shape: Any, char: str, device: int) -> Any:
    return lambda: empty(shape, char, device)


def filled(number: float, shape: Any, char: str, device: int) -> Hosted:
    return Hosted(np.full(shape, number, dtype_of(char)), device)


def dense(x: Hosted, shape: Any) -> Hosted:
    return Hosted(np.array(np.broadcast_to(x.array, shape), order="C"), x.device)


def cast(x: Hosted, char: str) -> Hosted:
    return Hosted(x.array.astype(dtype_of(char)), x.device)


def assign(to: Hosted, x: Hosted) -> None:
    to.array[...] = x.array


def moved(x: Hosted, source: int, destination: int) -> Hosted:
    return Hosted(np.moveaxis(x.array, source, destination), x.device)


def add_up(x: Hosted, axes: Any, shape: Any, char: str) -> Hosted:
    return Hosted(x.array.sum(axis=axes, dtype=np.float64).reshape(shape).astype(dtype_of(char)), x.device)


def largest(x: Hosted, axes: Any) -> Hosted:
    return Hosted(x.array.max(axis=axes, keepdims=True), x.device)


def chosen(where: Hosted, a: Any, b: Any) -> Hosted:
    assert at[-1] == where.device
    return Hosted(np.where(*(x.array if isinstance(x, Hosted) else x for x in (where, a, b))), where.device)


def product(a: Hosted, b: Hosted, to: Hosted) -> None:
    assert a.dtype == b.dtype == to.dtype  # as torch wants it
    to.array[...] = a.array @ b.array


def add_product(a: Hosted, b: Hosted, to: Hosted) -> None:
    assert a.dtype == b.dtype
    to.array += (a.array @ b.array).astype(to.dtype)


def kept(x: Hosted, rows: Hosted) -> Hosted:
    return Hosted(np.where(rows.array[:, None], x.array, x.dtype.type(0)), x.device)


def known(labels: Hosted, classes: int, ignore: int | None) -> Hosted:
    a = labels.array
    return Hosted((a >= 0) & (a < classes) & (a != ignore), labels.device)


def worthy(weight: Hosted, target: Hosted, labels: bool) -> Hosted:
    a, some = target.array, weight.array != 0
    if labels:
        return Hosted(some[np.clip(a, 0, len(some) - 1)], target.device)
    unclear = ~(a != 0).any(-1) | ~np.isfinite(a).all(-1)
    return Hosted(((a != 0) & some).any(-1) | (unclear & some.any()), target.device)


def weighed(x: Hosted, number: int, weight: Any) -> Hosted:
    keep = x.array != number
    keep = keep if weight is None else np.where(keep, weight.array if isinstance(weight, Hosted) else weight, 0)
    return Hosted(keep, x.device)


def hits(top: Hosted, labels: Hosted) -> Hosted:
    return Hosted((top.array == labels.array) & (top.array >= 0), top.device)


def host(x: Hosted) -> Any:
    return x.array.copy()


def present() -> bool:
    return True


def taken(x: Any) -> Hosted:
    return Hosted(np.from_dlpack(x))


TOLERANCE = {"f": 1e-5, "d": 1e-13, "e": 2e-3, "E": 2e-2}


def to_gpu(x: Any) -> Any:
    return Hosted(x) if isinstance(x, np.ndarray) else x


def agree(found: Any, expected: Any, tolerance: float | None = None) -> None:
    """The same structure, types and shapes, and all but the same numbers."""
    if isinstance(expected, tuple):
        assert isinstance(found, tuple) and len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            agree(a, b, tolerance)
        return
    assert isinstance(found, Hosted)
    a, b = found.array, np.asarray(expected)
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    limit = tolerance or TOLERANCE.get(b.dtype.char, 0.0)
    scale = np.max(np.abs(b.astype("f8")), initial=0.0, where=np.isfinite(b.astype("f8")))
    assert_allclose(a.astype("f8"), b.astype("f8"), rtol=limit, atol=limit * scale)


def both(call: Any, *inputs: Any, tolerance: float | None = None, **options: Any) -> Any:
    """The same call on the GPU and on the host."""
    found = call(*map(to_gpu, inputs), **{k: to_gpu(v) for k, v in options.items()})
    agree(found, call(*inputs, **options), tolerance)
    return found


def raises(gpu: Any, call: Any, kind: Any, text: str) -> None:
    """An error, before anything is launched."""
    with pytest.raises(kind, match=text):
        call()
    assert gpu.launches == []


def sampled(loss: Any, shape: Any, kind: Any, rng: np.random.Generator) -> tuple[Any, ...]:
    """Arrays from inside a loss's domains."""
    n = int(np.prod(shape))
    return tuple(domain.sample(rng, n).astype(kind).reshape(shape) for domain in loss.domains)


def row_data(loss: Any, k: int, kind: Any, rng: np.random.Generator, n: int = 5) -> tuple[Any, ...]:
    """The same for rows: logits, probabilities or their logarithms, and labels or masses."""
    if isinstance(loss.functions, Pair):
        return sampled(loss, (n, k), kind, rng)
    scores = [
        rng.dirichlet(np.ones(k), n) if i or not d.is_real_line else rng.normal(size=(n, k))
        for i, d in enumerate(loss.domains[: loss.scores])
    ]
    if loss.name in ("negative_log_likelihood", "kl_divergence_log", "kl_divergence_log_target"):
        scores = [np.log(rng.dirichlet(np.ones(k), n)), *scores[1:]]
    if loss.name == "kl_divergence_log_target":
        scores[1] = np.log(scores[1])
    data = [x.astype(kind) for x in scores]
    if loss.target == "none":
        return tuple(data)
    dense = (rng.integers(0, k, (n, 1)) == np.arange(k)).astype(kind)
    return (*data, dense if loss.target == "dense" else rng.integers(0, k, n))
