"""The command line: what it prints and where, its exit codes, the demo's figures, and that `warmup` warms up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastloss
from fastloss import cli, warmup
from fastloss.kernels import cache, place

ROOT = Path(__file__).resolve().parents[1]

CALLS = """
import numpy as np
import fastloss as fl

x = np.linspace(-3.0, 3.0, 100_000, dtype=np.float32)
y, w = x[::-1].copy(), np.full_like(x, 0.5)
for n in (8, x.size):  # serial, parallel
    for weight in (None, w[:n]):
        args = x[:n], y[:n]
        fl.huber(*args, weight=weight)
        fl.huber.grad_and_hess(*args, weight=weight, delta=2.0)
        fl.huber.value_and_grad(*args, weight=weight)
        fl.huber.value_and_grad(*args, weight=weight, out=np.empty_like(x[:n]))
        fl.huber.grad(*args, weight=weight, reduction="sum")
"""


def command(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python on `args` in a process of its own, with this checkout importable."""
    return subprocess.run(
        [sys.executable, *args],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def no_cache(monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "off")
    cache.directory.cache_clear()
    yield
    cache.directory.cache_clear()


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    cache.directory.cache_clear()
    yield tmp_path / "cache"
    cache.directory.cache_clear()


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr() == (f"fastloss {fastloss.__version__}\n", "")


@pytest.mark.parametrize("argv", [[], ["nothing"], ["losses", "--nothing"], ["warmup", "--dtype", "int8"]])
def test_wrong_usage(argv, capsys):
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("usage: fastloss")


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_number_of_jobs(jobs, capsys):
    assert cli.main(["warmup", "huber", f"--jobs={jobs}"]) == 2
    assert f"expected a positive number, got '{jobs}'" in capsys.readouterr().err


def test_help_names_every_command(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("demo", "bench", "warmup", "losses", "cache"))


def test_losses(capsys):
    assert cli.main(["losses"]) == 0
    out, err = capsys.readouterr()
    assert not err
    for name, loss in fastloss.LOSSES.items():
        assert f"\n{name}(" in f"\n{out}"
        assert loss.__doc__.strip().splitlines()[0] in out
    assert "    delta = 1: a number greater than 0\n" in out


def test_losses_as_json(capsys):
    assert cli.main(["losses", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(fastloss.LOSSES)
    assert {short: row["name"] for row in rows for short in row["aliases"]} == fastloss.ALIASES
    (huber,) = (row for row in rows if row["name"] == "huber")
    assert huber["inputs"] == ["pred", "target"]
    assert huber["parameters"] == {"delta": {"default": 1.0, "domain": "a number greater than 0"}}
    assert huber["second_derivative"] is True


def test_a_closed_pipe_is_no_traceback():
    script = "import sys; from fastloss.cli import main; sys.exit(main(['losses']))"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 1


def test_unknown_loss(capsys):
    assert cli.main(["warmup", "hubber"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("fastloss: no loss is named 'hubber'; did you mean huber")
    assert err.count("\n") == 1
    assert cli.main(["warmup", "qqqqq"]) == 2
    assert "`fastloss losses` lists them" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["warmup", "huber"], ["cache"], ["cache", "--clear"]])
def test_no_cache(argv, no_cache, capsys):
    assert cli.main(argv) == 1
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("fastloss: there is no cache on disk")
    assert err.count("\n") == 1


def test_cache_that_cannot_be_written(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "cache"))
    cache.directory.cache_clear()
    assert cli.main(["warmup", "huber"]) == 1
    cache.directory.cache_clear()
    assert "FASTLOSS_CACHE_DIR" in capsys.readouterr().err


def test_cache(own_cache, capsys):
    assert cli.main(["cache"]) == 0
    assert capsys.readouterr() == (f"{own_cache}: 0 kernels, 0 bytes\n", "")
    place.write("some/a.kernel", bytes(2000 - 32))
    assert cli.main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == f"{own_cache}: 1 kernel, 2.0 kB\nremoved 2.0 kB\n"
    assert cli.main(["cache"]) == 0
    assert ": 0 kernels" in capsys.readouterr().out


@pytest.mark.parametrize(("package", "name"), [("sklearn", "scikit-learn"), ("scipy", "SciPy")])
def test_demo_without_its_extra(package, name, monkeypatch, capsys):
    for module in [m for m in sys.modules if m.startswith("fastloss.demo") or m.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr(fastloss, "demo", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["demo"]) == 1
    assert capsys.readouterr().err == f'fastloss: {name} is not installed: pip install "fastloss[demo]"\n'


def test_interrupt(own_cache, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(warmup, "compile_one", interrupted)
    assert cli.main(["warmup", "huber", "--jobs", "1", "--quiet"]) == 130
    assert capsys.readouterr() == ("", "fastloss: interrupted\n")


def test_a_failure_names_the_loss(own_cache, monkeypatch, capsys):
    monkeypatch.setattr(warmup, "VERBS", ("nothing",))
    assert cli.main(["warmup", "huber", "--dtype", "float32", "--jobs", "1", "--quiet"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("fastloss: huber float32: AttributeError")
    assert "1 of 1 did not compile" in err


def test_warmup_leaves_nothing_to_compile(tmp_path):
    env = {cache.VARIABLE: str(tmp_path / "cache")}
    warmup = command("-m", "fastloss.cli", "warmup", "huber", "--dtype", "float32", "--jobs", "1", "--quiet", **env)
    assert (warmup.returncode, warmup.stderr) == (0, "")
    match = re.fullmatch(r"(.*): (\d+) kernels, [\d.]+ .B \((\d+) new\)\n", warmup.stdout)
    assert match
    assert match[1] == env[cache.VARIABLE]
    assert match[2] == match[3]
    before = sorted(path.name for path in tmp_path.rglob("*.kernel"))
    assert len(before) >= 16  # of four verbs, with weights or not, in two ways

    calls = command("-W", "error", "-c", CALLS, **env)
    assert (calls.returncode, calls.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.rglob("*.kernel")) == before

    # Two processes find all of it too, and say what they do.
    again = command("-m", "fastloss.cli", "warmup", "huber", "huber", "--dtype", "float32", "--jobs", "2", **env)
    assert again.returncode == 0
    assert "(0 new)" in again.stdout
    assert again.stderr.startswith("compiling huber for float32")
    assert again.stderr.endswith("1 of 1 done\n")


def test_demo():
    demo = command("-W", "error", "-m", "fastloss.cli", "demo", "--quick")
    assert (demo.returncode, demo.stderr) == (0, ""), demo.stderr
    rows = demo.stdout.splitlines()
    assert max(map(len, rows)) <= 100

    # The two minimise the same convex function: at most a borderline image or two differ.
    own, reference = (_figures(rows, start) for start in ("fastloss, SciPy  ", "scikit-learn, LogisticRegression"))
    assert own[0] > 0.95
    assert abs(own[0] - reference[0]) < 0.005

    # A linear model of all the images reaches 0.96 or 0.97, one of a hundred 0.89; guessing would be 0.1.
    teacher, alone, taught = (
        _figures(rows, start)
        for start in ("teacher of 1347", "student of 100 images, labels alone", "student of 100 images, labels and")
    )
    assert teacher[0] > 0.96
    assert 0.8 < alone[0] < teacher[0]
    # Over a hundred runs the gain was 0.06, and never negative. A soft part without effect would leave them equal.
    assert alone[0] + 0.02 < taught[0] < teacher[0]

    own, reference, least = (
        _figures(rows, start)
        for start in ("fastloss, SciPy (delta", "scikit-learn, HuberRegressor", "scikit-learn, LinearRegression")
    )
    for mine, theirs, squares in zip(own[:2], reference[:2], least[:2], strict=True):
        assert mine < 1.05 * theirs
        assert mine < 0.5 * squares

    timed = [row.split()[0] for row in rows if "MiB" in row]
    assert timed == ["squared_error", "huber", "cross_entropy"]
    assert "DIFFER" not in demo.stdout


def _figures(rows: list[str], start: str) -> list[float]:
    """The numbers in the columns of the one row that starts so."""
    (row,) = (row for row in rows if row.strip().startswith(start))
    return [float(text) for text in re.findall(r"(?<=\s)\d+\.\d+(?=\s|$)", row[45:])]


def test_every_formula_of_the_demo_is_its_loss():
    from fastloss.demo import table

    assert set(table.FORMULAS) <= set(fastloss.LOSSES)
    assert set(table.SELECTION) <= set(table.FORMULAS)
