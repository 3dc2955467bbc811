"""What is wrong with data: one line that names the file, and no file left behind."""

from __future__ import annotations

import io
import os
import re
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

import fastloss as fl

N = 5000
RNG = np.random.default_rng(1)
P, Y = RNG.standard_normal(N), RNG.standard_normal(N)
TABLE = pa.table({"p": P, "y": Y, "name": ["a"] * N, "none": pa.nulls(N, pa.float64())})


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cut(source, path, size):
    path.write_bytes(source.read_bytes()[:size])


def npy(here, name="p.npy", x=P):
    np.save(here / name, x)
    return here / name


def cut_npy(here):
    cut(npy(here), here / "x.npy", 9000)
    return {"p": "x.npy", "y": Y}


def cut_header(here):
    cut(npy(here), here / "x.npy", 50)
    return {"p": "x.npy", "y": Y}


def lying_header(here):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (65536, 65536)})
    (here / "x.npy").write_bytes(file.getvalue())
    return {"p": "x.npy", "y": Y}


def overflowing_header(here):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (2**62, 8)})
    (here / "x.npy").write_bytes(file.getvalue())
    return {"p": "x.npy", "y": Y}


class Trap:
    """Leaves a mark where it is unpickled."""

    def __reduce__(self):
        return open, ("unpickled", "w")


def pickled(here):
    np.save(here / "x.npy", np.array([Trap()] * 3), allow_pickle=True)
    return {"p": "x.npy", "y": Y}


def pickled_zip(here):
    np.savez(here / "x.npz", p=np.array([Trap()] * N), y=Y, allow_pickle=True)
    return "x.npz"


def cut_zip(here):
    np.savez(here / "a.npz", p=P, y=Y)
    cut(here / "a.npz", here / "x.npz", 30_000)
    return "x.npz"


def damaged_zip(here):
    np.savez_compressed(here / "x.npz", p=P, y=Y)
    data = bytearray((here / "x.npz").read_bytes())
    data[3000] ^= 255
    (here / "x.npz").write_bytes(data)
    return "x.npz"


def cut_parquet(here):
    pq.write_table(TABLE, here / "a.parquet")
    cut(here / "a.parquet", here / "x.parquet", 30_000)
    return "x.parquet"


def damaged_parquet(here):
    pq.write_table(TABLE, here / "x.parquet", row_group_size=1000)
    data = bytearray((here / "x.parquet").read_bytes())
    at = pq.read_metadata(here / "x.parquet").row_group(2).column(0).data_page_offset
    data[at : at + 40] = bytes(40)
    (here / "x.parquet").write_bytes(data)
    return "x.parquet"


def cut_feather(here):
    feather.write_feather(TABLE, here / "a.feather", compression="uncompressed")
    cut(here / "a.feather", here / "x.feather", 40_000)
    return "x.feather"


def late_text(here):
    (here / "x.csv").write_text("p,y\n" + "1.5,2\n" * 300_000 + "1.5,abc\n")
    return "x.csv"


def ragged(here):
    (here / "x.csv").write_text("p,y\n1,2\n1,2,3\n")
    return "x.csv"


def empty(here):
    (here / "x.csv").write_text("")
    return "x.csv"


def other_columns(here):
    (here / "x").mkdir()
    pq.write_table(TABLE, here / "x" / "a.parquet")
    pq.write_table(TABLE.drop_columns(["y"]), here / "x" / "b.parquet")
    return "x"


CASES = {
    cut_npy: "x.npy: is cut short: its header speaks of 40,128 bytes, it holds 9,000",
    cut_header: "x.npy: is no file of NumPy's",
    lying_header: "x.npy: is cut short: its header speaks of 17,179,869,312 bytes, it holds 128",
    overflowing_header: "x.npy: is cut short",
    pickled: "x.npy: holds Python objects, which are pickled and never loaded",
    pickled_zip: "x.npz: p: holds Python objects, which are pickled and never loaded",
    cut_zip: "x.npz: is no archive of NumPy's",
    damaged_zip: "x.npz: p is damaged near row ",
    cut_parquet: "x.parquet: ",
    damaged_parquet: "x.parquet, near row 2,000: ",
    cut_feather: "x.feather: ",
    late_text: "x.csv, near row ",
    ragged: "x.csv: CSV parse error: Expected 2 columns, got 3",
    empty: "x.csv: is empty",
    other_columns: "b.parquet: there is no column 'y', which x has",
}


