"""The code of docs/data.md, each block in a process of its own, with the engine that it is for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
PARTS = re.split(r"^## (.*)$", PAGE.read_text("utf-8"), flags=re.M)[1:]
BLOCKS = [
    pytest.param(block, id=f"{title} {k}")
    for title, text in zip(PARTS[::2], PARTS[1::2], strict=True)
    for k, block in enumerate(re.findall(r"^```python\n(.*?)^```$", text, flags=re.M | re.S))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_code_of_the_page_runs(block: str, tmp_path: Path) -> None:
    needed = {m.partition(".")[0] for m in re.findall(r"^(?:import|from) ([\w.]+)", block, flags=re.M)}
    missing = sorted(m for m in needed if find_spec(m) is None)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    script = tmp_path / "block.py"
    script.write_text(block, "utf-8")
    path = os.pathsep.join(filter(None, (str(PAGE.parents[1]), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_page_has_every_engine() -> None:
    assert {*PARTS[::2]} >= {"A batch", "DuckDB", "Polars", "Dask", "Ray", "Spark", "Hugging Face datasets"}
