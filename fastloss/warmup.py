"""Compiling ahead: the ordinary calls of a loss, made once, so that their kernels lie in the cache on disk."""

from __future__ import annotations

import os
import textwrap
from itertools import product
from typing import TYPE_CHECKING, Any

from .loss import LOSSES, Loss
from .rowloss import RowLoss

if TYPE_CHECKING:
    from collections.abc import Callable

Unit = tuple[str, str]
"""A loss and a dtype, by name."""

VERBS = ("__call__", "value_and_grad", "grad", "grad_and_hess")


def compile_all(units: list[Unit], jobs: int, done: Callable[[Unit, str], None]) -> None:
    """Compile all `units` in `jobs` processes; call `done` for each, with what went wrong or an empty text."""
    if jobs == 1:
        for unit in units:
            done(unit, compile_one(*unit))
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    # Spawned: a fork would carry over whatever threads the parent has.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_die_silently) as pool:
        futures = {pool.submit(compile_one, *unit): unit for unit in units}
        try:
            for future in as_completed(futures):
                error = future.exception()  # a worker that was killed; its own errors come as text
                done(futures[future], repr(error) if error else future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():  # a minute's work each, which the cache can do without
                child.terminate()
            raise


def _die_silently() -> None:
    """Let Ctrl-C, which a terminal sends to workers too, end them without a traceback each."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)


def compile_one(name: str, dtype: str) -> str:
    """Make every ordinary call of a loss once, on four numbers, so that its kernels get compiled; what went wrong.

    Only the dispatch knows which kernels a call needs, so nothing is listed here but the ways of calling.
    """
    import numpy as np

    kind: Any = dtype
    if dtype == "bfloat16":
        from ml_dtypes import bfloat16 as kind
    loss = LOSSES[name]
    inputs = _inputs(loss, kind)
    try:
        for verb in VERBS[: None if loss.order >= 2 else -1]:
            for weight in (None, np.ones(4).astype(kind)):
                for backend, arrays in product(("serial", "parallel"), inputs):
                    _call_twice(loss, verb, arrays, {"weight": weight, "backend": backend})
    except Exception as error:
        return textwrap.shorten(f"{type(error).__name__}: {error}", 300)
    return ""


def _inputs(loss: Loss | RowLoss, kind: Any) -> list[list[Any]]:
    """Arguments of the ordinary calls: four numbers each; rows short and long, with labels and with a dense target."""
    import numpy as np

    if isinstance(loss, Loss):
        return [[np.full(4, domain.inner_point).astype(kind) for domain in loss.domains]]
    calls: list[list[Any]] = []
    for classes in (10, 1000):
        scores: list[Any] = [np.full((4, classes), domain.inner_point).astype(kind) for domain in loss.domains]
        if loss.target in ("labels", "both"):
            calls.append([*scores[:-1], np.zeros(4, np.int64)])
        if loss.target != "labels":
            calls.append(scores)
    return calls


def _call_twice(loss: Loss | RowLoss, verb: str, inputs: list[Any], options: dict[str, Any]) -> None:
    """A first call as a fresh process makes it, and another that writes into the first one's results.

    `bind` gives a loss that remembers no earlier call: a first call with `out=` may need other kernels than a later.
    """
    result = getattr(loss.bind(), verb)(*inputs, **options)
    if verb != "__call__":
        out = result[1] if verb == "value_and_grad" else result
        getattr(loss.bind(), verb)(*inputs, out=out, **options)


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
