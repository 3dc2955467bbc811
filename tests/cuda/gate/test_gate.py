"""CUDA kernels compiled, without a GPU: those of every way through rows, every type, every port.

That a kernel passes says nothing of its speed; that one fails says that it cannot be fast. Every loss is in `ptx`.
"""

from __future__ import annotations

import math
import re
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from data import EACH_KIND, some
from faults import LONG, faults, text
from made import CAPABILITIES, compiled
from numba import cuda, types
from ranking import each_pair, logistic

import fastloss as fl
from bench.derived import FORMULAS, derived
from fastloss.arrays.gpu.columns import spans
from fastloss.define.keywords import GRAD, HESS, VALUE
from fastloss.define.rows import Pair
from fastloss.define.rules import CONSTANTS, ELEMENTARY
from fastloss.kernels.cuda import target
from fastloss.kernels.cuda.arguments import arguments, flat
from fastloss.kernels.cuda.plan import sparse as spreadplan
from fastloss.kernels.cuda.plan.elements import ClassPlan, CombinePlan, CudaPlan, scaling
from fastloss.kernels.cuda.plan.rows import CudaRowPlan, fitted, packet_for, parts_of, width_of
from fastloss.kernels.cuda.target import Binary
from fastloss.kernels.plan.elements import Plan, compute_type, sum_plan
from fastloss.kernels.plan.rows import RowPlan, census_plan

LOSSES = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.Loss)]
NEWER = CAPABILITIES[-1]


def plan(loss: Any, types: tuple[str, ...], want: int, weight: str = "", each: bool = False, found: bool = False,
         width: int | None = None) -> CudaPlan:  # fmt: skip
    base = Plan.of(loss, types, want, True, weight, each=each)._replace(weighed=False)
    return CudaPlan(base, width or width_of(base.types[base.wrt[0]]), found)


@pytest.mark.parametrize("name", FORMULAS)
def test_losses_that_are_derived(name: str) -> None:
    loss = derived(name)
    binary = compiled(plan(loss, ("f",) * len(loss.inputs), VALUE | GRAD | HESS), NEWER)
    assert faults(binary, True, True) == []


def test_a_sum_of_losses() -> None:
    loss = 2.0 * fl.huber + fl.bce_with_logits
    binary = compiled(plan(loss, ("f",) * len(loss.inputs), VALUE | GRAD | HESS), NEWER)
    assert faults(binary, True, True) == []


def test_a_sum_of_losses_of_rows() -> None:
    binary = compiled(row_plan(fl.cross_entropy + fl.multiclass_focal, "f", 1024), NEWER)
    assert faults(binary, True, True) == []


GAMES = [getattr(fl.gan, name) for name in fl.gan.__all__ if isinstance(getattr(fl.gan, name), fl.gan.Adversarial)]


def test_adversarial_losses() -> None:
    """Of one batch's scores, and of pairs of them; each function once, with what networks are trained by."""
    parts = [part for game in GAMES for side in (game.discriminator, game.generator)
             for part in ([side] if isinstance(side, fl.Loss) else [side.real, side.fake])]  # fmt: skip
    parts += [part.bind(from_logits=False) for part in parts if "from_logits" in part.parameters]
    for loss in {part.jet: part for part in parts}.values():
        binary = compiled(plan(loss, ("f",) * len(loss.inputs), VALUE | GRAD), NEWER)
        assert faults(binary, True, True) == [], loss


def test_penalties() -> None:
    for penalty in (fl.penalties.l1(), fl.penalties.l2(), fl.penalties.elastic_net()):
        for loss, want in ((penalty.loss, VALUE | GRAD), (penalty.shrink, GRAD)):
            assert faults(compiled(plan(loss, ("f",), want), NEWER), True, True) == [], loss


@fl.pointwise
def every_function(pred: float, target: float) -> tuple[float, float]:
    """All that a loss may use of `math`."""
    waves = math.sin(pred) * math.cos(target) + math.atan(pred) + math.copysign(math.e, pred)
    hyperbolic = math.sinh(pred) + math.cosh(pred) + math.tanh(pred) + math.asinh(pred)
    special = math.erf(pred) + math.erfc(target) + math.lgamma(pred)
    powers = math.pow(target, pred) + math.cbrt(pred) + math.sqrt(target) + math.fabs(pred)
    logs = math.log(target) + math.log1p(target) + math.exp(pred) + math.expm1(target)
    return waves + hyperbolic + special + powers + logs, math.tau * pred


