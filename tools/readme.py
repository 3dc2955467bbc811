"""Write the README's table of losses from the registry: `python tools/readme.py`, or `--check` to compare."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import fastloss as fl

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- losses: tools/readme.py -->", "<!-- end of losses -->"


def table() -> str:
    """One row a loss: its names, its inputs and parameters, what it is for."""
    rows = ["| loss | short names | arguments | what it is for |", "|---|---|---|---|"]
    for loss in fl.LOSSES.values():
        short = ", ".join(f"`{a}`" for a, name in fl.ALIASES.items() if name == loss.name)
        arguments = ", ".join([*loss.inputs, *(f"{n}={v:g}" for n, v in loss.values.items())])
        summary = (loss.__doc__ or "").strip().split("\n")[0].rstrip(".")
        rows.append(f"| `{loss.name}` | {short} | {arguments} | {summary} |")
    return "\n".join(rows)


def written(text: str) -> str:
    """`text` with the table as it should be."""
    return re.sub(f"(?s){re.escape(BEGIN)}.*{re.escape(END)}", lambda _: f"{BEGIN}\n\n{table()}\n\n{END}", text)


def main() -> int:
    """Rewrite the table; with `--check`, only say whether it is up to date."""
    old = README.read_text("utf-8")
    new = written(old)
    if "--check" in sys.argv[1:]:
        return int(old != new)
    README.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
