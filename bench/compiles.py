"""What is compiled, and how long it takes: ``python -m bench.compiles [WHAT ...]``.

Each thing that people do first runs in a process of its own, with an empty folder for kernels. Printed are the kernels,
the processor's seconds for all of them, what the stages of the compiler take, and how many kernels have the machine
code of another. The time of importing Numba is not in it.
"""

from __future__ import annotations

import contextlib
import doctest
import hashlib
import io
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

STAGES = {
    "nopython_type_inference": "types",
    "lowering_of_a_part": "lowering",
    "lowering_of_a_kernel": "lowering",
    "lowering_of_a_parallel_kernel": "lowering",
    "native_lowering": "lowering",
    "native_parfor_lowering": "lowering",
    "add_ir_module": "LLVM's text",
    "_optimize_functions": "LLVM's passes",
    "_optimize_final_module": "LLVM's passes",
    "_finalize_final_module": "machine code",
    "emit_object": "machine code",
}
"""What a step of Numba belongs to; all others are of its own intermediate form."""


def readme() -> None:
    """Every example of README.md."""
    import numpy as np

    doctest.testfile(str(ROOT / "README.md"), False, optionflags=doctest.NORMALIZE_WHITESPACE, extraglobs={"np": np})


def demo() -> None:
    """`fastloss demo --quick`."""
    from fastloss.commands.cli import main

    main(["demo", "--quick"])


def boosting() -> None:
    """A booster's objective, which asks for both derivatives, and for the loss of what is held out."""
    import numpy as np

    import fastloss as fl

    rng = np.random.default_rng(0)
    raw, labels = rng.normal(size=100_000).astype("f4"), (rng.random(100_000) < 0.5).astype("f4")
    for size in (100_000, 2_000):
        fl.logistic.value_and_grad(raw[:size], 2 * labels[:size] - 1)
        fl.logistic.grad_and_hess(raw[:size], 2 * labels[:size] - 1, reduction="sum")
        fl.logistic(raw[:size], 2 * labels[:size] - 1)


def training() -> None:
    """A loop over batches with weights: a last one that is smaller, and the loss of what is held out."""
    import numpy as np

    import fastloss as fl

    rng = np.random.default_rng(0)
    scores, labels, weight = rng.normal(size=(9_000, 10)).astype("f4"), rng.integers(0, 10, 9_000), rng.random(9_000)
    for size in (9_000, 500):
        fl.cross_entropy.value_and_grad(scores[:size], labels[:size], weight=weight[:size])
        fl.cross_entropy(scores[:size], labels[:size])


THINGS: dict[str, Callable[[], None]] = {f.__name__: f for f in (readme, demo, boosting, training)}


class Clock:
    """The processor's seconds of each stage, less those of what it calls."""

    def __init__(self) -> None:
        self.seconds, self.mark, self.running = Counter[str](), 0.0, list[str]()

    def turn(self) -> None:
        """Count the time since the last turn for what is running."""
        now = process_time()
        if self.running:
            self.seconds[self.running[-1]] += now - self.mark
        self.mark = now

    def watch(self, owner: Any, name: str, stage: Callable[..., str]) -> None:
        """Count a function's time."""
        function = getattr(owner, name)

        def watched(*args: Any, **keywords: Any) -> Any:
            self.turn()
            self.running.append(stage(*args))
            try:
                return function(*args, **keywords)
            finally:
                self.turn()
                self.running.pop()

        setattr(owner, name, watched)


def counted(thing: str) -> str:
    """Do one thing; a line of what it compiled."""
    from numba.core import codegen, compiler_machinery

    from fastloss.kernels.cpu import cache, entries, objects

    clock, codes, sealed = Clock(), list[str](), objects.sealed

    def noted(code: Any) -> bytes:
        codes.append(hashlib.sha256(code.machine).hexdigest())
        return sealed(code)

    def stage_of(manager: Any, index: int, step: Any, state: Any) -> str:
        return STAGES.get(step.name(), "Numba's form")

    objects.sealed = noted
    clock.watch(cache, "_made", lambda *_: "rest")
    clock.watch(compiler_machinery.PassManager, "_runPass", stage_of)
    library: Any = codegen.CPUCodeLibrary
    for name in ("add_ir_module", "_optimize_functions", "_optimize_final_module", "_finalize_final_module"):
        clock.watch(library, name, lambda *_, name=name: STAGES[name])
    clock.watch(entries, "code", lambda *_: "machine code")  # what is left of it is emitting that
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        THINGS[thing]()
    total = sum(clock.seconds.values())
    each = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in clock.seconds.most_common())
    return f"{thing:10s} {len(codes):4d} kernels {total:7.1f} s   twins {len(codes) - len({*codes})}   ({each})"


def main(things: list[str]) -> int:
    """Each in its own process."""
    for thing in things or THINGS:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "FASTLOSS_CACHE_DIR": folder, "FASTLOSS_QUIET": "1"}
            command = [sys.executable, "-c", f"from bench.compiles import counted; print(counted({thing!r}))"]
            subprocess.run(command, check=True, env=environment, cwd=ROOT)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