@pytest.mark.parametrize("stored", "fd")
def test_every_function_of_math(stored: str) -> None:
    assert ELEMENTARY - {*CONSTANTS} <= {*every_function.__wrapped__.__code__.co_names}
    binary = compiled(plan(every_function, (stored, stored), VALUE | GRAD), NEWER)
    assert binary.code.startswith(b"\x7fELF")
    if stored == "f":  # a product in double precision for each huge argument of a sine or cosine, and nothing else
        assert len(re.findall(r"\b(?:mul|add|sub|fma|div)\S*\.f64", text(binary))) <= 4
        assert not re.search(r"\bcall\b", text(binary))


# Of float64, a fourth input takes more registers than there are: 40 bytes are kept elsewhere for a moment.
@pytest.mark.parametrize(
    ("stored", "streamed"), [(t, ("pos_weight", "label_smoothing")) for t in "fE"] + [("d", ("label_smoothing",))]
)
def test_a_parameter_of_each_element(stored: str, streamed: tuple[str, ...]) -> None:
    loss, inputs = fl.bce_with_logits.bind(**{n: [0.1, 0.2] for n in streamed}).reading(())
    how = plan(loss, (stored,) * (2 + len(inputs)), VALUE | GRAD)
    binary = compiled(how, NEWER)
    assert faults(binary, stored != "d", how.width > 1) == []
    kinds = {"f": "f32", "d": "f64"}
    assert parameters(binary) == [kinds.get(a, "u64") for a in flat(arguments(how))]


ROWS = [loss for loss in fl.LOSSES.values() if isinstance(loss, fl.RowLoss)]


def row_plan(
    loss: Any, stored: str, count: int, want: int = VALUE | GRAD, target: str = "", **ports: Any
) -> CudaRowPlan:
    kind = target or ("labels" if loss.target == "both" else loss.target)
    # The loss's own functions, whatever the masses.
    types = {"target_type": {"none": "", "labels": "q", "dense": stored}[kind]}
    base = RowPlan.of(loss, (stored,) * loss.scores, want, True, kind, **types, **ports)
    base = base._replace(functions=loss.functions, sizes=loss.sizes, weighed=False)
    return fitted(base, count, packet_for(stored, stored, 0), False)


def of_each_kind(loss: Any) -> bool:
    return loss.name in {*EACH_KIND, *LONG, "js_distillation"}


def named(value: Any) -> str:
    return str(getattr(value, "name", value))


# Rows that are read again leave a thread more registers than those that it holds.
BY_LOSS = list(product(ROWS, [1_000, 128_256], CAPABILITIES))
SOME = [(loss, n, of) for loss, n, of in BY_LOSS if of_each_kind(loss) or (n, of) == (1_000, NEWER)]


@pytest.mark.parametrize(("loss", "classes", "capability"), some(BY_LOSS, SOME), ids=named)
def test_every_loss_of_longer_rows(loss: Any, classes: int, capability: tuple[int, int]) -> None:
    how = row_plan(loss, "f", classes, VALUE | GRAD | (HESS if loss.order == 2 else 0))
    assert how.width > 1 or isinstance(loss.functions, Pair)
    wide = how.width == width_of("f")
    assert faults(compiled(how, capability), True, wide, how.bounds, loss.name in LONG) == []


# Each type with labels and with masses, these beside two arrays of scores, which takes most registers; each program in
# both types of the arithmetic.
TARGETS = list(product(["cross_entropy", "distillation", "js_distillation"], ["labels", "dense"], "fdeE"))
EACH_TYPE = [x for x in TARGETS if x[:2] in (("cross_entropy", "labels"), ("distillation", "dense"))]
EACH_TYPE += [("js_distillation", "labels", "f"), ("js_distillation", "labels", "d")]


@pytest.mark.parametrize(("name", "target", "stored"), some(TARGETS, EACH_TYPE))
def test_rows_of_every_dtype(name: str, target: str, stored: str) -> None:
    for classes, capability in product((128, 32_000), CAPABILITIES):
        how = row_plan(fl.LOSSES[name], stored, classes, target=target)
        assert faults(compiled(how, capability), stored != "d", True, how.bounds) == []


RAGGED = [(name, "f", 1_001) for name in (*EACH_KIND, "sparsemax_loss")]
RAGGED += [(name, "E", 50_257) for name in ("cross_entropy", "multiclass_hinge_sum", "sparsemax_loss")]


