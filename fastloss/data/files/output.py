"""Where scored rows go: a file that is there whole or not at all, and the journal by which a killed run goes on.

While rows come, they are appended to a hidden folder beside the file, in Arrow's messages. The journal says how far
they reach and what is needed to go on. In the end the file is written of them in row groups of one size, so it is the
same bytes however often the run was killed, and takes its name when it is complete.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .formats import FORMATS, check, write
from .source import DataError
from .tables import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    State = Mapping[str, NDArray[Any]]

EVERY = 2.0
"""Seconds between two entries of the journal."""
GROUP_BYTES = 32 << 20
GROUP_ROWS = 1 << 17
"""How much of the file is written at a time, at most."""


class Work:
    """The rows of one run on their way into a file."""

    def __init__(self, path: str, run: Mapping[str, Any], resume: bool) -> None:
        self.path, self.run = Path(path), json.dumps(run, sort_keys=True, default=repr)
        if self.path.is_dir():
            raise DataError(f"{path}: is a folder")
        self.kind = FORMATS.get(self.path.suffix.lower(), "")
        if not self.kind:
            raise ValueError(f"{path}: expected a name that ends with {', '.join(FORMATS)}")
        if not self.path.parent.is_dir():
            raise DataError(f"{path}: there is no folder {self.path.parent}")
        self.folder = self.path.parent / f".{self.path.name}.fastloss"
        self.last = time.monotonic()
        self.schema: Any = None
        self.group = GROUP_ROWS
        self.file: Any = None
        self.lock: Any = None
        try:
            if self.folder.is_symlink():
                raise DataError(f"{self.folder}: is a link, expected a folder of this run's own")
            self.folder.mkdir(exist_ok=True)
            self._only_one()
            self.journal = self._read_journal() if resume else None
            if self.journal is None:
                self._begin()
            else:
                self._go_on(self.journal)
        except BaseException as error:
            self._close()
            if isinstance(error, OSError):
                raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from None
            raise

    def __enter__(self) -> Work:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        """Leave nothing behind but what an interrupted run goes on from."""
        self._close()
        if kind is None or issubclass(kind, Exception):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _close(self) -> None:
        for file in (self.file, self.lock):
            if file is not None:
                with suppress(OSError):
                    file.close()

    def _only_one(self) -> None:
        with suppress(ImportError):
            import fcntl

            self.lock = (self.folder / "lock").open("w")
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise DataError(f"{self.path}: another run is writing it") from None

    def _begin(self) -> None:
        for name in ("journal.npz", "schema"):
            (self.folder / name).unlink(missing_ok=True)
        self.file = (self.folder / "rows").open("wb")

    def _go_on(self, journal: State) -> None:
        if str(journal["run"]) != self.run:
            raise _Other(f"{self.path}: the run that was interrupted had another loss, source or options; without "
                         f"resume it begins anew")  # fmt: skip
        self.file = (self.folder / "rows").open("r+b")
        self.file.truncate(int(journal["length"]))
        self.file.seek(0, os.SEEK_END)
        if (self.folder / "schema").exists():
            self.schema = pa.ipc.read_schema(pa.py_buffer((self.folder / "schema").read_bytes()))
            self.group = int(journal["group"])

    def _read_journal(self) -> dict[str, NDArray[Any]] | None:
        try:
            with (self.folder / "journal.npz").open("rb") as file, np.load(file, allow_pickle=False) as journal:
                return dict(journal)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{self.folder}: the journal cannot be read ({error}); without resume a run begins anew"
            ) from None

    def write(self, batch: Any) -> None:
        """Append rows."""
        with told(str(self.path)):
            batch = plain(batch)
            if self.schema is None:
                check(self.kind, batch.schema, str(self.path))
                self.schema = batch.schema
                (self.folder / "schema").write_bytes(self.schema.serialize())
                size = max(1.0, batch.nbytes / max(1, batch.num_rows))
                self.group = int(min(GROUP_ROWS, max(1, GROUP_BYTES // size)))
            batch = fitted(batch, self.schema, str(self.path))
            if batch.num_rows:
                self.file.write(batch.serialize())

    def commit(self, job: Any) -> None:
        """Enter into the journal how far the rows reach, and the job's state, if the last entry is old."""
        if time.monotonic() - self.last < EVERY:
            return
        with told(str(self.path)):
            self.file.flush()
            os.fsync(self.file.fileno())
            new = self.folder / "journal.new"
            with new.open("wb") as file:
                length, group = np.array(self.file.tell()), np.array(self.group)
                np.savez(file, run=np.array(self.run), length=length, group=group, **job.state())
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self.folder / "journal.npz")
        self.last = time.monotonic()

    def finish(self, rows: int, table: Any = None) -> None:
        """Write the file, of `table` or of the rows that came, and give it its name."""
        for batch in table.to_batches() if table is not None else ():
            self.write(batch)
        if self.schema is None:
            raise DataError(f"{self.path}: there is no row to write")
        new = self.folder / f"new{self.path.suffix}"
        with told(str(self.path)):
            self.file.flush()
            with new.open("wb") as file:
                write(self.kind, file, self.schema, self.groups, rows)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self.path)

    def groups(self) -> Iterator[Any]:
        """The rows in tables of one length, the last of which may be shorter."""
        waiting: list[Any] = []
        count = 0
        with pa.memory_map(str(self.folder / "rows")) as file:
            end = file.size()
            while file.tell() < end:
                waiting.append(pa.ipc.read_record_batch(pa.ipc.read_message(file), self.schema))
                count += waiting[-1].num_rows
                while count >= self.group:
                    table = pa.Table.from_batches(waiting, self.schema)
                    yield table.slice(0, self.group).combine_chunks()
                    waiting = table.slice(self.group).to_batches()
                    count -= self.group
        if count:
            yield pa.Table.from_batches(waiting, self.schema).combine_chunks()


class _Other(DataError):
    """What would go on with another run's rows."""


def plain(batch: Any) -> Any:
    """A batch without dictionaries, which differ from chunk to chunk."""
    columns = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def fitted(batch: Any, schema: Any, path: str) -> Any:
    """A batch in the types of those before it, which a later file may have others than; no number is rounded."""
    if batch.schema.equals(schema):
        return batch
    for field, before in zip(batch.schema, schema, strict=True):
        with told(f"{path}: column {field.name!r} of several types"):
            both = pa.unify_schemas([pa.schema([before]), pa.schema([field])], promote_options="permissive")
        if both.types != [before.type]:
            raise DataError(f"{path}: column {field.name!r} is {field.type} where it was {before.type} in rows before; "
                            "keep others, or give the files the same types")  # fmt: skip
    with told(path):
        columns = [column.cast(type_) for column, type_ in zip(batch.columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema.names)
