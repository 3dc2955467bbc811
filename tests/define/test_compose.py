"""Sums of losses: value and derivatives are sums, in one kernel that the next process finds; and who cannot be added."""

from __future__ import annotations

import gc
import inspect
import math
import pickle
import subprocess
import sys
import weakref
from fractions import Fraction
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
import row_oracle
from data import NAMES, ROWS, some
from elements import Elementary
from numpy.testing import assert_allclose, assert_array_equal

import fastloss as fl
from fastloss.define.frozen import content
from fastloss.kernels.bind import lift

pytestmark = pytest.mark.usefixtures("compiled_at_last")

LOSS = 2.0 * fl.huber + fl.quantile.bind(q=0.9)


def addable(a: Any, b: Any) -> bool:
    """Whether a sum of the two is a loss, by what their definitions say."""
    if a.rooted or b.rooted or a.inputs != b.inputs or a.wrt != b.wrt:
        return False
    ends = [{d.low, d.high} for d in (a.domains[1], b.domains[1]) if d.ends_only]
    return len({frozenset(e) for e in ends}) < 2 and all(
        e <= {x for x in e if x in a.domains[1] and x in b.domains[1]} for e in ends
    )


PAIRS = [
    (a, b) for a, b in combinations_with_replacement([fl.LOSSES[n] for n in NAMES], 2) if addable(a, b)
]  # fmt: skip


def plainly(loss: Any, point: list[float]) -> Any:
    """A jet as plain Python, whose divisions by 0 are infinite."""
    with np.errstate(all="ignore"):
        jet = lift(loss.jet, Elementary, np.float64, lambda f: f)
        return jet(*map(np.float64, point), *map(np.float64, loss.values.values()))


def flat(result: Any) -> list[Any]:
    return [x for r in result for x in (r if isinstance(r, tuple) else (r,))]


# -- elements ----------------------------------------------------------------------------------------------------------


def test_every_pair_of_losses(rng: np.random.Generator) -> None:
    """The jet of 3 a - b / 2 is that of both terms, to the bit, for all losses that take the same inputs."""
    assert len(PAIRS) > 500
    for a, b in PAIRS:
        both = 3.0 * a - b / 2
        point = [float(d.sample(rng, ())) for d in both.domains]
        got, first, second = (flat(plainly(x, point)) for x in (both, a, b))
        expected = [3.0 * x + -0.5 * y for x, y in zip(first, second, strict=False)]
        assert_array_equal(got, expected, err_msg=both.name)
        expected = [y - x for x, y in zip(first, second, strict=False)]
        assert_array_equal(flat(plainly(-a + b, point)), expected, err_msg=both.name)
        assert both.order == min(a.order, b.order)


def test_what_cannot_be_added_is_refused_for_every_pair() -> None:
    for a, b in combinations_with_replacement([fl.LOSSES[n] for n in NAMES], 2):
        if not addable(a, b):
            with pytest.raises((TypeError, ValueError), match=a.name if a.rooted else b.name):
                a + b


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", some([np.float32, np.float64], [np.float64]))
def test_against_many_digits(dtype: Any, rng: np.random.Generator) -> None:
    """Value and both derivatives of the kernel, beside the sums of the textbook's formulas."""
    x, y = rng.normal(size=(2, 40)).astype(dtype) * dtype(2.0)
    g, h = LOSS.grad_and_hess(x, y, reduction="sum", backend="serial")
    each = LOSS(x, y, reduction="none", backend="serial")
    for k, point in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        one = oracle.exact("huber", point, {"delta": 1.0}, 0)
        other = oracle.exact("quantile", point, {"q": float(dtype(0.9))}, 0)
        value, d1, d2 = (float(2 * a + b) for a, b in zip(one, other, strict=True))
        # Residuals of both terms' inputs are rounded once, the sum of terms of one sign at most twice more.
        eps = 16 * float(np.finfo(dtype).eps)
        assert_allclose([each[k], g[k], h[k]], [value, d1, d2], rtol=eps)
    assert_allclose(LOSS(x, y), each.mean(dtype=np.float64), rtol=1e-6 if dtype is np.float32 else 1e-14)
    value, grad = LOSS.value_and_grad(x, y, weight=np.full(40, 0.5, dtype))
    assert value.dtype == grad.dtype == dtype


