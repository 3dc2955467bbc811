"""Users' own losses: what they are made of, that they stay what they are, how they travel, and when they go."""

from __future__ import annotations

import functools
import gc
import math
import pickle
import sys
import weakref
from math import cos, erf
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
import procs
import pytest

import fastloss as fl
from fastloss.define import frozen
from fastloss.define.frozen import content

MODULE = """
import math
import fastloss as fl

TAU = 1.0
PAIR = (0.0, 3.0)

def shifted(x, by=0.5):
    return x + by + deeper(x)

def deeper(x):
    return 0.0 * x + OFFSET

OFFSET = 1.0

@fl.pointwise(scale=fl.POSITIVE)
def mine(pred, target, scale=1.0):
    r = shifted(pred - target) / scale
    return TAU * r * r + PAIR[1], 2.0 * TAU * r / scale, 2.0 * TAU / (scale * scale)

@fl.rowwise(targets="dense", smooth=False)
class rows:
    def fold(p, t, power=None):
        return (shifted(p - t) * TAU,), (p,)
    def finish(total, power):
        return total + PAIR[1], ()
    def grad(p, t, power):
        return TAU + 0.0 * p, 0.0
    class power:
        def finish(total, power):
            return math.pow(total, power) + PAIR[1], ()

@fl.pairwise
class pairs:
    def pair(d, sigma=1.0):
        return shifted(d) * TAU, sigma * TAU
    def share(classes, pairs, sigma):
        return PAIR[1] / pairs
"""


def module(name: str = "of_the_users", text: str = MODULE) -> Any:
    made = ModuleType(name)
    exec(text, vars(made))
    return made


def change(m: Any) -> None:
    m.TAU, m.PAIR, m.OFFSET, m.deeper = 2.0, (0.0, 7.0), 5.0, abs
    m.shifted.__defaults__ = (0.75,)


def test_a_loss_stays_what_it_was_where_it_was_defined() -> None:
    m = module()
    plain = {
        "mine": lambda: m.mine.jet(3.0, 1.0, 1.0),
        "rows": lambda: (m.rows.functions.fold(3.0, 1.0, None), m.rows.functions.finish(2.0, None)),
        "power": lambda: m.rows.bind(power=2.0).functions.finish(2.0, 2.0),
        "pairs": lambda: (m.pairs.functions.pair(2.0, 1.0), m.pairs.functions.share(2.0, 1.0, 1.0)),
    }
    expected = {
        "mine": (3.5**2 + 3.0, 7.0, 2.0), "rows": (((3.5,), (3.0,)), (5.0, ())), "power": (7.0, ()),
        "pairs": ((3.5, 1.0), 3.0),
    }  # fmt: skip
    x, y = np.array([3.0]), np.array([1.0])
    assert m.mine(x, y, backend="serial") == 15.25
    change(m)
    for name, call in plain.items():
        assert call() == expected[name], name
    for dtype, backend in (("d", "serial"), ("f", "serial"), ("d", "parallel")):
        value, grad = m.mine.value_and_grad(x.astype(dtype), y, backend=backend)
        assert (value, grad.tolist()) == (15.25, [7.0]), (dtype, backend)


