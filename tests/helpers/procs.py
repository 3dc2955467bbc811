"""Scripts run in processes of their own: what they test may abort, hang or change the whole process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]

Started = tuple[subprocess.Popen[bytes], IO[str]]

TOY = '''
"""A kernel of the tests' own: a parallel one, its serial twin, and a count of who ran."""
import hashlib, types
import numba, numpy as np
from fastloss.kernels.cpu import cache, threads

BLOCK = 4096
SIGNATURE = numba.void(numba.types.Array(numba.float64, 1, "C", readonly=True), numba.float64[::1])

def template(x, out):
    for b in prange(out.size):
        total = 0.0
        for i in range(b * BLOCK, min(x.size, (b + 1) * BLOCK)):
            total += port(x[i])
        out[b] = total

def double(x):
    return 2.0 * x

def bound(parallel=False, port=double):
    names = {**globals(), "prange": numba.prange if parallel else range, "port": numba.njit(port)}
    fn = types.FunctionType(template.__code__, names, "template")
    fn.__module__ = __name__
    code = repr((port.__code__.co_code, port.__code__.co_consts, parallel))
    fn.__qualname__ = "toy.template." + hashlib.sha256(code.encode()).hexdigest()[:16]
    return fn

def compiled(parallel=False, port=double):
    fn = bound(parallel, port)
    return cache.jit(lambda: fn.__qualname__, lambda: (fn, SIGNATURE), parallel=parallel, nogil=True)

x = np.arange(20 * BLOCK, dtype=float)
right = 2.0 * x.reshape(20, BLOCK).sum(axis=1)

def result(kernel):
    out = np.zeros(20)
    kernel(x, out)
    assert (out == right).all(), out
    return out

class Pair:
    """Both kernels, counted."""
    def __init__(self):
        self.kernels = compiled(True), compiled(False)
        self.parallel = self.serial = 0
    def run_parallel(self, *args):
        self.parallel += 1
        self.kernels[0](*args)
    def run_serial(self, *args):
        self.serial += 1
        self.kernels[1](*args)
    def check(self, times=1):
        for _ in range(times):
            result(lambda *args: threads.run_parallel(self.run_parallel, self.run_serial, *args))
        return self.parallel, self.serial
'''


def start(script: str, folder: Path, /, **env: str | None) -> Started:
    """Start `script` from a file in `folder`, with the toy module importable and a clean environment."""
    path = folder / "script.py"
    for file, text in ((folder / "toy.py", TOY), (path, script)):
        if not file.exists() or file.read_text() != text:  # another process may be reading it
            file.write_text(text)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FASTLOSS_", "NUMBA_", "XDG_"))}
    clean |= {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        "FASTLOSS_CACHE_DIR": "off",
        "FASTLOSS_QUIET": "1",
    }
    clean |= {"NUMBA_NUM_THREADS": "4"}  # on a machine with one core too, kernels shall be parallel
    for name, value in env.items():
        clean.pop(name, None)
        if value is not None:
            clean[name] = value
    command = [sys.executable, "-X", "faulthandler", str(path)]
    output = tempfile.TemporaryFile("w+")  # not a pipe: a child left behind would keep that open
    process = subprocess.Popen(
        command, env=clean, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
    )
    return process, output


def finish(started: Started, timeout: float = 60) -> str:
    """Its output; a failure if it failed, died of a signal or hung."""
    process, file = started
    try:
        code = str(process.wait(timeout))
    except subprocess.TimeoutExpired:
        code = f"none after {timeout} s"
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)  # the session of its own that `start` gave it
        process.kill()
        process.wait()
    with file:
        file.seek(0)
        output = file.read()
    assert code == "0", f"exit code {code}:\n{output}"
    return output


def run(script: str, folder: Path, /, timeout: float = 60, **env: str | None) -> str:
    """`start` and `finish`."""
    return finish(start(script, folder, **env), timeout)
