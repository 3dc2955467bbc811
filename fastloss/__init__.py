"""fastloss: a loss, its gradient and its Hessian in one pass over the arrays that you already have.

>>> import fastloss as fl
>>> loss, grad = fl.huber.value_and_grad([1.0, 4.0], [0.5, 1.0], delta=1.5)
>>> loss, grad
(np.float64(1.75), array([0.25, 0.75]))

Every loss is an attribute of this module (``fl.huber``, ``fl.binary_cross_entropy_with_logits``), an object with four
verbs: call, ``value_and_grad``, ``grad``, ``grad_and_hess``; ``help(fl.huber)`` says what it takes, ``help(fl.Loss)``
what the keywords mean in full. ``fl.LOSSES`` has all losses by name; the name that another library gives to one is
answered with ours.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from . import losses
from .decorators import derive, pairwise, pointwise, rowwise
from .define.domain import (
    ABOVE_MINUS_ONE,
    BINARY,
    NON_NEGATIVE,
    OPEN_UNIT,
    POSITIVE,
    POSITIVE_OR_INF,
    REAL,
    SIGN,
    SWITCH,
    UNIT,
    Domain,
)
from .define.keywords import RowStats
from .loss import Loss, RowLoss
from .losses import ALIASES
from .losses.functions import log_softmax, logsumexp, softmax, sparsemax
from .registry import LOSSES

__version__ = "0.1.0"

# The registry makes the exports, so that adding a loss touches no list.
globals().update(LOSSES)
globals().update({short: LOSSES[name] for short, name in ALIASES.items()})

__all__ = [
    "ABOVE_MINUS_ONE",
    "ALIASES",
    "BINARY",
    "LOSSES",
    "NON_NEGATIVE",
    "OPEN_UNIT",
    "POSITIVE",
    "POSITIVE_OR_INF",
    "REAL",
    "SIGN",
    "SWITCH",
    "UNIT",
    "Domain",
    "Loss",
    "MultiBoxParts",
    "RowLoss",
    "RowStats",
    "rowwise",
    "batch_triplet_margin",
    "boosting",
    "box_iou",
    "check",
    "circle",
    "ciou_loss",
    "clear_cache",
    "contrastive_embedding",
    "convert_boxes",
    "cosine_embedding",
    "cox",
    "ctc",
    "data",
    "decode_boxes",
    "default_boxes",
    "derive",
    "dice_loss",
    "diou_loss",
    "encode_boxes",
    "gan",
    "focal_tversky_loss",
    "generalized_dice_loss",
    "get_num_threads",
    "giou_loss",
    "info_nce",
    "iou_loss",
    "jaccard_loss",
    "lambdarank",
    "linear_cross_entropy",
    "log_softmax",
    "logsumexp",
    "lovasz_hinge_loss",
    "lovasz_softmax_loss",
    "match_boxes",
    "math",
    "multibox",
    "ndcg",
    "nms",
    "nt_xent",
    "optimize",
    "pairwise",
    "pairwise_logistic",
    "penalties",
    "plot",
    "pointwise",
    "set_num_threads",
    "softmax",
    "sparsemax",
    "supervised_contrastive",
    "synchronize",
    "topk_distillation",
    "tversky_loss",
    "triplet_margin",
    "where",
    *LOSSES,
    *ALIASES,
]

# Imported at first use: importing their modules takes a tenth of the time that NumPy takes.
_LATER = {
    "checking.check": ("check",),
    "define.derive.functions": ("where",),
    "kernels.cpu.cache": ("clear_cache",),
    "kernels.cpu.threads": ("get_num_threads", "set_num_threads"),
    "kernels.cuda.launch": ("synchronize",),
    "structured.anchors": ("default_boxes",),
    "structured.box_losses": ("ciou_loss", "diou_loss", "giou_loss", "iou_loss"),
    "structured.boxes": ("box_iou", "convert_boxes", "nms"),
    "structured.cox": ("cox",),
    "structured.ctc": ("ctc",),
    "structured.embeddings.batches": ("info_nce", "nt_xent"),
    "structured.embeddings.labelled": ("circle", "supervised_contrastive"),
    "structured.embeddings.mining": ("batch_triplet_margin",),
    "structured.embeddings.pairs": ("contrastive_embedding", "cosine_embedding", "triplet_margin"),
    "structured.matching": ("decode_boxes", "encode_boxes", "match_boxes"),
    "structured.multibox": ("MultiBoxParts", "multibox"),
    "structured.ranking": ("lambdarank", "ndcg", "pairwise_logistic"),
    "structured.segmentation": (
        "dice_loss",
        "focal_tversky_loss",
        "generalized_dice_loss",
        "jaccard_loss",
        "lovasz_hinge_loss",
        "lovasz_softmax_loss",
        "tversky_loss",
    ),
}
_MODULES = {
    "boosting": "boosting",
    "data": "data",
    "gan": "gan",
    "math": "define.derive.functions",
    "optimize": "optimize",
    "penalties": "penalties",
    "plot": "plot",
    "sklearn": "sklearn",
    "torch": "torch",
}
_MODULE_OF = {name: module for module, names in _LATER.items() for name in names}

if TYPE_CHECKING:
    from . import boosting, data, gan, optimize, penalties, plot

    # Written by tools/stubs.py: every loss with what it takes.
    from ._typed import *  # noqa: F403
    from ._typed import (
        batch_triplet_margin,
        ciou_loss,
        circle,
        contrastive_embedding,
        cosine_embedding,
        cox,
        ctc,
        dice_loss,
        diou_loss,
        focal_tversky_loss,
        generalized_dice_loss,
        giou_loss,
        info_nce,
        iou_loss,
        jaccard_loss,
        lambdarank,
        lovasz_hinge_loss,
        lovasz_softmax_loss,
        multibox,
        nt_xent,
        pairwise_logistic,
        supervised_contrastive,
        triplet_margin,
        tversky_loss,
    )
    from .checking.check import check
    from .define.derive import functions as math
    from .define.derive.functions import where
    from .kernels.cpu.cache import clear_cache
    from .kernels.cpu.threads import get_num_threads, set_num_threads
    from .kernels.cuda.launch import synchronize
    from .structured.anchors import default_boxes
    from .structured.boxes import box_iou, convert_boxes, nms
    from .structured.matching import decode_boxes, encode_boxes, match_boxes
    from .structured.multibox import MultiBoxParts
    from .structured.ranking import ndcg

else:
    from .fused.linear import linear_cross_entropy
    from .fused.topk import topk_distillation

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name in _MODULES:
            return import_module(f".{_MODULES[name]}", __name__)
        if name not in _MODULE_OF:
            raise _unknown_attribute(name)
        found = globals()[name] = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        return found


def _unknown_attribute(name: str) -> Exception:
    if name.startswith("_") or f"{__name__}.{name}" in sys.modules:  # a submodule that is being imported
        return AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .losses.names import asked_by_import, suggestion

    text = f"{name!r}: {suggestion(name, __all__)}"
    if asked_by_import():
        return ImportError(f"cannot import {text}", name=__name__, path=__file__)
    # With an object and no name, Python adds no suggestion of its own.
    return AttributeError(f"module {__name__!r} has no attribute {text}", obj=losses)


def __dir__() -> list[str]:
    return sorted([*__all__, "__doc__", "__file__", "__name__", "__path__", "__version__"])
