"""How many instructions an element takes on processors that need not be here: ``python -m bench.instructions``.

Each transcendental loss's kernel (value and gradient, dense arrays, no check) is compiled as far as it is the same for
all processors, and from there on for each: the same passes of LLVM, which vectorise its loop. Counted is the
largest one that stores a gradient, in the assembly. The bound follows: no loop is faster than its instructions at the
processor's width, than its packed arithmetic in the pipes that do it, or than its divisions, one after the other. What
an instruction waits for is not in it: where few iterations fit into the processor's window, a long chain of
instructions takes longer.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import llvmlite.binding as _llvm
import numpy as np
from numba.core.codegen import CPUCodeLibrary

import fastloss as fl
from fastloss.define.keywords import GRAD, VALUE
from fastloss.kernels.cpu import entries, lowering, objects, target
from fastloss.kernels.cpu.signatures import signature
from fastloss.kernels.plan.elements import OPTIONS, Plan

from . import command, pointwise, tables, timing

llvm: Any = _llvm


class Processor(NamedTuple):
    """What a kernel is compiled for, and the numbers that a bound is made of."""

    triple: str
    cpu: str
    features: str
    clock: float
    """Cycles in a nanosecond."""
    width: float
    """Instructions that begin in a cycle."""
    pipes: float
    """Packed instructions of arithmetic in a cycle."""
    division: dict[str, float]
    """Cycles that a packed division or root keeps the others waiting, by type."""


PROCESSORS = {
    "AVX2": Processor("x86_64-unknown-linux-gnu", "haswell", "", 2.4, 4.0, 3.0, {"f": 14.0, "d": 28.0}),
    "AVX-512": Processor("x86_64-unknown-linux-gnu", "znver4", "+avx512f", 2.6, 6.0, 2.0, {"f": 10.0, "d": 10.0}),
    "NEON": Processor("aarch64-unknown-linux-gnu", "neoverse-n1", "", 2.5, 4.0, 2.0, {"f": 9.0, "d": 14.0}),
}
"""Haswell, Zen 4 (whose vectors of 512 bits pass through pipes of 256), Neoverse N1 (Graviton 2): by the tables of
instructions that their makers and others publish."""


class Loop(NamedTuple):
    """What is counted in one iteration."""

    instructions: int
    arithmetic: int
    divisions: int
    elements: float

    def bound(self, processor: Processor, dtype: str) -> float:
        """Nanoseconds that an element takes at least."""
        slowest = max(
            self.instructions / processor.width,
            self.arithmetic / processor.pipes,
            self.divisions * processor.division[dtype],
        )
        return slowest / self.elements / processor.clock


def unoptimised(loss: fl.Loss, dtype: str) -> Any:
    """The library of a loss's kernel, `text` being LLVM's code before it is optimised for any processor."""
    plan = Plan.of(loss, (dtype,) * len(loss.inputs), VALUE | GRAD, False)
    with _kept():
        return entries.built(target.complete(plan), signature(plan), OPTIONS)


@contextmanager
def _kept() -> Iterator[None]:
    """Have Numba's libraries keep their code instead of optimising it."""
    usual = CPUCodeLibrary._optimize_final_module
    kept: Any = CPUCodeLibrary
    kept._optimize_final_module = lambda self: setattr(self, "text", str(self._final_module))
    try:
        yield
    finally:
        kept._optimize_final_module = usual


_NATIVE = re.compile(
    r"(?ms)^define (linkonce_odr void @NRT_decref\(ptr) %\S+\) #\d+ \{.*?^\}|^declare [^\n]*@llvm\.x86\.[^\n]*"
)
"""What Numba has written for the processor that it runs on: how an array's memory is let go."""


