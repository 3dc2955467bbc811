"""Losses of ``fastloss.jax`` beside formulas in JAX, under ``jit(value_and_grad)``: ``python -m bench.jaxface``."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from . import timing

SIZES = (64, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
ROWS = ((64, 10), (100_000, 10), (64, 1_000), (4_096, 1_000), (512, 32_000))


def formulas() -> dict[str, Any]:
    """Means of losses of elements, and cross-entropy, as JAX's users write them."""
    import jax
    import jax.numpy as jnp

    def entropy(z: Any, y: Any) -> Any:
        at = jnp.take_along_axis(z, y[:, None], -1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(z, -1) - at)

    return {
        "squared_error": lambda p, t: jnp.mean((p - t) ** 2),
        "huber": lambda p, t: jnp.mean(jnp.where(abs(p - t) <= 1, 0.5 * (p - t) ** 2, abs(p - t) - 0.5)),
        "binary_cross_entropy_with_logits": lambda p, t: jnp.mean(jax.nn.softplus(p) - t * p),
        "cross_entropy": entropy,
    }


def compiled(f: Any) -> Any:
    """Value and gradient, compiled anew."""
    import jax

    return jax.jit(jax.value_and_grad(lambda *x: f(*x)))


def line(title: str, mine: Any, formula: Any, arrays: tuple[Any, ...]) -> None:
    """Time of ours by either way into a program, and of the formula."""
    import jax

    from fastloss.jax import foreign

    known = foreign.known
    ours, theirs = compiled(mine), compiled(formula)
    foreign.known = lambda: False  # type: ignore[assignment]
    callback = compiled(mine)
    jax.block_until_ready(callback(*arrays))
    foreign.known = known
    np.testing.assert_allclose(ours(*arrays)[0], theirs(*arrays)[0], rtol=1e-4)
    calls = {"ours": ours, "callback": callback, "formula": theirs}
    runs = {name: lambda f=f: jax.block_until_ready(f(*arrays)) for name, f in calls.items()}
    found = {name: t.best for name, t in timing.interleaved(runs).items()}
    times = ", ".join(f"{name} {timing.seconds(t)}" for name, t in found.items())
    print(f"{title}: {times}; formula / ours {found['formula'] / found['ours']:.2f}", flush=True)


def main() -> None:
    """Print times, and ratios to the formulas."""
    import jax.numpy as jnp

    import fastloss.jax as flj

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny run that only shows that everything works")
    quick = parser.parse_args().quick
    rng = np.random.default_rng(20261127)
    for name, formula in formulas().items():
        mine = getattr(flj, name)
        if name == "cross_entropy":
            for rows, k in ROWS[:1] if quick else ROWS:
                z, y = jnp.asarray(rng.normal(size=(rows, k)).astype("f")), jnp.asarray(rng.integers(0, k, rows))
                line(f"{name} {rows:,} x {k:,}", mine, formula, (z, y))
            continue
        for n in SIZES[:1] if quick else SIZES:
            p, t = (jnp.asarray(rng.random(n, "f")) for _ in range(2))
            line(f"{name} {n:,}", mine, formula, (p, t))


if __name__ == "__main__":
    main()
