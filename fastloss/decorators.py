"""The decorators that make losses: of a function of one element, of a class of functions for a row, or for a pair.

`pointwise` and `derive` give a `Loss`, `rowwise` and `pairwise` a `RowLoss`; `root_mean` makes another loss of a
pointwise one.
A loss of this library enters the registry, which feeds the tests, the benchmarks, the command line and the tables; a
user's does not. `define` checks the functions, when the loss is made; nothing is compiled before its first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from .define.parameters import Parametrised
from .define.rows import Pair
from .define.spaces import functions_in, name_and_place, row_functions, variants_in
from .loss import Loss, RowLoss
from .registry import LOSSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .define.domain import Declared
    from .define.with_respect_to import Rule

L = TypeVar("L", bound=Parametrised)


@overload
def pointwise(jet: Callable[..., Any], /) -> Loss: ...
@overload
def pointwise(
    *,
    wrt: tuple[str, ...] | None = None,
    instead: Callable[..., Any] | None = None,
    faster: Callable[..., Any] | None = None,
    constant: Callable[..., float] | None = None,
    others: Mapping[str, Rule] | None = None,
    link: str = "identity",
    **domains: Declared,
) -> Callable[[Callable[..., Any]], Loss]: ...


def pointwise(
    jet: Callable[..., Any] | None = None,
    /,
    *,
    wrt: tuple[str, ...] | None = None,
    instead: Callable[..., Any] | None = None,
    faster: Callable[..., Any] | None = None,
    constant: Callable[..., float] | None = None,
    others: Mapping[str, Rule] | None = None,
    link: str = "identity",
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
    is a more exact function of the same arguments for some values of parameters, `instead` is a function of those
    parameters, by their names, that returns it, or None; `faster` is the same for a function that only takes less time,
    and is given NaN for a parameter that is an array, for which None is right. What no derivative sees may be left out
    of the value: `constant` is a function of the same arguments that returns it, NaN where it is not known, and
    ``full=False`` the parameter (a `fastloss.SWITCH`) with which callers ask for it. `others` gives derivatives by
    inputs that the function does not differentiate, for ``with_respect_to``: ``others={"target": rule}``, where
    ``rule(d1, d2, *arguments)`` returns the two of them, given the function's own. The rule of a function of
    ``pred - target`` is `fastloss.define.with_respect_to.mirrored`. `link` says what ``mean`` makes of predictions
    that are raw scores: ``"exp"``, ``"sigmoid"``, ``"double_sigmoid"`` (of twice the score), ``"hard_sigmoid"``, of
    rows ``"softmax"``, ``"sparsemax"``; by default they are what they predict.

    >>> import fastloss as fl
    >>> @fl.pointwise(scale=fl.POSITIVE)
    ... def scaled_square(pred, target, scale=1.0):
    ...     r = (pred - target) / scale
    ...     return r * r, 2.0 * r / scale, 2.0 / (scale * scale)
    >>> scaled_square.value_and_grad([1.0, 3.0], [0.0, 1.0], scale=2.0)
    (np.float64(0.625), array([0.25, 0.5 ]))
    """

    def make(function: Callable[..., Any]) -> Loss:
        options = {"instead": instead, "faster": faster, "constant": constant, "others": others, "link": link}
        return register(Loss(function, wrt=wrt, domains=domains, **options))

    return make if jet is None else make(jet)


@overload
def derive(value: Callable[..., Any], /, *, wrt: tuple[str, ...] | None = None, name: str | None = None,
           link: str = "identity", **domains: Declared) -> Loss: ...  # fmt: skip
@overload
def derive(
    *, wrt: tuple[str, ...] | None = None, name: str | None = None, link: str = "identity", **domains: Declared
) -> Callable[[Callable[..., Any]], Loss]: ...


