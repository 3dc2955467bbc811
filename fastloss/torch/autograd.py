"""A deferred call as an operation of torch: its value, and its gradient from the same pass over the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from . import lend, transforms, upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..deferred import Deferred

_transforming: Callable[[], bool] = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)


def run(call: Deferred, tensors: Sequence[Any], *, inplace: bool = False, native: Any = None) -> Any:
    """The value of a call as a tensor that autograd differentiates.

    `native` is a function of the same tensors that torch differentiates, and has the same value: it is taken where
    there is no derivative of our own. With `inplace` the gradient is written over the scores, the first of `call.wrt`.
    """
    compiles = torch.compiler.is_compiling()
    if compiles or transforms.recorded():
        from . import operators

        if inplace and compiles and torch.is_grad_enabled() and any(tensors[k].requires_grad for k in call.wrt):
            return overwriting(call, tensors)  # a graph may need the scores again, for what it computes anew
        return operators.run(call, tensors, native)
    transformed = _transforming() or transforms.forward_mode()
    if not transformed and not torch.is_grad_enabled():
        return lend.value(call, tensors)
    needed = transformed
    for k, x in enumerate(tensors):
        if x.requires_grad:
            if k in call.wrt:
                needed = True
            elif native is not None:
                return native(*tensors)
            else:
                raise transforms.no_gradient(call, k)
    if not needed:
        return lend.value(call, tensors)
    tensors = upstream.broadcast(call, tensors)
    if transformed:
        return transforms.value(call, tensors) if native is None else native(*tensors)
    if inplace:
        return _Overwriting.apply(call, *_writable(call, tensors))
    try:
        return _Fused.apply(call, native, *tensors)
    except RuntimeError:
        if native is None or not any(x.is_inference() for x in tensors):
            raise
        return native(*tensors)  # which tensors of inference mode have a gradient is torch's to say


def overwriting(call: Deferred, tensors: Sequence[Any]) -> Any:
    """A call that overwrites the scores, between two graphs; where there may be but one, torch's error."""
    return torch.compiler.disable(run)(call, tensors, inplace=True)


# As `torch.compiler.disable` marks it, whose import brings the whole compiler.
overwriting._torchdynamo_disable = True  # type: ignore[attr-defined]
overwriting._torchdynamo_disable_msg = "inplace=True is not for a whole graph"  # type: ignore[attr-defined]


class _Fused(torch.autograd.Function):
    """A call whose gradient is computed with the value, outside torch's transforms.

    The gradient is saved as torch's own operations save what they need, so that checkpoints can drop it.
    """

    @staticmethod
    def forward(ctx: Any, call: Deferred, native: Any, *tensors: Any) -> Any:
        value, grads = lend.value_and_grad(call, tensors)
        ctx.call, ctx.native, ctx.spent = call, native, False
        ctx.save_for_backward(*tensors, *grads)
        return value

    @staticmethod
    def backward(ctx: Any, above: Any) -> Any:
        call, saved, count = ctx.call, ctx.saved_tensors, len(ctx.call.names)
        tensors, grads = saved[:count], saved[count:]
        if ctx.spent:
            grads = lend.grads(call, tensors)
        if torch.is_grad_enabled() or transforms.forward_mode():
            found = transforms.gradient(call, ctx.native, above, tensors, grads)
        else:
            # What is saved has our own memory; a second backward pass computes it anew.
            ctx.spent = True
            found = upstream.scaled(call, grads, above, tensors)
        return None, None, *spread(call, found, ctx.needs_input_grad[2:])


def spread(call: Deferred, found: Sequence[Any], needed: Sequence[bool]) -> list[Any]:
    """Gradients in the places of their tensors, where they are asked for."""
    places: list[Any] = [None] * len(call.names)
    for k, g in zip(call.wrt, found, strict=True):
        if needed[k]:
            places[k] = g
    return places


class _Overwriting(torch.autograd.Function):
    """A call whose gradient is written over the scores; whoever saved these gets torch's error for it."""

    @staticmethod
    def forward(ctx: Any, call: Deferred, *tensors: Any) -> Any:
        value, grads = lend.value_and_grad(call, tensors, inplace=True)
        scores = tensors[call.wrt[0]]
        ctx.call, ctx.spent = call, False
        if grads[0].data_ptr() == scores.data_ptr():  # not of what was read as a copy
            torch.autograd.graph.increment_version(scores)
            grads = (scores.detach(),)  # knows when it is modified
        ctx.save_for_backward(*grads)
        return value

    @staticmethod
    def backward(ctx: Any, above: Any) -> Any:
        call, grads = ctx.call, ctx.saved_tensors
        if ctx.spent or torch.is_grad_enabled():
            raise RuntimeError(f"{call.loss.name}: the gradient was written over {call.names[call.wrt[0]]}, so that "
                               "there is one backward pass, and no second; leave out inplace=True")  # fmt: skip
        ctx.spent = True
        found = upstream.scaled(call, grads, above, grads * len(call.names))
        return None, *spread(call, found, ctx.needs_input_grad[1:])


def _writable(call: Deferred, tensors: Sequence[Any]) -> Sequence[Any]:
    """The same; the error for scores over which nothing may be written."""
    k = call.wrt[0]
    if len(call.wrt) > 1:
        raise ValueError(f"{call.loss.name}: inplace=True is for losses with one gradient")
    scores = tensors[k]
    view = scores._is_view() and scores._base.is_leaf
    if scores.is_leaf or view:
        what = "a view of a leaf" if view else "a leaf"
        raise ValueError(f"{call.loss.name}: inplace=True would overwrite {call.names[k]}, {what} that requires grad")
    return tensors