@pytest.mark.parametrize(("name", "stored", "classes"), RAGGED)
def test_rows_that_are_no_multiples_of_packets(name: str, stored: str, classes: int) -> None:
    loss: Any = fl.LOSSES[name]
    how = row_plan(loss, stored, classes, VALUE | GRAD | (HESS if loss.order == 2 else 0))
    assert how.ragged == (not isinstance(loss.functions, Pair))
    assert faults(compiled(how, NEWER), True, how.ragged, how.bounds) == []


PARTED = list(product(["cross_entropy", "distillation_from_probabilities", "js_distillation"], "fdE"))


@pytest.mark.parametrize(
    ("name", "stored"), some(PARTED, [(n, c) for n, c in PARTED if c == "f" or n == "cross_entropy"])
)
def test_rows_that_blocks_share(name: str, stored: str) -> None:
    how = row_plan(fl.LOSSES[name], stored, 128_256, stats=fl.LOSSES[name].functions.stats is not None)
    assert parts_of(how, 1, 128_256) > 1
    for stage in how.stages:
        binary, last = compiled(stage, NEWER), stage.stage == "last"
        assert faults(binary, stored != "d", last, how.bounds) == []
        assert re.search(r"ld\.global\.(v4|v2\.u64)", binary.ptx)  # the others write next to nothing


PROGRAM = type("ranking", (), {"__module__": __name__, "pair": logistic, "share": each_pair})
RANKING = fl.pairwise(target=fl.NON_NEGATIVE, sigma=fl.POSITIVE)(PROGRAM)
# What is written has nothing to do with how it is read.
PAIRS = list(product([0, VALUE, GRAD, VALUE | GRAD, GRAD | HESS], "fdeE"))


@pytest.mark.parametrize(("want", "stored"), some(PAIRS, [(w, c) for w, c in PAIRS if w == VALUE | GRAD or c == "f"]))
def test_pairs_of_every_dtype(want: int, stored: str) -> None:
    for classes in (10, 500, 5_000):
        how = row_plan(RANKING, stored, classes, want, weight="f")
        assert faults(compiled(how, NEWER), stored != "d", False, how.bounds) == []
        if want == VALUE | GRAD:  # how targets are read has nothing to do with what is written
            mixed = how._replace(plan=how.plan._replace(types=(stored, "?")))
            assert faults(compiled(mixed, NEWER), stored != "d", False, how.bounds) == []


PORTS = list(product([10, 32_000], [VALUE, GRAD, GRAD | HESS]))


@pytest.mark.parametrize(("classes", "want"), some(PORTS, [(n, w) for n, w in PORTS if n > 10 or w & HESS]))
@pytest.mark.parametrize("name", ["cross_entropy", "distillation_from_probabilities"])
def test_every_port_of_rows_at_once(name: str, classes: int, want: int) -> None:
    ports = {"smooth": True, "classes": True, "weight": "f", "ignore": True, "stats": True}
    how = row_plan(fl.LOSSES[name], "f", classes, want, **ports)
    assert faults(compiled(how, NEWER), True, False, how.bounds) == []
    looking = how._replace(plan=census_plan(how.plan))
    assert faults(compiled(looking, NEWER), False, False, how.bounds) == []  # it adds up in float64


ROW_BY_ROW = list(product("fdE", [10, 1_000, 128_256]))


@pytest.mark.parametrize(
    ("stored", "classes"), some(ROW_BY_ROW, [(c, n) for c, n in ROW_BY_ROW if c == "f" or n == 1_000])
)
@pytest.mark.parametrize("name", ["distillation", "multilabel_margin"])
def test_a_parameter_of_each_row(name: str, stored: str, classes: int) -> None:
    loss = fl.LOSSES[name]
    loss, _ = loss.bind(**{next(iter(loss.parameters)): [1.0, 2.0]}).reading(())
    how = row_plan(loss, stored, classes, spans=spans(loss, compute_type(stored)))
    assert "row" in how.plan.given and len(how.plan.spans) == 1
    for each in (how, *(how.stages if parts_of(how, 1, classes) > 1 else ())):
        binary = compiled(each, NEWER)
        assert faults(binary, stored != "d", False, how.bounds) == []
        kinds = {"f": "f32", "d": "f64"}
        assert parameters(binary) == [kinds.get(a, "u64") for a in flat(arguments(each))]


def spread_plans(classes: int, stored: str, logs: str, **ports: Any) -> tuple[Any, Any]:
    rows = row_plan(fl.distillation_from_probabilities, stored, classes, **ports).plan
    return spreadplan.fitted(rows, "i", logs, classes, True, rows.compute)


