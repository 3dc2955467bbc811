"""Columns of every type and library: the right result, or one error that says which, what it has, what was expected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")

DAY = dt.date(2020, 1, 1)
CODED = pa.array(["a", "b", "a"]).dictionary_encode()
TEXT = "expected numbers; row 0 has 'a'"
NUMBERS = ", expected numbers"


class Kind:
    """A column of three rows: its numbers, its groups (or how many), and the formats that refuse it, or the errors."""

    def __init__(self, column: Any, numbers: Any, groups: Any, **out: str) -> None:
        self.column, self.numbers, self.groups, self.out = column, numbers, groups, out


def arrow(storage: Any, kind: Any) -> Any:
    return pa.ExtensionArray.from_storage(kind, storage)


LISTS = "there are no groups of a column of"
MIXED = "holds a float and a str, expected values of one type"
CSV = {"csv": "CSV has no place for column 'x' of"}
NEITHER = {"csv": "no place for column 'x' of", "parquet": "no place for column 'x' of"}
COMPLEX = dict.fromkeys(("csv", "parquet", "arrow"), "column 'x' has dtype complex128, expected one that Arrow has")
STRANGE = dict.fromkeys(("csv", "parquet", "arrow"), "column 'x' holds")

KINDS: Mapping[str, Kind] = {
    "pandas texts": Kind(pd.Series(["a", "b", "a"]), TEXT, ["a", "b"]),
    "pandas texts of Python's": Kind(pd.Series(["a", np.nan, "a"], dtype=object), TEXT, ["a", None]),
    "pandas numbers as texts": Kind(pd.Series(["1", "2", "1"], dtype=object), NUMBERS, ["1", "2"]),
    "pandas categories": Kind(pd.Series(["a", "b", "a"], dtype="category"), TEXT, ["a", "b"]),
    "pandas categories of numbers": Kind(pd.Series([1.0, 2.0, 1.0], dtype="category"), [1, 2, 1], [1.0, 2.0]),
    "pandas times": Kind(pd.Series(pd.to_datetime([DAY] * 3)), "has dtype datetime64", 1),
    "pandas times of a zone": Kind(pd.Series(pd.date_range("2020", periods=3, tz="UTC")), "has type timestamp", 3),
    "pandas periods": Kind(pd.Series(pd.period_range("2020", periods=3)), "pandas.period", LISTS, csv=CSV["csv"][3:]),
    "pandas intervals": Kind(pd.Series(pd.interval_range(0, 3)), "pandas.interval", LISTS, csv=CSV["csv"][3:]),
    "pandas sparse": Kind(pd.Series(pd.arrays.SparseArray([0.0, 1.0, 0.0])), [0, 1, 0], [0.0, 1.0]),
    "pandas NA": Kind(pd.Series([1.0, pd.NA, 2.0], dtype=object), [1, None, 2], [1.0, None, 2.0]),
    "pandas Int64": Kind(pd.Series([1, pd.NA, 1], dtype="Int64"), [1, None, 1], [1, None]),
    "pandas boolean": Kind(pd.Series([True, None, False], dtype="boolean"), [1, None, 0], [True, None, False]),
    "pandas string": Kind(pd.Series(["a", pd.NA, "a"], dtype="string"), TEXT, ["a", None]),
    "pandas decimals": Kind(pd.Series([Decimal("1.5"), None, Decimal(2)]), [1.5, None, 2], 3),
    "pandas dictionaries": Kind(pd.Series([{"a": 1}] * 3), "has type struct", LISTS, **CSV),
    "pandas dictionaries in lists": Kind(pd.Series([[{"a": 1}]] * 3), "expected lists of numbers", LISTS, **CSV),
    "pandas of several types": Kind(pd.Series([1.0, "x", None], dtype=object), MIXED, MIXED, **STRANGE),
    "pandas complex": Kind(pd.Series([1j, 2.0, 3.0]), "has dtype complex128", 3, **COMPLEX),
    "pandas objects": Kind(pd.Series([object()] * 3), "holds an object", "holds an object", **STRANGE),
    "pandas fractions": Kind(pd.Series([Fraction(1, 2)] * 3), "holds a fractions.Fraction", "Fraction", **STRANGE),
    "pandas large numbers": Kind(pd.Series([2**70, 1, 2], dtype=object), "of more than 64 bits", "of more", **STRANGE),
    "pandas on Arrow": Kind(pd.Series([1, None, 2], dtype=pd.ArrowDtype(pa.decimal128(5, 2))), [1, None, 2], 3),
    "pandas dates on Arrow": Kind(pd.Series([DAY] * 3, dtype=pd.ArrowDtype(pa.date32())), "has type date32", [DAY]),
    "Polars texts": Kind(pl.Series(["a", "b", None]), TEXT, ["a", "b", None]),
    "Polars Categorical": Kind(pl.Series(["a", "b", "a"], dtype=pl.Categorical), TEXT, ["a", "b"]),
    "Polars Enum": Kind(pl.Series(["a", "b", "a"], dtype=pl.Enum(["a", "b"])), TEXT, ["a", "b"]),
    "Polars Date": Kind(pl.Series([DAY] * 3), "has type date32", [DAY]),
    "Polars Decimal": Kind(pl.Series([Decimal("1.5"), None, Decimal(2)]), [1.5, None, 2], 3),
    "Polars Struct": Kind(pl.Series([{"a": 1}] * 3), "has type struct", LISTS, **CSV),
    "Polars lists of categories": Kind(
        pl.Series([["a"], ["b"], None], dtype=pl.List(pl.Categorical)), "expected lists of numbers", LISTS, **CSV
    ),
    "Polars Int128": Kind(pl.Series([1, 2, 3], dtype=pl.Int128), "has dtype Int128", "has dtype Int128",
                          **dict.fromkeys(("csv", "parquet", "arrow"), "column 'x' has dtype Int128")),
    "Arrow dictionary of numbers": Kind(pa.array([1.0, 2.0, 1.0]).dictionary_encode(), [1, 2, 1], [1.0, 2.0]),
    "Arrow dictionary of lists": Kind(
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array([[1.0], [2.0]])), "has 1 numbers", LISTS, **CSV
    ),
    "Arrow dictionary in lists": Kind(
        pa.ListArray.from_arrays([0, 1, 2, 3], CODED), "expected lists of numbers", LISTS, **CSV
    ),
    "Arrow dictionary in views of lists": Kind(
        pa.ListViewArray.from_arrays([2, 1, 0], [1, 1, 1], CODED), "expected lists of numbers", LISTS, **CSV
    ),
    "Arrow dictionary in a map": Kind(
        pa.MapArray.from_arrays([0, 1, 2, 3], pa.array(["k"] * 3), CODED), "has type map", LISTS, **CSV
    ),
    "Arrow dictionary in fixed lists": Kind(
        pa.FixedSizeListArray.from_arrays(CODED, 1), "expected lists of numbers", LISTS, **CSV
    ),
    "Arrow runs": Kind(pa.RunEndEncodedArray.from_arrays([2, 3], pa.array([1.0, 2.0])), [1, 1, 2], [1.0, 2.0]),
    "Arrow runs in a struct": Kind(
        pa.StructArray.from_arrays([pa.RunEndEncodedArray.from_arrays([3], [1.0])], ["a"]), "struct", LISTS, **CSV
    ),
    "Arrow union": Kind(
        pa.UnionArray.from_sparse(pa.array([0] * 3, pa.int8()), [pa.array([1, 2, 3])]), "union", LISTS, **NEITHER
    ),
    "Arrow month": Kind(pa.array([(1, 2, 3)] * 3, pa.month_day_nano_interval()), "month_day", None, **NEITHER),
    "Arrow uuid": Kind(
        arrow(pa.array([b"a" * 16] * 3, pa.binary(16)), pa.uuid()), NUMBERS, LISTS, csv="no place for column 'x'"
    ),
    "NumPy texts": Kind(np.array(["a", "b", "a"]), "has dtype <U1, expected numbers", ["a", "b"]),
    "NumPy swapped": Kind(np.array([1.0, 2.0, 1.0], ">f8"), [1, 2, 1], [1.0, 2.0]),
    "NumPy complex": Kind(np.ones(3, complex), "has dtype complex128", None, **COMPLEX),
    "NumPy objects": Kind(np.array([1.0, None, "x"], object), MIXED, MIXED, **STRANGE),
    "lists of several types": Kind([1.0, "a", None], MIXED, MIXED, **STRANGE),
    "Arrow among arrays": Kind([1, None, 2], [1, None, 2], [1, None, 2]),
}  # fmt: skip


def source(kind: str, called: str) -> Any:
    """A batch of the library that the kind's name begins with."""
    x = KINDS[kind].column
    columns = {"p": np.arange(3.0), "y": np.zeros(3), called: x}
    if kind.startswith("pandas"):
        return pd.DataFrame(columns)
    if kind.startswith("Polars"):
        return pl.DataFrame(columns)
    if kind == "Arrow among arrays":
        return {**columns, called: pa.array(x)}
    return pa.table(columns) if kind.startswith("Arrow") else columns


