"""The other libraries: one table, loss by loss, of what their users run for a mean loss and its gradient.

Each is measured through the interface that its users have: torch arrays with `requires_grad` and `backward`, JAX arrays
under `jit(value_and_grad)` with the plain formula or optax's function, scikit-learn's private but typed `_loss` classes
and numexpr's `evaluate` with their output buffers given, NumPy and SciPy by the formula and its derivative. Inputs are
converted beforehand, results stay in the library's own type, and a fresh gradient is made on every call where the
library cannot be told otherwise. Libraries are imported when asked for, and only then.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from . import expressions, formulas
from .frameworks import Call, backward, compiled, jitted
from .timing import thread_count

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from numpy.typing import NDArray

    from fastloss import Loss

    Setup = Callable[[Loss, Sequence[NDArray[Any]]], Call]

MODULES = {"numpy": "numpy", "numexpr": "numexpr", "scipy": "scipy", "torch": "torch", "torch.compile": "torch",
           "jax": "jax", "optax": "optax", "sklearn": "sklearn"}  # fmt: skip
LIBRARIES = tuple(MODULES)

# What a peer's loss is multiplied by to be fastloss's: the one place for conventions that differ.
FACTOR = {("sklearn", "squared_error"): 2.0}
# scikit-learn returns the gradient of the sum. Its users divide it by n; here they need not, which favours it.
SUMMED = frozenset({"sklearn"})
# These write into buffers that they are given and meet fastloss with `out=`; the others make theirs, and so does it.
BUFFERED = frozenset({"sklearn", "numexpr"})


def _by_hand(loss: Loss, inputs: Sequence[NDArray[Any]], formula: Callable[..., Any]) -> Call:
    """The mean and its gradient from a formula for each element and its derivatives."""
    n, constants = inputs[0].size, tuple(loss.values.values())

    def call() -> tuple[Any, Any]:
        value, grad = formula(*inputs, *constants)
        for g in grad if isinstance(grad, tuple) else (grad,):
            g /= n
        return value.mean(), grad

    def rooted() -> tuple[Any, Any]:
        value, grad = formula(*inputs, *constants)
        root = np.sqrt(value.mean())
        grad /= 2 * n * root
        return root, grad

    return rooted if loss.rooted else call


def _numpy(loss: Loss, inputs: Sequence[NDArray[Any]]) -> Call:
    return _by_hand(loss, inputs, formulas.NUMPY[loss.name])


def _scipy(loss: Loss, inputs: Sequence[NDArray[Any]]) -> Call:
    from scipy import special

    formula = expressions.SCIPY[loss.name]
    return _by_hand(loss, inputs, lambda *x: formula(special, *x))


def _numexpr(loss: Loss, inputs: Sequence[NDArray[Any]]) -> Call:
    """Expressions into given buffers. The mean is NumPy's: numexpr's own sum runs on one thread, at half the speed."""
    import numexpr

    numexpr.set_num_threads(thread_count())
    value, *grads = expressions.NUMEXPR[loss.name]
    kind, n = inputs[0].dtype.type, inputs[0].size
    names = dict(zip("xyz", inputs, strict=False)) | {"n": kind(n), "c": kind(np.log(2))}
    names |= {name: kind(v) for name, v in zip("ab", loss.values.values(), strict=False)}
    each, buffers = np.zeros_like(inputs[0]), tuple(np.zeros_like(inputs[k]) for k in loss.wrt)

    def call() -> tuple[Any, Any]:
        mean = numexpr.evaluate(value, names, {}, out=each).mean()
        if loss.rooted:
            mean = np.sqrt(mean)
            names["n"] = kind(2 * n * mean)
        for grad, buffer in zip(grads, buffers, strict=True):
            numexpr.evaluate(f"({grad})/n", names, {}, out=buffer)
        return mean, buffers

    return call


def torch_mean(loss: Loss) -> Callable[..., Any]:
    """torch's own function, or the formula in its operations."""
    import torch
    import torch.nn.functional as functional

    constants = tuple(loss.values.values())
    if loss.name in expressions.TORCH:
        own = expressions.TORCH[loss.name]
        return lambda *x: own(functional, *x, *constants)
    forward = formulas.FORWARD[loss.name]
    if loss.rooted:
        return lambda *x: forward(torch, functional, *x, *constants).mean().sqrt()
    return lambda *x: forward(torch, functional, *x, *constants).mean()


