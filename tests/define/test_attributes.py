"""Attributes that there are not: of modules and of losses, under the names that others have for them."""

from __future__ import annotations

import copy
import importlib
import pickle
import re
from types import ModuleType
from typing import Any

import pytest

import fastloss as fl
from fastloss.define.attributes import OTHERS
from fastloss.losses.names import suggestion
from fastloss.losses.peers import KINDS, PEERS
from fastloss.structured.verbs import HostLoss

MODULES = [m for m in (getattr(fl, n) for n in fl.__all__) if isinstance(m, ModuleType)]
FURTHER = ["fastloss.sklearn", "fastloss.torch", "fastloss.jax"]
STRUCTURED = [v for v in (getattr(fl, n) for n in fl.__all__) if isinstance(v, HostLoss)]


@pytest.mark.parametrize("module", [*[m.__name__ for m in MODULES], *FURTHER])
def test_completion_shows_what_is_public(module: str) -> None:
    """No names of modules that are imported there, no `Any`."""
    if module in FURTHER:
        pytest.importorskip(module.removeprefix("fastloss."))
    found = importlib.import_module(module)
    for name in dir(found):
        assert name.startswith("__") or name in found.__all__ or name in (*fl.LOSSES, *fl.ALIASES, *fl.__all__), name


@pytest.mark.parametrize(
    ("module", "name", "meant"),
    [("gan", "WGANLoss", "wasserstein"), ("gan", "lsgan", "least_squares"), ("penalties", "lasso", "l1"),
     ("penalties", "ElasticNet", "elastic_net"), ("boosting", "xgb", "xgboost"), ("boosting", "LightGBM", "lightgbm"),
     ("plot", "curve", "curves"), ("optimize", "least_square", "least_squares")],
)  # fmt: skip
def test_a_module_says_what_is_meant(module: str, name: str, meant: str) -> None:
    found = getattr(fl, module)
    with pytest.raises(
        AttributeError, match=f"'fastloss.{module}' has no attribute '{name}': did you mean .*{meant}\\?"
    ):
        getattr(found, name)
    with pytest.raises(AttributeError, match="'zzzz': it has .* and "):
        found.zzzz  # noqa: B018
    assert not hasattr(found, "_private")


@pytest.mark.parametrize("loss", [fl.huber, fl.cross_entropy, fl.huber.bind(delta=2.0), *STRUCTURED], ids=str)
def test_a_loss_says_which_verb_is_meant(loss: Any) -> None:
    for name, verb in OTHERS.items():
        with pytest.raises(
            AttributeError, match=f"{loss.name} has no attribute '{name}': did you mean .*The verbs are"
        ):
            getattr(loss, name)
        assert not hasattr(loss, name) and name not in dir(loss)
        assert verb == "the call" or hasattr(fl.huber, verb)
    assert not {*OTHERS, "__name__"} & {*dir(type(loss)), *dir(loss)}
    assert copy.deepcopy(loss).name == pickle.loads(pickle.dumps(loss)).name == loss.name


def test_nothing_is_meant_by_what_a_loss_does_not_do() -> None:
    """The call of a loss fits nothing."""
    with pytest.raises(AttributeError, match="'Loss' object has no attribute 'fit'$"):
        fl.huber.fit  # noqa: B018


def _loss(path: str) -> Any:
    found: Any = fl
    for part in path.split("."):
        found = getattr(found, part)
    return found


def test_what_is_said_of_a_name_exists() -> None:
    """Of every name of another library, and of every kind."""
    for losses in {*PEERS.values(), *KINDS.values()}:
        for name in losses.split():
            assert callable(_loss(name)) or name.startswith("gan."), name


