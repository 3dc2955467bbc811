"""How much memory a process may still take here: the machine's, and what its control groups leave."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# The files of a control group: limit, use, and the line of memory.stat that can be reclaimed; of both versions.
FILES = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def available() -> int:
    """Bytes that can be taken without swapping or being killed."""
    return min([_machine(), *_groups(Path("/sys/fs/cgroup"), _text(Path("/proc/self/cgroup")))])


def _machine() -> int:
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2  # no Linux: nobody says, so half of it


def _groups(mount: Path, membership: str) -> Iterator[int]:
    """What each group that this process is in leaves it, those above it included. Inside a container the group's path
    may be the host's: then only the mount itself is there."""
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",")
        if controllers and "memory" not in names:
            continue
        version = "memory" if controllers else ""
        root = mount / version
        group = root / path.strip("/")
        for folder in (group, *group.parents):
            if folder == root or root in folder.parents:
                yield from _left(folder, *FILES[version])


def _left(folder: Path, limit: str, use: str, reclaimable: str) -> Iterator[int]:
    most, taken = _text(folder / limit).strip(), _text(folder / use).strip()
    if most.isdecimal() and taken.isdecimal():
        stat = dict(line.split() for line in _text(folder / "memory.stat").splitlines())
        yield max(0, int(most) - int(taken) + int(stat.get(reclaimable, 0)))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
