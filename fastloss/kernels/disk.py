"""The folders on disk where machine code may be kept, and its files: read, written, listed, with a checksum each.

Whoever can write to a folder of kernels, or swap one above it for another, runs code in this process. So each folder on
the way down belongs to root or to this user, and nobody else may write to it; folders that are made here are private
whatever the umask. Where such a folder can be read and not written, as in a container's image, it is read all the same.
"""

from __future__ import annotations

import os
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import cache as once
from hashlib import sha256
from itertools import chain
from pathlib import Path

VARIABLE = "FASTLOSS_CACHE_DIR"
NAME = "fastloss-kernels"
"""The name of fastloss's folder in the cache directory."""
SUFFIXES = (".kernel", ".cubin")
"""The endings of the files in it."""

SHIPPED = Path(__file__).parents[1] / "prebuilt"
"""The folder of kernels that came with this library, if any did. It is trusted as the library's code is."""

_BINARY = getattr(os, "O_BINARY", 0)
_readers = 0
_TAG = "CACHEDIR.TAG"
_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55\n# Compiled kernels of fastloss: `fastloss cache --clear`.\n"


@once
def directories() -> tuple[Path, ...]:
    """The directories of this user's kernels, the first made if need be; none if there is no safe one.

    They are the environment's ``FASTLOSS_CACHE_DIR`` (empty or ``off``: no cache; several are separated as in
    ``PATH``), else ``fastloss`` in the platform's cache directory. Kernels are looked for in all of them, and written
    to the first that can be written to. Decided once per process (``directories.cache_clear()`` forgets).
    """
    wanted = _wanted()
    good = tuple(path for path, problem in wanted if path is not None and not problem)
    problems = [problem for _, problem in wanted if problem]
    if problems and VARIABLE in os.environ:
        what = "is used in part" if good else "is of no use, every process compiles its kernels"
        text = f"{VARIABLE}={os.environ[VARIABLE]!r} {what}: {'; '.join(problems)}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return good


def directory() -> Path | None:
    """The first of them."""
    return next(iter(directories()), None)


def _wanted() -> list[tuple[Path | None, str]]:
    """Where the kernels are to be, and why they cannot be there, or ""."""
    explicit = os.environ.get(VARIABLE)
    if explicit is not None and explicit.strip().lower() in ("", "off"):
        return []
    found: list[tuple[Path | None, str]] = []
    for text in [None] if explicit is None else filter(None, explicit.split(os.pathsep)):
        try:
            path = _default() if text is None else Path(text).expanduser().absolute()
            if path is None:
                found.append((None, "this user has no home directory of its own"))
            elif path.exists() or not any(_writable(each / NAME) for each, bad in found if each and not bad):
                path = path.parent.resolve() / path.name
                found.append((path, _problem(path) or _problem(path / NAME)))
        except (OSError, RuntimeError, ValueError) as error:  # `~nobody` is a RuntimeError
            found.append((None, str(error)))
    return found


def problems() -> list[str]:
    """Why folders that kernels are to be in are of no use; empty if none is."""
    return [problem for _, problem in _wanted() if problem]


def kept_in() -> Path | None:
    """The folder that a kernel is written to, if there is one."""
    return next((folder for folder in folders() if _writable(folder)), None)


def unkept() -> str:
    """Why no kernel is written, where the user has not asked for that nor heard of it; else ""."""
    if kept_in() is not None:
        return ""
    wanted = _wanted()
    if VARIABLE in os.environ and all(problem for _, problem in wanted):
        return ""
    return "; ".join(problem or f"{path} cannot be written to" for path, problem in wanted)


def folders() -> list[Path]:
    """The folders of machine code: of the directories, and of the default one where none can be written to."""
    found = [root / NAME for root in directories() if not _problem(root) and not _problem(root / NAME)]
    if found and not any(map(_writable, found)):
        with suppress(OSError, RuntimeError, ValueError):
            default = _default()
            root = None if default is None else default.parent.resolve() / default.name
            if root is not None and root / NAME not in found and not _problem(root) and not _problem(root / NAME):
                found.append(root / NAME)
    return found


def shipped() -> list[Path]:
    """The folder of kernels that came with this library; none for who compiles for others, who need not have it."""
    return [] if _readers else [SHIPPED]


