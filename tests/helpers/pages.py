"""Pages of docs/ whose code runs: each block in a process of its own, with the libraries that it imports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def parts(name: str) -> dict[str, str]:
    """The text under each heading of a page."""
    found = re.split(r"^## (.*)$", (ROOT / "docs" / name).read_text("utf-8"), flags=re.M)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def blocks(name: str) -> list[Any]:
    """The blocks of a page as parameters of a test, by heading and number."""
    return [
        pytest.param(block, id=f"{title} {k}")
        for title, text in parts(name).items()
        for k, block in enumerate(re.findall(r"^```python\n(.*?)^```$", text, flags=re.M | re.S))
    ]


def environment() -> dict[str, str]:
    """That of a process which finds this library."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable}


def run(block: str, folder: Path) -> None:
    """Run a block in a folder; skip one whose libraries are not installed."""
    needed = {m.partition(".")[0] for m in re.findall(r"^(?:import|from) ([\w.]+)", block, flags=re.M)}
    missing = sorted(m for m in needed if find_spec(m) is None)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    script = folder / "block.py"
    script.write_text(block, "utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
