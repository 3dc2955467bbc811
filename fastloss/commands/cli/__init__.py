"""The command line: `fastloss demo`, `losses`, `score`, `plot`, ...; `python -m fastloss` is the same.

Data go to stdout, messages and progress to stderr. Exit codes: 0 done, 1 failed, or above what `--fail-above` says, 2
wrong usage or setting, 3 data that cannot be read or written, 130 interrupted, 141 when the reader of a pipe has gone.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from .arguments import parse
from .stop import FAILED, INTERRUPTED, OK, READER_GONE, Stop, show_warning, silence, tell

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    with warnings.catch_warnings():
        warnings.showwarning = show_warning  # type: ignore[assignment]
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        except Stop as stop:
            tell(f"fastloss: {stop}")
            return stop.code
        except KeyboardInterrupt:
            tell("fastloss: interrupted")
            return INTERRUPTED
        except BrokenPipeError:  # `fastloss losses | head -1`
            silence()
            return READER_GONE
        except OSError as error:  # a full disk, above all
            silence()
            place = f": {error.filename}" if error.filename else ""
            tell(f"fastloss: {error.strerror or error}{place}")
            return FAILED
        except MemoryError:
            tell("fastloss: out of memory")
            return FAILED


def _run(argv: Sequence[str]) -> int:
    # A terminal that has no sign for a letter gets a question mark.
    with suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        args = parse(argv)
        code: int = args.run(args)
    except SystemExit as end:  # argparse, after --help
        code = end.code if isinstance(end.code, int) else OK
    if sys.stdout is not None:
        sys.stdout.flush()
    return code
