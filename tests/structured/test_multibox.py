"""MultiBox against its definition: matched and mined by going through everything, summed in 50 digits."""

from __future__ import annotations

import pickle
from typing import Any

import box_oracle
import numpy as np
import pytest
from data import some
from mpmath import mp, mpf
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")

MULTIBOX = fl.multibox
PRIORS = np.array([[x, y, x + s, y + s] for s in (0.3, 0.5) for x in (0.0, 0.25, 0.5) for y in (0.0, 0.3)])
DEFAULTS: dict[str, Any] = {"threshold": 0.5, "negative_ratio": 3.0, "min_negatives": 0, "variances": (0.1, 0.2),
                            "beta": 1.0, "alpha": 1.0}  # fmt: skip
CLASSES, COUNTS = 3, (2, 0, 1, 3)


def batch(rng: np.random.Generator, counts: Any = COUNTS, dtype: Any = "f8") -> tuple[Any, ...]:
    images = len(counts)
    boxes = []
    for n in counts:
        low = rng.uniform(0, 0.5, (n, 2))
        boxes.append(np.concatenate([low, low + rng.uniform(0.1, 0.5, (n, 2))], axis=1))
    labels = [rng.integers(1, CLASSES, n) for n in counts]
    locations = rng.normal(size=(images, len(PRIORS), 4)).astype(dtype)
    scores = 2 * rng.normal(size=(images, len(PRIORS), CLASSES)).astype(dtype)
    return locations, scores, boxes, labels, PRIORS


def expected(given: tuple[Any, ...], **options: Any) -> tuple[list[Any], list[Any], list[box_oracle.Image]]:
    """Each image's localization and confidence, and the images."""
    locations, scores, boxes, labels, priors = given
    numbers = {**DEFAULTS, **options}
    images = [box_oracle.Image(*each, priors, **numbers) for each in zip(scores, boxes, labels, strict=True)]
    local = [image.localization(floats(x)) for image, x in zip(images, locations, strict=True)]
    confident = [image.confidence(floats(x)) for image, x in zip(images, scores, strict=True)]
    return local, confident, images


def floats(x: Any) -> Any:
    return [[mpf(float(v)) for v in row] for row in x]


def matched(images: list[box_oracle.Image]) -> int:
    return max(1, sum(len(image.positive) for image in images))


