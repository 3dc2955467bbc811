"""The signatures, docstrings and names that `help`, `inspect` and editors show of a loss, made of its definition.

These tools look at a verb's function. So each loss gets a class of its own, with copies of the verbs that have the
same code and show this loss's arguments; a call costs no more. Most losses of a program are never used, so a loss gets
its class when a verb is first looked up (`_LazyVerb`), which the first call does, too. Until then it is an instance of
a lazy class, one for each kind of loss.
"""

from __future__ import annotations

import inspect
from functools import cache
from textwrap import TextWrapper
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, Self, TypeVar

from .define.attributes import Misnamed
from .define.callers import refuse_asking
from .define.compose.operators import Addable
from .define.keywords import ELEMENT_MEANINGS, LABELS, MEANINGS, keywords_of
from .define.parameters import Parametrised
from .define.streams import told
from .loading import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

P = ParamSpec("P")
R = TypeVar("R")

VERBS = ("__call__", "value_and_grad", "grad", "grad_and_hess")
PUBLIC = (*VERBS[1:], "bind", "domains", "inputs", "jitted", "link", "mean", "name", "parameters", "values",
          "with_respect_to")  # fmt: skip

_JITTED = "fastloss.kernels.cpu.jitted"
"""Imported with Numba, by who asks for it."""

TARGETS = {
    "labels": "a whole number from 0 on for each row, its label",
    "both": "a whole number from 0 on for each row, its label; or masses of the shape of the scores",
}
"""The description of a row loss's last input, by its kind of target, where it may be labels."""


class _VerbSignature:
    """The `__wrapped__` of a verb, where `inspect` finds the verb's signature and the function with its code."""

    def __init__(self, loss: str, verb: Any, names: tuple[str, ...], values: Mapping[str, Any]) -> None:
        self.__wrapped__ = verb
        self._loss, self._names, self._values = loss, names, values

    @property
    def __signature__(self) -> inspect.Signature:
        refuse_asking(self._loss)
        return self.shown()

    def shown(self) -> inspect.Signature:
        """The signature, for everybody."""
        kind = inspect.Parameter
        inputs = [kind(n, kind.POSITIONAL_OR_KEYWORD) for n in self._names]
        return inspect.Signature([*inputs, *(kind(n, kind.KEYWORD_ONLY, default=v) for n, v in self._values.items())])


class _LossSignature:
    """The `__signature__` of a loss that is called; a class has none here and shows its constructor's."""

    def __get__(self, loss: SelfDocumenting | None, owner: type) -> inspect.Signature:
        if loss is None:
            raise AttributeError("__signature__")
        refuse_asking(loss.name)
        loss._make_own_class()
        return _VerbSignature(loss.name, None, loss.inputs, {**loss.values, **keywords_of(loss)}).shown()


class _LossDocumentation:
    """The `__doc__` of a loss: its author's text, its call, and a line for each argument."""

    def __get__(self, loss: SelfDocumenting | None, owner: type) -> str | None:
        if loss is None:
            return None  # or `fl.huber?` would print the whole text of the class after that of the loss
        loss._make_own_class()
        summary, _, rest = inspect.cleandoc(loss.own_text).partition("\n")
        call = f"{loss.name if loss.name.isidentifier() else f'({loss.name})'}{loss.__signature__}"
        lines = TextWrapper(100, initial_indent="    ", subsequent_indent=" " * (5 + len(loss.name))).fill(call)
        return "\n\n".join(filter(None, (summary, lines, rest.strip("\n"), arguments(loss, keywords_of(loss)))))

    def __set__(self, loss: SelfDocumenting, text: str | None) -> None:
        loss.__dict__["__doc__"] = text


