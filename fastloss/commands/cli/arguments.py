"""The commands and their arguments, which may stand in any order."""

from __future__ import annotations

import argparse
import difflib
from typing import TYPE_CHECKING

from ... import __version__
from ...losses import ALIASES
from ...registry import LOSSES
from .parser import Parser, positive
from .stop import USAGE, Stop, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DTYPES = ("float32", "float64", "float16", "bfloat16")

VERBS = ("call", "value_and_grad", "grad", "grad_and_hess")

COMMON = ("squared_error", "absolute_error", "huber", "binary_cross_entropy_with_logits", "cross_entropy")
"""The losses that `warmup` compiles by default: those that most programs begin with."""

HELP = """\
usage: fastloss COMMAND [ARGUMENT]...

Loss, gradient and Hessian in one pass over the arrays that you already have.

commands:
  demo      what you gain on this machine; models trained on real data
  losses    list the losses, tell all of one, or search them
  score     each row's loss of files larger than memory, and what they sum to
  plot      draw losses and their derivatives, as SVG, PNG or PDF
  warmup    compile kernels ahead into the cache on disk
  cache     say where compiled kernels are kept and how much they take
  bench     measure from how many elements threads pay here
  info      what this machine, this installation and its libraries are

examples:
  fastloss demo --quick              what you gain, in seconds
  fastloss losses huber              its formula, domain, parameters, names
  fastloss losses --search outliers  the losses that speak of outliers

`fastloss COMMAND --help` tells a command's arguments, `fastloss --version` the
version. In Python: `import fastloss as fl; help(fl.huber)`. Settings of the
environment: FASTLOSS_NUM_THREADS, FASTLOSS_PARALLEL_FROM, FASTLOSS_CACHE_DIR,
FASTLOSS_KEEP, FASTLOSS_QUIET."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of the command, wherever it stands among them; `run` of the result runs it."""
    command = next((word for word in argv if word in COMMANDS), None)
    if command is None:
        return argparse.Namespace(run=_without_command, words=list(argv))
    rest = list(argv)
    rest.remove(command)
    parser = COMMANDS[command]()
    return parser.parse_intermixed_args(rest)


def _without_command(args: argparse.Namespace) -> int:
    words = args.words
    if "--version" in words:
        print(f"fastloss {__version__}")
        return 0
    if {"-h", "--help", "help"} & set(words):
        print(HELP)
        return 0
    name = next((word for word in words if not word.startswith("-")), None)
    if not words:
        tell(HELP)
        return USAGE
    if name in LOSSES or name in ALIASES:
        raise Stop(f"there is no command {name!r}; did you mean `fastloss losses {name}`?", USAGE)
    close = difflib.get_close_matches(name or words[0], [*COMMANDS, "--help", "--version"], 1)
    hint = f"did you mean {close[0]}?" if close else f"{', '.join(COMMANDS)}; see `fastloss --help`"
    raise Stop(f"there is no {'command' if name else 'option'} {name or words[0]!r}; {hint}", USAGE)


def _demo() -> Parser:
    from ..demo import DEMOS

    parser = Parser(
        "demo",
        "Without a name: what you gain, fused passes beside NumPy's formulas, sizes stated; a regression that "
        "withstands wrong targets, a classifier, and small networks that learn from a larger one. Data come with "
        "scikit-learn, nothing is downloaded; kernels that are not in the cache are compiled first.",
    )
    about = "; ".join(f"{name}: {what}" for name, what in {**DEMOS, "data": "files for `fastloss score`"}.items())
    parser.add_argument("name", nargs="?", metavar="NAME", type=_demo_name, help=about)
    parser.add_argument("--quick", action="store_true", help="less of everything: some seconds")
    parser.add_argument(
        "-o", "--out", metavar="FILE", help="a picture of what NAME shows: .svg, .png or .pdf; of data, the folder"
    )
    parser.set_defaults(run=_imported_when_run("machine", "demo"))
    return parser


