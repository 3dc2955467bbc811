"""The other libraries' losses of rows, `cross_entropy` above all, and whether they compute what fastloss computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastloss.commands.demo.formulas import cross_entropy

from . import peers, timing
from .frameworks import Call, backward, compiled, jitted
from .peers import Rival

# How far a peer may be off: relative for the value; for the gradient, of the element and the mean magnitude together,
# and a unit of the largest, where softmax - 1 cancels. torch rounds the logarithm of the softmax to bfloat16 and
# exponentiates that: at -16 half a unit of the last place is 3% of the probability, and it is rounded more than once.
CLOSE = {"float32": (1e-4, 1e-4, 2.0**-23), "float64": (1e-9, 1e-9, 2.0**-52), "bfloat16": (2e-2, 0.1, 2.0**-7)}


def _numpy(z: Any, y: Any) -> Call:
    def call() -> tuple[Any, Any]:
        value, grad = cross_entropy(z, y)
        grad /= len(y)
        return value.mean(), grad

    return call


def _scipy(z: Any, y: Any) -> Call:
    from scipy.special import log_softmax

    n = len(y)
    rows = np.arange(n)

    def call() -> tuple[Any, Any]:
        x = log_softmax(z, axis=1)
        value = -x[rows, y].mean()
        np.exp(x, out=x)
        x[rows, y] -= 1
        x /= n
        return value, x

    return call


def _torch(z: Any, y: Any) -> Call:
    from torch.nn import functional

    return backward(functional.cross_entropy, (z, y))


def _torch_compile(z: Any, y: Any) -> Call:
    from torch.nn import functional

    return backward(compiled(lambda z, y: functional.cross_entropy(z, y)), (z, y))


def _jax(z: Any, y: Any) -> Call:
    import jax
    import jax.numpy as jnp

    def mean(z: Any, y: Any) -> Any:
        x = z - jax.lax.stop_gradient(z.max(axis=-1, keepdims=True))
        picked = jnp.take_along_axis(x, y[:, None], axis=-1)[:, 0]
        return (jnp.log(jnp.sum(jnp.exp(x), axis=-1)) - picked).mean()

    return jitted(mean, (z, y.astype(np.int32)))


def _optax(z: Any, y: Any) -> Call:
    from optax.losses import softmax_cross_entropy_with_integer_labels

    return jitted(lambda z, y: softmax_cross_entropy_with_integer_labels(z, y).mean(), (z, y.astype(np.int32)))


def _sklearn(z: Any, y: Any) -> Call:
    """Rows of classes in C order, as scikit-learn's linear models have them, and labels of the logits' dtype."""
    from sklearn._loss.loss import HalfMultinomialLoss

    own = HalfMultinomialLoss(n_classes=z.shape[1])
    target, each, grad = y.astype(z.dtype), np.empty(len(y), z.dtype), np.empty_like(z)
    threads = timing.thread_count() if z.size >= 16_384 else 1

    def call() -> tuple[Any, Any]:
        own.loss_gradient(target, z, loss_out=each, gradient_out=grad, n_threads=threads)
        return each.mean(), grad

    return call


PEERS = {"numpy": _numpy, "scipy": _scipy, "torch": _torch, "torch.compile": _torch_compile, "jax": _jax,
         "optax": _optax, "sklearn": _sklearn}  # fmt: skip
LACK_BFLOAT16 = frozenset({"numpy", "scipy", "sklearn"})


def liger(logits: Any, labels: Any) -> Call:
    """Liger-Kernel's, which is for GPUs only."""
    from liger_kernel.transformers import LigerCrossEntropyLoss

    # It writes the gradient over the logits: it gets its own, as its users' models make them anew. Of tensors that
    # torch has been given before, a plain copy would be no leaf, and have no gradient.
    return backward(LigerCrossEntropyLoss(), (logits.detach().clone(), labels))


def quack(logits: Any, labels: Any) -> Call:
    """QuACK's, which is for GPUs only."""
    from quack.cross_entropy import cross_entropy

    # The mean of a mean is it; before they had reductions, there was a loss for each row.
    return backward(lambda x, y: cross_entropy(x, y).mean(), (logits, labels))


def rivals(
    title: str, setups: Mapping[str, Callable[[], Call]], expected: tuple[Any, Any], dtype: str, summed: int = 0
) -> dict[str, Rival]:
    """Each peer compared with fastloss on these very inputs, before anything is timed.

    scikit-learn's gradient is that of the sum of `summed` rows. It need not divide, which favours it.
    """
    return peers.compared(
        title, setups, lambda library, got: disagreement(expected, got, dtype, summed if library in peers.SUMMED else 1)
    )


def disagreement(expected: tuple[Any, Any], got: tuple[Any, Any], dtype: str, divisor: int = 1) -> str:
    """How a peer's value and gradients differ from fastloss's by more than `CLOSE`; empty where they do not."""
    (rtol, gtol, unit), mine = CLOSE[dtype], float(expected[0])
    value = float(got[0].detach() if hasattr(got[0], "detach") else got[0])
    if not np.isclose(value, mine, rtol=rtol, atol=0.0):
        return f"its value is {value:.9g}, fastloss's {mine:.9g}"
    for own, grad in zip(peers._tuple(expected[1]), peers._tuple(got[1]), strict=True):
        theirs = grad.float().numpy() if str(getattr(grad, "dtype", "")) == "torch.bfloat16" else np.asarray(grad)
        if theirs.shape != own.shape:
            return f"its gradient is of shape {theirs.shape}, fastloss's {own.shape}"
        wide = np.float64 if dtype == "float64" else np.float32
        a, b = own.astype(wide, copy=False), theirs.astype(wide, copy=False) / wide(divisor)
        size = np.abs(a)
        allowed = wide(gtol) * (size + wide(size.mean(dtype=np.float64))) + wide(unit) * size.max()
        far = ~(np.abs(b - a) <= allowed)  # a NaN is never close
        if far.any():
            k = int(far.argmax())
            return f"{far.mean():.2%} of its gradient differs, first [{k}]: {b.flat[k]:.9g} for {a.flat[k]:.9g}"
    return ""
