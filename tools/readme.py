"""Write the README's table of losses, from the registry. `--check` only compares; `bench.report` writes the others."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import fastloss as fl

README = Path(__file__).parents[1] / "README.md"


def losses() -> str:
    """One row a loss: its names, its inputs and parameters, what it is for."""
    rows = ["| loss | short names | arguments | what it is for |", "|---|---|---|---|"]
    for loss in fl.LOSSES.values():
        short = ", ".join(f"`{a}`" for a, name in fl.ALIASES.items() if name == loss.name)
        values = (f"{n}={v}" if v is None or isinstance(v, bool) else f"{n}={v:g}" for n, v in loss.values.items())
        arguments = ", ".join([*loss.inputs, *values])
        summary = (loss.__doc__ or "").strip().split("\n")[0].rstrip(".")
        rows.append(f"| `{loss.name}` | {short} | {arguments} | {summary.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def replaced(text: str, tables: Mapping[str, str], by: str) -> str:
    """`text` with the tables between their marks, which name who writes them, as they should be."""
    for name, table in tables.items():
        begin, end = f"<!-- {name}: {by} -->", f"<!-- end of {name} -->"
        pattern = f"(?s){re.escape(begin)}.*{re.escape(end)}"
        if not re.search(pattern, text):
            raise SystemExit(f"there is no place for {name}: {begin} ... {end}")
        content = f"{begin}\n\n{table}\n\n{end}"
        text = re.sub(pattern, lambda _, c=content: c, text)
    return text


def settled(path: Path, text: str, check: bool) -> bool:
    """Whether the file holds this text, which it is given unless that is only to be checked."""
    same = path.is_file() and path.read_text("utf-8") == text
    if not same and not check:
        path.write_text(text, "utf-8")
    return same or not check


def main() -> int:
    """Rewrite the table; with `--check`, only say whether it is up to date."""
    text = replaced(README.read_text("utf-8"), {"losses": losses()}, "tools/readme.py")
    return int(not settled(README, text, "--check" in sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
