"""What a user may set in the environment, where nothing malformed is an error; `fastloss bench`, which measures it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from fastloss import settings
from fastloss.commands import cli, tune
from fastloss.kernels.cpu import threads

VARIABLE = settings.PARALLEL_FROM


def number() -> int:
    return settings.number(VARIABLE, 7000)


@pytest.mark.parametrize(
    ("text", "expected"), [(None, 7000), ("", 7000), (" 20 ", 20), ("1", 1), (str(1 << 62), 1 << 62)]
)
def test_the_environment_or_the_default(text: str | None, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(VARIABLE, text)
    assert number() == expected


@pytest.mark.parametrize("text", ["many", "0", "-5", "1.5", "true", "1_000", str((1 << 62) + 1), "9" * 30, "9" * 6000])
def test_a_malformed_variable_is_reported_and_done_without(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.warns(RuntimeWarning, match=f"{VARIABLE} must be a positive whole number, got '{text[:3]}") as caught:
        assert number() == 7000
    assert len(caught) == 1
    message = str(caught[0].message)
    assert message.endswith("; 7,000 is used") and len(message) < 150


def test_the_kernels_take_what_the_environment_says_and_importing_reads_nothing() -> None:
    script = (
        "import sys, fastloss; print('fastloss.settings' in sys.modules);"
        "from fastloss.arrays.host import recipes, remember; from fastloss.kernels.plan import elements;"
        "print(*(m.PARALLEL_FROM for m in (elements, recipes, remember)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, VARIABLE: "1234"},
    )  # fmt: skip
    assert done.stdout == "False\n1234 1234 1234\n"


# -- Measuring it ------------------------------------------------------------------------------------------------------


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


def test_bench_prints_the_setting(measured: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench"]) == 0
    out, err = capsys.readouterr()
    assert "threads pay from 32,768 elements; in use: " in out
    assert out.splitlines()[-1] == f"export {VARIABLE}=32768"
    assert not err


def test_there_is_no_setting_where_threads_do_not_pay(
    measured: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    measured["times"] = times(start=1e9)
    assert cli.main(["bench"]) == 1
    out, err = capsys.readouterr()
    assert "is the machine busy?" in err and "export" not in out


def test_where_there_are_no_threads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(threads, "get_num_threads", lambda: 1)
    assert cli.main(["bench"]) == 1
    assert "there are no threads to measure" in capsys.readouterr().err
