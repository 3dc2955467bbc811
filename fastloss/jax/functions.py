"""A loss as a function of JAX's arrays: its arguments, with the names, the order and the defaults of the loss's own."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ..arrays.dispatch import by_name
from ..deferred import Deferred, differentiated
from ..define.callers import refuse_calling
from ..define.elements import Definition
from ..define.keywords import keywords_of
from ..define.rows import Program
from ..define.streams import is_array
from ..define.wording import no_loss, shown
from ..signatures import arguments
from .derivatives import ready, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ARRAYS = ("weight", "class_weight", "normalizer")
"""Keywords that may be traced, as parameters may."""

LEFT_OUT = {"out": "arrays of JAX never change: take the gradient by jax.grad", "return_stats": "it has one result"}
"""Keywords of the verbs that a function of JAX has no use for, and why."""


@lru_cache(1024)
def function(loss: Any) -> Callable[..., Any]:
    """A loss of elements or of rows as a function of JAX's arrays, for `jax.jit`, `jax.grad` and `jax.vmap`.

    For losses of your own: those of the library have their functions by name, as in ``fastloss.jax.huber``.

    >>> import jax.numpy as jnp
    >>> import fastloss as fl, fastloss.jax
    >>> robust = fastloss.jax.function(0.5 * fl.huber.bind(delta=2.0) + 0.5 * fl.absolute_error)
    >>> jax.grad(robust)(jnp.array([1.0, 4.0]), jnp.zeros(2)).tolist()
    [0.5, 0.75]
    """
    if not isinstance(loss, (Definition, Program)):
        raise TypeError(f"fastloss.jax.function: loss is {no_loss(loss)}, expected a loss of elements or of rows, such "
                        "as fl.huber or fl.cross_entropy")  # fmt: skip
    keywords = {n: v for n, v in keywords_of(loss).items() if n not in LEFT_OUT}

    def called(*inputs: Any, **given: Any) -> Any:
        return _evaluated(loss, inputs, given, keywords)

    kind = inspect.Parameter
    called.__name__ = called.__qualname__ = loss.name
    called.__module__ = __package__ or ""
    called.__doc__ = _documented(loss, keywords)
    called.__signature__ = inspect.Signature([  # type: ignore[attr-defined]
        *(kind(n, kind.POSITIONAL_OR_KEYWORD) for n in loss.inputs),
        *(kind(n, kind.KEYWORD_ONLY, default=v) for n, v in {**loss.values, **keywords}.items()),
    ])  # fmt: skip
    return called


def _documented(loss: Any, keywords: Mapping[str, Any]) -> str:
    summary = inspect.cleandoc(loss.own_text).partition("\n")[0]
    text = (
        "For jax.jit, jax.grad, jax.vmap and jax.lax.scan, on the CPU: the value, in float32 of 16-bit floats. "
        f"JAX differentiates {' and '.join(differentiated(loss))}; weights and parameters may be traced, and have no "
        "gradient."
    )
    return f"{summary}\n\n{text}\n\n{arguments(loss, keywords)}"


def _evaluated(loss: Any, inputs: tuple[Any, ...], given: dict[str, Any], keywords: Mapping[str, Any]) -> Any:
    """The value of a call, whatever JAX is about to do with it."""
    refuse_calling(loss.name)
    if len(inputs) != len(loss.inputs):
        inputs, given = by_name(loss, inputs, given)
    arrays = dict(zip(loss.inputs, inputs, strict=True))
    static: dict[str, Any] = {}
    for name, x in given.items():
        if name in loss.parameters or (name in ARRAYS and name in keywords):
            if isinstance(x, (jax.Array, np.ndarray)) or is_array(x) or (name == "weight" and x is not None):
                arrays[name] = x
            elif x is not None or name in loss.parameters:
                static[name] = x.item() if isinstance(x, np.generic) else x
        elif name in keywords:
            static[name] = _constant(loss, name, x)
        else:
            raise _unknown(loss, name)
    names = (*loss.inputs, *(n for n in arrays if n not in loss.inputs))
    wrt = tuple(names.index(n) for n in differentiated(loss))
    call = Deferred(loss, names, wrt, tuple(sorted(static.items())))
    read = [_array(loss, n, arrays[n]) for n in names]
    return value_of(call)(*[ready(call, read, k) if k in wrt else x for k, x in enumerate(read)])


def _array(loss: Any, name: str, x: Any) -> Any:
    """An argument as JAX's array."""
    try:
        array = jnp.asarray(x)
        np.dtype(array.dtype)
    except (TypeError, ValueError):
        raise TypeError(f"{loss.name}: {name} is {shown(x)}, expected an array of real numbers") from None
    if any(getattr(getattr(array.aval, "sharding", None), "spec", ())):
        raise TypeError(f"{loss.name}: {name} is of type {array.aval}, spread over devices, expected one whose "
                        "axes are not explicit: pass jax.sharding.reshard(..., PartitionSpec()), or call it in "
                        "jax.shard_map for the parts")  # fmt: skip
    return array


def _constant(loss: Any, name: str, x: Any) -> Any:
    """A keyword that a compiled program is made for."""
    if isinstance(x, jax.core.Tracer):
        raise TypeError(f"{loss.name}: {name} is traced by JAX, expected a value that is known when a program is "
                        f"compiled: pass static_argnames={name!r} to jax.jit")  # fmt: skip
    x = x.tolist() if isinstance(x, (jax.Array, np.ndarray, np.generic)) else x
    return tuple(x) if isinstance(x, list) else x


def _unknown(loss: Any, name: str) -> TypeError:
    from ..define.hints import arguments as arguments_of
    from ..define.hints import unknown_argument

    if name in LEFT_OUT:
        return TypeError(f"{loss.name}: {name!r} is no argument of the function for JAX; {LEFT_OUT[name]}")
    taken = [n for n in arguments_of(loss).split(", ") if n not in LEFT_OUT]
    return unknown_argument(loss, name, expected=", ".join(taken))
