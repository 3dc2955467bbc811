"""`fastloss plot`: losses, and their derivatives if asked for, as a figure in a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .chosen import loss_of
from .figures import draw, picture
from .stop import OK, USAGE, Stop, check_settings

if TYPE_CHECKING:
    import argparse


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
