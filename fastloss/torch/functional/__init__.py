"""The loss functions of `torch.nn.functional` under their names, with their signatures and their results.

What has no loss here, is small, or is refused by torch is torch's own: see `fastloss.torch.functional.calls`.
"""

from __future__ import annotations

from .binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge_embedding_loss,
    margin_ranking_loss,
    soft_margin_loss,
)
from .classes import cross_entropy, kl_div, linear_cross_entropy, nll_loss
from .margins import multi_margin_loss, multilabel_margin_loss, multilabel_soft_margin_loss
from .regression import gaussian_nll_loss, huber_loss, l1_loss, mse_loss, poisson_nll_loss, smooth_l1_loss
from .vectors import cosine_embedding_loss, ctc_loss, triplet_margin_loss, triplet_margin_with_distance_loss

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "ctc_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]
