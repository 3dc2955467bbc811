"""`fastloss plot`: losses, and their derivatives if asked for, as a figure in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .chosen import loss_of
from .stop import FAILED, OK, USAGE, Stop, check_settings, interruptible, missing

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

FORMATS = (".svg", ".png", ".pdf")


def plot(args: argparse.Namespace) -> int:
    """Draw the losses; write the figure where it is to go."""
    check_settings()
    losses = [loss_of(word, "plot") for word in args.losses]
    path = None if args.out is None else picture(args.out, "plot")
    if path is None and sys.stdout is not None and sys.stdout.isatty():
        raise Stop("plot: say where the figure goes, with -o FILE.svg, or `> FILE.svg`", USAGE)
    whats = ["value", *(["grad"] if args.grad else []), *(["hess"] if args.hess else [])]
    draw(losses, whats, path or sys.stdout.buffer)
    return OK


def draw(losses: Sequence[Any], whats: Sequence[str], to: Any) -> None:
    """Draw losses, and what else of them, to a path or an open file."""
    try:
        from ...plot import panels, style

        with interruptible():
            style.save(panels.panels(losses, whats), to)
    except ModuleNotFoundError as error:
        missing(error, {"matplotlib": "matplotlib"}, "plot")
    except (TypeError, ValueError) as error:
        raise Stop(str(error).replace("fl.plot.curves", "plot"), FAILED) from None


def picture(name: str, command: str) -> Path:
    """Where a picture is to go; stop for a kind of file that is none, or a folder that is not there."""
    path = Path(name)
    if path.suffix.lower() not in FORMATS:
        raise Stop(f"{command}: {name} is no picture; expected a name that ends with {', '.join(FORMATS)}", USAGE)
    if not path.parent.is_dir():  # said at once, not after the work
        raise Stop(f"{command}: there is no folder {path.parent}")
    return path
