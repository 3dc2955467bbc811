"""The loops that LLVM made: packed instructions and no call, for every loss. One scalar call costs a factor of 20."""

from __future__ import annotations

import platform
import re
from itertools import product

import pytest
from data import NAMES, REPRESENTATIVE, some

import fastloss as fl
from fastloss.define.keywords import GRAD, VALUE
from fastloss.kernels.cpu import entries, target
from fastloss.kernels.cpu.signatures import signature
from fastloss.kernels.plan.elements import OPTIONS, Plan

PACKED = {
    "x86_64": {"f": r"\bv(f\w+|mul|add|sub|max|min|and\w*|xor)ps\b.*%[yz]mm", "d": r"\bv(f\w+|mul|add|sub|max|min|and\w*|xor)pd\b.*%[yz]mm"},
    "aarch64": {"f": r"\bf(mla|mul|add|sub)\b.*v\d+\.4s", "d": r"\bf(mla|mul|add|sub)\b.*v\d+\.2d"},
}  # fmt: skip
PACKED["AMD64"], PACKED["arm64"] = PACKED["x86_64"], PACKED["aarch64"]

FEW = [*REPRESENTATIVE, "binary_focal", "cauchy", "log_cosh", "poisson", "tweedie"]
"""Of every elementary function one."""

RUNTIME = re.compile(r"^NRT_|^_?malloc$|^_?free$|^tasks$|fastloss.*elements")
"""What a kernel may call: its memory and the template's own functions."""


@pytest.mark.skipif(platform.machine() not in PACKED, reason="its assembly is not known here")
@pytest.mark.parametrize(
    ("name", "compute"),
    some([*product(NAMES, "f"), *product(FEW, "d")], [*product(FEW, "f")]),
)
def test_packed_and_no_call(name: str, compute: str) -> None:
    """Every loss's float32 loop; of float64 one of each kind and of each elementary function."""
    loss = fl.LOSSES[name]
    plan = Plan.of(loss, (compute,) * len(loss.inputs), VALUE | GRAD, True)
    assembly = entries.built(target.complete(plan), signature(plan), OPTIONS).get_asm_str()
    packed = re.findall(PACKED[platform.machine()][compute], assembly)
    assert len(packed) >= 4
    called = re.findall(r"(?m)^\s*(?:callq?|bl|jmp)\s+\**([A-Za-z_]\S*)", assembly)
    absolute = re.findall(r"(?m)^\s*movabsq\s+\$([A-Za-z_]\w*)", assembly)
    foreign = [f for f in called + absolute if not RUNTIME.search(f)]
    assert not foreign


def test_the_test_can_fail() -> None:
    """A logarithm from the C library is a call, and nothing is packed."""
    import math

    import numba
    import numpy as np

    @numba.njit(error_model="numpy")
    def scalar(x, out):
        for i in range(x.size):
            out[i] = math.lgamma(x[i])

    scalar(np.ones(3), np.ones(3))
    (assembly,) = scalar.inspect_asm().values()
    assert re.search(r"lgamma", assembly)
    machine = platform.machine()
    assert machine not in PACKED or not re.findall(PACKED[machine]["d"], assembly)
