"""Overlaps, formats, suppression, default boxes, matching and encoding against brute force on small cases."""

from __future__ import annotations

from typing import Any

import box_oracle
import numpy as np
import pytest
from mpmath import mp
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.structured import anchors


def grid(rng: np.random.Generator, n: int, dtype: Any = "f8") -> Any:
    """Boxes with small whole numbers for ends: overlaps are exact, and often the same."""
    low = rng.integers(0, 6, (n, 2))
    return np.concatenate([low, low + rng.integers(1, 5, (n, 2))], axis=1).astype(dtype)


# -- Overlap -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_overlap_of_all_pairs(dtype: str, rng: np.random.Generator) -> None:
    one, two = (np.sort(rng.random((n, 2, 2)), axis=1).reshape(n, 4).astype(dtype) for n in (7, 9))
    found = fl.box_iou(one, two)
    assert found.dtype == dtype
    with mp.workdps(40):
        exact = [[float(box_oracle.iou(a, b)) for b in two] for a in one]
    assert_allclose(found, exact, rtol=2e-5 if dtype == "f4" else 1e-13, atol=1e-7 if dtype == "f4" else 1e-16)
    assert_allclose(fl.box_iou(one, two[:7], aligned=True), np.diagonal(found), rtol=1e-6)
    centers = [fl.convert_boxes(x, "xyxy", "cxcywh") for x in (one, two)]
    assert_allclose(fl.box_iou(*centers, format="cxcywh"), exact, rtol=1e-4, atol=1e-6)


def test_overlap_at_its_ends(rng: np.random.Generator) -> None:
    a = [0.0, 0.0, 1.0, 1.0]
    others = [[1.0, 0.0, 2.0, 1.0], a, [0.5, 0.5, 0.5, 0.5], [np.nan, 0.0, 1.0, 1.0]]
    assert_array_equal(fl.box_iou([a], others)[0], [0.0, 1.0, 0.0, np.nan])
    for dtype in ("f4", "f8"):  # whatever is rounded
        some = np.sort(rng.random((200, 2, 2)), axis=1).reshape(200, 4).astype(dtype)
        table = fl.box_iou(some, some)
        assert_array_equal(np.diagonal(table), 1.0)
        assert_array_equal(table, table.T)
        assert table.max() == 1.0
    assert fl.box_iou([0.5] * 4, [0.5] * 4, aligned=True) == 0.0
    assert fl.box_iou(np.zeros((0, 4)), [a]).shape == (0, 1) and fl.box_iou([a], []).shape == (1, 0)
    boxes = grid(rng, 5, "f4")
    for power in (-100, 100):
        assert_array_equal(fl.box_iou(np.ldexp(boxes, power), np.ldexp(boxes, power)), fl.box_iou(boxes, boxes))
    large = grid(rng, 300)
    assert_array_equal(fl.box_iou(large, large, backend="parallel"), fl.box_iou(large, large, backend="serial"))


def test_formats() -> None:
    corners = np.array([[0.0, 2.0, 4.0, 4.0]], "f4")
    centers = fl.convert_boxes(corners, "xyxy", "cxcywh")
    assert centers.dtype == np.float32
    assert_array_equal(centers, [[2.0, 3.0, 4.0, 2.0]])
    assert_array_equal(fl.convert_boxes(centers, "cxcywh", "xyxy"), corners)
    assert fl.convert_boxes(corners, "xyxy", "xyxy") is not corners


# -- Suppression -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 1.0])
def test_suppression_is_what_going_through_all_gives(threshold: float, rng: np.random.Generator) -> None:
    for n in (0, 1, 5, 12):
        boxes, scores = grid(rng, n), rng.integers(0, 4, n) / 4.0  # many scores are the same
        labels = rng.integers(0, 3, n)
        none = np.zeros(n, int)
        expected = box_oracle.suppress(boxes, scores, labels, threshold)
        found = fl.nms(boxes, scores, labels, threshold=threshold)
        assert found.dtype == np.int64
        assert_array_equal(found, expected)
        assert_array_equal(
            fl.nms(boxes, scores, threshold=threshold), box_oracle.suppress(boxes, scores, none, threshold)
        )
        assert_array_equal(fl.nms(boxes, scores, labels, threshold=threshold, top_k=3), expected[:3])
        high = np.flatnonzero(scores > 0.25)
        left = high[box_oracle.suppress(boxes[high], scores[high], labels[high], threshold)] if n else []
        assert_array_equal(fl.nms(boxes, scores, labels, threshold=threshold, score_threshold=0.25), left)