def _torch(loss: Loss, inputs: Sequence[NDArray[Any]]) -> Call:
    return backward(torch_mean(loss), inputs, loss.wrt)


def _torch_compile(loss: Loss, inputs: Sequence[NDArray[Any]]) -> Call:
    return backward(compiled(torch_mean(loss)), inputs, loss.wrt)


def _jax_mean(loss: Loss, inputs: Sequence[NDArray[Any]], each: Callable[..., Any]) -> Call:
    import jax.numpy as jnp

    constants = tuple(loss.values.values())

    def mean(*x: Any) -> Any:
        value = each(*x, *constants).mean()
        return jnp.sqrt(value) if loss.rooted else value

    return jitted(mean, inputs, loss.wrt)


def _jax(loss: Loss, inputs: Sequence[NDArray[Any]]) -> Call:
    import jax

    forward = formulas.FORWARD[loss.name]
    return _jax_mean(loss, inputs, lambda *x: forward(jax.numpy, jax.nn, *x))


def _optax(loss: Loss, inputs: Sequence[NDArray[Any]]) -> Call:
    from optax import losses

    own = expressions.OPTAX[loss.name]
    return _jax_mean(loss, inputs, lambda *x: own(losses, *x))


def _sklearn(loss: Loss, inputs: Sequence[NDArray[Any]]) -> Call:
    import sklearn._loss.loss as losses

    # Those of fastloss's first parameter, where the class takes one.
    first = next(iter(loss.values.values()), None)
    made: dict[str, Callable[[], Any]] = {
        "squared_error": lambda: losses.HalfSquaredError(),
        "half_squared_error": lambda: losses.HalfSquaredError(),
        "absolute_error": lambda: losses.AbsoluteError(),
        "quantile": lambda: losses.PinballLoss(quantile=first),
        "huber": lambda: losses.HuberLoss(delta=first),
        "poisson": lambda: losses.HalfPoissonLoss(),
        "gamma": lambda: losses.HalfGammaLoss(),
        "tweedie": lambda: losses.HalfTweedieLoss(power=first),
        "binary_cross_entropy_with_logits": lambda: losses.HalfBinomialLoss(),
        "logistic": lambda: losses.HalfBinomialLoss(),
        "exponential": lambda: losses.ExponentialLoss(),
    }
    own = made[loss.name]()
    pred, target = inputs
    if loss.name in ("logistic", "exponential"):
        target = 0.5 * (target + 1)  # its labels are 0 and 1
    each, grad = np.empty_like(pred), np.empty_like(pred)
    # A user with few rows asks for one thread: starting more takes longer than the work.
    threads = thread_count() if pred.size >= 16_384 else 1

    def call() -> tuple[Any, Any]:
        own.loss_gradient(target, pred, loss_out=each, gradient_out=grad, n_threads=threads)
        return each.mean(), grad

    return call


_SKLEARN = ("squared_error", "half_squared_error", "absolute_error", "quantile", "huber", "poisson", "gamma", "tweedie",
            "binary_cross_entropy_with_logits", "logistic", "exponential")  # fmt: skip

_SETUPS: dict[str, tuple[Setup, Container[str]]] = {
    "numpy": (_numpy, formulas.NUMPY),
    "numexpr": (_numexpr, expressions.NUMEXPR),
    "scipy": (_scipy, expressions.SCIPY),
    "torch": (_torch, formulas.FORWARD),
    "torch.compile": (_torch_compile, formulas.FORWARD),
    "jax": (_jax, formulas.FORWARD),
    "optax": (_optax, expressions.OPTAX),
    "sklearn": (_sklearn, _SKLEARN),
}

