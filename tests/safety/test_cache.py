"""Kernels on disk: found again, repaired, and never stored where others can write."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import procs
import pytest
from data import rest, some

from fastloss.kernels import disk
from fastloss.kernels.cpu import cache

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX's")

# Prints whether the kernels came from disk; the right result is checked in passing.
USE = """
import sys, toy
kernels = [toy.compiled(parallel=True), toy.compiled()] if "both" in MODE else [toy.compiled()]
for kernel in kernels:
    toy.result(kernel)
    print("compiled" if kernel.fresh else "loaded")
"""
LOADED, COMPILED = "loaded\n", "compiled\n"

DAMAGE = """
import hashlib, os, pathlib, random, toy
from fastloss.kernels import disk
from fastloss.kernels.cpu import cache

def use():
    kernel = toy.compiled()
    toy.result(kernel)
    return not kernel.fresh

assert not use() and use()
(path,) = cache.directory().rglob("*.kernel")
dice = random.Random(0)
good = path.read_bytes()
n = len(good)
middle = good[: n // 2] + bytes(min(4096, n // 4)) + good[n // 2 + min(4096, n // 4) :]
flipped = bytearray(good); flipped[dice.randrange(n)] ^= 4
cuts = (b"", good[:1], good[:32], good[: n // 2], good[:-1])
for bad in (*cuts, good + b"x", middle, bytes(flipped), b"no pickle" * 9):
    assert bad != good
    path.write_bytes(bad)
    assert not use(), len(bad)
    assert use(), len(bad)
path.unlink()
assert not use() and use()

# Sealed as if they were right.
lines = good[32:].split(b"\\n", 4)
def with_line(k, text):
    return b"\\n".join([*lines[:k], text, *lines[k + 1:]])
wrong = [with_line(0, b"fastloss kernel 0"), with_line(1, b"(aa"), with_line(1, b"import os>"), with_line(2, b"no_such_name"),
         with_line(3, b"x"), with_line(3, b"7"), b"\\n" * 9]
for content in (b"", good[32:-9], *wrong):
    path.write_bytes(hashlib.sha256(content).digest() + content)
    use()
    assert use(), content[:20]

if os.name == "posix":      # whoever could write to the file could have put anything there
    path.chmod(0o622)
    assert not use() and path.stat().st_mode & 0o777 == 0o600 and use()
"""

ERRORS = """
import numba, toy
from numba.core import compiler
from fastloss.kernels.cpu import cache

compiled = []
original = numba.core.dispatcher._FunctionCompiler.compile
def counted(self, *args):
    compiled.append(1)
    return original(self, *args)
numba.core.dispatcher._FunctionCompiler.compile = counted

def wrong(x):
    return x.no_such_attribute
try:
    cache.jit(lambda: "wrong", lambda: (toy.bound(port=wrong), toy.SIGNATURE))
except numba.TypingError as error:
    assert "no_such_attribute" in str(error)
else:
    raise AssertionError
assert sum(compiled) <= 3, compiled     # the kernel and its port, not again and again
assert cache.count() == 0

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
from fastloss.kernels import disk
from fastloss.kernels.cpu import cache

cache.directory()
real = disk._create
def full(path, data):
    real(path, data[:100])
    raise OSError(errno.ENOSPC, "No space left on device")
disk._create = full
toy.result(toy.compiled())
assert not [p for p in cache.directory().rglob("*") if p.is_file() and p.name != "CACHEDIR.TAG"]
disk._create = real

shutil.rmtree(cache.directory())
cache.directory().write_text("a file where the directory was")
kernel = toy.compiled()
toy.result(kernel)
assert kernel.fresh and cache.count() == 0
cache.directory().unlink()
toy.result(toy.compiled())
assert not toy.compiled().fresh  # made anew
"""

EDIT = """
import toy
toy.result(toy.compiled())
first = toy.compiled()
assert not first.fresh
def triple(x):
    return 3.0 * x
other = toy.compiled(port=triple)
assert other.fresh
out = toy.right.copy()
other(toy.x, out)
assert (out == 1.5 * toy.right).all()
"""

KILLED = """
import hashlib, os, pathlib, random, signal, time
from fastloss.kernels import disk
from fastloss.kernels.cpu import cache, objects

dice = random.Random(0)
content = objects.sealed(objects.Code("q>q", (), dice.randbytes(40_000)))
folder = disk.kept_in()
left = 0
for turn in range(200):
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:                        # writes the same few files again and again until it is killed
        os.write(tell, b"x")
        while True:
            for k in range(4):
                disk.write(f"v/{k}.kernel", content)
    os.read(told, 1)
    time.sleep(dice.uniform(0, 0.01))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(told); os.close(tell)
    for path in (folder / "v").glob("*.kernel"):
        if ".tmp." in path.name:
            left += 1
            assert len(path.read_bytes()) <= 32 + len(content)
        else:
            assert disk.read(f"v/{path.name}") == content, turn
    if left and turn == 100:
        cache.clear_cache()
        assert cache.count() == 0
assert (folder / "v" / "3.kernel").exists() and left, left    # some were killed amid a file
cache.clear_cache()
assert not [*(folder / "v").iterdir()]
"""

FULL = """
import resource, signal, toy
from fastloss.kernels.cpu import cache

cache.directory()
resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))   # writing further fails as on a full disk
toy.result(toy.compiled())
assert toy.compiled().fresh and cache.count() == 0
assert not [p for p in cache.directory().rglob("*") if p.is_file() and p.name != "CACHEDIR.TAG"]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert toy.compiled().fresh and not toy.compiled().fresh
"""

OTHERS = """
import toy
from fastloss.kernels.cpu import cache, objects

processor, version = objects.processor, cache._version
objects.processor = lambda: (*processor()[:2], processor()[2] + ",+another")
assert toy.compiled().fresh and not toy.compiled().fresh
objects.processor = processor
cache._version = lambda: "cpython-311-numba0.1.0-llvmlite0.1.0"
assert toy.compiled().fresh and not toy.compiled().fresh
cache._version = version
assert cache.count() == 2
kernel = toy.compiled()
assert kernel.fresh
toy.result(kernel)
assert cache.count() == 3
"""

USERS = """
import os, numba, toy
from fastloss.kernels.cpu import cache
before = numba.config.CACHE_DIR
assert before == os.environ["NUMBA_CACHE_DIR"]
kernel = toy.compiled()
assert numba.config.CACHE_DIR == before
assert not os.path.exists(before) or not os.listdir(before)
assert cache.count() == 1 and cache.size() > 1_000
assert cache.jit(lambda: toy.bound().__qualname__, lambda: (toy.bound(), toy.SIGNATURE), cache=False).fresh
assert cache.count() == 1
"""

FORK = """
import os, threading, toy
from fastloss.kernels.cpu import cache
from fastloss.loading import compiling
fn = toy.bound(parallel=True)
thread = threading.Thread(target=cache.jit, args=(lambda: "slow", lambda: (fn, toy.SIGNATURE)), kwargs={"parallel": True})
thread.start()
while thread.is_alive() and compiling.acquire(blocking=False):
    compiling.release()               # not amid the compilation yet
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
def kernels(tmp_path: Path) -> Path:
    return tmp_path / "kernels here"


def find(monkeypatch: pytest.MonkeyPatch, **env: str | None) -> Path | None:
    """`cache.directory` as a new process with this environment would find it."""
    for name in ("FASTLOSS_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    cache.directories.cache_clear()
    try:
        return cache.directory()
    finally:
        cache.directories.cache_clear()


@contextmanager
def using(monkeypatch: pytest.MonkeyPatch, path: Path, HOME: str | None = None) -> Iterator[None]:
    """As a new process with this directory."""
    with monkeypatch.context() as patch:
        patch.setenv("FASTLOSS_CACHE_DIR", str(path))
        patch.delenv("XDG_CACHE_HOME", raising=False)
        patch.delenv("HOME", raising=False)
        if HOME:
            patch.setenv("HOME", HOME)
        cache.directories.cache_clear()
        yield
    cache.directories.cache_clear()


@pytest.mark.full  # among the few test_objects.py has two processes and a cache
def test_second_process_compiles_nothing(tmp_path: Path, kernels: Path) -> None:
    assert use(tmp_path, "both", FASTLOSS_CACHE_DIR=str(kernels)) == 2 * COMPILED
    assert use(tmp_path, "both", FASTLOSS_CACHE_DIR=str(kernels)) == 2 * LOADED


@pytest.mark.full
def test_three_processes_at_a_cold_cache(tmp_path: Path, kernels: Path) -> None:
    script = f"MODE = ''\n{USE}"
    for started in [procs.start(script, tmp_path, FASTLOSS_CACHE_DIR=str(kernels)) for _ in range(3)]:
        procs.finish(started)
    assert use(tmp_path, FASTLOSS_CACHE_DIR=str(kernels)) == LOADED


@pytest.mark.full
def test_damaged_files_are_replaced(tmp_path: Path, kernels: Path) -> None:
    procs.run(DAMAGE, tmp_path, FASTLOSS_CACHE_DIR=str(kernels), PYTHONWARNINGS="error")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(ERRORS, id="errors"),
        *map(rest, [pytest.param(VANISHING, id="vanishing"), pytest.param(EDIT, id="edit")]),
    ],
)
def test_in_one_process(script: str, tmp_path: Path, kernels: Path) -> None:
    procs.run(script, tmp_path, FASTLOSS_CACHE_DIR=str(kernels))


