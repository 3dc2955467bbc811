"""A new loss touches two places: its definition in a family's file, and its formula in the tests' oracle.

In a copy of the repository, to which a loss of elements and one of rows are added so, and nothing else: the tests that
the registry feeds, the benchmarks, the README's tables and the stub have them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ADDED = {
    "fastloss/losses/robust.py": '''

@pointwise(others=RESIDUAL, c=POSITIVE_OR_INF)
def shrunken_distance(pred: float, target: float, c: float = 1.0) -> Jet:
    """Absolute error in units of a scale.

    |pred - target| / c: a loss that there is in this copy alone. Where pred equals the target the gradient is 0.

    >>> import fastloss as fl
    >>> fl.shrunken_distance.value_and_grad([1.0, 4.0], [0.0, 0.0], c=2.0)
    (np.float64(1.25), array([0.25, 0.25]))
    """
    r = pred - target
    return abs(r) / c, sign(r) / c, 0.0
''',
    "fastloss/losses/multiclass.py": '''

@rowwise(pred=UNIT)
class missed_probability:
    """The probability that a guess by the prediction is wrong.

    sum(t (1 - pred)), t being the label's or the target's mass of each class: a loss that there is in this copy alone.

    >>> import fastloss as fl
    >>> fl.missed_probability.value_and_grad([[0.5, 0.5], [0.75, 0.25]], [0, 1])
    (np.float64(0.625), array([[-0.5,  0. ],
           [ 0. , -0.5]]))
    """

    def fold(p: float, t: float) -> Row:
        lost = 0.0 if p == p else p
        return (lost if t == 0.0 else t * (1.0 - p),), (lost,)

    def finish(total: float) -> Ends:
        return total, ()

    def grad(lost: float, t: float) -> Slope:
        return lost - t, 0.0
''',
    "tests/helpers/oracle.py": '''

@formula({"c": 1.0}, {"c": 0.5}, kinks=at_target)
def shrunken_distance(pred, target, c):
    return abs(pred - target) / c
''',
    "tests/helpers/row_oracle.py": '''

@formula(scores="probabilities")
def missed_probability(pred, target):
    return fsum(t * (1 - p) for p, t in zip(pred, target, strict=True))
''',
}  # fmt: skip
NAMES = ("shrunken_distance", "missed_probability")
COPIED = ("fastloss", "tests", "bench", "tools", "README.md", "LOSSES.md", "CHANGELOG.md", "pyproject.toml")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the two losses."""
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    for name, text in ADDED.items():
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(text)
    return folder


def run(copy: Path, *arguments: str) -> str:
    """What a command of Python's prints, run in the copy."""
    # Not as a part of a run in several processes: pytest-benchmark warns of them.
    environment = {n: value for n, value in os.environ.items() if not n.startswith("PYTEST_XDIST")}
    environment["PYTHONPATH"] = str(copy)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


EITHER = " or ".join(NAMES)


@pytest.mark.full
def test_the_tests_have_it(copy: Path) -> None:
    """Those that compile little; the others take each loss by its kind alone."""
    files = ("test_definitions", "test_docs", "test_cli", "test_limits", "test_laws", "test_with_respect_to", "test_row_accuracy",
             "test_row_agreement", "test_row_weights")  # fmt: skip
    paths = [str(path) for name in files for path in copy.glob(f"tests/*/{name}.py")]
    assert len(paths) == len(files)
    said = run(copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *paths,
               "-k", f"({EITHER}) and not compiled", "-rA")  # fmt: skip
    for name, test in product(NAMES, ("test_formula", "test_nan", "test_documented", "test_every_argument")):
        assert re.search(rf"(?m)^PASSED tests/\S+::{test}\S*\[{name}", said), (name, test)


@pytest.mark.full
def test_the_benchmarks_have_it(copy: Path) -> None:
    said = run(copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "bench", "--collect-only", "-k", EITHER)
    assert all(name in said for name in NAMES)
    asv = "from bench import asv_losses as a; print(*a.Pointwise.params[0], *a.Rows.params[0], *a.Cuda.params[0])"
    assert {*NAMES} <= {*run(copy, "-c", asv).split()}
    quick = ("--quick", "--peers", "numpy", "--losses", NAMES[0])
    assert NAMES[0] in run(copy, "-m", "bench.pointwise", *quick)


def test_the_tables_have_it(copy: Path) -> None:
    for tool in ("readme", "stubs"):
        run(copy, f"tools/{tool}.py")
        run(copy, f"tools/{tool}.py", "--check")
    for file in ("README.md", "LOSSES.md", "fastloss/_typed.pyi"):
        text = (copy / file).read_text("utf-8")
        assert all(name in text for name in NAMES), file
    run(copy, "-m", "bench.report", "--check")
    assert "in units of a scale" in run(copy, "-m", "fastloss", "losses", NAMES[0])
