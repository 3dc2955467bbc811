"""The first part of the demo: time and memory of a fused pass beside the formula in plain NumPy."""

from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import __version__
from ...loss import RowLoss
from ...registry import LOSSES
from .common import SEED, Array, Compared, compared
from .formulas import FORMULAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ...loss import Loss
    from .screen import Screen

SELECTION = list(FORMULAS)
QUICK = ["squared_error", "huber", "cross_entropy"]
SIZE, CLASSES = 2**20, 1024


def machine() -> str:
    """The processor, the vectors that kernels are compiled for, the threads, and the versions."""
    import llvmlite.binding as llvm
    import numba

    from ...kernels.cpu.threads import get_num_threads

    features = llvm.get_host_cpu_features()
    vectors = next((n for f, n in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("neon", "NEON")) if features.get(f)), "")
    processor = " with ".join(filter(None, (llvm.get_host_cpu_name(), vectors)))
    threads = get_num_threads()
    return (
        f"fastloss {__version__} on {processor}, {threads} thread{'s' * (threads > 1)}; NumPy {np.__version__}, "
        f"Numba {numba.__version__}\n"
    )


def compare(screen: Screen, title: str, names: Sequence[str]) -> bool:
    """Time and memory of value and gradient, fused and in NumPy; whether all of them agree."""
    shape = f"{SIZE // CLASSES:,} rows of {CLASSES:,} logits"
    screen.line(f"{title}: value and gradient of {SIZE:,} float32 numbers in one pass, beside")
    screen.line("   their formula in NumPy, which has one thread. Medians of runs in turns, and the middle half")
    screen.line(f"   of the ratios; the most memory that a call takes. cross_entropy: {shape}\n")
    screen.line(f"   {'':34}{'NumPy':>10}{'fastloss':>11}  {'faster':24}{'MiB':>9}")
    agreed, found, shares = True, [], []
    for name in names:
        screen.step(f"{name}: its kernel, from the cache or the compiler")
        loss = LOSSES[name]
        fused, plain = _calls(loss, *_data(loss))
        same = _agree(fused(), plain())
        agreed &= same
        times, peaks = compared(fused, plain), (_peak(plain), _peak(fused))
        found.append(times)
        shares.append(peaks[0] / peaks[1])
        screen.line(f"   {name:34}{1e3 * times.other:7.2f} ms{1e3 * times.own:8.2f} ms  {times!s:24}"
                    f"{peaks[0]:5.0f} -> {peaks[1]:.0f}{'' if same else '  DIFFER'}")  # fmt: skip
    screen.line()
    if any(times.slower or times.tie for times in found):
        screen.line(f"   Why some gain nothing: {_why()}")
    screen.showed(_conclusion(found, shares, agreed))
    return agreed


def _data(loss: Loss | RowLoss) -> tuple[Array, Array]:
    rng = np.random.default_rng(SEED)
    if isinstance(loss, RowLoss):
        rows = SIZE // CLASSES
        return rng.normal(size=(rows, CLASSES)).astype(np.float32), rng.integers(CLASSES, size=rows)
    pred, target = (domain.sample(rng, SIZE).astype(np.float32) for domain in loss.domains)
    return pred, target


def _calls(loss: Loss | RowLoss, pred: Array, target: Array) -> Iterator[Callable[[], tuple[Any, Array]]]:
    formula = FORMULAS[loss.name]

    def plain() -> tuple[Any, Array]:
        value, grad = formula(pred, target, *loss.values.values())
        grad /= value.size
        return value.mean(), grad

    yield lambda: loss.value_and_grad(pred, target)
    yield plain


def _agree(fused: tuple[Any, Array], plain: tuple[Any, Array]) -> bool:
    """Whether the two are the same, up to the rounding of the textbook formula in float32."""
    largest = float(np.abs(plain[1]).max())
    return bool(
        np.isclose(fused[0], plain[0], rtol=1e-4) and np.allclose(fused[1], plain[1], rtol=1e-4, atol=1e-5 * largest)
    )


def _peak(call: Callable[[], Any]) -> float:
    """MiB that are allocated at the peak of a call; NumPy reports its arrays to tracemalloc."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def _why() -> str:
    """Why a pass over the data may take as long as several."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5 * cores + 1.0:
        return f"other programs are at work, a load of {load:.1f} on {cores} cores."
    return "threads may not pay at this size here; `fastloss bench` measures it."


def _conclusion(found: Sequence[Compared], shares: Sequence[float], agreed: bool) -> str:
    what = "NumPy's results" if agreed else "NOT NumPy's results (see DIFFER)"
    ratios = sorted(times.ratio for times in found if not times.tie)
    pace = f"{ratios[0]:.1f} to {ratios[-1]:.1f} times as fast" if ratios else "as fast"
    ties = f" ({len(found) - len(ratios)} of {len(found)} a tie)" if len(ratios) < len(found) else ""
    return f"{what}, {pace}{ties}, in {100 / max(shares):.0f} to {100 / min(shares):.0f}% of the memory."
