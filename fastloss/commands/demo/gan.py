"""A generative adversarial network on a ring of Gaussians: the gradient that vanishes, and the one that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...gan import minimax, non_saturating
from .common import SEED, Array
from .layers import Adam, Network

if TYPE_CHECKING:
    from pathlib import Path

    from .screen import Screen

STEPS = 7

MODES, RADIUS, SPREAD = 8, 2.0, 0.1
"""Gaussians in a ring: how many, how far from the middle, their standard deviation."""

NOISE, WIDTH, BATCH = 2, 64, 128
"""Numbers that a sample is made of, units of each hidden layer, samples of a step."""

LOOKS, QUICK_LOOKS = (0, 50, 100, 200, 400, 800), (0, 50, 100, 200)
"""Steps of the discriminator alone after which the generator's gradient is looked at."""

AHEAD = 400
"""Steps that the discriminator is ahead where both are trained."""

EDGE = 3.0
"""How far from the middle the picture goes."""

RATES = {"gradient descent": (0.02, 1e-3), "Adam": (1e-3, 2e-3)}
"""Of the generator, and of the discriminator, which always has Adam."""

LENGTH = {"gradient descent": 1000, "Adam": 2000}

KINDS = {"minimax": minimax, "non-saturating": non_saturating}
"""The losses; those of their discriminators are one."""


class Game:
    """A generator, whose samples begin in the middle of the ring, and a discriminator."""

    def __init__(self, seed: int, rate: float = 1e-3) -> None:
        self.rng = np.random.default_rng(seed)
        self.generator = Network(self.rng, [NOISE, WIDTH, WIDTH, 2])
        self.generator.parameters[-2] *= np.float32(0.1)
        self.discriminator = Network(self.rng, [2, WIDTH, WIDTH, 1])
        self.optimizer = Adam(self.discriminator.parameters, rate, 0.5, 0.99)

    def noise(self, count: int = BATCH) -> Array:
        """What the generator makes samples of."""
        return self.rng.standard_normal((count, NOISE), np.float32)

    def real(self, count: int = BATCH) -> Array:
        """Samples of the ring."""
        angles = 2.0 * np.pi / MODES * self.rng.integers(MODES, size=count)
        found = RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return (found + SPREAD * self.rng.standard_normal((count, 2))).astype(np.float32)

    def learn(self) -> None:
        """One step of the discriminator."""
        fake = self.generator.forward(self.noise())[-1]
        layers = self.discriminator.forward(np.concatenate([self.real(), fake]))
        slopes = minimax.discriminator.grad(layers[-1][:BATCH], layers[-1][BATCH:])
        self.optimizer.step(self.discriminator.backward(layers, np.concatenate(slopes))[0])

    def gradients(self, kind: str, noise: Array) -> list[Array]:
        """The generator's gradients, through the discriminator."""
        made = self.generator.forward(noise)
        layers = self.discriminator.forward(made[-1])
        _, slopes = self.discriminator.backward(layers, KINDS[kind].generator.grad(layers[-1]))
        return self.generator.backward(made, slopes)[0]

    def belief(self, noise: Array) -> float:
        """How probable the discriminator takes samples to be real, in the mean."""
        logits = self.discriminator.forward(self.generator.forward(noise)[-1])[-1].astype(np.float64)
        return float(np.mean(np.exp(-np.logaddexp(0.0, -logits))))

    def quality(self, count: int = 2000) -> tuple[float, int]:
        """The part of the samples within three standard deviations of a mode; modes that 1% of them are near to."""
        angles = 2.0 * np.pi / MODES * np.arange(MODES)
        centers = RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        far = np.linalg.norm(self.generator.forward(self.noise(count))[-1][:, None] - centers, axis=2)
        near = far.min(axis=1) < 3.0 * SPREAD
        return float(near.mean()), int((np.bincount(far.argmin(axis=1)[near]) >= 0.01 * count).sum())


def norm(gradients: list[Array]) -> float:
    """The length of all of them together."""
    return float(np.sqrt(sum(np.vdot(g, g) for g in gradients)))


def alone(looks: tuple[int, ...]) -> list[tuple[int, float, list[float]]]:
    """The discriminator learns, the generator does not: the steps, what it believes of fakes, the gradients' norms."""
    game, found = Game(SEED), []
    noise = game.noise(512)
    for step in range(looks[-1] + 1):
        if step in looks:
            found.append((step, game.belief(noise), [norm(game.gradients(kind, noise)) for kind in KINDS]))
        game.learn()
    return found


