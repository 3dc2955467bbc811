"""What all functions have in common: which calls are computed here, and what becomes of the others.

A function's body says which call of which loss it is, or None for what is left to torch's own function: the types,
devices and options that no loss here has, and whatever torch refuses.
"""

from __future__ import annotations

from functools import lru_cache, wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, ParamSpec

import torch
from torch import Tensor
from torch.compiler import is_compiling as compiles
from torch.nn._reduction import legacy_get_string

from ...deferred import Deferred
from ...registry import LOSSES
from ..autograd import _transforming, run
from ..transforms import recorded
from . import autocasts
from .direct import Direct, shortened
from .recipes import PLAIN, Given, Recipes, kind
from .thresholds import ALL, COMPILED, LEAST, NEVER, ON_GPU, ROWS, holds, known, size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")

exports: Callable[[], bool] = getattr(torch.compiler, "is_exporting", compiles)
"""Whether what runs is traced for a graph of any size; an older torch does not tell it from what is compiled."""

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
"""What predictions may be."""

EVERYWHERE, HOST = ("cpu", "cuda"), ("cpu",)
"""Devices: those of losses of elements and rows, and of losses with an algorithm of their own."""

REDUCTIONS = ("mean", "sum", "none")

REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError)
"""Errors of torch's that can be raised anew with a longer message."""


def face(
    native: Callable[..., Tensor], *, first: str = "input", layer: tuple[int, str] | None = None,
    fixed: tuple[int, str] | None = None, strict: bool = False, direct: Direct | None = None,
) -> Callable[[Callable[P, Given | None]], Callable[P, Tensor]]:  # fmt: skip
    """Make a function of torch's name and signature of one that says what is computed here.

    What is small, lies on other devices, is seen by torch's transforms and traces, or None, goes to `native`; so does
    what the loss refuses (a negative weight, a target outside of the domain), for torch may know what to do with it: if
    it does not, the error is the loss's. With `strict` it is in any case, and whether it is small the plan says.
    `first` names the input whose size counts; `layer` is the place and the name of a matrix whose product with it
    counts instead, `fixed` those of an input that torch leaves without a gradient in silence. `direct` is what `native`
    makes of few numbers.
    """

    def made(plan: Callable[P, Given | None]) -> Callable[P, Tensor]:
        name = plan.__name__
        plan.__annotations__["return"] = "Tensor"
        needed = [n for n, p in signature(plan).parameters.items() if p.default is p.empty]
        unsized = strict or layer is not None
        recipes = Recipes()

        def function(*args: Any, **keywords: Any) -> Any:
            x: Any = args[0] if args else keywords.get(first)
            if fixed is not None:
                _refuse_derived(name, fixed[1], _argument(fixed, args, keywords))
            there = (type(x) in PLAIN or (isinstance(x, Tensor) and exports())) and (x.is_cpu or x.is_cuda)
            if there and (unsized or compiles() or x.is_cuda or not _small(name, x)):
                autocast = torch.is_autocast_enabled("cpu" if x.is_cpu else x.device.type)
                key = None if strict or autocast or compiles() or _watched() else kind(args, keywords)
                given = None if key is None else recipes.find(key, args, keywords)
                if given is None and _here(name, x, args, keywords, layer, strict):
                    if autocast:
                        args, keywords = autocasts.widened(args, keywords)
                        x = args[0] if args else keywords[first]
                    given = None if _missing(needed, args, keywords) else plan(*args, **keywords)
                    if given is not None and key is not None:
                        recipes.keep(key, given, args, keywords)
                if given is not None:
                    dtype = None if autocast and (x.is_cuda or name not in autocasts.KEPT) else x.dtype
                    if strict or x.is_cuda or compiles():
                        return _computed(given, dtype)
                    try:
                        return _computed(given, dtype)
                    except (TypeError, ValueError) as refusal:
                        return _after(refusal, native, args, keywords)
            try:
                return native(*args, **keywords)
            except REFUSALS as error:
                raise _explained(error, name, plan, args, keywords) from error

        return wraps(plan)(function if direct is None else shortened(direct, plan, native, function, first))

    return made


