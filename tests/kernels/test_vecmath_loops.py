"""Vectorisation of the elementary functions of the kernels: packed instructions and no call."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys

import pytest
from elementary import DTYPES, UNARY, loop

from fastloss.define.rules import CONSTANTS, ELEMENTARY

PACKED = {
    "x86_64": r"\bv\w+p{kind}\b.*%[yz]mm",
    "amd64": r"\bv\w+p{kind}\b.*%[yz]mm",
    "arm64": r"\bf\w+(\.{lanes})?\s+v\d+(\.{lanes})?",
    "aarch64": r"\bf\w+(\.{lanes})?\s+v\d+(\.{lanes})?",
}
LIBM = re.compile(rf"\b_?({'|'.join(ELEMENTARY - CONSTANTS)}|exp2|log2|fma|rint)f?\b")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*UNARY, "pow"])
def test_assembly_is_packed(name, dtype):
    machine = platform.machine().lower()
    if machine not in PACKED:
        pytest.skip(f"no pattern of packed instructions for {machine}")
    compiled = loop(name, dtype)
    # Comments and directives may name the Python functions.
    code = [
        line.split("#")[0]
        for line in compiled.inspect_asm(compiled.signatures[0]).splitlines()
        if re.match(r"\s+[a-z]", line)
    ]
    single = dtype == "float32"
    pattern = PACKED[machine].format(kind="s" if single else "d", lanes="4s" if single else "2d")
    packed = [line for line in code if re.search(pattern, line)]
    assert len(packed) >= (1 if name == "sqrt" else 10)
    operands = [line.split(None, 1)[1] for line in code if len(line.split(None, 1)) == 2]
    assert not [operand for operand in operands if LIBM.search(operand)]
    if single:
        assert not [line for line in code if re.search(r"\bv?cvt[ps]s2[ps]d\b|\bfcvtl2?\b", line)]


@pytest.mark.full
@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="the features are those of x86")
def test_assembly_is_packed_with_avx2_only():
    features = "+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,+popcnt,+f16c"
    environment = {**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": features}
    arguments = [__file__, "-q", "--full", "-k", "packed and not avx2"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
