"""A target that compiles nothing: the templates and definitions as ordinary Python, to hold the compiled ones against."""

from __future__ import annotations

import math
import operator
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np

from fastloss.kernels.bind import lift
from fastloss.kernels.cpu import memory as access
from fastloss.kernels.plan.complete import complete
from fastloss.kernels.plan.elements import BRAIN, HALF, Plan
from fastloss.kernels.ports import elements as ports


def identity(function: Any) -> Any:
    return function


class Plain:
    """Every number a Python float (a float64), whatever the arrays hold."""

    def real(self, compute: str) -> Any:
        return float

    def jet(self, jet: Any, compute: str) -> Any:
        return lift(jet, math, float, identity)

    def decode(self, stored: str) -> Any:
        return ports.native

    def encode(self, stored: str) -> Any:
        return ports.keep

    def primitives(self, plan: Any) -> Any:
        tuples = {} if isinstance(plan, Plan) else self.tuples(plan)
        return {**self.access(8 if plan.compute == "d" else 16), **tuples, "add": operator.add}

    def access(self, side: int) -> Any:
        kinds = {
            "read": operator.getitem,
            "reread": operator.getitem,
            "write": operator.setitem,
            "get": get,
            "prefetch": lambda array, index: None,
            "put": put,
        }
        found = {n: kinds[n.partition("_")[0]] for n in vars(access) if n.partition("_")[0] in kinds}
        memory = {"view": identity, "held": identity, "spread": spread}
        memory |= {"new_wide": np.empty, "new_whole": partial(np.empty, dtype=np.int64)}
        bits = {"bits_of": identity, "of_bits": identity}
        return found | memory | bits | {"select": lambda c, a, b: a if c else b, "masked": lambda: None, "apart": lambda: None} | {
            **{
                f"turn_{what}{suffix}": partial(turn_out, side, encode) if what in ("grad", "hess") else partial(turn_in, side, decode)
                for what in ("scores0", "scores1", "inplace", "masses", "grad", "hess")
                for suffix, decode, encode in (
                    ("", self.real(""), identity),
                    (f"_{HALF}", self.decode(HALF), self.encode(HALF)),
                    (f"_{BRAIN}", self.decode(BRAIN), self.encode(BRAIN)),
                )
            },
        }  # fmt: skip

    def tuples(self, plan: Any) -> Any:
        sizes = plan.sizes
        return {
            "add_all": lambda a, b: tuple(map(operator.add, a, b)),
            "add_wide": lambda a, b: tuple(map(operator.add, a, b)),
            "add_difference": lambda a, b, c: tuple(
                x if y == z else x + (y - z) for x, y, z in zip(a, b, c, strict=True)
            ),
            "narrow": lambda a, like: a,
            "climb": lambda state, values: tuple(map(larger, state, values)),
            "top": lambda state: state,
            "larger_all": lambda a, b: tuple(map(larger, a, b)),
            "all_but_last": lambda a: a[:-1],
            "ZEROS": (0.0,) * plan.sums,
            "MORE": (0.0,) * sizes.more,
            "PROBES": (0.0,) * sizes.probes,
            "WIDE_PROBES": (0.0,) * sizes.probes,
            "WIDE": (0.0,) * plan.sums,
            "WIDE_MORE": (0.0,) * sizes.more,
            "BOTTOM": (-math.inf,) * sizes.peaks,
            "LOWEST": (-math.inf,) * sizes.peaks,
            "COEFS": (0.0,) * sizes.coefficients,
            "SETTLED": (0.0,) * sizes.settled,
            "UNKNOWN": (math.nan,) * 2,
            "new": np.empty,
        }


def spread(crew: Any, work: Any, given: Any, count: int) -> None:
    for task in range(count):
        work(given, task)


def larger(a: float, b: float) -> float:
    return a if a > b or a != a else b


def get(array: Any, index: int, step: int, like: Any) -> Any:
    return tuple(array[int(index) + k * step] for k in range(len(like)))


def put(array: Any, index: int, step: int, values: Any) -> None:
    for k, value in enumerate(values):
        array[int(index) + k * step] = value


def turn_in(side: int, decode: Any, source: Any, start: int, step: int, tile: Any, place: int, lanes: int) -> None:
    for r, k in product(range(side), range(4)):
        tile[int(place) + k * int(lanes) + r] = decode(source[int(start) + r * int(step) + k])


def turn_out(side: int, encode: Any, tile: Any, place: int, lanes: int, aim: Any, start: int, step: int) -> None:
    for r, k in product(range(side), range(4)):
        aim[int(start) + r * int(step) + k] = encode(tile[int(place) + k * int(lanes) + r])


@cache
def bound(plan: Any) -> Any:
    """The kernel of a plan, as plain Python."""
    return complete(plan, Plain(), identity)


def run(plan: Any, *args: Any) -> Any:
    """What the kernel of `plan` does."""
    with np.errstate(all="ignore"):
        return bound(plan)(*args)