def read(name: str) -> bytes | None:
    """The content of the file `name`; None if it is absent or damaged, or if others could have written it."""
    safe = (folder / name for folder in folders() if not _problem((folder / name).parent, make=False))
    found = (_content(path, trusted=False) for path in safe)
    came = (_content(folder / name, trusted=True) for folder in shipped())
    return next((data for data in chain(found, came) if data is not None), None)


def _content(path: Path, trusted: bool) -> bytes | None:
    with suppress(OSError), open(path, "rb") as file:
        data = file.read()
        if sha256(data[32:]).digest() == data[:32] and (trusted or not _exposed(os.fstat(file.fileno()))):
            return data[32:]
    return None


def write(name: str, data: bytes) -> None:
    """Write the file `name` where a folder can be written to; a reader finds all of it or nothing."""
    folder = kept_in()
    if folder is None:
        return
    path = folder / name
    # Under a name of its own first.
    temporary = path.with_name(f"{path.stem}.tmp.{os.urandom(16).hex()}{path.suffix}")
    with suppress(OSError):
        if not _problem(path.parent):
            try:
                _create(temporary, sha256(data).digest() + data)
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)


def stored() -> Iterator[tuple[Path, int]]:
    """The files of machine code and their lengths, in folders that have fastloss's tag."""
    for folder in folders():
        if _tag(folder) == _SIGNATURE:
            for where, _, names in os.walk(folder):  # never follows links
                for path in (Path(where, name) for name in names if name.endswith(SUFFIXES)):
                    with suppress(OSError):
                        yield path, path.lstat().st_size


def _default() -> Path | None:
    home, xdg = os.environ.get("HOME", ""), os.environ.get("XDG_CACHE_HOME", "")
    if sys.platform == "win32":
        home = base = os.environ.get("LOCALAPPDATA", "")
    else:
        base = os.path.join(home, "Library/Caches" if sys.platform == "darwin" else ".cache")
        if sys.platform != "darwin" and os.path.isabs(xdg):  # a relative one is to be ignored, says XDG
            return Path(xdg, "fastloss")
        # Under sudo HOME may be another's, who could never use what root leaves there.
        if not os.path.isdir(home) or os.stat(home).st_uid != os.geteuid():
            return None
    return Path(base, "fastloss") if os.path.isabs(home) else None


def _problem(path: Path, make: bool = True) -> str:
    """Why code must not be loaded from an absolute `path`, or ""; an absent folder is made."""
    try:
        for each in (*reversed(path.parents), path):
            try:
                status = each.lstat()
            except FileNotFoundError:
                if not make:
                    raise
                _make(each)
                status = each.lstat()
            if not stat.S_ISDIR(status.st_mode):
                return f"{each} is a symbolic link, or no directory"
            problem = _exposed(status, sticky=each != path)
            if problem:
                return f"{problem}: {each}" if each == path else f"{problem}: {each}, a directory above it"
    except (OSError, ValueError) as error:
        return str(error)
    return "" if os.access(path, os.R_OK | os.X_OK) else f"it cannot be read: {path}"


def open_to_readers() -> None:
    """From here on, let other users read what this process writes, which is then all that they need."""
    global _readers
    _readers = 0o055


def _make(folder: Path) -> None:
    with suppress(FileExistsError):  # another process was faster
        folder.mkdir(mode=0o700)
        if _readers:
            folder.chmod(0o700 | _readers)
        if folder.name == NAME:
            _create(folder / _TAG, _SIGNATURE)


def _create(path: Path, data: bytes) -> None:
    """A file of this user alone, whatever the umask, or one that others may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600), "wb") as file:
        file.write(data)
    if _readers:
        path.chmod(0o600 | (_readers & 0o044))


def _exposed(status: os.stat_result, sticky: bool = False) -> str:
    """Why users other than root and this one could change a file, or ""; in a `sticky` folder, only their own files."""
    if sys.platform == "win32":
        return ""
    if status.st_uid not in (0, os.geteuid()):
        return "it belongs to another user"
    if status.st_mode & 0o022 and not (sticky and status.st_mode & stat.S_ISVTX):
        return "others than its owner can write to it"
    return ""


def _writable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def _tag(folder: Path) -> bytes:
    with suppress(OSError):
        return (folder / _TAG).read_bytes()
    return b""
