"""`fl.data.score`: the same numbers of every kind of file, whatever chunks it is read in."""

from __future__ import annotations

import gzip
import io
import math
import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

import fastloss as fl
from fastloss.data.scoring import report, summary, sums

pytestmark = pytest.mark.usefixtures("compiled_at_last")

N = 5_000
RNG = np.random.default_rng(3)
P = RNG.standard_normal(N)
Y = RNG.standard_normal(N)
KEY = RNG.integers(0, 4, N)
WEIGHT = RNG.integers(0, 3, N).astype(np.float64)


def naive(p=P, y=Y, delta=1.0):
    r = np.abs(p - y)
    return np.where(r <= delta, 0.5 * r * r, delta * (r - 0.5 * delta))


def table():
    return pa.table({"id": np.arange(N), "p": P, "y": Y, "key": pa.array([f"k{k}" for k in KEY]), "w": WEIGHT})


def zarr_store(path):
    import zarr

    group = zarr.open_group(path, mode="w")
    for name, x in (("p", P), ("y", Y)):
        group.create_array(name, data=x, chunks=(700,))


def folder(path):
    for k in range(4):
        inner = path / f"key=k{k}"
        inner.mkdir(parents=True)
        pq.write_table(
            table().filter(pa.array(k == KEY)).drop_columns(["key"]), inner / "a.parquet", row_group_size=300
        )


def several_csv(path):
    path.mkdir()
    for k in range(3):
        csv.write_csv(table().slice(k * 2000, 2000), path / f"{k}.csv")


def zipped(path):
    file = io.BytesIO()
    csv.write_csv(table(), file)
    path.write_bytes(gzip.compress(file.getvalue()))


def stream(path):
    with pa.ipc.new_stream(path, table().schema) as writer:
        writer.write_table(table(), max_chunksize=900)


FILES = {
    "x.npz": lambda path: np.savez(path, p=P, y=Y),
    "packed.npz": lambda path: np.savez_compressed(path, p=P, y=Y),
    "fields.npy": lambda path: np.save(path, np.rec.fromarrays([P, Y], names="p,y")),
    "x.parquet": lambda path: pq.write_table(table(), path, row_group_size=1300),
    "x.feather": lambda path: feather.write_feather(table(), path, chunksize=1100),
    "x.arrows": stream,
    "x.csv": lambda path: csv.write_csv(table(), path),
    "x.csv.gz": zipped,
    "x.zarr": zarr_store,
    "folder": folder,
    "tables": several_csv,
}


@pytest.fixture(params=FILES)
def source(request, tmp_path):
    path = tmp_path / request.param
    FILES[request.param](path)
    return str(path)


def score(source, **keywords):
    return fl.data.score("huber", source, **{"pred": "p", "target": "y", **keywords})


def numbers(found):
    return found.rows, found.count, found.mean, found.sum, found.min, found.max, found.quantiles, found.histogram


def test_every_kind_of_file_has_the_same_losses(source):
    found = score(source)
    loss = naive()
    assert (found.rows, found.count, found.exact) == (N, N, True)
    assert found.sum == pytest.approx(math.fsum(loss), rel=1e-15)
    assert found.mean == pytest.approx(math.fsum(loss) / N, rel=1e-15)
    assert found.min == pytest.approx(loss.min(), rel=1e-14)
    assert found.max == pytest.approx(loss.max(), rel=1e-14)
    for q, value in found.quantiles.items():
        assert value == pytest.approx(np.quantile(loss, q), rel=1e-12)
    assert sum(n for *_, n in found.histogram) == N


@pytest.mark.parametrize("rows", [1, 7, 1023, 1024, 1025, 4999])
def test_nothing_depends_on_the_chunks(rows, tmp_path):
    if rows == 1:  # each a chunk of its own
        path = {"p": P[:50], "y": Y[:50]}
    else:
        path = tmp_path / "x.parquet"
        pq.write_table(table(), path, row_group_size=1300)
        path = str(path)
    keywords = {} if rows == 1 else {"weight": "w", "by": "key", "worst": 50}
    one, other = score(path, **keywords), score(path, chunk_rows=rows, threads=3, **keywords)
    assert numbers(one) == numbers(other)
    assert one.groups == other.groups
    assert rows == 1 or one.worst.equals(other.worst)


