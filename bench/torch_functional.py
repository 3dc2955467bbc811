"""torch's loss functions here and by torch itself, of any size: ``python -m bench.torch_functional``.

With ``--least`` the sizes of `fastloss.torch.functional.thresholds` are ignored, and what is printed says what they
should be: ratios above 1 are where the one here is faster.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from . import timing

SIZES = (1, 10, 100, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
ROWS = (*((n, 10) for n in (1, 10, 100, 1_000, 10_000, 100_000)), *((n, 1_000) for n in (1, 10, 30, 100, 300, 1_000)))


def elements(n: int, device: str = "cpu") -> dict[str, tuple[Any, ...]]:
    """Arguments of the functions of elements."""
    import torch

    x, y = torch.randn(2, n, device=device)
    p, t, signs = x.sigmoid(), y.sigmoid(), torch.where(y > 0, 1.0, -1.0)
    found = dict.fromkeys(("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"), (x, y))
    return {
        **found, "poisson_nll_loss": (x, y.abs()), "gaussian_nll_loss": (x, y, p + 0.1), "binary_cross_entropy": (p, t),
        "binary_cross_entropy_with_logits": (x, t), "soft_margin_loss": (x, signs), "hinge_embedding_loss": (x, signs),
        "margin_ranking_loss": (x, y, signs),
    }  # fmt: skip


def rows(n: int, k: int, device: str = "cpu") -> dict[str, tuple[Any, ...]]:
    """Arguments of the functions of rows."""
    import torch

    (x, y, z), labels = torch.randn(3, n, k, device=device), torch.randint(k, (n,), device=device)
    lists = torch.full((n, k), -1, device=device)
    lists[:, :3] = torch.tensor([2, 5, 7])
    signs = torch.where(torch.rand(n, device=device) > 0.5, 1.0, -1.0)
    frames = min(n, 200), 2, k
    return {
        "cross_entropy": (x, labels), "nll_loss": (x.log_softmax(-1), labels), "multi_margin_loss": (x, labels),
        "multilabel_margin_loss": (x, lists), "multilabel_soft_margin_loss": (x, y.sigmoid()),
        "kl_div": (x.log_softmax(-1), y.softmax(-1)), "cosine_embedding_loss": (x, y, signs),
        "triplet_margin_loss": (x, y, z), "triplet_margin_with_distance_loss": (x, y, z),
        "linear_cross_entropy": (torch.randn(n, 64, device=device), torch.randn(k, 64, device=device), labels),
        "ctc_loss": (torch.randn(*frames, device=device).log_softmax(-1),
                     torch.randint(1, k, (2, 1 + frames[0] // 4), device=device),
                     torch.full((2,), frames[0]), torch.full((2,), 1 + frames[0] // 4)),
    }  # fmt: skip


def call(
    function: Callable[..., Any], args: tuple[Any, ...], wanted: int, keywords: dict[str, Any]
) -> Callable[[], Any]:
    """A forward and a backward pass; the forward pass alone where no gradient is wanted."""
    if not wanted:
        return lambda: function(*args, **keywords)
    given = [x.clone().requires_grad_() if k < wanted else x for k, x in enumerate(args)]

    def both() -> None:
        function(*given, **keywords).backward()
        for x in given[:wanted]:
            x.grad = None

    return both


WANTED = {"margin_ranking_loss": 2, "cosine_embedding_loss": 2, "triplet_margin_loss": 3, "linear_cross_entropy": 2,
          "triplet_margin_with_distance_loss": 3}  # fmt: skip
"""How many tensors have gradients, where it is not one."""


def main(argv: list[str] | None = None) -> None:
    """Print a line for each function and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--least", action="store_true", help="compute at any size")
    parser.add_argument("--compiled", action="store_true", help="both by torch.compile, a graph for each size")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--fewest", type=int, default=1, help="elements")
    parser.add_argument("--most", type=int, default=1_000_000, help="elements")
    options = parser.parse_args(argv)
    import torch
    import torch.nn.functional as F

    from fastloss.torch import functional
    from fastloss.torch.functional import thresholds

    if options.least:
        thresholds.LEAST.clear()
        thresholds.COMPILED.clear()

    def made(where: Any, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(where, name)
        if not options.compiled:
            return function
        # Compiled code is kept by the code object: a lambda of its own for each.
        return torch.compile(lambda *args, **keywords: function(*args, **keywords), dynamic=False)

    cases = [((n,), elements(n)) for n in SIZES if options.fewest <= n <= options.most]
    cases += [((n, k), rows(n, k)) for n, k in ROWS if options.fewest <= n * k <= options.most]
    print("function and shape, then microseconds here, of torch, ratio: forward and backward; forward alone")
    for shape, functions in cases:
        for name, args in functions.items():
            if options.names and name not in options.names:
                continue
            line = [f"{name:34}", f"{shape!s:14}"]
            keywords = {"reduction": "batchmean"} if name == "kl_div" else {}
            for wanted in (WANTED.get(name, 1), 0):
                if options.compiled:
                    torch.compiler.reset()
                pair = [call(made(where, name), args, wanted, keywords) for where in (functional, F)]
                found = timing.interleaved(dict(zip(("ours", "theirs"), pair, strict=True)), rounds=options.rounds)
                ours, theirs = found["ours"].best, found["theirs"].best
                line.append(f"{1e6 * ours:10.1f} {1e6 * theirs:10.1f} {theirs / ours:6.2f}")
            print(*line, flush=True)


if __name__ == "__main__":
    main()
