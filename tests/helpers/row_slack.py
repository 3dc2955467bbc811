"""How exact a row loss can be: what it is off, in units of the terms that it is a difference of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import row_oracle as oracle
from elements import ULPS, error
from mpmath import exp, fsum, isinf, log, mp, mpf, tanh
from row_cases import Case, expected


class Soft:
    """A softmax with the errors of its parts: an exponential multiplies what its exponent is off by itself."""

    def __init__(self, z: Any, slack: Any = 0, cool: Any = 1, factor: Any = 1) -> None:
        z = [mpf(x) for x in z]
        top = max(z)
        self.x = [(a - top) * cool for a in z]
        e = [exp(a) for a in self.x]
        total = fsum(e)
        self.p = [a / total for a in e]
        self.off = [1 + (factor * abs(x) if not isinf(x) else 0) + slack for x in self.x]
        self.p1 = [p * o if p else mpf(0) for p, o in zip(self.p, self.off, strict=True)]
        self.tops = [a == top for a in z]
        first = self.tops.index(True)
        self.rest = fsum(p for k, p in enumerate(self.p1) if k != first)
        """Of what is beside one top: the error of the logarithm of the sum."""
        self.log = log(total)

    def q1(self, j: int) -> Any:
        return fsum(p for k, p in enumerate(self.p1) if k != j)


def of_ce(s: Soft, t: Any) -> tuple[Any, Any]:
    """Value, and first and second derivative for each element."""
    mass = fsum(t)
    hard = sum(u != 0 for u in t) <= 1
    value = mass * s.rest + fsum(u * (o - 1) for u, o in zip(t, s.off, strict=True) if u)

    def slopes(j: int) -> tuple[Any, Any]:
        lead = abs(mass - t[j]) + (0 if hard else mass)
        q = 1 - s.p[j]
        return s.p1[j] * lead + t[j] * s.q1(j), mass * (s.p1[j] * q + s.p[j] * s.q1(j))

    return value, slopes


def of_kl(q: Soft, p: Soft, y: Any) -> Any:
    """KL(p || q) of softmaxes: a sum of terms of both signs, and two logarithms."""
    lean = fsum(
        a * (o * abs(w - v) + abs(w) + abs(v))
        for a, o, w, v in zip(p.p, p.off, p.x, q.x, strict=True)
        if a and not isinf(v)
    )
    return lean + q.rest + p.rest + abs(q.log) + abs(p.log)


def of_js(q: Soft, p: Soft, beta: Any) -> tuple[Any, Any]:
    mix = [beta * b + (1 - beta) * a for a, b in zip(q.p, p.p, strict=True)]
    fall = [log(a / m) if a else mpf(0) for a, m in zip(q.p, mix, strict=True)]
    rise = [log(b / m) if b else mpf(0) for b, m in zip(p.p, mix, strict=True)]
    value = fsum((1 - beta) * abs(f) * a + beta * abs(r) * b for f, a, r, b in zip(fall, q.p1, rise, p.p1, strict=True))
    mean = fsum(a * f for a, f in zip(q.p, fall, strict=True))
    wobble = [
        (beta * b / m * (oq + op) if m else 0) + abs(f)
        for b, m, oq, op, f in zip(p.p, mix, q.off, p.off, fall, strict=True)
    ]
    spread = fsum(a * w + a1 * abs(f) for a, w, a1, f in zip(q.p, wobble, q.p1, fall, strict=True))
    square = fsum(a1 * a / m for a, a1, m in zip(q.p, q.p1, mix, strict=True) if m)

    def slopes(j: int) -> tuple[Any, Any]:
        a, a1, m = q.p[j], q.p1[j], mix[j]
        turn = abs(fall[j] - mean)
        d1 = (1 - beta) * (a1 * turn + a * (wobble[j] + spread))
        return d1, d1 * 2 + (1 - beta) * (a1 * (1 + (a / m if m else 0)) + a * a * square + a * q.q1(j))

    return value, slopes


def moves(name: str, case: Case, p: dict[str, Any], j: int | None = None) -> Any:
    """How far the value moves, or the j-th element's derivatives, where every input and parameter moves by itself."""
    inputs = [[mpf(x) for x in row] for row in (*case.scores, *([] if case.masses is None else [case.masses]))]
    step = mpf(10) ** -15

    def found(inputs: Any, p: dict[str, Any]) -> Any:
        value, slopes = oracle.exact(name, inputs, p, [] if j is None else [j])
        return (value,) if j is None else slopes[j]

    def moved() -> Iterator[Any]:
        for which, row in enumerate(inputs):
            for k, x in enumerate(row):
                if x and not isinf(x):
                    yield found([*inputs[:which], [*row[:k], x * (1 + step), *row[k + 1 :]], *inputs[which + 1 :]], p)
        for n, x in p.items():
            if x:
                yield found(inputs, {**p, n: x * (1 + step)})

    here = found(inputs, p)
    there = [result for result in moved() if result is not None]  # None at a kink
    return tuple(fsum(abs(result[k] - x) for result in there) / step for k, x in enumerate(here))