def test_arrays_and_files_by_name(tmp_path):
    np.save(tmp_path / "p.npy", P)
    np.save(tmp_path / "y.npy", np.asfortranarray(Y))
    assert numbers(score({"p": tmp_path / "p.npy", "y": str(tmp_path / "y.npy")})) == numbers(score({"p": P, "y": Y}))
    np.save(tmp_path / "both.npy", np.stack([P, Y], axis=1))
    assert numbers(score(tmp_path / "both.npy", pred="0", target="1")) == numbers(score({"p": P, "y": Y}))


def test_a_glob_and_a_list_of_files(tmp_path):
    for k in range(3):
        pq.write_table(table().slice(k * 2000, 2000), tmp_path / f"{k}.parquet")
    whole = numbers(score({"p": P, "y": Y}))
    assert numbers(score(str(tmp_path / "*.parquet"))) == whole
    assert numbers(score([tmp_path / f"{k}.parquet" for k in range(3)])) == whole


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "stream"])
def test_standard_input(kind, monkeypatch):
    file = io.BytesIO()
    if kind == "stream":
        stream(file)
    else:
        csv.write_csv(table(), file)
    data = gzip.compress(file.getvalue()) if kind == "csv.gz" else file.getvalue()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert numbers(score("-", format=kind.removesuffix(".gz"))) == numbers(score({"p": P, "y": Y}))


