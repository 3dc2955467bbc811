"""Losses as functions that a user's own compiled code calls: the numbers of the verbs, in any kind of function."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import textwrap
from itertools import product

import numba
import numpy as np
import pages
import pytest
from data import at_once, rest, some

import fastloss as fl


@fl.pointwise(scale=fl.POSITIVE)
def scaled(pred, target, scale=2.0):
    r = (pred - target) / scale
    return r * r, 2.0 * r / scale, 2.0 / (scale * scale)


@fl.pointwise
def tilted(pred, target):
    r = pred - target
    return abs(r) + r, (2.0 if r > 0.0 else 0.0)


@fl.derive(c=fl.POSITIVE)
def flattening(pred, target, c=1.0):
    return c * c / 2.0 * fl.math.log1p(((pred - target) / c) ** 2)


KINDS = {
    "parameter": fl.huber,
    "transcendental": fl.log_cosh,
    "probability": fl.binary_cross_entropy,
    "chosen": fl.tweedie.bind(power=1.25),
    "switch": fl.poisson.bind(full=True),
    "two gradients": fl.gaussian_nll,
    "target": fl.quantile.with_respect_to("target"),
    "own": scaled,
    "first order": tilted,
    "derived": flattening,
    "composed": 2.0 * fl.huber + fl.quantile,
}


def points(loss, kind) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [d.sample(rng, 70).astype(kind) for d in loss.domains]


def flat(results) -> np.ndarray:
    """Value and derivatives, those of several inputs one after another."""
    return np.array([[*np.hstack(row)] for row in results])


FEW = ["parameter", "switch", "two gradients", "first order", "derived"]


@pytest.mark.parametrize(
    ("kind", "dtype"),
    some(
        [*product(KINDS, ["float32"]), *product([*KINDS][:2], ["float64"])],
        [*product(FEW, ["float32"]), ("parameter", "float64")],
    ),
)
def test_the_numbers_are_those_of_the_verbs(kind, dtype) -> None:
    loss, columns = KINDS[kind], points(KINDS[kind], dtype)
    scalar = np.dtype(dtype).type
    found = flat([loss.jitted(*map(scalar, row)) for row in zip(*columns, strict=True)])
    if loss.order == 1:
        value, *derivatives = loss.value_and_grad(*columns, reduction="none", backend="serial")
    else:
        value, *derivatives = at_once(loss, *columns)
    expected = np.column_stack([value, *np.vstack(derivatives)])
    # A kernel of packed numbers may fuse another multiplication with an addition than code of one number.
    tiny = np.finfo(dtype)
    np.testing.assert_allclose(found, expected, rtol=8 * tiny.eps, atol=8 * tiny.eps)
    assert (found.astype(dtype) == found).all()


def test_types_and_arguments_are_read_as_verbs_read_them() -> None:
    huber = fl.huber.jitted

    @numba.njit
    def calls(p, y):
        return huber(p, y), huber(p, y, 1.5), huber(p, target=y, delta=1.5), huber(target=y, pred=p)

    one = fl.huber.jitted is huber
    assert one and calls(4, True) == ((2.5, 1.0, 0.0), (3.375, 1.5, 0.0), (3.375, 1.5, 0.0), (2.5, 1.0, 0.0))
    third = huber(np.float32(0.1), 0.0)  # the prediction's type is that of the arithmetic, whatever the target's is
    assert third[1] == np.float32(0.1) and third[0] == np.float32(0.5) * np.float32(0.1) * np.float32(0.1)
    assert np.isnan(huber(np.nan, 0.0)[:2]).all()
    assert fl.huber.bind(delta=1.5).jitted(4.0, 1.0) == (3.375, 1.5, 0.0)
    assert [*inspect.signature(huber.py_func).parameters] == ["pred", "target", "delta"]
    assert "Huber" in huber.__doc__


def twice_squared(pred, target, twice):
    r = pred - target
    return 2.0 * r * r, 4.0 * r, 4.0


@fl.pointwise(twice=fl.SWITCH, faster=lambda twice: twice_squared if twice else None)
def squared(pred, target, twice=False):
    r, k = pred - target, 1.0 + twice
    return k * r * r, 2.0 * k * r, 2.0 * k


def test_what_is_one_number_for_all_may_choose_a_faster_function() -> None:
    assert [squared.bind(twice=twice).jitted(3.0, 1.0) for twice in (False, True)] == [(4.0, 4.0, 2.0), (8.0, 8.0, 4.0)]


@pytest.mark.parametrize("how", ["prange", "vectorize", "guvectorize", "fastmath"])
def test_every_kind_of_function_calls_it(how) -> None:
    x, y, log_cosh = *points(fl.log_cosh, "float64"), fl.log_cosh.jitted
    expected = fl.log_cosh(x, y, reduction="none", backend="serial")
    if how in ("prange", "fastmath"):

        @numba.njit(parallel=how == "prange", fastmath=True)
        def found(x, y):
            out = np.empty_like(x)
            for i in numba.prange(x.size):
                out[i] = log_cosh(x[i], y[i])[0]
            return out
    elif how == "vectorize":
        found = numba.vectorize(["f8(f8, f8)"])(lambda x, y: log_cosh(x, y)[0])
    else:

        @numba.guvectorize(["f8[:], f8[:], f8[:]"], "(n),(n)->(n)")
        def found(x, y, out):
            for i in range(x.size):
                out[i] = log_cosh(x[i], y[i])[0]

    np.testing.assert_allclose(found(x, y), expected, rtol=1e-15)
    special = np.array([np.nan, np.inf, 0.0])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.asarray(found(special, np.zeros(3)))[:2], [np.nan, np.inf])


def test_its_loop_is_packed_and_without_calls() -> None:
    log_cosh = fl.log_cosh.jitted

    @numba.njit("void(f4[::1], f4[::1], f4[::1])")
    def each(x, y, out):
        for i in range(x.size):
            out[i] = log_cosh(x[i], y[i])[1]

    code = each.inspect_asm(each.signatures[0])
    if numba.core.registry.cpu_target.target_context.codegen()._llvm_module.triple.startswith("x86_64"):
        body = code.partition("\n_ZN7cpython")[0]
        assert len(re.findall(r"\tv?(?:mul|f\w+|div)ps\t", body)) >= 6
        assert not re.search(r"\bcall", body)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fl.huber.jitted(np.ones(2), 0.0), r"huber\.jitted: pred is array\(float64, 1d, C\), expected a number"),
        (lambda: fl.huber.jitted(1.0, None), r"huber\.jitted: target is none, expected a number"),
        (lambda: fl.tweedie.jitted(1.0, 0.0, 1.2), r"power is one number for all elements: .*tweedie\.bind\(power="),
        (lambda: fl.cross_entropy.jitted, r"cross_entropy\.jitted: .* call cross_entropy\.value_and_grad"),
        (lambda: fl.root_mean_squared_error.jitted, r"root_mean_squared_error\.jitted: the root"),
        (lambda: fl.huber.bind(delta=np.ones(3)).jitted, r"huber\.jitted: delta is an array"),
        (lambda: fl.huber.jitted(1.0), "not enough arguments|missing"),
        (lambda: fl.huber.jitted(1.0, 0.0, dleta=1.0), "dleta|keyword"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_error(call, message) -> None:
    with pytest.raises((TypeError, AttributeError), match=message):
        call()


CACHED = """
import sys
import numba, numpy as np
import fastloss as fl
from factor import FACTOR

