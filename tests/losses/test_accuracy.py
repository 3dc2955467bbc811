"""The compiled kernels against 50 digits, on the points on which the definitions were tested as plain Python.

Their elementary functions are within 1.5 units in the last place where plain Python's were within 0.5, and LLVM fuses
multiplications with additions; the bounds are those of the definitions all the same, but for what is named here.
Where a kernel has the bits of plain Python, `define/test_definitions.py` has held them to the digits.
"""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from data import REPRESENTATIVE, at_once, gradients, rest, some
from elements import CASES, TYPES, ULPS, WIDER, by_terms, error, is_held, jet, points
from mpmath import mp, mpf

import fastloss as fl

COMPILED = {
    "log_cosh": (5, 4, 4),  # two roundings more than with an exact log1p
}


@pytest.mark.parametrize("kind", some(list(TYPES.values()), [np.float32]), ids=list(TYPES))
@pytest.mark.parametrize(("name", "params"), [c if c.values[0] in REPRESENTATIVE else rest(c) for c in CASES])
def test_compiled_is_exact(name: str, params: dict[str, float], kind: type) -> None:
    loss = fl.LOSSES[name]
    if params.get("full") and name != "poisson":
        pytest.skip("a kernel more for a sum of which both terms are tested")
    if loss.rooted:
        pytest.skip("its elements are those of the loss that it is the root of")
    fixed = {n: float(kind(v)) for n, v in params.items()}
    places = list(points(name, fixed, kind))
    arrays = [np.array(column, kind) for column in zip(*places, strict=True)]
    value, *derivatives = at_once(loss, *arrays, **fixed)
    grad, hess = map(gradients, derivatives)
    bounds = COMPILED.get(name, WIDER.get(name, (ULPS,) * 3))
    for i, point in enumerate(places):
        for k, wrt in enumerate(loss.wrt):
            got = value[i], grad[k][i], hess[k][i]
            if np.array_equal(np.array(got, kind), np.array(jet(name, point, fixed, kind, k), kind)):
                continue
            exact = oracle.exact(name, point, fixed, wrt)
            with mp.workdps(40):
                scales = [s[k] if isinstance(s, tuple) else s for s in by_terms(name, *map(mpf, point), **fixed)]
                for order in range(3):
                    if exact[order] is not None and not is_held(name, order, point, fixed):
                        off = error(got[order], exact[order], scales[order], kind)
                        assert off <= bounds[order], (order, point, got[order], mp.nstr(exact[order], 20))