@pytest.mark.parametrize("damage", [lambda x: x[: len(x) // 2], lambda x: x[:99] + bytes(100) + x[199:]])
def test_damaged_gzip_on_standard_input(damage, monkeypatch):
    file = io.BytesIO()
    csv.write_csv(table(), file)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(damage(gzip.compress(file.getvalue())))))
    with pytest.raises(fl.data.DataError, match="standard input"):
        score("-", format="csv")


def test_whole_numbers_at_the_start_of_a_csv_file_may_be_followed_by_others(tmp_path):
    (tmp_path / "x.csv").write_text("p,y,note\n" + "1,2,\n" * 200_000 + "1.5,2.5,late\n")
    found = score(tmp_path / "x.csv", worst=1, keep=["note"])
    assert found.mean == 0.5
    assert found.rows == 200_001


def test_whole_numbers_of_csv_that_are_not_computed_with_stay_exact(tmp_path):
    (tmp_path / "x.csv").write_text("id,p,y\n9007199254740993,1,3\n123456,4,4\n")
    found = score(tmp_path / "x.csv", worst=1, keep=["id"], by="id")
    assert found.worst["id"].to_pylist() == [9007199254740993]
    assert [g["value"] for g in found.groups] == [9007199254740993, 123456]
    assert "123,456" in str(found)


def test_texts_of_csv_may_have_several_lines(tmp_path):
    (tmp_path / "x.csv").write_text("p,y,t\n" + '1,3,"one\nline, ""two"""\n' * 100_000)
    found = score(tmp_path / "x.csv", worst=1, keep=["t"])
    assert (found.rows, found.mean) == (100_000, 1.5)
    assert found.worst["t"].to_pylist() == ['one\nline, "two"']


def test_nan_in_csv_is_no_null(tmp_path):
    (tmp_path / "x.csv").write_text("p,y\n1,3\nnan,0\n,0\nNA,0\n")
    with pytest.raises(fl.data.DataError, match="column 'p' is NaN in row 1"):
        score(tmp_path / "x.csv")
    assert score(tmp_path / "x.csv", nan="absent").count == 1


@pytest.mark.parametrize("dtype", ["e", "f", "d", "i4", "u1", "?", "decimal"])
def test_dtypes(dtype, tmp_path):
    values = np.array([0, 1, 1, 0, 1] * 30)
    kind = pa.decimal128(9, 2) if dtype == "decimal" else pa.from_numpy_dtype(np.dtype(dtype))
    p = pa.array(values.astype(np.float64)).cast(kind) if dtype == "decimal" else pa.array(values.astype(dtype))
    pq.write_table(pa.table({"p": p, "y": np.full(150, 3.0, np.float32)}), tmp_path / "x.parquet")
    found = score(tmp_path / "x.parquet", chunk_rows=7)
    assert found.sum == 60 * 2.5 + 90 * 1.5
    assert (found.min, found.max) == (1.5, 2.5)


def test_rows_of_scores_in_lists_in_columns_and_in_files(tmp_path):
    logits = RNG.standard_normal((500, 3)).astype(np.float32)
    labels = RNG.integers(0, 3, 500)
    exact = logits.astype(np.float64)
    loss = np.log(np.exp(exact).sum(1)) - exact[np.arange(500), labels]
    np.save(tmp_path / "p.npy", logits)
    lists = pa.table({"p": pa.array(list(logits)), "y": labels})
    columns = pa.table({f"p{k}": logits[:, k] for k in range(3)} | {"y": labels})
    pq.write_table(lists, tmp_path / "lists.parquet")
    pq.write_table(columns, tmp_path / "columns.parquet")
    found = [
        fl.data.score("cross_entropy", *given, chunk_rows=64, target="y", pred=pred)
        for given, pred in (
            (({"p": tmp_path / "p.npy", "y": labels},), "p"),
            ((tmp_path / "lists.parquet",), "p"),
            ((tmp_path / "columns.parquet",), ["p0", "p1", "p2"]),
        )
    ]
    assert numbers(found[0]) == numbers(found[1]) == numbers(found[2])
    assert found[0].mean == pytest.approx(loss.mean(), rel=1e-6)
    ignored = fl.data.score("cross_entropy", {"pred": logits, "target": labels}, ignore_index=2)
    assert ignored.count == (labels != 2).sum()
    assert ignored.mean == pytest.approx(loss[labels != 2].mean(), rel=1e-6)


# -- What counts -------------------------------------------------------------------------------------------------------


def test_the_mean_divides_by_the_weights():
    found = score({"p": P, "y": Y, "w": WEIGHT}, weight="w")
    assert found.count == (WEIGHT > 0).sum()
    assert found.sum == pytest.approx(math.fsum(WEIGHT * naive()), rel=1e-14)
    assert found.mean == pytest.approx((WEIGHT * naive()).sum() / WEIGHT.sum(), rel=1e-13)
    assert found.min == pytest.approx((WEIGHT * naive())[WEIGHT > 0].min(), rel=1e-13)


def test_the_mean_of_rows_of_which_only_some_chunks_have_nulls(tmp_path):
    pq.write_table(pa.table({"p": pa.array([1.0] * 199 + [None]), "y": np.zeros(200)}), tmp_path / "x.parquet")
    for rows in (200, 100, 40):
        assert score(tmp_path / "x.parquet", chunk_rows=rows).mean == 0.5


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_mean_divides_by_the_weights_of_classes(dense, weighted):
    logits, masses = RNG.standard_normal((300, 3)), RNG.random((300, 3))
    target = masses if dense else masses.argmax(1)
    given, more = {"pred": logits, "target": target, "w": WEIGHT[:300]}, {"class_weight": [1.0, 3.0, 0.5]}
    expected = fl.cross_entropy(logits, target, **more, weight=WEIGHT[:300] if weighted else None)
    found = fl.data.score("cross_entropy", given, weight="w" if weighted else None, chunk_rows=77, **more)
    assert found.mean == pytest.approx(float(expected), rel=1e-13)


@pytest.mark.parametrize("nulls", ["absent", "null"])
def test_nulls_do_not_count(nulls, tmp_path):
    holes = RNG.random(N) < 0.3
    pq.write_table(pa.table({"p": pa.array(P, mask=holes), "y": Y}), tmp_path / "x.parquet", row_group_size=900)
    found = score(tmp_path / "x.parquet", nulls=nulls, out=tmp_path / "o.parquet", chunk_rows=400)
    assert (found.rows, found.count) == (N, (~holes).sum())
    assert found.sum == pytest.approx(math.fsum(naive()[~holes]), rel=1e-14)
    written = pq.read_table(tmp_path / "o.parquet")["loss"]
    assert written.null_count == (holes.sum() if nulls == "null" else 0)
    with pytest.raises(fl.data.DataError, match=rf"x.parquet: huber: column 'p' is null in row {holes.argmax()}"):
        score(tmp_path / "x.parquet", nulls="raise", chunk_rows=5)


def test_nan_is_an_error_or_absent_or_kept():
    y = Y.copy()
    y[1717] = np.nan
    given = {"p": P, "y": y}
    with pytest.raises(fl.data.DataError, match="huber: column 'y' is NaN in row 1717; nan='absent' leaves"):
        score(given, chunk_rows=100)
    found = score(given, nan="absent", chunk_rows=100)
    there = np.arange(N) != 1717
    assert (found.rows, found.count) == (N, N - 1)
    assert found.sum == pytest.approx(math.fsum(naive()[there]), rel=1e-14)
    kept = score(given, nan="keep")
    assert math.isnan(kept.mean)
    assert math.isnan(kept.quantiles[0.5])
    assert kept.as_dict()["mean"] is None


def test_quantiles_of_many_are_within_what_is_said(monkeypatch):
    monkeypatch.setattr(summary, "EXACT", 1000)
    signed = {"p": np.exp(3 * P), "y": Y, "v": np.exp(Y)}
    found = fl.data.score("gaussian_nll", signed, pred="p", target="y", var="v", chunk_rows=700)
    assert not found.exact
    assert found.min < 0
    loss = 0.5 * (np.log(signed["v"]) + (signed["p"] - Y) ** 2 / signed["v"])
    for q, value in found.quantiles.items():
        lower, upper = np.quantile(loss, q, method="lower"), np.quantile(loss, q, method="higher")
        assert lower - abs(lower) / 512 <= value <= upper + abs(upper) / 512
    assert "within 0.2%" in str(found)


def test_without_quantiles_the_rest_is_the_same():
    given = {"p": P, "y": Y, "k": KEY}
    bare, whole = score(given, by="k", quantiles=False), score(given, by="k")
    assert (bare.quantiles, bare.histogram) == ({}, [])
    assert (bare.sum, bare.min, bare.max, bare.groups) == (whole.sum, whole.min, whole.max, whole.groups)
    assert str(bare).splitlines()[:3] == str(whole).splitlines()[:3]
    assert str(bare).splitlines()[-4:] == str(whole).splitlines()[-4:]


def test_sums_keep_what_naive_ones_lose():
    values = np.array([1e16, 1.0, -1e16, 1.0] * 512)
    total = sums.Total()
    for a in range(0, len(values), 300):
        total.add(sums.blocks(values[a : a + 300], a))
    ones = sums.Total()
    for _ in range(3):
        ones.add(sums.blocks(np.r_[np.full(1024, 2.0**53), np.ones(1024), np.full(1024, -(2.0**53))], 0))
    assert ones.value() == 3072.0
    # A block's lanes hold 1e16 and -1e16 apart; their sum, and that of the ones between, is exact.
    assert total.value() == 1024.0


# -- What is asked for besides -----------------------------------------------------------------------------------------


def test_by():
    keys = np.array(["north", "south", "east", "west"])[KEY]
    found = score({"p": P, "y": Y, "w": WEIGHT, "key": keys}, by="key", weight="w", chunk_rows=333)
    assert [g["value"] for g in found.groups] == sorted({*keys}, key=lambda k: -_mean(keys == k))
    for group in found.groups:
        mine = (keys == group["value"]) & (WEIGHT > 0)
        loss = (WEIGHT * naive())[mine]
        assert group["count"] == mine.sum()
        assert group["mean"] == pytest.approx(_mean(mine), rel=1e-13)
        assert (group["min"], group["max"]) == pytest.approx((loss.min(), loss.max()), rel=1e-13)
        assert group["median"] == pytest.approx(np.quantile(loss, 0.5), rel=1 / 512)
        assert group["p90"] == pytest.approx(np.quantile(loss, 0.9), rel=1 / 512)


def _mean(mine):
    return (WEIGHT * naive())[mine].sum() / WEIGHT[mine].sum()


def test_groups_have_the_quantiles_of_all():
    found = score({"p": np.array([1.0, 5.0]), "y": np.zeros(2), "k": np.zeros(2)}, by="k")
    assert found.groups[0]["median"] == pytest.approx(found.quantiles[0.5], rel=1 / 512)


def test_a_dictionary_as_large_as_its_indices_can_say_has_groups():
    from fastloss.data.scoring.groups import group_part

    names = pa.DictionaryArray.from_arrays(pa.array([0, 127, None], pa.int8()), pa.array(range(128)))
    assert group_part(names, np.ones(3), None, None, 0).codes.tolist() == [0, 127, 128]


def test_null_is_a_group(tmp_path):
    pq.write_table(pa.table({"p": P, "y": Y, "k": pa.array(KEY, mask=KEY == 1)}), tmp_path / "x.parquet")
    found = score(tmp_path / "x.parquet", by="k")
    assert {g["value"]: g["count"] for g in found.groups} == {None if k == 1 else k: (k == KEY).sum() for k in range(4)}


@pytest.mark.parametrize("worst", [37, "37", "1%", "0.74%", "100%"])
def test_worst(worst):
    expected = {"1%": 50, "100%": N}.get(worst, 37)
    found = score({"p": P, "y": Y, "id": np.arange(N) * 10}, worst=worst, chunk_rows=401)
    rows = np.argsort(-naive(), kind="stable")[:expected]
    assert found.worst["row"].to_pylist() == rows.tolist()
    assert found.worst["id"].to_pylist() == (rows * 10).tolist()
    assert found.count == N


def test_of_equal_losses_the_first_are_the_worst():
    found = score({"p": np.r_[np.zeros(50), np.ones(50), np.zeros(50), np.ones(50)], "y": np.zeros(200)}, worst=70,
                  chunk_rows=9)  # fmt: skip
    assert found.worst["row"].to_pylist() == [*range(50, 100), *range(150, 170)]


def test_a_share_of_a_csv_file_and_of_what_nobody_can_count(tmp_path, monkeypatch):
    csv.write_csv(table(), tmp_path / "x.csv")
    assert score(tmp_path / "x.csv", worst="1%").worst.num_rows == 50
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "x.csv").read_bytes())))
    with pytest.raises(ValueError, match="worst is '1%' of nobody knows how many rows: give a number"):
        score("-", format="csv", worst="1%")


