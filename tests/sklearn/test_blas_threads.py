"""Threads of BLAS in a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn.base")

from threadpoolctl import threadpool_info, threadpool_limits

from fastloss.sklearn import LossRegressor, problem
from fastloss.sklearn.threads import of_blas


def counts() -> list[int]:
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


@pytest.mark.parametrize("verb", ["fit", "fit_path"])
def test_a_small_fit_has_one_thread_of_blas_and_gives_the_others_back(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = problem.Problem.minimum
    monkeypatch.setattr(problem.Problem, "minimum", lambda *given, **own: seen.extend(counts()) or real(*given, **own))
    x = np.random.default_rng(0).normal(size=(60, 90))
    with threadpool_limits(2, user_api="blas"):
        before: Any = counts()
        getattr(LossRegressor("huber", penalty="l1", alpha=0.1), verb)(x, x[:, 0])
        assert counts() == before and set(before) == {2}
    assert seen and set(seen) == {1}


def test_fits_at_once_give_all_threads_back_once_the_last_one_ends() -> None:
    """Also where the first one to begin is the first to end."""
    with threadpool_limits(2, user_api="blas"):
        first, last = of_blas(60, 5), of_blas(60, 5)
        first.__enter__()
        last.__enter__()
        first.__exit__(None, None, None)
        assert set(counts()) == {1}
        last.__exit__(None, None, None)
        assert set(counts()) == {2}


def test_a_large_one_has_as_many_as_there_are() -> None:
    with threadpool_limits(2, user_api="blas"):
        with of_blas(100_000, 200):
            assert set(counts()) == {1}
        with of_blas(100_000, 2000):
            assert set(counts()) == {2}
