"""What the row templates keep of an element between two passes: on the side, in its gradient's place, or in a tile.

`arrays` and `at` are those of `kernels/ports/rows.py`.
"""

from __future__ import annotations

from typing import Any

from ..bind import port
from ..places import AT_GRADS, GRADS, STASH

# Ports of the ports.
new = reread = write_grad0 = write_kept0 = write_kept1 = write_kept2 = reread_kept0 = reread_kept1 = port
reread_kept2 = port


# The first number that is kept of an element may lie where its gradient will be: a line of memory to write to is then
# asked for while there is arithmetic to do.


def keep_there1(arrays: Any, at: Any, k: int, kept: Any) -> None:
    write_grad0(arrays[GRADS][0], at[AT_GRADS] + k, kept[0])


def keep_there2(arrays: Any, at: Any, k: int, kept: Any) -> None:
    write_grad0(arrays[GRADS][0], at[AT_GRADS] + k, kept[0])
    write_kept0(arrays[STASH][0], k, kept[1])


def keep_there3(arrays: Any, at: Any, k: int, kept: Any) -> None:
    write_grad0(arrays[GRADS][0], at[AT_GRADS] + k, kept[0])
    write_kept0(arrays[STASH][0], k, kept[1])
    write_kept1(arrays[STASH][1], k, kept[2])


def recall_there1(arrays: Any, at: Any, k: int) -> Any:
    return (reread(arrays[GRADS][0], at[AT_GRADS] + k),)


def recall_there2(arrays: Any, at: Any, k: int) -> Any:
    return reread(arrays[GRADS][0], at[AT_GRADS] + k), reread_kept0(arrays[STASH][0], k)


def recall_there3(arrays: Any, at: Any, k: int) -> Any:
    return (
        reread(arrays[GRADS][0], at[AT_GRADS] + k),
        reread_kept0(arrays[STASH][0], k),
        reread_kept1(arrays[STASH][1], k),
    )


def keep0(arrays: Any, at: Any, k: int, kept: Any) -> None:
    pass


def keep1(arrays: Any, at: Any, k: int, kept: Any) -> None:
    write_kept0(arrays[STASH][0], k, kept[0])


def keep2(arrays: Any, at: Any, k: int, kept: Any) -> None:
    write_kept0(arrays[STASH][0], k, kept[0])
    write_kept1(arrays[STASH][1], k, kept[1])


def keep3(arrays: Any, at: Any, k: int, kept: Any) -> None:
    write_kept0(arrays[STASH][0], k, kept[0])
    write_kept1(arrays[STASH][1], k, kept[1])
    write_kept2(arrays[STASH][2], k, kept[2])


def recall0(arrays: Any, at: Any, k: int) -> Any:
    return ()


def recall1(arrays: Any, at: Any, k: int) -> Any:
    return (reread_kept0(arrays[STASH][0], k),)


def recall2(arrays: Any, at: Any, k: int) -> Any:
    return reread_kept0(arrays[STASH][0], k), reread_kept1(arrays[STASH][1], k)


def recall3(arrays: Any, at: Any, k: int) -> Any:
    return reread_kept0(arrays[STASH][0], k), reread_kept1(arrays[STASH][1], k), reread_kept2(arrays[STASH][2], k)


def room0(width: int) -> Any:
    return ()


def room1(width: int) -> Any:
    return (new(width),)


def room2(width: int) -> Any:
    return new(width), new(width)


def room3(width: int) -> Any:
    return new(width), new(width), new(width)


# What a tile keeps makes way for the derivatives.


def drop1(arrays: Any, place: int, d1: Any, d2: Any) -> None:
    write_kept0(arrays[STASH][0], place, d1)


def drop2(arrays: Any, place: int, d1: Any, d2: Any) -> None:
    write_kept0(arrays[STASH][0], place, d1)
    write_kept1(arrays[STASH][1], place, d2)
