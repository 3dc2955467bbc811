"""What a user may set: the environment wins over the file, and nothing that either holds is an error; `fastloss bench`."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fastloss import settings
from fastloss.commands import cli, tune
from fastloss.kernels.cpu import threads

VARIABLE, KEY = settings.PARALLEL_FROM


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the settings are, in an own home that is empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "fastloss").mkdir()
    return tmp_path / "fastloss" / "config.toml"


def number() -> int:
    return settings.number(settings.PARALLEL_FROM, 7)


def test_the_default_the_file_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.file() == file
    assert number() == 7
    file.write_text("# a comment\nanother = 'thing'\nparallel_from = 1_000\n")
    assert number() == 1000
    monkeypatch.setenv(VARIABLE, " 20 ")
    assert number() == 20
    monkeypatch.setenv(VARIABLE, "")
    assert number() == 1000


@pytest.mark.parametrize("text", ["many", "0", "-5", "1.5", "9" * 30, "9" * 6000])
def test_a_malformed_variable_is_reported_and_the_file_counts(
    text: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.warns(RuntimeWarning, match=f"{VARIABLE} must be a positive whole number, got '{text[:3]}") as caught:
        assert number() == 7
    assert len(str(caught[0].message)) < 150
    file.write_text("parallel_from = 30")
    with pytest.warns(RuntimeWarning, match=VARIABLE):
        assert number() == 30


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "true", "'1000'", "[1]", "1_" + "0" * 20, "{x = 1}", "1979-05-27"])
def test_a_value_out_of_range_is_reported(value: str, file: Path) -> None:
    file.write_text(f"parallel_from = {value}")
    with pytest.warns(RuntimeWarning, match=r"parallel_from in .*config\.toml must be a positive whole number"):
        assert number() == 7


@pytest.mark.parametrize(
    "content",
    [b"parallel_from = ", b"\xff\xfe\x00", b"parallel_from = 1\nparallel_from = 2", b"x = " + b"[" * 30_000,
     b"x = " + b"9" * 6000, b"#" * (settings.LARGEST_FILE + 1), bytes(100)],
    ids=["cut off", "no UTF-8", "twice", "deep", "long number", "large", "zeros"],
)  # fmt: skip
def test_a_broken_file_is_reported(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.warns(RuntimeWarning, match=r"config\.toml is of no use, defaults are used: ") as caught:
        assert number() == 7
    assert len(caught) == 1


def test_what_is_no_file_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.mkdir()
    assert number() == 7
    file.rmdir()
    os.mkfifo(file)  # reading it would wait for ever
    assert number() == 7
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", "")
    assert settings.file() is None
    assert number() == 7
    with pytest.raises(OSError, match="HOME is not set"):
        settings.store(KEY, 5)


def test_the_kernels_take_what_the_file_says_and_importing_reads_nothing(file: Path) -> None:
    file.write_text("parallel_from = 1234")
    script = (
        "import sys, fastloss; print('tomllib' in sys.modules, 'fastloss.settings' in sys.modules);"
        "from fastloss.arrays.host import recipes, rowrecipes; from fastloss.kernels.plan import elements;"
        "print(*(m.PARALLEL_FROM for m in (elements, recipes, rowrecipes)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n1234 1234 1234\n"


# -- Tuning -----------------------------------------------------------------------------------------------------------


def times(start: float) -> dict[tuple[str, int, str], float]:
    """A serial call takes a microsecond for a thousand elements, a parallel one half of that after `start` of them."""
    return {
        (name, size, backend): 1e-9 * (size if backend == "serial" else start + size / 2)
        for name in tune.CHEAP_AND_COSTLY for size in tune.SIZES for backend in tune.BACKENDS
    }  # fmt: skip


def test_the_threshold_is_where_threads_begin_to_pay() -> None:
    assert tune.threshold(times(start=10_000)) == 1 << 15  # 20,000 is where the two are the same
    assert tune.threshold(times(start=0)) == tune.SIZES[0]
    assert tune.threshold(times(start=1e9)) is None
    busy = {key: t * (1.8 if key[2] == "parallel" else 1.0) for key, t in times(start=0).items()}
    assert tune.threshold(busy) is None  # faster, by next to nothing
    disturbed = times(start=10_000)
    disturbed[tune.CHEAP_AND_COSTLY[0], 1 << 19, "parallel"] *= 2.5
    assert tune.threshold(disturbed) == 1 << 15


def test_times_are_of_both_backends() -> None:
    found = tune.measure(sizes=(100, 200), rounds=1)
    assert set(found) == {(n, s, b) for n in tune.CHEAP_AND_COSTLY for s in (100, 200) for b in tune.BACKENDS}
    assert min(found.values()) > 0.0
    lines = tune.table(found).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["100", "200"]
    assert len({len(line) for line in lines}) == 1


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `tune.measure` finds, and a machine with threads."""
    found = {"times": times(start=10_000)}
    monkeypatch.setattr(tune, "measure", lambda: found["times"])
    monkeypatch.setattr(threads, "get_num_threads", lambda: 2)
    monkeypatch.setattr(threads, "launch", lambda: object())
    return found


def test_bench_only_says_and_tune_writes(
    file: Path, measured: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench"]) == 0
    assert "threads pay from 32,768 elements; in use: " in capsys.readouterr().out
    assert not file.exists()
    file.write_text("is broken")
    assert cli.main(["bench", "--tune"]) == 0
    out, err = capsys.readouterr()
    assert out.endswith(f"written to {file}\n")
    assert not err
    assert tomllib.loads(file.read_text()) == {KEY: 1 << 15}
    assert number() == 1 << 15
    assert [p.name for p in file.parent.iterdir()] == [file.name]
    monkeypatch.setenv(VARIABLE, "9")
    assert cli.main(["bench", "--tune"]) == 0
    assert capsys.readouterr().err == f"fastloss: {VARIABLE} is set, and wins over the file\n"


def test_nothing_is_written_where_threads_do_not_pay(
    file: Path, measured: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    measured["times"] = times(start=1e9)
    assert cli.main(["bench", "--tune"]) == 1
    assert "is the machine busy?" in capsys.readouterr().err
    assert not file.exists()


def test_where_nothing_can_be_written(file: Path, measured: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    file.parent.rmdir()
    file.parent.touch()
    assert cli.main(["bench", "--tune"]) == 1
    assert capsys.readouterr().err.startswith("fastloss: the settings cannot be written: ")


def test_where_there_are_no_threads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(threads, "get_num_threads", lambda: 1)
    assert cli.main(["bench"]) == 1
    assert "there are no threads to measure" in capsys.readouterr().err
