"""Softmax cross-entropy beside a bare copy of the logits and the other libraries: ``python -m bench.rows``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import fastloss as fl

from . import peers, timing
from .peers import Rival
from .pointwise import spread
from .timing import Timing

# The bars of the design, section 5: against a copy of the logits, and against the libraries. From COUNTED classes on.
COPY, FASTER, COUNTED = 1.5, {"torch": 6.0, "torch.compile": 3.0, "jax": 3.0}, 1000
DTYPES = ("float32", "float64", "bfloat16")
# How far a peer may be off: relative for the value; for the gradient, of the element and the mean magnitude together,
# and a unit of the largest, where softmax - 1 cancels. torch rounds the logarithm of the softmax to bfloat16 and
# exponentiates that: at -16 half a unit of the last place is 3% of the probability, and it is rounded more than once.
CLOSE = {"float32": (1e-4, 1e-4, 2.0**-23), "float64": (1e-9, 1e-9, 2.0**-52), "bfloat16": (2e-2, 0.1, 2.0**-7)}

Call = Callable[[], tuple[Any, Any]]


def of_dtype(name: str) -> np.dtype[Any]:
    """NumPy's dtype; bfloat16 is that of ml_dtypes."""
    if name != "bfloat16":
        return np.dtype(name)
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def logits(rows: int, classes: int, dtype: str, seed: int = 20261121) -> Any:
    """Normal scores of deviation 3, a million draws repeated."""
    rng = np.random.default_rng(seed)
    draws = 3.0 * rng.standard_normal(min(rows * classes, 1 << 20), dtype=np.float32)
    return np.resize(draws.astype(of_dtype(dtype)), (rows, classes))


def labels(rows: int, classes: int) -> Any:
    return np.random.default_rng(1).integers(0, classes, rows, dtype=np.int64)


# -- The other libraries ----------------------------------------------------------------------------------------------


def tensor(x: Any) -> Any:
    """The array's memory as a torch tensor. torch does not know the bfloat16 of ml_dtypes, only its bits."""
    import torch

    torch.set_num_threads(timing.thread_count())
    half = x.dtype.name == "bfloat16"
    return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16) if half else torch.from_numpy(x)


def backward(forward: Callable[..., Any], inputs: Sequence[Any], leaves: int = 1) -> Call:
    """A torch loss and its gradients with respect to the first `leaves` inputs, made anew at every call."""
    wanted = [x.requires_grad_() for x in inputs[:leaves]]

    def call() -> tuple[Any, Any]:
        for leaf in wanted:
            leaf.grad = None  # or backward would add to the last one
        value = forward(*inputs)
        value.backward()
        return value, tuple(leaf.grad for leaf in wanted)

    return call


def compiled(forward: Callable[..., Any]) -> Callable[..., Any]:
    """By torch.compile, for these shapes: with another shape's code it would be told of dynamic ones."""
    import torch

    torch._dynamo.reset()
    return torch.compile(forward)  # type: ignore[no-any-return]


def _numpy(z: Any, y: Any) -> Call:
    n = len(y)
    rows = np.arange(n)

    def call() -> tuple[Any, Any]:
        x = z - z.max(axis=1, keepdims=True)
        picked = x[rows, y]
        np.exp(x, out=x)
        total = x.sum(axis=1, keepdims=True)
        value = (np.log(total[:, 0]) - picked).mean()
        x /= total
        x[rows, y] -= 1
        x /= n
        return value, x

    return call


def _torch(z: Any, y: Any) -> Call:
    from torch.nn import functional

    return backward(functional.cross_entropy, [tensor(z), tensor(y)])


def _torch_compile(z: Any, y: Any) -> Call:
    from torch.nn import functional

    return backward(compiled(lambda z, y: functional.cross_entropy(z, y)), [tensor(z), tensor(y)])


def _jax(z: Any, y: Any) -> Call:
    import jax
    import jax.numpy as jnp

    if z.dtype == np.float64:
        jax.config.update("jax_enable_x64", True)

    def mean(z: Any, y: Any) -> Any:  # optax.softmax_cross_entropy_with_integer_labels
        x = z - jax.lax.stop_gradient(z.max(axis=-1, keepdims=True))
        picked = jnp.take_along_axis(x, y[:, None], axis=-1)[:, 0]
        return (jnp.log(jnp.sum(jnp.exp(x), axis=-1)) - picked).mean()

    run = jax.jit(jax.value_and_grad(mean))
    arrays = jnp.asarray(z), jnp.asarray(y.astype(np.int32))
    return lambda: jax.block_until_ready(run(*arrays))


