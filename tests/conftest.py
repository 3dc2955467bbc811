"""Which cases run: a few of each kind, with --rest the others, with --full all of them; and the kernels' cache, which is
the tests' own."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import everywhere
import numpy as np
import pytest
import selection

import fastloss as fl
from fastloss.kernels import disk

LEFT_OUT = pytest.StashKey[tuple[int, int]]()
"""How many cases do not run, and how many with kernels that are not compiled."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="every case: those too that tests/README.md calls the rest")
    parser.addoption("--rest", action="store_true", help="the rest alone: what a run without --full has left out")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(everywhere)
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    what = selection.asked(config)
    items[:], rest = selection.parted(items, what)
    config.hook.pytest_deselected(items=rest)
    if what == selection.FEW:
        config.stash[LEFT_OUT] = (len(rest), sum(selection.runs_as_python(item, what) for item in items))
    gc.freeze()


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
        text = f"left out: {left:,} cases; of {uncompiled:,} more no kernel was compiled; `pytest --rest` does that"
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
    """Run the kernels' templates as plain Python in a run of a few cases: for a test whose subject is what calls them."""
    if selection.runs_as_python(request.node, selection.asked(request.config)):
        request.getfixturevalue("uncompiled")
