"""Real losses from many threads and processes at once, each case in a process of its own."""

from __future__ import annotations

import compileall
import os
import shutil
from pathlib import Path

import pytest
from data import some
from procs import finish, run, start

import fastloss as fl
from fastloss.kernels import sources

SETUP = """
import multiprocessing as mp, os, sys, threading
import numpy as np
import fastloss as fl

n = 5 * 16_384 + 7
pred = np.linspace(-3, 3, n, dtype="f4")
target = (np.arange(n) % 2).astype("f4")

def work(i=0):
    value, grad = fl.bce_with_logits.value_and_grad(pred, target, backend="parallel" if i % 2 else None)
    return float(value), grad.tobytes()
"""

MAIN = """
if __name__ == "__main__":
    expected = fl.bce_with_logits.value_and_grad(pred, target, backend="serial")
    expected = float(expected[0]), expected[1].tobytes()
"""

CASES = {
    "threads": """
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(4) as pool:
        assert all(r == expected for r in pool.map(work, range(40)))
""",
    "fork pool": """
    assert work(1) == expected
    with mp.get_context("fork").Pool(3) as pool:
        assert all(r == expected for r in pool.map(work, range(12)))
    assert work(1) == expected
""",
    "spawn pool": """
    assert work(1) == expected
    with mp.get_context("spawn").Pool(2) as pool:
        assert all(r == expected for r in pool.map(work, range(6)))
""",
    "losses travel to processes": """
    robust = fl.huber.bind(delta=2.0)
    with mp.get_context("spawn").Pool(1) as pool:
        assert pool.apply(robust, ([5.0], [0.0])) == 8.0
""",
}


@pytest.mark.parametrize("layer", some([None, "omp", "workqueue"], [None]))
@pytest.mark.parametrize("case", some(CASES, ["threads"]))
def test_at_once(case: str, layer: str | None, tmp_path: Path) -> None:
    if layer and not case.endswith(("threads", "fork pool")):
        pytest.skip("the layer matters where a process's threads are shared or inherited")
    script = SETUP + MAIN + CASES[case] + "    print('done')\n"
    # Other layers run the kernel that the default one has: they are asked for when it runs.
    kernels = os.environ.get("FASTLOSS_CACHE_DIR") if layer else str(tmp_path / "c")
    assert "done" in run(script, tmp_path, timeout=120, NUMBA_THREADING_LAYER=layer, FASTLOSS_CACHE_DIR=kernels)


@pytest.mark.full
def test_five_threads_give_the_bits_of_one(tmp_path: Path) -> None:
    script = (
        SETUP
        + """
import numba
expected = None
for loss in (fl.huber, fl.log_cosh, fl.bce_with_logits):
    serial = loss.value_and_grad(pred, target, backend="serial")
    for threads in (1, 2, 5):
        numba.set_num_threads(threads)
        value, grad = loss.value_and_grad(pred, target, backend="parallel")
        assert numba.get_num_threads() == threads
        assert value == serial[0] and grad.tobytes() == serial[1].tobytes()
print("done", numba.threading_layer())
"""
    )
    assert "done" in run(script, tmp_path, NUMBA_NUM_THREADS="5", timeout=120)


@pytest.mark.full
def test_four_processes_on_a_cold_cache(tmp_path: Path) -> None:
    script = SETUP + MAIN + "    assert work(1) == expected\n    print('done')\n"
    folders = [tmp_path / str(i) for i in range(4)]
    for folder in folders:
        folder.mkdir()
    env = {"FASTLOSS_CACHE_DIR": str(tmp_path / "cache")}
    running = [start(script, folder, **env) for folder in folders]
    assert all("done" in finish(process, timeout=300) for process in running)


