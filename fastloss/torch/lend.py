"""Tensors as what the verbs read, in the same memory, and what they return as tensors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..define.parameters import Parametrised
from ..kernels.cpu import threads
from ..kernels.plan.elements import PARALLEL_FROM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..deferred import Deferred

try:
    from ml_dtypes import bfloat16
except ImportError:  # it is then computed of a copy
    bfloat16 = None

HALF, BRAIN = torch.float16, torch.bfloat16
BRAIN_CHAR = "E"


def value(call: Deferred, tensors: Sequence[Any]) -> Any:
    """The value, as a tensor."""
    arrays, host = _lent(call, tensors)
    found = _verb(call, "__call__", arrays, host)
    return _tensor(found if call.scale == 1.0 else found * call.scale)


def value_and_grad(call: Deferred, tensors: Sequence[Any], inplace: bool = False) -> tuple[Any, tuple[Any, ...]]:
    """The value, and the gradients, not yet multiplied by the call's `scale`.

    Those of float16 are float32: the gradient of a mean must not vanish before a scaled loss multiplies it.
    """
    arrays, host = _lent(call, tensors, not inplace)
    k = call.wrt[0]
    if len(call.wrt) == 1 and (inplace or (tensors[k].dtype is HALF and tensors[k].dim())):
        # What was float16 is a copy, with room for the gradient.
        found, grads = _verb(call, "value_and_grad", arrays, host, out=arrays[k])
    else:
        found, grads = _verb(call, "value_and_grad", arrays, host)
    grads = grads if type(grads) is tuple else (grads,)
    return _tensor(found if call.scale == 1.0 else found * call.scale), tuple([_tensor(g) for g in grads])


def grads(call: Deferred, tensors: Sequence[Any]) -> tuple[Any, ...]:
    """The gradients alone, as `value_and_grad` returns them."""
    return value_and_grad(call, tensors)[1]  # the kernel that there is already


def hessian(call: Deferred, tensors: Sequence[Any]) -> Any:
    """The diagonal of the Hessian, of elements, not multiplied by `scale`."""
    arrays, host = _lent(call, tensors, True)
    return _tensor(_verb(call, "grad_and_hess", arrays, host)[1])


def multiplied(x: Any, factor: Any, also: float) -> bool:
    """Whether a gradient on a GPU was multiplied, where it is, by a number there and by `also`.

    Where the product is 1, as it mostly is, the gradient is neither read nor written.
    """
    if not (x.is_cuda and factor.is_cuda) or factor.dim() or _wrapped(factor):
        return False
    face, by_kernel = _gpu()
    found: bool = by_kernel(face, x, factor, also)
    return found


@cache
def _gpu() -> tuple[Any, Any]:
    """What is known of tensors on a GPU, and what multiplies them there: Numba comes with it."""
    from ..arrays import gpu
    from ..arrays.gpu.scale import multiplied

    return gpu.face("torch"), multiplied


_wrapped: Callable[[Any], bool] = torch._C._functorch.is_functorch_wrapped_tensor


# -- There -------------------------------------------------------------------------------------------------------------


def _lent(call: Deferred, tensors: Sequence[Any], widen: bool = False) -> tuple[list[Any], bool]:
    """The arrays, and whether they are on the host; with `widen`, float16 that has a gradient as a copy in float32."""
    host, wrt, arrays = tensors[0].is_cpu, call.wrt, []
    for k, x in enumerate(tensors):
        if k in wrt and not x.is_floating_point():
            raise TypeError(f"{call.loss.name}: {call.names[k]} has dtype {x.dtype}, expected floating-point numbers")
        if x.is_cpu is not host or not (host or x.is_cuda):
            raise _elsewhere(call, tensors)
        kind, x = x.dtype, x.detach() if x.requires_grad else x
        if widen and kind is HALF and k in wrt:
            x = x.float()
        if host:
            try:
                x = x.numpy() if kind is not BRAIN else _brain(x)
            except (TypeError, RuntimeError, NotImplementedError):
                x = _odd(call, k, x)
        elif x.is_neg():
            x = x.resolve_neg()
        arrays.append(x)
    return arrays, host


def _brain(x: Any) -> Any:
    return x.float().numpy() if bfloat16 is None else x.view(torch.int16).numpy().view(bfloat16)


def _odd(call: Deferred, k: int, x: Any) -> Any:
    """A tensor that NumPy does not see as it is; the error for one that no verb reads."""
    if x.layout is torch.strided and (x.is_neg() or x.is_conj()):
        x = x.resolve_conj().resolve_neg()
        return _brain(x) if x.dtype is BRAIN else x.numpy()
    what = f"has layout {x.layout}, expected a dense tensor: pass {call.names[k]}.to_dense()"
    if x.layout is torch.strided:
        what = f"is a {type(x).__module__}.{type(x).__name__} of dtype {x.dtype}, expected numbers in memory"
    raise TypeError(f"{call.loss.name}: {call.names[k]} {what}") from None


def _elsewhere(call: Deferred, tensors: Sequence[Any]) -> Exception:
    """The error for tensors that are not on one CPU or GPU."""
    first = tensors[0].device
    for name, x in zip(call.names, tensors, strict=True):
        if not (x.is_cpu or x.is_cuda):
            return TypeError(f"{call.loss.name}: {name} is on device {str(x.device)!r}, expected 'cpu' or 'cuda'")
        if x.device != first:
            return ValueError(f"{call.loss.name}: {name} is on device {str(x.device)!r}, and {call.names[0]} on "
                              f"{str(first)!r}: move one of them")  # fmt: skip
    raise AssertionError


def _verb(call: Deferred, verb: str, arrays: list[Any], host: bool, **more: Any) -> Any:
    """What a verb returns, on no more threads than torch has."""
    if not host:
        return call.verb(verb, arrays, **more)
    count = torch.get_num_threads()
    if count == 1:
        return call.verb(verb, arrays, backend="serial", **more)
    if arrays[0].size < PARALLEL_FROM and isinstance(call.loss, Parametrised):  # which runs on one thread
        return call.verb(verb, arrays, **more)
    users = threads.limit(count)
    try:
        return call.verb(verb, arrays, **more)
    finally:
        if users:
            threads.unlimit(users)


# -- And back ----------------------------------------------------------------------------------------------------------


def _tensor(x: Any) -> Any:
    """A result as a tensor with the same memory."""
    if not isinstance(x, np.ndarray):
        if not isinstance(x, np.generic):  # a tensor of CUDA
            return x
        x = np.asarray(x)
    return torch.from_numpy(x) if x.dtype.char != BRAIN_CHAR else torch.from_numpy(x.view(np.int16)).view(BRAIN)