huber = fl.huber.jitted
@fl.pointwise
def mine(pred, target):
    return pred - target, FACTOR, 0.0
own = mine.jitted

@numba.njit(cache=True)
def inner(x):
    return huber(x, 0.0)[0] + own(x, 0.0)[1]

@numba.njit(cache=True, parallel=True)
def outer(x):
    s = 0.0
    for i in numba.prange(x.size):
        s += inner(x[i])
    return s
"""


@pytest.mark.full
def test_what_a_user_caches_is_not_stale(tmp_path) -> None:
    (tmp_path / "theirs.py").write_text(CACHED, "utf-8")
    script = textwrap.dedent("""
        import sys, numpy as np
        import fastloss.kernels.sources as sources
        if sys.argv[1] != "same":
            found = sources.sources
            sources.sources = lambda package: found(package) + sys.argv[1]
        import theirs
        print(theirs.outer(np.full(3, 4.0)), sum(theirs.outer.stats.cache_hits.values()))
    """)

    def run(version: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", script, version], cwd=tmp_path, env=pages.environment(),
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    (tmp_path / "factor.py").write_text("FACTOR = 1.0", "utf-8")
    assert run("same") == ["13.5", "0"]
    assert run("same") == ["13.5", "1"]
    assert run("another") == ["13.5", "0"]  # as after an upgrade
    (tmp_path / "factor.py").write_text("FACTOR = 10.0", "utf-8")
    assert run("another") == ["40.5", "0"]  # a loss of the user's own is another


# A process that compiles for 5 s.
@pytest.mark.parametrize(
    "block", [block if block.id == "In a loop 0" else rest(block) for block in pages.blocks("numba.md")]
)
def test_code_of_the_page_runs(block: str, tmp_path) -> None:
    pages.run(block, tmp_path)
