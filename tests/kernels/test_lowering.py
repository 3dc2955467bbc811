"""Parts of kernels: compiled into what calls them, and not by themselves."""

from __future__ import annotations

import gc
import operator
import subprocess
import sys
import weakref
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
import pytest

from fastloss.kernels import steps
from fastloss.kernels.cpu import bits, contexts, entries, parts


def libraries(part: Any) -> list[Any]:
    return [found._asdict()["library"] for found in part.overloads.values()]


@pytest.mark.parametrize("inlined", [False, True])
def test_no_machine_code_is_made_of_a_part(inlined: bool) -> None:
    assert parts.SUPPORTED, (
        "this Numba has other insides: parts would be compiled one by one, which takes twice as long"
    )
    inner = parts.part(forceinline=inlined)(lambda x: x * 2.0)
    outer = parts.part(forceinline=inlined)(lambda x: inner(x) + 1.0)
    kernel = numba.njit(lambda x: outer(x) * outer(x + 1))
    assert kernel(3.0) == 7.0 * 9.0
    assert kernel(np.float32(3.0)) == 7.0 * 9.0
    made = [library._compiled for part in (inner, outer) for library in libraries(part)]
    assert len(made) >= 4
    assert not any(made)
    assert all(library._compiled for library in libraries(kernel))


def test_a_part_may_allocate_and_raise() -> None:
    """As far as Numba counts references for it."""
    allocate = parts.part(_nrt=True)(lambda n: np.zeros(n))

    def reject(n: int) -> int:
        if n < 0:
            raise ValueError("fewer than none")
        return n

    rejecting = parts.part(_nrt=True)(reject)
    kernel = numba.njit(lambda n: allocate(rejecting(n)).sum())
    assert kernel(5) == 0.0
    with pytest.raises(ValueError, match="fewer than none"):
        kernel(-1)


def test_without_numbas_insides_parts_are_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SUPPORTED", False)
    inner = parts.part()(lambda x: x * 2.0)
    kernel = numba.njit(lambda x: inner(x))
    assert kernel(3.0) == 6.0
    assert all(library._compiled for library in libraries(inner))


@pytest.mark.full  # a process of its own, which imports Numba
@pytest.mark.parametrize(
    "other",
    ["inside.__dict__.pop(name)", *(f"numba.version_info = numba.version_info._replace(short={v})" for v in ((0, 69), (None, None)))],
)  # fmt: skip
def test_a_numba_with_other_insides_compiles_parts_itself(other: str) -> None:
    code = f"""
import numba, numba.core.interpreter as inside
name = "peep_hole_delete_with_exit"
known = getattr(inside, name)
{other}
from fastloss.kernels.cpu import entries, parts
setattr(inside, name, known)
assert not parts.SUPPORTED and entries.code(None, None, {{}}) is None
inner = parts.part()(lambda x: x * 2.0)
assert numba.njit(lambda x: inner(x))(3.0) == 6.0
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def widened(n: int) -> Any:
    total = 0
    for k in range(n):
        if k > 2:
            total = total + 0.5
        else:
            total += k
    return total


def nested(n: int) -> Any:
    best, at = 1, (n, 0)
    while best < n:
        for k in range(best):
            best, at = best + k + 1, (best, k)
    return best, at, n is None, n // 3 - 2**n, -n % 4


def straight(n: int) -> Any:
    a = n * 3
    b = a / 7, a
    return b[0] + b[1], a == n, not a, len(b)


@pytest.mark.parametrize(
    ("function", "kind"),
    [(f, k) for f in (widened, nested, straight) for k in (numba.int64, numba.int32)]
    + [(straight, numba.float64), (straight, numba.float32)],
)
def test_variables_have_the_types_that_numba_finds(function: Any, kind: Any) -> None:
    part, whole = parts.part()(function), numba.njit(function)
    kernel = numba.njit(lambda n: part(n))
    assert kernel(kind(9)) == whole(kind(9)) == function(9)
    (found,), (expected,) = part.nopython_signatures, whole.nopython_signatures
    assert (found.args, found.return_type) == (expected.args, expected.return_type)


def test_a_part_that_has_no_types_is_refused_in_numbas_words() -> None:
    part, whole = parts.part()(lambda x: x + "one"), numba.njit(lambda x: x + "one")
    for function in (numba.njit(lambda x: part(x)), whole):
        with pytest.raises(numba.TypingError, match=r"Function\(<built-in function add>\)"):
            function(1.0)
    undefined = parts.part()(lambda x: x.nowhere)
    with pytest.raises(numba.TypingError, match="Unknown attribute 'nowhere'"):
        numba.njit(lambda x: undefined(x))(1.0)


def test_an_operator_is_remembered_until_somebody_adds_to_it() -> None:
    target = numba.core.registry.cpu_target
    typed, _ = contexts.seen(target.typing_context, target.target_context)
    typed.refresh()
    before = typed.resolve_value_type(operator.matmul)
    assert before is typed.resolve_value_type(operator.matmul)
    numba.extending.overload(operator.matmul)(lambda a, b: None)
    typed.refresh()
    after = typed.resolve_value_type(operator.matmul)
    assert len(after.templates) == len(before.templates) + 1


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
    assert [steps.straight(f) for f in functions] == [False, False, False, False, True]
    first, second, third = (parts.part()(f) for f in (twice, either, once))
    kernel = numba.njit(lambda x: (first(x), second(x), third(x)))
    assert kernel(3) == (2.5, 3, 2.5)
    assert kernel(1) == (1.5, 0, 1.5)


def test_a_part_is_linked_once_into_what_calls_it() -> None:
    inner = parts.part()(lambda x: x * 2.0)
    left = parts.part()(lambda x: inner(x) + 1.0)
    right = parts.part()(lambda x: inner(x) + left(x))
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
