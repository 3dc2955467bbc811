"""Parts of kernels: compiled into what calls them, and not by themselves."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
import pytest

from fastloss.kernels.cpu import bits, entries, lowering, passes


def libraries(part: Any) -> list[Any]:
    return [found._asdict()["library"] for found in part.overloads.values()]


@pytest.mark.parametrize("inlined", [False, True])
def test_no_machine_code_is_made_of_a_part(inlined: bool) -> None:
    assert lowering.SUPPORTED, (
        "this Numba has other insides: parts would be compiled one by one, which takes twice as long"
    )
    inner = lowering.part(forceinline=inlined)(lambda x: x * 2.0)
    outer = lowering.part(forceinline=inlined)(lambda x: inner(x) + 1.0)
    kernel = numba.njit(lambda x: outer(x) * outer(x + 1))
    assert kernel(3.0) == 7.0 * 9.0
    assert kernel(np.float32(3.0)) == 7.0 * 9.0
    made = [library._compiled for part in (inner, outer) for library in libraries(part)]
    assert len(made) >= 4
    assert not any(made)
    assert all(library._compiled for library in libraries(kernel))


def test_a_part_may_allocate_and_raise() -> None:
    """As far as Numba counts references for it."""
    allocate = lowering.part(_nrt=True)(lambda n: np.zeros(n))

    def reject(n: int) -> int:
        if n < 0:
            raise ValueError("fewer than none")
        return n

    rejecting = lowering.part(_nrt=True)(reject)
    kernel = numba.njit(lambda n: allocate(rejecting(n)).sum())
    assert kernel(5) == 0.0
    with pytest.raises(ValueError, match="fewer than none"):
        kernel(-1)


def test_without_numbas_insides_parts_are_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowering, "SUPPORTED", False)
    inner = lowering.part()(lambda x: x * 2.0)
    kernel = numba.njit(lambda x: inner(x))
    assert kernel(3.0) == 6.0
    assert all(library._compiled for library in libraries(inner))


def test_names_with_two_values_and_branches_take_all_passes() -> None:
    def twice(x: Any) -> Any:
        x = x * 0.5
        return x + 1

    def either(x: Any) -> Any:
        return x if x > 2 else 0 * x

    def once(x: Any) -> Any:
        half = x * 0.5
        return half + 1

    def pair(x: Any, y: Any) -> Any:  # two stores in one instruction of Python 3.13
        a, b = y, x
        a = a * 0.5
        return a + b

    def named(x: Any, *, k: Any) -> Any:
        k = k * 0.5
        return x + k

    functions = (twice, either, pair, named, once)
    assert [passes._straight(f) for f in functions] == [False, False, False, False, True]
    parts = [lowering.part()(f) for f in (twice, either, once)]
    first, second, third = parts
    kernel = numba.njit(lambda x: (first(x), second(x), third(x)))
    assert kernel(3) == (2.5, 3, 2.5)
    assert kernel(1) == (1.5, 0, 1.5)


def test_a_part_is_linked_once_into_what_calls_it() -> None:
    inner = lowering.part()(lambda x: x * 2.0)
    left = lowering.part()(lambda x: inner(x) + 1.0)
    right = lowering.part()(lambda x: inner(x) + left(x))
    kernel = numba.njit(lambda x: left(x) * right(x))
    assert kernel(3.0) == 7.0 * 13.0
    (library,) = libraries(right)
    assert [function.is_declaration for function in library._final_module.functions].count(False) == 1
    whole = library._get_module_for_linking()
    assert not [f.name for f in whole.functions if f.is_declaration and "llvm." not in f.name]


@pytest.mark.parametrize(
    ("a", "b"), [(3, 5), (5, -3), (2, 1.5), (1.5, np.nan), (np.nan, 1.5), (-0.0, 0.0), (0.0, -0.0), (np.int32(7), 4)]
)
def test_extremes_are_those_of_python(a: float, b: float) -> None:
    found = numba.njit(lambda a, b: (bits.larger(a, b), bits.smaller(a, b)))(a, b)
    np.testing.assert_array_equal(np.float64(found), np.float64((max(a, b), min(a, b))))
    assert [np.signbit(x) for x in found] == [np.signbit(max(a, b)), np.signbit(min(a, b))]


def test_extremes_of_several_numbers_and_of_a_tuple() -> None:
    @numba.njit
    def found(a: float, b: int, c: float) -> Any:
        return bits.larger(a, b, c), bits.smaller(a, b, c), bits.larger((a, c, a)), bits.smaller((a, c))

    assert found(2.5, 7, -1.0) == (7.0, -1.0, 2.5, -1.0)
    assert found(2.5, 1, 9.0) == (9.0, 1.0, 9.0, 2.5)


def test_a_compilation_keeps_no_rubbish_of_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ring:
        def __init__(self) -> None:
            self.itself, self.array = self, np.ones(3)

    made = SimpleNamespace(_compiler=SimpleNamespace(compile=lambda *_: SimpleNamespace(library=None)))
    monkeypatch.setattr(entries, "numba", SimpleNamespace(njit=lambda **_: lambda _: made))
    rubbish = weakref.ref(Ring().array)
    assert gc.isenabled() and rubbish() is not None
    entries.built(None, numba.void(numba.int64), {})
    assert rubbish() is None
