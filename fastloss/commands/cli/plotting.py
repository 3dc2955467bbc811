"""`fastloss plot`: losses, and their derivatives if asked for, as a figure in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...registry import LOSSES
from .listing import UNREGISTERED, losses_named
from .stop import FAILED, OK, USAGE, Stop, check_settings, interruptible, missing

if TYPE_CHECKING:
    import argparse

FORMATS = (".svg", ".png", ".pdf")


def plot(args: argparse.Namespace) -> int:
    """Draw the losses; write the figure where it is to go."""
    check_settings()
    losses = [loss_of(word) for word in args.losses]
    path = None if args.out is None else picture(args.out, "plot")
    if path is None and sys.stdout is not None and sys.stdout.isatty():
        raise Stop("plot: say where the figure goes, with -o FILE.svg, or `> FILE.svg`", USAGE)
    whats = ["value", *(["grad"] if args.grad else []), *(["hess"] if args.hess else [])]
    try:
        from ...plot import panels, style

        with interruptible():
            style.save(panels.panels(losses, whats), path or sys.stdout.buffer)
    except ModuleNotFoundError as error:
        missing(error, {"matplotlib": "matplotlib"}, "plot")
    except (TypeError, ValueError) as error:
        raise Stop(str(error).replace("fl.plot.curves", "plot"), FAILED) from None
    return OK


def loss_of(word: str) -> Any:
    """The loss of `NAME`, or of `NAME:PARAMETER=NUMBER,...`, those parameters bound."""
    name, _, settings = word.rpartition(":") if "=" in word else (word, "", "")
    (full,) = losses_named([name], UNREGISTERED)
    loss: Any = LOSSES.get(full) or UNREGISTERED[full]
    given = {}
    for setting in filter(None, settings.split(",")):
        parameter, equals, number = setting.partition("=")
        if not equals:
            raise Stop(f"plot: {word}: {setting} is no setting, expected PARAMETER=NUMBER", USAGE)
        try:
            given[parameter.strip()] = float(number)
        except ValueError:
            raise Stop(f"plot: {word}: {parameter} is {number!r}, expected a number", USAGE) from None
    try:
        return loss.bind(**given) if given else loss
    except (AttributeError, TypeError, ValueError) as error:
        raise Stop(f"plot: {error}", USAGE) from None


def picture(name: str, command: str) -> Path:
    """Where a picture is to go; stop for a kind of file that is none, or a folder that is not there."""
    path = Path(name)
    if path.suffix.lower() not in FORMATS:
        raise Stop(f"{command}: {name} is no picture; expected a name that ends with {', '.join(FORMATS)}", USAGE)
    if not path.parent.is_dir():  # said at once, not after the work
        raise Stop(f"{command}: there is no folder {path.parent}")
    return path