@pytest.mark.parametrize("case", CASES)
def test_a_damaged_file_is_one_line_and_leaves_nothing(case, here):
    source = case(here)
    before = {*os.listdir(here)}
    with pytest.raises(fl.data.DataError) as caught:
        fl.data.score("huber", source, pred="p", target="y", out="o.parquet", chunk_rows=1000)
    text = str(caught.value)
    assert CASES[case] in text
    assert "\n" not in text
    assert len(text) < 400
    assert {*os.listdir(here)} == before  # nor has anything been unpickled


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"pred": "P"}, "x.parquet: there is no column 'P', which is read by huber; did you mean 'p'?"),
        ({"target": "zz"}, "there is no column 'zz', which is read by huber; it has p, y, name, none"),
        ({"target": "name"}, "x.parquet: huber: column 'name' has type string, expected numbers; row 0 has "),
        ({"target": "none"}, "x.parquet: none of 5,000 rows counts: all are null, or weigh nothing"),
        ({"by": "nme"}, "there is no column 'nme', which is grouped by; did you mean 'name'?"),
        ({"by": "name,none"}, "there is no column 'name,none', which is grouped by; these are several, expected one"),
        ({"keep": ["x"]}, "there is no column 'x', which is to be kept"),
        ({"output": "name"}, "x.parquet: there is a column 'name' already; output and grad name new ones"),
        ({"out": "no/o.parquet"}, "no/o.parquet: there is no folder no"),
        ({"out": "."}, ".: is a folder"),
        ({"out": "./x.parquet", "output": "l"}, "./x.parquet: is being read, expected another file for the rows"),
        ({"out": "o.npz"}, "o.npz: NumPy's files hold numbers, column 'name' is string; keep others"),
    ],
)
def test_wrong_columns_and_places(keywords, text, here):
    pq.write_table(TABLE, here / "x.parquet")
    with pytest.raises(fl.data.DataError) as caught:
        fl.data.score("huber", "x.parquet", **{"pred": "p", "target": "y", "out": "o.parquet", **keywords})
    assert text in str(caught.value)
    assert os.listdir(here) == ["x.parquet"]


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"out": "o.txt"}, "o.txt: expected a name that ends with .parquet"),
        ({"worst": "0%"}, "worst is '0%', expected a number of rows, or a share as in '1%'"),
        ({"worst": "101%"}, "worst is '101%', expected a number of rows, or a share as in '1%', of at most 100%"),
        ({"worst": 1.5}, "worst is 1.5, expected a number of rows"),
        ({"nan": "drop"}, "nan is 'drop', expected"),
        ({"resume": True}, "resume is given without out"),
        ({"where": "loss >"}, "where: Parser Error"),
        ({"where": "lss > 1"}, "where: Binder Error"),
        ({"where": "loss > (SELECT count(*) FROM read_csv('x.parquet'))"}, "where: Permission Error"),
    ],
)
def test_wrong_options(keywords, text, here):
    pq.write_table(TABLE, here / "x.parquet")
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        fl.data.score("huber", "x.parquet", pred="p", target="y", **keywords)
    assert text in str(caught.value)
    assert not isinstance(caught.value, fl.data.DataError)
    assert os.listdir(here) == ["x.parquet"]


def test_sources_that_are_none(here):
    pq.write_table(TABLE, here / "homes.parquet")
    (here / "folder").mkdir()
    for source, text in {
        "homes.parqet": "homes.parqet: there is no such file; did you mean homes.parquet?",
        "*.feather": "*.feather: no file has such a name",
        "folder": "folder: the folder holds no file of a kind that is read",
        __file__: "its name does not tell what it is",
        "-": "standard input: say what it is, format='csv' or 'stream'",
    }.items():
        with pytest.raises(fl.data.DataError) as caught:
            fl.data.score("huber", source)
        assert text in str(caught.value)
    with pytest.raises(TypeError, match=r"the source is, or has, a pyarrow.*Field, expected paths, a dictionary"):
        fl.data.score("huber", TABLE.schema.field(0))
    with pytest.raises(TypeError, match=r"by is \['name'\], expected the name of one column"):
        fl.data.score("huber", TABLE, pred="p", target="y", by=["name"])
    with pytest.raises(fl.data.DataError, match=r"arrays of different lengths: p has 5,000, y has 4,999 rows"):
        fl.data.score("huber", {"p": P, "y": Y[1:]}, pred="p", target="y")


@pytest.mark.parametrize(("name", "mark"), [("x.csv", ";"), ("x.csv", "\t"), ("x.tsv", ",;")])
def test_columns_apart_by_another_mark(name, mark, here):
    (here / name).write_text("p{0}y\n1,5{0}2\n".format(mark[-1]))
    with pytest.raises(fl.data.DataError, match=re.escape(f"{name}: {mark[-1]!r} stands between the names")):
        fl.data.score("huber", name, pred="p", target="y")


@pytest.mark.parametrize(("name", "written"), [("a;b", '"a;b"'), ("a|b", "a|b")])
def test_a_name_of_a_single_column_may_hold_such_a_mark(name, written, here):
    (here / "x.csv").write_text(f"{written}\n1\n2\n")
    assert fl.data.score("huber", "x.csv", pred=name, target=name).count == 2


def test_a_label_that_is_no_class_is_named_with_file_and_row(here):
    logits, labels = RNG.standard_normal((900, 3)), RNG.integers(0, 3, 900)
    labels[777] = 3
    (here / "x").mkdir()
    for k in range(3):
        rows = slice(300 * k, 300 * k + 300)
        pq.write_table(pa.table({"p": pa.array(list(logits[rows])), "y": labels[rows]}), here / "x" / f"{k}.parquet")
    with pytest.raises(fl.data.DataError) as caught:
        fl.data.score("cross_entropy", "x", pred="p", target="y", chunk_rows=100)
    text = "cross_entropy: column 'y' in row 177 is 3, but there are 3 classes (0 to 2)"
    assert str(caught.value).startswith(f"{os.path.join('x', '2.parquet')}: {text}")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(here):
    (here / "x").mkdir(mode=0)
    with pytest.raises(fl.data.DataError, match="x: permission denied"):
        fl.data.score("huber", "x")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize("ending", ["parquet", "csv", "npy"])
