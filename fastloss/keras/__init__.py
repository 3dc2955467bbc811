"""Losses as classes of Keras's losses, on its backends torch, JAX and NumPy.

>>> import keras
>>> import fastloss.keras
>>> loss = fastloss.keras.Huber(delta=1.5)
>>> float(loss(keras.ops.array([[0.0], [1.0]]), keras.ops.array([[0.5], [4.0]])))
1.75
>>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
>>> model.compile("sgd", loss=loss)

Every loss of a prediction and a target has a class, called as `fastloss.huber` is in CamelCase; `subclass` makes one of
a loss of your own. Its gradient is computed with its value where the backend differentiates.
"""

from __future__ import annotations

from typing import Any

from ..define.wording import camel
from ..registry import LOSSES
from .backends import function, keras
from .losses import Loss, refusal, subclass

_REFUSED = {camel(name): reason for name, loss in LOSSES.items() if (reason := refusal(loss))}
_CLASSES = {camel(name): subclass(loss) for name, loss in LOSSES.items() if camel(name) not in _REFUSED}
for _made in _CLASSES.values():
    keras.saving.register_keras_serializable("fastloss")(_made)
globals().update(_CLASSES)

__all__ = ["Loss", "function", "subclass", *_CLASSES]


def __getattr__(name: str) -> Any:
    text = f"module {__name__!r} has no attribute {name!r}"
    if name.startswith("_"):
        raise AttributeError(text)
    if name in _REFUSED:
        raise AttributeError(f"{text}: {_REFUSED[name]}")
    import fastloss

    from ..losses.names import of_a_face

    more = of_a_face(name, fastloss, lambda n: camel(n) if camel(n) in _CLASSES else None)
    raise AttributeError(text + more, obj=_CLASSES)


def __dir__() -> list[str]:
    return sorted(__all__)
