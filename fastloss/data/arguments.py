"""What `scorer` is told: the loss, the columns of its inputs, and what the new columns are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..define.hints import unknown_argument
from ..define.keywords import keywords_of
from ..define.wording import listed, named, shown
from ..losses import ALIASES
from ..registry import LOSSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    Columns = str | Sequence[str]

OWN = ("weight", "axis", "reduction", "normalizer", "empty", "out", "return_stats")
"""Keywords of the verbs that a scorer has itself, or that mean nothing where each row has its loss."""


def loss_of(loss: Any, owner: str = "fl.data") -> Any:
    """The loss of that name, or the loss itself."""
    if isinstance(loss, str):
        found = LOSSES.get(ALIASES.get(loss, loss))
        if found is None:
            from ..losses.names import row_by_row

            raise ValueError(f"{owner}: {loss!r} is no loss; {row_by_row(loss)}")
        return found
    if not hasattr(loss, "shared") and hasattr(loss, "inputs") and hasattr(loss, "name"):
        raise TypeError(f"{owner}: {loss.name} has no loss of each row: call it with arrays")
    if not (hasattr(loss, "inputs") and hasattr(loss, "wrt") and hasattr(loss, "shared")):
        raise TypeError(
            f"{owner}: the loss is {named(loss)}, expected the name of a loss, or a loss of elements or rows"
        )
    return loss


def by_place(loss: Any, pred: Columns | None, target: Columns | None) -> dict[str, Any]:
    """The first input, whatever it is called, and the one that is the target."""
    given: dict[str, Any] = {}
    if pred is not None:
        given[loss.inputs[0]] = pred
    if target is not None:
        if "target" not in loss.inputs and len(loss.inputs) != 2:
            raise unknown_argument(loss, "target", 1)
        given["target" if "target" in loss.inputs else loss.inputs[1]] = target
    return given


def columns_of(loss: Any, name: str, value: Any) -> Any:
    """The name of a column, or several."""
    if isinstance(value, str):
        return value
    several = name in loss.inputs and isinstance(value, (list, tuple)) and value
    if several and all(isinstance(v, str) for v in value):
        return tuple(value)
    expected = "a column's name" + (", or a list of such" if name in loss.inputs else "")
    raise TypeError(f"{loss.name}: {name} is {shown(value)}, expected {expected}")


def unknown(loss: Any, name: str) -> TypeError:
    """The error for an argument that a scorer does not take."""
    if name in OWN:
        return TypeError(f"{loss.name}: a scorer takes no {name}: each row has its own loss")
    keywords = [k for k in keywords_of(loss) if k not in OWN]
    taken = [*loss.inputs, *loss.parameters, "weight", "output", "grad", "nulls", *keywords]
    return unknown_argument(loss, name, expected=", ".join(taken))


def gradients_of(loss: Any, grad: Any) -> dict[str, Columns]:
    """What the columns of each derivative are called."""
    own = [loss.inputs[k] for k in loss.wrt]
    if grad is None:
        return {}
    if not hasattr(grad, "items"):
        if len(own) > 1:
            example = ", ".join(f"{n!r}: 'grad_{n}'" for n in own)
            raise TypeError(f"{loss.name}: grad is {shown(grad)}, expected a dictionary, as of {{{example}}}: it has "
                            f"derivatives with respect to {listed(own)}")  # fmt: skip
        grad = {own[0]: grad}
    for name, called in grad.items():
        if name not in own:
            raise ValueError(f"{loss.name}: grad names {shown(name)}, expected {listed(own, 'or')}; with_respect_to "
                             f"chooses others")  # fmt: skip
        several = isinstance(called, (list, tuple)) and called and all(isinstance(c, str) for c in called)
        if not (isinstance(called, str) or (several and hasattr(loss, "target"))):
            raise TypeError(f"{loss.name}: grad is {shown(called)}, expected a column's name")
    return {n: c if isinstance(c, str) else tuple(c) for n, c in grad.items()}
