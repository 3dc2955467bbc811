"""Objects among numbers: the error names the column and the row, and what it says to pass is taken."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fastloss as fl

pl = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.usefixtures("compiled_at_last")

STRANGE: dict[str, tuple[list[Any], int, str]] = {
    "text": ([1.0, None, "n/a", 2.0], 2, "'n/a'"),
    "text among texts of numbers": (["1.5", "2", "x", None], 2, "'x'"),
    "a list": ([1.0, [2.0], 3.0, None], 1, r"\[2.0\]"),
    "a time": ([1.0, 2.0, 3.0, pd.Timestamp("2020-01-01")], 3, "Timestamp"),
    "a complex number": ([None, 2j, 3.0, 1.0], 1, "2j"),
}
"""Values, the place of the one that is none, and how it is shown."""

NUMBERS: dict[str, list[Any]] = {
    "None": [1.0, None, 2.0, 3.0],
    "decimals": [Decimal("1.5"), Decimal(2), None, Decimal(3)],
    "truths": [True, False, None, True],
    "pandas' null": [1.0, pd.NA, 2.0, 3.0],
    "numbers": [1.0, 2.0, 3.0, 4.0],
}
T = np.zeros(4)


def objects(values: list[Any]) -> Any:
    made = np.empty(len(values), object)
    made[:] = values
    return made


def polars(values: list[Any]) -> Any:
    return pl.Series("y", values, dtype=pl.Object)


KINDS: dict[str, Any] = {
    "NumPy": objects,
    "pandas": lambda values: pd.Series(values, dtype=object, name="y", index=range(10, 10 + len(values))),
    "Polars": polars,
}


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_verb_names_the_row(kind: str, what: str) -> None:
    values, k, shown = STRANGE[what]
    place = rf"target(\.iloc)?\[{k}\]"
    with pytest.raises(TypeError, match=f"huber: target has dtype [oO]bject, .*; {place} is {shown}") as caught:
        fl.huber(T, KINDS[kind](values))
    if kind == "pandas":
        assert f"target.iloc[{k}]" in str(caught.value)  # for target[k] is by labels


@pytest.mark.parametrize("what", STRANGE)
def test_a_verb_names_column_and_row_of_a_frame(what: str) -> None:
    values, k, shown = STRANGE[what]
    frame = pd.DataFrame({"a": T, "b": pd.Series(values, dtype=object)})
    with pytest.raises(TypeError, match=f"its column 'b' has {shown}.* in row {k}$"):
        fl.huber(frame, 0.0)


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("kind", KINDS)
def test_batches_and_sources_name_column_and_row(kind: str, what: str) -> None:
    values, k, shown = STRANGE[what]
    y = KINDS[kind](values)
    frame: Any = {"p": T, "y": y}
    frame = {"NumPy": dict, "pandas": lambda f: pd.DataFrame({"p": T, "y": np.asarray(y)}), "Polars": pl.DataFrame}[
        kind
    ](frame)
    with pytest.raises(TypeError, match=rf"column 'y' .*expected numbers.*; row {k} has {shown}"):
        fl.data.scorer("huber", "p", "y")(frame)
    with pytest.raises(fl.data.DataError, match=rf"column 'y' .*; row {k} has {shown}"):
        fl.data.score("huber", frame, pred="p", target="y")


@pytest.mark.parametrize("what", NUMBERS)
@pytest.mark.parametrize("kind", [*KINDS, "Arrow", "a list", "a frame"])
def test_numbers_that_are_objects_become_numbers_as_it_says(kind: str, what: str) -> None:
    """What is missing is NaN then, and the first such value is named."""
    values = NUMBERS[what]
    makers = {**KINDS, "Arrow": pyarrow.array, "a list": list, "a frame": lambda v: pd.DataFrame({"y": objects(v)})}
    if what == "pandas' null" and kind == "Arrow":
        pytest.skip("Arrow has no such value")
    target = makers[kind](values)
    try:
        fl.huber(np.zeros((4, 1)) if kind == "a frame" else T, target)
    except TypeError as error:
        text = str(error)
    else:
        assert (what, kind) in {("numbers", "a list"), ("numbers", "Arrow"), ("None", "Arrow")}
        return
    if kind == "a frame":
        assert what == "numbers" or re.search(r"its column 'y' has .* in row \d$", text)
        return
    found = re.search(r"pass (.*?)(;|$)", text)
    assert found is not None, text
    passed = eval(found[1], {"numpy": np, "pandas": pd, "polars": pl, "target": target})
    expected = [np.nan if v is None or v is pd.NA else float(v) for v in values]
    np.testing.assert_array_equal(np.asarray(passed, float), expected)
    missing = next((k for k, v in enumerate(values) if v is None or v is pd.NA), None)
    if missing is not None and what != "decimals" and kind != "Arrow":
        assert f"[{missing}] is " in text


def test_an_expression_names_the_column_of_the_frame() -> None:
    frame = pl.DataFrame({"p": T, "y": ["1", "a", "2", "3"]})
    with pytest.raises(Exception, match="huber: column 'y' has type .*, expected numbers; a row has 'a'"):
        frame.select(fl.data.polars.huber("p", "y"))


def test_texts_of_numbers() -> None:
    for given in (["1.5", "2"], np.array(["1.5", "2"]), pd.Series(["1.5", "2"]), pl.Series(["1.5", "2"])):
        with pytest.raises(TypeError, match=r"numbers as text become numbers by numpy.array\(target, float\)"):
            fl.huber([0.0, 0.0], given)
        np.testing.assert_array_equal(np.array(given, float), [1.5, 2.0])
    with pytest.raises(TypeError, match=r"labels as text become numbers by numpy.unique"):
        fl.huber([0.0, 0.0], ["a", "b"])


def test_times_that_are_missing_are_named() -> None:
    column = pd.Series([1.0, pd.NaT], dtype=object)
    with pytest.raises(TypeError, match="column 'pred' holds a .*NaTType, expected numbers"):
        fl.data.scorer("huber")({"pred": column, "target": np.zeros(2)})
    times = pd.Series([pd.NaT, pd.Timestamp("2020-01-01")], dtype=object)
    frame = pd.DataFrame({"p": [1.0, 2.0], "y": [0.0, 0.0], "t": times})
    assert fl.data.score("huber", frame, pred="p", target="y", by="t").rows == 2


def test_a_frame_is_no_column() -> None:
    with pytest.raises(TypeError, match="column 'pred' is a .*DataFrame, expected an array, a list, or a column"):
        fl.data.scorer("huber")({"pred": pd.DataFrame({"a": [1.0, 2.0]}), "target": np.zeros(2)})
