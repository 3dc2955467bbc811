"""What wrong calls say: `python tests/helpers/calls.py` prints each call and its message.

A message says `loss: argument is X, expected Y`, and then at most one thing that may have been meant.
"""

from __future__ import annotations

import re

import pytest
from calls import CALLS, labels, p, said, scores, t

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")


@pytest.mark.parametrize(("call", "message"), CALLS.items(), ids=range(len(CALLS)))
def test_what_a_wrong_call_says(call: str, message: str) -> None:
    assert said(call) == message


def test_every_message_has_one_form() -> None:
    """The loss, the argument, what it is, what was expected; then one hint."""
    for message in CALLS.values():
        if not message.startswith("AttributeError"):
            assert re.match(r"\w+Error: \w+: .+, (expected|but there are) .+", message) or "shape" in message
        assert message.count("; ") <= 2
        assert len(message) < 330


def test_an_import_of_what_does_not_exist_says_the_same() -> None:
    """Python itself would suggest half_squared_error."""
    with pytest.raises(ImportError, match=r"^cannot import 'mean_squared_error': did you mean fl\.squared_error\?$"):
        exec("from fastloss import huber, mean_squared_error", {})
    assert not hasattr(fl, "mean_squared_error")
    assert getattr(fl, "mean_squared_error", None) is None
    with pytest.raises(ImportError, match="cannot import name '_nothing'"):
        exec("from fastloss import _nothing", {})


def test_other_names_are_of_losses_that_exist() -> None:
    from fastloss.define.hints import LOGITS
    from fastloss.losses.names import likely_losses
    from fastloss.losses.peers import PEERS

    known = {*fl.LOSSES, *fl.__all__, *(f"gan.{n}" for n in fl.gan.__all__)}
    assert {n for names in PEERS.values() for n in names.split()} <= known
    assert not set(PEERS) & set(fl.LOSSES) - {"hinge"}
    assert set(LOGITS) <= known and {other for other, _ in LOGITS.values()} <= known
    assert {n for n in fl.LOSSES if n.endswith(("_from_probabilities", "_identity"))} - set(LOGITS) == {
        "distillation_from_probabilities"  # the teacher's
    }
    for ours, theirs in {
        "squared_error": "mean_squared_error MSELoss MeanSquaredError mse_loss L2DistLoss",
        "absolute_error": "mean_absolute_error L1Loss regression_l1 MeanAbsoluteError",
        "half_squared_error": "reg:squarederror l2_loss",
        "cross_entropy": "CrossEntropyLoss ce softmax_cross_entropy_with_integer_labels multi:softprob crossentropy",
        "binary_cross_entropy_with_logits": "BCEWithLogitsLoss binary:logistic Logloss sigmoid_binary_cross_entropy",
        "binary_cross_entropy": "bce_loss BCELoss log_loss BinaryCrossentropy",
        "root_mean_squared_error": "rmse_loss RMSE",
        "kl_divergence": "KLDivergence kld_loss kl",
        "huber": "Huber huber_loss HuberLoss hubber",
        "quantile": "mean_pinball_loss pinball_loss Quantile",
        "squared_hinge": "SquaredHinge L2HingeLoss",
        "logistic": "SoftMarginLoss LogitMarginLoss",
        "binary_focal": "focal_loss sigmoid_focal_loss",
        "binary_focal_from_probabilities": "BinaryFocalCrossentropy",
        "multiclass_focal_from_probabilities": "CategoricalFocalCrossentropy",
        "accelerated_failure_time_normal": "survival:aft SurvivalAft",
        "hinge_embedding": "HingeEmbeddingLoss",
        "giou_loss": "generalized_box_iou_loss giou",
        "multibox": "MultiBoxLoss SSDLoss",
        "triplet_margin": "TripletMarginLoss triplet_margin_with_distance_loss",
        "cosine_embedding": "CosineEmbeddingLoss",
        "margin_ranking": "MarginRankingLoss",
        "nt_xent": "NTXentLoss",
        "supervised_contrastive": "SupConLoss",
        "batch_triplet_margin": "TripletSemiHardLoss",
        "cox": "survival:cox Cox CoxPHLoss neg_partial_log_likelihood",
        "preference": "dpo_loss DPO SimPO bradley_terry",
        "negative_binomial": "NegativeBinomial negative_binomial_loss NegativeBinomialDistributionLoss",
        "lambdarank": "rank:ndcg LambdaMart",
        "pairwise_logistic": "rank:pairwise PairLogit RankNet",
        "ctc": "CTCLoss ctc_loss ctc_batch_cost",
    }.items():
        assert {name: likely_losses(name)[0] for name in theirs.split()} == dict.fromkeys(theirs.split(), ours)
    for nothing_like_it in ("RNNTLoss", "MisclassLoss", "YetiRank"):
        assert likely_losses(nothing_like_it) == []


@pytest.mark.parametrize(
    ("name", "there_are"),
    [("rank:map", "lambdarank and pairwise_logistic"), ("YetiRank", "lambdarank and pairwise_logistic"),
     ("rank_xendcg", "lambdarank and"), ("survival:unheard_of", "cox and"),
     ("multi:unheard_of", "cross_entropy and")],
)  # fmt: skip
def test_a_name_without_counterpart_is_answered_with_its_kind(name, there_are) -> None:
    from fastloss.losses.names import hint, likely_losses, meant

    assert hint(name).startswith(f"it has no counterpart here; of its kind there are {there_are}")
    assert likely_losses(name) == [] and meant(name) is None
    with pytest.raises(ValueError, match=f"'{name}' is no loss; it has no counterpart here; .* fl.{there_are[:6]}"):
        fl.data.scorer(name, "p", "y")


def test_inputs_by_the_names_of_others() -> None:
    for given in ({"y_true": t, "y_pred": p}, {"input": p, "target": t}, {"target": t, "pred": p}):
        assert fl.squared_error.grad(**given).tolist() == fl.squared_error.grad(p, t).tolist()
    assert fl.squared_error.grad(p, y_true=t).tolist() == fl.squared_error.grad(p, t).tolist()
    value, _ = fl.cross_entropy.value_and_grad(y_true=labels, y_pred=scores)
    assert value == fl.cross_entropy.value_and_grad(scores, labels)[0]
