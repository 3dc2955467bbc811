"""Losses as formulas of SQL: what DuckDB computes of them is what their definitions say."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from mpmath import mp

import fastloss as fl
from fastloss.data.formulas import Formula, formula, free

pytestmark = pytest.mark.usefixtures("compiled_at_last")

ELEMENTS = {n: x for n, x in fl.LOSSES.items() if not hasattr(x, "target") and not x.rooted}
NAMES = {n: {x: f'"{x}"' for x in loss.inputs} for n, loss in ELEMENTS.items()}
FOUND = {n: found for n, x in ELEMENTS.items() if (found := formula(x, None, NAMES[n])) is not None}
SLOPES = {n: found for n, x in ELEMENTS.items() if (found := formula(x, 0, NAMES[n])) is not None}
LARGE = {"poisson", "gamma"}
"""Losses whose exponentials have another formula beyond what scores are."""
N = 300


def points(loss) -> list[np.ndarray]:
    """Numbers of each domain: ordinary ones, small and large ones, equal ones, ends."""
    rng = np.random.default_rng(5)
    columns = []
    for domain in loss.domains:
        x = np.r_[domain.sample(rng, N), [domain.inner_point] * 20]
        scaled = x[: N // 2] * 10.0 ** rng.uniform(-9, 5, N // 2)
        x[: N // 2] = [s if s in domain else v for s, v in zip(scaled, x, strict=False)]
        closed = [
            e for e, o in ((domain.low, domain.low_open), (domain.high, domain.high_open)) if abs(e) < 9 and not o
        ]
        columns.append(rng.permutation(np.r_[x, np.resize(closed, 20)] if closed else x))
    size = min(map(len, columns))
    return [c[:size] for c in columns]


def of_definition(loss, columns, by, values) -> np.ndarray:
    """The definition's own results in plain Python; NaN where that raises, which kernels do not."""
    results = np.full(len(columns[0]), np.nan)
    for i, row in enumerate(zip(*columns, strict=True)):
        try:
            found = loss.jet(*map(float, row), *values)
        except (ArithmeticError, ValueError):
            continue
        results[i] = found[0] if by is None else found[1][by] if len(loss.wrt) > 1 else found[1]
    return results


def of_duckdb(found: Formula, columns: dict[str, np.ndarray]) -> np.ma.MaskedArray:
    con = duckdb.connect()
    con.register("points", pa.table(columns))
    # By batches of one thread, in their order.
    got = con.sql(f"select case when {found.holds} then {found.value} end as x from points").fetchnumpy()["x"]
    return np.ma.asarray(got)


def agree(loss, found: Formula, by: int | None, more: dict[str, float] | None = None) -> None:
    loss = loss.for_any(more or ())
    columns, values = points(loss), {**loss.values, **(more or {})}
    numbers = [None if v is None else float(v) for v in values.values()]
    expected = of_definition(loss, columns, by, numbers)
    given = dict(zip(loss.inputs, columns, strict=True)) | {n: np.full(N, v) for n, v in (more or {}).items()}
    size = min(map(len, given.values()))
    got = of_duckdb(found, {n: x[:size] for n, x in given.items()})
    held = ~np.ma.getmaskarray(got)
    assert held.all() or (
        loss.name in LARGE and held.mean() > 0.6
    )  # but for large numbers, of which there are many here
    known = held & ~np.isnan(expected[:size])
    assert known.sum() > 0.85 * held.sum()
    # A few units in the last place; next to a zero of the result, of what it is the difference of.
    np.testing.assert_allclose(np.ma.getdata(got)[known], expected[:size][known], rtol=2e-14, atol=1e-300)


def test_most_losses_have_a_formula() -> None:
    assert len(FOUND) >= 35
    assert len(SLOPES) >= 35
    assert {
        "huber",
        "squared_error",
        "binary_cross_entropy_with_logits",
        "quantile",
        "hinge",
        "log_cosh",
        "poisson",
    } <= {*FOUND}


@pytest.mark.parametrize("name", FOUND)
def test_a_formula_is_the_definition(name) -> None:
    agree(ELEMENTS[name], FOUND[name], None)


