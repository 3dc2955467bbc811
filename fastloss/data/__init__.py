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

from .scorer import Scorer, scorer

__all__ = ["Scorer", "scorer"]
