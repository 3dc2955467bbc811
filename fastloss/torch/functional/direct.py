"""Straight to torch's operators: what its own function makes of few numbers, without the Python around it.

torch's functions take 70 to 4,000 ns until they call their operator. Whether a call is small is known in 100, so that
what is handed over takes as long as by torch's own name, or less. Each text is a call of which torch's function makes
nothing else; what it would refuse, expand or warn of, and what fails, goes the long way to that function itself.
"""

from __future__ import annotations

from inspect import Parameter, signature
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch.compiler import is_dynamo_compiling
from torch.overrides import has_torch_function_variadic

from ...define.code import function_in
from .thresholds import LEAST, NEVER, ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

SCOPE: dict[str, Any] = {
    "F": F, "torch": torch, "nn": torch._C._nn, "compiler": torch.compiler, "traced": is_dynamo_compiling,
    "overridden": has_torch_function_variadic, "LEAST": LEAST, "joined": chain.from_iterable,
    "NUMBER": {"none": 0, "mean": 1, "sum": 2},
}  # fmt: skip
"""What the texts may name besides the arguments."""

TEXT = """
def made(long):
    def {name}({parameters}):
        try:
            if not (traced() or compiler._is_compiling_flag or overridden({tensors})) and {conditions}:
                return {call}
        except Exception:
            pass
        return long({passed})
    return {name}
"""


class Direct(NamedTuple):
    """The call of an operator of torch's, and when it is what torch's function makes of the arguments."""

    call: str
    when: str = "True"
    classes: str = ""
    """How many scores a row has where a layer makes them, of a loss whose size depends on rows."""


def shortened(
    direct: Direct, plan: Callable[..., Any], native: Callable[..., Any], long: Callable[..., Any], first: str
) -> Callable[..., Any]:
    """A function of a plan's signature that calls torch's operator where that is all, and else `long`."""
    name, found = plan.__name__, signature(plan).parameters.values()
    conditions = [_small(name, first, direct.classes), direct.when]
    conditions += [f"{p.name} is None" for p in found if p.name in ("size_average", "reduce")]
    text = TEXT.format(
        name=name,
        parameters=", ".join(_declared(found)),
        tensors=", ".join(p.name for p in found if str(p.annotation).startswith("Tensor")),
        conditions=" and ".join(conditions),
        call=direct.call,
        passed=", ".join(_passed(found, native)),
    )
    made: Callable[..., Any] = function_in(text, "made", SCOPE, plan.__module__)(long)
    return made


def _small(name: str, first: str, classes: str) -> str:
    """The condition that a call is below the table's sizes, with gradients and without."""
    least, table, count = LEAST[name], f"LEAST[{name!r}]", f"{first}.numel()"
    if min(least) == NEVER:
        return f"{name!r} in LEAST"
    if name not in ROWS:
        return f"{count} < {table}[{least.index(min(least))}]"
    row = ROWS[name]
    sizes = f"rows * {classes}" if classes else count
    exact = (f"{row[0]} * (rows := target.numel()) + (count := {sizes}) < {table}[0] and "
             f"{row[1]} * rows + count < {table}[1]")  # fmt: skip
    # No more rows than numbers: few of them are small in any case.
    k = min((0, 1), key=lambda k: least[k] / (1 + row[k]))
    sure = f"{1 + row[k]} * {count} < {table}[{k}]"
    return exact if classes else f"({sure} or {exact})"


def _declared(parameters: Any) -> list[str]:
    """Parameters as a definition has them."""
    found, named = [], False
    for p in parameters:
        if p.kind is Parameter.KEYWORD_ONLY and not named:
            found.append("*")
            named = True
        found.append(p.name if p.default is Parameter.empty else f"{p.name}={p.default!r}")
    return found


def _passed(parameters: Any, native: Callable[..., Any]) -> list[str]:
    """Parameters as a call passes them on; one that an older torch has not, where it is given."""
    known = signature(native).parameters.values()
    names = {p.name for p in known}
    free = any(p.kind is Parameter.VAR_POSITIONAL for p in known)
    found = []
    for p in parameters:
        if p.kind is Parameter.KEYWORD_ONLY:
            found.append(f"{p.name}={p.name}")
        elif free or p.name in names:
            found.append(p.name)
        else:
            found.append(f"**({{}} if {p.name} is None else dict({p.name}={p.name}))")
    return found