def _sklearn(z: Any, y: Any) -> Call:
    """Rows of classes in C order, as scikit-learn's linear models have them, and labels of the logits' dtype."""
    from sklearn._loss.loss import HalfMultinomialLoss

    own = HalfMultinomialLoss(n_classes=z.shape[1])
    target, each, grad = y.astype(z.dtype), np.empty(len(y), z.dtype), np.empty_like(z)
    threads = timing.thread_count() if z.size >= 16_384 else 1

    def call() -> tuple[Any, Any]:
        own.loss_gradient(target, z, loss_out=each, gradient_out=grad, n_threads=threads)
        return each.mean(), grad

    return call


PEERS = {"numpy": _numpy, "torch": _torch, "torch.compile": _torch_compile, "jax": _jax, "sklearn": _sklearn}
LACK_BFLOAT16 = frozenset({"numpy", "sklearn"})


def rivals(
    title: str, setups: Mapping[str, Callable[[], Call]], expected: tuple[Any, Any], dtype: str, summed: int = 0
) -> dict[str, Rival]:
    """Each peer compared with fastloss on these very inputs, before anything is timed.

    scikit-learn's gradient is that of the sum of `summed` rows. It need not divide, which favours it.
    """
    result = {}
    for library, setup in setups.items():
        try:
            call = setup()
            difference = disagreement(expected, call(), dtype, summed if library in peers.SUMMED else 1)
        except Exception as error:  # whatever a foreign library raises: it is reported, and the others go on
            result[library] = Rival(None, f"n/a: {type(error).__name__}: {(str(error) or '-').splitlines()[0][:100]}")
        else:
            result[library] = Rival(None, difference) if difference else Rival(call)
        if result[library].reason:
            print(f"{title}, {library}: not timed: {result[library].reason}")
    return result


def disagreement(expected: tuple[Any, Any], got: tuple[Any, Any], dtype: str, divisor: int = 1) -> str:
    """How a peer's value and gradients differ from fastloss's by more than `CLOSE`; empty where they do not."""
    (rtol, gtol, unit), mine = CLOSE[dtype], float(expected[0])
    value = float(got[0].detach() if hasattr(got[0], "detach") else got[0])
    if not np.isclose(value, mine, rtol=rtol, atol=0.0):
        return f"its value is {value:.9g}, fastloss's {mine:.9g}"
    for own, grad in zip(peers._tuple(expected[1]), peers._tuple(got[1]), strict=True):
        theirs = grad.float().numpy() if str(getattr(grad, "dtype", "")) == "torch.bfloat16" else np.asarray(grad)
        if theirs.shape != own.shape:
            return f"its gradient is of shape {theirs.shape}, fastloss's {own.shape}"
        wide = np.float64 if dtype == "float64" else np.float32
        a, b = own.astype(wide, copy=False), theirs.astype(wide, copy=False) / wide(divisor)
        size = np.abs(a)
        allowed = wide(gtol) * (size + wide(size.mean(dtype=np.float64))) + wide(unit) * size.max()
        far = ~(np.abs(b - a) <= allowed)  # a NaN is never close
        if far.any():
            k = int(far.argmax())
            return f"{far.mean():.2%} of its gradient differs, first [{k}]: {b.flat[k]:.9g} for {a.flat[k]:.9g}"
    return ""


# -- The measurement --------------------------------------------------------------------------------------------------


