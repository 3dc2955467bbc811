"""Losses in DuckDB, Polars and pandas beside the same formulas in their own terms: ``python -m bench.data [rows]``.

Each gives the sum of the losses of all rows. Seconds of the clock and of all processors, the best of each; ratios are
to the formula, and below 1 faster.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import fastloss as fl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROUNDS = 5

SQL = {
    "huber": "case when abs(p - y) <= 1 then 0.5 * (p - y) * (p - y) else abs(p - y) - 0.5 end",
    "binary_cross_entropy_with_logits": "greatest(p, 0) - p * y + ln(1 + exp(-abs(p)))",
    "log_cosh": "abs(p - y) + ln(1 + exp(-2 * abs(p - y))) - ln(2::double)",
    "poisson": "exp(p) - y * p",
}
"""As one writes them by hand."""


def polars_formula(name: str) -> Any:
    """The same as an expression."""
    import polars as pl

    p, y = pl.col("p"), pl.col("y")
    d = (p - y).abs()
    return {
        "huber": pl.when(d <= 1).then(0.5 * d * d).otherwise(d - 0.5),
        "binary_cross_entropy_with_logits": p.clip(lower_bound=0.0) - p * y + (-p.abs()).exp().log1p(),
        "log_cosh": d + (-2 * d).exp().log1p() - float(np.log(2.0)),
        "poisson": p.exp() - y * p,
    }[name]


def pandas_formula(name: str, p: Any, y: Any) -> Any:
    """The same of series."""
    d = (p - y).abs()
    return {
        "huber": lambda: (0.5 * d * d).where(d <= 1, d - 0.5),
        "binary_cross_entropy_with_logits": lambda: p.clip(lower=0.0) - p * y + np.log1p(np.exp(-p.abs())),
        "log_cosh": lambda: d + np.log1p(np.exp(-2 * d)) - np.log(2.0),
        "poisson": lambda: np.exp(p) - y * p,
    }[name]()


def best(calls: Mapping[str, Callable[[], Any]]) -> dict[str, tuple[float, float]]:
    """Seconds of the clock and of processors, in turns; the answers must be the same."""
    found = dict.fromkeys(calls, (np.inf, np.inf))
    answers = {}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            clock, work = time.perf_counter(), time.process_time()
            answers[name] = float(call())
            spent = time.perf_counter() - clock, time.process_time() - work
            found[name] = min(found[name][0], spent[0]), min(found[name][1], spent[1])
    values = list(answers.values())
    assert np.allclose(values, values[0], rtol=1e-6), answers
    return found


def told(name: str, where: str, found: Mapping[str, tuple[float, float]]) -> None:
    """A line for each way."""
    clock, work = found["formula"]
    for way, (seconds, cpu) in found.items():
        print(f"{name:34s} {where:8s} {way:14s} {seconds * 1e3:8.0f} ms {cpu * 1e3:8.0f} ms of processors, "
              f"ratio {seconds / clock:5.2f}, {cpu / work:5.2f}")  # fmt: skip


def main() -> None:
    """Print times and ratios."""
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000
    rng = np.random.default_rng(20261126)
    p, y = rng.normal(size=rows), (rng.random(rows) > 0.5).astype(float)
    table = pa.table({"p": p, "y": y})
    con = fl.data.duckdb(duckdb.connect())
    con.register("arrow_rows", table)
    con.execute("create table rows as select * from arrow_rows")
    frame, lazy = pd.DataFrame({"p": p, "y": y}), pl.from_arrow(table).lazy()

    def batches(score: Any) -> float:
        reader = con.sql("select p, y from rows").to_arrow_reader(262_144)
        columns = (score.arrays({"p": b.column("p"), "y": b.column("y")})["loss"] for b in reader)
        return sum(float(c.sum()) for c in columns)

    for name, formula in SQL.items():
        score, expression = fl.data.scorer(name, "p", "y", nulls="null"), getattr(fl.data.polars, name)("p", "y")
        told(name, "DuckDB", best({
            "formula": lambda q=formula: con.execute(f"select sum({q}) from rows").fetchall()[0][0],
            "function": lambda n=name: con.execute(f"select sum({n}(p, y)) from rows").fetchall()[0][0],
            "scorer": lambda s=score: batches(s),
        }))  # fmt: skip
        told(name, "Polars", best({
            "formula": lambda n=name: lazy.select(polars_formula(n).sum()).collect().item(),
            "expression": lambda e=expression: lazy.select(e.sum()).collect().item(),
            "streaming": lambda e=expression: lazy.select(e.sum()).collect(engine="streaming").item(),
        }))  # fmt: skip
        told(name, "pandas", best({
            "formula": lambda n=name: pandas_formula(n, frame["p"], frame["y"]).sum(),
            "scorer": lambda s=score: s(frame)["loss"].sum(),
        }))  # fmt: skip


if __name__ == "__main__":
    main()
