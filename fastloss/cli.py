"""The command line: `fastloss demo`, `bench`, `warmup`, `losses`, `cache`.

Data go to stdout, messages and progress to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__
from .loss import LOSSES
from .losses import ALIASES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .loss import Loss

    Unit = tuple[str, str]

DTYPES = ("float32", "float64", "float16", "bfloat16")
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class Stop(Exception):
    """The command ends here: a line for the user, and the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        args = _parser().parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse: 0 after --help and --version, 2 after an error that it has printed
        return end.code if isinstance(end.code, int) else OK
    except Stop as stop:
        print(f"fastloss: {stop}", file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print("fastloss: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `fastloss losses | head`; Python would complain once more when it flushes at exit
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fastloss", description="Loss, gradient and Hessian in one pass.")
    parser.add_argument("--version", action="version", version=f"fastloss {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo", help="train on real data, and time fused passes against NumPy",
        description="Train a classifier, a small network that learns from a larger one, and a robust regression on "
        "data that come with scikit-learn; then time the fused passes against plain NumPy formulas. Nothing is "
        "downloaded; about a minute where the kernels have yet to be compiled.",
    )  # fmt: skip
    demo.add_argument("--all", action="store_true", help="time every loss that has a NumPy formula, not a selection")
    demo.add_argument("--quick", action="store_true", help=argparse.SUPPRESS)  # for tests: see demo.run
    demo.set_defaults(run=_demo)

    bench = commands.add_parser(
        "bench", help="measure from how many elements threads pay here; --tune keeps it",
        description="Time a cheap and a costly loss with and without threads, at sizes around the one from which they "
        "are used. Some seconds, on a machine that does nothing else.",
    )  # fmt: skip
    bench.add_argument("--tune", action="store_true", help="write the best size to your settings, for all programs")
    bench.set_defaults(run=_bench)

    warmup = commands.add_parser(
        "warmup", help="compile kernels ahead into the cache on disk",
        description="Compile what ordinary calls need (inputs of one dtype, dense; with and without weights and out=; "
        "serial and parallel) into the cache on disk, for a container image for instance.",
    )  # fmt: skip
    warmup.add_argument("losses", nargs="*", metavar="LOSS", help="names or short names (default: all losses)")
    warmup.add_argument("--dtype", nargs="+", choices=DTYPES, default=["float32", "float64"], dest="dtypes",
                        metavar="DTYPE", help=f"of {', '.join(DTYPES)} (default: float32 float64)")  # fmt: skip
    warmup.add_argument("--jobs", type=_positive, default=None, metavar="N", help="processes (default: one a core)")
    warmup.add_argument("--quiet", action="store_true", help="no progress: only the result, and errors")
    warmup.set_defaults(run=_warmup)

    losses = commands.add_parser("losses", help="list the losses, their parameters and short names")
    losses.add_argument("--json", action="store_true", help="as JSON")
    losses.set_defaults(run=_losses)

    cache = commands.add_parser("cache", help="say where compiled kernels are kept and how much they take")
    cache.add_argument("--clear", action="store_true", help="remove them")
    cache.set_defaults(run=_cache)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return int(text)


# -- demo -----------------------------------------------------------------------------------------------------------


def _demo(args: argparse.Namespace) -> int:
    try:
        from . import demo
    except ModuleNotFoundError as error:
        _missing(error, {"sklearn": "scikit-learn", "scipy": "SciPy"}, "demo")
    return demo.run(everything=args.all, quick=args.quick)


def _missing(error: ModuleNotFoundError, optional: dict[str, str], extra: str) -> NoReturn:
    """One line for an optional package that is not installed; any other missing module is a fault of ours."""
    package = (error.name or "").partition(".")[0]
    if package not in optional:
        raise error
    raise Stop(f'{optional[package]} is not installed: pip install "fastloss[{extra}]"') from None


# -- bench ----------------------------------------------------------------------------------------------------------


def _bench(args: argparse.Namespace) -> int:
    from . import settings, tune
    from .kernels import plan, threads

    count = threads.get_num_threads()
    if count == 1 or threads.launch() is None:
        raise Stop(f"there are no threads to measure: a single core, or {threads.VARIABLE} is 1")
    times = tune.measure()
    found = tune.threshold(times)
    print(f"value_and_grad of float32, serial and with {count} threads\n{tune.table(times)}")
    if found is None:
        raise Stop("threads gain next to nothing, even at the largest size; is the machine busy?")
    print(f"threads pay from {found:,} elements; in use: {plan.PARALLEL_FROM:,}")
    if args.tune:
        variable, key = settings.PARALLEL_FROM
        try:
            print(f"written to {settings.store(key, found)}")
        except OSError as error:
            raise Stop(f"the settings cannot be written: {error}") from None
        if os.environ.get(variable):
            print(f"fastloss: {variable} is set, and wins over the file", file=sys.stderr)
    return OK


# -- losses ---------------------------------------------------------------------------------------------------------


def _losses(args: argparse.Namespace) -> int:
    rows = [_described(loss) for loss in LOSSES.values()]
    if args.json:
        print(json.dumps(rows, indent=2))
        return OK
    for row in rows:
        short = f"  (or {', '.join(row['aliases'])})" if row["aliases"] else ""
        print(f"{row['name']}({', '.join(row['inputs'])}){short}")
        if row["summary"]:
            print(f"    {row['summary']}")
        for name, parameter in row["parameters"].items():
            default = "off" if parameter["default"] is None else format(parameter["default"], "g")
            print(f"    {name} = {default}: {parameter['domain']}")
    return OK


def _described(loss: Loss) -> dict[str, Any]:
    lines = (loss.__doc__ or "").strip().splitlines()
    return {
        "name": loss.name,
        "aliases": [short for short, name in ALIASES.items() if name == loss.name],
        "inputs": list(loss.inputs),
        "parameters": {
            name: {"default": loss.values[name], "domain": str(domain)} for name, domain in loss.parameters.items()
        },
        "second_derivative": loss.order >= 2,
        "summary": lines[0].strip() if lines else "",
    }


def _named(names: Sequence[str]) -> list[str]:
    """The losses of these names, each once; all of them for none."""
    import difflib

    found: dict[str, None] = {}
    for name in names or LOSSES:
        full = ALIASES.get(name, name)
        if full not in LOSSES:
            close = difflib.get_close_matches(name, [*LOSSES, *ALIASES])
            hint = f"did you mean {' or '.join(close)}?" if close else "`fastloss losses` lists them"
            raise Stop(f"no loss is named {name!r}; {hint}", USAGE)
        found[full] = None
    return list(found)


# -- cache ----------------------------------------------------------------------------------------------------------


def _cache(args: argparse.Namespace) -> int:
    from .kernels import cache

    folder = _folder()
    print(_contents(folder))
    if args.clear:
        print(f"removed {_bytes(cache.clear_cache())}")
    return OK


def _folder() -> Path:
    """Where kernels are kept."""
    import warnings

    from .kernels import cache

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folder = cache.directory()
    if folder is None:
        reason = str(caught[0].message) if caught else "it is switched off, or there is no place for it"
        raise Stop(f"there is no cache on disk: {reason} (see {cache.VARIABLE})")
    return folder


def _contents(folder: Path) -> str:
    from .kernels import cache

    count = cache.count()
    return f"{folder}: {count} kernel{'s' if count != 1 else ''}, {_bytes(cache.size())}"


def _bytes(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


# -- warmup ---------------------------------------------------------------------------------------------------------


def _warmup(args: argparse.Namespace) -> int:
    from . import warmup
    from .kernels import cache

    names = _named(args.losses)
    if "bfloat16" in args.dtypes:
        try:
            import ml_dtypes  # noqa: F401
        except ModuleNotFoundError as error:
            _missing(error, {"ml_dtypes": "ml_dtypes"}, "half")
    folder = _folder()
    before = cache.count()
    units = [(name, dtype) for name in names for dtype in dict.fromkeys(args.dtypes)]
    jobs = min(args.jobs or warmup.cores(), len(units))
    if not args.quiet:
        crew = f", {jobs} at a time" if jobs > 1 else ""
        number = f"{len(names)} losses" if len(names) > 1 else names[0]
        print(f"compiling {number} for {', '.join(dict.fromkeys(args.dtypes))}{crew}; "
              "some 20 s for each that is not there yet", file=sys.stderr)  # fmt: skip
    failures = _with_progress(units, jobs, args.quiet)
    for (name, dtype), reason in failures[:5]:
        print(f"fastloss: {name} {dtype}: {reason}", file=sys.stderr)
    if failures:
        raise Stop(f"{len(failures)} of {len(units)} did not compile")
    after = cache.count()
    if not after:
        raise Stop(f"nothing could be stored in {folder}")
    print(f"{_contents(folder)} ({after - before} new)")
    return OK


def _with_progress(units: list[Unit], jobs: int, quiet: bool) -> list[tuple[Unit, str]]:
    """Compile all; the failures and their reasons. A bar where there is a terminal and tqdm, else one line."""
    from . import warmup

    failures = []
    bar: Any = None
    if not quiet and sys.stderr.isatty():
        with suppress(ModuleNotFoundError):
            from tqdm import tqdm

            bar = tqdm(total=len(units), file=sys.stderr, unit="loss")

    def done(unit: Unit, reason: str) -> None:
        if reason:
            failures.append((unit, reason))
        if bar is not None:
            bar.set_postfix_str(" ".join(unit), refresh=False)
            bar.update()

    try:
        warmup.compile_all(units, jobs, done)
    finally:
        if bar is not None:
            bar.close()
    if bar is None and not quiet:
        print(f"{len(units) - len(failures)} of {len(units)} done", file=sys.stderr)
    return failures


if __name__ == "__main__":
    raise SystemExit(main())
