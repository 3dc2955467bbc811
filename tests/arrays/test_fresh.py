"""A large gradient's memory serves the next one: never two at a time, never more than is allowed, and never a stranger."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from data import some
from numpy.testing import assert_array_equal

import fastloss as fl
from fastloss.arrays.host import fresh

pytestmark = pytest.mark.usefixtures("compiled_at_last")

SHAPE = (64, 32)
SIZE = 64 * 32 * 8


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Memory is kept from few bytes on."""
    monkeypatch.setattr(fresh, "LEAST", 1 << 10)
    monkeypatch.setattr(fresh, "MOST", 1 << 20)
    fresh.release()
    yield
    fresh.release()


def place(a: Any) -> int:
    return int(a.__array_interface__["data"][0])


def test_a_dead_arrays_memory_is_the_nexts() -> None:
    first = fresh.empty(SHAPE, np.float64)
    where = place(first)
    other = fresh.empty(SHAPE, np.float64)
    assert not np.shares_memory(first, other)
    del first
    second = fresh.like(np.zeros(SHAPE[::-1]).T)
    assert place(second) == where
    assert second.flags.f_contiguous and second.shape == SHAPE and second.flags.writeable and second.flags.aligned
    assert not np.shares_memory(second, other)


@pytest.mark.parametrize("hold", [lambda a: a[::3], memoryview, lambda a: a.T.reshape(-1, order="F"), lambda a: a.base])
def test_whoever_holds_a_part_holds_the_memory(hold: Any) -> None:
    first = fresh.empty(SHAPE, np.float64)
    where, part = place(first), hold(first)
    del first
    assert place(fresh.empty(SHAPE, np.float64)) != where
    del part
    # Of the two that are kept now, one is the first.
    assert where in (place(a) for a in [fresh.empty(SHAPE, np.float64) for _ in range(2)])


@pytest.mark.parametrize(
    "name",
    some(["huber", "gaussian_nll", "cross_entropy", "linear_cross_entropy", "dice_loss"], ["huber", "cross_entropy"]),
)
def test_gradients_that_are_kept_alive_are_apart(name: str, rng: np.random.Generator) -> None:
    x, y = rng.random(SHAPE), rng.random(SHAPE)
    inputs: dict[str, Any] = {
        "gaussian_nll": (x, y, y + 1.0),
        "cross_entropy": (x, rng.integers(0, SHAPE[1], SHAPE[0])),
        "linear_cross_entropy": (x, y, rng.integers(0, SHAPE[0], SHAPE[0])),
        "dice_loss": (x, (y > 0.5).astype(np.float64)),
    }
    loss, given = getattr(fl, name), inputs.get(name, (x, y))
    alive = []
    for k in range(6):
        _, grad = loss.value_and_grad(given[0] * (k + 1) / 6.0, *given[1:])
        parts = grad if isinstance(grad, tuple) else (grad,)
        alive.append([(g, g.copy()) for g in parts])
        if k % 2:  # and some die on the way
            del alive[0], grad, parts
    whole = [pair for each in alive for pair in each]
    for k, (g, before) in enumerate(whole):
        assert_array_equal(g, before)
        assert not any(np.shares_memory(g, other) for other, _ in whole[:k])


def test_a_loop_fills_the_same_memory(rng: np.random.Generator) -> None:
    x, y = rng.random(SHAPE).astype(np.float32), rng.random(SHAPE).astype(np.float32)
    seen = set()
    for _ in range(10):
        grad, hess = fl.huber.grad_and_hess(x, y)
        seen |= {place(grad), place(hess)}
        before = fl.huber.grad(x, y, weight=np.ones_like(x))  # another kernel, another way
        seen.add(place(before))
    # The last ones live until the next have been made.
    assert len(seen) <= 6


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    alive = [fresh.empty(SHAPE, np.float64) for _ in range(2 * fresh.BLOCKS)]
    newest = place(alive[-1])
    while alive:
        del alive[0]
    assert len(fresh._kept) == fresh.BLOCKS
    assert place(fresh.empty(SHAPE, np.float64)) == newest
    monkeypatch.setattr(fresh, "MOST", 2 * SIZE)
    alive = [fresh.empty(SHAPE, np.float64) for _ in range(fresh.BLOCKS)]
    alive.clear()
    assert sum(block.nbytes for _, block in fresh._kept) == 2 * SIZE
    assert fresh.empty((3 * SIZE,), np.uint8).base is None
    monkeypatch.setattr(fresh, "MOST", 0)
    assert fresh.empty(SHAPE, np.float64).base is None


