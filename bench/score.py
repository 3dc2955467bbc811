"""Files larger than a cache, scored, beside reading them alone and other libraries: ``python -m bench.score FOLDER``.

It makes 50 million rows of float32 in the folder, as two `.npy` files and as Parquet (860 MB), and removes them. Every
way says the mean, the least and the largest loss; ours alone says quantiles and a histogram, too. Ratios are of the
best of some turns, in which all ways follow one another.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROWS, STEP = 50_000_000, 1_000_000
CHUNK = 1 << 17
NUMPYS = ("copy of .npy", "score .npy", "  no quantiles", "NumPy by hand")
"""The ways that read NumPy's files; the others read Parquet."""


def made(folder: Path, rows: int) -> None:
    """The files, unless they are there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if (folder / "x.parquet").exists():
        return
    rng = np.random.default_rng(0)
    files = [np.lib.format.open_memmap(folder / f"{c}.npy", "w+", np.float32, (rows,)) for c in "py"]
    schema = pa.schema([("p", pa.float32()), ("y", pa.float32())])
    with pq.ParquetWriter(folder / "x.parquet", schema) as writer:
        for a in range(0, rows, STEP):
            n = min(STEP, rows - a)
            y = rng.standard_normal(n, dtype=np.float32)
            p = y + rng.standard_normal(n, dtype=np.float32)
            files[0][a : a + n], files[1][a : a + n] = p, y
            writer.write_table(pa.table({"p": p, "y": y}, schema=schema))


def copied(folder: Path) -> None:
    """Both maps, copied in chunks."""
    for name in "py":
        x = np.load(folder / f"{name}.npy", mmap_mode="r")
        for a in range(0, len(x), CHUNK):
            np.array(x[a : a + CHUNK])


def decoded(folder: Path) -> None:
    """The Parquet file, decoded batch by batch."""
    import pyarrow.parquet as pq

    for _ in pq.ParquetFile(folder / "x.parquet", memory_map=True).iter_batches(CHUNK, use_threads=True):
        pass


def of_numpy(folder: Path, loss: str) -> Any:
    """`.npy`, by this library."""
    import fastloss as fl

    return fl.data.score(loss, {"pred": str(folder / "p.npy"), "target": str(folder / "y.npy")})


def of_parquet(folder: Path, loss: str) -> Any:
    """Parquet, by this library."""
    import fastloss as fl

    return fl.data.score(loss, str(folder / "x.parquet"), pred="p", target="y")


def without_quantiles(folder: Path, loss: str) -> Any:
    """Parquet, by this library: no more than the others say."""
    import fastloss as fl

    return fl.data.score(loss, str(folder / "x.parquet"), pred="p", target="y", quantiles=False)


def npy_without_quantiles(folder: Path, loss: str) -> Any:
    """`.npy`, likewise."""
    import fastloss as fl

    files = {"pred": str(folder / "p.npy"), "target": str(folder / "y.npy")}
    return fl.data.score(loss, files, quantiles=False)


def by_hand(folder: Path, loss: str) -> Any:
    """The formula in NumPy, chunk by chunk."""
    p, y = (np.load(folder / f"{c}.npy", mmap_mode="r") for c in "py")
    total, low, high = 0.0, np.inf, -np.inf
    for a in range(0, len(p), CHUNK):
        r = np.abs(p[a : a + CHUNK] - y[a : a + CHUNK])
        if loss == "huber":
            x = np.where(r <= 1, np.float32(0.5) * r * r, r - np.float32(0.5))
        else:
            x = r + np.log1p(np.exp(np.float32(-2) * r)) - np.float32(np.log(2))
        total += float(x.sum(dtype=np.float64))
        low, high = min(low, float(x.min())), max(high, float(x.max()))
    return total / len(p), low, high


SQL = {
    "huber": "CASE WHEN abs(p - y) <= 1 THEN 0.5 * (p - y) * (p - y) ELSE abs(p - y) - 0.5 END",
    "log_cosh": "abs(p - y) + ln(1 + exp(-2 * abs(p - y))) - ln(2)",
}


def duckdb_sql(folder: Path, loss: str) -> Any:
    """DuckDB's own SQL."""
    import duckdb

    query = f"SELECT avg(l), min(l), max(l) FROM (SELECT {SQL[loss]} AS l FROM '{folder}/x.parquet')"
    return duckdb.sql(query).fetchall()[0]