@pytest.mark.full
def test_kernels_of_two_processes_do_not_mix(tmp_path: Path) -> None:
    """Alike in all but a number, they come to one process from disk: each must keep the functions it was made with."""
    script = """
import sys
import numpy as np, fastloss as fl
@fl.rowwise(targets="dense", smooth=False)
class once:
    def fold(p, t): return ((p - t) * (p - t),), (p,)
    def finish(total): return total, ()
    def grad(p, t): return 2.0 * (p - t), 2.0
@fl.rowwise(targets="dense", smooth=False)
class twice:
    def fold(p, t): return (2.0 * (p - t) * (p - t),), (p,)
    def finish(total): return total, ()
    def grad(p, t): return 4.0 * (p - t), 4.0
@fl.pointwise
def flat(p, t):
    return (p - t) * (p - t), 2.0 * (p - t), 2.0
@fl.pointwise
def steep(p, t):
    return 2.0 * (p - t) * (p - t), 4.0 * (p - t), 4.0
"""
    env = {"FASTLOSS_CACHE_DIR": str(tmp_path / "cache")}
    show = "x, t = np.ones((70_000, 3)), np.zeros((70_000, 3))\n"
    show += "print(*[loss.value_and_grad(x, t, backend=b)[0] for b in ('serial', 'parallel') for loss in losses])\n"
    for losses, expected in (
        ("once, flat", "3.0 1.0"),
        ("twice, steep", "6.0 2.0"),
        ("once, twice, flat, steep", "3.0 6.0 1.0 2.0"),
    ):
        assert f"{expected} {expected}" in run(script + f"losses = {losses}\n" + show, tmp_path, **env)


@pytest.mark.full
def test_second_process_compiles_nothing(tmp_path: Path) -> None:
    script = (
        SETUP
        + """
from fastloss.kernels.cpu import compile as cpu
hits = []
original = cpu.cache.jit
def counted(*args, **kwargs):
    kernel = original(*args, **kwargs)
    hits.append("compiled" if kernel.fresh else "loaded")
    return kernel
cpu.cache.jit = counted
work(0); work(1)
fl.huber.grad_and_hess(pred, target, weight=target)
fl.gaussian_nll.grad(pred, target, np.ones(n, "f4"), reduction="none")
print(hits)
"""
    )
    env = {"FASTLOSS_CACHE_DIR": str(tmp_path / "cache")}
    first, second = run(script, tmp_path, **env), run(script, tmp_path, **env)
    assert "compiled" in first
    assert "loaded" not in first
    assert second == first.replace("compiled", "loaded")


