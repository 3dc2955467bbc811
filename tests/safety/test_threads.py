"""Parallel kernels run where that is safe, and their serial twins everywhere else."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import procs
import pytest
from data import some

from fastloss.kernels.cpu import pool, threads
from fastloss.structured import compiled

LAYERS = ("tbb", "omp", "workqueue")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

PRESENT = """
from fastloss.kernels.cpu import threads
pool = threads.launch()
print(pool.layer if pool else "none")
"""

CONCURRENT = """
import threading, time
import toy, numba
from fastloss.kernels.cpu import threads

inside, most = [], 0
class Pair(toy.Pair):
    def run_parallel(self, *args):
        global most
        inside.append(1)
        most = max(most, len(inside))
        time.sleep(1e-4)                # so that they do meet
        super().run_parallel(*args)
        inside.pop()

barrier, pairs, failed = threading.Barrier(4), [], []

def work():
    try:
        barrier.wait()
        pair = Pair()               # compiled by all four at once
        barrier.wait()
        pair.check(200)
        pairs.append(pair)
        numba.set_num_threads(3)
        pair.check(50)
        assert numba.get_num_threads() == 3
    except BaseException as error:
        failed.append(error)

workers = [threading.Thread(target=work) for _ in range(4)]
for w in workers: w.start()
for w in workers: w.join()
assert not failed, failed
parallel, serial = sum(p.parallel for p in pairs), sum(p.serial for p in pairs)
assert parallel + serial == 1000 and parallel > 0, (parallel, serial)
assert LAYER == "workqueue" or serial == 0, serial
assert (most == 1) == (LAYER == "workqueue"), most
assert threads._pool.layer == LAYER
assert numba.get_num_threads() == 4
"""

FORKS = """
import multiprocessing, os, sys, threading, time
import toy
from fastloss.kernels.cpu import threads

pair = toy.Pair()
assert pair.check(3) == (3, 0)

def serial_here(_=None):
    before = pair.parallel
    assert threads.get_num_threads() == 1 and not threads.allowed()
    pair.check(20)
    others = [threading.Thread(target=pair.check, args=(20,)) for _ in range(2)]
    for t in others: t.start()
    for t in others: t.join()
    return pair.parallel == before

def child(generations=1):
    pid = os.fork()
    if pid == 0:
        try:
            fine = serial_here()
            if generations > 1:
                child(generations - 1)
            os._exit(0 if fine else 3)
        except BaseException as error:
            print(error, flush=True)
            os._exit(4)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, code

child(generations=2)
with multiprocessing.get_context("fork").Pool(2) as workers:
    assert workers.map(serial_here, range(4)) == [True] * 4
thread = threading.Thread(target=child); thread.start(); thread.join()

stop = threading.Event()                # forked while another thread is in the kernel
def busy():
    while not stop.is_set(): pair.check()
thread = threading.Thread(target=busy); thread.start()
time.sleep(0.1); child(); child()
stop.set(); thread.join()

before = pair.parallel
pair.check(3)
assert pair.parallel == before + 3      # the parent goes on as it was
"""

FORK_FIRST = """
import os
from fastloss.kernels.cpu import threads
import toy

pid = os.fork()
if pid == 0:
    parallel, serial = toy.Pair().check(4)
    os._exit(10 if parallel == 4 else 20 if serial == 4 else 1)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert code == (20 if LAYER == "omp" else 10), code
assert toy.Pair().check() == (1, 0)
"""

LIMITS = """
import numba, threading
from fastloss.kernels.cpu import threads

seen = []
def parallel(*args): seen.append(numba.get_num_threads()); return "parallel"
def serial(*args): return "serial"
def call(): return threads.run_parallel(parallel, serial)

assert threads.get_num_threads() == 4
assert call() == "parallel" and seen.pop() == 4
threads.set_num_threads(2)
assert threads.get_num_threads() == 2
assert call() == "parallel" and seen.pop() == 2 and numba.get_num_threads() == 4
threads.set_num_threads(99)             # a cap, not a demand
assert threads.get_num_threads() == 4 and call() == "parallel" and seen.pop() == 4
numba.set_num_threads(3)
assert threads.get_num_threads() == 3 and call() == "parallel" and seen.pop() == 3
threads.set_num_threads(2)
def fails(): raise KeyboardInterrupt
for _ in range(2):
    try: threads.run_parallel(fails, serial)
    except KeyboardInterrupt: pass
    else: raise AssertionError
    assert numba.get_num_threads() == 3
