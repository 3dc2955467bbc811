"""The common call in as few steps as Python allows: what the first call of a kind launched is launched again.

Dense arrays of the same shapes and types, the same options and the same loss take the same kernels with the same
numbers; only addresses are others. So the first call's launches are kept, each address as a place in one of the call's
arrays. Anything unusual, and every error, goes the long way.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from ...kernels.cuda import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...define.elements import Definition
    from ...define.keywords import Call
    from ...define.rows import Program
    from ...kernels.cuda.launch import Launch, Repeat
    from .buffers import Face, Work


class Tape(NamedTuple):
    """The launches of a call."""

    repeats: tuple[Repeat, ...]
    """Each with its addresses: which argument, which array, how many bytes from its beginning."""
    makers: tuple[Callable[[], Any], ...]
    """What makes the arrays that are allocated, after those that the caller gives."""
    picked: Callable[[Sequence[Any]], Any]
    """What the verb returns, of all arrays."""
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


def given(face: Face, call: Sequence[Any], inputs: Sequence[Any]) -> Given | None:
    """A call's arrays as the tape knows them; None where it is not of the common kind."""
    want, axis, weight, class_weight, ignore, smoothing, reduction, normalizer, empty, out, stats, backend, check = call
    seen, addresses, kinds, outs, bits = face.seen, [], [], 0, 0
    arrays = [*inputs]
    if weight is not None:
        arrays.append(weight)
    if class_weight is not None:
        arrays.append(class_weight)
    if out is not None:
        given = out if type(out) is tuple else (out,)
        arrays += given
        outs = len(given)
    for x in arrays:
        found = seen(x)
        if found is None:
            return None
        kind, address = found
        kinds.append(kind)
        addresses.append(address)
        bits |= address
    # In what packets kernels read depends on some arrays alone.
    begins = tuple([a % 16 for a in addresses]) if bits % 16 else 0
    over = outs and arrays[-outs] is inputs[0]
    key = (
        want, axis, ignore, smoothing, reduction, normalizer, empty, stats, backend, check,
        # 1 is not True, and -1.0 no axis.
        type(axis), type(ignore), type(smoothing), type(normalizer), type(stats),
        type(out) is tuple, outs, over, begins, weight is None, class_weight is None, *kinds,
    )  # fmt: skip
    return Given(key, arrays, addresses, len(arrays) - outs)


def known(face: Face, loss: Definition | Program, call: Sequence[Any], inputs: Sequence[Any]) -> Any:
    """The results of a call whose kind is known; else None. Raises for what an earlier call has found wrong."""
    gpu = launch.gpu()
    gpu.raise_pending()
    found = given(face, call, inputs)
    if found is None:
        return None
    key, arrays, where, count = found
    try:
        tape: Tape | None = loss.recipes.get(key)
    except TypeError:  # an option that cannot be looked up cannot be right either
        return None
    if tape is None or (len(where) > count and _overlap(found, tape)):
        return None
    repeats, makers, picked, _, device = tape
    for make in makers:
        x = make()
        arrays.append(x)
        where.append(face.address(x))
    gpu.again(repeats, where, device, face.stream(device))
    return picked(arrays)


def _overlap(call: Given, tape: Tape) -> bool:
    """Whether an output shares memory with anything, but for the first with the first input, where they are one."""
    _, arrays, where, count = call
    sizes = tape.sizes
    for k in range(count, len(where)):
        low = where[k]
        high = low + sizes[k]
        for j in range(k):
            start = where[j]
            if low < start + sizes[j] and start < high and not (j == 0 and k == count and arrays[0] is arrays[k]):
                return True
    return False


def _picker(arrays: Sequence[Any], results: Any) -> Callable[[Sequence[Any]], Any]:
    """What finds a verb's results in arrays where they stand as in these: an array, or a tuple of such results."""
    if type(results) is not tuple:
        for k, x in enumerate(arrays):
            if x is results:
                return itemgetter(k)
        raise LookupError
    each = [_picker(arrays, r) for r in results]
    return lambda arrays: tuple([picked(arrays) for picked in each])


def remember(
    loss: Definition | Program, call: Call, inputs: Sequence[Any], work: Work, waited: bool, results: Any
) -> None:
    """Keep the launches of a call, if all that it did was to launch them."""
    if waited or work.copied or not work.launches:
        return
    common = given(work.face, call, inputs)
    if common is None:
        return
    made = work.made
    arrays, where = [*common.arrays, *(x.array for x in made)], [*common.addresses, *(x.address for x in made)]
    sizes = [work.face.buffer(x).nbytes for x in common.arrays]
    extents = list(zip(where, [*sizes, *(x.nbytes for x in made)], strict=True))
    apart = sorted(extents[: common.inputs])
    if not all(sizes) or any(low + size > after for (low, size), (after, _) in pairwise(apart)):
        return  # where inputs share memory, which of them an address is in cannot be told
    try:
        repeats = tuple([work.gpu.repeat(x, _places(x, extents, work.flag)) for x in work.launches])
        picked = _picker(arrays, results)
    except LookupError:
        return
    makers = tuple([work.face.maker(x.shape, x.char, work.device) for x in made])
    with suppress(TypeError):  # of an option that cannot be looked up
        loss.remember(common.key, Tape(repeats, makers, picked, tuple(sizes), work.device))


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
