"""Other libraries' names of losses, and the losses that are probably meant by an unknown name."""

from __future__ import annotations

import re
import sys
from difflib import SequenceMatcher, get_close_matches
from opcode import opmap
from typing import TYPE_CHECKING, Any

from ..define.derive.names import of_math
from ..define.wording import listed
from ..registry import LOSSES
from . import ALIASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GAMES = {
    "lsgan": "least_squares",
    "ragan": "relativistic_average",
    "vanilla": "minimax",
    "vanilla_gan": "minimax",
    "wgan": "wasserstein",
}
"""Others' names of what `fl.gan` has, and ours."""

PEERS = {
    # scikit-learn
    "mean_squared_error": "squared_error",
    "mean_absolute_error": "absolute_error",
    "mean_squared_log_error": "squared_log_error",
    "mean_absolute_percentage_error": "absolute_percentage_error",
    "mean_pinball": "quantile",
    "mean_poisson_deviance": "poisson_identity",
    "mean_gamma_deviance": "gamma_identity",
    "mean_tweedie_deviance": "tweedie_identity",
    "hinge": "hinge multiclass_hinge",
    "log": "binary_cross_entropy categorical_cross_entropy",
    "brier_score": "squared_error",
    "half_poisson": "poisson",
    "half_gamma": "gamma",
    "half_tweedie": "tweedie",
    "half_binomial": "binary_cross_entropy_with_logits",
    "half_multinomial": "cross_entropy",
    "squared": "squared_error",
    # torch
    "poisson_nll": "poisson",
    "multi_label_margin": "multilabel_margin",
    "multi_label_soft_margin": "multilabel_soft_margin",
    "cosine_similarity": "cosine_distance",
    "smooth_l_1": "smooth_l1",
    "sigmoid_focal": "binary_focal",
    "l_1": "absolute_error",
    # Keras
    "binary_crossentropy": "binary_cross_entropy binary_cross_entropy_with_logits",
    "categorical_crossentropy": "categorical_cross_entropy cross_entropy",
    "sparse_categorical_crossentropy": "categorical_cross_entropy cross_entropy",
    "categorical_generalized_cross_entropy": "generalized_cross_entropy_from_probabilities generalized_cross_entropy",
    "crossentropy": "cross_entropy",
    "kullback_leibler_divergence": "kl_divergence",
    "kldivergence": "kl_divergence",
    "categorical_hinge": "multiclass_hinge",
    "binary_focal_crossentropy": "binary_focal_from_probabilities binary_focal",
    "categorical_focal_crossentropy": "multiclass_focal_from_probabilities multiclass_focal",
    "mean_squared_logarithmic_error": "squared_log_error",
    "logcosh": "log_cosh",
    # optax
    "l2": "half_squared_error squared_error",
    "sigmoid_binary_cross_entropy": "binary_cross_entropy_with_logits",
    "softmax_cross_entropy_with_integer_labels": "cross_entropy",
    "sparse_softmax_cross_entropy_with_logits": "cross_entropy",
    "softmax_cross_entropy_with_logits": "cross_entropy",
    "sigmoid_cross_entropy_with_logits": "binary_cross_entropy_with_logits",
    "poly": "poly_cross_entropy",
    "kl_divergence_with_log_targets": "kl_divergence_log_target",
    "multiclass_logistic": "cross_entropy",
    "ranking_softmax": "listwise_softmax",
    "sparsemax": "sparsemax_loss binary_sparsemax",
    "multiclass_sparsemax": "sparsemax_loss",
    # XGBoost, LightGBM, CatBoost
    "reg_logistic": "binary_cross_entropy_with_logits",
    "mlogloss": "categorical_cross_entropy",
    "mphe": "pseudo_huber",
    "aft": "accelerated_failure_time_normal accelerated_failure_time_logistic",
    "survival_aft": "accelerated_failure_time_normal accelerated_failure_time_logistic",
    "poisson_nloglik": "poisson_identity",
    "gamma_nloglik": "gamma_identity",
    "gamma_deviance": "gamma_identity",
    "tweedie_nloglik": "tweedie_identity",
    "multi_quantile": "quantile",
    "multi_logloss": "multilabel_soft_margin",
    "multi_cross_entropy": "multilabel_soft_margin",
    "multi_class_one_vs_all": "multilabel_soft_margin",
    "multiclassova": "multilabel_soft_margin",
    "query_soft_max": "listwise_softmax",
    "lambda_mart": "lambdarank",
    "lambdamart": "lambdarank",
    "lambda_rank": "lambdarank",
    "rank_ndcg": "lambdarank",
    "rank_pairwise": "pairwise_logistic",
    "pair_logit": "pairwise_logistic",
    "rank_net": "pairwise_logistic",
    "ranknet": "pairwise_logistic",
    "rmse_with_uncertainty": "gaussian_nll_log_scale gaussian_nll",
    "squarederror": "half_squared_error",
    "squaredlogerror": "squared_log_error",
    "absoluteerror": "absolute_error",
    "quantileerror": "quantile",
    "pseudohubererror": "pseudo_huber",
    "binary_logistic": "binary_cross_entropy_with_logits",
    "logitraw": "binary_cross_entropy_with_logits",
    "log_loss": "binary_cross_entropy categorical_cross_entropy",
    "logloss": "binary_cross_entropy_with_logits binary_cross_entropy",
    "softprob": "cross_entropy",
    "softmax": "cross_entropy",
    "multiclass": "cross_entropy",
    "multi_class": "cross_entropy",
    "regression": "half_squared_error",
    "regression_l2": "half_squared_error",
    "regression_l1": "absolute_error",
    "binary": "binary_cross_entropy_with_logits",
    "listnet": "listwise_softmax",
    "query_softmax": "listwise_softmax",
    # LossFunctions
    "lp_dist": "lp",
    "smoothed_l1_hinge": "smoothed_hinge",
    "sigmoid": "sigmoid_margin",
    "dwd_margin": "distance_weighted_discrimination",
    "l1_dist": "absolute_error",
    "l2_dist": "squared_error",
    "l1_epsilon_ins": "epsilon_insensitive",
    "epsilon_ins": "epsilon_insensitive",
    "l2_epsilon_ins": "squared_epsilon_insensitive",
    "l1_hinge": "hinge",
    "l2_hinge": "squared_hinge",
    "logit_margin": "logistic",
    "exp": "exponential",
    # short
    "asymmetric_laplace": "quantile",
    "ce": "cross_entropy",
    "xent": "cross_entropy",
    "focal": "binary_focal multiclass_focal",
    "brier": "squared_error",
    "charbonnier": "pseudo_huber",
    "kl": "kl_divergence",
    "js": "js_divergence",
    "tv": "total_variation",
    "se": "squared_error",
    "ae": "absolute_error",
    "sse": "squared_error",
    "lin_cross_entropy": "linear_cross_entropy",
    "fused_linear_cross_entropy": "linear_cross_entropy",
    # embeddings
    "triplet": "triplet_margin batch_triplet_margin",
    "triplet_margin_with_distance": "triplet_margin",
    "triplet_semi_hard": "batch_triplet_margin",
    "triplet_hard": "batch_triplet_margin",
    "triplet_all": "batch_triplet_margin",
    "npairs": "info_nce",
    "ntxent": "nt_xent",
    "cosine_embedding": "cosine_embedding",
    "triplet_margin": "triplet_margin batch_triplet_margin",
    "supcon": "supervised_contrastive",
    "sup_con": "supervised_contrastive",
    "clip": "info_nce",
    # boxes
    "generalized_box_iou": "giou_loss",
    "distance_box_iou": "diou_loss",
    "complete_box_iou": "ciou_loss",
    "giou": "giou_loss",
    "diou": "diou_loss",
    "ciou": "ciou_loss",
    "multi_box": "multibox",
    "ssd": "multibox",
    # masks
    "dice": "dice_loss generalized_dice_loss",
    "soft_dice": "dice_loss generalized_dice_loss",
    "iou": "iou_loss jaccard_loss",
    "io_u": "iou_loss jaccard_loss",
    "jaccard": "jaccard_loss",
    "tversky": "tversky_loss focal_tversky_loss",
    "lovasz": "lovasz_softmax_loss lovasz_hinge_loss",
    "lovasz_softmax": "lovasz_softmax_loss",
    "lovasz_hinge": "lovasz_hinge_loss",
    # two networks
    **{other: f"gan.{ours}" for other, ours in GAMES.items()},
    "wasserstein": "gan.wasserstein",
    "hinge_gan": "gan.hinge",
    "gan_hinge": "gan.hinge",
    "relativistic_gan": "gan.relativistic",
    "kd": "distillation soft_distillation",
    "student_teacher": "distillation soft_distillation",
    "teacher_student": "distillation soft_distillation",
    "knowledge_distillation": "distillation soft_distillation",
    # learning without labels, and preferences
    "simclr": "nt_xent",
    "moco": "info_nce",
    "bpr": "pairwise_logistic",
    "label_smoothing": "cross_entropy",
    "label_smoothing_cross_entropy": "cross_entropy",
    "soft_target_cross_entropy": "cross_entropy",
    # alignments
    "ctc": "ctc",
    "ctc_batch_cost": "ctc",
}
"""Names of other libraries' losses, in the shortest spelling that `_spellings` gives, and ours: the likelier first."""


