"""torch's loss modules, computed by `fastloss.torch.functional`: the same constructors, representations and states.

Each is a subclass of torch's own of the same name, so ``isinstance`` and checkpoints hold.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any, TypeVar

from torch import nn

from . import functional as F  # noqa: F401  (which torch's own code calls here)

M = TypeVar("M", bound=type[nn.Module])


def _computed(module: M) -> M:
    """The module, with torch's own `forward` that reads its F here: the functions of this package."""
    own: Any = module.forward
    forward: Any = FunctionType(own.__code__, globals(), own.__name__, own.__defaults__)
    forward.__doc__, forward.__annotations__ = "The loss.", own.__annotations__
    module.forward = forward
    return module


@_computed
class L1Loss(nn.L1Loss):
    """torch's module of this name, by `l1_loss`."""


@_computed
class MSELoss(nn.MSELoss):
    """torch's module of this name, by `mse_loss`."""


@_computed
class SmoothL1Loss(nn.SmoothL1Loss):
    """torch's module of this name, by `smooth_l1_loss`."""


@_computed
class HuberLoss(nn.HuberLoss):
    """torch's module of this name, by `huber_loss`."""


@_computed
class PoissonNLLLoss(nn.PoissonNLLLoss):
    """torch's module of this name, by `poisson_nll_loss`."""


@_computed
class GaussianNLLLoss(nn.GaussianNLLLoss):
    """torch's module of this name, by `gaussian_nll_loss`."""


@_computed
class BCELoss(nn.BCELoss):
    """torch's module of this name, by `binary_cross_entropy`."""


@_computed
class BCEWithLogitsLoss(nn.BCEWithLogitsLoss):
    """torch's module of this name, by `binary_cross_entropy_with_logits`."""


@_computed
class SoftMarginLoss(nn.SoftMarginLoss):
    """torch's module of this name, by `soft_margin_loss`."""


@_computed
class HingeEmbeddingLoss(nn.HingeEmbeddingLoss):
    """torch's module of this name, by `hinge_embedding_loss`."""


@_computed
class MarginRankingLoss(nn.MarginRankingLoss):
    """torch's module of this name, by `margin_ranking_loss`."""


@_computed
class CrossEntropyLoss(nn.CrossEntropyLoss):
    """torch's module of this name, by `cross_entropy`."""


@_computed
class NLLLoss(nn.NLLLoss):
    """torch's module of this name, by `nll_loss`."""


@_computed
class KLDivLoss(nn.KLDivLoss):
    """torch's module of this name, by `kl_div`."""


@_computed
class MultiMarginLoss(nn.MultiMarginLoss):
    """torch's module of this name, by `multi_margin_loss`."""


@_computed
class MultiLabelMarginLoss(nn.MultiLabelMarginLoss):
    """torch's module of this name, by `multilabel_margin_loss`."""


@_computed
class MultiLabelSoftMarginLoss(nn.MultiLabelSoftMarginLoss):
    """torch's module of this name, by `multilabel_soft_margin_loss`."""


@_computed
class CosineEmbeddingLoss(nn.CosineEmbeddingLoss):
    """torch's module of this name, by `cosine_embedding_loss`."""


@_computed
class TripletMarginLoss(nn.TripletMarginLoss):
    """torch's module of this name, by `triplet_margin_loss`."""


@_computed
class TripletMarginWithDistanceLoss(nn.TripletMarginWithDistanceLoss):
    """torch's module of this name, by `triplet_margin_with_distance_loss`."""


@_computed
class CTCLoss(nn.CTCLoss):
    """torch's module of this name, by `ctc_loss`."""


if hasattr(nn, "LinearCrossEntropyLoss"):  # torch 2.13

    @_computed
    class LinearCrossEntropyLoss(nn.LinearCrossEntropyLoss):
        """torch's module of this name, by `linear_cross_entropy`."""


__all__ = [name for name, found in vars().items() if isinstance(found, type) and issubclass(found, nn.Module)]
