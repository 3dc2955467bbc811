"""NumPy's files and arrays in memory as sources: `.npy` is mapped, `.npz` is read in one go from its start."""

from __future__ import annotations

import os
import zipfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrow import Unread
from .memory import LIBRARIES, library, objects, sliced
from .source import Chunk, DataError, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray


class Columns(Source):
    """Arrays side by side, of one length, each of which is sliced."""

    def __init__(self, arrays: Mapping[str, Any], path: str, files: Sequence[str] = ()) -> None:
        self.arrays, self.names, self.path, self.files = dict(arrays), list(arrays), path, files
        lengths = {name: x.shape[0] if hasattr(x, "shape") else len(x) for name, x in self.arrays.items()}
        if len({*lengths.values()}) > 1:
            several = ", ".join(f"{name} has {n:,}" for name, n in lengths.items())
            raise DataError(f"{path}: arrays of different lengths: {several} rows")
        self.rows = next(iter(lengths.values()), 0)

    def row_bytes(self, names: Sequence[str]) -> float:
        """What their shapes and dtypes say."""
        return float(sum(_row_bytes(self._column(name)) for name in names))

    def chunks(self, names: Sequence[str], rows: int, skip: int) -> Iterator[Chunk]:
        """Slices: views of what is mapped or in memory."""
        arrays = {name: self._column(name) for name in names}
        for start in range(skip, self.rows or 0, rows):
            stop = min(start + rows, self.rows or 0)
            columns = {name: x[start:stop] for name, x in arrays.items()}
            yield Chunk(start, stop - start, columns, self.path, start)

    def _column(self, name: str) -> Any:
        """A column that is read, from then on as what is sliced."""
        try:
            found = self.arrays[name] = sliced(self.arrays[name])
        except Unread as error:
            raise DataError(f"{self.path}: column {name!r} {error.told(0)}") from None
        return found


def _row_bytes(x: Any) -> float:
    """About how many bytes a row has."""
    if library(x) in LIBRARIES:
        return float(x.nbytes / max(1, len(x)))
    return float(x.dtype.itemsize * max(1, np.prod(x.shape[1:], dtype=float)))


def one(path: str) -> Columns:
    """A single file: its fields, or its columns by their numbers, or the array itself."""
    x = mapped(path)
    if x.dtype.names:
        return Columns({name: x[name] for name in x.dtype.names}, path, [path])
    if x.ndim == 2:
        return Columns({str(k): x[:, k] for k in range(x.shape[1])}, path, [path])
    return Columns({os.path.splitext(os.path.basename(path))[0]: x}, path, [path])


def several(given: Mapping[str, Any]) -> Columns:
    """A column of each array, or of each file that is named."""
    arrays, names, files = {}, [], []
    for called, x in given.items():
        name = str(called)
        names.append(name)
        if isinstance(x, (str, os.PathLike)):
            files.append(os.fspath(x))
            x = mapped(files[-1])
        elif library(x) not in LIBRARIES and not (hasattr(x, "dtype") and hasattr(x, "shape")):
            x = objects(x) if isinstance(x, (list, tuple)) else np.asarray(x)
        if not getattr(x, "shape", library(x) in LIBRARIES and hasattr(x, "__len__")):
            raise DataError(f"{name}: is a single value, expected an array of rows")
        arrays[name] = x
    frame = "" if isinstance(given, dict) else f"the {type(given).__name__}"
    found = Columns(arrays, ", ".join(files) or frame or "arrays", files)
    found.names = names  # a frame may have one twice, which is told where it is read
    return found


def mapped(path: str) -> NDArray[Any]:
    """The array of a `.npy` file, mapped; nothing in it is unpickled."""
    try:
        with open(path, "rb") as file:
            shape, fortran, dtype = _header(file)
            needed = file.tell() + dtype.itemsize * int(np.prod(shape, dtype=object))
            held = os.fstat(file.fileno()).st_size
        if held < needed and not dtype.hasobject:
            raise DataError(f"{path}: is cut short: its header speaks of {needed:,} bytes, it holds {held:,}")
        _check(path, shape, dtype)
        if 0 in shape:
            return np.empty(shape, dtype)
        offset = needed - dtype.itemsize * int(np.prod(shape))
        return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, SyntaxError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: is no file of NumPy's ({str(error).partition(chr(10))[0]})") from None


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    major, _ = np.lib.format.read_magic(file)
    read: Any = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    found: tuple[tuple[int, ...], bool, np.dtype[Any]] = read(file)
    return found


def _check(path: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if dtype.hasobject:
        raise DataError(f"{path}: holds Python objects, which are pickled and never loaded; expected numbers")
    if not shape:
        raise DataError(f"{path}: holds a single value, expected an array of rows")


class Npz(Source):
    """An archive of arrays, each a column; they are read side by side, never a whole one."""

    def __init__(self, path: str) -> None:
        self.path, self.files = path, [path]
        self.shapes: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    if member.endswith(".npy"):
                        with archive.open(member) as file:
                            shape, fortran, dtype = _header(file)
                        if not fortran or len(shape) < 2:
                            self.shapes[member[:-4]] = shape, dtype
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: is no archive of NumPy's ({error})") from None
        self.names = list(self.shapes)
        lengths = {s[0] if s else 0 for s, _ in self.shapes.values()}
        self.rows = lengths.pop() if len(lengths) == 1 else None

    def row_bytes(self, names: Sequence[str]) -> float:
        """What their shapes and dtypes say."""
        return float(sum(d.itemsize * max(1, np.prod(s[1:], dtype=float)) for s, d in map(self.shapes.get, names)))  # type: ignore[misc]

    def chunks(self, names: Sequence[str], rows: int, skip: int) -> Iterator[Chunk]:
        """Rows of each array, as its part of the archive is unpacked."""
        for name in names:
            _check(f"{self.path}: {name}", *self.shapes[name])
        lengths = {name: self.shapes[name][0][0] for name in names}
        if len({*lengths.values()}) > 1:
            several = ", ".join(f"{name} has {n:,}" for name, n in lengths.items())
            raise DataError(f"{self.path}: arrays of different lengths: {several} rows")
        self.rows = min(lengths.values(), default=0)
        with zipfile.ZipFile(self.path) as archive, ExitStack() as stack:
            files = {name: stack.enter_context(archive.open(f"{name}.npy")) for name in names}
            for file in files.values():
                _header(file)
            for start in range(0, self.rows, rows):
                count = min(rows, self.rows - start)
                columns = {name: self._rows(name, file, count, start) for name, file in files.items()}
                if start + count > skip:
                    cut = max(0, skip - start)
                    columns = {name: x[cut:] for name, x in columns.items()}
                    yield Chunk(start + cut, count - cut, columns, self.path, start + cut)

    def _rows(self, name: str, file: Any, count: int, start: int) -> NDArray[Any]:
        shape, dtype = self.shapes[name]
        size = count * dtype.itemsize * int(np.prod(shape[1:]))
        try:
            data = file.read(size)
        except (OSError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
            raise DataError(f"{self.path}: {name} is damaged near row {start:,} ({error})") from None
        if len(data) < size:
            raise DataError(f"{self.path}: {name} is cut short near row {start:,} of {shape[0]:,}")
        return np.frombuffer(data, dtype).reshape(count, *shape[1:])
