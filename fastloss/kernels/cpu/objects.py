"""Kernels as machine code: a file's content, linked by LLVM alone and called by address. Numba is not needed for it.

A kernel is one function of plain C. It takes the address of eight bytes for each array (where the array's object
is), and for each number, and leaves its results behind them. A header says which there are and which functions of other
libraries are called: LLVM ends the process for one that is missing, so each is looked for first.
"""

from __future__ import annotations

import ctypes
import re
from functools import lru_cache, partial
from itertools import groupby
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import llvmlite.binding as _llvm

from ...define.code import function_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

llvm: Any = _llvm
ENTRY = "fastloss_entry"
"""The name of the one function that others see."""
FORMAT = "fastloss kernel 1"
"""The first word of a file; another format has another."""
WRONG_ARRAY = 77
"""What a kernel returns that was given another array than it was made for; other errors are other numbers."""

_LAYOUT = re.compile(r"[adq()-]*>[dq]*")
_linked: list[Any] = []
"""The owners of machine code: a thread may be in it to the end of the process."""


class Code(NamedTuple):
    """A kernel's machine code, and what there is to know of it.

    `layout` has a letter for each argument: an array, a double, an int64 (a d q), nothing at all (-), and
    parentheses for a tuple; then > and the results. `needs` are the functions that it calls.
    """

    layout: str
    needs: tuple[str, ...]
    machine: bytes


def sealed(code: Code) -> bytes:
    """The content of a file."""
    return f"{FORMAT}\n{code.layout}\n{' '.join(code.needs)}\n{len(code.machine)}\n".encode() + code.machine


def opened(data: bytes) -> Code | None:
    """What a file holds; None if that is no kernel."""
    try:
        form, layout, needs, length, machine = data.split(b"\n", 4)
        good = form.decode() == FORMAT and _LAYOUT.fullmatch(layout.decode()) and int(length) == len(machine)
        _parts(layout.decode().partition(">")[0])
        return Code(layout.decode(), tuple(needs.decode().split()), machine) if good else None
    except ValueError:
        return None


def linked(code: Code) -> Any:
    """The kernel as a function of its arguments; None where something that it needs is missing."""
    # Makes the process's names known; one piece of memory holds code and constants that lie near it.
    one_piece = is_near(llvm.get_process_triple()) or None
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(), one_piece)
    if any(llvm.address_of_symbol(name) is None for name in code.needs):
        return None
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code.machine))
    engine.finalize_object()
    address = engine.get_function_address(ENTRY)
    if not address:
        return None
    _linked.append(engine)
    return _whole(code.layout, ctypes.CFUNCTYPE(ctypes.c_int32)(address))  # of bytes: looking takes 30 ns


def processor() -> tuple[str, str, str]:
    """What machine code depends on: the system, the processor, its features."""
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), _features()


def _features() -> str:
    try:
        return str(llvm.get_host_cpu_features().flatten())
    except RuntimeError:  # LLVM does not know this processor
        return ""


def is_near(triple: str) -> bool:
    """Whether the machine code for this system has its constants near, and the addresses of what it calls in a table.

    That of others is as LLVM makes it for any place in memory.
    """
    return triple.startswith("x86_64") and "linux" in triple


def by_table(module: Any) -> Any:
    """The module, which calls what is not its own by the table of addresses, for which LLVM sets memory aside.

    It does not for the one that it makes where code jumps to a function by the distance, and ends the process then.
    """
    for function in module.functions:
        if function.is_declaration and not function.name.startswith("llvm."):
            function.add_function_attribute("nonlazybind")
    flag = llvm.parse_assembly('!llvm.module.flags = !{!0}\n!0 = !{i32 7, !"RtLibUseGOT", i32 1}')
    flag.triple, flag.data_layout = module.triple, module.data_layout
    module.link_in(flag)
    return module


def machine(triple: str, name: str, features: str) -> Any:
    """What LLVM makes machine code by.

    Constants lie near the code. The address of a far one takes an instruction, in every iteration again where there are
    more constants than registers (with AVX2 up to a quarter of all instructions).
    """
    near: Any = {"codemodel": "small", "reloc": "pic"} if is_near(triple) else {}
    return llvm.Target.from_triple(triple).create_target_machine(cpu=name, features=features, opt=3, **near)


def _machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return machine(*processor())


class Given(NamedTuple):
    """The place of an argument that each call gives, by its name there."""

    name: str


def filled(function: Any, names: Sequence[str], arguments: Any) -> Any:
    """A function of `names` that calls another with these arguments: `Given`, tuples, and anything else as it is."""
    scope: dict[str, Any] = {"function": function}
    text = f"def called({', '.join(names)}):\n    return function{_written(tuple(arguments), scope)}\n"
    return function_in(text, "called", scope, __name__)