_OF_KINDS = {
    "lambdarank pairwise_logistic": "rank: rank map mrr xendcg yeti approxndcg warp softrank",
    "listwise_softmax lambdarank": "listmle",
    "accelerated_failure_time_normal accelerated_failure_time_logistic": "survival: survival cox",
    "cross_entropy multilabel_soft_margin": "multi:",
    "welsch geman_mcclure cauchy": "tukey biweight bisquare barron studentt",
    "smooth_l1 log_cosh": "wing adaptivewing awing",
    "expectile quantile": "linex",
    "binary_focal binary_cross_entropy_with_logits": "asymmetric asl",
    "generalized_cross_entropy poly_cross_entropy": "symmetriccrossentropy sce taylorcrossentropy taylor",
    "circle supervised_contrastive info_nce": "arcface cosface sphereface proxyanchor proxynca center npair lifted "
    "liftedstructure",
    "quantile gaussian_nll": "crps",
    "poisson tweedie gamma": "negativebinomial negativebinomialnll inversegaussian zeroinflatedpoisson zip",
    "gaussian_nll gaussian_nll_log_scale": "betanll evidential laplace laplacenll mdn",
    "cross_entropy multiclass_focal": "ldam seesaw equalization classbalanced cb logitadjustment",
}  # fmt: skip
KINDS = {word: losses for losses, words in _OF_KINDS.items() for word in words.split()}
"""What there is of a kind which the first or last part of a name says, as of `rank:map`, which has no counterpart."""