def test_functions_of_math_by_their_names_and_by_the_modules() -> None:
    @fl.pointwise
    def waves(pred: float, target: float) -> tuple[float, float, float]:
        r = pred - target
        return erf(r) + math.sin(r), 2.0 / math.sqrt(math.pi) * math.exp(-r * r) + cos(r), math.lgamma(math.cosh(r))

    r = np.linspace(-3.0, 3.0, 77)
    grad, hess = waves.grad_and_hess(r, np.zeros(77), reduction="none")
    value = waves(r, np.zeros(77), reduction="none")
    for found, function in (
        (value, lambda x: math.erf(x) + math.sin(x)),
        (grad, lambda x: 2.0 / math.sqrt(math.pi) * math.exp(-x * x) + math.cos(x)),
        (hess, lambda x: math.lgamma(math.cosh(x))),
    ):
        np.testing.assert_allclose(found, list(map(function, r.tolist())), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("how", ["instead", "faster"])
def test_functions_that_stand_in_for_others_stay_too(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    m = module(
        text="import fastloss as fl\nK, SOME = 3.0, {2.0, 4.0}\n"
        "def other(pred, target, p=1.0):\n    return K * pred, K\n"
        f"@fl.pointwise({how}=lambda p: other if p in SOME else None)\n"
        "def mine(pred, target, p=1.0):\n    return pred, 1.0\n"
    )
    monkeypatch.setitem(sys.modules, m.__name__, m)
    before = m.mine.bind(p=2.0).jet(2.0, 0.0, 2.0)
    m.K, m.other, m.SOME = 5.0, abs, ()
    assert before == m.mine.bind(p=2.0).jet(2.0, 0.0, 2.0) == (6.0, 3.0)
    assert m.mine.bind(p=3.0).jet(2.0, 0.0, 3.0) == (2.0, 1.0)
    assert pickle.loads(pickle.dumps(m.mine.bind(p=4.0))) == m.mine.bind(p=4.0)


def test_a_variant_with_a_fold_of_its_own_does_not_rescale_as_another() -> None:
    """Which only rows that are too long for a GPU's registers would show."""

    @fl.rowwise(inputs=("pred",), targets="none", scale=fl.POSITIVE, shift=fl.POSITIVE)
    class soft:
        def peak(z: float, scale: None, shift: None) -> float:
            return z

        def fold(z: float, t: float, m: float, scale: None = None, shift: None = None) -> Any:
            return (math.exp(z - m),), ()

        def rescale(total: float, m: float, n: float, scale: None, shift: None) -> Any:
            return (total * math.exp(m - n),)

        def finish(m: float, total: float, scale: None, shift: None) -> Any:
            return m + math.log(total), ()

        def grad(t: float, scale: None, shift: None) -> float:
            return 0.0

        class scale:
            def fold(z: float, t: float, m: float, scale: float, shift: None) -> Any:
                return (math.exp(scale * (z - m)),), ()

        class shift:
            def finish(m: float, total: float, scale: None, shift: float) -> Any:
                return m + shift + math.log(total), ()

    def rescaled(loss: Any) -> Any:
        return loss.functions.rescale

    assert rescaled(soft.bind(scale=2.0)) is None
    assert rescaled(soft.bind(shift=2.0)) is rescaled(soft) is not None


def test_what_it_refers_to_must_be_there() -> None:
    for text in (
        "import fastloss as fl\n@fl.pointwise\ndef mine(pred, target):\n"
        "    return (late(pred) if pred > 100.0 else pred), 1.0\n",
        "import fastloss as fl\ndef helper(x):\n    return late(x)\n"
        "@fl.pointwise\ndef mine(pred, target):\n    return helper(pred), 1.0\n",
        "import fastloss as fl\n@fl.rowwise(targets='none')\nclass mine:\n    def fold(p): return (p,), ()\n"
        "    def finish(s): return late(s), ()\n    def grad(c): return 1.0\n",
    ):
        with pytest.raises(TypeError, match="late, which is not defined yet: what a loss refers to is read once"):
            module(text=text)
    with pytest.raises(TypeError, match="mine refers to mine, which is not defined yet"):
        module(text="import fastloss as fl\n@fl.pointwise\ndef mine(pred, target):\n    return mine(pred, target)\n")


# -- decorators on what is no plain function --------------------------------------------------------------------------


def square(pred: float, target: float, scale: float = 1.0) -> tuple[float, float]:
    return scale * pred * target, scale * target


class Callable:
    def __call__(self, pred: float, target: float) -> tuple[float, float]:
        return pred, target

    def method(self, pred: float, target: float) -> tuple[float, float]:
        return pred, target


@pytest.mark.parametrize(
    "what",
    [numba.njit(square), functools.partial(square, scale=2.0), np.square, max, Callable(), Callable().method, Callable,
     fl.squared_error, 3.0, math.exp],
    ids=["njit", "partial", "ufunc", "builtin", "object", "method", "class", "loss", "number", "math"],
)  # fmt: skip
def test_what_is_no_function_is_named(what: Any) -> None:
    kind = type(what).__name__
    with pytest.raises(TypeError, match=f"a pointwise loss is made of a plain Python function, got a {kind} "):
        fl.pointwise(what)
    with pytest.raises(TypeError, match=f"a pointwise loss is made of a plain Python function, got a {kind} "):
        fl.pointwise(pred=fl.POSITIVE)(what)
    functions = {"fold": lambda p, t: ((p,), (p,)), "finish": lambda s: (s, ()), "grad": lambda p, t: p}
    if what is not Callable:  # a class inside is a variant
        for name in functions:
            with pytest.raises(TypeError, match=f"rows: {name} must be a plain Python function, got a {kind} "):
                fl.rowwise(targets="dense")(type("rows", (), functions | {name: staticmethod(what)}))
        with pytest.raises(TypeError, match=f"pairs: pair must be a plain Python function, got a {kind} "):
            fl.pairwise()(type("pairs", (), {"pair": staticmethod(what), "share": lambda c, n: 1.0}))
        for decorator in (fl.rowwise, fl.pairwise, fl.rowwise(), fl.pairwise()):
            with pytest.raises(TypeError, match=f"a loss of rows is made of a class of functions, got a {kind} "):
                decorator(what)


def test_a_compiled_function_is_told_to_be_plain() -> None:
    with pytest.raises(TypeError, match="take the decorator away: fastloss compiles it itself"):
        fl.pointwise(numba.njit(square))


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "a\u2028b"])
def test_names_that_no_compiler_takes(name: str) -> None:
    functions = {"fold": lambda p, t: ((p,), (p,)), "finish": lambda s: (s, ()), "grad": lambda p, t: p}
    if "\0" not in name:
        with pytest.raises(TypeError, match="printable name"):
            fl.rowwise(targets="dense")(type(name, (), functions))
    space = vars(module(text="def mine(pred, target):\n    return helper(pred), 1.0\ndef helper(x):\n    return x\n"))
    space["helper"].__name__ = name
    with pytest.raises(TypeError, match=r"'mine' has a function whose name is 'a.*b'; it must be printable"):
        fl.pointwise(space["mine"])
    space["mine"].__name__ = name
    with pytest.raises(TypeError, match="printable name"):
        fl.pointwise(space["mine"])


