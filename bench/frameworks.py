"""How other libraries' users get a value and its gradients: torch's tensors and `backward()`, JAX's jit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import timing

Call = Callable[[], tuple[Any, Any]]


def tensor(x: Any) -> Any:
    """The array's memory as a torch tensor; one of torch's own as it is.

    torch does not know the bfloat16 of ml_dtypes, only its bits.
    """
    import torch

    if isinstance(x, torch.Tensor):
        return x
    torch.set_num_threads(timing.thread_count())
    half = x.dtype.name == "bfloat16"
    return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16) if half else torch.from_numpy(x)


def backward(forward: Callable[..., Any], inputs: Sequence[Any], wrt: Sequence[int] = (0,)) -> Call:
    """A torch loss of arrays and its gradients with respect to some of them, made anew at every call."""
    tensors = [tensor(x) for x in inputs]
    leaves = [tensors[k].requires_grad_() for k in wrt]

    def call() -> tuple[Any, Any]:
        for leaf in leaves:
            leaf.grad = None  # or backward would add to the last one
        value = forward(*tensors)
        value.backward()
        return value, tuple(leaf.grad for leaf in leaves)

    return call


def compiled(forward: Callable[..., Any]) -> Callable[..., Any]:
    """By torch.compile, for these shapes: with another shape's code it would be told of dynamic ones.

    Losses share one code object here, and after eight recompilations torch would silently run eagerly.
    """
    import torch

    torch._dynamo.reset()
    return torch.compile(forward)  # type: ignore[no-any-return]


def jitted(mean: Callable[..., Any], inputs: Sequence[Any], wrt: Any = 0) -> Call:
    """JAX's compiled value and gradients, of its own arrays."""
    import jax
    import jax.numpy as jnp

    if inputs[0].dtype == np.float64:
        jax.config.update("jax_enable_x64", True)
    run = jax.jit(jax.value_and_grad(mean, argnums=wrt))
    arrays = [jnp.asarray(x) for x in inputs]
    return lambda: jax.block_until_ready(run(*arrays))
