"""Which cases run, and with which kernels: a few of each kind, what that leaves out, or all of them."""

from __future__ import annotations

from typing import Any

FEW, REST, ALL, NAMED = "few", "rest", "all", "named"
"""What a run is of: `pytest`, `pytest --rest`, `pytest --full`, `pytest tests/a/test_b.py::test_c`."""

EXAMPLES = {"losses", "define", "structured", "fused", "penalties", "gan"}
"""The folders, and those in them, whose docstrings' examples need no kernels among the few."""


def asked(config: Any) -> str:
    """What a run is of."""
    if any("::" in argument for argument in config.args):
        return NAMED
    if config.getoption("full"):
        return ALL
    return REST if config.getoption("rest") else FEW


def marks(item: Any) -> int:
    """In how many ways a case is one of the rest: by each of its parameters that is, and by its test's mark."""
    return sum(1 for _ in item.iter_markers("full"))


def spared(item: Any) -> bool:
    """Whether a case can do without compiled kernels, as the examples of losses can."""
    example = type(item).__name__ == "DoctestItem" and not EXAMPLES.isdisjoint(item.path.parts[-3:-1])
    wanted = example or "compiled_at_last" in getattr(item, "fixturenames", ())
    return wanted and item.get_closest_marker("compiled") is None


def runs(item: Any, what: str) -> bool:
    """Whether a case is in a run: the rest has what the few leave out, and what they do not compile."""
    return what in (ALL, NAMED) or (marks(item) == 0) == (what == FEW) or (what == REST and spared(item))


def runs_as_python(item: Any, what: str) -> bool:
    """Whether a case's kernels are plain Python in a run.

    In the rest what one parameter leaves out is compiled with the few of the others, and what two leave out at once is
    not: a law's losses and its ways through rows are compiled one by one, not each with each. A parameter's other
    values may be `plain`, too.
    """
    plain = marks(item) > 1 or item.get_closest_marker("plain") is not None
    return spared(item) and (what == FEW or (what != NAMED and plain))


def parted(items: list[Any], what: str) -> tuple[list[Any], list[Any]]:
    """The cases that run, and those that do not."""
    return [item for item in items if runs(item, what)], [item for item in items if not runs(item, what)]