def measure(classes: int, elements: int, dtype: str, libraries: Sequence[str], rounds: int) -> dict[str, Any]:
    """Every call with this number of classes, in turns."""
    loss, rows = fl.cross_entropy, max(2, elements // classes)
    z, y = logits(rows, classes, dtype), labels(rows, classes)
    out, place = np.zeros_like(z), z.copy()
    expected = loss.value_and_grad(z, y)
    # In place, from the second call on, the logits are the last call's gradient: small numbers, as good as any others,
    # and the time does not depend on them. Restoring them would be timed, or leave another array in the cache.
    setups = {"in place": lambda: lambda: loss.value_and_grad(place, y, out=place)}
    own = set(libraries) - LACK_BFLOAT16 if dtype == "bfloat16" else libraries
    setups |= {name: (lambda name=name: PEERS[name](z, y)) for name in libraries if name in own}
    found = rivals(f"{classes} classes, {dtype}", setups, expected, dtype, rows)
    bits = [x.view(f"u{x.itemsize}").ravel() if dtype == "bfloat16" else x.ravel() for x in (z, out)]
    calls: dict[str, Callable[[], Any]] = {
        "c = a": timing.floor(bits[0], bits[0], bits[1])["c = a"],
        "out": lambda: loss.value_and_grad(z, y, out=out),
        "fresh": lambda: loss.value_and_grad(z, y),
    }
    calls |= {name: rival.call for name, rival in found.items() if rival.call}
    times = timing.interleaved(calls, rounds=rounds)
    return {
        "loss": loss.name, "classes": classes, "rows": rows, "dtype": dtype, "times": times,
        "bandwidth": {"c = a": 2 * z.nbytes / times["c = a"].median / 1e9},
        "not_timed": {name: rival.reason for name, rival in found.items() if rival.reason},
    }  # fmt: skip


def faster(times: Mapping[str, Timing], limits: Mapping[str, float]) -> list[str]:
    """The bars against libraries, with a buffer given (as no library can be told) and with a fresh gradient."""
    lines = []
    for library, limit in limits.items():
        for way, label in (("out", "out="), ("fresh", "fresh")):
            if library in times:
                ratio = times[library].median / times[way].median
                lines.append(f"{library} / {label}: {timing.bar(limit, ratio, at_least=True, unit='x')}")
    return lines


def bars(record: dict[str, Any]) -> list[str]:
    """Which of the design's bars hold for this number of classes."""
    times: dict[str, Timing] = record["times"]
    if record["classes"] < COUNTED:
        return []
    ways = {"out": "out=", "in place": "in place"}
    ratios = {name: times[way].median / times["c = a"].median for way, name in ways.items() if way in times}
    return [f"{name} / copy: {timing.bar(COPY, ratio)}" for name, ratio in ratios.items()] + faster(times, FASTER)


def verdicts(titled: Sequence[tuple[str, Sequence[str]]]) -> str:
    """The bars, missed ones first."""
    lines = [f"  {title}: {line}" for title, found in titled for line in found]
    return "\n".join(sorted(lines, key=lambda line: "MISSED" not in line))


def cells(record: dict[str, Any], bare: str, ways: Sequence[str], libraries: Sequence[str]) -> list[str]:
    """The bare pass, fastloss's ways with their ratio to it, the libraries with their ratio to fastloss."""
    times: dict[str, Timing] = record["times"]
    row = [str(times[bare])]
    for way in ways:
        row += [str(times[way]), f"{times[way].median / times[bare].median:.2f}"] if way in times else ["n/a", ""]
    for library in libraries:
        if library in times:
            t = times[library].median
            row += [str(times[library]), f"{t / times['out'].median:.1f}", f"{t / times['fresh'].median:.1f}"]
        else:
            row += ["n/a" if library in record["not_timed"] else "-", "", ""]
    return row


def report(records: Sequence[dict[str, Any]], libraries: Sequence[str]) -> str:
    """One dtype's table, and its bars."""
    header = [records[0]["dtype"], "rows", "GB/s", "copy", "out=", "/copy", "fresh", "/copy", "in place", "/copy"]
    for library in libraries:
        header += [library, "/out=", "/fresh"]
    rows = []
    for r in records:
        numbers = cells(r, "c = a", ("out", "fresh", "in place"), libraries)
        rows.append([f"{r['classes']} classes", str(r["rows"]), f"{r['bandwidth']['c = a']:.1f}", *numbers])
    held = verdicts([(f"{r['dtype']}, {r['classes']} classes", bars(r)) for r in records])
    return timing.table(header, rows) + ("\n" + held if held else "")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", default="10,100,1000,32000,128256", help="numbers of classes, by commas")
    parser.add_argument("--dtype", default="float32,bfloat16", help=f"of {', '.join(DTYPES)}, separated by commas")
    parser.add_argument("--elements", type=int, default=1 << 25, help="logits in all (default: 2**25)")
    parser.add_argument("--peers", default=",".join(PEERS), help="libraries, separated by commas")
    parser.add_argument("--rounds", type=int, default=9, help="samples of each call")
    parser.add_argument("--quick", action="store_true", help="a tiny run that only shows that everything works")
    parser.add_argument("--json", metavar="FILE", help="write the records and the machine's description")
    options = parser.parse_args(argv)
    elements, rounds = (1 << 12, 2) if options.quick else (options.elements, options.rounds)
    timing.warn_if_busy()
    libraries = peers.installed([name for name in options.peers.split(",") if name])
    sizes = [int(k) for k in options.classes.split(",")]
    by_dtype = {d: [measure(k, elements, d, libraries, rounds) for k in sizes] for d in options.dtype.split(",")}
    records = [r for found in by_dtype.values() for r in found]
    print(timing.headline(timing.machine()))
    print(f"cross_entropy.value_and_grad of {elements} logits; {spread(records)}\n")
    print("\n\n".join(report(found, libraries) for found in by_dtype.values()))
    timing.write_json(options.json, records, what="rows")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
