"""Losses as operators of torch.library: what `torch.compile` and `torch.export` hold in their graphs.

A graph holds tensors, numbers and strings, so an operator is told its call by `Deferred.text`, and finds the loss again
in whatever process the graph runs in. Nothing in the text depends on a shape: one graph serves every size of a batch.

The operators return what `lend` returns. Gradients have the strides of `torch.empty_like`, which a graph is told before
there is a gradient.
"""

from __future__ import annotations

import ctypes
from operator import index
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.library import custom_op

from ..deferred import Deferred
from ..define.elements import Definition
from ..define.rows import Program
from ..structured.verbs import HostLoss
from . import lend
from .transforms import forward_mode, no_gradient
from .upstream import aligned, spread_out

if TYPE_CHECKING:
    from collections.abc import Sequence

# -- What is traced ----------------------------------------------------------------------------------------------------


def run(call: Deferred, tensors: Sequence[Tensor], native: Any = None) -> Tensor:
    """A call as a part of the graph that is being made; `native` is torch's own, which has other gradients, too.

    A denominator that is given, as counts of what is in a batch are, divides outside of the operator: in the text it
    would be the number of one batch.
    """
    if forward_mode():  # which operators of torch.library have not: it would leave them out
        if native is None:
            raise NotImplementedError(f"{call.loss.name}: torch.compile has no forward mode for it; leave the call "
                                      "uncompiled")  # fmt: skip
        return native(*tensors)
    wanted = torch.is_grad_enabled()
    for k, x in enumerate(tensors):
        if wanted and x.requires_grad and k not in call.wrt:
            if native is None:
                raise no_gradient(call, k)
            return native(*tensors)
    # Of `call` its fields alone are read: it would keep what it finds out, which cannot be traced.
    loss, given, divisor = call.loss, dict(call.keywords), None
    reduction = given.get("reduction", "mean")
    if isinstance(loss, Definition) and (reduction == "none" or "axis" in given):
        tensors = spread_out(call, tensors)
    means = reduction == "mean" and given.get("normalizer") is not None
    if means and not isinstance(loss, HostLoss) and not getattr(loss, "rooted", False):
        divisor = given.pop("normalizer")
        given["reduction"] = "sum"
    fixed = tuple([(name, _fixed(x)) for name, x in given.items()])
    text = _text(id(loss), call.names, call.wrt, fixed, _fixed(call.scale))
    operators = torch.ops.fastloss
    # torch.jit.trace checks its graph by tensors that require no grad.
    known = wanted and torch._C._get_tracing_state() is None
    if known and any(tensors[k].requires_grad for k in call.wrt):
        found = operators.value_and_grad.default(text, list(tensors))[0]
    else:
        found = operators.value.default(text, list(tensors))
    return found if divisor is None else found / divisor


def _fixed(x: Any) -> Any:
    """A number as the graph has it for good: another one makes another graph."""
    if isinstance(x, bool) or not isinstance(x, (int, float, torch.SymInt, torch.SymFloat)):
        return x
    return index(x) if isinstance(x, (int, torch.SymInt)) else x.__float__()


_traced: dict[int, Any] = {}
"""Losses of graphs by their addresses, which stay theirs."""


def _text(address: int, *rest: Any) -> str:
    """A call's text; of the loss its address, for before 2.13 torch hands no objects to what it takes for a constant.

    The loss is alive: who traces the call holds it.
    """
    there: Any = ctypes.cast(address, ctypes.py_object).value
    loss = _traced.setdefault(address, there)
    _ = loss.value_and_grad  # with its first verb a loss changes its class, which a graph depends on
    return Deferred(loss, *rest).text


# `torch.compiler.assume_constant_result`, without its import of the whole compiler: tracing calls it, and reads it not.
_text._dynamo_marked_constant = True  # type: ignore[attr-defined]


# -- What they compute -------------------------------------------------------------------------------------------------


def _value(call: str, tensors: list[Tensor]) -> Tensor:
    """The value of a call."""
    return lend.value(Deferred.of_text(call), tensors)


