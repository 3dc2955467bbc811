"""Completing a template: nothing that it asks for may be missing, and nothing that it is given may be left over."""

from __future__ import annotations

from itertools import product
from typing import Any

import plain
import pytest

import fastloss as fl
from fastloss.kernels.bind import BOTH, EITHER, IN_TURN, Part, Port, bind, joined, port
from fastloss.kernels.plan import rows, tiles
from fastloss.kernels.plan.rows import RowPlan

ROW_LOSSES = [fl.cross_entropy, fl.distillation, fl.multiclass_hinge, fl.sparsemax_loss]

read = decode = sink = K = port
FLAG = False


def element(arrays: Any, i: int) -> Any:
    return (decode(read(arrays[K], i)),)


def template(arrays: Any, i: int) -> Any:
    return read(arrays, i) if FLAG else read(arrays, i) + read(arrays, i)


def told(arrays: Any, i: int) -> None:
    sink(arrays[K][i])


def uncompiled(function: Any) -> Any:
    return function


def of(array: Any, i: int) -> Any:
    return array[i]


def bound(function: Any, library: Any = None, **ports: Any) -> Any:
    return bind(function, ports, uncompiled, library)


def test_what_is_a_ports_own_comes_first() -> None:
    """And is nobody else's: `read` of the template is the common one."""
    kernel = bound(paired, {"read": of}, sink=Port(element, K=1, decode=abs, read=lambda x, i: -10 * x[i]))
    assert kernel([[1], [2]], 0) == ([1], (20,))


def paired(arrays: Any, i: int) -> Any:
    return read(arrays, i), sink(arrays, i)


def test_a_part_knows_its_own_ports_alone() -> None:
    part = Part(paired, {"sink": lambda x, i: 10 * x[i], "read": lambda x, i: -x[i]})
    assert bound(paired, {"read": of}, sink=part)([3, 4], 1) == (4, (-4, 40))
    with pytest.raises(TypeError, match=r"test_bind\.paired: paired asks for sink, which no port is"):
        bound(calls, sink=Part(paired, {"read": of}))


def test_one_function_serves_every_array() -> None:
    parts = [Port(element, K=k, decode=lambda x, k=k: x * 10**k) for k in range(3)]
    for count in (1, 2, 3):
        whole = bound(calls, {"read": of}, sink=joined(BOTH, parts[:count]))
        assert whole([[1], [2], [3]], 0) == (1, 20, 300)[:count]


def calls(arrays: Any, i: int) -> Any:
    return sink(arrays, i)


def test_conditions_and_calls_are_joined() -> None:
    parts = [Port(large, K=k) for k in range(2)]
    assert bound(calls, sink=joined(EITHER, parts))([1, 9], 5)
    assert not bound(calls, sink=joined(EITHER, parts))([1, 2], 5)
    seen: list[int] = []
    bound(calls, sink=joined(IN_TURN, [Port(told, K=k, sink=seen.append) for k in (1, 0)]))([[1], [2]], 0)
    assert seen == [2, 1]


def large(x: Any, i: int) -> Any:
    return x[K] > i


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bound(template), r"test_bind\.template: template asks for read, which no port is"),
        (lambda: bound(calls, sink=element, K=0, decode=abs), r"test_bind\.calls: element asks for read, which"),
        (lambda: bound(template, read=of, raed=of), r"test_bind\.template: nothing asks for raed"),
        (lambda: bound(template, read=of, FLAGG=True), r"test_bind\.template: nothing asks for FLAGG"),
        (lambda: bound(calls, sink=Port(element, K=0, decod=abs)), r"test_bind\.calls: element asks for no decod"),
        (lambda: bound(calls, sink=Port(element, K=0, read=of)), r"element asks for decode, which no port is"),
    ],
    ids=["missing", "missing in a port", "misspelt", "misspelt flag", "misspelt in a port", "missing in its own"],
)
def test_what_is_missing_or_left_over_is_named(make: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()


def test_what_is_given_as_nothing_is_given() -> None:
    assert bound(template, read=lambda x, i: x[i], FLAG=False)([3, 4], 1) == 8
    assert bound(either_way, read=of, sink=None)([3, 4], 1) == 4


def either_way(arrays: Any, i: int) -> Any:
    return sink(arrays) if FLAG else read(arrays, i)


class Asked(dict[str, Any]):
    """Ports that remember which of them were asked for."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def test_plans_of_rows_offer_what_some_template_asks_for() -> None:
    """They share ports, of which no template needs all: a name that none of them asks for is misspelt."""
    offered: set[str] = set()
    asked: set[str] = set()
    for loss, dense, entry in product(ROW_LOSSES, (False, True), ("rows", "lanes", "census")):
        kind = "dense" if dense else "labels" if loss.target != "none" else "none"
        plan = RowPlan.of(loss, ("d",) * loss.scores, 7, True, kind, stats=not dense, classes=True, weight="d",
                          target_type="d" if dense else "q" * (kind == "labels"), entry=entry, turned=True)  # fmt: skip
        if entry == "census":
            plan = rows.census_plan(plan)
        elif dense:  # a loss without a second derivative
            plan = plan._replace(want=3, sizes=plan.sizes._replace(order=1))
        ports = rows.ports(plan, plain.Plain()) | (tiles.ports(plan, plain.Plain()) if entry == "lanes" else {})
        library = Asked({**plain.Plain().primitives(plan), **ports})
        bind(plan.template, {}, uncompiled, library)
        offered |= ports.keys()
        asked |= library.names
    assert offered - asked == set()