def test_candidates_are_the_best_of_each_class(rng: np.random.Generator) -> None:
    boxes, scores, labels = grid(rng, 20), rng.random(20), rng.integers(0, 3, 20)
    best = np.concatenate([k[np.argsort(-scores[k])][:2] for k in (np.flatnonzero(labels == c) for c in range(3))])
    expected = best[box_oracle.suppress(boxes[best], scores[best], labels[best], 0.5)]
    assert_array_equal(fl.nms(boxes, scores, labels, candidates=2), expected)
    assert fl.nms(boxes, scores, labels, candidates=0).size == fl.nms(boxes, scores, top_k=0).size == 0
    assert_array_equal(fl.nms(boxes, scores, labels, backend="parallel"), fl.nms(boxes, scores, labels))


# -- Default boxes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("ssd300", 8732), ("ssd512", 24564)])
def test_the_named_sets(name: str, count: int) -> None:
    found, centers = fl.default_boxes(name), fl.default_boxes(name, format="cxcywh")
    assert found.shape == (count, 4)
    size = int(name[3:])
    # The first cell's boxes, and the last map's: four of a scale, of the areas of the squares.
    first, last = anchors.LAYOUTS[name].scales[0], anchors.LAYOUTS[name].scales[-2]
    assert_allclose(centers[0], [4 / size, 4 / size, first, first], rtol=1e-14)
    assert_allclose(centers[4, :2], [12 / size, 4 / size], rtol=1e-14)
    assert_allclose(centers[-2:], [[0.5, 0.5, last * 2**0.5, last / 2**0.5], [0.5, 0.5, last / 2**0.5, last * 2**0.5]])
    assert_allclose(fl.convert_boxes(centers, "cxcywh", "xyxy"), found, atol=1e-15)
    clipped = fl.default_boxes(name, clip=True, dtype="f4")
    assert clipped.dtype == np.float32 and clipped.min() == 0.0 and clipped.max() == 1.0
    assert found.min() < 0.0
    inside = (found >= 0).all(axis=1) & (found <= 1).all(axis=1)
    assert_allclose(clipped[inside], found[inside], atol=1e-7)


def test_maps_of_ones_own() -> None:
    found = fl.default_boxes([(1, 2), 1], ratios=[[2.0], []], format="cxcywh")
    assert found.shape == (2 * 4 + 2, 4)
    assert_allclose(found[[0, 4, 8, 9]], [[0.25, 0.5, 0.2, 0.2], [0.75, 0.5, 0.2, 0.2], [0.5, 0.5, 0.9, 0.9],
                                          [0.5, 0.5, 0.9**0.5, 0.9**0.5]])  # fmt: skip
    assert_allclose(found[1], [0.25, 0.5, 0.18**0.5, 0.18**0.5])
    assert_allclose(fl.default_boxes([2], [0.1, 0.4], [])[1], [0.15, 0.15, 0.35, 0.35], atol=1e-15)


# -- Matching ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_matching_is_the_rule_word_by_word(threshold: float, rng: np.random.Generator) -> None:
    images = [grid(rng, n) for n in (0, 1, 3, 6, 9, 5)]
    priors = grid(rng, 12)
    expected = [box_oracle.match(boxes, priors, threshold) for boxes in images]
    found = fl.match_boxes(images, priors, threshold=threshold)
    assert_array_equal(found, expected)
    offsets = np.cumsum([0, *map(len, images)])
    assert_array_equal(fl.match_boxes(np.concatenate(images), priors, offsets=offsets, threshold=threshold), expected)
    for boxes, each in zip(images, expected, strict=True):
        assert_array_equal(fl.match_boxes(boxes, priors, threshold=threshold), each)
    assert_array_equal(fl.match_boxes(images, priors, threshold=threshold, backend="parallel"), expected)