def _small(name: str, x: Tensor) -> bool:
    """Whether a call of this first input alone is torch's, which has to be known in less than a microsecond."""
    wanted = x.requires_grad and torch.is_grad_enabled()
    least = LEAST.get(name, ALL)[not wanted]
    return x.numel() < least and (name not in ROWS or size(name, x, None, wanted) < least)


def _computed(given: Given, kind: torch.dtype | None) -> Tensor:
    """The value, in this type if it is to be another than that of the arithmetic."""
    value: Tensor = run(given.call, given.tensors, inplace=given.inplace, native=given.native)
    return value if kind is None or value.dtype is kind else value.to(kind)


def _here(name: str, x: Tensor, args: Any, keywords: Any, layer: tuple[int, str] | None, strict: bool) -> bool:
    """Whether a call is large enough, and not seen by torch's transforms and traces."""
    if not compiles() and _watched():
        return False
    return strict or large(name, x, None if layer is None else _argument(layer, args, keywords))


def _watched() -> bool:
    """Whether torch's own operators are to be seen: by a transform, or by what writes them down."""
    return _transforming() or recorded()


def large(name: str, x: Tensor, layer: Any = None) -> bool:
    """Whether a call of this first input is faster here, or may be: a graph of sizes that are not known is ours."""
    if exports():
        return True
    if x.is_cuda and layer is None:
        return min(LEAST.get(name, ALL)) < NEVER and not known(x.numel() < ON_GPU)
    least = (COMPILED if compiles() else LEAST).get(name, ALL)
    layer = layer if isinstance(layer, Tensor) else None
    wanted = torch.is_grad_enabled() and (x.requires_grad or (layer is not None and layer.requires_grad))
    return not known(size(name, x, layer, wanted) < least[not wanted])


def _after(refusal: Exception, native: Callable[..., Tensor], args: Any, keywords: Any) -> Tensor:
    """What torch makes of a call that is refused here."""
    try:
        return native(*args, **keywords)
    except REFUSALS:
        raise refusal from None


