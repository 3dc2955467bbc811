"""The README says what is. Its examples, and those of all docstrings, run as doctests of the same pytest run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastloss as fl

ROOT = Path(__file__).parents[1]


def test_table_of_losses_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "tools/readme.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run python tools/readme.py"


def test_speed_tables_and_figures_are_those_of_the_results() -> None:
    done = subprocess.run([sys.executable, "-m", "bench.report", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run python -m bench.report"


def test_its_commands_exist() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    extras = set(re.findall(r'pip install "\.\[(\w+)\]"', readme))
    assert extras == {"demo", "test", "cuda13"}
    assert all(re.search(rf"(?m)^{extra} = \[", project) for extra in extras)
    assert all((ROOT / path.split("#")[0]).exists() for path in re.findall(r"\]\(([^):]+)\)", readme))


@pytest.mark.parametrize("name", list(fl.LOSSES))
def test_every_loss_is_documented(name: str) -> None:
    text = fl.LOSSES[name].__doc__ or ""
    assert ">>> fl." + name in text
    assert len(text.strip().split("\n")[0]) <= 120
