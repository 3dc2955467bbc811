"""Losses of embeddings beside torch's, and what a batch's takes: ``python -m bench.embeddings``.

Triplets and pairs side by side; softmax of all pairs of a batch and mined triplets beside torch's eager formulas; the
memory of one call as the batch grows.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import command, frameworks, row_peers, timing
from .bars import Bar, verdicts

FEATURES = 128


def vectors(count: int, n: int, dtype: str, features: int = FEATURES) -> list[Any]:
    return list(np.random.default_rng(20261126).standard_normal((count, n, features)).astype(dtype))


def labels(n: int) -> Any:
    """Eight samples a class."""
    return np.random.default_rng(1).permutation(n) // 8


# -- torch -------------------------------------------------------------------------------------------------------------


def torch_triplet(a: Any, p: Any, n: Any) -> Any:
    import torch.nn.functional as functional

    return functional.triplet_margin_loss(a, p, n, eps=0.0)


def torch_cosine(target: Any) -> Callable[..., Any]:
    import torch.nn.functional as functional

    marks = frameworks.tensor(target)
    return lambda a, b: functional.cosine_embedding_loss(a, b, marks)


def torch_info_nce(symmetric: bool) -> Callable[..., Any]:
    import torch
    import torch.nn.functional as functional

    def loss(query: Any, key: Any) -> Any:
        scores = functional.normalize(query) @ functional.normalize(key).T / 0.07
        own = torch.arange(len(query))
        rows = functional.cross_entropy(scores, own)
        return (rows + functional.cross_entropy(scores.T, own)) / 2 if symmetric else rows

    return loss


def torch_nt_xent(first: Any, second: Any) -> Any:
    """The formula as it is usually written: the table of all scores, its diagonal filled."""
    import torch
    import torch.nn.functional as functional

    n = len(first)
    z = functional.normalize(torch.cat([first, second]))
    scores = (z @ z.T / 0.5).masked_fill(torch.eye(2 * n, dtype=torch.bool), -torch.inf)
    return functional.cross_entropy(scores, torch.arange(2 * n).roll(n))


def torch_supervised(marks: Any) -> Callable[..., Any]:
    import torch
    import torch.nn.functional as functional

    classes = frameworks.tensor(marks)

    def loss(x: Any) -> Any:
        itself = torch.eye(len(x), dtype=torch.bool)
        z = functional.normalize(x)
        logs = (z @ z.T / 0.1).masked_fill(itself, -torch.inf).log_softmax(dim=1).masked_fill(itself, 0.0)
        positive = (classes[:, None] == classes).masked_fill(itself, False).to(x.dtype)
        return -((logs * positive).sum(dim=1) / positive.sum(dim=1)).mean()

    return loss


def torch_mined(marks: Any, way: str) -> Callable[..., Any]:
    """By the table of all distances; of all triplets by that of all triplets, as it is usually written."""
    import torch

    classes = frameworks.tensor(marks)

    def loss(x: Any) -> Any:
        d = torch.cdist(x, x)
        same = classes[:, None] == classes
        positive = same & ~torch.eye(len(x), dtype=torch.bool)
        if way == "all":
            triplets = (d[:, :, None] - d[:, None, :] + 1.0).relu()
            valid = positive[:, :, None] & ~same[:, None, :]
            return (triplets * valid).sum() / valid.sum()
        far = d.masked_fill(~positive, -torch.inf).amax(dim=1)
        near = d.masked_fill(same, torch.inf).amin(dim=1)
        return (far - near + 1.0).relu().mean()

    return loss


# -- Measurements ------------------------------------------------------------------------------------------------------


def case(
    loss: Any, title: str, n: int, dtype: str, inputs: Sequence[Any], rest: Sequence[Any], rival: Any,
    libraries: Sequence[str], rounds: int, **keywords: Any,
) -> dict[str, Any]:  # fmt: skip
    """One loss at one size: value and gradients, and the value alone."""
    expected = loss.value_and_grad(*inputs, *rest, **keywords)
    count = tuple(range(len(inputs)))
    setups = {"torch": lambda: frameworks.backward(rival(), inputs, count)}
    found = row_peers.rivals(title, {k: v for k, v in setups.items() if k in libraries}, expected, dtype)
    calls: dict[str, Callable[[], Any]] = {
        "value and gradients": lambda: loss.value_and_grad(*inputs, *rest, **keywords),
        "value": lambda: loss(*inputs, *rest, **keywords),
    }
    if "torch" in libraries:
        import torch

        forward, tensors = rival(), [frameworks.tensor(x).detach() for x in inputs]

        def value() -> Any:
            with torch.no_grad():
                return forward(*tensors)

        calls["torch, value"] = value
    return {"loss": title, "n": n, "dtype": dtype, **command.timed(calls, found, rounds)}


def side_by_side(n: int, dtype: str, libraries: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Triplets and pairs."""
    arrays = vectors(3, n, dtype)
    target = np.where(np.arange(n) % 2, 1.0, -1.0).astype(dtype)
    return [
        case(fl.triplet_margin, "triplet_margin", n, dtype, arrays, (), lambda: torch_triplet, libraries, rounds),
        case(fl.cosine_embedding, "cosine_embedding", n, dtype, arrays[:2], (target,),
             lambda: torch_cosine(target), libraries, rounds),
    ]  # fmt: skip


