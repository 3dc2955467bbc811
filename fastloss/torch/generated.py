"""Any loss as a function of tensors, and as a module."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from ..arrays.dispatch import ELSEWHERE
from ..deferred import Deferred, differentiated
from ..define.callers import refuse_calling
from ..define.keywords import ROW_KEYWORDS
from ..define.rows import Program
from ..define.wording import named, no_loss
from ..signatures import SelfDocumenting, arguments
from .autograd import run
from .transforms import followed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OTHERS = ("out", "backend", "return_stats", "return_parts")
"""Keywords of the verbs that a function of tensors does not have."""

KEPT = 256
"""Kinds of calls that a function remembers."""


def function(loss: Any) -> Callable[..., Any]:
    """A loss as a function of tensors, differentiable: of this library, derived, a sum, or the user's own.

    It takes what the loss's verbs take, but `out`, `backend` and `return_stats`. What the verbs call `axis` is `dim`;
    that of the classes is 1 by default, as in torch (0 of one row). Weights and parameters are numbers or tensors. With
    ``inplace=True`` the gradient is written over the scores.

    >>> import fastloss as fl, torch
    >>> fused = function(2 * fl.huber + fl.quantile)
    >>> pred = torch.tensor([1.0, 4.0], requires_grad=True)
    >>> fused(pred, torch.tensor([0.5, 1.0])).backward()
    >>> pred.grad
    tensor([0.7500, 1.2500])
    """
    if not hasattr(loss, "value_and_grad"):
        raise TypeError(f"{no_loss(loss)} is no loss: expected one such as fl.huber")
    calls = _Calls(loss)

    def face(*inputs: Any, inplace: bool = False, **keywords: Any) -> Any:
        return run(*calls.deferred(inputs, keywords), inplace=inplace)

    face.__name__ = face.__qualname__ = loss.name
    face.__module__ = __package__
    face.__signature__ = _signature(loss)  # type: ignore[attr-defined]
    face.__doc__ = _documentation(loss)
    face.loss = loss  # type: ignore[attr-defined]
    return face


class Module(torch.nn.Module):
    """A loss with its keywords as a module: tensors among them are buffers, which go where the module goes."""

    def __init__(self, loss: Any, **keywords: Any) -> None:
        super().__init__()
        self._function = function(loss)
        known = self._function.__signature__.parameters  # type: ignore[attr-defined]
        for name in keywords:
            if name in ELSEWHERE or name == loss.inputs[0]:
                raise TypeError(f"{loss.name}: {name} is passed when the module is called, not when it is made")
            if name not in known and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
                raise _unknown(loss, name)
        self.loss = loss
        self.keywords = {name: x for name, x in keywords.items() if not isinstance(x, torch.Tensor)}
        self.tensors = tuple(name for name in keywords if name not in self.keywords)
        for name in self.tensors:
            self.register_buffer(name, keywords[name])

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """The loss's value; keywords given here go before the module's own."""
        own = {name: getattr(self, name) for name in self.tensors}
        return self._function(*inputs, **{**self.keywords, **own, **keywords})

    def extra_repr(self) -> str:
        """The loss, and its keywords."""
        return ", ".join([str(self.loss), *(f"{name}={x!r}" for name, x in self.keywords.items())])

    def __reduce__(self) -> Any:
        return _rebuilt, (self.loss, self.keywords, self.tensors), {
            name: x for name, x in self.__dict__.items() if name != "_function"
        }  # fmt: skip


def _rebuilt(loss: Any, keywords: dict[str, Any], tensors: tuple[str, ...]) -> Module:
    return Module(loss, **keywords, **dict.fromkeys(tensors, torch.empty(0)))


def module(loss: Any, **keywords: Any) -> Module:
    """A loss as a module.

    >>> import fastloss as fl
    >>> module(fl.huber, delta=1.5)
    Module(huber(delta=1.0), delta=1.5)
    """
    return Module(loss, **keywords)


class _Calls:
    """What a function's calls are, apart from their tensors: the same for the same keywords."""

    def __init__(self, loss: Any) -> None:
        self.loss, self.name, self.inputs = loss, loss.name, loss.inputs
        takes = _signature(loss).parameters
        self.takes = () if any(p.kind is p.VAR_KEYWORD for p in takes.values()) else frozenset(takes)
        self.known: dict[Any, Deferred] = {}
        self.others = {*getattr(loss, "others", ())}
        self.exchanged = loss.inputs[1:2] if getattr(loss, "exchanged", None) is not None else ()
        self.by_rows = _by_rows(loss)
        self.plain: dict[Any, Deferred] = {}

    def deferred(self, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Deferred, Sequence[Any]]:
        """The call and its tensors."""
        if keywords or len(inputs) != len(self.inputs) or torch.compiler.is_compiling():
            return self._arranged(inputs, keywords)
        wanted: list[bool] = []
        for x in inputs:
            if not isinstance(x, torch.Tensor):
                return self._arranged(inputs, keywords)
            wanted.append(x.requires_grad)
        key = inputs[0].dim() > 1, *wanted  # all that a call of tensors alone depends on
        found = self.plain.get(key)
        if found is None:
            found = self.plain[key] = self._arranged(inputs, keywords)[0]
        return found, inputs

    def _arranged(self, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Deferred, list[Any]]:
        """The same, of arguments in any form."""
        if len(inputs) != len(self.inputs):
            inputs, keywords = self._by_name(inputs, keywords)
        names, tensors, rest = [], [], []
        for name, x in zip(self.inputs, inputs, strict=True):
            if isinstance(x, torch.Tensor):
                names.append(name)
                tensors.append(x)
            else:
                for place, item in self._items(name, x, tensors):
                    names.append(place)
                    tensors.append(item)
        for name, x in keywords.items():
            if name == "dim":
                continue
            if name in OTHERS or name == "axis" or (self.takes and name not in self.takes):
                raise _unknown(self.loss, name)
            if not isinstance(x, torch.Tensor):
                if isinstance(x, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in x):
                    kind = type(x).__name__
                    raise TypeError(f"{self.name}: {name} is a {kind} of tensors, expected torch.stack({name})")
                rest.append((name, tuple(x) if type(x) is list else x))
            elif x.dim() or x.requires_grad or x.is_cuda or followed(x):
                names.append(name)
                tensors.append(x)
            else:
                rest.append((name, x.item()))
        dim = keywords.get("dim")
        if dim is not None:
            rest.append(("axis", tuple(dim) if type(dim) is list else dim))
        elif self.by_rows:
            rest.append(("axis", 1 if tensors[0].dim() > 1 else 0))
        return self._call(tuple(names), tuple(rest), self._differentiated(names, tensors)), tensors

    def _call(self, names: tuple[str, ...], rest: tuple[Any, ...], by: tuple[str, ...]) -> Deferred:
        if torch.compiler.is_compiling():  # torch compiles anew what has asked a dictionary that then has more
            return self._made(names, rest, by)
        key = names, rest, by
        found = None
        with suppress(TypeError):  # a value without a hash
            found = self.known.get(key)
        if found is not None:
            return found
        found = self._made(names, rest, by)
        if len(self.known) >= KEPT:
            self.known.clear()
        with suppress(TypeError):
            self.known[key] = found
        return found

    def _made(self, names: tuple[str, ...], rest: tuple[Any, ...], by: tuple[str, ...]) -> Deferred:
        if not torch.compiler.is_compiling():
            refuse_calling(self.name)
        loss = self.loss.with_respect_to(*by) if by else self.loss
        wrt = [names.index(name) for name in differentiated(loss)]
        if "bias" in names:
            wrt.append(names.index("bias"))
        return Deferred(loss, names, tuple(wrt), rest)

    def _differentiated(self, names: list[str], tensors: list[Any]) -> tuple[str, ...]:
        """The inputs of `with_respect_to` where another than the definition's own requires grad."""
        if not (self.others or self.exchanged) or self.loss.by:
            return ()
        asked = tuple([name for name, x in zip(names, tensors, strict=True) if x.requires_grad])
        return asked if asked == self.exchanged or not self.others.isdisjoint(asked) else ()

    def _items(self, name: str, x: Any, before: list[Any]) -> Iterator[tuple[str, Any]]:
        """The tensors of a list, or a number as a tensor beside the one before."""
        if isinstance(x, (list, tuple)) and all(isinstance(item, torch.Tensor) for item in x):
            for k, item in enumerate(x):
                yield f"{name}[{k}]", item
        elif isinstance(x, (int, float)) and before:
            yield name, torch.as_tensor(x, dtype=before[0].dtype, device=before[0].device)
        else:
            raise TypeError(f"{self.name}: {name} is {named(x)}, expected a torch.Tensor; pass torch.as_tensor({name})")

    def _by_name(self, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        from ..define.hints import missing, too_many

        if len(inputs) > len(self.inputs):
            raise too_many(self.loss, inputs)
        rest, arranged = dict(keywords), list(inputs)
        for name in self.inputs[len(inputs) :]:
            if name not in rest and name == self.inputs[0] and "input" in rest:
                rest[name] = rest.pop("input")
            if name not in rest:
                raise missing(self.loss, name, rest)
            arranged.append(rest.pop(name))
        return tuple(arranged), rest


def _by_rows(loss: Any) -> bool:
    """Whether a row of scores has one axis, which torch has second."""
    return isinstance(loss, Program) or getattr(loss, "separate", None) == "rows"


def _unknown(loss: Any, name: str) -> TypeError:
    """The error for a keyword that a function of tensors does not have."""
    if name == "axis":
        hint = "that of the classes is dim, 1 by default" if _by_rows(loss) else "it is called dim"
    elif name in OTHERS:
        hint = f"fl.{loss.name} has it, for NumPy's arrays"
    else:
        from ..define.hints import unknown_argument

        return unknown_argument(loss, name, expected=", ".join(_signature(loss).parameters))
    return TypeError(f"{loss.name}() of tensors has no argument {name!r}: {hint}")


def _signature(loss: Any) -> inspect.Signature:
    """That of the loss, as a function of tensors has it."""
    kind = inspect.Parameter
    found = []
    for p in inspect.signature(loss).parameters.values():
        if p.name == "axis":
            found.append(p.replace(name="dim", default=1 if _by_rows(loss) else None))
        elif p.name not in OTHERS:
            found.append(p)
    place = next((k for k, p in enumerate(found) if p.kind is kind.VAR_KEYWORD), len(found))
    found.insert(place, kind("inplace", kind.KEYWORD_ONLY, default=False))
    return inspect.Signature(found)


def _documentation(loss: Any) -> str:
    """The loss's own text, and a line for each argument."""
    if not isinstance(loss, SelfDocumenting):
        text = inspect.cleandoc(loss.__doc__ or "")
        return f"`fl.{loss.name}` of tensors, differentiable; the arrays are tensors, `axis` is `dim`.\n\n{text}"
    keywords = [name for name in loss.__signature__.parameters if name in ROW_KEYWORDS and name not in OTHERS]
    lines = arguments(loss, keywords).replace("\naxis : ", "\ndim : ")
    text = inspect.cleandoc(loss.own_text).partition(">>>")[0].rstrip()
    return f"{text}\n\n{lines}\ninplace : whether the gradient is written over the scores, which are then lost"
