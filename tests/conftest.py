"""Kernels compiled by the tests go to a cache of their own, shared with the subprocesses that tests start."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import fastloss as fl
from fastloss.kernels import disk


def pytest_configure(config: pytest.Config) -> None:
    cache = getattr(config, "cache", None)
    if cache is not None:
        kernels = cache.mkdir("kernels")
        kernels.chmod(0o700)
        if not disk._problem(kernels):  # in a checkout that a group can write to, the user's own serve
            os.environ["FASTLOSS_CACHE_DIR"] = str(kernels)
    # Tests that start `python tools/...` must find the package that is tested, installed or not.
    paths = [str(Path(fl.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261121)


@pytest.fixture(autouse=True)
def _docstrings(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace["np"] = np