def refused(call: Any, text: str, column: str) -> None:
    """One line of ours that names the column."""
    with pytest.raises((TypeError, ValueError)) as found:
        call()
    told = str(found.value)
    assert text in told and (f"'{column}'" in told) and "\n" not in told


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_or_an_error(kind: str) -> None:
    """By the scorer, and by `score`, as the target or the weight."""
    expected = KINDS[kind].numbers
    if isinstance(expected, str):
        for name, weight in (("y", None), ("w", "w")):
            how, batch = {"pred": "p", "target": "y", "weight": weight}, source(kind, name)
            with pytest.raises((TypeError, ValueError), match=f"half_squared_error: column '{name}' "):
                fl.data.scorer("half_squared_error", **how)(batch)
            refused(partial(fl.data.score, "half_squared_error", batch, **how), expected, name)
        return
    losses = [None if e is None else (k - float(e)) ** 2 / 2 for k, e in enumerate(expected)]
    made = fl.data.scorer("half_squared_error", "p", "y", nulls="null")(source(kind, "y"))["loss"]
    assert [None if x is None or x != x or x is pd.NA else float(x) for x in [*map(plain, made)]] == losses
    found = fl.data.score("half_squared_error", source(kind, "y"), pred="p", target="y")
    there = [x for x in losses if x is not None]
    assert found.count == len(there) and found.sum == sum(there)


