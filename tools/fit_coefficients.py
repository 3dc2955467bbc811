"""Fit the polynomials of the vector kernels and write fastloss/kernels/cpu/vecmath/coefficients.py.

Each polynomial is the weighted minimax fit (Remez exchange on a Chebyshev grid, in 60-digit arithmetic)
of the unknown factor q in a form whose leading terms are exact, such as exp(r) = 1 + r + r**2 q(r); the
weight makes the error relative to the function. The leading coefficients of q are rounded to the dtype one
after the other, each followed by a fit of those that are left, because an error in them is attenuated least.

    python tools/fit_coefficients.py            rewrite the file
    python tools/fit_coefficients.py --check    exit with 1 if the file is not what would be written
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mpmath import mp, mpf

TARGET = Path(__file__).resolve().parents[1] / "fastloss" / "kernels" / "cpu" / "vecmath" / "coefficients.py"
GRID_POINTS = 501
ROUNDED_FIRST = 3
MAX_EXCHANGES = 40
Function = Callable[[mpf], mpf]

mp.dps = 60


@dataclass(frozen=True)
class Problem:
    """q of the given number of coefficients with weight * (target - q(variable)) equioscillating."""

    name: str
    form: str
    interval: tuple[mpf, mpf]
    target: Function
    weight: Function
    variable: Function
    terms: dict[str, int]


def round_to(value: mpf, bits: int) -> mpf:
    """Nearest number of that many significant bits (every value here is far from under- and overflow)."""
    mantissa, exponent = mp.frexp(value)
    return mp.ldexp(mp.nint(mp.ldexp(mantissa, bits)), int(exponent) - bits)


BITS = {"32": 24, "64": 53}


def horner(coefficients: Sequence[mpf], x: mpf) -> mpf:
    """Polynomial at x, coefficients lowest order first."""
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def remez(x: list[mpf], g: list[mpf], w: list[mpf], terms: int) -> list[mpf]:
    """Coefficients of the polynomial with `terms` terms that minimises max w |g - q| over the grid."""
    n = len(x)
    points = [round((n - 1) * (1 - float(mp.cos(mp.pi * i / terms))) / 2) for i in range(terms + 1)]
    best = mpf("inf")
    coefficients: list[mpf] = []
    for _ in range(MAX_EXCHANGES):
        matrix = mp.matrix(terms + 1, terms + 1)
        rhs = mp.matrix(terms + 1, 1)
        for row, i in enumerate(points):
            power = mpf(1)
            for column in range(terms):
                matrix[row, column] = power
                power *= x[i]
            matrix[row, terms] = (-1) ** row / w[i]
            rhs[row] = g[i]
        solution = mp.lu_solve(matrix, rhs)
        trial = list(solution[:terms])
        error = [w[i] * (g[i] - horner(trial, x[i])) for i in range(n)]
        peak = max(abs(e) for e in error)
        if peak < best:
            best, coefficients = peak, trial
        if peak <= abs(solution[terms]) * mpf("1.0001"):
            break
        points = alternating_peaks(error, terms + 1)
    return coefficients


def alternating_peaks(error: list[mpf], count: int) -> list[int]:
    """The largest-error point of each run of one sign, cut down to `count` points that still alternate."""
    peaks: list[int] = []
    for i, e in enumerate(error):
        if peaks and (e > 0) == (error[peaks[-1]] > 0):
            if abs(e) > abs(error[peaks[-1]]):
                peaks[-1] = i
        else:
            peaks.append(i)
    while len(peaks) > count:
        if len(peaks) == count + 1:
            peaks.pop(0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1)
        else:
            smallest = min(range(len(peaks) - 1), key=lambda j: min(abs(error[k]) for k in peaks[j : j + 2]))
            del peaks[smallest : smallest + 2]
    if len(peaks) < count:
        raise ArithmeticError("the error alternates too seldom: the grid is too coarse")
    return peaks


def fit(problem: Problem, dtype: str) -> tuple[list[mpf], mpf]:
    """Rounded coefficients and the weighted error they leave."""
    low, high = problem.interval
    half, middle = (high - low) / 2, (high + low) / 2
    nodes = [middle - half * mp.cos(mp.pi * (2 * i + 1) / (2 * GRID_POINTS)) for i in range(GRID_POINTS)]
    nodes = [t for t in nodes if abs(t) > half * mpf("1e-3")]
    target = [problem.target(t) for t in nodes]
    weight = [abs(problem.weight(t)) for t in nodes]
    x = [problem.variable(t) for t in nodes]
    fixed: list[mpf] = []
    terms = problem.terms[dtype]
    rest: list[mpf] = []
    for done in range(min(ROUNDED_FIRST, terms - 1) + 1):
        g = [(target[i] - horner(fixed, x[i])) / x[i] ** done for i in range(len(x))]
        w = [weight[i] * abs(x[i]) ** done for i in range(len(x))]
        rest = remez(x, g, w, terms - done)
        fixed.append(round_to(rest[0], BITS[dtype]))
    coefficients = fixed + [round_to(c, BITS[dtype]) for c in rest[1:]]
    peak = max(weight[i] * abs(target[i] - horner(coefficients, x[i])) for i in range(len(x)))
    return coefficients, peak


def log_target(s: mpf) -> mpf:
    """q in log(1 + f) = 2 artanh(s) = 2 s + s**3 q(s**2), where 2 s = f - s f."""
    return 2 * (mp.atanh(s) - s) / s**3


def problems() -> list[Problem]:
    """Every polynomial of the kernels: its form, interval and number of terms per dtype."""
    ln2 = mp.log(2)
    root = mp.sqrt(2)
    margin = mpf("1.0002")
    reduced = ln2 / 2 * margin
    third = mpf(3)
    return [
        Problem(
            "EXP",
            "exp(r) = 1 + r + r**2 q(r), |r| <= log(2) / 2, relative to expm1(r)",
            (-reduced, reduced),
            lambda t: (mp.expm1(t) - t) / t**2,
            lambda t: t**2 / mp.expm1(t),
            lambda t: t,
            {"32": 5, "64": 10},
        ),
        Problem(
            "EXP2",
            "2**f = 1 + f q(f), |f| <= 1/2",
            (-margin / 2, margin / 2),
            lambda t: mp.expm1(t * ln2) / t,
            lambda t: t / mp.exp(t * ln2),
            lambda t: t,
            {"32": 6, "64": 12},
        ),
        Problem(
            "LOG",
            "log(1 + f) = f + f**2 q(f), sqrt(1/2) <= 1 + f <= sqrt(2)",
            ((1 / root - 1) * margin, (root - 1) * margin),
            lambda t: (mp.log1p(t) - t) / t**2,
            lambda t: t**2 / mp.log1p(t),
            lambda t: t,
            {"32": 9},
        ),
        Problem(
            "LOG1P_UNIT",
            "log(1 + e) = e + e**2 q(e), 0 <= e <= 1",
            (mpf(0), mpf(1)),
            lambda t: (mp.log1p(t) - t) / t**2,
            lambda t: t**2 / mp.log1p(t),
            lambda t: t,
            {"32": 9},
        ),
        # In float64 a division costs less than the terms it saves.
        Problem(
            "LOG",
            "log(1 + f) = f - s (f - z q(z)), s = f / (2 + f), z = s**2, |s| <= 3 - sqrt(8)",
            (mpf(0), (third - mp.sqrt(8)) * margin),
            log_target,
            lambda t: t**3 / (2 * mp.atanh(t)),
            lambda t: t * t,
            {"64": 7},
        ),
        Problem(
            "LOG1P_UNIT",
            "log(1 + e) = e - s (e - z q(z)), s = e / (2 + e), z = s**2, 0 <= s <= 1/3",
            (mpf(0), margin / 3),
            log_target,
            lambda t: t**3 / (2 * mp.atanh(t)),
            lambda t: t * t,
            {"64": 10},
        ),
        Problem(
            "TANH",
            "tanh(x) = x + x**3 q(x**2), |x| <= 0.55",
            (mpf(0), mpf("0.5501")),
            lambda t: (mp.tanh(t) - t) / t**3,
            lambda t: t**3 / mp.tanh(t),
            lambda t: t * t,
            {"32": 5, "64": 10},
        ),
        Problem(
            "LOG2_ATANH",
            "log2((1 + s) / (1 - s)) = (2 s + 2/3 s**3) / log(2) + s**5 q(s**2), |s| <= 3 - sqrt(8)",
            (mpf(0), (third - mp.sqrt(8)) * margin),
            lambda t: 2 * (mp.atanh(t) - t - t**3 / 3) / (ln2 * t**5),
            lambda t: ln2 * t**4 / 2,
            lambda t: t * t,
            {"32": 3, "64": 7},
        ),
    ]


def constants(dtype: str) -> list[tuple[str, str, mpf]]:
    """Constants that come in parts: the high part short enough that its product with an exponent is exact."""
    bits = BITS[dtype]
    # |n| < 2**8 in float32 and < 2**11 in float64.
    short = bits - (8 if dtype == "32" else 11)
    ln2 = mp.log(2)
    ln2_high = round_to(ln2, short)
    two_log2e = 2 / ln2
    two_log2e_high = round_to(two_log2e, bits)
    third = two_log2e / 3
    third_high = round_to(third, bits)
    return [
        ("LOG2E", "1 / log(2)", round_to(1 / ln2, bits)),
        ("LN2", "log(2)", round_to(ln2, bits)),
        ("LN2_HI", "log(2), so short that its product with any exponent is exact", ln2_high),
        ("LN2_LO", "log(2) - LN2_HI", round_to(ln2 - ln2_high, bits)),
        ("TWO_LOG2E_HI", "2 / log(2)", two_log2e_high),
        ("TWO_LOG2E_LO", "2 / log(2) - TWO_LOG2E_HI", round_to(two_log2e - two_log2e_high, bits)),
        ("CUBIC_HI", "2 / (3 log(2))", third_high),
        ("CUBIC_LO", "2 / (3 log(2)) - CUBIC_HI", round_to(third - third_high, bits)),
    ]


HEADER = '''"""Polynomial coefficients of the vector kernels, lowest order first, per dtype.

