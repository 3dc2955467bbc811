"""Connectionist temporal classification: the loss of frames whose alignment with a sequence of symbols is not known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..define.keywords import Call
from . import reading
from .ctc_arrays import Batch
from .verbs import HostLoss


class CTC(HostLoss):
    """Connectionist temporal classification: minus the log-likelihood of symbols, over all of their alignments.

    Each frame has a probability for each class, one of which is a blank. An alignment names a class for each frame; it
    spells the symbols that are left when repeated classes are taken for one and then blanks are dropped. The loss is
    -log of the sum, over all alignments that spell the target, of the product of their frames' probabilities.

    logits : array of shape (samples, frames, classes), or of one sample (frames, classes)
        The probabilities are their softmax.
    targets : integer array of shape (samples, symbols)
        The symbols of each sample, padded by anything. Or of one axis, those of all samples one after the other; or of
        one sample its own.
    input_lengths : integers, one for each sample or one for all, optional
        How many of its frames count; by default all. Others are absent, whatever they hold.
    target_lengths : likewise, optional
        How many symbols there are; by default all. They are needed where targets stand one after the other.
    blank : int
        The class of the blank.
    from_log_probs : bool
        Whether `logits` holds logarithms of probabilities, which are taken as they are. The gradient is still that of
        the logits which these are the log-softmax of, as torch's is: their own would be minus each class's share of
        the alignments.
    time_major : bool
        Whether arrays of scores are of shape (frames, samples, classes).
    zero_infinity : bool
        Whether a sample that no alignment fits, as one of too few frames, has a loss of 0 and a gradient of 0. Without
        it, the loss is infinite and the gradient NaN.
    per_symbol : bool
        Whether "mean" averages losses that are divided by the length of their target (1 for an empty one), as torch's
        does. With ``False`` it averages the losses, as Keras does. "sum" and "none" never divide.
    weight : array of shape (samples,), optional
        Weight of each sample, at least 0; a sample of weight 0 is absent, whatever it holds.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights, or by the number of samples.
    normalizer, empty, backend
        As for all losses.
    out : array, optional
        Where the gradient goes: as `logits`, which it may be. For "none" and the call, one of shape (samples,).
    check : bool, optional
        Whether weights are looked at, and a blank among symbols is an error. With ``False`` that is a symbol like any
        other, as torch has it. Lengths are always checked, and symbols that are no class.

    Scores of any strides are read where they are; of 16 bits, they are copied once to float32. Sums over alignments are
    logarithms in float64. Besides the gradient there is room for one sample's states in all frames on each thread. A
    NaN in a frame that counts makes the sample's loss and gradient NaN (of logarithms, one of a class that its target
    names), and so does a frame whose logits are all -inf. There is no second derivative. Arrays on a GPU are refused.
    A. Graves et al., "Connectionist Temporal Classification" (ICML 2006).

    >>> import fastloss as fl
    >>> loss, grad = fl.ctc.value_and_grad([[[0.0, 0.0], [0.0, 0.0]]], [[1]])
    >>> loss.round(6), grad.round(6)
    (np.float64(0.287682), array([[[ 0.166667, -0.166667],
            [ 0.166667, -0.166667]]]))
    """

    name = "ctc"
    inputs = ("logits", "targets")
    separate = True

    def _run(
        self,
        call: Call,
        logits: Any,
        targets: Any,
        *,
        input_lengths: Any = None,
        target_lengths: Any = None,
        blank: int = 0,
        from_log_probs: bool = False,
        time_major: bool = False,
        zero_infinity: bool = False,
        per_symbol: bool = True,
    ) -> Any:
        logs, major, zero, divided = (
            reading.switch(self.name, argument, x)
            for argument, x in (("from_log_probs", from_log_probs), ("time_major", time_major),
                                ("zero_infinity", zero_infinity), ("per_symbol", per_symbol))
        )  # fmt: skip
        given = Batch(self, logits, targets, input_lengths, target_lengths, call.weight, major)
        given.check(call, blank)
        to = given.given(call)
        divisor = given.divisor(call)
        nothing = given.nothing(call, divisor)
        shares = given.shares(call, divided)
        values, grads = given.evaluate(call, shares / (divisor or math.inf), logs, zero, to)
        each = np.where(shares != 0.0, values * shares, 0.0)
        return given.results(call, lambda: float(each.sum()) / divisor if divisor else nothing, each, grads, to)


ctc = CTC()
"""The loss of frames without an alignment; see `CTC`."""