def test_two_differentiable_inputs() -> None:
    twice = fl.gaussian_nll + 3 * fl.gaussian_nll
    point = 1.5, 1.0, 0.25
    value, d1, d2 = fl.gaussian_nll.jet(*point, *fl.gaussian_nll.values.values())
    expected = (value + 3.0 * value, tuple(d + 3.0 * d for d in d1), tuple(d + 3.0 * d for d in d2))
    assert twice.jet(*point, *twice.values.values()) == expected
    assert [len(d) for d in twice.jet(*point, *twice.values.values())[1:]] == [2, 2]


def test_derivatives_by_the_target() -> None:
    by = LOSS.with_respect_to("target")
    assert by.by == ("target",)
    assert_array_equal(by.grad([1.0, 4.0], [0.0, 2.0]), -LOSS.grad([1.0, 4.0], [0.0, 2.0]))
    assert by == 2.0 * fl.huber.with_respect_to("target") + fl.quantile.bind(q=0.9).with_respect_to("target")
    assert by.with_respect_to("pred") == LOSS
    one, other = LOSS.with_respect_to("pred", "target").grad([1.0], [0.0])
    assert one == -other
    assert pickle.loads(pickle.dumps(by)) == by
    with pytest.raises(ValueError, match=r"^hinge: with_respect_to names target, expected pred"):
        (fl.hinge + fl.logistic).with_respect_to("target")


def test_a_term_without_second_derivative() -> None:
    @fl.pointwise
    def first_only(pred: float, target: float) -> tuple[float, float]:
        r = pred - target
        return r * r * r * r, 4.0 * r * r * r

    both = fl.huber + first_only
    assert both.order == 1
    assert_array_equal(both.grad([3.0], [1.0]), [33.0])
    with pytest.raises(NotImplementedError, match=r"^huber \+ first_only has no second derivative; use value_and_grad"):
        both.grad_and_hess([3.0], [1.0])


def test_constants_and_better_functions_of_the_terms() -> None:
    """`full=` is a parameter as any other, and so is what chooses another function of the same loss."""
    both = fl.poisson + fl.tweedie
    values = {**both.values, "poisson__full": True}
    alone = fl.poisson.bind(full=True)
    point = 0.5, 3.0
    assert both.bind(poisson__full=True).jet(*point, *map(float, values.values()))[0] == (
        alone.jet(*point, 1.0)[0] + fl.tweedie.jet(*point, *map(float, fl.tweedie.values.values()))[0]
    )
    halves = fl.focal + fl.bce_with_logits
    assert halves.bind(binary_focal__gamma=1.25).jet is not halves.jet
    assert halves([1.0, 2.0], [0.0, 1.0], binary_focal__gamma=[2.0, 2.0]) == pytest.approx(
        halves([1.0, 2.0], [0.0, 1.0])
    )
    with pytest.raises(TypeError, match="cauchy__c is .*, expected one value for all elements"):
        (fl.cauchy + fl.huber)([1.0, 2.0], [0.0, 1.0], cauchy__c=[1.0, 2.0])


# -- factors -----------------------------------------------------------------------------------------------------------


def test_arithmetic() -> None:
    huber, quantile = fl.huber, fl.quantile
    assert sum([huber, quantile]) == huber + quantile
    assert +huber is huber is huber + 0 is 0.0 + huber is huber - 0
    assert -huber == 0 - huber == -1 * huber
    assert (huber - quantile).factors == (1.0, -1.0)
    assert (-(huber - 2 * quantile) / 4).factors == (-0.25, 0.5)
    for four in (np.float32(4.0), np.float64(4.0), np.int8(4), np.array(4), Fraction(4)):
        assert four * huber == huber * four == 4 * huber
        assert huber / four == 0.25 * huber
    assert len((huber + quantile + (huber - quantile)).parts) == 4


