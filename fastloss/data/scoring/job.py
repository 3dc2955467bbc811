"""What is done with each chunk, in any thread, and what is put together of them, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...define.frozen import content
from ...define.wording import shown
from ..files.source import DataError
from .groups import Groups, group_part
from .summary import Summary, part
from .worst import Worst, asked_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..files.source import Chunk
    from .groups import GroupPart
    from .summary import Part


class Done(NamedTuple):
    """A chunk that is computed."""

    part: Part
    groups: GroupPart | None
    rows: Any
    """Those that are to be kept, as an Arrow batch."""
    losses: Any


class Job:
    """A scorer with what is asked of it; `compute` may run in any thread, `add` takes what it gives in order."""

    def __init__(
        self,
        table: Any,
        score: Any,
        nan: str,
        where: Any,
        worst: Any,
        by: str | None,
        keep: Any,
        out: bool,
        quantiles: bool,
    ) -> None:
        self.table, self.score, self.nan, self.by = table, score, nan, by
        for name in score.columns:
            table.known(name, f"read by {score.loss.name}")
        table.computed(score.columns)
        if by is not None:
            if not isinstance(by, str):
                raise TypeError(f"fl.data.score: by is {shown(by)}, expected the name of one column")
            table.known(by, "grouped by")
        self.where = None
        if where is not None:
            from .where import Where

            self.where = Where(where, table.names)
        self.weighted = score.weight is not None or score.keywords.get("class_weight") is not None
        """Whether the mean divides by weights: rows that are null in some chunks alone are merely not counted."""
        self.summary = Summary(quantiles)
        self.groups = None if by is None else Groups()
        asked = None if worst is None else asked_for(worst, table)
        self.worst = None if asked is None else Worst(*asked)
        self.rows = out or worst is not None
        """Whether rows are kept, beside what is said of them."""
        made = {*score._made(), "row"} - {*table.names}
        self.keep = [name for name in (table.names if keep is None else keep) if name not in made]
        if self.rows or keep is not None:
            self.keep = [table.known(name, "to be kept") for name in self.keep]
        asked_row = keep is not None and "row" in keep
        self.numbered = (worst is not None or where is not None or asked_row) and "row" not in self.keep
        self.written = 0
        also = [*(self.keep if self.rows else ()), *([] if by is None else [by])]
        asked_of = [table.known(name, "asked for by where") for name in self.where.reads] if self.where else []
        self.reads = list(dict.fromkeys([*score.columns, *also, *asked_of]))
        if both := {*(self.keep if self.rows else ()), *asked_of} & {*score._made()}:
            raise DataError(f"{table.path}: there is a column {both.pop()!r} already; output and grad name new ones")

    def told(self) -> dict[str, Any]:
        """What a run has to agree in with the one that it goes on with."""
        loss = self.score.loss
        functions = loss.functions if hasattr(loss, "target") else (loss.jet,)
        return {
            "loss": [repr(loss), *(content(f) for f in functions if f is not None)],
            "score": repr(vars(self.score)), "source": self.table.identity(),
            "columns": self.reads, "keep": [self.keep, self.numbered], "nan": self.nan,
            "by": self.by, "quantiles": self.summary.binned,
            "where": str(self.where.text) if self.where else None,
            "worst": self.worst and [self.worst.most, self.worst.share],
        }  # fmt: skip

    def compute(self, chunk: Chunk) -> Done:
        """Losses of a chunk, and what is to be kept of it."""
        try:
            read = self.score.read({name: chunk.columns[name] for name in self.score.columns}, chunk.first)
            made = self.score.compute(read, chunk.first)
        except (TypeError, ValueError) as error:
            raise DataError(f"{chunk.path}: {error}") from None
        loss = made[0].values
        read = read._replace(weight=self._weight(read))
        counted = self._present(read)
        weight = read.weight if self.weighted else None
        passed = None
        if self.where is not None:
            counted = self._without_nan(chunk, read, loss, counted)
            passed = self.where(chunk, made)
            counted = passed if counted is None else counted & passed
        summed = self._summed(chunk, loss, weight, counted)
        if summed.low != summed.low and self.nan != "keep":
            counted = self._without_nan(chunk, read, loss, counted)
            summed = self._summed(chunk, loss, weight, counted)
        groups = None
        if self.by is not None:
            try:
                groups = group_part(chunk.columns[self.by], loss, weight, counted, chunk.start)
            except DataError as error:
                raise DataError(f"{chunk.path}: by {self.by!r}: {error}") from None
        rows, losses = None, None
        if self.rows:
            chosen: Any = passed
            if self.worst is not None:
                chosen = self.worst.candidates(loss, counted)
                losses = loss[chosen]
            rows = self._batch(chunk, made, chosen)
        return Done(summed, groups, rows, losses)

    def _summed(self, chunk: Chunk, loss: Any, weight: Any, counted: Any) -> Part:
        return part(loss, weight, counted, chunk.start, self.summary.kept is not None, self.summary.binned)

    def _weight(self, read: Any) -> Any:
        """What the mean divides by for each row: its weight, times that of its class; None if all are 1."""
        if self.score.keywords.get("class_weight") is None:
            return read.weight
        classes, target = np.asarray(self.score.keywords["class_weight"], np.float64), read.inputs[-1]
        with np.errstate(all="ignore"):
            if target.ndim == 2:
                of = target @ classes / target.sum(1)
            else:  # what is no class is absent, or was refused
                labels = np.nan_to_num(target)
                of = classes[np.where((labels >= 0) & (labels < len(classes)), labels, 0).astype(np.intp)]
            return of if read.weight is None else np.where(read.weight == 0, 0.0, of * read.weight)

    def _present(self, read: Any) -> NDArray[np.bool_] | None:
        """Which rows count; None if all do."""
        present = None if read.weight is None else read.weight != 0
        ignored = self.score.keywords.get("ignore_index")
        if ignored is not None and (labels := read.inputs[-1]).ndim == 1:
            present = labels != ignored if present is None else present & (labels != ignored)
        return None if present is None or present.all() else present

    def _without_nan(self, chunk: Chunk, read: Any, loss: Any, counted: Any) -> NDArray[np.bool_] | None:
        """Which rows count, of those with a loss of NaN as well; raise where these are refused."""
        nans = loss != loss
        if counted is not None:
            nans &= counted
        if self.nan == "keep" or not nans.any():
            return counted  # type: ignore[no-any-return]
        if self.nan == "absent":
            return np.asarray(~nans if counted is None else counted & ~nans)
        row = int(nans.argmax())
        named = zip(self.score.inputs.values(), read.inputs, strict=True)
        of = [n for n, x in named if np.isnan(np.asarray(x[row], float)).any()]
        what = f"column {of[0]!r} is NaN" if of else "the loss is NaN"
        raise DataError(f"{chunk.path}: {self.score.loss.name}: {what} in row {chunk.first + row}; nan='absent' leaves "
                        f"such rows out, nan='keep' takes them")  # fmt: skip

    def _batch(self, chunk: Chunk, made: Any, chosen: Any) -> Any:
        """Rows with the columns that are kept, and those that were made."""
        import pyarrow as pa

        from .where import column_of, made_column

        columns = {name: column_of(chunk, name) for name in self.keep}
        if self.numbered:
            columns["row"] = pa.array(np.arange(chunk.start, chunk.start + chunk.rows))
        columns |= {m.name: made_column(m) for m in made[1:]}
        columns[made[0].name] = made_column(made[0])
        batch = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
        if chosen is None:
            return batch
        return batch.filter(pa.array(chosen)) if chosen.dtype == bool else batch.take(pa.array(chosen))

    def add(self, done: Done) -> None:
        """Put together with what came before."""
        if self.summary.rows and done.part.dtype != self.summary.dtype:
            raise DataError(f"{self.table.path}: the losses are {self.summary.dtype}, and {done.part.dtype} from row "
                            f"{self.summary.rows} on; the columns are to have one type in all files")  # fmt: skip
        self.summary.add(done.part)
        if self.groups is not None and done.groups is not None:
            try:
                self.groups.add(done.groups)
            except DataError as error:
                raise DataError(f"{self.table.path}: by {self.by!r}: {error}") from None
        if self.worst is not None:
            self.worst.add(done.rows, done.losses)
        elif done.rows is not None:
            self.written += done.rows.num_rows

    def end(self) -> None:
        """All chunks are there."""
        if not self.summary.count:
            if not self.summary.rows and self.where is None:
                raise DataError(f"{self.table.path}: there are no rows")
            if self.where is None:
                raise DataError(f"{self.table.path}: none of {self.summary.rows:,} rows counts: all are null, or weigh "
                                "nothing")  # fmt: skip
        if self.worst is not None:
            self.worst.end(self.summary.count)
            self.written = self.worst.table.num_rows if self.worst.table is not None else 0

    def state(self) -> dict[str, Any]:
        """What a journal keeps."""
        state = {**self.summary.state(), "written": np.array(self.written)}
        if self.groups is not None:
            state |= self.groups.state()
        if self.worst is not None:
            state |= self.worst.state()
        return state

    def restore(self, state: Any) -> None:
        """Go on from what a journal kept."""
        self.summary.restore(state)
        self.written = int(state["written"])
        if self.groups is not None:
            self.groups.restore(state)
        if self.worst is not None:
            self.worst.restore(state)
