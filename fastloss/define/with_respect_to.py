"""Derivatives with respect to inputs that a definition does not differentiate itself.

A rule is a function of a jet's two derivatives and of the point, ``rule(d1, d2, *point)``, that returns the two
derivatives with respect to another input. A jet and its rule are composed to another jet, so kernels see no difference.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from .frozen import cached_until_release
from .rules import check_plain
from .wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Rule = Callable[..., tuple[float, float]]

# `with_rule` gives its copies of the functions below a jet and a rule under these names.
_jet: Any = None
_rule: Any = None


def mirrored(d1: float, d2: float, *point: float) -> tuple[float, float]:
    """The rule of a function of ``pred - target`` alone, for the target."""
    return 0.0 - d1, d2


RESIDUAL = {"target": mirrored}
"""The rules of a function of ``pred - target`` alone."""


def _by_rule(*point: float) -> Any:
    value, d1, d2 = _jet(*point)
    e1, e2 = _rule(d1, d2, *point)
    return value, e1, e2


def _by_jet_and_rule(*point: float) -> Any:
    value, d1, d2 = _jet(*point)
    e1, e2 = _rule(d1, d2, *point)
    return value, (d1, e1), (d2, e2)


def _by_rule_and_jet(*point: float) -> Any:
    value, d1, d2 = _jet(*point)
    e1, e2 = _rule(d1, d2, *point)
    return value, (e1, d1), (e2, d2)


_FORMS = {("rule",): _by_rule, ("jet", "rule"): _by_jet_and_rule, ("rule", "jet"): _by_rule_and_jet}
"""The composed jets, by whose derivatives they return, in this order."""


@cached_until_release
def with_rule(jet: Callable[..., Any], rule: Rule, derivatives: tuple[str, ...]) -> Any:
    """A jet with the derivatives of the rule alone, or also with those of `jet`, in the order of `derivatives`."""
    form: Any = _FORMS[derivatives]
    composed = FunctionType(form.__code__, {**globals(), "_jet": jet, "_rule": rule}, jet.__name__)
    composed.__module__, composed.__qualname__ = jet.__module__, jet.__qualname__
    return composed


def check_rules(jet: Any, rules: Mapping[str, Any], inputs: tuple[str, ...], wrt: tuple[str, ...]) -> None:
    """Raise unless each rule is a function, and for an input that the jet does not differentiate."""
    for name, rule in rules.items():
        if name not in inputs or name in wrt or len(wrt) > 1:
            raise TypeError(
                f"{jet.__name__}: others names {name}, expected an input beside the one that it differentiates"
            )
        check_plain(rule, f"{jet.__name__}: the rule for {name} must be")


def try_rules(jet: Any, rules: Mapping[str, Any], point: list[Any]) -> None:
    """Raise unless each rule gives two derivatives at some point inside the domains."""
    for name, rule in rules.items():
        try:
            _, d1, d2 = jet(*point)
            first, second = rule(d1, d2, *point)
            float(first), float(second)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{jet.__name__}: the rule for {name} must return two derivatives, given (d1, d2, "
                            f"*arguments): {error}") from error  # fmt: skip


def check_differentiable(loss: str, names: tuple[Any, ...], differentiable: Iterable[str], most: int) -> None:
    """Raise unless `names` are differentiable inputs, each once, and at most `most` of them."""
    texts = all(isinstance(n, str) for n in names)
    if not names or not texts or len({*names}) < len(names) or len(names) > most or not {*names} <= {*differentiable}:
        got = listed([str(n) for n in names]) if names else "nothing"
        several = " or both" if most > 1 else ""
        raise ValueError(f"{loss}: with_respect_to names {got}, expected {listed([*differentiable], 'or')}{several}")
