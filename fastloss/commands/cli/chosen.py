"""The loss that a word of the command line means."""

from __future__ import annotations

import os
from typing import Any

from ...losses import ALIASES
from ...registry import LOSSES
from .stop import USAGE, Stop


def loss_of(word: str, command: str) -> Any:
    """The loss of `NAME`, of `NAME:PARAMETER=NUMBER,...` with those parameters bound, or of `FILE.py:NAME`."""
    file, _, inner = word.partition(".py:")
    if inner:
        return _of_file(f"{file}.py", inner, command)
    name, _, settings = word.rpartition(":") if "=" in word else (word, "", "")
    loss: Any = LOSSES.get(ALIASES.get(name, name))
    if loss is None:  # importing the list of all takes its time
        from .listing import UNREGISTERED, losses_named

        (full,) = losses_named([name])
        loss = LOSSES.get(full) or UNREGISTERED[full]
    return _bound(loss, settings, word, command)


def _bound(loss: Any, settings: str, word: str, command: str) -> Any:
    given = {}
    for setting in filter(None, settings.split(",")):
        parameter, equals, number = setting.partition("=")
        if not equals:
            raise Stop(f"{command}: {word}: {setting} is no setting, expected PARAMETER=NUMBER", USAGE)
        try:
            given[parameter.strip()] = float(number)
        except ValueError:
            raise Stop(f"{command}: {word}: {parameter} is {number!r}, expected a number", USAGE) from None
    try:
        return loss.bind(**given) if given else loss
    except (AttributeError, TypeError, ValueError) as error:
        raise Stop(f"{command}: {error}", USAGE) from None


def _of_file(path: str, word: str, command: str) -> Any:
    """A loss that a file of the user's defines, which is run for it."""
    from importlib.util import module_from_spec, spec_from_file_location

    name, _, settings = word.partition(":")
    spec = spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise Stop(f"{command}: there is no file {path}", USAGE)
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the file does
        raise Stop(f"{command}: {path}: {type(error).__name__}: {error}") from None
    if not hasattr(module, name):
        raise Stop(f"{command}: {path} defines no {name}", USAGE)
    return _bound(getattr(module, name), settings, word, command)
