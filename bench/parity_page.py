"""The table of built-in objectives and how far our models are from theirs, for `bench.boosting --parity`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from . import parity

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "bench/results", ROOT / "docs/boosting-parity.md"

INTRODUCTION = f"""# Built-in objectives, and the losses that they are

Written by `python -m bench.boosting --parity`, which trains each objective that a booster has built in, and beside it
the loss here, on {parity.ROWS:,} rows for {parity.ROUNDS} rounds. The figures are the largest difference of the raw
predictions in parts of the largest prediction, without weights and with weights between 0.5 and 2; where the first
tree's leaves are compared, the share of rows that lie in another leaf. XGBoost's scores are float32, whose rounding is
6e-8; LightGBM's derivatives are; CatBoost holds `alpha` and MAPE's quotient in float32.

Both start from a raw score of 0. LightGBM: `boost_from_average=False`, `deterministic=True`. CatBoost:
`boost_from_average=False`, `bootstrap_type="No"`, `random_strength=0`, leaves by one step, Newton's where CatBoost has
it by itself, else the gradient's.
"""


def figure(record: dict[str, Any], key: str) -> str:
    """A difference as the table shows it."""
    return f"{record[key]:.1e}".replace("0.0e+00", "0") if key in record else ""


def line(r: dict[str, Any]) -> str:
    """A row of the table."""
    ours = f"`{r['ours']}`" if r["ours"] else "not compared"
    return f"| `{r['built_in']}` | {ours} | {figure(r, 'unweighted')} | {figure(r, 'weighted')} | {r['why']} |"


def page(records: Sequence[dict[str, Any]], versions: dict[str, str]) -> str:
    """The table of all built-in objectives."""
    lines = [INTRODUCTION]
    for booster, title in (("xgboost", "XGBoost"), ("lightgbm", "LightGBM"), ("catboost", "CatBoost")):
        lines += [
            f"## {title} {versions[booster]}, `hessian={parity.PRESETS[booster]!r}`\n",
            "| built in | here | without weights | with weights | |",
            "|---|---|---|---|---|",
            *(line(r) for r in records if r["booster"] == booster),
            "",
        ]
    return "\n".join(lines)


def equal(boosters: Sequence[str]) -> None:
    """Compare all, and write the table."""
    records = []
    for booster in boosters:
        for row in parity.BUILT_IN[booster]:
            record = parity.compared(row)
            records.append(record)
            shown = f"{figure(record, 'unweighted') or '-':>8s} {figure(record, 'weighted') or '-':>8s}"
            print(f"{booster:9s} {row.name:32s} {row.ours:60s} {shown} {row.why}", flush=True)
    if set(boosters) == set(parity.BUILT_IN):
        versions = {name: metadata.version({"xgboost": "xgboost-cpu"}.get(name, name)) for name in boosters}
        content = {"what": "boosting", "versions": versions, "records": records}
        (RESULTS / "boosting.json").write_text(json.dumps(content, indent=1) + "\n")
        PAGE.write_text(page(records, versions))
