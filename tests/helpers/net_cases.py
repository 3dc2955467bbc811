"""The calls of `net.py`: inputs, and a key for each call. Only what is public is used, so that they run on any commit."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import fastloss as fl

Case = tuple[str, Callable[[], list[Any]]]
"""A key, and what gives the results of a first and of later calls."""

VERBS = ("value", "value_and_grad", "grad", "grad_and_hess")
CROSSED = {
    "huber": VERBS,  # parameters, no domain
    "binary_cross_entropy_with_logits": VERBS[1:2],  # a domain, labels
    "hinge": VERBS[1:2],  # a domain of two points
    "gaussian_nll": VERBS[1::2],  # three inputs, two gradients
    "root_mean_squared_error": VERBS[1::2],  # two passes
    "cross_entropy": VERBS,  # labels or masses
    "distillation": VERBS[1:2],  # two scores and a target
    "kl_divergence": VERBS[1:2],  # two scores
    "multiclass_hinge": VERBS[1:2],  # labels alone
    "multilabel_margin": VERBS[1:2],  # pairs
}
"""One loss of each kind, and the verbs that meet every way of calling; the others meet what is new in themselves."""

# -- inputs --------------------------------------------------------------------------------------------------------

ENDS = (0.0, 1.0, -1.0, 0.5, 1e-30, -1e-30, 3.0, 90.0, -90.0, 1e30, -1e30, math.inf, -math.inf, math.nan)
VALUES = (0.0, 0.3, 1.0, 2.0, math.inf, -2.0, True, None)
"""What every parameter is given; where that is wrong, the error is the result."""


def drawn(domain: Any, shape: Any, seed: int) -> Any:
    """Numbers of everyday size: the first kind that lies in the domain."""
    rng = np.random.default_rng([20261126, seed])
    normal, positive, unit = rng.normal(0, 2, shape), rng.gamma(2, 1, shape) + 1e-3, rng.uniform(0.01, 0.99, shape)
    signs, binary = np.where(unit < 0.5, -1.0, 1.0), np.where(unit < 0.5, 0.0, 1.0)
    return next(x for x in (normal, positive, unit, signs, binary) if all(v in domain for v in x.flat[:99]))


def elements(loss: Any, shape: Any, dtype: Any = "f4") -> list[Any]:
    """An array for each input."""
    arrays = [drawn(domain, shape, k) for k, domain in enumerate(loss.domains)]
    if "upper" in loss.inputs:
        arrays[-1] += arrays[-2]
    return [x.astype(dtype) for x in arrays]


def ends(loss: Any, dtype: Any = "f4") -> list[Any]:
    """Every combination of zeros, ends, the largest and smallest numbers of the dtype, and then ordinary ones."""
    most, least = float(np.finfo(dtype).max), float(np.finfo(dtype).tiny)
    numbers = (*ENDS, 0.9 * most, -0.9 * most, least / 4.0)
    grids = np.meshgrid(*([x for x in numbers if x in domain] for domain in loss.domains))
    return [
        np.concatenate([g.ravel().astype(dtype), x]) for g, x in zip(grids, elements(loss, 300, dtype), strict=True)
    ]


def rows(loss: Any, n: int, k: int, dtype: Any = "f4", dense: bool = False, odd: bool = False) -> list[Any]:
    """Scores, and labels where the loss takes them; with `odd`, rows of zeros, ties, large numbers, infinities, NaN."""
    arrays = [drawn(domain, (n, k), i) for i, domain in enumerate(loss.domains)]
    for x, domain in zip(arrays, loss.domains, strict=True):
        if 0.5 in domain and 2.0 not in domain and -1.0 not in domain:
            x /= x.sum(axis=1, keepdims=True)
        for row, special in enumerate((0.0, 1.0, -1e4, 90.0, 1e30, -math.inf, math.inf, math.nan) if odd else ()):
            if special in domain:
                x[row, : 1 + k // 2] = special
    if takes(loss, "ignore_index"):
        rng = np.random.default_rng(20261126)
        masses = rng.dirichlet(np.ones(k), n)
        masses[: 2 * odd] = 0.0
        arrays[-1] = masses if dense else rng.integers(0, k, n)
    return [x.astype(dtype) if x.dtype.kind == "f" else x for x in arrays]


def takes(loss: Any, keyword: str) -> bool:
    return keyword in inspect.signature(loss).parameters


def is_rows(loss: Any) -> bool:
    return isinstance(loss, fl.RowLoss)


# -- calls ---------------------------------------------------------------------------------------------------------


def called(loss: Any, verb: str, arrays: list[Any], out: str = "", **keywords: Any) -> list[Any]:
    """The results of a first call and of a second, which may go a shorter way; what was written where `out` says so."""
    loss = getattr(loss, "bind", lambda: loss)()  # one that remembers no earlier case
    run = loss if verb == "value" else getattr(loss, verb)
    if not out:
        return [run(*arrays, **keywords) for _ in range(2)]
    results = []
    for _ in range(2):
        pred = arrays[0].copy()
        found = run(pred, *arrays[1:], **keywords)
        given = placed(found[1] if verb == "value_and_grad" else found, pred, out)
        results.append((run(pred, *arrays[1:], out=given, **keywords), given))
    return results


def placed(like: Any, pred: Any, out: str) -> Any:
    """Arrays like the results: "fresh" ones, "strided" ones, or the first of them is `pred`."""
    if isinstance(like, tuple):
        return (placed(like[0], pred, out), *(placed(x, pred, "fresh") for x in like[1:]))
    if out == "pred":
        return pred
    return np.zeros((*like.shape, 2), like.dtype)[..., 0] if out == "strided" else np.zeros_like(like)


def quick(loss: Any) -> Iterator[Case]:
    """What each loss computes, element by element where it can say so: two kernels."""
    for verb, classes in (("value_and_grad", 20), ("grad_and_hess", 150)):
        if is_rows(loss):
            yield f"{verb} quick", partial(called, loss, verb, rows(loss, 70, classes, odd=True), reduction="none")
        elif takes(loss, "axis"):
            yield f"{verb} quick", partial(called, loss, verb, ends(loss), reduction="none")
        else:  # a root, which is of all elements at once
            yield f"{verb} quick", partial(called, loss, verb, elements(loss, 1000))


def every(loss: Any) -> Iterator[Case]:
    """What is a loss's own: its parameters, its arithmetic in float64, its other derivatives, its kinds of target."""
    row = is_rows(loss)
    parts = row or takes(loss, "axis")  # a root is of all elements at once
    each = {"reduction": "none"} if parts else {}
    made = (
        partial(rows, loss, 70, 150, odd=True)
        if row
        else partial(ends, loss)
        if parts
        else partial(elements, loss, 1000)
    )
    single, double = made(dtype="f4"), made(dtype="f8")
    yield "signature", lambda: [(repr(loss), str(inspect.signature(loss)), str(inspect.signature(loss.grad)))]
    for verb in VERBS[1:2] if row else VERBS[1::2]:
        yield f"{verb} float64", partial(called, loss, verb, double, **each)
    plain = rows(loss, 70, 150) if row else elements(loss, 1000)
    yield "value_and_grad mean", partial(called, loss, "value_and_grad", plain)
    verb = "grad_and_hess" if row else "value_and_grad"
    for parameter in loss.parameters:
        for value in VALUES:
            yield f"{verb} {parameter}={value}", partial(called, loss, verb, single, **{parameter: value}, **each)
    for names in ((loss.inputs[-1],), loss.inputs[:2]):
        yield f"grad with respect to {' '.join(names)}", partial(turned, loss, names, double, each)
    if row and takes(loss, "ignore_index"):
        dense = rows(loss, 70, 20, dense=True, odd=True)
        yield "value_and_grad dense", partial(called, loss, "value_and_grad", dense, **each)


