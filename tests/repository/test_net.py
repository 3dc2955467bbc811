"""The net that `net.py` casts: it has cases of every loss and keyword, and sees what differs."""

from __future__ import annotations

import inspect
from pathlib import Path

import net
import net_cases
import numpy as np
import pytest

import fastloss as fl


def test_every_loss_has_cases() -> None:
    assert set(fl.LOSSES) <= set(net.groups(quick=True))
    for name in fl.LOSSES:
        quick = [key for key, _ in net.cases(name, quick=True)]
        assert quick == [f"{name} value_and_grad quick", f"{name} grad_and_hess quick"]


@pytest.mark.parametrize("group", ["huber", "cross_entropy", "kl_divergence", "functions", "errors"])
def test_no_two_cases_have_one_key(group: str) -> None:
    keys = [key for key, _ in net.cases(group, quick=False)]
    assert len(keys) > 30
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", ["binary_cross_entropy_with_logits", "cross_entropy"])
def test_every_keyword_is_met(name: str) -> None:
    loss = fl.LOSSES[name]
    ways = net_cases.ways_of_rows(loss, True) if net_cases.is_rows(loss) else net_cases.ways_of_elements(loss)
    met = {keyword for _, _, keywords in ways for keyword in keywords}
    assert set(inspect.signature(loss).parameters) - set(loss.inputs) - set(loss.parameters) == met


def test_every_bit_counts_but_those_of_nan() -> None:
    x = np.array([0.0, 1.0, np.nan], "f4")
    digests = [net.digest(a) for a in (x, -x, np.nextafter(x, np.float32(9)), x.astype("f8"), x[None], (x,), x[0], 0.0)]
    assert len(set(digests)) == len(digests)
    assert net.digest(x) == net.digest(np.where(x == x, x, -x))


def test_what_differs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after, nothing = (tmp_path / name for name in ("before", "after", "nothing"))
    pattern = "^(huber|absolute_error) value_and_grad quick|^huber value_and_grad shapes that differ"
    assert net.main(["--write", str(before), "--only", pattern, "--jobs", "1"]) == 0
    lines = before.read_text().splitlines()
    assert [line.split("\t")[1].startswith("! ValueError") for line in lines] == [False, False, True]
    assert net.main(["--compare", str(before), str(before)]) == 0
    after.write_text("\n".join([lines[0][:-1] + "x", *lines[1:]]))
    assert net.main(["--compare", str(before), str(after)]) == 1
    assert "absolute_error value_and_grad quick\n    - " in capsys.readouterr().out
    after.write_text("\n".join([*lines[:2], lines[2] + " or others"]))
    assert net.main(["--compare", str(before), str(after)]) == 0
    assert "the words of 1 errors" in capsys.readouterr().out
    assert net.main(["--write", str(nothing), "--only", "no such case", "--jobs", "1"]) == 1
    assert net.main(["--compare", str(nothing), str(nothing)]) == 1