def test_objects_take_their_best_prior_and_the_last_one_wins() -> None:
    priors = [[0, 0, 4, 4], [0, 0, 4, 4], [20, 20, 21, 21]]
    # An overlap of a half is enough; of equal ones the first.
    assert_array_equal(fl.match_boxes([[0, 0, 4, 2], [0, 2, 4, 4]], priors), [1, 0, -1])
    # Below the threshold: both want the first prior, and the later one has it.
    assert_array_equal(fl.match_boxes([[0, 0, 1, 1], [3, 3, 4, 4]], priors), [1, -1, -1])
    # What overlaps nothing takes the first.
    assert_array_equal(fl.match_boxes([[50, 50, 51, 51]], priors), [0, -1, -1])
    assert fl.match_boxes([[0, 0, 1, 1]], np.zeros((0, 4))).shape == (0,)
    assert_array_equal(fl.match_boxes(np.zeros((0, 4)), priors), [-1, -1, -1])


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_encoding_and_back(dtype: str, rng: np.random.Generator) -> None:
    boxes, priors = grid(rng, 8, dtype), grid(rng, 8, dtype)
    found = fl.encode_boxes(boxes, priors, variances=(0.1, 0.2))
    assert found.dtype == dtype
    for code, box, prior in zip(found, boxes.astype(float), priors.astype(float), strict=True):
        for k in (0, 1):
            w, p = box[k + 2] - box[k], prior[k + 2] - prior[k]
            assert_allclose(
                code[k], (box[k] + box[k + 2] - prior[k] - prior[k + 2]) / 2 / p / 0.1, rtol=1e-6, atol=1e-6
            )
            assert_allclose(code[k + 2], np.log(w / p) / 0.2, rtol=1e-6, atol=1e-6)
    back = fl.decode_boxes(found, priors)
    assert back.dtype == dtype
    assert_allclose(back, boxes, rtol=1e-5 if dtype == "f4" else 1e-13, atol=1e-5 if dtype == "f4" else 1e-13)
    centers = [fl.convert_boxes(x, "xyxy", "cxcywh") for x in (boxes, priors)]
    assert_allclose(fl.encode_boxes(*centers, format="cxcywh"), found, rtol=1e-6, atol=1e-6)
    assert_allclose(fl.decode_boxes(found, centers[1], format="cxcywh"), centers[0], rtol=1e-5, atol=1e-5)
    assert fl.decode_boxes(np.zeros((3, 8, 4), "f2"), priors).dtype == np.float16
    assert np.isnan(fl.decode_boxes([np.nan, 0, 0, 0], priors[0])[[0, 2]]).all()


# -- Errors ------------------------------------------------------------------------------------------------------------

