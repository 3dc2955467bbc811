"""Losses of generative adversarial networks: each a pair of objects, `discriminator` and `generator`.

>>> import numpy as np
>>> import fastloss as fl
>>> real, fake = np.array([2.0, 0.5]), np.array([-1.0, 0.0, 3.0])
>>> loss, (grad_real, grad_fake) = fl.gan.hinge.discriminator.value_and_grad(real, fake)
>>> loss, grad_real, grad_fake
(np.float64(1.9166666666666667), array([ 0. , -0.5]), array([0.        , 0.33333333, 0.33333333]))
>>> fl.gan.hinge.generator.value_and_grad(fake)
(np.float64(-0.6666666666666666), array([-0.33333333, -0.33333333, -0.33333333]))

`real` and `fake` are what the discriminator says of two batches, of any sizes. The discriminator's loss is the mean
over the one plus the mean over the other; its verbs take both and give a gradient for each, and `TwoBatches` says
what their keywords mean. The generator's takes the fakes alone and is a `Loss` like all others; where it depends on
the real samples, too, it takes both.

There is no gradient penalty here (WGAN-GP, R1): it needs the discriminator's own derivative with respect to its input
and the derivative of that with respect to its weights, which only what differentiates the network can give.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from ..define.attributes import only
from ..losses.peers import GAMES
from . import terms
from .averages import Relativistic
from .batches import TwoBatches
from .terms import pair, term

__all__ = [
    "Adversarial",
    "Relativistic",
    "TwoBatches",
    "hinge",
    "least_squares",
    "minimax",
    "non_saturating",
    "relativistic",
    "relativistic_average",
    "relativistic_average_hinge",
    "relativistic_average_least_squares",
    "wasserstein",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = only(__name__, __all__, GAMES)


class Adversarial:
    """What the discriminator of a kind of network makes small, and what its generator does."""

    def __init__(self, name: str, doc: str, discriminator: Any, generator: Any) -> None:
        self.name, self.__doc__ = name, cleandoc(doc)
        self.discriminator, self.generator = discriminator, generator

    def __repr__(self) -> str:
        return f"<fastloss.{self.name}: discriminator and generator>"

    def __reduce__(self) -> str:
        return self.name.rpartition(".")[2]


def _of_batches(name: str, doc: str, real: Any, fake: Any, generator: Any, of_generator: str) -> Adversarial:
    """Losses whose generator sees the fakes alone."""
    name = f"gan.{name}"
    own = f"{name}.discriminator"
    both = TwoBatches(own, cleandoc(doc), term(real, own, "real"), term(fake, own))
    return Adversarial(name, doc, both, term(generator, f"{name}.generator", doc=of_generator))


def _of_averages(name: str, doc: str, real: Any, fake: Any, others: tuple[Any, Any]) -> Adversarial:
    """Losses that see each batch from the other's mean; the generator's are the `others`."""
    name = f"gan.{name}"
    first, second = f"{name}.discriminator", f"{name}.generator"
    one = Relativistic(first, cleandoc(doc), term(real, first, "real"), term(fake, first))
    other = Relativistic(second, cleandoc(doc), term(others[0], second, "real"), term(others[1], second))
    return Adversarial(name, doc, one, other)


_PROBABILITIES = """\
`label_smoothing`, s, is one-sided: it is the real samples' alone, whose target becomes 1 - s (T. Salimans et al.,
"Improved Techniques for Training GANs", 2016). With ``from_logits=False`` the scores are probabilities, as the paper
has them; a logarithm is then at least -`clamp`, and p and 1 - p at least `floor` in derivatives, as in
`binary_cross_entropy`. Logits lose no digits, however sure the discriminator is."""

minimax = _of_batches("minimax", f"""
The original game, in which the generator minimises what the discriminator maximises.

Discriminator: mean softplus(-real) + mean softplus(fake), which is -mean log D(x) - mean log(1 - D(G(z))) of logits.
Generator: -mean softplus(fake), which is mean log(1 - D(G(z))); its gradient vanishes where the discriminator is
sure, so that `non_saturating` is what networks are trained with. I. Goodfellow et al., "Generative Adversarial Nets"
(2014), equation 1.

