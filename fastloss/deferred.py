"""A call of a loss apart from its arrays: what the faces of other libraries keep, compile and differentiate."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple

from .define.elements import Definition
from .define.rows import Program
from .loading import load
from .registry import LOSSES

if TYPE_CHECKING:
    from collections.abc import Sequence


def differentiated(loss: Any) -> tuple[str, ...]:
    """The inputs by which the verbs differentiate; a loss of rows that is turned round keeps its `wrt`."""
    return getattr(loss, "by", ()) or tuple([loss.inputs[k] for k in loss.wrt])


class _Fields(NamedTuple):
    """What a deferred call is made of."""

    loss: Any
    """What has the verbs: a loss of elements, of rows, or with an algorithm of its own; anybody's."""
    names: tuple[str, ...]
    """What each array is to the verb: first the loss's inputs, then weights and parameters that are arrays.

    ``"boxes[0]", "boxes[1]"`` are the items of one list.
    """
    wrt: tuple[int, ...]
    """Which of the arrays have gradients, in the order in which the verb returns them."""
    keywords: tuple[tuple[str, Any], ...] = ()
    """Everything else that the verb is given."""
    scale: float = 1.0
    """What value and derivatives are multiplied by."""


class Deferred(_Fields):
    """A call of a loss without its arrays; it never changes, and has a hash where its loss and keywords have one.

    Its methods take arrays of any library that the verbs take, in the order of `names`.
    """

    @cached_property
    def given(self) -> dict[str, Any]:
        """The keywords by name; not to be changed."""
        return dict(self.keywords)

    @cached_property
    def reduction(self) -> str:
        """How the losses become a value: "mean", "sum" or "none"."""
        return str(self.given.get("reduction", "mean"))

    @cached_property
    def single(self) -> bool:
        """Whether the value is one number of elements; or of what has no broadcast inputs."""
        return not isinstance(self.loss, Definition) or (self.reduction != "none" and "axis" not in self.given)

    @cached_property
    def _places(self) -> tuple[list[Any], list[tuple[str, Any]] | None]:
        """The places of the arrays that are inputs, and those of others with their names; None where all are inputs."""
        places: dict[str, Any] = {}
        for k, name in enumerate(self.names):
            base, bracket, _ = name.partition("[")
            if bracket:
                places.setdefault(base, []).append(k)
            else:
                places[base] = k
        inputs = [at for name, at in places.items() if name in self.loss.inputs]
        rest = [(name, at) for name, at in places.items() if name not in self.loss.inputs]
        return inputs, rest if rest or any(type(at) is list for at in inputs) else None

    @cached_property
    def second(self) -> bool:
        """Whether `grad_and_hess` returns the whole Hessian: of elements, by one input."""
        loss = self.loss
        alone = isinstance(loss, Definition) and not loss.rooted and len(loss.wrt) == 1
        return alone and loss.order == 2 and len(self.wrt) == 1

    @cached_property
    def product(self) -> Deferred | None:
        """Of a loss of rows, the call whose gradient is the Hessian times a vector, its second array; or None."""
        loss = self.loss
        if not isinstance(loss, Program) or loss.by or self.names[:1] != loss.inputs[:1]:
            return None
        from .define.product.program import VECTOR, product

        try:
            loss = product(loss)
        except NotImplementedError:
            return None
        return Deferred(loss, (self.names[0], VECTOR, *self.names[1:]), (0,), self.keywords)

    def value(self, arrays: Sequence[Any], backend: str | None = None) -> Any:
        """The value."""
        value = self.verb("__call__", arrays, **_only(backend=backend))
        return value if self.scale == 1.0 else value * self.scale

    def value_and_grad(self, arrays: Sequence[Any], out: Any = None, backend: str | None = None) -> Any:
        """The value, and a tuple of gradients: one for each place of `wrt`."""
        value, grads = self.verb("value_and_grad", arrays, **_only(out=out, backend=backend))
        grads = grads if type(grads) is tuple else (grads,)
        return (value, grads) if self.scale == 1.0 else (value * self.scale, self._scaled(grads))

    def grad_and_hess(self, arrays: Sequence[Any], out: Any = None, backend: str | None = None) -> Any:
        """The gradient and the diagonal of the Hessian, of a loss with one input to differentiate."""
        both: tuple[Any, ...] = self.verb("grad_and_hess", arrays, **_only(out=out, backend=backend))
        return both if self.scale == 1.0 else self._scaled(both)

    def verb(self, verb: str, arrays: Sequence[Any], **keywords: Any) -> Any:
        """What a verb returns, not multiplied by `scale`; with more keywords."""
        inputs, rest = self._places
        if rest is None:
            return getattr(self.loss, verb)(*arrays, **self.given, **keywords)
        also = {name: _items(at, arrays) for name, at in rest}
        return getattr(self.loss, verb)(*[_items(at, arrays) for at in inputs], **self.given, **keywords, **also)

    def _scaled(self, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        for x in arrays:
            x *= self.scale  # the verb's own, or the caller's `out`
        return arrays

    @property
    def text(self) -> str:
        """All of it in a string, of which `of_text` makes it again: in any process, but for a user's own loss."""
        return json.dumps([_spelled(self.loss), self.names, self.wrt, self.keywords, self.scale])

    @staticmethod
    def of_text(text: str) -> Deferred:
        """The call that has this text."""
        return _read(text)


def _only(**keywords: Any) -> dict[str, Any]:
    return {name: x for name, x in keywords.items() if x is not None}


def _items(at: Any, arrays: Sequence[Any]) -> Any:
    return [arrays[k] for k in at] if type(at) is list else arrays[at]


# -- As text -----------------------------------------------------------------------------------------------------------

_process = f"{token_hex(4)}."
"""Of no other process: what was compiled or exported there must not find a loss of this one that has the same name."""

_numbers = count()  # of two threads that meet a loss each both have one

_own: dict[str, Any] = {}
"""Losses that no name of this library stands for, by the key that texts hold; they live as long as the process."""


def _spelled(loss: Any) -> Any:
    """The name of a library's loss, with its parameters; the key of another."""
    ours = getattr(load("fastloss"), loss.name, None) is loss
    if ours and loss.name not in LOSSES:
        return [loss.name, {}, ()]
    if loss.name in LOSSES and getattr(loss, "frozen", loss) is None:
        values = {name: x for name, x in loss.values.items() if x is None or type(x) in (bool, int, float)}
        if len(values) == len(loss.values) and _library(loss.name, values, loss.by) == loss:
            return [loss.name, values, loss.by]
    for mine, known in [*_own.items()]:
        if type(known) is type(loss) and known == loss:
            return mine
    key = f"{loss.name}#{_process}{next(_numbers)}"
    _own[key] = loss
    return key


def _library(name: str, values: dict[str, Any], by: Sequence[str]) -> Any:
    """A loss of this library."""
    loss = LOSSES.get(name)
    if loss is None:
        return getattr(load("fastloss"), name)
    loss = loss if values == loss.values else loss.bind(**values)
    return loss.with_respect_to(*by) if by else loss


@lru_cache(4096)
def _read(text: str) -> Deferred:
    spelled, names, wrt, keywords, scale = json.loads(text)
    if isinstance(spelled, str):
        loss = _own.get(spelled)
        if loss is None:
            raise ValueError(f"{spelled.partition('#')[0]}: this loss was defined in another process, and what was "
                             "compiled or exported there holds its name alone: trace it again here")  # fmt: skip
    else:
        loss = _library(*spelled)
    return Deferred(loss, tuple(names), tuple(wrt), tuple((n, _frozen(x)) for n, x in keywords), scale)


def _frozen(x: Any) -> Any:
    return tuple(map(_frozen, x)) if isinstance(x, list) else x
