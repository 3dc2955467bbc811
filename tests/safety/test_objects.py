"""Kernels as machine code of their own: linked without Numba, refused where anything is not as it should be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numba
import numpy as np
import procs
import pytest

from fastloss.kernels.cpu import cache, objects

types: Any = numba.types
LINE = types.Array(types.float64, 1, "C", readonly=True)

# The same calls in a process that compiles and in one that does not.
CALLS = """
import sys
import numpy as np, fastloss as fl
from fastloss.kernels.cpu import threads
n = 5 * 16_384 + 7
pred, target = np.linspace(-3, 3, n, dtype="f4"), (np.arange(n) % 2).astype("f4")
scores, labels = pred[: 9 * 9000].reshape(9000, 9), np.arange(9000) % 9
found = []
for backend in ("serial", "parallel"):
    found += [fl.huber.value_and_grad(pred, target, backend=backend)]
    found += [fl.cross_entropy.value_and_grad(scores, labels, backend=backend)]
assert all(a[0] == b[0] and a[1].tobytes() == b[1].tobytes() for a, b in zip(found[:2], found[2:]))
print(*[float(value).hex() for value, _ in found], threads._pool.layer, threads.get_num_threads())
"""
LATER = """
assert "numba" not in sys.modules and "scipy" not in sys.modules
import os
if hasattr(os, "fork"):         # a child of a process whose threads run stays serial
    pid = os.fork()
    if not pid:
        value, grad = fl.huber.value_and_grad(pred, target, backend="parallel")
        same = value == found[0][0] and grad.tobytes() == found[0][1].tobytes()
        os._exit(0 if same and threads.get_num_threads() == 1 and "numba" not in sys.modules else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
import toy, numba
pair = toy.Pair()               # compiled, by a Numba that did not start the threads
assert pair.check(3) == (3, 0)
assert numba.threading_layer() == threads._pool.layer and numba.get_num_threads() == threads.get_num_threads() == 4
numba.set_num_threads(3)
assert threads.get_num_threads() == 3
again = fl.huber.value_and_grad(pred, target, backend="parallel")
assert again[0] == found[0][0] and again[1].tobytes() == found[0][1].tobytes()
"""

PATHS = """
import os, sys
from fastloss.kernels.cpu import cache
seen = [*cache._paths(lambda: "a.kernel", None, {})]
assert "numba" not in sys.modules
import numba
seen += cache._paths(lambda: "a.kernel", None, {})
numba.config.OPT = 1
seen += cache._paths(lambda: "a.kernel", None, {})
print(*seen)
"""


def test_second_process_needs_no_numba(tmp_path: Path) -> None:
    env = {"FASTLOSS_CACHE_DIR": str(tmp_path / "cache")}
    first = procs.run(CALLS, tmp_path, **env)
    assert procs.run(CALLS + LATER, tmp_path, **env) == first


@pytest.mark.full
def test_one_name_with_numba_and_without(tmp_path: Path) -> None:
    found = []
    for env in ({}, {"NUMBA_OPT": "2"}, {"NUMBA_CPU_NAME": "generic"}):
        alone, together, changed = procs.run(PATHS, tmp_path, **env).split()
        assert alone == together != changed
        found += [alone, changed]
    assert len({*found}) >= 4


def test_another_processor_has_other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [*cache._paths(lambda: "a.kernel", None, {})]
    triple, name, features = objects.processor()
    for other in [("another", name, features), (triple, "another", features), (triple, name, features + ",+more")]:
        monkeypatch.setattr(objects, "processor", lambda other=other: other)
        assert [*cache._paths(lambda: "a.kernel", None, {})] != before


def summed(data: Any, out: Any, factor: Any, step: Any) -> Any:
    """A kernel of every kind of argument."""
    total = 0.0
    for i in range(data[0].size):
        total += factor[0] * data[0][i]
        out[i] = step
    return total, data[0].size


def kernel() -> Any:
    signature = (types.Tuple([LINE]), types.int64[::1], types.Tuple([types.float32, types.none]), types.int64)
    return cache.jit(lambda: "summed", lambda: (summed, signature), cache=False)


def test_arrays_of_another_kind_are_refused() -> None:
    x, out = np.arange(5.0), np.zeros(5, np.int64)
    call = kernel()
    assert call((x,), out, (2.0, None), 7) == (20.0, 5)
    assert out.tolist() == [7] * 5
    memory = np.zeros(5 * 8 + 1, np.uint8)[1:].view("f8")
    assert call((memory,), out, (np.float32(2.0), None), np.int64(7)) == (0.0, 5)  # unaligned
    frozen = out.copy()
    frozen.flags.writeable = False
    for bad in (x.astype("f4"), x.astype(">f8"), x[::2], x[None], out):
        with pytest.raises(TypeError, match="another type or layout"):
            call((bad,), out, (2.0, None), 7)
    for bad in (x, out[::2], frozen, out.astype("u8")):
        with pytest.raises(TypeError, match="another type or layout"):
            call((x,), bad, (2.0, None), 7)


def test_what_calls_unknown_functions_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A linker ends the process where it does not find one."""
    monkeypatch.setenv("FASTLOSS_CACHE_DIR", str(tmp_path))
    cache.directories.cache_clear()
    found = cache.jit(lambda: "factorial", lambda: (lambda x: math.lgamma(x), (types.float64,)))
    assert found(5.0) == pytest.approx(math.log(24.0))
    assert cache.count() == 0
    found = cache.jit(lambda: "twice", lambda: (lambda x: (2.0 * x, 1), (types.float64,)))
    assert found(9.0) == (18.0, 1)
    assert cache.count() == 1
    cache.directories.cache_clear()


def test_names_that_are_not_there_are_looked_for_first() -> None:
    assert objects.linked(objects.Code("d>d", ("no_such_function",), b"")) is None


@pytest.mark.parametrize("layout", ["import os>", "(aa>", "aa)>", ")(>", "a", "a>a", ">-"])
def test_layouts_that_are_none(layout: str) -> None:
    data = objects.sealed(objects.Code(layout, (), b"machine\ncode"))
    assert objects.opened(data) is None
    good = objects.Code("((a)(d-))q>dq", ("free",), b"machine\ncode")
    assert objects.opened(objects.sealed(good)) == good