def _argument(which: tuple[int, str], args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
    """What was passed for an argument, by its place or its name."""
    place, name = which
    return args[place] if len(args) > place else keywords.get(name)


def _missing(needed: list[str], args: tuple[Any, ...], keywords: Mapping[str, Any]) -> bool:
    """Whether None stands for what there has to be, of which the error is torch's."""
    for x in args[: len(needed)]:
        if x is None:
            return True
    return len(keywords) > 0 and any(keywords.get(n, 0) is None for n in needed)  # older torch traces no bool()


def _refuse_derived(name: str, argument: str, x: Any) -> None:
    """Raise for a tensor that requires grad, where the loss has no gradient with respect to it."""
    if isinstance(x, Tensor) and x.requires_grad and torch.is_grad_enabled():
        raise ValueError(f"{name}: {argument} requires grad, and there is no gradient with respect to it; "
                         f"pass {argument}.detach()")  # fmt: skip


def _explained(error: Exception, name: str, plan: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Exception:
    """An error of torch's that names the function and says what its tensors are."""
    names = plan.__code__.co_varnames
    found = [f"{n} is {_said(x)}" for n, x in [*zip(names, args, strict=False), *keywords.items()]
             if isinstance(x, Tensor)]  # fmt: skip
    if type(error) not in REFUSALS:
        return error
    return type(error)(": ".join([name, str(error), ", ".join(found)]))


def _said(x: Tensor) -> str:
    """What a tensor is, in words."""
    if type(x) not in PLAIN:  # which may answer no questions
        return f"a {type(x).__name__}"
    kind = str(x.dtype).removeprefix("torch.")
    layout = "" if x.layout is torch.strided else f"{str(x.layout).removeprefix('torch.')} "
    where = "" if x.device.type == "cpu" else f" on {x.device}"
    return f"a {layout}tensor of {kind} and shape {tuple(x.shape)}{where}" + " that requires grad" * x.requires_grad


# -- What plans ask ----------------------------------------------------------------------------------------------------


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction, of which torch has two older spellings."""
    if size_average is None and reduce is None:
        return reduction
    found: str = legacy_get_string(size_average, reduce)
    return found


def fit(reduction: str, x: Tensor, *others: Tensor | None, devices: tuple[str, ...] = EVERYWHERE) -> bool:
    """Whether a reduction is known, and tensors, of which the first has the predictions, are what is computed here."""
    device = x.device
    if reduction not in REDUCTIONS or x.dtype not in FLOATS or device.type not in devices or holds(x.numel() == 0):
        return False
    for y in (x, *others):
        if y is None:
            continue
        if not (type(y) in PLAIN or exports()) or y.device != device:
            return False
        if y.layout is not torch.strided:
            return False
    return True


def alike(x: Tensor, *others: Tensor | None) -> bool:
    """Whether all that are given have the first one's dtype and shape."""
    return all(y is None or (y.dtype == x.dtype and y.shape == x.shape) for y in others)


def spread(x: Tensor, other: Tensor | None) -> bool:
    """Whether another tensor, if there is one, has the first one's dtype and broadcasts to its shape."""
    if other is None:
        return True
    if other.dtype != x.dtype or other.dim() > x.dim():
        return False
    return all(a in (1, b) for a, b in zip(other.shape, x.shape[x.dim() - other.dim() :], strict=True))


def derived(*tensors: Tensor | None) -> bool:
    """Whether a gradient is wanted of one of them."""
    return torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in tensors)


def numbers(*values: Any) -> bool:
    """Whether all are numbers of Python's."""
    return all(isinstance(v, (int, float)) for v in values)


def whole(value: Any) -> bool:
    """Whether this is a whole number of Python's, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def knowable(x: Tensor) -> bool:
    """Whether a plan may look at a tensor's numbers: not at those of a graph, nor where it would wait for a GPU."""
    return not compiles() and x.is_cpu


# Made beforehand: what traces these functions sees no cache.
_OF_BOTH = {
    name: LOSSES[name].with_respect_to("pred", "target")
    for name in ("absolute_error", "binary_cross_entropy", "binary_cross_entropy_with_logits", "huber", "smooth_l1",
                 "squared_error")
}  # fmt: skip


def by(name: str, *, both: bool = False) -> Any:
    """A loss of the registry; with `both`, that loss with respect to its target, too."""
    return _OF_BOTH[name] if both else LOSSES[name]


def given(
    loss: Any, tensors: Mapping[str, Tensor | None], native: Callable[..., Tensor], *, wrt: tuple[int, ...] = (0,),
    inplace: bool = False, lasting: bool = True, **keywords: Any,
) -> Given:  # fmt: skip
    """The call of a loss with those tensors that there are; `native` takes them by the same names."""
    here = {n: x for n, x in tensors.items() if x is not None}
    names = tuple(here)

    def by_name(*them: Tensor) -> Tensor:
        return native(**dict(zip(names, them, strict=True)))

    make = Deferred if compiles() else _known
    return Given(make(loss, names, wrt, tuple(keywords.items())), tuple(here.values()), by_name, inplace, lasting)


def again(native: Callable[..., Tensor], **keywords: Any) -> Callable[..., Tensor]:
    """torch's function of a loss's tensors, which have its order; weights have its names."""

    def called(**tensors: Tensor) -> Tensor:
        inputs = [x for n, x in tensors.items() if n not in _WEIGHTS]
        return native(*inputs, **{_WEIGHTS[n]: x for n, x in tensors.items() if n in _WEIGHTS}, **keywords)

    return called


_WEIGHTS = {"weight": "weight", "class_weight": "weight", "pos_weight": "pos_weight"}


@lru_cache(4096)
def _known(*fields: Any) -> Deferred:
    """The same object for the same call: what it finds out of itself it does once."""
    return Deferred(*fields)


def over(reduction: str, count: int) -> dict[str, Any]:
    """The denominator of a mean that does not divide by the sum of the weights."""
    return {"normalizer": float(count)} if reduction == "mean" else {}
