"""Puts kernels into the wheel that ``FASTLOSS_PREBUILT`` asks for, such as ``x86-64-v3,x86-64-v4`` or ``native``.

Without that variable the wheel is pure Python. With it the platform is in the wheel's tag, and no version of Python:
kernels depend on what NumPy's arrays look like in memory, which is the same for all of them.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "FASTLOSS_PREBUILT"


class Prebuilt(BuildHookInterface[Any]):
    """Compiles the kernels and adds them."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What compiling needs, besides what building does."""
        return list(self.metadata.core.dependencies) if os.environ.get(VARIABLE) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add kernels to a wheel."""
        text = os.environ.get(VARIABLE, "")
        if self.target_name != "wheel" or version != "standard" or not text:
            return
        sys.path.insert(0, self.root)
        from fastloss.commands import prebuilt

        if levels := prebuilt.asked(text):
            self.folder = tempfile.mkdtemp()
            prebuilt.build(Path(self.folder), levels, self.app.display_info)
            build_data["force_include"][self.folder] = "fastloss/prebuilt"
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{_platform()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what is in the wheel now."""
        shutil.rmtree(getattr(self, "folder", ""), ignore_errors=True)


def _platform() -> str:
    """The tag of this platform. Kernels call the C library by plain names, which every version of it has."""
    if sys.platform == "linux":
        return f"manylinux_2_17_{platform.machine()}"
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
