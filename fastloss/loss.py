"""`Loss`: one object per loss, four verbs; the decorator that makes one; the registry of all of them."""

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, overload

from .arrays import evaluate
from .domain import REAL, Domain
from .options import GRAD, HESS, VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOSSES: dict[str, Loss] = {}
"""Every loss that this library defines, by name, in the order of definition."""


class Loss:
    """A loss function of arrays: its value, its gradient and its second derivative in one pass.

    Every verb takes the inputs in the order of the definition (``pred, target`` for most losses), the loss's own
    parameters by name, and these keywords:

    weight : array, optional
        Weight of each element; broadcast to the shape of the inputs. An element of weight 0 is absent: its value
        does not matter, not even a NaN, and its gradient is exactly 0.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` divides by the sum of the weights (the number of elements where there are none); ``"none"`` gives
        each element's weighted loss. Derivatives are those of the reduced value; with ``"none"``, of the sum.
    normalizer : float, optional
        Your own denominator for ``reduction="mean"``, positive: for gradient accumulation and ragged batches.
    empty : {"nan", "zero", "raise"}
        What the mean of nothing is (no elements, or weights that sum to 0).
    out : array, or tuple of arrays, optional
        Where the derivatives go: the dtype and shape of the input that they belong to. It may be ``pred`` itself;
        any other overlap is an error. ``grad_and_hess`` takes ``(grad, hess)``; the call itself takes the array
        for ``reduction="none"``.
    backend : {"serial", "parallel"}, optional
        Forces one way of running; by default the type and the size of the arrays decide.
    check : bool
        Whether values outside an input's domain are looked for (one more reading of that input where ``out`` is
        given, next to nothing otherwise). With ``False`` the formula is evaluated as it stands.

    float32 and float64 are computed as they are; float16 and bfloat16 (``ml_dtypes``) in float32, their
    derivatives come back in the input's dtype and their values in float32; integers, booleans, lists and scalars
    in float64. Values are summed in float64. The dtype of ``pred`` decides; other inputs are read in it.
    """

    def __init__(
        self,
        jet: Callable[..., Any],
        *,
        wrt: tuple[str, ...] | None = None,
        rooted: bool = False,
        name: str | None = None,
        doc: str | None = None,
        domains: Mapping[str, Domain],
    ) -> None:
        code, defaults = jet.__code__, jet.__defaults__ or ()
        names = code.co_varnames[: code.co_argcount]
        split = len(names) - len(defaults)
        if code.co_flags & 0x0C or code.co_kwonlyargcount or not 1 <= split <= 3:
            raise TypeError(
                f"{jet.__name__}: a pointwise loss takes one to three inputs and then parameters with defaults, "
                f"got ({', '.join(names)})"
            )
        if code.co_freevars:
            raise TypeError(
                f"{jet.__name__} refers to {', '.join(code.co_freevars)} of the function around it; "
                "a loss may refer to its arguments and to names of its module"
            )
        modules = [n for n in code.co_names if isinstance(jet.__globals__.get(n), ModuleType)]
        if any(jet.__globals__[n] is not math for n in modules):
            raise TypeError(f"{jet.__name__} uses {', '.join(modules)}; a loss may use the module math and no other")
        unknown = set(domains) - set(names)
        if unknown:
            raise TypeError(f"{jet.__name__}: domains given for {sorted(unknown)}, which are not among {names}")
        self.name = name or jet.__name__
        self.jet = jet
        self.inputs = names[:split]
        self.wrt = tuple(names.index(n) for n in (wrt or names[:1]))
        self.parameters = {n: domains.get(n, REAL) for n in names[split:]}
        self.domains = tuple(domains.get(n, REAL) for n in self.inputs)
        self.rooted = rooted
        self._values = _checked(self.name, self.parameters, dict(zip(names[split:], defaults, strict=True)))
        self._cast: dict[Any, tuple[Any, ...]] = {}
        self._bounds: dict[Any, tuple[Any, ...]] = {}
        self._twins: dict[Any, Loss] = {}
        self.recipes: dict[Any, Any] = {}
        self.tests = tuple(d.test for d in self.domains)
        self.untested = ("none",) * split
        self.checks = self.tests != self.untested
        self.order = len(jet(*(d.inner_point for d in self.domains), *self._values)) - 1
        self.__doc__ = doc or jet.__doc__
        # As a function has them, so that help(), doctest and pickle find the definition.
        self.__wrapped__ = jet
        self.__module__ = jet.__module__

    # -- the four verbs ------------------------------------------------------------------------------------------

    def __call__(
        self,
        *inputs: Any,
        weight: Any = None,
        reduction: str = "mean",
        normalizer: float | None = None,
        empty: str = "nan",
        out: Any = None,
        backend: str | None = None,
        check: bool = True,
        **parameters: Any,
    ) -> Any:
        """The value: a scalar, or one number per element with ``reduction="none"``."""
        return evaluate(self, VALUE, inputs, weight, reduction, normalizer, empty, out, backend, check, parameters)

    def value_and_grad(
        self,
        *inputs: Any,
        weight: Any = None,
        reduction: str = "mean",
        normalizer: float | None = None,
        empty: str = "nan",
        out: Any = None,
        backend: str | None = None,
        check: bool = True,
        **parameters: Any,
    ) -> tuple[Any, Any]:
        """The value and its gradient (a tuple of gradients where several inputs are differentiable)."""
        want = VALUE | GRAD
        result = evaluate(self, want, inputs, weight, reduction, normalizer, empty, out, backend, check, parameters)
        return result  # type: ignore[no-any-return]

    def grad(
        self,
        *inputs: Any,
        weight: Any = None,
        reduction: str = "mean",
        normalizer: float | None = None,
        empty: str = "nan",
        out: Any = None,
        backend: str | None = None,
        check: bool = True,
        **parameters: Any,
    ) -> Any:
        """The gradient with respect to the prediction (a tuple where several inputs are differentiable)."""
        return evaluate(self, GRAD, inputs, weight, reduction, normalizer, empty, out, backend, check, parameters)

    def grad_and_hess(
        self,
        *inputs: Any,
        weight: Any = None,
        reduction: str = "mean",
        normalizer: float | None = None,
        empty: str = "nan",
        out: Any = None,
        backend: str | None = None,
        check: bool = True,
        **parameters: Any,
    ) -> tuple[Any, Any]:
        """The gradient and the diagonal of the Hessian: what Newton's method and boosting ask for.

        The second derivative is the true one almost everywhere (0 for an absolute value), never a stand-in.
        """
        want = GRAD | HESS
        result = evaluate(self, want, inputs, weight, reduction, normalizer, empty, out, backend, check, parameters)
        return result  # type: ignore[no-any-return]

    # -- parameters ----------------------------------------------------------------------------------------------

    def bind(self, **parameters: Any) -> Loss:
        """The same loss with other default parameters.

        >>> import fastloss as fl
        >>> fl.huber.bind(delta=2.0)
        huber(delta=2.0)
        """
        twin = object.__new__(Loss)
        twin.__dict__.update(self.__dict__)
        twin._values = _checked(self.name, self.parameters, {**self.values, **parameters})
        twin._cast = {}
        twin._twins = {}
        twin.recipes = {}
        return twin

    @property
    def values(self) -> dict[str, float]:
        """The parameters in force."""
        return dict(zip(self.parameters, self._values, strict=True))

    def having(self, parameters: Mapping[str, Any]) -> Loss:
        """`bind`, remembering the last few: a call with the same parameters finds what the last one prepared."""
        key = tuple(parameters.items())
        try:
            return self._twins[key]
        except (KeyError, TypeError):  # or something that cannot be looked up
            twin = self.bind(**parameters)
        if len(self._twins) >= 32:
            self._twins.clear()
        self._twins[tuple((n, twin.values[n]) for n in parameters)] = twin
        return twin

    def cast(self, kind: Any) -> tuple[Any, ...]:
        """The parameters as a kernel takes them: a tuple of numbers of the compute type."""
        try:
            return self._cast[kind]
        except KeyError:
            self._cast[kind] = tuple(map(kind, self._values))
            return self._cast[kind]

    def bounds(self, kind: Any) -> tuple[Any, ...]:
        """The ends of each input's domain, as a kernel compares with them."""
        if kind not in self._bounds:
            self._bounds[kind] = tuple(kind(end) for d in self.domains for end in d.bounds(kind))
        return self._bounds[kind]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{n}={v!r}' for n, v in self.values.items())})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Loss):
            return NotImplemented
        return (self.name, self.jet, self._values) == (other.name, other.jet, other._values)

    def __hash__(self) -> int:
        return hash((self.name, self._values))

    def __reduce__(self) -> Any:
        # By name, as functions are pickled: the definition is found again where it was written.
        return _restore, (self.jet.__module__, self.name, self.values)


