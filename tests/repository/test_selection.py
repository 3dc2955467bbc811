"""What a run without options leaves out is what `--rest` runs; together they are `--full`."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from data import rest
from selection import ALL, FEW, NAMED, REST, marks, parted, runs_as_python
from uncompiled import nothing_compiled

import fastloss as fl


def case(rest: int, at_last: bool, compiled: bool, plain: bool) -> Any:
    """One that is of the rest in so many ways, of a test that can do without kernels, or is marked to need them or not."""
    marked = {"compiled": compiled, "plain": plain and rest}
    return SimpleNamespace(
        iter_markers=lambda name: iter([name] * rest if name == "full" else []),
        get_closest_marker=lambda name: name if marked.get(name) else None,
        fixturenames=["rng", *["compiled_at_last"] * at_last],
    )


CASES = [case(*how) for how in product(range(3), *[(False, True)] * 3)]


def compiled(what: str) -> set[int]:
    """The cases that run with kernels."""
    return {id(item) for item in parted(CASES, what)[0] if not runs_as_python(item, what)}


def test_the_few_and_the_rest_are_all_and_no_kernels_case_is_in_both() -> None:
    few, rest, everything = ({id(item) for item in parted(CASES, what)[0]} for what in (FEW, REST, ALL))
    assert few | rest == everything == {*map(id, CASES)}
    assert compiled(FEW) | compiled(REST) == compiled(ALL)
    assert not compiled(FEW) & compiled(REST)
    # What is in both runs is plain Python the first time alone.
    twice = [item for item in CASES if id(item) in few & rest]
    assert twice and all(runs_as_python(item, FEW) and not runs_as_python(item, REST) for item in twice)


def test_what_is_named_is_compiled() -> None:
    assert compiled(NAMED) == {*map(id, CASES)}


def test_plain_python_takes_no_kernel_of_an_earlier_call_and_leaves_none_of_its_own() -> None:
    loss, arrays = fl.logistic.bind(), (np.array([0.3, -2.0]), np.array([1.0, -1.0]))
    loss(*arrays)
    kept = dict(loss.recipes)
    assert kept
    with nothing_compiled():
        assert not loss.recipes
        twin = loss.bind()
        loss(*arrays)
        twin(*arrays)
        assert loss.recipes.keys() == twin.recipes.keys() == kept.keys()
        assert loss.recipes != kept
    assert loss.recipes == kept
    assert not twin.recipes


@pytest.mark.parametrize("one", [0, rest(1)])
@pytest.mark.parametrize("other", [0, rest(1)])
def test_a_case_counts_each_parameter_that_leaves_it_out(one: int, other: int, request: pytest.FixtureRequest) -> None:
    assert marks(request.node) == one + other


def test_no_two_files_of_a_run_have_one_name() -> None:
    """Pytest would import the first in the place of the second, and run neither. GPUs' folders are runs of their own."""
    tests = Path(__file__).parents[1]
    files = [path.relative_to(tests) for path in tests.rglob("test_*.py")]
    names = Counter(path.name for path in files if path.parts[0] not in ("cuda", "gpu"))
    assert not {name for name, count in names.items() if count > 1}
