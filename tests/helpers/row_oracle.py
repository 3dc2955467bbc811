"""Every loss of a row of scores a second time: the value as a textbook writes it, on numbers of as many digits as it takes.

Nothing here knows the library, and the formulas are naive on purpose, as in `oracle`. A target is a mass for each class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mpmath import exp, fsum, inf, isinf, log, mp, mpf, sqrt, tanh

Number = Any
Rows = Sequence[Sequence[float]]


class Formula(NamedTuple):
    """The value of one row, parameters worth testing, and what the scores are."""

    value: Callable[..., Number]
    points: tuple[dict[str, Any], ...]
    scores: str
    """"logits", "probabilities", "logs" (of probabilities), or "vectors"."""
    labels: bool
    """Whether the row is of one label."""


FORMULAS: dict[str, Formula] = {}


def formula(*points: dict[str, Any], scores: str = "logits", labels: bool = False) -> Any:
    def register(value: Callable[..., Number]) -> Callable[..., Number]:
        FORMULAS[value.__name__] = Formula(value, points or ({},), scores, labels)
        return value

    return register


def softmax(z: Sequence[Number], temperature: Number = 1) -> list[Number]:
    top = max(z)
    e = [exp((x - top) / temperature) for x in z]
    total = fsum(e)
    return [x / total for x in e]


def sparsemax(z: Sequence[Number]) -> list[Number]:
    """By sorting: the threshold is that of the k largest scores, for the largest k of which the k-th is above it."""
    best = sorted(z, reverse=True)
    taus = [(fsum(best[:k]) - 1) / k for k in range(1, len(best) + 1)]
    tau = [a for a, x in zip(taus, best, strict=True) if x > a][-1]
    return [max(x - tau, mpf(0)) for x in z]


def lse(z: Sequence[Number]) -> Number:
    top = max(z)
    return top + log(fsum(exp(x - top) for x in z))


def absent(t: Number, x: Callable[[], Number]) -> Number:
    """t x, and 0 for t = 0 whatever x is."""
    return t * x() if t else mpf(0)


def ce(z: Sequence[Number], t: Sequence[Number]) -> Number:
    total = lse(z)
    return fsum(absent(u, lambda x=x: total - x) for x, u in zip(z, t, strict=True))


def kl(p: Sequence[Number], q: Sequence[Number]) -> Number:
    """KL(p || q)."""
    return fsum(absent(a, lambda a=a, b=b: log(a / b) if b else inf) for a, b in zip(p, q, strict=True))


def js(q: Sequence[Number], p: Sequence[Number], beta: Number) -> Number:
    if beta in (0, 1):
        return kl(q, p) if beta else kl(p, q)  # of the divergence, divided by beta (1 - beta), the limits
    m = [beta * b + (1 - beta) * a for a, b in zip(q, p, strict=True)]
    return beta * kl(p, m) + (1 - beta) * kl(q, m)


def label_of(t: Sequence[Number]) -> tuple[int, Number]:
    (y,) = (k for k, u in enumerate(t) if u)
    return y, t[y]


# -- several classes -----------------------------------------------------------------------------------------------


@formula(
    {"z_loss": 0.0, "softcap": None},
    {"z_loss": 0.1, "softcap": None},
    {"z_loss": 0.0, "softcap": 5.0},
    {"z_loss": 0.001, "softcap": 30.0},
)
def cross_entropy(pred, target, z_loss, softcap=None):
    z = pred if softcap is None else [x if x == -inf else softcap * tanh(x / softcap) for x in pred]
    return ce(z, target) + z_loss * lse(z) ** 2


@formula({"clamp": 100.0, "floor": 1e-12}, {"clamp": 1e30, "floor": 1e-30}, scores="probabilities")
def categorical_cross_entropy(pred, target, clamp, floor):
    return -fsum(absent(t, lambda p=p: max(log(p), -clamp) if p else -clamp) for p, t in zip(pred, target, strict=True))


@formula(scores="logs")
def negative_log_likelihood(pred, target):
    return -fsum(absent(t, lambda x=x: x) for x, t in zip(pred, target, strict=True))


@formula()
def listwise_softmax(pred, target):
    return ce(pred, target)


@formula()
def sparsemax_loss(pred, target):
    tau = max(pred) - max(sparsemax(pred))
    half = fsum(z**2 - tau**2 for z in pred if z > tau) / 2
    gain = fsum(absent(t, lambda z=z: z) for z, t in zip(pred, target, strict=True))
    mass = fsum(target)
    return mass * half - gain + fsum(t**2 for t in target) / (2 * mass) if mass else mpf(0)


@formula({"epsilon": 1.0}, {"epsilon": -1.0}, {"epsilon": 4.0})
def poly_cross_entropy(pred, target, epsilon):
    return ce(pred, target) + epsilon * fsum(t * (1 - p) for p, t in zip(softmax(pred), target, strict=True))


@formula({"gamma": 2.0}, {"gamma": 0.0}, {"gamma": 0.5}, {"gamma": 5.0})
def multiclass_focal(pred, target, gamma):
    p = softmax(pred)
    return fsum(
        absent(t, lambda u=u: -((1 - u) ** gamma) * log(u) if u else inf) for u, t in zip(p, target, strict=True)
    )


BOUNDED = {"clamp": 100.0, "floor": 1e-12}, {"clamp": 1e30, "floor": 1e-30}


@formula(*({"gamma": g, **b} for g, b in zip((2.0, 0.0, 0.5, 1.0), BOUNDED * 2, strict=True)), scores="probabilities")
def multiclass_focal_from_probabilities(pred, target, gamma, clamp, floor):
    def each(p):
        return (1 - p) ** gamma * min(-log(p), clamp) if p else clamp

    return fsum(absent(t, lambda p=p: each(p)) for p, t in zip(pred, target, strict=True))


@formula({"q": 0.7}, {"q": 0.1}, {"q": 1.0}, labels=True)
def generalized_cross_entropy(pred, target, q):
    y, mass = label_of(target)
    return mass * (1 - softmax(pred)[y] ** q) / q


@formula(
    {"q": 0.7, "floor": 1e-12}, {"q": 0.1, "floor": 1e-30}, {"q": 1.0, "floor": 1e-12}, scores="probabilities",
    labels=True,
)  # fmt: skip
def generalized_cross_entropy_from_probabilities(pred, target, q, floor):
    y, mass = label_of(target)
    return mass * (1 - pred[y] ** q) / q


@formula({"margin": 1.0}, {"margin": 0.3}, labels=True)
def multiclass_hinge(pred, target, margin):
    y, mass = label_of(target)
    return mass * max([mpf(0), *(margin + s - pred[y] for k, s in enumerate(pred) if k != y)])


@formula({"margin": 1.0, "power": 1.0}, {"margin": 0.3, "power": 2.0}, {"margin": 2.5, "power": 1.0}, labels=True)
def multiclass_hinge_sum(pred, target, margin, power):
    y, mass = label_of(target)
    short = [max(mpf(0), margin + s - pred[y]) for k, s in enumerate(pred) if k != y]
    return mass * fsum(s**power for s in short) / len(pred)


@formula()
def multilabel_soft_margin(pred, target):
    each = [t * log(1 + exp(-x)) + (1 - t) * log(1 + exp(x)) for x, t in zip(pred, target, strict=True)]
    return fsum(each) / len(pred)


@formula({"margin": 1.0}, {"margin": 0.3})
def multilabel_margin(pred, target, margin):
    ahead, behind = ([x for x, t in zip(pred, target, strict=True) if t == y] for y in (1, 0))
    return fsum(max(mpf(0), margin + x - y) for x in behind for y in ahead) / len(pred)


# -- distributions -------------------------------------------------------------------------------------------------


@formula(scores="probabilities")
def kl_divergence(pred, target):
    return kl(target, pred)


@formula(scores="logs")
def kl_divergence_log(pred, target):
    return fsum(absent(t, lambda x=x, t=t: log(t) - x) for x, t in zip(pred, target, strict=True))


@formula(scores="logs")
def kl_divergence_log_target(pred, target):
    return fsum(absent(exp(y), lambda x=x, y=y: y - x) for x, y in zip(pred, target, strict=True))


@formula(*({"beta": b} for b in (0.5, 0.1, 0.9, 0.0, 1.0)), scores="probabilities")
def js_divergence(pred, target, beta):
    return js(pred, target, beta)


@formula(scores="probabilities")
def total_variation(pred, target):
    return fsum(abs(a - b) for a, b in zip(pred, target, strict=True)) / 2


@formula(scores="vectors")
def cosine_distance(pred, target):
    a, b = (sqrt(fsum(x * x for x in v)) for v in (pred, target))
    return 1 - fsum(x * y for x, y in zip(pred, target, strict=True)) / (a * b) if a and b else mpf(1)


# -- distillation --------------------------------------------------------------------------------------------------

POINTS: tuple[dict[str, Any], ...] = (
    {"temperature": 2.0, "alpha": 0.5, "scale_t2": 1.0},
    {"temperature": 1.0, "alpha": 0.0, "scale_t2": 0.0},
    {"temperature": 5.0, "alpha": 0.1, "scale_t2": 0.0},
    {"temperature": 0.7, "alpha": 1.0, "scale_t2": 1.0},
)
SOFT = (
    {"temperature": 2.0, "scale_t2": 1.0},
    {"temperature": 1.0, "scale_t2": 1.0},
    {"temperature": 5.0, "scale_t2": 0.0},
)


def both(pred, target, divergence, temperature, alpha, scale_t2):
    soft = (1 - alpha) * (temperature**2 if scale_t2 else 1)
    return (alpha * ce(pred, target) if alpha else 0) + (soft * divergence if soft else 0)


@formula(*POINTS)
def distillation(pred, teacher, target, temperature, **p):
    divergence = kl(softmax(teacher, temperature), softmax(pred, temperature))
    return both(pred, target, divergence, temperature, **p)


@formula(*POINTS)
def distillation_from_probabilities(pred, teacher, target, temperature, **p):
    return both(pred, target, kl(teacher, softmax(pred, temperature)), temperature, **p)


@formula(*POINTS)
def reverse_distillation(pred, teacher, target, temperature, **p):
    divergence = kl(softmax(pred, temperature), softmax(teacher, temperature))
    return both(pred, target, divergence, temperature, **p)


@formula(*({"beta": b, **p} for b, p in zip((0.5, 0.1, 0.9, 0.5, 0.0, 1.0), POINTS + POINTS[:2], strict=True)))
def js_distillation(pred, teacher, target, beta, temperature, **p):
    divergence = js(softmax(pred, temperature), softmax(teacher, temperature), beta)
    return both(pred, target, divergence, temperature, **p)


@formula(*SOFT)
def soft_distillation(pred, teacher, temperature, scale_t2):
    return distillation(pred, teacher, [], temperature, alpha=mpf(0), scale_t2=scale_t2)


@formula(*SOFT)
def soft_reverse_distillation(pred, teacher, temperature, scale_t2):
    return reverse_distillation(pred, teacher, [], temperature, alpha=mpf(0), scale_t2=scale_t2)


@formula(*({"beta": b, **p} for b, p in zip((0.5, 0.1, 0.9, 0.0, 1.0), SOFT + SOFT[:2], strict=True)))
def soft_js_distillation(pred, teacher, beta, temperature, scale_t2):
    return js_distillation(pred, teacher, [], beta, temperature, alpha=mpf(0), scale_t2=scale_t2)


# -- evaluation ----------------------------------------------------------------------------------------------------

_DIGITS = 30


def exact(
    name: str, inputs: Rows, params: dict[str, Any], at: Sequence[int]
) -> tuple[Number, dict[int, tuple[Number, Number] | None]]:
    """Value of a row; first and second derivative by the score at each of the indices, None at a kink."""
    found = FORMULAS[name]
    rows = [[mpf(x) for x in row] for row in inputs]
    fixed = {k: v if v is None else mpf(v) for k, v in params.items()}
    digits = _precision(found, rows, fixed)
    with mp.workdps(digits):
        value = +found.value(*rows, **fixed)
        value = value if abs(value) > mpf(10) ** (10 - digits) else mpf(0)
        return value, {k: _slopes(found, rows, fixed, value, k) for k in at}


def _slopes(
    found: Formula, rows: list[list[Number]], fixed: dict[str, Any], value: Number, k: int
) -> tuple[Number, Number] | None:
    x = rows[0][k]
    if isinf(value):
        return None
    if isinf(x):
        return mpf(0), mpf(0)
    scale = {"logits": mpf(1), "logs": mpf(1), "probabilities": x or mpf(1)}.get(found.scores) or max(map(abs, rows[0]))
    h = scale * mpf(10) ** -_DIGITS

    def moved(d: Number) -> Number:
        return found.value([*rows[0][:k], x + d, *rows[0][k + 1 :]], *rows[1:], **fixed)

    if not h or (found.scores == "probabilities" and not x):
        return None  # conventions

    def differences(h: Number) -> tuple[Number, Number]:
        high, low = moved(h), moved(-h)
        return (high - low) / (2 * h), (high - 2 * value + low) / h**2

    slopes = differences(h)
    jump = abs(slopes[1]) * h  # of the first derivative
    if jump > abs(slopes[0]) * mpf(10) ** -8 and jump > mpf(10) ** -8 * abs(value + 1) / scale:
        return None
    if min(map(abs, slopes)) * scale < mpf(10) ** -20:
        # A derivative of 0 leaves a remainder that depends on the step.
        finer = differences(h / 1000)
        slopes = tuple(
            a if abs(a - b) <= abs(a) * mpf(10) ** -8 else mpf(0) for a, b in zip(slopes, finer, strict=True)
        )
    return slopes


def _precision(found: Formula, rows: list[list[Number]], params: dict[str, Any]) -> int:
    """Digits enough for second differences of what an exponential may hide."""
    if found.scores == "vectors":
        return 200
    if found.scores == "probabilities":
        return 4 * _DIGITS + 40
    finite = [x for row in rows for x in row if not isinf(x)]
    cool = min(mpf(1), params.get("temperature") or mpf(1))
    spread = (max(finite) - min(finite)) / cool
    power = 1 + (params.get("gamma") or 0)
    return 4 * _DIGITS + 20 + int(min(2 * power * spread, 800) * mpf("0.44"))
