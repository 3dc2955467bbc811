"""`fl.data.scorer`: every kind of batch gets the loss of each row, from the memory that it has."""

from __future__ import annotations

import pickle
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fastloss as fl
from fastloss.data import batches

pytestmark = pytest.mark.usefixtures("compiled_at_last")


def test_importing_fastloss_loads_no_library_of_data() -> None:
    script = (
        "import fastloss as fl, sys; fl.data.scorer; print({'pyarrow', 'duckdb', 'polars', 'pandas'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


P, Y = np.array([1.0, 4.0, -2.0]), np.array([0.5, 1.0, -2.5])
LOSS, GRAD = [0.125, 2.5, 0.125], [0.5, 1.0, 0.5]  # of huber with delta = 1
KINDS = [dict, pa.table, pa.record_batch, pd.DataFrame, pl.DataFrame]
HUBER = {"loss": "huber", "pred": "p", "target": "y", "grad": "g"}


def names(batch):
    return [*getattr(batch, "column_names", getattr(batch, "columns", batch))]


def listed(column):
    """A column as Python has it, None where it is null; NaN as "nan", which equals itself."""
    if isinstance(column, pd.Series):
        column = column.astype(object).where(
            column.notna() | column.map(lambda v: isinstance(v, float) and v != v), None
        )
    values = column.to_pylist() if hasattr(column, "to_pylist") else list(column)
    return [None if v is None or v is pd.NA else "nan" if v != v else float(v) for v in values]


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_comes_back_as_what_it_is(kind) -> None:
    batch = kind({"p": P, "y": Y, "other": np.arange(3)})
    made = fl.data.scorer(**HUBER)(batch)
    assert type(made) is type(batch)
    assert names(made) == ["p", "y", "other", "loss", "g"]
    assert names(batch) == ["p", "y", "other"]
    assert np.asarray(made["loss"]).tolist() == LOSS
    assert np.asarray(made["g"]).tolist() == GRAD


# -- Every type and every kind of null ---------------------------------------------------------------------------------

TYPES = {
    **{n: getattr(pa, n)() for n in ("float16", "float32", "float64", "int8", "int16", "int32", "int64")},
    "decimal": pa.decimal128(9, 2),
    "dictionary": pa.dictionary(pa.int8(), pa.float64()),
    "run ends": pa.run_end_encoded(pa.int32(), pa.float64()),
}


def column(kind: str, values: list):
    """An Arrow array of that type: a slice of a longer one, so that its memory begins elsewhere."""
    longer = pa.array([7, 7, 7, *values, 7], pa.float64())
    whole = longer.cast(TYPES[kind]) if kind not in ("dictionary", "run ends") else None
    if kind == "dictionary":
        whole = longer.dictionary_encode()
    elif kind == "run ends":
        import pyarrow.compute as pc

        whole = pc.run_end_encode(longer)
    return whole[3:-1]


def to_pandas_nullable(table):
    return table.to_pandas(types_mapper={getattr(pa, n)(): getattr(pd, d)() for n, d in (
        ("float32", "Float32Dtype"), ("float64", "Float64Dtype"), ("int8", "Int8Dtype"), ("int16", "Int16Dtype"),
        ("int32", "Int32Dtype"), ("int64", "Int64Dtype"))}.get)  # fmt: skip


FORMS = {
    "table": lambda t: t,
    "chunks": lambda t: pa.concat_tables([t[:1], t[1:1], t[1:]]),
    "batch": lambda t: t.to_batches()[0],
    "polars": pl.from_arrow,
    "pandas": to_pandas_nullable,
    "pandas on Arrow": lambda t: t.to_pandas(types_mapper=pd.ArrowDtype),
    "lists": lambda t: t.to_pydict(),
    "arrays": lambda t: {n: t.column(n).combine_chunks() for n in t.column_names},
}
UNREADABLE = {("polars", "run ends"), ("pandas", "float16"), ("pandas on Arrow", "run ends"), ("pandas", "run ends")}
"""What those libraries do not make of Arrow's types, or make NaN of nulls."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_and_null_in_every_form(kind, form) -> None:
    """Predictions of 3, null, 0, 1 beside targets of 1, 1, null, 1: huber loses 1.5, and nothing in the last."""
    if (form, kind) in UNREADABLE:
        pytest.skip("not a type of that library")
    batch = FORMS[form](pa.table({"p": column(kind, [3, None, 0, 1]), "y": column(kind, [1, 1, None, 1])}))
    single = kind in ("float16", "float32") and form != "lists"
    absent = fl.data.scorer(**HUBER)(batch)
    assert listed(absent["loss"]) == [1.5, 0.0, 0.0, 0.0]
    assert listed(absent["g"]) == [1.0, 0.0, 0.0, 0.0]
    null = fl.data.scorer(**HUBER, nulls="null")(batch)
    gone = "nan" if form in ("lists", "arrays") else None
    if form == "pandas" and kind in ("decimal", "dictionary"):
        gone = "nan"
    got = [listed(null["loss"]), listed(null["g"])]
    assert [[gone if v in (None, "nan") else v for v in g] for g in got] == [
        [1.5, gone, gone, 0.0],
        [1.0, gone, gone, 0.0],
    ]
    if gone is None:
        assert None in got[0]
    arrays = fl.data.scorer(**HUBER, nulls="null").arrays({n: batch[n] for n in ("p", "y")})
    assert arrays["loss"].mask.tolist() == [False, True, True, False]
    assert arrays["loss"].dtype == (np.float32 if single else np.float64)
    with pytest.raises(
        ValueError, match=r"^huber: column 'p' is null in row 1; nulls='absent' and nulls='null' take such rows$"
    ):
        fl.data.scorer(**HUBER, nulls="raise")(batch)


@pytest.mark.parametrize("kind", KINDS)
def test_nan_is_no_null(kind) -> None:
    made = fl.data.scorer(**HUBER, nulls="raise")(kind({"p": np.array([np.nan, 1.0]), "y": np.array([0.0, np.nan])}))
    assert np.isnan(np.asarray(made["loss"], float)).all()
    assert np.isnan(np.asarray(made["g"], float)).all()


def test_masked_arrays_have_nulls() -> None:
    p = np.ma.MaskedArray([3.0, np.nan, 0.0], [False, True, False])
    made = fl.data.scorer(**HUBER)({"p": p, "y": np.zeros(3)})
    assert made["loss"].tolist() == [2.5, 0.0, 0.0]
    assert len(fl.data.scorer(**HUBER)({"p": p[:0], "y": np.zeros(0)})["loss"]) == 0


def test_nan_among_objects_of_pandas_is_no_null() -> None:
    import pandas

    frame = pandas.DataFrame({"p": pandas.Series([1.0, np.nan, None, pandas.NA], dtype=object), "y": [0.0] * 4})
    made = fl.data.scorer(**HUBER)(frame)
    np.testing.assert_array_equal(made["loss"], [0.5, np.nan, 0.0, 0.0])


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows(kind) -> None:
    made = fl.data.scorer(**HUBER)(kind({"p": np.zeros(0, np.float32), "y": np.zeros(0)}))
    assert len(made["loss"]) == len(made["g"]) == 0
    assert "float" in str(made["loss"].dtype if hasattr(made["loss"], "dtype") else made["loss"].type).lower()


def test_targets_may_be_true_and_false() -> None:
    made = fl.data.scorer(**HUBER)(pa.table({"p": [1.0, 1.0, 1.0], "y": [True, False, None]}))
    assert made["loss"].to_pylist() == [0.0, 0.5, 0.0]


# -- Memory ------------------------------------------------------------------------------------------------------------


def address(array) -> int:
    return array.__array_interface__["data"][0]


def test_nothing_is_copied_where_memory_is_the_same() -> None:
    read = fl.data.scorer("huber", "p", "y").read
    whole = pa.array([1.0, None, 3.0, 4.0, 5.0])
    part = whole[2:]
    assert address(read({"p": part, "y": part}).inputs[0]) == whole.buffers()[1].address + 16
    withnull = whole[1:]
    assert address(read({"p": withnull, "y": withnull}).inputs[0]) == whole.buffers()[1].address + 8
    array = np.arange(3.0)
    assert address(read({"p": array, "y": array}).inputs[1]) == address(array)
    series = pl.Series("p", [1.0, 2.0])
    assert address(read({"p": series, "y": series}).inputs[0]) == series.to_arrow().buffers()[1].address
    frame = pd.DataFrame({"p": array})
    assert address(read({"p": frame["p"], "y": array}).inputs[0]) == address(frame["p"].to_numpy())


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.float32()), pa.list_(pa.float32(), 2)], ids=str
)
def test_lists_of_one_length_are_not_copied(kind) -> None:
    whole = pa.array([[1, 2], [3, 4], [5, 6]], kind)
    scores = fl.data.scorer("cross_entropy", "p", "y").read({"p": whole[1:], "y": [0, 1]}).inputs[0]
    assert scores.tolist() == [[3, 4], [5, 6]]
    assert address(scores) == whole.values.buffers()[1].address + 8


def test_a_table_in_large_pieces_gives_the_same_bits(monkeypatch) -> None:
    p, y = np.random.default_rng(0).normal(size=(2, 1000))
    whole = pa.table({"p": p, "y": y})
    pieces = pa.concat_tables([whole[:300], whole[300:301], whole[301:]])
    monkeypatch.setattr(batches, "LEAST", 100)
    made = fl.data.scorer(**HUBER)(pieces)
    assert made["loss"].num_chunks == 3
    assert made.equals(fl.data.scorer(**HUBER)(whole))
    bad = pieces.set_column(1, "y", pa.chunked_array([y[:500], pa.array([None] * 500, pa.float64())]))
    with pytest.raises(ValueError, match="column 'y' is null in row 500;"):
        fl.data.scorer(**HUBER, nulls="raise")(bad)


# -- Losses of rows ----------------------------------------------------------------------------------------------------

SCORES, LABELS = [[1.0, 2.0, 0.5], None, [0.0, -1.0, 3.0], [1.0, None, 2.0]], [1, 99, 0, 2]


def softmax(row):
    e = np.exp(row)
    return e / e.sum()


LISTS = {
    "list": pa.list_(pa.float64()),
    "large list": pa.large_list(pa.float64()),
    "fixed": pa.list_(pa.float64(), 3),
    "view": pa.list_view(pa.float64()),
    "decimals": pa.list_(pa.decimal128(5, 1)),
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("form", ["table", "polars", "pandas on Arrow"])
def test_lists_with_nulls(kind, form) -> None:
    if form == "polars" and kind == "view":
        pytest.skip("Polars has no such lists")
    scores = pa.array(SCORES, LISTS["list" if kind == "decimals" else kind])
    scores = scores.cast(LISTS[kind]) if kind == "decimals" else scores
    batch = FORMS[form](pa.table({"p": scores, "y": pa.array(LABELS, pa.int16())}))
    made = fl.data.scorer("cross_entropy", "p", "y", grad="g", nulls="null")(batch)
    loss = listed(made["loss"])
    assert [loss[1], loss[3]] == [None, None]
    for i in (0, 2):
        s = softmax(SCORES[i])
        assert loss[i] == pytest.approx(-np.log(s[LABELS[i]]), rel=1e-14)
        s[LABELS[i]] -= 1.0
        row = made["g"].to_pylist()[i] if hasattr(made["g"], "to_pylist") else made["g"][i]
        assert list(row) == pytest.approx(s, rel=1e-14)
    absent = fl.data.scorer("cross_entropy", "p", "y", grad="g")(batch)
    assert listed(absent["loss"])[1] == 0.0
    row = absent["g"].to_pylist()[1] if hasattr(absent["g"], "to_pylist") else absent["g"][1]
    assert list(row) == [0.0, 0.0, 0.0]


def test_the_gradient_is_a_list_as_the_scores() -> None:
    for kind in (pa.list_(pa.float32()), pa.large_list(pa.float32()), pa.list_(pa.float32(), 2)):
        table = pa.table({"p": pa.array([[1, 2], [3, 4]], kind), "y": [0, 1]})
        assert fl.data.scorer("cross_entropy", "p", "y", grad="g")(table)["g"].type == kind
    frame = pl.DataFrame({"p": [[1.0, 2.0]], "y": [0]}, schema={"p": pl.Array(pl.Float32, 2), "y": pl.UInt8})
    assert fl.data.scorer("cross_entropy", "p", "y", grad="g")(frame)["g"].dtype == pl.Array(pl.Float32, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_several_columns_are_a_row(kind) -> None:
    columns = {"a": [1.0, 0.0], "b": [2.0, -1.0], "y": [1, 0]}
    made = fl.data.scorer("cross_entropy", ["a", "b"], "y", grad=["ga", "gb"])(kind(columns))
    for i in range(2):
        s = softmax([columns["a"][i], columns["b"][i]])
        assert float(listed(made["loss"])[i]) == pytest.approx(-np.log(s[columns["y"][i]]), rel=1e-14)
        s[columns["y"][i]] -= 1.0
        assert [listed(made["ga"])[i], listed(made["gb"])[i]] == pytest.approx(s, rel=1e-14)


def test_a_dense_target_is_a_list_or_several_columns() -> None:
    table = pa.table({"p": [[1.0, 2.0]], "y": [[0.25, 0.75]], "y0": [0.25], "y1": [0.75]})
    s = np.log(softmax([1.0, 2.0]))
    expected = pytest.approx(-(0.25 * s[0] + 0.75 * s[1]), rel=1e-14)
    assert fl.data.scorer("cross_entropy", "p", "y")(table)["loss"].to_pylist() == [expected]
    assert fl.data.scorer("cross_entropy", "p", ["y0", "y1"])(table)["loss"].to_pylist() == [expected]


@pytest.mark.parametrize("scores", [pa.array([None, None]), pa.array([None, None], pa.list_(pa.float64())),
                                    pa.array([], pa.list_(pa.float64())), pa.array([], pa.null())])  # fmt: skip
def test_scores_of_which_nobody_knows_how_many(scores) -> None:
    table = pa.table({"p": scores, "y": pa.array([0, 1][: len(scores)], pa.int64())})
    made = fl.data.scorer("cross_entropy", "p", "y", grad="g", nulls="null")(table)
    assert made["loss"].to_pylist() == made["g"].to_pylist() == [None] * len(scores)


# -- Arguments ---------------------------------------------------------------------------------------------------------


def test_parameters_and_weights_may_be_columns() -> None:
    table = pa.table({"p": [3.0, 3.0, 3.0], "y": [0.0, 0.0, 0.0], "d": [1.0, 2.0, None], "w": [2, 0, 1]})
    score = fl.data.scorer("huber", "p", "y", weight="w", delta="d", nulls="null")
    assert score.columns == ("p", "y", "d", "w")
    assert score(table)["loss"].to_pylist() == [5.0, 0.0, None]


def test_other_inputs_are_named() -> None:
    table = pa.table({"pred": [1.0], "y": [0.0], "v": [4.0]})
    made = fl.data.scorer("gaussian_nll", target="y", var="v")(table)["loss"].to_pylist()
    assert made == [pytest.approx(0.5 * (np.log(4.0) + 0.25), rel=1e-15)]


def test_several_derivatives_have_names() -> None:
    table = pa.table({"pred": [0.0], "other": [1.0], "y": [1.0]})
    made = fl.data.scorer("margin_ranking", target="y", grad={"other": "b", "pred": "a"}, output=None)(table)
    assert made.column_names == ["pred", "other", "y", "b", "a"]
    assert (made["a"].to_pylist(), made["b"].to_pylist()) == ([-1.0], [1.0])


def test_losses_of_ones_own() -> None:
    robust = fl.huber.bind(delta=2.0) + 0.5 * fl.absolute_error
    score = pickle.loads(pickle.dumps(fl.data.scorer(robust, "p", "y")))
    assert score({"p": [3.0], "y": [0.0]})["loss"].tolist() == [5.5]


def test_every_loss_of_rows_and_elements_has_a_scorer() -> None:
    for name, loss in fl.LOSSES.items():
        if not loss.rooted:
            score = fl.data.scorer(name, grad={loss.inputs[k]: f"g{k}" for k in loss.wrt})
            assert score.columns == loss.inputs
            assert repr(pickle.loads(pickle.dumps(score))) == repr(score)


TABLE = pa.table({"p": [1.0, 2.0], "y": [0.0, 7.0], "s": ["a", "b"], "l": [[1.0, 2.0], [1.0]], "loss": [0.0, 0.0]})
WRONG = {
    "loss of whole arrays": (ValueError, "fl.data: 'lambdarank' is no loss; fl.lambdarank has no loss of each row: call it with arrays", {"loss": "lambdarank"}),
    "the same itself": (TypeError, "fl.data: cox has no loss of each row: call it with arrays", {"loss": fl.cox}),
    "unknown loss": (ValueError, "fl.data: 'hubr' is no loss; did you mean fl.huber\\?", {"loss": "hubr"}),
    "no loss": (TypeError, "fl.data: the loss is an int, expected the name of a loss, or a loss of elements or rows", {"loss": 3}),
    "argument": (TypeError, "huber: 'detla' is no argument, expected pred, target, delta, weight, output, grad, nulls, backend, check; did you mean delta\\?", {"detla": 1.0}),
    "keyword": (TypeError, "huber: a scorer takes no reduction: each row has its own loss", {"reduction": "sum"}),
    "nulls": (ValueError, "huber: nulls is 'drop', expected 'absent', 'null' or 'raise'", {"nulls": "drop"}),
    "root": (ValueError, "root_mean_squared_error: it is the root of a mean, .*", {"loss": "root_mean_squared_error"}),
    "nothing": (ValueError, "huber: output is None and no grad is asked for: .*", {"output": None}),
    "twice": (ValueError, "huber: output and grad name 'loss' twice, expected a name for each column", {"grad": "loss"}),
    "array": (TypeError, "huber: delta is .*, expected a number, or the name of a column", {"delta": np.ones(2)}),
    "derivatives": (TypeError, "margin_ranking: grad is 'g', expected a dictionary, .*pred and other", {"loss": "margin_ranking", "grad": "g"}),
    "derivative": (ValueError, "huber: grad names 'target', expected pred; .*", {"grad": {"target": "g"}}),
    "column's name": (TypeError, "huber: target is 3, expected a column's name, or a list of such", {"target": 3}),
    "missing": (ValueError, "huber: there is no column 'yy', there are .*; did you mean 'y'\\?", {"target": "yy", "output": "o"}),
    "there already": (ValueError, "huber: there is a column 'loss' already; output and grad name the new ones", {}),
    "strings": (TypeError, "huber: column 's' has type string, expected numbers; row 0 has 'a'", {"target": "s", "output": "o"}),
    "lists": (TypeError, "cross_entropy: column 'l' has 1 numbers in row 1, expected 2, as in the first", {"loss": "cross_entropy", "pred": "l", "output": "o"}),
    "no lists": (ValueError, "cross_entropy: column 'p' has one number for each row, expected lists of numbers, or several columns", {"loss": "cross_entropy", "output": "o"}),
    "several": (ValueError, "huber: pred is 2 columns, expected one", {"pred": ["p", "y"], "output": "o"}),
    "domain": (ValueError, r"binary_cross_entropy: column 'p' in row 1 is 2.0, expected a number in \[0, 1\]; .*", {"loss": "binary_cross_entropy", "output": "o"}),
    "label": (ValueError, r"cross_entropy: column 'y' in row 1 is 7, but there are 2 classes \(0 to 1\)", {"loss": "cross_entropy", "pred": ["p", "y"], "output": "o"}),
    "gradient's columns": (ValueError, "cross_entropy: grad names 3 columns, expected 2, one for each score", {"loss": "cross_entropy", "pred": ["p", "p"], "target": "loss", "grad": ["a", "b", "c"], "output": "o"}),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said(what) -> None:
    kind, text, given = WRONG[what]
    with pytest.raises(kind, match=f"^{text}$"):
        fl.data.scorer(**{"loss": "huber", "pred": "p", "target": "y", **given})(TABLE)


def test_what_is_wrong_with_columns_is_said() -> None:
    score = fl.data.scorer("huber", "p", "y")
    for y, text in (
        (np.array(["a"]), "huber: column 'y' has dtype <U1, expected numbers; row 0 has 'a'"),
        ([Decimal(1), "b"], "huber: column 'y' holds a str, expected numbers; row 1 has 'b'"),
        (np.array(["2020-01-01"], "M8[D]"), r"huber: column 'y' has dtype datetime64\[D\], expected numbers"),
        (np.zeros((1, 1, 1)), r"huber: column 'y' has shape \(1, 1, 1\), expected one number or one row of numbers .*"),
        (pa.array([[[1.0]]]), "huber: column 'y' has type list<.*>, expected lists of numbers"),
        (object(), "huber: column 'y' is an object, expected an array, a list, or a column of Arrow, pandas or Polars"),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^{text}$"):
            score({"p": np.zeros(1), "y": y})
    with pytest.raises(
        ValueError, match="^huber: the columns have different numbers of rows: 'p' has 1 and 'y' has 2$"
    ):
        score({"p": np.zeros(1), "y": np.zeros(2)})
    for batch, text in (
        (3, "is an int, expected a pyarrow Table"),
        (pl.LazyFrame({"p": [1]}), "fl.data.polars has expr"),
    ):
        with pytest.raises(TypeError, match=f"^huber: the batch .*{text}"):
            score(batch)