def test_what_waits_too_long_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(fresh, "monotonic", lambda: now[0])
    fresh.empty(SHAPE, np.float64)
    assert len(fresh._kept) == 1
    now[0] += fresh.SECONDS
    another = fresh.empty((*SHAPE, 2), np.float64)
    assert not fresh._kept
    del another
    assert len(fresh._kept) == 1


def test_memory_that_is_kept_is_given_up_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh.empty(SHAPE, np.float64)

    def empty(*args: Any) -> Any:
        if fresh._kept:
            raise MemoryError
        return np.zeros(*args)

    monkeypatch.setattr(fresh.np, "empty", empty)
    assert fresh.empty((*SHAPE, 2), np.float64).shape == (*SHAPE, 2)


def test_an_array_that_dies_while_another_is_made_or_dies_is_not_kept() -> None:
    first, second = (fresh.empty(SHAPE, np.float64) for _ in range(2))
    with fresh._lock:
        del first
        assert not fresh._kept
        fresh.release()
        third = fresh.empty(SHAPE, np.float64)
    assert not np.shares_memory(second, third)


def test_results_are_arrays_like_any_other(rng: np.random.Generator) -> None:
    x, y = rng.random(SHAPE), rng.random(SHAPE)
    grad = fl.squared_error.grad(x, y)
    expected = 2.0 * (x - y) / x.size
    assert type(grad) is np.ndarray
    np.testing.assert_allclose(grad, expected, rtol=1e-15)
    assert_array_equal(pickle.loads(pickle.dumps(grad, protocol=5)), grad)
    grad += 1.0
    np.testing.assert_allclose(grad, expected + 1.0, rtol=1e-15)
    each = fl.squared_error(x, y, reduction="none")
    np.testing.assert_allclose(each, (x - y) ** 2, rtol=1e-15)
    half = fl.squared_error.grad(x.astype(np.float16), y.astype(np.float16))
    assert half.dtype == np.float16 and half.base is not None


def test_threads_never_share() -> None:
    wrong: list[int] = []
    start = threading.Barrier(4)

    def work(mark: int) -> None:
        start.wait()
        alive: list[Any] = []
        for k in range(400):
            a = fresh.empty(SHAPE, np.float64)
            a[...] = mark
            alive.append(a)
            if len(alive) > 1 + k % 3:
                del alive[0]
            if any((b != mark).any() for b in alive):
                wrong.append(mark)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(fresh._kept) <= fresh.BLOCKS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*")  # Python's, and JAX's where an earlier test has used it
def test_a_forked_child_has_memory_of_its_own() -> None:
    alive = fresh.empty(SHAPE, np.float64)
    alive[...] = 1.0
    fresh.empty(SHAPE, np.float64)
    with fresh._lock:  # as if another thread were in it
        locked = os.fork()
        if locked == 0:
            a = fresh.empty(SHAPE, np.float64)
            a[...] = 2.0
            os._exit(int(not (alive == 1.0).all() or not (a == 2.0).all()))
    child = os.fork()
    if child == 0:
        a = fresh.empty(SHAPE, np.float64)
        a[...] = alive[...] = 3.0
        del a
        os._exit(int(len(fresh._kept) != 1))
    assert [os.waitpid(pid, 0)[1] for pid in (locked, child)] == [0, 0]
    assert (alive == 1.0).all()


def test_a_process_ends_while_arrays_are_alive() -> None:
    code = (
        "import numpy as np\nfrom fastloss.arrays.host import fresh\nfresh.LEAST = 8\n"
        "alive = fresh.empty((100,), float)\nclass Late:\n    a = fresh.empty((100,), float)\n"
        "    def __del__(self): del self.__dict__\nlate = Late()\nlate.late = late, fresh.empty((100,), float)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("text", "most"), [("", 256), ("0", 0), ("4096", 4096)])
def test_setting(text: str, most: int) -> None:
    code = "from fastloss.arrays.host import fresh; print(fresh.MOST >> 20)"
    env = {**os.environ, "FASTLOSS_KEEP": text}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, timeout=60)
    assert (int(done.stdout), done.stderr) == (most, "")


def test_a_setting_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTLOSS_KEEP", "-1")
    with pytest.warns(RuntimeWarning, match=r"FASTLOSS_KEEP must be a whole number of MiB, got '-1'; 256 is used"):
        assert fl.settings.number("FASTLOSS_KEEP", 256, least=0) == 256
