"""Naive formulas of boxes: losses in mpmath's digits, matching, mining and suppression by going through everything."""

from __future__ import annotations

from typing import Any

from mpmath import mp, mpf

KINDS = ("iou_loss", "giou_loss", "diou_loss", "ciou_loss")


def corners(box: Any, format: str) -> list[Any]:
    a, b, c, d = (x if isinstance(x, mpf) else mpf(float(x)) for x in box)
    return [a, b, c, d] if format == "xyxy" else [a - c / 2, b - d / 2, a + c / 2, b + d / 2]


def areas(pred: Any, target: Any) -> tuple[Any, Any, Any, Any]:
    """Intersection, union, and the sides of the box around both."""
    x1, y1, x2, y2 = pred
    u1, v1, u2, v2 = target
    shared = max(mpf(0), min(x2, u2) - max(x1, u1)) * max(mpf(0), min(y2, v2) - max(y1, v1))
    union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared
    return shared, union, max(x2, u2) - min(x1, u1), max(y2, v2) - min(y1, v1)


def iou(a: Any, b: Any, format: str = "xyxy") -> Any:
    shared, union, _, _ = areas(corners(a, format), corners(b, format))
    return shared / union if union else mpf(0)


def aspect(pred: Any, target: Any) -> Any:
    w, h, g, k = pred[2] - pred[0], pred[3] - pred[1], target[2] - target[0], target[3] - target[1]
    if (w == 0 and h == 0) or (g == 0 and k == 0):
        return mpf(0)  # a point has any aspect
    return 4 / mp.pi**2 * (mp.atan2(g, k) - mp.atan2(w, h)) ** 2


def alpha(pred: Any, target: Any, format: str) -> Any:
    a, b = corners(pred, format), corners(target, format)
    v = aspect(a, b)
    return v / (1 - iou(a, b) + v) if v else mpf(0)


def loss(kind: str, pred: Any, target: Any, format: str, weight: Any = None) -> Any:
    """The textbook formula; `weight` is what ciou's alpha is held at."""
    a, b = corners(pred, format), corners(target, format)
    shared, union, cw, ch = areas(a, b)
    found = 1 - (shared / union if union else mpf(0))
    if kind == "giou_loss":
        return found + ((cw * ch - union) / (cw * ch) if cw * ch else 0)
    if kind in ("diou_loss", "ciou_loss"):
        dx, dy = (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2
        found += (dx**2 + dy**2) / (cw**2 + ch**2) if cw or ch else 0
    if kind == "ciou_loss":
        found += (alpha(pred, target, format) if weight is None else weight) * aspect(a, b)
    return found


def slopes(kind: str, pred: Any, target: Any, format: str) -> list[Any]:
    """The mean of the differences to both sides, in 60 digits: the derivative, or at a kink the mean of the two."""
    with mp.workdps(60):
        held = alpha(pred, target, format) if kind == "ciou_loss" else None
        step = mpf(10) ** -20
        found = []
        for k in range(4):
            ends = []
            for sign in (1, -1):
                moved = [mpf(x) + sign * step * (i == k) for i, x in enumerate(pred)]
                ends.append(loss(kind, moved, target, format, held))
            found.append((ends[0] - ends[1]) / (2 * step))
        return found


def match(boxes: Any, priors: Any, threshold: float) -> list[int]:
    """The rule, word by word, in exact fractions."""
    from fractions import Fraction

    def ratio(a: Any, b: Any) -> Any:
        a, b = [Fraction(float(x)) for x in a], [Fraction(float(x)) for x in b]
        shared = max(Fraction(0), min(a[2], b[2]) - max(a[0], b[0])) * max(
            Fraction(0), min(a[3], b[3]) - max(a[1], b[1])
        )
        return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)

    table = [[ratio(b, p) for p in priors] for b in boxes]
    found = []
    for p in range(len(priors)):
        column = [row[p] for row in table]
        best = max(column, default=Fraction(-1))
        found.append(column.index(best) if column and best >= Fraction(threshold) else -1)
    for g, row in enumerate(table):
        found[row.index(max(row))] = g
    return found


def mine(losses: Any, matched: Any, count: int) -> list[int]:
    """The hardest rows among those that are not matched, the first of equals."""
    rest = [p for p in range(len(matched)) if matched[p] < 0]
    return sorted(sorted(rest, key=lambda p: (-losses[p], p))[:count])


def smooth_l1(x: Any, beta: Any) -> Any:
    return x * x / (2 * mpf(beta)) if abs(x) < beta else abs(x) - mpf(beta) / 2


def cross_entropy(row: Any, label: int) -> Any:
    return mp.log(mp.fsum(mp.exp(z) for z in row)) - row[label]


def encoded(box: Any, prior: Any, variances: Any) -> list[Any]:
    (bx, by, bw, bh), (px, py, pw, ph) = (
        [(x[0] + x[2]) / 2, (x[1] + x[3]) / 2, x[2] - x[0], x[3] - x[1]]
        for x in (corners(box, "xyxy"), corners(prior, "xyxy"))
    )
    first, second = map(mpf, variances)
    return [(bx - px) / (first * pw), (by - py) / (first * ph), mp.log(bw / pw) / second, mp.log(bh / ph) / second]


class Image:
    """One image's part of MultiBox: what is matched and mined, and both sums of given predictions."""

    def __init__(self, scores: Any, boxes: Any, labels: Any, priors: Any, **numbers: Any) -> None:
        self.boxes, self.labels, self.priors, self.numbers = boxes, labels, priors, numbers
        self.matched = match(boxes, priors, numbers["threshold"])
        self.positive = [p for p, g in enumerate(self.matched) if g >= 0]
        losses = [cross_entropy([mpf(float(z)) for z in row], 0) for row in scores]
        wanted = max(int(mp.floor(mpf(numbers["negative_ratio"]) * len(self.positive))), numbers["min_negatives"])
        self.negative = mine(losses, self.matched, min(wanted, len(priors) - len(self.positive)))

    def localization(self, locations: Any) -> Any:
        total, n = mpf(0), self.numbers
        for p in self.positive:
            code = encoded(self.boxes[self.matched[p]], self.priors[p], n["variances"])
            total += sum(smooth_l1(x - c, n["beta"]) for x, c in zip(locations[p], code, strict=True))
        return n["alpha"] * total

    def confidence(self, scores: Any) -> Any:
        found = sum((cross_entropy(scores[p], self.labels[self.matched[p]]) for p in self.positive), mpf(0))
        return found + sum((cross_entropy(scores[p], 0) for p in self.negative), mpf(0))


def suppress(boxes: Any, scores: Any, labels: Any, threshold: float) -> list[int]:
    """Greedily, the highest score first."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(labels[i] != labels[j] or iou(boxes[i], boxes[j]) <= threshold for j in kept):
            kept.append(i)
    return kept
