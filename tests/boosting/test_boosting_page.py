"""The code of docs/boosting.md, with the libraries that it is for, and its table of Hessians."""

from __future__ import annotations

from pathlib import Path

import pages
import pytest

from fastloss.boosting.hessians import HESSIANS


@pytest.mark.full
@pytest.mark.parametrize("block", pages.blocks("boosting.md"))
def test_code_of_the_page_runs(block: str, tmp_path: Path) -> None:
    pages.run(block, tmp_path)


def test_the_page_has_every_hessian() -> None:
    text = pages.parts("boosting.md")["Hessians"]
    assert all(f'`"{name}"`' in text for name in HESSIANS)