def magnitudes(name: str, case: Case, p: dict[str, Any]) -> tuple[Any, Any] | None:
    """What errors are relative to where it is more than the result: the value's, and a function of the element.

    A sum of both signs is off by units of its terms, an exponential by units of its exponent. None for a loss that is
    not here: `moves` says it of any.
    """
    z = [mpf(x) for x in case.scores[0]]
    t = None if case.masses is None else [mpf(x) for x in case.masses]
    y = [mpf(x) for x in case.scores[1]] if len(case.scores) > 1 else []
    nothing = (None, lambda j: (None, None))
    match name:
        case "cross_entropy":
            zeta, cap = p["z_loss"], p["softcap"]
            capped = z if cap is None else [x if isinf(x) and x < 0 else cap * tanh(x / cap) for x in z]
            s = Soft(capped, 0 if cap is None else 4 * cap)
            value, slopes = of_ce(s, t)
            m = max(capped)
            lse, heavy = m + s.log, abs(m) + s.log + s.rest

            def pulled(j: int) -> tuple[Any, Any]:
                d1, d2 = slopes(j)
                d1 += 4 * zeta * heavy * s.p1[j]
                d2 += 4 * zeta * (s.p[j] * s.p1[j] + heavy * (s.p1[j] + s.p[j] * s.q1(j)))
                if cap is not None:
                    a = abs(z[j] / cap) if not isinf(z[j]) else mpf(1e9)
                    flat = 4 * exp(-2 * a) / (1 + exp(-2 * a)) ** 2
                    chain = flat * (1 + 2 * a)
                    d2 = d2 * chain * flat + 2 * d1 * chain / cap
                    d1 *= chain
                return d1, d2

            return value + zeta * (lse**2 + 2 * abs(lse) * heavy), pulled
        case "listwise_softmax":
            return of_ce(Soft(z), t)
        case "sparsemax_loss":
            x, mass = [a - max(z) for a in z], fsum(t)
            p = oracle.sparsemax(z)
            tau = max(x) - max(p)
            loose = [min(-tau, 1 + tau) + (mpf(0) if isinf(a) else abs(a)) for a in x]

            def of_p(j: int) -> tuple[Any, Any]:
                return (abs(mass - t[j]) + t[j]) * (p[j] + loose[j]) if p[j] else None, None

            each = (
                abs(mass * a - u) * (of_p(k)[0] if a else u) / mass + u * (0 if a or isinf(x[k]) else loose[k])
                for k, (a, u) in enumerate(zip(p, t, strict=True))
            )
            return fsum(each) if mass else None, of_p
        case "negative_log_likelihood":
            return fsum(u * abs(x) for x, u in zip(z, t, strict=True) if u), lambda j: (None, None)
        case "poly_cross_entropy":
            s, e = Soft(z), abs(p["epsilon"])
            value, slopes = of_ce(s, t)
            mass = fsum(t)
            doubt = fsum(u * s.q1(k) for k, u in enumerate(t))

            def poly(j: int) -> tuple[Any, Any]:
                d1, d2 = slopes(j)
                lead = abs(mass - t[j]) + doubt
                more = e * (s.p1[j] * lead + s.p[j] * (doubt + (0 if mass == t[j] else mass)))
                return d1 + more, d2 + more * (1 + 2 * s.p1[j])

            return value + e * doubt, poly
        case "multiclass_focal":
            s, g = Soft(z), p["gamma"]

            def of_class(k: int, mass: Any) -> tuple[Any, Any]:
                q = fsum(a for i, a in enumerate(s.p) if i != k)
                u, far = s.p[k], s.q1(k)
                rel = 1 + (far / q if q else 0)
                fade = mass * q**g * (1 + g * rel)
                surprise = (abs(s.x[k]) if u else mpf(0)) + s.rest + s.log
                steep = fade * (1 + g * (rel + s.off[k]))
                curve = g * fade * (2 * q * u + u * surprise * (1 + g * u)) * (rel + s.off[k])

                def slopes(j: int) -> tuple[Any, Any]:
                    r = 1 if j == k else (s.p1[j] / q if q else 0)
                    d1 = steep * (far + (s.p1[j] if several else 0) if j == k else s.p1[j])
                    return d1, curve * r * r * rel + steep * (s.p1[j] * (1 - s.p[j]) + s.p[j] * s.q1(j)) * (1 + rel * g)

                return fade * surprise, slopes

            several = sum(u != 0 for u in t) > 1  # whose sum is taken before a class's own part is taken from it
            classes = [of_class(k, u) for k, u in enumerate(t) if u]
            return fsum(v for v, _ in classes), lambda j: tuple(
                fsum(parts) for parts in zip((mpf(0), mpf(0)), *(f(j) for _, f in classes), strict=True)
            )
        case "generalized_cross_entropy":
            s = Soft(z)
            k, mass = oracle.label_of(t)
            v = p["q"] * (abs(s.x[k]) + s.rest + s.log)
            w = mass * s.p[k] ** p["q"] * (1 + 2 * v)
            return mass * min(1 + v * w, v) / p["q"], lambda j: (
                w * (s.q1(k) if j == k else s.p1[j]),
                w * (s.p1[j] * (1 - s.p[j]) + s.p[j] * s.q1(j) + p["q"] * (s.q1(j) if j == k else s.p1[j]) ** 2),
            )
        case "multiclass_hinge":
            k, mass = oracle.label_of(t)
            return mass * max(
                [p["margin"] + abs(x - z[k]) for i, x in enumerate(z) if i != k and not isinf(x)], default=0
            ), nothing[1]
        case "multiclass_hinge_sum":
            k, mass = oracle.label_of(t)
            r, m = p["power"], p["margin"]
            each = {
                i: mass / len(z) * (m + abs(x - z[k])) * (1 if r == 1 else 2 * max(m + x - z[k], 0))
                for i, x in enumerate(z) if i != k and m + x - z[k] > -1e-3 and not isinf(x)
            }  # fmt: skip
            slope = {i: 2 * mass / len(z) * (m + abs(z[i] - z[k])) for i in each} if r == 2 else {}
            return fsum(each.values()), lambda j: (fsum(slope.values()) if j == k else slope.get(j), None)
        case "multilabel_margin":
            apart = [x - w for x, t in zip(z, y, strict=True) if not t for w, u in zip(z, y, strict=True) if u]
            return fsum(p["margin"] + abs(d) for d in apart if p["margin"] + d > -1e-3) / len(z), nothing[1]
        case "multilabel_soft_margin":
            return None, lambda j: (((1 - y[j]) + y[j] * exp(-z[j])) / (1 + exp(-z[j])) / len(z), None)
        case "kl_divergence" | "js_divergence" if p.get("beta", 0) in (0, 1):
            a, b = (y, z) if p.get("beta") else (z, y)
            return fsum(q * abs(log(q / p)) for p, q in zip(a, b, strict=True) if q and p), lambda j: (
                1 + abs(log(z[j] / y[j])) if p.get("beta") and z[j] and y[j] else None,
                None,
            )
        case "kl_divergence_log":
            return fsum(b * (abs(log(b)) + abs(a)) for a, b in zip(z, y, strict=True) if b), nothing[1]
        case "kl_divergence_log_target":
            return fsum(exp(b) * (1 + abs(b)) * abs(a - b) for a, b in zip(z, y, strict=True) if not isinf(b)), nothing[
                1
            ]
        case "cosine_distance":
            a, b = (mp.sqrt(fsum(x * x for x in v)) for v in (z, y))
            if not a or not b:
                return nothing
            u, w = [x / a for x in z], [x / b for x in y]
            cos = fsum(i * k for i, k in zip(u, w, strict=True))
            off = fsum(abs(i - k) * (abs(i) + abs(k)) for i, k in zip(u, w, strict=True))

            def turning(j: int) -> tuple[Any, Any]:
                d = (abs(u[j]) + abs(w[j]) + (1 - cos) * abs(u[j]) + off * abs(u[j])) / a
                return d, (abs(cos) * (1 + u[j] ** 2) + off + 2 * abs(u[j]) * d * a) / a**2

            return off, turning
        case "multiclass_focal_from_probabilities":
            return None, nothing[1]
        case "generalized_cross_entropy_from_probabilities":
            return None, nothing[1]
        case "js_divergence" | "total_variation" | "categorical_cross_entropy":
            return nothing
    if not name.endswith("distillation") and name != "distillation_from_probabilities":
        return None
    temperature, scale = p["temperature"], p["scale_t2"]
    alpha = p.get("alpha", mpf(0))
    soft = 1 - alpha
    a = Soft(z, 0, 1 / temperature, 3)
    whole = soft * (temperature**2 if scale else 1)
    steep = soft * (temperature if scale else 1 / temperature)
    curve = soft * (1 if scale else 1 / temperature**2)
    value, hard = of_ce(Soft(z), t) if t else (mpf(0), lambda j: (mpf(0), mpf(0)))
    if name == "distillation_from_probabilities":
        divergence, apart = of_ce(a, y)
        divergence += fsum(b * abs(log(b)) for b in y if b)
    else:
        b = Soft(y, 0, 1 / temperature, 3)
        divergence, apart = of_js(a, b, p["beta"]) if 0 < p.get("beta", 0) < 1 else (of_kl(a, b, y), None)
        if "reverse" in name or p.get("beta") == 1:
            divergence = of_kl(b, a, z)
            lead = [v - w if e else mpf(0) for v, w, e in zip(a.x, b.x, a.p, strict=True)]
            wide = [abs(v) + abs(w) if e else mpf(0) for v, w, e in zip(a.x, b.x, a.p, strict=True)]
            mean = fsum(e * x for e, x in zip(a.p, lead, strict=True))
            loose = fsum(e1 * abs(x) + e * w for e1, e, x, w in zip(a.p1, a.p, lead, wide, strict=True))

            def apart(j: int) -> tuple[Any, Any]:
                d1 = a.p1[j] * abs(lead[j] - mean) + a.p[j] * (3 * wide[j] + loose)
                return d1, 2 * d1 + a.p1[j] * (1 - a.p[j]) + a.p[j] * a.q1(j)

        elif apart is None:

            def apart(j: int) -> tuple[Any, Any]:
                top = a.tops[j] and b.tops[j]
                d1 = a.q1(j) + b.q1(j) if top else a.p1[j] + b.p1[j]
                return d1, a.p1[j] * (1 - a.p[j]) + a.p[j] * a.q1(j)

    def mixed(j: int) -> tuple[Any, Any]:
        h, s = hard(j), apart(j)
        return alpha * h[0] + steep * s[0], alpha * h[1] + curve * s[1]

    return alpha * value + whole * divergence, mixed


