"""The losses of segmentation: of predicted regions and their masks, by what they have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from . import region_formulas as formulas
from .lovasz import LovaszLoss
from .region_losses import RatioLoss


class DiceLoss(RatioLoss):  # noqa: D101
    values: ClassVar[Any] = {"smooth": 0.0, "per_sample": False, "per_class": True, "classes": "all"}


class GeneralizedDiceLoss(RatioLoss):  # noqa: D101
    values: ClassVar[Any] = {"smooth": 0.0, "per_sample": False, "classes": "all"}
    by_class, squared = False, True


class TverskyLoss(RatioLoss):  # noqa: D101
    values: ClassVar[Any] = {"alpha": 0.5, "beta": 0.5, **DiceLoss.values}


class FocalTverskyLoss(RatioLoss):  # noqa: D101
    values: ClassVar[Any] = {"alpha": 0.3, "beta": 0.7, "gamma": 0.75, **DiceLoss.values}
    score = formulas.focal_tversky


class LovaszSoftmaxLoss(LovaszLoss):  # noqa: D101
    values: ClassVar[Any] = {"per_sample": False, "classes": "present"}


class LovaszHingeLoss(LovaszLoss):  # noqa: D101
    values: ClassVar[Any] = {"per_sample": False, "classes": "all"}
    activated, hinge = False, True


dice_loss = DiceLoss("dice_loss", """\
Dice loss: 1 - (2 I + s) / (P + T + s) of each class, averaged over classes.

I = sum of w p t, P = sum of w p, T = sum of w t over the pixels that `per_sample` and `per_class` bring together; s is
`smooth`, p the probability, t the target, w the weight. It is computed as (FP + FN) / (P + T + s), in which nothing
cancels. A class that is in neither has a loss of 0; with s = 0 a class that is in the prediction alone has a loss of 1
and no gradient, and with a greater s one that lowers the prediction. F. Milletari et al., "V-Net" (3DV 2016), has p^2
and t^2 in the denominator; the sums of p and t are what is used since.

Where others differ:

| library | its loss | here |
|---|---|---|
| Keras `Dice` | one score over the whole batch and all classes; 1e-7 below only | ``per_class=False`` |
| kornia `dice_loss` | per sample; "micro" is one score for all classes; 1e-8 below | ``per_sample=True`` |
| MONAI `DiceLoss` | per sample and class, or with ``batch=True`` as here; s = 1e-5 | ``per_sample=True, smooth=1e-5`` |
| optax `dice_loss` | per sample and class; s = 1, with alpha and beta | `tversky_loss`, ``smooth=1.0`` |
| segmentation_models.pytorch | classes that are not in the target count as 0 | ``classes="present", normalizer=K`` |

The last one takes (P + T - sum of |p - t|) / 2, the sum of min(p, t), for I. That is the same for targets of 0 and 1.
For targets between them it is not followed: the papers have p t, and the minimum has a kink at p = t.

>>> import fastloss as fl
>>> fl.dice_loss.value_and_grad([0.5, 0.5, 1.0], [0.0, 1.0, 1.0])
(np.float64(0.25), array([ 0.1875, -0.3125, -0.3125]))
>>> fl.dice_loss([[0.0, 9.0], [9.0, 0.0]], [1, 0], activation="softmax", axis=1).round(6)
np.float64(0.000123)
""", half=0.5)  # fmt: skip

generalized_dice_loss = GeneralizedDiceLoss("generalized_dice_loss", """\
Generalised Dice loss: one Dice score of all classes, rare ones weighted up.

1 - (2 sum of v I + s) / (sum of v (P + T) + s) over classes, each with the weight v = 1 / T^2, so that every class of
the target counts alike, however few its pixels are. The weights are constant in the gradient. A class that is not in
the target has the weight of the rarest that is, as MONAI has it (1 / T^2 would be infinite); where none is, each has a
weight of 1. `class_weight` multiplies these weights. As they are of the size of 1 / T^2, so is an `s` that matters.
C. H. Sudre et al., "Generalised Dice overlap as a deep learning loss function" (DLMIA 2017).

>>> import fastloss as fl
>>> fl.generalized_dice_loss([[0.75, 0.5, 0.5], [0.25, 0.5, 0.5]], [0, 0, 1], axis=0).round(6)
np.float64(0.490196)
""", half=0.5)  # fmt: skip

jaccard_loss = DiceLoss("jaccard_loss", """\
Jaccard loss, or soft IoU: 1 - (I + s) / (P + T - I + s) of each class, averaged over classes.