class _LazyVerb:
    """A verb that gives its loss a class of its own when it is first looked up."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, loss: SelfDocumenting | None, owner: Any) -> Any:
        if loss is None:
            return getattr(owner.shared, self.name)
        loss._make_own_class()
        return getattr(loss, self.name)


@cache
def _lazy_class(shared: type) -> type:
    """The class of all losses of a kind whose verbs nobody has looked up."""
    own = {"__doc__": _LossDocumentation(), "__module__": shared.__module__, "shared": shared}
    return type(shared.__name__, (shared,), {**own, **{name: _LazyVerb(name) for name in (*VERBS, "bind")}})


class SelfDocumenting(Addable, Parametrised, Misnamed):
    """A loss whose verbs show its own arguments."""

    __signature__ = _LossSignature()
    shared: ClassVar[type]
    """The kind of the loss, `Loss` or `RowLoss`: the class in whose module it is found, unlike `type(loss)`."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Make an instance of the lazy class."""
        made: Self = object.__new__(_lazy_class(cls.__dict__.get("shared", cls)))
        return made

    def __dir__(self) -> Iterable[str]:
        self._make_own_class()  # completion may read functions without looking them up on the loss
        return [*(n for n in super().__dir__() if n.startswith("__")), *PUBLIC]

    def bind(self, **parameters: Any) -> Self:
        """The same loss with other default parameters.

        >>> import fastloss as fl
        >>> fl.huber.bind(delta=2.0)
        huber(delta=2.0)
        """
        for n in parameters:
            if n not in self.parameters:
                raise load("fastloss.define.hints").unknown_parameter(self, n)
        twin: Self = SelfDocumenting.__new__(type(self))
        twin.__dict__.update(super().bind(**parameters).__dict__)
        return twin

    def with_respect_to(self, *names: str) -> Self:
        """The same loss with derivatives with respect to these inputs: one of them, or several as a tuple.

        All losses differentiate the prediction, some of one input less the other, of probabilities or divergences the
        target, too.

        >>> import fastloss as fl
        >>> fl.squared_error.with_respect_to("target").grad([1.0, 3.0], [0.0, 0.0], reduction="sum")
        array([-2., -6.])
        >>> fl.squared_error.with_respect_to("pred", "target").grad([1.0], [0.0])
        (array([2.]), array([-2.]))
        """
        if self.by:  # start again from the loss that differentiates what its definition does
            origin: Self = self.__dict__["_origin"].bind(**self.values)
            return origin.with_respect_to(*names)
        twin = self.bind()
        twin.__dict__["_origin"] = self
        twin._differentiate(names)
        return twin

    @property
    def jitted(self) -> Any:
        """The loss of one element as a function that compiled code of Numba calls: the jet, in the caller's own loop.

        It takes numbers, the inputs and then the parameters by position or name, and returns the value, the first and
        the second derivative; these two are tuples where several inputs are differentiable. With a float32 prediction
        all is computed in float32, else in float64. Domains are not checked. docs/numba.md has more.
        Take it out of the library outside of compiled code, as here.
        A loss of rows, and the root of a mean, have none: an AttributeError.

        >>> import fastloss as fl
        >>> import numba
        >>> import numpy as np
        >>> huber = fl.huber.jitted
        >>> @numba.njit
        ... def total(pred, target):
        ...     s = 0.0
        ...     for i in range(pred.size):
        ...         s += huber(pred[i], target[i], delta=1.5)[0]
        ...     return s
        >>> total(np.array([1.0, 4.0]), np.zeros(2))
        5.375
        """
        return load(_JITTED).jitted(self)

    def __reduce__(self) -> Any:
        if not self.by:
            return super().__reduce__()
        return _with_respect_to, (self.__dict__["_origin"].bind(**self.values), self.by)

    @property
    def own_text(self) -> str:
        """The docstring of the definition, without the lines that are added for arguments."""
        return self.__dict__.get("__doc__") or ""

    def _make_own_class(self) -> None:
        """Give the loss a class of its own, in which each verb has the loss's signature and documentation."""
        shared = type(self).shared
        if type(self) is not _lazy_class(shared):
            return
        own, values, more = dict(vars(type(self))), self.values, keywords_of(self)
        text = f"{self.own_text.lstrip().partition(chr(10))[0]}\n\n{arguments(self, more)}"
        for verb, name, doc in _verbs(shared):
            copy = _copy(verb, verb.__code__, f"{doc}\n\n{text}")
            binds = name == "bind"
            names = ("self",) if binds else ("self", *self.inputs)
            copy.__wrapped__ = _VerbSignature(self.name, verb, names, values if binds else {**values, **more})
            own[name] = copy
        self.__class__ = type(shared.__name__, (shared,), own)


