"""Figures that commands draw into files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .stop import FAILED, USAGE, Stop, interruptible, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS = (".svg", ".png", ".pdf")


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
