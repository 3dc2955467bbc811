"""`fastloss demo NAME` in its small form: what it prints, what its picture is, and that its numbers are right."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import threadpoolctl
from data import some

from fastloss.commands import cli
from fastloss.commands.demo import DEMOS, descent, detector, gan, layers, outliers
from fastloss.plot import style
from fastloss.registry import LOSSES


@pytest.fixture(autouse=True)
def one_thread():
    """BLAS's threads would wait for one another, and for those of other tests."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture(params=some(list(DEMOS), ["outliers"]))
def demo(request):
    return request.param


def test_each_demo_in_its_small_form(demo, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    assert cli.main(["demo", demo, "--quick", "-o", str(picture)]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 100
    assert lines[-1] == f"wrote {picture}"
    assert "nan" not in out
    assert all(line.startswith("... ") for line in err.splitlines()), err
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["descnt"], "argument NAME: no demo is called 'descnt', did you mean descent?"),
        (["zebra"], "no demo is called 'zebra', expected detector, outliers, gan, descent, data"),
        (["-o", "a.png"], "-o is for a demo with a name"),
        (["descent", "-o", "a.txt"], "a.txt is no picture"),
    ],
)
def test_wrong_usage_is_one_line(argv, line, capsys):
    assert cli.main(["demo", *argv]) == 2
    out, err = capsys.readouterr()
    assert not out and line in err and err.count("\n") == 1


def test_a_folder_that_is_not_there_is_told_before_the_work(capsys, tmp_path):
    assert cli.main(["demo", "detector", "-o", str(tmp_path / "no" / "a.svg")]) == 1
    assert capsys.readouterr() == ("", f"fastloss: demo: there is no folder {tmp_path / 'no'}\n")


def test_a_picture_needs_matplotlib(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli.main(["demo", "descent", "-o", str(tmp_path / "a.svg")]) == 1
    assert capsys.readouterr() == ("", 'fastloss: matplotlib is not installed: pip install "fastloss[plot]"\n')


# -- descent -----------------------------------------------------------------------------------------------------------


def test_gradient_and_curvatures_are_those_of_the_function():
    fit = descent.Fit(LOSSES["welsch"].bind(c=descent.SCALE), 80)

    def value(w):  # c^2 / 2 (1 - exp(-(r / c)^2)), averaged
        r = w[0] + w[1] * fit.x - fit.y
        return np.mean(descent.SCALE**2 / 2 * (1 - np.exp(-((r / descent.SCALE) ** 2))))

    w, step = np.array([0.3, -0.4]), 1e-4
    assert fit(w)[0] == pytest.approx(value(w), rel=1e-12)
    shifts = step * np.eye(2)
    differences = [(value(w + s) - value(w - s)) / (2 * step) for s in shifts]
    np.testing.assert_allclose(fit(w)[1], differences, atol=1e-8)
    hessian = [[(value(w + s + t) - value(w + s - t) - value(w - s + t) + value(w - s - t)) / (4 * step * step)
                for t in shifts] for s in shifts]  # fmt: skip
    np.testing.assert_allclose(fit.bends(w), np.linalg.eigvalsh(hessian), atol=1e-6)


def test_each_descent_ends_where_the_table_says():
    right, left, ridge, beside, fast, square = descent.runs(quick=True)
    lowest = right.fit(right.path[-1])[0]
    verdicts = [run.verdict(lowest) for run in (right, left, ridge, beside, fast)]
    assert verdicts == ["lowest minimum", "local minimum", "a saddle", "lowest minimum", "still moves"]
    assert left.fit(left.path[-1])[0] > lowest + 0.01
    # The lines at the minima are those that the points were made of; that of the squared error is neither.
    np.testing.assert_allclose(right.path[-1], descent.LINES[0], atol=0.1)
    np.testing.assert_allclose(left.path[-1], descent.LINES[1], atol=0.1)
    best = np.linalg.lstsq(square.fit.design, square.fit.y)[0]
    np.testing.assert_allclose(square.path[-1], best, atol=1e-6)
    # A rate above 2 / curvature is what makes the steps overshoot.
    limit = 2.0 / left.fit.bends(left.path[-1])[1]
    assert left.rate < limit < fast.rate
    for factor, settles in ((0.9, True), (1.1, False)):
        path = descent.descend(left.fit, left.path[-1] + 1e-3, factor * limit, 400)
        assert (np.abs(path[-1] - left.path[-1]).max() < 1e-6) == settles


# -- outliers ----------------------------------------------------------------------------------------------------------


def test_the_models_are_the_minima():
    from scipy.optimize import linprog

    data = outliers.diabetes()
    y = data.corrupted(0.1)
    assert (y != data.y).sum() == 33
    found = outliers.models(data, y)
    names = [name.partition("(")[0] for name in found]
    assert names == ["squared_error", "root_mean_squared_error", "absolute_error", "huber"]
    weights = dict(zip(names, (w for w, _ in found.values()), strict=True))
    least = np.linalg.lstsq(data.x, y)[0]
    np.testing.assert_allclose(weights["squared_error"], least, rtol=1e-6)
    np.testing.assert_allclose(weights["root_mean_squared_error"], least, rtol=1e-3)
    n, k = data.x.shape
    program = linprog(  # the smallest sum of parts above and below
        np.r_[np.zeros(k), np.ones(2 * n) / n], A_eq=np.c_[data.x, np.eye(n), -np.eye(n)], b_eq=y,
        bounds=[(None, None)] * k + [(0, None)] * (2 * n),
    )  # fmt: skip
    assert program.fun <= np.abs(data.x @ weights["absolute_error"] - y).mean() < 1.0005 * program.fun
    # Huber's gradient at its minimum: each residual, clipped.
    (delta,) = (float(re.search(r"delta=(\d+)", name)[1]) for name in found if name.startswith("huber"))
    slope = np.clip(data.x @ weights["huber"] - y, -delta, delta) @ data.x / n
    assert np.abs(slope).max() < 1e-6 * delta


def test_what_outliers_cost():
    data = outliers.diabetes()
    clean = outliers.worth(data, np.linalg.lstsq(data.x, data.y)[0])
    pred = data.x_test @ np.linalg.lstsq(data.x, data.y)[0]
    assert clean == pytest.approx(
        (np.abs(pred - data.y_test).mean(), np.sqrt(((pred - data.y_test) ** 2).mean())), rel=1e-12
    )
    spoilt = {name: outliers.worth(data, w) for name, (w, _) in outliers.models(data, data.corrupted(0.1)).items()}
    square, root, absolute, huber = (mae for mae, _ in spoilt.values())
    assert square > 2.0 * clean[0] and root == pytest.approx(square, rel=1e-3)
    assert absolute < 1.15 * clean[0] and huber < 1.15 * clean[0]


def test_the_root_is_seen_to_move_no_minimum():
    errors = {"squared_error": [1.0, 3.0], "root_mean_squared_error": [1.0, 2.0], "absolute_error": [1.0, 1.1],
              "huber": [1.0, 1.2]}  # fmt: skip
    assert "NOT the same model" in outliers.conclusion(errors, (0.0, 0.1))
    assert outliers.conclusion(errors, (0.0, 0.1)).count("10% wrong") == 1
    errors["root_mean_squared_error"] = [1.0, 3.0]
    assert "the same model, for a root" in outliers.conclusion(errors, (0.0, 0.1))


# -- networks, and the adversaries -------------------------------------------------------------------------------------


def test_gradients_of_a_network_are_differences(rng):
    net = layers.Network(rng, [3, 5, 4, 2])
    net.parameters = [p.astype(np.float64) + 0.1 for p in net.parameters]
    x, slopes = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    def value():
        return float((net.forward(x)[-1] * slopes).sum())

    gradients, by_input = net.backward(net.forward(x), slopes.copy())
    for array, gradient in [*zip(net.parameters, gradients, strict=True), (x, by_input)]:
        assert array.shape == gradient.shape
        for place in np.ndindex(array.shape):
            kept, ends = array[place], []
            for shift in (1e-6, -1e-6):
                array[place] = kept + shift
                ends.append(value())
            array[place] = kept
            assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-6)


