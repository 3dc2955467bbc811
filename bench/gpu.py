"""On a GPU, with torch's arrays: ``python -m bench.gpu``. Bandwidth beside the card's own copy, launches, memory.

Each call is one value and gradient, its gradient into a given array; the libraries make theirs. Before a library is
timed, its value and gradient are compared with fastloss's. Times are of CUDA's events around as many calls as last
20 ms, in turns, in an order shuffled anew each round. The file of `--json` is written anew after each case, and a case
that fails is told and passed over: what ends a run early, a lease of the machine for instance, costs nothing before.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import fastloss as fl

from . import command, frameworks, peers, row_peers, timing
from .bars import Bar, verdicts
from .pointwise import chosen
from .rows import title
from .timing import Timing

FAMILY, SHARE, OVERHEAD, COMPILED = "CUDA", "share of the card's copy bandwidth", "overhead", "torch.compile / fastloss"
BANDWIDTH_BAR, OVERHEAD_BAR = 0.85, 15.0
LIBRARIES = ("torch", "torch.compile", "liger", "quack")
QUICK = "huber,binary_cross_entropy_with_logits"
"""The losses of a tiny run: torch.compile takes seconds for each."""
SAMPLE = 0.02
CLOSE = {"float32": 1e-5, "bfloat16": 2e-2}
"""How far a library's gradient may be off, in units of its largest."""

Call = Callable[[], Any]


def interleaved(calls: Mapping[str, Call], rounds: int) -> dict[str, Timing]:
    """Time all calls on the device, in turns."""
    import torch

    def seconds(call: Call, repeats: int) -> float:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(repeats):
            call()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3 / repeats

    order, names = np.random.default_rng(20261121), list(calls)
    repeats = {}
    for name, call in calls.items():
        call()
        repeats[name] = max(1, int(SAMPLE / max(seconds(call, 3), 1e-7)))
    samples: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for k in order.permutation(len(names)):
            seconds(calls[names[k]], 1)
            samples[names[k]].append(seconds(calls[names[k]], repeats[names[k]]))
    return {name: timing.summary(found, repeats[name]) for name, found in samples.items()}


def equal(expected: Any, got: Any, dtype: str) -> str:
    """Why a library's result is not fastloss's; '' where it is."""
    value, grad = float(got[0].detach().double()), got[1][0] if isinstance(got[1], tuple) else got[1]
    if abs(value - float(expected[0].double())) > max(CLOSE[dtype], 1e-4) * abs(value):
        return f"another value: {value}"
    # Piece by piece: in float64 a gradient would take twice its memory.
    largest = float(expected[1].abs().max())
    pairs = zip(expected[1].flatten().split(1 << 24), grad.flatten().split(1 << 24), strict=True)
    off = max(float((a.float() - b.float()).abs().max()) for a, b in pairs)
    return "" if off <= CLOSE[dtype] * largest else f"another gradient: {off / largest:.2g} of the largest"


def ready(
    title: str, setups: Mapping[str, Callable[[], Call]], differs: Callable[[Any], str]
) -> tuple[dict[str, Call], dict[str, str]]:
    """The libraries' calls that agree; and why the others do not."""
    found = peers.compared(title, setups, lambda library, got: differs(got))
    return ({name: rival.call for name, rival in found.items() if rival.call},
            {name: rival.reason for name, rival in found.items() if rival.reason})  # fmt: skip


def measure(
    name: str, subject: str, dtype: str, mine: Call, out: Any, floor: Call, moved: tuple[int, int],
    setups: Mapping[str, Callable[[], Call]], rounds: int,
) -> dict[str, Any]:  # fmt: skip
    """One loss beside the card's copy and the libraries; `moved` are the bytes of both."""
    value, _ = mine()
    expected = value.clone(), out.clone()
    calls, reasons = ready(f"{name}, {subject}", setups, lambda got: equal(expected, got, dtype))
    expected = ()  # the memory is wanted
    times = interleaved({"fastloss": mine, "copy": floor, **calls}, rounds)
    rates = {k: n / times[k].median / 1e9 for k, n in zip(("fastloss", "copy"), moved, strict=True)}
    return {"loss": name, "subject": subject, "dtype": dtype, "times": times, "bandwidth": rates, "not_timed": reasons}


