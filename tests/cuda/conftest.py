"""What needs numba-cuda runs when it is asked for by name: the simulator in a process of its own, the gate beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
asked = any("cuda" in argument for argument in sys.argv[1:])
simulating = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
collect_ignore = [] if asked else ["sim", "gate"]
if asked:
    collect_ignore.append("gate" if simulating else "sim")
