"""Arrow's arrays of types that rows can be taken of: without run ends, views and inner dictionaries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

VIEWED = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
"""Polars' texts, rows of which Arrow does not take (26.0), and those of which it does."""


def taken(x: pa.Array) -> pa.Array:
    """A column of a type that rows can be taken of; its own dictionary stays, for groups are made of it."""
    t = pa.types
    if t.is_dictionary(x.type):
        return pa.DictionaryArray.from_arrays(x.indices, taken(x.dictionary)) if x.type.value_type in VIEWED else x
    return x if _plain(x.type) else _decoded(x)


def _plain(kind: Any) -> bool:
    """Whether a type has none of these, also inside."""
    t = pa.types
    if kind in VIEWED or t.is_dictionary(kind) or t.is_run_end_encoded(kind):
        return False
    inner = [kind.field(k).type for k in range(kind.num_fields)] if t.is_nested(kind) else []
    viewed = t.is_list_view(kind) or t.is_large_list_view(kind)
    return t.is_union(kind) or not (viewed or not all(map(_plain, inner)))


def _decoded(x: pa.Array) -> pa.Array:
    """The same values, each where it was."""
    import pyarrow.compute as pc

    t, kind = pa.types, x.type
    if _plain(kind):
        return x
    if t.is_dictionary(kind):
        return _decoded(x.dictionary).take(x.indices)
    if t.is_run_end_encoded(kind):
        return _decoded(pc.run_end_decode(x))
    if kind in VIEWED:
        return x.cast(VIEWED[kind])
    nulls = x.is_null()
    if t.is_struct(kind):
        fields = [_decoded(x.field(k)) for k in range(kind.num_fields)]
        return pa.StructArray.from_arrays(fields, [f.name for f in kind], mask=nulls)
    if t.is_fixed_size_list(kind):
        size = kind.list_size
        values = x.values.slice(x.offset * size, len(x) * size)
        return pa.FixedSizeListArray.from_arrays(_decoded(values), size, mask=nulls)
    if t.is_map(kind):
        keys, items = _decoded(x.keys), _decoded(x.items)
        offsets = x.offsets.to_numpy().copy()
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32(), mask=_last(nulls)), keys, items)
    lengths = pc.list_value_length(x).fill_null(0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return pa.LargeListArray.from_arrays(pa.array(offsets), _decoded(x.flatten()), mask=nulls)


def _last(nulls: pa.Array) -> Any:
    """Nulls of a map's offsets, the last of which ends the last row."""
    return np.append(nulls.to_numpy(zero_copy_only=False), False)