def test_users_numba_settings_are_left_alone(tmp_path: Path, kernels: Path) -> None:
    users = str(tmp_path / "users")
    procs.run(USERS, tmp_path, FASTLOSS_CACHE_DIR=str(kernels), NUMBA_CACHE_DIR=users)


@posix
@pytest.mark.full  # 200 processes
@pytest.mark.parametrize("script", [pytest.param(KILLED, id="killed"), pytest.param(FULL, id="full")])
def test_writers_that_do_not_finish(script: str, tmp_path: Path, kernels: Path) -> None:
    procs.run(script, tmp_path, FASTLOSS_CACHE_DIR=str(kernels))


@pytest.mark.full
def test_what_others_left_is_not_taken(tmp_path: Path, kernels: Path) -> None:
    procs.run(OTHERS, tmp_path, FASTLOSS_CACHE_DIR=str(kernels))


@pytest.mark.full  # among the few test_threads.py has a fork
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_amid_a_compilation(tmp_path: Path) -> None:
    procs.run(FORK, tmp_path)


@pytest.mark.parametrize("mode", some(["off", "file", "no home"], ["file"]))
def test_without_a_place_kernels_still_work(mode: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    if mode == "no home":
        output = use(tmp_path, **dict.fromkeys(("FASTLOSS_CACHE_DIR", "HOME", "XDG_CACHE_HOME", "LOCALAPPDATA")))
    else:
        output = use(tmp_path, FASTLOSS_CACHE_DIR="off" if mode == "off" else str(tmp_path / "file"))
    assert output.endswith(COMPILED)
    assert output.count("RuntimeWarning") == (mode != "off")
    assert not list(tmp_path.rglob("*.kernel"))


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
    mine = tmp_path / "shared"
    mine.mkdir()
    mine.chmod(mode)
    with pytest.warns(RuntimeWarning, match="others than its owner"):
        assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(mine)) is None
    mine.chmod(0o755)
    assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(mine)) == mine


