"""What a detector is trained with beside torch's eager formulas and NumPy's: ``python -m bench.detection``.

MultiBox, matching and mining included, of SSD300's 8,732 priors; all overlaps of 1,000 boxes with these; the losses of
boxes side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, frameworks, row_peers, timing
from .bars import Bar, verdicts

FASTER = 5.0  # the bar: so many times faster than torch's MultiBox, and than NumPy's overlaps
PEERS = ("torch", "numpy")


def scenes(images: int, classes: int, dtype: str) -> tuple[Any, ...]:
    """Predictions of random numbers for images with one to twelve objects each, and SSD300's priors."""
    rng = np.random.default_rng(20261121)
    priors = fl.default_boxes("ssd300", dtype=dtype)
    locations = rng.standard_normal((images, len(priors), 4)).astype(dtype)
    scores = rng.standard_normal((images, len(priors), classes)).astype(dtype)
    found = [boxes(rng, n, dtype) for n in rng.integers(1, 13, images)]
    return locations, scores, found, [rng.integers(1, classes, len(x)) for x in found], priors


def boxes(rng: np.random.Generator, n: int, dtype: str) -> Any:
    centers, sizes = rng.uniform(0.1, 0.9, (n, 2)), rng.uniform(0.05, 0.5, (n, 2))
    return np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1).astype(dtype)


# -- torch -------------------------------------------------------------------------------------------------------------


def torch_overlaps(a: Any, b: Any) -> Any:
    """Of all pairs."""
    import torch

    size = (torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])).clamp_(min=0)
    shared = size[..., 0] * size[..., 1]
    area_a, area_b = ((x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]) for x in (a, b))
    return shared / (area_a[:, None] + area_b - shared)


def torch_multibox(objects: Any, labels: Any, priors: Any) -> Callable[..., Any]:
    """The formula as torch's users write it: a loop over images for the matching, everything else of the batch."""
    import torch
    import torch.nn.functional as functional

    # In float64, as fastloss does it: several priors overlap an object alike, and in float32 rounding would choose.
    objects, priors = [frameworks.tensor(x).double() for x in objects], frameworks.tensor(priors).double()
    labels = [frameworks.tensor(x) for x in labels]

    def match(found: Any, marks: Any) -> tuple[Any, Any]:
        table = torch_overlaps(found, priors)
        best, which = table.max(dim=0)
        own = table.argmax(dim=1)
        for g in range(len(found)):
            best[own[g]], which[own[g]] = 2.0, g
        return found[which], torch.where(best >= 0.5, marks[which], 0)

    def loss(locations: Any, scores: Any) -> Any:
        with torch.no_grad():
            each = [match(*pair) for pair in zip(objects, labels, strict=True)]
            found, classes = torch.stack([x for x, _ in each]), torch.stack([y for _, y in each])
            here = classes > 0
            prior, corners = priors.expand_as(found)[here], found[here]
            sizes, own = prior[:, 2:] - prior[:, :2], corners[:, 2:] - corners[:, :2]
            away = (corners[:, :2] + corners[:, 2:] - prior[:, :2] - prior[:, 2:]) / 2 / (0.1 * sizes)
            target = torch.cat([away, (own / sizes).log() / 0.2], dim=1).to(locations.dtype)
        local = functional.smooth_l1_loss(locations[here], target, reduction="sum")
        flat = functional.cross_entropy(scores.flatten(0, 1), classes.flatten(), reduction="none")
        losses = flat.view_as(classes)
        with torch.no_grad():
            order = losses.masked_fill(here, -1.0).sort(dim=1, descending=True).indices.argsort(dim=1)
            mined = (order < 3 * here.sum(dim=1, keepdim=True)) & ~here
        return (local + losses[here].sum() + losses[mined].sum()) / here.sum().clamp(min=1)

    return loss


# -- NumPy -------------------------------------------------------------------------------------------------------------


def numpy_overlaps(a: Any, b: Any) -> Any:
    """Of all pairs, a plane for each coordinate: three times as fast as with the coordinates last."""
    (x1, y1, x2, y2), (u1, v1, u2, v2) = (list(x.T) for x in (a, b))
    w = np.minimum(x2[:, None], u2) - np.maximum(x1[:, None], u1)
    h = np.minimum(y2[:, None], v2) - np.maximum(y1[:, None], v1)
    shared = np.maximum(w, 0, out=w)
    shared *= np.maximum(h, 0, out=h)
    union = ((x2 - x1) * (y2 - y1))[:, None] + (u2 - u1) * (v2 - v1)
    union -= shared
    shared /= union
    return shared