def pandas_frame(folder: Path, loss: str) -> Any:
    """pandas, the whole file at once."""
    import pandas as pd

    frame = pd.read_parquet(folder / "x.parquet")
    r = (frame["p"] - frame["y"]).abs()
    x = (0.5 * r * r).where(r <= 1, r - 0.5) if loss == "huber" else r + np.log1p(np.exp(-2 * r)) - np.log(2)
    return x.mean(), x.min(), x.max()


def polars_lazy(folder: Path, loss: str) -> Any:
    """Polars' expressions, streaming."""
    import polars as pl

    r = (pl.col("p") - pl.col("y")).abs()
    huber = pl.when(r <= 1).then(0.5 * r * r).otherwise(r - 0.5)
    x = huber if loss == "huber" else r + (-2 * r).exp().log1p() - np.log(2)
    frame = pl.scan_parquet(folder / "x.parquet").select(x.alias("l"))
    found = frame.select(a=pl.col("l").mean(), b=pl.col("l").min(), c=pl.col("l").max())
    return found.collect(engine="streaming").row(0)


def ways(folder: Path, loss: str) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    return {
        "copy of .npy": lambda: copied(folder),
        "score .npy": lambda: of_numpy(folder, loss),
        "  no quantiles": lambda: npy_without_quantiles(folder, loss),
        "NumPy by hand": lambda: by_hand(folder, loss),
        "decoding Parquet": lambda: decoded(folder),
        "score Parquet": lambda: of_parquet(folder, loss),
        "  no quantiles, Pq": lambda: without_quantiles(folder, loss),
        "DuckDB SQL": lambda: duckdb_sql(folder, loss),
        "pandas": lambda: pandas_frame(folder, loss),
        "Polars": lambda: polars_lazy(folder, loss),
    }


def measure(folder: Path, loss: str, turns: int) -> None:
    """Print the best of each way, in wall time and in processor time, and ratios."""
    best: dict[str, list[float]] = {}
    for _ in range(turns):
        for name, way in ways(folder, loss).items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            times = time.perf_counter() - wall, time.process_time() - cpu
            best[name] = [min(a, b) for a, b in zip(best.get(name, times), times, strict=True)]
    for name, (wall, cpu) in best.items():
        base = best["copy of .npy" if name in NUMPYS else "decoding Parquet"]
        print(f"{loss:9} {name:18} {wall:7.3f} s, {wall / base[0]:5.2f} of reading; "
              f"processor {cpu:7.3f} s, {cpu / base[1]:5.2f}", flush=True)  # fmt: skip


def peak(folder: Path, way: str) -> float:
    """The most memory of a process that does nothing else, in MB."""
    script = (
        "from pathlib import Path\nfrom bench import score as b\n"
        f"b.ways(Path({str(folder)!r}), 'huber')[{way!r}]()\n"
        "lines = Path('/proc/self/status').read_text().splitlines()\n"
        "print(*(line.split()[1] for line in lines if line.startswith(('VmHWM', 'RssFile'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-2]) / 1024


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="leave the files")
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True)
    made(args.folder, args.rows)
    for loss in ("huber", "log_cosh"):
        measure(args.folder, loss, args.turns)
    for way in ways(args.folder, "huber"):
        print(f"peak memory, {way}: {peak(args.folder, way):,.0f} MB, mapped pages among them", flush=True)
    if not args.keep:
        for name in ("p.npy", "y.npy", "x.parquet"):
            os.remove(args.folder / name)


if __name__ == "__main__":
    main()
