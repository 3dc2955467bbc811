"""How an error says things: values in brief, names as one says them, and the word that was meant."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

ELSEWHERE = {
    "mean": ("average", "avg", "batchmean", "sum_over_batch_size", "mean_with_sample_weight", "elementwise_mean", True),
    "none": (None, False, "raw_values"),
}
"""Values of a keyword, and what they are called elsewhere."""

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 60


def shown(x: Any) -> str:
    """What an error says of a value that it did not expect: never a page of it."""
    shape = getattr(x, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {shape}"
    return _brief.repr(x)


def named(x: Any) -> str:
    """What kind of thing that is which was passed."""
    kind = type(x)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{'an' if (module or kind.__qualname__)[0] in 'aeiou' else 'a'} {module}{kind.__qualname__}"


def listed(names: Iterable[str], last: str = "and") -> str:
    """Names as one says them: a, b and c."""
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


def nearest(value: Any, choices: Iterable[str]) -> str:
    """The choice that looks like a value, or is called so elsewhere, as a question; nothing where there is none."""
    from difflib import get_close_matches

    plain = value is None or isinstance(value, (str, bool))
    known = [c for c, others in ELSEWHERE.items() if plain and c in choices and value in others]
    found = known or get_close_matches(str(value), choices, 1)
    return f"; did you mean {found[0]!r}?" if found else ""


def wrong_choice(loss: str, name: str, value: Any, choices: tuple[str, ...]) -> ValueError:
    """The error for a keyword that is none of a few words."""
    said = listed([repr(c) for c in choices], "or")
    return ValueError(f"{loss}: {name} is {shown(value)}, expected {said}{nearest(value, choices)}")