@pytest.mark.parametrize("name", SLOPES)
def test_a_formula_of_a_derivative_is_the_definition(name) -> None:
    agree(ELEMENTS[name], SLOPES[name], 0)


@pytest.mark.parametrize("name", [n for n, x in ELEMENTS.items() if free(x)])
def test_a_formula_with_parameters_is_the_definition(name) -> None:
    loss = ELEMENTS[name]
    chosen = {n: 1.25 * loss.values[n] or 0.3 for n in free(loss)}
    chosen = {n: v if v in loss.parameters[n] else 0.75 * loss.values[n] for n, v in chosen.items()}
    found = formula(loss, None, NAMES[name] | {n: f'"{n}"' for n in chosen})
    if found is not None:
        agree(loss, found, None, chosen)


def test_what_sql_has_differently_is_left_to_the_kernel() -> None:
    con = fl.data.duckdb(duckdb.connect(), ["huber", "binary_cross_entropy", "squared_error"])
    assert "abs" not in FOUND["squared_error"].holds  # which is arithmetic alone
    rows = con.sql("select squared_error(p, y) from (values ('nan'::double, 1.0), ('inf'::double, 1.0), (NULL, 1.0), "
                   "('inf'::double, 'inf'::double), (1e200, 0.0)) t(p, y)").fetchall()  # fmt: skip
    assert str(rows) == "[(nan,), (inf,), (None,), (nan,), (inf,)]"
    rows = con.sql("select huber(p, y) from (values ('nan'::double, 1.0), ('inf'::double, 1.0), (NULL, 1.0), "
                   "(-1e200, 1e200), (3.0, 0.0)) t(p, y)").fetchall()  # fmt: skip
    assert str(rows) == "[(nan,), (inf,), (None,), (2e+200,), (2.5,)]"
    with pytest.raises(duckdb.Error, match=r"column 'pred' in a row is 1.5, expected a number in \[0, 1\]"):
        con.sql("select binary_cross_entropy(1.5, 1.0)").fetchall()
    with pytest.raises(duckdb.Error, match="delta is -2.0, expected a number greater than 0|delta.*-2"):
        con.sql("select huber(p, y, delta := y) from (values (1.0, 2.0), (1.0, -2.0)) t(p, y)").fetchall()


def test_log_cosh_loses_no_digits_near_0() -> None:
    """ln and cosh, of which it is made elsewhere, lose those that cosh has not near 1."""
    x = np.geomspace(1e-3, 3.0, 400)
    con = fl.data.duckdb(duckdb.connect(), ["log_cosh"])
    con.register("t", pa.table({"x": x}))
    found = con.sql("select log_cosh(x, 0.0) l from t").fetchnumpy()["l"]
    with mp.workdps(40):
        expected = np.array([float(mp.log(mp.cosh(mp.mpf(float(v))))) for v in x])
    np.testing.assert_allclose(found, expected, rtol=5 * np.finfo(float).eps)


def test_numbers_beyond_a_formula_are_left_to_the_kernel() -> None:
    con = fl.data.duckdb(duckdb.connect(), ["poisson", "log_cosh", "pseudo_huber", "hinge"])
    x = [-1e300, -800.0, -1e-9, 0.0, 79.0, 80.0, 81.0, 700.0, 1e18, np.inf, np.nan, None]
    y = np.resize([0.0, 1.0, 3.0], len(x))
    con.register("t", pa.table({"x": pa.array(x, from_pandas=False), "y": y, "i": np.arange(len(x))}))
    found = con.sql("select poisson(x, y) p, log_cosh(x, y) l, pseudo_huber(x, y) h from t order by i").fetchnumpy()
    for column, loss in zip("plh", (fl.poisson, fl.log_cosh, fl.pseudo_huber), strict=True):
        expected = loss([np.nan if v is None else v for v in x], y, reduction="none", backend="serial")
        assert np.ma.getmaskarray(found[column]).tolist() == [False] * (len(x) - 1) + [True]
        np.testing.assert_allclose(np.ma.getdata(found[column])[:-1], expected[:-1], rtol=1e-14)
    with pytest.raises(duckdb.Error, match="column 'target' in a row is 0.0, expected -1 or 1"):
        con.sql("select hinge(0.5, 0.0)").fetchall()
    with pytest.raises(duckdb.Error, match="column 'target' in a row is 1e-200, expected 0 or 1"):
        con.sql("select hinge(0.5, 1e-200, zero_one := true)").fetchall()


