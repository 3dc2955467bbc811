"""Words of error texts: values in brief, types, lists of names, and the name that was probably meant."""

from __future__ import annotations

import reprlib
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

ELSEWHERE = {
    "mean": ("average", "avg", "batchmean", "sum_over_batch_size", "mean_with_sample_weight", "elementwise_mean", True),
    "none": (None, False, "raw_values"),
}
"""Values of a keyword, and what other libraries call them."""

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 60


def shown(x: Any) -> str:
    """A value in at most 60 characters; the shape of an array."""
    shape = getattr(x, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {shape}"
    return _brief.repr(x)


def named(x: Any) -> str:
    """The type of a value with its article: "a numpy.ndarray"."""
    kind = type if isinstance(x, type) else type(x)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{'an' if (module or kind.__qualname__)[0] in 'aeiou' else 'a'} {module}{kind.__qualname__}"


def no_loss(x: Any) -> str:
    """What came in a loss's place; of a name, how to pass the loss."""
    if isinstance(x, FunctionType):
        return f"a function, {x.__name__} (fl.derive makes losses of such)"
    if isinstance(x, type):
        return f"the class {x.__name__}"
    return f"{x!r}; pass the loss itself, as fl.{x}" if isinstance(x, str) else named(x)


def camel(name: str) -> str:
    """A loss's name as that of a class: ``SquaredError`` of ``squared_error``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def listed(names: Iterable[str], last: str = "and") -> str:
    """Names in a sentence: "a, b and c"."""
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


def nearest(value: Any, choices: Iterable[str]) -> str:
    """A question with the choice that looks like a value, or that others call so; "" where there is none."""
    from difflib import get_close_matches

    plain = value is None or isinstance(value, (str, bool))
    known = [c for c, others in ELSEWHERE.items() if plain and c in choices and value in others]
    found = known or get_close_matches(str(value), choices, 1)
    return f"; did you mean {found[0]!r}?" if found else ""


def wrong_choice(loss: str, name: str, value: Any, choices: tuple[str, ...]) -> ValueError:
    """The error for a keyword whose value is none of its choices."""
    expected = listed([repr(c) for c in choices], "or")
    return ValueError(f"{loss}: {name} is {shown(value)}, expected {expected}{nearest(value, choices)}")
