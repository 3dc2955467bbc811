"""What is wanted of a call, computed of NumPy's arrays by the loss's own verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..deferred import Deferred


def computed(call: Deferred, want: str, arrays: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
    """The value; that and the gradients; or the gradients and their own derivatives. Arrays of `out` are filled."""
    if want == "value":
        results = [call.value(arrays)]
    elif want == "grad":
        into = None if out is None else out[1] if len(out) == 2 else tuple(out[1:])
        value, grads = call.value_and_grad(arrays, out=into)
        results = [value, *grads]
    else:
        both = call.grad_and_hess(arrays)
        results = [x for part in both for x in (part if type(part) is tuple else (part,))]
    for mine, x in zip(out or (), results, strict=out is not None):
        if mine is not x:
            mine[...] = x
    return results
