"""torch's loss functions by their names: torch's own samples of them, its errors, its signatures; and its modules.

Kernels are plain Python here, but where a test says otherwise: what they compute is other tests' subject.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import random
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torchface import INPUTS, NAMES, derivatives, numbers, same  # noqa: E402

F = torch.nn.functional

ONCE = {"ctc_loss", "multi_margin_loss", "multilabel_margin_loss"}
"""What torch itself differentiates once."""


@pytest.fixture(scope="module")
def operators() -> dict[str, list[Any]]:
    pytest.importorskip("expecttest")  # which torch's samples import
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    found: dict[str, list[Any]] = {}
    for op in op_db:
        found.setdefault(op.name.removeprefix("nn.functional."), []).append(op)
    return found


def samples(ops: list[Any], most: int) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Of many every so many-th; all 981 of them were as exact."""
    torch.manual_seed(0)
    random.seed(0)
    found = [sample for op in ops for sample in op.sample_inputs("cpu", torch.float64, requires_grad=False)]
    for sample in found[:: -(-len(found) // most)]:
        yield [sample.input, *sample.args], dict(sample.kwargs)


# -- torch's own samples -----------------------------------------------------------------------------------------------

HERE: dict[str, tuple[int, int]] = {
    "binary_cross_entropy": (8, 11),  # weights below 0
    "binary_cross_entropy_with_logits": (11, 26),  # weights below 0, targets above 1
    "cosine_embedding_loss": (6, 6),
    "cross_entropy": (15, 21),  # weights below 0
    "ctc_loss": (2, 2),
    "gaussian_nll_loss": (18, 36),  # variances below eps
    "hinge_embedding_loss": (9, 10),  # a margin below 0 or a label that is none
    "huber_loss": (9, 9),
    "kl_div": (12, 16),  # "none"
    "l1_loss": (6, 6),
    "linear_cross_entropy": (14, 37),  # "none", K dimensions, weights below 0
    "margin_ranking_loss": (0, 24),  # labels that are none
    "mse_loss": (6, 6),
    "multi_margin_loss": (6, 10),  # margins and weights below 0
    "multilabel_margin_loss": (0, 6),  # labels that stand there twice
    "multilabel_soft_margin_loss": (0, 4),  # targets below 0 and above 1
    "nll_loss": (15, 31),  # weights below 0
    "poisson_nll_loss": (9, 36),  # full, or no logarithm
    "smooth_l1_loss": (8, 8),
    "soft_margin_loss": (0, 6),  # labels that are none
    "triplet_margin_loss": (6, 7),  # swap
    "triplet_margin_with_distance_loss": (6, 7),  # swap
}
"""Of how many of torch's samples the loss is computed here, of how many in all, and what the others have."""


@pytest.mark.parametrize("name", NAMES)
def test_torchs_samples(name: str, flt: Any, computed: list[str], operators: Any, request: Any) -> None:
    if name != "ctc_loss":  # of 16 sequences of 50 frames, which a kernel does in less time than it takes to compile
        request.getfixturevalue("uncompiled")
    else:
        request.getfixturevalue("one_thread")
    count = 0
    for args, keywords in samples(operators[name], 2 if name == "ctc_loss" else 40):
        chunked = keywords.get("options") is not None
        order = 1 if name in ONCE or chunked else 2
        given = args, keywords, INPUTS.get(name, (0,)), order
        same(name, derivatives(getattr(flt, name), *given), derivatives(getattr(F, name), *given))
        count += 1
    assert (len(computed), count) == HERE[name]


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", NAMES)
def test_what_torch_refuses(name: str, flt: Any, computed: list[str], operators: Any, request: Any) -> None:
    request.getfixturevalue("uncompiled")
    for op in operators[name]:
        for error in op.error_inputs("cpu") if op.error_inputs_func else ():
            sample = error.sample_input
            with pytest.raises((error.error_type, ValueError), match=r"\w+: .*"):
                getattr(flt, name)(sample.input, *sample.args, **sample.kwargs)
    assert not computed


def test_all_of_torchs_are_here() -> None:
    ends = ("_loss", "cross_entropy", "cross_entropy_with_logits", "kl_div")
    assert {*NAMES} == {name for name in vars(F) if name.endswith(ends)} and len(NAMES) == 22


@pytest.mark.parametrize("name", NAMES)
def test_signatures(name: str, flt: Any) -> None:
    ours, theirs = inspect.signature(getattr(flt, name)).parameters, inspect.signature(getattr(F, name)).parameters
    found = [(p.name, p.kind, p.default) for p in ours.values() if p.name != "inplace"]
    assert found == [(p.name, p.kind, p.default) for p in theirs.values()]
    assert getattr(flt, name).__doc__


# -- Modules -----------------------------------------------------------------------------------------------------------


def test_modules(computed: list[str], uncompiled: None) -> None:
    from fastloss.torch import modules

    torch.manual_seed(5)
    x, y, labels = numbers(4, 3), numbers(4, 3), torch.tensor([0, 2, 1, 1])
    signs, masses, lists = y.sign(), y.sigmoid(), torch.tensor([[0, 2, -1]] * 4)
    weight = numbers(3, low=0.5)
    calls = {
        "L1Loss": ({}, (x, y)), "MSELoss": ({"reduction": "sum"}, (x, y)), "SmoothL1Loss": ({"beta": 0.5}, (x, y)),
        "HuberLoss": ({"delta": 0.5}, (x, y)), "PoissonNLLLoss": ({"full": True}, (x, masses)),
        "GaussianNLLLoss": ({"full": True}, (x, y, masses)), "BCELoss": ({"weight": weight}, (masses, masses)),
        "BCEWithLogitsLoss": ({"weight": weight, "pos_weight": weight}, (x, masses)), "SoftMarginLoss": ({}, (x, signs)),
        "HingeEmbeddingLoss": ({"margin": 0.5}, (x, signs)), "MarginRankingLoss": ({"margin": 0.5}, (x, y, signs)),
        "CrossEntropyLoss": ({"weight": weight, "ignore_index": 1, "label_smoothing": 0.1}, (x, labels)),
        "NLLLoss": ({"weight": weight, "ignore_index": 1}, (x, labels)),
        "KLDivLoss": ({"reduction": "batchmean", "log_target": True}, (x, y)),
        "MultiMarginLoss": ({"p": 2, "margin": 0.5, "weight": weight}, (x, labels)),
        "MultiLabelMarginLoss": ({"reduction": "none"}, (x, lists)),
        "MultiLabelSoftMarginLoss": ({"weight": weight}, (x, masses)),
        "CosineEmbeddingLoss": ({"margin": 0.5}, (x, y, signs[:, 0])),
        "TripletMarginLoss": ({"eps": 1e-3, "margin": 0.5}, (x, y, masses)),
        "TripletMarginWithDistanceLoss": ({"margin": 0.5}, (x, y, masses)),
        "LinearCrossEntropyLoss": ({"in_features": 3, "num_classes": 5, "bias": True}, (x.float(), labels)),
    }  # fmt: skip
    assert {*modules.__all__} == {*calls, "CTCLoss"}
    for name, (options, args) in calls.items():
        own, ours = getattr(torch.nn, name), getattr(modules, name)
        theirs, made = own(**options), ours(**options)
        made.load_state_dict(theirs.state_dict())
        assert isinstance(made, own) and repr(made) == repr(theirs)
        torch.testing.assert_close(made(*args), theirs(*args), rtol=1e-6, atol=1e-9)
    assert len(computed) == len(calls) - 1  # but for the full likelihood of counts


def test_the_module_of_sequences(computed: list[str], one_thread: None) -> None:
    from fastloss.torch import modules

    logs = numbers(4, 1, 3).log_softmax(-1).requires_grad_()
    own, ours = (where.CTCLoss(blank=2, zero_infinity=True) for where in (torch.nn, modules))
    given = logs, torch.tensor([[1]]), [4], [1]
    torch.testing.assert_close(ours(*given), own(*given))
    assert computed == ["ctc"] and repr(ours) == repr(own)


@pytest.mark.parametrize("module", ["binary", "classes", "regression"])
def test_examples(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"fastloss.torch.functional.{module}"))
    assert found.attempted and not found.failed
