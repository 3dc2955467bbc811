"""Machine code on disk: one file for each kernel and compute capability, with a checksum in front.

The files lie beside the CPU's kernels, in the directory that `kernels/cache.py` finds safe, and what `clear_cache`
removes. A file that cannot be read, or whose checksum is wrong, is compiled again; no failure reaches the caller.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from .. import cache as disk
from ..bind import content, sources
from .plan import AnyPlan, CombinePlan
from .spreadplan import SpreadPlan

if TYPE_CHECKING:
    from collections.abc import Callable

SUFFIX = ".cubin"


def machine_code(
    plan: AnyPlan, capability: tuple[int, int], make: Callable[[AnyPlan, tuple[int, int]], tuple[bytes, str]]
) -> tuple[bytes, str]:
    """The code of a kernel and its name in it: from disk, or from `make`, which is then kept."""
    path = _path(plan, capability)
    found = None if path is None else _read(path)
    if found is None:
        found = make(plan, capability)
        if path is not None:
            _write(path, *found)
    return found


def _path(plan: AnyPlan, capability: tuple[int, int]) -> Path | None:
    root = disk.folder()
    if root is None:
        return None
    if isinstance(plan, CombinePlan):
        name, key = "combine", repr(plan)
    else:
        base = plan.plan
        name = plan.entry if isinstance(plan, SpreadPlan) else base.name
        key = repr(([content(f) for f in base.definition], base[1:], plan[1:]))
    digest = hashlib.sha256(f"{_origin()} {key}".encode()).hexdigest()[:24]
    return root / "cuda" / "sm_{}{}".format(*capability) / f"{name}.{digest}{SUFFIX}"


@cache
def _origin() -> str:
    """What all kernels are made of: our sources and the versions of the compiler and of CUDA.

    A driver refuses what a later CUDA made, and whoever then installs an earlier one must not find it here.
    """
    made_by = " ".join(map(_version, ("numba-cuda", "cuda-bindings", "cuda-toolkit")))
    return f"{sources()} {sources(Path(__file__).parent)} {made_by}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _read(path: Path) -> tuple[bytes, str] | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, body = data[:32], data[32:]
    if hashlib.sha256(body).digest() != digest:
        return None
    entry, _, code = body.partition(b"\0")
    return code, entry.decode("ascii")


def _write(path: Path, code: bytes, entry: str) -> None:
    body = entry.encode("ascii") + b"\0" + code
    # Under a name of its own first: whoever reads finds the whole file or none.
    temporary = path.with_name(f"{path.stem}.tmp.{uuid.uuid4().hex}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(body).digest() + body)
        os.replace(temporary, path)
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
