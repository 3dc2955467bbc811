"""`fastloss demo`: what fused passes gain over plain NumPy, then models trained on real data through `value_and_grad`.

`fastloss demo NAME` shows one thing more, and draws it with ``--out``. Needs no network: the data come with
scikit-learn (``pip install "fastloss[demo]"``) or are made up, which is said.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ...plot.style import needed
from . import gains
from .screen import Screen

if TYPE_CHECKING:
    from pathlib import Path

SEEDS, QUICK_SEEDS = 5, 3

DEMOS = {
    "detector": "digits found in scenes, with multibox, in plain NumPy",
    "outliers": "regression by four losses where some targets are wrong",
    "gan": "the generator's gradient that vanishes, and the one that stays",
    "descent": "gradient descent among a local minimum, a saddle and the minimum",
}
"""What is shown by name: a module each, with `show` and the number of its `STEPS`."""


def run_one(name: str, quick: bool, out: Path | None) -> int:
    """Show one thing; draw it, too, where the picture is to go to a file. `quick`: with less data, in less time."""
    module = import_module(f"{__name__}.{name}")
    if out is not None:
        needed(f"demo {name}")  # said at once, not after the work
    limit: Any = nullcontext  # the matrices are small: BLAS's threads would wait for one another
    with suppress(ModuleNotFoundError):
        limit = import_module("threadpoolctl").threadpool_limits  # scikit-learn's
    with Screen(module.STEPS) as screen, limit(1):
        module.show(screen, quick, out)
    return 0


def run(quick: bool = False) -> int:
    """Run all parts and print what they find; 1 if a fused pass and its NumPy formula differ, else 0.

    `quick` times fewer losses and trains fewer students. The kernels that are compiled in the shortest time come first.
    """
    start = perf_counter()
    for package in ("sklearn", "scipy"):  # said at once, not after the first part
        if not _there(package):
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    names = gains.QUICK if quick else gains.SELECTION
    seeds = range(QUICK_SEEDS if quick else SEEDS)
    with Screen(len(names) + 2 * len(seeds) + 6) as screen:
        screen.line(gains.machine())
        agreed = gains.compare(screen, "1. What you gain", names)
        screen.step("loading scikit-learn")
        threadpool_limits = import_module("threadpoolctl").threadpool_limits  # scikit-learn's
        linear, networks = (import_module(f"{__name__}.{name}") for name in ("linear", "networks"))
        with threadpool_limits(1):  # the matrices are small: BLAS's threads would wait for one another
            linear.diabetes(screen, "2. Wrong targets")
            linear.digits(screen, "3. Handwritten digits")
            networks.distillation(screen, "4. Distillation", seeds)
    print("What this showed:")
    for number, conclusion in enumerate(screen.conclusions, 1):
        print(f"{number}. {conclusion}")
    print(f"\nAll of it took {perf_counter() - start:.1f} s, compiling included. Go on with `fastloss losses`,")
    print(f"or with `fastloss demo NAME`: {', '.join(DEMOS)}.")
    return 0 if agreed else 1


def _there(package: str) -> bool:
    import sys
    from importlib.util import find_spec

    return sys.modules[package] is not None if package in sys.modules else find_spec(package) is not None
