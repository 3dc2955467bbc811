"""Losses where the data is (``pip install "fastloss[data]"``): of batches, in DuckDB's SQL and in Polars' expressions.

>>> import numpy as np
>>> import fastloss as fl
>>> score = fl.data.scorer("huber", pred="p", target="y", grad="g", delta=1.5)
>>> score({"p": np.array([1.0, 4.0]), "y": np.array([0.5, 1.0])})
{'p': array([1., 4.]), 'y': array([0.5, 1. ]), 'loss': array([0.125, 3.375]), 'g': array([0.5, 1.5])}

A batch may be an Arrow table or record batch, a pandas or Polars frame, or a dictionary of arrays, and what comes back
is one of its kind. docs/data.md shows the same scorer in Ray, Spark, Dask and Hugging Face's datasets. `score` reads
files larger than memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .files.source import DataError
from .scorer import Scorer, scorer

__all__ = ["DataError", "Scorer", "Scores", "duckdb", "polars", "score", "scorer"]

_LATER = {"polars": "polars", "duckdb": "sql", "score": "scoring.score", "Scores": "scoring.report"}
"""Imported at first use, of these modules: a scorer needs none of them."""

if TYPE_CHECKING:
    from . import polars
    from .scoring.report import Scores
    from .scoring.score import score
    from .sql import duckdb

else:

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f".{_LATER[name]}", __name__)
        return module if name == "polars" else getattr(module, name)


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]
