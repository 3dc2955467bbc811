"""`fastloss losses`: list all losses by family, describe some in full, or search their descriptions."""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import fastloss

from ...define.keywords import keywords_of
from ...losses import ALIASES
from ...losses.names import hint, meant
from ...losses.peers import PEERS
from ...registry import LOSSES
from .stop import FAILED, OK, USAGE, Stop, tell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

BESIDE = (
    "linear_cross_entropy topk_distillation multibox iou_loss giou_loss diou_loss ciou_loss dice_loss jaccard_loss "
    "tversky_loss focal_tversky_loss generalized_dice_loss lovasz_hinge_loss lovasz_softmax_loss triplet_margin "
    "batch_triplet_margin contrastive_embedding cosine_embedding info_nce nt_xent supervised_contrastive circle "
    "lambdarank pairwise_logistic ndcg cox ctc softmax log_softmax sparsemax logsumexp"
)
UNREGISTERED: dict[str, Any] = {name: getattr(fastloss, name) for name in BESIDE.split()} | {
    f"{place}.{name}": getattr(names, name)
    for place, names in (("gan", fastloss.gan), ("penalties", fastloss.penalties))
    for name in names.__all__ if name.islower()
}  # fmt: skip
"""Public functions and losses that are described, too, though no registry holds them."""

TARGETS = {"labels": "labels", "both": "labels, or a target for each class", "dense": "a target for each class"}
WIDTH = 100


def losses(args: argparse.Namespace) -> int:
    """List the losses, or describe those that are asked for."""
    names = losses_named(args.names) if args.names else [*LOSSES, *([] if args.json else UNREGISTERED)]
    if args.search is not None:
        names = search(args.search, names)
    if args.plot is not None:
        return _drawn(args, names)
    if args.json:
        if others := [name for name in names if name not in LOSSES]:
            raise Stop(f"--json has losses of elements and of rows alone, and not {', '.join(others)}", USAGE)
        print(json.dumps([as_dict(LOSSES[name]) for name in names], indent=2))
    elif args.names and args.search is None:
        print("\n\n".join(map(full_description, names)))
    else:
        print("\n".join(_listed(names, families=args.search is None)))
        if sys.stdout is not None and sys.stdout.isatty():
            tell(f"\n{len(names)} of them; `fastloss losses NAME` tells all of one, `--search TEXT` finds some")
    return OK


def _drawn(args: argparse.Namespace, names: Sequence[str]) -> int:
    """Tell all of the losses, and draw them with their derivatives."""
    from .figures import draw, picture

    if not args.names:
        raise Stop("losses: --plot is for losses that are named", USAGE)
    path = picture(args.plot, "losses")
    known = [LOSSES.get(name) or UNREGISTERED[name] for name in names]
    draw(known, ["value", "grad", *(["hess"] if all(getattr(loss, "order", 1) >= 2 for loss in known) else [])], path)
    print("\n\n".join(map(full_description, names)))
    tell(f"wrote {path}")
    return OK


def losses_named(names: Iterable[str]) -> list[str]:
    """The losses of these names, ours or another library's, each once."""
    result: dict[str, None] = {}
    for name in names:
        known = meant(name, UNREGISTERED)
        if known is None:
            raise Stop(
                f"no loss is named {name!r}; {hint(name, UNREGISTERED) or '`fastloss losses` lists them'}", USAGE
            )
        result[known] = None
    return list(result)


def search(text: str, names: Sequence[str]) -> list[str]:
    """The losses in whose names, parameters or description each word occurs: first by name, then by summary."""
    words = text.lower().split()
    ranked: list[tuple[int, int, str]] = []
    for name in names:
        all_names = " ".join([name, *_short(name), *_elsewhere(name)])
        places = [all_names, summary(name), f"{signature(name)} {_documented(name)}"]
        places = [place.lower() for place in places]
        if all(any(word in place for place in places) for word in words):
            rank = next(k for k in range(3) if all(word in " ".join(places[: k + 1]) for word in words))
            ranked.append((rank, len(ranked), name))
    if not ranked:
        instead = hint(text)
        raise Stop(f"no loss speaks of {text!r}{f'; {instead}' if instead else ''}", FAILED)
    return [name for *_, name in sorted(ranked)]


# -- one loss --------------------------------------------------------------------------------------------------------


def as_dict(loss: Any) -> dict[str, Any]:
    """A loss as JSON describes it, for programs."""
    return {
        "name": loss.name,
        "aliases": _short(loss.name),
        "elsewhere": _elsewhere(loss.name),
        "inputs": list(loss.inputs),
        "domains": {name: str(domain) for name, domain in zip(loss.inputs, _domains(loss), strict=True)},
        "parameters": {
            name: {"default": loss.values[name], "domain": str(domain)} for name, domain in loss.parameters.items()
        },
        "second_derivative": loss.order >= 2,
        "summary": summary(loss.name),
        "description": _prose(loss.name),
        "module": loss.__module__,
    }


