"""Kernels as machine code: a file's content, linked by LLVM alone and called by address. Numba is not needed for it.

A kernel is one function of plain C. It takes the address of eight bytes for each array (where the array's object
is), and for each number, and leaves its results behind them. A header says which there are and which functions of other
libraries are called: LLVM ends the process for one that is missing, so each is looked for first.
"""

from __future__ import annotations

import ctypes
import re
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import llvmlite.binding as _llvm

from ...define.code import function_in

if TYPE_CHECKING:
    from collections.abc import Callable

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
    return _caller(code.layout, ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p)(address))


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


def _caller(layout: str, entry: Callable[[bytes], int]) -> Any:
    """A function that packs its arguments, calls the kernel and unpacks the results."""
    given, found = layout.split(">")
    arguments = _parts(given)
    kinds = re.sub(r"[^adq]", "", given).replace("a", "q")
    packing, unpacking = Struct("=" + kinds + found), Struct("=" + found)
    values = [text for k, part in enumerate(arguments) for text in _packed(f"a{k}", part)] + ["0"] * len(found)
    names = ", ".join(f"a{k}" for k in range(len(arguments)))
    text = f"""def kernel({names}):
    packed = pack({", ".join(values)})
    status = entry(packed)
    if status:
        refuse(status)
    return {f"unpack(packed, {8 * len(kinds)})" if found else "None"}
"""
    # The kernel writes its results into these bytes, which nobody else has seen.
    scope = {"pack": packing.pack, "unpack": unpacking.unpack_from, "entry": entry, "refuse": _refuse, "id": id}
    kernel: Any = function_in(text, "kernel", scope, __name__)
    kernel.fresh = False  # compiled in this process
    return kernel


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


def _packed(name: str, part: str) -> list[str]:
    """The expressions that pack an argument."""
    if not part.startswith("("):
        return {"a": [f"id({name})"], "-": []}.get(part, [name])
    inner = part[1:-1]
    if inner and not inner.strip("dq"):
        return [f"*{name}"]
    return [text for k, each in enumerate(_parts(inner)) for text in _packed(f"{name}[{k}]", each)]


def _refuse(status: int) -> None:
    if status == WRONG_ARRAY:
        raise TypeError("a kernel was given an array of another type or layout than it was made for")
    raise MemoryError("there is no memory for a kernel's sums")
