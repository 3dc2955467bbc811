"""The derivatives of a call as operations that torch differentiates, transforms and maps in their turn.

Each returns what a verb computes: the value, whose derivative is the gradient; the gradient, whose derivative is the
Hessian; the Hessian, which has none. What multiplies them is torch's own arithmetic, so that no term is forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch.autograd import forward_ad

from ..define.callers import refuse_calling
from . import lend
from .upstream import aligned, collected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..deferred import Deferred

_wrapped: Callable[[Any], bool] = torch._C._functorch.is_functorch_wrapped_tensor

_modes: Callable[[], int] = torch._C._len_torch_dispatch_stack

_state: Callable[[], Any] = torch._C._get_tracing_state

_RECORDS = (torch._C._TorchDispatchModeKey.PROXY, torch._C._TorchDispatchModeKey.FAKE)


def no_gradient(call: Deferred, k: int) -> Exception:
    """The error for a tensor that requires grad and has none."""
    refuse_calling(call.loss.name)
    known = " and ".join(call.names[k] for k in call.wrt)
    return NotImplementedError(f"{call.loss.name}: {call.names[k]} requires grad, but its gradient is with respect to "
                               f"{known} alone: pass {call.names[k]}.detach()")  # fmt: skip


def forward_mode() -> bool:
    """Whether tensors may have tangents, which only torch's own arithmetic takes along."""
    return forward_ad._current_level >= 0


def recorded() -> bool:
    """Whether torch.jit.trace, make_fx or fake tensors follow a call: they see operators alone, and keep a result that
    is of none for a constant."""
    return _state() is not None or (_modes() > 0 and any(torch._C._get_dispatch_mode(k) is not None for k in _RECORDS))


def followed(x: Any) -> bool:
    """Whether a transform differentiates or maps by this tensor, so that its number is not all there is to it."""
    if torch.compiler.is_compiling():
        return False
    return _wrapped(x) or (forward_mode() and forward_ad.unpack_dual(x).tangent is not None)


def value(call: Deferred, tensors: Sequence[Any]) -> Any:
    """The value."""
    return _Value.apply(call, *tensors)[0]


def gradient(call: Deferred, native: Any, above: Any, tensors: Sequence[Any], grads: Sequence[Any] = ()) -> list[Any]:
    """The derivatives of `above` times the value, with a graph; `grads` are the gradients where they are known."""
    if native is not None:
        with torch.enable_grad():
            apart = [x.view_as(x) for x in tensors]  # of inputs that depend on one another each has its own share
            found = native(*apart)
        wanted = [apart[k] for k in call.wrt if apart[k].requires_grad]
        slopes = iter(torch.autograd.grad(found, wanted, above.to(found.dtype), create_graph=True))
        return [next(slopes) if apart[k].requires_grad else None for k in call.wrt]
    found = _Gradient.apply(call, *tensors, *grads)
    factor = above if call.scale == 1.0 else above * call.scale
    return [(g * aligned(call, factor, g)).to(tensors[k].dtype) for g, k in zip(found, call.wrt, strict=True)]


class _Transformed(torch.autograd.Function):
    """What the three have in common: arguments are a call and tensors, the first of which are the call's."""

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        call, *tensors = inputs
        ctx.call, own = call, tensors[: len(call.names)]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*own)
        ctx.save_for_forward(*own)
        ctx.count = len(tensors)

    @classmethod
    def vmap(cls, info: Any, in_dims: Any, call: Deferred, *tensors: Any) -> Any:
        """One sample after another."""
        dims = in_dims[1:]
        found = [
            cls.apply(call, *(x if d is None else x.select(d, k) for x, d in zip(tensors, dims, strict=True)))
            for k in range(info.batch_size)
        ]
        if not found:
            raise ValueError(f"{call.loss.name}: vmap over no samples")
        if isinstance(found[0], tuple):
            return tuple(torch.stack(x) for x in zip(*found, strict=True)), (0,) * len(found[0])
        return torch.stack(found), 0


class _Value(_Transformed):
    """The value, and the gradients that come with it."""

    @staticmethod
    def forward(call: Deferred, *tensors: Any) -> Any:
        found, grads = lend.value_and_grad(call, tensors)
        return found, *grads

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        call, *tensors = inputs
        ctx.call, ctx.like = call, (output[0].dim(), output[0].dtype)
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*tensors, *output[1:])
        ctx.save_for_forward(*tensors, *output[1:])

    @staticmethod
    def backward(ctx: Any, above: Any, *_: Any) -> Any:
        call, saved, count = ctx.call, ctx.saved_tensors, len(ctx.call.names)
        if above is None:
            return None, *(None,) * count
        return None, *_placed(call, gradient(call, None, above, saved[:count], saved[count:]))

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> Any:
        call, saved, count = ctx.call, ctx.saved_tensors, len(ctx.call.names)
        grads = _Gradient.apply(call, *saved)
        for k, tangent in enumerate(tangents):
            if tangent is not None and k not in call.wrt:
                raise no_gradient(call, k)
        parts = [
            collected(call, g * tangents[k], *ctx.like) * call.scale
            for g, k in zip(grads, call.wrt, strict=True) if tangents[k] is not None
        ]  # fmt: skip
        change = sum(parts[1:], parts[0])
        return change, *(None,) * (len(saved) - count)


class _Gradient(_Transformed):
    """The gradients, computed, or as they are handed in behind the call's tensors."""

    @staticmethod
    def forward(call: Deferred, *tensors: Any) -> Any:
        count = len(call.names)
        if len(tensors) > count:
            return tuple([g.clone() for g in tensors[count:]])  # torch takes an input that is returned for a view
        return lend.grads(call, tensors)

    @staticmethod
    def backward(ctx: Any, *above: Any) -> Any:
        call, tensors = ctx.call, ctx.saved_tensors
        if all(v is None for v in above):
            return None, *(None,) * ctx.count
        found = [_turned(call, tensors, above[0]).to(tensors[call.wrt[0]].dtype)]
        return None, *_placed(call, found), *(None,) * (ctx.count - len(tensors))

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> Any:
        call, tensors, own = ctx.call, ctx.saved_tensors, ctx.call.wrt[0]
        for k in range(len(tensors)):
            if tangents[k] is not None and k != own:
                raise no_gradient(call, k)
        return (_turned(call, tensors, tangents[own]),)


class _Hessian(_Transformed):
    """The diagonal of the Hessian."""

    @staticmethod
    def forward(call: Deferred, *tensors: Any) -> Any:
        return lend.hessian(call, tensors)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> NoReturn:
        raise NotImplementedError(f"{ctx.call.loss.name} is differentiated twice, and no more")

    jvp = backward


class _Product(_Transformed):
    """The Hessian of a loss of rows times a vector, the second of the tensors."""

    @staticmethod
    def forward(call: Deferred, *tensors: Any) -> Any:
        return lend.grads(call, tensors)[0]

    backward = _Hessian.backward
    jvp = backward


def _turned(call: Deferred, tensors: Sequence[Any], vector: Any) -> Any:
    """The Hessian times a vector."""
    if call.second:
        return _Hessian.apply(call, *tensors) * vector
    if call.product is None:
        raise NotImplementedError(
            f"{call.loss.name}: its gradient has no derivative here, and is not differentiated twice; do without "
            "create_graph=True"
        )
    return _Product.apply(call.product, tensors[0], vector, *tensors[1:])


def _placed(call: Deferred, found: Sequence[Any]) -> list[Any]:
    """Gradients in the places of their tensors."""
    places: list[Any] = [None] * len(call.names)
    for k, g in zip(call.wrt, found, strict=True):
        places[k] = g
    return places
