"""Every loss as a function of tensors: its value is the verb's, its gradients are its differences, and no second
derivative is wrong. Kernels are plain Python here; what they compute is other tests' subject."""

from __future__ import annotations

import doctest
import importlib
import inspect
import linecache
import pickle
import re
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rowwise
from data import NAMES, REPRESENTATIVE, ROWS, draw, some

import fastloss as fl

torch = pytest.importorskip("torch")

from torch.autograd import gradcheck, gradgradcheck  # noqa: E402

from fastloss.torch import function, module  # noqa: E402

pytestmark = pytest.mark.usefixtures("uncompiled")

ROUGH = {"eps": 1e-6, "atol": 1e-4, "rtol": 1e-3}
"""Differences of float64 a millionth apart are that exact, of losses with numbers up to 1e2."""


def leaves(*arrays: Any, wrt: tuple[int, ...] = (0,)) -> list[Any]:
    """Tensors, of which some require grad."""
    found = [torch.as_tensor(x) for x in arrays]
    return [x.requires_grad_() if k in wrt else x for k, x in enumerate(found)]


def away(loss: Any, shape: Any, rng: np.random.Generator) -> list[Any]:
    """Inputs inside their domains, away from the ends: where a difference has two sides."""
    arrays = draw(loss, shape, "f8", rng)
    for k, domain in enumerate(loss.domains):
        if k in loss.wrt and domain.test != "none":
            arrays[k] = 0.2 + 0.6 * np.clip(arrays[k], 0.0, 1.0)
    return arrays


# -- Elements ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", some(NAMES, REPRESENTATIVE, plain=True))
def test_losses_of_elements(name: str, rng: np.random.Generator) -> None:
    """Each value has its own derivative, of both orders."""
    loss = fl.LOSSES[name]
    face, reduction = function(loss), "mean" if loss.rooted else "none"
    inputs = leaves(*away(loss, 3, rng), wrt=loss.wrt)
    given = [x for x in inputs if x.requires_grad]

    def run(*them: Any) -> Any:
        own = iter(them)
        return face(*(next(own) if x.requires_grad else x for x in inputs), reduction=reduction)

    value = loss(*(x.detach().numpy() for x in inputs), reduction=reduction)
    np.testing.assert_array_equal(run(*given).detach(), value)
    assert gradcheck(run, given, **ROUGH)
    if len(loss.wrt) == 1 and loss.order == 2 and not loss.rooted:
        assert gradgradcheck(run, given, **ROUGH)
    else:
        never_twice(run(*given).sum(), given)


def never_twice(value: Any, given: list[Any]) -> None:
    """A gradient that has no derivative here says so, also where nothing above requires grad."""
    grads = torch.autograd.grad(value, given, create_graph=True)
    with pytest.raises(NotImplementedError, match="differentiated twice"):
        sum(g.square().sum() for g in grads).backward()


# -- Rows --------------------------------------------------------------------------------------------------------------

BENT = {
    "categorical_cross_entropy", "cross_entropy", "generalized_cross_entropy",
    "generalized_cross_entropy_from_probabilities", "listwise_softmax", "multiclass_focal",
    "multiclass_focal_from_probabilities", "multiclass_hinge_sum", "negative_log_likelihood", "poly_cross_entropy",
    "sparsemax_loss",
}  # fmt: skip
"""Losses whose Hessian is multiplied by vectors. The others have two arrays of scores, or ask which score is largest."""


@pytest.mark.parametrize("name", some(ROWS, ["cross_entropy", "js_divergence"], plain=True))
def test_losses_of_rows(name: str, rng: np.random.Generator) -> None:
    """Each row has its own derivative, along torch's dimension of classes."""
    loss = fl.LOSSES[name]
    arrays = rowwise.draw(loss, 4, 3, "f8", rng)
    arrays = [x.reshape(2, 2, 3).swapaxes(1, 2) if x.ndim > 1 else x.reshape(2, 2) for x in arrays]
    inputs = leaves(*arrays, wrt=loss.wrt)
    face, given = function(loss), [x for x in inputs if x.requires_grad]

    def run(*them: Any) -> Any:
        own = iter(them)
        return face(*(next(own) if x.requires_grad else x for x in inputs), reduction="none")

    np.testing.assert_array_equal(run(*given).detach(), loss(*arrays, axis=1, reduction="none"))
    assert gradcheck(run, given, **ROUGH)
    if name in BENT:
        assert gradgradcheck(run, given, **ROUGH)
    else:
        never_twice(run(*given).sum(), given)


