"""The commands about this machine: `demo` and `bench` measure it, `cache` shows what is kept on it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from .figures import picture
from .stop import OK, USAGE, Stop, check_settings, interruptible, missing

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def demo(args: argparse.Namespace) -> int:
    """Run the demo, or the one that is named."""
    check_settings()
    if args.name == "data":
        return _files(args.out)
    if args.out is not None and args.name is None:
        raise Stop("demo: -o is for a demo with a name; see `fastloss demo --help`", USAGE)
    out = None if args.out is None else picture(args.out, "demo")
    try:
        from .. import demo

        with interruptible():
            return demo.run(quick=args.quick) if args.name is None else demo.run_one(args.name, args.quick, out)
    except ModuleNotFoundError as error:
        if error.name == "matplotlib":
            missing(error, {"matplotlib": "matplotlib"}, "plot")
        missing(error, {"sklearn": "scikit-learn", "scipy": "SciPy", "tqdm": "tqdm"}, "demo")


def _files(folder: str | None) -> int:
    """Write the files that `fastloss score --help` speaks of."""
    from ..demo import files

    try:
        print(files.write(files.FOLDER if folder is None else folder))
    except FileExistsError as error:
        raise Stop(f"demo data: {error.filename} is there already; -o names another folder") from None
    return OK


def bench(args: argparse.Namespace) -> int:
    """Measure from how many elements threads pay; print the setting for it."""
    check_settings()
    from ... import settings
    from ...kernels.cpu import threads
    from ...kernels.plan import elements as plan
    from .. import tune

    count = threads.get_num_threads()
    if count == 1 or threads.launch() is None:
        raise Stop(f"there are no threads to measure: a single core, or {threads.VARIABLE} is 1")
    with interruptible():
        times = tune.measure()
    found = tune.threshold(times)
    print(f"value_and_grad of float32, serial and with {count} threads\n{tune.table(times)}")
    if found is None:
        raise Stop("threads gain next to nothing, even at the largest size; is the machine busy?")
    print(f"threads pay from {found:,} elements; in use: {plan.PARALLEL_FROM:,}. For all programs, set")
    print(f"export {settings.PARALLEL_FROM}={found}")
    return OK


def cache(args: argparse.Namespace) -> int:
    """Print the folder of compiled kernels and their size; remove them with `--clear`."""
    from ...kernels.cpu.cache import clear_cache

    folder = cache_folder()
    print(cache_contents(folder))
    if args.clear:
        print(f"removed {_bytes(clear_cache())}")
    return OK


def cache_folder() -> Path:
    """The folder of compiled kernels; stop if there is none."""
    from ...kernels.cpu import cache

    folder, reason = cache_place()
    if folder is None:
        raise Stop(f"there is no cache on disk: {reason} (see {cache.VARIABLE})")
    return folder


def cache_place() -> tuple[Path | None, str]:
    """The folder of compiled kernels, or why there is none."""
    from ...kernels.cpu import cache

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folder = cache.directory()
    return folder, str(caught[0].message) if caught else "it is switched off, or there is no place for it"


def cache_contents(folder: Path) -> str:
    """A line with the folder, the number of its kernels, and their size."""
    from ...kernels.cpu import cache

    count = cache.count()
    return f"{folder}: {count} kernel{'s' if count != 1 else ''}, {_bytes(cache.size())}"


def _bytes(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
