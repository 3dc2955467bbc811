"""Losses of elements and of rows as classes of Keras's losses: a number for each sample, which Keras reduces."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
from keras.src.backend import in_symbolic_scope, set_keras_mask  # which Keras does not export

from ..deferred import differentiated
from ..define.elements import Definition
from ..define.hints import translated
from ..define.keywords import LABELS, keywords_of
from ..define.rows import Program
from ..define.wording import camel, listed, named, shown
from ..signatures import arguments
from .backends import function

if TYPE_CHECKING:
    from collections.abc import Iterable

    Shape = tuple[int, ...]

OWN = {"reduction": "sum_over_batch_size", "name": None, "dtype": None}
"""What every loss of Keras's takes."""

KEPT = ("axis", "class_weight", "ignore_index", "label_smoothing")
"""Keywords of the verbs that losses of rows have here; the others are for Keras to do."""

EXACT = {"float16": 2048, "bfloat16": 256}
"""The whole numbers up to which a type has all of them, and Keras makes labels of it; 2^24 of float32."""


class Loss(keras.losses.Loss):
    """What the classes have in common: arguments, weights, configuration."""

    base: ClassVar[Any]
    """The loss, with its own defaults."""
    keywords: dict[str, Any]
    """What it is called with, and the defaults in the class."""

    def __init__(
        self, *args: Any, reduction: Any = OWN["reduction"], name: Any = None, dtype: Any = None, **given: Any
    ) -> None:
        base, known = self.base, type(self).keywords
        if args:
            raise TypeError(f"{type(self).__name__}: {shown(args[0])} has no name: arguments are passed by name, "
                            f"{', '.join((*base.parameters, *known, *OWN))}")  # fmt: skip
        if isinstance(given.get("class_weight"), Mapping):
            raise TypeError(f"{type(self).__name__}: class_weight is a dict, which model.fit takes; expected a list, "
                            "one for each class")  # fmt: skip
        for n in given:
            if n not in base.parameters and n not in known:
                raise self._unknown(n)
        self.loss = base.bind(**{n: x for n, x in given.items() if n in base.parameters})
        self.keywords = {n: _plain(given.get(n, x)) for n, x in known.items()}
        self._run = function(self.loss)
        super().__init__(name=base.name if name is None else name, reduction=reduction, dtype=dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The losses, weighed and reduced; a weight is of all that its sample holds."""
        y_true, y_pred = map(_as_one, (y_true, y_pred))
        if sample_weight is not None:
            sample_weight = self._spread(sample_weight, self._samples(tuple(np.shape(y_pred))))
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each sample."""
        shape = tuple(y_pred.shape)
        y_true = self._fitted(y_true, shape)
        if in_symbolic_scope():  # of arrays that hold anything
            return keras.ops.zeros(self._samples(shape), self.dtype)
        return self._computed(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        values = {n: _plain(x) for n, x in self.loss.values.items()}
        return {**super().get_config(), "dtype": self.dtype, **values, **self.keywords}

    def _samples(self, shape: Shape) -> Shape:
        """The shape of the losses."""
        raise NotImplementedError

    def _fitted(self, y_true: Any, shape: Shape) -> Any:
        """The targets as the loss takes them."""
        raise NotImplementedError

    def _computed(self, y_true: Any, y_pred: Any) -> Any:
        """The losses."""
        raise NotImplementedError

    def _spread(self, weight: Any, shape: Shape) -> Any:
        """Weights in the shape of the losses: they have the first axes of these, where NumPy would take the last."""
        own = tuple(np.shape(weight))
        extra = own[len(shape) :]
        if extra not in ((), (1,)) or any(n not in (1, m) for n, m in zip(own, shape, strict=False)):
            raise ValueError(f"{self.name}: sample_weight has shape {own}, and the losses of y_pred have {shape}: "
                             "expected one for each, or for the first axes")  # fmt: skip
        weight = keras.ops.convert_to_tensor(weight, dtype=self.dtype)
        weight = keras.ops.reshape(weight, (*own[: len(shape)], *(1,) * (len(shape) - len(own))))
        return keras.ops.broadcast_to(weight, shape)

    def _unknown(self, given: str) -> TypeError:
        base = self.base
        own = (*base.parameters, *type(self).keywords, *OWN)
        close = get_close_matches(given, own, 1)
        hint = translated(base, given, own, camel) or (f"; did you mean {close[0]}?" if close else "")
        return TypeError(f"{type(self).__name__}: {given!r} is no argument, expected {', '.join(own)}{hint}")


class OfElements(Loss):
    """A loss of elements: their mean along the last axis, unless that is the samples'."""

    def _samples(self, shape: Shape) -> Shape:
        return shape[:-1] if len(shape) > 1 else shape

    def _fitted(self, y_true: Any, shape: Shape) -> Any:
        own = tuple(y_true.shape)
        if self.loss.arrays and len(shape) < 2:
            raise ValueError(f"{self.name}: y_pred has shape {shape}, expected (n, k): {', '.join(self.loss.arrays)} "
                             "has a number for each output of a sample")  # fmt: skip
        if len(own) == len(shape) - 1 and (shape[-1] == 1 or self.loss.arrays):
            y_true = keras.ops.expand_dims(y_true, -1)
        elif len(own) == len(shape) + 1 and own[-1] == 1:
            y_true = keras.ops.squeeze(y_true, -1)
        fits = tuple(y_true.shape) == shape
        if not fits and self.loss.arrays and len(y_true.shape) == len(shape):  # several of one target: quantiles
            fits = all(n in (1, m) for n, m in zip(y_true.shape, shape, strict=True))
        if not fits:
            raise ValueError(f"{self.name}: y_true has shape {own}, expected that of y_pred, {shape}")
        return y_true

    def _computed(self, y_true: Any, y_pred: Any) -> Any:
        if len(y_pred.shape) < 2:
            return self._run(y_pred, y_true, reduction="none")
        return self._run(y_pred, y_true, axis=-1)


class OfRows(Loss):
    """A loss of rows: of labels, or of targets with the axis of the classes."""

    def _samples(self, shape: Shape) -> Shape:
        axis = self._axis(shape)
        return shape[:axis] + shape[axis + 1 :]

    def _fitted(self, y_true: Any, shape: Shape) -> Any:
        axis, own = self._axis(shape), tuple(y_true.shape)
        if self.base.target not in LABELS:
            return y_true
        if shape[axis] == 1:
            raise ValueError(f"{self.name}: y_pred has shape {shape}, one class along axis {axis}, expected several: "
                             "a logit of two classes is for BinaryCrossEntropyWithLogits")  # fmt: skip
        if own == shape:
            return y_true
        most = EXACT.get(self.dtype, 1 << 24)
        if shape[axis] > most:
            raise ValueError(f"{self.name}: dtype is {self.dtype}, in which Keras has labels up to {most} "
                             f"alone, and y_pred has {shape[axis]} classes: pass dtype='float32'")  # fmt: skip
        return keras.ops.squeeze(y_true, axis) if own == (*shape[:axis], 1, *shape[axis + 1 :]) else y_true

    def _computed(self, y_true: Any, y_pred: Any) -> Any:
        keywords = {n: x for n, x in self.keywords.items() if x is not None and n != "axis"}
        if "class_weight" in keywords:
            keywords["class_weight"] = keras.ops.convert_to_tensor(keywords["class_weight"], dtype=self.dtype)
        axis = self._axis(tuple(y_pred.shape))
        losses = self._run(y_pred, y_true, reduction="none", axis=axis, **keywords)
        ignored = keywords.get("ignore_index")
        if ignored is not None and len(y_true.shape) < len(y_pred.shape):
            set_keras_mask(losses, keras.ops.not_equal(y_true, ignored))
        return losses

    def _axis(self, shape: Shape) -> int:
        axis = self.keywords["axis"]
        if type(axis) is not int or not -len(shape) < axis < len(shape) or axis == 0:
            raise ValueError(f"{self.name}: axis is {axis!r}, expected one of y_pred, of shape {shape}, behind the "
                             "first, which is that of the samples")  # fmt: skip
        return axis % len(shape)


# -- Classes -----------------------------------------------------------------------------------------------------------


def subclass(loss: Any, name: str | None = None) -> type[Loss]:
    """A class of Keras's losses of a loss of a prediction and a target; by default its name in CamelCase.

    For losses of your own: ``fastloss.keras.Huber`` and so on are such classes. Register it to save models with it, by
    `keras.saving.register_keras_serializable`.

    >>> import fastloss as fl
    >>> Robust = subclass(0.5 * fl.huber + 0.5 * fl.absolute_error, "Robust")
    >>> float(Robust(huber__delta=2.0)(keras.ops.array([[0.0]]), keras.ops.array([[4.0]])))
    5.0
    """
    if not isinstance(loss, (Definition, Program)):
        raise TypeError(f"fastloss.keras.subclass: loss is {named(loss)}, expected a loss of elements or of rows, such "
                        "as fl.huber or fl.cross_entropy")  # fmt: skip
    if reason := refusal(loss):
        raise TypeError(f"fastloss.keras.subclass: {reason}")
    name = camel(loss.name) if name is None else name
    if not name.isidentifier():
        raise ValueError(f"fastloss.keras.subclass: name is {name!r}, expected that of a class, such as 'Robust'")
    for n in loss.parameters:
        if n in OWN:
            raise TypeError(f"fastloss.keras.subclass: {loss.name} has a parameter {n!r}, which Keras's losses have, "
                            "too: give it another name")  # fmt: skip
    rows = isinstance(loss, Program)
    keywords = {n: x for n, x in keywords_of(loss).items() if rows and n in KEPT}
    kind, values = inspect.Parameter, {**loss.values, **keywords, **OWN}
    facts = {
        "__doc__": _documented(loss, name, keywords),
        "__module__": sys._getframe(1).f_globals.get("__name__", __package__),  # where pickle looks for it
        "__signature__": inspect.Signature([kind(n, kind.KEYWORD_ONLY, default=x) for n, x in values.items()]),
        "base": loss,
        "keywords": keywords,
    }
    return type(name, (OfRows if rows else OfElements,), facts)


def _documented(loss: Any, name: str, keywords: Iterable[str]) -> str:
    about = inspect.cleandoc(loss.own_text).partition("\n")[0]
    return f"{about}\n\nA loss of Keras's: ``{name}(...)(y_true, y_pred)``.\n\n{arguments(loss, keywords)}"


def refusal(loss: Any) -> str | None:
    """Why a loss is none of Keras's; None for one that is."""
    if len(loss.inputs) != 2 or differentiated(loss) != loss.inputs[:1]:
        return (f"{loss.name} reads {listed(loss.inputs)}, differentiates {listed(differentiated(loss))}, and Keras's "
                "losses read y_true and differentiate y_pred: docs/keras.md shows how to wrap it")  # fmt: skip
    if loss.rooted:
        return (f"{loss.name} is the root of one mean, and Keras's losses have a number for each sample: what is under "
                "the root has the same minimiser")  # fmt: skip
    return None


def _plain(x: Any) -> Any:
    """An argument as a configuration holds it: numbers and lists of them."""
    return np.asarray(x).tolist() if isinstance(x, (list, tuple)) else x.tolist() if hasattr(x, "tolist") else x


def _as_one(x: Any) -> Any:
    """An array of a list, of which Keras makes a structure of numbers."""
    return keras.ops.convert_to_tensor(x) if isinstance(x, (list, tuple)) else x