assert call() == "parallel" and seen.pop() == 2     # the lock of workqueue is free again
threads.set_num_threads(1)
assert call() == "serial" and threads.get_num_threads() == 1 and not threads.allowed()
threads.set_num_threads(None)
numba.set_num_threads(1)
assert call() == "serial" and threads.get_num_threads() == 1
numba.set_num_threads(4)

def nested():
    answers = []
    t = threading.Thread(target=lambda: answers.append(call())); t.start(); t.join()
    return answers[0]
busy = threads.run_parallel(nested, serial)
assert busy == ("serial" if LAYER == "workqueue" else "parallel"), busy

# A kernel runs on the threads that there are when it runs, not when that was prepared.
from fastloss.kernels.cpu import compile
from fastloss.kernels.plan.rows import RowPlan
class Rows(RowPlan):
    entry, block = "rows", 1000
rows_plan = Rows(*[None] * len(RowPlan._fields))
compile.compiled = lambda plan: lambda crew, where: (bool(crew[0]), crew[1])
numba.set_num_threads(1)
rows = compile.runner(rows_plan, 1 << 20, None)
many = None, (1, 1 << 20, 1)
assert rows(many) == (False, 0)
numba.set_num_threads(4)
assert rows(many) == (True, 4)
# No more threads than there is work for, and as few as share it evenly; never one alone.
assert [rows((None, shape))[1] for shape in ((1, 3, 1000), (1, 500, 10), (1, 2, 9999), (1, 1, 9), (5, 1, 1000))] == [3, 3, 2, 2, 3]
threads.set_num_threads(2)
assert rows(many) == (True, 2)
threads.set_num_threads(3)
seen.clear()
for parts, used in ((0, 3), (1, 2), (2, 2), (3, 3), (4, 2), (5, 3), (300, 3)):
    assert threads.run_parallel(parallel, serial, parts=parts) == "parallel" and seen.pop() == used
    assert numba.get_num_threads() == 4
threads.set_num_threads(2)
compile.compiled = lambda plan: lambda crew, size: crew[1]
elements = compile.runner(None, 1 << 20, None)
assert elements(5 << 14) == 2
threads.set_num_threads(None)
assert [elements(n) for n in (3 << 14, (3 << 14) + 1, 5 << 14, 1 << 20)] == [3, 4, 3, 4]
"""

NO_NUMBA = """
import sys
from fastloss.kernels.cpu import threads
assert threads.get_num_threads() == 1 and not threads.allowed()
assert threads.run_parallel(None, lambda a: a, 5) == 5
threads.set_num_threads(1)
assert threads.get_num_threads() == 1
assert "numba" not in sys.modules
"""

ANOTHER = """
from fastloss.kernels.cpu import pool, threads
assert threads.launch().layer == LAYER
own = pool.llvm.address_of_symbol("numba_parallel_for")
pool.llvm.add_symbol("numba_parallel_for", 1)     # as Numba does where another layer is chosen later
assert pool.launcher() == own
"""

TORCH = """
import torch
torch.set_num_threads(5)
import toy, numba
from fastloss.kernels.cpu import threads
assert torch.get_num_threads() == 5     # importing starts nothing
pair = toy.Pair()
assert pair.check(3) == (3, 0) and torch.get_num_threads() == 5
threads.set_num_threads(2)
pair.check(3)
assert torch.get_num_threads() == 5
torch.ones(1 << 20).exp().sum()
assert pair.check(3) == (9, 0) and threads._pool.layer == LAYER
"""

SPAWN = """
import multiprocessing
import toy
def work(_):
    return toy.Pair().check(5)
if __name__ == "__main__":
    toy.Pair().check()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(work, range(2)) == [(5, 0)] * 2
"""


@pytest.fixture(scope="session", params=some(LAYERS, ["workqueue"]))
def layer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = str(request.param)
    found = procs.run(PRESENT, tmp_path_factory.mktemp("layer"), NUMBA_THREADING_LAYER=name).strip()
    if found != name:
        assert name != "workqueue"  # that one comes with Numba
        pytest.skip(f"Numba finds no {name} here")
    return name


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache the scripts share, so that most of them only load their kernels."""
    return str(tmp_path_factory.mktemp("kernels"))


def run(script: str, folder: Path, layer: str, kernels: str) -> None:
    text = f"LAYER = {layer!r}\n{script}"
    procs.run(text, folder, NUMBA_THREADING_LAYER=layer, FASTLOSS_CACHE_DIR=kernels)


@pytest.mark.full
def test_first_calls_of_four_threads_at_once(layer: str, tmp_path: Path) -> None:
    run(CONCURRENT, tmp_path, layer, "off")