# -- Measurements ------------------------------------------------------------------------------------------------------


def multibox(images: int, classes: int, dtype: str, libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """MultiBox, its gradients fresh and given."""
    given = scenes(images, classes, dtype)
    out = np.empty_like(given[0]), np.empty_like(given[1])
    expected = fl.multibox.value_and_grad(*given)
    setups = {"torch": lambda: frameworks.backward(torch_multibox(*given[2:]), given[:2], (0, 1))}
    setups = {name: setups[name] for name in libraries if name in setups}
    found = row_peers.rivals("multibox", setups, expected, dtype)
    calls: dict[str, Callable[[], Any]] = {
        "fresh": lambda: fl.multibox.value_and_grad(*given),
        "out": lambda: fl.multibox.value_and_grad(*given, out=out),
        "value": lambda: fl.multibox(*given),
        "matching": lambda: fl.match_boxes(given[2], given[4]),
    }
    about = {"loss": "multibox", "images": images, "classes": classes, "dtype": dtype, "bar": ("torch", "fresh")}
    return {**about, **command.timed(calls, found, rounds)}


def overlaps(count: int, dtype: str, libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """All pairs of so many boxes with the priors."""
    a, b = boxes(np.random.default_rng(1), count, dtype), fl.default_boxes("ssd300", dtype=dtype)
    expected = fl.box_iou(a, b)
    calls: dict[str, Callable[[], Any]] = {"fresh": lambda: fl.box_iou(a, b)}
    if "numpy" in libraries:
        np.testing.assert_allclose(numpy_overlaps(a, b), expected, rtol=1e-4, atol=1e-6)
        calls["numpy"] = lambda: numpy_overlaps(a, b)
    if "torch" in libraries:
        ta, tb = frameworks.tensor(a), frameworks.tensor(b)
        np.testing.assert_allclose(torch_overlaps(ta, tb).numpy(), expected, rtol=1e-4, atol=1e-6)
        calls["torch"] = lambda: torch_overlaps(ta, tb)
    about = {"loss": "box_iou", "images": count, "classes": len(b), "dtype": dtype, "bar": ("numpy", "fresh")}
    return {**about, **command.timed(calls, {}, rounds)}


def bars(record: dict[str, Any]) -> list[Bar]:
    """How much of the other's time it takes."""
    times, (other, own) = record["times"], record["bar"]
    if other not in times:
        return []
    return [Bar(record["loss"], f"{other}, {record['dtype']}", f"{own} / {other}", 1 / FASTER,
                times[own].median / times[other].median)]  # fmt: skip


def report(records: Sequence[dict[str, Any]]) -> str:
    """Each call, and how many times as long it takes as with fresh results."""
    lines = []
    for r in records:
        size = f"{r['images']} x {r['classes']}, {r['dtype']}"
        lines += [[f"{r['loss']}, {size}", name, str(t), f"{t.median / r['times']['fresh'].median:.2f}"]
                  for name, t in r["times"].items()]  # fmt: skip
        lines += [[f"{r['loss']}, {size}", name, "n/a", ""] for name in r["not_timed"]]
    table = timing.table(["what", "", "time", "/fresh"], lines)
    return table + "\n" + verdicts([bar for r in records for bar in bars(r)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=PEERS, rounds=9)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--classes", type=int, default=21)
    options = parser.parse_args(argv)
    images, count, rounds = (2, 10, 2) if options.quick else (options.images, 1_000, options.rounds)
    timing.warn_if_busy()
    libraries = command.installed(options)
    records = []
    for dtype in ("float32", "float64"):
        records.append(multibox(images, options.classes, dtype, libraries, rounds))
        records.append(overlaps(count, dtype, libraries, rounds))
    print(timing.headline(timing.machine()))
    print(
        f"MultiBox with SSD300's 8,732 priors: images x classes; overlaps: boxes x priors; {command.spread(records)}\n"
    )
    print(report(records))
    timing.write_json(options.json, records, what="detection")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
