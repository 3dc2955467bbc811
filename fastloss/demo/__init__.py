"""`fastloss demo`: models trained on real data through `value_and_grad`, then fused passes against plain NumPy.

Needs no network: the data come with scikit-learn (``pip install "fastloss[demo]"``).
"""

from __future__ import annotations

from time import perf_counter

from . import linear, networks, table


def run(everything: bool = False, quick: bool = False) -> int:
    """Run all four parts and print what they find; 1 if a fused pass and its NumPy formula differ, else 0.

    `everything` times all the losses of `table.FORMULAS`; `quick`, for tests, times three of them on small arrays, and
    trains fewer students.
    """
    start = perf_counter()
    linear.digits()
    networks.distillation(range(3 if quick else 5))
    linear.diabetes()
    names = [*table.FORMULAS] if everything else table.SELECTION[:3] if quick else table.SELECTION
    agreed = table.compare(names, 2**16 if quick else 2**20)
    print(f"\nAll of it, compilation included: {perf_counter() - start:.1f} s")
    return 0 if agreed else 1