def _losses() -> Parser:
    parser = Parser("losses", "List the losses; tell all of those that are named; or find those that speak of a text.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="by its name, a short one, or another library's")
    parser.add_argument("--search", metavar="TEXT", help="losses of whose names and description each word is a part")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw those that are named: .svg, .png or .pdf")
    parser.set_defaults(run=_imported_when_run("listing", "losses"))
    return parser


def _plot() -> Parser:
    parser = Parser(
        "plot",
        "Draw losses over the residual, the margin, or what else they depend on: a row of panels for each such thing. "
        "Writes SVG to stdout unless -o names a file.",
    )
    parser.add_argument("losses", nargs="+", metavar="NAME", help="a loss, with parameters as in huber:delta=2")
    parser.add_argument("-o", "--out", metavar="FILE", help="that ends with .svg, .png or .pdf")
    parser.add_argument("--grad", action="store_true", help="draw the derivatives, too")
    parser.add_argument("--hess", action="store_true", help="draw the second derivatives, too")
    parser.set_defaults(run=_imported_when_run("plotting", "plot"))
    return parser


def _warmup() -> Parser:
    from ...kernels.cpu import levels

    parser = Parser(
        "warmup",
        "Compile what ordinary calls need into the cache on disk: by default the call and value_and_grad of a few "
        "losses, dense and unweighted, in about a minute of a core. It says first how many kernels are missing.",
    )
    parser.add_argument("losses", nargs="*", metavar="LOSS", help=f"default: {', '.join(COMMON)}")
    parser.add_argument("--verb", action="append", dest="verbs", metavar="VERB", type=_verbs,
                        help=f"of {', '.join(VERBS)}, all")  # fmt: skip
    parser.add_argument("--weight", action="store_true", help="calls with weights, too")
    parser.add_argument("--dense", action="store_true", help="dense targets, too, where labels will do")
    parser.add_argument("--all", action="store_true", help="all losses: an hour of a core")
    parser.add_argument("--dtype", action="append", dest="dtypes", metavar="DTYPE", type=_dtypes,
                        help=f"of {', '.join(DTYPES)} (first two)")  # fmt: skip
    parser.add_argument("--to", metavar="DIR", help="into DIR, for all who may read it, as in an image")
    parser.add_argument("--for", dest="levels", metavar="LEVEL", type=_several(levels.known()),
                        help=f"with --to: of {', '.join(levels.known())}")  # fmt: skip
    parser.add_argument("--jobs", type=positive, default=None, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--quiet", action="store_true", help="no progress: only the result, and errors")
    parser.set_defaults(run=_imported_when_run("warmup", "warmup"))
    return parser


def _cache() -> Parser:
    parser = Parser("cache", "Say where compiled kernels are kept and how much they take.")
    parser.add_argument("--clear", action="store_true", help="remove them")
    parser.set_defaults(run=_imported_when_run("machine", "cache"))
    return parser


def _bench() -> Parser:
    parser = Parser(
        "bench",
        "Time a cheap and a costly loss with and without threads, at sizes around the one from which they are used. "
        "Some seconds, on a machine that does nothing else. The last line sets the best size for a shell's programs.",
    )
    parser.set_defaults(run=_imported_when_run("machine", "bench"))
    return parser


def _info() -> Parser:
    parser = Parser(
        "info",
        "Say what there is: versions, the processor and its vectors, threads and their layer, the cache, the GPU, and "
        "what happens to the arrays of each library. Nothing is compiled, and none of these libraries is imported.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=_imported_when_run("info", "info"))
    return parser


def _score() -> Parser:
    from .scoring_arguments import ScoreParser

    return ScoreParser(_imported_when_run("scoring", "score"))


COMMANDS: dict[str, Callable[[], Parser]] = {
    "demo": _demo, "losses": _losses, "score": _score, "plot": _plot, "warmup": _warmup, "cache": _cache,
    "bench": _bench, "info": _info,
}  # fmt: skip


def _imported_when_run(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """A function that imports a command's module and runs the command."""

    def run(args: argparse.Namespace) -> int:
        from importlib import import_module

        code: int = getattr(import_module(f".{module}", __package__), name)(args)
        return code

    return run


def _demo_name(text: str) -> str:
    from ..demo import DEMOS

    known = [*DEMOS, "data"]
    if text not in known:
        close = difflib.get_close_matches(text, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"expected {', '.join(known)}"
        raise argparse.ArgumentTypeError(f"no demo is called {text!r}, {hint}")
    return text


def _several(known: Sequence[str]) -> Callable[[str], list[str]]:
    """What reads names with commas between them."""

    def read(text: str) -> list[str]:
        found = [name.strip() for name in text.split(",")]
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"expected {', '.join(known)}, got {name!r}")
        return found

    return read


_dtypes, _verbs = _several(DTYPES), _several((*VERBS, "all"))