# -- pickles ----------------------------------------------------------------------------------------------------------


def test_a_local_loss_fails_where_it_is_pickled() -> None:
    @fl.pointwise
    def inner(pred: float, target: float) -> tuple[float, float]:
        return pred - target, 1.0

    for loss in (inner, fl.pointwise(lambda pred, target: (pred, 1.0)), inner.bind()):
        with pytest.raises((AttributeError, pickle.PicklingError)):
            pickle.dumps(loss)


def test_a_loss_of_a_module_is_found_there(monkeypatch: pytest.MonkeyPatch) -> None:
    m = module()
    monkeypatch.setitem(sys.modules, m.__name__, m)
    for loss in (m.mine, m.mine.bind(scale=3.0), m.rows, m.rows.bind(power=2.0), m.pairs):
        stored = pickle.dumps(loss)
        assert len(stored) < 200
        restored = pickle.loads(stored)
        assert restored == loss
        assert restored.values == loss.values
        assert restored.identity is loss.identity or restored.identity == loss.identity
    loss = m.mine
    del m.mine
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(loss)


TRAVEL = """
import pickle
import multiprocessing as mp
from concurrent.futures import ProcessPoolExecutor
import numpy as np
import fastloss as fl

TAU = 2.0

def scaled(x):
    return x / TAU

@fl.pointwise(scale=fl.POSITIVE)
def quartic(pred, target, scale=1.0):
    r = scaled(pred - target) * scale
    return r * r * r * r, 2.0 * r * r * r * scale, 3.0 * r * r * scale * scale

@fl.rowwise(targets="dense", smooth=False)
class apart:
    def fold(p, t): return (scaled(p - t) * (p - t),), (p,)
    def finish(total): return total, ()
    def grad(p, t): return 2.0 * scaled(p - t), 2.0 / TAU

x = np.array([2.0, 4.0])

def work(loss=None):
    loss = loss or quartic
    return float(loss(x, 0.0 * x)) if loss.inputs[0] == "pred" and loss is not apart else 0.0

def rows(loss):
    return float(loss([x], [0.0 * x]))

if __name__ == "__main__":
    assert work() == 8.5
    TAU = 4.0                                           # the losses are what they were
    with ProcessPoolExecutor(1, mp.get_context("spawn")) as pool:
        assert pool.submit(work, quartic).result() == 8.5
        assert pool.submit(work, quartic.bind(scale=2.0)).result() == 136.0
        assert pool.submit(rows, apart).result() == 10.0
    import cloudpickle
    from joblib import Parallel, delayed

    def local():
        @fl.pointwise
        def inner(pred, target):
            return 2.0 * (pred - target), 2.0
        return inner

    for loss in (quartic, apart, local()):
        stored = cloudpickle.dumps(loss)
        assert cloudpickle.loads(stored) == loss        # and so are its kernels
    jobs = [delayed(work)(), delayed(work)(quartic.bind(scale=2.0)), delayed(rows)(apart), delayed(work)(local())]
    assert Parallel(1 + 1)(jobs) == [8.5, 136.0, 10.0, 6.0]
    print("done")
"""