def turned(loss: Any, names: tuple[str, ...], arrays: list[Any], keywords: dict[str, Any]) -> list[Any]:
    """The gradient with respect to other inputs."""
    return called(loss.with_respect_to(*names), "grad", arrays, **keywords)


def crossed(loss: Any) -> Iterator[Case]:
    """Every way of calling a loss."""
    full = loss.name == "cross_entropy"
    for key, arrays, keywords in ways_of_rows(loss, full) if is_rows(loss) else ways_of_elements(loss):
        for verb in VERBS[1:2] if full and not key.startswith("plain") else CROSSED[loss.name]:
            yield f"{verb} {key}", partial(called, loss, verb, arrays, **keywords)


# -- ways of calling -----------------------------------------------------------------------------------------------

Way = tuple[str, list[Any], dict[str, Any]]
"""A key, inputs, keywords."""


def ways_of_elements(loss: Any) -> Iterator[Way]:
    """Sizes, dtypes, layouts and keywords."""
    x = elements(loss, 1000)
    wide, table = elements(loss, (1 << 16) + 3), [a.reshape(40, 25) for a in x]
    first, rest = x[0], x[1:]
    wrong = [first, *(np.where(a == a[2], np.float32(-7.5), a) for a in rest)]
    weight = np.random.default_rng(3).random(1000).astype("f4")
    weight[:20] = 0.0
    missing = [np.where(weight > 0, a, np.float32(math.nan)) for a in x]
    yield "plain", x, {}
    for size in (0, 1, 7):
        yield f"size {size}", [a[:size] for a in x], {}
    for dtype in ("f8", "f2", "i8", ">f4"):
        yield f"dtype {dtype}", [a.astype(dtype) for a in x], {}
    for dtype in ("f8", "f2", "i1", "?"):
        yield f"target {dtype}", [first, *(a.astype(dtype) for a in rest)], {}
    for key, arrays in {
        "pred f8": [first.astype("f8"), *rest], "parallel": wide, "scalars": [a[3] for a in x],
        "lists": [a[:7].tolist() for a in x], "strided": [np.repeat(a, 2)[::2] for a in x],
        "backwards": [a[::-1] for a in x], "transposed": [a.T for a in table],
        "orders": [table[0].T, *(a.T.copy() for a in table[1:])],
        "columns": [np.repeat(a, 2, axis=1)[:, ::2] for a in table],
        "unaligned": [np.frombuffer(b"0" + first.tobytes(), "f4", offset=1), *rest],
        "target of a row": [table[0], *(a[:25] for a in rest)], "target a number": [first, *(a[0] for a in rest)],
        "pred of a row": [first[:25], *table[1:]], "shapes that differ": [first[:3], *(a[:2] for a in rest)],
        "a row and a column": [first[:3], *(a[:3, None] for a in rest)], "outside": wrong,
    }.items():  # fmt: skip
        yield key, arrays, {}
    for key, w in {
        "f4": weight, "f8": weight.astype("f8"), "f2": weight.astype("f2"), "bool": weight > 0.5, "a number": 2.0,
        "strided": np.repeat(weight, 2)[::2], "huge": 1e300 * weight.astype("f8"), "negative": weight - 0.5,
    }.items():  # fmt: skip
        yield f"weight {key}", x, {"weight": w}
    for empty in ("nan", "zero", "raise"):
        yield f"empty {empty}", x, {"weight": 0.0 * weight, "empty": empty}
    for axis in (0, -1, (0, 1), 2):
        yield f"axis {axis}", table, {"axis": axis}
    for key, arrays, keywords in (
        ("outside, unchecked", wrong, {"check": False}), ("parallel, forced to be serial", wide, {"backend": "serial"}),
        ("backend parallel", x, {"backend": "parallel"}), ("weight of what is NaN", missing, {"weight": weight}),
        ("weight of a row", table, {"weight": weight[500:525]}), ("weight unchecked", x, {"weight": weight, "check": False}),
        ("weight and none", x, {"weight": weight, "reduction": "none"}), ("weight and out", x, {"weight": weight, "out": "fresh"}),
        ("axis and weight", table, {"axis": 1, "weight": weight.reshape(40, 25), "reduction": "sum"}),
        ("sum", x, {"reduction": "sum"}), ("none", x, {"reduction": "none"}), ("normalizer", x, {"normalizer": 7.0}),
        ("ignore_index", x, {"ignore_index": 1}), ("out fresh", x, {"out": "fresh"}), ("out pred", x, {"out": "pred"}),
        ("out strided", x, {"out": "strided"}), ("out pred transposed", [a.T for a in table], {"out": "pred"}),
        ("out and none", x, {"out": "fresh", "reduction": "none"}),
    ):  # fmt: skip
        yield key, arrays, keywords