def _written(argument: Any, scope: dict[str, Any]) -> str:
    if type(argument) is Given:
        return argument.name
    if type(argument) is tuple:
        return f"({''.join([f'{_written(x, scope)}, ' for x in argument])})" if argument else "()"
    scope[name := f"x{len(scope)}"] = argument
    return name


def _whole(layout: str, entry: Callable[[bytes], int]) -> Any:
    """A kernel as a function of all that it takes; `bound` makes one of the arguments that are not the same always."""
    names = [f"a{k}" for k in range(len(_parts(layout.partition(">")[0])))]
    kernel: Any = _caller(layout, entry, names, tuple(map(Given, names)))
    kernel.bound = partial(_caller, layout, entry)
    kernel.fresh = False  # compiled in this process
    return kernel


def _caller(layout: str, entry: Callable[[bytes], int], names: Sequence[str], arguments: tuple[Any, ...]) -> Any:
    """`filled` of a kernel: a function that packs its arguments, calls the kernel and unpacks the results.

    What is the same in every call is packed once, here: of 25 numbers a call packs 11, in 0.6 us and not 1.0.
    """
    same: list[Any] = []
    text, pack, unpack, runs = _form(layout, tuple(names), _apart(arguments, same))
    # The arrays among them live as long as their addresses do.
    scope = {"entry": entry, "refuse": _refuse, "id": id, "pack": pack, "unpack": unpack, "kept": same}
    left = iter(same)
    for name, kinds, packed in runs:
        scope[name] = packed(*[id(x) if kind == "a" else x for kind, x in zip(kinds, left, strict=False)])
    return function_in(text, "kernel", scope, __name__)


def _apart(argument: Any, same: list[Any]) -> Any:
    """An argument with dots for what is the same always, which is added to a list; None stays, which nobody packs."""
    if type(argument) is tuple:
        return tuple([_apart(x, same) for x in argument])
    if argument is None or type(argument) is Given:
        return argument
    same.append(argument)
    return ...


@lru_cache(maxsize=256)
def _form(layout: str, names: tuple[str, ...], arguments: tuple[Any, ...]) -> tuple[str, Any, Any, list[Any]]:
    """The text of such a function, what packs and unpacks for it, and runs of what is the same always.

    Kept, because rows of ever new lengths have the same: 60 us of a first call, which takes 120.
    """
    given, found = layout.split(">")
    kinds, values, runs = "=", list[str](), list[Any]()
    parts = zip(_parts(given), arguments, strict=True)
    for name, group in groupby([x for each in parts for x in _packed(*each)], lambda x: x[1] and "given"):
        run: list[Any] = [*group]
        if name is None:
            held = "".join([kind for kind, _ in run])
            name = f"c{len(runs)}"
            runs.append((name, held, Struct("=" + held.replace("a", "q")).pack))
            run = [(f"{8 * len(held)}s", name)]
        kinds += "".join([kind.replace("a", "q") for kind, _ in run])
        values += [value for _, value in run]
    packing, unpacking = Struct(f"{kinds}{8 * len(found)}x"), Struct("=" + found)
    # The kernel writes its results into these bytes, which nobody else has seen.
    text = f"""def kernel({", ".join(names)}):
    packed = pack({", ".join(values)})
    status = entry(packed)
    if status:
        refuse(status)
    return {f"unpack(packed, {packing.size - unpacking.size})" if found else "None"}
"""
    return text, packing.pack, unpacking.unpack_from, runs


def _parts(layout: str) -> list[str]:
    """A layout's own arguments, tuples whole; a ValueError where a parenthesis is missing."""
    found, start, depth = [], 0, 0
    for k, c in enumerate(layout):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            found.append(layout[start : k + 1])
            start = k + 1
        elif depth < 0:
            break
    if depth:
        raise ValueError(layout)
    return found


def _packed(part: str, argument: Any) -> Iterator[tuple[str, str | None]]:
    """The kinds of what is packed of an argument, and the expressions; None for what is the same always."""
    if part.startswith("("):
        inner = part[1:-1]
        if type(argument) is Given:
            if inner and not inner.strip("dq"):
                yield inner, f"*{argument.name}"
                return
            argument = [Given(f"{argument.name}[{k}]") for k in range(len(_parts(inner)))]
        for each in zip(_parts(inner), argument, strict=True):
            yield from _packed(*each)
    elif part != "-":
        yield part, None if argument is ... else f"id({argument.name})" if part == "a" else argument.name


def _refuse(status: int) -> None:
    if status == WRONG_ARRAY:
        raise TypeError("a kernel was given an array of another type or layout than it was made for")
    raise MemoryError("there is no memory for a kernel's sums")