def derive(
    value: Callable[..., Any] | None = None,
    /,
    *,
    wrt: tuple[str, ...] | None = None,
    name: str | None = None,
    link: str = "identity",
    **domains: Declared,
) -> Any:
    """Make a loss of its value alone: both derivatives are found by the chain rule.

    The function is that of `pointwise` (one to three inputs, parameters with defaults, domains in the decorator), and
    returns the value of one element, or ends in its ``.mean()``. It is called with arguments that remember what becomes
    of them, once for each way through its conditions, and takes arithmetic, comparisons (``&``, ``|``, ``~``), ``if``,
    ``abs``, ``min``, ``max``, the functions of ``fl.math``, and ``fl.where``. Those of ``math``, NumPy,
    ``scipy.special``, torch, ``torch.nn.functional``, ``jax.numpy``, ``jax.nn`` and ``keras.ops`` that mean the same
    (``np.exp``, ``torch.clamp(x, min=0)``, ``x.pow(2)``) are taken for them, and so is a module of torch's by its
    ``forward``. Whatever else it refers to (numbers, also of a function around it, and functions) is what it is at
    that time.

    Value and derivatives share what they have in common, and each function has derivatives of its own that neither
    overflow nor cancel; ``log(1 + exp(x))``, ``log(cosh(x))``, ``exp(x) - 1``, ``x log(x)`` and the like are replaced
    by such functions. Where a derivative jumps, it is that of the side which `where` takes, 0 for ``abs`` at 0, and for
    ``min`` and ``max`` at a tie that of the constant, or of the first. The kernel is the one that `pointwise` gives for
    the same formulas. Inputs that are not in `wrt` are differentiated by ``with_respect_to``.

    `link` is that of `pointwise`. What cannot be derived is a TypeError that names the line of the function, and what
    to write instead.

    >>> import fastloss as fl
    >>> @fl.derive(c=fl.POSITIVE)
    ... def flattening(pred, target, c=1.0):
    ...     return c * c / 2.0 * fl.math.log1p(((pred - target) / c) ** 2)
    >>> flattening.value_and_grad([1.0, 0.0], [0.0, 0.0])
    (np.float64(0.17328679513998632), array([0.25, 0.  ]))
    """
    from .define.derive.jet import Derived  # another 10 ms, which `import fastloss` need not take

    def make(function: Callable[..., Any]) -> Loss:
        found = Derived(function, name, wrt)
        loss = Loss(found.jet(), wrt=wrt, domains=domains, others=found.others(domains), order=2, link=link)
        loss.__wrapped__ = function
        return register(loss)

    return make if value is None else make(value)


def root_mean(loss: Loss, name: str, doc: str) -> Loss:
    """The square root of the weighted mean of `loss`: a loss of the whole array, computed in two passes."""
    domains = {**dict(zip(loss.inputs, loss.declared, strict=True)), **loss.parameters}
    return register(
        Loss(loss.jet, rooted=True, name=name, doc=doc, domains=domains, others=loss.others, link=loss.link)
    )


def register(loss: L) -> L:
    """Enter a loss into the registry if this library defines it, and return it."""
    if str(loss.__module__).startswith(__package__ + "."):
        if loss.name in LOSSES:
            raise ValueError(f"a loss named {loss.name!r} is defined twice")
        LOSSES[loss.name] = loss
    return loss


@overload
def rowwise(space: type, /) -> RowLoss: ...
@overload
def rowwise(
    *,
    inputs: tuple[str, ...] = ("pred", "target"),
    targets: str = "both",
    smooth: bool = True,
    classed: bool = False,
    at: Mapping[str, Mapping[float, RowLoss | type]] | None = None,
    exchanged: RowLoss | None = None,
    symmetric: bool = False,
    link: str = "identity",
    **domains: Declared,
) -> Callable[[type], RowLoss]: ...