def ways_of_rows(loss: Any, full: bool) -> Iterator[Way]:
    """Sizes, dtypes, layouts and keywords; only with `full` those that need the slow kernels of short rows."""
    long, dense = rows(loss, 70, 150), rows(loss, 70, 150, dense=True)
    yield "plain 150", long, {}
    if full:
        yield from _ways_of_short_rows(loss)
    for dtype in ("f8", "f2", "i8"):
        yield f"dtype {dtype}", [x.astype(dtype) if x.ndim > 1 else x for x in long], {}
    for dtype in ("u1", "i4", "f4", "f8"):
        yield f"target {dtype}", [*long[:-1], long[-1].astype(dtype)], {}
    for key, arrays, keywords in (
        ("of 3", rows(loss, 70, 3), {}), ("parallel", rows(loss, 500, 150), {}), ("one row", [x[0] for x in long], {}),
        ("strided", [np.repeat(x, 2, axis=-1)[..., ::2] for x in long], {}), ("axis 0", [x.T for x in long], {"axis": 0}),
        ("every second row", [np.repeat(x, 2, axis=0)[::2] for x in long], {}), ("dense 150", dense, {}),
        ("axis 1 of 3", [x.reshape(7, 10, 150).swapaxes(1, 2) if x.ndim > 1 else x.reshape(7, 10) for x in long], {"axis": 1}),
        ("no class", [*long[:-1], long[-1] + 1], {}), ("shapes that differ", [*long[:-1], long[-1][:2]], {}),
    ):  # fmt: skip
        yield key, arrays, keywords
    weight = np.random.default_rng(3).random(70).astype("f4")
    weight[:5] = 0.0
    missing = [np.where(weight[:, None] > 0, x, np.float32(math.nan)) if x.ndim > 1 else x for x in long]
    yield "weight of what is NaN", missing, {"weight": weight}
    classes = np.arange(150.0)
    for key, keywords in {
        "weight f8": {"weight": weight.astype("f8")}, "weight nothing": {"weight": 0 * weight, "empty": "zero"},
        "weight a number": {"weight": 2.0}, "weight negative": {"weight": weight - 0.5},
        "weight huge": {"weight": 1e300 * weight.astype("f8")}, "weight and none": {"weight": weight, "reduction": "none"},
        "class_weight": {"class_weight": classes}, "class_weight of another length": {"class_weight": classes[:3]},
        "class_weight huge": {"class_weight": 1e300 * classes}, "both weights": {"class_weight": classes, "weight": weight},
        "ignore_index": {"ignore_index": 3}, "ignore_index and weight": {"ignore_index": 3, "weight": weight},
        "label_smoothing": {"label_smoothing": 0.1}, "label_smoothing of 2": {"label_smoothing": 2.0},
        "label_smoothing and class_weight": {"label_smoothing": 0.1, "class_weight": classes},
        "sum": {"reduction": "sum"}, "none": {"reduction": "none"}, "normalizer": {"normalizer": 7.0},
        "stats": {"return_stats": True}, "stats and none": {"return_stats": True, "reduction": "none"},
        "unchecked": {"check": False}, "backend parallel": {"backend": "parallel"},
        "out fresh": {"out": "fresh"}, "out pred": {"out": "pred"}, "out strided": {"out": "strided"},
    }.items():  # fmt: skip
        yield key, long, keywords
        if full and key in ("class_weight", "label_smoothing", "out pred"):
            yield f"dense 150 {key}", dense, keywords