def _value_and_grad(call: str, tensors: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The value of a call, and its gradients, which its `scale` has not multiplied yet."""
    found = Deferred.of_text(call)
    result, grads = lend.value_and_grad(found, tensors)
    return result, [_laid_out(g, tensors[k]) for k, g in zip(found.wrt, grads, strict=True)]


def _turned(call: str, tensors: list[Tensor], vector: Tensor) -> Tensor:
    """The Hessian of a call with one gradient times a vector, which its `scale` has not multiplied yet."""
    found, x = Deferred.of_text(call), tensors[0]
    if found.second:
        return _laid_out(lend.hessian(found, tensors) * vector, tensors[found.wrt[0]])
    product = found.product
    assert product is not None
    return _laid_out(lend.grads(product, [x, vector, *tensors[1:]])[0], x)


def _laid_out(found: Tensor, x: Tensor) -> Tensor:
    """A derivative, with the strides that a graph expects of it."""
    if x.is_contiguous() and found.is_contiguous():
        return found
    expected = _derivative_like(x)
    return found if found.stride() == expected.stride() else expected.copy_(found)


# -- What is known of a result before there is one ---------------------------------------------------------------------


def _derivative_like(x: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.float32 if x.dtype == torch.float16 else x.dtype)


def _value_like(call: Deferred, tensors: Sequence[Tensor]) -> Tensor:
    first = tensors[call.wrt[0]]
    dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
    return first.new_empty(_shape(call, tensors), dtype=dtype)


def _shape(call: Deferred, tensors: Sequence[Tensor]) -> Sequence[int]:
    """Of a value: of no axes, or with a number for each element, row or sample."""
    loss, first, given = call.loss, tensors[0].shape, dict(call.keywords)
    each, axis = call.reduction == "none", given.get("axis")
    if isinstance(loss, Definition):
        if not each and axis is None:
            return ()
        whole = torch.broadcast_shapes(*(x.shape for x in tensors))
        reduced = () if each else axis if isinstance(axis, tuple) else (axis,)
        gone = [k % len(whole) for k in reduced]
        return [n for k, n in enumerate(whole) if k not in gone]
    if not each:
        return ()
    if isinstance(loss, Program):
        axis = (-1 if axis is None else axis) % len(first)
        return [*first[:axis], *first[axis + 1 :]]
    if not getattr(loss, "separate", False):
        raise NotImplementedError(
            f"{loss.name}: reduction='none' is neither compiled nor exported; use 'mean' or 'sum'"
        )
    if loss.name == "ctc":
        return first[1:-1] if given.get("time_major") else first[:-2]
    return first[:-1]


def _fake_value(call: str, tensors: list[Tensor]) -> Tensor:
    return _value_like(Deferred.of_text(call), tensors)


def _fake_value_and_grad(call: str, tensors: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    found = Deferred.of_text(call)
    return _value_like(found, tensors), [_derivative_like(tensors[k]) for k in found.wrt]


def _fake_turned(call: str, tensors: list[Tensor], vector: Tensor) -> Tensor:
    return _derivative_like(tensors[Deferred.of_text(call).wrt[0]])


# -- Derivatives -------------------------------------------------------------------------------------------------------


def _keep(ctx: Any, inputs: tuple[str, list[Tensor]], output: Any) -> None:
    """What the derivatives need of a value, or of a value and its gradients."""
    ctx.call, tensors = inputs
    grads = output[1] if isinstance(output, tuple) else []
    if not _twice(Deferred.of_text(ctx.call)):
        ctx.mark_non_differentiable(*grads)
    ctx.set_materialize_grads(False)
    ctx.count = len(tensors)
    ctx.save_for_backward(*tensors, *grads)


def _from_kept(ctx: Any, above: Tensor | None, beside: list[Tensor | None]) -> tuple[None, list[Tensor | None]]:
    """The derivatives of what became of a value and of its gradients, which have the Hessian."""
    call, saved = _call(ctx), ctx.saved_tensors
    tensors, grads = list(saved[: ctx.count]), saved[ctx.count :]
    found = _scaled(call, above, tensors, grads)
    if beside and beside[0] is not None:
        k = call.wrt[0]
        more = turned(ctx.call, tensors, beside[0]).to(tensors[k].dtype)
        found[k] = more if found[k] is None else found[k] + more
    return None, found


def _anew(ctx: Any, above: Tensor | None) -> tuple[None, list[Tensor | None]]:
    """The derivatives of what became of a value that was computed alone."""
    call, tensors = _call(ctx), list(ctx.saved_tensors)
    return None, _scaled(call, above, tensors, value_and_grad(ctx.call, tensors)[1])


def _call(ctx: Any) -> Deferred:
    """The call; the error where its gradient would have to be differentiated, and cannot be."""
    call = Deferred.of_text(ctx.call)
    if torch.is_grad_enabled() and not _twice(call):
        raise NotImplementedError(f"{call.loss.name}: in a graph its gradient has no derivative; do without "
                                  "create_graph=True, or without torch.compile and torch.export")  # fmt: skip
    return call


def _twice(call: Deferred) -> bool:
    """Whether there is a Hessian."""
    return call.second or call.product is not None


def _scaled(
    call: Deferred, above: Tensor | None, tensors: Sequence[Tensor], grads: Sequence[Tensor]
) -> list[Tensor | None]:
    """The gradients, in their tensors' places and types, times what came from above."""
    found: list[Tensor | None] = [None] * len(tensors)
    if above is not None:
        factor = above if call.scale == 1.0 else above * call.scale
        for k, g in zip(call.wrt, grads, strict=True):
            found[k] = (g * aligned(call, factor, g)).to(tensors[k].dtype)
    return found


def _each(operator: Any) -> Any:
    """Mapped over a dimension: one sample after another."""

    def mapped(info: Any, in_dims: tuple[None, list[int | None]], call: str, tensors: list[Tensor]) -> Any:
        dims = in_dims[1]
        found = [
            operator(call, [x if d is None else x.select(d, k) for x, d in zip(tensors, dims, strict=True)])
            for k in range(info.batch_size)
        ]
        if isinstance(found[0], Tensor):
            return torch.stack(found), 0
        values, grads = zip(*found, strict=True)
        return (torch.stack(values), [torch.stack(x) for x in zip(*grads, strict=True)]), (0, [0] * len(grads[0]))

    return mapped


# -- The operators -----------------------------------------------------------------------------------------------------


def _operator(name: str, compute: Any, fake: Any, returns: str, backward: Any = None, more: str = "") -> Any:
    made = custom_op(
        f"fastloss::{name}", compute, mutates_args=(), schema=f"(str call, Tensor[] tensors{more}) -> {returns}"
    )
    made.register_fake(fake)
    if backward is not None:
        made.register_autograd(backward, setup_context=_keep)
    return made


value = _operator("value", _value, _fake_value, "Tensor", _anew)
value_and_grad = _operator("value_and_grad", _value_and_grad, _fake_value_and_grad, "(Tensor, Tensor[])", _from_kept)
turned = _operator("turned", _turned, _fake_turned, "Tensor", more=", Tensor vector")
for _made in (value, value_and_grad):
    _made.register_vmap(_each(_made))
