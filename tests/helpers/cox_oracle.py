"""Cox's partial likelihood as the papers write it, by loops over numbers of many digits.

Nothing here knows the library, and nothing is clever: each time with events is a softmax over those who are at risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mpmath import exp, log, mpf, workdps

Numbers = Sequence[Any]


def partial_likelihood(
    scores: Numbers, times: Numbers, events: Numbers, weights: Numbers, strata: Numbers, efron: bool, digits: int = 50
) -> tuple[list[Any], list[Any], list[Any]]:
    """The loss of each sample, and of their sum the gradient and the diagonal of the Hessian."""
    with workdps(digits):
        here = [i for i in range(len(scores)) if weights[i]]
        w = [mpf(float(x)) for x in weights]
        mean = sum(w[i] for i in here) / len(here)
        z = [x if isinstance(x, mpf) else mpf(float(x)) for x in scores]
        lifted = [w[i] / mean * exp(z[i]) for i in range(len(scores))]
        losses, slopes, curves = ([mpf(0)] * len(scores) for _ in range(3))
        for stratum, time in {(strata[i], times[i]) for i in here if events[i]}:
            tied = [i for i in here if strata[i] == stratum and times[i] == time and events[i]]
            risk = [i for i in here if strata[i] == stratum and times[i] >= time]
            weight, terms = sum(w[i] for i in tied), len(tied) if efron else 1
            for k in range(terms):
                part = {j: lifted[j] * (1 - mpf(k) / terms if j in tied else 1) for j in risk}
                total = sum(part.values())
                for i in tied:
                    losses[i] += w[i] * log(total) / terms
                for j in risk:
                    share = part[j] / total
                    slopes[j] += weight / terms * share
                    curves[j] += weight / terms * share * (1 - share)
            for i in tied:
                losses[i] -= w[i] * z[i]
                slopes[i] -= w[i]
        return losses, slopes, curves