def _ways_of_short_rows(loss: Any) -> Iterator[Way]:
    for n, k in ((70, 20), (70, 3), (1, 20), (70, 1), (5, 2100), (0, 20), (5000, 20)):
        yield f"{'plain' if (n, k) == (70, 20) else 'size'} {n} {k}", rows(loss, n, k), {}
        yield f"dense {n} {k}", rows(loss, n, k, dense=True), {}
    short = rows(loss, 70, 20)
    yield "20 axis 0", [x.T for x in short], {"axis": 0}
    yield "20 float16", [x.astype("f2") if x.ndim > 1 else x for x in short], {}
    weight, classes = np.arange(70.0, dtype="f4"), np.arange(20.0)
    for keywords in ({"weight": weight}, {"class_weight": classes}, {"label_smoothing": 0.1}, {"ignore_index": 3},
                     {"return_stats": True}, {"check": False}, {"backend": "parallel"}, {"out": "pred"}):  # fmt: skip
        yield f"20 {' '.join(keywords)}", short, keywords


# -- what is no loss of the registry -------------------------------------------------------------------------------


def functions() -> Iterator[Case]:
    """Functions, a linear layer, a teacher's top-k, a user's own losses."""
    rng = np.random.default_rng(7)
    z, labels = rng.normal(0, 3, (40, 20)).astype("f4"), rng.integers(0, 20, 40)
    for name in ("softmax", "log_softmax", "logsumexp"):
        for key, x, keywords in (
            ("plain", z, {}), ("f8", z.astype("f8"), {"temperature": 0.5}), ("axis 0", z, {"axis": 0}),
            ("out", z, {"out": z.copy()}), ("150", np.tile(z, 8)[:, :150], {}), ("f2", z.astype("f2"), {}),
            ("a number", 3.0, {}),
        ):  # fmt: skip
            yield (
                f"{name} {key}",
                partial(lambda name, x, k: [getattr(fl, name)(x, **k) for _ in range(2)], name, x, keywords),
            )
    layer, square = [z[:, :8].copy(), z[:20, :8].copy(), labels], z[:, 0] ** 2
    for k, keywords in enumerate(
        ({}, {"bias": z[0]}, {"chunk": 7, "bias": z[0]}, {"sample_weight": square, "label_smoothing": 0.1},
         {"ignore_index": 3, "class_weight": np.arange(20.0)}, {"reduction": "none"}, {"chunk": 0}),
    ):  # fmt: skip
        yield f"linear_cross_entropy {k}", partial(called, fl.linear_cross_entropy, "value_and_grad", layer, **keywords)
    known = [z, np.argsort(-z, axis=1)[:, :4].copy(), np.log(np.full((40, 4), 0.2, "f4")), labels]
    for k, keywords in enumerate(
        ({}, {"temperature": 1.0, "alpha": 0.3}, {"weight": square}, {"return_stats": True}, {"out": "fresh"})
    ):  # fmt: skip
        yield f"topk_distillation {k}", partial(called, fl.topk_distillation, "value_and_grad", known, **keywords)
    yield "topk_distillation twice", partial(called, fl.topk_distillation, "grad", [z, 0 * known[1], *known[2:]])
    for loss in own():
        for verb in VERBS[1::2]:
            yield f"own {loss.name} {verb}", partial(called, loss, verb, [z, z * z])


def own() -> list[Any]:
    """A user's losses."""

    @fl.pointwise(scale=fl.POSITIVE)
    def flattened(pred: float, target: float, scale: float = 1.0) -> Any:
        r = (pred - target) / scale
        s = 1.0 / (1.0 + r * r)
        return r * r * s, 2.0 * r * s * s / scale, (2.0 - 6.0 * r * r) * s * s * s / (scale * scale)

    @fl.rowwise(targets="dense", smooth=False)
    class brier:
        fold = staticmethod(lambda p, t: (((p - t) * (p - t),), (p,)))
        finish = staticmethod(lambda total: (total, ()))
        grad = staticmethod(lambda p, t: (2.0 * (p - t), 2.0))

    return [flattened, brier]


def errors() -> Iterator[Case]:
    """What wrong calls say."""
    from calls import CALLS, said

    for call in CALLS:
        yield call, partial(_raised, said, call)


def _raised(said: Callable[[str], str], call: str) -> list[Any]:
    raise Exception(said(call))