# -- Losses with an algorithm of their own -----------------------------------------------------------------------------


def boxes(*shape: int) -> Any:
    corner = torch.rand(*shape, 2, dtype=torch.float64)
    return torch.cat([corner, corner + 0.5 + torch.rand(*shape, 2, dtype=torch.float64)], dim=-1)


def vectors(*shape: int) -> Any:
    return torch.randn(*shape, dtype=torch.float64)


SIGNS, CLASSES = torch.tensor([1, -1, 1, -1]), torch.tensor([0, 1, 0, 1])
IMAGES = torch.stack([torch.eye(3), 1 - torch.eye(3)]).double()
STRUCTURED: dict[str, Any] = {
    "batch_triplet_margin": lambda: ([vectors(4, 3), CLASSES], {"margin": 5.0}),
    "ciou_loss": lambda: ([boxes(3), boxes(3)], {}),
    "circle": lambda: ([vectors(4, 3), CLASSES], {"gamma": 2.0}),
    "contrastive_embedding": lambda: ([vectors(4, 3), vectors(4, 3), torch.tensor([0, 1, 0, 1])], {"margin": 9.0}),
    "cosine_embedding": lambda: ([vectors(4, 3), vectors(4, 3), SIGNS], {"margin": -0.9}),
    "cox": lambda: ([vectors(5), torch.tensor([5, 3, 9, 3, 1]), torch.tensor([1, 1, 0, 1, 0])], {"ties": "efron"}),
    "ctc": lambda: ([vectors(2, 4, 3), torch.tensor([[1, 2], [2, 1]])], {}),
    "dice_loss": lambda: ([torch.rand(2, 3, 3).double(), IMAGES], {}),
    "diou_loss": lambda: ([boxes(3), boxes(3)], {}),
    "focal_tversky_loss": lambda: ([torch.rand(2, 3, 3).double(), IMAGES], {}),
    "generalized_dice_loss": lambda: ([vectors(2, 2, 3), CLASSES[:3].expand(2, 3)], {"activation": "softmax", "dim": 1}),
    "giou_loss": lambda: ([boxes(3), boxes(3)], {}),
    "info_nce": lambda: ([vectors(4, 3), vectors(4, 3)], {"temperature": 1.0}),
    "iou_loss": lambda: ([boxes(3), boxes(3)], {}),
    "jaccard_loss": lambda: ([torch.rand(2, 3, 3).double(), IMAGES], {}),
    "lambdarank": lambda: ([vectors(5), torch.tensor([2, 0, 1, 0, 1])], {"group": torch.tensor([3, 2])}),
    "lovasz_hinge_loss": lambda: ([vectors(2, 3, 3), IMAGES], {}),
    "lovasz_softmax_loss": lambda: ([torch.rand(2, 2, 4).double().softmax(1), CLASSES.expand(2, 4)], {"dim": 1}),
    "multibox": lambda: (
        [vectors(1, 2, 4), vectors(1, 2, 2), [boxes(1)], [torch.tensor([1])], boxes(2)], {"threshold": 0.1},
    ),
    "nt_xent": lambda: ([vectors(4, 3), vectors(4, 3)], {"temperature": 1.0}),
    "pairwise_logistic": lambda: ([vectors(2, 3), torch.tensor([[2, 0, 1], [0, 1, 0]])], {}),
    "supervised_contrastive": lambda: ([vectors(4, 3), CLASSES], {"temperature": 1.0}),
    "topk_distillation": lambda: (
        [vectors(2, 3), torch.tensor([[0, 2], [1, 0]]), torch.full((2, 2), -1.0).double(), torch.tensor([0, 1])], {},
    ),
    "triplet_margin": lambda: ([vectors(4, 3), vectors(4, 3), vectors(4, 3)], {"margin": 9.0}),
    "tversky_loss": lambda: ([torch.rand(2, 3, 3).double(), IMAGES], {}),
}  # fmt: skip
HELD = {"ciou_loss", "circle", "lambdarank"}
"""Their gradients hold weights constant that are functions of the scores."""