def like(verb: Callable[P, Any], **names: str) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Decorate a verb that has a name, a docstring and a result, and takes and does what another verb does.

    Only `names` differ: with ``VALUE="GRAD"`` it reads its module's GRAD where the other reads VALUE. It is a function
    of its own, and costs no more.
    """

    def made(text: Any) -> Any:
        code: CodeType = verb.__code__
        read = tuple([names.get(name, name) for name in code.co_names])
        copy = _copy(
            verb, code.replace(co_name=text.__name__, co_qualname=text.__qualname__, co_names=read), text.__doc__
        )
        copy.__annotations__ = {**copy.__annotations__, "return": text.__annotations__["return"]}
        return copy

    return made


def _copy(function: Any, code: CodeType, doc: str) -> Any:
    """A function that takes the same arguments."""
    copy: Any = FunctionType(code, function.__globals__, code.co_name, function.__defaults__, function.__closure__)
    copy.__kwdefaults__, copy.__annotations__, copy.__doc__ = function.__kwdefaults__, function.__annotations__, doc
    return copy


def _with_respect_to(loss: SelfDocumenting, names: tuple[str, ...]) -> SelfDocumenting:
    return loss.with_respect_to(*names)


@cache
def _verbs(shared: type) -> list[tuple[Any, str, str]]:
    found = [(getattr(shared, name), name) for name in (*VERBS, "bind")]
    return [(verb, name, inspect.cleandoc(verb.__doc__ or "")) for verb, name in found]


def passing(
    kind: type, inputs: tuple[str, ...], run: Any, loss: SelfDocumenting, keywords: Mapping[str, Any] | None
) -> None:
    """Have the verbs of `kind`, which pass keywords on to `run` and parameters to `loss`, show both."""
    loss.shown_arguments = inputs, keywords or {}
    for verb in (vars(kind)[name] for name in VERBS if name in vars(kind)):
        verb.__wrapped__ = _VerbSignature(loss.name, run, ("self", *inputs), {**loss.values, **(keywords or {})})


def arguments(loss: Any, keywords: Iterable[str]) -> str:
    """A line for each argument: inputs and parameters with their domains, keywords with their meaning."""
    of_rows = hasattr(loss, "target")
    lines = [f"{name} : array, each {domain}" for name, domain in zip(loss.inputs, loss.domains, strict=True)]
    if of_rows and loss.target in LABELS:
        lines[-1] = f"{loss.inputs[-1]} : {TARGETS[loss.target]}"
    for (name, domain), value in zip(loss.parameters.items(), loss.values.values(), strict=True):
        arrays = "" if name in loss.single else f"; or an array, broadcast to the {loss.of}"
        lines.append(f"{name} : {domain}, by default {_default(value)}{arrays}")
    meanings = _meanings("row" if of_rows else "element")
    return "\n".join(lines + [meanings[name] for name in keywords])


def _default(value: Any) -> str:
    if value is None:
        return "off"
    return format(value, "g") if isinstance(value, float) else told(value)


@cache
def _meanings(one: str) -> dict[str, str]:
    meanings = {**MEANINGS, **(ELEMENT_MEANINGS if one == "element" else {})}
    return {name: f"{name} : {meaning.format(one=one)}" for name, meaning in meanings.items()}