A, TURNED, FLAT = [[0.0, 0.0, 1.0, 1.0]], [[2.0, 0.0, 1.0, 1.0]], [[0.0, 1.0, 1.0, 1.0]]
GPU: Any = type("Array", (), {"__cuda_array_interface__": {}})()
ERRORS: list[tuple[Any, str]] = [
    (lambda: fl.box_iou(A, TURNED), r"box_iou: others\[0\] is \[2\.0, 0\.0, 1\.0, 1\.0\], expected x1 <= x2 and y1 <= y2"),
    (lambda: fl.box_iou(A[0], A), r"box_iou: boxes has shape \(4,\), expected \(n, 4\)"),
    (lambda: fl.box_iou(A, A * 2, aligned=True), r"box_iou: boxes has shape \(1, 4\) and others \(2, 4\), expected one"),
    (lambda: fl.box_iou(GPU, A), "box_iou: boxes is .*Array in GPU memory, expected an array on the host"),
    (lambda: fl.box_iou(A, A, backend="cuda"), "box_iou: backend is 'cuda', expected None, 'serial' or 'parallel'"),
    (lambda: fl.convert_boxes(A, "xyxy", "xywh"), "convert_boxes: to is 'xywh', expected 'xyxy' or 'cxcywh'"),
    (lambda: fl.nms(A, [0.5, 0.5]), r"nms: scores has shape \(2,\), expected \(1,\), one for each box"),
    (lambda: fl.nms(A, [np.nan]), r"nms: scores\[0\] is nan, expected a number"),
    (lambda: fl.nms([[0, 0, np.nan, 1]], [1.0]), r"nms: boxes\[0, 2\] is nan"),
    (lambda: fl.nms(TURNED, [1.0]), r"nms: boxes\[0\] is \[2\.0"),
    (lambda: fl.nms(A, [1.0], [0.5]), "nms: labels has dtype float64, expected integers"),
    (lambda: fl.nms(A, [1.0], threshold=1.5), r"nms: threshold is 1\.5, expected a number from 0 to 1"),
    (lambda: fl.nms(A, [1.0], threshold=np.nan), "nms: threshold is nan, expected a number from 0 to 1"),
    (lambda: fl.nms(A, [1.0], top_k=-1), "nms: top_k is -1, expected a whole number of at least 0"),
    (lambda: fl.nms(A, [1.0], candidates=1.5), r"nms: candidates is 1\.5, expected a whole number"),
    (lambda: fl.default_boxes("ssd400"), "default_boxes: maps is 'ssd400', expected 'ssd300' or 'ssd512', or a list"),
    (lambda: fl.default_boxes("ssd300", [0.1]), "default_boxes: scales or ratios are given, expected none"),
    (lambda: fl.default_boxes([2, 1], [0.1, 0.2, 0.3, 0.4]), "scales has 4 numbers, expected 3, one more than there are maps"),
    (lambda: fl.default_boxes([2, 1], ratios=[[2.0]]), "ratios has 1 lists, expected 2, one for each map"),
    (lambda: fl.default_boxes([2, 1], ratios=[2.0, -1.0]), r"ratios\[0\]\[1\] is -1\.0, expected a number greater than 0"),
    (lambda: fl.default_boxes([0]), r"maps\[0\] is 0, expected a whole number of at least 1"),
    (lambda: fl.default_boxes([2], dtype="i4"), "dtype is 'i4', expected float32 or float64"),
    (lambda: fl.match_boxes(A, A, threshold=2), "match_boxes: threshold is 2, expected a number from 0 to 1"),
    (lambda: fl.match_boxes(FLAT, A), r"match_boxes: boxes\[0\] is \[.*\], expected finite numbers with x1 < x2 and y1 < y2"),
    (lambda: fl.match_boxes([A, TURNED], A), r"match_boxes: boxes\[1\]\[0\] is \[2\.0"),
    (lambda: fl.match_boxes([[0, 0, np.inf, 1]], A), r"match_boxes: boxes\[0\] is \[0\.0, 0\.0, inf, 1\.0\], expected finite"),
    (lambda: fl.match_boxes(A, FLAT), r"match_boxes: priors\[0\] is"),
    (lambda: fl.match_boxes(A, A, offsets=[0, 2]), r"offsets\[1\] is 2, expected 1, the number of boxes"),
    (lambda: fl.match_boxes(A, A, offsets=[1, 1]), r"offsets\[0\] is 1, expected 0"),
    (lambda: fl.match_boxes(A, A, offsets=[0, 1, 0, 1]), r"offsets\[2\] is 0 after 1, expected numbers that ascend"),
    (lambda: fl.match_boxes(A, A, offsets=[0.0, 1.0]), "offsets has dtype float64, expected integers"),
    (lambda: fl.match_boxes(A, A, offsets=[]), r"offsets has"),
    (lambda: fl.encode_boxes(FLAT, A), r"encode_boxes: boxes\[0\] is"),
    (lambda: fl.encode_boxes(A, A, variances=(0.1, 0.0)), r"variances\[1\] is 0\.0, expected a number greater than 0"),
    (lambda: fl.encode_boxes(A, A, variances=0.1), r"variances is 0\.1, expected two numbers greater than 0"),
    (lambda: fl.decode_boxes(np.zeros((3, 4)), A * 2), r"locations has shape \(3, 4\) and priors \(2, 4\), expected shapes"),
    (lambda: fl.decode_boxes(np.zeros((3, 5)), A), r"locations has shape \(3, 5\), expected \(\.\.\., 4\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=lambda x: x[:60] if isinstance(x, str) else "")
def test_errors(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        pytest.fail(f"no error, got {call()}")