_ALONE = frozenset(["cb", "center", "lifted", "map", "rank", "zip"])
"""Those words that say so as the whole of a name: other names have them, too, such as `low_rank`."""


OTHERS = {"gan", "penalties"}
"""Our modules in which losses' names are other things."""

VERBS = ("grad", "value_and_grad", "grad_and_hess", "bind")


def likely_losses(name: str, also: Iterable[str] = ()) -> list[str]:
    """The losses that a name may mean, the likeliest first; or the names of `also` that look like it."""
    if known := losses_called(name):
        return known
    if of_kind(name):
        return []
    forms = _spellings(name)
    if (rest := next(_kinds_and_rests(forms[-1]), None)) is not None:
        return losses_called(rest[1])
    close: list[str] = []
    for form in dict.fromkeys((forms[0], forms[-1])):
        # Of other libraries' names only what is misspelt: what looks like one may be something else.
        close += get_close_matches(form, [*LOSSES, *ALIASES, *also], 3, 0.75) or get_close_matches(form, PEERS, 1, 0.88)
    close = [m for m in close if SequenceMatcher(None, forms[-1], m.removesuffix("_loss")).ratio() > 0.5]
    return list(dict.fromkeys(n for m in close for n in (PEERS.get(m) or ALIASES.get(m) or m).split()))[:2]


