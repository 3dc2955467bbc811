"""A loss of two batches, of real samples' scores and of fakes': verbs, keywords and `out=` of both at once."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import evaluate
from ..arrays.checks import BACKENDS, GPU_BACKENDS, check_options
from ..arrays.dispatch import on_gpu, refuse_foreign
from ..define.frozen import restore_library_loss
from ..define.keywords import GRAD, HESS, VALUE, Call
from ..define.streams import told
from ..define.wording import listed, named
from ..loss import GRAD_AND_HESS, VALUE_AND_GRAD, Loss  # noqa: F401  # verbs `like` the call read them
from ..signatures import like
from .given import Given, two
from .terms import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from ..define.keywords import Backend, Empty, Reduction

    Two = tuple[Any, Any]

WEIGHTS = "arrays, the weights of real and of fake"


def _together(real: float, fake: float) -> tuple[float, tuple[float, float]]:
    return real + fake, (1.0, 1.0)


_sum = Loss(_together, wrt=("real", "fake"), domains={}, order=1)
"""The sum of two numbers in arrays that have no arithmetic of their own."""


class TwoBatches:
    """A loss of the scores of real samples and of fakes: the mean of the one plus the mean of the other.

    real, fake : arrays of any shapes
        What the discriminator says of each sample of the batch. The batches need not be of one size.
    weight : tuple of two arrays, optional
        Weights of the real samples and of the fakes, at least 0; either may be None. A sample of weight 0 is absent,
        whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides the sum of each batch by its own weights, or its number of samples; "none" gives a tuple, each
        sample's weighted loss of both batches, and the derivatives of their sum.
    normalizer : float, or tuple of two, optional
        Your own denominators of the means of both batches; one number is that of both.
    empty : {"nan", "zero", "raise"}
        What the mean of a batch is in which there is nothing.
    out : tuple of two arrays, optional
        Where the gradients go, for real and for fake; each may be the input itself. ``grad_and_hess`` takes a tuple of
        two such tuples, the call itself with ``reduction="none"`` the arrays of the losses.
    backend, check
        As for all losses.

    Verbs return what those of all losses do, derivatives as tuples, (for real, for fake). Arrays on a GPU are computed
    there.
    """

    inputs = ("real", "fake")
    wrt = (0, 1)
    rooted = False

    def __init__(self, name: str, doc: str, real: Loss, fake: Loss) -> None:
        self.name, self.__doc__ = name, doc
        self.real, self.fake = real, fake
        self.parameters = {**real.parameters, **fake.parameters}
        self.values = {**real.values, **fake.values}
        self.shown_arguments = self.inputs, type(self).__call__.__kwdefaults__ or {}

    @property
    def order(self) -> int:
        """The number of derivatives."""
        return min(self.real.order, self.fake.order)

    # -- Verbs ---------------------------------------------------------------------------------------------------------

    def __call__(
        self, real: Any, fake: Any, *, weight: Two | None = None, reduction: Reduction = "mean",
        normalizer: float | Two | None = None, empty: Empty = "nan", out: Any = None, backend: Backend | None = None,
        check: bool | None = None, **parameters: Any,
    ) -> Any:  # fmt: skip
        """The value."""
        call = Call(VALUE, None, weight, None, None, 0.0, reduction, normalizer, empty, out, False, backend, check)
        return self._evaluate(real, fake, call, parameters)

    @like(__call__, VALUE="VALUE_AND_GRAD")
    def value_and_grad(self, *batches: Any, **keywords: Any) -> tuple[Any, Two]:  # type: ignore[empty-body]
        """The value, and the gradients for (real, fake)."""

    @like(__call__, VALUE="GRAD")
    def grad(self, *batches: Any, **keywords: Any) -> Two:  # type: ignore[empty-body]
        """The gradients for (real, fake)."""

    @like(__call__, VALUE="GRAD_AND_HESS")
    def grad_and_hess(self, *batches: Any, **keywords: Any) -> tuple[Two, Two]:  # type: ignore[empty-body]
        """The gradients, and the diagonals of the Hessian: a sample's loss depends on its own score alone."""

    def bind(self, **parameters: Any) -> Self:
        """The same loss with other default parameters."""
        from ..define.hints import unknown_parameter

        real, fake = self._each(parameters, unknown_parameter)
        return type(self)(self.name, self.__doc__ or "", self.real.bind(**real), self.fake.bind(**fake))

    # -- What is evaluated ---------------------------------------------------------------------------------------------

    def _evaluate(self, real: Any, fake: Any, call: Call, parameters: Mapping[str, Any]) -> Any:
        """A verb: that of one batch's loss, and that of the other's."""
        losses = self._with(parameters) if parameters else (self.real, self.fake)
        arrays, face = (real, fake), None
        if not (type(real) is type(fake) is np.ndarray):
            face = self._library(arrays)
            if face is not None and face.NAME == "jax":
                return self._through(face, arrays, call, parameters)
        calls = self._calls(call)
        if call.out is not None:
            return self._into(losses, arrays, calls, call, face)
        return self._joined(call, self._run(losses, arrays, calls, face), face)

    def _through(self, face: Any, arrays: Two, call: Call, parameters: Mapping[str, Any]) -> Any:
        """A verb of arrays of a library that can lend its own to another."""
        weights = two(self.name, "weight", call.weight, WEIGHTS)

        def lent(real: Any, fake: Any, *weights: Any) -> Any:
            return self._evaluate(real, fake, call._replace(weight=weights, out=None), parameters)

        return face.through(self, (*self.inputs, "weight[0]", "weight[1]"), (*arrays, *weights), call.out, lent)

    def _run(self, losses: tuple[Loss, Loss], arrays: Two, calls: tuple[Call, Call], face: Any) -> Two:
        """What both batches' verbs return."""
        return one(losses[0], arrays[0], calls[0]), one(losses[1], arrays[1], calls[1])

    def _joined(self, call: Call, found: Two, face: Any) -> Any:
        """The results of both batches as those of one verb."""
        if call.want == VALUE:
            return self._value(found, call, face)
        if call.want == GRAD:
            return found
        (first, second), (other, another) = found
        if call.want & HESS:
            return (first, other), (second, another)
        return self._value((first, other), call, face), (second, another)

    def _value(self, found: Two, call: Call, face: Any) -> Any:
        if call.reduction == "none":
            return found
        if face is not None and not face.ADDS:
            return evaluate(_sum, VALUE, found, None, "sum", None, "nan", None, None, None, {})
        with current(face, found[0]):
            return found[0] + found[1]

    def _into(
        self, losses: tuple[Loss, Loss], arrays: Two, calls: tuple[Call, Call], call: Call, face: Any
    ) -> Any:  # fmt: skip
        """The same with results in the caller's arrays, once nothing is found wrong with either batch."""
        check_options(self, call._replace(normalizer=None), BACKENDS if face is None else GPU_BACKENDS)  # type: ignore[arg-type]
        given = Given(self, arrays, calls, face).outputs(call)
        # The first batch's verb looks before it writes; the second must have looked by then.
        one(losses[1], arrays[1], calls[1]._replace(want=VALUE, out=None))
        return self._joined(call, self._written(losses, arrays, calls, given, face), face)

    def _written(
        self, losses: tuple[Loss, Loss], arrays: Two, calls: tuple[Call, Call], given: list[tuple[Any, ...]], face: Any
    ) -> Two:  # fmt: skip
        """What both batches' verbs return when they write to these arrays, one or two for each."""
        outs = [part[0] if len(part) == 1 else part for part in given]
        return self._run(losses, arrays, (calls[0]._replace(out=outs[0]), calls[1]._replace(out=outs[1])), face)

    # -- Arguments -----------------------------------------------------------------------------------------------------

    def _each(self, parameters: Mapping[str, Any], error: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Those of these parameters that each batch's loss has; the error for one that neither has."""
        for n in parameters:
            if n not in self.parameters:
                raise error(self, n)
        real, fake = ({n: v for n, v in parameters.items() if n in loss.parameters} for loss in (self.real, self.fake))
        return real, fake

    def _with(self, parameters: Mapping[str, Any]) -> tuple[Loss, Loss]:
        """Both batches' losses with these parameters, for one call."""
        from ..define.hints import unknown_argument

        real, fake = self._each(parameters, unknown_argument)
        return self.real.having(real) if real else self.real, self.fake.having(fake) if fake else self.fake

    def _calls(self, call: Call) -> tuple[Call, Call]:
        """What each batch's verb is asked for."""
        weights = two(self.name, "weight", call.weight, WEIGHTS)
        numbers = call.normalizer
        if isinstance(numbers, (tuple, list)):
            numbers = two(self.name, "normalizer", numbers, "numbers, of real and of fake")
        else:
            numbers = numbers, numbers
        return (call._replace(weight=weights[0], normalizer=numbers[0]),
                call._replace(weight=weights[1], normalizer=numbers[1]))  # fmt: skip

    def _library(self, arrays: Two) -> Any:
        """The library of both batches on a GPU; None for NumPy's."""
        for n, x in zip(self.inputs, arrays, strict=True):
            if on_gpu((x,)) is None:
                refuse_foreign(self, (x,), (n,))  # type: ignore[arg-type]
        real, fake = (on_gpu((x,)) for x in arrays)
        if real is not fake:
            where = [f"{n} is {named(x)}" for n, x in zip(self.inputs, arrays, strict=True)]
            raise TypeError(f"{self.name}: {listed(where)}, expected both in one place, arrays of one library")
        return real

    # -- What it is ----------------------------------------------------------------------------------------------------

    @property
    def __signature__(self) -> inspect.Signature:
        kind = inspect.Parameter
        given = [kind(n, kind.POSITIONAL_OR_KEYWORD) for n in self.inputs]
        rest = {**self.values, **self.shown_arguments[1]}
        return inspect.Signature([*given, *(kind(n, kind.KEYWORD_ONLY, default=v) for n, v in rest.items())])

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{n}={told(v)}' for n, v in self.values.items())})"

    def __reduce__(self) -> Any:
        return restore_library_loss, (PACKAGE, self.name, self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TwoBatches) and (self.real, self.fake) == (other.real, other.fake)

    def __hash__(self) -> int:
        return hash((self.real, self.fake))


def one(loss: Loss, x: Any, call: Call) -> Any:
    """The verb of one batch's loss."""
    return evaluate(
        loss, call.want, (x,), call.weight, call.reduction, call.normalizer, call.empty, call.out, call.backend,
        call.check, {},
    )  # fmt: skip


def current(face: Any, x: Any) -> Any:
    """As long as it lasts, arithmetic is that of the device where an array is."""
    return nullcontext() if face is None else face.current(face.buffer(x).device)
