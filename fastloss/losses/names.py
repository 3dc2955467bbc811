"""The losses that are probably meant by an unknown name."""

from __future__ import annotations

import re
import sys
from difflib import SequenceMatcher, get_close_matches
from opcode import opmap
from typing import TYPE_CHECKING, Any

from ..define.derive.names import of_math
from ..define.wording import listed
from ..registry import LOSSES
from . import ALIASES
from .peers import ALONE, KINDS, PEERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

OTHERS = {"gan", "penalties"}
"""Our modules in which losses' names are other things."""

VERBS = ("grad", "value_and_grad", "grad_and_hess", "bind")


def likely_losses(name: str, also: Iterable[str] = ()) -> list[str]:
    """The losses that a name may mean, the likeliest first; or the names of `also` that look like it."""
    if known := losses_called(name):
        return known
    if of_kind(name):
        return []
    forms = _spellings(name)
    if (rest := next(_kinds_and_rests(forms[-1]), None)) is not None:
        return losses_called(rest[1])
    close: list[str] = []
    for form in dict.fromkeys((forms[0], forms[-1])):
        # Of other libraries' names only what is misspelt: what looks like one may be something else.
        close += get_close_matches(form, [*LOSSES, *ALIASES, *also], 3, 0.75) or get_close_matches(form, PEERS, 1, 0.88)
    close = [m for m in close if SequenceMatcher(None, forms[-1], m.removesuffix("_loss")).ratio() > 0.5]
    return list(dict.fromkeys(n for m in close for n in (PEERS.get(m) or ALIASES.get(m) or m).split()))[:2]


def meant(name: str, also: Iterable[str] = ()) -> str | None:
    """The one loss that a name means: ours, one of `also`, or another library's; None if none or several are meant."""
    full = ALIASES.get(name, name)
    known = [full] if full in LOSSES or full in also else losses_called(name)
    return known[0] if len(known) == 1 and known[0] in (*LOSSES, *also) else None


def losses_called(name: str) -> list[str]:
    """The losses that this library or another calls by a name, the likeliest first."""
    if OTHERS & {*name.split(".")[:-1]}:
        return []
    for form in _spellings(name):
        if known := PEERS.get(form) or ALIASES.get(form) or (form if form in LOSSES else None):
            return known.split()
    return []


def _spellings(name: str) -> list[str]:
    """A name in our spelling, first as it is: `nn.BCEWithLogitsLoss` is bce_with_logits_loss, then bce_with_logits."""
    short = name.rpartition(".")[2]
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", short).replace("-", "_").lower()
    forms = [snake.replace(":", "_"), snake.rpartition(":")[2]]
    for pattern in (r"_?loss(es)?$", r"^loss_", r"_(error|metric|objective|score)$"):
        forms.append(re.sub(pattern, "", forms[-1]))
    return list(dict.fromkeys(filter(None, forms))) or [snake]


def asked_by_import() -> bool:
    """Whether the module's attribute is asked for by ``from fastloss import``.

    Python's own error would name what looks most alike, and that may be half of what was meant.
    """
    asking = sys._getframe(3)  # behind the module's __getattr__ and the function that it calls
    return asking.f_code.co_code[asking.f_lasti] == opmap["IMPORT_FROM"]


def of_kind(name: str) -> list[str]:
    """The losses of the kind that a name says which no loss has here."""
    forms = _spellings(name)
    whole = KINDS.get(forms[-1].replace("_", "")) or KINDS.get(f"{name.partition(':')[0]}:")
    if whole:
        return whole.split()
    return next((KINDS[word].split() for word, rest in _kinds_and_rests(forms[-1]) if not losses_called(rest)), [])


def _kinds_and_rests(form: str) -> Iterator[tuple[str, str]]:
    """The words for kinds at either end of a name, and what is left of it: of asymmetric_huber, huber."""
    for word, rest in (form.partition("_")[::2], form.rpartition("_")[::-2]):
        if word in KINDS and word not in ALONE:
            yield word, rest


def hint(name: str, also: Iterable[str] = (), spelt: str = "{}") -> str:
    """A question with the losses that were probably meant, or what there is of their kind; or an empty text."""
    likely, kind = ([spelt.format(n) for n in found] for found in (likely_losses(name, also), of_kind(name)))
    if not likely and kind:
        return f"it has no counterpart here; of its kind there are {listed(kind)}"
    return f"did you mean {listed(likely, 'or')}?" if likely else ""


def of_a_face(name: str, library: Any, spelt: Callable[[str], str | None]) -> str:
    """The end of the error for a loss that the functions for another library's arrays do not have.

    `library` is the package, which has more losses, `spelt` says how the functions call one of ours, or None.
    """
    if mine := of_math(name):
        return f": fl.derive makes losses of formulas with fl.math.{mine}"
    more = [n for n in library.__all__ if n not in LOSSES and hasattr(getattr(library, n), "value_and_grad")]
    likely = [name] if name in more else likely_losses(name, more)
    if found := [x for n in likely if (x := spelt(n)) is not None]:
        return f": did you mean {listed(found, 'or')}?"
    return f": fl.{likely[0]} has it, for NumPy's arrays" if likely else f": {suggestion(name)}"


def row_by_row(name: str) -> str:
    """The end of the error for a name that is to be a loss of elements or of rows."""
    likely = likely_losses(name)
    if likely and not any(n in LOSSES for n in likely):
        return f"fl.{likely[0]} has no loss of each row: call it with arrays"
    return suggestion(name)


def suggestion(name: str, also: Iterable[str] = ()) -> str:
    """The end of the error for an attribute that does not exist."""
    if name in VERBS:
        return f"each loss has it, as in fl.huber.{name}"
    if mine := of_math(name):
        return f"did you mean fl.math.{mine}?"
    text = hint(name, also, "fl.{}") or "fl.LOSSES has all losses, by name"
    more = "; `fastloss losses --search WORD` finds some, fl.derive makes others"
    return text if text.endswith("?") else text + more
