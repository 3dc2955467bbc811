"""The interpreter on kernels that are written by hand: what it computes, and what it finds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import arithmetic
import ml_dtypes
import numpy as np
import pytest
from assembly import parse
from machine import Machine
from numpy.testing import assert_array_equal
from spaces import Fault, Memory, of_the_host, piece

THREADS = 64
HEAD = """
.visible .shared .align 4 .b8 room[256];
.visible .entry kernel(.param .u64 kernel_0, .param .u64 kernel_1, .param .f32 kernel_2)
.maxntid 64, 1, 1
{
    .reg .pred %p<9>; .reg .f32 %f<9>; .reg .f64 %fd<9>; .reg .b16 %rs<9>; .reg .b32 %r<9>; .reg .b64 %rd<9>;
    .local .align 8 .b8 __local_depot0[8];
    .reg .b64 %SP;
    ld.param.u64 %rd1, [kernel_0];
    ld.param.u64 %rd2, [kernel_1];
    ld.param.f32 %f1, [kernel_2];
    mov.u32 %r1, %tid.x;
    mul.wide.u32 %rd3, %r1, 4;
    add.s64 %rd4, %rd1, %rd3;
    add.s64 %rd5, %rd2, %rd3;
"""
SWAP = """
    mov.u64 %rd6, room; add.s64 %rd7, %rd6, %rd3; st.shared.u32 [%rd7], %r1; BARRIER
    mov.u64 %rd8, 252; sub.s64 %rd8, %rd8, %rd3; ld.shared.u32 %r2, [%rd8]; cvt.rn.f32.u32 %f3, %r2;
    st.global.f32 [%rd5], %f3;
"""


def run(body: str) -> tuple[Any, set[str]]:
    """What a kernel makes of 0 to 63, and its races."""
    kernel = parse(HEAD + body + "\nret;\n}\n", "kernel")
    given, made = np.arange(THREADS, dtype="f4"), np.empty(THREADS, "f4")
    pieces = [of_the_host(given.ctypes.data, given.nbytes), piece(made.ctypes.data, made.view("u1"), False)]
    params = {f"kernel_{k}": a.ctypes.data.to_bytes(8, "little") for k, a in enumerate((given, made))}
    memory = Memory(pieces, 256, 16, 1, THREADS)
    Machine(
        kernel, 1, THREADS, params | {"kernel_2": np.float32(2.5).tobytes()}, memory, {"room": 0, "__local_depot0": 0}
    ).run()
    return made, memory.races


TID = np.arange(THREADS)
RIGHT = [
    ("ld.global.f32 %f2, [%rd4]; fma.rn.f32 %f3, %f2, %f1, 0f3F800000; st.global.f32 [%rd5], %f3;", TID * 2.5 + 1),
    ("""mov.u32 %r2, 0; mov.f32 %f3, 0f00000000;
        $L1: cvt.rn.f32.u32 %f4, %r2; add.f32 %f3, %f3, %f4; add.s32 %r2, %r2, 1; setp.le.s32 %p1, %r2, %r1; @%p1 bra $L1;
        st.global.f32 [%rd5], %f3;""", np.cumsum(TID)),
    ("""setp.lt.u32 %p1, %r1, 40; @!%p1 bra $L1; mov.f32 %f3, %f1; bra.uni $L2;
        $L1: neg.f32 %f3, %f1; $L2: mov.b32 %r2, %f3; shfl.sync.bfly.b32 %r3, %r2, 16, 31, -1; st.global.u32 [%rd5], %r3;""",
     np.where((TID ^ 16) < 40, 2.5, -2.5)),
    (SWAP.replace("BARRIER", "bar.sync 0;"), 63 - TID),
    ("""sub.s32 %r2, %r1, 30; div.s32 %r3, %r2, 7; rem.u32 %r4, %r1, 5; mul.lo.s32 %r5, %r3, 10; add.s32 %r5, %r5, %r4; cvt.rn.f32.s32 %f3, %r5;
        st.global.f32 [%rd5], %f3;""", np.trunc((TID - 30) / 7) * 10 + TID % 5),
    ("""st.global.u32 [%rd5], %r1; bar.sync 0; mov.u64 %rd8, 252; sub.s64 %rd8, %rd8, %rd3; add.s64 %rd8, %rd8, %rd2;
        st.global.f32 [%rd8], %f1;""", 2.5 + 0 * TID),
    ("""setp.eq.u32 %p1, %r1, 40; bar.red.or.pred %p2, 0, %p1; setp.eq.u32 %p1, %r1, 99; bar.red.or.pred %p3, 0, %p1;
        selp.f32 %f3, 0f3F800000, 0f00000000, %p2; selp.f32 %f4, 0f40000000, 0f00000000, %p3; add.f32 %f3, %f3, %f4;
        st.global.f32 [%rd5], %f3;""", 1.0 + 0 * TID),
    ("""mov.u64 %rd6, __local_depot0; cvta.local.u64 %SP, %rd6; st.local.u32 [%rd6+4], %r1; ld.u32 %r2, [%SP+4];
        cvt.rn.f32.s32 %f3, %r2; st.global.f32 [%rd5], %f3;""", TID),
    ("""cvt.u16.u32 %rs1, %r1; mov.b32 %r2, {0, %rs1}; { .reg .b32 %temp; mov.b64 {%temp, %r3}, %fd1; }
        mov.b64 %rd6, {%r1, %r2}; shr.u64 %rd6, %rd6, 48; cvt.rn.f32.u64 %f3, %rd6; st.global.f32 [%rd5], %f3;""", TID),
    ("""setp.eq.u32 %p1, %r1, 3; selp.f32 %f4, 0f7FC00000, 0f41200000, %p1; cvt.rn.f32.u32 %f3, %r1;
        max.NaN.f32 %f3, %f3, %f4; st.global.f32 [%rd5], %f3;""", np.where(TID == 3, np.nan, np.maximum(TID, 10))),
    ("""mov.f32 %f3, %f1; setp.lt.u32 %p1, %r1, 32; @%p1 bra $L1; mov.u32 %r2, 1;
        shfl.sync.bfly.b32 %r3, %r1, %r2, 31, -1; cvt.rn.f32.u32 %f3, %r3; $L1: st.global.f32 [%rd5], %f3;""",
     np.where(TID < 32, 2.5, TID ^ 1)),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(RIGHT)))
def test_results(case: int) -> None:
    body, expected = RIGHT[case]
    made, races = run(body)
    assert_array_equal(made, expected.astype("f4"))
    assert races == set()


WRONG = [
    ("add.s64 %rd6, %rd4, 4; ld.global.f32 %f2, [%rd6];", "out of bounds: ld.global"),
    ("ld.global.f32 %f2, [%rd4+-4];", "out of bounds: ld.global"),
    ("st.shared.f32 [room+256], %f1;", "out of bounds: st.shared"),
    ("st.local.f32 [__local_depot0+16], %f1;", "out of bounds: st.local"),
    ("ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%rd4];", "misaligned: ld.global"),
    ("ld.global.f32 %f2, [%rd5];", "reads what nobody has written: ld.global"),
    ("ld.shared.f32 %f2, [room];", "reads what nobody has written: ld.shared"),
    ("setp.lt.u32 %p1, %r1, 5; @%p1 bra $L1; shfl.sync.bfly.b32 %r3, %r1, 1, 31, -1; $L1:", "threads wait for others"),
    ("setp.lt.u32 %p1, %r1, 5; @%p1 bra $L1; bar.sync 0; $L1:", "threads wait for others"),
    ("$L1: bra $L1;", "no end"),
]


@pytest.mark.parametrize(("body", "fault"), WRONG)
def test_faults(body: str, fault: str) -> None:
    with pytest.raises(Fault, match=fault):
        run(body)


RACES = [
    (SWAP.replace("BARRIER", ""), "reads what another thread writes: ld.shared"),
    ("st.global.f32 [%rd2], %f1;", "writes what another thread writes: st.global"),
    ("ld.global.f32 %f2, [%rd1+8]; st.global.f32 [%rd4], %f2;", "writes what another thread reads: st.global"),
]


@pytest.mark.parametrize(("body", "race"), RACES)
def test_races(body: str, race: str) -> None:
    _, races = run(body)
    assert [r for r in races if r.startswith(race)]


@pytest.mark.parametrize("cancelling", [False, True])
def test_products_are_added_with_one_rounding(cancelling: bool, rng: np.random.Generator) -> None:
    a, b, c = rng.normal(size=(3, 500))
    c = np.where(cancelling, -a * b * (1 + 1e-16 * c), c)
    exact = [float(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in zip(a, b, c, strict=True)]
    assert_array_equal(arithmetic.simple("fma", ["rn"], "f64")(a, b, c), exact)


def test_directions_of_rounding() -> None:
    one, little = np.float32([1.0, -1.0]), np.float32([-1e-12, 1e-12])
    assert_array_equal(arithmetic.simple("add", ["rz"], "f32")(one, little), np.nextafter(one, np.float32(0)))
    down = arithmetic.simple("fma", ["rm"], "f32")(one, np.float32([1, 1]), little)
    assert_array_equal(down, np.float32([np.nextafter(np.float32(1), np.float32(0)), -1]))


def test_conversions(rng: np.random.Generator) -> None:
    x = np.concatenate([rng.normal(size=500) * 10.0 ** rng.integers(-40, 38, 500), [np.inf, -np.inf, -0.0]]).astype(
        "f4"
    )
    assert_array_equal(arithmetic.converted(["rn", "bf16", "f32"], x), x.astype(ml_dtypes.bfloat16).view("u2"))
    assert np.isnan(arithmetic.converted(["rn", "bf16", "f32"], np.float32([np.nan])).view(ml_dtypes.bfloat16)[0])
    far = np.float32([1e30, -1e30, np.nan, -2.5, 2.5])
    assert_array_equal(arithmetic.converted(["rzi", "s32", "f32"], far), [2**31 - 1, -(2**31), 0, -2, 2])
    assert_array_equal(arithmetic.converted(["rni", "f32", "f32"], far)[3:], [-2, 2])
    assert_array_equal(arithmetic.converted(["sat", "f32", "f32"], far), [1, 0, 0, 0, 1])
    bits = arithmetic.simple("bfi", [], "b64")(np.uint64([5]), np.uint64([2**40 - 1]), np.uint32([32]), np.uint32([32]))
    assert_array_equal(bits, [5 * 2**32 + 2**32 - 1])
