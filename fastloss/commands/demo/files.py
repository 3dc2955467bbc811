"""`fastloss demo data`: a folder of files, made up, for `fastloss score`."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = "fastloss-demo"
HOMES, IMAGES, CLASSES = 20_000, 5_000, 10
REGIONS = ("north", "east", "south", "west")


def write(folder: str) -> str:
    """Write the files into a new folder; what there is to be done with them."""
    path = Path(folder)
    path.mkdir()
    rng = np.random.default_rng(7)
    table = _homes(rng)
    with (path / "homes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))
    made = ["homes.csv", "logits.npy", "labels.npy"]
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table(table), path / "homes.parquet")
        made.insert(1, "homes.parquet")
        note = ""
    except ModuleNotFoundError:
        note = '\nhomes.parquet needs pyarrow, and so does homes.csv to be read: pip install "fastloss[data]"'
    labels = rng.integers(0, CLASSES, IMAGES)
    logits = rng.standard_normal((IMAGES, CLASSES)).astype(np.float32)
    logits[np.arange(IMAGES), labels] += 3.0
    np.save(path / "logits.npy", logits)
    np.save(path / "labels.npy", labels)
    source = "homes.csv" if note else "homes.parquet"
    return (
        f"{folder}{os.sep}: {', '.join(made)}\n"
        f"homes: {HOMES:,} prices in thousands, made up, and a model's guesses, which are worst in the west and far\n"
        f"off for one home in a hundred; logits and labels: {IMAGES:,} images of {CLASSES} classes.{note}\nTry\n"
        f"  cd {folder}\n  fastloss score huber {source} --pred guess --target price --by region\n"
        f"  fastloss score cross_entropy logits.npy labels.npy"
    )


def _homes(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    region = rng.integers(0, len(REGIONS), HOMES)
    area = np.round(rng.gamma(9.0, 11.0, HOMES), 1)
    price = np.round(40.0 + 3.2 * area * np.array([1.0, 1.1, 0.9, 1.4])[region] + 15.0 * rng.standard_normal(HOMES), 1)
    guess = price + rng.standard_normal(HOMES) * np.where(region == 3, 20.0, 8.0)
    guess += np.where(rng.random(HOMES) < 0.01, 150.0, 0.0)
    return {
        "id": np.arange(1, HOMES + 1),
        "region": np.array(REGIONS)[region],
        "rooms": np.maximum(1, (area / 25).astype(np.int64)),
        "area": area,
        "price": price,
        "guess": np.round(guess, 2),
    }
