"""Libraries that are handed a loss itself where they take what is made of it here, and what that is.

They are known by the modules that ask or call, so nothing is imported for it and no call takes longer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..registry import LOSSES
from .wording import camel

if TYPE_CHECKING:
    from types import FrameType

_OWN = __name__.partition(".")[0]

_VERBS = tuple([f"{_OWN}.{module}." for module in ("loss", "arrays", "torch", "jax")])
"""Where a call of a verb, or of a function of tensors, goes through before it is refused."""

BOOSTERS = {"xgboost": "XGBoost", "lightgbm": "LightGBM", "catboost": "CatBoost"}

_CALLERS = (*BOOSTERS, "keras", "sklearn.metrics._scorer")
"""Who calls with labels first. (Asking whether one is loaded takes 0.2 us, going through the frames of a call 2.)"""

_KERAS = tuple([f"keras.src.{folder}." for folder in ("losses", "metrics", "trainers")])
"""Where Keras calls with targets first; its `tree.map_structure` passes arguments on in their order."""


class Nameless:
    """The `__name__` that a loss has not: scikit-learn and XGBoost ask for it where they take a metric of labels first.

    (With it, ``make_scorer(fl.poisson)`` would take the labels for predictions.)
    """

    def __get__(self, loss: Any, owner: type) -> Any:
        if loss is None:
            raise AttributeError("__name__")
        package = _package(sys._getframe(1))
        if package in BOOSTERS:
            raise AttributeError(str(handed(loss.name, package)), obj=BOOSTERS)
        if package == "sklearn":
            raise AttributeError(str(_scored(loss.name)), obj=BOOSTERS)
        raise AttributeError(f"{type(loss).__name__!r} object has no attribute '__name__'", obj=BOOSTERS)


def refuse_asking(loss: str) -> None:
    """Raise where a booster asks for an attribute of its objectives, or for a signature, to call with labels first."""
    _refuse_at(loss, ("inspect.",))


def refuse_calling(loss: str) -> None:
    """Raise where a booster, Keras, or a metric of scikit-learn's calls a verb, or a function of tensors: labels first.

    Only a call that is the first of its kind in a process gets here.
    """
    loaded = sys.modules
    for caller in _CALLERS:
        if caller in loaded:
            _refuse_at(loss, _VERBS)
            return


def _refuse_at(loss: str, between: tuple[str, ...]) -> None:
    """Raise by the module of the first frame that is in none of those between, which end with a dot."""
    frame: FrameType | None = sys._getframe(3)  # behind who calls the function that calls this
    while frame is not None and f"{_module(frame)}.".startswith(between):
        frame = frame.f_back
    package = "" if frame is None else _package(frame)
    if package in BOOSTERS:
        raise handed(loss, package)
    if package == "sklearn" and frame is not None and _module(frame) == "sklearn.metrics._scorer":
        raise _scored(loss)
    if frame is not None and _module(frame).startswith(_KERAS):
        raise TypeError(f"{loss}: Keras calls what it is handed with the targets first, expected an object of a class; "
                        f"{of_keras(loss)}")  # fmt: skip


def _scored(loss: str) -> TypeError:
    """The error of a loss in the place of a scorer's metric."""
    return TypeError(f"{loss}: scikit-learn is handed the loss itself, expected a scorer made of it, "
                     "fastloss.sklearn.scorer(loss)")  # fmt: skip


def handed(loss: str, package: str) -> TypeError:
    """The error of a loss in the place of an objective, or a metric."""
    return TypeError(f"{loss}: {BOOSTERS[package]} is handed the loss itself, expected an objective made of it, "
                     f"fastloss.boosting.{package}(loss), or the metric of that")  # fmt: skip


def face(loss: str, library: str) -> str:
    """The function of such a loss for arrays of torch or JAX; an empty text where there is none."""
    if loss in LOSSES:
        return f"fastloss.{library}.{loss}"
    own = getattr(sys.modules[_OWN], loss.partition(".")[0], None)  # one with an algorithm, or no loss
    none = own is not None and (library == "jax" or not ("." in loss or hasattr(own, "value_and_grad")))
    return "" if none else f"fastloss.{library}.function(loss)"


def of_keras(loss: str) -> str:
    """The class of Keras's for a loss that Keras calls; an empty text where somebody else does."""
    made = camel(loss) if loss in LOSSES else "subclass(loss)"
    return f"Keras takes fastloss.keras.{made}()" if behind("keras") else ""


def behind(module: str) -> bool:
    """Whether a function of that module, or of one in it, waits for this call."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not f"{_module(frame)}.".startswith(f"{module}."):
        frame = frame.f_back
    return frame is not None


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _package(frame: FrameType) -> str:
    return _module(frame).partition(".")[0]
