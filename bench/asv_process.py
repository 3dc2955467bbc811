"""For asv: what a fresh process pays (imports, the first call, compilation), and how much memory a call takes."""

from __future__ import annotations

from . import cases


class Import:
    """Each in a process of its own; asv takes the interpreter's start off."""

    params = (["numpy", "fastloss", "numba"],)
    param_names = ("module",)
    rounds = 1
    repeat = (5, 9, 6.0)
    number = 1

    def timeraw_import(self, module: str) -> str:
        return f"import {module}"


class FirstCall:
    """The first call of a process that has imported fastloss: Numba's start is part of it."""

    params = (list(cases.OFTEN), ["warm", "cold"])
    param_names = ("loss", "cache")
    rounds = 1
    repeat = (3, 7, 10.0)
    number = 1
    timeout = 120

    def setup(self, name: str, cache: str) -> None:
        cases.call(name, "value_and_grad", cases.small(name))  # compiled and stored, for the warm one

    def timeraw_first_call(self, name: str, cache: str) -> tuple[str, str]:
        off = "import os; os.environ['FASTLOSS_CACHE_DIR'] = 'off'\n" if cache == "cold" else ""
        inputs = f"np.zeros({cases.small(name)}, np.float32)"
        target = inputs if name in cases.POINTWISE else "np.zeros(2, np.int64)"
        prepare = f"import numpy as np, fastloss as fl\na, b = {inputs}, {target}"
        return f"fl.{name}.value_and_grad(a, b)", off + prepare


class Memory:
    """The process's peak, Numba and its compiler included; two sizes show what the arrays add."""

    params = (list(cases.OFTEN), [1 << 10, 1 << 24])
    param_names = ("loss", "size")
    timeout = 120

    def setup(self, name: str, size: int) -> None:
        self.call = cases.call(name, "value_and_grad", cases.shape(name, size))

    def peakmem_value_and_grad(self, name: str, size: int) -> None:
        self.call()
