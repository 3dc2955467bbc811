"""Kernels that are compiled ahead, for other processors, users, Pythons and Numbas."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import procs
import pytest

import fastloss as fl
from fastloss.commands import prebuilt, warmup
from fastloss.define.frozen import content
from fastloss.kernels import disk
from fastloss.kernels.cpu import cache, compile, levels, objects
from fastloss.kernels.plan.elements import Plan

V3 = ",".join(f"+{feature}" for feature in levels.LEVELS["x86-64-v3"].features)
V4 = ",".join([V3, *(f"+{feature}" for feature in levels.LEVELS["x86-64-v4"].features), "+more"])

USE = """
import hashlib, sys
import numpy as np, fastloss as fl
x, y = np.linspace(-3.0, 3.0, 100_000, dtype="f4"), np.linspace(2.0, -2.0, 100_000, dtype="f4")
found = [fl.squared_error.value_and_grad(x, y, backend=backend) for backend in ("serial", "parallel")]
assert found[0][0] == found[1][0] and (found[0][1] == found[1][1]).all()
print(hashlib.sha256(found[0][1].tobytes()).hexdigest(), "numba" in sys.modules)
"""


def plan() -> Plan:
    return Plan.of(fl.squared_error, ("f", "f"), 3, True)


def ahead(loss_plan: Any = None) -> list[str]:
    """The files of kernels that are compiled ahead."""
    chosen = loss_plan or plan()
    paths = cache._paths(lambda: "a.kernel", lambda: compile._shipped(chosen), {})
    return [path for path in paths if path.partition("/")[0] in levels.known()]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache, and in it a folder for each level."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    cache.directories.cache_clear()
    for level in levels.known():
        disk.write(f"{level}/a.kernel", b"")
    yield tmp_path
    cache.directories.cache_clear()


@pytest.mark.parametrize(
    ("processor", "expected"),
    [
        (("x86_64-unknown-linux-gnu", "znver4", V4), ["native", "x86-64-v4", "x86-64-v3"]),
        (("x86_64-conda-linux-gnu", "haswell", V3), ["native", "x86-64-v3"]),
        (("x86_64-unknown-linux-gnu", "new", V4.replace("+avx2", "-avx2")), ["native"]),
        (("x86_64-unknown-linux-gnu", "knl", V4.replace("+avx512bw", "-avx512bw")), ["native", "x86-64-v3"]),
        (("x86_64-unknown-linux-gnu", "", ""), ["native"]),
        (("aarch64-unknown-linux-gnu", "", V4), ["native"]),
    ],
)
def test_the_levels_of_a_processor(processor: Any, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "processor", lambda: processor)
    assert levels.here() == expected


def test_names_are_those_of_the_level_and_the_sources(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "processor", lambda: ("x86_64-unknown-linux-gnu", "one", V4))
    before = ahead()
    assert [path.partition("/")[0] for path in before] == ["native", "x86-64-v4", "x86-64-v3"]
    monkeypatch.setattr(cache, "_version", lambda: "another-numba")
    assert ahead() == before
    monkeypatch.setattr(objects, "processor", lambda: ("x86_64-unknown-linux-gnu", "another", V4))
    assert [one == other for one, other in zip(ahead(), before, strict=True)] == [False, True, True]
    monkeypatch.setattr(compile, "sources", lambda package: "edited")
    assert not {*ahead()} & {*before}


def test_settings_of_numba_are_heeded(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ahead()
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert not ahead()


def test_only_what_this_library_wrote_is_found_by_its_place(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @fl.pointwise()
    def mine(pred: float, target: float) -> Any:
        r = pred - target
        return r * r, r + r, 2.0

    with pytest.raises(TypeError, match="not written in a file of this library"):
        content(mine.jet, placed=True)
    assert not ahead(Plan.of(mine, ("f", "f"), 3, True))
    jet: Any = fl.log_cosh.jet
    before = content(jet, placed=True)
    used = next(name for name in jet.__code__.co_names if name in jet.__globals__)
    monkeypatch.setitem(jet.__globals__, used, 3.0)
    assert content(jet, placed=True) != before


@pytest.mark.skipif(not objects.processor()[0].startswith("x86_64"), reason="levels of x86-64")
@pytest.mark.full
def test_what_is_compiled_for_a_level_is_what_others_find(tmp_path: Path) -> None:
    image, asked = tmp_path / "image", ["squared_error", "float32", "value_and_grad", "--quiet"]
    env = {**os.environ, "PYTHONPATH": str(procs.ROOT), cache.VARIABLE: "off", "NUMBA_OPT": "1"}
    command = [sys.executable, "-m", "fastloss", "warmup", *asked, "--to", str(image), "--for", "x86-64-v3"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    files = [path for path in image.rglob("*") if path.is_file()]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o755 for path in (image, *image.rglob("*")) if path.is_dir())
    kernels = [path for path in files if path.suffix == ".kernel"]
    assert len(kernels) == 1 and {path.parent.name for path in kernels} == {"x86-64-v3"}
    for path in kernels:
        assert not wide(path, tmp_path)
    if "x86-64-v3" in levels.here():
        own = str(tmp_path / "own")
        first, second = (
            procs.run(USE, tmp_path, FASTLOSS_CACHE_DIR=where) for where in (f"{own}{os.pathsep}{image}", own)
        )
        assert first.split() == [second.split()[0], "False"] and second.split()[1] == "True"


def test_settings_of_numba_in_a_file_are_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No name of a kernel that is compiled for others says what they were."""
    monkeypatch.chdir(tmp_path)
    Path(cache._FILE).write_text("cpu_name: x86-64\n")
    with warmup._processes(1, warmup.Ahead(levels.NATIVE, str(tmp_path))) as pool:
        assert not pool.submit(os.path.exists, cache._FILE).result()


def test_who_compiles_for_others_takes_nothing_for_there(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who read that folder need not have what came with this library."""
    monkeypatch.setattr(disk, "SHIPPED", folders / "came")
    (folders / disk.NAME).rename(folders / "came")
    assert disk.read("native/a.kernel") == b""
    monkeypatch.setattr(disk, "_readers", 0o055)
    assert disk.read("native/a.kernel") is None


def wide(kernel: Path, folder: Path) -> list[str]:
    """The instructions of a kernel that need AVX-512."""
    code = objects.opened(kernel.read_bytes()[32:])
    assert code is not None
    (folder / "code.o").write_bytes(code.machine)
    tool = shutil.which("llvm-objdump") or shutil.which("objdump")
    if tool is None:
        pytest.skip("nothing here disassembles")
    text = subprocess.run([tool, "-d", str(folder / "code.o")], capture_output=True, text=True, check=True).stdout
    assert "ymm" in text
    return [line for line in text.splitlines() if re.search(r"%zmm|%k[0-7]\b|%[xy]mm(1[6-9]|2\d|3[01])\b", line)]


def test_the_set_that_ships() -> None:
    units = [unit for *chosen, _ in prebuilt.SET for unit in warmup.units(*chosen)]
    assert len(units) == len({*units}) > 50
    assert prebuilt.asked("") == prebuilt.asked("off") == []
    assert prebuilt.asked("x86-64-v3, native, x86-64-v3") == ["x86-64-v3", "native"]
    with pytest.raises(ValueError, match="expected native, x86-64-v3, x86-64-v4, got 'v3'"):
        prebuilt.asked("v3")
