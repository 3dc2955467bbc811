"""PTX as text to PTX as blocks of instructions."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

TYPES = {
    "b8": "u1", "u8": "u1", "s8": "i1", "b16": "u2", "u16": "u2", "s16": "i2", "f16": "f2", "bf16": "u2",
    "b32": "u4", "u32": "u4", "s32": "i4", "f32": "f4", "b64": "u8", "u64": "u8", "s64": "i8", "f64": "f8",
    "pred": "?",
}  # fmt: skip
"""PTX's, as NumPy names them; bfloat16 as its bits."""

WAITS = ("bar.sync", "bar.red", "barrier.sync", "shfl.sync")
"""What threads come to together."""


def size_of(kind: str) -> int:
    """Bytes of a type."""
    return int(TYPES[kind][1:]) if kind != "pred" else 1


class Instruction(NamedTuple):
    guard: str
    """The predicate on which it depends, with `!` in front where that must be false; or nothing."""
    name: str
    """With its modifiers."""
    operands: tuple[Any, ...]
    """As text; what stands in braces or brackets as a tuple, the first of which is the brace."""
    text: str


class Variable(NamedTuple):
    space: str
    size: int
    align: int


class Kernel(NamedTuple):
    params: tuple[tuple[str, str], ...]
    """Name and type of each."""
    registers: dict[str, str]
    """Type of each register, or of all whose names begin so."""
    variables: dict[str, Variable]
    blocks: tuple[tuple[Instruction, ...], ...]
    """Only the last instruction of each jumps; what waits stands alone."""
    labels: dict[str, int]
    threads: int
    """Of a block, at most."""


def parse(ptx: str, entry: str) -> Kernel:
    """The kernel of this name."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", ptx, flags=re.DOTALL)
    start = re.search(rf"\.entry\s+{re.escape(entry)}\s*\(", text)
    assert start is not None, entry
    close = text.index(")", start.end())
    begin = text.index("{", close)
    body = _braced(text, begin)
    threads = re.search(r"\.(?:max|req)ntid\s+(\d+)", text[close:begin])
    return Kernel(
        tuple((name, kind) for kind, name in re.findall(r"\.param\s+\.(\w+)\s+([\w$]+)", text[start.end() : close])),
        {name: kind for kind, name in re.findall(r"\.reg\s+\.(\w+)\s+(%\w+)(?:<\d+>)?\s*;", body)},
        _variables(text[: start.start()]) | _variables(body),
        *_blocks(body),
        int(threads[1]) if threads else 1024,
    )


def _braced(text: str, begin: int) -> str:
    depth = 0
    for k in range(begin, len(text)):
        depth += (text[k] == "{") - (text[k] == "}")
        if not depth:
            return text[begin + 1 : k]
    raise ValueError("a brace is not closed")


def _variables(text: str) -> dict[str, Variable]:
    """Shared and local ones: no kernel reads tables of global memory."""
    pattern = r"\.(shared|local)\s+\.align\s+(\d+)\s+\.b8\s+([\w$]+)\[(\d+)\]\s*;"
    return {name: Variable(space, int(size), int(align)) for space, align, name, size in re.findall(pattern, text)}


def _blocks(body: str) -> tuple[tuple[tuple[Instruction, ...], ...], dict[str, int]]:
    blocks: list[list[Instruction]] = [[]]
    labels: dict[str, int] = {}
    # Scopes have registers of their own, which differ in nothing but their scope.
    body = re.sub(r"\{(\s*\.reg)|(;\s*)\}", r"\1\2", body)
    for statement in re.split(r";|(?<=[\w$]):(?=\s)", body):
        text = " ".join(statement.split())
        if not text or text.startswith((".reg ", ".local ", ".shared ", ".pragma ")):
            continue
        if re.fullmatch(r"[$_A-Za-z][\w$]*", text) and text not in ("ret", "exit"):
            if blocks[-1]:
                blocks.append([])
            labels[text] = len(blocks) - 1
            continue
        found = _instruction(text)
        waits = found.name.startswith(WAITS)
        if waits and blocks[-1]:
            blocks.append([])
        blocks[-1].append(found)
        if waits or found.name.partition(".")[0] in ("bra", "ret", "exit"):
            blocks.append([])
    return tuple(map(tuple, blocks)), labels


def _instruction(text: str) -> Instruction:
    found = re.fullmatch(r"(?:@(!?%\w+) )?([\w.:]+)(?: (.*))?", text)
    assert found is not None, text
    operands: list[Any] = []
    for part in re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s]+", found[3] or ""):
        grouped = part[0] in "{["
        operands.append((part[0], *re.findall(r"[^,\s{}\[\]]+", part)) if grouped else part)
    return Instruction(found[1] or "", found[2], tuple(operands), text)
