"""The README says what is. Its examples, and those of all docstrings, run as doctests of the same pytest run."""

from __future__ import annotations

import inspect
import pickle
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fastloss as fl
from fastloss.define.keywords import ROW_KEYWORDS

ROOT = Path(__file__).parents[2]


def test_table_of_losses_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "tools/readme.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run python tools/readme.py"


def test_stub_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "tools/stubs.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run python tools/stubs.py"


def test_speed_tables_and_figures_are_those_of_the_results() -> None:
    done = subprocess.run([sys.executable, "-m", "bench.report", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run python -m bench.report"


def test_its_commands_exist() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    extras = set(re.findall(r'pip install "\.\[(\w+)\]"', readme))
    assert extras == {"check", "demo", "test", "cuda13"}
    assert all(re.search(rf"(?m)^{extra} = \[", project) for extra in extras)
    assert all((ROOT / path.split("#")[0]).exists() for path in re.findall(r"\]\(([^):]+)\)", readme))


def test_the_design_names_what_exists() -> None:
    named = re.findall(r"`([\w./]+(?:/|\.py)[\w./]*)`", (ROOT / "docs" / "design.md").read_text("utf-8"))
    assert len(named) > 40
    homes = [ROOT, ROOT / "fastloss", *(ROOT / "fastloss" / n for n in ("arrays", "arrays/host", "kernels"))]
    assert not [path for path in named if not any((home / path).exists() for home in homes)]


@pytest.mark.parametrize("name", list(fl.LOSSES))
def test_every_loss_is_documented(name: str) -> None:
    text = fl.LOSSES[name].__doc__ or ""
    assert ">>> fl." + name in text
    assert len(text.strip().split("\n")[0]) <= 120


VERBS = ("__call__", "value_and_grad", "grad", "grad_and_hess")
COMMON = "weight=None, reduction='mean', normalizer=None, empty='nan', out=None, "
SIGNATURES: list[tuple[Any, str]] = [
    (fl.huber, f"(pred, target, *, delta=1.0, weight=None, axis=None, {COMMON.partition(' ')[2]}backend=None, check=None)"),
    (fl.gaussian_nll, f"(pred, target, var, *, full=False, weight=None, axis=None, {COMMON.partition(' ')[2]}"
     "backend=None, check=None)"),
    (fl.root_mean_squared_error, f"(pred, target, *, {COMMON}backend=None, check=None)"),
    (fl.cross_entropy, "(pred, target, *, z_loss=0.0, softcap=None, axis=-1, weight=None, class_weight=None, "
     f"ignore_index=None, label_smoothing=0.0, {COMMON.partition(' ')[2]}return_stats=False, backend=None, check=None)"),
    (fl.kl_divergence, f"(pred, target, *, axis=-1, {COMMON}backend=None, check=None)"),
    (fl.multiclass_hinge, "(pred, target, *, margin=1.0, axis=-1, weight=None, class_weight=None, ignore_index=None, "
     f"{COMMON.partition(' ')[2]}backend=None, check=None)"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "text"), SIGNATURES, ids=lambda x: getattr(x, "name", ""))
def test_signatures_are_those_of_the_loss(loss: Any, text: str) -> None:
    """What `help`, `?`, shift-tab and completion show. Keywords that do nothing for a loss are not in them."""
    assert str(inspect.signature(loss)) == text
    for verb in VERBS:
        assert str(inspect.signature(getattr(loss, verb))) == text
    assert loss.name + text in " ".join(pydoc.render_doc(loss).split())


def test_a_verb_of_ones_own_needs_no_words() -> None:
    class Own(fl.Loss):
        def grad(self, *inputs: Any, **options: Any) -> Any:
            return super().grad(*inputs, **options)

    loss = Own(fl.huber.__wrapped__, domains={})
    assert list(inspect.signature(loss.grad).parameters)[:3] == ["pred", "target", "delta"]
    assert "pred : array" in loss.grad.__doc__


def test_signatures_of_losses_with_a_class_of_their_own() -> None:
    for verb in ("__call__", "value_and_grad", "grad"):
        takes = list(inspect.signature(getattr(fl.linear_cross_entropy, verb)).parameters)
        assert takes[:8] == ["hidden", "weight", "labels", "z_loss", "softcap", "bias", "chunk", "sample_weight"]
        assert "keywords" not in takes and "axis" not in takes
    for loss in (fl.multibox, fl.giou_loss, fl.focal_tversky_loss, fl.lovasz_hinge_loss, fl.ctc):
        for verb in (loss, loss.value_and_grad, loss.grad):
            takes = list(inspect.signature(verb).parameters)
            assert takes[: len(loss.inputs)] == list(loss.inputs)
            assert {"weight", "reduction", "out"} <= set(takes) and not {"keywords", "unknown"} & set(takes)
    takes = list(inspect.signature(fl.topk_distillation.grad_and_hess).parameters)
    assert takes[:4] == ["pred", "indices", "log_probabilities", "target"]
    assert {"temperature", "axis", "out", "return_stats"} <= set(takes)


@pytest.mark.parametrize("name", list(fl.LOSSES))
def test_every_argument_is_explained_once(name: str) -> None:
    loss = fl.LOSSES[name]
    arguments = list(inspect.signature(loss).parameters)
    assert arguments[: len(loss.inputs)] == list(loss.inputs)
    assert {n: p.default for n, p in inspect.signature(loss.bind).parameters.items()} == loss.values
    for text in (loss.__doc__, *(getattr(loss, verb).__doc__ for verb in VERBS)):
        assert re.findall(r"(?m)^(\w+) : .+$", text) == arguments
        assert max(map(len, text.splitlines())) <= 120
    for n, domain in loss.parameters.items():
        assert re.search(rf"(?m)^{n} : {re.escape(str(domain))}, by default ", loss.__doc__)


def test_signatures_of_a_loss_that_was_bound_or_is_your_own() -> None:
    @fl.pointwise(scale=fl.POSITIVE)
    def scaled(pred: float, target: float, scale: float = 1.0) -> tuple[float, float]:
        """A loss of one's own."""
        return scale * (pred - target), scale

    assert "scale=1.0" in str(inspect.signature(scaled.grad))
    bound = scaled.bind(scale=3.0)
    assert "scale=3.0" in str(inspect.signature(bound)) and "scale=3.0" in str(inspect.signature(bound.grad))
    assert "scale : a number greater than 0, by default 3" in bound.grad.__doc__
    assert "scale=1.0" in str(inspect.signature(scaled.grad))
    assert inspect.getdoc(scaled).startswith("A loss of one's own.\n\n    scaled(pred, target, *, scale=1.0,")
    assert isinstance(bound, fl.Loss) and type(bound).__name__ == "Loss"
    assert inspect.getsource(fl.huber.grad).lstrip().startswith("def __call__(")  # whose code it is, with another name


@pytest.mark.parametrize("kind", [fl.Loss, fl.RowLoss])
def test_verbs_take_what_the_call_takes_and_are_functions_of_their_own(kind: type) -> None:
    takes = inspect.signature(kind.__call__)
    for name in ("value_and_grad", "grad", "grad_and_hess"):
        verb = vars(kind)[name]
        assert inspect.signature(verb).parameters == takes.parameters
        assert (verb.__name__, verb.__qualname__) == (verb.__code__.co_name, verb.__code__.co_qualname)
        assert (verb.__qualname__, verb.__module__) == (f"{kind.__name__}.{name}", "fastloss.loss")
        assert pickle.loads(pickle.dumps(verb)) is verb


def test_names_to_complete_are_what_users_need() -> None:
    expected = {
        "bind",
        "domains",
        "grad",
        "grad_and_hess",
        "inputs",
        "jitted",
        "link",
        "mean",
        "name",
        "parameters",
        "value_and_grad",
        "values",
        "with_respect_to",
    }
    assert {n for n in dir(fl.huber) if not n.startswith("_")} == expected
    assert {n for n in dir(fl.cross_entropy) if not n.startswith("_")} == expected
    assert {n for n in dir(fl) if not n.startswith("__")} == set(fl.__all__)
    assert {"set_num_threads", "clear_cache", "huber", "mse", "softmax", "pointwise"} <= set(dir(fl))
    assert not {"loss", "losses", "arrays", "kernels", "definition", "annotations", "Any"} & set(dir(fl))


RIGHT = """import numpy as np
import fastloss as fl

x, t = np.zeros(3), np.ones(3)
loss, grad = fl.huber.value_and_grad(x, t, delta=1.5, weight=t, reduction="sum")
fl.mse(pred=x, target=t)
fl.huber(x, t, delta=t) + fl.quantile(x, t, q=[0.1, 0.5, 0.9])
fl.cross_entropy.grad_and_hess(x[None], [0], class_weight=[1.0, 1.0, 1.0], ignore_index=-100, softcap=None)
losses: dict[str, fl.Loss | fl.RowLoss] = {"huber": fl.huber.bind(delta=2.0), "ce": fl.cross_entropy}


@fl.pointwise(scale=fl.POSITIVE)
def mine(pred: float, target: float, scale: float = 1.0) -> tuple[float, float]:
    return pred, scale


mine.grad(x, t, scale=2.0, out=fl.softmax(x))
value, slope = mine.value_and_grad(x, t, reduction="none", backend="serial", axis=0)
slope, bend = mine.bind(scale=3.0).grad_and_hess(x, t, empty="zero", normalizer=3.0, check=False)
fl.linear_cross_entropy.grad(x[None], x[None], [0], bias=t, reduction="sum")
fl.giou_loss.grad(fl.default_boxes("ssd300"), [0.0, 0.0, 1.0, 1.0], format="xyxy", out=x)
fl.multibox(x, x, [x], [t], fl.convert_boxes(x, "xyxy", "cxcywh"), alpha=2.0, min_negatives=3)[fl.nms(x, t)]
fl.set_num_threads(2)
"""

WRONG = """import fastloss as fl

x = t = [1.0]
fl.hubr(x, t)
fl.huber(x, t, detla=1.5)
fl.mse.grad(x, t, sample_weight=t)
fl.huber(x, t, reduction="avg")
fl.huber(x, t, delta="big")
fl.cross_entropy([x], [0], dim=1)
fl.kl_divergence(x, t, label_smoothing=0.1)
fl.huber(x)
fl.huber(x, t, 1.5)
fl.linear_cross_entropy([x], [x], [0], out=t)
fl.elements
fl.multibox(x, x, [x], [t], x, overlap=0.5)


@fl.pointwise
def mine(pred: float, target: float) -> tuple[float, float]:
    return pred, target


mine(x, t, reduction="avg")
mine.value_and_grad(x, t, reduction="avg")
mine.grad(x, t, backend="gpu")
mine.grad_and_hess(x, t, check="yes")
int(mine.grad_and_hess(x, t))
"""


@pytest.mark.full
def test_type_checkers_know_every_loss(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    cache = pytestconfig.cache
    options = ["--strict", "--no-error-summary", "--cache-dir", str(cache.mkdir("mypy")) if cache else "/dev/null"]
    done = subprocess.run([sys.executable, "-m", "mypy", *options, "right.py", "wrong.py"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)  # fmt: skip
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [int(line.split(":")[1]) for line in errors] == [*range(4, 16), *range(23, 28)], done.stdout + done.stderr
    assert all(line.startswith("wrong.py") for line in errors)
    assert 'did you mean "delta"' in errors[1]


@pytest.mark.parametrize("name", list(fl.LOSSES))
def test_what_a_loss_does_not_take_is_refused_with_all_that_it_takes(name: str) -> None:
    loss = fl.LOSSES[name]
    own = list(inspect.signature(loss).parameters)
    taken = {n: None for other in fl.LOSSES.values() for n in inspect.signature(other).parameters}
    everything = f"{name}: {{!r}} is no argument, expected {', '.join(own)}; "
    for strange in [n for n in taken if n not in (*own, *ROW_KEYWORDS, "target")] + ["sample_weight", own[-1][:-1]]:
        with pytest.raises(TypeError) as caught:
            loss.having({strange: 1.0})
        assert str(caught.value).startswith(everything.format(strange))


@pytest.mark.parametrize("name", list(fl.LOSSES))
def test_what_each_call_gives_is_no_parameter_of_a_loss_that_is_bound(name: str) -> None:
    loss = fl.LOSSES[name]
    given = set(inspect.signature(loss).parameters) - set(loss.parameters)
    assert given > set(loss.inputs)
    for each in given:
        kind = "an input" if each in loss.inputs else "a keyword"
        with pytest.raises(TypeError, match=f"^{name}: '{each}' is {kind} of the verbs, expected a parameter: "):
            loss.bind(**{each: 1.0})
    inputs = {n: [1.0] for n in loss.inputs}
    for each in loss.inputs:
        with pytest.raises(TypeError, match=f"^{name}: {each} is given by position and by name, expected once$"):
            loss(*inputs.values(), **{each: inputs[each]})
