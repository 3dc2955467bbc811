"""A loss whose algorithm runs on the host alone: what its verbs, errors and documentation have in common."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from ..signatures import passing

if TYPE_CHECKING:
    from collections.abc import Mapping


class HostLoss:
    """The attributes that the checks of keywords and the hints of errors ask of a loss."""

    name: str
    inputs: tuple[str, ...]
    order, rooted = 1, False
    wrt: tuple[int, ...] = (0,)
    values: ClassVar[Mapping[str, Any]] = {}
    parameters: ClassVar[Mapping[str, Any]] = {}
    shown_arguments: Any = None
    _run: Any

    def __init__(self) -> None:
        passing(type(self), self.inputs, type(self)._run, self)  # type: ignore[arg-type]

    @property
    def __signature__(self) -> inspect.Signature:
        verb = inspect.signature(type(self).__call__)
        return verb.replace(parameters=list(verb.parameters.values())[1:])

    def __repr__(self) -> str:
        return f"{self.name}()"

    def __reduce__(self) -> str:
        return self.name

    def grad_and_hess(self, *inputs: Any, **keywords: Any) -> NoReturn:
        """Raise: there is no second derivative."""
        raise NotImplementedError(f"{self.name} has no second derivative; use value_and_grad or grad")

    def _alone(self, other: object) -> NoReturn:
        """Raise: what is computed together is losses of elements, or of rows."""
        raise TypeError(f"{self.name} is neither added to losses nor multiplied by numbers: call it, and add "
                        "or multiply what it returns")  # fmt: skip

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _alone

    def _refuse(self, unknown: Mapping[str, Any]) -> None:
        """Raise for the first keyword that is none of the loss's."""
        for given in unknown:
            from ..define.hints import unknown_argument

            raise unknown_argument(self, given)
