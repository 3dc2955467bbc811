"""`fl.data.polars`: losses as expressions."""

from __future__ import annotations

import pickle

import numpy as np
import polars as pl
import pytest

import fastloss as fl
from fastloss.data import polars as losses

pytestmark = pytest.mark.usefixtures("compiled_at_last")

FRAME = pl.LazyFrame(
    {"p": [3.0, 1.0, None, 0.5], "y": [0, 1, 1, None], "d": [2.0, 1.0, 1.0, 1.0], "k": ["a", "a", "b", "b"]}
)


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_values_parameters_and_derivatives(engine) -> None:
    asked = [
        losses.huber("p", "y"),
        losses.huber.grad("p", pl.col("y")).alias("g"),
        losses.huber("p", target="y", delta="d", weight=pl.lit(2.0)).alias("w"),
        losses.mse(pl.col("p") * 2, pl.lit(0.0)).alias("m"),
    ]
    made = FRAME.select(asked).collect(engine=engine)
    assert made["huber"].to_list() == [2.5, 0.0, None, None]
    assert made["g"].to_list() == [1.0, 0.0, None, None]
    assert made["w"].to_list() == [8.0, 0.0, None, None]
    assert made["m"].to_list() == [36.0, 4.0, None, 1.0]


def test_the_schema_is_known_before() -> None:
    asked = FRAME.select(losses.huber("p", "y"), losses.huber("p", "y", dtype=pl.Float32).alias("f"))
    assert dict(asked.collect_schema()) == {"huber": pl.Float64, "f": pl.Float32} == dict(asked.collect().schema)
    rows = pl.LazyFrame({"l": [[0.0, 0.0]], "y": [1]})
    asked = rows.select(losses.cross_entropy.grad("l", "y", dtype=pl.Float32))
    assert dict(asked.collect_schema()) == {"cross_entropy": pl.List(pl.Float32)} == dict(asked.collect().schema)


def test_filters_groups_and_windows() -> None:
    huber = losses.huber("p", "y")
    assert FRAME.filter(huber > 1).collect()["p"].to_list() == [3.0]
    assert FRAME.group_by("k").agg(huber.mean()).sort("k").collect().rows() == [("a", 1.25), ("b", None)]
    assert FRAME.select(huber.mean().over("k")).collect()["huber"].to_list() == [1.25, 1.25, None, None]
    assert FRAME.collect().clear().select(huber)["huber"].to_list() == []


@pytest.mark.parametrize("kind", [pl.List(pl.Float64), pl.Array(pl.Float64, 2)], ids=str)
def test_rows_of_scores(kind) -> None:
    frame = pl.DataFrame({"l": [[0.0, 0.0], None, [0.0, None]], "y": [1, 0, 0]}, schema_overrides={"l": kind})
    made = frame.select(losses.cross_entropy("l", "y"), g=losses.cross_entropy.grad("l", "y"))
    assert made["cross_entropy"].to_list() == [pytest.approx(np.log(2.0), rel=1e-14), None, None]
    assert made["g"].to_list() == [[0.5, -0.5], None, None]


@pytest.mark.compiled
def test_many_rows_are_what_the_formula_gives() -> None:
    p, y = np.random.default_rng(0).normal(size=(2, 300_000)) * 3
    frame = pl.LazyFrame({"p": p, "y": y})
    d = (pl.col("p") - pl.col("y")).abs()
    formula = pl.when(d <= 2).then(d * d / 2).otherwise(2 * d - 2)
    made = frame.select(losses.huber("p", "y", delta=2.0), f=formula).collect(engine="streaming")
    assert np.allclose(made["huber"], made["f"], rtol=1e-14)


def test_losses_of_ones_own() -> None:
    robust = losses.of(fl.huber.bind(delta=2.0) + 0.5 * fl.absolute_error)
    assert FRAME.select(robust("p", "y")).collect().to_series()[0] == 5.5
    run = losses._Run(fl.data.scorer("huber", nulls="null"), ("pred", "target"), pl.Float64)
    again = pickle.loads(pickle.dumps(run))([pl.Series([3.0]), pl.Series([0.0])])
    assert again.to_list() == [2.5]


def test_a_second_derivative_is_chosen_by_name() -> None:
    frame = pl.DataFrame({"a": [0.0], "b": [1.0], "y": [1]})
    assert frame.select(losses.margin_ranking.grad("a", "b", "y", by="other")).item() == 1.0
    with pytest.raises(
        AttributeError, match=r"'dice_loss': fl.dice_loss has no loss of each row: call it with arrays$"
    ):
        losses.dice_loss  # noqa: B018
    with pytest.raises(
        ValueError, match=r"^margin_ranking: by is 'target', expected pred or other; with_respect_to chooses others$"
    ):
        losses.margin_ranking.grad("a", "b", "y", by="target")


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(AttributeError, match=r"^fl.data.polars: 'hubr': did you mean fl.data.polars.huber\?$"):
        losses.hubr  # noqa: B018
    for made, text in (
        (lambda: losses.huber("p"), "huber: target is missing, expected pred and target"),
        (
            lambda: losses.cross_entropy(["a", "b"], "y"),
            r"cross_entropy: pred is .*; several columns are polars.concat_list\(...\)",
        ),
        (
            lambda: losses.huber("p", 3),
            r"huber: target is 3, expected a column's name or an expression; a number is polars.lit\(3\)",
        ),
        (lambda: losses.huber("p", "y", detla=3), r"huber: 'detla' is no argument, .*did you mean delta\?"),
        (lambda: losses.huber("p", "y", "d"), "huber: 3 inputs are given, expected pred and target; .*"),
    ):
        with pytest.raises(TypeError, match=f"^{text}$"):
            made()
    with pytest.raises(Exception, match="huber: column 'k' has type large_string, expected numbers"):
        FRAME.select(losses.huber("p", "k")).collect()
