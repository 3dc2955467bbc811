"""Shapes and memory layouts of NumPy arrays: what broadcasts, what is one run of elements, what overlaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...define.wording import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ...define.domain import Domain

    Views = tuple[NDArray[Any], ...]

FLOATS = frozenset("fdeE")
"""NumPy's type characters of floats; `E` is that of bfloat16."""

NUMBERS = frozenset("?bBhHiIlLqQ") | FLOATS
"""Those of what kernels read."""

PIECE = 8 * 16_384
"""Elements that are gathered at a time where no single run exists: eight blocks, so that threads have work, and half a
megabyte of float32 a stream, so that the gathered copies stay in cache."""


def common_shape(
    loss: str, names: Sequence[str], arrays: Sequence[Any], parameters: Sequence[str] = ()
) -> tuple[int, ...]:
    """The shape that all arrays broadcast to, by NumPy's rules but for one.

    Shapes that differ only by axes of length 1, such as (n,) and (n, 1), are an error: NumPy would make an n x n
    table of them, the commonest silent bug of the field. Of those of `parameters` that have as many axes as others a
    table is meant: of (n, 1) predictions by (1, n) quantiles.
    """
    for i, x in enumerate(arrays):
        for j, y in enumerate(arrays[:i]):
            if x.ndim and y.ndim and x.shape != y.shape and _squeezed(x) == _squeezed(y):
                table = {names[i], names[j]} & {*parameters}
                if table and x.ndim == y.ndim:
                    continue
                also = f", or give {table.pop()} as many axes for a table of both" if table else ""
                raise ValueError(
                    f"{loss}: {names[j]} has shape {y.shape} and {names[i]} has shape {x.shape}: they differ by an "
                    f"axis of length 1 and would broadcast against each other; reshape one to the other's shape{also}"
                )
    try:
        return broadcast(*(x.shape for x in arrays))
    except ValueError:
        shapes = ", ".join(f"{name} {x.shape}" for name, x in zip(names, arrays, strict=False))
        raise ValueError(f"{loss}: shapes do not broadcast: {shapes}") from None


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all come to, by NumPy's rules; NumPy's own function takes 32 axes of the 64 that arrays have."""
    found: list[int] = []
    for k in range(-max(map(len, shapes), default=0), 0):
        lengths = {s[k] for s in shapes if len(s) >= -k and s[k] != 1} or {1}
        if len(lengths) > 1:
            raise ValueError
        found += lengths
    return tuple(found)


def _squeezed(x: NDArray[Any]) -> tuple[int, ...]:
    return tuple(n for n in x.shape if n != 1)


def runs(
    arrays: Sequence[NDArray[Any]], shape: tuple[int, ...], written: int
) -> Iterator[tuple[Views, str, bool]] | list[tuple[Views, str, bool]]:
    """The arrays as one-dimensional views whose elements stand in one common order; the last `written` are written.

    With each set of views comes its layout, "C" where all are dense, "A" where one has a stride (0 for a broadcast
    scalar), and whether the views are the arrays' own memory. Nothing is copied where one order makes every array a
    single run; otherwise pieces are gathered in buffers of a fixed size, and written back.
    """
    for x in arrays:
        if x.shape != shape or not x.flags.c_contiguous:
            break
    else:
        return [(tuple([stored(x) if x.ndim == 1 else stored(x).reshape(-1) for x in arrays]), "C", True)]
    full = [stored(x) if x.shape == shape else np.broadcast_to(stored(x), shape) for x in arrays]
    order = sorted(range(len(shape)), key=lambda axis: -abs(full[0].strides[axis]))
    try:
        flat = tuple(x.transpose(order).reshape(-1, copy=False) for x in full)
    except ValueError:
        return _pieces(full, written)
    return [(flat, "C" if all(x.flags.c_contiguous for x in flat) else "A", True)]


def _pieces(arrays: list[NDArray[Any]], written: int) -> Iterator[tuple[Views, str, bool]]:
    modes = [["readonly", "contig"]] * (len(arrays) - written) + [["writeonly", "contig"]] * written
    flags = ["external_loop", "buffered", "zerosize_ok"]
    with np.nditer(arrays, flags, modes, order="C", buffersize=PIECE) as pieces:  # type: ignore[call-overload]
        for views in pieces:
            yield tuple(views) if isinstance(views, (tuple, list)) else (views,), "C", False


def stored(x: NDArray[Any]) -> NDArray[Any]:
    """16-bit floats as the 16 bits that a kernel reads."""
    return x.view(np.uint16) if x.dtype.char in "eE" else x


def same_memory(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether the two are the very same elements in the same places."""
    return a is b or (
        a.ctypes.data == b.ctypes.data and a.shape == b.shape and a.strides == b.strides and a.dtype == b.dtype
    )


