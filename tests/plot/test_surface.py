"""Surfaces: heights where they belong, paths on them, and what cannot be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fastloss as fl


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def bowl(w: np.ndarray) -> float:
    return float((w[0] - 1.0) ** 2 + 4.0 * w[1] ** 2)


def test_levels_are_heights_of_the_function(ax: Axes) -> None:
    fl.plot.surface(bowl, ax=ax, span=[(-1, 3), (-2, 2)])
    *_, lines = ax.collections
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        if len(path.vertices):
            heights = [bowl(w) for w in path.vertices]
            np.testing.assert_allclose(heights, level, rtol=0.02, atol=0.02)
    gaps = np.diff(lines.levels)
    assert (np.diff(gaps) > 0).all()  # the deeper, the closer
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1.0, 3.0), (-2.0, 2.0))


def test_a_value_and_gradient_will_do(ax: Axes) -> None:
    """What an optimiser takes gives the same map."""
    fl.plot.surface(lambda w: (bowl(w), np.zeros(2)), ax=ax, span=[(-1, 3), (-2, 2)])
    other = fl.plot.surface(bowl, ax=Figure().subplots(), span=[(-1, 3), (-2, 2)])
    np.testing.assert_array_equal(ax.collections[-1].levels, other.collections[-1].levels)


def test_paths_are_drawn_and_named(ax: Axes) -> None:
    paths = {"slow": np.array([[0.0, 0.0], [0.5, 0.1], [1.0, 0.0]]), "fast": [[2.0, 1.0], [1.0, -1.0]]}
    fl.plot.surface(bowl, paths, ax=ax, names=("slope", "constant"))
    assert ax.get_legend_handles_labels()[1] == ["slow", "fast"]
    drawn = {str(line.get_label()): np.asarray(line.get_xydata()) for line in ax.get_lines()}
    for name, path in paths.items():
        np.testing.assert_array_equal(drawn[name], path)
    # A quarter more than the paths, which go from 0 to 2 and from -1 to 1.
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 2.5), (-1.5, 1.5))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("slope", "constant")


@pytest.mark.filterwarnings("error")
def test_no_paths_have_no_legend(ax: Axes) -> None:
    assert fl.plot.surface(bowl, {}, ax=ax, span=[(-1, 1), (-1, 1)]).get_legend() is None


def test_what_is_not_finite_is_left_out(ax: Axes) -> None:
    fl.plot.surface(lambda w: np.inf if w[0] < 0 else bowl(w), [[1.0, 1.0]], ax=ax, span=[(-1, 1), (-1, 1)])
    *_, lines = ax.collections
    assert all(path.vertices[:, 0].min() >= 0 for path in lines.get_paths() if len(path.vertices))
    fl.plot.surface(lambda w: np.nan, ax=(empty := Figure().subplots()), span=[(-1, 1), (-1, 1)])
    assert not empty.collections


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        ({"fun": 3}, TypeError, "fun is 3, expected a function"),
        ({"span": None}, ValueError, "without a path, span is needed"),
        ({"span": (0, 1)}, ValueError, r"span is \(0, 1\), expected two pairs of finite numbers"),
        ({"span": [(0, 1), (1, 1)]}, ValueError, "the lower one of each first"),
        ({"span": [(0, np.inf), (0, 1)]}, ValueError, "finite numbers"),
        ({"path": [1.0, 2.0]}, ValueError, r"path has the shape \(2,\), expected \(n, 2\)"),
        ({"path": {"first": np.zeros((0, 2))}}, ValueError, r"path\['first'\] has the shape \(0, 2\)"),
        ({"path": "north"}, TypeError, "path is 'north', expected an array"),
        ({"fun": lambda w: w}, TypeError, r"fun returns an array of shape \(2,\), expected a number"),
        ({"ax": "ax"}, TypeError, "ax is a str"),
    ],
)
def test_errors_say_what_was_expected(call: dict[str, Any], error: type[Exception], text: str, ax: Axes) -> None:
    with pytest.raises(error, match=text):
        fl.plot.surface(**{"fun": bowl, "ax": ax, "span": [(0, 1), (0, 1)], **call})
    assert not ax.collections and not ax.get_lines()