PEERS: dict[str, dict[str, Setup]] = {
    name: {library: setup for library, (setup, known) in _SETUPS.items() if name in known}
    for name in formulas.NUMPY.keys() | formulas.FORWARD.keys()
}
"""{loss: {library: setup(loss, inputs) -> a callable that returns (value, gradient)}}."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A peer that has been found to compute the same thing, or why it is not timed."""

    call: Call | None
    reason: str = ""


def installed(wanted: Sequence[str] = LIBRARIES) -> list[str]:
    """Which of the libraries are there; says so of the others."""
    found = []
    for library in wanted:
        if importlib.util.find_spec(MODULES[library]) is None:
            print(f"{library}: not installed, skipped")
        else:
            found.append(library)
    return found


def rivals(loss: Loss, inputs: Sequence[NDArray[Any]], libraries: Sequence[str]) -> dict[str, Rival]:
    """The peers that have this loss, each compared with fastloss on these very inputs before anything is timed."""
    with np.errstate(all="ignore"):
        expected = loss.value_and_grad(*inputs, check=False)
    known = PEERS.get(loss.name, {})
    setups = {library: partial(known[library], loss, inputs) for library in libraries if library in known}
    return compared(loss.name, setups, lambda library, got: disagreement(loss, library, expected, got, inputs[0].dtype))


def compared(
    title: str, setups: Mapping[str, Callable[[], Any]], differs: Callable[[str, Any], str]
) -> dict[str, Rival]:
    """Each library's call, or why there is none: what it raises, or how its result differs; both are told."""
    found = {}
    for library, setup in setups.items():
        try:
            call = setup()
            why = differs(library, call())
        except Exception as error:  # whatever a foreign library raises: the others go on
            why = told(error)
        found[library] = Rival(None, why) if why else Rival(call)
        if why:
            print(f"{title}, {library}: not timed: {why}")
    return found


def told(error: Exception) -> str:
    """What a library has raised, in one line."""
    return f"{type(error).__name__}: {(str(error) or '-').splitlines()[0][:100]}"


def disagreement(loss: Loss, library: str, expected: Any, got: Any, dtype: Any) -> str:
    """How a peer's value and gradient differ from fastloss's by more than rounding; empty where they do not.

    Value: peers add up in the input's type, with an error that grows with the number of elements, and formulas that
    cancel lose digits: 1e-3 relative in float32, 1e-9 in float64. Gradient: 512 units of the last place, relative
    to the element and the mean magnitude together, for the same cancellation (`sigmoid(x) - t`). At a kink every
    library has a convention of its own, and exact ties occur: one element in 100,000 may differ.
    """
    factor = FACTOR.get((library, loss.name), 1.0)
    value, grads = got[0].detach() if hasattr(got[0], "detach") else got[0], _tuple(got[1])
    value = factor * float(value)
    rtol = 1e-3 if dtype == np.float32 else 1e-9
    if not np.isclose(value, float(expected[0]), rtol=rtol, atol=0.0):
        return f"its value is {value:.9g}, fastloss's {float(expected[0]):.9g}"
    for mine, grad in zip(_tuple(expected[1]), grads, strict=True):
        theirs = grad.numpy() if hasattr(grad, "detach") else np.asarray(grad)
        scale = factor / mine.size if library in SUMMED else factor
        if theirs.dtype != mine.dtype or theirs.shape != mine.shape:
            return f"its gradient is {theirs.dtype} {theirs.shape}, fastloss's {mine.dtype} {mine.shape}"
        size = np.abs(mine) + np.abs(mine).mean(dtype=np.float64).astype(dtype)
        close = np.abs(theirs * mine.dtype.type(scale) - mine) <= 512 * np.finfo(dtype).eps * size
        off = ~close  # a NaN is never close
        if np.count_nonzero(off) > 1e-5 * mine.size:
            k = int(off.argmax())
            return (
                f"{np.mean(off):.2%} of its gradient differs, first [{k}]: {theirs.flat[k] * scale} for {mine.flat[k]}"
            )
    return ""


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)