@pytest.mark.parametrize("classes", [10, 128_256])
@pytest.mark.parametrize("stored", ["ff", "ee", "EE", "dd", "fd"])
def test_rows_of_which_some_classes_are_known(stored: str, classes: int) -> None:
    for how, capability in product(spread_plans(classes, *stored, weight="f", ignore=True), CAPABILITIES):
        assert faults(compiled(how, capability), "d" not in stored, False, how.bounds) == []


@pytest.mark.parametrize("name", ["binary_cross_entropy_with_logits", "pseudo_huber", "distillation"])
def test_divisions_of_16_bit_floats_do_not_branch(name: str) -> None:
    """Those of float32 are exact, and so branch for what is subnormal or too large."""
    exact, loss = re.compile(r"(div|rcp|sqrt)\.rn\.f32"), fl.LOSSES[name]
    for stored, branches in (("f", True), ("e", False), ("E", False)):
        made = row_plan(loss, stored, 1024) if isinstance(loss, fl.RowLoss) else plan(loss, (stored,) * 2, VALUE | GRAD)
        assert bool(exact.search(text(compiled(made, NEWER)))) == branches


DTYPES = [("d", "d"), ("f", "f"), ("e", "e"), ("E", "E"), ("f", "?"), ("E", "l"), ("f", "d"), ("f", "b")]


# Each type of a target without weights, each type of weights with a target.
WEIGHED = list(product(DTYPES, ["", "f", "E"]))


@pytest.mark.parametrize(("stored", "weight"), some(WEIGHED, [(t, w) for t, w in WEIGHED if not w or t[0] in t[1]]))
def test_dtypes(stored: tuple[str, str], weight: str) -> None:
    loss = fl.binary_cross_entropy_with_logits
    binary = compiled(plan(loss, stored, VALUE | GRAD, weight, found=bool(weight)), NEWER)
    # A target of 64 bits is converted to the compute type, which takes no arithmetic of double precision but that.
    assert faults(binary, stored[0] != "d" and "d" not in stored, True) == []


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("want", [VALUE, GRAD, VALUE | GRAD, GRAD | HESS])
@pytest.mark.parametrize("width", [1, 4])
def test_outputs(want: int, each: bool, width: int) -> None:
    how = plan(fl.huber, ("f", "f"), want, each=each and bool(want & VALUE), width=width)
    assert faults(compiled(how, NEWER), True, width == 4 and (each or bool(want & GRAD))) == []


@pytest.mark.parametrize("stored", "fdE")
def test_a_single_tile(stored: str) -> None:
    """One division in float64, which takes no stack."""
    how = plan(fl.binary_cross_entropy_with_logits, (stored, stored), VALUE | GRAD)._replace(concludes=True)
    binary = compiled(how, NEWER)
    assert faults(binary, False, True) == []
    assert " 0 bytes stack frame" in binary.log


@pytest.mark.parametrize("found", [False, True])
@pytest.mark.parametrize("kind", ["weighed", "averaged", "rooted"])
@pytest.mark.parametrize("compute", "fd")
def test_combining(compute: str, kind: str, found: bool) -> None:
    assert faults(compiled(CombinePlan(compute, compute, kind, found), NEWER), False, False) == []


@pytest.mark.parametrize("loss", [x for x in LOSSES if x.rooted], ids=lambda x: x.name)
def test_roots(loss: Any) -> None:
    """A tile that float32 has lost is added up again in float64, by itself: nothing is kept elsewhere for it."""
    for stored, weight in (("f", ""), ("f", "f"), ("E", "")):
        how = plan(loss, (stored, "f"), VALUE, weight)
        binary = compiled(how, NEWER)
        assert how.sums == "d"
        assert faults(binary, False, False) == []
        assert " 0 bytes stack frame" in binary.log


@pytest.mark.parametrize("weight", ["f", "E", "d"])
def test_weights_in_units(weight: str) -> None:
    """Of float64 weights, the product with the unit is in float64."""
    unit = "d" if weight == "d" else "f"
    elements = plan(fl.huber, ("f", "f"), VALUE | GRAD, weight, found=True)._replace(unit=unit)
    assert faults(compiled(elements, NEWER), weight != "d", True) == []
    ports = {"classes": True, "weight": weight, "ignore": True, "smooth": weight != "d"}
    for width in (10, 32_000):
        how = row_plan(fl.cross_entropy, "f", width, **ports)
        how = how._replace(found=True, unit=unit, classes=unit)
        assert faults(compiled(how, NEWER), weight != "d", False, how.bounds) == []
    for kind in ("weighed", "normalized"):
        assert faults(compiled(CombinePlan("d", "f", kind, False, unit), NEWER), False, False) == []
    assert faults(compiled(ClassPlan("f"), NEWER), False, False) == []
    for stored, factor in (("f", "f"), ("E", "f"), ("e", "f"), ("d", "d")):
        assert faults(compiled(scaling(stored, factor), NEWER), False, False) == []


