"""The code of docs/jax.md."""

from __future__ import annotations

from typing import Any

import pages
import pytest

pytestmark = pytest.mark.usefixtures("uncompiled")
pytest.importorskip("jax", reason="JAX is an extra; CI installs it and runs this file again")


@pytest.mark.parametrize("block", pages.blocks("jax.md"))
def test_code_of_the_page_runs(block: str) -> None:
    found: dict[str, Any] = {}
    exec(compile(block, "docs/jax.md", "exec"), found)