def test_a_full_disk_leaves_nothing(ending, here):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000 if ending == "csv" else 20_000, before[1]))
    try:
        with pytest.raises(fl.data.DataError, match=rf"o.{ending}: "):
            fl.data.score("huber", {"p": P, "y": Y}, pred="p", target="y", out=f"o.{ending}", chunk_rows=1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(here) == []


def test_a_store_that_is_packed_with_pickle_is_not_opened(here):
    import zarr

    group = zarr.open_group(here / "x.zarr", mode="w", zarr_format=2)
    group.create_array("p", data=P, chunks=(1000,), compressors=None, filters=None)
    meta = here / "x.zarr" / "p" / ".zarray"
    meta.write_text(meta.read_text().replace('"compressor": null', '"compressor": {"id": "pickle", "protocol": 5}'))
    with pytest.raises(fl.data.DataError, match="is packed with pickle, which is never loaded"):
        fl.data.score("huber", "x.zarr")


def test_what_was_there_stays_there_where_a_run_fails(here):
    (here / "o.csv").write_text("mine")
    y = Y.copy()
    y[-1] = np.nan
    with pytest.raises(fl.data.DataError, match="NaN in row 4999"):
        fl.data.score("huber", {"p": P, "y": y}, pred="p", target="y", out="o.csv", chunk_rows=1000)
    assert (here / "o.csv").read_text() == "mine"
    assert os.listdir(here) == ["o.csv"]


@pytest.mark.parametrize("keywords", [{"by": "k"}, {"keep": ["k"], "worst": 1}, {"worst": 1}, {"where": "k > 0"}])
def test_columns_of_one_name_are_told(keywords, here):
    pq.write_table(pa.table([[1.0], [0.0], [1], [2]], ["p", "y", "k", "k"]), "x.parquet")
    assert fl.data.score("huber", "x.parquet", pred="p", target="y").mean == 0.5
    with pytest.raises(fl.data.DataError, match=r"x.parquet: there are 2 columns 'k', of which one is"):
        fl.data.score("huber", "x.parquet", pred="p", target="y", **keywords)


def test_a_condition_on_a_column_that_is_made_and_read_is_told(here):
    pq.write_table(pa.table({"p": [1.0], "y": [0.0], "loss": [9.0]}), "x.parquet")
    with pytest.raises(fl.data.DataError, match=r"x.parquet: there is a column 'loss' already"):
        fl.data.score("huber", "x.parquet", pred="p", target="y", where="loss > 2")


@pytest.mark.skipif(sys.platform == "win32", reason="links are for administrators")
def test_the_folder_of_a_run_is_no_link(here):
    (here / "other").mkdir()
    (here / "other" / "rows").write_text("mine")
    os.symlink("other", ".o.csv.fastloss")
    with pytest.raises(fl.data.DataError, match="is a link, expected a folder of this run's own"):
        fl.data.score("huber", {"p": P, "y": Y}, pred="p", target="y", out="o.csv")
    assert (here / "other" / "rows").read_text() == "mine"


def test_groups_of_lists_are_told(here):
    pq.write_table(pa.table({"p": [1.0], "y": [0.0], "l": [[1.0]]}), "x.parquet")
    with pytest.raises(fl.data.DataError, match=r"x.parquet: by 'l': there are no groups of a column of list"):
        fl.data.score("huber", "x.parquet", pred="p", target="y", by="l")
    with pytest.raises(fl.data.DataError, match=r"by 'l': there are no groups of a column of shape \(5000, 2\)"):
        fl.data.score("huber", {"p": P, "y": Y, "l": np.ones((len(P), 2))}, pred="p", target="y", by="l")


def test_csv_is_written_by_one_run_at_a_time(here):
    pytest.importorskip("fcntl")
    from fastloss.data.files.output import Work

    with Work("o.csv", {}, False), pytest.raises(fl.data.DataError, match=r"o.csv: another run is writing it"):
        fl.data.score("huber", {"p": P, "y": Y}, pred="p", target="y", out="o.csv")
    csv.write_csv(TABLE, here / "o.csv")


@pytest.mark.parametrize(
    ("encoding", "first"), [("latin1", "byte 2 of its columns' names is 0xf6"), ("utf-16", "byte 0 ")]
)
def test_another_encoding(encoding, first, here):
    (here / "x.csv").write_bytes("größe,y\n1,2\n".encode(encoding))
    with pytest.raises(fl.data.DataError, match=rf"x.csv: {first}.*expected UTF-8; `iconv -f latin1 -t utf-8`"):
        fl.data.score("huber", "x.csv", pred="größe", target="y")
