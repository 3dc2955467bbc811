"""Write the README's tables: losses from the registry, times from `bench/results`. `--check` only compares."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import fastloss as fl

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
COLUMNS = {
    "numpy": "NumPy",
    "torch": "torch",
    "torch.compile": "torch.compile",
    "jax": "JAX jit",
    "sklearn": "scikit-learn",
}


def losses() -> str:
    """One row a loss: its names, its inputs and parameters, what it is for."""
    rows = ["| loss | short names | arguments | what it is for |", "|---|---|---|---|"]
    for loss in fl.LOSSES.values():
        short = ", ".join(f"`{a}`" for a, name in fl.ALIASES.items() if name == loss.name)
        values = (f"{n}={v}" if v is None else f"{n}={v:g}" for n, v in loss.values.items())
        arguments = ", ".join([*loss.inputs, *values])
        summary = (loss.__doc__ or "").strip().split("\n")[0].rstrip(".")
        rows.append(f"| `{loss.name}` | {short} | {arguments} | {summary.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def speed() -> str:
    """One row a loss: milliseconds of a value and gradient, and times as many for the other libraries."""
    found = json.loads((ROOT / "bench/results/pointwise.json").read_text("utf-8"))
    machine, records = found["machine"], found["records"]
    header = ["loss", "ms", "to `a - b`", "`check=False`", *(f"{name}, times" for name in COLUMNS.values())]
    rows = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    for record in records:
        times = {name: t["median"] for name, t in record["times"].items()}
        bare, mine = times["c = a - b"], times["out"]
        free = f"{times['unchecked'] / bare:.2f}" if "unchecked" in times else "-"
        others = [f"{times[name] / mine:.1f}" if name in times else "-" for name in COLUMNS]
        rows.append(
            "| " + " | ".join([record["loss"], f"{1e3 * mine:.1f}", f"{mine / bare:.2f}", free, *others]) + " |"
        )
    place = (
        f"`value_and_grad` of {records[0]['size']:,} {records[0]['dtype']} into a given array; {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['date'][:10]}; torch {machine['versions']['torch']}, JAX "
        f"{machine['versions']['jax']}, scikit-learn {machine['versions']['scikit-learn']}, Numba "
        f'{machine["versions"]["numba"]}. "To `a - b`" is the time beside a bare '
        "parallel `c = a - b` of the same arrays."
    )
    return place + "\n\n" + "\n".join(rows)


def row_speed() -> str:
    """One row a number of classes and a dtype: the same for `cross_entropy`, beside a copy of the logits."""
    found = json.loads((ROOT / "bench/results/rows.json").read_text("utf-8"))
    records = found["records"]
    header = ["classes", "dtype", "ms", "to a copy", *(f"{name}, times" for name in COLUMNS.values())]
    rows = ["| " + " | ".join(header) + " |", "|---:|---" + "|---:" * (len(header) - 2) + "|"]
    for record in records:
        times = {name: t["median"] for name, t in record["times"].items()}
        bare, mine = times["c = a"], times["out"]
        others = [f"{times[name] / mine:.1f}" if name in times else "-" for name in COLUMNS]
        cells = [f"{record['classes']:,}", record["dtype"], f"{1e3 * mine:.1f}", f"{mine / bare:.2f}", *others]
        rows.append("| " + " | ".join(cells) + " |")
    place = (
        f"`cross_entropy.value_and_grad` of about {records[0]['rows'] * records[0]['classes']:,} logits with labels "
        f'into a given array, on the same machine, {found["machine"]["date"][:10]}. "To a copy" is the time beside a '
        "bare parallel copy of the logits."
    )
    return place + "\n\n" + "\n".join(rows)


TABLES = {"losses": losses, "speed": speed, "row speed": row_speed}


def written(text: str) -> str:
    """`text` with the tables as they should be."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: tools/readme.py -->", f"<!-- end of {name} -->"
        content = f"{begin}\n\n{table()}\n\n{end}"
        text = re.sub(f"(?s){re.escape(begin)}.*{re.escape(end)}", lambda _, c=content: c, text)
    return text


def main() -> int:
    """Rewrite the tables; with `--check`, only say whether they are up to date."""
    old = README.read_text("utf-8")
    new = written(old)
    if "--check" in sys.argv[1:]:
        return int(old != new)
    README.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