@pytest.mark.full
def test_an_edit_recompiles(tmp_path: Path) -> None:
    """Of the definition, of a function that it calls, of that one's default, of a constant, alone or in a tuple."""
    module = """
import math, fastloss as fl
FACTOR = {0}
PAIR = (0.0, {1})
def helper(x, k={2}):
    return {3} * x * k
@fl.pointwise
def mine(pred, target):
    return FACTOR * helper(pred) + {4} * target + PAIR[1], 1.0, 0.0
"""
    env = {"FASTLOSS_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    first = [2.0, 0.0, 1.0, 3.0, 1.0]
    for k, value, expected in [(0, 2.0, 7.0), (0, 4.0, 13.0), (1, 5.0, 12.0), (2, 2.0, 13.0), (3, 5.0, 11.0),
                               (4, 6.0, 12.0), (0, 2.0, 7.0)]:  # fmt: skip
        constants = [value if i == k else x for i, x in enumerate(first)]
        (tmp_path / "losses_of_mine.py").write_text(module.format(*constants))
        script = "import losses_of_mine as m; print(m.mine([1.0], [1.0]))"
        assert float(run(script, tmp_path, **env)) == expected


@pytest.mark.parametrize("folder", ["", "cpu", "plan", "ports", "templates"])
def test_an_edit_of_any_folder_recompiles(folder: str, tmp_path: Path) -> None:
    """Or a kernel made of the text before would be served. The GPU's folder is another key's."""
    kernels = tmp_path / "kernels"
    shutil.copytree(Path(fl.__file__).parent / "kernels", kernels)
    before = list(sources._texts(str(kernels), "fastloss.kernels"))
    for at, new in (("cuda/templates", False), (folder, True)):
        path = next((kernels / at).glob("[a-z]*.py"))
        path.write_text(path.read_text() + "AN_EDIT = 1\n")
        assert (list(sources._texts(str(kernels), "fastloss.kernels")) != before) == new


@pytest.mark.full
def test_installations_without_sources_keep_kernels(tmp_path: Path) -> None:
    """In an archive, or as bytecode alone, they find those of one another; and an edit is an edit."""
    package = Path(fl.__file__).parent
    shutil.copytree(package, tmp_path / "tree" / "fastloss", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.make_archive(str(tmp_path / "source"), "zip", tmp_path / "tree")
    edited = shutil.copytree(tmp_path / "tree", tmp_path / "edited")
    with open(edited / "fastloss" / "kernels" / "cpu" / "bits.py", "a") as file:
        file.write("AN_EDIT = 1\n")
    for tree in (tmp_path / "tree", edited):
        assert compileall.compile_dir(tree, quiet=2, legacy=True)
        for source in tree.rglob("*.py"):
            source.unlink()
    script = """
import fastloss as fl
from fastloss.kernels import sources
from fastloss.kernels.cpu import cache
before = cache.count()
assert fl.squared_error([2.0], [0.0]) == 4.0
print(before, cache.count(), sources.sources(), fl.__file__)
"""
    env = {"FASTLOSS_CACHE_DIR": str(tmp_path / "cache")}
    found = []
    for at in ("source.zip", "tree", "edited"):
        (tmp_path / at[0]).mkdir()
        found.append(run(script, tmp_path / at[0], PYTHONPATH=str(tmp_path / at), **env).split())
        assert found[-1][3].startswith(str(tmp_path / at))
    zipped, compiled, other = found
    assert (zipped[:2], compiled[:2], other[:2]) == (["0", "1"], ["1", "1"], ["1", "2"])
    assert zipped[2] == compiled[2] != other[2]


@pytest.mark.full
def test_a_constant_that_changes_between_two_kernels_is_not_stored_under_a_false_name(tmp_path: Path) -> None:
    module = (
        "import fastloss as fl\nFACTOR = {}\n@fl.pointwise\ndef mine(pred, target):\n    return FACTOR * pred, FACTOR\n"
    )
    env = {"FASTLOSS_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    (tmp_path / "losses_of_mine.py").write_text(module.format(2.0))
    run("import losses_of_mine as m; m.mine([1.0], [1.0]); m.FACTOR = 3.0; m.mine.grad([1.0], [1.0])", tmp_path, **env)
    (tmp_path / "losses_of_mine.py").write_text(module.format(3.0))
    script = "import losses_of_mine as m; print(m.mine([1.0], [1.0]) + m.mine.grad([1.0], [1.0])[0])"
    assert float(run(script, tmp_path, **env)) == 6.0


@pytest.mark.full  # among the few test_threads.py has a fork
def test_threads_that_fork_at_once(tmp_path: Path) -> None:
    script = (
        SETUP
        + """
work(1)
def forks():
    for _ in range(20):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
threads = [threading.Thread(target=forks) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
work(1)
print("done")
"""
    )
    assert "done" in run(script, tmp_path, FASTLOSS_CACHE_DIR=str(tmp_path / "cache"))


# Each child's first call is the first of its process: nothing is loaded yet. All find their kernel on disk.
FIRST_CALLS = """
import os, signal, sys, threading, time
import fastloss as fl

def call(*_):
    return float(fl.squared_error([3.0], [1.0]))

def interrupted(moment, error):
    def handler(*_): raise error
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, moment)
    try:
        call()
        time.sleep(moment)
    except (KeyboardInterrupt, TimeoutError):
        print("interrupted", flush=True)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert call() == 4.0

def forked(moment):
    thread = threading.Thread(target=call); thread.start()
    time.sleep(moment)
    child(call)
    thread.join()
    assert call() == 4.0

def handled(moment):
    seen = []
    signal.signal(signal.SIGALRM, lambda *_: seen.append(call()))
    signal.setitimer(signal.ITIMER_REAL, moment)
    assert call() == 4.0
    for _ in range(50):                     # a signal that finds the thread waiting for Python's lock is handled late
        time.sleep(moment)
        if seen:
            break
    assert seen == [4.0], seen

def amid_a_link():
    from fastloss.kernels.cpu import objects
    linked = objects.linked
    def interrupted(code):
        objects.linked = linked
        assert call() == 4.0
        return linked(code)
    objects.linked = interrupted
    assert call() == 4.0 and objects.linked is linked

def amid_a_compilation():
    from numba.core import event
    seen = []
    class Handler(event.Listener):
        def on_start(self, event): seen.append(call())
        def on_end(self, event): pass
    with event.install_listener("numba:compile", Handler()):
        assert fl.absolute_error([3.0], [1.0]) == 2.0
    assert seen and set(seen) == {4.0}

def deep(depth=0):
    try:
        return deep(depth + 1)
    except RecursionError:
        try:
            call()
        except RecursionError:
            return

def from_a_module():
    import first                            # calls a loss while it is imported
    assert first.VALUE == 4.0

def child(work, *args):
    pid = os.fork()
    if not pid:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            work(*args)
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    for _ in range(600):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    else:
        os.kill(pid, signal.SIGKILL)
        sys.exit(f"{work} {args} hangs")
    assert status == 0, (work, args, status)

with open("first.py", "w") as file:
    file.write("import fastloss as fl; VALUE = float(fl.squared_error([3.0], [1.0]))")
child(call)
for k in range(12):
    child(interrupted, 0.01 * 1.4 ** k, (KeyboardInterrupt, TimeoutError)[k % 2])
for moment in (0.03, 0.1, 0.3):
    child(forked, moment)
    child(handled, moment)
for work in (amid_a_link, amid_a_compilation, lambda: (deep(), call()), from_a_module):
    child(work)
assert not {"numba", "fastloss.arrays.host.elements"} & sys.modules.keys()
"""


@pytest.mark.full
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_what_comes_between_a_first_call(tmp_path: Path) -> None:
    """Ctrl-C and timeouts, forks, calls amid a link or a compilation, as signal handlers make, or of a deep stack."""
    output = run(FIRST_CALLS, tmp_path, timeout=240, FASTLOSS_CACHE_DIR=str(tmp_path / "cache"))
    assert output.split().count("interrupted") >= 3


@pytest.mark.full
def test_a_call_amid_a_compilation_is_one_clear_error(tmp_path: Path) -> None:
    """Here by Numba's own events, as by a signal; and for a user who has switched Numba's compiling off."""
    script = """
import os
import numpy as np, fastloss as fl
from numba import config, njit
from numba.core import event

@fl.pointwise
def cubed(pred, target):
    r = pred - target
    return r * r * r, 3.0 * r * r, 6.0 * r
@fl.pointwise
def fourth(pred, target):
    r = pred - target
    return r * r * r * r, 4.0 * r * r * r, 12.0 * r * r
@fl.rowwise(targets="dense", smooth=False)
class apart:
    def fold(p, t): return ((p - t) * (p - t),), (p,)
    def finish(total): return total, ()
    def grad(p, t): return 2.0 * (p - t), 2.0

seen = []
class Handler(event.Listener):
    def on_start(self, event):
        try:
            fourth([1.0], [0.0])
        except RuntimeError as error:
            seen.append(str(error))
    def on_end(self, event): pass

assert config.DISABLE_JIT
x = np.full(5, 2.0)
with event.install_listener("numba:compile", Handler()):
    value, grad = cubed.value_and_grad(x, x - 1.0, reduction="sum")
assert value == 5.0 and (grad == 3.0).all()
assert seen and all("while this thread compiles another" in text for text in seen)
assert fourth(x, x - 1.0, backend="parallel") == 1.0
assert apart.grad_and_hess([x], [x - 1.0])[0].tolist() == [[2.0] * 5]
def users(): pass
assert config.DISABLE_JIT and njit(users) is users
print("done")
"""
    assert "done" in run(script, tmp_path, NUMBA_DISABLE_JIT="1", timeout=120)
