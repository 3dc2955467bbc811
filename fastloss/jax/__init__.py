"""Losses as functions of JAX's arrays, for `jax.jit`, `jax.grad`, `jax.vmap` and `jax.lax.scan`, on the CPU.

>>> import jax, jax.numpy as jnp
>>> import fastloss.jax as flj
>>> step = jax.jit(jax.value_and_grad(flj.huber))
>>> value, grad = step(jnp.array([1.0, 4.0]), jnp.array([0.5, 1.0]), delta=1.5)
>>> float(value), grad.tolist()
(1.75, [0.25, 0.75])

Every loss of elements and of rows is an attribute, under the names that it has in fastloss; `function` makes a function
of a loss of your own. The gradient comes with the value, in one pass, and only where JAX differentiates.
"""

from __future__ import annotations

try:
    import jax  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "jax":
        raise
    raise ModuleNotFoundError("fastloss.jax: JAX is not installed; pip install jax brings it", name="jax") from None

from typing import Any

from ..losses import ALIASES
from ..registry import LOSSES
from .functions import function
from .host import register

__all__ = ["function", "register"]


def __getattr__(name: str) -> Any:
    loss = LOSSES.get(ALIASES.get(name, name))
    if loss is None:
        raise _unknown(name)
    found = globals()[name] = function(loss)
    return found


def __dir__() -> list[str]:
    return sorted([*LOSSES, *ALIASES, *__all__])


def _unknown(name: str) -> AttributeError:
    text = f"module {__name__!r} has no attribute {name!r}"
    if name.startswith("_"):
        return AttributeError(text)
    import fastloss

    from ..losses.names import of_a_face

    return AttributeError(text + of_a_face(name, fastloss, lambda n: n if n in LOSSES else None), obj=LOSSES)
