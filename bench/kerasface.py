"""Losses of ``fastloss.keras`` beside Keras's, value and gradient: ``KERAS_BACKEND=jax python -m bench.kerasface``."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from . import timing

ELEMENTS = ((32, 1), (1_024, 1), (1_024, 64), (100_000, 10), (1_000_000, 10))
ROWS = ((32, 10), (1_024, 10), (100_000, 10), (4_096, 1_000), (512, 32_000))


def step(loss: Any, t: Any, p: Any) -> Any:
    """Value and gradient by the predictions, as the backend's trainer takes them."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        y, x = torch.from_numpy(t), torch.from_numpy(p).requires_grad_()

        def backward() -> Any:
            x.grad = None
            value = loss(y, x)
            value.backward()
            return value

        return backward
    import jax

    run = jax.jit(jax.value_and_grad(lambda p, t: loss(t, p)))
    arrays = jax.device_put(p), jax.device_put(t)
    return lambda: jax.block_until_ready(run(*arrays))[0]


def main() -> None:
    """Print times, and ratios to Keras's."""
    import keras

    import fastloss.keras as flk

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny run that only shows that everything works")
    quick = parser.parse_args().quick
    timing.warn_if_busy()
    rng, their = np.random.default_rng(20261127), keras.losses
    pairs = (
        (flk.Huber(), their.Huber(), ELEMENTS),
        (flk.BinaryCrossEntropyWithLogits(), their.BinaryCrossentropy(from_logits=True), ELEMENTS),
        (flk.CrossEntropy(), their.SparseCategoricalCrossentropy(from_logits=True), ROWS),
    )
    for ours, theirs, shapes in pairs:
        for shape in shapes[:1] if quick else shapes:
            p = rng.normal(size=shape).astype("f")
            t = rng.integers(0, shape[1], shape[0]) if shapes is ROWS else rng.integers(0, 2, shape).astype("f")
            calls = {"ours": step(ours, t, p), "keras": step(theirs, t, p)}
            np.testing.assert_allclose(*(float(call()) for call in calls.values()), rtol=1e-4)
            found = {name: x.best for name, x in timing.interleaved(calls).items()}
            times = ", ".join(f"{name} {timing.seconds(x)}" for name, x in found.items())
            print(f"{ours.name} {shape[0]:,} x {shape[1]:,}, {keras.backend.backend()}: {times}; "
                  f"keras / ours {found['keras'] / found['ours']:.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
