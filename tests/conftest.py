"""Which cases run: a few of each kind, or with --full all of them; and the kernels' cache, which is the tests' own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastloss as fl
from fastloss.kernels import disk

LEFT_OUT = pytest.StashKey[tuple[int, int]]()
"""How many cases do not run, and how many with kernels that are not compiled."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="every case: those too that tests/README.md calls the rest")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "full: a case of the rest, which runs with --full or when a test is named by ::")
    config.addinivalue_line("markers", "compiled: what needs its kernels in a module that mostly does not")
    config.stash[LEFT_OUT] = (0, 0)
    os.environ["FASTLOSS_QUIET"] = "1"  # what subprocesses write is compared
    # Subprocesses that tests start share the kernels.
    cache = getattr(config, "cache", None)
    if cache is not None:
        kernels = cache.mkdir("kernels")
        kernels.chmod(0o700)
        if not disk._problem(kernels):  # in a checkout that a group can write to, the user's own serve
            os.environ["FASTLOSS_CACHE_DIR"] = str(kernels)
    # Tests that start `python tools/...` must find the package that is tested, installed or not.
    paths = [str(Path(fl.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))


def every_case(config: pytest.Config) -> bool:
    """Whether all cases run, because that is asked for or a test is named by ::."""
    return bool(config.getoption("full")) or any("::" in argument for argument in config.args)


def runs_as_python(item: Any) -> bool:
    """Whether a test that can do with kernels as plain Python has them so."""
    wanted = "compiled_at_last" in getattr(item, "fixturenames", ())
    return wanted and not every_case(item.config) and not item.get_closest_marker("compiled")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if every_case(config):
        return
    rest = [item for item in items if item.get_closest_marker("full")]
    items[:] = [item for item in items if not item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=rest)
    config.stash[LEFT_OUT] = (len(rest), sum(map(runs_as_python, items)))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist tells its count to the one that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left out"] = session.config.stash[LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    node.config.stash[LEFT_OUT] = max(node.config.stash[LEFT_OUT], tuple(node.workeroutput.get("left out", (0, 0))))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left, uncompiled = config.stash[LEFT_OUT]
    if left or uncompiled:
        text = (
            f"left out: {left:,} cases; of {uncompiled:,} more no kernel was compiled; `pytest --full` does all of it"
        )
        terminalreporter.write_line(text)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261121)


@pytest.fixture
def uncompiled() -> Iterator[None]:
    """Run the kernels' templates as plain Python."""
    from uncompiled import nothing_compiled

    with nothing_compiled():
        yield


@pytest.fixture
def compiled_at_last(request: pytest.FixtureRequest) -> None:
    """Run the kernels' templates as plain Python where not every case runs: for a test whose subject is what calls them."""
    if runs_as_python(request.node):
        request.getfixturevalue("uncompiled")


@pytest.fixture(autouse=True)
def _docstrings(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace["np"] = np
