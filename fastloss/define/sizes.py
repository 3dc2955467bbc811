"""How many numbers the functions of a row program take and return, found by running them on one element."""

from __future__ import annotations

from typing import Any, NamedTuple


class Sizes(NamedTuple):
    """How many numbers the functions of a row program take and return."""

    scores: int
    peaks: int
    sums: int
    """Terms that `fold` gives for the first sum."""
    more: int
    """Terms that `second` gives for the second sum."""
    kept: int
    order: int
    coefficients: int
    settled: int
    """Numbers that `settle` gives for the second sum."""
    sighted: bool
    """Whether `peak` looks at the target."""
    probes: int = 0
    """Terms that `probe` gives, for the sums by which the settled numbers are sought."""


def _tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def sizes_of(name: str, f: Any, scores: int, point: tuple[float, ...], p: tuple[Any, ...]) -> Sizes:
    """Run a program's functions `f` on one element, and count."""
    x, t = point[:scores], (point[scores] if len(point) > scores else 1.0)
    sighted = f.peak is not None and f.peak.__code__.co_argcount == scores + 1 + len(p)
    settled: tuple[Any, ...] = ()
    more: tuple[Any, ...] = ()
    probes: tuple[Any, ...] = ()
    others: tuple[Any, ...] = ()
    scaled: tuple[Any, ...] | None = None
    if f.rescale is not None and f.peak is None:
        raise TypeError(f"{name}: rescale is for programs with a peak")
    if (f.settle is None) != (f.second is None) or (f.note is None) != (f.stats is None):
        raise TypeError(f"{name}: settle and second come together, and so do note and stats")
    if (f.probe is None) != (f.again is None) or (f.probe is not None and f.second is None):
        raise TypeError(f"{name}: probe and again come together, and with a second sum")
    if f.settle is not None and f.note is not None:
        raise TypeError(f"{name}: a program with a second sum has no statistics")
    try:
        m = () if f.peak is None else _tuple(f.peak(*x, *((t,) if sighted else ()), *p))
        sums, kept = (several(v) for v in f.fold(*x, t, *m, *p))
        if f.rescale is not None:
            scaled = several(f.rescale(*sums, *m, *m, *p))
        if f.settle is not None and f.second is not None:
            settled = several(f.settle(*m, *sums, *p))
            more = several(f.second(*kept, t, *settled, *p))
        if f.probe is not None and f.again is not None:
            probes = several(f.probe(*kept, *settled, *p))
            others = several(f.again(*settled, *probes, *p))
        _, c = f.finish(*m, *sums, *more, *p)
        derivatives = _tuple(f.grad(*kept, t, *several(c), *p))
        if f.stats is not None and f.note is not None:
            f.stats(*m, *sums, f.note(*x, *m, *p), *p)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise TypeError(f"{name}: its functions do not fit together on one element: {error}") from error
    for what, count, low, high in (
        ("scores", scores, 1, 2), ("numbers from peak", len(m), int(f.peak is not None), 8),
        ("terms from fold", len(sums), 1, 16), ("values that fold keeps", len(kept), 0, 3),
        ("terms from second", len(more), int(f.second is not None), 16),
        ("terms from probe", len(probes), int(f.probe is not None), 8), ("derivatives", len(derivatives), 1, 2),
    ):  # fmt: skip
        if not low <= count <= high:
            raise TypeError(f"{name}: it has {count} {what}, expected {low} to {high}")
    if f.again is not None and len(others) != len(settled):
        raise TypeError(f"{name}: again gives {len(others)} numbers, and settle {len(settled)}")
    if scaled is not None and len(scaled) != len(sums):
        raise TypeError(f"{name}: rescale gives {len(scaled)} terms, and fold {len(sums)}")
    counts = (len(m), len(sums), len(more), len(kept), len(derivatives), len(c), len(settled))
    return Sizes(scores, *counts, sighted, len(probes))


def several(x: Any) -> tuple[Any, ...]:
    """The argument, if it is a tuple; else raise."""
    if not isinstance(x, tuple):
        raise TypeError(f"a tuple of numbers was expected, got {x!r}")
    return x
