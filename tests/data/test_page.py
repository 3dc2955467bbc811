"""The code of docs/data.md, with the engines that it is for."""

from __future__ import annotations

from pathlib import Path

import pages
import pytest
from data import rest

# An engine's block starts a process that imports it, up to 25 s of processor time: one block is enough of the few.
BLOCKS = [block if block.id == "A batch 0" else rest(block) for block in pages.blocks("data.md")]


@pytest.mark.parametrize("block", BLOCKS)
def test_code_of_the_page_runs(block: str, tmp_path: Path) -> None:
    pages.run(block, tmp_path)


def test_the_page_has_every_engine() -> None:
    assert {*pages.parts("data.md")} >= {
        "A batch", "DuckDB", "Polars", "Dask", "Ray", "Spark", "Hugging Face datasets"
    }  # fmt: skip
