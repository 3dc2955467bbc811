"""`RowLoss`: a loss of rows of scores, with the verbs of `Loss`; the decorator that makes one of a row program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arrays import evaluate_rows
from .define.keywords import GRAD, HESS, VALUE, Options
from .define.rows import Functions, Pair, Program
from .define.rules import check_plain
from .loss import register
from .signatures import Presented

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .define.domain import Declared
    from .define.keywords import Backend, Empty, Reduction


class RowLoss(Presented, Program):
    """A loss of rows of scores, one score for each class: value, gradient and diagonal of the Hessian in one pass.

    Every verb takes the inputs in the order of the definition (``pred, target`` for most losses), the loss's own
    parameters by name, and these keywords:

    axis : int
        The axis of the classes; the others are the batch. Each row along it is one sample.
    weight : array, optional
        Weight of each row, at least 0; broadcast to the shape of the batch. A row of weight 0 is absent: its scores do
        not matter, not even a NaN, and its gradient is exactly 0.
    class_weight : array of length K, optional
        Weight of each class, at least 0. It multiplies the class's target mass, as in torch; what no mass multiplies (a
        z-loss, a teacher's part) is multiplied by what the row is worth: its label's weight, or the mean of the weights
        under its masses. A row that is worth 0 is absent; in torch its label smoothing still counts.
    ignore_index : int, optional
        Rows with this label are absent.
    label_smoothing : float
        Between 0 and 1: the target becomes ``(1 - s) target + s / K``.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` divides by the sum of the weights of the rows that are present, times what each is worth by its
        classes: no mean changes where all weights of a kind are multiplied by one number. (torch's divides by the
        number of rows where the target is dense: ``normalizer=len(target)``.) ``"none"`` gives each row's weighted
        loss. Derivatives are those of the reduced value; with ``"none"``, of the sum.
    normalizer : float, optional
        Your own denominator for ``reduction="mean"``, positive: for gradient accumulation and ragged batches.
    empty : {"nan", "zero", "raise"}
        What the mean of nothing is (no rows, or all of them absent).
    out : array, or tuple of arrays, optional
        Where the derivatives go: the dtype and shape of the scores. It may be the scores' array itself; any other
        overlap is an error. ``grad_and_hess`` takes ``(grad, hess)``; the call itself takes the array for
        ``reduction="none"``.
    return_stats : bool
        Whether to add a `RowStats` to the results.
    backend : {"serial", "parallel", "cuda"}, optional
        Forces one way of running; by default the type and the size of the arrays decide. Data is never moved for it.
    check : bool, optional
        Whether values outside an input's domain are looked for. Labels are always checked: on a GPU, where looking
        means waiting, a row whose label is no class counts as absent, and a later call raises, or
        `fastloss.synchronize`; with ``True`` this one does, before anything is written.

    Labels are an array of the batch's shape, of any integer dtype or, on the host, of whole floats; a dense target has
    the shape of the scores: one-hot, or any masses. float32 and float64 are computed as they are, float16 and bfloat16
    in float32; sums over a row in strips of 2,048 in the type of the arithmetic, and from there on in float64.

    NaN in, NaN out: a row in which a number is not known has a loss of NaN and NaN in its derivatives. It may be
    anything in a row that is absent, and in a part of the loss that counts nothing (the teacher's with ``alpha=1``). A
    row of nothing but -inf has no softmax, and both are NaN, unless the row has no mass either: then it loses nothing.
    """

    def __call__(
        self,
        *inputs: Any,
        axis: int = -1,
        weight: Any = None,
        class_weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        return_stats: bool = False,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """The value: a scalar, or one number per row with ``reduction="none"``."""
        options = Options(
            VALUE, axis, weight, class_weight, ignore_index, label_smoothing, reduction, normalizer, empty, out,
            return_stats, backend, check,
        )  # fmt: skip
        return evaluate_rows(self, inputs, options, parameters)

    def value_and_grad(
        self,
        *inputs: Any,
        axis: int = -1,
        weight: Any = None,
        class_weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        return_stats: bool = False,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """The value and its gradient with respect to the scores."""
        options = Options(
            VALUE | GRAD, axis, weight, class_weight, ignore_index, label_smoothing, reduction, normalizer, empty, out,
            return_stats, backend, check,
        )  # fmt: skip
        return evaluate_rows(self, inputs, options, parameters)

    def grad(
        self,
        *inputs: Any,
        axis: int = -1,
        weight: Any = None,
        class_weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        return_stats: bool = False,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """The gradient with respect to the scores."""
        options = Options(
            GRAD, axis, weight, class_weight, ignore_index, label_smoothing, reduction, normalizer, empty, out,
            return_stats, backend, check,
        )  # fmt: skip
        return evaluate_rows(self, inputs, options, parameters)

    def grad_and_hess(
        self,
        *inputs: Any,
        axis: int = -1,
        weight: Any = None,
        class_weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        return_stats: bool = False,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """The gradient and the diagonal of the Hessian: what boosting asks for.

        The second derivative is the true one almost everywhere, never a bound or a stand-in.

        How not to boost with it: the default ``reduction="mean"`` makes both n times smaller than a booster expects:
        pass ``reduction="sum"``, and the booster's weights as ``weight``. Some objectives are called as (labels,
        predictions): here the scores come first, unless both are passed by name.
        """
        options = Options(
            GRAD | HESS, axis, weight, class_weight, ignore_index, label_smoothing, reduction, normalizer, empty, out,
            return_stats, backend, check,
        )  # fmt: skip
        return evaluate_rows(self, inputs, options, parameters)


def rowwise(
    *,
    inputs: tuple[str, ...] = ("pred", "target"),
    targets: str = "both",
    smooth: bool = True,
    classed: bool = False,
    at: Mapping[str, Mapping[float, RowLoss | type]] | None = None,
    exchanged: RowLoss | None = None,
    symmetric: bool = False,
    **domains: Declared,
) -> Callable[[type], RowLoss]:
    """Make a loss of rows of a class that is used as a namespace of functions of one element.

    `fastloss.define.rows.Functions` says what they are; parameters and their defaults stand in the signature of
    ``fold``, in the order in which all the functions take them, last. `inputs` names the scores and, last, the target;
    `targets` says which kinds it may be: ``"labels"``, ``"dense"``, ``"both"`` or ``"none"`` (then it is not among the
    inputs). With ``smooth=False``, and without a target, there is no label smoothing. Without a target ``t`` is 1, or
    the weight that `class_weight` gives the class, where ``classed=True`` says that there are classes.

    A parameter whose default is None is off unless it is given. What is different where it is given stands in a class
    of the parameter's name inside; what is different where several classes may have a mass, in a class ``dense``. Where
    a parameter has one of the values that `at` holds for it, the functions are those of another loss, or class, of the
    same inputs and of parameters of the same names. `exchanged` is the same loss with its two inputs exchanged (which
    a `symmetric` one is itself): its derivatives are those with respect to the second. What the functions refer to in
    their module is read once, here, as by `pointwise`.

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
        return register(program_of(space, inputs, targets, smooth, at or {}, domains, classed, symmetric or exchanged))

    return make


def program_of(
    space: type,
    inputs: tuple[str, ...],
    targets: str,
    smooth: bool,
    at: Mapping[str, Mapping[float, RowLoss | type]],
    domains: Mapping[str, Declared],
    classed: bool = False,
    exchanged: RowLoss | bool | None = None,
) -> RowLoss:
    """The loss of rows that a class describes, which is in no registry."""
    name, doc, module, place = _space(space)
    functions, variants = _functions(space, {}), _variants(space, at)
    given = (name, inputs, targets, smooth, functions, domains, variants, doc, module, place, classed, exchanged)
    return RowLoss(*given)


def pairwise(*, inputs: tuple[str, str] = ("pred", "target"), **domains: Declared) -> Callable[[type], RowLoss]:
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
        name, doc, module, place = _space(space)
        own = _own(space, "pair", Pair._fields)
        inner = [n for n, c in vars(space).items() if isinstance(c, type)]
        if inner:
            raise TypeError(f"{space.__name__}: a pair program has no variants, got class {inner[0]}")
        missing = [n for n in Pair._fields if n not in own]
        if missing:
            raise TypeError(f"{space.__name__}: a pair program needs a function {missing[0]}")
        return register(RowLoss(name, inputs, "none", False, Pair(**own), domains, {}, doc, module, place))

    return make


def _space(space: Any) -> tuple[str, str | None, str, str]:
    """Name, text, module and place of a class."""
    if not isinstance(space, type):
        raise TypeError(f"a loss of rows is made of a class of functions, got a {type(space).__name__} ({space!r})")
    if not space.__name__.isprintable():
        raise TypeError(f"a loss of rows is made of a class with a printable name, got {space.__name__!r}")
    return space.__name__, space.__doc__, space.__module__, space.__qualname__


def _own(space: type, kind: str, known: tuple[str, ...]) -> dict[str, Any]:
    """The functions of a class, of which none may be unknown to its kind of program."""
    # By attribute: a static method, which linters ask for, is then the function that it holds.
    own = {n: getattr(space, n) for n, f in vars(space).items() if not n.startswith("__") and not isinstance(f, type)}
    unknown = sorted(set(own) - set(known))
    if unknown:
        raise TypeError(f"{space.__name__}: a {kind} program has {', '.join(known)}, and no {unknown[0]}")
    for n, f in own.items():
        check_plain(f, f"{space.__name__}: {n} must be")
    return own


def _functions(space: type, base: Mapping[str, Any]) -> Functions:
    own = _own(space, "row", Functions._fields)
    missing = [n for n in ("fold", "finish", "grad") if n not in own and n not in base]
    if missing:
        raise TypeError(f"{space.__name__}: a row program needs a function {missing[0]}")
    return Functions(**{**base, **own})


def _variants(
    space: type, at: Mapping[str, Mapping[float, RowLoss | type]]
) -> dict[tuple[str, float | None], Functions | Pair]:
    """Functions where a parameter is given (None), or has a value."""
    base = _functions(space, {})._asdict()
    inner = {n: c for n, c in vars(space).items() if isinstance(c, type) and not n.startswith("__")}
    found: dict[tuple[str, float | None], Functions | Pair] = {(n, None): _functions(c, base) for n, c in inner.items()}
    for n, others in at.items():
        for value, other in others.items():
            found[n, value] = _functions(other, {}) if isinstance(other, type) else other.functions
    return found
