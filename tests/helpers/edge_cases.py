"""Extreme inputs of losses with algorithms of their own, each with its formula, for `test_edges`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import box_oracle
import cox_oracle
import ctc_oracle
import embedding_oracle
import gan_oracle
import numpy as np
import penalty_oracle
import ranking_oracle
import region_oracle
from conditioned import DIGITS, Case
from mpmath import exp, log, mp, mpf

import fastloss as fl

# -- Boxes -------------------------------------------------------------------------------------------------------------


def boxes(name: str, rng: Any) -> Iterator[Case]:
    """All but the same, apart by up to a million, one within the other, thin, nearly touching, of unlike sizes."""
    box, size = np.array([0.25, 1.0, 2.25, 4.0]), np.array([2.0, 3.0, 2.0, 3.0])
    pairs = [(box + near * size * rng.normal(size=4), box) for near in (0.1, 1e-3, 1e-6)]
    pairs += [(unit * (box + 0.1 * rng.normal(size=4)), unit * box) for unit in (1e-18, 1e12)]
    pairs += [(box + np.array([away, 1.5, away + 2e-3, 1.5]), box) for away in (1e3, 1e6)]
    pairs += [(np.array([1.0, 1.5, 1.001, 1.502]), np.array([0.0, 0.0, 10.0, 10.0]))]
    pairs += [(np.array([0.0, 0.0, 1e-6, 5.0]), np.array([1e-7, 0.1, 2e-6, 4.9]))]
    pairs += [(np.array([0.0, 0.0, 1.0, 1.0]), np.array([1.0 - 1e-4, 1.0 - 2e-4, 2.0, 2.0]))]
    pairs += [(np.array([-114.0, 54.0, 2538.0, 785.0]), np.array([0.002, -0.001, 0.0093, 0.0011]))]
    for format in ("xyxy", "cxcywh"):
        exact = partial(of_boxes, name, format)
        for pair in pairs:
            given = [x if format == "xyxy" else np.concatenate([(x[:2] + x[2:]) / 2, x[2:] - x[:2]]) for x in pair]
            yield Case(given, exact, {"format": format}, held=lambda a, b, f=format: box_oracle.alpha(a, b, f))


def of_boxes(name: str, format: str, pred: Any, target: Any, held: Any) -> Any:
    return box_oracle.loss(name, pred, target, format, held)


# -- Regions -----------------------------------------------------------------------------------------------------------

RATIOS: dict[str, tuple[str, dict[str, float]]] = {
    "dice_loss": ("dice", {}),
    "jaccard_loss": ("jaccard", {}),
    "generalized_dice_loss": ("generalized_dice", {}),
    "tversky_loss": ("tversky", {"alpha": 0.3, "beta": 0.7}),
    "focal_tversky_loss": ("tversky", {"alpha": 0.3, "beta": 0.7, "gamma": 0.75}),
}


def logits(rng: Any, n: int, classes: int) -> Iterator[tuple[Any, Any]]:
    """Small, usual and large ones; such as are sure and right, and wrong; with a class for each."""
    y = np.arange(n) % classes
    for sure, size in ((0.0, 1e-3), (0.0, 1.0), (0.0, 100.0), (15.0, 1.0), (-15.0, 1.0), (35.0, 1.0)):
        yield size * rng.normal(size=(n, classes)) + sure * (np.arange(classes) == y[:, None]), y


def regions(name: str, rng: Any) -> Iterator[Case]:
    """Logits of a softmax and of sigmoids, with smoothing and without."""
    kind, given = RATIOS[name]
    for activation, smooth in (("softmax", 0.0), ("sigmoid", 1.0)):
        for z, y in logits(rng, 4, 3):
            keywords = {**given, "smooth": smooth, "axis": 1, "activation": activation}
            yield Case([z, np.eye(3)[y]], partial(of_regions, kind, given, smooth, activation), keywords)


def of_regions(kind: str, given: Any, smooth: float, activation: str, z: Any, t: Any, held: Any) -> Any:
    p = region_oracle.probabilities(z, activation, 1)
    ones, each = np.full(p.shape, mpf(1)), kind != "generalized_dice"
    found = region_oracle.scores(kind, p, t, ones, 1, False, each, smooth=smooth, **given)
    return found.sum() / found.size


def extensions(name: str, rng: Any) -> Iterator[Case]:
    """Logits, and probabilities of logits, with weights of 36 powers of ten and without."""
    mask, hinge = np.array([1, 0, 1, 0]), name == "lovasz_hinge_loss"
    for size in (1e-3, 1.0, 10.0):
        for weight in (None, np.array([1e18, 1.0, 1e-18, 1e-3])):
            given = {} if weight is None else {"weight": weight}
            keywords = given if hinge else {**given, "activation": "sigmoid"}
            one = np.ones(4) if weight is None else weight
            yield Case([size * rng.normal(size=4)], partial(of_extension, hinge, mask, one), keywords, [mask])


def of_extension(hinge: bool, mask: Any, weight: Any, z: Any, held: Any) -> Any:
    p = [a if hinge else 1 / (1 + exp(-a)) for a in z]
    errors = [
        (max(mpf(0), 1 - a if m else 1 + a)) if hinge else (1 - a if m else a) for a, m in zip(p, mask, strict=True)
    ]
    return region_oracle.extension(errors, mask, [mpf(float(w)) for w in weight])


# -- Sequences, and queries --------------------------------------------------------------------------------------------


def frames(name: str, rng: Any) -> Iterator[Case]:
    """One frame and several, of symbols that repeat and of none; frames that are sure and right, and wrong."""
    for count, y in ((1, [1]), (1, []), (4, [1, 2]), (4, [1, 1]), (3, [2, 1, 2])):
        for size in (1e-3, 1.0, 100.0):
            yield Case([size * rng.normal(size=(1, count, 3))], partial(of_frames, y), {"per_symbol": False}, [[y]])
    for up in (5.0, 15.0, -15.0):
        for path in ([1, 0, 2], [1, 1, 2]):
            z = rng.normal(size=(1, 3, 3))
            z[0, range(3), path] += up
            yield Case([z], partial(of_frames, [1, 2]), {"per_symbol": False}, [[[1, 2]]])


def of_frames(y: Any, z: Any, held: Any) -> Any:
    return ctc_oracle.by_states(ctc_oracle.softmax(z[0]), y)[0]


def queries(name: str, rng: Any) -> Iterator[Case]:
    """Scores that are near, usual, far apart, near beside their size; targets that are near, whole, small and large."""
    whole = np.array([0.0, 2.0, 1.0, 3.0])
    several = [(size * rng.normal(size=4), whole) for size in (1e-5, 1.0, 30.0, 1e4)]
    several += [(1e4 + 1e-2 * rng.normal(size=4), whole), (rng.normal(size=2), np.array([1.0, 1.0 + 1e-5]))]
    several += [(rng.normal(size=4), np.array([31.0, 0.0, 30.0, 1.0])), (rng.normal(size=4), 1e-9 * whole)]
    for sigma, near, normed in ((1.0, True, True), (1e-3, False, True), (1e3, False, False)):
        for s, t in several:
            keywords = {"sigma": sigma, "score_norm": near, "query_norm": normed, "truncation": 30}
            held = partial(weights_of_pairs, name, keywords)
            yield Case([s[None], t[None]], partial(of_pairs, sigma), keywords, held=held)


def weights_of_pairs(name: str, of: Any, s: Any, t: Any) -> Any:
    gain = (lambda y: mpf(2) ** y - 1) if name == "lambdarank" else None
    pairs, sigma = ranking_oracle.weighted_pairs(list(s[0]), list(t[0]), gain, 30, of["score_norm"]), mpf(of["sigma"])
    total = 2 * sum((w * sigma / (1 + exp(sigma * (s[0, i] - s[0, j]))) for i, j, w in pairs), mpf(0))
    return pairs, log(1 + total, 2) / total if of["query_norm"] and total else mpf(1)


def of_pairs(sigma: float, s: Any, t: Any, held: Any) -> Any:
    pairs, share = held
    return share * sum((w * mp.log1p(exp(-mpf(sigma) * (s[0, i] - s[0, j]))) for i, j, w in pairs), mpf(0))


# -- Survival times ----------------------------------------------------------------------------------------------------


def survivors(name: str, rng: Any) -> Iterator[Case]:
    """Scores that are near, usual, far apart, near beside their size; weights of 36 powers of ten; all of one time, and none."""
    time, event = np.array([3.0, 1.0, 3.0, 2.0, 4.0, 3.0]), np.array([1, 1, 1, 0, 0, 1])
    usual = rng.normal(size=6)
    for ties in ("breslow", "efron"):
        for pred in (1e-5 * usual, usual, 30.0 * usual, 1e3 * usual, 1e4 + 1e-2 * usual):
            for weight in (None, np.array([1e18, 1.0, 1e-18, 1e-3, 2.0, 1.0])):
                given = {"ties": ties} if weight is None else {"ties": ties, "weight": weight}
                for when in (time, np.ones(6), np.arange(6.0)):
                    exact = partial(of_survivors, when, event, np.ones(6) if weight is None else weight, ties)
                    yield Case([pred], exact, given, [when, event])


def of_survivors(time: Any, event: Any, weight: Any, ties: str, pred: Any, held: Any) -> Any:
    losses, _, _ = cox_oracle.partial_likelihood(pred, time, event, weight, np.zeros(6), ties == "efron", DIGITS)
    return mp.fsum(losses) / mp.fsum(mpf(float(w)) for w, e in zip(weight, event, strict=True) if e)


# -- Embeddings --------------------------------------------------------------------------------------------------------


def vectors(rng: Any, count: int) -> Iterator[Any]:
    """Of usual, small and large lengths and of all of them; near, all but parallel, all but opposite."""
    usual, one = rng.normal(size=(count, 3)), rng.normal(size=3)
    lengths = np.array([1.0, 3.0, 1e3, 0.5, 2.0])[:count, None]
    signs = np.array([1.0, -2.0, 1.5, -1.0, 3.0])[:count, None]
    yield from (usual, 1e-20 * usual, 1e15 * usual, usual * np.logspace(-10, 10, count)[:, None])
    yield from (one + near * rng.normal(size=(count, 3)) for near in (1e-3, 1e-6))
    yield from (one * by * (1.0 + 1e-3 * rng.normal(size=(count, 3))) for by in (lengths, signs))


def triplets(name: str, rng: Any) -> Iterator[Case]:
    for distance in ("euclidean", "squared_euclidean", "cosine"):
        for x in vectors(rng, 3):
            for margin, swap in ((0.0, False), (1.0, True), (1e3, False)):
                keywords = {"margin": margin, "distance": distance, "swap": swap}
                yield Case([*x[:, None]], partial(of_triplet, margin, distance, swap), keywords, moves=3)


def of_triplet(margin: float, distance: str, swap: bool, a: Any, p: Any, n: Any, held: Any) -> Any:
    return embedding_oracle.triplet(a[0], p[0], n[0], margin, distance, swap)


def labelled(name: str, rng: Any) -> Iterator[Case]:
    """Pairs that belong together, and that do not."""
    angular = name == "cosine_embedding"
    for distance in ("cosine",) if angular else ("euclidean", "squared_euclidean", "cosine"):
        for x in vectors(rng, 2):
            for margin in (-1.0, 0.0, 0.5) if angular else (0.0, 1.0, 1e3):
                for label in (1, -1 if angular else 0):
                    keywords = {"margin": margin} if angular else {"margin": margin, "distance": distance}
                    exact = partial(of_labelled, name, label, margin, distance)
                    yield Case([*x[:, None]], exact, keywords, [[label]], moves=2)


def of_labelled(name: str, label: int, margin: float, distance: str, a: Any, b: Any, held: Any) -> Any:
    if name == "cosine_embedding":
        return embedding_oracle.cosine_embedding(a[0], b[0], label, margin)
    return embedding_oracle.contrastive(a[0], b[0], label, margin, distance)


LABELS = np.array([0, 1, 0, 1])


def mined(name: str, rng: Any) -> Iterator[Case]:
    """Also with a vector of zeros, whose cosines are all 0: its triplets lie on a margin of 0."""
    for way, distance, margin in (("all", "euclidean", 1.0), ("hard", "cosine", 0.0), ("all", "cosine", 0.0),
                                  ("hard", "squared_euclidean", 1e-3), ("all", "euclidean", 0.0)):  # fmt: skip
        keywords = {"mining": way, "margin": margin, "distance": distance, "reduction": "sum"}
        for k, x in enumerate([*vectors(rng, 4), rng.normal(size=(4, 3)) * np.array([[0.0], [1.0], [2.0], [0.0]])]):
            yield Case([x], partial(of_mined, way, distance, margin), keywords, [LABELS], moves=k < 8)


def of_mined(way: str, distance: str, margin: float, x: Any, held: Any) -> Any:
    found = embedding_oracle.mined(x, list(LABELS), margin, distance, way)
    return sum((lost for *_, lost in found), mpf(0))


def few(found: Iterator[Any]) -> list[Any]:
    """Usual ones, lengths of all sizes, near ones, and such as are all but opposite: formulas of all pairs take long."""
    return [x for k, x in enumerate(found) if k in (0, 3, 4, 7)]


def batches(name: str, rng: Any) -> Iterator[Case]:
    """Temperatures from a hundredth to a thousand; keys that are their queries, or near, or others."""
    two = name in ("info_nce", "nt_xent")
    for x in few(vectors(rng, 2 if two else 4)):
        for temperature in (0.05, 1.0, 1e3):
            if two:
                other = x * (1.0 + (0.0 if temperature == 1.0 else 1e-3) * rng.normal(size=x.shape))
                yield Case([x, other], partial(of_batches, name, temperature), {"temperature": temperature}, moves=2)
            else:
                exact = partial(of_classes, temperature)
                yield Case([x], exact, {"temperature": temperature}, [LABELS])


def of_batches(name: str, temperature: float, a: Any, b: Any, held: Any) -> Any:
    found = (
        embedding_oracle.info_nce(a, b, temperature, True, False) if name == "info_nce"
        else embedding_oracle.nt_xent(a, b, temperature)
    )  # fmt: skip
    return sum(found) / len(found)


def of_classes(temperature: float, x: Any, held: Any) -> Any:
    return sum(embedding_oracle.supervised_contrastive(x, LABELS, temperature)) / len(x)


def circles(name: str, rng: Any) -> Iterator[Case]:
    """Also without a margin, and with no scale to speak of."""
    for x in few(vectors(rng, 4)):
        for margin, gamma in ((0.25, 64.0), (0.0, 1.0), (1.0, 1e-3)):
            exact, held = partial(of_circles, margin, gamma), lambda x: embedding_oracle.similarities(x, x, True)
            yield Case([x], exact, {"margin": margin, "gamma": gamma}, [LABELS], held)


def of_circles(margin: float, gamma: float, x: Any, held: Any) -> Any:
    return sum(embedding_oracle.circle(x, list(LABELS), margin, gamma, held)) / len(x)


# -- Adversarial losses, penalties -------------------------------------------------------------------------------------


def adversarial(name: str, rng: Any) -> Iterator[Case]:
    """Scores that are small, usual, large, near beside their size, and far from the other batch's."""
    kind, _, part = name.partition(".")
    formulas = gan_oracle.DISCRIMINATORS if part == "discriminator" else gan_oracle.GENERATORS
    for size, offset, apart in (
        (1e-4, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (10.0, 0.0, 0.0),
        (1e-3, 50.0, 0.0),
        (1e-3, 0.0, 30.0),
    ):
        batches = [offset + sign * apart + size * rng.normal(size=n) for n, sign in ((3, 1.0), (4, -1.0))]
        both = part == "discriminator" or kind.startswith("relativistic")
        yield Case(batches if both else batches[1:], partial(of_scores, formulas[kind]), moves=1 + both)


def of_scores(formula: Any, *given: Any) -> Any:
    return formula(*(list(batch) for batch in given[:-1]))


def penalised(name: str, rng: Any) -> Iterator[Case]:
    """Coefficients of usual and of small sizes, of twenty powers of ten, near beside their size."""
    usual = rng.normal(size=(3, 2))
    for w in (usual, 1e-15 * usual, usual * np.logspace(-10, 10, 3)[:, None], 1e4 + usual):
        yield Case([w], partial(of_coefficients, name))


def of_coefficients(name: str, w: Any, held: Any) -> Any:
    if name == "total_variation":
        return penalty_oracle.total_variation(w, mpf(1e-3))
    given = {"elastic_net": [mpf(0.25)], "group_lasso": [[0, 1] * 3]}.get(name, [])
    return getattr(penalty_oracle, name)(list(w.ravel()), mpf(1e-3), *given)


def penalty(name: str) -> Any:
    given = {"elastic_net": {"l1_ratio": 0.25}, "group_lasso": {"axis": 0}}.get(name, {})
    return getattr(fl.penalties, name)(1e-3, **given)


# -- All of them -------------------------------------------------------------------------------------------------------

CASES: dict[str, Callable[[str, Any], Iterator[Case]]] = {
    **dict.fromkeys(box_oracle.KINDS, boxes),
    **dict.fromkeys(RATIOS, regions),
    **dict.fromkeys(("lovasz_hinge_loss", "lovasz_softmax_loss"), extensions),
    "ctc": frames,
    **dict.fromkeys(("lambdarank", "pairwise_logistic"), queries),
    "cox": survivors,
    "triplet_margin": triplets,
    **dict.fromkeys(("cosine_embedding", "contrastive_embedding"), labelled),
    "batch_triplet_margin": mined,
    **dict.fromkeys(("info_nce", "nt_xent", "supervised_contrastive"), batches),
    "circle": circles,
    **dict.fromkeys([f"{name}.discriminator" for name in gan_oracle.DISCRIMINATORS], adversarial),
    **dict.fromkeys([f"{name}.generator" for name in gan_oracle.GENERATORS], adversarial),
    **dict.fromkeys(("l1", "l2", "elastic_net", "group_lasso", "total_variation"), penalised),
}


def loss(name: str) -> Any:
    """Whatever has a verb `value_and_grad` of this name."""
    kind, _, part = name.partition(".")
    if part:
        return getattr(getattr(fl.gan, kind), part)
    return penalty(name) if CASES[name] is penalised else getattr(fl, name)
