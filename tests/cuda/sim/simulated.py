"""A target for the simulator: the templates with the device's arithmetic, functions and packets in plain Python."""

from __future__ import annotations

import math
import operator
import threading
from types import ModuleType
from typing import Any

import numpy as np
from blocks import DEVICE, installed
from numba import cuda

from fastloss.define.keywords import GRAD, HESS, VALUE
from fastloss.define.rules import ELEMENTARY as _ELEMENTARY
from fastloss.kernels.bind import Port, lift
from fastloss.kernels.cuda.plan import rows as rowplan
from fastloss.kernels.cuda.plan.elements import complete
from fastloss.kernels.cuda.ports.elements import one_by_one, one_by_one_back
from fastloss.kernels.cuda.templates import elements as pointwise
from fastloss.kernels.plan.elements import Plan
from fastloss.kernels.ports import elements as common

installed()

KINDS = {"e": np.uint16, "E": np.uint16, "?": np.uint8}


# As the device has them: without errors, and with infinities.
ELEMENTARY = ModuleType("elementary")
for _name in _ELEMENTARY:
    _other = {"pow": "power", "atan": "arctan", "asinh": "arcsinh"}.get(_name, _name)
    setattr(ELEMENTARY, _name, getattr(np, _other) if hasattr(np, _other) else getattr(math, _name))


def identity(function: Any) -> Any:
    return function


class Simulated:
    """Numbers of the compute type where the kernels keep them, Python's in between."""

    def real(self, compute: str) -> Any:
        return np.float64 if compute == "d" else np.float32

    def jet(self, jet: Any, compute: str) -> Any:
        return lift(jet, ELEMENTARY, np.float64, identity)

    def primitives(self, plan: Any) -> Any:
        written = ("value", "grad0", "grad1", "hess0", "hess1", "stats0", "stats1", "stats2")
        access = {f"write_{n}": operator.setitem for n in written}
        tuples = {} if isinstance(plan, Plan) else self.tuples(plan)
        return access | {"read": operator.getitem, "reread": operator.getitem, "add": operator.add} | tuples

    def decode(self, stored: str) -> Any:
        return {"e": decode_half, "E": decode_brain}.get(stored, common.native)

    def encode(self, stored: str) -> Any:
        return {"e": encode_half, "E": encode_brain}.get(stored, common.keep)

    def kind(self, stored: str) -> Any:
        return KINDS.get(stored, np.dtype(stored).type if stored not in "eE" else np.uint16)

    def moves(self, stored: str, width: int) -> Any:
        return Port(one_by_one, WIDTH=width), Port(one_by_one_back, WIDTH=width)

    shares = moves

    def tuples(self, plan: Any) -> Any:
        kind = self.real(plan.compute)
        return {
            "add_all": lambda a, b: tuple(map(operator.add, a, b)),
            "add_difference": lambda a, b, c: tuple(
                x if y == z else x + (y - z) for x, y, z in zip(a, b, c, strict=True)
            ),
            "larger_all": lambda a, b: tuple(x if x > y or x != x else y for x, y in zip(a, b, strict=True)),
            "all_but_last": lambda a: a[:-1],
            "exchanged": exchanged,
            "stash": stash,
            "fetch": lambda array, index, step, like: tuple(array[index + k * step] for k in range(len(like))),
            "ZEROS": (kind(0.0),) * plan.sums,
            "MORE": (kind(0.0),) * plan.sizes.more,
            "PROBES": (kind(0.0),) * plan.sizes.probes,
            "LOWEST": (kind(-np.inf),) * plan.sizes.peaks,
            "NOWHERE": (kind(-np.inf),),
            "ABSENT": (kind(0.0),) * plan.sizes.scores,
            "UNKNOWN": (kind(np.nan),) * 2,
        }

    def elementary(self) -> Any:
        return math


class Board(dict[int, Any]):
    """What each thread of the block holds up."""

    __hash__ = object.__hash__  # type: ignore[assignment]


_board = Board()


def exchanged(a: Any, step: int) -> Any:
    """A shuffle: the simulator has none. All threads of the warp come here, as they must on the device."""
    thread: Any = threading.current_thread()
    here = thread.threadIdx.x
    _board[here] = a
    thread.exchange(here ^ step)
    partner = _board[here ^ step]
    thread.exchange(here ^ step)
    return partner


def stash(array: Any, index: int, step: int, values: Any) -> None:
    for k, value in enumerate(values):
        array[index + k * step] = value


def decode_half(h: Any) -> Any:
    return np.float32(np.uint16(h).view(np.float16))


def encode_half(x: Any) -> Any:
    return np.float16(x).view(np.uint16)


def decode_brain(h: Any) -> Any:
    return (np.uint32(h) << np.uint32(16)).view(np.float32)


def encode_brain(x: Any) -> Any:
    import ml_dtypes

    return np.float32(x).astype(ml_dtypes.bfloat16).view(np.uint16)


