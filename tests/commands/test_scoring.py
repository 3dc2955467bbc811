"""`fastloss score`, `info`, `demo data` and `losses --plot`: what they print, and their exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

pq = pytest.importorskip("pyarrow.parquet")

import fastloss as fl  # noqa: E402
from fastloss.commands import cli  # noqa: E402
from fastloss.commands.cli import arguments, info, scoring_arguments  # noqa: E402
from fastloss.commands.demo import files  # noqa: E402

pytestmark = pytest.mark.usefixtures("compiled_at_last")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "data"
    said = files.write(str(path))
    assert re.search(r"homes.csv, homes.parquet, logits.npy, labels.npy\n", said)
    return path


@pytest.fixture
def demo(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


HOMES = ["--pred", "guess", "--target", "price"]


def run(*words, code=0):
    assert cli.main(["score", *map(str, words)]) == code


def test_the_examples_of_the_help_work(demo, capsys):
    examples = re.findall(r"^  fastloss (score .*)$", scoring_arguments.HELP, re.M)
    assert len(examples) == 3
    for words in examples:
        assert cli.main(words.split()) == 0
    out, err = capsys.readouterr()
    assert err == "wrote 200 rows to w.csv\n"
    assert out.startswith("huber(delta=1.0) of homes.parquet: 20,000 rows\nmean ")
    (demo / "w.csv").unlink()
    assert re.search(r"region  count +mean +median +p90 +max\n  west ", out)
    found = json.loads(out[out.index("\n{") :])
    assert (found["count"], found["quantiles_exact"]) == (5000, True)
    logits, labels = np.load("logits.npy"), np.load("labels.npy")
    assert found["mean"] == pytest.approx(float(fl.cross_entropy(logits, labels)), rel=1e-6)


def test_the_help_tells_every_option(demo, capsys):
    parser = arguments.COMMANDS["score"]()
    for action in parser._actions:
        for option in action.option_strings:
            assert option in ("-h", "--help", "--format", "--out") or option in scoring_arguments.HELP


def test_the_losss_own_parameters_are_options(demo, capsys):
    homes = pq.read_table("homes.parquet")
    guess, price = (homes[c].to_numpy() for c in ("guess", "price"))
    expected = float(fl.huber(guess, price, delta=9.0))
    for words in (["huber", "--delta", 9], ["huber:delta=9"], ["--delta=9", "huber"], ["huber", "--delta", "nine"]):
        given = "homes.parquet"
        if words[-1] == "nine":
            pq.write_table(homes.append_column("nine", [np.full(homes.num_rows, 9.0)]), "nine.parquet")
            given = "nine.parquet"
        run(*words, given, *HOMES, "--json")
        assert json.loads(capsys.readouterr().out)["mean"] == pytest.approx(expected, rel=1e-12)
    os.remove("nine.parquet")


def test_files_of_numpy_by_place_and_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    p, y, v, w = rng.standard_normal(50), rng.standard_normal(50), rng.random(50) + 1, rng.integers(0, 2, 50) * 1.0
    for name, x in (("p", p), ("y", y), ("v", v), ("w", w)):
        np.save(f"{name}.npy", x)
    for words, expected in (
        (["huber", "p.npy", "y.npy"], fl.huber(p, y)),
        (["huber", "--pred", "p.npy", "--target", "y.npy"], fl.huber(p, y)),
        (["huber", "p.npy", "y.npy", "w.npy"], fl.huber(p, y, weight=w)),
        (["huber", "--pred", "p.npy", "--target", "y.npy", "--weight", "w.npy"], fl.huber(p, y, weight=w)),
        (["gaussian_nll", "p.npy", "y.npy", "v.npy"], fl.gaussian_nll(p, y, v)),
        (["gaussian_nll", "--pred", "p.npy", "--target", "y.npy", "--var", "v.npy"], fl.gaussian_nll(p, y, v)),
    ):
        run(*words, "--json")
        assert json.loads(capsys.readouterr().out)["mean"] == pytest.approx(float(expected), rel=1e-12)
    np.save("table.npy", np.stack([v, p, y], 1))
    run("gaussian_nll", "table.npy", "--pred", "1", "--target", "2", "--var", "0", "--json")
    assert json.loads(capsys.readouterr().out)["mean"] == pytest.approx(float(fl.gaussian_nll(p, y, v)), rel=1e-12)
    run("huber", "p.npy", code=3)
    assert "p.npy: there is no column 'pred', which is read by huber; it has p" in capsys.readouterr().err


def test_rows_are_written_and_filtered(demo, tmp_path, capsys):
    out = tmp_path / "o.parquet"
    run("huber", "homes.parquet", *HOMES, "-o", out, "--grad", "g", "--keep", "id", "--worst", 3, "--output", "miss")
    found = pq.read_table(out)
    assert found.column_names == ["id", "row", "g", "miss"]
    assert found.num_rows == 3
    said, err = capsys.readouterr()
    assert err == f"wrote 3 rows to {out}\n"
    assert re.search(r" id +row +g +miss\n", said)
    pytest.importorskip("duckdb")
    run("huber", "homes.parquet", *HOMES, "--where", "loss > 50 AND region = 'west'", "-o", out, "--quiet")
    found = pq.read_table(out)
    assert {*found["region"].to_pylist()} == {"west"}
    assert min(found["loss"].to_pylist()) > 50
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["hubr", "homes.csv"], 2, "no loss is named 'hubr'; did you mean huber?"),
        (["huber"], 2, "score: there is no SOURCE"),
        (["huber", "homes.csv", "--detla", "2"], 2, "score: unrecognized arguments: --detla 2; did you mean --delta?"),
        (["huber", "homes.csv", "--delta", "-1", *HOMES], 2, "huber: delta is -1, expected a number greater than 0"),
        (["dice_loss", "homes.csv"], 2, "score: dice_loss has no loss of each row"),
        (["huber", "homes.csv", *HOMES, "--worst", "none"], 2, "score: worst is 'none', expected a number of rows"),
        (["huber", "homes.csv", *HOMES, "--chunk-rows", "0"], 2, "expected a positive number, got '0'"),
        (["huber", "homes.csv", *HOMES, "-o", "a.txt"], 2, "a.txt: expected a name that ends with .parquet"),
        (["huber", "homes.csv", *HOMES, "--resume"], 2, "score: resume is given without out"),
        (["huber", "homes.csv", "--pred", "gess", "--target", "price"], 3, "did you mean 'guess'?"),
        (["huber", "home.csv", *HOMES], 3, "home.csv: there is no such file; did you mean homes.csv?"),
        (["huber", "homes.csv", "--pred", "region", "--target", "price"], 3, "column 'region' has type string"),
        (["huber", "homes.csv", *HOMES, "--fail-above", "9", "--quiet"], 1, "the mean, 9.51932267, is above 9"),
        (["cross_entropy", "labels.npy", "labels.npy"], 3, "labels.npy, labels.npy: cross_entropy: "),
        (["here.py:nothing", "homes.csv"], 2, "score: there is no file here.py"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(words, code, line, demo, capsys):
    before = {*os.listdir()}
    run(*words, code=code)
    err = capsys.readouterr().err
    assert err.startswith("fastloss: ")
    assert line in err
    assert err.count("\n") == 1
    assert {*os.listdir()} == before


def test_a_mean_at_the_limit_does_not_fail(demo, capsys):
    run("huber", "homes.csv", *HOMES, "--fail-above", "9.6")
    assert capsys.readouterr().err == ""


def test_a_loss_of_a_file_of_ones_own(demo, tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text("import fastloss as fl\n\n\n@fl.derive\ndef cubic(pred, target, c=1.0):\n"
                    "    return c * abs(pred - target) ** 3\n")  # fmt: skip
    run(f"{path}:cubic", "homes.csv", *HOMES, "--c", 2, "--json")
    homes = pq.read_table("homes.parquet")
    expected = 2 * (np.abs(homes["guess"].to_numpy() - homes["price"].to_numpy()) ** 3).mean()
    assert json.loads(capsys.readouterr().out)["mean"] == pytest.approx(expected, rel=1e-12)
    run(f"{path}:square", "homes.csv", code=2)
    assert "defines no square" in capsys.readouterr().err


def test_a_pipe_has_no_bar_and_a_terminal_that_cannot_draw_one_has_signs(demo):
    with open("homes.csv", "rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "fastloss", "score", "huber", "-", "--format", "csv", *HOMES],
            stdin=file, capture_output=True, timeout=120, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"#####" in done.stdout
    assert b"?" not in done.stdout


def test_ctrl_c_is_130_and_leaves_what_resume_needs(demo, tmp_path, monkeypatch, capsys):
    from fastloss.data.files import output

    def interrupt(self, job):
        raise KeyboardInterrupt

    out = tmp_path / "o.csv"
    with monkeypatch.context() as patch:
        patch.setattr(output.Work, "commit", interrupt)
        run("huber", "homes.parquet", *HOMES, "-o", out, code=130)
    assert capsys.readouterr().err == "fastloss: interrupted\n"
    assert [p.name for p in tmp_path.iterdir()] == [".o.csv.fastloss"]
    run("huber", "homes.parquet", *HOMES, "-o", out, "--resume", "--quiet")
    assert [p.name for p in tmp_path.iterdir()] == ["o.csv"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device")
def test_a_full_disk_under_stdout_is_told(demo):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-m", "fastloss", "score", "huber", "homes.csv", *HOMES], stdout=full,
                              stderr=subprocess.PIPE, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == b"fastloss: No space left on device\n"


def test_what_is_not_installed_is_told(demo, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    run("huber", "homes.csv", *HOMES, "--where", "loss > 1", code=1)
    assert capsys.readouterr().err == 'fastloss: DuckDB is not installed: pip install "fastloss[data]"\n'


def test_the_progress_is_for_terminals(demo, monkeypatch):
    seen = []

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(fl.data, "score", lambda *args, **keywords: seen.append(keywords["progress"]) or _Nothing())
    for error, words in ((Terminal(), []), (Terminal(), ["--quiet"]), (io.StringIO(), [])):
        monkeypatch.setattr(sys, "stderr", error)
        run("huber", "homes.csv", *words)
    assert seen == [True, False, False]


class _Nothing:
    mean = written = 0


# -- info, demo data, losses --plot -----------------------------------------------------------------------------------


def test_info(capsys):
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for title in ("fastloss", "python", "processor", "threads", "cache", "gpu", "versions", "arrays of"):
        assert re.search(rf"^{title}", out, re.M)
    assert f"  numpy {np.__version__}" in out
    assert cli.main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["versions"]["numpy"] == np.__version__
    assert found["fastloss"].startswith(f"{fl.__version__}, {len(fl.LOSSES)} losses")
    assert {*found["arrays"]} <= {*info.LIBRARIES}


def test_info_imports_no_library_of_arrays():
    script = (
        "from fastloss.commands import cli; import sys; cli.main(['info', '--json'])\n"
        "sys.exit(str({'pyarrow', 'pandas', 'polars', 'torch', 'jax', 'dask', 'duckdb', 'zarr'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == "set()\n"


def test_the_files_of_the_demo_are_new_and_the_same_each_time(folder, tmp_path, capsys):
    assert cli.main(["demo", "data", "-o", str(tmp_path / "a")]) == 0
    for name in ("homes.csv", "logits.npy", "labels.npy"):
        assert (tmp_path / "a" / name).read_bytes() == (folder / name).read_bytes()
    assert "  fastloss score huber homes.parquet --pred guess --target price --by region" in capsys.readouterr().out
    assert cli.main(["demo", "data", "-o", str(tmp_path / "a")]) == 1
    assert (
        capsys.readouterr().err == f"fastloss: demo data: {tmp_path / 'a'} is there already; -o names another folder\n"
    )


def test_losses_are_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert cli.main(["losses", "huber", "--plot", str(tmp_path / "h.svg")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("huber(pred, target, delta=1)")
    assert err == f"wrote {tmp_path / 'h.svg'}\n"
    assert b"<svg" in (tmp_path / "h.svg").read_bytes()
    assert cli.main(["losses", "--plot", str(tmp_path / "h.svg")]) == 2


def test_the_command_of_a_score_loads_little(tmp_path):
    """Arrays of NumPy's are scored without pyarrow, DuckDB, or the list of all losses."""
    for name in ("p", "y"):
        np.save(tmp_path / f"{name}.npy", np.ones(5))
    script = (
        "from fastloss.commands import cli; import sys; cli.main(['score', 'huber', 'p.npy', 'y.npy', '--quiet'])\n"
        "sys.exit(str({'pyarrow', 'duckdb', 'zarr', 'tqdm', 'numba', 'matplotlib', 'fastloss.commands.cli.listing',"
        " 'fastloss.gan.terms'} & {*sys.modules}))"
    )
    run_twice = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False,
                       cwd=tmp_path) for _ in range(2)
    ]  # fmt: skip
    assert run_twice[1].stderr == "set()\n"


