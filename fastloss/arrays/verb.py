"""The one flow of a verb: everything is checked before anything is written.

It runs over any job (`job.py`). How what is wrong is found differs: the host looks, and counts on the way; on a GPU
nobody waits unless `check=True` asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .checks import check_options
from .outputs import given_outputs

if TYPE_CHECKING:
    from ..define.keywords import Call
    from .divisors import Divisor
    from .job import Job, Outputs


def run(job: Job, call: Call) -> Any:
    """One verb of a job."""
    check_options(job.loss, call, job.backends)
    job.read(call)
    given = given_outputs(job, call)
    job.arrange(call)
    results = packed(carry_out(job, call, given, job.divisor(call, given is not None)))
    job.remember(call, given is not None, results)
    return results


def carry_out(job: Job, call: Call, given: Outputs | None, divisor: Divisor) -> list[Any]:
    """The results of a job whose arrays fit, in the arrays that are given for them, or in fresh ones."""
    found = job.look(call, given is not None)
    to = job.aims(call, given)
    value = job.evaluate(call.want, call.check is not False and not found, divisor, to)
    return job.results(call, value, to, given)


def packed(results: list[Any]) -> Any:
    """What a verb returns: one result as it is, several as a tuple."""
    return results[0] if len(results) == 1 else tuple(results)
