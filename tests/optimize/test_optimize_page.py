"""The code of docs/optimize.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("compiled_at_last")

PAGE = Path(__file__).parents[2] / "docs" / "optimize.md"
PARTS = re.split(r"^## (.*)$", PAGE.read_text("utf-8"), flags=re.M)[1:]
BLOCKS = [
    pytest.param(block, id=title)
    for title, text in zip(PARTS[::2], PARTS[1::2], strict=True)
    for block in re.findall(r"^```python\n(.*?)^```$", text, flags=re.M | re.S)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_code_of_the_page_runs(block: str) -> None:
    pytest.importorskip("scipy")
    exec(compile(block, str(PAGE), "exec"), {})