@pytest.mark.parametrize("where", ["loss > 0.5 AND key = 'k1'", "arrow"])
def test_where(where, tmp_path):
    if where == "arrow":
        import pyarrow.compute as pc

        where = (pc.field("loss") > 0.5) & (pc.field("key") == "k1")
    pq.write_table(table(), tmp_path / "x.parquet", row_group_size=700)
    found = score(tmp_path / "x.parquet", where=where, out=tmp_path / "o.parquet", grad="g", chunk_rows=400)
    mine = (naive() > 0.5) & (KEY == 1)
    assert (found.rows, found.count, found.written) == (N, mine.sum(), mine.sum())
    assert found.sum == pytest.approx(math.fsum(naive()[mine]), rel=1e-14)
    written = pq.read_table(tmp_path / "o.parquet")
    assert written.column_names == ["id", "p", "y", "key", "w", "row", "g", "loss"]
    assert written["id"].to_pylist() == written["row"].to_pylist() == np.flatnonzero(mine).tolist()
    np.testing.assert_allclose(written["g"], np.clip(P - Y, -1, 1)[mine], rtol=1e-14)


# -- What is written ---------------------------------------------------------------------------------------------------

READ = {
    "parquet": lambda path: {n: c.to_numpy() for n, c in zip(*_columns(pq.read_table(path)), strict=True)},
    "feather": lambda path: {n: c.to_numpy() for n, c in zip(*_columns(feather.read_table(path)), strict=True)},
    "csv": lambda path: {n: c.to_numpy() for n, c in zip(*_columns(csv.read_csv(path)), strict=True)},
    "npz": lambda path: dict(np.load(path)),
    "npy": lambda path: {"loss": np.load(path)},
}