def part(function: Any) -> Any:
    """As it is: the simulator's way into a function of the device takes longer than most of them."""
    if function.__globals__.get("cuda") is cuda:
        function.__globals__["cuda"] = DEVICE  # `bind` has made it a copy, with names of its own
    return function


def kernel(plan: Any) -> Any:
    """The completed template, for the simulator to run."""
    return cuda.jit(complete(plan, Simulated(), part))


def stored(x: Any) -> Any:
    return x.view(np.uint16) if x.dtype.char in "eE" else x.view(np.uint8) if x.dtype.char == "?" else x


def total(
    plan: Any, data: Any, weight: Any, loss: Any, scale: Any, slopes: Any = ()
) -> tuple[Any, Any, Any, Any, bool]:
    """What one launch leaves: tiles' sums, losses, gradients, second derivatives, and whether a value is outside."""
    base, size = plan.plan, len(data[0])
    kind = np.float64 if base.compute == "d" else np.float32
    blocks = -(-size // pointwise.TILE)
    sums, flaws = np.full(blocks, np.nan, plan.sums), np.zeros(1, np.int32)
    value = tuple(np.full(size, np.nan, kind) for _ in range(base.each))
    grads, hesses = (
        tuple(np.full(size, np.nan).astype(data[k].dtype) for k in base.wrt) if base.want & verb else ()
        for verb in (GRAD, HESS)
    )
    bounds = loss.bounds(kind)
    kernel(plan)[blocks, pointwise.THREADS](
        tuple(map(stored, data)), tuple(map(stored, weight)), loss.cast(kind), scale, slopes, bounds, value,
        tuple(map(stored, grads)), tuple(map(stored, hesses)), sums, flaws, size,
    )  # fmt: skip
    return sums, value, grads, hesses, bool(flaws[0])


def combine(plan: Any, sums: Any, given: Any, nothing: float = math.nan) -> tuple[Any, Any]:
    """The value, and what derivatives are multiplied with."""
    kind = np.float64 if plan.compute == "d" else np.float32
    result, slopes = np.full(1, np.nan, np.float64 if plan.kind == "weighed" else kind), np.full(2, np.nan, kind)
    kernel(plan)[1, pointwise.THREADS](sums, len(sums), given, nothing, result, slopes, ())
    return result, slopes


def rows(plan: Any, scores: Any, target: Any, loss: Any, scale: Any, *, weight: Any = None, classes: Any = None,
         smoothing: float = 0.0, ignore: int = 0, slopes: Any = (), over: Any = None) -> tuple[Any, ...]:  # fmt: skip
    """What one launch of a row kernel leaves: losses, statistics, derivatives, and whether anything is wrong."""
    base, (n, width) = plan.plan, scores[0].shape
    kind = np.float64 if base.compute == "d" else np.float32
    value = (np.full(n, np.nan, kind),) * bool(base.want & VALUE)
    facts = tuple(np.full(n, -7).astype(t) for t in (kind, kind, np.int64)) if base.stats else ()
    grads, hesses = (
        (np.full(scores[0].shape, np.nan).astype(scores[0].dtype),) * bool(base.want & verb) for verb in (GRAD, HESS)
    )
    flaws = np.zeros(1, np.int32)
    mix = tuple(kind(v) for v in (smoothing / width, 1.0 - smoothing, 1.0 - smoothing + smoothing / width))
    params = tuple(kind(np.nan) if v is None else v for v in loss.cast(kind))
    blocks = -(-n // (plan.threads // plan.group))
    data, slope = (tuple(stored(x).reshape(-1) for x in arrays) for arrays in (scores, grads))
    if over is not None:
        # An array of the device's: of a host's the simulator makes a copy for each argument.
        shared = cuda.to_device(stored(over).reshape(-1))
        data, slope, grads = (shared,), (shared,), (over,)
    kernel(plan)[blocks, plan.threads](
        data, () if target is None else (stored(target).reshape(-1),),
        () if weight is None else (weight,), () if classes is None else (classes.astype(kind),), params, mix, scale,
        slopes, ignore, loss.bounds(kind)[: 2 * len(base.tests)], value, facts,
        slope, tuple(stored(h).reshape(-1) for h in hesses), flaws, n, width,
    )  # fmt: skip
    if over is not None:
        over[...] = shared.copy_to_host().reshape(over.shape)
    return value, facts, grads, hesses, bool(flaws[0])


def census(plan: Any, target: Any, weight: Any, classes: Any, ignore: int, n: int, width: int) -> tuple[Any, bool]:
    """The tiles' sums of the weights of rows that are present, and whether a label is no class."""
    kind = np.float64 if plan.plan.compute == "d" else np.float32
    blocks = -(-n // pointwise.TILE)
    sums, flaws = np.full(blocks, np.nan, kind), np.zeros(1, np.int32)
    plan = plan._replace(group=rowplan.THREADS)
    kernel(plan)[blocks, rowplan.THREADS](
        () if target is None else (target,), () if weight is None else (weight,),
        () if classes is None else (classes.astype(kind),), ignore, sums, flaws, n, width,
    )  # fmt: skip
    return sums, bool(flaws[0])