@needs_fork
def test_children_forked_after_use_are_serial(layer: str, tmp_path: Path, kernels: str) -> None:
    run(FORKS, tmp_path, layer, kernels)


@needs_fork
def test_children_forked_before_use(layer: str, tmp_path: Path, kernels: str) -> None:
    run(FORK_FIRST, tmp_path, layer, kernels)


def test_number_of_threads_is_honoured_and_restored(layer: str, tmp_path: Path, kernels: str) -> None:
    run(LIMITS, tmp_path, layer, kernels)


def test_a_layer_that_is_chosen_later_runs_no_kernel(layer: str, tmp_path: Path) -> None:
    run(ANOTHER, tmp_path, layer, "off")


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="no torch")
def test_torch_keeps_its_threads(layer: str, tmp_path: Path, kernels: str) -> None:
    run(TORCH, tmp_path, layer, kernels)


@pytest.mark.full
def test_spawned_workers_are_parallel(tmp_path: Path, kernels: str) -> None:
    procs.run(SPAWN, tmp_path, FASTLOSS_CACHE_DIR=kernels)


def test_switched_off_by_the_environment(tmp_path: Path) -> None:
    procs.run(NO_NUMBA, tmp_path, FASTLOSS_NUM_THREADS="1")


@pytest.mark.parametrize("text", ["0", "-2", "two", "1.5"])
def test_malformed_environment_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_cap_known", False)
    monkeypatch.setattr(threads, "_cap", None)
    monkeypatch.setenv("FASTLOSS_NUM_THREADS", text)
    for _ in range(2):
        with pytest.raises(ValueError, match=f"FASTLOSS_NUM_THREADS must be .*'{text}'"):
            threads.get_num_threads()


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True, [3]])
def test_bad_numbers_are_refused(n: object) -> None:
    before = threads._cap
    with pytest.raises(ValueError, match="^n must be"):
        threads.set_num_threads(n)  # type: ignore[arg-type]
    assert threads._cap == before


def test_preload_survives_a_broken_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_THREADING_LAYER", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    threads.preload()
    for name in ("lib/libtbb.so.12", "lib/libtbb.12.dylib", "Library/bin/tbb12.dll"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no library")
    threads.preload()


def test_tbb_of_the_wheel_is_found(tmp_path: Path) -> None:
    if not Path(sys.prefix, "lib", "libtbb.so.12").is_file():
        pytest.skip("no tbb wheel here")
    assert procs.run(PRESENT, tmp_path).strip() == "tbb"


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/", {"cpu.max": "150000 100000"}, 2),
        ("0::/", {"cpu.max": "50000 100000"}, 1),
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/a/b", {"cpu.max": "max 100000", "a/cpu.max": "400000 100000", "a/b/cpu.max": "800000 100000"}, 4),
        ("0::/not/seen/from/here", {"cpu.max": "300000 100000"}, 3),
        ("0::/../..", {"cpu.max": "300000 100000"}, 3),
        ("5:cpuacct,cpu:/a\n4:memory:/m", {"cpu/a/cpu.cfs_quota_us": "250000", "cpu/a/cpu.cfs_period_us": "50000"}, 5),
        ("5:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("4:memory:/", {"cpu.max": "100000 100000"}, None),
        ("0::/", {"cpu.max": "many"}, None),
        ("no group", {"cpu.max": "100000 100000"}, None),
        ("0::/", {}, None),
        (None, {}, None),
    ],
)
def test_a_containers_limit(groups: str | None, files: dict[str, str], expected: int | None, tmp_path: Path) -> None:
    if groups is not None:
        (tmp_path / "groups").write_text(groups + "\n")
    (tmp_path / "mount").mkdir()
    for name, text in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert pool.quota(tmp_path / "groups", tmp_path / "mount") == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, 3), ({"FASTLOSS_NUM_THREADS": "5"}, 5), ({"NUMBA_NUM_THREADS": "7"}, None)],
)
def test_a_limit_counts_where_no_number_was_given(
    environment: dict[str, str], expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_cap_known", False)
    monkeypatch.setattr(threads, "_cap", None)
    monkeypatch.setattr(pool, "quota", lambda: 3)
    for name in ("FASTLOSS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert threads._limit() == expected


@pytest.mark.parametrize(("count", "expected"), [(2, [64, 8, 3]), (128, [128, 100, 3])])
def test_tasks_that_need_room_follow_the_threads(
    count: int, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "get_num_threads", lambda: count)
    assert [compiled.shared(parts, most) for parts, most in ((1000, 64), (100, 8), (3, 8))] == expected
