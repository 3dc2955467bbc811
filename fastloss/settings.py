"""What a user may set once for all programs: in the environment, or in the file that `fastloss bench --tune` writes.

Neither can do harm: what is malformed is reported, and done without.
"""

from __future__ import annotations

import os
import reprlib
import stat
import sys
import warnings
from pathlib import Path
from typing import Any

PARALLEL_FROM = "FASTLOSS_PARALLEL_FROM", "parallel_from"
"""Elements from which threads are used: its variable, and its key in the file."""

LARGEST_FILE, LARGEST_NUMBER = 1 << 16, 1 << 62


def file() -> Path | None:
    """Where the file is, or would be; None where the user has no home."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # a relative one is to be ignored, says XDG
        home = os.environ.get("HOME", "")
        base = os.environ.get("APPDATA", "") if sys.platform == "win32" else os.path.join(home, ".config")
    return Path(base, "fastloss", "config.toml") if os.path.isabs(base) else None


def number(names: tuple[str, str], default: int) -> int:
    """A positive whole number: the environment's, else the file's, else the default."""
    variable, key = names
    text = os.environ.get(variable, "").strip()
    if text:
        found = int(text) if text.isdecimal() and len(text) < 20 else 0
        if _usable(found, variable, text):
            return found
    value = _stored().get(key)
    return value if value is not None and _usable(value, f"{key} in {file()}", value) else default


def _usable(value: Any, name: str, given: object) -> bool:
    if type(value) is int and 0 < value <= LARGEST_NUMBER:
        return True
    got = reprlib.repr(given)
    warnings.warn(f"{name} must be a positive whole number, got {got}", RuntimeWarning, stacklevel=3)
    return False


def _stored() -> dict[str, Any]:
    """What the file says; nothing, and a warning, where it cannot be read."""
    path = file()
    try:
        # A pipe would be waited for.
        if path is None or not stat.S_ISREG(path.stat().st_mode):
            return {}
    except (OSError, ValueError):  # there is none
        return {}
    try:
        import tomllib

        with path.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ValueError(f"it is longer than {LARGEST_FILE} bytes")
        return tomllib.loads(content.decode())
    except (OSError, ValueError, RecursionError) as error:
        reason = reprlib.repr(str(error))
        warnings.warn(f"{path} is of no use, defaults are used: {reason}", RuntimeWarning, stacklevel=3)
        return {}


def store(key: str, value: int) -> Path:
    """Write the file anew with this number; where it is."""
    path = file()
    if path is None:
        raise OSError("there is no place for the user's settings: HOME is not set")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    temporary.write_text(
        f"# Measured on this machine by `fastloss bench --tune`, which writes this file anew.\n{key} = {value}\n"
    )
    os.replace(temporary, path)
    return path
