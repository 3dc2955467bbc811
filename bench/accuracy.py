"""How far the compiled kernels are from 50-digit arithmetic, worst first: ``python -m bench.accuracy``.

The exact results come from the tests' oracle, for inputs as the kernel reads them: floats of its own type. Two figures:

* ULP: the error in units in the last place of the exact result (at least those of the smallest normal number);
* allowed: the same, where moving one input by a unit in its last place moves the exact result further than one unit of
  its own, in units of that movement. A difference that cancels, an exponential of a large number and a point beside a
  kink all magnify the last bit of an input; no arithmetic in that type does better. The bar is for this figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from operator import itemgetter
from typing import Any

import numpy as np

import fastloss as fl

from . import command, timing
from .bars import Bar
from .pointwise import chosen

FAMILY, LABEL, BAR = "accuracy", "worst of value, gradient and second derivative", 4.0
EXTREMES = (0.0, 1e-30, 1e-8, 1e-3, 0.5, 1.0, 2.0, 30.0, 87.0, 1e4)


def samples(loss: fl.Loss, dtype: Any, size: int) -> list[Any]:
    """Draws from the domains, then extremes: each of them against a draw, against 0 or 1, and against itself."""
    rng = np.random.default_rng(7)
    drawn = [domain.sample(rng, size) for domain in loss.domains]
    ends = np.array([s * e for e in EXTREMES for s in (1.0, -1.0)])
    rows = np.stack(drawn, axis=1)
    for k in range(len(drawn)):
        some = rows[rng.integers(0, size, ends.size)].copy()
        some[:, k] = ends
        rows = np.concatenate([rows, some])
    for filler in (0.0, 1.0):
        some = np.full((ends.size, len(drawn)), filler)
        some[:, 0] = ends
        rows = np.concatenate([rows, some])
    rows = np.concatenate([rows, np.repeat(ends[:, None], len(drawn), axis=1)]).astype(dtype)
    inside = np.ones(len(rows), bool)
    for domain, column in zip(loss.domains, rows.T, strict=True):
        inside &= ~domain.violations(column)
    return [np.ascontiguousarray(column) for column in rows[inside].T]


Error = tuple[float, float, str]  # allowed, ULP, where


def errors(loss: fl.Loss, dtype: Any, size: int) -> dict[str, Error]:
    """The worst error of the value, the gradient and the second derivative."""
    from mpmath import mp

    from tests.helpers.oracle import exact

    columns = samples(loss, dtype, size)
    got = [[loss(*columns, reduction="none")]]
    got += (
        [_tuple(part) for part in loss.grad_and_hess(*columns, reduction="none")]
        if loss.order > 1
        else [_tuple(loss.grad(*columns, reduction="none"))]
    )
    labels = ["value", *(f"d/d {loss.inputs[k]}" for k in loss.wrt), *(f"d2/d {loss.inputs[k]}" for k in loss.wrt)]
    worst: dict[str, Error] = dict.fromkeys(labels, (0.0, 0.0, "-"))
    parameters = {n: float(np.dtype(dtype).type(v)) for n, v in loss.values.items()}
    for i, point in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        for j, k in enumerate(loss.wrt):
            with mp.workdps(50):
                right = exact(loss.name, point, parameters, k)
            near: list[Any] = []
            for order, expected in enumerate(right):
                if expected is None or order >= len(got) or (order == 0 and j):
                    continue
                if order and _by_convention(loss, point):
                    continue
                label = labels[0] if order == 0 else labels[1 + (order - 1) * len(loss.wrt) + j]
                off = allowed = _ulps(got[order][j][i], expected, dtype)
                if off > max(1.0, worst[label][0]):
                    near = near or [exact(loss.name, p, parameters, k) for p in _beside(point, loss, dtype)]
                    moved = max((abs(r[order] - expected) for r in near if r[order] is not None), default=0)
                    unit = max(float(moved) / _spacing(expected, dtype), 1.0)
                    allowed = off / unit if off < inf else inf if unit < 2**40 else 0.0
                if allowed > worst[label][0]:
                    worst[label] = (allowed, off, ", ".join(f"{x:.9g}" for x in point))
    return worst


def _beside(point: Sequence[float], loss: fl.Loss, dtype: Any) -> list[tuple[float, ...]]:
    """The points that differ by the last bit of one input, inside the domains."""
    result = []
    for k, (x, domain) in enumerate(zip(point, loss.domains, strict=True)):
        for end in (-inf, inf):
            y = float(np.nextafter(dtype(x), dtype(end)))
            if y in domain:
                result.append((*point[:k], y, *point[k + 1 :]))
    return result


def _by_convention(loss: fl.Loss, point: Sequence[float]) -> bool:
    """Whether the derivative here is a documented convention and not the formula's: probabilities of nearly 0 or 1."""
    floor = loss.values.get("floor") if loss.name == "binary_cross_entropy" else None
    return floor is not None and point[0] * (1.0 - point[0]) <= floor


def _spacing(expected: Any, dtype: Any) -> float:
    limits = np.finfo(dtype)
    near = np.clip(abs(float(expected)), float(limits.smallest_normal), float(limits.max))
    return float(np.spacing(dtype(near)))


def _ulps(got: Any, expected: Any, dtype: Any) -> float:
    limits = np.finfo(dtype)
    if abs(expected) > float(limits.max):
        return 0.0 if np.isinf(got) and (got > 0) == (expected > 0) else inf
    if not np.isfinite(got):
        return inf
    return float(abs(float(got) - expected) / _spacing(expected, dtype))


def _tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def bars(records: Sequence[dict[str, Any]]) -> list[Bar]:
    """The worst error of each loss and dtype."""
    worst: dict[tuple[str, str], float] = {}
    for r in records:
        key = r["loss"], r["dtype"]
        worst[key] = max(worst.get(key, 0.0), r["allowed"])
    return [Bar(FAMILY, f"{loss}, {dtype}", LABEL, BAR, x, unit=" ULP") for (loss, dtype), x in worst.items()]


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("--size", type=int, default=400, help="draws from each loss's domains (default: 400)")
    parser.add_argument("--losses", help="names, separated by commas (default: all)")
    options = parser.parse_args(argv)
    try:
        from tests.helpers.oracle import FORMULAS
    except ImportError as error:
        raise SystemExit(
            f"the tests' oracle is needed ({error}): run from the repository with mpmath installed"
        ) from None

    records: list[dict[str, Any]] = []
    for loss in chosen(options.losses):
        if loss.name not in FORMULAS:
            print(f"{loss.name}: the oracle has no formula, skipped")
            continue
        if loss.rooted:
            print(f"{loss.name}: has no element-wise value, skipped; see {loss.jet.__name__}")
            continue
        for dtype in (np.float32, np.float64):
            with np.errstate(all="ignore"):
                found = errors(loss, dtype, 5 if options.quick else options.size)
            for what, (allowed, off, point) in found.items():
                name = np.dtype(dtype).name
                records.append(
                    {"loss": loss.name, "dtype": name, "what": what, "allowed": allowed, "ulp": off, "at": point}
                )
    records.sort(key=itemgetter("allowed"), reverse=True)
    rows = [[r["loss"], r["what"], r["dtype"], f"{r['allowed']:.3g}", f"{r['ulp']:.3g}", r["at"]] for r in records]
    print(timing.table(["loss", "what", "dtype", "allowed", "ULP", "at"], rows))
    print(f"\n{sum(r['allowed'] <= BAR for r in records)} of {len(records)} within {BAR:g}")
    timing.write_json(options.json, records, what="accuracy")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
