"""The loops of `score`: the order of their sums, their bins, and what bounds the memory of groups."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fastloss as fl
from fastloss.data.scoring import groups, summary, sums

RNG = np.random.default_rng(11)
LOSS = np.concatenate([RNG.normal(size=2_900) * np.exp(8 * RNG.normal(size=2_900)), np.zeros(50), [-0.0] * 50])
RNG.shuffle(LOSS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_chunk_is_summed_up_as_by_numpy(dtype) -> None:
    loss, counted = LOSS.astype(dtype), RNG.random(len(LOSS)) < 0.7
    for mask in (None, counted):
        found = summary.part(loss, None, mask, 900, keep=False)
        of = loss if mask is None else loss[mask]
        full = loss if mask is None else np.where(mask, loss, 0)
        expected = sums.blocks(full, 900)
        assert all(np.array_equal(a, b) for a, b in zip(found.losses, expected, strict=True))
        assert found.losses.sums[0] == pytest.approx(math.fsum(full[124:1148].tolist()), rel=1e-12, abs=1e-9)
        assert (found.low, found.high, found.counted) == (of.min(), of.max(), len(of))
        counts = np.zeros(summary.bin_count(dtype), np.int64)
        for run in found.bins:
            counts[run.first : run.first + len(run.counts)] += run.counts
        bits, shift = summary.float_bits(np.dtype(dtype))
        keys = np.where(of == 0, of.dtype.type(0), of).view(bits) >> bits(shift)
        assert np.array_equal(counts, np.bincount(keys.astype(np.int64), minlength=len(counts)))


def test_what_is_no_number_is_in_no_bin() -> None:
    loss = LOSS.copy()
    loss[[3, 1_500, 2_999]] = np.nan
    found = summary.part(loss, None, None, 0, keep=True)
    assert math.isnan(found.low)
    assert sum(int(run.counts.sum()) for run in found.bins) == len(found.kept) == len(LOSS) - 3
    assert np.isnan(found.losses.sums).tolist() == [True, True]
    # What these left in the room is not in what comes next.
    after = summary.part(np.ones(5), None, None, 0, keep=False)
    assert sum(int(run.counts.sum()) for run in after.bins) == 5


KEYS = RNG.integers(0, 50, 4_000)
PRED = RNG.normal(size=4_000) * np.exp(3 * RNG.normal(size=4_000))


def by_key(**keywords):
    given = {"pred": PRED, "target": np.zeros(4_000), "key": KEYS}
    return fl.data.score("huber", given, by="key", **keywords).groups


def test_many_groups_share_bins_that_are_as_wide_as_memory_asks(monkeypatch) -> None:
    fine = by_key()
    monkeypatch.setattr(groups, "BINS", 1_024)
    wide, other = by_key(), by_key(chunk_rows=77)
    assert wide == other
    loss = fl.huber(PRED, np.zeros(4_000), reduction="none")
    exact = {k: np.sort(loss[k == KEYS]) for k in np.unique(KEYS)}
    for few, many in zip(wide, fine, strict=True):
        assert {**few, "median": 0, "p90": 0} == {**many, "median": 0, "p90": 0}
        of = exact[few["value"]]
        below, above = of[(len(of) - 1) // 2], of[len(of) // 2]
        assert below / 4 <= few["median"] <= above * 4  # bins as wide as a binary order or two
        assert below * (1 - 1 / 512) <= many["median"] <= above * (1 + 1 / 512)
    assert any(few["median"] != many["median"] for few, many in zip(wide, fine, strict=True))


def test_too_many_groups_are_one_error(monkeypatch) -> None:
    monkeypatch.setattr(groups, "MOST", 50)
    assert len(by_key()) == 50
    monkeypatch.setattr(groups, "MOST", 20)
    with pytest.raises(fl.data.DataError, match=r"^arrays: by 'key': there are more than 20 groups"):
        by_key()


ONES = {"pred": np.ones(4), "target": np.zeros(4)}


@pytest.mark.parametrize("kind", [">i4", "c16", "m8[m]", "g"])
def test_groups_of_numpy_types_that_arrow_lacks(kind) -> None:
    found = fl.data.score("huber", {**ONES, "key": np.array([2, 1, 2, 2]).astype(kind)}, by="key").groups
    assert [group["count"] for group in found] == [3, 1]


def test_what_has_no_order_is_no_group() -> None:
    with pytest.raises(fl.data.DataError, match=r"^arrays: column 'key' holds an int and a str, expected values"):
        fl.data.score("huber", {**ONES, "key": np.array([1, "a", 2, "b"], object)}, by="key")


@pytest.mark.parametrize("kind", ["string_view", "binary_view"])
def test_a_null_is_no_empty_text(kind, tmp_path) -> None:
    """In views of texts, which Polars writes."""
    table = pa.table({**ONES, "key": pa.array(["a", None, "", None]).cast(getattr(pa, kind)())})
    with pa.ipc.new_file(tmp_path / "rows.arrow", table.schema) as file:
        file.write(table)
    found = fl.data.score("huber", tmp_path / "rows.arrow", by="key").groups
    texts = ["a", ""] if kind == "string_view" else [b"a", b""]
    assert {group["value"]: group["count"] for group in found} == {texts[0]: 1, None: 2, texts[1]: 1}


def test_losses_of_two_types_are_refused(tmp_path) -> None:
    """Bins of one are not those of the other."""
    for k, kind in enumerate(("f4", "f8")):
        pq.write_table(pa.table({n: x.astype(kind) for n, x in ONES.items()}), tmp_path / f"{k}.parquet")
    with pytest.raises(fl.data.DataError, match="the losses are float32, and float64 from row 4 on"):
        fl.data.score("huber", tmp_path)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_quantiles_on_the_way_to_an_infinity(dtype) -> None:
    given = {"pred": np.array([1, 2, 3, np.inf], dtype), "target": np.zeros(4, dtype), "key": np.zeros(4)}
    found = fl.data.score("squared_error", given, by="key")
    assert found.groups[0]["p90"] == math.inf
    assert (found.quantiles[0.5], found.quantiles[0.75], found.quantiles[0.95]) == (6.5, math.inf, math.inf)
