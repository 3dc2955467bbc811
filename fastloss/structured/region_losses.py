"""What losses of regions have in common, and those that are ratios of three sums: Dice, Jaccard, Tversky."""

from __future__ import annotations

from math import frexp, inf
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..arrays.divisors import mean_of_nothing
from ..arrays.host import memory as layout
from ..arrays.host.weights import times
from ..arrays.outputs import given_outputs
from ..arrays.verb import packed
from ..define.keywords import GRAD, VALUE, Call
from ..define.wording import shown, wrong_choice
from . import reading
from . import region_formulas as formulas
from . import region_templates as templates
from .compiled import run
from .masks import Masks
from .verbs import HostLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray


CLASSES = ("all", "present")


class RegionLoss(HostLoss):
    """A loss of predicted regions and their masks, with its gradient.

    pred : array
        Probabilities, or with `activation` logits. Of any axes: those of samples, classes and pixels.
    target : array
        A mask of the shape of `pred`, from 0 to 1; or with `axis` integer labels of that shape without the classes'.
        Without `axis` integers are labels, too, of 0 and 1.
    activation : {None, "sigmoid", "softmax"}
        What makes probabilities of `pred`: None where it holds them; "sigmoid" for each number on its own, "softmax"
        over the classes.
    axis : int or None
        The axis of the classes: 1 for (n, classes, height, width). None, of two classes, where `pred` has none.
    per_sample : bool
        Whether each sample, along the first axis that is not `axis`, has a score of its own; else the pixels of all
        samples are added up before the score is taken.
    per_class : bool
        Whether each class has a score of its own; else the sums of all classes are added up.
    classes : {"all", "present"}
        "present" leaves out scores of a class that is not in the target.
    smooth : float of at least 0
        What is added to both sides of the ratio, as the formula says.
    weight : array, optional
        Weight of each pixel in the sums, at least 0; broadcast to the shape of `pred` without the classes. A pixel of
        weight 0 is absent, whatever it holds; a score without pixels is absent, too.
    class_weight : array of shape (classes,), optional
        Weight of each class's score; of its sums, where the classes have one score.
    ignore_index : int, optional
        Pixels with this label are absent.
    reduction : {"mean", "sum", "none"}
        Of the scores: "mean" divides by the sum of their weights; "none" gives an array of shape (samples, classes),
        without the axis of what has no scores of its own.
    normalizer, empty, backend
        As for all losses.
    out : array, optional
        Where the gradient goes: as `pred`, which it may be.
    check : bool, optional
        Whether a probability outside [0, 1] or a label that is no class is an error. With ``False`` the formula is
        evaluated as it stands, and such a label belongs to no class.

    A class that is neither in prediction nor target has a loss of 0, and without smoothing no gradient. NaN in a pixel
    makes the scores NaN that it is a part of. Sums are those of the prediction's type in strips, float32 at least, the
    strips in float64: those of float16 do not overflow. There is no second derivative. Arrays on a GPU are refused.
    """

    inputs = ("pred", "target")
    target, classed = "both", True
    activated, hard, together, by_class = True, False, False, True
    single: ClassVar[Any] = frozenset()

    def __init_subclass__(cls) -> None:
        """Give the class its arguments: text, and parameters."""
        super().__init_subclass__()
        cls.__doc__ = RegionLoss.__doc__
        cls.parameters = cls.values
        cls.single = frozenset(cls.values)

    def __init__(self, name: str, doc: str, **fixed: Any) -> None:
        self.name, self.__doc__, self.fixed = name, doc, fixed
        self.__wrapped__ = type(self)._run  # a function, by which doctest knows that there is a text
        super().__init__()

    def _run(
        self,
        call: Call,
        pred: Any,
        target: Any,
        *,
        activation: str | None = None,
        axis: int | None = None,
        class_weight: Any = None,
        ignore_index: int | None = None,
        **given: Any,
    ) -> Any:
        parameters = self._checked({**self.values, **given})
        masks = Masks(self, pred, target, call.weight, class_weight, axis, activation, ignore_index,
                      parameters["per_sample"], parameters.get("per_class", self.by_class))  # fmt: skip
        found = given_outputs(masks, call)
        to = None if found is None else [*found.value, *found.grad][0]
        masks.arrange()
        return packed(self._results(masks, call, parameters, to))

    def _checked(self, given: dict[str, Any]) -> dict[str, Any]:
        """The parameters, each what it may be."""
        for name, x in given.items():
            if isinstance(self.values[name], bool):
                if not isinstance(x, (bool, np.bool_)):
                    raise TypeError(f"{self.name}: {name} is {shown(x)}, expected True or False")
            elif name == "classes":
                if x not in CLASSES:
                    raise wrong_choice(self.name, name, x, CLASSES)
            else:
                given[name] = reading.number(self.name, name, x, 0.0, above=name == "gamma")
        return given

    def _results(self, masks: Masks, call: Call, given: Mapping[str, Any], to: NDArray[Any] | None) -> list[Any]:
        """What the verb returns."""
        raise NotImplementedError

    def tallied(self, masks: Masks, backend: str | None, check: bool) -> NDArray[Any]:
        """The sums of each sample and class, of shape (samples, classes, sums); the error for a number that is none."""
        blocks = -(-masks.pixels // templates.BLOCK)
        sums = np.empty((masks.rows * blocks, masks.coupled, templates.SUMS))
        flaws = np.zeros(len(sums))
        flags = masks.flags
        if check:
            bounded = masks.activation is None and self.activated
            flags += ("CHECK", *(["BOUNDED"] if bounded else []), *(["HARD"] if self.hard and not masks.labels else []))
        masks.run(templates.tallies, [sums, flaws], masks.arrays, backend, flags)
        if flaws.any():
            masks.blame()
        if blocks != 1:
            sums = sums.reshape(masks.rows, blocks, masks.coupled, templates.SUMS).sum(axis=1)
        return sums.reshape(masks.samples, masks.classes, templates.SUMS)


def reduced(
    loss: RegionLoss, masks: Masks, call: Call, values: NDArray[Any], shares: NDArray[Any], to: NDArray[Any] | None
) -> tuple[list[Any], NDArray[Any]]:  # fmt: skip
    """The value, as a list of one or none, of scores with weights; and what multiplies each score's derivatives."""
    number = 1.0
    if call.reduction == "mean":
        if call.normalizer is None:
            if masks.weighed:
                shares = shares / (float(shares.max(initial=0.0)) or 1.0)
            number = float(shares.sum())
        else:
            number = float(call.normalizer)
    nothing = mean_of_nothing(loss, call) if number == 0.0 else 0.0  # type: ignore[arg-type]
    each = values * shares
    if not shares.all():
        each[shares == 0.0] = 0.0
    found: list[Any] = []
    if call.want & VALUE:
        if call.reduction == "none":
            scores = each.reshape(masks.scored()).astype(masks.kind)
            if to is not None and call.want == VALUE:
                to[...] = scores
                scores = to
            found.append(layout.passed(scores))
        else:
            total = nothing if number == 0.0 else float(each.sum()) / number
            found.append(layout.number(masks.kind, total))
    return found, shares / (number or inf)


def counted(shares: NDArray[Any], sums: NDArray[Any], classes: str) -> NDArray[Any]:
    """Weights of scores, of those of classes: 0 without pixels, and of classes that have to be in the target and are
    not."""
    found = np.empty(sums.shape[:2])
    found[...] = shares
    found[sums[..., 4] == 0.0] = 0.0
    if classes == "present":
        found[sums[..., 3] <= 0.0] = 0.0
    return found


class RatioLoss(RegionLoss):
    """A loss of a ratio of sums."""

    score: ClassVar[Callable[..., Any]] = formulas.tversky
    squared: ClassVar[bool] = False

    def numbers(self, given: Mapping[str, Any]) -> tuple[float, float, float, float]:
        """Smoothing, alpha, beta, gamma."""
        both = {"alpha": 0.5, "beta": 0.5, "gamma": 1.0, **self.fixed, **given}
        return both.get("half", 1.0) * both["smooth"], both["alpha"], both["beta"], both["gamma"]

    def _results(self, masks: Masks, call: Call, given: Mapping[str, Any], to: NDArray[Any] | None) -> list[Any]:
        sums = self.tallied(masks, call.backend, call.check is not False)
        if not given["per_sample"] and len(sums) != 1:
            sums = sums.sum(axis=0, keepdims=True)
        smooth, *numbers = self.numbers(given)
        # Weights of classes that share a score are brought near 1, as those of pixels are, and smoothing with them.
        power = 0 if masks.per_class else 1 - frexp(float(masks.shares.max()))[1]
        extra: Any = times(smooth, masks.power + power)
        own, shares = np.ones(1), masks.shares
        if not masks.per_class:
            own, shares = np.broadcast_to(np.ldexp(shares, power), sums.shape[:2]), np.ones(1)
            if self.squared:
                squares, least = _inverse_squares(sums[..., 3])
                own, extra = own * squares, times(smooth, power - masks.power) * least
            weighed = np.where(own[..., None] != 0.0, sums * own[..., None], 0.0).sum(axis=1, keepdims=True)
            weighed[..., 4] = sums[..., 4].sum(axis=1, keepdims=True)
            sums = weighed
        shares = counted(shares, sums, given["classes"])
        sums[..., 3] = extra
        flat = sums.reshape(-1, templates.SUMS)
        scored = np.empty((len(flat), 3))
        run(templates.scores, (flat,), (scored,), tuple(numbers), compute="d", size=0, backend="serial",
            formulas=(("score", type(self).score),))  # fmt: skip
        scored = scored.reshape(*sums.shape[:2], 3)
        found, factor = reduced(self, masks, call, scored[..., 0], shares, to)
        if call.want & GRAD:
            steps = scored[..., 1:] * factor[..., None]
            if not factor.all():
                steps[factor == 0.0] = 0.0
            if not masks.per_class:
                steps = np.where(own[..., None] != 0.0, steps * own[..., None], 0.0)
            found.append(descended(masks, call, steps, to))
        return found


def descended(
    masks: Masks, call: Call, steps: NDArray[Any], to: NDArray[Any] | None, filled: Sequence[NDArray[Any]] = ()
) -> Any:  # fmt: skip
    """The gradient: of each score's two derivatives, or of pixels' that are `filled`, times the first of them."""
    coefs = np.empty((masks.samples, masks.classes, 2), masks.kind)
    coefs[...] = steps
    coefs = coefs.reshape(masks.rows, masks.coupled, 2)
    grad = masks.gradient(to)
    flags = masks.flags + masks.linked + (("FILLED",) if filled else ())
    masks.run(templates.slopes, [grad, grad.reshape(-1)[:0]], [*masks.arrays, *filled, coefs], call.backend, flags)
    return layout.passed(masks.returned(grad, to))


def _inverse_squares(masses: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights of 1 / T^2 for each class, all of them times the square of the sample's least T; and that.

    A class that is not in the target has the weight of the rarest one that is.
    """
    least = np.where(masses > 0.0, masses, inf).min(axis=1, keepdims=True)
    least = np.where(least < inf, least, 1.0)
    ratio = np.where(masses == 0.0, 1.0, least / masses)
    return ratio * ratio, least * least
