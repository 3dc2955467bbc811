"""For pytest-benchmark: ``pytest bench --benchmark-only``.

A group is one loss and one size: its verbs and its peers stand beside each other. Names stay the same from run to run,
for ``--benchmark-compare``. ``FASTLOSS_BENCH_SIZE`` is the number of elements; continuous integration runs each case
once, tiny, with ``--benchmark-disable``, which compiles nothing. No package, or asv would look for benchmarks here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastloss as fl
from bench import cases, peers, row_peers, timing
from bench import rows as row_inputs

SIZE = int(os.environ.get("FASTLOSS_BENCH_SIZE", 1 << 20))
# torch.compile takes seconds for each case: `bench.pointwise` and `bench.rows` have it.
LIBRARIES = [name for name in peers.LIBRARIES if name != "torch.compile"]


@pytest.fixture(autouse=True)
def _once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where nothing is timed, run the templates as plain Python: no case needs a kernel, of 300, to be called once."""
    if not request.config.getoption("benchmark_disable"):
        yield
        return
    from uncompiled import nothing_compiled

    with nothing_compiled():
        yield


@pytest.mark.parametrize("verb", cases.VERBS)
@pytest.mark.parametrize("name", cases.POINTWISE)
def test_pointwise(benchmark: Any, name: str, verb: str) -> None:
    benchmark.group = f"{name}, {SIZE} elements"
    benchmark(cases.call(name, verb, SIZE))


@pytest.mark.parametrize("classes", cases.CLASSES)
@pytest.mark.parametrize("name", cases.ROWS)
def test_rows(benchmark: Any, name: str, classes: int) -> None:
    benchmark.group = f"{name}, {classes} classes"
    benchmark(cases.call(name, "value_and_grad", cases.shape(name, SIZE, classes)))


@pytest.mark.parametrize(
    ("name", "library"),
    [(n, library) for n in cases.POINTWISE for library in LIBRARIES if library in peers.PEERS.get(n, {})],
)
def test_peer(benchmark: Any, name: str, library: str) -> None:
    """Beside `value_and_grad` of the same loss; compared with it before it is timed."""
    pytest.importorskip(peers.MODULES[library])
    benchmark.group = f"{name}, {SIZE} elements"
    rival = peers.rivals(fl.LOSSES[name], timing.inputs(fl.LOSSES[name], SIZE, np.float32), [library])[library]
    assert rival.call is not None, rival.reason
    benchmark(rival.call)


@pytest.mark.parametrize("library", [name for name in row_peers.PEERS if name in LIBRARIES])
@pytest.mark.parametrize("classes", cases.CLASSES)
def test_row_peer(benchmark: Any, classes: int, library: str) -> None:
    pytest.importorskip(peers.MODULES[library])
    n, _ = cases.shape("cross_entropy", SIZE, classes)
    scores, labels = row_inputs.logits(n, classes, "float32"), row_inputs.labels(n, classes)
    benchmark.group = f"cross_entropy, {classes} classes"
    expected = fl.cross_entropy.value_and_grad(scores, labels)
    setups = {library: lambda: row_peers.PEERS[library](scores, labels)}
    rival = row_peers.rivals(f"{classes} classes", setups, expected, "float32", n)[library]
    assert rival.call is not None, rival.reason
    benchmark(rival.call)
