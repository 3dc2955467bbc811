"""What the user is told of compilations: a line after a second of them, a warning where no kernel can be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from data import rest, some

import fastloss as fl
from fastloss.kernels.plan.elements import sum_plan
from fastloss.kernels.plan.rows import RowPlan, census_plan

# Compilations that take no time are told at once; the line comes while one goes on.
PATIENT = """
import logging, os, sys, time
from fastloss.kernels import announce
announce.PATIENCE = {patience}
{before}
for what in ("huber for float32", "huber for float32", "huber for float64"):
    with announce.announced(what):
        time.sleep(0.2)
        print("still", file=sys.stderr)
"""
LINE = "fastloss: compiling {} (once; kept in {})\n"


def told(script: str, folder: Path, **environment: str) -> str:
    """What a process writes on standard error."""
    variables = {n: v for n, v in os.environ.items() if not n.startswith("FASTLOSS_")}
    variables |= {"FASTLOSS_CACHE_DIR": str(folder), **environment}
    done = subprocess.run([sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=True)
    return done.stderr


def test_each_loss_and_dtype_is_told_once_while_it_is_compiled(tmp_path: Path) -> None:
    found = told(PATIENT.format(patience=0.05, before=""), tmp_path)
    folder = tmp_path / "fastloss-kernels"
    single, double = (LINE.format(f"huber for {kind}", folder) for kind in ("float32", "float64"))
    assert found == f"{single}still\nstill\n{double}still\n"


def test_what_is_compiled_in_pieces_counts_together(tmp_path: Path) -> None:
    folder = tmp_path / "fastloss-kernels"
    found = told(PATIENT.format(patience=0.3, before=""), tmp_path)
    assert found == f"still\n{LINE.format('huber for float32', folder)}still\nstill\n"


@pytest.mark.parametrize(
    ("before", "environment"),
    [
        ("", {"FASTLOSS_QUIET": "1"}),
        ("logging.getLogger('fastloss').setLevel(logging.ERROR)", {}),
        rest(("logging.disable()", {})),
        rest(("logging.basicConfig(stream=sys.stdout)", {})),
    ],
)
def test_it_can_be_told_not_to(before: str, environment: dict[str, str], tmp_path: Path) -> None:
    assert "compiling" not in told(PATIENT.format(patience=0.05, before=before), tmp_path, **environment)


@pytest.mark.parametrize("off", some(["0", "False", " off "], ["0"]))
def test_quiet_turned_off_is_not_quiet(off: str, tmp_path: Path) -> None:
    assert "compiling" in told(PATIENT.format(patience=0.05, before=""), tmp_path, FASTLOSS_QUIET=off)


def test_it_goes_where_logging_sends_it(tmp_path: Path) -> None:
    before = "logging.basicConfig(level=logging.INFO, format='%(name)s %(levelname)s %(message)s')"
    found = told(PATIENT.format(patience=0.05, before=before), tmp_path)
    assert found.startswith("fastloss INFO compiling huber for float32 (once; kept in ")
    assert "fastloss: " not in found


def test_a_closed_standard_error_harms_nothing(tmp_path: Path) -> None:
    script = PATIENT.format(patience=0.05, before="sys.stderr = None").replace('print("still", file=sys.stderr)', "")
    assert told(script, tmp_path) == ""


def test_a_kernel_is_announced_and_one_from_disk_is_not(tmp_path: Path) -> None:
    script = """
from fastloss.kernels import announce
announce.PATIENCE = 0.0
import numpy as np, fastloss as fl
fl.squared_error.grad(np.zeros(3, "f4"), np.zeros(3, "f4"))
"""
    assert told(script, tmp_path) == LINE.format("squared_error for float32", tmp_path / "fastloss-kernels")
    assert told(script, tmp_path) == ""


def test_kernels_of_no_loss_are_called_what_they_do() -> None:
    """Of the ports and templates that they are made of, nobody has heard."""
    assert sum_plan("?", "C").name == "sum_of_weights"
    plan = RowPlan.of(fl.cross_entropy, ("f",), 1, True, "labels", target_type="l")
    assert census_plan(plan).name == "count_of_labels"


UNKEPT = """
import warnings
warnings.simplefilter("always")
from fastloss.kernels import announce
for _ in range(2):
    with announce.announced("huber"):
        pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="HOME is a variable of Unix")
def test_where_nothing_can_be_kept_there_is_one_warning(tmp_path: Path) -> None:
    variables = {n: v for n, v in os.environ.items() if n != "XDG_CACHE_HOME" and not n.startswith("FASTLOSS_")}
    for home, reason in ((str(tmp_path / "absent"), "this user has no home directory of its own"), (str(tmp_path), "")):
        if not reason:
            tmp_path.chmod(0o777)
            reason = "others than its owner can write to it"
        done = subprocess.run(
            [sys.executable, "-c", UNKEPT], env={**variables, "HOME": home}, capture_output=True, text=True, check=True
        )
        strict = UNKEPT.replace("always", "error")
        done_quietly = subprocess.run([sys.executable, "-c", strict], env={**variables, "HOME": home}, check=True)
        assert done_quietly.returncode == 0  # no failure of the cache reaches the caller
        text = "RuntimeWarning: compiled kernels cannot be kept, so that every process compiles them: "
        assert done.stderr.count(text + reason) == 1
        assert "Set FASTLOSS_CACHE_DIR to a folder that only this user can write to, or to off" in done.stderr
    tmp_path.chmod(0o700)


def test_who_wants_no_cache_is_not_warned(tmp_path: Path) -> None:
    for folder in ("off", ""):
        assert told(UNKEPT, Path(), FASTLOSS_CACHE_DIR=folder) == ""
    # Of a folder that is of no use the user hears when it is looked for.
    (tmp_path / "file").write_text("")
    found = told(UNKEPT, tmp_path / "file")
    assert found.count("is of no use, every process compiles its kernels") == 1
    assert "cannot be kept" not in found
