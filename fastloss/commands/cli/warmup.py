"""`fastloss warmup`: compile kernels ahead; say what each loss took, and how long the others will take."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, suppress
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from ...registry import LOSSES
from .arguments import COMMON, DTYPES, VERBS
from .listing import losses_named
from .machine import cache_contents, cache_folder
from .stop import FAILED, OK, USAGE, Stop, check_settings, interruptible, missing, tell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ..warmup import Unit


def warmup(args: argparse.Namespace) -> int:
    """Compile the kernels of the losses that are asked for, and print what the cache then holds."""
    from ...kernels.announce import VARIABLE
    from ...kernels.cpu import cache, levels
    from .. import warmup

    names, dtypes, verbs = _asked(args)
    check_settings()
    if "bfloat16" in dtypes:
        try:
            import ml_dtypes  # noqa: F401
        except ModuleNotFoundError as error:
            missing(error, {"ml_dtypes": "ml_dtypes"}, "half")
    places: list[warmup.Ahead | None] = [None]
    if args.to is not None:
        places = [warmup.Ahead(level, _folder(args.to)) for level in args.levels or [levels.NATIVE]]
    elif args.levels:
        raise Stop("warmup: --for says what kernels in the folder of --to are for; give both", USAGE)
    folder = cache_folder()
    os.environ[VARIABLE] = "1"  # its own lines say what is compiled, here and in its workers
    before = cache.count()
    units, ways = warmup.units(names, dtypes, verbs), warmup.Ways(args.weight, args.dense)
    jobs = max(1, min(args.jobs or warmup.cores(), len(units)))
    for place in places:
        kernels = {} if args.quiet else warmup.missing(units, ways, place)
        progress = Progress(units, kernels, args.quiet)
        if not args.quiet:
            count = sum(sum(each.values()) for each in kernels.values())
            seconds = sum(map(warmup.expected, kernels.values())) / jobs
            progress.open(
                f"{', '.join(names) if len(names) < 7 else f'{len(names)} losses'} for {', '.join(dtypes)}"
                f"{f' on {place.level}' if place else ''}: {count} "
                f"kernel{'s' * (count != 1)} to compile{f', {jobs} at a time' if jobs > 1 and count else ''}"
                f"{f', about {duration(seconds)}' if count else ''}"
            )
        try:
            with interruptible() if jobs == 1 and place is None else nullcontext():
                warmup.compile_all(units, ways, jobs, progress.done, place)
        finally:
            progress.close()
        for (name, dtype), reason in [*progress.failures.items()][:5]:
            tell(f"fastloss: {name} {dtype}: {reason}")
        if progress.failures:
            raise Stop(f"{len(progress.failures)} of {len(names) * len(dtypes)} did not compile", FAILED)
    after = cache.count()
    if not after:
        raise Stop(f"nothing could be stored in {folder}")
    print(f"{cache_contents(folder)} ({after - before} new)")
    return OK


def _folder(text: str) -> str:
    """The directory of `--to`, from here on that of this process."""
    from ...kernels import disk

    folder = os.path.abspath(os.path.expanduser(text))
    if os.pathsep in folder:
        raise Stop(
            f"warmup: {folder} cannot be named in {disk.VARIABLE}, where {os.pathsep!r} separates folders", USAGE
        )
    os.environ[disk.VARIABLE] = folder
    disk.open_to_readers()
    if problems := disk.problems():
        raise Stop(f"warmup: --to {folder} is of no use: {problems[0]}", FAILED)
    return folder


def _asked(args: argparse.Namespace) -> tuple[list[str], list[str], list[str]]:
    """The losses, the dtypes and the verbs that are asked for, each once; all three may stand among the words."""
    dtypes = [dtype for given in args.dtypes or () for dtype in given]
    dtypes += [word for word in args.losses if word in DTYPES]
    verbs = [verb for given in args.verbs or () for verb in given] + [word for word in args.losses if word in VERBS]
    words = [word for word in args.losses if word not in (*DTYPES, *VERBS)]
    if "all" in verbs:
        verbs = list(VERBS)
    if args.all and words:
        raise Stop(f"warmup: --all compiles all losses; leave out {', '.join(words)} or --all", 2)
    names = list(LOSSES) if args.all else losses_named(words or COMMON)
    if others := [name for name in names if name not in LOSSES]:
        raise Stop(f"warmup: {', '.join(others)}: compiled at the first call only", USAGE)
    called = [f"__{verb}__" if verb == "call" else verb for verb in dict.fromkeys(verbs or ("call", "value_and_grad"))]
    return names, list(dict.fromkeys(dtypes or ("float32", "float64"))), called


class Progress:
    """Prints a line for each loss and dtype with the time that it took, and on a terminal a bar of all units."""

    def __init__(self, units: list[Unit], kernels: Mapping[Unit, Mapping[str, int]], quiet: bool) -> None:
        from ..warmup import Estimate

        self.estimate, self.total, self.quiet = Estimate(kernels), len(units), quiet
        self.failures: dict[tuple[str, str], str] = {}
        self.left = {unit[:2]: sum(other[:2] == unit[:2] for other in units) for unit in units}
        self.bar: Any = None

    def open(self, line: str) -> None:
        """Print the first line, and show the bar."""
        if self.quiet:
            return
        tell(line)
        if sys.stderr is not None and sys.stderr.isatty():
            with suppress(ModuleNotFoundError):
                from tqdm import tqdm

                form = "{percentage:3.0f}%|{bar}| {elapsed}{postfix}"
                width = min(get_terminal_size().columns, 100)
                self.bar = tqdm(total=self.total, file=sys.stderr, bar_format=form, ncols=width, leave=False)

    def done(self, unit: Unit, seconds: float, reason: str) -> None:
        """Count a unit as done; print the line of its loss and dtype if it was their last."""
        pair = unit[:2]
        self.estimate.note(unit, seconds)
        self.left[pair] -= 1
        if reason:
            self.failures.setdefault(pair, reason)
        if self.quiet:
            return
        rest = self.estimate.remaining()
        if not self.left[pair]:
            done = sum(not n for n in self.left.values())
            taken = duration(self.estimate.seconds_of(pair))
            line = f"{' '.join(pair)}: {taken} of a core; {done} of {len(self.left)} done"
            line += f", about {duration(rest)} to go" if rest else ""
            if self.bar is None:
                tell(line)
            else:
                self.bar.write(line, file=sys.stderr)
        if self.bar is not None:
            self.bar.set_postfix_str(f"{' '.join(unit)} done, about {duration(rest)} to go", refresh=False)
            self.bar.update()

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.close()


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, in two digits."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
