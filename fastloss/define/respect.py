"""Derivatives with respect to inputs that a definition does not differentiate itself.

A rule is a function of a jet's two derivatives and of the point, ``rule(d1, d2, *point)``, that returns the two
derivatives with respect to another input. A jet and a rule make a jet, so kernels see no difference.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from .frozen import until_gone
from .rules import check_plain
from .wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Rule = Callable[..., tuple[float, float]]

# What the copies of the functions below are completed with.
base: Any = None
rule: Any = None


def mirrored(d1: float, d2: float, *point: float) -> tuple[float, float]:
    """The rule of a function of ``pred - target`` alone, for the target."""
    return 0.0 - d1, d2


RESIDUAL = {"target": mirrored}


def _other(*point: float) -> Any:
    value, d1, d2 = base(*point)
    e1, e2 = rule(d1, d2, *point)
    return value, e1, e2


def _own_and_other(*point: float) -> Any:
    value, d1, d2 = base(*point)
    e1, e2 = rule(d1, d2, *point)
    return value, (d1, e1), (d2, e2)


def _other_and_own(*point: float) -> Any:
    value, d1, d2 = base(*point)
    e1, e2 = rule(d1, d2, *point)
    return value, (e1, d1), (e2, d2)


_FORMS = {1: _other, (0, 1): _own_and_other, (1, 0): _other_and_own}


@until_gone
def composed(jet: Callable[..., Any], chosen: Rule, form: Any) -> Any:
    """A jet whose derivatives are by `chosen` (1), or by that and the jet's own, in the order of `form`."""
    shape: Any = _FORMS[form]
    made = FunctionType(shape.__code__, {**globals(), "base": jet, "rule": chosen}, jet.__name__)
    made.__module__, made.__qualname__ = jet.__module__, jet.__qualname__
    return made


def check_rules(jet: Any, rules: Mapping[str, Any], inputs: tuple[str, ...], wrt: tuple[str, ...]) -> None:
    """Raise unless each rule is a function, for an input that the jet does not differentiate."""
    for name, each in rules.items():
        if name not in inputs or name in wrt or len(wrt) > 1:
            raise TypeError(
                f"{jet.__name__}: others names {name}, expected an input beside the one that it differentiates"
            )
        check_plain(each, f"{jet.__name__}: the rule for {name} must be")


def try_rules(jet: Any, rules: Mapping[str, Any], point: list[Any]) -> None:
    """Raise unless each rule gives two derivatives at some point inside the domains."""
    for name, each in rules.items():
        try:
            _, d1, d2 = jet(*point)
            first, second = each(d1, d2, *point)
            float(first), float(second)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{jet.__name__}: the rule for {name} must return two derivatives, given (d1, d2, "
                            f"*arguments): {error}") from error  # fmt: skip


def check_names(loss: str, names: tuple[Any, ...], known: Iterable[str], most: int) -> None:
    """Raise unless these are inputs with derivatives, each once, and at most so many."""
    texts = all(isinstance(n, str) for n in names)
    if not names or not texts or len({*names}) < len(names) or len(names) > most or not {*names} <= {*known}:
        got = listed([str(n) for n in names]) if names else "nothing"
        several = " or both" if most > 1 else ""
        raise ValueError(f"{loss}: with_respect_to names {got}, expected {listed([*known], 'or')}{several}")
