"""Write the README's table of families and LOSSES.md, from the registry. `--check` only compares.

`bench.report` writes the README's other table.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastloss as fl

README = Path(__file__).parents[1] / "README.md"
LOSSES = README.with_name("LOSSES.md")


def _families() -> dict[str, list[Any]]:
    """The losses of each module, by what the module says of itself."""
    found: dict[str, list[Any]] = {}
    for loss in fl.LOSSES.values():
        found.setdefault((sys.modules[loss.__module__].__doc__ or "").split("\n")[0].rstrip("."), []).append(loss)
    return found


def families() -> str:
    """One row a family: what it is for, and its losses."""
    rows = ["| what they are for | losses |", "|---|---|"]
    for about, losses in _families().items():
        rows.append(f"| {about} | {', '.join(f'`{loss.name}`' for loss in losses)} |")
    return "\n".join(rows)


def every_loss() -> str:
    """The page of all losses, a table for each family."""
    parts = ["# The losses", "Written by `python tools/readme.py`. `fastloss losses NAME` prints a loss's formula, "
             "domain, conventions and sources; `help(fl.NAME)` tells what it takes, too. Of boxes, masks, "
             "embeddings, GANs and penalties the [README](README.md#losses-with-a-structure) tells."]  # fmt: skip
    for about, losses in _families().items():
        parts += [f"## {about}", "\n".join(["| loss | short names | arguments | what it is for |", "|---|---|---|---|",
                                             *map(_row, losses)])]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _row(loss: Any) -> str:
    """A loss's names, its inputs and parameters, what it is for."""
    short = ", ".join(f"`{a}`" for a, name in fl.ALIASES.items() if name == loss.name)
    values = (f"{n}={v}" if v is None or isinstance(v, bool) else f"{n}={v:g}" for n, v in loss.values.items())
    summary = (loss.__doc__ or "").strip().split("\n")[0].rstrip(".")
    return f"| `{loss.name}` | {short} | {', '.join([*loss.inputs, *values])} | {summary.replace('|', chr(92) + '|')} |"


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
    """Write both; with `--check`, only say whether they are up to date."""
    check = "--check" in sys.argv[1:]
    text = replaced(README.read_text("utf-8"), {"losses": families()}, "tools/readme.py")
    return int(not all([settled(README, text, check), settled(LOSSES, every_loss(), check)]))


if __name__ == "__main__":
    sys.exit(main())
