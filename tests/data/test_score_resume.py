"""A run that is killed at any moment goes on to the same bytes."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fastloss as fl
from fastloss.data.files import output
from fastloss.data.scoring import summary

N = 20_000
RNG = np.random.default_rng(5)
TABLE = pa.table({
    "p": RNG.standard_normal(N), "y": RNG.standard_normal(N), "w": RNG.integers(0, 3, N).astype(float),
    "key": pa.array([f"k{k}" for k in RNG.integers(0, 5, N)]),
})  # fmt: skip

RUN = """
import sys, time
import fastloss as fl
from fastloss.data.files import output
from fastloss.data.scoring import job, summary
output.EVERY, summary.EXACT = 0.0, 3000
slow = job.Job.add
def add(self, done):
    slow(self, done)
    time.sleep(0.004)
job.Job.add = add
worst = None if sys.argv[3] == "all" else "7%"
print("ready", flush=True)
found = fl.data.score("huber", sys.argv[1], pred="p", target="y", weight="w", grad="g", by="key", out=sys.argv[2],
                      worst=worst, chunk_rows=150, resume=True)
print(found.as_dict() | {"seconds": 0}, flush=True)
"""


@pytest.mark.full  # eight processes that import pyarrow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("what", ["all", "worst"])
def test_killed_at_random_moments_and_resumed_it_is_the_same_bytes(what, tmp_path):
    pq.write_table(TABLE, tmp_path / "x.parquet", row_group_size=1700)

    def start(out):
        command = [sys.executable, "-c", RUN, str(tmp_path / "x.parquet"), str(out), what]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    whole = start(tmp_path / "whole.parquet")
    expected = whole.communicate(timeout=120)[0]
    moments = random.Random(what)
    out, kills = tmp_path / "o.parquet", 0
    for _ in range(6):
        process = start(out)
        time.sleep(moments.uniform(0.02, 0.2))
        process.send_signal(signal.SIGKILL)
        said = process.communicate(timeout=60)[0]
        assert said in ("", expected)  # the whole, if it was faster
        kills += process.returncode == -signal.SIGKILL
        assert out.exists() == (said != "") or process.returncode == -signal.SIGKILL
    assert kills >= 3
    last = start(out)
    assert last.communicate(timeout=120)[0] == expected
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not list(tmp_path.glob(".*"))


class Interrupted(BaseException):
    """As Ctrl-C is: no exception that leaves nothing behind."""


def interrupted(monkeypatch, keywords, after, loss="huber"):
    """Score until `after` chunks are in the journal, and no further."""
    real = output.Work.commit
    calls = []

    def commit(self, job):
        real(self, job)
        calls.append(0)
        if len(calls) == after:
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(output, "EVERY", 0.0)
        patch.setattr(output.Work, "commit", commit)
        with pytest.raises(Interrupted):
            fl.data.score(loss, **keywords)


@pytest.mark.parametrize("ending", ["csv", "npz", "feather"])
@pytest.mark.parametrize("exact", [summary.EXACT, 2000])
def test_what_was_read_is_not_read_again(ending, exact, monkeypatch, tmp_path):
    monkeypatch.setattr(summary, "EXACT", exact)
    pq.write_table(TABLE, tmp_path / "x.parquet", row_group_size=1700)
    keywords = {"source": tmp_path / "x.parquet", "pred": "p", "target": "y", "keep": ["p"], "chunk_rows": 450}
    whole = fl.data.score("huber", **keywords, out=tmp_path / f"whole.{ending}")
    keywords["out"] = tmp_path / f"o.{ending}"
    interrupted(monkeypatch, keywords, 17)
    assert not keywords["out"].exists()
    seen = []
    chunks = fl.data.files.tables.Parquet.chunks
    monkeypatch.setattr(
        fl.data.files.tables.Parquet,
        "chunks",
        lambda self, n, r, skip: (seen.append(skip), chunks(self, n, r, skip))[1],
    )
    found = fl.data.score("huber", **keywords, resume=True)
    assert seen[0] > 5000
    assert found.as_dict() | {"seconds": 0} == whole.as_dict() | {"seconds": 0}
    assert keywords["out"].read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_another_run_is_not_gone_on_with(monkeypatch, tmp_path):
    pq.write_table(TABLE, tmp_path / "x.parquet")
    keywords = {
        "source": tmp_path / "x.parquet",
        "pred": "p",
        "target": "y",
        "out": tmp_path / "o.csv",
        "chunk_rows": 999,
    }
    interrupted(monkeypatch, keywords, 3)
    kept = tmp_path / ".o.csv.fastloss"
    shutil.copytree(kept, tmp_path / "copy")
    text = "the run that was interrupted had another loss, source or options; without resume it begins anew"
    for other in (
        {"delta": 2.0},
        {"by": "key"},
        {"keep": ["p"]},
        {"weight": "w"},
        {"keep": [*TABLE.column_names, "row"]},
    ):
        with pytest.raises(fl.data.DataError, match=text):
            fl.data.score("huber", **keywords, **other, resume=True)
        assert kept.is_dir()  # the right one may still come
    pq.write_table(TABLE, tmp_path / "x.parquet", row_group_size=99)
    with pytest.raises(fl.data.DataError, match=text):
        fl.data.score("huber", **keywords, resume=True)
    assert fl.data.score("huber", **keywords).rows == N
    assert not kept.exists()


def test_a_loss_that_was_rewritten_is_another(monkeypatch, tmp_path):
    def first():
        @fl.pointwise
        def mine(pred, target):
            """Mine."""
            r = pred - target
            return r * r, 2.0 * r, 2.0

        return mine

    def second():
        @fl.pointwise
        def mine(pred, target):
            """Mine."""
            r = pred - target
            return 3.0 * r * r, 6.0 * r, 6.0

        return mine

    pq.write_table(TABLE, tmp_path / "x.parquet")
    keywords = {"source": tmp_path / "x.parquet", "pred": "p", "target": "y", "out": tmp_path / "o.csv"}
    interrupted(monkeypatch, keywords | {"chunk_rows": 999}, 3, loss=first())
    with pytest.raises(fl.data.DataError, match="had another loss"):
        fl.data.score(second(), **keywords, resume=True)
    assert fl.data.score(first(), **keywords, resume=True).written == N


def test_there_need_be_nothing_to_go_on_with(tmp_path):
    given = {"pred": np.ones(5), "target": np.zeros(5)}
    assert fl.data.score("huber", given, out=tmp_path / "o.csv", resume=True).written == 5


def test_a_damaged_journal_is_told(monkeypatch, tmp_path):
    keywords = {
        "source": {"pred": np.ones(5000), "target": np.zeros(5000)},
        "out": tmp_path / "o.csv",
        "chunk_rows": 999,
    }
    interrupted(monkeypatch, keywords, 3)
    journal = tmp_path / ".o.csv.fastloss" / "journal.npz"
    journal.write_bytes(journal.read_bytes()[:100])
    with pytest.raises(fl.data.DataError, match="the journal cannot be read"):
        fl.data.score("huber", **keywords, resume=True)
