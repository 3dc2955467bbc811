"""`Loss`: one object per loss, four verbs; the decorator that makes one; the registry of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from .arrays import evaluate
from .define.elements import Definition
from .define.keywords import GRAD, HESS, VALUE
from .define.parameters import Parametrised
from .registry import LOSSES as LOSSES
from .signatures import Presented

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .define.domain import Declared
    from .define.keywords import Backend, Empty, Reduction
    from .define.respect import Rule

L = TypeVar("L", bound=Parametrised)


class Loss(Presented, Definition):
    """A loss function of arrays: its value, its gradient and its second derivative in one pass.

    Every verb takes the inputs in the order of the definition (``pred, target`` for most losses), the loss's own
    parameters by name, and these keywords:

    weight : array, optional
        Weight of each element, finite and at least 0; broadcast to the shape of the inputs. An element of weight 0 is
        absent: its value does not matter, not even a NaN, and its gradient is exactly 0.
    ignore_index : int, optional
        Elements with this label are absent, as with a weight of 0: for losses whose target is a label, or a probability
        of one. It takes the memory of another ``weight``.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` divides by the sum of the weights (the number of elements where there are none); ``"none"`` gives
        each element's weighted loss. Derivatives are those of the reduced value; with ``"none"``, of the sum.
    axis : int or tuple of int, optional
        The axes that are reduced: the value has a number for each sample, the mean of which divides by its own weights;
        derivatives are those of the sum of these. By default all elements are reduced to one number, as are those of
        Numba's device arrays always.
    normalizer : float, optional
        Your own denominator for ``reduction="mean"``, positive: for gradient accumulation and ragged batches.
    empty : {"nan", "zero", "raise"}
        What the mean of nothing is (no elements, or weights that sum to 0).
    out : array, or tuple of arrays, optional
        Where the derivatives go: the dtype and shape of the input that they belong to. It may be ``pred`` itself;
        any other overlap is an error. ``grad_and_hess`` takes ``(grad, hess)``; the call itself takes the array
        for ``reduction="none"``.
    backend : {"serial", "parallel", "cuda"}, optional
        Forces one way of running; by default the type and the size of the arrays decide. Data is never moved for it.
    check : bool, optional
        Whether values outside an input's domain are looked for (one more reading of that input where ``out`` is
        given, next to nothing otherwise). With ``False`` the formula is evaluated as it stands. By default they are;
        on a GPU, where looking means waiting, what is found is then raised by a later call, or by
        `fastloss.synchronize`, and with ``True`` at once. NaN lies in every domain: it is never refused, and makes the
        value NaN. Mask what is missing:

        >>> import numpy as np
        >>> import fastloss as fl
        >>> y = np.array([0.0, np.nan, 2.0])
        >>> fl.squared_error.value_and_grad([1.0, 1.0, 1.0], y, weight=~np.isnan(y))
        (np.float64(1.0), array([ 1.,  0., -1.]))

    Inputs may be passed by name, also by the names of scikit-learn and Keras, ``y_true`` and ``y_pred``, and by torch's
    ``input``.

    float32 and float64 are computed as they are; float16 and bfloat16 (``ml_dtypes``) in float32, their
    derivatives come back in the input's dtype and their values in float32; integers, booleans, lists and scalars
    in float64. Arrays on a GPU (CuPy's, torch's, Numba's) give arrays there, a scalar value one of no axes, and nothing
    waits for the device; JAX's do, too, by way of torch or CuPy, but calls wait and take no ``out``. Values are summed
    in strips of 1,024 in the type of the arithmetic, the strips' sums in float64; in which order within a strip may
    depend on the verb, and with it the last two bits of the value. The dtype of ``pred`` decides; other inputs, weights
    and parameters are read in it. Weights are added up in float64, and those of a mean may have any magnitude.
    """

    def __call__(
        self,
        *inputs: Any,
        weight: Any = None,
        ignore_index: int | None = None,
        axis: int | tuple[int, ...] | None = None,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """The value: a scalar, or one number per element with ``reduction="none"``."""
        return evaluate(
            self, VALUE, inputs, weight, reduction, normalizer, empty, out, backend, check, parameters, ignore_index,
            axis,
        )  # fmt: skip

    def value_and_grad(
        self,
        *inputs: Any,
        weight: Any = None,
        ignore_index: int | None = None,
        axis: int | tuple[int, ...] | None = None,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> tuple[Any, Any]:
        """The value and its gradient (a tuple of gradients where several inputs are differentiable)."""
        want = VALUE | GRAD
        result = evaluate(
            self, want, inputs, weight, reduction, normalizer, empty, out, backend, check, parameters, ignore_index,
            axis,
        )  # fmt: skip
        return result  # type: ignore[no-any-return]

    def grad(
        self,
        *inputs: Any,
        weight: Any = None,
        ignore_index: int | None = None,
        axis: int | tuple[int, ...] | None = None,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """The gradient with respect to the prediction (a tuple where several inputs are differentiable)."""
        return evaluate(
            self, GRAD, inputs, weight, reduction, normalizer, empty, out, backend, check, parameters, ignore_index,
            axis,
        )  # fmt: skip

    def grad_and_hess(
        self,
        *inputs: Any,
        weight: Any = None,
        ignore_index: int | None = None,
        axis: int | tuple[int, ...] | None = None,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> tuple[Any, Any]:
        """The gradient and the diagonal of the Hessian: what Newton's method and boosting ask for.

        The second derivative is the true one almost everywhere (0 for an absolute value), never a stand-in.

        How not to boost with it: the default ``reduction="mean"`` makes both n times smaller than a booster expects,
        for whom its regularisation then outweighs the data: pass ``reduction="sum"``, and the booster's weights as
        ``weight``, for it does not apply them. Some objectives are called as (labels, predictions): here the
        prediction comes first, unless both are passed by name.
        """
        want = GRAD | HESS
        result = evaluate(
            self, want, inputs, weight, reduction, normalizer, empty, out, backend, check, parameters, ignore_index,
            axis,
        )  # fmt: skip
        return result  # type: ignore[no-any-return]


@overload
def pointwise(jet: Callable[..., Any], /) -> Loss: ...
@overload
def pointwise(
    *,
    wrt: tuple[str, ...] | None = None,
    instead: Callable[..., Any] | None = None,
    constant: Callable[..., float] | None = None,
    others: Mapping[str, Rule] | None = None,
    **domains: Declared,
) -> Callable[[Callable[..., Any]], Loss]: ...


def pointwise(
    jet: Callable[..., Any] | None = None,
    /,
    *,
    wrt: tuple[str, ...] | None = None,
    instead: Callable[..., Any] | None = None,
    constant: Callable[..., float] | None = None,
    others: Mapping[str, Rule] | None = None,
    **domains: Declared,
) -> Any:
    """Make a loss of a plain function of one element.

    The function takes one to three inputs (no defaults), then its parameters (with defaults), and returns
    ``(value, d1, d2)``, or ``(value, d1)`` where there is no second derivative; the derivatives are with respect to
    the first input. It may use arithmetic, conditional expressions, the functions of ``math`` that are in
    `fastloss.define.elements.ELEMENTARY`, constants, and other such functions of its module. Domains of inputs and
    parameters go into the decorator; an input's may be a function of parameters, by their names, that returns it.
    Constants and functions are read once, where the loss is defined: it stays what it is if they change later.

    Several differentiable inputs are named by ``wrt=("pred", "var")``; ``d1`` and ``d2`` are then tuples. Where there
    is a faster or more exact function of the same arguments for some values of parameters, `instead` is a function of
    those parameters, by their names, that returns it, or None. What no derivative sees may be left out of the value:
    `constant` is a function of the same arguments that returns it, NaN where it is not known, and ``full=False`` the
    parameter (a `fastloss.SWITCH`) with which callers ask for it. `others` gives derivatives by inputs that the
    function does not differentiate, for ``with_respect_to``: ``others={"target": rule}``, where
    ``rule(d1, d2, *arguments)`` returns the two of them, given the function's own; `fastloss.define.respect.mirrored`
    is the rule of a function of ``pred - target``.

    >>> import fastloss as fl
    >>> @fl.pointwise(scale=fl.POSITIVE)
    ... def scaled_square(pred, target, scale=1.0):
    ...     r = (pred - target) / scale
    ...     return r * r, 2.0 * r / scale, 2.0 / (scale * scale)
    >>> scaled_square.value_and_grad([1.0, 3.0], [0.0, 1.0], scale=2.0)
    (np.float64(0.625), array([0.25, 0.5 ]))
    """

    def make(function: Callable[..., Any]) -> Loss:
        return register(Loss(function, wrt=wrt, domains=domains, instead=instead, constant=constant, others=others))

    return make if jet is None else make(jet)


def root_mean(loss: Loss, name: str, doc: str) -> Loss:
    """The square root of the weighted mean of `loss`: a loss of the whole array, computed in two passes."""
    domains = {**dict(zip(loss.inputs, loss.declared, strict=True)), **loss.parameters}
    return register(Loss(loss.jet, rooted=True, name=name, doc=doc, domains=domains, others=loss.others))


def register(loss: L) -> L:
    """Enter a loss of this library into the registry; a user's own stays the user's."""
    if str(loss.__module__).startswith(__package__ + "."):
        if loss.name in LOSSES:
            raise ValueError(f"a loss named {loss.name!r} is defined twice")
        LOSSES[loss.name] = loss
    return loss
