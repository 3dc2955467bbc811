"""The short way of a call like an earlier one: what the function's plan said then, without its questions.

A plan asks for types, shapes and options, which takes as long as the kernel of 30,000 elements (15 us).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...deferred import Deferred

PLAIN = (torch.Tensor, torch.nn.Parameter)
"""Tensors that are no others in disguise: a subclass has its own idea of what a function does."""

OPTIONS = (type(None), bool, int, float, str)
"""What stays what it is: a module that measures distances may be told another norm."""

KEPT = 256
"""Kinds of calls that a function remembers."""


class Given(NamedTuple):
    """A call that is computed here, and its tensors."""

    call: Deferred
    tensors: tuple[torch.Tensor, ...]
    native: Callable[..., torch.Tensor]
    """The same of these tensors by torch's own operators, whose derivatives have derivatives."""
    inplace: bool = False
    lasting: bool = True
    """Whether it is the same of other numbers: not where the plan looked at them."""


class Recipes:
    """What the calls of a function were found to be, by their kind."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Given, tuple[int, ...]]] = {}

    def find(self, key: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Given | None:
        """What such calls were found to be, with the tensors of this one."""
        found = self._known.get(key)
        if found is None:
            return None
        (call, _, native, inplace, _), places = found
        values = (*args, *keywords.values()) if keywords else args
        return Given(call, tuple([values[k] for k in places]), native, inplace)

    def keep(self, key: Any, given: Given, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        """Keep what a call was found to be, if its tensors are the arguments that are tensors, no two of them one."""
        values = (*args, *keywords.values())
        places = {id(x): k for k, x in enumerate(values) if isinstance(x, torch.Tensor)}
        order = tuple([places.get(id(x), -1) for x in given.tensors])
        if not given.lasting or sorted(order) != [k for k, x in enumerate(values) if isinstance(x, torch.Tensor)]:
            return
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[key] = given._replace(tensors=()), order


def kind(args: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """All that a plan may ask of dense tensors in the host's memory and of options; None of anything else."""
    found: list[Any] = [torch.is_grad_enabled(), *keywords]
    for x in (*args, *keywords.values()) if keywords else args:
        of = type(x)
        if of in PLAIN:
            if not x.is_cpu or x.layout is not torch.strided:
                return None
            found += x.dtype, x.shape, x.requires_grad
        elif of in OPTIONS:
            found += of, x
        else:
            return None
    return tuple(found)