def _checked(name: str, domains: Mapping[str, Domain], given: Mapping[str, Any]) -> tuple[float, ...]:
    unknown = [n for n in given if n not in domains]
    if unknown:
        takes = ", ".join(domains) or "no parameters"
        raise TypeError(f"{name} has no argument {unknown[0]!r}; its own parameters: {takes}")
    values = []
    for n, domain in domains.items():
        value = given[n]
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{name}: {n} must be {domain}, got {value!r}") from None
        if math.isnan(number) or math.isinf(number) or number not in domain:
            raise ValueError(f"{name}: {n} must be {domain}, got {value!r}")
        values.append(number)
    return tuple(values)


def _restore(module: str, name: str, values: Mapping[str, float]) -> Loss:
    loss = LOSSES.get(name)
    if loss is None or loss.jet.__module__ != module:
        __import__(module)
        loss = getattr(sys.modules[module], name)
    return loss.bind(**values) if values != loss.values else loss


@overload
def pointwise(jet: Callable[..., Any], /) -> Loss: ...
@overload
def pointwise(*, wrt: tuple[str, ...] | None = None, **domains: Domain) -> Callable[[Callable[..., Any]], Loss]: ...


def pointwise(
    jet: Callable[..., Any] | None = None, /, *, wrt: tuple[str, ...] | None = None, **domains: Domain
) -> Any:
    """Make a loss of a plain function of one element.

    The function takes one to three inputs (no defaults), then its parameters (with defaults), and returns
    ``(value, d1, d2)``, or ``(value, d1)`` where there is no second derivative; the derivatives are with respect to
    the first input. It may use ``math``, arithmetic, conditional expressions, module constants and other such
    functions; numbers are written as floats. Domains of inputs and parameters go into the decorator.

    Several differentiable inputs are named by ``wrt=("pred", "var")``; ``d1`` and ``d2`` are then tuples.

    >>> import fastloss as fl
    >>> @fl.pointwise(scale=fl.POSITIVE)
    ... def scaled_square(pred, target, scale=1.0):
    ...     r = (pred - target) / scale
    ...     return r * r, 2.0 * r / scale, 2.0 / (scale * scale)
    >>> scaled_square.value_and_grad([1.0, 3.0], [0.0, 1.0], scale=2.0)
    (np.float64(0.625), array([0.25, 0.5 ]))
    """

    def make(function: Callable[..., Any]) -> Loss:
        return _register(Loss(function, wrt=wrt, domains=domains))

    return make if jet is None else make(jet)


def root_mean(loss: Loss, name: str, doc: str) -> Loss:
    """The square root of the weighted mean of `loss`: a loss of the whole array, computed in two passes."""
    domains = {**dict(zip(loss.inputs, loss.domains, strict=True)), **loss.parameters}
    return _register(Loss(loss.jet, rooted=True, name=name, doc=doc, domains=domains))


def _register(loss: Loss) -> Loss:
    if loss.jet.__module__.startswith(__package__ + "."):
        if loss.name in LOSSES:
            raise ValueError(f"a loss named {loss.name!r} is defined twice")
        LOSSES[loss.name] = loss
    return loss
