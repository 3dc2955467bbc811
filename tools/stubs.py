"""Write `fastloss/_typed.pyi`, in which mypy and editors find each loss with what it takes. `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

import fastloss as fl
from fastloss.options import taken

STUB = Path(fl.__file__).parent / "_typed.pyi"

HEAD = '''"""Every loss with what it takes. Written by tools/stubs.py."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec

from .loss import Loss
from .options import Backend, Empty, Reduction
from .rowloss import RowLoss

P = ParamSpec("P")

'''

GLUE = "\N{NO-BREAK SPACE}"

VERBS = {"__call__": "Any", "value_and_grad": "{two}", "grad": "Any", "grad_and_hess": "{two}"}


def kind(name: str, base: str, two: str) -> str:
    """A class of losses whose verbs take what one function does."""
    takes = "self, *args: P.args, **kwargs: P.kwargs"
    verbs = (f"    def {verb}({takes}) -> {result.format(two=two)}: ..." for verb, result in VERBS.items())
    ignored = [f"{verb}  # type: ignore[override]" for verb in verbs]
    decorator = f"def {name.lower()}(takes: Callable[P, None]) -> {name}[P]: ..."
    return "\n".join([f"class {name}({base}, Generic[P]):", *ignored, "", decorator])


def annotation(value: Any) -> str:
    """The type of a parameter that has this default."""
    return "float | None" if value is None else "bool" if isinstance(value, bool) else "float"


def stub(loss: Any) -> str:
    """A function that takes what the loss does, made a loss by its decorator."""
    kinds = type(loss).__call__.__annotations__
    inputs = [f"{n}: Any" for n in loss.inputs]
    own = [f"{n}: {annotation(value)} = {value!r}" for n, value in loss.values.items()]
    keywords = [f"{n}: {kinds[n]} = {value!r}" for n, value in taken(loss).items()]
    made = "rows" if isinstance(loss, fl.RowLoss) else "elements"
    # A line breaks between arguments alone.
    arguments = [f"{argument.replace(' ', GLUE)}," for argument in (*inputs, "*", *own, *keywords)]
    lines = TextWrapper(116, initial_indent=" " * 4, subsequent_indent=" " * 4, break_on_hyphens=False)
    return f"@{made}\ndef {loss.name}(\n{lines.fill(' '.join(arguments)).replace(GLUE, ' ')}\n) -> None: ..."


def text() -> str:
    """The whole file."""
    kinds = [kind("Elements", "Loss", "tuple[Any, Any]"), kind("Rows", "RowLoss", "Any")]
    losses = [stub(loss) for loss in fl.LOSSES.values()]
    aliases = "\n".join(f"{short} = {name}" for short, name in sorted(fl.ALIASES.items()))
    return HEAD + "\n\n".join([*kinds, *losses, aliases]) + "\n"


def main() -> int:
    """Write the file; with `--check`, only say whether it is up to date."""
    same = STUB.is_file() and STUB.read_text("utf-8") == text()
    if not same and "--check" not in sys.argv[1:]:
        STUB.write_text(text(), "utf-8")
        return 0
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
