"""What reads the arguments of one command."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import NoReturn

from .stop import USAGE, Stop


class Parser(argparse.ArgumentParser):
    """A parser of one command's arguments, whose errors are one line."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(f"fastloss {command}", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Stop, and name the option that looks most alike."""
        known = [option for action in self._actions for option in action.option_strings]
        given = message.removeprefix("unrecognized arguments: ").split()
        close = difflib.get_close_matches(given[0], known, 1) if given[0] != message.split()[0] else []
        hint = f"did you mean {close[0]}?" if close else f"see `{self.prog} --help`"
        pair = next((g for g in given if re.fullmatch(r"[A-Za-z]\w*=[^=]+", g)), "")
        if pair and "unrecognized" in message:
            hint = f"a parameter goes by its name, as in --{pair.replace('=', ' ')}"
        raise Stop(f"{self.prog.removeprefix('fastloss ')}: {message}; {hint}", USAGE)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return int(text)
