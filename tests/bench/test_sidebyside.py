"""Two checkouts side by side: every call is measured at both. Times are not tested."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.full  # two processes that import all
def test_each_call_has_two_times(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    main = importlib.import_module("bench.sidebyside").main
    assert main([str(ROOT), "--only", "^huber of 8$|^import", "--rounds", "1"]) == 0
    table = [line.split("  ") for line in capsys.readouterr().out.splitlines() if line.startswith(("huber", "import"))]
    assert [line[0] for line in table] == ["huber of 8", "import fastloss"]
    with pytest.raises(SystemExit):
        main([str(ROOT), "--only", "no such call"])
    assert "nothing has 'no such call' in its name" in capsys.readouterr().err
