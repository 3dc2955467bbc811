"""Tables as bytes in arrays, which a journal holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def packed(table: Any) -> Any:
    """A table as bytes in an array; None as none."""
    if table is None:
        return np.empty(0, np.uint8)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return np.frombuffer(sink.getvalue(), np.uint8)


def unpacked(data: Any) -> Any:
    """The table of `packed`."""
    return pa.ipc.open_stream(pa.py_buffer(data.tobytes())).read_all() if len(data) else None
