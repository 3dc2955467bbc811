"""Every loss of rows in the CUDA simulator, against the CPU's templates: groups of threads, packets, chunks, ports."""

from __future__ import annotations

import gc
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from simulated import census, rows

import fastloss as fl
from fastloss.define import frozen
from fastloss.define.keywords import GRAD, HESS, VALUE
from fastloss.define.rows import Functions
from fastloss.kernels.cuda.plan import rows as rowplan
from fastloss.kernels.cuda.templates import elements as pointwise
from fastloss.kernels.cuda.templates import rows as template
from fastloss.kernels.plan.rows import RowPlan, census_plan

LOSSES = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.RowLoss) and isinstance(loss.functions, Functions)]
TYPES = {"f4": np.float32, "f8": np.float64, "f2": np.float16, "bf16": ml_dtypes.bfloat16}
TOLERANCE = {"f4": 1e-5, "f8": 1e-13, "f2": 2e-3, "bf16": 1e-2}
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy's functions, at infinities
N = 5  # rows: one more than a block of warps has


@pytest.fixture(autouse=True)
def _few_threads(monkeypatch: pytest.MonkeyPatch, uncompiled: None) -> None:
    """Warps of 4 threads, blocks of 16; and a host that compiles nothing."""
    monkeypatch.setattr(template, "WARP", 4)
    monkeypatch.setattr(rowplan, "THREADS", 16)
    monkeypatch.setattr(rowplan, "HOLD", 16)
    monkeypatch.setattr(rowplan, "TEAM", 1)
    monkeypatch.setattr(pointwise, "THREADS", 16)
    monkeypatch.setattr(pointwise, "TILE", 64)
    monkeypatch.setattr(template, "TILE", 64)


LOGS = {"negative_log_likelihood", "kl_divergence_log", "kl_divergence_log_target"}
"""Losses whose first scores are log-probabilities; those of the last one's second, too."""


def scores_of(loss: Any, k: int, kind: Any, rng: np.random.Generator) -> tuple[Any, ...]:
    found = []
    for i, domain in enumerate(loss.domains[: loss.scores]):
        x = (
            rng.dirichlet(np.ones(k), N)
            if i or not domain.is_real_line or loss.name in LOGS
            else rng.normal(size=(N, k))
        )
        if loss.name in LOGS and (not i or loss.name == "kl_divergence_log_target"):
            x = np.log(x)
        found.append(x.astype(kind))
    return tuple(found)


def target_of(loss: Any, k: int, kind: Any, dense: bool, rng: np.random.Generator) -> Any:
    if loss.target == "none":
        return None
    if not dense:
        return rng.integers(0, k, N)
    return (
        np.eye(k)[rng.integers(0, k, N)] if loss.name == "multilabel_soft_margin" else rng.dirichlet(np.ones(k), N)
    ).astype(kind)


def plan(loss: Any, scores: Any, target: Any, want: int, aligned: bool = True, smooth: bool = False, classes: bool = False,
         weight: Any = None, ignore: bool = False, stats: bool = False, found: bool = False) -> Any:  # fmt: skip
    kind = "none" if target is None else "dense" if target.ndim == 2 else "labels"
    base = RowPlan.of(
        loss,
        tuple(x.dtype.char for x in scores),
        want,
        True,
        kind,
        smooth,
        target_type="" if target is None else target.dtype.char,
        classes=classes,
        weight="" if weight is None else weight.dtype.char,
        ignore=ignore,
        stats=stats,
    )
    base = base._replace(functions=loss.functions, sizes=loss.sizes, weighed=False)
    return rowplan.fitted(base, scores[0].shape[1], rowplan.width_of(base.types[0]) if aligned else 1, found)


def agree(found: Any, expected: Any, dtype: str) -> None:
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    assert_allclose(a, b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


def check(
    loss: Any, k: int, dtype: str, dense: bool, rng: np.random.Generator, aligned: bool = True, curved: bool = False
) -> Any:
    """One loss, its losses of rows and derivatives, against the CPU's."""
    kind = TYPES[dtype]
    scores = scores_of(loss, k, kind, rng)
    target = target_of(loss, k, kind, dense, rng)
    inputs = [*scores, *([] if target is None else [target])]
    curved = curved and loss.order == 2
    real = np.float64 if dtype == "f8" else np.float32
    how = plan(loss, scores, target, VALUE | GRAD | (HESS if curved else 0), aligned)
    losses, _, grads, hesses, flawed = rows(how, scores, target, loss, (real(1 / N), real(0)))
    assert not flawed
    value, grad = loss.value_and_grad(*inputs, reduction="none")
    agree(losses[0], value, dtype)
    agree(np.asarray(grads[0], "f8") * N, grad, dtype)
    if curved:
        agree(np.asarray(hesses[0], "f8") * N, loss.grad_and_hess(*inputs, reduction="none")[1], dtype)
    return how


@pytest.mark.parametrize("staged", [0, 64])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda x: x.name)
def test_every_loss(loss: Any, staged: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rowplan, "STAGED", staged)
    how = check(loss, 12, "f4", loss.target == "dense", rng)
    # A heavy program's threads hold half as much of a row.
    heavy, several = how.plan.twice or loss.sizes.coefficients > 4, loss.scores + (loss.target == "dense") > 1
    assert (how.group, how.width, how.held) == (1 if staged else 4 if several else 1 + heavy, 4, True)
    assert how.staged == (4 if staged else 0)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("k", [2, 3, 10, 16, 24])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("team", [1, 4])
