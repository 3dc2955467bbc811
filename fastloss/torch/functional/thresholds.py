"""From how many elements on a call is computed here: below, torch's own operators take less time.

The numbers are those of the first input, or of the scores that a layer makes of it, with gradients and without,
measured in float32 on the CPU by ``python -m bench.torch_functional --least``, and rounded up: from there on, ours took
no longer than torch's on either of two processors with AVX-512, 2 cores each: an AMD EPYC (Zen 4; beside other work
but for errors, logits and cross-entropies) and an Intel Xeon (Emerald Rapids). What is not named is computed here at
any size, on the CPU. `mse_loss` and `soft_margin_loss` have a size between the two
measured ones, slower and faster; triplets have one beyond a million numbers, where rows of 10 took 1.2 times torch's
time and rows of 1,000 took 0.7.
"""

from __future__ import annotations

from typing import Any

from torch.compiler import is_compiling as compiles

NEVER = 1 << 62
"""What torch computes at any size."""

ALL = (0, 0)
"""What is computed here at any size."""

LEAST: dict[str, tuple[int, int]] = {
    "binary_cross_entropy": (10_000, 10_000),
    "binary_cross_entropy_with_logits": (50_000, 30_000),
    "cosine_embedding_loss": (300_000, NEVER),
    "cross_entropy": (300_000, 1_000_000),
    "ctc_loss": (200_000, 400_000),
    "gaussian_nll_loss": (10_000, 100_000),
    "hinge_embedding_loss": (10_000, 10_000),
    "huber_loss": (300_000, NEVER),
    "kl_div": (100_000, 100_000),
    "l1_loss": (100_000, 1_000_000),
    "linear_cross_entropy": (1_000_000, 3_000_000),
    "margin_ranking_loss": (30_000, 300_000),
    "mse_loss": (500_000, 1_000_000),
    "multi_margin_loss": (50_000, 50_000),
    "multilabel_margin_loss": (NEVER, NEVER),
    "nll_loss": (NEVER, NEVER),
    "poisson_nll_loss": (100_000, 1_000_000),
    "smooth_l1_loss": (500_000, 1_000_000),
    "soft_margin_loss": (50_000, 50_000),
    "triplet_margin_loss": (2_000_000, NEVER),
    "triplet_margin_with_distance_loss": (2_000_000, NEVER),
}
"""The least numbers of elements by the function's name: with a gradient of input or layer; for the value alone."""

ON_GPU = 4_000_000
"""The least number of elements on a GPU, of any function but layers, and those that torch computes at any size.

Below, the host takes longest: beside an H200 116 to 147 us forward and backward of 8 numbers by an operator in Python,
112 to 138 by torch's own. That number itself is not measured: a card reads or writes so many in 4 us, which torch does
seven times (`python -m bench.torch_cuda`).
"""

COMPILED: dict[str, tuple[int, int]] = {
    **LEAST,
    "binary_cross_entropy": (300_000, 1_000_000),
    "binary_cross_entropy_with_logits": (300_000, 1_000_000),
    "cosine_embedding_loss": (NEVER, NEVER),
    "cross_entropy": (100_000, 3_000_000),
    "gaussian_nll_loss": (100_000, 300_000),
    "hinge_embedding_loss": (100_000, NEVER),
    "huber_loss": (NEVER, NEVER),
    "kl_div": (NEVER, NEVER),
    "l1_loss": (1_000_000, NEVER),
    "margin_ranking_loss": (100_000, NEVER),
    "mse_loss": (NEVER, NEVER),
    "multi_margin_loss": (100_000, NEVER),
    "multilabel_soft_margin_loss": (100_000, 100_000),
    "poisson_nll_loss": (1_000_000, NEVER),
    "smooth_l1_loss": (NEVER, NEVER),
    "soft_margin_loss": (300_000, 1_000_000),
    "triplet_margin_loss": (NEVER, NEVER),
    "triplet_margin_with_distance_loss": (NEVER, NEVER),
}
"""The same in graphs of torch.compile, beside Inductor's code, by ``--least --compiled``.

That reads and writes as little as ours. Measured was the processor's time on one thread of the Xeon, beside other work.
The call of an operator takes 50 to 100 us, and the product with what comes from above is a pass over the gradient.
`mse_loss`, `smooth_l1_loss` and `huber_loss` of a million took as long as Inductor's, `kl_div` 1.15 times as long,
vectors 1.3 times and more.
"""

ROWS: dict[str, tuple[int, int]] = {"cross_entropy": (400, 3_000), "linear_cross_entropy": (100, 300)}
"""How many elements a row counts for besides its own: torch takes a time for each row, too (AVX-512, 2 cores).

Inductor's code takes none."""


def size(name: str, x: Any, layer: Any, derived: bool) -> int:
    """What is compared with the least number: the elements of the first input, or of a layer's scores, and its rows."""
    count = int(x.numel())
    row = ROWS.get(name)
    classes = int(x.shape[min(1, x.dim() - 1)]) if x.dim() else 0
    if row is None or holds(classes == 0):
        return count
    rows = count // classes
    scores = count if layer is None else rows * int(layer.shape[:1].numel())
    return scores if compiles() else scores + row[not derived] * rows


def holds(condition: Any) -> bool:
    """Whether a condition on sizes holds; not where what is compiled depends on numbers for it."""
    return _decided("guard_or_false", condition)


def known(condition: Any) -> bool:
    """Whether a condition on sizes holds for all sizes that a graph serves, which stay as many as they are."""
    return _decided("statically_known_true", condition)


def _decided(how: str, condition: Any) -> bool:
    if not compiles():
        return bool(condition)
    from torch.fx.experimental import symbolic_shapes  # brings SymPy

    decide = getattr(symbolic_shapes, how, None)  # torch has had both since 2.7
    found = condition if decide is None else decide(condition)
    return True if found else False  # noqa: SIM210 (which 2.6 traces, and no bool())