@pytest.mark.full
def test_losses_of_a_script_travel_to_other_processes(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    pytest.importorskip("cloudpickle")
    assert "done" in procs.run(TRAVEL, tmp_path, timeout=240, FASTLOSS_CACHE_DIR=str(tmp_path / "cache"))


def test_kernels_on_disk_need_no_module_of_the_users(tmp_path: Path) -> None:
    """A loss that came by value is of a module that is not there."""
    script = f"""
from types import ModuleType
import fastloss as fl
from fastloss.kernels.cpu import cache
made = ModuleType("nowhere")
exec({MODULE!r}, vars(made))
before = cache.count()
assert made.mine([3.0], [1.0], backend="serial") == 15.25
print(before, cache.count(), *(k.fresh for k in KERNELS))
"""
    counted = """
from fastloss.kernels.cpu import compile as cpu
KERNELS, jit = [], cpu.cache.jit
cpu.cache.jit = lambda *a, **k: KERNELS.append(jit(*a, **k)) or KERNELS[-1]
"""
    env = {"FASTLOSS_CACHE_DIR": str(tmp_path / "cache")}
    assert procs.run(counted + script, tmp_path, **env).startswith("0 1 True")
    assert procs.run(counted + script, tmp_path, **env).startswith("1 1 False")


# -- and when they go --------------------------------------------------------------------------------------------------


def test_two_that_say_the_same_are_one() -> None:
    first, second, other = module().mine, module().mine, module(text=MODULE.replace("TAU = 1.0", "TAU = 2.0")).mine
    assert first == second != other
    assert first.jet is second.jet
    assert module("elsewhere").mine != first
    ranged = module(text=MODULE.replace("(scale=fl.POSITIVE)", "(scale=fl.NON_NEGATIVE)")).mine
    assert ranged.jet is not first.jet
    assert str(first.parameters["scale"]) != str(ranged.parameters["scale"])
    described = module(text=MODULE.replace("scale=1.0):\n", "scale=1.0):\n    '''Of a kind.'''\n")).mine
    assert described.own_text == "Of a kind."
    assert first.own_text == ""


def test_a_loss_that_is_gone_leaves_nothing_behind() -> None:
    from fastloss.kernels import bind

    text = MODULE.replace("TAU = 1.0", "TAU = 1.125")
    before = len(bind._bound)
    m = module(text=text)
    m.mine.grad([3.0], [1.0], backend="serial")
    m.mine.bind(scale=2.0).grad([3.0], [1.0], backend="serial")
    jet = weakref.ref(m.mine.jet)
    del m
    gc.collect()
    assert module(text=text).mine.jet is jet()  # the next that says the same finds it
    frozen._recent.clear()
    gc.collect()  # the loss, and then what was kept for it
    gc.collect()
    assert jet() is None
    assert len(bind._bound) <= before + 20  # of the templates alone


def test_content_is_of_what_is_computed() -> None:
    texts = (
        MODULE, MODULE.replace("TAU = 1.0", "TAU = 1"), MODULE.replace("3.0)", "3.5)"),
        MODULE.replace("OFFSET = 1.0", "OFFSET = -1.0"), MODULE.replace("0.0 * x", "-0.0 * x"),
        MODULE.replace("by=0.5", "by=0.25"),
    )  # fmt: skip
    assert len({content(module(text=text).mine.jet) for text in texts}) == len(texts)
    assert content(module().mine.jet) == content(module("elsewhere").mine.jet)


def _told(x: float) -> float:
    print(x)
    return x


def test_what_needs_the_interpreter_is_refused() -> None:
    """A kernel that prints would wait for ever for the lock that its caller holds."""

    def prints(pred, target):
        print(pred)
        return pred - target, 1.0, 0.0

    def calls(pred, target):
        return _told(pred) - target, 1.0, 0.0

    with pytest.raises(TypeError, match=r"prints calls print, which no kernel can; call the function on a number"):
        fl.pointwise(prints)
    with pytest.raises(TypeError, match="_told calls print, which no kernel can"):
        fl.pointwise(calls)

    def tries(pred, target):
        try:
            return math.log(pred), 1.0 / pred, 0.0
        except ValueError:
            return 0.0, 0.0, 0.0

    with pytest.raises(TypeError, match="tries has a try or with statement, which no kernel can; choose by a cond"):
        fl.pointwise(tries)
    with pytest.raises(TypeError, match=r"returns \(False, 0.0, 0.0\), expected numbers; a choice is `1.0 if"):
        fl.pointwise(lambda pred, target: (pred > target, 0.0, 0.0))

    with pytest.raises(TypeError, match="finish calls print, which no kernel can"):

        @fl.rowwise(targets="dense")
        class told:
            def fold(s, x, y, t):
                return s + (x - y) * t

            def finish(s, n):
                print(s)
                return s

            def grad(s, x, y, t):
                return t
