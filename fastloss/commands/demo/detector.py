"""A detector in plain NumPy: `multibox` trains it to find digits in scenes that they were pasted into."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...structured.anchors import default_boxes
from ...structured.boxes import box_iou, nms
from ...structured.matching import decode_boxes
from ...structured.multibox import multibox
from .common import SEED, Array, digit_images
from .layers import Adam, Network

if TYPE_CHECKING:
    from pathlib import Path

    from .screen import Screen

STEPS = 7

SIDE, STRIDE, VIEW = 32, 4, 16
"""Pixels of a scene's side, between two cells, and of the patch around a cell that the network sees."""

CELLS = SIDE // STRIDE
SIZES = range(9, 13)
"""A pasted digit's pixels, before what is empty around it is cut away."""

MOST, NOISE = 3, 0.05
"""Digits of a scene, and the noise of its pixels."""

PRIORS = default_boxes([CELLS], scales=[0.25, 0.4], ratios=[1.6], dtype=np.float32)
CLASSES, EACH = 11, len(PRIORS) // CELLS**2

BATCH, RATE, LENGTH, QUICK_LENGTH = 16, 4e-3, 800, 80
OVERLAP, SURE, SHOWN = 0.5, 0.05, 0.3
"""From which overlap on a box counts as found; which probability a class needs to be told at all, and to be drawn."""


class Scenes(NamedTuple):
    """Images, and for each the boxes of its digits, in shares of the side, and their labels, from 1 on."""

    images: Array
    boxes: list[Array]
    labels: list[Array]


def scenes(rng: np.random.Generator, digits: Array, labels: Array, count: int) -> Scenes:
    """Scenes of one to three digits that do not touch each other's places, in noise."""
    images = np.abs(rng.normal(0.0, NOISE, (count, SIDE, SIDE))).astype(np.float32)
    boxes, marks = [], []
    for image in images:
        found, chosen, taken = [], [], np.zeros((SIDE, SIDE), bool)
        for k in rng.integers(len(digits), size=rng.integers(1, MOST + 1)):
            side = int(rng.choice(SIZES))
            places = np.argwhere(free(taken, side))
            if not len(places):
                break
            y, x = places[rng.integers(len(places))].tolist()
            place = slice(y, y + side), slice(x, x + side)
            digit = resized(digits[k].reshape(8, 8), side)
            image[place], taken[place] = np.maximum(image[place], digit), True
            rows, columns = (np.flatnonzero((digit > 0.25).any(axis=axis)) for axis in (1, 0))
            chosen.append(k)
            found.append([x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1])
        boxes.append(np.array(found, np.float32) / SIDE)
        marks.append(labels[chosen] + 1)
    return Scenes(images, boxes, marks)


def free(taken: Array, side: int) -> Array:
    """For each place of a square of that many pixels whether none of them is taken."""
    sums = np.pad(taken.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    return np.asarray(sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side] == 0)


def resized(image: Array, side: int) -> Array:
    """A square image with that many pixels, linear between those that there are."""
    places = (np.arange(side) + 0.5) * len(image) / side - 0.5
    weights = np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(len(image))))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights @ image @ weights.T)


def patches(images: Array) -> Array:
    """What the network sees: for each cell of each image the pixels around it, one row each."""
    margin = (VIEW - STRIDE) // 2
    wide = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    views = np.lib.stride_tricks.sliding_window_view(wide, (VIEW, VIEW), axis=(1, 2))[:, ::STRIDE, ::STRIDE]
    return views.reshape(-1, VIEW * VIEW)