def plain(x: Any) -> Any:
    """A number of Arrow's as Python's."""
    return x.as_py() if hasattr(x, "as_py") else x


@pytest.mark.parametrize("kind", KINDS)
def test_groups_or_an_error(kind: str) -> None:
    expected = KINDS[kind].groups

    def call() -> Any:
        return fl.data.score("half_squared_error", source(kind, "x"), pred="p", target="y", by="x")

    if isinstance(expected, str):
        refused(call, expected, "x")
    elif expected is not None:
        values = [g["value"] for g in call().groups]
        assert len(values) == expected if isinstance(expected, int) else {*values} == {*expected}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_or_an_error(kind: str, tmp_path: Path) -> None:
    """A file of rows reads as the column was, whatever its chunks; no file is left behind by an error."""
    for ending in ("parquet", "arrow", "csv"):
        out = tmp_path / f"rows.{ending}"

        def call(out: Path = out) -> Any:
            how = {"pred": "p", "target": "y", "out": out, "worst": 2, "chunk_rows": 2}
            return fl.data.score("half_squared_error", source(kind, "x"), **how)

        if ending in KINDS[kind].out:
            refused(call, KINDS[kind].out[ending], "x")
            assert not [*tmp_path.glob(f"*{ending}*")]
            continue
        call()
        if ending == "parquet":
            table = pq.read_table(out)
            assert table["row"].to_pylist() == [2, 1]
            if kind.startswith("Arrow") and kind != "Arrow among arrays":
                assert table["x"].to_pylist() == source(kind, "x")["x"].to_pylist()[:0:-1]


def test_columns_that_are_not_read_may_be_anything() -> None:
    frame = pd.DataFrame({"p": np.arange(3.0), "y": np.zeros(3), "x": [object()] * 3, "z": [1, "a", None]})
    assert fl.data.score("half_squared_error", frame, pred="p", target="y").mean == 2.5 / 3
    assert fl.data.score("half_squared_error", frame, pred="p", target="y", where="p < 2").count == 2


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (pl.LazyFrame({"p": [1.0]}), "LazyFrame, expected paths, .* or .collect.. it"),
        (pd.Series([1.0]), "Series, expected paths"),
        (pd.DataFrame([[1.0, 2.0, 3.0]], columns=["p", "p", "y"]), "the DataFrame: there are 2 columns 'p'"),
        (pd.DataFrame({"p": []}), "there is no column 'y'"),
    ],
)
def test_frames_that_do_not_fit(frame: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        fl.data.score("half_squared_error", frame, pred="p", target="y")


def test_frames_of_dask_are_mapped() -> None:
    dd = pytest.importorskip("dask.dataframe")
    frame = dd.from_pandas(pd.DataFrame({"p": [1.0], "y": [0.0]}), npartitions=1)
    with pytest.raises(TypeError, match="DataFrame, expected paths, .* map a scorer over its partitions"):
        fl.data.score("half_squared_error", frame, pred="p", target="y")


@pytest.mark.parametrize("values", [[True, 2.5, None, 1], [Decimal(1), 2.5, np.float32(3.0), 1], [np.True_, 1.5, 2]])
def test_numbers_of_several_types_are_numbers(values: list[Any]) -> None:
    """To a batch's scorer and to a source alike."""
    frame = pd.DataFrame({"p": pd.Series(values, dtype=object), "y": np.zeros(len(values))})
    losses = [0.0 if v is None else float(v) ** 2 / 2.0 for v in values]
    assert fl.data.score("half_squared_error", frame, pred="p", target="y").sum == sum(losses)
    found = fl.data.scorer("half_squared_error", pred="p", target="y", output="loss")(frame)["loss"]
    assert found.tolist() == losses


def test_columns_called_by_numbers() -> None:
    assert fl.data.score("half_squared_error", pd.DataFrame({0: [3.0], 1: [1.0]}), pred="0", target="1").sum == 2.0
