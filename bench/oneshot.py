"""A script that runs once: ``python -m bench.oneshot``.

The mean of Huber's loss and the norm of its gradient over 50 million rows of float32, out of two .npy files that are in
the system's memory: whole processes from start to end, of each library in turns. Whole arrays at once as a user would
write it, and in chunks of 2^18 rows, for which nothing as large as the data is allocated. fastloss's kernels are kept
on disk, those of the others are part of them. All must agree.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from . import command, timing

ROOT = Path(__file__).resolve().parents[1]
ROWS = 50_000_000

HEAD = """
import sys
import numpy as np
p, t = (np.load(name, mmap_mode='r') for name in ('pred.npy', 'target.npy'))
n, step = p.size, 1 << 18
total = square = 0.0
"""
CHUNKS = """
for k in range(0, n, step):
    a, b = p[k : k + step], t[k : k + step]
"""
TAIL = "\nprint(value, norm)"

SCRIPTS = {
    "fastloss": HEAD + """
import fastloss as fl
value, grad = fl.huber.value_and_grad(p, t)
norm = np.sqrt(np.dot(grad, grad))
""" + TAIL,
    "fastloss, in chunks": HEAD + """
import fastloss as fl
grad = np.empty(step, np.float32)
""" + CHUNKS + """
    part, g = fl.huber.value_and_grad(a, b, reduction='sum', out=grad[: a.size])
    total += part
    square += np.dot(g, g)
value, norm = total / n, np.sqrt(square) / n
""" + TAIL,
    "numpy": HEAD + """
r = p - t
value = np.mean(np.where(np.abs(r) <= 1, 0.5 * r * r, np.abs(r) - 0.5))
norm = np.linalg.norm(np.clip(r, -1, 1)) / n
""" + TAIL,
    "numpy, in chunks": HEAD
    + CHUNKS
    + """
    r = a - b
    total += float(np.sum(np.where(np.abs(r) <= 1, 0.5 * r * r, np.abs(r) - 0.5)))
    square += float(np.sum(np.clip(r, -1, 1) ** 2))
value, norm = total / n, np.sqrt(square) / n
"""
    + TAIL,
    "numpy, in chunks, tuned": HEAD
    + CHUNKS
    + """
    r = a - b
    g = np.clip(r, -1, 1)
    total += float(np.dot(g, r)) - 0.5 * float(np.dot(g, g))
    square += float(np.dot(g, g))
value, norm = total / n, np.sqrt(square) / n
"""
    + TAIL,
    "numexpr": HEAD + """
import numexpr as ne
value = float(ne.evaluate('sum(where(abs(p - t) <= 1, 0.5 * (p - t) ** 2, abs(p - t) - 0.5))')) / n
norm = np.sqrt(float(ne.evaluate('sum(where(abs(p - t) <= 1, (p - t) ** 2, 1.0))'))) / n
""" + TAIL,
    "torch": HEAD + """
import torch
p, t = torch.from_numpy(p).requires_grad_(), torch.from_numpy(t)
loss = torch.nn.functional.huber_loss(p, t)
loss.backward()
value, norm = loss.item(), p.grad.norm().item()
""" + TAIL,
}  # fmt: skip
"""Tuned, NumPy needs no comparison: with g = r limited to [-1, 1], the loss is g r - g^2 / 2."""


def once(name: str, folder: Path) -> tuple[float, list[float]]:
    """Seconds of a library's process, and the numbers that it printed."""
    env = {**os.environ, "FASTLOSS_CACHE_DIR": str(folder / "kernels"), "PYTHONPYCACHEPREFIX": str(folder / "pycache")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPATH"] = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    start = perf_counter()
    command = [sys.executable, "-W", "ignore", "-c", SCRIPTS[name]]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=True)
    return perf_counter() - start, [float(word) for word in done.stdout.split()]


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__, libraries=("numpy", "numexpr", "torch"), rounds=7, of="library, whole processes")
    options = parser.parse_args(argv)
    timing.warn_if_busy()
    rows, rounds = (100_000, 1) if options.quick else (ROWS, options.rounds)
    wanted = {"fastloss", *options.peers.split(",")}
    names = [name for name in SCRIPTS if name.split(",")[0] in wanted and find_spec(name.split(",")[0])]
    times: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as text:
        folder, dice = Path(text), np.random.default_rng(0)
        for file in ("pred", "target"):
            np.save(folder / f"{file}.npy", dice.standard_normal(rows, np.float32))
        for turn in range(rounds + 1):  # the first fills the caches
            for name in names:
                spent, found = once(name, folder)
                if name == names[0]:
                    right = found
                # BLAS adds fifty million squares in float32.
                if not np.allclose(found, right, rtol=2e-2):
                    raise AssertionError(f"{name}: {found}, fastloss: {right}")
                if turn:
                    times[name].append(spent)
    median = {name: statistics.median(each) for name, each in times.items()}
    ours = min(t for name, t in median.items() if name.startswith("fastloss"))
    for name, t in median.items():
        print(f"{name:<24}{t:>8.3f} s{t / ours:>8.2f}")
    records: list[dict[str, Any]] = [{"what": name, "seconds": t, "rows": rows} for name, t in median.items()]
    print("\n" + timing.headline(timing.machine()))
    timing.write_json(options.json, records, what="oneshot")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
