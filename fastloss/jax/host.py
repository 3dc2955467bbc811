"""How a compiled program of JAX comes to the host's verbs: by XLA's foreign functions, else by a callback of JAX's.

XLA's hand over the memory itself: nothing is copied but values, and no array of JAX's is made while it waits. Where
they are not of a version that is known here, JAX's own callback does the same, with copies.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from . import foreign
from .facts import facts_of
from .verbs import computed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..deferred import Deferred


def run(call: Deferred, want: str, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """What is wanted of a call, as JAX's arrays."""
    if all(map(_here, arrays)):
        return tuple(map(jax.numpy.asarray, computed(call, want, [np.asarray(x) for x in arrays])))
    kinds = [jax.ShapeDtypeStruct(*kind) for kind in facts_of(call, arrays).of(want)]
    if foreign.known():
        made = jax.ffi.ffi_call(foreign.NAME, kinds, vmap_method="sequential")
        return tuple(made(*arrays, call=f"{want} {call.text}"))
    return tuple(jax.pure_callback(_called(call, want), kinds, *arrays, vmap_method="sequential"))


def register() -> None:
    """Let XLA's programs call fastloss in this process, before a loss is traced in it, which does the same.

    What `jax.export` has serialized elsewhere needs it, and says ``No FFI handler registered for fastloss`` without.

    Raises
    ------
    RuntimeError
        Where JAX's foreign-function interface is not one that is known here.
    """
    if not foreign.known():
        raise RuntimeError(f"fastloss.jax.register: the foreign-function interface of JAX {jax.__version__} is not "
                           "known here, so that no exported program can call fastloss")  # fmt: skip


@lru_cache(1024)
def _called(call: Deferred, want: str) -> Any:
    """A function of JAX's callback; the same one for the same call, so that JAX compiles it once."""
    return partial(_compute, call, want)


def _compute(call: Deferred, want: str, *arrays: Any) -> list[Any]:
    read = [np.asarray(x) for x in arrays]
    kinds = facts_of(call, read).of(want)
    return [np.asarray(x, kind) for x, (_, kind) in zip(computed(call, want, read), kinds, strict=True)]


def _here(x: Any) -> bool:
    """Whether an array has its numbers in the host's memory, in one piece."""
    return not isinstance(x, jax.core.Tracer) and [d.platform for d in x.devices()] == ["cpu"]