@pytest.mark.parametrize("name", some(STRUCTURED, ["ctc", "giou_loss", "info_nce", "multibox"], plain=True))
def test_losses_with_an_algorithm_of_their_own(name: str) -> None:
    torch.manual_seed(3)
    loss, (inputs, keywords) = getattr(fl, name), STRUCTURED[name]()
    face = function(loss)
    given = [inputs[k].requires_grad_() for k in loss.wrt]

    def run(*them: Any) -> Any:
        own = dict(zip(loss.wrt, them, strict=True))
        return face(*(own.get(k, x) for k, x in enumerate(inputs)), **keywords)

    if name in HELD:
        run(*given).backward()
        arrays = {n: x.numpy() if isinstance(x, torch.Tensor) else x for n, x in keywords.items()}
        np.testing.assert_array_equal(given[0].grad, loss.grad(*(x.detach().numpy() for x in inputs), **arrays))
    else:
        assert gradcheck(run, given, **ROUGH)
    never_twice(run(*given), given)


def test_all_of_them_are_tested() -> None:
    ours = {n for n in fl.__all__ if hasattr(getattr(fl, n), "value_and_grad") and not isinstance(getattr(fl, n), type)}
    assert ours - {*fl.LOSSES, *fl.ALIASES} - {"linear_cross_entropy"} == {*STRUCTURED}


# -- The user's own ----------------------------------------------------------------------------------------------------


def test_second_derivatives_of_rows_with_options(rng: np.random.Generator) -> None:
    scores, labels = leaves(rng.normal(size=(4, 3)), np.array([0, 2, 1, 1]))
    given = {
        "weight": torch.tensor([1.0, 0.5, 2.0, 3.0]).double(), "class_weight": torch.tensor([1.0, 2.0, 0.5]).double(),
        "label_smoothing": 0.2, "ignore_index": 2,
    }  # fmt: skip
    for loss in (fl.LOSSES["cross_entropy"], 2 * fl.LOSSES["cross_entropy"] + fl.multiclass_focal):
        face = function(loss)
        assert gradgradcheck(partial(_called, face, labels, given), scores, **ROUGH)


def _called(face: Any, labels: Any, given: dict[str, Any], scores: Any) -> Any:
    return face(scores, labels, **given)


def test_derived_losses_and_sums() -> None:
    m = fl.math

    @fl.derive
    def curved(pred: Any, target: Any, power: Any = 3.0) -> Any:
        return m.log1p(m.square(pred - target) * power)

    pred, target = leaves([0.3, -1.2, 2.0], [0.0, 1.0, 2.5])
    for loss in (curved, 2 * fl.squared_error + fl.pseudo_huber, fl.pseudo_huber.bind(delta=2.0)):
        face = function(loss)
        assert gradcheck(face, (pred.double(), target.double()))
        assert gradgradcheck(face, (pred.double(), target.double()))
    value = function(curved)(pred, target, power=2.0)
    torch.testing.assert_close(value, torch.log1p((pred - target).square() * 2).mean())


def test_functions_show_their_arguments() -> None:
    face = function(fl.LOSSES["multiclass_focal"])
    given = inspect.signature(face).parameters
    assert given["dim"].default == 1
    assert {"gamma", "weight", "class_weight", "inplace"} < {*given}
    assert not {"axis", "out", "backend", "return_stats"} & {*given}
    assert face.__name__ == "multiclass_focal"
    assert "\ndim : the axis of the classes" in face.__doc__


def test_modules() -> None:
    loss = module(fl.huber, delta=2.0, weight=torch.tensor([1.0, 3.0]))
    pred, target = leaves([0.5, 9.0], [0.0, 0.0])
    expected = fl.huber([0.5, 9.0], [0.0, 0.0], delta=2.0, weight=[1.0, 3.0])
    assert loss.state_dict().keys() == {"weight"}
    assert repr(loss) == "Module(huber(delta=1.0), delta=2.0)"
    for twin in (loss, deepcopy(loss), pickle.loads(pickle.dumps(loss)), torch.nn.Sequential(loss.double())[0]):
        torch.testing.assert_close(twin(pred, target).item(), float(expected))
    assert loss(pred, target, reduction="sum").item() == fl.huber(
        [0.5, 9.0], [0.0, 0.0], delta=2.0, weight=[1.0, 3.0], reduction="sum"
    )