def assembly(library: Any, processor: Processor) -> str:
    """The library's code, optimised by the passes that Numba runs, for a processor."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = objects.machine(*processor[:3])
    text = re.sub(r"(?m)^target triple = .*$", f'target triple = "{processor.triple}"', library.text)
    text = re.sub(r"(?m)^target datalayout = .*$", f'target datalayout = "{machine.target_data}"', text)
    text = _NATIVE.sub(lambda found: "declare void @NRT_decref(ptr)" if found[1] else "", text)
    told = [lowering.NOTE.format(count) for count in range(3)]
    text = re.sub("|".join(map(re.escape, told)), told[lowering.at_a_time(processor.triple, processor.features)], text)
    twin, twin._codegen = copy.copy(library), copy.copy(library._codegen)
    twin._codegen._tm, twin._final_module = machine, llvm.parse_assembly(text)
    CPUCodeLibrary._optimize_final_module(twin)
    return str(machine.emit_assembly(twin._final_module))


_LABEL = re.compile(r"(\.?L\w+):")
_JUMP = re.compile(r"\t(?:j\w+|b\.\w+|b|cbn?z|tbn?z)\t(?:\S+, )*(\.?L\w+)$")


def loops(text: str) -> list[list[str]]:
    """The innermost loops, each as its instructions."""
    lines = [re.split(r"#|//|;", line)[0].rstrip() for line in text.splitlines()]
    places = {label[1]: k for k, line in enumerate(lines) if (label := _LABEL.match(line))}
    back = [(places.get(jump[1], k), k) for k, line in enumerate(lines) if (jump := _JUMP.match(line))]
    spans = [(a, b) for a, b in back if a < b]
    found = [(a, b) for a, b in spans if not any(a <= c and d <= b for c, d in spans if (c, d) != (a, b))]
    return [[x.strip() for x in lines[a : b + 1] if re.match(r"\t[a-z]", x)] for a, b in found]


_VECTOR = re.compile(r"%[yz]mm\d|\bv\d+\.")
_MOVES = re.compile(r"v\w*mov|v\w*broadcast|v(?:extract|insert)[fi]\d|ld|st|mov|dup")
_DIVISIONS = re.compile(r"(?:v|f)(?:div|sqrt)")
_STORES = re.compile(r"vmov\w*p[sd]\s+%([yz])mm\d+, [^%]*\((?!%rsp)|(st[pru]+)\s+([qds])\d+, .*\[(?!sp)")
_BYTES = {"y": 32, "z": 64, "q": 16, "d": 8, "s": 4}


def hot(text: str) -> list[str]:
    """The largest of the loops that store a gradient, packed arithmetic counting twice."""
    return max(loops(text), key=lambda loop: (_stored(loop) > 0, _arithmetic(loop) + len(loop)))


def _arithmetic(loop: list[str]) -> int:
    return sum(bool(_VECTOR.search(x)) and not _MOVES.match(x) for x in loop)


def _stored(loop: list[str]) -> int:
    stores = [found for x in loop if (found := _STORES.match(x))]
    return sum(_BYTES[found[1] or found[3]] * (2 if found[2] == "stp" else 1) for found in stores)


def counted(text: str, itemsize: int, gradients: int) -> Loop:
    """That of `hot`; its elements are those of the gradient that it stores."""
    loop = hot(text)
    divisions = sum(bool(_DIVISIONS.match(x)) for x in loop)
    return Loop(len(loop), _arithmetic(loop), divisions, _stored(loop) / itemsize / gradients)


def transcendental(names: str | None) -> list[fl.Loss]:
    """The losses asked for; by default those that are counted."""
    return [x for x in pointwise.chosen(names) if names or pointwise.group(x) == "transcendental"]


def described(loop: Loop, processor: Processor, dtype: str) -> dict[str, float]:
    """A loop as it is recorded: what was counted, and the bound of an element."""
    return loop._asdict() | {"bound": loop.bound(processor, dtype)}


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("--losses", help="names, separated by commas (default: all that are transcendental)")
    parser.add_argument("--show", metavar="PROCESSOR", choices=PROCESSORS, help="print the loops themselves")
    options = parser.parse_args(argv)
    records = []
    for dtype in ("float32",) if options.quick else ("float32", "float64"):
        for loss in transcendental(options.losses):
            kind = np.dtype(dtype)
            library = unoptimised(loss, kind.char)
            texts = {name: assembly(library, each) for name, each in PROCESSORS.items()}
            inner = {n: counted(text, kind.itemsize, len(loss.wrt)) for n, text in texts.items()}
            found = {n: described(loop, PROCESSORS[n], kind.char) for n, loop in inner.items()}
            records.append({"loss": loss.name, "dtype": dtype, "loops": found})
            if options.show:
                print(f"{loss.name}, {dtype}:", *hot(texts[options.show]), sep="\n    ")
    print(timing.table(tables.per_element_header(records), map(tables.per_element, records)))
    processors = {name: processor._asdict() for name, processor in PROCESSORS.items()}
    timing.write_json(options.json, records, what="instructions", processors=processors)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
