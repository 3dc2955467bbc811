"""The code of docs/boosting.md, each block in a process of its own, with the library that it is for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fastloss.boosting.hessians import HESSIANS

PAGE = Path(__file__).parents[2] / "docs" / "boosting.md"
PARTS = re.split(r"^## (.*)$", PAGE.read_text("utf-8"), flags=re.M)[1:]
BLOCKS = [
    pytest.param(block, id=f"{title} {k}")
    for title, text in zip(PARTS[::2], PARTS[1::2], strict=True)
    for k, block in enumerate(re.findall(r"^```python\n(.*?)^```$", text, flags=re.M | re.S))
]