class Detector:
    """Dense layers over each cell's patch, which is a convolution; for each prior of the cell offsets and scores."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.network = Network(rng, [VIEW * VIEW, 128, 64, EACH * (4 + CLASSES)])
        self.adam = Adam(self.network.parameters, RATE)

    def predict(self, images: Array) -> tuple[list[Array], Array, Array]:
        """All layers, then offsets and scores, of shape (images, priors, 4 or classes)."""
        layers = self.network.forward(patches(images))
        output = layers[-1].reshape(len(images), len(PRIORS), 4 + CLASSES)
        return layers, output[..., :4], output[..., 4:]

    def learn(self, batch: Scenes) -> tuple[float, float]:
        """One step of Adam; the two parts of the loss before it."""
        layers, locations, scores = self.predict(batch.images)
        _, slopes, parts = multibox.value_and_grad(
            locations, scores, batch.boxes, batch.labels, PRIORS, return_parts=True
        )
        joined = np.concatenate(slopes, axis=-1).reshape(layers[-1].shape)
        self.adam.step(self.network.backward(layers, joined)[0])
        return float(parts.localization), float(parts.confidence)

    def detect(self, images: Array) -> list[tuple[Array, Array, Array]]:
        """For each image the boxes that it tells, their labels and their probabilities, the surest first."""
        _, locations, scores = self.predict(images)
        boxes = decode_boxes(locations, PRIORS)
        exps = np.exp(scores - scores.max(axis=-1, keepdims=True))
        probabilities = exps / exps.sum(axis=-1, keepdims=True)
        found = []
        for box, each in zip(boxes, probabilities[..., 1:], strict=True):
            prior, label = np.nonzero(each > SURE)
            sure = each[prior, label]
            kept = nms(box[prior], sure, label, threshold=0.45, top_k=20)
            found.append((box[prior][kept], label[kept] + 1, sure[kept]))
        return found


def worth(found: list[tuple[Array, Array, Array]], truth: Scenes) -> tuple[float, float]:
    """Mean average precision over the ten classes, at an overlap of a half; the part of the digits that are found."""
    precisions, hits, count = [], 0, 0
    for label in range(1, CLASSES):
        right, sure, there = matched(found, truth, label)
        order = np.argsort(-sure, kind="stable")
        recalled = np.cumsum(right[order])
        precision = recalled / np.arange(1, len(order) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]  # of all that recall as much
        precisions.append(float((best * right[order]).sum()) / there)
        hits, count = hits + int(right.sum()), count + there
    return float(np.mean(precisions)), hits / count


def matched(found: list[tuple[Array, Array, Array]], truth: Scenes, label: int) -> tuple[Array, Array, int]:
    """Of the boxes of a class whether each is right, its probability; how many digits there are.

    A box is right if it overlaps enough with a digit that no surer one has found.
    """
    right, sure, there = [], [], 0
    for (boxes, labels, probabilities), own, marks in zip(found, truth.boxes, truth.labels, strict=True):
        own = own[marks == label]
        there += len(own)
        mine = labels == label
        overlaps = box_iou(boxes[mine], own) if len(own) else np.zeros((int(mine.sum()), 1))
        for row, probability in zip(overlaps, probabilities[mine], strict=True):
            best = int(row.argmax())
            right.append(bool(row[best] >= OVERLAP))
            sure.append(float(probability))
            if right[-1]:
                overlaps[:, best] = 0.0  # for less sure ones it is taken
    return np.array(right, bool), np.array(sure), there


def show(screen: Screen, quick: bool, out: Path | None) -> None:
    """Train the detector; print what it finds before, meanwhile and after; draw some scenes with its boxes."""
    screen.step("loading scikit-learn")
    digits, test_digits, labels, test_labels = digit_images()
    rng = np.random.default_rng(SEED)
    test = scenes(rng, test_digits, test_labels, 60 if quick else 200)
    steps = QUICK_LENGTH if quick else LENGTH
    screen.text(
        f"Scenes of {SIDE} x {SIDE} pixels with up to {MOST} of scikit-learn's digits. A network in plain NumPy looks "
        f"at a patch around each of {CELLS} x {CELLS} cells, and gives {EACH} default boxes each their offsets and the "
        f"scores of {CLASSES} classes, the background's among them. Trained with multibox on batches of {BATCH} new "
        f"scenes; tested on {len(test.images)} scenes of digits that it has not seen."
    )
    screen.line(f"{'steps':>8}{'localization':>15}{'confidence':>13}{'mean average precision':>25}{'digits found':>15}")
    detector, parts = Detector(SEED), np.zeros((0, 2))
    results = []
    for step in range(steps + 1):
        if step % (steps // 4) == 0:
            screen.step(f"{step} of {steps} steps")
            results.append(worth(detector.detect(test.images), test))
            losses = "{:15.3f}{:13.3f}".format(*parts[-50:].mean(axis=0)) if step else ""
            screen.line(f"{step:8}{losses:28}{results[-1][0]:25.3f}{results[-1][1]:15.0%}")
        if step == steps:
            break
        detector.adam.rate = RATE * (1.0 - step / steps)
        parts = np.vstack([parts, detector.learn(scenes(rng, digits, labels, BATCH))])
    screen.line()
    screen.text(
        f"Mean average precision at an overlap of {OVERLAP:g}: {results[0][0]:.3f} before, {results[-1][0]:.3f} after "
        f"{steps} steps. Boxes count from a probability of {SURE:g} on: {results[-1][1]:.0%} of the digits have one "
        "with the right label, and there are others that are wrong. The parts of the loss are means of the last 50 "
        "steps, or of all before."
    )
    if out is not None:
        screen.step("drawing")
        draw(detector, test, out)
        screen.line(f"wrote {out}")


def draw(detector: Detector, test: Scenes, out: Path, count: int = 8) -> None:
    """Some scenes with what the detector tells of them: the boxes that it is surest of, with label and probability."""
    from ...plot import style

    made, axes = style.figure(8.0, 4.4, 2, count // 2)
    made.suptitle(f"boxes of a probability from {SHOWN:.0%} on, and the surest of each scene", fontsize="small")
    found = detector.detect(test.images[:count])
    for ax, image, (boxes, labels, sure) in zip(axes.ravel(), test.images, found, strict=False):
        ax.imshow(1.0 - np.minimum(image, 1.0), cmap="gray", vmin=0.0, vmax=1.0, extent=(0, 1, 1, 0))
        ax.set_axis_off()
        for k in reversed(range(max(int((sure >= SHOWN).sum()), min(len(sure), 1)))):  # the surest one on top
            left, top, right, bottom = boxes[k]
            ax.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color=style.COLORS[1])
            ax.text(left, top, f"{labels[k] - 1}: {sure[k]:.0%}", color=style.COLORS[1], fontsize="x-small", ha="left",
                    va="bottom", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # fmt: skip
    style.save(made, out)