def _columns(found):
    return found.column_names, found.columns


def test_a_condition_is_of_a_row_whatever_chunk_it_is_in():
    given = {"p": P, "y": Y, 'k"': KEY}
    for where in ("avg(loss) > 0", "loss > avg(loss) OVER ()", "loss > (SELECT avg(loss) FROM rows)"):
        with pytest.raises(ValueError, match="where: (Binder|Catalog) Error"):
            score(given, where=where)
    assert score(given, where='"k""" = 1 -- one of four').count == (KEY == 1).sum()


@pytest.mark.parametrize("ending", ["npz", "npy"])
def test_nulls_in_numpys_files_are_nan_whatever_rows_come_before(ending, monkeypatch, tmp_path):
    from fastloss.data.files import output

    monkeypatch.setattr(output, "GROUP_ROWS", 100)
    gone = np.arange(N) > 3000
    columns = {"p": P.astype(np.float32), "y": Y.astype(np.float32), "id": np.arange(N), "l": list(np.stack([P, Y], 1))}
    kinds = {"l": pa.list_(pa.float64(), 2)}
    rows = pa.table({n: pa.array(x, kinds.get(n), mask=gone) for n, x in columns.items()})
    pq.write_table(rows, tmp_path / "x.parquet")
    score(tmp_path / "x.parquet", out=tmp_path / f"o.{ending}", keep=["id", "l"], nulls="null")
    found = READ[ending](tmp_path / f"o.{ending}")
    assert found["loss"].dtype == np.float32
    for name, x in {"id": np.arange(N), "l": np.stack([P, Y], 1), "loss": None}.items():
        if name in found:
            assert np.isnan(found[name][gone]).all()
            np.testing.assert_array_equal(found[name][~gone], found[name][~gone] if x is None else x[~gone])


