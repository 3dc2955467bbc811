"""A call under `jax.vmap`: one call of all samples where the loss's own keywords say the same, else one after another.

Losses of elements are reduced over all axes but the first. Losses of rows give each row's loss, and these are added up
here: so it is done where each sample's mean divides by the number of its rows.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from ..define.rows import Program
from . import host
from .facts import facts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..deferred import Deferred


def run(call: Deferred, want: str, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """What is wanted of a call, as a function that `jax.vmap` knows how to run."""
    if any(isinstance(x, jax.core.Tracer) for x in arrays):
        return tuple(_mapped(call, want)(*arrays))
    return host.run(call, want, arrays)


@lru_cache(1024)
def _mapped(call: Deferred, want: str) -> Any:
    """What is wanted of a call, as JAX knows functions that have a rule for `jax.vmap`; the same for the same call."""

    @jax.custom_batching.custom_vmap
    def mapped(*arrays: Any) -> Any:
        return host.run(call, want, arrays)

    @mapped.def_vmap
    def rule(size: int, batched: Sequence[bool], *arrays: Any) -> tuple[Any, Any]:
        one = [jax.ShapeDtypeStruct(x.shape[1:] if b else x.shape, x.dtype)
               for b, x in zip(batched, arrays, strict=True)]  # fmt: skip
        many = _rows if isinstance(call.loss, Program) else _elements
        names = {n for n, b in zip(call.names, batched, strict=True) if b}
        results = None
        if not names & {"class_weight", "normalizer", *call.loss.single}:
            results = many(call, want, size, batched, arrays, one)
        if results is None:
            results = _one_by_one(call, want, batched, arrays)
        return results, (True,) * len(results)

    return mapped


def _one_by_one(call: Deferred, want: str, batched: Sequence[bool], arrays: Sequence[Any]) -> tuple[Any, ...]:
    def once(given: Sequence[Any]) -> tuple[Any, ...]:
        mine = iter(given)
        return run(call, want, [next(mine) if b else x for b, x in zip(batched, arrays, strict=True)])

    found: tuple[Any, ...] = jax.lax.map(once, [x for b, x in zip(batched, arrays, strict=True) if b])
    return found


def _elements(
    call: Deferred, want: str, size: int, batched: Sequence[bool], arrays: Sequence[Any], one: Sequence[Any]
) -> tuple[Any, ...] | None:
    """All samples in one call that is reduced over the axes behind the first."""
    if call.loss.rooted:
        return None
    facts, keywords = facts_of(call, one), dict(call.keywords)
    full = facts.full or (1,)
    if call.reduction != "none":
        keywords["axis"] = tuple(k + 1 for k in facts.inner) if facts.full else (1,)
    given = []
    for k, (name, b, x) in enumerate(zip(call.names, batched, arrays, strict=True)):
        if b or x.ndim or k in call.wrt:
            x = _ahead(x, b, len(full))
        # Of those that are left as they are numbers and parameters broadcast by themselves.
        widened = k in call.wrt or (b and name not in call.loss.parameters)
        given.append(jnp.broadcast_to(x, (size, *full)) if widened else x)
    results = run(call._replace(keywords=tuple(sorted(keywords.items()))), want, given)
    return tuple(x.reshape((size, *shape)) for x, (shape, _) in zip(results, facts.of(want), strict=True))


def _rows(
    call: Deferred, want: str, size: int, batched: Sequence[bool], arrays: Sequence[Any], one: Sequence[Any]
) -> tuple[Any, ...] | None:
    """All samples' rows in one call, whose losses are added up for each sample."""
    facts, keywords = facts_of(call, one), dict(call.keywords)
    reduction, count = call.reduction, prod(facts.batch)
    weighted = {*call.names, *keywords} & {"weight", "class_weight", "ignore_index", "normalizer"}
    if reduction == "mean" and (weighted or not count):
        return None
    keywords.update(reduction="none", axis=facts.axis + 1)
    given = []
    for name, b, x, each in zip(call.names, batched, arrays, one, strict=True):
        if name in call.loss.inputs:
            x = jnp.broadcast_to(x if b else x[None], (size, *each.shape))
        elif b or (x.ndim and name != "class_weight"):
            x = jnp.broadcast_to(_ahead(x, b, len(facts.batch)), (size, *facts.batch))
        given.append(x)
    value, *grads = run(call._replace(keywords=tuple(sorted(keywords.items()))), want, given)
    if reduction == "none":
        return (value, *grads)
    share = 1.0 / count if reduction == "mean" else 1.0
    total = value.sum(tuple(range(1, value.ndim)), dtype=value.dtype)
    return tuple(x * jnp.asarray(share, x.dtype) for x in (total, *grads))


def _ahead(x: Any, batched: bool, axes: int) -> Any:
    """An array with the samples' axis, or one of length 1, in front of so many others."""
    own = x.shape[1:] if batched else x.shape
    return x.reshape((x.shape[0] if batched else 1, *(1,) * (axes - len(own)), *own))
