"""Relativistic average losses: each sample's score is seen from the mean of the other batch's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays.host import arithmetic
from ..arrays.host.memory import passed
from ..arrays.shapes import FLOATS, kind_of
from ..define.keywords import GRAD, HESS, VALUE, Call
from .batches import TwoBatches, current, one
from .given import Given
from .terms import plus, term

if TYPE_CHECKING:
    from ..loss import Loss

    Two = tuple[Any, Any]


class Relativistic(TwoBatches):
    """A loss of the scores of real samples less the fakes' mean score, and of fakes less the real samples' mean.

    real, fake : arrays of any shapes
        What the discriminator says of each sample of the batch. The batches need not be of one size.
    weight : tuple of two arrays, optional
        Weights of the real samples and of the fakes, at least 0; either may be None. Those of a batch are those of its
        mean score, too. A sample of weight 0 is absent, whatever it holds.
    reduction, normalizer, empty, out, backend, check
        As for all adversarial losses; the batches' mean scores are means whatever the reduction.

    Both gradients are exact: the mean score of a batch depends on each of its samples, so that
    d/d fake_j is phi'(fake_j - mean real) / n less the mean of the real samples' slopes, over n, and likewise the other
    way round. There is no second derivative: the Hessian is not diagonal.
    """

    order = 1

    def __init__(self, name: str, doc: str, real: Loss, fake: Loss) -> None:
        super().__init__(name, doc, real, fake)
        self.averages = tuple(term(plus, loss.name, of) for loss, of in zip((real, fake), self.inputs, strict=True))
        """The mean score of each batch."""

    def _run(self, losses: tuple[Loss, Loss], arrays: Two, calls: tuple[Call, Call], face: Any) -> Two:
        want = calls[0].want
        if want & HESS:
            raise NotImplementedError(f"{self.name} has no second derivative; use value_and_grad or grad")
        if face is not None and not face.ADDS:
            raise TypeError(f"{self.name}: {face.NAME}'s arrays have no arithmetic: pass cupy.asarray(real) and so on")
        given = Given(self, arrays, calls, face).batches
        wide = [_wide(x, face) for x in given]
        each = [*zip(self.averages, wide, calls, strict=True)]
        means = [_averaged(*of) for of in each]
        moved = [_less(x, mean, face) for x, (mean, _) in zip(wide, reversed(means), strict=True)]
        outs = [x if face is None and want & GRAD else None for x in moved]
        found = [
            one(loss, x, call._replace(out=out)) for loss, x, call, out in zip(losses, moved, calls, outs, strict=True)
        ]
        if want == VALUE:
            return found[0], found[1]
        slopes = [x[1] if want & VALUE else x for x in found]
        sums = [one(average, x, Call(VALUE, reduction="sum", backend=call.backend))
                for (average, _, call), x in zip(each, slopes, strict=True)]  # fmt: skip
        parts = zip(slopes, reversed(sums), means, given, strict=True)
        grads = [_coupled(slope, total, share, x, face) for slope, total, (_, share), x in parts]
        if want == GRAD:
            return grads[0], grads[1]
        return (found[0][0], grads[0]), (found[1][0], grads[1])

    def _written(
        self, losses: tuple[Loss, Loss], arrays: Two, calls: tuple[Call, Call], given: list[tuple[Any, ...]], face: Any
    ) -> Two:  # fmt: skip
        """Computed apart, for neither gradient is known before both batches have been read."""
        want = calls[0].want
        found = self._run(losses, arrays, tuple(call._replace(out=None) for call in calls), face)  # type: ignore[arg-type]
        outs = given[0][0], given[1][0]
        for to, x in zip(outs, found, strict=True):
            with current(face, to):
                (face or arithmetic).assign(to, x[1] if want == VALUE | GRAD else x)
        return ((found[0][0], outs[0]), (found[1][0], outs[1])) if want == VALUE | GRAD else outs


def _averaged(average: Loss, x: Any, call: Call) -> Two:
    """The mean score of a batch, and its derivative by each sample: None where that is the same for all of them."""
    want = VALUE if call.weight is None or call.want == VALUE else VALUE | GRAD
    mean = call._replace(want=want, reduction="mean", normalizer=None, out=None)
    found = one(average, x, mean)
    return (found, None) if want == VALUE else found


def _wide(x: Any, face: Any) -> Any:
    """Scores in the type of the arithmetic."""
    kind = np.dtype(kind_of(x.dtype.char))
    if face is None:
        return x.astype(kind, copy=False)
    with current(face, x.array):
        return x.array if x.char == kind.char else face.cast(x.array, kind.char)


def _less(x: Any, mean: Any, face: Any) -> Any:
    """Scores less a mean, in a fresh array of their type."""
    if face is None:
        with np.errstate(all="ignore"):
            return np.asarray(x - x.dtype.type(mean))
    with current(face, x):
        return x - face.cast(mean, face.buffer(x).char)


def _coupled(slope: Any, total: Any, share: Any, x: Any, face: Any) -> Any:
    """A gradient, less what the other batch's slopes add up to times each sample's share of the mean; as `x` has it.

    A sample without a share is absent, whatever the slopes are.
    """
    char = x.dtype.char if x.dtype.char in FLOATS else "d"
    if face is None:
        with np.errstate(all="ignore"):
            total = slope.dtype.type(total)
            if share is None:
                slope -= total / max(slope.size, 1)
            else:
                np.subtract(slope, total * share, out=slope, where=share != 0)
            return passed(slope.astype(x.dtype if char == x.dtype.char else char, copy=False))
    with current(face, slope):
        total = face.cast(total, face.buffer(slope).char)
        if share is None:
            found = slope - total / max(x.size, 1)
        else:
            found = face.chosen(share != 0, slope - total * share, slope)
        return found if face.buffer(found).char == char else face.cast(found, char)
