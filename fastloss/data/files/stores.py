"""Zarr stores as sources: the arrays of a group side by side, sliced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .npy import Columns
from .source import DataError, Source


def zarr_source(path: str) -> Source:
    """The arrays of a store, each a column."""
    try:
        import zarr
    except ModuleNotFoundError:
        raise DataError(f"{path}: zarr is not installed: pip install zarr") from None
    for text in Path(path).rglob("*"):  # before anything is decoded
        if text.name in ("zarr.json", ".zarray", ".zmetadata") and b'"pickle"' in text.read_bytes():
            raise DataError(f"{text}: is packed with pickle, which is never loaded")
    try:
        found: Any = zarr.open(path, mode="r")
        arrays = {Path(path).stem: found} if hasattr(found, "dtype") else dict(found.arrays())
    except Exception as error:  # whatever its codecs raise
        raise DataError(f"{path}: is no zarr store that can be read ({str(error).partition(chr(10))[0]})") from None
    arrays = {name: x for name, x in arrays.items() if x.ndim and x.dtype.kind in "biuf"}
    if len(arrays) == 1 and next(iter(arrays.values())).ndim == 2 and hasattr(found, "dtype"):
        (x,) = arrays.values()
        arrays = {str(k): _Column(x, k) for k in range(x.shape[1])}
    files = [str(p) for p in sorted(Path(path).rglob("*")) if p.name in ("zarr.json", ".zarray", ".zmetadata")]
    return Columns(arrays, path, files)


class _Column:
    """A column of a two-dimensional array."""

    def __init__(self, x: Any, k: int) -> None:
        self.x, self.k, self.dtype, self.shape = x, k, x.dtype, (x.shape[0],)

    def __getitem__(self, rows: slice) -> Any:
        return self.x[rows, self.k]
