"""The losses of segmentation by the overlap of regions and their masks."""

from __future__ import annotations

from typing import Any, ClassVar

from . import regions
from .region_losses import RatioLoss


class DiceLoss(RatioLoss):
    __doc__ = RatioLoss.__doc__
    values: ClassVar[Any] = {"smooth": 0.0, "per_sample": False, "per_class": True, "classes": "all"}


class GeneralizedDiceLoss(RatioLoss):
    __doc__ = RatioLoss.__doc__
    values: ClassVar[Any] = {"smooth": 0.0, "per_sample": False, "classes": "all"}
    by_class, squared = False, True


class TverskyLoss(RatioLoss):
    __doc__ = RatioLoss.__doc__
    values: ClassVar[Any] = {"alpha": 0.5, "beta": 0.5, **DiceLoss.values}


class FocalTverskyLoss(RatioLoss):
    __doc__ = RatioLoss.__doc__
    values: ClassVar[Any] = {"alpha": 0.3, "beta": 0.7, "gamma": 0.75, **DiceLoss.values}
    score = regions.focal_tversky


dice_loss = DiceLoss("dice_loss", "Dice", half=0.5)
generalized_dice_loss = GeneralizedDiceLoss("generalized_dice_loss", "x", half=0.5)
jaccard_loss = DiceLoss("jaccard_loss", "x", alpha=1.0, beta=1.0)
tversky_loss = TverskyLoss("tversky_loss", "x")
focal_tversky_loss = FocalTverskyLoss("focal_tversky_loss", "x")