@pytest.mark.parametrize("worst", [None, 10])
def test_files_of_other_types_are_not_written_as_if_they_had_the_first_ones(worst, tmp_path):
    for name, kind in (("a", pa.int64()), ("b", pa.int32())):
        pq.write_table(pa.table({"p": [1.0], "y": [0.0], "id": pa.array([7], kind)}), tmp_path / f"{name}.parquet")
    out = tmp_path / "out"
    out.mkdir()
    score(str(tmp_path / "*.parquet"), out=out / "o.parquet", worst=worst)
    assert pq.read_table(out / "o.parquet")["id"].to_pylist() == [7, 7]
    os.replace(tmp_path / "b.parquet", tmp_path / "0.parquet")
    with pytest.raises(fl.data.DataError, match="column 'id' is int64 where it was int32 in rows before"):
        score(str(tmp_path / "*.parquet"), out=out / "n.parquet", worst=worst)
    assert os.listdir(out) == ["o.parquet"]


@pytest.mark.parametrize("ending", READ)
def test_what_is_written_is_read_again(ending, tmp_path):
    path = tmp_path / f"o.{ending}"
    given = {"p": P.astype(np.float32), "y": Y.astype(np.float32), "id": np.arange(N)}
    found = score(given, out=path, grad="g", keep=["id"])
    assert found.written == N
    read = READ[ending](path)
    loss, grad = fl.huber.value_and_grad(given["p"], given["y"], reduction="none")
    np.testing.assert_array_equal(read["loss"].astype(np.float32), loss)
    if ending != "npy":
        assert [*read] == ["id", "g", "loss"]
        np.testing.assert_array_equal(read["g"].astype(np.float32), grad)
    first = path.read_bytes()
    score(given, out=path, grad="g", keep=["id"], chunk_rows=777, threads=2)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_gradients_of_rows_are_lists(tmp_path):
    logits, labels = RNG.standard_normal((300, 3)), RNG.integers(0, 3, 300)
    given = {"pred": logits, "target": labels}
    for ending in ("parquet", "npz"):
        path = tmp_path / f"o.{ending}"
        fl.data.score("cross_entropy", given, out=path, grad="g", keep=[], chunk_rows=64)
        grad = np.stack(pq.read_table(path)["g"].to_numpy()) if ending == "parquet" else np.load(path)["g"]
        np.testing.assert_allclose(grad, fl.cross_entropy.grad(logits, labels, reduction="sum"), rtol=1e-14)
    with pytest.raises(fl.data.DataError, match="CSV has no place for column 'g'"):
        fl.data.score("cross_entropy", given, out=tmp_path / "o.csv", grad="g", keep=[])