Generated by tools/fit_coefficients.py (minimax fits in 60-digit arithmetic, then rounded): do not edit.
Beside each polynomial: its form and the largest relative error the rounded coefficients leave.
"""

import numpy as np


def _single(*values: str) -> tuple[np.float32, ...]:
    return tuple(np.float32(float.fromhex(v)) for v in values)


def _double(*values: str) -> tuple[np.float64, ...]:
    return tuple(np.float64(float.fromhex(v)) for v in values)

'''


def literal(value: mpf, dtype: str) -> str:
    """Hexadecimal literal, exact in the dtype."""
    number = float(value)
    if dtype == "32" and float(np.float32(number)) != number:
        raise ArithmeticError(f"{number} is no float32")
    return f'"{number.hex()}"'


def generate() -> str:
    """Text of the coefficient file."""
    text = HEADER
    for dtype, reader in (("32", "_single"), ("64", "_double")):
        for name, meaning, value in constants(dtype):
            scalar = "np.float32" if dtype == "32" else "np.float64"
            text += f"\n# {meaning}\n{name}_{dtype} = {scalar}(float.fromhex({literal(value, dtype)}))"
        text += "\n"
        for problem in problems():
            if dtype not in problem.terms:
                continue
            coefficients, peak = fit(problem, dtype)
            print(f"{problem.name}_{dtype}: {float(peak):.2e}", file=sys.stderr)
            text += f"\n# {problem.form}: {float(peak):.1e}\n{problem.name}_{dtype} = {reader}(\n"
            text += "".join(f"    {literal(c, dtype)},\n" for c in coefficients) + ")\n"
    return text


def main() -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(description="Fit the polynomials of the vector kernels.")
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    arguments = parser.parse_args()
    text = generate()
    if arguments.check:
        return 0 if TARGET.exists() and TARGET.read_text() == text else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
