"""What completion shows of a module or a loss, and errors for attributes that there are not, with those meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .callers import Nameless, refuse_asking
from .wording import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

VERBS = {
    "grad": "gradient gradients derivative derivatives jac jacobian",
    "value_and_grad": "backward value_and_gradient loss_and_grad fun_and_grad",
    "grad_and_hess": "hess hessian hessians hessp hvp second_derivative calc_ders_range calc_ders_multi",
    "the call": "value forward eval evaluate compute",
}
"""Verbs, and what other libraries call them."""

OTHERS = {other: verb for verb, others in VERBS.items() for other in others.split()}


class _Elsewhere:
    """An attribute that a loss has under another name. (A ``__getattr__`` takes 0.2 us of each call.)"""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, loss: Any, owner: type) -> Any:
        if loss is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self.name!r}")
        refuse_asking(loss.name)
        verbs = [v for v in VERBS if v == "the call" or hasattr(owner, v)]
        meant = OTHERS[self.name] if OTHERS[self.name] in verbs else "grad"
        raise AttributeError(
            f"{loss.name!s} has no attribute {self.name!r}: did you mean {meant}? The verbs are {listed(verbs)}",
            obj=VERBS,
        )  # with an object and no name, Python suggests nothing


class _Listed(type):
    """Classes that are listed without the names that they only have for advice: `help` and editors ask for them."""

    def __dir__(cls) -> Iterable[str]:
        return [n for n in super().__dir__() if n not in (*OTHERS, "__name__")]


class Misnamed(metaclass=_Listed):
    """What has verbs, and says which one is meant by another library's name."""

    __name__ = Nameless()

    def __dir__(self) -> Iterable[str]:
        return [n for n in super().__dir__() if n not in (*OTHERS, "__name__")]


for _name in OTHERS:
    setattr(Misnamed, _name, _Elsewhere(_name))


def only(
    module: str, names: Sequence[str], meant: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A module's ``__getattr__`` and ``__dir__``: these names alone, of which some have others elsewhere."""

    def missing(name: str) -> Any:
        text = f"module {module!r} has no attribute {name!r}"
        if name.startswith("_"):
            raise AttributeError(text)
        from difflib import get_close_matches

        short = name.lower().removesuffix("loss").strip("_")
        close = get_close_matches(short, names, 1)
        found = (meant or {}).get(short) or (short if short in names else "") or (close[0] if close else "")
        hint = f"did you mean {module}.{found}?" if found else f"it has {listed(sorted(names))}"
        raise AttributeError(f"{text}: {hint}", obj=names)

    return missing, lambda: [*names, "__doc__"]
