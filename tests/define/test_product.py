"""The Hessian of losses of rows times a vector: as formulas in 50 digits have it, and where there is none."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data import ROWS, rest
from elements import Elementary
from mpmath import mp, mpf
from row_oracle import FORMULAS

import fastloss as fl
from fastloss.define.product.program import product
from fastloss.define.product.trial import slopes
from fastloss.kernels.bind import lift

NONE = {
    **{n: "two arrays" for n in ROWS if fl.LOSSES[n].sizes.scores > 1}, "multiclass_hinge": "largest",
    "multilabel_margin": "pairs",
}  # fmt: skip
"""What has no product, and a word of why."""

FOUND = [(n, p) if k == 0 else rest((n, p)) for n in ROWS if n not in NONE for k, p in enumerate(FORMULAS[n].points)]
"""Each loss by its first parameters, and the others."""


def times(loss: Any, scores: Any, vector: Any, masses: Any, kind: Any = np.float64) -> list[Any]:
    """The product for one row, by its functions as plain Python."""
    made = product(loss)
    f, sizes = made.run_by(np.count_nonzero(masses) != 1)
    f = type(f)(*[x and lift(x, Elementary, kind, lambda g: g) for x in f])
    p = [x if x is None else kind(x) for x in made._used_by_functions(tuple(made.values.values()))]
    rows = [(kind(a), kind(b)) for a, b in zip(scores, vector, strict=True)]
    with np.errstate(all="ignore"):
        return slopes(f, sizes, rows, [kind(t) for t in masses], p)


def exactly(name: str, params: Any, scores: Any, vector: Any, masses: Any) -> list[Any]:
    """The same by mixed differences of the formula, in 60 digits."""
    with mp.workdps(60):
        h = mpf(10) ** -15
        x, v, t = ([mpf(float(a)) for a in part] for part in (scores, vector, masses))
        fixed = {n: a if a is None else mpf(float(a)) for n, a in params.items()}

        def value(k: int, one: int, two: int) -> Any:
            moved = [a + two * h * b + (one * h if j == k else 0) for j, (a, b) in enumerate(zip(x, v, strict=True))]
            return FORMULAS[name].value(moved, t, **fixed)

        corners = [(i, j) for i in (1, -1) for j in (1, -1)]
        return [sum(i * j * value(k, i, j) for i, j in corners) / (4 * h * h) for k in range(len(x))]


def cases(name: str) -> list[Any]:
    """Scores, vectors, masses: random ones, equal ones, a top that is all but certain."""
    rng, loss = np.random.default_rng(7), fl.LOSSES[name]
    likely = FORMULAS[name].scores == "probabilities"
    scores = [rng.dirichlet(np.ones(5)), np.full(5, 0.2)] if likely else [
        rng.normal(0.0, 2.0, 5), np.zeros(5), np.array([12.0, -3.0, 0.5, 0.25, -20.0]),
    ]  # fmt: skip
    masses = [np.eye(5)[1], np.eye(5)[0]] if loss.target != "dense" else []
    if loss.target in ("both", "dense"):
        masses += [0.02 + 0.9 * np.eye(5)[2], rng.dirichlet(np.ones(5)) * 1.5]
    rows = [(z, rng.normal(size=5), t) for z in scores for t in masses]
    return [tuple(part.astype(np.float32).tolist() for part in row) for row in rows]


@pytest.mark.parametrize(("name", "params"), FOUND, ids=str)
def test_is_that_of_the_formula(name: str, params: dict[str, Any]) -> None:
    params = {n: x if x is None else float(np.float32(x)) for n, x in params.items()}
    loss = fl.LOSSES[name].bind(**params)
    for scores, vector, masses in cases(name):
        expected = [float(x) for x in exactly(name, params, scores, vector, masses)]
        if name in ("multiclass_hinge_sum", "sparsemax_loss") and len({*scores}) < 5:
            continue  # kinks at equal scores
        size = max(max(map(abs, expected)), sum(masses) * max(map(abs, vector)))
        for kind in (np.float64, np.float32):
            got = times(loss, scores, vector, masses, kind)
            # Each number of the vector stands beside a mean of all, also in a row that is sure, whose Hessian is near 0.
            np.testing.assert_allclose(got, expected, rtol=0, atol=60 * np.finfo(kind).eps * size)


@pytest.mark.parametrize("name", NONE)
def test_says_why_there_is_none(name: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{name} has no product of its second derivatives.*{NONE[name]}"):
        product(fl.LOSSES[name])


def test_what_is_masked_and_what_is_not_known() -> None:
    for loss in (fl.cross_entropy, fl.multiclass_focal, fl.poly_cross_entropy):
        got = times(loss, [0.5, -math.inf, 1.0], [1.0, 2.0, -1.0], [1.0, 0.0, 0.0])
        np.testing.assert_allclose(
            got, [*times(loss, [0.5, 1.0], [1.0, -1.0], [1.0, 0.0])[:1], 0.0, -got[0]], rtol=1e-14
        )
        for row in ([0.5, math.nan, 1.0], [1.0, 2.0, 3.0]), ([0.5, 0.0, 1.0], [1.0, math.nan, 3.0]):
            assert np.isnan(times(loss, *row, [1.0, 0.0, 0.0])).all()


def test_other_values_compile_nothing() -> None:
    one, other = (product(fl.multiclass_focal.bind(gamma=g)) for g in (1.25, 3.0))
    assert one.functions == other.functions and (one.values["gamma"], other.values["gamma"]) == (1.25, 3.0)
    assert product(fl.multiclass_focal.bind(gamma=np.ones(3))).arrays.keys() == {"gamma"}


def own(grad: Any) -> Any:
    """A loss of rows of one's own with this gradient."""

    class own:
        """The square of the sum of all scores, by whatever its gradient says."""

        def fold(z, t):
            return (z,), (z,)

        def finish(total):
            return total * total, (total,)

    own.grad = grad  # type: ignore[attr-defined]
    return fl.rowwise(targets="labels", smooth=False)(own)