{_PROBABILITIES}

>>> import fastloss as fl
>>> fl.gan.minimax.discriminator([2.0, 1.0], [-1.0])
np.float64(0.5333565367988206)
>>> fl.gan.minimax.discriminator([0.8, 0.7], [0.3], from_logits=False, label_smoothing=0.1).round(6)
np.float64(0.758264)
""", terms.taken_for_real, terms.taken_for_fake, terms.seen_through,
"""Saturating loss of a generator: mean log(1 - D(G(z))), which is -mean softplus(fake) of logits.

I. Goodfellow et al., "Generative Adversarial Nets" (2014). Its gradient is -sigmoid(fake) / n: next to nothing where
the discriminator knows the fakes. With ``from_logits=False`` the scores are probabilities.

>>> import fastloss as fl
>>> fl.gan.minimax.generator.grad([-4.0, 0.0]).round(4)
array([-0.009, -0.25 ])
""")  # fmt: skip

non_saturating = _of_batches("non_saturating", f"""
The game with the generator's loss that does not saturate.

Discriminator: that of `minimax`. Generator: mean softplus(-fake), which is -mean log D(G(z)) of logits. I. Goodfellow
et al., "Generative Adversarial Nets" (2014), section 3.

{_PROBABILITIES}
""", terms.taken_for_real, terms.taken_for_fake, terms.wanted_real,
"""Non-saturating loss of a generator: -mean log D(G(z)), which is mean softplus(-fake) of logits.

I. Goodfellow et al., "Generative Adversarial Nets" (2014). With ``from_logits=False`` the scores are probabilities.

>>> import fastloss as fl
>>> fl.gan.non_saturating.generator.grad([-4.0, 0.0]).round(4)
array([-0.491, -0.25 ])
""")  # fmt: skip

least_squares = _of_batches("least_squares", """
Least squares: scores are drawn to targets, a for fakes and b for real samples.

Discriminator: mean (real - b)^2 / 2 + mean (fake - a)^2 / 2. Generator: mean (fake - c)^2 / 2. By default a, b, c are
0, 1, 1; the paper's other choice is -1, 1, 0. X. Mao et al., "Least Squares Generative Adversarial Networks" (2017),
equations 8 and 9. One-sided label smoothing is a b less than 1.

>>> import fastloss as fl
>>> fl.gan.least_squares.discriminator.value_and_grad([0.5], [0.5, -0.5], b=0.9)
(np.float64(0.20500000000000002), (array([-0.4]), array([ 0.25, -0.25])))
""", terms.real_square, terms.fake_square, terms.wanted_square,
"""Least squares of a generator: mean (fake - c)^2 / 2.

X. Mao et al., "Least Squares Generative Adversarial Networks" (2017).

>>> import fastloss as fl
>>> fl.gan.least_squares.generator.value_and_grad([0.5, -1.0])
(np.float64(1.0625), array([-0.25, -1.  ]))
""")  # fmt: skip

wasserstein = _of_batches("wasserstein", """
Wasserstein: the difference of the mean scores of a critic, the discriminator.

Discriminator: mean fake - mean real. Generator: -mean fake. M. Arjovsky et al., "Wasserstein GAN" (2017). What keeps
the critic's slope bounded, clipped weights or a gradient penalty, is the network's affair.

>>> import fastloss as fl
>>> fl.gan.wasserstein.discriminator.value_and_grad([2.0, 4.0], [1.0])
(np.float64(-2.0), (array([-0.5, -0.5]), array([1.])))
""", terms.minus, terms.plus, terms.minus,
"""Wasserstein loss of a generator: -mean fake.

M. Arjovsky et al., "Wasserstein GAN" (2017).

>>> import fastloss as fl
>>> fl.gan.wasserstein.generator.value_and_grad([2.0, 4.0])
(np.float64(-3.0), array([-0.5, -0.5]))
""")  # fmt: skip

hinge = _of_batches("hinge", """
Hinge: only scores on the wrong side of 1 and -1 count.

Discriminator: mean max(0, 1 - real) + mean max(0, 1 + fake); on the margin the gradient is 0. Generator: -mean fake.
J. H. Lim and J. C. Ye, "Geometric GAN" (2017); T. Miyato et al., "Spectral Normalization for GANs" (2018).