def test_adam_takes_steps_of_its_rate():
    """The first step is the rate against the sign of the gradient, whatever its size; of a constant one, all are."""
    parameters = [np.array([1.0, -2.0])]
    adam = layers.Adam(parameters, 0.01)
    for count in (1, 2, 3):
        adam.step([np.array([1e-3, -1e3])])
        np.testing.assert_allclose(parameters[0], [1.0 - 0.01 * count, -2.0 + 0.01 * count], rtol=1e-4)


def test_slopes_of_the_generators_are_those_of_their_formulas():
    scores = np.linspace(-6.0, 6.0, 25)
    sigmoid = 1.0 / (1.0 + np.exp(-scores))
    minimax, other = (gan.KINDS[kind].generator.grad(scores) for kind in ("minimax", "non-saturating"))
    np.testing.assert_allclose(minimax, -sigmoid / 25, rtol=1e-12)
    np.testing.assert_allclose(other, (sigmoid - 1.0) / 25, rtol=1e-12)


@pytest.mark.full
def test_the_gradient_of_minimax_vanishes_and_the_other_does_not():
    (_, unsure, first), *_, (_, sure, last) = gan.alone((0, 200))
    assert 0.3 < unsure < 0.7 and sure < 0.1
    assert last[0] < 0.5 * first[0] and last[1] > 2.0 * first[1]
    # For equal beliefs the ratio is that of the slopes, D to 1 - D.
    assert last[1] > 10.0 * last[0]


