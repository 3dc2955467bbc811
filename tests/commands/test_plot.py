"""`fastloss plot`: its files, and what it says to what it cannot draw."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from fastloss.commands import cli
from fastloss.commands.cli import chosen
from fastloss.plot import panels

ROOT = Path(__file__).resolve().parents[2]


def test_it_writes_what_o_names(tmp_path, capsys):
    for name, begins in (("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.PDF", b"%PDF")):
        assert cli.main(["plot", "huber:delta=2", "mse", "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes().startswith(begins)
    assert capsys.readouterr() == ("", "")


def test_without_o_it_is_svg_on_stdout_and_the_same_each_time(capfdbinary):
    found = []
    for _ in range(2):
        assert cli.main(["plot", "huber", "--grad", "--hess"]) == 0
        out, err = capfdbinary.readouterr()
        assert not err
        found.append(out)
    assert found[0] == found[1]
    assert b"<dc:date>" not in found[0]
    text = found[0].decode()
    panels = [text.index(f"<!-- {words} -->") for words in ("loss", "derivative", "second derivative")]
    assert panels == sorted(panels)


@pytest.mark.filterwarnings("error")
def test_many_names_have_room(tmp_path):
    """With as many as two rows of panels are high; a layout that leaves nothing of the Axes is a warning."""
    losses = [f"huber:delta={k}" for k in range(1, 25)]
    made = panels.panels([chosen.loss_of(word, "plot") for word in losses], ["value"])
    made.draw_without_rendering()
    (ax,) = made.axes
    names = ax.get_legend().get_window_extent()
    assert names.y0 >= 0.0 and names.y1 <= made.bbox.y1 and ax.get_window_extent().height > 100


def test_losses_over_different_things_are_rows(tmp_path):
    assert cli.main(["plot", "huber", "hinge", "mae", "bce_with_logits", "-o", str(tmp_path / "a.svg")]) == 0
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert len(re.findall(r'<g id="axes_\d+">', text)) == 2
    assert "<!-- residual (prediction − target) -->" in text
    assert "<!-- margin, or logit for a target of 1 -->" in text


@pytest.mark.parametrize(
    ("argv", "code", "line"),
    [
        (["hubr"], 2, "no loss is named 'hubr'; did you mean huber?"),
        (["huber:delta=a"], 2, "plot: huber:delta=a: delta is 'a', expected a number"),
        (["huber:delta=-1"], 2, "plot: huber: delta is -1, expected a number greater than 0, or inf"),
        (["huber:delta=2,4"], 2, "plot: huber:delta=2,4: 4 is no setting, expected PARAMETER=NUMBER"),
        (["huber:detla=1"], 2, "did you mean delta?"),
        (["rmse"], 1, "plot: root_mean_squared_error is the root of a mean: it has no curve of one element"),
        (["multibox"], 1, "plot: multibox is no loss of one prediction"),
        (["huber", "-o", "a.txt"], 2, "plot: a.txt is no picture; expected a name that ends with .svg, .png, .pdf"),
        (["huber", "-o", "nowhere/a.svg"], 1, "plot: there is no folder nowhere"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(argv, code, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plot", *argv]) == code
    out, err = capsys.readouterr()
    assert not out and line in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_terminal_is_no_place_for_a_figure(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert cli.main(["plot", "huber"]) == 2
    assert "say where the figure goes, with -o FILE.svg" in capsys.readouterr().err


def test_without_matplotlib_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli.main(["plot", "huber", "-o", "a.svg"]) == 1
    assert capsys.readouterr().err == 'fastloss: matplotlib is not installed: pip install "fastloss[plot]"\n'


GALLERY = "plot mse mae huber pseudo_huber hinge logistic cross_entropy --grad --hess -o"
"""What `docs/losses.svg` is written with."""


@pytest.mark.full
def test_the_gallery_is_what_the_command_writes(tmp_path):
    """Every word in it; points and fonts are matplotlib's."""
    there = ROOT / "docs" / "losses.svg"
    assert there.stat().st_size < 80_000
    assert cli.main([*GALLERY.split(), str(tmp_path / "losses.svg")]) == 0
    words = [re.findall(r"<!-- (.*?) -->", path.read_text("utf-8")) for path in (there, tmp_path / "losses.svg")]
    assert words[0] == words[1]
