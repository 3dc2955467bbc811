"""Curves of losses: what is drawn, over what, in which colours, and what cannot be drawn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fastloss as fl
from fastloss.plot import section, style


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def points(ax: Axes, label: str) -> tuple[np.ndarray, np.ndarray]:
    (line,) = (line for line in ax.get_lines() if line.get_label() == label)
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


FORMULAS: dict[str, Any] = {
    "squared_error": (lambda x: x * x, lambda x: 2 * x, lambda x: 2 + 0 * x),
    "absolute_error": (abs, np.sign, lambda x: 0 * x),
    "huber": (
        lambda x: np.where(abs(x) <= 1, x * x / 2, abs(x) - 0.5),
        lambda x: np.clip(x, -1, 1),
        lambda x: np.where(abs(x) <= 1, 1.0, 0.0),
    ),
    "hinge": (lambda x: np.maximum(0, 1 - x), lambda x: np.where(x < 1, -1.0, 0.0), lambda x: 0 * x),
    "logistic": (
        lambda x: np.log(1 + np.exp(-x)),
        lambda x: -1 / (1 + np.exp(x)),
        lambda x: np.exp(x) / (1 + np.exp(x)) ** 2,
    ),
    "binary_cross_entropy": (lambda p: -np.log(p), lambda p: -1 / p, lambda p: 1 / p**2),
}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("what", ["value", "grad", "hess"])
def test_a_curve_is_its_formula(name: str, what: str, ax: Axes) -> None:
    fl.plot.curves(name, ax=ax, what=what)
    x, y = points(ax, name)
    here = np.isfinite(y) & (x != 0) & (abs(abs(x) - 1) > 1e-6)  # but at kinks
    assert here.sum() > 230
    formula = FORMULAS[name][("value", "grad", "hess").index(what)]
    np.testing.assert_allclose(y[here], formula(x[here]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "what", "places"),
    [
        ("absolute_error", "grad", [0.0, 0.0]),  # to 0, which it is at 0, and from there
        ("huber", "hess", [-1.0, 1.0]),
        ("hinge", "grad", [1.0]),
        ("hinge", "value", []),
        ("lp", "grad", []),  # as steep as can be at 0, and yet no jump
        ("squared_error", "grad", []),
    ],
)
def test_a_curve_is_open_where_it_jumps(name: str, what: str, places: list[float], ax: Axes) -> None:
    fl.plot.curves(name, ax=ax, what=what)
    x, y = points(ax, name)
    np.testing.assert_allclose(x[np.isnan(y)], places, atol=1e-6)
    assert (np.diff(x) >= 0).all()
    assert ax.get_lines()[0].get_solid_capstyle() == "butt"  # others reach over the end, and both sides would overlap


def test_scales_of_the_axes_stay_what_they_are(ax: Axes) -> None:
    ax.set_yscale("log")
    fl.plot.curves("squared_error", ax=ax)
    assert ax.get_yscale() == "log"
    assert not ax.yaxis.get_tick_params(which="minor").get("length")


AXES = {
    "residual (prediction − target)": ["huber", "quantile", "gaussian_nll", "lp", "log_cosh", "gaussian_nll_log_scale"],
    "margin (target × prediction)": ["logistic", "hinge", "sigmoid_margin", "distance_weighted_discrimination"],
    "logit, for a target of 1": ["binary_cross_entropy_with_logits", "binary_focal", "binary_sparsemax"],
    "probability of the class that is right": ["binary_cross_entropy", "binary_focal_from_probabilities"],
    "prediction, for target = 1": ["poisson", "contrastive", "hinge_embedding", "absolute_percentage_error", "gamma"],
    "prediction, for other = 1 and target = 1": ["margin_ranking"],  # the target is a label
    "prediction, for lower = 1 and upper = 1": ["accelerated_failure_time_normal"],
}


@pytest.mark.parametrize(("words", "name"), [(words, name) for words, names in AXES.items() for name in names])
def test_the_x_axis_is_what_the_loss_depends_on(words: str, name: str, ax: Axes) -> None:
    assert fl.plot.curves(name, ax=ax).get_xlabel() == words


@pytest.mark.parametrize("name", [name for name, loss in fl.LOSSES.items() if isinstance(loss, fl.Loss)])
def test_every_loss_of_elements_has_a_curve_unless_it_is_a_root(name: str, ax: Axes) -> None:
    if name.startswith("root_"):
        with pytest.raises(ValueError, match=f"{name} is the root of a mean: it has no curve of one element"):
            fl.plot.curves(name, ax=ax)
        return
    for what in section.WHATS:
        _, y = points(fl.plot.curves(name, ax=Figure().subplots(), what=what), name)
        assert np.isfinite(y).mean() > 0.95


def test_losses_of_rows_are_drawn_for_two_classes(ax: Axes) -> None:
    """Cross-entropy of two scores is the logistic loss of their difference, whose curve it dashes."""
    fl.plot.curves(["logistic", "cross_entropy"], ax=ax)
    (x, one), (_, two) = points(ax, "logistic"), points(ax, "cross_entropy")
    np.testing.assert_allclose(two, np.log(1 + np.exp(-x)), rtol=1e-9)
    np.testing.assert_allclose(one, two, rtol=1e-9)
    first, second = ax.get_lines()[:2]
    assert first.get_linestyle() == "-" and second.get_linestyle() == "--"
    assert ax.get_xlabel() == "margin, or logit for a target of 1"


def test_own_and_derived_losses_and_parameters(ax: Axes) -> None:
    @fl.derive(c=fl.POSITIVE)
    def lorentzian(pred: Any, target: Any, c: float = 1.0) -> Any:
        return fl.math.log1p(((pred - target) / c) ** 2)

    fl.plot.curves([lorentzian, lorentzian.bind(c=2.0), fl.huber.bind(delta=0.5)], ax=ax)
    assert ax.get_legend_handles_labels()[1] == ["lorentzian(c=1.0)", "lorentzian(c=2.0)", "huber(delta=0.5)"]
    for c in (1.0, 2.0):
        x, y = points(ax, f"lorentzian(c={c})")
        np.testing.assert_allclose(y, np.log(1 + (x / c) ** 2), atol=1e-12)


def test_fixed_inputs_and_the_span(ax: Axes) -> None:
    fl.plot.curves("poisson", ax=ax, at={"target": 3.0}, span=(0.0, 2.0))
    x, y = points(ax, "poisson")
    assert (x[0], x[-1], ax.get_xlim(), ax.get_xlabel()) == (0.0, 2.0, (0.0, 2.0), "prediction, for target = 3")
    np.testing.assert_allclose(y, np.exp(x) - 3.0 * x, rtol=1e-12)


def test_a_loss_has_one_colour_in_a_figure() -> None:
    one, two = Figure().subplots(1, 2)
    fl.plot.curves(["huber", "log_cosh", "cauchy"], ax=one)
    fl.plot.curves(["cauchy", "fair", "huber"], ax=two)
    colors = [{line.get_label(): line.get_color() for line in ax.get_lines()} for ax in (one, two)]
    assert colors[0]["huber"] == colors[1]["huber"] and colors[0]["cauchy"] == colors[1]["cauchy"]
    assert len({*colors[0].values(), colors[1]["fair"]}) == 5  # four losses, and the lines at 0


def test_more_losses_than_colours_differ_in_their_dashes(ax: Axes) -> None:
    names = [n for n in fl.LOSSES if n in AXES["residual (prediction − target)"]]
    losses = [fl.huber.bind(delta=d) for d in (0.2, 0.4, 0.6, 0.8, 1.2, 1.4)]
    fl.plot.curves([*names, *losses], ax=ax)
    looks = [(line.get_color(), str(line.get_linestyle()), line.get_label()) for line in ax.get_lines()[:-2]]
    assert len({look[:2] for look in looks}) == len(names) + len(losses)


def test_the_legend_covers_nothing_and_is_in_the_order_of_the_curves(ax: Axes) -> None:
    fl.plot.curves(["absolute_error", "squared_error", "welsch"], ax=ax)
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["squared_error", "absolute_error", "welsch"]
    ax.figure.draw_without_rendering()
    assert legend.get_window_extent().x0 >= ax.get_window_extent().x1
    assert fl.plot.curves("huber", ax=Figure().subplots(), legend=False).get_legend() is None


def test_a_second_call_names_and_shows_what_the_first_one_drew(ax: Axes) -> None:
    fl.plot.curves("squared_error", ax=ax, span=(-2.0, 2.0))
    fl.plot.curves("welsch", ax=ax, span=(-2.0, 2.0))
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["squared_error", "welsch"]
    assert ax.get_ylim() == fl.plot.curves(["squared_error", "welsch"], ax=Figure().subplots(), span=(-2, 2)).get_ylim()


def test_what_is_steep_flattens_nothing(ax: Axes) -> None:
    fl.plot.curves(["exponential", "hinge", "logistic"], ax=ax)
    assert 3.0 < ax.get_ylim()[1] < 8.0  # the first goes to 20
    fl.plot.curves(["squared_error"], ax=(single := Figure().subplots()), what="hess")
    low, high = single.get_ylim()
    assert low < 2.0 < high


def test_a_loss_without_second_derivative(ax: Axes) -> None:
    @fl.pointwise
    def first_only(pred: float, target: float) -> tuple[float, float]:
        return pred - target, 1.0

    fl.plot.curves(first_only, ax=ax, what="grad")
    with pytest.raises(ValueError, match="first_only has no second derivative to draw"):
        fl.plot.curves(first_only, ax=ax, what="hess")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        ({"losses": "hubr"}, ValueError, "no loss is named 'hubr': did you mean huber"),
        ({"losses": "kl_divergence"}, ValueError, "kl_divergence compares whole rows"),
        ({"losses": fl.multibox}, TypeError, "multibox is no loss of one prediction"),
        ({"losses": 3}, TypeError, "3 is no loss of one prediction"),
        ({"losses": "triplet_margin"}, TypeError, "curves: triplet_margin is no loss of one prediction"),
        ({"losses": "penalties.l1"}, ValueError, "no loss is named 'penalties.l1'"),
        ({"losses": fl.softmax}, TypeError, "curves: softmax is no loss of one prediction"),
        ({"losses": []}, ValueError, "losses is empty"),
        ({"losses": ["huber", "hinge"]}, ValueError,
         r"huber is drawn over its residual \(prediction − target\), hinge over its margin"),
        ({"losses": "huber", "what": "slope"}, ValueError, "what is 'slope', expected 'value', 'grad' or 'hess'"),
        ({"losses": "huber", "span": (1.0, 1.0)}, ValueError, "two finite numbers, the lower one first"),
        ({"losses": "huber", "span": 3.0}, TypeError, "span is 3.0, expected a pair of numbers"),
        ({"losses": "bce", "span": (0.0, 2.0)}, ValueError, r"binary_cross_entropy takes a number in \[0, 1\]"),
        ({"losses": "poisson", "at": {"target": -1.0}}, ValueError, "target is -1.0, expected a number of at least 0"),
        ({"losses": "poisson", "at": {"target": "1"}}, TypeError, "poisson: target is '1', expected a number"),
        ({"losses": "poisson", "at": {"target": np.ones(2)}}, TypeError, r"target is an array of shape \(2,\), expected"),
        ({"losses": "poisson", "at": [1.0]}, TypeError, r"at is \[1.0\], expected a dict"),
        ({"losses": "poisson", "at": {"targt": 1.0}}, ValueError, "at fixes targt, and poisson has target"),
        ({"losses": fl.huber.bind(delta=np.ones(3))}, TypeError, "delta is an array of shape"),
        ({"losses": "huber", "ax": 3}, TypeError, "ax is a int, expected one of matplotlib's Axes"),
    ],
)  # fmt: skip
def test_errors_say_what_was_expected(call: dict[str, Any], error: type[Exception], text: str, ax: Axes) -> None:
    with pytest.raises(error, match=text):
        fl.plot.curves(**{"ax": ax, **call})
    assert not ax.get_lines()


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for call in (lambda: fl.plot.curves("huber"), lambda: fl.plot.surface(sum, span=[(0, 1), (0, 1)])):
        with pytest.raises(ModuleNotFoundError, match=r'matplotlib is not installed: pip install "fastloss\[plot\]"'):
            call()


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_figure_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        made, axes = style.figure(4.0, 3.0)
        fl.plot.curves(["huber", "mse"], ax=axes[0][0])
        style.save(made, tmp_path / f"{name}.{kind}")
        written.append((tmp_path / f"{name}.{kind}").read_bytes())
    assert written[0] == written[1]


def test_sums_of_losses(ax: Axes) -> None:
    both = 2.0 * fl.huber + fl.absolute_error
    fl.plot.curves(both, ax=ax)
    x, y = points(ax, "2 * huber(delta=1.0) + absolute_error")
    np.testing.assert_allclose(y, np.where(abs(x) <= 1, x * x, 2 * abs(x) - 1) + abs(x), atol=1e-12)
    assert ax.get_xlabel() == "residual (prediction − target)"