def test_the_picture_says_how_many_points_it_shows(monkeypatch, tmp_path):
    kept = []
    monkeypatch.setattr(style, "save", lambda made, to: kept.append(made))
    game = gan.Game(0)
    game.generator = SimpleNamespace(forward=lambda noise: [np.tile([[2.0, 0.0], [0.0, 9.0]], (len(noise) // 2, 1))])
    gan.draw([(0, 0.5, [1.0, 1.0])], {("gradient descent", kind): (game,) for kind in gan.KINDS}, tmp_path / "a.png")
    assert [ax.get_title() for ax in kept[0].axes[1:]] == [f"{k}, gradient descent: 50% in sight" for k in gan.KINDS]


def test_quality_counts_modes():
    game = gan.Game(0)
    game.generator = SimpleNamespace(forward=lambda noise: [np.tile([2.0, 0.0], (len(noise), 1))])
    assert game.quality() == (1.0, 1)
    game.generator = SimpleNamespace(forward=lambda noise: [game.real(len(noise))])
    near, modes = game.quality()
    assert near > 0.98 and modes == 8


# -- the detector ------------------------------------------------------------------------------------------------------


def test_boxes_of_scenes_hold_their_digits(rng):
    digits = np.zeros((1, 8, 8))
    digits[0, 2:7, 3:6] = 1.0  # a block of 5 rows and 3 columns
    found = detector.scenes(rng, digits.reshape(1, 64), np.array([4]), 30)
    assert {len(boxes) for boxes in found.boxes} == {1, 2, 3}
    for image, boxes, labels in zip(found.images, found.boxes, found.labels, strict=True):
        assert (labels == 5).all() and len(labels) == len(boxes)
        inside = np.zeros(image.shape, bool)
        for left, top, right, bottom in np.rint(boxes * detector.SIDE).astype(int):
            assert 0 <= left < right <= detector.SIDE and 0 <= top < bottom <= detector.SIDE
            assert bottom - top > right - left
            assert image[top:bottom, left:right].mean() > 0.6
            inside[top:bottom, left:right] = True
        assert image[~inside].max() < 0.4


def test_patches_are_the_pixels_around_the_cells(rng):
    images = rng.random((2, detector.SIDE, detector.SIDE))
    rows = detector.patches(images).reshape(2, detector.CELLS, detector.CELLS, detector.VIEW, detector.VIEW)
    margin = (detector.VIEW - detector.STRIDE) // 2
    for i, j in ((0, 0), (3, 5), (7, 7)):
        for a, b in ((0, 0), (margin, margin), (detector.VIEW - 1, 2)):
            y, x = i * detector.STRIDE + a - margin, j * detector.STRIDE + b - margin
            there = 0 <= y < detector.SIDE and 0 <= x < detector.SIDE
            assert rows[1, i, j, a, b] == (images[1, y, x] if there else 0.0)


def test_average_precision_by_hand():
    """Of one class with two digits: right, wrong, right. 1/2 of the recall at precision 1, 1/2 at 2/3."""
    box, other = [0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]
    labels = np.arange(1, 11)
    truth = detector.Scenes(np.zeros((1, 1, 1)), [np.array([*[box] * 10, other])], [np.array([*labels, 1])])
    boxes = np.array([*[box] * 10, box, other])
    marks = np.array([*labels, 1, 1])
    sure = np.array([*[0.9] * 10, 0.8, 0.7])
    mean, recall = detector.worth([(boxes, marks, sure)], truth)
    assert mean == pytest.approx((9 * 1.0 + (0.5 * 1.0 + 0.5 * 2 / 3)) / 10)
    assert recall == 1.0
    # A second box on one digit is wrong; nothing found is nothing.
    assert detector.worth([(boxes[:0], marks[:0], sure[:0])], truth) == (0.0, 0.0)


def test_a_picture_shows_what_was_found_with_its_probability(rng, monkeypatch, tmp_path):
    """Also of a detector that is sure of nothing yet."""
    kept = []
    monkeypatch.setattr(style, "save", lambda made, to: kept.append(made))
    test = detector.scenes(rng, rng.random((4, 64)), np.arange(4), 8)
    own = SimpleNamespace(detect=lambda images: [(np.array([[0.1, 0.1, 0.4, 0.5], [0.5, 0.5, 0.9, 0.9]]),
                                                  np.array([3, 8]), np.array([0.12, 0.06]))] * 7
                                                + [(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))])  # fmt: skip
    detector.draw(own, test, tmp_path / "a.png")
    (made,) = kept
    assert [[text.get_text() for text in ax.texts] for ax in made.axes] == [["2: 12%"]] * 7 + [[]]


@pytest.mark.full
def test_the_detector_learns():
    digits, test_digits, labels, test_labels = detector.digit_images()
    rng = np.random.default_rng(0)
    test = detector.scenes(rng, test_digits, test_labels, 40)
    own = detector.Detector(0)
    before = detector.worth(own.detect(test.images), test)
    parts = [own.learn(detector.scenes(rng, digits, labels, detector.BATCH)) for _ in range(120)]
    after = detector.worth(own.detect(test.images), test)
    assert np.mean(parts[-20:]) < 0.7 * np.mean(parts[:5])
    assert before[0] < 0.02 and after[0] > 0.05 + before[0] and after[1] > 0.4


def test_the_detector_without_its_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert cli.main(["demo", "detector", "--quick"]) == 1
    assert capsys.readouterr().err == 'fastloss: scikit-learn is not installed: pip install "fastloss[demo]"\n'