def meant(name: str, also: Iterable[str] = ()) -> str | None:
    """The one loss that a name means: ours, one of `also`, or another library's; None if none or several are meant."""
    full = ALIASES.get(name, name)
    known = [full] if full in LOSSES or full in also else losses_called(name)
    return known[0] if len(known) == 1 and known[0] in (*LOSSES, *also) else None


def losses_called(name: str) -> list[str]:
    """The losses that this library or another calls by a name, the likeliest first."""
    if OTHERS & {*name.split(".")[:-1]}:
        return []
    for form in _spellings(name):
        if known := PEERS.get(form) or ALIASES.get(form) or (form if form in LOSSES else None):
            return known.split()
    return []


def _spellings(name: str) -> list[str]:
    """A name in our spelling, first as it is: `nn.BCEWithLogitsLoss` is bce_with_logits_loss, then bce_with_logits."""
    short = name.rpartition(".")[2]
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", short).replace("-", "_").lower()
    forms = [snake.replace(":", "_"), snake.rpartition(":")[2]]
    for pattern in (r"_?loss(es)?$", r"^loss_", r"_(error|metric|objective|score)$"):
        forms.append(re.sub(pattern, "", forms[-1]))
    return list(dict.fromkeys(filter(None, forms))) or [snake]


def asked_by_import() -> bool:
    """Whether the module's attribute is asked for by ``from fastloss import``.

    Python's own error would name what looks most alike, and that may be half of what was meant.
    """
    asking = sys._getframe(3)  # behind the module's __getattr__ and the function that it calls
    return asking.f_code.co_code[asking.f_lasti] == opmap["IMPORT_FROM"]


def of_kind(name: str) -> list[str]:
    """The losses of the kind that a name says which no loss has here."""
    forms = _spellings(name)
    whole = KINDS.get(forms[-1].replace("_", "")) or KINDS.get(f"{name.partition(':')[0]}:")
    if whole:
        return whole.split()
    return next((KINDS[word].split() for word, rest in _kinds_and_rests(forms[-1]) if not losses_called(rest)), [])


def _kinds_and_rests(form: str) -> Iterator[tuple[str, str]]:
    """The words for kinds at either end of a name, and what is left of it: of asymmetric_huber, huber."""
    for word, rest in (form.partition("_")[::2], form.rpartition("_")[::-2]):
        if word in KINDS and word not in _ALONE:
            yield word, rest


def hint(name: str, also: Iterable[str] = (), spelt: str = "{}") -> str:
    """A question with the losses that were probably meant, or what there is of their kind; or an empty text."""
    likely, kind = ([spelt.format(n) for n in found] for found in (likely_losses(name, also), of_kind(name)))
    if not likely and kind:
        return f"it has no counterpart here; of its kind there are {listed(kind)}"
    return f"did you mean {listed(likely, 'or')}?" if likely else ""


def of_a_face(name: str, library: Any, spelt: Callable[[str], str | None]) -> str:
    """The end of the error for a loss that the functions for another library's arrays do not have.

    `library` is the package, which has more losses, `spelt` says how the functions call one of ours, or None.
    """
    more = [n for n in library.__all__ if n not in LOSSES and hasattr(getattr(library, n), "value_and_grad")]
    likely = [name] if name in more else likely_losses(name, more)
    if found := [x for n in likely if (x := spelt(n)) is not None]:
        return f": did you mean {listed(found, 'or')}?"
    return f": fl.{likely[0]} has it, for NumPy's arrays" if likely else f": {suggestion(name)}"


def suggestion(name: str, also: Iterable[str] = ()) -> str:
    """The end of the error for an attribute that does not exist."""
    if name in VERBS:
        return f"each loss has it, as in fl.huber.{name}"
    if mine := of_math(name):
        return f"did you mean fl.math.{mine}?"
    text = hint(name, also, "fl.{}") or "fl.LOSSES has all losses, by name"
    more = "; `fastloss losses --search WORD` finds some, fl.derive makes others"
    return text if text.endswith("?") else text + more