def joined(z, t, total):
    return (z - 0.5) or total


def disjoined(z, t, total):
    return z and total


def in_base_two(z, t, total):
    return total * math.log(2.0 + z * z, 2.0)


def is_none(z, t, total):
    return total if t is None else z


@pytest.mark.parametrize(
    ("grad", "why"),
    [(joined, "joins numbers"), (disjoined, "joins numbers"), (in_base_two, "base"), (is_none, "is no arithmetic")],
)
def test_what_is_no_arithmetic_is_refused(grad: Any, why: str) -> None:
    with pytest.raises(NotImplementedError, match=f"own has no product .*{why}"):
        product(own(grad))


def test_the_text_must_be_that_of_the_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "module_that_changes.py"
    file.write_text("def grad(z, t, total):\n    return z * total\n")
    monkeypatch.syspath_prepend(tmp_path)
    loss = own(importlib.import_module("module_that_changes").grad)
    file.write_text("def grad(z, t, total):\n    return z * z * total\n")
    with pytest.raises(NotImplementedError, match="the text of grad at hand is another's: its file has changed"):
        product(loss)


def along(z, t, total):
    return total * z if z == abs(z) else z


def resting(z, t, total):
    return total * z if abs(z) + z == 0.0 else z


@pytest.mark.parametrize("grad", [along, resting])
def test_an_equality_may_hold_for_a_while(grad: Any) -> None:
    got = times(own(grad), [1.0, -2.0], [1.0, 0.5], [1.0, 0.0])
    chosen = [1.0 * -1.0 + 1.0 * 1.5, 0.5] if grad is along else [1.0, 0.5 * -1.0 + -2.0 * 1.5]
    np.testing.assert_allclose(got, chosen, rtol=1e-14)


def test_numbers_may_be_equal_for_a_while() -> None:
    @fl.rowwise(targets="labels", smooth=False)
    class capped:
        """The square of the sum of all scores, each of which counts up to 50."""

        def fold(z, t):
            low = z if z < 50.0 else 50.0
            return (low,), (z, low)

        def finish(total):
            return total * total, (2.0 * total, 2.0 * total)

        def grad(z, low, t, slope, again):
            return slope if z == low and slope == again else 0.0

    np.testing.assert_array_equal(times(capped, [1.0, 60.0], [1.0, 0.5], [1.0, 0.0]), [2.0, 0.0])


def test_what_depends_on_the_largest_beyond_a_margin_is_refused() -> None:
    @fl.rowwise(targets="labels", smooth=False)
    class squared:
        """The square of how far the largest of the other scores comes within 1 of the label's."""

        def peak(z, t):
            return z if t == 0.0 else -1e30

        def fold(z, t, m):
            return (0.0 if t == 0.0 else z,), (z,)

        def finish(m, own):
            gap = 1.0 + m - own
            gap = gap if gap > 0.0 else 0.0
            return gap * gap, (2.0 * gap, m)

        def grad(z, t, slope, m):
            return -slope if t != 0.0 else slope if z == m else 0.0

    with pytest.raises(NotImplementedError, match="which score is the largest"):
        product(squared)


def test_sums_and_losses_of_ones_own() -> None:
    @fl.rowwise(targets="labels", smooth=False)
    class cubed:
        """The cube of what the label's score lacks to the sum of all."""

        def fold(z, t):
            return (z, 0.0 if t == 0.0 else z), (z,)

        def finish(total, own):
            gap = total - own
            return gap * gap * gap, (3.0 * gap * gap,)

        def grad(z, t, steep):
            return steep if t == 0.0 else 0.0

    row = [1.0, 0.5, 2.0], [1.0, -1.0, 0.25], [0.0, 1.0, 0.0]
    np.testing.assert_allclose(times(cubed, *row), [6.0 * 3.0 * 1.25, 0.0, 6.0 * 3.0 * 1.25], rtol=1e-15)
    both = 2.0 * fl.cross_entropy - 0.5 * fl.poly_cross_entropy.bind(epsilon=3.0)
    apart = np.array([times(part, *row) for part in both.parts])
    np.testing.assert_allclose(times(both, *row), 2.0 * apart[0] - 0.5 * apart[1], rtol=0, atol=1e-15)
