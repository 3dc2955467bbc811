"""A loss whose algorithm runs on the host alone: what its verbs, errors and documentation have in common."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from ..arrays.checks import check_options
from ..define.keywords import GRAD, VALUE, Call
from ..signatures import VERBS, passing
from . import reading

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
    separate: Any = False
    """Whether the loss of each sample is one of that sample's rows alone, whose place its gradients' first axes are."""
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


class PassingLoss(HostLoss):
    """A host loss whose verbs hand everything on to `_run`, by its own names."""

    def __init_subclass__(cls) -> None:
        """Give the class verbs of its own, which show its arguments."""
        for name in VERBS if cls.order > 1 else VERBS[:-1]:
            verb: Any = getattr(cls, name)
            copy = FunctionType(verb.__code__, verb.__globals__, name)
            copy.__qualname__, copy.__doc__ = f"{cls.__qualname__}.{name}", verb.__doc__
            setattr(cls, name, copy)

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """The value."""
        return self._run(VALUE, *inputs, **keywords)

    def value_and_grad(self, *inputs: Any, **keywords: Any) -> Any:
        """The value, and the gradient: a tuple where several inputs have one."""
        return self._run(VALUE | GRAD, *inputs, **keywords)

    def grad(self, *inputs: Any, **keywords: Any) -> Any:
        """The gradient alone, or a tuple of them."""
        return self._run(GRAD, *inputs, **keywords)

    def _call(self, unknown: dict[str, Any], want: int, **keywords: Any) -> Call:
        """The keywords that all losses take, checked."""
        self._refuse(unknown)
        reading.check_backend(self.name, keywords["backend"])
        call = Call(want, **keywords)
        check_options(self, call)  # type: ignore[arg-type]
        return call
