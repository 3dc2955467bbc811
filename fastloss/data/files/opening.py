"""Which source a path, a folder, a glob, standard input, or a dictionary is."""

from __future__ import annotations

import difflib
import os
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...define.wording import named
from . import npy
from .memory import library
from .source import DataError, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = {
    ".npy": "npy", ".npz": "npz", ".parquet": "parquet", ".pq": "parquet", ".feather": "arrow", ".arrow": "arrow",
    ".ipc": "arrow", ".arrows": "stream", ".csv": "csv", ".tsv": "csv", ".zarr": "zarr",
}  # fmt: skip
"""The kind of a source by how its name ends, `.gz` aside."""

STREAMED = ("csv", "stream")
"""The kinds that standard input may have."""

HINTS = {
    "polars": "; give its files, or .collect() it",
    "dask": "; give its files, or map a scorer over its partitions, as docs/data.md does",
}
"""What to do with what is read by nobody here."""


def open_source(given: Any, kind: str | None = None) -> Source:
    """The source of a path, a folder, a glob, ``"-"``, several of them, a mapping of names to arrays, or a table."""
    if isinstance(given, Source):
        return given
    one = library(given) == "pandas" and getattr(given, "ndim", 0) == 1
    if hasattr(given, "items") and not one and library(given) != "dask":
        return npy.several(given)
    if type(given).__name__ == "DataFrame" and library(given) == "polars" and "Object" in map(str, given.dtypes):
        return npy.several({x.name: x for x in given})  # Arrow would have addresses
    if hasattr(given, "__arrow_c_stream__") and not one:
        from .streams import of_stream

        return of_stream(given)
    each = given if isinstance(given, (list, tuple)) else [given]
    if strange := [x for x in each if not isinstance(x, (str, os.PathLike))]:
        hint = HINTS.get(library(strange[0]), "")
        raise TypeError(f"fl.data.score: the source is, or has, {named(strange[0])}, expected paths, a dictionary of "
                        f"arrays, a frame of pandas, or what gives Arrow's stream{hint}")  # fmt: skip
    paths = [os.fspath(p) for p in each]
    if not paths:
        raise DataError("there is no source")
    if paths == ["-"]:
        if kind not in STREAMED:
            raise DataError(f"standard input: say what it is, format={' or '.join(map(repr, STREAMED))}")
        from .streams import standard_input

        return standard_input(kind)
    found = [p for path in paths for p in expanded(path)]
    kinds = {kind or kind_of(p) for p in found}
    if len(kinds) > 1:
        raise DataError(f"{', '.join(paths[:3])}: files of several kinds, {' and '.join(sorted(kinds))}")
    return _of_files(kinds.pop(), found, paths)


def _of_files(kind: str, found: list[str], paths: list[str]) -> Source:
    if kind == "npy":
        return npy.one(found[0]) if len(found) == 1 else npy.several(dict(zip(_stems(found), found, strict=True)))
    if kind in ("npz", "zarr"):
        if len(found) > 1:
            raise DataError(f"{paths[0]}: {len(found)} files of kind {kind}, expected one")
        if kind == "npz":
            return npy.Npz(found[0])
        from .stores import zarr_source

        return zarr_source(found[0])
    from .tables import tables

    return tables(kind, found, paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more")


def _stems(paths: Sequence[str]) -> list[str]:
    """The names of files without their endings, made different where they are the same."""
    stems = [Path(p).stem for p in paths]
    return [s if stems.count(s) == 1 else str(p) for s, p in zip(stems, paths, strict=True)]


def expanded(path: str) -> list[str]:
    """The files of a path: those of a glob or of a folder in the order of their names."""
    if has_magic(path) and not os.path.exists(path):
        named = sorted(glob(path, recursive=True))
        found = [p for p in named if not os.path.isdir(p) or kind_of_folder(p)]
        shown = [p for p in named if not Path(p).name.startswith((".", "_"))]
        found = found or [*dict.fromkeys(file for folder in shown for file in expanded(folder))]  # once, if nested
        if not found:
            raise DataError(f"{path}: no file has such a name")
        return found
    if not os.path.exists(path):
        raise DataError(f"{path}: there is no such file{_nearest(path)}")
    if not os.path.isdir(path) or kind_of_folder(path):
        _readable(path)
        return [path]
    found = []
    for folder, inner, names in os.walk(path, onerror=_raise):
        inner[:] = sorted(d for d in inner if not d.startswith((".", "_")))
        found += [os.path.join(folder, n) for n in sorted(names) if not n.startswith((".", "_")) and kind_of(n, False)]
    if not found:
        raise DataError(f"{path}: the folder holds no file of a kind that is read ({', '.join(KINDS)})")
    return found


def kind_of_folder(path: str) -> str | None:
    """`zarr` for a folder that is a zarr store."""
    marks = ("zarr.json", ".zgroup", ".zarray")
    return "zarr" if os.path.isdir(path) and any(os.path.exists(os.path.join(path, m)) for m in marks) else None


def kind_of(path: str, asked: bool = True) -> str:
    """The kind of a file by its name; raise for none, where it is `asked` for."""
    if kind := kind_of_folder(path):
        return kind
    name = path.lower().removesuffix(".gz")
    kind = KINDS.get(os.path.splitext(name)[1], "")
    if not kind and asked:
        raise DataError(f"{path}: its name does not tell what it is, expected {', '.join(KINDS)}; or say format=")
    return kind


def _readable(path: str) -> None:
    if not os.access(path, os.R_OK):
        raise DataError(f"{path}: permission denied")


def _raise(error: OSError) -> None:
    raise DataError(f"{error.filename}: {(error.strerror or str(error)).lower()}")


def _nearest(path: str) -> str:
    try:
        beside = os.listdir(os.path.dirname(path) or ".")
    except OSError:
        return ""
    close = difflib.get_close_matches(os.path.basename(path), beside, 1)
    return f"; did you mean {os.path.join(os.path.dirname(path), close[0])}?" if close else ""