def overlaps_itself(a: NDArray[Any]) -> bool:
    """Whether two of its elements may share memory: an axis whose steps do not lead past the axes inside it."""
    if not a.size:
        return False
    extent = a.itemsize
    for step, length in sorted((abs(s), n) for s, n in zip(a.strides, a.shape, strict=True) if n > 1):
        if step < extent:
            return True
        extent += step * (length - 1)
    return False


def check_output(loss: str, a: Any, dtype: Any, shape: tuple[int, ...], others: Sequence[Any]) -> None:
    """Raise unless `a` is an array of this dtype and shape that can be written to, and overlaps none of `others`."""
    if type(a) not in (np.ndarray, np.memmap):
        raise TypeError(f"{loss}: out is {named(a)}, expected a NumPy array")
    if a.dtype != dtype or a.shape != shape:
        raise ValueError(f"{loss}: out has dtype {a.dtype} and shape {a.shape}, expected {np.dtype(dtype)} and {shape}")
    if not a.flags.writeable or overlaps_itself(a):
        raise ValueError(f"{loss}: out is read-only, or some of its elements are one and the same")
    if any(overlap(a, other) for other in others):
        raise ValueError(f"{loss}: the arrays of out overlap each other")


def overlapped(loss: str, name: str, first: str) -> ValueError:
    """The error for an `out=` that is an input, too: only the first may be replaced, by its own gradient."""
    over = f"the gradient of {first} may be written over {first} itself, and nothing over anything else"
    return ValueError(f"{loss}: out overlaps {name}; {over if first else 'nothing may be written over it'}")


def not_full(loss: str, name: str, shape: tuple[int, ...], full: tuple[int, ...]) -> ValueError:
    """The error for an input that is broadcast where a second derivative is no sum of its elements'."""
    return ValueError(f"{loss}: {name} has shape {shape}, expected {full}, the full one, for the second derivative")


def refuse_over(loss: str, out: Any, x: Any, name: str, face: Any = None) -> None:
    """Raise for an `out=`, or a part of it, that is in the memory of an array which the kernels do not see."""
    for a in out if isinstance(out, (tuple, list)) else (out,):
        if isinstance(a, (tuple, list)):
            refuse_over(loss, a, x, name, face)
        elif all(isinstance(b, np.ndarray) if face is None else face.owns(b) for b in (a, x)):
            mine, other = (a, x) if face is None else (face.buffer(b).phantom() for b in (a, x))
            if overlap(mine, other):
                raise overlapped(loss, name, "")


def several(loss: str, out: Any, count: int, names: str) -> tuple[Any, ...]:
    """The arrays of `out=` where a verb has several results."""
    if not isinstance(out, (tuple, list)) or len(out) != count:
        what = f"{named(out)} of {len(out)}" if isinstance(out, (tuple, list)) else named(out)
        raise TypeError(f"{loss}: out is {what}, expected a tuple of {count} arrays, {names}")
    return tuple(out)


def overlap(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether the two share an element; where that is too hard to tell, whether their extents do."""
    try:
        return np.shares_memory(a, b, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return np.may_share_memory(a, b)


def first(test: Callable[..., Any], *arrays: Any) -> tuple[int, ...] | None:
    """The indices of the first place at which `test` of the arrays, broadcast to one shape, holds; None if nowhere.

    What `test` allocates is of the size of a piece.
    """
    shape = broadcast(*[np.shape(x) for x in arrays])
    full = [np.broadcast_to(x, shape) for x in arrays]
    seen = 0
    kinds = [x.dtype for x in full]
    with np.errstate(all="ignore"):
        for views, _, _ in _pieces([stored(x) for x in full], 0):
            bad = np.asarray(test(*[v.view(k) for v, k in zip(views, kinds, strict=True)]))
            if bad.any():
                return tuple(int(i) for i in np.unravel_index(seen + int(bad.argmax()), shape))
            seen += bad.size
    return None


def outside(x: Any, domain: Domain, kind: Any) -> str:
    """What is wrong with an element, as the caller passed it and as a kernel of that type reads it."""
    read = number(kind, x)
    as_read = f", which is {read!s} in {np.dtype(kind)}, the type that it is read in" if float(x) in domain else ""
    return f"{x!s}{as_read}, expected {domain}"


def place(where: tuple[Any, ...], shape: tuple[int, ...] | None = None) -> str:
    """An element's indices as one writes them: in an array of this shape, if that was broadcast."""
    if shape is not None:
        where = tuple(i if n > 1 else 0 for i, n in zip(where[len(where) - len(shape) :], shape, strict=True))
    return f"[{', '.join(str(int(i)) for i in where)}]" if where else ""


def number(kind: Any, x: float) -> Any:
    """x as one of `kind`, by a cast that never warns; a look at the number takes less than NumPy's own switch."""
    if 1.2e-38 < x < 3.4e38 or -3.4e38 < x < -1.2e-38 or x == 0.0:
        return kind(x)
    with np.errstate(all="ignore"):
        return kind(x)


def passed(a: NDArray[Any]) -> Any:
    """An array as the caller gets it: one of no axes as a number."""
    return a if a.ndim else a[()]
