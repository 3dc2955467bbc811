"""A call as JAX differentiates it, forwards and backwards: rules of tangents, whose gradients come with the value.

The rule of a value calls the verb that gives value and gradient in one pass, and only where JAX differentiates. What
multiplies a tangent is then an array, so that JAX turns the rule around by itself. The gradients have a rule of their
own, by the second derivative; beyond that there is an error, never a zero.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from ..define.rows import Program
from ..define.wording import listed
from .batched import run
from .facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..deferred import Deferred


@lru_cache(1024)
def value_of(call: Deferred) -> Any:
    """The value of a call, as a function of its arrays that JAX differentiates."""

    @jax.custom_jvp
    def value(*arrays: Any) -> Any:
        return run(call, "value", arrays)[0]

    @partial(value.defjvp, symbolic_zeros=True)
    def rule(arrays: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        total: Any = 0
        for part, names in _parts(call, _moved(call, tangents)):
            # An input that the call itself does not differentiate is as the caller has it.
            read = [ready(part, arrays, k) if k in part.wrt else x for k, x in enumerate(arrays)]
            found, *grads = value_and_grads(part, names)(*read)
            inner = facts_of(part, read).inner
            for name, grad in zip(names, grads, strict=True):
                total += _along(grad, tangents[call.names.index(name)], inner, found.dtype)
        return found, total

    return value


@lru_cache(1024)
def value_and_grads(call: Deferred, names: tuple[str, ...]) -> Any:
    """Value and gradients with respect to some of the inputs that a call differentiates, likewise."""
    own = [call.names[k] for k in call.wrt]
    places = [own.index(name) for name in names]

    @jax.custom_jvp
    def both(*arrays: Any) -> Any:
        value, *grads = run(call, "grad", arrays)
        return (value, *[grads[k] for k in places])

    @partial(both.defjvp, symbolic_zeros=True)
    def rule(arrays: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        _check_second(call, names, _moved(call, tangents))
        tangent = tangents[call.names.index(names[0])]
        results = last(call)(*arrays)
        grad, hess = results[places[0]], results[len(own) + places[0]]
        value = value_of(call)(*arrays)
        change = _along(grad, tangent, facts_of(call, arrays).inner, value.dtype)
        return (value, grad), (change, (hess * tangent).astype(grad.dtype))

    return both


@lru_cache(1024)
def last(call: Deferred) -> Any:
    """Gradients and second derivatives, which have no rule."""

    @jax.custom_jvp
    def results(*arrays: Any) -> Any:
        return run(call, "hess", arrays)

    @results.defjvp
    def rule(arrays: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        raise NotImplementedError(f"{call.loss.name}: its second derivative is differentiated, which has no derivative")

    return results


def ready(call: Deferred, arrays: Sequence[Any], k: int) -> Any:
    """An array as what a call differentiates: floats whose range holds gradients, of the shape that is reduced."""
    x = arrays[k]
    kind = np.dtype(x.dtype)
    if kind.kind in "iub":
        x = x.astype(float)
    elif kind == np.float16:
        x = x.astype(np.float32)
    return x if isinstance(call.loss, Program) else jnp.broadcast_to(x, facts_of(call, arrays).full)


def _along(grad: Any, tangent: Any, inner: tuple[int, ...], kind: Any) -> Any:
    """What a tangent adds to that of the value."""
    product = grad.astype(kind) * tangent.astype(kind)
    return product.sum(inner) if inner else product


def _moved(call: Deferred, tangents: Sequence[Any]) -> tuple[str, ...]:
    """The arrays that JAX differentiates with respect to."""
    return tuple(n for n, t in zip(call.names, tangents, strict=True) if type(t) is not SymbolicZero)


def _parts(call: Deferred, moved: tuple[str, ...]) -> list[tuple[Deferred, tuple[str, ...]]]:
    """Calls that differentiate these arrays, each with its own: this one, and one for each further input."""
    own = [call.names[k] for k in call.wrt]
    mine = tuple(n for n in moved if n in own)
    return [*([(call, mine)] if mine else []), *((_by(call, n), (n,)) for n in moved if n not in own)]


def _by(call: Deferred, name: str) -> Deferred:
    """The same call, differentiated with respect to another input."""
    loss = call.loss
    if name in loss.inputs:
        try:
            return call._replace(loss=loss.with_respect_to(name), wrt=(call.names.index(name),))
        except ValueError:
            pass
    raise TypeError(
        f"{loss.name}: {name} is differentiated, and there is a derivative with respect to "
        f"{listed([call.names[k] for k in call.wrt])} alone: pass jax.lax.stop_gradient({name}) if it is to be constant"
    )


def _check_second(call: Deferred, names: tuple[str, ...], moved: tuple[str, ...]) -> None:
    """Raise unless the second derivative is a number for each element."""
    loss = call.loss
    if isinstance(loss, Program) or loss.rooted:
        what = "a loss of rows" if isinstance(loss, Program) else "the root of a mean"
        why = f"{what}, whose second derivative is a matrix that is not formed"
    elif loss.order < 2:
        why = "a loss without second derivative"
    elif names != moved or len(names) > 1:
        why = f"differentiated with respect to {listed(names)} and then {listed(moved)}, and gives no mixed derivatives"
    else:
        return
    raise NotImplementedError(f"{loss.name}: its gradient is differentiated; it is {why}")
