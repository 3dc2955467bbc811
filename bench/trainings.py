"""Trainings with `fastloss.torch` beside torch's losses, in one run: the curves, the time in the loss, the memory.

The same network from the same numbers on the same batches, once for each library, a step of the one after a step of the
other. A step's loss is cut off the network: what the loss reads is a leaf, so that its forward and backward passes are
timed alone, and the network's own backward pass goes on from the gradient.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import memory, timing

LIBRARIES = ("fastloss", "torch", "torch.compile", "fastloss, compiled")


@dataclass(frozen=True)
class Task:
    """What is trained: a network from `inputs` numbers to `outputs`, and its loss."""

    inputs: int
    hidden: int
    outputs: int
    batch: int
    function: str
    label: Callable[[Any, int, int], Any]
    """Targets of so many samples and outputs, drawn from a generator."""
    head: bool = False
    """Whether the last layer belongs to the loss."""
    steps: int = 30


def _classes(rng: Any, n: int, k: int) -> Any:
    return rng.integers(0, k, n)


def _numbers(rng: Any, n: int, k: int) -> Any:
    return rng.standard_normal((n, k), "f")


def _several(rng: Any, n: int, k: int) -> Any:
    return (rng.random((n, k)) < 0.05).astype("f")


TASKS = {
    "classifier, 32,000 classes": Task(64, 64, 32_000, 512, "cross_entropy", _classes),
    "language model's head": Task(64, 128, 32_000, 512, "linear_cross_entropy", _classes, head=True),
    "regression": Task(16, 16, 64, 16_384, "huber_loss", _numbers),
    "labels, several each": Task(32, 32, 1_000, 1_024, "binary_cross_entropy_with_logits", _several),
}
QUICK = {
    name: Task(4, 4, 20, 16, task.function, task.label, task.head, steps=3) for name, task in TASKS.items()
}  # fmt: skip


class Training:
    """One library's network, its optimiser and what it has lost so far."""

    def __init__(self, task: Task, library: str) -> None:
        import torch
        from torch import nn

        torch.manual_seed(20261128)
        torch.set_num_threads(timing.thread_count())
        self.task = task
        wide = nn.Linear(task.hidden, task.outputs, bias=not task.head)
        body = [nn.Linear(task.inputs, task.hidden), nn.ReLU()]
        self.network = nn.Sequential(*body) if task.head else nn.Sequential(*body, wide)
        self.head = (wide.weight,) if task.head else ()
        self.optimiser = torch.optim.SGD([*self.network.parameters(), *self.head], lr=0.05)
        self.loss = _loss(task, library)
        self.curve: list[float] = []
        self.seconds: list[float] = []

    def step(self, x: Any, y: Any) -> None:
        """Once forward, backward and along the gradient."""
        self.optimiser.zero_grad()
        output = self.network(x)
        read = output.detach().requires_grad_()
        start = time.perf_counter()
        value = self.loss(read, *self.head, y)
        value.backward()
        self.seconds.append(time.perf_counter() - start)
        output.backward(read.grad)
        self.optimiser.step()
        self.curve.append(value.item())


def _loss(task: Task, library: str) -> Callable[..., Any]:
    import torch

    import fastloss.torch as ours

    module = ours if library.startswith("fastloss") else torch.nn.functional
    function: Any = getattr(module, task.function)
    if library.endswith("compile") or library.endswith("compiled"):
        return torch.compile(lambda *x: function(*x), dynamic=False)  # type: ignore[no-any-return]
    return function  # type: ignore[no-any-return]


def batches(task: Task) -> Sequence[tuple[Any, Any]]:
    """A few batches, which are gone through again and again."""
    import torch

    rng = np.random.default_rng(20261128)
    return [
        (torch.from_numpy(rng.standard_normal((task.batch, task.inputs), "f")),
         torch.from_numpy(task.label(rng, task.batch, task.outputs)))
        for _ in range(4)
    ]  # fmt: skip


def measured(libraries: Sequence[str], quick: bool) -> list[dict[str, Any]]:
    """Every training by every library: the curves, seconds a step in the loss, bytes."""
    import torch

    wanted = [
        x for x in LIBRARIES if x == "fastloss" or x in libraries or (x[-1] == "d" and "torch.compile" in libraries)
    ]
    found = []
    for name, task in (QUICK if quick else TASKS).items():
        torch._dynamo.reset()
        runs = {library: Training(task, library) for library in wanted}
        data = batches(task)
        for k in range(task.steps):
            for library in sorted(wanted, key=lambda x, k=k: (LIBRARIES.index(x) + k) % len(LIBRARIES)):
                runs[library].step(*data[k % len(data)])
        for library, run in runs.items():
            # The first steps compile, start threads and touch pages.
            took = float(np.median(run.seconds[len(data) // 2 :]))
            about = {"training": name, "library": library, "curve": run.curve, "seconds": took}
            found.append({**about, **_peak(name, library, quick)})
    return found


def _peak(name: str, library: str, quick: bool) -> dict[str, Any]:
    """What a process holds at most while it trains, beyond what it held before, in a process of its own."""
    child = [sys.executable, "-m", "bench.trainings", name, library, *(["--quick"] if quick else [])]
    done = subprocess.run(child, cwd=memory.ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip() or "no message").splitlines()[-1][:120]}
    return {"peak": json.loads(done.stdout.splitlines()[-1])}


def _child(name: str, library: str, quick: bool) -> int:
    task = (QUICK if quick else TASKS)[name]
    given = batches(task)
    run = Training(task, library)
    for x, y in given[:2]:
        run.step(x, y)
    run.optimiser.zero_grad()
    memory._give_back()
    memory._reset_peak()
    before = memory._resident_peak()
    for x, y in given:
        run.step(x, y)
    return memory._resident_peak() - before


def apart(curve: Sequence[float], other: Sequence[float]) -> float:
    """The largest difference of two curves, in the larger of the two."""
    a, b = np.array(curve), np.array(other)
    return float(np.max(np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))))


def report(records: Sequence[dict[str, Any]]) -> str:
    """Each training: seconds in the loss, beside ours, the curve beside torch's, the memory."""
    lines = []
    for r in records:
        rest = {x["library"]: x for x in records if x["training"] == r["training"]}
        ours, theirs = rest["fastloss"], rest.get("torch", r)
        held = f"{r['peak'] / 2**20:.0f} MiB" if "peak" in r else "n/a: " + r["error"]
        lines.append([f"{r['training']}: {r['library']}", timing.seconds(r["seconds"]),
                      f"{r['seconds'] / ours['seconds']:.2f}", f"{apart(r['curve'], theirs['curve']):.1e}",
                      f"{r['curve'][0]:.4f} to {r['curve'][-1]:.4f}", held])  # fmt: skip
    titles = ["training", "in the loss, a step", "/fastloss", "off torch's curve", "loss", "peak of the process"]
    return timing.table(titles, lines)


if __name__ == "__main__":
    print(_child(sys.argv[1], sys.argv[2], "--quick" in sys.argv))