>>> import fastloss as fl
>>> fl.gan.hinge.discriminator.value_and_grad([0.5, 1.0], [-2.0, 0.5])
(np.float64(1.0), (array([-0.5,  0. ]), array([0. , 0.5])))
""", terms.above_one, terms.below_minus_one, terms.minus,
"""Loss of a generator whose discriminator has a hinge: -mean fake.

J. H. Lim and J. C. Ye, "Geometric GAN" (2017).

>>> import fastloss as fl
>>> fl.gan.hinge.generator.value_and_grad([2.0, 4.0])
(np.float64(-3.0), array([-0.5, -0.5]))
""")  # fmt: skip

relativistic = Adversarial("gan.relativistic", """
Relativistic pairing: how much more real each real sample is than its fake.

Discriminator: mean softplus(fake - real) over pairs, batches of one shape. Generator: mean softplus(real - fake).
Both are losses of two inputs, whose gradients are tuples, (for real, for fake); `weight` is that of each pair. A.
Jolicoeur-Martineau, "The relativistic discriminator" (2018), RSGAN.
""", pair(terms.more_real, "gan.relativistic.discriminator", """
Relativistic pairing of a discriminator: mean softplus(fake - real).

A. Jolicoeur-Martineau, "The relativistic discriminator" (2018), RSGAN.

>>> import fastloss as fl
>>> fl.gan.relativistic.discriminator.value_and_grad([1.0, 0.0], [0.0, 0.0])
(np.float64(0.5032044340390841), (array([-0.13447071, -0.25      ]), array([0.13447071, 0.25      ])))
"""), pair(terms.less_real, "gan.relativistic.generator", """
Relativistic pairing of a generator: mean softplus(real - fake).

A. Jolicoeur-Martineau, "The relativistic discriminator" (2018), RSGAN.

>>> import fastloss as fl
>>> fl.gan.relativistic.generator([1.0, 0.0], [0.0, 0.0]).round(6)
np.float64(1.003204)
"""))  # fmt: skip

_AVERAGE = """The generator takes both batches, too. The mean scores depend on every sample, and so do
the gradients: `Relativistic` has the formula. A. Jolicoeur-Martineau, "The relativistic discriminator" (2018)"""

relativistic_average = _of_averages("relativistic_average", f"""
Relativistic average: each sample is seen from the other batch's mean score.

Discriminator: mean softplus(-(real - mean fake)) + mean softplus(fake - mean real). Generator: mean
softplus(real - mean fake) + mean softplus(-(fake - mean real)). {_AVERAGE}, RaSGAN. `label_smoothing` is
the discriminator's, of the real samples.

>>> import fastloss as fl
>>> fl.gan.relativistic_average.discriminator.value_and_grad([1.0, 3.0], [0.0])
(np.float64(0.30785253058895495), (array([-0.19407217, -0.0833144 ]), array([0.27738657])))
""", terms.real_logit, terms.fake_logit, (terms.fake_logit, terms.wanted_logit))  # fmt: skip

relativistic_average_least_squares = _of_averages("relativistic_average_least_squares", f"""
Relativistic average of least squares.

Discriminator: mean (real - mean fake - b)^2 / 2 + mean (fake - mean real - a)^2 / 2, a and b being -1 and 1.
Generator: mean (real - mean fake - a)^2 / 2 + mean (fake - mean real - b)^2 / 2. {_AVERAGE}, RaLSGAN, whose squares
are not halved.
""", terms.real_square, terms.opposite_square, (terms.opposite_square, terms.real_square))  # fmt: skip

relativistic_average_hinge = _of_averages("relativistic_average_hinge", f"""
Relativistic average of hinges.

Discriminator: mean max(0, 1 - (real - mean fake)) + mean max(0, 1 + (fake - mean real)). Generator: mean
max(0, 1 + (real - mean fake)) + mean max(0, 1 - (fake - mean real)). {_AVERAGE}, as its author's
programs have it.
""", terms.above_one, terms.below_minus_one, (terms.below_minus_one, terms.above_one))  # fmt: skip