@pytest.mark.parametrize("name", sorted({*NAMES, *ROWS, *STRUCTURED, "linear_cross_entropy"}))
def test_a_module_refuses_a_keyword_that_its_loss_lacks(name: str) -> None:
    loss = getattr(fl, name, None) or fl.LOSSES[name]
    for wrong, words in (("reductoin", "did you mean reduction"), ("backend", "of tensors has no argument")):
        with pytest.raises(TypeError, match=words):
            module(loss, **{wrong: "sum"})


@pytest.mark.parametrize("name", sorted({*NAMES, *ROWS, *STRUCTURED, "linear_cross_entropy"}))
def test_a_module_is_made_without_its_prediction(name: str) -> None:
    loss = getattr(fl, name, None) or fl.LOSSES[name]
    for given in ("input", "y_pred", loss.inputs[0]):
        with pytest.raises(TypeError, match=f"^{loss.name}: {given} is passed when the module is called"):
            module(loss, **{given: torch.ones(2)})


def test_a_module_names_the_parameter_that_was_meant() -> None:
    with pytest.raises(TypeError, match=r"huber: 'detla' is no argument.*did you mean delta\?"):
        module(fl.huber, detla=1.0)


def test_arguments_by_name_and_as_numbers() -> None:
    face = function(fl.huber)
    pred = torch.tensor([0.5, 9.0])
    expected = face(pred, torch.zeros(2), delta=2.0)
    assert face(pred, 0.0, delta=torch.tensor(2.0)) == face(target=torch.zeros(2), input=pred, delta=2.0) == expected
    assert face(pred, torch.zeros(2), delta=torch.tensor([2.0, 2.0])) == expected
    assert face(pred.reshape(1, 2), torch.zeros(1, 2), delta=2.0, dim=[1]).shape == (1,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: f(torch.zeros(2)), "huber.* target"),
        (
            lambda f: f(torch.zeros(2), np.zeros(2)),
            r"huber: target is a numpy.ndarray, expected a torch.Tensor; pass torch.as_tensor",
        ),
        (lambda f: f(torch.zeros(2), torch.zeros(2), axis=0), r"no argument 'axis': it is called dim"),
        (
            lambda f: f(torch.zeros(2), torch.zeros(2), out=torch.zeros(2)),
            r"huber\(\) of tensors has no argument 'out'",
        ),
        (lambda f: f(torch.zeros(2), torch.zeros(2), detla=2.0), "delta"),
        (
            lambda f: f(torch.zeros(2), torch.zeros(2), weight=[torch.tensor(1.0).requires_grad_(), 2.0]),
            r"weight is a list of tensors, expected torch.stack\(weight\)",
        ),
    ],
)
def test_wrong_arguments(call: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call(function(fl.huber))


def test_the_faces_attributes() -> None:
    import fastloss.torch as face

    assert face.multiclass_focal is face.multiclass_focal
    assert fl.torch is face
    for strange in ("Loss", "numpy", "set_num_threads"):
        assert not hasattr(face, strange)
    with pytest.raises(AttributeError, match=r"did you mean fastloss\.torch\.binary_focal"):
        _ = face.binary_focl
    with pytest.raises(TypeError, match="no loss"):
        function(len)


def test_examples_of_docstrings() -> None:
    """Which the collection of examples leaves out, for it runs where torch is not installed."""
    flags = doctest.NORMALIZE_WHITESPACE
    found = [
        doctest.testmod(importlib.import_module(f"fastloss.torch{m}"), optionflags=flags) for m in ("", ".generated")
    ]
    assert not any(done.failed for done in found)
    assert all(done.attempted for done in found)


def test_the_code_of_the_page_runs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "torch.md").read_text("utf-8")
    found = re.findall(r"^```python\n(.*?)^```$", text, flags=re.M | re.S)
    page = Path(__file__).with_name("torch_page.py")
    linecache.cache[str(page)] = (0, None, "\n".join(found).splitlines(keepends=True), str(page))
    scope: dict[str, Any] = {"__name__": "torch_page"}
    exec(compile("\n".join(found), str(page), "exec"), scope)
    pred = scope["pred"]
    expected = 2 * np.clip([0.5, 3.0], -1, 1) + 2 * np.array([0.5, 3.0]) / (1 + np.array([0.25, 9.0]))
    np.testing.assert_allclose(pred.grad, expected / 2, rtol=1e-6)
    for name in re.findall(r"`flt\.(\w+)", text):
        assert hasattr(scope["flt"], name)