def test_rows_that_a_block_brings_in(
    dtype: str, k: int, team: int, aligned: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole blocks of 8 rows and what is left, one array and several, packets that end amid rows, banks skipped."""
    monkeypatch.setattr(rowplan, "STAGED", 512 if team == 1 else 32)
    monkeypatch.setattr(rowplan, "TEAM", team)
    monkeypatch.setattr(sys.modules[__name__], "N", 21)
    teams = set()
    for name, dense in (("cross_entropy", False), ("cross_entropy", True), ("distillation", False)):
        how = check(fl.LOSSES[name], k, dtype, dense, rng, aligned, curved=True)
        packet = rowplan.width_of(how.plan.types[0]) if aligned else 1
        teams.add(how.group)
        assert team > 1 or how.staged == (0 if packet % k == 0 else packet)
    assert team == 1 or k < 24 or max(teams) > 1


@pytest.mark.parametrize("name", ["cross_entropy", "js_divergence", "distillation", "multiclass_hinge"])
@pytest.mark.parametrize("k", [1, 7, 60, 100, 300])
def test_classes(name: str, k: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = fl.LOSSES[name]
    if k == 1 and name == "multiclass_hinge":
        k = 2
    aligned = k % 4 == 0
    monkeypatch.setattr(rowplan, "STAGED", 0)
    how = check(loss, k, "f4", loss.target == "dense", rng, aligned, curved=k in (7, 300))
    # A heavy program's threads hold half as much of a row.
    assert how.held == (k < (300 if name in ("cross_entropy", "multiclass_hinge") else 100))
    assert how.width == (4 if aligned else 1)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_dtypes(dtype: str, dense: bool, rng: np.random.Generator) -> None:
    check(fl.cross_entropy, 24, dtype, dense, rng)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("k", [8, 300])
def test_every_port_at_once(k: int, dense: bool, rng: np.random.Generator) -> None:
    loss = fl.cross_entropy
    scores, target = scores_of(loss, k, np.float64, rng), target_of(loss, k, np.float64, dense, rng)
    weight, classes = np.array([1.0, 0.0, 2.0, 0.5, 3.0]), rng.random(k)
    scores[0][1] = np.nan
    options: dict[str, Any] = {"weight": weight, "class_weight": classes, "label_smoothing": 0.2}
    if not dense:
        target[3] = -100
        options["ignore_index"] = -100
    how = plan(loss, scores, target, VALUE | GRAD, True, True, True, weight, not dense, True, True)
    if dense:
        sums = weight * (target @ classes) / target.sum(axis=1)
    else:
        sums, flawed = census(how._replace(plan=census_plan(how.plan)), target, weight, classes, -100, N, k)
        assert not flawed
    value, grad, stats = loss.value_and_grad(scores[0], target, return_stats=True, **options)
    slopes = (np.array([1.0 / sums.sum(), 0.0]),)
    losses, facts, grads, _, flawed = rows(
        how, scores, target, loss, (), weight=weight, classes=classes, smoothing=0.2, ignore=-100, slopes=slopes
    )
    assert not flawed
    agree(losses[0].sum() / sums.sum(), value, "f8")
    agree(grads[0], grad, "f8")
    assert_array_equal(grads[0][1], 0.0)
    for got, expected in zip(facts, stats[:3], strict=True):
        agree(got, expected, "f8")


@pytest.mark.parametrize(("dense", "softcap"), [(False, None), (True, 3.0)])
def test_maxima_and_sums_in_one_pass(dense: bool, softcap: float | None, rng: np.random.Generator) -> None:
    """Tops that rise from chunk to chunk, scores that are infinite or NaN, smoothed labels, weights of classes."""
    loss, k = fl.cross_entropy.bind(softcap=softcap), 300
    scores, target = scores_of(loss, k, np.float64, rng), target_of(loss, k, np.float64, dense, rng)
    scores[0][0] = np.linspace(-20.0, 20.0, k)
    scores[0][1, -1] = np.nan
    scores[0][2, :150] = -np.inf
    scores[0][3, [7, 290]] = 50.0, np.inf
    scores[0][4] = -np.inf
    options: dict[str, Any] = {} if dense else {"label_smoothing": 0.2, "class_weight": rng.random(k)}
    if dense:
        target[2, :150] = 0.0
    how = plan(loss, scores, target, VALUE | GRAD | HESS, True, not dense, not dense)
    assert how.once
    losses, _, grads, hesses, flawed = rows(
        how, scores, target, loss, (1.0, 0.0), classes=options.get("class_weight"), smoothing=0.0 if dense else 0.2
    )
    assert not flawed
    value, grad = loss.value_and_grad(scores[0], target, reduction="none", **options)
    agree(losses[0], value, "f8")
    agree(grads[0], grad, "f8")
    agree(hesses[0], loss.grad_and_hess(scores[0], target, reduction="none", **options)[1], "f8")
    assert np.isnan(losses[0][[1, 4]]).all()


@pytest.mark.parametrize("wrong", [-1, 12, 2**40])
def test_wrong_labels_are_found_and_read_nothing(wrong: int, rng: np.random.Generator) -> None:
    loss = fl.cross_entropy
    scores, target = scores_of(loss, 12, np.float32, rng), target_of(loss, 12, np.float32, False, rng)
    classes, one = rng.random(12), (np.float32(1), np.float32(0))
    how = plan(loss, scores, target, 3, classes=True)
    good = rows(how, scores, target, loss, one, classes=classes)
    target[2] = wrong
    losses, _, grads, _, flawed = rows(how, scores, target, loss, one, classes=classes)
    assert flawed
    assert_array_equal(grads[0][2], 0.0)
    kept = np.arange(N) != 2
    assert_array_equal(losses[0][kept], good[0][0][kept])
    assert_array_equal(grads[0][kept], good[2][0][kept])
    assert census(how._replace(plan=census_plan(how.plan)), target, None, classes, 0, N, 12)[1]


@pytest.mark.parametrize("k", [12, 300])
def test_over_the_scores(k: int, rng: np.random.Generator) -> None:
    """A plan for in place, for short rows of the CPU: what is different there makes no difference here."""
    loss = fl.cross_entropy
    scores, target = scores_of(loss, k, np.float32, rng), target_of(loss, k, np.float32, False, rng)
    how, one = plan(loss, scores, target, 3), (np.float32(1), np.float32(0))
    apart = rows(how, scores, target, loss, one)
    same = rowplan.fitted(how.plan._replace(inplace=True, entry="lanes", turned=True), k, how.width, False)
    assert same == how
    over = scores[0].copy()
    losses, _, grads, _, flawed = rows(same, (over,), target, loss, one, over=over)
    assert not flawed
    assert grads[0] is over
    assert_array_equal(over, apart[2][0])
    assert_array_equal(losses[0], apart[0][0])


def test_lengths_are_forgotten_with_the_last_loss() -> None:
    def fold(x: float, t: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return (x * x,), (x,)

    def finish(total: float) -> tuple[float, tuple[float, ...]]:
        return total, ()

    def grad(x: float, t: float) -> tuple[float, float]:
        return 2.0 * x, 2.0

    space = {"fold": fold, "finish": finish, "grad": grad}
    loss = fl.rowwise(targets="none", inputs=("pred",))(type("mine", (), space))
    base = RowPlan.of(loss, ("f",), GRAD, False, "none")
    assert rowplan.chosen(base, 5, 4, False).exact == 5
    assert rowplan._own(base) == {5}
    del loss
    frozen._recent.clear()
    gc.collect()
    assert rowplan._own(base) == set()


def test_values_outside_a_domain_are_found(rng: np.random.Generator) -> None:
    loss = fl.kl_divergence
    scores = scores_of(loss, 12, np.float64, rng)
    how = plan(loss, scores, None, VALUE)
    for place in ((0, 0), (4, 11)):
        for array in scores:
            before, array[place] = array[place], 1.5
            assert rows(how, scores, None, loss, (1.0, 0.0))[4]
            array[place] = before
    assert not rows(how, scores, None, loss, (1.0, 0.0))[4]


@pytest.mark.parametrize("k", [12, 100, 300])
def test_extremes(k: int, rng: np.random.Generator) -> None:
    loss = fl.cross_entropy
    scores, target = scores_of(loss, k, np.float32, rng), target_of(loss, k, np.float32, False, rng)
    scores[0][0] = -1e4
    scores[0][1] = np.where(np.arange(k) == target[1], 1e4, -np.inf)
    scores[0][2] = 0.0
    one = (np.float32(1), np.float32(0))
    losses, _, grads, _, flawed = rows(plan(loss, scores, target, 3), scores, target, loss, one)
    assert not flawed
    agree(losses[0], loss(scores[0], target, reduction="none"), "f4")
    agree(grads[0], loss.grad(scores[0], target, reduction="sum"), "f4")