def test_of_which_numbers_factors_are() -> None:
    for factor in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=r"huber__factor is .*(nan|inf), expected a real number"):
            factor * fl.huber
    with pytest.raises(ValueError, match="huber__factor is inf"):
        1e300 * (1e300 * fl.huber)
    with pytest.raises(ZeroDivisionError, match="^huber is divided by 0$"):
        fl.huber / 0
    for array in ([1.0, 2.0], (1.0, 2.0)):
        with pytest.raises(TypeError, match="huber__factor is .*, expected one value for all elements"):
            LOSS([1.0, 2.0], [0.0, 0.0], huber__factor=array)
    with pytest.raises(ValueError, match="huber__factor is 1e\\+300, which float32 does not hold"):
        (1e300 * fl.huber)(np.ones(1, "f"), np.ones(1, "f"))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (lambda: fl.huber + 1.0, r"^huber \+ 1\.0: a loss is added to losses, and to no number"),
        (lambda: 2 - fl.huber, r"^-huber \- 2: |^-huber - 2: "),
        (lambda: fl.huber * fl.hinge, "^huber is multiplied by hinge, expected a number"),
        (lambda: fl.huber / fl.hinge, "^huber is divided by hinge, expected a number"),
        (lambda: fl.huber * np.ones(3), r"^huber is multiplied by an array of shape \(3,\), expected a number; `weight`"),
        (lambda: np.ones(3) * fl.huber, r"^huber is multiplied by an array of shape \(3,\), expected a number; `weight`"),
        (lambda: fl.huber + "hinge", r"unsupported operand type\(s\) for \+: 'Loss' and 'str'"),
        (lambda: fl.huber * 1j, r"unsupported operand type\(s\) for \*"),
        (lambda: fl.huber * np.complex128(1j), "'Loss'"),
        (lambda: fl.huber * np.array(None), "'Loss'"),
        (lambda: fl.huber * np.str_("2"), "'Loss'"),
        (lambda: 1 / fl.huber, r"unsupported operand type\(s\) for /"),
        (lambda: fl.huber + fl.rmse, r"^huber \+ root_mean_squared_error: root_mean_squared_error is the root of a mean"),
        (lambda: fl.rmse / 2, r"^0\.5 \* root_mean_squared_error: root_mean_squared_error is the root of a mean"),
        (lambda: fl.huber + fl.gaussian_nll, "^huber takes pred and target, and gaussian_nll pred, target and var: "),
        (lambda: fl.cross_entropy + fl.huber, "^huber is a loss of elements and cross_entropy one of rows"),
        (
            lambda: fl.huber + fl.mse.with_respect_to("target"),
            "^huber is differentiated with respect to pred, and squared_error to target: use with_respect_to",
        ),
    ],
)  # fmt: skip
def test_errors(what: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        what()


def test_names_of_inputs_that_differ() -> None:
    @fl.pointwise
    def own(logits: float, target: float) -> tuple[float, float]:
        return logits * target, target

    with pytest.raises(
        TypeError, match="^huber takes pred and target, and own logits and target: losses that are added"
    ):
        fl.huber + own


def test_a_factor_of_0_leaves_a_term_out() -> None:
    """Whatever it is; its domain still counts, and NaN stays NaN."""
    both = fl.squared_error + fl.absolute_error
    x, y = np.array([1e200, 3.0]), np.zeros(2)
    assert_array_equal(both(x, y, squared_error__factor=0, reduction="none"), [1e200, 3.0])
    assert both(x, y, reduction="sum") == np.inf
    none = 0 * fl.huber
    assert_array_equal(none(np.array([2.0, np.nan, np.inf]), np.zeros(3), reduction="none"), [0.0, np.nan, 0.0])
    value, grad = none.value_and_grad([2.0], [np.nan])
    assert np.isnan(value)
    assert np.isnan(grad).all()
    with pytest.raises(ValueError, match="target"):
        (0 * fl.hinge + fl.huber)([1.0], [0.5])


def test_infinities_of_both_signs_are_added_as_they_are() -> None:
    assert np.isnan((fl.squared_error - fl.half_squared_error)([np.inf], [0.0]))
    assert (fl.squared_error + fl.half_squared_error)([np.inf], [0.0]) == np.inf


def test_any_factor_has_the_same_kernel() -> None:
    """But for 0, which leaves a term out, and 1 and -1, by which nothing is multiplied."""
    assert (3.0 * fl.huber + fl.quantile).jet is LOSS.jet is LOSS.bind(huber__factor=-0.5).jet
    assert len({LOSS.bind(huber__factor=k).jet for k in (-1.0, 0.0, 1.0, 2.0, 3.0)}) == 4


# -- names and parameters ----------------------------------------------------------------------------------------------


def test_parameters() -> None:
    assert LOSS.values == {"huber__factor": 2.0, "huber__delta": 1.0, "quantile__factor": 1.0, "quantile__q": 0.9}
    assert LOSS([3.0], [0.0], huber__delta=2.0, quantile__factor=10) == 2.0 * 4.0 + 10 * (1.0 - 0.9) * 3.0
    bound = LOSS.bind(huber__delta=2.0)
    assert bound == 2.0 * fl.huber.bind(delta=2.0) + fl.quantile.bind(q=0.9)
    assert hash(bound) == hash(2.0 * fl.huber.bind(delta=2.0) + fl.quantile.bind(q=0.9))
    assert bound != LOSS
    assert (2.0 * bound).values["huber__delta"] == 2.0
    with pytest.raises(TypeError, match=r"^2 \* huber \+ quantile: 'delta' is no argument.*; use huber__delta$"):
        LOSS([1.0], [0.0], delta=2.0)
    with pytest.raises(ValueError, match=r"^2 \* huber \+ quantile: quantile__q is 1, expected a number in \(0, 1\)"):
        LOSS.bind(quantile__q=1.0)


def test_a_loss_that_stands_there_twice() -> None:
    twice = fl.huber + fl.quantile + 3 * fl.huber.bind(delta=2.0)
    assert [*twice.parameters] == [
        "huber_1__factor", "huber_1__delta", "quantile__factor", "quantile__q", "huber_2__factor", "huber_2__delta"
    ]  # fmt: skip
    assert twice([5.0], [0.0], quantile__factor=0.0) == 4.5 + 3 * 8.0
    assert twice([5.0], [0.0], quantile__factor=0.0, huber_2__delta=1.0) == 4.5 + 3 * 4.5


def test_names_that_meet() -> None:
    def named(name: str, **domains: Any) -> Any:
        @fl.derive(name=name, **domains)
        def loss(pred: Any, target: Any, factor: Any = 1.0) -> Any:
            return factor * (pred - target)

        return loss

    with pytest.raises(TypeError, match="two of its parameters would have the same name"):
        named("own") + fl.huber

    @fl.derive(name="2 steps")
    def loss(pred: Any, target: Any, c: Any = 1.0) -> Any:
        return c * (pred - target)

    assert [*(loss + fl.huber).parameters][:2] == ["_2_steps__factor", "_2_steps__c"]
    assert "_2_steps__c" in (loss + fl.huber).__doc__


def test_arrays_of_parameters() -> None:
    delta = np.array([0.5, 4.0])
    x, y = [3.0, 3.0], [0.0, 0.0]
    got = LOSS.value_and_grad(x, y, huber__delta=delta, reduction="sum", backend="serial")
    value, grad = fl.huber.value_and_grad(x, y, delta=delta, reduction="sum")
    rest, slope = fl.quantile.value_and_grad(x, y, q=0.9, reduction="sum")
    assert_allclose(got[0], 2 * value + rest, rtol=1e-15)
    assert_allclose(got[1], 2 * grad + slope, rtol=1e-15)
    bound = LOSS.bind(huber__delta=delta)
    assert_array_equal(bound.grad(x, y), LOSS.grad(x, y, huber__delta=delta))
    assert repr(bound) == "2 * huber(delta=[0.5, 4.0]) + quantile(q=0.9)"
    assert pickle.loads(pickle.dumps(bound)) == bound


def test_what_is_shown() -> None:
    assert repr(LOSS) == "2 * huber(delta=1.0) + quantile(q=0.9)"
    assert repr(-fl.absolute_error / 3 - 1e-3 * fl.squared_error) == (
        "-0.3333333333333333 * absolute_error() - 0.001 * squared_error()"
    )
    assert repr(1 * fl.squared_error) == "1 * squared_error()"
    assert LOSS.name == "2 * huber + quantile"
    assert LOSS.bind(huber__factor=-3).name == "-3 * huber + quantile"
    signature = inspect.signature(LOSS.value_and_grad)
    assert [*signature.parameters][:6] == ["pred", "target", *LOSS.parameters]
    assert signature.parameters["quantile__q"].default == 0.9
    assert "huber : Huber's loss" in LOSS.__doc__
    assert "huber__delta : a number greater than 0, or inf, by default 1" in LOSS.__doc__
    assert "(2 * huber + quantile)(pred, target, *, huber__factor=2.0" in LOSS.__doc__
    assert isinstance(LOSS, fl.Loss)


def test_domains_are_what_both_have() -> None:
    both = fl.squared_log_error + fl.poisson_identity
    assert str(both.domains[0]) == str(fl.poisson_identity.domains[0])
    narrow = fl.Domain("NARROW", 0.25, 2.0)

    @fl.pointwise(pred=narrow)
    def near(pred: float, target: float) -> tuple[float, float]:
        return pred * target, target

    assert str((near + fl.binary_cross_entropy).domains[0]) == "a number in [0.25, 1]"
    with pytest.raises(ValueError, match=r"^near \+ binary_cross_entropy: pred\[0\] is 0\.125, expected a number in"):
        (near + fl.binary_cross_entropy)([0.125], [1.0])
    with pytest.raises(
        ValueError, match=r"target is -1 or 1 in hinge and a number in \[0, 1\] in binary_cross_entropy"
    ):
        fl.hinge + fl.bce_with_logits


# -- users' losses, pickles, kernels -----------------------------------------------------------------------------------

SLOPE = 3.0


@fl.pointwise(width=fl.POSITIVE)
def own_line(pred: float, target: float, width: float = 2.0) -> tuple[float, float, float]:
    """A user's loss."""
    return SLOPE * width * (pred - target), SLOPE * width, 0.0


def test_users_and_derived_losses() -> None:
    @fl.derive
    def cubic(pred: Any, target: Any) -> Any:
        return (pred - target) ** 3

    both = own_line - 2 * cubic + fl.huber
    assert both.jet(2.0, 1.0, *both.values.values()) == (6.0 - 2.0 + 0.5, 6.0 - 6.0 + 1.0, -12.0 + 1.0)
    assert pickle.loads(pickle.dumps(own_line / 2 + fl.huber)) == own_line / 2 + fl.huber


def test_a_change_of_a_term_is_another_kernel() -> None:
    """The content that names a kernel on disk is that of all terms."""

    def made(slope: str) -> Any:
        scope: dict[str, Any] = {"__name__": "elsewhere"}
        exec(f"def line(pred, target):\n    return {slope} * (pred - target), {slope}, 0.0", scope)
        return fl.pointwise(scope["line"]) + fl.huber

    one, same, other = made("1.0"), made("1.0"), made("2.0")
    assert content(one.jet) == content(same.jet) != content(other.jet)
    assert one == same != other


PROCESS = """
import pickle, sys
from pathlib import Path
import numpy as np
from fastloss.kernels.cpu import compile
folder = Path(sys.argv[1])
loss = pickle.loads((folder / "loss").read_bytes())
print(loss, loss.value_and_grad(np.array([1.0, 4.0]), np.array([0.0, 2.0]), backend="serial")[1].tolist())
print(len([*folder.rglob("*.nb*")]))
"""


@pytest.mark.compiled
@pytest.mark.full
def test_another_process_unpickles_it_and_finds_its_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loss").write_bytes(pickle.dumps(LOSS))
    monkeypatch.setenv("FASTLOSS_CACHE_DIR", str(tmp_path))
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first.startswith("2 * huber(delta=1.0) + quantile(q=0.9) [1.05, 1.05]")
    assert first == second  # as many files as before


@pytest.mark.compiled
def test_kernels_go_with_the_last_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastloss.define import frozen

    gc.collect()
    released: list[Any] = []
    monkeypatch.setattr(frozen, "on_release", [released.append])
    loss = fl.welsch - 3 * fl.fair
    jet = loss.jet
    made = weakref.ref(loss._made)
    del loss
    frozen._recent.clear()
    gc.collect()
    assert made() is None
    assert {jet} in released


def test_checking() -> None:
    pytest.importorskip("mpmath")
    report = fl.check(LOSS, size=4)
    assert report.ok, str(report)
    assert any("huber__delta" in line for line in str(report).splitlines())
    assert {f.kind for f in fl.check(fl.huber - fl.half_squared_error, size=4).faults} == {"cancellation"}


def test_derived_losses_are_not_made_of_losses() -> None:
    def times(pred: Any, target: Any) -> Any:
        return fl.huber * pred

    def called(pred: Any, target: Any) -> Any:
        return fl.huber(pred, target)

    for function, told in (
        (times, r"times \(test_compose\.py, line \d+\): `fl\.huber \* pred` has huber\(delta=1\.0\) where a number is"),
        (called, r"called \(test_compose\.py, line \d+\): .*losses are not called here, but added: 2\.0 \* fl\.huber"),
        (LOSS, r"takes a plain Python function, got a Loss \(2 \* huber\(delta=1\.0\)"),
    ):
        with pytest.raises(TypeError, match=told):
            fl.derive(function)  # type: ignore[call-overload]


# -- rows --------------------------------------------------------------------------------------------------------------

MIXED = 0.7 * fl.cross_entropy + 0.3 * fl.multiclass_focal


def along(loss: Any, rows: list[list[float]], spread: bool) -> list[Any]:
    """A row's loss and derivatives, gone through as plain Python."""
    f = loss.run_by(spread)[0]
    f = type(f)(*[x and lift(x, Elementary, np.float64, lambda g: g) for x in f])
    p = [x if x is None else np.float64(x) for x in loss._used_by_functions(tuple(loss.values.values()))]
    elements = [[np.float64(x) for x in column] for column in zip(*rows, strict=True)]
    s = loss.run_by(spread)[1]

    def added(parts: Any) -> list[Any]:
        return [sum(terms) for terms in zip(*parts, strict=True)]

    with np.errstate(all="ignore"):
        peaks = [f.peak(*e[: s.scores + s.sighted], *p) for e in elements] if f.peak else [()]
        m = [max(x) for x in zip(*[x if isinstance(x, tuple) else (x,) for x in peaks], strict=True)]
        folds = [f.fold(*e, *m, *p) for e in elements]
        sums = added([terms for terms, _ in folds])
        if f.second:
            c = f.settle(*m, *sums, *p)
            while f.again:
                higher = f.again(*c, *added([f.probe(*k, *c, *p) for _, k in folds]), *p)
                if not higher[0] > c[0]:
                    break
                c = higher
            sums += added([f.second(*k, e[-1], *c, *p) for (_, k), e in zip(folds, elements, strict=True)])
        value, c = f.finish(*m, *sums, *p)
        slopes = [f.grad(*k, e[-1], *c, *p) for (_, k), e in zip(folds, elements, strict=True)]
    return [value, *flat([x if isinstance(x, tuple) else (x,) for x in slopes])]


def test_every_pair_of_losses_of_rows(rng: np.random.Generator) -> None:
    """The program of 3 a - b / 2 gives what both give, to the bit, or says why there is none."""
    added, refused = 0, set()
    losses = [fl.LOSSES[n] for n in ROWS if n != "multilabel_margin"]
    for a, b in combinations_with_replacement(losses, 2):
        try:
            both = 3.0 * a - b / 2
            both.run_by(True)
        except (TypeError, ValueError) as error:
            refused.add(next(word for word in ("take", "numbers that are kept", "seek") if word in str(error)))
            continue
        rows = [d.sample(rng, 4).tolist() for d in both.domains]
        if both.target == "none":
            rows.append([1.0] * 4)
        for spread in (True, False):
            rows[-1] = [0.0, 0.0, 1.0, 0.0] if not spread and both.target != "none" else rows[-1]
            got, first, second = (along(x, rows, spread) for x in (both, a, b))
            if len(first) != len(second):
                continue
            assert_array_equal(got, [3.0 * x + -0.5 * y for x, y in zip(first, second, strict=True)], both.name)
        added += 1
    assert added > 80
    assert refused == {"take", "numbers that are kept", "seek"}


@pytest.mark.compiled
@pytest.mark.parametrize("dense", some([False, True], [True]))
def test_rows_against_many_digits(dense: bool, rng: np.random.Generator) -> None:
    """Labels in the kernel, masses in plain Python: a kernel takes seconds to compile."""
    z, label = rng.normal(size=5) * 2.0, 3
    t = rng.random(5) if dense else np.eye(5)[label]
    if dense:
        value, *slopes = along(MIXED, [z.tolist(), t.tolist()], True)
        grad, hess = np.array(slopes).reshape(-1, 2).T
    else:
        value = MIXED(z[None], [label], backend="serial")
        grad, hess = (x[0] for x in MIXED.grad_and_hess(z[None], [label], backend="serial"))
    looked_at = [0, label]
    one, ones = row_oracle.exact("cross_entropy", [z, t], {"z_loss": 0.0}, looked_at)
    other, others = row_oracle.exact("multiclass_focal", [z, t], {"gamma": 2.0}, looked_at)
    assert_allclose(value, float(0.7 * one + 0.3 * other), rtol=1e-14)
    for k in looked_at:
        d1, d2 = (float(0.7 * a + 0.3 * b) for a, b in zip(ones[k], others[k], strict=True))
        # Derivatives of the two terms may differ in sign: their sizes add up to less than 2 here.
        assert_allclose([grad[k], hess[k]], [d1, d2], rtol=1e-13, atol=1e-15)


def test_keywords_of_rows(rng: np.random.Generator) -> None:
    z, y = rng.normal(size=(6, 5)), rng.integers(0, 5, 6)
    options = {"class_weight": rng.random(5), "weight": rng.random(6), "ignore_index": int(y[0]), "reduction": "sum"}
    gamma = rng.random(6)
    got = MIXED.value_and_grad(z, y, cross_entropy__z_loss=0.1, multiclass_focal__gamma=gamma, **options)
    one = fl.cross_entropy.value_and_grad(z, y, z_loss=0.1, **options)
    other = fl.multiclass_focal.value_and_grad(z, y, gamma=gamma, **options)
    for a, b, c in zip(got, one, other, strict=True):
        assert_allclose(a, 0.7 * b + 0.3 * c, rtol=1e-13, atol=1e-15)
    stats = MIXED(z, y, return_stats=True)[1]
    assert_allclose(stats.logsumexp, np.log(np.exp(z).sum(1)), rtol=1e-14)


def test_losses_of_rows_as_objects() -> None:
    assert isinstance(MIXED, fl.RowLoss)
    assert repr(MIXED) == "0.7 * cross_entropy(z_loss=0.0, softcap=None) + 0.3 * multiclass_focal(gamma=2.0)"
    again = pickle.loads(pickle.dumps(MIXED))
    assert again == MIXED
    assert hash(again) == hash(MIXED)
    assert again.functions is MIXED.functions is (2 * MIXED).functions
    assert MIXED.bind(cross_entropy__softcap=30.0).bind(cross_entropy__softcap=None) == MIXED
    assert (
        MIXED.bind(multiclass_focal__factor=0.0).functions is (2 * fl.cross_entropy + 0 * fl.multiclass_focal).functions
    )
    assert "cross_entropy__softcap : a number greater than 0, by default off" in MIXED.__doc__
    scaled = (3 * fl.multilabel_margin).functions
    assert scaled.pair(0.25, 3.0, 1.0) == fl.multilabel_margin.functions.pair(0.25, 1.0)
    assert scaled.share(4.0, 3.0, 3.0, 1.0) == 3.0 * fl.multilabel_margin.functions.share(4.0, 3.0, 1.0)
    none = MIXED.bind(cross_entropy__factor=0, multiclass_focal__factor=0)
    assert_array_equal(along(none, [[1.0, np.nan], [1.0, 0.0]], False), [np.nan, np.nan, 0.0, np.nan, 0.0])
    assert_array_equal(along(none, [[1.0, np.inf], [1.0, 0.0]], False), [0.0] * 5)


def test_rows_by_their_target(rng: np.random.Generator) -> None:
    parts = fl.cosine_distance, fl.total_variation
    both = parts[0] + 2 * parts[1]
    by = both.with_respect_to("target")
    assert by.by == ("target",)
    assert by.turned.inputs == ("target", "pred")
    rows = [*(x / x.sum() for x in rng.random((2, 4))), np.ones(4)]
    got, one, other = (along(x.with_respect_to("target").turned, rows, False) for x in (both, *parts))
    assert_array_equal(got, [x + 2.0 * y for x, y in zip(one, other, strict=True)])
    assert by.with_respect_to("pred") == both
    assert pickle.loads(pickle.dumps(by)) == by


def test_rows_that_cannot_be_added() -> None:
    for what, told in (
        (lambda: fl.multilabel_margin + fl.total_variation, "multilabel_margin is a sum over pairs of scores"),
        (lambda: fl.generalized_cross_entropy + fl.listwise_softmax, "^generalized_cross_entropy takes labels, and "
         "listwise_softmax masses for a target: call each"),
        (lambda: fl.sparsemax_loss - 2 * fl.sparsemax_loss, "each seek a threshold in a row, and a kernel seeks one"),
        (lambda: sum([fl.cross_entropy.bind(z_loss=k) for k in (0.0, 0.1, 0.2, 0.3)]), "4 numbers that are kept of each"),
        (lambda: fl.cross_entropy + fl.distillation, "^cross_entropy takes pred and target, and distillation pred, "),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=told):
            what()


@pytest.mark.parametrize(
    "made",
    [
        lambda: 2.0 * fl.multibox,
        lambda: fl.multibox / 2.0,
        lambda: fl.huber + fl.multibox,
        lambda: fl.huber - fl.multibox,
    ],
)
def test_a_loss_with_an_algorithm_of_its_own_says_that_it_is_not_added(made: Any) -> None:
    with pytest.raises(TypeError, match="^multibox is neither added to losses nor multiplied by numbers: call it"):
        made()
