"""A loss whose algorithm runs on the host alone: what its verbs, errors and documentation have in common."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from ..arrays.checks import check_options
from ..define.attributes import Misnamed
from ..define.callers import refuse_asking
from ..define.keywords import GRAD, HESS, VALUE, Call
from ..signatures import VERBS, passing
from . import reading

if TYPE_CHECKING:
    from collections.abc import Mapping


class HostLoss(Misnamed):
    """A loss whose verbs all call `_run`, and the attributes that checks of keywords and hints of errors ask of it.

    `_run` takes a `Call`, the inputs, and by name what the loss takes besides.
    """

    name: str
    inputs: tuple[str, ...]
    keywords: tuple[str, ...] = ("weight", "reduction", "normalizer", "empty", "out", "backend", "check")
    """Those of all losses that this one takes: fields of the call."""
    order, rooted = 1, False
    wrt: tuple[int, ...] = (0,)
    values: ClassVar[Mapping[str, Any]] = {}
    """Keywords of `_run` that are not in its signature, with their defaults."""
    parameters: ClassVar[Mapping[str, Any]] = {}
    separate: Any = False
    """Whether the loss of each sample is one of that sample's rows alone, whose place its gradients' first axes are."""
    coupled = False
    """Whether a sample's derivatives depend on all others: they are not those of a part of the samples."""
    shown_arguments: tuple[tuple[str, ...], Mapping[str, Any]]
    _run: Any

    def __init_subclass__(cls) -> None:
        """Give the class verbs of its own, which show its arguments."""
        for name in VERBS if cls.order > 1 else VERBS[:-1]:
            verb: Any = getattr(cls, name)
            copy = FunctionType(verb.__code__, verb.__globals__, name)
            copy.__qualname__, copy.__doc__ = f"{cls.__qualname__}.{name}", verb.__doc__
            setattr(cls, name, copy)

    def __init__(self) -> None:
        own: Any = type(self)._run
        taken = {name: Call._field_defaults[name] for name in self.keywords}
        passing(type(self), self.inputs, own, self, {**(own.__kwdefaults__ or {}), **taken})  # type: ignore[arg-type]

    @property
    def __signature__(self) -> inspect.Signature:
        refuse_asking(self.name)
        verb = inspect.signature(type(self).__call__)
        return verb.replace(parameters=list(verb.parameters.values())[1:])

    def __repr__(self) -> str:
        return f"{self.name}()"

    def __reduce__(self) -> str:
        return self.name

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """The value."""
        return self._verb(VALUE, inputs, keywords)

    def value_and_grad(self, *inputs: Any, **keywords: Any) -> Any:
        """The value, and the gradient: a tuple where several inputs have one."""
        return self._verb(VALUE | GRAD, inputs, keywords)

    def grad(self, *inputs: Any, **keywords: Any) -> Any:
        """The gradient alone, or a tuple of them."""
        return self._verb(GRAD, inputs, keywords)

    def grad_and_hess(self, *inputs: Any, **keywords: Any) -> NoReturn:
        """Raise: there is no second derivative."""
        raise NotImplementedError(f"{self.name} has no second derivative; use value_and_grad or grad")

    def _alone(self, other: object) -> NoReturn:
        """Raise: what is computed together is losses of elements, or of rows."""
        raise TypeError(f"{self.name} is neither added to losses nor multiplied by numbers: call it, and add "
                        "or multiply what it returns")  # fmt: skip

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _alone

    @reading.quiet
    def _verb(self, want: int, inputs: tuple[Any, ...], given: dict[str, Any]) -> Any:
        """What a verb returns: of what is given by name, that of all losses makes the call."""
        self._refuse(inputs, given)
        call = Call(want, **{name: given.pop(name) for name in self.keywords if name in given})
        reading.check_backend(self.name, call.backend)
        check_options(self, call)  # type: ignore[arg-type]
        return self._run(call, *inputs, **given)

    def _refuse(self, inputs: tuple[Any, ...], given: Mapping[str, Any]) -> None:
        """Raise for the first argument that is none of the loss's, and for an input that is missing."""
        left, known = self.inputs[len(inputs) :], self.shown_arguments[1]
        for name in given:
            if name not in known and name not in self.values and name not in left:
                from ..define.hints import unknown_argument

                raise unknown_argument(self, name, len(inputs))
        for name in left:
            if name not in given:
                from ..define.hints import missing

                raise missing(self, name, given)
        if len(inputs) > len(self.inputs):
            from ..define.hints import too_many

            raise too_many(self, inputs)


class CurvedLoss(HostLoss):
    """The same of a loss that has the diagonal of a Hessian."""

    order = 2

    def grad_and_hess(self, *inputs: Any, **keywords: Any) -> Any:
        """The gradient and the diagonal of the Hessian."""
        return self._verb(GRAD | HESS, inputs, keywords)