def test_sums_of_weights() -> None:
    for stored in "fdeE?l":
        assert faults(compiled(CudaPlan(sum_plan(stored, "C"), 4, False), NEWER), False, False) == []


def test_a_gpu_without_bfloat16_says_so() -> None:
    assert compiled(plan(fl.huber, ("f", "f"), VALUE | GRAD), (7, 5)).code.startswith(b"\x7fELF")
    for stored, weight in ((("E", "E"), ""), (("f", "f"), "E")):
        with pytest.raises(NotImplementedError, match=r"bfloat16 needs .* capability 8\.0 .* this one has 7\.5"):
            compiled(plan(fl.huber, stored, VALUE | GRAD, weight), (7, 5))


def parameters(binary: Binary) -> list[str]:
    """Types of a kernel's parameters, as the assembler has them."""
    return re.findall(r"\.param \.(\w+)", text(binary)[: text(binary).index("{")])


def test_arguments_are_what_the_launcher_packs() -> None:
    binary = compiled(plan(fl.huber, ("f", "f"), VALUE | GRAD, "f"), NEWER)
    # Three inputs, delta, the scale and a root's, the bounds, a gradient, sums, flaws, size.
    assert parameters(binary) == ["u64"] * 3 + ["f32"] * (1 + 2 + 4) + ["u64"] * 4
    # In place of the sums the value, what it is divided by, and what the mean of nothing is.
    binary = compiled(plan(fl.huber, ("f", "f"), VALUE | GRAD, "f")._replace(concludes=True), NEWER)
    assert parameters(binary) == ["u64"] * 3 + ["f32"] * (1 + 2 + 4) + ["u64"] * 2 + ["f64"] * 2 + ["u64"] * 2


def test_arguments_of_rows() -> None:
    ports = {"smooth": True, "classes": True, "weight": "f", "ignore": True, "stats": True}
    how = row_plan(fl.cross_entropy, "f", 32_000, VALUE | GRAD, **ports)
    spread = spread_plans(32_000, "f", "e", weight="f", ignore=True)
    for each in (how, how._replace(plan=census_plan(how.plan)), CombinePlan("f", "d", "averaged", True), *spread):
        kinds = {"f": "f32", "d": "f64"}
        assert parameters(compiled(each, NEWER)) == [kinds.get(a, "u64") for a in flat(arguments(each))]


@pytest.mark.parametrize("capability", CAPABILITIES, ids=str)
def test_one_compilation_serves_every_processor(capability: tuple[int, int]) -> None:
    """What `made` shares is what the package compiles for each of them, but for the names."""
    how = row_plan(fl.cross_entropy, "E", 1_000)
    shared, alone = (
        re.sub(r"_Z\w+|\d+", "", binary.ptx.partition(".target")[2][10:])
        for binary in (compiled(how, capability), target.compiled(how, capability))
    )
    assert shared == alone


# -- the gate finds what it is for -------------------------------------------------------------------------------------


@cache
def judged(name: str) -> Binary:
    p = types.CPointer(types.float32)
    functions: dict[str, Any] = {"precise": precise, "large": large, "narrow": narrow}
    original = target.complete, target.signature
    target.complete, target.signature = (lambda _: functions[name]), (lambda _: (p, p, types.int64))
    try:
        return target.compiled(CombinePlan("f", "f", "averaged", False), NEWER)
    finally:
        target.complete, target.signature = original


def precise(x: Any, y: Any, n: int) -> None:
    i = cuda.grid(1)
    if i < n:
        y[i] = x[i] * 0.1


def large(x: Any, y: Any, n: int) -> None:
    own = cuda.local.array(300, np.float32)
    for k in range(300):
        own[k] = x[k * n]
    y[0] = own[n]


def narrow(x: Any, y: Any, n: int) -> None:
    i = cuda.grid(1)
    if i < n:
        y[i] = x[i]


@pytest.mark.parametrize(
    ("name", "fault"), [("precise", "double precision"), ("large", "stack frame"), ("narrow", "no accesses of 16")]
)
def test_the_gate_finds(name: str, fault: str) -> None:
    assert any(fault in found for found in faults(judged(name), True, True))