def test_a_loss_of_ones_own():
    squared = fl.derive(lambda pred, target, c=1.0: c * (pred - target) ** 2)
    found = fl.data.score(0.5 * squared + 0.5 * squared, {"p": P, "y": Y}, pred="p", target="y")
    assert found.mean == pytest.approx(((P - Y) ** 2).mean(), rel=1e-12)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Chunks of rows of scores are as many as their bytes allow."""
    source = fl.data.files.opening.open_source({"pred": np.zeros((8, 100_000), np.float32), "target": np.zeros(8, int)})
    assert source.row_bytes(["pred", "target"]) == 400_008
    seen = []
    chunks = source.chunks
    source.chunks = lambda names, rows, skip: (seen.append(rows), chunks(names, rows, skip))[1]
    fl.data.score("cross_entropy", source)
    assert seen == [(16 << 20) // 400_008]


def views():
    """The table with texts as Polars has them, also in a dictionary."""
    text = table()["key"].cast(pa.string_view()).combine_chunks()
    coded = pa.DictionaryArray.from_arrays(pa.array(KEY), pa.array([f"k{k}" for k in range(4)], pa.string_view()))
    return table().set_column(3, "key", text).append_column("code", coded)


def as_reader():
    return pa.RecordBatchReader.from_batches(table().schema, table().to_batches(900))


@pytest.mark.parametrize("given", [table, views, as_reader], ids=["table", "views", "reader"])
def test_what_gives_arrows_stream_is_a_source(given):
    found = fl.data.score("huber", given(), pred="p", target="y", by="key", worst=7, chunk_rows=700)
    assert (found.count, found.mean) == (N, pytest.approx(naive().mean(), rel=1e-14))
    assert {g["value"]: g["count"] for g in found.groups} == {f"k{k}": (k == KEY).sum() for k in range(4)}
    assert found.worst["key"].to_pylist() == [f"k{k}" for k in KEY[np.argsort(-naive(), kind="stable")[:7]]]


@pytest.mark.parametrize("column", ["key", "code"])
def test_texts_as_polars_writes_them(column, tmp_path):
    path, out = tmp_path / "x.arrow", tmp_path / "o.parquet"
    with pa.ipc.new_file(path, views().schema) as writer:
        writer.write_table(views())
    where = f"loss > 1 and {column} = 'k1'"
    found = fl.data.score("huber", path, pred="p", target="y", by=column, where=where, out=out, keep=["id", column])
    passed = np.flatnonzero((naive() > 1) & (KEY == 1))
    assert pq.read_table(out)["id"].to_pylist() == passed.tolist()
    assert (found.written, [g["value"] for g in found.groups]) == (len(passed), ["k1"])


@pytest.mark.parametrize("own", [False, True], ids=["default", "own"])
def test_a_relation_of_duckdb_s_is_a_source(own):
    duckdb = pytest.importorskip("duckdb")
    given = table()
    relation = (duckdb.connect() if own else duckdb).from_arrow(given).filter("id >= 100")
    for _ in range(2):  # each runs its query
        found = fl.data.score("huber", relation, pred="p", target="y", by="key", where="loss > 1", worst=7)
        assert found.count == (naive()[100:] > 1).sum()
        assert found.worst["id"].to_pylist() == (100 + np.argsort(-naive()[100:], kind="stable")[:7]).tolist()


def test_views_inside_of_lists_and_structures_are_kept():
    texts = pa.array(["a", None, "b", "c"], pa.string_view())
    nested = {
        "list": pa.ListArray.from_arrays([0, 1, 4], texts),
        "large": pa.LargeListArray.from_arrays([0, 1, 4], texts),
        "fixed": pa.FixedSizeListArray.from_arrays(texts, 2),
        "fields": pa.StructArray.from_arrays([pa.ListArray.from_arrays([0, 1, 4], texts)], ["x"]),
    }
    given = pa.table({"pred": [1.0, 3.0], "target": [0.0, 0.0], **nested})
    worst = fl.data.score("huber", given, worst=2).worst
    assert worst.select([*nested]).to_pylist() == given.select([*nested]).to_pylist()[::-1]


def test_a_share_of_what_gives_a_stream_takes_its_length():
    assert fl.data.score("huber", table(), pred="p", target="y", worst="1%").worst.num_rows == N // 100
    with pytest.raises(fl.data.DataError, match="the RecordBatchReader: worst is '1%' of nobody knows how many rows"):
        fl.data.score("huber", as_reader(), pred="p", target="y", worst="1%")


def test_the_loss_is_told_as_it_is_computed():
    def told(loss, **given):
        return report.loss_told(fl.data.scorer(loss, **given))

    assert told("huber", delta="d", weight="w", backend="serial") == "huber(delta='d')"
    both = 2 * fl.huber + fl.quantile
    assert told(both, huber__delta="d", quantile__q=0.9) == "2 * huber(delta=1.0) + quantile(q=0.9), huber__delta='d'"
    smooth = told("cross_entropy", label_smoothing=0.1, ignore_index=1)
    assert smooth == "cross_entropy(z_loss=0.0, softcap=None, label_smoothing=0.1, ignore_index=1)"
    assert fl.data.score(fl.huber, {"pred": P, "target": Y}, backend="serial").loss == "huber(delta=1.0)"


def test_columns_that_are_made_may_be_named_among_those_that_are_kept(tmp_path):
    out = tmp_path / "o.parquet"
    fl.data.score("huber", table(), pred="p", target="y", grad="g", out=out, keep=["id", "loss", "g", "row"])
    assert pq.read_table(out).column_names == ["id", "row", "g", "loss"]


def test_a_glob_of_folders_is_what_is_in_them(tmp_path):
    folder(tmp_path / "x")
    found = fl.data.score("huber", str(tmp_path / "x" / "key=k[01]"), pred="p", target="y", by="key")
    assert {g["value"] for g in found.groups} == {"k0", "k1"}
    both = fl.data.score("huber", [tmp_path / "x" / f"key=k{k}" for k in (0, 1)], pred="p", target="y")
    assert (both.count, both.source) == (found.count, f"{tmp_path}/x/key=k0 and 1 more")


def test_a_glob_takes_no_file_twice_and_no_hidden_folder(tmp_path):
    inner = tmp_path / "x" / "a=1" / "b=2"
    inner.mkdir(parents=True)
    (tmp_path / "x" / "_log").mkdir()
    pq.write_table(table(), inner / "x.parquet")
    for pattern in ("**/*=*", "**/", "*"):
        assert fl.data.score("huber", str(tmp_path / "x" / pattern), pred="p", target="y").count == N
