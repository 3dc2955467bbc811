"""What the row templates keep of an element between two passes: on the side, in its gradient's place, or in a tile.

`arrays` and `at` are those of `kernels/ports/rows.py`.
"""

from __future__ import annotations

from typing import Any

from ..bind import port
from ..places import AT_GRADS, GRADS, STASH

# Ports of the ports: the K-th array on the side is for the NUMBER-th number that is kept.
new = reread = write = write_grad0 = K = NUMBER = port


def keep(arrays: Any, at: Any, k: int, kept: Any) -> None:
    write(arrays[STASH][K], k, kept[NUMBER])


def recall(arrays: Any, at: Any, k: int) -> Any:
    return (reread(arrays[STASH][K], k),)


def room(width: int) -> Any:
    return (new(width),)


# The first number that is kept of an element may lie where its gradient will be: a line of memory to write to is then
# asked for while there is arithmetic to do.


def keep_there(arrays: Any, at: Any, k: int, kept: Any) -> None:
    write_grad0(arrays[GRADS][0], at[AT_GRADS] + k, kept[0])


def recall_there(arrays: Any, at: Any, k: int) -> Any:
    return (reread(arrays[GRADS][0], at[AT_GRADS] + k),)


# What a tile keeps makes way for the derivatives.


def drop_grad(arrays: Any, place: int, d1: Any, d2: Any) -> None:
    write(arrays[STASH][K], place, d1)


def drop_hess(arrays: Any, place: int, d1: Any, d2: Any) -> None:
    write(arrays[STASH][K], place, d2)
