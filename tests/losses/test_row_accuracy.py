"""Every row loss against its textbook formula: value and derivatives, as plain Python and as compiled kernels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
import row_oracle as oracle
import row_slack
from data import EACH_KIND, at_once, rest, some
from elements import PARTS, TYPES, Elementary, part_of
from row_cases import LOSSES, Case, cases
from row_slack import faults
from written import constants_are_floats

from fastloss.define.rows import Pair
from fastloss.kernels.bind import lift

CASES = [
    pytest.param(name, params, id=f"{name}-{'-'.join(map(str, params.values()))}")
    for name in LOSSES
    for params in (oracle.FORMULAS[name].points if name in oracle.FORMULAS else ({},))
]
FIRST = [(name, oracle.FORMULAS[name].points[0]) for name in EACH_KIND]
ULPS = 4.0
"""What a value or derivative may be off, in units in the last place of the result or of `magnitudes`."""

WIDER: dict[str, tuple[float, float, float]] = {
    "js_divergence": (5, 6, 4),  # two logarithms; that of 1 - beta, of a beta near 1
    "multiclass_focal": (4, 4, 8),  # a subnormal probability times gamma and its logarithm
}
"""Value, first and second derivative, where it takes more."""


# -- plain Python ------------------------------------------------------------------------------------------------------


@cache
def plain(functions: Any, kind: type) -> Any:
    return functions._replace(
        **{n: lift(f, Elementary, kind, lambda g: g) for n, f in functions._asdict().items() if f is not None}
    )


def highest(values: Any, kind: type) -> Any:
    """As the kernels take it: a NaN may be passed over."""
    return kind(max((v for v in values if v == v), default=math.nan))


def run_pairs(f: Any, kind: type, scores: Any, p: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """A row of a loss of pairs."""
    x, t = ([kind(v) for v in row] for row in scores)
    values, (d1, d2) = [], np.zeros((2, len(x)))
    for j, i in product(range(len(x)), repeat=2):
        if t[i] < t[j]:
            part, slope, curve = (float(v) for v in f.pair(x[j] - x[i], *p))
            values.append(part)
            d1[[j, i]] += slope, -slope
            d2[[j, i]] += curve
    unknown = np.isnan(x) | np.isnan(t)
    d1[unknown] = d2[unknown] = math.nan
    share = f.share(kind(len(x)), kind(len(values)), *p)
    value = math.nan if unknown.any() else np.sum(values)
    return kind(value) * share, [kind(d) * share for d in d1], [kind(d) * share for d in d2]


def run(
    name: str, params: dict[str, Any], kind: type, scores: Any, masses: Any, parts: int = 0
) -> tuple[Any, Any, Any]:
    """A row: loss, gradient, second derivatives, as the kernels do it, with sums rounded once.

    In `parts`, each with the maxima so far, whose sums are brought to those of the next one.
    """
    loss = LOSSES[name].bind(**params)
    spread = masses is not None and np.count_nonzero(masses) != 1
    functions, sizes = loss.run_by(spread)
    f = plain(functions, kind)
    p = loss.cast(kind)
    if isinstance(loss.functions, Pair):
        with np.errstate(all="ignore"):
            return run_pairs(f, kind, scores, p)
    columns = list(zip(*([kind(x) for x in row] for row in scores), strict=True))
    t = [kind(1.0)] * len(columns) if masses is None else [kind(x) for x in masses]

    def total(terms: Any) -> Any:
        return tuple(kind(np.sum(np.array(c, np.float64))) for c in zip(*terms, strict=True))

    with np.errstate(all="ignore"):
        m: Any = ()
        if sizes.peaks:
            peaks = [f.peak(*x, *((u,) if sizes.sighted else ()), *p) for x, u in zip(columns, t, strict=True)]
            peaks = [v if isinstance(v, tuple) else (v,) for v in peaks]
            m = tuple(highest(c, kind) for c in zip(*peaks, strict=True))
        folded = [f.fold(*x, u, *m, *p) for x, u in zip(columns, t, strict=True)]
        sums = total([terms for terms, _ in folded])
        if parts:
            sums, high = (kind(0.0),) * len(sums), (kind(-np.inf),) * len(m)
            size = -(-len(columns) // parts)
            for k in range(0, len(columns), size):
                part = slice(k, k + size)
                higher = tuple(highest(c, kind) for c in zip(high, *peaks[part], strict=True))
                sums, high = f.rescale(*sums, *high, *higher, *p), higher
                here = [f.fold(*x, u, *high, *p)[0] for x, u in zip(columns[part], t[part], strict=True)]
                sums = total([sums, *here])
            assert [str(a) for a in high] == [str(a) for a in m]
        if f.second is not None:
            c = f.settle(*m, *sums, *p)
            while f.probe is not None:
                higher = f.again(*c, *total([f.probe(*kept, *c, *p) for _, kept in folded]), *p)
                if not higher[0] > c[0]:
                    break
                c = higher
            sums += total([f.second(*kept, u, *c, *p) for (_, kept), u in zip(folded, t, strict=True)])
        value, c = f.finish(*m, *sums, *p)
        slopes = [f.grad(*kept, u, *c, *p) for (_, kept), u in zip(folded, t, strict=True)]
    return value, [d[0] for d in slopes], [d[1] for d in slopes]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_formula(name: str, params: dict[str, Any], dtype: str, part: str) -> None:
    """Value and derivatives are those of the textbook formula."""
    assert name in oracle.FORMULAS, f"tests/helpers/row_oracle.py has no formula for {name}"
    kind, bounds = TYPES[dtype], WIDER.get(name, (ULPS,) * 3)
    fixed = {n: v if v is None else float(kind(v)) for n, v in params.items()}
    wrong = []
    for case in part_of(cases(name, kind), part):
        got = run(name, fixed, kind, case.scores, case.masses)
        wrong += [f"d{k} off by {e:.1f}, {w}" for k, e, w in faults(name, fixed, kind, case, got) if not e <= bounds[k]]
    assert not wrong, f"{len(wrong)}\n" + "\n".join(wrong[:20])


RESCALED = [case for case in CASES if hasattr(LOSSES[case.values[0]].functions, "rescale")
            and LOSSES[case.values[0]].bind(**case.values[1]).functions.rescale is not None]  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("parts", some([2, 3], [3]))
@pytest.mark.parametrize(("name", "params"), RESCALED)
def test_formula_of_sums_that_are_rescaled(
    name: str, params: dict[str, Any], parts: int, dtype: str, part: str
) -> None:
    """Value and derivatives are those of the textbook formula, too, where a row's maxima are found on the way."""
    kind, bounds = TYPES[dtype], WIDER.get(name, (ULPS,) * 3)
    fixed = {n: v if v is None else float(kind(v)) for n, v in params.items()}
    wrong = []
    for case in part_of(cases(name, kind), part):
        got = run(name, fixed, kind, case.scores, case.masses, parts)
        wrong += [f"d{k} off by {e:.1f}, {w}" for k, e, w in faults(name, fixed, kind, case, got) if not e <= bounds[k]]
    assert not wrong, f"{len(wrong)}\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("name", ["kl_divergence_log", "multiclass_hinge_sum"])
