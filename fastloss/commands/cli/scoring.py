"""`fastloss score`: the losses of files, from the shell."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from .stop import BAD_DATA, FAILED, OK, USAGE, Stop, check_settings, missing, tell

if TYPE_CHECKING:
    import argparse

_OF_PYTHON = re.compile(r"\b(nan|nulls|format)='?(\w*)'?")
"""What errors call the options of `fl.data.score`."""

OPTIONAL = {"pyarrow": "pyarrow", "duckdb": "DuckDB", "zarr": "zarr"}


def score(args: argparse.Namespace) -> int:
    """Score the source; print what is to be said of it."""
    check_settings()
    from ... import data

    loss = args.chosen
    if not hasattr(loss, "shared"):
        raise Stop(f"score: {args.loss} has no loss of each row; `fastloss losses` lists those that have", USAGE)
    roles, source = _roles(args, loss)
    try:
        found = data.score(
            loss,
            source,
            **roles,
            **args.more,
            output=args.output or "loss",
            grad=_grad(args.grad),
            nulls=args.nulls,
            nan=args.nan,
            out=args.out,
            keep=None if args.keep is None else [c for c in args.keep.split(",") if c],
            where=args.where,
            worst=args.worst,
            by=args.by,
            quantiles=not args.no_quantiles,
            resume=args.resume,
            format=args.format,
            chunk_rows=args.chunk_rows,
            threads=args.threads,
            progress=not args.quiet and sys.stderr is not None and sys.stderr.isatty(),
        )
    except ModuleNotFoundError as error:
        missing(error, OPTIONAL, "data")
    except data.DataError as error:
        text = _OF_PYTHON.sub(r"--\1 \2", str(error)).strip()
        commas = "; several columns are joined by commas, as in --pred a,b" if text.endswith("no such file") else ""
        raise Stop(text + commas, BAD_DATA) from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise Stop(f"{place}{error.strerror or error}", BAD_DATA) from None
    except (TypeError, ValueError) as error:
        raise Stop(f"score: {str(error).removeprefix('fl.data.score: ')}", USAGE) from None
    _print(json.dumps(found.as_dict(), indent=2, default=str) if args.json else str(found))
    if args.out is not None and not args.quiet:
        tell(f"wrote {found.written:,} row{'s' * (found.written != 1)} to {args.out}")
    if args.fail_above is not None and not found.mean <= args.fail_above:
        raise Stop(f"the mean, {found.mean:.9g}, is above {args.fail_above:g}", FAILED)
    return OK


def _roles(args: argparse.Namespace, loss: Any) -> tuple[dict[str, Any], Any]:
    """Which columns are what, and the source: NumPy's files may be given as columns, or in the order of the inputs."""
    roles = {name: _columns(getattr(args, name)) for name in ("pred", "target", "weight")}
    inputs = {loss.inputs[0]: "pred", "target" if "target" in loss.inputs else loss.inputs[-1]: "target"}
    given = {name: value for name, value in {**roles, **args.more}.items() if _is_file(value)}
    if given and not args.sources:
        for name in given:
            args.more.pop(name, None)
        files = {next((n for n, role in inputs.items() if role == name), name): path for name, path in given.items()}
        return {"weight": "weight"} if "weight" in files else {}, files
    if len(args.sources) > 1 and all(map(_is_file, args.sources)) and not any(roles.values()):
        names = [*loss.inputs, "weight"]
        if len(args.sources) > len(names) or len(args.sources) < len(loss.inputs):
            expected = f"{', '.join(loss.inputs)}, and perhaps weight"
            raise Stop(f"score: {len(args.sources)} files, expected {expected}", USAGE)
        files = dict(zip(names, args.sources, strict=False))
        return {"weight": "weight"} if "weight" in files else {}, files
    if not args.sources:
        raise Stop("score: there is no SOURCE; see `fastloss score --help`", USAGE)
    return {name: value for name, value in roles.items() if value is not None}, args.sources


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and value.endswith(".npy")


def _columns(text: str | None) -> Any:
    return text.split(",") if text is not None and "," in text else text


def _grad(text: str | None) -> Any:
    """`C`, `C,C`, or `INPUT=C,INPUT=C`."""
    if text is None or "=" not in text:
        return _columns(text)
    return dict(part.partition("=")[::2] for part in text.split(","))


def _print(text: str) -> None:
    """Write to stdout; with signs that its encoding has."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = text.replace("█", "#").replace("▏", ".")
    print(text)
