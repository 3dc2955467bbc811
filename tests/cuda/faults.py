"""What the gate has against a kernel, without a GPU: registers, memory, widths of accesses, precision."""

from __future__ import annotations

import re

from fastloss.kernels.cuda.target import Binary

REGISTERS = 65_536
"""Of a multiprocessor; to be shared by the threads that it must be able to hold."""

LONG = {"accelerated_failure_time_normal", "multiclass_focal_from_probabilities"}
"""Losses of so much arithmetic that their loop over a packet is not unrolled in float32 either."""


def text(binary: Binary) -> str:
    return binary.ptx[binary.ptx.index(".entry") :]


def faults(binary: Binary, single: bool, wide: bool, most: tuple[int, int] = (256, 4), long: bool = False) -> list[str]:
    """What the gate has against a kernel."""
    found, body = [], text(binary)
    registers = re.search(r"Used (\d+) registers", binary.log)
    memory = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", binary.log)
    if registers is None or memory is None:
        return [f"the assembler's report is not understood: {binary.log}"]
    threads, blocks = most
    if int(registers[1]) > REGISTERS // (threads * blocks):
        found.append(f"{registers[1]} registers")
    # A loop over a packet may be too long to be unrolled, in float64 above all: the packet then stays in (cached) memory.
    if any(map(int, memory.groups()[long or not single :])):
        found.append(memory[0])
    if single and ".f64" in body:
        found.append(f"{body.count('.f64')} instructions of double precision")
    if re.search(r"\bcall\b", body):
        found.append("a call")
    if wide and not (re.search(r"ld\.global\.(v4|v2\.u64)", body) and re.search(r"st\.global\.(v4|v2\.u64)", body)):
        found.append("no accesses of 16 bytes")
    return found
