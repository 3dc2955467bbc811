"""`sources`: a hash of what kernels are made of besides definitions, so that an edit recompiles them."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def sources(package: str = __package__) -> str:
    """A hash of a package of kernels, folders and all: any edit recompiles everything.

    Definitions are not in it, `content` sees to each of them. Where there are no sources, in an archive or an
    installation of bytecode alone, it is of what the modules were compiled to.
    """
    digest = hashlib.sha256()
    for text in _texts(sys.modules[package].__path__[0], package):
        digest.update(text)
    return digest.hexdigest()


@cache
def versions() -> tuple[str, str]:
    """Numba's and llvmlite's versions. Numba's own file is asked, since importing it takes 0.3 s."""
    import llvmlite

    with suppress(OSError):
        found = None if "numba" in sys.modules else find_spec("numba")
        for folder in (found and found.submodule_search_locations) or ():
            said = re.search(r'"version": *"([^"]+)"', Path(folder, "_version.py").read_text("utf-8"))
            if said:
                return said[1], llvmlite.__version__
    import numba

    return numba.__version__, llvmlite.__version__


def _texts(folder: str, package: str) -> Iterator[bytes]:
    """The source, or else the code, of each module of a package and its subpackages, without the GPU's."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    texts = [name for name in names if name.endswith(".py")]
    for name in texts:
        with open(f"{folder}/{name}", "rb") as file:
            yield file.read()
    if texts:
        for name in names:
            if name != "cuda" and os.path.isfile(f"{folder}/{name}/__init__.py"):
                yield from _texts(f"{folder}/{name}", f"{package}.{name}")
        return
    import pkgutil  # 10 ms

    for found in sorted(pkgutil.iter_modules([folder]), key=lambda each: each.name):
        name = f"{package}.{found.name}"
        if found.ispkg and found.name != "cuda":
            yield from _texts(f"{folder}/{found.name}", name)
        elif not found.ispkg:
            spec = found.module_finder.find_spec(name, None)
            loader: Any = None if spec is None else spec.loader
            yield _code_text(loader.get_code(name)).encode()


def _code_text(code: CodeType) -> str:
    """A code object as text that is the same in every process."""

    def told(value: Any) -> str:
        if isinstance(value, CodeType):
            return _code_text(value)
        if isinstance(value, frozenset):
            return repr(sorted(map(repr, value)))
        return repr(value)

    return repr((code.co_name, code.co_code, code.co_names, code.co_varnames, [told(c) for c in code.co_consts]))
