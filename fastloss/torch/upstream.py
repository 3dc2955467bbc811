"""What multiplies a gradient: the derivative of the user's loss by each of the values that a loss returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ..define.elements import Definition
from ..define.rows import Program
from . import lend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..deferred import Deferred


def scaled(call: Deferred, grads: tuple[Any, ...], upstream: Any, tensors: tuple[Any, ...]) -> list[Any]:
    """Gradients multiplied by upstream in their own memory, in the types of their inputs."""
    number = _number(upstream)
    if number is not None:
        number *= call.scale
        found = [g.data if number == 1.0 else g.data.mul_(number) for g in grads]
    else:
        found = [g.data if lend.multiplied(g, upstream, call.scale) else _by_tensor(call, g, upstream) for g in grads]
    return [g if g.dtype is tensors[k].dtype else g.to(tensors[k].dtype) for g, k in zip(found, call.wrt, strict=True)]


def _number(upstream: Any) -> float | None:
    """The one number that upstream is; None of several, and of CUDA, where to ask for it would be to wait."""
    if upstream.dim() or not upstream.is_cpu:
        return None
    try:
        return float(upstream.item())
    except RuntimeError:  # a batch of upstreams has no one number
        return None


def _by_tensor(call: Deferred, grad: Any, upstream: Any) -> Any:
    """The product in the gradient's memory, where there is room: a batch of factors has none in one gradient."""
    factor = aligned(call, upstream if call.scale == 1.0 else upstream * call.scale, grad)
    try:
        return grad.data.mul_(factor)
    except RuntimeError:
        return grad.data * factor


def aligned(call: Deferred, upstream: Any, grad: Any) -> Any:
    """Upstream with the axes of a gradient."""
    if not upstream.dim():
        return upstream
    loss, given = call.loss, call.given
    separate = getattr(loss, "separate", False)
    if isinstance(loss, Program) or separate == "rows":
        return upstream.unsqueeze(given.get("axis", -1))
    if isinstance(loss, Definition):
        axis = given.get("axis")
        if axis is not None:
            for k in sorted(k % grad.dim() for k in ((axis,) if isinstance(axis, int) else axis)):
                upstream = upstream.unsqueeze(k)
        return upstream
    if separate:
        before = (1,) * bool(given.get("time_major"))
        return upstream.reshape(*before, *upstream.shape, *(1,) * (grad.dim() - upstream.dim() - len(before)))
    return _alike(loss, upstream)


def collected(call: Deferred, products: Any, dims: int, dtype: Any) -> Any:
    """Products of the gradient's shape added up to what each of the values changes by."""
    if not dims:
        return products.sum().to(dtype)
    loss, given = call.loss, call.given
    separate, axis = getattr(loss, "separate", False), given.get("axis")
    if isinstance(loss, Program) or separate == "rows":
        products = products.sum(-1 if axis is None else axis)
    elif isinstance(loss, Definition):
        products = products if axis is None else products.sum(axis)
    elif separate:
        if given.get("time_major"):
            products = products.movedim(0, -1)
        products = products.flatten(dims).sum(-1)
    else:
        raise NotImplementedError(f"{loss.name}: its losses share inputs, so that with reduction='none' it has no "
                                  "derivative in forward mode")  # fmt: skip
    return products.to(dtype)


def _alike(loss: Any, upstream: Any) -> Any:
    """The one number of all; the gradient of a sum of losses of common inputs does not say what each adds to it."""
    flat = upstream.flatten()
    if flat.numel() and not bool((flat == flat[0]).all() | flat.isnan().all()):
        raise NotImplementedError(
            f"{loss.name}: its losses share inputs, so that with reduction='none' their gradients are known together "
            "alone: weigh them by weight=, or all by the same number"
        )
    if torch.is_grad_enabled() and upstream.requires_grad:
        raise NotImplementedError(f"{loss.name}: with reduction='none' it is not differentiated twice")
    return flat[0] if flat.numel() else flat.sum()


def broadcast(call: Deferred, tensors: Sequence[Any]) -> Sequence[Any]:
    """The same, those of elements that have gradients in the shape of the values: torch adds up what it expanded."""
    return tensors if call.single else spread_out(call, tensors)


def spread_out(call: Deferred, tensors: Sequence[Any]) -> Sequence[Any]:
    """The same, where the values have a shape."""
    if all(x.shape == tensors[0].shape for x in tensors):
        return tensors
    try:
        shape = torch.broadcast_shapes(*(x.shape for x in tensors))
    except RuntimeError:  # the verb says which
        return tensors
    return [x.expand(shape) if k in call.wrt else x for k, x in enumerate(tensors)]