def train(kind: str, way: str, steps: int, ahead: int = AHEAD) -> tuple[Game, list[float]]:
    """Train both in turns, the discriminator being ahead; the game, and the norms of the generator's gradient."""
    rate, other = RATES[way]
    game, norms = Game(SEED, other), []
    adam = Adam(game.generator.parameters, rate, 0.5, 0.99)
    for _ in range(ahead):
        game.learn()
    for step in range(steps):
        game.learn()
        gradients = game.gradients(kind, game.noise())
        norms.append(norm(gradients))
        if way == "Adam":
            adam.rate, game.optimizer.rate = rate * (1.0 - step / steps), other * (1.0 - step / steps)
            adam.step(gradients)
        else:
            for p, g in zip(game.generator.parameters, gradients, strict=True):
                p -= rate * g
    return game, norms


def show(screen: Screen, quick: bool, out: Path | None) -> None:
    """Print the gradients' norms, and what comes of the networks; draw both."""
    screen.text(
        f"A generator makes points of noise, a discriminator tells them from a ring of {MODES} Gaussians (two hidden "
        f"layers of {WIDTH} each, in plain NumPy). The generator's loss is log(1 - D), as in the original game "
        "(minimax), or -log D (non-saturating): the same point of rest, another gradient."
    )
    screen.step("the discriminator learns alone")
    looks = alone(QUICK_LOOKS if quick else LOOKS)
    screen.line(f"{'The discriminator learns alone, after':42}{'D(fake)':>9}{'|gradient| minimax':>21}"
                f"{'non-saturating':>16}")  # fmt: skip
    for step, belief, (saturating, other) in looks:
        screen.line(f"{f'{step:9} steps':42}{belief:9.4f}{saturating:21.4f}{other:16.2f}")
    screen.line()
    screen.line(f"{'Both learn, the discriminator ahead':35}{'steps':>7}{'|gradient| first':>17}{'median':>9}"
                f"{'largest':>9}{'near a mode':>12}{'modes of ' + str(MODES):>11}")  # fmt: skip
    games: dict[tuple[str, str], Any] = {}
    growth: dict[tuple[str, str], float] = {}
    for way in RATES:
        steps = LENGTH[way] // (10 if quick else 1)
        for kind in KINDS:
            screen.step(f"{kind}, {way}")
            game, norms = train(kind, way, steps)
            games[way, kind] = (game, *game.quality())
            growth[way, kind] = max(norms) / norms[0]
            screen.line(f"{kind + ', ' + way:35}{steps:7}{norms[0]:17.3f}{np.median(norms):9.3f}"
                        f"{max(norms):9.3f}{games[way, kind][1]:12.0%}{games[way, kind][2]:11}")  # fmt: skip
    screen.line()
    last = looks[-1][2]
    screen.text(
        f"Where the discriminator is sure, minimax's gradient is {last[1] / last[0]:,.0f} times smaller than the "
        "other's: plain gradient descent, in proportion to it, hardly moves the generator at first, and then, in steps "
        f"up to {growth['gradient descent', 'minimax']:,.0f} times as long, throws it about. Adam divides the gradient "
        "by its own size, and so hides that: its steps are as long with either. How many modes are found is another "
        "matter, in which neither loss is the better one everywhere; one seed is shown."
    )
    if out is not None:
        screen.step("drawing")
        draw(looks, games, out)
        screen.line(f"wrote {out}")


def draw(looks: Any, games: dict[tuple[str, str], Any], out: Path) -> None:
    """The gradients' norms as the discriminator learns; samples of the two generators of gradient descent."""
    from ...plot import style

    made, ((one, *others),) = style.figure(10.0, 3.2, 1, 3)
    style.bare(one)
    for k, kind in enumerate(KINDS):
        one.plot([step for step, *_ in looks], [norms[k] for *_, norms in looks], marker="o", markersize=3.5,
                 color=style.COLORS[k], label=kind)  # fmt: skip
    one.set_yscale("log")
    one.set_xlabel("steps of the discriminator alone", fontsize="small")
    one.set_ylabel("norm of the generator's gradient", fontsize="small")
    one.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize="small")
    for k, (ax, kind) in enumerate(zip(others, KINDS, strict=True)):
        game = games["gradient descent", kind][0]
        style.bare(ax)
        ax.plot(*game.real(500).T, ".", color=style.PALE, markersize=3)
        made_up = game.generator.forward(game.noise(500))[-1]
        seen = np.mean(np.abs(made_up).max(axis=1) <= EDGE)
        ax.plot(*made_up.T, ".", color=style.COLORS[k], markersize=3)
        ax.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), aspect="equal")
        ax.set_title(f"{kind}, gradient descent: {seen:.0%} in sight", fontsize="small")
    style.save(made, out)