def test_the_commands_of_the_documentation_work(tmp_path, monkeypatch, capsys):
    import shlex
    from pathlib import Path

    pytest.importorskip("duckdb")
    page = (Path(__file__).parents[2] / "docs" / "score.md").read_text("utf-8")
    commands = [shlex.split(line) for line in re.findall(r"^\$ (.*)$", page, re.M)]
    assert len(commands) == 8
    monkeypatch.chdir(tmp_path)
    for words in commands:
        if words[0] == "cd":
            monkeypatch.chdir(words[1])
        else:
            assert cli.main(words[1:]) == 0
    assert {"bad.csv", "scored.parquet"} < {*os.listdir()}
    python = re.search(r"```python\n(.*?)```", page, re.S)[1]
    exec(compile(python, "docs/score.md", "exec"), {})


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nan.csv", "--pred", "p", "--target", "y"], 3, "--nan absent leaves such rows out, --nan keep takes them"),
        (["nan.csv", "--pred", "p", "--target", "y", "--param", "delta=2"], 2, "by its name, as in --delta 2"),
        (["nan.csv", "--pred", "p", "y"], 3, "y: there is no such file; several columns are joined by commas"),
        (["x.json", "--pred", "p"], 3, "; or say --format"),
        (["-", "--pred", "p"], 3, "say what it is, --format csv or 'stream'"),
    ],
)
def test_errors_speak_of_options(words, code, said, tmp_path, monkeypatch, capsys):
    """And not of the arguments of `fl.data.score`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nan.csv").write_text("p,y\nnan,1\n2,3\n")
    (tmp_path / "x.json").write_text("{}")
    try:
        found = cli.main(["score", "huber", *words])
    except SystemExit as stop:
        found = stop.code
    assert found == code
    assert said in capsys.readouterr().err
