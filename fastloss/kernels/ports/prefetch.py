"""What the template for many rows at a time asks memory for: a class of a tile at a time, while it computes.

Asked for all at once, lines are waited for: a core has room for a few dozen on their way, and rows of 100 classes took
1.7 times as long. `k` is the class that is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import INNER
from ..templates.tilesums import LANES

# Ports of the ports: which array, and where a row begins in it.
prefetch = SIDE = OF = K = AT = port


def ask_ahead(arrays: Any, at: Any, steps: Any, k: int) -> None:
    """For a class of the tile after this one."""
    start = at[AT] + np.uint64(LANES * (steps[AT, INNER] + k))
    for i in range(0, LANES, SIDE):
        prefetch(arrays[OF][K], start + np.uint64(i))


def ask_here(arrays: Any, at: Any, steps: Any, k: int) -> None:
    """For a class of this tile, to be written."""
    start = at[AT] + np.uint64(LANES * k)
    for i in range(0, LANES, SIDE):
        prefetch(arrays[OF][K], start + np.uint64(i))