OPTIONS: list[dict[str, Any]] = [
    {}, {"threshold": 0.25, "negative_ratio": 1.5}, {"min_negatives": 4}, {"negative_ratio": 100.0},
    {"negative_ratio": 0.0}, {"variances": (1.0, 0.5), "beta": 0.5, "alpha": 2.0},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_value_and_parts(dtype: str, options: dict[str, Any], rng: np.random.Generator) -> None:
    given = batch(rng, dtype=dtype)
    with mp.workdps(50):
        local, confident, images = expected(given, **options)
        n = matched(images)
        sums = [float(sum(x) / n) for x in (local, confident)]
        each = [float(a + b) for a, b in zip(local, confident, strict=True)]
    close = {"rtol": 3e-6 if dtype == "f4" else 1e-14}
    value, parts = MULTIBOX(*given, return_parts=True, **options)
    assert value.dtype == dtype
    assert_allclose(value, sum(sums), **close)
    assert_allclose(parts, sums, **close)
    assert_allclose(MULTIBOX(*given, reduction="none", **options), each, **close)
    assert_allclose(MULTIBOX(*given, reduction="sum", **options), sum(each), **close)
    assert_allclose(MULTIBOX(*given, normalizer=7.0, **options), sum(each) / 7.0, **close)


@pytest.mark.parametrize("options", some(OPTIONS, [OPTIONS[0]]), ids=lambda o: "-".join(o) or "plain")
def test_gradients_are_differences_in_50_digits(options: dict[str, Any], rng: np.random.Generator) -> None:
    given = batch(rng)
    value, (moves, slopes) = MULTIBOX.value_and_grad(*given, **options)
    assert value == MULTIBOX(*given, **options)
    with mp.workdps(50):
        _, _, images = expected(given, **options)
        step, n = mpf(10) ** -20, matched(images)
        for found, arrays, part in ((moves, given[0], "localization"), (slopes, given[1], "confidence")):
            assert found.shape == arrays.shape
            for k, image in enumerate(images):
                rows, of = floats(arrays[k]), getattr(image, part)
                for p, row in enumerate(rows):
                    for i, x in enumerate(row):
                        ends = []
                        for sign in (1, -1):
                            row[i] = x + sign * step
                            ends.append(of(rows))
                        row[i] = x
                        exact = float((ends[0] - ends[1]) / (2 * step) / n)
                        assert_allclose(found[k, p, i], exact, rtol=1e-12, atol=1e-16)


def test_only_what_is_chosen_has_a_gradient(rng: np.random.Generator) -> None:
    given = batch(rng)
    moves, slopes = MULTIBOX.grad(*given)
    _, _, images = expected(given)
    for k, image in enumerate(images):
        assert_array_equal(np.flatnonzero(moves[k].any(axis=1)), image.positive)
        assert_array_equal(np.flatnonzero(slopes[k].any(axis=1)), sorted(image.positive + image.negative))


def test_of_equal_scores_the_first_are_mined() -> None:
    scores = np.zeros((1, len(PRIORS), 3))
    slopes = MULTIBOX.grad(np.zeros((1, len(PRIORS), 4)), scores, [PRIORS[[3]]], [[1]], PRIORS)[1]
    # Prior 3 is matched; others overlap it by less than a half.
    assert_array_equal(np.flatnonzero(slopes[0].any(axis=1)), [0, 1, 2, 3])
    scores[0, 7, 0] = -1.0  # harder than the rest
    slopes = MULTIBOX.grad(np.zeros((1, len(PRIORS), 4)), scores, [PRIORS[[3]]], [[1]], PRIORS)[1]
    assert_array_equal(np.flatnonzero(slopes[0].any(axis=1)), [0, 1, 3, 7])


@pytest.mark.parametrize("count", [0, 1, 5, 40, 200])
def test_mining_of_many(count: int, rng: np.random.Generator) -> None:
    """Many equal losses, and numbers of negatives up to all."""
    priors = np.sort(rng.random((200, 2, 2)), axis=1).reshape(200, 4)
    scores = rng.integers(-2, 3, (1, 200, 2)).astype(float)
    slopes = MULTIBOX.grad(np.zeros((1, 200, 4)), scores, [np.zeros((0, 4))], [[]], priors, min_negatives=count)[1]
    hardness = [row[1] - row[0] for row in scores[0]]
    assert_array_equal(np.flatnonzero(slopes[0].any(axis=1)), box_oracle.mine(hardness, [-1] * 200, count))


def test_a_prior_counts_once_where_negatives_are_few(rng: np.random.Generator) -> None:
    """torchvision takes 3 times as many of all priors by rank, in which the matched ones come last: where the others
    are fewer, matched priors are counted again as negatives of their own class."""
    given = batch(rng, (1,))
    given[2][0] = np.array([[0.0, 0.0, 1.0, 1.0]])
    many = {"threshold": 0.2}
    _, confident, images = expected(given, **many)
    (image,) = images
    positive, rest = len(image.positive), len(PRIORS) - len(image.positive)
    assert rest < 3 * positive
    once = float(confident[0] / positive)
    scores = given[1][0]
    classes = np.where(np.array(image.matched) >= 0, given[3][0][0], 0)
    each = np.array(
        [float(box_oracle.cross_entropy(list(map(mpf, row)), c)) for row, c in zip(scores, classes, strict=True)]
    )
    # The rank among all, with the matched ones at -loss, as there.
    mined = np.where(classes > 0, -each, each)
    taken = np.argsort(np.argsort(-mined)) < 3 * positive
    twice = (each[classes > 0].sum() + each[taken].sum()) / positive
    found = MULTIBOX(*given, return_parts=True, **many)[1].confidence
    assert_allclose(found, once, rtol=1e-14)
    assert twice > 1.1 * once


def test_images_without_objects(rng: np.random.Generator) -> None:
    given = batch(rng, (0, 0))
    value, (moves, slopes) = MULTIBOX.value_and_grad(*given)
    assert value == 0.0 and not moves.any() and not slopes.any()
    value, (moves, slopes) = MULTIBOX.value_and_grad(*given, min_negatives=2)
    with mp.workdps(50):
        _, confident, images = expected(given, min_negatives=2)
    assert [len(image.negative) for image in images] == [2, 2]
    assert_allclose(value, float(sum(confident)), rtol=1e-14)  # divided by 1
    assert not moves.any() and slopes.any()
    none = [given[0][:0], given[1][:0], [], [], PRIORS]
    assert MULTIBOX(*none) == 0.0
    assert MULTIBOX.grad(*none)[1].shape == (0, len(PRIORS), CLASSES)


def test_ragged_lists_and_flat_arrays(rng: np.random.Generator) -> None:
    given = batch(rng)
    expected = MULTIBOX.value_and_grad(*given)
    offsets = np.cumsum([0, *COUNTS])
    flat = *given[:2], np.concatenate(given[2]), np.concatenate(given[3]), PRIORS
    lists = *given[:2], [x.tolist() for x in given[2]], [x.tolist() for x in given[3]], PRIORS.tolist()
    centers = *given[:2], *[[fl.convert_boxes(x, "xyxy", "cxcywh") for x in given[2]], given[3]]
    for found in (MULTIBOX.value_and_grad(*flat, offsets=offsets), MULTIBOX.value_and_grad(*lists),
                  MULTIBOX.value_and_grad(*centers, fl.convert_boxes(PRIORS, "xyxy", "cxcywh"), format="cxcywh")):  # fmt: skip
        assert_allclose(found[0], expected[0], rtol=1e-13)
        for a, b in zip(found[1], expected[1], strict=True):
            assert_allclose(a, b, rtol=1e-11, atol=1e-15)


def test_weights_of_images(rng: np.random.Generator) -> None:
    given, weight = batch(rng), np.array([0.5, 1.0, 0.0, 2.0])
    _, _, images = expected(given)
    given[0][2], given[1][2] = np.nan, np.nan  # absent
    each = MULTIBOX(*batch(np.random.default_rng(20261121)), reduction="none")
    counts = np.array([len(image.positive) for image in images])
    value, (moves, slopes) = MULTIBOX.value_and_grad(*given, weight=weight)
    assert_allclose(value, (each * weight).sum() / (counts * weight).sum(), rtol=1e-13)
    assert not moves[2].any() and not slopes[2].any()
    plain = MULTIBOX.grad(*batch(np.random.default_rng(20261121)), reduction="sum")
    for a, b in zip((moves, slopes), plain, strict=True):
        assert_allclose(a, b * (weight / (counts * weight).sum())[:, None, None], rtol=1e-12, atol=1e-16)


def test_nan_is_kept_where_it_counts(rng: np.random.Generator) -> None:
    given = batch(rng)
    _, _, images = expected(given)
    value = MULTIBOX(*given)
    rest = next(p for p in range(len(PRIORS)) if p not in images[0].positive)
    given[0][0, rest] = np.nan  # the location of a prior that is not matched is no part of the loss
    assert MULTIBOX(*given) == value
    given[1][1, 0] = np.nan  # nor are scores of an image of which nothing is taken
    assert MULTIBOX(*given) == value
    given[0][0, images[0].positive[0]] = np.nan
    assert np.isnan(MULTIBOX(*given))
    other = batch(rng)
    other[1][0, rest] = np.nan
    value, (_, slopes) = MULTIBOX.value_and_grad(*other)
    assert np.isnan(value) and np.isnan(slopes[0, rest]).all()


@pytest.mark.compiled
def test_the_same_bits_for_any_number_of_threads(rng: np.random.Generator) -> None:
    given = batch(rng, (2,) * 30)
    value, grads = MULTIBOX.value_and_grad(*given, backend="serial")
    found = MULTIBOX.value_and_grad(*given, backend="parallel")
    assert found[0] == value
    for a, b in zip(found[1], grads, strict=True):
        assert_array_equal(a, b)


def test_out_and_half_precision(rng: np.random.Generator) -> None:
    given = batch(rng)
    value, grads = MULTIBOX.value_and_grad(*given)
    locations, scores = given[0].copy(), given[1].copy()
    found = MULTIBOX.value_and_grad(locations, scores, *given[2:], out=(locations, scores))
    assert found[0] == value and found[1][0] is locations and found[1][1] is scores
    assert_array_equal(locations, grads[0])
    assert_array_equal(scores, grads[1])
    room = np.empty(len(COUNTS))
    assert MULTIBOX(*given, reduction="none", out=room) is room
    half = [x.astype("f2") for x in given[:2]]
    value, grads = MULTIBOX.value_and_grad(*half, *given[2:])
    assert value.dtype == np.float32 and {g.dtype for g in grads} == {np.dtype("f2")}
    strided = np.asfortranarray(given[0]), np.repeat(given[1], 2, axis=2)[..., ::2]
    assert_allclose(MULTIBOX(*strided, *given[2:]), MULTIBOX(*given), rtol=1e-14)


def changed(given: tuple[Any, ...], place: int, item: Any) -> list[Any]:
    return [item if k == place else x for k, x in enumerate(given)]


def test_errors(rng: np.random.Generator) -> None:
    given = batch(rng)
    locations, scores, boxes, labels, priors = given
    flat = [np.concatenate(boxes), np.concatenate(labels)]
    turned = [boxes[0][:, [2, 1, 0, 3]], *boxes[1:]]
    cuda = type("ndarray", (), {"__module__": "cupy", "__cuda_array_interface__": {}})()
    far, background = [labels[0] + CLASSES, *labels[1:]], [*labels[:3], np.array([1, 0, 2])]
    cases: tuple[tuple[Any, dict[str, Any], str], ...] = (
        (changed(given, 2, turned), {}, r"multibox: boxes\[0\]\[0\] is \[.*\], expected finite numbers with x1 < x2"),
        (changed(given, 3, far), {}, r"multibox: labels\[0\]\[0\] is \d, but the objects' classes are 1 to 2; 0 is the background"),
        (changed(given, 3, background), {}, r"multibox: labels\[3\]\[1\] is 0, but the objects' classes are 1 to 2"),
        (changed(given, 3, [labels[0][:1], *labels[1:]]), {}, r"labels\[0\] has shape \(1,\), expected \(2,\), one label for each"),
        (changed(given, 3, [labels[0] * 1.0, *labels[1:]]), {}, r"labels\[0\] has dtype float64, expected integer labels"),
        (changed(given, 2, boxes[:3]), {}, "boxes has 3 arrays, expected 4, one for each image; flat arrays need offsets"),
        (changed(given, 2, flat[0]), {}, "boxes has 6 arrays, expected 4"),
        (changed(given, 0, locations[..., :3]), {}, r"locations has shape \(4, 12, 3\), expected 3 axes, the last of length 4"),
        (changed(given, 1, scores[:, :5]), {}, r"scores has shape \(4, 5, 3\), expected \(4, 12, classes\)"),
        (changed(given, 4, priors[:5]), {}, r"priors has shape \(5, 4\), expected \(12, 4\)"),
        (changed(given, 4, priors[:, [2, 1, 0, 3]]), {}, r"priors\[0\] is"),
        (changed(given, 1, cuda), {}, "scores is a cupy.ndarray in GPU memory, expected an array on the host; multibox is"),
        ([locations, scores, *flat, priors], {"offsets": [0, 3, 2, 3, 6]}, r"offsets\[2\] is 2 after 3, expected numbers that ascend"),
        ([locations, scores, *flat, priors], {"offsets": [0, 3, 3, 6]}, r"offsets has shape \(4,\), expected \(5,\)"),
        ([locations, scores, *flat, priors], {"offsets": [0, 3, 3, 3, 5]}, r"offsets\[4\] is 5, expected 6, the number of boxes"),
        (given, {"threshold": -0.1}, r"threshold is -0\.1, expected a number from 0 to 1"),
        (given, {"negative_ratio": -1}, "negative_ratio is -1, expected a number of at least 0"),
        (given, {"min_negatives": 0.5}, r"min_negatives is 0\.5, expected a whole number"),
        (given, {"beta": 0}, "beta is 0, expected a number greater than 0"),
        (given, {"alpha": "x"}, "alpha is 'x', expected a number of at least 0"),
        (given, {"weight": np.ones(3)}, r"weight has shape \(3,\), expected \(4,\), one for each image"),
        (given, {"weight": [1.0, 1.0, -2.0, 1.0]}, r"weight\[2\] is -2\.0, expected a finite number of at least 0"),
        (given, {"reduction": "mena"}, "reduction is 'mena', expected 'mean', 'sum' or 'none'; did you mean 'mean'"),
        (given, {"normalizer": 2.0, "reduction": "sum"}, "normalizer is given and reduction is 'sum'"),
        (given, {"backend": "cuda"}, "backend is 'cuda', expected None, 'serial' or 'parallel'; multibox is computed on the host"),
        (given, {"overlap": 0.5}, "multibox: 'overlap' is no argument, expected locations, scores, boxes, labels, priors, offsets"),
        (given, {"out": locations}, r"out is a numpy.ndarray, expected a tuple of 2 arrays, \(locations, scores\)"),
        (given, {"out": (scores, locations)}, "out has dtype float64 and shape"),
        (given, {"out": (np.empty_like(locations), boxes[0])}, "out has dtype"),
        (changed(given, 3, far), {"out": (locations, scores)}, r"labels\[0\]\[0\]"),
    )  # fmt: skip
    before = [x.copy() for x in (locations, scores)]
    for arrays, options, message in cases:
        with pytest.raises((ValueError, TypeError), match=message):
            pytest.fail(f"no error: {message}, got {MULTIBOX.value_and_grad(*arrays, **options)}")
        assert_array_equal(locations, before[0])
        assert_array_equal(scores, before[1])
    room = np.empty(scores.size + locations.size)
    one, two = room[: locations.size].reshape(locations.shape), room[: scores.size].reshape(scores.shape)
    with pytest.raises(ValueError, match="the arrays of out overlap each other"):
        MULTIBOX.grad(*given, out=(one, two))
    with pytest.raises(ValueError, match="out overlaps locations; the gradient of scores may be written over scores"):
        MULTIBOX.grad(one, scores, boxes, labels, priors, out=(np.empty_like(one), two))
    with pytest.raises(NotImplementedError, match="multibox has no second derivative"):
        MULTIBOX.grad_and_hess(*given)
    assert pickle.loads(pickle.dumps(MULTIBOX)) is MULTIBOX
