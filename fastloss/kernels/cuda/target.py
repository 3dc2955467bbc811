"""What makes a kernel of a plan for the GPU: numba-cuda as a compiler to PTX, and NVIDIA's linker. No driver."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np
from numba import cuda, types

from ..bind import Port, by_definition, lift
from ..plan.elements import BRAIN, HALF, Plan
from ..ports.elements import keep, native
from . import intrinsics as device
from . import packets
from .arguments import arguments, flat
from .elementary import elementary
from .plan.elements import AnyPlan, CudaPlan, bounds
from .plan.elements import complete as completed
from .plan.rows import CudaRowPlan
from .ports.elements import one_by_one, one_by_one_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..plan.rows import RowPlan

_DECODE = {HALF: device.decode_half, BRAIN: device.decode_brain}
_ENCODE = {HALF: device.encode_half, BRAIN: device.encode_brain}

_SHORT = {"div.rn.f32": "div.full.f32", "rcp.rn.f32": "rcp.approx.f32", "sqrt.rn.f32": "sqrt.approx.f32"}
"""Instructions within 2 units in the last place, subnormal numbers among them, for those that branch to be exact."""


def stored_type(stored: str) -> Any:
    """An element as a kernel sees it: 16-bit floats and booleans as their bits."""
    return {HALF: types.uint16, BRAIN: types.uint16, "?": types.uint8}.get(stored) or numba.from_dtype(np.dtype(stored))


class Cuda:
    """What `plan.ports` asks of a target, for numba-cuda."""

    def __init__(self, coarse: bool) -> None:
        """`coarse`: all of a loss's arrays are of 16 bits."""
        self._coarse = coarse

    def real(self, compute: str) -> Any:
        """Numba's own type, which can be called in compiled code."""
        return types.float64 if compute == "d" else types.float32

    def jet(self, jet: Callable[..., Any], compute: str) -> Any:
        """The definition on libdevice's functions, its numbers of the compute type."""
        return _lifted(jet, compute, self._coarse)

    def decode(self, stored: str) -> Any:
        """By the instruction for it."""
        return _DECODE.get(stored, native)

    def encode(self, stored: str) -> Any:
        """By the instruction for it; Numba converts the others as it stores them."""
        return _ENCODE.get(stored, keep)

    def kind(self, stored: str) -> Any:
        """The type of an element as it is stored."""
        return stored_type(stored)

    def moves(self, stored: str, width: int) -> tuple[Any, Any]:
        """Whole packets where they are at least 4 bytes."""
        if packets.packed(width, stored_type(stored).bitwidth // 8):
            return packets.loader(width), packets.storer(width)
        return Port(one_by_one, WIDTH=width), Port(one_by_one_back, WIDTH=width)

    def shares(self, stored: str, width: int) -> tuple[Any, Any]:
        """The same where a block shares the memory."""
        return packets.fetcher(width), packets.leaver(width)

    def primitives(self, plan: Plan | RowPlan) -> dict[str, Any]:
        """Of a thread's own arrays, and of single numbers in memory; how threads exchange sums and maxima."""
        written = ("value", "grad0", "grad1", "hess0", "hess1", "stats0", "stats1", "stats2")
        access = {"read": _get, "reread": _get, "add": _add, **{f"write_{name}": _set for name in written}}
        if isinstance(plan, Plan):
            return access
        kind = np.float64 if plan.compute == "d" else np.float32
        names = ("add_all", "add_difference", "larger_all", "exchanged", "stash", "fetch", "all_but_last")
        return (
            access
            | {name: getattr(device, name) for name in names}
            | {
                "ZEROS": (kind(0.0),) * plan.sums,
                "MORE": (kind(0.0),) * plan.sizes.more,
                "PROBES": (kind(0.0),) * plan.sizes.probes,
                "LOWEST": (kind(-np.inf),) * plan.sizes.peaks,
                "NOWHERE": (kind(-np.inf),),
                "ABSENT": (kind(0.0),) * plan.sizes.scores,
                "UNKNOWN": (kind(np.nan),) * 2,
            }
        )

    def elementary(self) -> Any:
        """Libdevice's."""
        return elementary("d")


def _add(a: Any, b: Any) -> Any:
    return a + b


def _get(array: Any, i: int) -> Any:
    return array[i]


def _set(array: Any, i: int, x: Any) -> None:
    array[i] = x


def jit(function: Any) -> Any:
    """Compile a part of a kernel."""
    return (device.inlined if getattr(function, "how", "") else device.called)(function)


@by_definition
def _lifted(jet: Callable[..., Any], compute: str, coarse: bool) -> Any:
    return lift(jet, elementary(compute, coarse), float if compute == "d" else np.float32, jit)


def complete(plan: AnyPlan) -> Any:
    """The template with all of its ports plugged in, as a plain function."""
    types = getattr(getattr(plan, "plan", None), "types", ())
    return completed(plan, Cuda(bool(types) and {*types} <= {HALF, BRAIN}), jit)


def signature(plan: AnyPlan) -> tuple[Any, ...]:
    """Types of the kernel's arguments, as Numba has them."""
    return tuple(map(_type, arguments(plan)))


def _type(argument: Any) -> Any:
    if isinstance(argument, tuple):
        return types.Tuple(tuple(map(_type, argument)))
    return types.CPointer(stored_type(argument[1])) if argument[0] == "*" else stored_type(argument)


class Binary(NamedTuple):
    """A kernel as machine code."""

    code: bytes
    entry: str
    """Its name."""
    ptx: str
    log: str
    """What the assembler says of registers and memory."""


def assembly(plan: AnyPlan, capability: tuple[int, int]) -> tuple[str, str]:
    """The kernel of a plan for a compute capability as PTX, and its name."""
    if capability < device.BRAINS and "*" + BRAIN in flat(arguments(plan)):
        needed, found = (".".join(map(str, number)) for number in (device.BRAINS, capability))
        raise NotImplementedError(
            f"bfloat16 needs a GPU of compute capability {needed} or later, and this one has {found}: pass float16 or "
            "float32"
        )
    from .passes import short  # of numba-cuda's compiler, which a machine that only reads these modules may lack

    with device.capability(capability), short():
        ptx, _ = cuda.compile_ptx(complete(plan), signature(plan), cc=capability, launch_bounds=bounds(plan))
    entry = re.search(r"\.entry\s+([\w$]+)", ptx)
    assert entry is not None
    if isinstance(plan, (CudaPlan, CudaRowPlan)) and {*plan.plan.types} & {HALF, BRAIN}:
        # Derivatives are rounded to 11 bits or 8, and such kernels wait for arithmetic alone: of log(1 + e^-x) and its
        # derivative 64 instructions an element in place of 80.
        ptx = re.sub("|".join(map(re.escape, _SHORT)), lambda found: _SHORT[found[0]], ptx)
    return ptx, entry.group(1)


def compiled(plan: AnyPlan, capability: tuple[int, int]) -> Binary:
    """The kernel of a plan for a compute capability."""
    from cuda.core import Linker, LinkerOptions, ObjectCode

    ptx, entry = assembly(plan, capability)
    options = LinkerOptions(arch="sm_{}{}".format(*capability), ptxas_options=["-v"])
    try:
        linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=options)
        code = linker.link("cubin").code
    except Exception as error:  # of nvJitLink's own type, or of whatever cuda.core links by
        if "Unsupported .version" in str(error):
            raise RuntimeError(
                "NVIDIA's linker (nvJitLink) is older than its compiler (NVVM), as happens where torch brings the one "
                'and was installed after the other: install both in one command, pip install torch "fastloss[cuda13]"'
            ) from error
        raise
    return Binary(bytes(code), entry, ptx, linker.get_info_log().strip("\0"))
