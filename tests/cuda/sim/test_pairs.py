"""Losses of pairs on a pretended GPU, its kernels in the simulator, against the same calls on the host."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hosted import Hosted, agree, both, to_gpu
from numpy.testing import assert_array_equal
from ranking import logistic

import fastloss as fl
from fastloss.kernels.cuda.templates import pairs

pytestmark = [pytest.mark.usefixtures("gpu"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]
MARGIN = fl.multilabel_margin


@pytest.fixture(autouse=True)
def _short_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "STRIP", 8)


def by_width(classes: float, pairs: float, sigma: float) -> float:
    return classes / pairs if pairs > 0.0 else 0.0


def squared(d: float) -> tuple[float, float]:
    return d * d, d + d


def alike(classes: float, pairs: float) -> float:
    return 1.0


def made(name: str, pair: Any, share: Any, **domains: Any) -> Any:
    return fl.pairwise(**domains)(type(name, (), {"__module__": __name__, "pair": pair, "share": share}))


RANKING = made("ranking", logistic, by_width, sigma=fl.POSITIVE)
"""With a slope and a curve everywhere, of targets of any number, and a share that depends on how many pairs there are."""


# A warp of 4 threads holds up to 16 elements, a block of 16 up to 64; longer rows are gone through twice.
@pytest.mark.parametrize(("n", "k"), [(5, 1), (5, 2), (5, 13), (2, 16), (3, 17), (2, 64), (2, 70)])
def test_sizes(n: int, k: int, gpu: Any, rng: np.random.Generator) -> None:
    z, t = rng.normal(0.0, 2.0, (n, k)).astype("f4"), rng.integers(-2, 3, (n, k)).astype("f4")
    both(RANKING.value_and_grad, z, t, reduction="none", sigma=0.7)
    both(RANKING.grad_and_hess, z, t)
    both(MARGIN.value_and_grad, z, (t > 0.0).astype("f4"))
    assert gpu.waits == 0


@pytest.mark.parametrize("verb", ["__call__", "grad"])
def test_the_value_or_the_gradient_alone(verb: str, rng: np.random.Generator) -> None:
    z, t = rng.normal(size=(3, 20)), rng.integers(0, 4, (3, 20))
    both(getattr(RANKING, verb), z, t)
    both(getattr(made("squared", squared, alike), verb), z, t)


@pytest.mark.parametrize("kind", ["f8", "f2", "bf16"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_dtypes_and_absent_rows(kind: str, reduction: str, rng: np.random.Generator) -> None:
    dtype = ml_dtypes.bfloat16 if kind == "bf16" else kind
    z, t = rng.normal(size=(2, 3, 10)).astype(dtype), rng.integers(0, 3, (2, 3, 10)).astype(dtype)
    weight = np.array([[1.0, 0.0, 2.0], [0.5, 1.0, 0.0]], "f4")
    z[0, 1, 4], t[1, 2, 3] = np.nan, np.nan
    both(RANKING.value_and_grad, z, t, weight=weight, reduction=reduction)


@pytest.mark.parametrize("stored", ["?", "u1", "i8", "f8"])
def test_types_of_targets(stored: str, rng: np.random.Generator) -> None:
    both(MARGIN.value_and_grad, rng.normal(size=(3, 9)).astype("f4"), rng.integers(0, 2, (3, 9)).astype(stored))


def test_numbers_that_are_none(rng: np.random.Generator) -> None:
    z, t = rng.normal(size=(6, 5)), np.array([[2.0, 0.0, 1.0, 1.0, 0.0]] * 6)
    z[0, 0], z[1, 2], z[2, 3], z[3, :2] = np.nan, np.inf, -np.inf, np.inf
    t[4, 1] = np.nan
    t[5] = 3.0
    z[5, 2] = np.nan  # in no pair
    both(RANKING.value_and_grad, z, t, reduction="none")
    both(RANKING.grad_and_hess, z, t, reduction="none")
    value, grad = RANKING.value_and_grad(to_gpu(z), to_gpu(t), reduction="none")
    assert_array_equal(np.isnan(value.array), [True, False, False, True, True, True])
    assert_array_equal(np.isnan(grad.array[5]), [False, False, True, False, False])


def test_a_target_outside_its_domain_is_found(gpu: Any) -> None:
    z, t = np.zeros((7, 3)), np.zeros((7, 3))
    t[5, 1] = 0.5
    with pytest.raises(ValueError, match=r"multilabel_margin: target\[5, 1\] is 0.5, expected 0 or 1"):
        MARGIN.grad(Hosted(z), Hosted(t), check=True)
    both(MARGIN.value_and_grad, z, t, check=False)
    both(MARGIN.value_and_grad, z, t, weight=(np.arange(7) != 5) * 1.0)
    fl.synchronize()
    MARGIN(Hosted(z), Hosted(t))
    with pytest.raises(
        ValueError, match="multilabel_margin: a label or an index of an earlier call on the GPU was no class, or a"
    ):
        fl.synchronize()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_axes_out_and_in_place(axis: int, gpu: Any, rng: np.random.Generator) -> None:
    z, t = rng.normal(size=(3, 4, 20)).astype("f4"), rng.integers(0, 3, (3, 4, 20)).astype("f4")
    value, grad = RANKING.value_and_grad(z, t, axis=axis)
    for over in (False, True, True):
        x = Hosted(z.copy())
        out = x if over else Hosted(np.full_like(z, np.nan))
        found = RANKING.value_and_grad(x, Hosted(t), axis=axis, out=out)
        assert found[1] is out
        agree(found, (value, grad))
    assert gpu.replays == 0


def test_the_second_call_launches_the_first_ones_kernels_again(gpu: Any, rng: np.random.Generator) -> None:
    for k in range(2):
        z, t = rng.normal(size=(3, 9)), rng.integers(0, 3, (3, 9)).astype("f8")
        both(RANKING.value_and_grad, z, t)
        assert gpu.replays == k


def test_no_rows_and_what_pairs_do_not_have() -> None:
    nothing, x = np.empty((0, 3), "f4"), Hosted(np.ones((2, 3)))
    both(RANKING.value_and_grad, nothing, nothing, reduction="none")
    for options, text in (
        ({"class_weight": Hosted(np.ones(3))}, "class_weight is given, expected None"), ({"label_smoothing": 0.1}, "label smoothing"),
        ({"ignore_index": 1}, "ignore_index is for"), ({"return_stats": True}, "no statistics"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            RANKING(x, x, **options)
    with pytest.raises(ValueError, match=r"target has shape \(2, 2\), expected that of pred"):
        RANKING(x, Hosted(np.ones((2, 2))))
    with pytest.raises(NotImplementedError, match="squared has no second derivative"):
        made("squared", squared, alike).grad_and_hess(x, x)
