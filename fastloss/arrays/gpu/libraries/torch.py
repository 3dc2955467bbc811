"""torch's CUDA tensors."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache, partial
from math import prod
from typing import Any

import torch

from ..buffers import Buffer

NAME = "torch"

ADDS = True

_CHARS: dict[Any, str] = {
    torch.float32: "f", torch.float64: "d", torch.float16: "e", torch.bfloat16: "E", torch.bool: "?", torch.int8: "b",
    torch.uint8: "B", torch.int16: "h", torch.int32: "i", torch.int64: "q",
}  # fmt: skip
_CHARS |= {
    getattr(torch, name): char for name, char in (("uint16", "H"), ("uint32", "I"), ("uint64", "Q"))
    if hasattr(torch, name)
}  # fmt: skip
_TYPES = {char: dtype for dtype, char in _CHARS.items()}


def owns(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.is_cuda


def refused(x: Any) -> str:
    """A gradient that autograd waits for would be lost; what is not strided has no addresses."""
    if x.requires_grad and torch.is_grad_enabled():
        return "requires grad, and no verb is recorded by autograd: call fastloss.torch's function, or pass x.detach()"
    if x.is_neg():
        return "is stored with the other sign, as conjugates' imaginary parts are: pass x.resolve_neg()"
    return "" if x.layout is torch.strided else f"has layout {x.layout}, expected torch.strided"


def buffer(x: Any) -> Buffer:
    size = x.element_size()
    strides = tuple([s * size for s in x.stride()])
    return Buffer(x, x.data_ptr(), tuple(x.shape), strides, _CHARS.get(x.dtype, ""), x.get_device())


def seen(x: Any) -> tuple[Any, int] | None:
    """Only what nothing needs to be asked about; as `owns` and `refused` ask, in a third of their time."""
    if not isinstance(x, _Tensor) or not x.is_cuda or x.layout is not _strided or not x.is_contiguous() or x.is_neg():
        return None
    if x.requires_grad and torch.is_grad_enabled():
        return None
    return (x.shape, x.dtype, x.get_device()), x.data_ptr()


_Tensor, _strided = torch.Tensor, torch.strided

address: Any = torch.Tensor.data_ptr


def stream(device: int) -> int:
    """torch's current stream; by the name that its own compiler uses, which makes no object of it."""
    if _raw_stream is not None:
        return int(_raw_stream(device))
    return int(torch.cuda.current_stream(device).cuda_stream)


def current(device: int) -> Any:
    """torch looks where the tensors are."""
    return nullcontext()


_raw_stream: Any = getattr(torch._C, "_cuda_getCurrentRawStream", None)


def empty(shape: tuple[int, ...], char: str, device: int) -> Any:
    return torch.empty(shape, dtype=_TYPES[char], device=_device(device))


def maker(shape: tuple[int, ...], char: str, device: int) -> Any:
    """By what torch's own compiler calls, in a third of the time, where the device is torch's current one."""
    # Those of a dense tensor.
    strides, dtype = tuple([prod([max(1, n) for n in shape[k:]]) for k in range(1, len(shape) + 1)]), _TYPES[char]
    if _allocated is None:
        return partial(empty, shape, char, device)

    def make() -> Any:
        return _allocated(shape, strides, dtype) if _current_device() == device else empty(shape, char, device)

    return make


_allocated: Any = getattr(getattr(getattr(torch._C, "_dynamo", None), "guards", None), "_empty_strided_cuda", None)
_current_device: Any = getattr(torch._C, "_cuda_getDevice", None)


def filled(number: float, shape: tuple[int, ...], char: str, device: int) -> Any:
    return torch.full(shape, number, dtype=_TYPES[char], device=_device(device))


@cache
def _device(device: int) -> Any:
    return torch.device("cuda", device)


def dense(x: Any, shape: tuple[int, ...]) -> Any:
    return x.detach().expand(shape).contiguous()


def cast(x: Any, char: str) -> Any:
    return x.detach().to(_TYPES[char])


def assign(to: Any, x: Any) -> None:
    to.copy_(x)


def moved(x: Any, source: int, destination: int) -> Any:
    return x.movedim(source, destination)


def add_up(x: Any, axes: tuple[int, ...], shape: tuple[int, ...], char: str) -> Any:
    """In float64. No axes are all of them to torch."""
    total = x.sum(dim=axes, dtype=torch.float64) if axes else x.double()
    return total.reshape(shape).to(_TYPES[char])


def largest(x: Any, axes: tuple[int, ...]) -> Any:
    """No axes are all of them to torch."""
    return x.amax(dim=axes, keepdim=True) if axes else x


def chosen(where: Any, a: Any, b: Any) -> Any:
    return torch.where(where, a, b)


def product(a: Any, b: Any, to: Any) -> None:
    torch.matmul(a.detach(), b.detach(), out=to)


def add_product(a: Any, b: Any, to: Any) -> None:
    """In one go where the types are the same."""
    if a.dtype == to.dtype:
        to.addmm_(a.detach(), b.detach())
    else:
        to += a.detach() @ b.detach()


def kept(x: Any, rows: Any) -> Any:
    return x.detach().masked_fill(~rows[:, None], 0.0)


def known(labels: Any, classes: int, ignore: int | None) -> Any:
    """In int64, for torch compares no others with unsigned ones."""
    wide = labels.long()
    inside = (wide >= 0) & (wide < classes)
    return inside if ignore is None else inside & (wide != ignore)


def worthy(weight: Any, target: Any, labels: bool) -> Any:
    """Of labels in int64, as in `known`."""
    some = weight.detach() != 0
    if labels:
        return some[target.long().clamp(0, len(some) - 1)]
    masses = target.detach() != 0
    unclear = ~masses.any(dim=-1) | ~target.detach().isfinite().all(dim=-1)
    return (masses & some).any(dim=-1) | (unclear & some.any())


def weighed(x: Any, number: int, weight: Any) -> Any:
    """Of integers in int64, as in `known`; torch would take a number in float32."""
    keep = (x.detach() if x.is_floating_point() else x.long()) != number
    if weight is None:
        return keep
    if not isinstance(weight, torch.Tensor):
        weight = torch.tensor(float(weight), dtype=torch.float64, device=x.device)
    return torch.where(keep, weight.detach(), 0)


def hits(top: Any, labels: Any) -> Any:
    return (top == labels.long()) & (top >= 0)


def host(x: Any) -> Any:
    """By way of float32 for bfloat16, which loses nothing."""
    return (x.detach().float() if x.dtype is torch.bfloat16 else x.detach()).cpu().numpy()


def present() -> bool:
    return bool(torch.cuda.is_available())


def taken(x: Any) -> Any:
    return torch.from_dlpack(x)
