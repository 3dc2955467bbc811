"""Machine code on disk: one file for each kernel and compute capability, beside the CPU's (see `kernels/disk.py`)."""

from __future__ import annotations

import hashlib
import re
from functools import cache as once
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from .. import disk
from ..announce import announced
from ..bind import content
from ..cpu import cache
from ..sources import sources, versions
from .plan.elements import AnyPlan, ClassPlan, CombinePlan, ScalePlan
from .plan.sparse import SpreadPlan

if TYPE_CHECKING:
    from collections.abc import Callable

SUFFIX = ".cubin"


def machine_code(
    plan: AnyPlan, capability: tuple[int, int], make: Callable[[AnyPlan, tuple[int, int]], tuple[bytes, str]]
) -> tuple[bytes, str]:
    """The code of a kernel and its name in it: from disk, or from `make`, which is then kept."""
    kept = _name(plan, capability)
    data = disk.read(kept)
    if data is not None:
        entry, _, code = data.partition(b"\0")
        return code, entry.decode("ascii")
    with cache.compiling(), cache.switched_on(), announced(f"{kept.split('/')[-1].partition('.')[0]} for a GPU"):
        code, name = make(plan, capability)
    disk.write(kept, name.encode("ascii") + b"\0" + code)
    return code, name


def _name(plan: AnyPlan, capability: tuple[int, int]) -> str:
    if isinstance(plan, (CombinePlan, ClassPlan, ScalePlan)):
        name, key = {CombinePlan: "combine", ClassPlan: "classes", ScalePlan: "scale"}[type(plan)], repr(plan)
    else:
        base = plan.plan
        name = plan.entry if isinstance(plan, SpreadPlan) else base.name
        key = repr(([content(f) for f in base.definition], base[1:], plan[1:]))
    digest = hashlib.sha256(f"{_origin()} {key}".encode()).hexdigest()[:24]
    return "cuda/sm_{}{}/{}.{}{}".format(*capability, re.sub(r"[^\w.]", "_", name)[:100], digest, SUFFIX)


@once
def _origin() -> str:
    """What all kernels are made of: our sources and the versions of the compiler and of CUDA.

    A driver refuses what a later CUDA made, and whoever then installs an earlier one must not find it here.
    """
    made_by = " ".join(map(_version, ("numba-cuda", "cuda-bindings", "cuda-toolkit")))
    return f"{versions()} {sources()} {sources(__package__)} {cache.settings()} {made_by}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