@posix
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_others_can_write_above_it(mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "open" / "closed" / "mine"
    mine.mkdir(parents=True, mode=0o700)
    (tmp_path / "open").chmod(mode)
    for path in (mine, mine.parent / "absent"):
        with pytest.warns(RuntimeWarning, match="others than its owner can write to it.*above it"):
            assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(path)) is None
    assert not (mine.parent / "absent").exists()
    (tmp_path / "open").chmod(0o1777)
    assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(mine)) == mine


@posix
def test_no_link_is_gone_by_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a link leads to is found once: whoever may change the link later changes nothing."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(tmp_path / "link" / "mine")) == tmp_path / "real" / "mine"


@posix
def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0)
    try:
        with using(monkeypatch, tmp_path / "a" / "b"):
            disk.write("c/d.kernel", b"code")
            assert disk.read("c/d.kernel") == b"code"
            assert cache.count() == 1
    finally:
        os.umask(before)
    modes = {str(p.relative_to(tmp_path)): stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*")}
    assert {name for name, mode in modes.items() if mode & 0o077} == set()
    assert f"a/b/{disk.NAME}/c/d.kernel" in modes


@posix
@pytest.mark.parametrize("below", ["", "c"])
def test_folders_below_must_not_be_others(below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with using(monkeypatch, tmp_path):
        disk.write("c/d.kernel", b"code")
        (tmp_path / disk.NAME / below).chmod(0o770)
        assert disk.read("c/d.kernel") is None
        disk.write("c/e.kernel", b"code")
        assert not list(tmp_path.rglob("e*"))


def test_homes_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(RuntimeWarning, match="FASTLOSS_CACHE_DIR='~nosuchuser/x' is of no use"):
        assert find(monkeypatch, FASTLOSS_CACHE_DIR="~nosuchuser/x") is None

    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)  # without HOME, and of a user whom the system does not know
    with pytest.warns(RuntimeWarning, match="home directory"):
        assert find(monkeypatch, FASTLOSS_CACHE_DIR="~") is None


@posix
def test_kernels_that_can_be_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: Any) -> None:
    """As in a container's image: they are read, and new ones go into the user's own directory, or nowhere."""
    image, home = tmp_path / "image", tmp_path / "home"
    with using(monkeypatch, image):
        disk.write("v/old.kernel", b"old")
    kept = sorted(image.rglob("*"))
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: not (mode & os.W_OK and image in (path, *path.parents)) and allowed(path, mode)
    )
    home.mkdir(mode=0o700)
    for there in (True, False):
        with using(monkeypatch, image, HOME=str(home) if there else None):
            assert cache.directory() == image
            assert disk.read("v/old.kernel") == b"old"
            disk.write("v/new.kernel", b"new")
            assert disk.read("v/new.kernel") == (b"new" if there else None)
            assert cache.count() == 1 + there
    assert sorted(image.rglob("*")) == kept
    assert not recwarn.list