@pytest.mark.parametrize("x", ["'1'::digit", "'101'::bit", "'1.5'::json"])
def test_what_is_no_number_is_none_in_a_formula_either(x) -> None:
    con = fl.data.duckdb(duckdb.connect(), ["huber"])
    con.execute("create type digit as enum ('1', '2')")
    with pytest.raises(duckdb.Error, match="column 'pred' has type (string|binary), expected numbers"):
        con.sql(f"select huber({x}, 0)").fetchall()


@pytest.mark.parametrize("kind", ["boolean", "utinyint", "hugeint", "uhugeint", "decimal(38, 3)", "float", "double"])
def test_every_type_of_numbers_has_the_formula(kind) -> None:
    con = fl.data.duckdb(duckdb.connect(), ["huber"])
    con.execute(f"create table t as select 1::{kind} as x")
    assert con.sql("select huber(x, 0) from t").fetchall() == [(0.5,)]
    assert "typeof" not in con.sql("explain select huber(x, 0) from t").fetchall()[0][1]  # decided when it is planned
    assert con.sql(f"select {FOUND['huber'].holds} from (select x as pred, x as target from t)").fetchall() == [(True,)]


def test_a_random_column_is_one_number() -> None:
    con = fl.data.duckdb(duckdb.connect(), ["huber"])
    least = con.sql("select min(huber(x, 0)) from (select 4 * random() - 2 as x from range(1000))").fetchall()
    assert least[0][0] >= 0  # which docs/data.md says of a column, and not of `random()` as an argument


SHARED = [(n, x) for found in (FOUND, SLOPES) for n, x in found.items() if x.shared]
WILD = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    5e-324,
    1e-300,
    0.5,
    37.0,
    -37.0,
    710.0,
    -750.0,
    1e200,
    -1e308,
    np.inf,
    -np.inf,
    np.nan,
    None,
]


def test_what_is_computed_of_all_rows_raises_for_none() -> None:
    con = duckdb.connect()
    con.execute("set ieee_floating_point_ops = false")  # logarithms and quotients of zero are errors then
    assert {"binary_cross_entropy_with_logits", "logistic", "gamma"} <= {n for n, _ in SHARED}
    assert not any(x.shared for n, x in FOUND.items() if n in ("huber", "lp", "poisson_identity"))
    for name, found in SHARED:
        pred, target = ELEMENTS[name].inputs
        con.register("wild", pa.table({"x": WILD}))
        got = con.sql(
            f"select {found.value} from (select a.x as {pred}, b.x as {target} from wild a, wild b)"
        ).fetchall()
        assert len(got) == len(WILD) ** 2


def test_what_stands_twice_is_computed_once() -> None:
    con = fl.data.duckdb(duckdb.connect(), ["logistic"])
    con.execute("create table t as select 0.5 as p, 1.0 as y")
    for query in ("select logistic(p, y) from t", "select sum(logistic(p, y)) from t"):
        assert con.sql(f"explain {query}").fetchall()[0][1].count("exp(") == 1


@pytest.mark.parametrize("name", ["binary_cross_entropy_with_logits", "logistic", "gamma"])
def test_rows_of_which_a_shared_formula_does_not_hold_are_the_kernels(name) -> None:
    loss, con = fl.LOSSES[name], fl.data.duckdb(duckdb.connect(), {"f": name})
    con.register("wild", pa.table({"p": WILD, "i": np.arange(len(WILD))}))
    got = con.sql("select f(p, 1.0) as x from wild order by i").fetchnumpy()["x"]
    assert np.ma.getmaskarray(got).tolist() == [x is None for x in WILD]
    expected = loss(np.array(WILD[:-1], float), np.ones(len(WILD) - 1), reduction="none", backend="serial")
    np.testing.assert_allclose(np.ma.getdata(got)[:-1], expected, rtol=1e-14, atol=0)
    with pytest.raises(duckdb.Error, match="column 'target' in a row is -3.0"):
        con.sql("select f(0.5, -3.0)").fetchall()