def of_a_batch(n: int, dtype: str, libraries: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """All pairs of so many samples."""
    two, marks = vectors(2, n, dtype), labels(n)
    one = two[:1]
    found = [
        case(fl.info_nce, "info_nce", n, dtype, two, (), lambda: torch_info_nce(False), libraries, rounds),
        case(fl.info_nce, "info_nce, symmetric", n, dtype, two, (), lambda: torch_info_nce(True), libraries, rounds,
             symmetric=True),
        case(fl.nt_xent, "nt_xent", n, dtype, two, (), lambda: torch_nt_xent, libraries, rounds),
        case(fl.supervised_contrastive, "supervised_contrastive", n, dtype, one, (marks,),
             lambda: torch_supervised(marks), libraries, rounds),
        case(fl.batch_triplet_margin, "triplets, hard", n, dtype, one, (marks,), lambda: torch_mined(marks, "hard"),
             libraries, rounds, mining="hard"),
    ]  # fmt: skip
    if n <= 256:  # or torch's table of triplets takes gigabytes
        found.append(case(fl.batch_triplet_margin, "triplets, all", n, dtype, one, (marks,),
                          lambda: torch_mined(marks, "all"), libraries, rounds))  # fmt: skip
    return found


def memory(loss: Any, n: int, dtype: str) -> float:
    """The peak of one call, in bytes a sample."""
    inputs = vectors(2, n, dtype) if len(loss.wrt) > 1 else [*vectors(1, n, dtype), labels(n)]
    loss.value_and_grad(*inputs)
    tracemalloc.start()
    loss.value_and_grad(*inputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / n


def peaks(sizes: Sequence[int], dtype: str) -> str:
    """Bytes a sample, as the batch grows: the table of all pairs would double with each line."""
    losses = (fl.info_nce, fl.nt_xent, fl.supervised_contrastive, fl.circle, fl.batch_triplet_margin)
    lines = [[str(n), *(f"{memory(loss, n, dtype):,.0f}" for loss in losses)] for n in sizes]
    return timing.table(["samples", *(f"{loss.name}, B/sample" for loss in losses)], lines)


def bars(record: dict[str, Any]) -> list[Bar]:
    """How much of torch's time it takes."""
    times, found = record["times"], []
    for own, other in (("value and gradients", "torch"), ("value", "torch, value")):
        if other in times:
            subject = f"{record['loss']}, {other}, {record['n']}, {record['dtype']}"
            found.append(Bar("embeddings", subject, "of torch's", 1.0, times[own].median / times[other].median))
    return found


def report(records: Sequence[dict[str, Any]]) -> str:
    """Each call, and how many times as long it takes as value and gradients."""
    lines = []
    for r in records:
        size = f"{r['loss']}, {r['n']} x {FEATURES}, {r['dtype']}"
        whole = r["times"]["value and gradients"].median
        lines += [[size, name, str(t), f"{t.median / whole:.2f}"] for name, t in r["times"].items()]
        lines += [[size, name, "n/a", ""] for name in r["not_timed"]]
    return timing.table(["what", "", "time", "/own"], lines) + "\n" + verdicts([b for r in records for b in bars(r)])


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=("torch",), rounds=9)
    parser.add_argument("--sizes", default="1,64,1024,16384", help="of what is side by side, separated by commas")
    parser.add_argument("--batches", default="32,256,2048", help="samples of a batch, separated by commas")
    options = parser.parse_args(argv)
    sizes, batches = ([int(x) for x in text.split(",")] for text in (options.sizes, options.batches))
    rounds, grown, dtypes = options.rounds, [1_024, 2_048, 4_096, 8_192], ["float32", "float64"]
    if options.quick:
        sizes, batches, rounds, grown, dtypes = [4], [16], 2, [32], ["float32"]
    timing.warn_if_busy()
    libraries = command.installed(options)
    records = []
    for dtype in dtypes:
        for n in sizes:
            records += side_by_side(n, dtype, libraries, rounds)
        for n in batches:
            records += of_a_batch(n, dtype, libraries, rounds)
    print(timing.headline(timing.machine()))
    print(f"vectors of {FEATURES} features; {command.spread(records)}\n")
    print(report(records))
    print(peaks(grown, "float32"))
    timing.write_json(options.json, records, what="embeddings")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