def pointwise(loss: fl.Loss, size: int, dtype: str, rounds: int) -> dict[str, Any]:
    """A loss of two inputs: two arrays read and one written, beside a copy that reads one and writes one."""
    import torch

    kind = getattr(torch, dtype)
    host = timing.inputs(loss, min(size, 1 << 20), np.float32)
    arrays = [torch.from_numpy(x).cuda().repeat(size // len(x)).to(kind) for x in host]
    out, width = torch.empty_like(arrays[0]), arrays[0].element_size()
    setups: dict[str, Callable[[], Call]] = {}
    if "torch" in peers.PEERS.get(loss.name, {}):
        forward = peers.torch_mean(loss)
        setups["torch"] = lambda: frameworks.backward(forward, arrays, loss.wrt)
        setups["torch.compile"] = lambda: frameworks.backward(frameworks.compiled(forward), arrays, loss.wrt)
    plain = [x.detach() for x in arrays]
    return measure(
        loss.name, f"{size:,} elements", dtype, lambda: loss.value_and_grad(*plain, out=out, check=False), out,
        lambda: out.copy_(plain[0]), ((len(arrays) + 1) * size * width, 2 * size * width), setups, rounds,
    )  # fmt: skip


def rows(classes: int, size: int, dtype: str, rounds: int) -> dict[str, Any]:
    """`cross_entropy` of labels: the logits read and the gradient written, as a copy does."""
    import torch
    from torch.nn.functional import cross_entropy

    n = max(1, size // classes)
    logits = torch.randn(n, classes, device="cuda", dtype=getattr(torch, dtype)) * 3
    labels = torch.randint(0, classes, (n,), device="cuda")
    out, nbytes = torch.empty_like(logits), logits.numel() * logits.element_size()
    setups = {
        "torch": lambda: frameworks.backward(cross_entropy, (logits, labels)),
        "torch.compile": lambda: frameworks.backward(frameworks.compiled(cross_entropy), (logits, labels)),
    }
    if importlib.util.find_spec("liger_kernel"):
        setups["liger"] = lambda: row_peers.liger(logits, labels)
    if importlib.util.find_spec("quack"):
        setups["quack"] = lambda: row_peers.quack(logits, labels)
    plain = logits.detach()
    return measure(
        "cross_entropy", title(dtype, classes), dtype,
        lambda: fl.cross_entropy.value_and_grad(plain, labels, out=out, check=False), out, lambda: out.copy_(plain),
        (2 * nbytes, 2 * nbytes), setups, rounds,
    )  # fmt: skip


def launches(rounds: int) -> dict[str, Any]:
    """Seconds of the host for a call on 8 numbers, of which the device's part is next to nothing."""
    import torch

    x, y = (torch.randn(8, device="cuda") for _ in range(2))
    out, forward = torch.empty_like(x), peers.torch_mean(fl.huber)
    mine: dict[str, Call] = {
        "fastloss": lambda: fl.huber.value_and_grad(x, y),
        "fastloss, out=": lambda: fl.huber.value_and_grad(x, y, out=out),
    }
    setups = {
        "torch": lambda: frameworks.backward(forward, (x.clone(), y)),
        "torch.compile": lambda: frameworks.backward(frameworks.compiled(forward), (x.clone(), y)),
    }
    expected = mine["fastloss"]()
    calls, reasons = ready("a call on 8 numbers", setups, lambda got: equal(expected, got, "float32"))
    times = {}
    for name, call in (mine | calls).items():
        samples = []
        for _ in range(rounds + 1):
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(500):
                call()
            torch.cuda.synchronize()
            samples.append((time.perf_counter() - start) / 500)
        times[name] = timing.summary(samples[1:], 500)
    return {"loss": "huber", "subject": "a call on 8 numbers", "dtype": "float32", "times": times, "not_timed": reasons}


def memory(size: int) -> dict[str, Any]:
    """What a call allocates at its peak, in gradients."""
    import torch

    x, y = (torch.randn(size, device="cuda") for _ in range(2))
    out, found = torch.empty_like(x), {}
    for name, keywords in (("fresh", {}), ("out", {"out": out})):
        fl.huber.value_and_grad(x, y, **keywords)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        fl.huber.value_and_grad(x, y, **keywords)
        found[name] = (torch.cuda.max_memory_allocated() - before) / (4 * size)
    return {"loss": "huber", "subject": f"{size:,} elements", "dtype": "float32", "memory": found}


def told(record: Mapping[str, Any]) -> str:
    """A case, by its loss, what it is of, and its type."""
    parts = [record["loss"], record["subject"]]
    return ", ".join(parts if record["dtype"] in record["subject"] else [*parts, record["dtype"]])


def bars(records: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """The design's bars for a GPU."""
    found = []
    for r in records:
        subject, times = told(r), r.get("times", {})
        if "bandwidth" in r:
            share = r["bandwidth"]["fastloss"] / r["bandwidth"]["copy"]
            found.append(Bar(FAMILY, subject, SHARE, BANDWIDTH_BAR, share, True))
            if "torch.compile" in times:
                ratio = times["torch.compile"].median / times["fastloss"].median
                found.append(Bar(FAMILY, subject, COMPILED, 1.0, ratio, True))
        elif times:
            found.append(Bar(FAMILY, subject, OVERHEAD, OVERHEAD_BAR, 1e6 * times["fastloss"].median, unit=" us"))
    return found


def card() -> dict[str, Any]:
    """The device, for the report."""
    import torch

    facts = torch.cuda.get_device_properties(0)
    return {"name": facts.name, "memory": facts.total_memory, "multiprocessors": facts.multi_processor_count,
            "cuda": torch.version.cuda}  # fmt: skip


def lines(records: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Case by case: fastloss's time and bandwidth, its share of a copy's, each library's time in fastloss's."""
    found = []
    for r in records:
        if "bandwidth" in r:
            times, rates = r["times"], r["bandwidth"]
            ratios = [f"{times[k].median / times['fastloss'].median:.2f}" if k in times else "-" for k in LIBRARIES]
            found.append([told(r), str(times["fastloss"]),
                          f"{rates['fastloss']:.0f}", f"{rates['fastloss'] / rates['copy']:.0%}", *ratios])  # fmt: skip
    return found


def report(records: Sequence[Mapping[str, Any]]) -> str:
    """All cases."""
    small = [f"  {k}: {t}" for r in records if "bandwidth" not in r for k, t in r.get("times", {}).items()]
    peaks = [f"  {k}: {x:.3f} gradients" for r in records for k, x in r.get("memory", {}).items()]
    reasons = [f"  {told(r)}, {k}: {why}" for r in records
               for k, why in r.get("not_timed", {}).items()]  # fmt: skip
    table = timing.table(["", "fastloss", "GB/s", "of a copy", *LIBRARIES], lines(records))
    parts = [table, "a call on 8 numbers:", *small, "memory at the peak:", *peaks]
    return "\n".join([*parts, *(["not timed:", *reasons] if reasons else []), verdicts(bars(records))])


def cases(options: argparse.Namespace) -> Iterable[tuple[str, Callable[[], dict[str, Any]]]]:
    """What is measured, each by its name; the many losses last."""
    size, rounds = (1 << 20, 2) if options.quick else (options.size, options.rounds)
    dtypes = options.dtype.split(",")
    losses = chosen(options.losses or (QUICK if options.quick else None))
    yield "launches", partial(launches, rounds)
    yield "memory", partial(memory, min(size, 1 << 26))
    for dtype in dtypes:
        for k in options.classes.split(","):
            yield f"cross_entropy, {title(dtype, k)}", partial(rows, int(k), size, dtype, rounds)
    for dtype in dtypes:
        for loss in losses:
            if len(loss.inputs) == 2 and not loss.rooted:
                yield f"{loss.name}, {dtype}", partial(pointwise, loss, size, dtype, rounds)


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, rounds=5)
    parser.add_argument("--losses", help="pointwise losses of two inputs, separated by commas (default: all such)")
    parser.add_argument("--classes", default="1000,32000,131072", help="numbers of classes, by commas")
    parser.add_argument("--dtype", default="float32,bfloat16", help="of float32, bfloat16, separated by commas")
    parser.add_argument("--size", type=int, default=1 << 28, help="elements (default: 2**28)")
    options = parser.parse_args(argv)
    try:
        import torch
    except ImportError:
        raise SystemExit("bench.gpu measures with torch, which is not installed") from None
    if not torch.cuda.is_available():
        raise SystemExit("bench.gpu needs a GPU that torch can use, and there is none")
    records, failed = [], {}
    for name, case in cases(options):
        try:
            records.append(case())
        except Exception as error:  # the other cases are still to be measured
            failed[name] = peers.told(error)
        timing.write_json(options.json, records, what="gpu", card=card(), failed=failed)
        torch.cuda.empty_cache()
    print(timing.headline(timing.machine()), card(), report(records), sep="\n")
    print("\n".join(f"FAILED: {name}: {why}" for name, why in failed.items()))
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
