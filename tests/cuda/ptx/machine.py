"""A grid of threads going through a kernel's blocks: always those that are furthest behind, until they meet again."""

from __future__ import annotations

import re
import struct
from typing import Any

import arithmetic
import numpy as np
from assembly import TYPES, WAITS, Instruction, Kernel, size_of
from spaces import LOCAL, SHARED, Fault, Memory

WARP = 32

MOST = 100_000
"""Blocks gone through before a loop is taken to be endless."""


class Machine:
    """One launch."""

    def __init__(self, kernel: Kernel, blocks: int, threads: int, params: dict[str, bytes], memory: Memory,
                 symbols: dict[str, int]) -> None:  # fmt: skip
        self.kernel, self.blocks, self.threads, self.count = kernel, blocks, threads, blocks * threads
        self.params, self.memory, self.symbols = params, memory, symbols
        self.who, self.at = np.arange(self.count), np.zeros(self.count, np.int32)
        self._garbage = np.random.default_rng(1)
        self.registers: dict[str, Any] = {
            "%tid.x": (self.who % threads).astype(np.uint32), "%ctaid.x": (self.who // threads).astype(np.uint32),
            "%nctaid.x": np.full(self.count, blocks, np.uint32),
        }  # fmt: skip
        self.steps = [[self._step(i) for i in block] for block in kernel.blocks]

    def run(self) -> None:
        """Until all threads have ended."""
        with np.errstate(all="ignore"):
            for _ in range(MOST):
                live = np.unique(self.at[self.at < len(self.steps)])
                if not len(live):
                    return
                for b, mask in ((b, self._ready(b)) for b in map(int, live)):
                    if mask.any():
                        self.at[mask] = b + 1
                        for step in self.steps[b]:
                            step(mask)
                        break
                else:
                    raise Fault("threads wait for others that do not come")
        raise Fault("no end")

    def _ready(self, b: int) -> Any:
        """The threads that can go through a block: where it waits, those of a warp or a block that are all there."""
        mask, code = self.at == b, self.kernel.blocks[b]
        if not code or not code[0].name.startswith(WAITS):
            return mask
        exchange = code[0].name.startswith("shfl")
        group = WARP if exchange else self.threads
        whole = mask.reshape(-1, group).all(1)
        if not exchange:
            for k in np.flatnonzero(whole):
                self.memory.barrier(int(k))
        return np.repeat(whole, group)

    # -- operands ------------------------------------------------------------------------------------------------------

    def _register(self, name: str) -> Any:
        """Its array, of garbage at first."""
        if name not in self.registers:
            kinds = self.kernel.registers
            kind = kinds.get(name) or kinds[name.rstrip("0123456789")]
            raw = self._garbage.integers(0, 256, size_of(kind) * self.count, np.uint8)
            self.registers[name] = raw % 2 == 1 if kind == "pred" else raw.view(f"u{size_of(kind)}")
        return self.registers[name]

    def _source(self, text: str, kind: str) -> Any:
        """What gives a value of this type."""
        dtype = np.dtype(TYPES[kind])
        if text[0] != "%":
            value = np.full(1, self._number(text, dtype), dtype)
            return lambda: value
        held = self._register(text)
        if held.itemsize == dtype.itemsize:
            view = held.view(dtype)
            return lambda: view
        assert held.itemsize > dtype.itemsize, (text, kind)
        return lambda: held.astype(f"u{dtype.itemsize}").view(dtype)

    def _number(self, text: str, dtype: Any) -> Any:
        """A constant, or where a variable is."""
        if text[:2] in ("0f", "0d"):
            return struct.unpack(">" + text[1], bytes.fromhex(text[2:]))[0]
        bits = self.symbols[text] if text in self.symbols else int(text, 0)
        return np.array(bits % (1 << 8 * dtype.itemsize), f"u{dtype.itemsize}").view(dtype)

    def _target(self, text: str, kind: str) -> Any:
        """What takes a value of this type; a wider register takes it with its sign, if it has one."""
        dtype, held = np.dtype(TYPES[kind]), self._register(text)
        view = held.view(dtype.kind + str(held.itemsize)) if held.itemsize > dtype.itemsize else held.view(dtype)

        def put(value: Any, mask: Any) -> None:
            assert value.dtype == dtype, (text, kind, value.dtype)
            np.copyto(view, value.astype(view.dtype), where=mask)

        return put

    # -- instructions --------------------------------------------------------------------------------------------------

    def _step(self, i: Instruction) -> Any:
        step = getattr(self, "_" + i.name.partition(".")[0], self._simple)(i)
        if not i.guard:
            return step
        guard, wanted = self._register(i.guard.lstrip("!")), i.guard[0] != "!"

        def guarded(mask: Any) -> None:
            mine = mask & (guard == wanted)
            if mine.any():
                step(mine)

        return guarded

    def _simple(self, i: Instruction) -> Any:
        verb, *modifiers, kind = i.name.split(".")
        function = arithmetic.simple(verb, modifiers, kind)
        to, *given = i.operands
        counts = arithmetic.COUNTS.get(verb, 0)
        sources = [self._source(x, "u32" if k >= len(given) - counts else kind) for k, x in enumerate(given)]
        put = self._target(to, kind)
        return lambda mask: put(function(*(s() for s in sources)), mask)

    def _mul(self, i: Instruction) -> Any:
        _, how, kind = ("." + i.name).rpartition(".wide.")
        if not how:
            return self._simple(i)
        double = kind[0] + str(2 * int(kind[1:]))
        a, b, put = *(self._source(x, kind) for x in i.operands[1:]), self._target(i.operands[0], double)
        return lambda mask: put(a().astype(TYPES[double]) * b(), mask)

    def _cvt(self, i: Instruction) -> Any:
        parts = i.name.split(".")[1:]
        source, put = self._source(i.operands[1], parts[-1]), self._target(i.operands[0], parts[-2])
        return lambda mask: put(arithmetic.converted(parts, source()), mask)

    def _cvta(self, i: Instruction) -> Any:
        _, *back, space, _ = i.name.split(".")
        base = np.uint64({"shared": SHARED, "local": LOCAL, "global": 0}[space])
        source, put = self._source(i.operands[1], "u64"), self._target(i.operands[0], "u64")
        return lambda mask: put(source() - base if back else source() + base, mask)

    def _mov(self, i: Instruction) -> Any:
        """Of bits: two halves are the lower one first."""
        to, x = i.operands
        kind = i.name.rpartition(".")[2]
        half = f"b{4 * size_of(kind)}"
        if isinstance(x, tuple):
            low, high = (self._source(s, half) for s in x[1:])
            put = self._target(to, f"b{8 * size_of(kind)}")
            return lambda mask: put(
                np.stack(np.broadcast_arrays(low(), high()), 1).view(f"u{size_of(kind)}")[:, 0], mask
            )
        source = self._source(x, kind)
        if isinstance(to, tuple):
            first, second = (self._target(t, half) for t in to[1:])

            def apart(mask: Any) -> None:
                parts = source().copy().view(TYPES[half]).reshape(-1, 2)
                first(parts[:, 0], mask)
                second(parts[:, 1], mask)

            return apart
        put = self._target(to, kind)
        return lambda mask: put(source(), mask)

    def _setp(self, i: Instruction) -> Any:
        _, how, kind = i.name.split(".")
        to, *given = i.operands
        a, b, put = *(self._source(x, kind) for x in given), self._target(to, "pred")
        return lambda mask: put(arithmetic.compared(how, a(), b()), mask)

    def _selp(self, i: Instruction) -> Any:
        kind = i.name.rpartition(".")[2]
        to, *given, chosen = i.operands
        a, b, put = *(self._source(x, kind) for x in given), self._target(to, kind)
        where = self._register(chosen)
        return lambda mask: put(np.where(where, a(), b()), mask)

    def _shfl(self, i: Instruction) -> Any:
        to, x, step, *whole = i.operands
        assert i.name == "shfl.sync.bfly.b32", i.text
        assert [int(w, 0) % (1 << 32) for w in whole] == [31, (1 << 32) - 1], i.text
        source, other, put = self._source(x, "b32"), self._source(step, "u32"), self._target(to, "b32")
        # Those who do not come here may hold anything.
        return lambda mask: put(source()[np.where(mask, self.who ^ other(), self.who)], mask)

    def _bar(self, i: Instruction) -> Any:
        if i.name != "bar.red.or.pred":
            assert i.operands == ("0",), i.text
            return lambda mask: None
        to, number, flag = i.operands
        assert number == "0", i.text
        source, put = self._register(flag), self._target(to, "pred")
        return lambda mask: put(np.repeat(source.reshape(-1, self.threads).any(1), self.threads), mask)

    def _bra(self, i: Instruction) -> Any:
        return self._jump(self.kernel.labels[i.operands[0]])

    def _ret(self, i: Instruction) -> Any:
        return self._jump(len(self.kernel.blocks))

    def _jump(self, to: int) -> Any:
        return lambda mask: np.copyto(self.at, to, where=mask)

    # -- memory --------------------------------------------------------------------------------------------------------

    def _ld(self, i: Instruction) -> Any:
        to, place = i.operands
        kind = i.name.rpartition(".")[2]
        puts = [self._target(t, kind) for t in (to[1:] if isinstance(to, tuple) else (to,))]
        if ".param." in i.name:
            value = np.frombuffer(self.params[place[1]], TYPES[kind])
            return lambda mask: puts[0](value, mask)
        space, where = self._place(i, place, len(puts))

        def load(mask: Any) -> None:
            found = self.memory.load(space, where()[mask], self.who[mask], len(puts), size_of(kind), i.text)
            for put, values in zip(puts, found, strict=True):
                full = np.zeros(self.count, TYPES[kind])
                full[mask] = values.view(TYPES[kind])
                put(full, mask)

        return load

    def _st(self, i: Instruction) -> Any:
        place, x = i.operands
        kind = i.name.rpartition(".")[2]
        sources = [self._source(s, kind) for s in (x[1:] if isinstance(x, tuple) else (x,))]
        space, where = self._place(i, place, len(sources))

        def store(mask: Any) -> None:
            values = [np.broadcast_to(s(), self.count)[mask] for s in sources]
            self.memory.store(space, where()[mask], self.who[mask], values, i.text)

        return store

    def _place(self, i: Instruction, place: Any, words: int) -> tuple[str, Any]:
        """The space of an access, and the addresses of all threads."""
        known = re.fullmatch(r"(?:ld|st)(?:\.(global|shared|local))?(?:\.v([24]))?\.\w+", i.name)
        assert known is not None, i.text
        assert int(known[2] or 1) == words, i.text
        name, _, offset = place[1].partition("+")
        base, more = self._source(name, "u64"), np.uint64(int(offset or 0) % (1 << 64))
        return known[1] or "", lambda: np.broadcast_to(base() + more, self.count)