FLUSHED = 256.0
"""What a kernel's result may be off besides, in least normal numbers: an exponential below twice the least is 0 in its
rows, since a product that rounds to a subnormal takes a processor 20 times as long. Distances to the top, up to 110
here, exponents and masses multiply it (175 were found).
"""


def faults(
    name: str, params: dict[str, Any], kind: type, case: Case, got: Any, flushed: bool = False
) -> Iterator[tuple[int, float, str]]:
    """Order of the derivative, error, and where; of a kernel, which has `flushed` what is below the normal numbers."""
    nothing = FLUSHED * float(np.finfo(kind).tiny) if flushed else 0.0
    value, slopes = expected(name, case, tuple(params.items()))
    with mp.workdps(40):
        fixed = {k: v if v is None else mpf(v) for k, v in params.items()}
        if isinf(value):
            yield 0, 0.0 if got[0] == value else math.inf, f"{case}: {got[0]}"
            return
        known = magnitudes(name, case, fixed)

        def off(order: int, got: Any, exact: Any, j: int | None = None) -> float:
            if abs(float(got) - exact) <= nothing:
                return 0.0
            part = order - 1 if order else 0
            scale = None if known is None else known[0] if j is None else known[1](j)[part]
            found = error(got, exact, scale, kind)
            return (
                error(got, exact, moves(name, case, fixed, j)[part], kind) if known is None and found > ULPS else found
            )

        yield 0, off(0, got[0], value), f"{case}: {got[0]!r} instead of {mp.nstr(value, 20)}"
        for j, exact in slopes.items():
            if exact is None or is_held(name, case, params, j):
                continue
            for order in (1, 2):
                where = f"[{j}] {case}: {got[order][j]!r} instead of {mp.nstr(exact[order - 1], 20)}"
                yield order, off(order, got[order][j], exact[order - 1], j), where


def is_held(name: str, case: Case, params: dict[str, Any], j: int) -> bool:
    """Whether a documented bound, not the formula, says what the derivative is."""
    if name != "categorical_cross_entropy" and not name.endswith(("focal_from_probabilities", "y_from_probabilities")):
        return False
    x, low = case.scores[0][j], max(params["floor"], math.exp(-min(params.get("clamp", 700.0), 700.0)))
    return x <= low or (x == 1.0 and params.get("gamma", 0.0) % 1.0 > 0.0)  # where a power of 1 - x ends
