"""Losses where the data is (``pip install "fastloss[data]"``): of batches, in DuckDB's SQL and in Polars' expressions.

>>> import numpy as np
>>> import fastloss as fl
>>> score = fl.data.scorer("huber", pred="p", target="y", grad="g", delta=1.5)
>>> score({"p": np.array([1.0, 4.0]), "y": np.array([0.5, 1.0])})
{'p': array([1., 4.]), 'y': array([0.5, 1. ]), 'loss': array([0.125, 3.375]), 'g': array([0.5, 1.5])}

A batch may be an Arrow table or record batch, a pandas or Polars frame, or a dictionary of arrays, and what comes back
is one of its kind. docs/data.md shows the same scorer in Ray, Spark, Dask and Hugging Face's datasets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .scorer import Scorer, scorer

__all__ = ["Scorer", "duckdb", "polars", "scorer"]

if TYPE_CHECKING:
    from . import polars
    from .sql import duckdb

else:
    # Imported at first use: a scorer needs neither.
    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name == "polars":
            return import_module(".polars", __name__)
        if name == "duckdb":
            return import_module(".sql", __name__).duckdb
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]