def test_what_a_loss_may_be_off_that_nobody_has_thought_about(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what a unit of each input makes: enough for what is right, and too little for what is wrong."""
    assert any(row_slack.magnitudes(name, case, oracle.FORMULAS[name].points[0]) for case in cases(name, np.float32))
    monkeypatch.setattr(row_slack, "magnitudes", lambda *_: None)
    params = oracle.FORMULAS[name].points[0]
    noticed = []
    for case in (case for case in cases(name, np.float32) if len(case.scores[0]) <= 3):
        got = run(name, params, np.float32, case.scores, case.masses)
        assert max(e for _, e, _ in faults(name, params, np.float32, case, got)) <= ULPS
        if got[0] and math.isfinite(got[0]):
            wrong = got[0] * np.float32(1.001), *got[1:]
            noticed.append(next(e for _, e, _ in faults(name, params, np.float32, case, wrong)) > ULPS)
    assert np.mean(noticed) > 0.5  # the others are next to nothing, of terms that cancel


# -- NaN, infinities, conventions --------------------------------------------------------------------------------------


def usual(name: str, size: int = 3) -> tuple[list[list[float]], list[float] | None]:
    """Scores inside their domains, and masses."""
    loss, rng = LOSSES[name], np.random.default_rng(2)
    scores = [list(d.sample(rng, size)) for d in loss.domains[: loss.scores]]
    if loss.target == "none" and oracle.FORMULAS[name].scores == "probabilities":
        scores[1] = list(rng.dirichlet(np.ones(size)))
    t = None if loss.target == "none" else [1.0] + [0.0] * (size - 1)
    return scores, t


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_nan(name: str, params: dict[str, Any], dtype: str) -> None:
    """NaN in any score, of either sign, makes the loss NaN, and its own derivative."""
    kind = TYPES[dtype]
    for sign in (1.0, -1.0):
        for k in range(3):
            for which in range(LOSSES[name].scores):
                scores, t = usual(name)
                scores[which][k] = math.copysign(math.nan, sign)
                if which and params.get("alpha") == 1.0:
                    continue  # the teacher counts nothing
                value, d1, _ = run(name, params, kind, scores, t)
                assert math.isnan(value), (k, which)
                assert math.isnan(d1[k]), (k, which)
    counts = params.get("alpha", 1.0) > 0.0
    if counts and not oracle.FORMULAS[name].labels and LOSSES[name].target != "none":
        scores, t = usual(name)
        value, d1, _ = run(name, params, kind, scores, [math.nan, 0.0, 0.0])
        assert math.isnan(value)
        assert math.isnan(d1[0])


NAN, INF = math.nan, math.inf
TAUGHT = ("distillation", "reverse_distillation", "js_distillation", "distillation_from_probabilities")
ALONE = [-0.90996943, 0.24472847, 0.66524096]
"""The gradient of a cross-entropy of 2.4076."""
LIMITS: list[tuple[str, dict[str, Any], list[list[float]], list[float] | None, float, list[float]]] = [
    # loss, parameters, scores, masses, and value and gradient
    ("cross_entropy", {}, [[-INF, -INF]], [1, 0], NAN, [NAN, NAN]),
    ("cross_entropy", {}, [[INF, 0.0]], [1, 0], 0.0, [0.0, 0.0]),
    ("cross_entropy", {}, [[INF, 0.0]], [0, 1], INF, [1.0, -1.0]),
    ("cross_entropy", {}, [[0.0, -INF]], [0, 1], INF, [1.0, -1.0]),
    ("cross_entropy", {}, [[0.0, -INF]], [1, 0], 0.0, [0.0, 0.0]),
    ("cross_entropy", {}, [[5.0]], [1], 0.0, [0.0]),
    ("cross_entropy", {"softcap": 3.0}, [[INF, 0.0]], [1, 0], math.log1p(math.exp(-3)), [0.0, 1 / (1 + math.exp(3))]),
    ("multiclass_focal", {}, [[-INF, -INF]], [1, 0], NAN, [NAN, NAN]),
    ("multiclass_focal", {}, [[INF, 0.0]], [1, 0], 0.0, [0.0, 0.0]),
    ("multiclass_focal", {}, [[INF, 0.0]], [0, 1], INF, [1.0, -1.0]),
    ("multiclass_focal", {}, [[NAN, 0.0]], [0, 0], NAN, [NAN, NAN]),
    ("multiclass_focal", {}, [[-INF, -INF]], [0.5, 0.5], NAN, [NAN, NAN]),
    ("multiclass_focal", {}, [[INF, 0.0]], [0.5, 0.5], INF, [0.5, -0.5]),
    ("multiclass_focal", {}, [[INF, INF]], [0.5, 0.5], 0.25 * math.log(2), [0.0, 0.0]),
    ("multiclass_focal", {}, [[0.0, -INF, 0.0]], [0.5, 0.0, 0.5], 0.25 * math.log(2), [0.0, 0.0, 0.0]),
    ("multiclass_focal", {}, [[5.0, -INF]], [0.5, 0.0], 0.0, [0.0, 0.0]),
    ("multiclass_focal_from_probabilities", {}, [[0.0, 1.0]], [1, 0], 100.0, [-1e12, 0.0]),
    ("multiclass_focal_from_probabilities", {"gamma": 1.0}, [[1.0, 0.0]], [1, 0], 0.0, [0.0, 0.0]),
    ("multiclass_focal_from_probabilities", {"gamma": 0.0}, [[1.0, 0.0]], [1, 0], 0.0, [-1.0, 0.0]),
    ("generalized_cross_entropy_from_probabilities", {"q": 0.5}, [[0.0, 1.0]], [1, 0], 2.0, [-1e6, 0.0]),
    ("multiclass_focal", {}, [[5.0]], [1], 0.0, [0.0]),
    ("generalized_cross_entropy", {"q": 0.5}, [[INF, 0.0]], [0, 1], 2.0, [0.0, 0.0]),
    ("poly_cross_entropy", {}, [[INF, 0.0]], [0, 1], INF, [1.0, -1.0]),
    ("listwise_softmax", {}, [[1.0, 2.0]], [0, 0], 0.0, [0.0, 0.0]),
    ("sparsemax_loss", {}, [[5.0]], [1], 0.0, [0.0]),
    ("sparsemax_loss", {}, [[2.0, 1.0, -INF]], [1, 0, 0], 0.0, [0.0, 0.0, 0.0]),  # on the edge of the support
    ("sparsemax_loss", {}, [[0.0, 0.0, 0.0]], [0, 1, 0], 1 / 3, [1 / 3, -2 / 3, 1 / 3]),
    ("sparsemax_loss", {}, [[1e4, 0.0]], [0, 1], 1e4, [1.0, -1.0]),
    ("sparsemax_loss", {}, [[0.5, 0.0, -3.0]], [0.75, 0.25, 0], 0.0, [0.0, 0.0, 0.0]),
    ("sparsemax_loss", {}, [[INF, 0.0]], [1, 0], 0.0, [0.0, 0.0]),
    ("sparsemax_loss", {}, [[INF, 0.0]], [0, 1], INF, [1.0, -1.0]),
    ("sparsemax_loss", {}, [[INF, INF, 0.0]], [1, 0, 0], 0.25, [-0.5, 0.5, 0.0]),
    ("sparsemax_loss", {}, [[0.0, -INF]], [0, 1], INF, [1.0, -1.0]),
    ("sparsemax_loss", {}, [[-INF, -INF]], [1, 0], NAN, [NAN, NAN]),
    ("sparsemax_loss", {}, [[-INF, -INF]], [0, 0], 0.0, [0.0, 0.0]),
    ("sparsemax_loss", {}, [[NAN, 0.0]], [0, 1], NAN, [NAN, NAN]),
    ("sparsemax_loss", {}, [[0.0, 5.0, NAN]], [0, 0, 0], NAN, [NAN, NAN, NAN]),
    ("categorical_cross_entropy", {}, [[0.0, 1.0]], [1, 0], 100.0, [-1e12, 0.0]),
    ("negative_log_likelihood", {}, [[NAN, -1.0]], [0, 1], NAN, [NAN, -1.0]),
    ("negative_log_likelihood", {}, [[-INF, -1.0]], [0, 1], 1.0, [0.0, -1.0]),
    ("negative_log_likelihood", {}, [[NAN, -1.0]], [1, 0], NAN, [NAN, 0.0]),
    ("multiclass_hinge", {}, [[5.0]], [1], 0.0, [0.0]),
    ("multiclass_hinge", {}, [[1.0, 0.0, -3.0]], [1, 0, 0], 0.0, [0.0, 0.0, 0.0]),
    ("multiclass_hinge", {}, [[1.0, 2.0, 2.0]], [1, 0, 0], 2.0, [-1.0, 0.5, 0.5]),
    ("multiclass_hinge", {}, [[1.0, INF, 2.0]], [1, 0, 0], INF, [-1.0, 1.0, 0.0]),
    ("multiclass_hinge", {}, [[1.0, -INF]], [1, 0], 0.0, [0.0, 0.0]),
    ("multiclass_hinge_sum", {}, [[5.0]], [1], 0.0, [0.0]),
    ("multiclass_hinge_sum", {}, [[1.0, 0.0]], [1, 0], 0.0, [0.0, 0.0]),
    ("multiclass_hinge_sum", {}, [[1.0, 1.0]], [1, 0], 0.5, [-0.5, 0.5]),
    ("multiclass_hinge_sum", {}, [[INF, 1.0]], [1, 0], 0.0, [0.0, 0.0]),
    ("multiclass_hinge_sum", {}, [[1.0, -INF]], [1, 0], 0.0, [0.0, 0.0]),
    ("multilabel_soft_margin", {}, [[INF, -INF], [1.0, 0.0]], None, 0.0, [0.0, 0.0]),
    ("multilabel_soft_margin", {}, [[INF, -INF], [0.0, 0.0]], None, INF, [0.5, 0.0]),
    ("multilabel_margin", {}, [[5.0], [1.0]], None, 0.0, [0.0]),
    ("multilabel_margin", {}, [[5.0, 1.0], [0.0, 0.0]], None, 0.0, [0.0, 0.0]),
    ("multilabel_margin", {}, [[1.0, 0.0], [1.0, 0.0]], None, 0.0, [0.0, 0.0]),  # on the margin
    ("multilabel_margin", {}, [[1.0, 1.0], [1.0, 0.0]], None, 0.5, [-0.5, 0.5]),
    ("multilabel_margin", {"margin": 0.0}, [[1.0, 1.0], [1.0, 0.0]], None, 0.0, [0.0, 0.0]),
    ("multilabel_margin", {}, [[1.0, -INF], [1.0, 0.0]], None, 0.0, [0.0, 0.0]),
    ("multilabel_margin", {}, [[INF, 1.0], [1.0, 0.0]], None, 0.0, [0.0, 0.0]),
    ("multilabel_margin", {}, [[1.0, INF], [1.0, 0.0]], None, INF, [-0.5, 0.5]),
    ("multilabel_margin", {}, [[INF, INF], [1.0, 0.0]], None, NAN, [NAN, NAN]),
    ("kl_divergence", {}, [[0.3, 0.7], [0.3, 0.7]], None, 0.0, [-1.0, -1.0]),
    ("kl_divergence", {}, [[0.0, 1.0], [0.0, 1.0]], None, 0.0, [0.0, -1.0]),
    ("kl_divergence", {}, [[0.0, 1.0], [0.5, 0.5]], None, INF, [-INF, -0.5]),
    ("kl_divergence_log", {}, [[-INF, -1.0], [0.0, 1.0]], None, 1.0, [0.0, -1.0]),
    ("kl_divergence_log", {}, [[-INF, 0.0], [1.0, 0.0]], None, INF, [-1.0, 0.0]),
    ("kl_divergence_log_target", {}, [[-INF, -1.0], [-INF, 0.0]], None, 1.0, [0.0, -1.0]),
    ("js_divergence", {}, [[0.0, 1.0], [0.0, 1.0]], None, 0.0, [0.5 * math.log(2), 0.0]),
    ("js_divergence", {}, [[0.0, 1.0], [1.0, 0.0]], None, math.log(2), [-INF, 0.5 * math.log(2)]),
    ("total_variation", {}, [[0.3, 0.7], [0.3, 0.7]], None, 0.0, [0.0, 0.0]),
    ("cosine_distance", {}, [[0.0, 0.0], [1.0, 2.0]], None, 1.0, [0.0, 0.0]),
    ("cosine_distance", {}, [[1.0, 2.0], [0.0, 0.0]], None, 1.0, [0.0, 0.0]),
    ("soft_distillation", {}, [[0.5, -2.0], [1.5, -1.0]], None, 0.0, [0.0, 0.0]),
    ("soft_distillation", {}, [[0.0, -INF], [0.0, -INF]], None, 0.0, [0.0, 0.0]),
    ("soft_distillation", {}, [[0.0, -INF], [0.0, 0.0]], None, INF, [1.0, -1.0]),
    ("soft_distillation", {}, [[-INF, -INF], [0.0, 0.0]], None, NAN, [NAN, NAN]),
    ("soft_distillation", {}, [[0.0, 0.0], [-INF, -INF]], None, NAN, [NAN, NAN]),
    ("soft_reverse_distillation", {}, [[0.0, -INF], [0.0, 0.0]], None, 4 * math.log(2), [0.0, 0.0]),
    ("soft_reverse_distillation", {}, [[0.0, 1.0], [0.0, -INF]], None, INF, [-INF, NAN]),
    ("soft_reverse_distillation", {}, [[1.0, 0.0], [0.0, -INF]], None, INF, [-INF, NAN]),
    ("soft_reverse_distillation", {}, [[1.0, 1.0, 0.0], [-INF, 0.0, 0.0]], None, INF, [NAN, -INF, -INF]),
    ("soft_js_distillation", {}, [[0.0, -INF], [0.0, -INF]], None, 0.0, [0.0, 0.0]),
    ("soft_js_distillation", {}, [[0.0, -INF], [-INF, 0.0]], None, 4 * math.log(2), [0.0, 0.0]),
    ("distillation", {"alpha": 0.0}, [[0.0, -INF], [0.0, -INF]], [0, 1], 0.0, [0.0, 0.0]),
    # Without mass a row loses nothing; what is not known stays unknown.
    ("listwise_softmax", {}, [[-INF, -INF]], [0, 0], 0.0, [0.0, 0.0]),
    ("listwise_softmax", {}, [[NAN, 0.0]], [0, 0], NAN, [NAN, NAN]),
    ("cross_entropy", {}, [[-INF, -INF]], [0, 0], 0.0, [0.0, 0.0]),
    ("cross_entropy", {}, [[NAN, 0.0]], [0, 0], NAN, [NAN, NAN]),
    ("cross_entropy", {"z_loss": 0.1}, [[-INF, -INF]], [0, 0], NAN, [NAN, NAN]),
    ("poly_cross_entropy", {}, [[-INF, -INF]], [0, 0], 0.0, [0.0, 0.0]),
    ("multiclass_focal", {}, [[-INF, -INF]], [0, 0], 0.0, [0.0, 0.0]),
    ("multiclass_focal", {}, [[NAN, 0.0]], [0, 0], NAN, [NAN, NAN]),
    ("poly_cross_entropy", {}, [[NAN, 0.0]], [0, 0], NAN, [NAN, NAN]),
    (
        "cross_entropy",
        {"softcap": 1.0},
        [[INF, 0.0, -INF]],
        [1, 0, 0],
        math.log1p(math.exp(-1)),
        [0.0, 1 / (1 + math.e), 0.0],
    ),
    ("cross_entropy", {"softcap": 1.0}, [[-INF, -INF]], [1, 0], NAN, [NAN, NAN]),
    # A part that counts nothing is absent.
    *((name, {"alpha": 1.0}, [[0.0, 1.0, 2.0], [NAN] * 3], [1, 0, 0], 2.40760596444438, ALONE) for name in TAUGHT),
    *(
        (name, {"alpha": 1.0}, [[0.0, 1.0, 2.0], [0.0, -INF, 1.0]], [1, 0, 0], 2.40760596444438, ALONE)
        for name in TAUGHT
    ),
    *(
        (name, {"alpha": 0.0}, [[0.5, 1.0, 2.0]] * 2, [NAN] * 3, 0.0, [0.0] * 3)
        for name in TAUGHT
        if name != "distillation_from_probabilities"
    ),
    ("soft_reverse_distillation", {}, [[0.3, -0.2, 1.0], [-INF] * 3], None, NAN, [NAN] * 3),
    ("soft_reverse_distillation", {}, [[0.0, -INF], [0.0, NAN]], None, NAN, [NAN, NAN]),
    ("reverse_distillation", {}, [[0.3, -0.2, 1.0], [-INF] * 3], [1, 0, 0], NAN, [NAN] * 3),
    ("cosine_distance", {}, [[0.0, 0.0], [NAN, 1.0]], None, NAN, [NAN, NAN]),
    ("cosine_distance", {}, [[NAN, 1.0], [0.0, 0.0]], None, NAN, [NAN, NAN]),
    ("cosine_distance", {}, [[0.0, 0.0], [INF, 1.0]], None, NAN, [NAN, NAN]),
    ("cosine_distance", {}, [[0.0, NAN], [0.0, 1.0]], None, NAN, [NAN, NAN]),
    ("multiclass_hinge_sum", {}, [[-INF, -INF, -INF]], [1, 0, 0], NAN, [NAN] * 3),
    ("multiclass_hinge_sum", {}, [[1.0, -INF, -INF]], [0, 1, 0], NAN, [1 / 3, NAN, NAN]),
    ("multiclass_hinge_sum", {}, [[1.0, -INF, 0.0]], [0, 1, 0], INF, [1 / 3, -2 / 3, 1 / 3]),
    # Ends of a domain.
    ("kl_divergence_log", {}, [[-0.5, -1.0], [2.0, 0.0]], None, 2 * math.log(2) + 1, [-2.0, 0.0]),
    ("js_divergence", {"beta": 0.0}, [[0.5, 0.5], [1.0, 0.0]], None, math.log(2), [-2.0, 0.0]),
    ("js_divergence", {"beta": 1.0}, [[1.0, 0.0], [0.5, 0.5]], None, math.log(2), [1 + math.log(2), -INF]),
    ("js_divergence", {"beta": 1.0}, [[0.0, 1.0], [0.0, 1.0]], None, 0.0, [1.0, 1.0]),
    ("js_divergence", {"beta": 1.0}, [[0.5, 0.5], [0.0, 1.0]], None, INF, [INF, 1 - math.log(2)]),
    ("js_distillation", {"beta": 0.0}, [[0.0, 0.0], [2.0, -2.0]], [1, 0], 1.002200241225448, [-0.63079708, 0.63079708]),
    ("js_distillation", {"beta": 1.0}, [[0.0, 0.0], [2.0, -2.0]], [1, 0], 1.214135251246027, [-0.75, 0.75]),
    (
        "soft_js_distillation",
        {"beta": 0.0},
        [[0.0, 0.0], [2.0, -2.0]],
        None,
        1.311253301890951,
        [-0.76159416, 0.76159416],
    ),
    ("soft_js_distillation", {"beta": 1.0}, [[0.0, 0.0], [2.0, -2.0]], None, 1.7351233219321087, [-1.0, 1.0]),
]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "params", "scores", "masses", "value", "grad"), LIMITS)
def test_limit(name: str, params: Any, scores: Any, masses: Any, value: float, grad: Any, dtype: str) -> None:
    got = run(name, params, TYPES[dtype], scores, masses)
    assert got[0] == pytest.approx(value, rel=1e-6, nan_ok=True)
    assert got[1] == pytest.approx(grad, rel=1e-6, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("apart", [1e-5, 1e-3, 0.03, 0.3])
@pytest.mark.parametrize("name", ["soft_distillation", "soft_reverse_distillation"])
def test_a_student_near_its_teacher(name: str, apart: float, dtype: str) -> None:
    """The divergence grows with the square of what is between them, and keeps its digits nevertheless."""
    rng, kind = np.random.default_rng(4), TYPES[dtype]
    for size in (3, 50):
        z = rng.normal(0.0, 3.0, size).astype(kind)
        y = (z + apart * rng.normal(size=size)).astype(kind)
        logits = [list(map(float, x)) for x in (z, y)]
        exact = oracle.exact(name, logits, {"temperature": 2.0, "scale_t2": 1.0}, [])[0]
        # The sums of the exponentials are rounded, and what matters is how far they are from each other.
        near = {"rel": (40.0 + 4.0 / apart) * float(np.finfo(kind).eps), "abs": 0.0}
        assert run(name, {}, kind, [z, y], None)[0] == pytest.approx(float(exact), **near)


def test_every_loss_of_distributions_is_none_of_itself() -> None:
    rng = np.random.default_rng(3)
    for name in ("kl_divergence", "js_divergence", "total_variation", "soft_distillation", "soft_reverse_distillation",
                 "soft_js_distillation", "cosine_distance"):  # fmt: skip
        for kind in TYPES.values():
            p = rng.dirichlet(np.ones(9)).astype(kind)
            assert run(name, {}, kind, [p, p], None)[0] == 0.0, name


# -- compiled ----------------------------------------------------------------------------------------------------------


def batches(name: str, kind: type, only: int | None = None) -> Iterator[tuple[list[Case], Any, Any, float]]:
    """The rows of one number of classes and one kind of target, as arrays."""
    groups: dict[Any, list[Case]] = {}
    for case in cases(name, kind):
        width = len(case.scores[0])
        if only in (None, width):
            groups.setdefault((width, case.label is None, case.smoothing), []).append(case)
    for (_, dense, smoothing), group in groups.items():
        scores = [np.array(rows, kind) for rows in zip(*(c.scores for c in group), strict=True)]
        target = np.array([c.masses if dense else c.label for c in group]) if group[0].masses is not None else None
        yield group, scores, target.astype(kind) if target is not None and dense else target, smoothing


def check_compiled(
    name: str, params: dict[str, Any], kind: type, dense: bool, smoothed: bool, only: int | None
) -> None:
    loss, bounds = LOSSES[name], COMPILED.get(name, WIDER.get(name, (ULPS,) * 3))
    fixed = {n: v if v is None else float(kind(v)) for n, v in params.items()}
    wrong = []
    for group, scores, target, smoothing in batches(name, kind, only):
        # Where a row's elements lie apart, one kernel takes any number of classes; of a loss of each kind both do.
        lay = np.ascontiguousarray if name in EACH_KIND or only is not None else np.asfortranarray
        inputs = [*map(lay, scores), *([] if target is None else [lay(target)])]
        if target is not None and ((group[0].label is None) != dense or (smoothing > 0) != smoothed):
            continue
        options = {**fixed, **({"label_smoothing": smoothing} if smoothing else {})}
        value, grad, hess = at_once(loss, *inputs, **options)
        for i, case in enumerate(group):
            got = value[i], grad[i], hess[i]
            wrong += [
                f"d{k} off by {e:.1f}, {w}"
                for k, e, w in faults(name, fixed, kind, case, got, flushed=True)
                if not e <= bounds[k]
            ]
    assert not wrong, f"{len(wrong)}\n" + "\n".join(wrong[:20])


TYPED = [
    pytest.param(*case.values, dtype, id=f"{case.id}-{dtype}")
    for case, dtype in product(CASES, TYPES)
    if dtype == "float32" or case.values in FIRST
]

COMPILED: dict[str, tuple[float, float, float]] = {
    "multiclass_hinge_sum": (4, 6, 4),  # the label's slope is a sum of 70 terms, added one after another
}
"""Bounds where vectorised functions, within 1.5 units and not 0.5, take more."""


@pytest.mark.parametrize(
    ("name", "params", "dtype"), [c if c.values == (*FIRST[0], "float32") else rest(c) for c in TYPED]
)
def test_compiled(name: str, params: dict[str, Any], dtype: str) -> None:
    """One kind of target; the others share all functions of the loss with it.

    In float64 a loss of each kind: the others are what they are as plain Python, by test_row_templates.py.
    """
    check_compiled(name, params, TYPES[dtype], LOSSES[name].target == "dense", False, None)


@pytest.mark.parametrize(("dense", "smoothed"), [(True, False), rest((False, True))])
@pytest.mark.parametrize("dtype", some(TYPES, ["float32"]))
@pytest.mark.parametrize("name", some(["cross_entropy", "poly_cross_entropy", "distillation"], ["cross_entropy"]))
def test_compiled_targets(name: str, dtype: str, dense: bool, smoothed: bool) -> None:
    check_compiled(name, oracle.FORMULAS[name].points[0], TYPES[dtype], dense, smoothed, 7)


@pytest.mark.full
def test_compiled_masses() -> None:
    """Of the loss that has functions of its own for them; smoothed labels take the same."""
    check_compiled("multiclass_focal", {"gamma": 2.0}, np.float32, True, False, 7)


# -- how definitions are written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_constants_are_floats(name: str) -> None:
    """An integer in an expression turns a float32 loop into a float64 one."""
    base = LOSSES[name]
    for functions in (base._base, *base._variants.values()):
        for f in filter(None, functions):
            constants_are_floats(f)


@pytest.mark.parametrize("name", LOSSES)
def test_documented(name: str) -> None:
    loss = LOSSES[name]
    doc = loss.__doc__ or ""
    assert doc.splitlines()[0].endswith((".", ":")), "one sentence on what the loss is for"
    assert f">>> fl.{name}" in doc, "an example"
    assert len(doc.split("\n\n")) >= 3, "a paragraph with the formula and the convention"
    assert all(parameter in doc for parameter in loss.parameters)
    assert all(str(domain) != "a real number" for domain in loss.parameters.values())


def test_oracle_knows_no_other_loss() -> None:
    assert set(oracle.FORMULAS) == set(LOSSES)
