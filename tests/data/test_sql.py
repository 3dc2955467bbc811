"""`fl.data.duckdb`: losses as functions of SQL."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import fastloss as fl

pytestmark = pytest.mark.usefixtures("compiled_at_last")


@pytest.fixture(scope="module")
def con():
    return fl.data.duckdb(duckdb.connect())


def one(con, what: str):
    return con.sql(f"select {what}").fetchall()[0]


def test_every_loss_is_a_function(con) -> None:
    taken = {"gamma": "gamma_loss", "quantile": "quantile_loss"}
    found = dict(con.sql("select function_name, list_sort(parameters[:len(parameters)]) from duckdb_functions() "
                         "where not internal and function_type = 'macro'").fetchall())  # fmt: skip
    for name, loss in {**fl.LOSSES, **{a: fl.LOSSES[n] for a, n in fl.ALIASES.items()}}.items():
        if loss.rooted:
            assert name not in found
            continue
        name = taken.get(name, name)
        assert {*loss.inputs, *loss.parameters} <= {*found[name]}
        assert f"{name.removesuffix('_loss') if name in taken.values() else name}_grad" in found


def test_values_parameters_and_derivatives(con) -> None:
    assert one(con, "huber(4.0, 1.0), huber(4.0, 1), huber(4::float, 1, delta := 1.5), huber_grad(4, 1)") == (
        2.5,
        2.5,
        3.375,
        1.0,
    )
    assert one(con, "quantile_loss(0, 1, q := 0.9)") == (0.9,)
    assert one(con, "gamma(4), hinge(0.5, 0, zero_one := true), poisson(0, 3, full := false)") == (6.0, 1.5, 1.0)
    assert one(con, "margin_ranking_grad(0, 1, 1), margin_ranking_grad_other(0, 1, 1)") == (-1.0, 1.0)


def test_rows_of_scores(con) -> None:
    half = pytest.approx(np.log(2.0), rel=1e-14)
    assert one(con, "cross_entropy([0.0, 0.0], 1), cross_entropy([0, 0]::float[2], 0)") == (
        half,
        pytest.approx(np.log(2.0), rel=1e-6),
    )
    assert one(con, "cross_entropy_grad([0.0, 0.0], 1), cross_entropy([0.0, 0.0], [0.5, 0.5])") == ([0.5, -0.5], half)
    weighted = (
        "cross_entropy([0.0, 0.0], 1, class_weight := [1.0, 3.0]), cross_entropy([0.0, 0.0], 7, ignore_index := 7)"
    )
    assert one(con, weighted) == (pytest.approx(3 * np.log(2.0), rel=1e-14), 0.0)


def test_null_in_null_out(con) -> None:
    assert one(con, "huber(NULL, 1.0), huber(1.0, NULL), huber_grad(NULL, 1), cross_entropy(NULL, 1)") == (None,) * 4
    assert one(con, "cross_entropy([1.0, NULL], 1), cross_entropy_grad(NULL, 1), huber(NULL, NULL)") == (None,) * 3
    rows = con.sql(
        "select huber(p, 0, delta := d) from (values (3, 1), (3, 2), (NULL, 1), (3, NULL)) t(p, d)"
    ).fetchall()
    assert rows == [(2.5,), (4.0,), (None,), (None,)]
    assert one(
        con, "huber(3, 0, delta := NULL), huber(3, 0, delta := 1), cross_entropy([0.0], 0, softcap := NULL)"
    ) == (None, 2.5, 0.0)
    assert con.sql("select huber(range, 0) from range(0)").fetchall() == []


SMOOTHED = [n for n, loss in fl.LOSSES.items() if "label_smoothing" in loss.parameters]


@pytest.mark.parametrize("name", SMOOTHED)
def test_a_parameter_that_is_a_keyword_elsewhere_may_be_a_column(con, name: str) -> None:
    values = [0.0, 0.1, 0.5, 1.0]
    rows = con.sql(
        f"select {name}(0.25, 1.0, label_smoothing := s) from (values (0.0), (0.1), (0.5), (1.0)) t(s)"
    ).fetchall()
    assert rows == [(pytest.approx(fl.LOSSES[name](0.25, 1.0, label_smoothing=s), rel=1e-14),) for s in values]


@pytest.mark.parametrize(
    ("keyword", "one", "other"),
    [("label_smoothing", "0.1", "0.2"), ("class_weight", "[1.0, 2.0]", "[1.0, 3.0]"), ("ignore_index", "0", "1")],
)
def test_a_keyword_is_one_for_all_rows(con, keyword: str, one: str, other: str) -> None:
    asked = f"select cross_entropy([2.0, 0.0], 1, {keyword} := k) from (values ({one}), ({{}})) t(k)"
    first, second = con.sql(asked.format(one)).fetchall()
    assert first == second
    with pytest.raises(duckdb.Error, match=f"cross_entropy: {keyword} differs from row to row, expected one value"):
        con.sql(asked.format(other)).fetchall()


def test_many_rows_are_what_the_loss_gives(con) -> None:
    p, y = np.random.default_rng(0).normal(size=(2, 10_000)) * 3
    frame = {"i": np.arange(10_000), "p": p, "y": y}
    con.register("many", pa.table(frame))
    got = [v for (v,) in con.sql("select huber(p, y, delta := 2.0) from many order by i").fetchall()]
    d = np.abs(p - y)
    assert np.allclose(got, np.where(d <= 2, d * d / 2, 2 * d - 2), rtol=1e-14)


def test_losses_of_ones_own_and_other_connections() -> None:
    con = duckdb.connect()
    robust = fl.huber.bind(delta=2.0) + 0.5 * fl.absolute_error
    assert fl.data.duckdb(con, {"robust": robust}) is con
    assert one(con, "robust(3.0, 0.0), robust_grad(3.0, 0.0)") == (5.5, 2.5)
    fl.data.duckdb(con, {"robust": fl.huber})  # under the same name again
    assert one(con, "robust(3.0, 0.0)") == (2.5,)
    fl.data.duckdb(con, {"Avg": fl.huber})  # DuckDB knows no capitals
    assert one(con, "avg(3.0), avg_loss(3.0, 0.0)") == (3.0, 2.5)
    other = fl.data.duckdb(con.cursor(), ["huber"])
    assert one(other, "huber(3.0, 0.0)") == (2.5,)


@pytest.mark.parametrize(("what", "text"), [
    ("huber('a', 1.0)", "huber: column 'pred' has type string, expected numbers"),
    ("huber(1.0, 1.0, delta := 'x')", "Could not convert string 'x' to DOUBLE"),
    ("huber(1.0, 1.0, delta := -1)", "huber: delta is -1, expected a number greater than 0"),
    ("binary_cross_entropy(2.0, 1)", "column 'pred' in a row is 2.0, expected a number in [0, 1]"),
    ("cross_entropy([0.0, 0.0], 2)", "column 'target' in a row is 2, but there are 2 classes (0 to 1)"),
])  # fmt: skip
def test_what_is_wrong_is_said(con, what: str, text: str) -> None:
    with pytest.raises(duckdb.Error) as told:
        one(con, what)
    assert text in str(told.value)


def test_no_connection() -> None:
    with pytest.raises(
        TypeError, match=r"^fl.data.duckdb: con is a str, expected a connection, as duckdb.connect\(\) gives$"
    ):
        fl.data.duckdb("x.db")
