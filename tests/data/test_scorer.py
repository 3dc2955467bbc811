"""`fl.data.scorer`: every kind of batch gets the loss of each row, from the memory that it has."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fastloss as fl


def test_importing_fastloss_loads_no_library_of_data() -> None:
    script = (
        "import fastloss as fl, sys; fl.data.scorer; print({'pyarrow', 'duckdb', 'polars', 'pandas'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


P, Y = np.array([1.0, 4.0, -2.0]), np.array([0.5, 1.0, -2.5])
LOSS, GRAD = [0.125, 2.5, 0.125], [0.5, 1.0, 0.5]  # of huber with delta = 1
KINDS = [dict, pa.table, pa.record_batch, pd.DataFrame, pl.DataFrame]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_batch_comes_back_as_what_it_is(kind) -> None:
    batch = kind({"p": P, "y": Y, "other": np.arange(3)})
    made = fl.data.scorer("huber", "p", "y", grad="g")(batch)
    assert type(made) is type(batch)
    assert np.asarray(made["loss"]).tolist() == LOSS
    assert np.asarray(made["g"]).tolist() == GRAD
    assert [*getattr(made, "column_names", getattr(made, "columns", made))] == ["p", "y", "other", "loss", "g"]
