"""The common call in as few steps as Python allows: what the first call of a kind launched is launched again.

Dense arrays of the same shapes and types, the same options and the same loss take the same kernels with the same
numbers; only addresses are others. So the first call's launches are kept, each address as a place in one of the call's
arrays. Anything unusual, and every error, goes the long way.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from ...kernels.cuda.launch import Launch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...define.elements import Definition
    from ...define.keywords import Call
    from ...define.rows import Program
    from ...kernels.cuda.launch import Gpu
    from .buffers import Face, Shape, Work


class Tape(NamedTuple):
    """The launches of a call."""

    launches: tuple[tuple[Launch, tuple[tuple[int, int, int], ...]], ...]
    """Each with its addresses: which argument, which array, how many bytes from its beginning."""
    made: tuple[tuple[Shape, str], ...]
    """Arrays that are allocated, after those that the caller gives."""
    results: Any
    """Which arrays the verb returns: a number, or a tuple of them."""
    sizes: tuple[int, ...]
    """Bytes of the given arrays."""
    device: int


class Given(NamedTuple):
    """A call's arrays."""

    key: Any
    """What the call has in common with others of its kind."""
    arrays: list[Any]
    """Inputs and weights, then outputs."""
    addresses: list[int]
    inputs: int


def given(face: Face, call: Call, inputs: Sequence[Any]) -> Given | None:
    """A call's arrays as the tape knows them; None where it is not of the common kind."""
    want, axis, weight, class_weight, ignore, smoothing, reduction, normalizer, empty, out, stats, backend, check = call
    outs: Any = () if out is None else out if type(out) is tuple else (out,)
    arrays: list[Any] = []
    addresses: list[int] = []
    kinds: list[Any] = []
    begins = 0
    for x in (*inputs, weight, class_weight, *outs):
        if x is None:
            kinds.append(None)
            continue
        seen = face.seen(x) if face.owns(x) else None
        if seen is None:
            return None
        kinds.append(seen[0])
        arrays.append(x)
        addresses.append(seen[1])
        begins = 16 * begins + seen[1] % 16  # in what packets kernels read depends on some arrays alone
    over = bool(outs) and outs[0] is inputs[0]
    key = (
        want, axis, ignore, smoothing, reduction, normalizer, empty, stats, backend, check,
        # 1 is not True, and -1.0 no axis.
        type(axis), type(ignore), type(smoothing), type(normalizer), type(stats),
        type(out) is tuple, len(outs), over, begins, *kinds,
    )  # fmt: skip
    return Given(key, arrays, addresses, len(arrays) - len(outs))


def replayed(face: Face, gpu: Gpu, loss: Definition | Program, call: Given | None) -> Any:
    """The results of a call whose kind is known; else None."""
    if call is None:
        return None
    try:
        tape: Tape | None = loss.recipes.get(call.key)
    except TypeError:  # an option that cannot be looked up cannot be right either
        return None
    if tape is None or (len(call.addresses) > call.inputs and _overlap(call, tape)):
        return None
    arrays, where = call.arrays, call.addresses
    for shape, char in tape.made:
        x = face.empty(shape, char, tape.device)
        arrays.append(x)
        where.append(face.address(x))
    launches = []
    for (kernel, blocks, values), places in tape.launches:
        filled = list(values)
        for argument, array, offset in places:
            filled[argument] = where[array] + offset
        launches.append(Launch(kernel, blocks, filled))
    gpu.again(launches, tape.device, face.stream(tape.device))
    return _picked(arrays, tape.results)


def _overlap(call: Given, tape: Tape) -> bool:
    """Whether an output shares memory with anything, but for the first with the first input, where they are one."""
    for k in range(call.inputs, len(call.addresses)):
        low, high = call.addresses[k], call.addresses[k] + tape.sizes[k]
        for j in range(k):
            start = call.addresses[j]
            one = j == 0 and k == call.inputs and call.arrays[0] is call.arrays[k]
            if not one and low < start + tape.sizes[j] and start < high:
                return True
    return False


def _picked(arrays: Sequence[Any], results: Any) -> Any:
    return tuple([_picked(arrays, r) for r in results]) if isinstance(results, tuple) else arrays[results]


def remember(loss: Definition | Program, call: Given | None, work: Work, waited: bool, results: Any) -> None:
    """Keep the launches of a call, if all that it did was to launch them."""
    if call is None or waited or work.copied or not work.launches:
        return
    made = work.made
    arrays, where = [*call.arrays, *(x.array for x in made)], [*call.addresses, *(x.address for x in made)]
    sizes = [work.face.buffer(x).nbytes for x in call.arrays]
    extents = list(zip(where, [*sizes, *(x.nbytes for x in made)], strict=True))
    inputs = sorted(extents[: call.inputs])
    if not all(sizes) or any(low + size > after for (low, size), (after, _) in pairwise(inputs)):
        return  # where inputs share memory, which of them an address is in cannot be told
    try:
        launches = tuple((launch, _places(launch, extents, work.flag)) for launch in work.launches)
        found = _located(arrays, results)
    except LookupError:
        return
    shapes = tuple((x.shape, x.char) for x in made)
    with suppress(TypeError):  # of an option that cannot be looked up
        loss.remember(call.key, Tape(launches, shapes, found, tuple(sizes), work.device))


def _places(launch: Launch, extents: Sequence[tuple[int, int]], flag: int) -> tuple[tuple[int, int, int], ...]:
    """Where a launch's addresses are: that of the flag is always the same."""
    found = []
    for k in launch.kernel.pointers:
        address = launch.values[k]
        if address not in (0, flag):  # 0 where nothing is summed
            array = next((j for j, (low, size) in enumerate(extents) if low <= address < low + size), None)
            if array is None:
                raise LookupError
            found.append((k, array, address - extents[array][0]))
    return tuple(found)


def _located(arrays: Sequence[Any], results: Any) -> Any:
    """Which arrays the results are."""
    if type(results) is tuple:
        return tuple(_located(arrays, r) for r in results)
    for k, x in enumerate(arrays):
        if x is results:
            return k
    raise LookupError