def rowwise(
    space: type | None = None,
    /,
    *,
    inputs: tuple[str, ...] = ("pred", "target"),
    targets: str = "both",
    smooth: bool = True,
    classed: bool = False,
    at: Mapping[str, Mapping[float, RowLoss | type]] | None = None,
    exchanged: RowLoss | None = None,
    symmetric: bool = False,
    link: str = "identity",
    **domains: Declared,
) -> Any:
    """Make a loss of rows of a class that is used as a namespace of functions of one element.

    `fastloss.define.rows.Functions` says what they are; parameters and their defaults stand in the signature of
    ``fold``, in the order in which all the functions take them, last. `inputs` names the scores and, last, the target;
    `targets` says which kinds it may be: ``"labels"``, ``"dense"``, ``"both"`` or ``"none"`` (then it is not among the
    inputs). With ``smooth=False``, and without a target, there is no label smoothing. Without a target ``t`` is 1, or
    the weight that `class_weight` gives the class, where ``classed=True`` says that there are classes.

    A parameter whose default is None is off unless it is given. What is different where it is given stands in a class
    of the parameter's name inside; what is different from the rest where several classes may have a mass, in a class
    ``dense``. Where a parameter has one of the values that `at` holds for it, the functions are those of another loss,
    or class, of the same inputs and of parameters of the same names. `exchanged` is the same loss with its two inputs
    exchanged (which a `symmetric` one is itself): its derivatives are those with respect to the second. `link`, and
    what the functions refer to in their module, are as in `pointwise`: it is read once, here.

    >>> import math
    >>> import fastloss as fl
    >>> @fl.rowwise(targets="dense", smooth=False)
    ... class brier:
    ...     '''Squared distance of the scores and the target.'''
    ...     def fold(p, t):
    ...         return ((p - t) * (p - t),), (p,)
    ...     def finish(total):
    ...         return total, ()
    ...     def grad(p, t):
    ...         return 2.0 * (p - t), 2.0
    >>> brier.value_and_grad([[0.25, 0.75]], [[0.0, 1.0]])
    (np.float64(0.125), array([[ 0.5, -0.5]]))
    """

    def make(space: type) -> RowLoss:
        return register(
            row_loss_of(space, inputs, targets, smooth, at or {}, domains, classed, symmetric or exchanged, link)
        )

    return make if space is None else make(space)


def row_loss_of(
    space: type,
    inputs: tuple[str, ...],
    targets: str,
    smooth: bool,
    at: Mapping[str, Mapping[float, RowLoss | type]],
    domains: Mapping[str, Declared],
    classed: bool = False,
    exchanged: RowLoss | bool | None = None,
    link: str = "identity",
) -> RowLoss:
    """Make a loss of rows of a class of functions, without entering it into the registry."""
    name, doc, module, qualname = name_and_place(space)
    functions, variants = row_functions(space, {}), variants_in(space, at)
    return RowLoss(
        name, inputs, targets, smooth, functions, domains, variants, doc, module, qualname, classed, exchanged, link
    )


@overload
def pairwise(space: type, /) -> RowLoss: ...
@overload
def pairwise(*, inputs: tuple[str, str] = ("pred", "target"), **domains: Declared) -> Callable[[type], RowLoss]: ...


def pairwise(space: type | None = None, /, *, inputs: tuple[str, str] = ("pred", "target"), **domains: Declared) -> Any:
    """Make a loss of the pairs of a row's scores of a class that is used as a namespace of two functions.

    Each score is compared with those whose target is smaller, targets being read in the type of the arithmetic (float32
    for scores of float32). Time grows with the number of classes times that of those which are not the row's last.
    `fastloss.define.rows.Pair` says what the functions are; parameters and their defaults stand in the signature of
    ``pair``, in the order in which ``share`` takes them, last; what they refer to is read once, here. On a GPU each
    pair is looked at from both its ends: time grows with the square of the number of classes, and ``out`` over the
    scores takes memory for another gradient.

    >>> import math
    >>> import fastloss as fl
    >>> @fl.pairwise(target=fl.NON_NEGATIVE)
    ... class ordered:
    ...     '''Mean probability of a pair in the wrong order.'''
    ...     def pair(d, sigma=1.0):
    ...         e = 1.0 / (1.0 + math.exp(sigma * d))
    ...         return e, -sigma * e * (1.0 - e)
    ...     def share(classes, pairs, sigma):
    ...         return 1.0 / pairs if pairs > 0.0 else 0.0
    >>> ordered.value_and_grad([[0.0, 0.0, 5.0]], [[3.0, 1.0, 0.0]])[1].round(4)
    array([[-0.0855,  0.0811,  0.0044]])
    """

    def make(space: type) -> RowLoss:
        name, doc, module, qualname = name_and_place(space)
        functions = functions_in(space, "pair", Pair._fields)
        inner = [n for n, c in vars(space).items() if isinstance(c, type)]
        if inner:
            raise TypeError(f"{space.__name__}: a pair program has no variants, got class {inner[0]}")
        missing = [n for n in Pair._fields if n not in functions]
        if missing:
            raise TypeError(f"{space.__name__}: a pair program needs a function {missing[0]}")
        return register(RowLoss(name, inputs, "none", False, Pair(**functions), domains, {}, doc, module, qualname))

    return make if space is None else make(space)
