"""Kernels on disk: found again, repaired, and never stored where others can write."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import procs
import pytest

from fastloss.kernels import cache

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX's")

# Prints whether the kernels came from disk; the right result is checked in passing.
USE = """
import sys, toy
kernels = [toy.compiled(parallel=True), toy.compiled()] if "both" in MODE else [toy.compiled()]
for kernel in kernels:
    toy.result(kernel)
    print(sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values()))
"""
LOADED, COMPILED = "1 0\n", "0 1\n"

DAMAGE = """
import pathlib, random, toy
from fastloss.kernels import cache

def files(suffix):
    (path,) = cache.directory().rglob("*" + suffix)
    return path

def use():
    kernel = toy.compiled()
    toy.result(kernel)
    return bool(kernel.stats.cache_hits)

assert not use() and use()
dice = random.Random(0)
for suffix in (".nbi", ".nbc", ".sha256"):
    good = files(suffix).read_bytes()
    n = len(good)
    middle = good[: n // 2] + bytes(min(4096, n // 4)) + good[n // 2 + min(4096, n // 4) :]
    flipped = bytearray(good); flipped[dice.randrange(n)] ^= 4
    cuts = (b"", good[:1], good[: n // 2], good[:-1])
    for bad in (*cuts, good + b"x", middle, bytes(flipped), b"no pickle" * 9):
        assert bad != good
        files(suffix).write_bytes(bad)
        assert not use(), (suffix, len(bad))
        assert use(), (suffix, len(bad))
    files(suffix).unlink()
    assert not use() and use(), suffix

def attack(path, content):
    # sealed as if it were right, so that Numba itself must refuse it
    path.write_bytes(content)
    seal = files(".sha256")
    entry = cache._Files(seal.parent, seal.name.removesuffix(".sha256"))
    seal.write_text(entry.digest())
    assert entry.intact()

import pickle
for suffix in (".nbi", ".nbc"):
    for content in (b"", files(suffix).read_bytes()[:-9], pickle.dumps({"wrong": 1}), pickle.dumps((1, 2))):
        attack(files(suffix), content)
        use()
        assert use(), (suffix, content[:20])
"""

ERRORS = """
import numba, toy
from numba.core import compiler
from fastloss.kernels import cache

compiled = []
original = numba.core.dispatcher._FunctionCompiler.compile
def counted(self, *args):
    compiled.append(1)
    return original(self, *args)
numba.core.dispatcher._FunctionCompiler.compile = counted

def wrong(x):
    return x.no_such_attribute
try:
    cache.jit(toy.bound(port=wrong), toy.SIGNATURE)
except numba.TypingError as error:
    assert "no_such_attribute" in str(error)
else:
    raise AssertionError
assert sum(compiled) <= 3, compiled     # the kernel and its port, not again and again
files = list(cache.directory().rglob("*.nb?"))
assert not files, files

kernel = toy.compiled()
try:
    kernel(toy.x.astype("f4"), toy.right)
except TypeError:
    pass
else:
    raise AssertionError                # nothing is compiled behind our back
"""

VANISHING = """
import errno, shutil, toy
from numba.core import caching
from fastloss.kernels import cache

cache.directory()
real = caching.IndexDataCacheFile._save_data
def full(self, *args):
    raise OSError(errno.ENOSPC, "No space left on device")
caching.IndexDataCacheFile._save_data = full
toy.result(toy.compiled())
caching.IndexDataCacheFile._save_data = real

shutil.rmtree(cache.directory())
cache.directory().write_text("a file where the directory was")
kernel = toy.compiled()
toy.result(kernel)
assert kernel.stats.cache_path is None
cache.directory().unlink()
toy.result(toy.compiled())
assert toy.compiled().stats.cache_hits  # made anew
"""

EDIT = """
import toy
toy.result(toy.compiled())
first = toy.compiled()
assert first.stats.cache_hits
def triple(x):
    return 3.0 * x
other = toy.compiled(port=triple)
assert other.stats.cache_misses and not other.stats.cache_hits
out = toy.right.copy()
other(toy.x, out)
assert (out == 1.5 * toy.right).all()
"""

USERS = """
import os, numba, toy
from numba import njit
from fastloss.kernels import cache
before = numba.config.CACHE_DIR
assert before == os.environ["NUMBA_CACHE_DIR"]
kernel = toy.compiled()
assert numba.config.CACHE_DIR == before and not numba.config.CACHE_LOCATOR_CLASSES
assert cache.directory() in __import__("pathlib").Path(kernel.stats.cache_path).parents
assert not os.path.exists(before) or not os.listdir(before)
assert cache.size() > 10_000
uncached = cache.jit(toy.bound(), toy.SIGNATURE, cache=False)
assert uncached.stats.cache_path is None
"""

FORK = """
import os, threading, toy
from fastloss.kernels import cache
fn = toy.bound(parallel=True)
thread = threading.Thread(target=cache.jit, args=(fn, toy.SIGNATURE), kwargs={"parallel": True})
thread.start()
while thread.is_alive() and cache._lock.acquire(blocking=False):
    cache._lock.release()               # not amid the compilation yet
assert thread.is_alive()
pid = os.fork()
if pid == 0:
    toy.result(toy.compiled())
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
thread.join()
"""


def use(folder: Path, mode: str = "", **env: str | None) -> str:
    return procs.run(f"MODE = {mode!r}\n{USE}", folder, **env)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "kernels here"


def find(monkeypatch: pytest.MonkeyPatch, **env: str | None) -> Path | None:
    """`cache.directory` as a new process with this environment would find it."""
    for name in ("FASTLOSS_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    cache.directory.cache_clear()
    try:
        return cache.directory()
    finally:
        cache.directory.cache_clear()


def test_second_process_compiles_nothing(tmp_path: Path, place: Path) -> None:
    assert use(tmp_path, "both", FASTLOSS_CACHE_DIR=str(place)) == 2 * COMPILED
    assert use(tmp_path, "both", FASTLOSS_CACHE_DIR=str(place)) == 2 * LOADED


def test_eight_processes_at_a_cold_cache(tmp_path: Path, place: Path) -> None:
    script = f"MODE = ''\n{USE}"
    for started in [procs.start(script, tmp_path, FASTLOSS_CACHE_DIR=str(place)) for _ in range(8)]:
        procs.finish(started)
    assert use(tmp_path, FASTLOSS_CACHE_DIR=str(place)) == LOADED


def test_damaged_files_are_replaced(tmp_path: Path, place: Path) -> None:
    procs.run(DAMAGE, tmp_path, FASTLOSS_CACHE_DIR=str(place), PYTHONWARNINGS="error")


@pytest.mark.parametrize("script", [ERRORS, VANISHING, EDIT], ids=["errors", "vanishing", "edit"])
def test_in_one_process(script: str, tmp_path: Path, place: Path) -> None:
    procs.run(script, tmp_path, FASTLOSS_CACHE_DIR=str(place))


def test_users_numba_settings_are_left_alone(tmp_path: Path, place: Path) -> None:
    users = str(tmp_path / "users")
    procs.run(USERS, tmp_path, FASTLOSS_CACHE_DIR=str(place), NUMBA_CACHE_DIR=users)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_amid_a_compilation(tmp_path: Path) -> None:
    procs.run(FORK, tmp_path)


@pytest.mark.parametrize("mode", ["off", "file", "no home"])
def test_without_a_place_kernels_still_work(mode: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    if mode == "no home":
        env = dict.fromkeys(("FASTLOSS_CACHE_DIR", "HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"))
        assert use(tmp_path, **env) == COMPILED
    else:
        explicit = "off" if mode == "off" else str(tmp_path / "file")
        output = use(tmp_path, FASTLOSS_CACHE_DIR=explicit)
        assert output.endswith(COMPILED)
        assert output.count("RuntimeWarning") == (mode == "file")
    assert not list(tmp_path.rglob("*.nb?"))


def test_directory_of_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = {"HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    found = find(monkeypatch, **home)
    assert found is not None and found.is_dir() and found.name == "fastloss" and tmp_path in found.parents
    if sys.platform != "win32":
        assert stat.S_IMODE(found.stat().st_mode) == 0o700
    if sys.platform.startswith("linux"):
        assert found == tmp_path / ".cache" / "fastloss"
        assert find(monkeypatch, **home, XDG_CACHE_HOME=str(tmp_path / "x")) == tmp_path / "x" / "fastloss"
        assert find(monkeypatch, **home, XDG_CACHE_HOME="relative") == found
    assert find(monkeypatch, **home, FASTLOSS_CACHE_DIR=str(tmp_path / "mine")) == tmp_path / "mine"
    for off in ("", "off", "OFF"):
        assert find(monkeypatch, **home, FASTLOSS_CACHE_DIR=off) is None


@posix
def test_no_place_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for home in (None, "", "relative", str(tmp_path / "absent"), str(tmp_path / "file")):
        assert find(monkeypatch, HOME=home) is None
    for bad in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.warns(RuntimeWarning, match="FASTLOSS_CACHE_DIR"):
            assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(bad)) is None


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_others_must_not_write(mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(mode)
    with pytest.warns(RuntimeWarning, match="others than its owner"):
        assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(place)) is None
    place.chmod(0o755)
    assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(place)) == place


@posix
def test_everybody_can_write_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "open" / "mine"
    place.mkdir(parents=True, mode=0o700)
    place.parent.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="above it"):
        assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(place)) is None
    place.parent.chmod(0o1777)
    assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(place)) == place


@posix
def test_links_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("absent")
    for name in ("link", "dangling"):
        with pytest.warns(RuntimeWarning):
            assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(tmp_path / name)) is None


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_another_users_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 12345, -1)
    with pytest.warns(RuntimeWarning, match="another user"):
        assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(tmp_path / "theirs")) is None
    assert find(monkeypatch, HOME=str(tmp_path / "theirs")) is None  # as under sudo
    assert not list((tmp_path / "theirs").iterdir())


@posix
def test_clear_cache_follows_no_links(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place / "kernels" / "machine" / "source"
    folder.mkdir(parents=True, mode=0o700)
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("a.1.nbc", "a.nbi"):
        (outside / name).write_bytes(b"keep")
        (folder / name).write_bytes(b"12345")
    (place / "users.nbc").write_bytes(b"keep")
    (folder / "notes.txt").write_bytes(b"keep")
    (folder / "linked").symlink_to(outside)
    (folder / "file.nbc").symlink_to(outside / "a.nbi")
    length = len(os.fspath(outside / "a.nbi"))
    monkeypatch.setenv("FASTLOSS_CACHE_DIR", str(place))
    cache.directory.cache_clear()
    try:
        assert cache.size() == 10 + length
        assert cache.clear_cache() == 10 + length
        assert cache.size() == cache.clear_cache() == 0
        for path in (place / "kernels").rglob("*"):
            assert path.suffix not in (".nbi", ".nbc")
        (place / "kernels").rename(tmp_path / "moved")
        (tmp_path / "moved" / "b.nbc").write_bytes(b"keep")
        (place / "kernels").symlink_to(tmp_path / "moved")
        assert cache.size() == cache.clear_cache() == 0
    finally:
        cache.directory.cache_clear()
    kept = [outside / "a.nbi", outside / "a.1.nbc", place / "users.nbc", tmp_path / "moved" / "b.nbc"]
    assert all(path.exists() for path in kept) and list((tmp_path / "moved").rglob("notes.txt"))
