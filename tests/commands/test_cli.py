"""The command line: what it prints and where, its exit codes, the demo's figures, and that `warmup` warms up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fastloss
from fastloss.commands import cli, warmup
from fastloss.commands.cli import arguments, listing
from fastloss.commands.cli import warmup as warmup_command
from fastloss.commands.demo import common, gains
from fastloss.define.keywords import keywords_of
from fastloss.kernels import disk
from fastloss.kernels.cpu import cache, threads

ROOT = Path(__file__).resolve().parents[2]

CALLS = """
import numpy as np
import fastloss as fl

x = np.linspace(-3.0, 3.0, 100_000, dtype=np.float32)
y, w = x[::-1].copy(), np.full_like(x, 0.5)
for n in (8, x.size):  # serial, parallel
    for weight in (None, w[:n]):
        args = x[:n], y[:n]
        fl.huber(*args, weight=weight)
        fl.huber.grad_and_hess(*args, weight=weight, delta=2.0)
        fl.huber.value_and_grad(*args, weight=weight)
        fl.huber.value_and_grad(*args, weight=weight, out=np.empty_like(x[:n]))
        fl.huber.grad(*args, weight=weight, reduction="sum")
"""


def command(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python on `args` in a process of its own, with this checkout importable."""
    return subprocess.run(
        [sys.executable, *args],
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def no_cache(monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "off")
    cache.directories.cache_clear()
    yield
    cache.directories.cache_clear()


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    cache.directories.cache_clear()
    yield tmp_path / "cache"
    cache.directories.cache_clear()


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr() == (f"fastloss {fastloss.__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["nothing"], "there is no command 'nothing'; demo, losses, score, plot, warmup, cache, bench, info"),
        (["loses"], "there is no command 'loses'; did you mean losses?"),
        (["huber"], "there is no command 'huber'; did you mean `fastloss losses huber`?"),
        (["--halp"], "there is no option '--halp'; did you mean --help?"),
        (["losses", "--nothing"], "losses: unrecognized arguments: --nothing; see `fastloss losses --help`"),
        (["losses", "--jsn"], "losses: unrecognized arguments: --jsn; did you mean --json?"),
        (["warmup", "--dtype", "int8"], "argument --dtype: expected float32, float64, float16, bfloat16, got 'int8'"),
        (["warmup", "huber", "--jobs=0"], "argument --jobs: expected a positive number, got '0'"),
        (["warmup", "huber", "--all"], "warmup: --all compiles all losses; leave out huber or --all"),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_is_right(argv, hint, capsys):
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("fastloss: ")
    assert hint in err
    assert err.count("\n") == 1


def test_help_is_one_screen(capsys):
    assert cli.main([]) == 2
    out, help_text = capsys.readouterr()
    assert not out
    assert cli.main(["--help"]) == 0
    assert capsys.readouterr() == (help_text, "")
    lines = help_text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[5:13]] == list(arguments.COMMANDS)
    examples = [line.split("  ")[1].split()[1:] for line in lines if line.startswith("  fastloss ")]
    assert len(examples) == 3
    for words in examples:
        arguments.parse(words)


@pytest.mark.parametrize("command", list(arguments.COMMANDS))
def test_each_command_has_a_help_of_one_screen(command, capsys):
    assert cli.main(["--help", command]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: fastloss {command}")
    assert text.count("\n") <= 24


def test_arguments_go_in_any_order():
    parsed = [
        vars(arguments.parse(line.split()))
        for line in (
            "warmup huber mse --dtype float32,float64 --jobs 2",
            "--jobs 2 warmup huber --dtype float32,float64 mse",
        )
    ]
    for one in parsed:
        one.pop("run")
    assert parsed[0] == parsed[1]
    assert parsed[0]["losses"] == ["huber", "mse"]
    # What a list after an option leaves among the losses is a dtype all the same.
    spaced = arguments.parse(["warmup", "--dtype", "float32", "float64", "grad", "huber", "--verb", "call"])
    assert warmup_command._asked(spaced) == (["huber"], ["float32", "float64"], ["__call__", "grad"])
    assert warmup_command._asked(arguments.parse(["warmup", "--verb", "all"]))[2] == list(warmup.VERBS)


def test_losses(capsys):
    assert cli.main(["losses"]) == 0
    out, err = capsys.readouterr()
    assert not err
    for name, loss in fastloss.LOSSES.items():
        assert f"\n{name}(" in f"\n{out}"
        assert loss.__doc__.strip().splitlines()[0] in out
    assert "    delta = 1: a number greater than 0, or inf\n" in out


def test_losses_as_json(capsys):
    assert cli.main(["losses", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(fastloss.LOSSES)
    assert {short: row["name"] for row in rows for short in row["aliases"]} == fastloss.ALIASES
    (huber,) = (row for row in rows if row["name"] == "huber")
    assert huber["inputs"] == ["pred", "target"]
    assert huber["parameters"] == {"delta": {"default": 1.0, "domain": "a number greater than 0, or inf"}}
    assert huber["second_derivative"] is True
    assert cli.main(["losses", "--json", "huber", "multibox", "dice_loss"]) == 2
    told = "fastloss: --json has losses of elements and of rows alone, and not multibox, dice_loss\n"
    assert capsys.readouterr() == ("", told)


def test_everything_about_some(capsys):
    assert cli.main(["losses", "MSELoss", "huber", "linear_cross_entropy", "l1", "mae"]) == 0
    text = capsys.readouterr().out
    assert re.findall(r"(?m)^\w+\(.*\)$", text) == [
        "squared_error(pred, target)", "huber(pred, target, delta=1)",
        "linear_cross_entropy(hidden, weight, labels)", "absolute_error(pred, target)",
    ]  # fmt: skip
    for told in ("r^2 / 2 where |r| <= delta", "(Huber, 1964)", "delta = 1: a number greater than 0",
                 "also called l1, mae", "defined in  fastloss.losses.robust", "(np.float64(1.75), array("):  # fmt: skip
        assert told in text


def test_what_no_registry_holds_is_told_too(capsys):
    """Every public object with a gradient, and what makes one, under the name that a program writes."""
    names = {n for n in fastloss.__all__ if hasattr(getattr(fastloss, n), "value_and_grad")}
    names -= {*fastloss.LOSSES, *fastloss.ALIASES, "Loss", "RowLoss"}
    for module in ("gan", "penalties"):
        names |= {f"{module}.{n}" for n in getattr(fastloss, module).__all__ if n.islower()}
    assert {"dice_loss", "info_nce", "gan.hinge", "penalties.l1"} < names <= {*listing.UNREGISTERED}
    assert cli.main(["losses", *sorted(names)]) == 0
    text = capsys.readouterr().out
    for name in names:
        assert re.search(rf"(?m)^{re.escape(name)}(\(.*\))?$", text)
    assert "\n\n\n" not in text
    for word, found in (("segmentation", "dice_loss"), ("triplet", "triplet_margin"), ("gan", "gan.minimax")):
        assert cli.main(["losses", "--search", word]) == 0
        assert f"\n{found}" in f"\n{capsys.readouterr().out}"


@pytest.mark.parametrize("name", ["penalties.l1", "gan.hinge", "fl.gan.hinge"])
def test_a_name_of_a_module_is_no_loss_of_that_name(name):
    """A penalty is not the absolute error, whatever its short name."""
    assert fastloss.losses.names.meant(name) is None
    assert fastloss.losses.names.meant("nn.MSELoss") == "squared_error"


def test_warmup_says_what_it_does_not_compile(capsys):
    assert cli.main(["warmup", "huber", "dice_loss"]) == 2
    assert capsys.readouterr() == ("", "fastloss: warmup: dice_loss: compiled at the first call only\n")


@pytest.mark.parametrize("name", list(fastloss.LOSSES))
def test_everything_tells_each_input_and_parameter(name):
    loss, text = fastloss.LOSSES[name], listing.full_description(name)
    assert all(f"{word}: " in text for word in loss.inputs)
    assert all(f"{word} = " in text for word in loss.parameters)
    assert text.count(">>> import fastloss") == 1
    assert all(word in text for word in keywords_of(loss))


@pytest.mark.parametrize(
    ("text", "first", "also"),
    [
        ("outliers", None, "cauchy"),
        ("HUBER", "huber", "modified_huber"),  # names before what only mentions it
        ("gross underwater", None, None),
        ("wrong labels", "modified_huber", "generalized_cross_entropy"),
        ("mae", "absolute_error", None),
    ],
)
def test_search(text, first, also, capsys):
    code = cli.main(["losses", "--search", text])
    out, err = capsys.readouterr()
    found = re.findall(r"(?m)^(\w+)\(", out)
    if not (first or also):
        assert (code, found) == (1, [])
        assert err.startswith(f"fastloss: no loss speaks of '{text}'")
    else:
        assert code == 0
        assert first is None or found[0] == first
        assert also is None or also in found
        assert len(found) < 20


def test_a_closed_pipe_is_no_traceback():
    process = subprocess.Popen(
        [sys.executable, "-m", "fastloss", "losses"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fastloss", "losses"], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "fastloss: No space left on device\n")


@pytest.mark.parametrize("command", ["demo", "warmup", "bench"])
def test_a_setting_that_is_no_number_is_one_line(command, monkeypatch, capsys):
    monkeypatch.setattr(threads, "_cap_known", False)
    monkeypatch.setenv(threads.VARIABLE, "many")
    assert cli.main([command]) == 2
    expected = f"fastloss: {threads.VARIABLE} must be a whole number of at least 1, got 'many'\n"
    assert capsys.readouterr() == ("", expected)
    assert cli.main(["losses", "huber"]) == 0  # which asks no thread


def test_a_setting_that_is_done_without_is_one_line(tmp_path):
    env = {cache.VARIABLE: str(tmp_path), "FASTLOSS_PARALLEL_FROM": "many", "FASTLOSS_NUM_THREADS": "1"}
    done = command("-m", "fastloss", "bench", **env)
    lines = done.stderr.splitlines()
    assert lines[0] == "fastloss: FASTLOSS_PARALLEL_FROM must be a positive whole number, got 'many'; 65,536 is used"
    assert lines[1].startswith("fastloss: there are no threads to measure")
    assert (done.returncode, len(lines)) == (1, 2)


def test_memory_that_is_not_there_is_one_line(monkeypatch, capsys):
    def exhausted(*args):
        raise MemoryError

    monkeypatch.setattr(listing, "losses_named", exhausted)
    assert cli.main(["losses", "huber"]) == 1
    assert capsys.readouterr() == ("", "fastloss: out of memory\n")


def test_unknown_loss(capsys):
    for command in ("warmup", "losses"):
        assert cli.main([command, "hubber"]) == 2
        out, err = capsys.readouterr()
        assert not out
        assert err.startswith("fastloss: no loss is named 'hubber'; did you mean huber")
        assert err.count("\n") == 1
        assert cli.main([command, "qqqqq"]) == 2
        assert "`fastloss losses` lists them" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["warmup", "huber"], ["cache"], ["cache", "--clear"]])
def test_no_cache(argv, no_cache, capsys):
    assert cli.main(argv) == 1
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("fastloss: there is no cache on disk")
    assert err.count("\n") == 1


def test_cache_that_cannot_be_written(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "cache"))
    cache.directories.cache_clear()
    assert cli.main(["warmup", "huber"]) == 1
    cache.directories.cache_clear()
    assert "FASTLOSS_CACHE_DIR" in capsys.readouterr().err


def test_a_folder_to_warm_up_that_cannot_be_written(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, os.environ[cache.VARIABLE])  # `--to` sets it, and who may read
    monkeypatch.setattr(disk, "_readers", 0)
    assert cli.main(["warmup", "huber", "--to", str(tmp_path / "file" / "cache")]) == 1
    cache.directories.cache_clear()
    out, err = capsys.readouterr()
    assert not out and err.startswith(f"fastloss: warmup: --to {tmp_path}") and cache.VARIABLE not in err


def test_cache(own_cache, capsys):
    assert cli.main(["cache"]) == 0
    assert capsys.readouterr() == (f"{own_cache}: 0 kernels, 0 bytes\n", "")
    disk.write("some/a.kernel", bytes(2000 - 32))
    assert cli.main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == f"{own_cache}: 1 kernel, 2.0 kB\nremoved 2.0 kB\n"
    assert cli.main(["cache"]) == 0
    assert ": 0 kernels" in capsys.readouterr().out


@pytest.mark.parametrize(("package", "name"), [("sklearn", "scikit-learn"), ("scipy", "SciPy")])
def test_demo_without_its_extra(package, name, monkeypatch, capsys):
    for module in [m for m in sys.modules if m.startswith("fastloss.commands.demo") or m.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr(fastloss, "demo", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["demo"]) == 1
    assert capsys.readouterr().err == f'fastloss: {name} is not installed: pip install "fastloss[demo]"\n'


def test_interrupt(own_cache, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(warmup, "compile_one", interrupted)
    assert cli.main(["warmup", "huber", "--jobs", "1", "--quiet"]) == 130
    assert capsys.readouterr() == ("", "fastloss: interrupted\n")


def test_an_interrupt_that_a_compilation_would_swallow():
    # LLVM calls back into Python, and ctypes goes on after whatever is raised there.
    script = """
import ctypes, signal
from fastloss.commands.cli.stop import interruptible
with interruptible():
    ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))()
    print("went on")
"""
    done = command("-c", script)
    assert (done.returncode, done.stdout, done.stderr.split("\n")) == (130, "", ["", "fastloss: interrupted", ""])


def test_a_failure_names_the_loss(own_cache, monkeypatch, capsys):
    monkeypatch.setattr(warmup, "_inputs", None)
    assert cli.main(["warmup", "huber", "grad", "--dtype", "float32", "--jobs", "1", "--quiet"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("fastloss: huber float32: TypeError")
    assert "1 of 1 did not compile" in err


@pytest.mark.full
def test_warmup_leaves_nothing_to_compile(tmp_path):
    env = {cache.VARIABLE: str(tmp_path / "cache")}
    asked = ("huber", "--dtype", "float32", "--verb", "all", "--weight")
    warmup = command("-m", "fastloss", "warmup", *asked, "--jobs", "1", "--quiet", **env)
    assert (warmup.returncode, warmup.stderr) == (0, "")
    match = re.fullmatch(r"(.*): (\d+) kernels, [\d.]+ .B \((\d+) new\)\n", warmup.stdout)
    assert match
    assert match[1] == env[cache.VARIABLE]
    assert match[2] == match[3]
    before = sorted(path.name for path in tmp_path.rglob("*.kernel"))
    assert len(before) >= 8  # of four verbs, with weights or not

    calls = command("-W", "error", "-c", CALLS, **env)
    assert (calls.returncode, calls.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.rglob("*.kernel")) == before

    # Two processes find all of it too, and say what they do.
    again = command("-m", "fastloss", "warmup", "huber", *asked, "--jobs", "2", **env)
    assert again.returncode == 0
    assert "(0 new)" in again.stdout
    first, second = again.stderr.splitlines()
    assert first == "huber for float32: 0 kernels to compile"
    assert re.fullmatch(r"huber float32: [\d.]+ s of a core; 1 of 1 done", second)


def test_estimates_are_of_the_kernels_that_are_missing():
    units = warmup.units(["huber", "cross_entropy"], ["float32"], ["grad", "value_and_grad"])
    now = [0.0]
    kernels = dict(zip(units, ({"elements": 2}, {}, {"rows": 4, "lanes": 2}, {"rows": 4}), strict=True))
    estimate = warmup.Estimate(kernels, lambda: now[0])
    assert estimate.remaining() == 0.0  # nothing is known yet
    each = [warmup.expected(found) for found in kernels.values()]
    assert each[2] > each[3] > each[0] > each[1] == 0.0
    now[0] = 3.0
    estimate.note(units[0], 2.0)
    assert estimate.remaining() == pytest.approx(3.0 * sum(each[1:]) / each[0])
    estimate.note(units[1], 0.5)
    assert estimate.seconds_of(("huber", "float32")) == 2.5
    estimate.note(units[2], 9.0)
    estimate.note(units[3], 9.0)
    assert estimate.remaining() == 0.0


def test_kernels_are_counted_without_compiling_any(own_cache):
    units = warmup.units(["huber", "cross_entropy", "root_mean_squared_error"], ["float32"], ["value_and_grad"])
    kernels = warmup.missing(units, warmup.Ways())
    # The value in float32 and in float64, the gradient; each on one thread or many.
    assert kernels[units[2]] == {"elements": 3}
    # One; of rows those for short and long ones, and their labels' own.
    assert kernels[units[0]]["elements"] == 1
    assert set(kernels[units[1]]) == {"census", "lanes", "rows"}
    assert not list(own_cache.rglob("*.kernel"))


@pytest.mark.skipif(not hasattr(os, "getppid") or sys.platform == "win32", reason="processes have no parents here")
def test_workers_end_with_their_parent(tmp_path):
    """However it ends: nothing is left running."""
    script = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from fastloss.commands import warmup
if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=warmup._begin, initargs=(os.getpid(),))
    pool.submit(time.sleep, 60)
    print(pool.submit and next(iter(pool._processes)), flush=True)
    os.kill(os.getpid(), 9)
"""
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True)
    worker = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{worker}/stat").exists() and " Z " in Path(f"/proc/{worker}/stat").read_text():
            return
        time.sleep(0.1)
    os.kill(worker, 9)
    pytest.fail("the worker goes on")


@pytest.mark.full
def test_demo():
    demo = command("-W", "error", "-m", "fastloss", "demo", "--quick")
    assert demo.returncode == 0, demo.stderr
    assert all(line.startswith("... ") for line in demo.stderr.splitlines()), demo.stderr  # where it takes its time
    rows = demo.stdout.splitlines()
    assert max(map(len, rows)) <= 100

    # What is gained comes first.
    gains = [row.split()[0] for row in rows if re.search(r"\d+ -> \d+", row)]
    assert gains == ["squared_error", "huber", "cross_entropy"]
    assert rows[2].startswith("1. What you gain: value and gradient of 1,048,576 float32 numbers")
    assert "DIFFER" not in demo.stdout

    # The same function has the same minimum; a tenth of wrong targets spoils least squares.
    own, reference, least = (
        _figures(rows, start)
        for start in ("fastloss, SciPy (delta", "scikit-learn, HuberRegressor", "scikit-learn, LinearRegression")
    )
    assert own[:2] == reference[:2]
    assert own[0] < 0.5 * least[0]

    # The two minimise the same convex function: at most a borderline image or two differ.
    own, reference = (_figures(rows, start) for start in ("fastloss, SciPy  ", "scikit-learn, LogisticRegression"))
    assert own[0] > 0.95
    assert abs(own[0] - reference[0]) < 0.005

    # A linear model of all the images reaches 0.96 or 0.97, one of a hundred 0.89; guessing would be 0.1.
    teacher, alone, taught = (
        _figures(rows, start)
        for start in ("teacher of 1347", "student of 100 images, labels alone", "student of 100 images, labels and")
    )
    assert teacher[0] > 0.96
    assert 0.8 < alone[0] < teacher[0]
    # Over a hundred runs the gain was 0.06, and never negative. A soft part without effect would leave them equal.
    assert alone[0] + 0.02 < taught[0] < teacher[0]

    # What each part showed stands at its end, and at that of all.
    shown = [row.partition("=> ")[2] for row in rows if "=> " in row]
    last = rows[rows.index("What this showed:") + 1 :]
    assert last[:4] == [f"{number}. {text}" for number, text in enumerate(shown, 1)]


def _figures(rows: list[str], start: str) -> list[float]:
    """The numbers in the columns of the one row that starts so."""
    (row,) = (row for row in rows if row.strip().startswith(start))
    return [float(text) for text in re.findall(r"(?<=\s)\d+\.\d+(?=\s|$)", row[45:])]


def test_a_comparison_says_what_is_noise():
    clear, noise, lost = (common.Compared(1.0, r, low, r, high) for r, low, high in
                          ((2.0, 1.5, 2.5), (0.7, 0.4, 1.3), (0.7, 0.6, 0.8)))  # fmt: skip
    assert (clear.tie, clear.slower, str(clear)) == (False, False, "2.0x (1.5 to 2.5)")
    assert (noise.tie, noise.slower, str(noise)) == (True, False, "tie (0.4 to 1.3)")
    assert (lost.tie, lost.slower, str(lost)) == (False, True, "0.7x (0.6 to 0.8) slower")


def test_a_ratio_lies_in_the_middle_half_of_the_ratios():
    """That of the medians, 8 / 2, need not: they may be of different runs."""
    found = common._compared([(1.0, 8.0), (2.0, 3.0), (9.0, 10.0), (9.0, 10.0)])
    assert found.low <= found.ratio <= found.high
    assert (found.own, found.other, found.ratio) == (5.5, 9.0, pytest.approx((3.0 / 2.0 + 10.0 / 9.0) / 2.0))


def test_what_may_be_a_tie_is_measured_longer():
    calls = []
    common.compared(lambda: calls.append("own"), lambda: time.sleep(2e-3), runs=4)
    assert len(calls) == 4
    calls.clear()
    common.compared(lambda: (calls.append("own"), time.sleep(2e-3)), lambda: None, runs=4)
    assert len(calls) == 12
    calls.clear()
    common.compared(lambda: calls.append("own"), lambda: None, budget=0.0)
    assert len(calls) == 3


def test_every_formula_of_the_demo_is_its_loss(monkeypatch):
    monkeypatch.setattr(gains, "SIZE", 8 * gains.CLASSES)
    assert set(gains.QUICK) < set(gains.SELECTION)
    for name in gains.SELECTION:
        loss = fastloss.LOSSES[name]
        assert gains._agree(*(call() for call in gains._calls(loss, *gains._data(loss))))
