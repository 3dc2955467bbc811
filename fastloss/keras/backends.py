"""The library that Keras computes with, and a loss as a function of its tensors."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..define.rows import Program

if TYPE_CHECKING:
    from collections.abc import Callable

BACKENDS = ("torch", "jax", "numpy")
"""Those that there are losses for."""


def _imported() -> Any:
    """Keras, on a backend that there are losses for; its default, TensorFlow, fails when it is imported or here."""
    try:
        import keras
    except ModuleNotFoundError as error:
        if error.name == "keras":
            text = "fastloss.keras: Keras is not installed; pip install keras brings it"
            raise ModuleNotFoundError(text, name="keras") from None
        if error.name == "tensorflow":
            raise _other("tensorflow") from None
        raise
    if keras.backend.backend() not in BACKENDS:
        raise _other(keras.backend.backend())
    return keras


def _other(backend: str) -> ImportError:
    return ImportError(
        f"fastloss.keras: Keras runs on {backend!r}, expected 'torch', 'jax' or 'numpy': set the environment's "
        "KERAS_BACKEND to one of them before Keras is imported"
    )


keras = _imported()
BACKEND: str = keras.backend.backend()


@lru_cache(64)  # a few dozen losses of a program, not all that were ever bound
def function(loss: Any) -> Callable[..., Any]:
    """A loss as a function of the tensors of Keras's backend, which differentiates it: to write a loss class with.

    It takes what `fastloss.torch.function` or `fastloss.jax.function` gives one; of NumPy's arrays it is the loss.
    Inputs have the loss's order: the prediction is first. Whatever the backend, the axis of the classes is called
    ``axis``, and is the last by default. See docs/keras.md.

    >>> import fastloss as fl
    >>> float(function(fl.huber)(keras.ops.array([3.0]), keras.ops.array([1.0])))
    1.5
    """
    if BACKEND == "torch":
        from ..torch.generated import function as torch_function

        return _by_axis(torch_function(loss), -1 if isinstance(loss, Program) else None)
    if BACKEND == "jax":
        from ..jax.functions import function as jax_function

        return jax_function(loss)
    return loss


def _by_axis(run: Callable[..., Any], last: int | None) -> Callable[..., Any]:
    """A function of torch's tensors that calls ``dim`` as the other backends do, with their default."""

    def function(*inputs: Any, axis: int | None = last, **keywords: Any) -> Any:
        return run(*inputs, **keywords) if axis is None else run(*inputs, dim=axis, **keywords)

    return function
