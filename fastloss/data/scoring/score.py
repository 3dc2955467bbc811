"""`score`: the loss of each row of a source of any size, read, computed and written at once."""

from __future__ import annotations

import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext
from typing import TYPE_CHECKING, Any

from ...define.wording import wrong_choice
from ..files.opening import open_source
from ..files.source import DataError
from ..scorer import scorer
from .job import Job
from .report import Scores, loss_told

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from ..files.source import Chunk
    from .job import Done

CHUNK_BYTES = 16 << 20
"""What is read at a time, at most: as much as stays near the processor while it is computed."""

NANS = ("raise", "absent", "keep")


def score(
    loss: Any,
    source: Any,
    *,
    pred: Any = None,
    target: Any = None,
    weight: str | None = None,
    output: str = "loss",
    grad: Any = None,
    nulls: str = "absent",
    nan: str = "raise",
    out: str | os.PathLike[str] | None = None,
    keep: Sequence[str] | None = None,
    where: Any = None,
    worst: int | str | None = None,
    by: str | None = None,
    quantiles: bool = True,
    resume: bool = False,
    format: str | None = None,
    chunk_rows: int | None = None,
    threads: int | None = None,
    progress: bool = False,
    **more: Any,
) -> Scores:
    """Score the rows of files larger than memory; return what is to be said of their losses.

    >>> import numpy as np
    >>> import fastloss as fl
    >>> rows = {"pred": np.array([1.0, 4.0, 0.0]), "target": np.array([0.5, 1.0, 0.0])}
    >>> found = fl.data.score("huber", rows, delta=1.5)
    >>> found.count, found.mean, found.max
    (3, 1.1666666666666667, 3.375)

    loss : str or loss
        The name of a loss, or any loss of elements or rows: one's own, a derived one, a sum.
    source : path, list of paths, dict, or table
        A ``.npy`` (its fields, its columns by number), ``.npz``, ``.parquet``, ``.feather``, ``.arrow``, ``.csv`` or
        ``.csv.gz`` file, a zarr store, a folder or a glob of tables (inner folders called KEY=VALUE are columns), or
        ``"-"`` for standard input with ``format="csv"`` or ``"stream"`` (Arrow's). A dictionary names columns: arrays,
        or ``.npy`` files, as in ``{"pred": "pred.npy", "target": "y.npy"}``. Nothing is ever unpickled. Or what gives
        Arrow's stream: a table of pyarrow or Polars, a reader, a relation of DuckDB; or a pandas DataFrame.
    pred, target, weight, grad, nulls, more
        As for `scorer`, which computes: columns' names, and the loss's parameters. `output` is what the losses' column
        is called.
    nan : {"raise", "absent", "keep"}
        What a loss of NaN is: an error that names the row, a row that does not count, or a mean that is NaN.
    out : path, optional
        A file for the rows with their losses and gradients, its format by its name: ``.parquet``, ``.feather``,
        ``.arrow``, ``.csv``, ``.npz``, or ``.npy`` (the losses alone). It is there when it is whole, and not before.
    keep : sequence of str, optional
        The columns of the source that `out` and the worst rows have: by default all of them.
    where : str, optional
        Only rows for which this is true, in SQL: ``"loss > 2 and region = 'north'"``; DuckDB reads it. Summary, groups,
        worst rows and `out` are of these rows. Or an expression of ``pyarrow.compute``.
    worst : int or str, optional
        Only the rows with the largest losses, ``100`` or ``"1%"`` of them, largest first; the summary is of all rows.
        `out` has them, and `Scores.worst`; a column ``row`` says where they stood.
    by : str, optional
        A column; each of its values has a summary of its own.
    quantiles : bool
        Whether quantiles and the histogram are wanted: counting for them takes more time than a cheap loss.
    resume : bool
        Whether a run that was killed goes on where it stopped, to the same bytes in `out`.
    chunk_rows, threads : int, optional
        Rows that are read at a time, and threads that compute. No result depends on either.

    Memory is bounded: some chunks of at most 16 MB, the worst rows, and a Parquet file's pages. The mean divides by the
    sum of the weights. Sums do not depend on chunks; quantiles are exact up to 1,048,576 losses, and from there on
    wrong by one part in 512 at most. What is wrong with data raises a ValueError that names the file and the row, and
    leaves no file behind.
    """
    if nan not in NANS:
        raise wrong_choice("fl.data.score", "nan", nan, NANS)
    began = time.perf_counter()
    table = open_source(source, format)
    more.setdefault("backend", "serial")
    score = scorer(loss, pred, target, weight, output, grad, nulls, **more)
    job = Job(table, score, nan, where, worst, by, keep, out is not None, quantiles)
    rows = chunk_rows or int(min(table.most, max(1, CHUNK_BYTES // max(1.0, table.row_bytes(job.reads)))))
    with ExitStack() as stack:
        work: Any = None
        if out is not None:
            from ..files.output import Work

            if any(os.path.exists(file) and os.path.samefile(file, out) for file in table.files if os.path.exists(out)):
                raise DataError(f"{os.fspath(out)}: is being read, expected another file for the rows")
            work = stack.enter_context(Work(os.fspath(out), job.told(), resume))
            if work.journal is not None:
                job.restore(work.journal)
        elif resume:
            raise ValueError("fl.data.score: resume is given without out, expected a file that was being written")
        bar = stack.enter_context(_bar(table.rows, job.summary.rows) if progress else nullcontext())
        chunks: Any = stack.enter_context(closing(table.chunks(job.reads, rows, job.summary.rows)))  # type: ignore[type-var]
        computed = stack.enter_context(closing(_computed(job, chunks, threads)))
        for done in computed:
            job.add(done)
            if work is not None:
                if done.rows is not None and job.worst is None:
                    work.write(done.rows)
                work.commit(job)
            if bar is not None:
                bar.update(done.part.rows)
        job.end()
        if work is not None:
            work.finish(job.written, job.worst.table if job.worst else None)
    return Scores(job, loss_told(score), table.path, time.perf_counter() - began)


def _computed(job: Job, chunks: Iterator[Chunk], threads: int | None) -> Generator[Done, None, None]:
    """The chunks, computed on threads while the next are read, in their order."""
    first = next(chunks, None)
    if first is None:
        return
    yield job.compute(first)  # kernels are compiled here, once
    second = next(chunks, None)
    if second is None:
        return
    from ...kernels.cpu.threads import get_num_threads

    count = threads or get_num_threads()
    waiting: deque[Any] = deque()
    with ThreadPoolExecutor(count, "fastloss-score") as pool:
        try:
            waiting.append(pool.submit(job.compute, second))
            for chunk in chunks:
                waiting.append(pool.submit(job.compute, chunk))
                if len(waiting) > count + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _bar(total: int | None, done: int) -> Any:
    """A bar on standard error with rate and time left, if tqdm is there."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return nullcontext()
    return tqdm(total=total, initial=done, unit=" rows", unit_scale=True, leave=False, dynamic_ncols=True)
