"""The code of docs/data.md, with the engines that it is for."""

from __future__ import annotations

from pathlib import Path

import pages
import pytest


@pytest.mark.parametrize("block", pages.blocks("data.md"))
def test_code_of_the_page_runs(block: str, tmp_path: Path) -> None:
    pages.run(block, tmp_path)


def test_the_page_has_every_engine() -> None:
    assert {*pages.parts("data.md")} >= {
        "A batch", "DuckDB", "Polars", "Dask", "Ray", "Spark", "Hugging Face datasets"
    }  # fmt: skip