@pytest.mark.parametrize(
    ("name", "meant"),
    [("dice", "fl.dice_loss or"), ("IoU", "fl.iou_loss or fl.jaccard_loss"), ("wasserstein", "fl.gan.wasserstein"),
     ("LSGAN", "fl.gan.least_squares"), ("lovasz", "fl.lovasz_softmax_loss or"), ("CircleLoss", r"fl.circle\?"),
     ("kd_loss", "fl.distillation or"), ("LabelSmoothingCrossEntropy", "fl.cross_entropy"), ("BPRLoss", "fl.pairwise_"),
     ("TverskyLoss", "fl.tversky_loss")],
)  # fmt: skip
def test_names_of_other_libraries(name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"did you mean {meant}"):
        getattr(fl, name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ArcFaceLoss", "fl.circle"), ("tukey_biweight", "fl.welsch"), ("AsymmetricLoss", "fl.binary_focal"),
     ("symmetric_cross_entropy", "fl.generalized_cross_entropy"), ("zero_inflated_poisson", "fl.poisson"),
     ("linex", "fl.expectile"), ("crps", "fl.quantile"), ("LDAMLoss", "fl.cross_entropy"), ("cb_loss", "fl.cross_")],
)  # fmt: skip
def test_kinds_of_what_is_not_here(name: str, kind: str) -> None:
    """And how to search, and to make one's own."""
    text = suggestion(name)
    assert text.startswith(f"it has no counterpart here; of its kind there are {kind}")
    assert text.endswith("; `fastloss losses --search WORD` finds some, fl.derive makes others")
    assert suggestion("perceptual").startswith("fl.LOSSES has all losses, by name; `fastloss losses --search")


@pytest.mark.parametrize(
    ("name", "said"),
    [("asymmetric_huber", "did you mean fl.huber"), ("SeesawHingeLoss", "did you mean fl.hinge"),
     ("AsymmetricFocalLoss", "did you mean fl.binary_focal"), ("student_teacher", "did you mean fl.distillation or"),
     ("low_rank", "fl.LOSSES has"), ("zip_longest", "fl.LOSSES has"), ("center_crop", "fl.LOSSES has"),
     ("StudentTLoss", "it has no counterpart here; .* fl.welsch"), ("CenterLoss", "it has no counterpart .* fl.circle"),
     ("rank:foo", "it has no counterpart .* fl.lambdarank"), ("LiftedStructureLoss", "it has no .* fl.circle"),
     ("VanillaGAN", "did you mean fl.gan.minimax"), ("exp", r"did you mean fl.math.exp\?"), ("ExpLoss", "did you mean fl.exponential")],
)  # fmt: skip
def test_a_word_for_a_kind_says_nothing_of_a_name_that_has_a_loss_besides(name: str, said: str) -> None:
    assert re.match(said, suggestion(name))


def test_what_games_are_called_stands_once() -> None:
    from fastloss.losses.peers import GAMES

    for other, ours in GAMES.items():
        assert PEERS[other] == f"gan.{ours}"
        with pytest.raises(AttributeError, match=f"did you mean fastloss.gan.{ours}"):
            getattr(fl.gan, other)


FACES = {"torch": "fastloss.torch", "jax": "fastloss.jax"}


@pytest.mark.parametrize("library", FACES)
def test_the_face_of_another_library(library: str) -> None:
    """Names of losses that it does not have, functions that are no losses, and keywords that it takes."""
    array = pytest.importorskip("jax.numpy" if library == "jax" else library)
    face = importlib.import_module(FACES[library])
    with pytest.raises(AttributeError, match="has no attribute 'wgan': fl.gan.wasserstein has it, for NumPy's arrays"):
        face.wgan  # noqa: B018
    with pytest.raises(AttributeError, match="'FocalLoss': did you mean .*binary_focal or .*multiclass_focal"):
        face.FocalLoss  # noqa: B018
    with pytest.raises(AttributeError, match="'tukey': it has no counterpart here; of its kind there are fl.welsch"):
        face.tukey  # noqa: B018
    if library == "jax":
        with pytest.raises(AttributeError, match="'dice_loss': fl.dice_loss has it, for NumPy's arrays"):
            face.dice_loss  # noqa: B018
    with pytest.raises(TypeError, match=r"is a function, mine \(fl.derive makes losses of such\)|a function, mine"):
        face.function(mine)
    name, scores = ("dim" if library == "torch" else "axis"), array.zeros((2, 3))
    for function in (face.multiclass_focal, face.huber):
        labels = array.zeros_like(scores[:, 0]) if function is face.multiclass_focal else scores
        with pytest.raises(TypeError, match=f"'gama' is no argument, expected pred, target, .*{name}") as told:
            function(scores, labels, gama=2.0)
        assert " out," not in str(told.value) and (" axis," in str(told.value)) == (library == "jax")


def mine(pred: Any, target: Any) -> Any:
    return pred - target