def _domains(loss: Any) -> list[str]:
    """The domain of each input in words; the target of a row loss may be labels."""
    domains = [str(domain) for domain in loss.domains]
    kind = TARGETS.get(getattr(loss, "target", None) or "")
    if kind:
        domains[-1] = kind if domains[-1] == "a real number" else f"{kind}: {domains[-1]}"
    return domains


def full_description(name: str) -> str:
    """A loss in full: formula, conventions and sources of its docstring, domains, names, keywords."""
    lines = [signature(name), "", *_indented(summary(name)), ""]
    if prose := _prose(name):
        lines += [*textwrap.indent(prose, "  ").splitlines(), ""]
    for title, facts in _facts(name):
        lines += [f"  {title if not k else '':12}{line}" for k, line in enumerate(facts) if line]
    if example := _example(name):
        lines += [*([""] if lines[-1] else []), *textwrap.indent(example, "  ").splitlines()]
    return "\n".join(lines).rstrip()


def _facts(name: str) -> list[tuple[str, list[str]]]:
    """Facts beside the description, as titles with their lines."""
    if name not in LOSSES:
        keywords = [str(p) for p in _parameters(name) if p.kind is p.KEYWORD_ONLY]
        return [("keywords", textwrap.wrap(", ".join(keywords), WIDTH))]
    loss = LOSSES[name]
    return [
        ("inputs", [f"{n}: {domain}" for n, domain in zip(loss.inputs, _domains(loss), strict=True)]),
        ("parameters", [f"{n} = {_default(loss.values[n])}: {domain}" for n, domain in loss.parameters.items()]),
        ("also called", [", ".join(_short(name))]),
        ("elsewhere", textwrap.wrap(", ".join(_elsewhere(name)), WIDTH)),
        ("verbs", [] if loss.order >= 2 else ["no grad_and_hess: there is no second derivative"]),
        ("keywords", textwrap.wrap(", ".join(keywords_of(loss)), WIDTH)),
        ("defined in", [loss.__module__]),
    ]


def signature(name: str) -> str:
    """The call: inputs, and parameters with their defaults."""
    if name in LOSSES:
        loss = LOSSES[name]
        arguments = [*loss.inputs, *(f"{n}={_default(value)}" for n, value in loss.values.items())]
    else:
        arguments = [str(p) for p in _parameters(name) if p.kind is p.POSITIONAL_OR_KEYWORD]
        if not callable(UNREGISTERED[name]):
            return name
    return f"{name}({', '.join(arguments)})"


def _parameters(name: str) -> list[inspect.Parameter]:
    if not callable(UNREGISTERED[name]):  # two losses, which its description names
        return []
    found = inspect.signature(UNREGISTERED[name]).parameters.values()
    return [p.replace(annotation=p.empty) for p in found]


def summary(name: str) -> str:
    """The first line of the description."""
    return _documented(name).partition("\n")[0]


def _prose(name: str) -> str:
    """The description without its first line and without the example at its end."""
    return _documented(name).partition("\n")[2].partition("\n>>> import fastloss")[0].strip()


def _example(name: str) -> str:
    text = _documented(name)
    start = text.find(">>> import fastloss")
    return text[start:].strip() if start >= 0 else ""


def _documented(name: str) -> str:
    return inspect.cleandoc(LOSSES[name].own_text if name in LOSSES else UNREGISTERED[name].__doc__ or "")


def _short(name: str) -> list[str]:
    return [short for short, full in ALIASES.items() if full == name]


def _elsewhere(name: str) -> list[str]:
    return [peer for peer, meant in PEERS.items() if name in meant.split() and peer not in (name, *_short(name))]


def _default(value: Any) -> str:
    return "off" if value is None else str(value) if isinstance(value, bool) else format(value, "g")


# -- the list ---------------------------------------------------------------------------------------------------------


def _listed(names: Sequence[str], families: bool) -> list[str]:
    """The call, summary and parameters of each loss; with `families`, under the first line of its module."""
    lines: list[str] = []
    family = None
    for name in names:
        module = getattr(LOSSES.get(name), "__module__", "") or ""
        if families and module != family:
            about = (sys.modules[module].__doc__ or "").partition("\n")[0] if module else "Beside these:"
            lines += ["", f"# {about}", ""] if lines else [f"# {about}", ""]
            family = module
        short = _short(name)
        lines.append(signature(name) + (f"  (or {', '.join(short)})" if short else ""))
        lines += _indented(summary(name), 4)
        if loss := LOSSES.get(name):
            lines += [f"    {n} = {_default(loss.values[n])}: {domain}" for n, domain in loss.parameters.items()]
    return lines


def _indented(text: str, by: int = 2) -> list[str]:
    return textwrap.wrap(text, WIDTH + 30, initial_indent=" " * by, subsequent_indent=" " * by)