@posix
def test_several_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: Any) -> None:
    """Kernels are written to the first that can be written to, and read from all."""
    image, mine, late = tmp_path / "image", tmp_path / "mine", tmp_path / "late"
    with using(monkeypatch, image):
        disk.write("v/old.kernel", b"old")
    both = Path(f"{image}{os.pathsep}{mine}{os.pathsep}{late}")
    allowed = os.access
    for closed, written in ((True, mine), (False, image)):
        with monkeypatch.context() as patch, using(monkeypatch, both):
            if closed:
                patch.setattr(
                    os, "access", lambda p, m: not (m & os.W_OK and image in (p, *p.parents)) and allowed(p, m)
                )
            name = f"v/{written.name}.kernel"
            assert disk.kept_in() == written / disk.NAME
            disk.write(name, b"new")
            assert (written / disk.NAME / name).is_file()
            assert disk.read(name) == b"new" and disk.read("v/old.kernel") == b"old"
            assert cache.count() == (2 if closed else 3)
    assert not late.exists()  # nothing was to be read there
    assert not recwarn.list
    image.chmod(0o777)
    with using(monkeypatch, both):
        with pytest.warns(RuntimeWarning, match="is used in part: others than its owner"):
            assert cache.directory() == mine
        assert disk.read("v/old.kernel") is None


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
    (tmp_path / "theirs" / "mine").mkdir(mode=0o700, parents=True)
    os.chown(tmp_path / "theirs", 12345, -1)
    for path in ("theirs", "theirs/mine", "theirs/absent"):
        with pytest.warns(RuntimeWarning, match="another user"):
            assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(tmp_path / path)) is None
    assert find(monkeypatch, HOME=str(tmp_path / "theirs")) is None  # as under sudo
    assert [p.name for p in (tmp_path / "theirs").rglob("*")] == ["mine"]
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    (tmp_path / "roots").mkdir(mode=0o755)
    assert find(monkeypatch, FASTLOSS_CACHE_DIR=str(tmp_path / "roots")) == tmp_path / "roots"


@posix
def test_clear_cache_removes_what_was_written_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the directory is a home or a project, whose own kernels bear the same suffixes."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    for folder in (outside, tmp_path / "kernels", tmp_path / "fastloss", tmp_path / "src"):
        folder.mkdir(exist_ok=True)
        for name in ("a.1.nbc", "a.nbi", "linux.tar.sha256", "mine.cubin", "mine.kernel", "data.tmp.csv"):
            (folder / name).write_bytes(b"keep")
    with using(monkeypatch, tmp_path):
        assert cache.size() == cache.clear_cache() == 0
        disk.write("version/mine.kernel", b"code")
        disk.write("cuda/mine.cubin", b"code")
        ours = tmp_path / disk.NAME
        (ours / "version" / "x.tmp.0123.kernel").write_bytes(b"1234")  # of a process that was killed
        (ours / "version" / "notes.txt").write_bytes(b"keep")
        (ours / "version" / "linked").symlink_to(outside)
        assert cache.count() == 3
        assert cache.size() == 2 * 36 + 4
        assert cache.clear_cache() == 2 * 36 + 4
        assert cache.size() == cache.clear_cache() == 0
        disk.write("version/mine.kernel", b"code")
        (ours / "CACHEDIR.TAG").unlink()  # then it is not known to be ours
        assert cache.size() == cache.clear_cache() == 0
        assert disk.read("version/mine.kernel") == b"code"
        ours.rename(tmp_path / "moved")
        ours.symlink_to(tmp_path / "moved")
        assert cache.size() == cache.clear_cache() == 0
        assert disk.read("version/mine.kernel") is None
    assert sum(path.read_bytes() == b"keep" for path in tmp_path.rglob("*") if path.is_file()) == 4 * 6 + 1


def test_settings_of_the_compiler_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    seen = {cache.settings()}
    for name, value in [
        ("OPT", 0), ("LOOP_VECTORIZE", 0), ("SLP_VECTORIZE", 1), ("BOUNDSCHECK", 1), ("DEBUGINFO_DEFAULT", 1),
        ("DISABLE_INTEL_SVML", not numba.config.DISABLE_INTEL_SVML),
    ]:  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(numba.config, name, value)
            assert cache.settings() == cache.settings()
            seen.add(cache.settings())
    assert len(seen) == 7
    script = "from fastloss.kernels.cpu import cache; print(cache.settings())"
    seen |= {
        procs.run(script, tmp_path, **{name: v}) for name, v in [("NUMBA_CPU_NAME", "generic"), ("NUMBA_OPT", "max")]
    }
    assert len(seen) == 9
    with monkeypatch.context() as patch:
        patch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
        assert cache.settings() in seen