Intersection over union of a region and its mask, with I, P, T and s as `dice_loss` has them, and the same conventions.
`iou_loss` is that of boxes. M. A. Rahman and Y. Wang, "Optimizing intersection-over-union in deep neural networks for
image segmentation" (ISVC 2016).

>>> import fastloss as fl
>>> fl.jaccard_loss([0.5, 0.5, 1.0], [0.0, 1.0, 1.0])
np.float64(0.4)
""", alpha=1.0, beta=1.0)  # fmt: skip

tversky_loss = TverskyLoss("tversky_loss", """\
Tversky loss: 1 - (I + s) / (I + alpha FP + beta FN + s) of each class, averaged over classes.

FP = sum of w p (1 - t), what is predicted beyond the target, and FN = sum of w (1 - p) t, what is missed; a `beta`
above `alpha` asks for recall. With 1/2 and 1/2 it is `dice_loss` of twice the smoothing, with 1 and 1 `jaccard_loss`.
S. S. M. Salehi et al., "Tversky loss function for image segmentation using 3D fully convolutional deep networks" (MLMI
2017), has alpha = 0.3, beta = 0.7. Keras pools all classes, adds 1e-7 below only,
and its alpha weighs what is missed, though its documentation has it as here; optax has s = 1.

>>> import fastloss as fl
>>> fl.tversky_loss([0.5, 0.5, 1.0], [0.0, 1.0, 1.0], alpha=0.25, beta=0.75)
np.float64(0.25)
""")  # fmt: skip

focal_tversky_loss = FocalTverskyLoss("focal_tversky_loss", """\
Focal Tversky loss: the Tversky loss of each class to the power gamma, averaged over classes.

Below 1 the power makes what is nearly right matter more, above 1 less. The default, 0.75, is the 1 / gamma of N.
Abraham and N. M. Khan, "A novel focal Tversky loss function with improved attention U-Net for lesion segmentation"
(ISBI 2019), with gamma = 4/3; there alpha, 0.7, is the weight of FN, which as in `tversky_loss` is `beta` here. The
power is taken before the mean; segmentation_models.pytorch takes that of the mean. At a loss of 0 a power below 1 is
infinitely steep: the gradient is 0 there.

>>> import fastloss as fl
>>> fl.focal_tversky_loss([0.5, 0.5, 1.0], [0.0, 1.0, 1.0], alpha=0.5, beta=0.5, gamma=2.0)
np.float64(0.0625)
""")  # fmt: skip

lovasz_softmax_loss = LovaszSoftmaxLoss("lovasz_softmax_loss", """\
Lovász-softmax loss: the convex extension of the Jaccard loss to probabilities, averaged over classes.

With a pixel's error m = 1 - p inside the region and p outside, sorted from the largest on, it is the sum of m_k (J_k -
J_(k-1)), where J_k is the Jaccard loss, 1 - IoU, of a prediction that is wrong in the first k pixels. The target is 0
or 1. Of pixels with the same error the first one comes first, in the array's order; the value does not depend on it,
the gradient does. Classes without a pixel in the target are left out; with ``classes="all"`` such a class costs the
largest of its probabilities. `weight` counts pixels in the Jaccard loss. By default the pixels of all samples are
sorted together; ``per_sample=True`` is the paper's loss per image. M. Berman et al., "The Lovász-Softmax loss" (CVPR
2018). The paper's code takes probabilities, kornia's logits of a softmax: ``activation="softmax"``.

>>> import fastloss as fl
>>> fl.lovasz_softmax_loss.value_and_grad([0.25, 0.75, 0.5], [0, 1, 1])
(np.float64(0.375), array([ 0.16666667, -0.33333333, -0.5       ]))
""")  # fmt: skip

lovasz_hinge_loss = LovaszHingeLoss("lovasz_hinge_loss", """\
Lovász hinge: the convex extension of the Jaccard loss to the margins of logits.

That of `lovasz_softmax_loss` with errors m = max(0, 1 - z) inside the region and max(0, 1 + z) outside, of logits z.
With `axis` each class is a region of its own. At a margin of exactly 1 there is no gradient. A region without a pixel
costs the largest of its errors. J. Yu and M. Blaschko, "Learning submodular losses with the Lovász hinge" (ICML 2015);
M. Berman et al., "The Lovász-Softmax loss" (CVPR 2018).

>>> import fastloss as fl
>>> fl.lovasz_hinge_loss.value_and_grad([-0.5, 2.0, 0.25], [0, 1, 1])
(np.float64(0.4583333333333333), array([ 0.16666667,  0.        , -0.5       ]))
""")  # fmt: skip
