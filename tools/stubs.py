"""Write `fastloss/_typed.pyi`, in which mypy and editors find each loss with what it takes. `--check` only compares."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

import fastloss as fl
from fastloss.fused.linear import LinearLoss
from fastloss.fused.topk import TopKDistillation
from fastloss.structured.verbs import CurvedLoss, HostLoss

STUB = Path(fl.__file__).parent / "_typed.pyi"

HEAD = '''"""Every loss with what it takes. Written by tools/stubs.py."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, Protocol

from .define.keywords import Backend, Empty, Reduction
from .fused.linear import LinearLoss
from .fused.topk import TopKDistillation
from .loss import Loss, RowLoss
from .structured.verbs import CurvedLoss, HostLoss

P = ParamSpec("P")

class Array(Protocol):
    @property
    def shape(self) -> Any: ...

Numbers = float | list[Any] | tuple[Any, ...] | Array

'''

GLUE = "\N{NO-BREAK SPACE}"

KINDS = {fl.Loss: "Elements", fl.RowLoss: "Rows", LinearLoss: "Linear", TopKDistillation: "TopK",
         CurvedLoss: "Curved", HostLoss: "OnHost"}  # fmt: skip
"""Classes of losses, those below before those above, and those of the stub whose verbs take what one function does."""

BESIDE = [x for x in (getattr(fl, n) for n in fl.__all__) if isinstance(x, (LinearLoss, TopKDistillation, HostLoss))]
"""Losses that are in no registry."""


def kind(base: type, name: str) -> str:
    """Such a class, and the decorator that makes a function one of its losses."""
    takes = "self, *args: P.args, **kwargs: P.kwargs"
    pair = "tuple[Any, Any]" if base is fl.Loss else "Any"
    results = {"__call__": "Any", "value_and_grad": pair, "grad": "Any", "grad_and_hess": pair}
    verbs = []
    for verb, result in results.items():
        if verb in vars(base) and vars(base)[verb].__annotations__.get("return") != "NoReturn":
            code = vars(base)[verb].__code__
            anything = code.co_argcount == 1 and not code.co_kwonlyargcount  # no override is wrong then
            ignore = "" if anything else "  # type: ignore[override]"
            verbs.append(f"    def {verb}({takes}) -> {result}: ...{ignore}")
    decorator = f"def {name.lower()}(takes: Callable[P, None]) -> {name}[P]: ..."
    return "\n".join([f"class {name}({base.__name__}, Generic[P]):", *verbs, "", decorator])


def annotation(value: Any, single: bool) -> str:
    """The type of a parameter that has this default; `single`: it is never an array."""
    if not single:
        return "Numbers"
    return "float | None" if value is None else type(value).__name__


def stub(loss: Any) -> str:
    """A function that takes what the loss does, made a loss by its decorator."""
    base = type(loss)
    known = {**fl.RowLoss.__call__.__annotations__, **getattr(base, "_run", base.__call__).__annotations__}
    inner = getattr(loss, "loss", loss)
    known |= {n: annotation(value, inner is not loss or n in loss.single) for n, value in inner.values.items()}
    arguments = []
    for name, taken in inspect.signature(loss).parameters.items():
        if taken.default is taken.empty:
            arguments.append(f"{name}: Any")
            continue
        arguments += ["*"] if "*" not in arguments else []
        arguments.append(f"{name}: {known[name]} = {taken.default!r}")
    # A line breaks between arguments alone.
    glued = " ".join(f"{argument.replace(' ', GLUE)}," for argument in arguments)
    lines = TextWrapper(116, initial_indent=" " * 4, subsequent_indent=" " * 4, break_on_hyphens=False).fill(glued)
    decorator = next(name for kind, name in KINDS.items() if isinstance(loss, kind)).lower()
    return f"@{decorator}\ndef {loss.name}(\n{lines.replace(GLUE, ' ')}\n) -> None: ..."


def text() -> str:
    """The whole file."""
    kinds = [kind(base, name) for base, name in KINDS.items()]
    losses = [stub(loss) for loss in (*fl.LOSSES.values(), *BESIDE)]
    aliases = "\n".join(f"{short} = {name}" for short, name in sorted(fl.ALIASES.items()))
    public = repr([*fl.LOSSES, *(loss.name for loss in BESIDE), *sorted(fl.ALIASES)])[1:-1]
    names = f"__all__ = [\n{TextWrapper(116, initial_indent=' ' * 4, subsequent_indent=' ' * 4).fill(public)},\n]"
    return HEAD + "\n\n".join([names, *kinds, *losses, aliases]) + "\n"


def main() -> int:
    """Write the file; with `--check`, only say whether it is up to date."""
    same = STUB.is_file() and STUB.read_text("utf-8") == text()
    if not same and "--check" not in sys.argv[1:]:
        STUB.write_text(text(), "utf-8")
        return 0
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
