"""The arguments of `fastloss score`, to which those that the loss takes are added."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ...define.keywords import keywords_of
from .chosen import loss_of
from .parser import Parser, positive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HELP = """\
usage: fastloss score LOSS SOURCE... [OPTION]...

Score each row of .npy, .npz, .parquet, .feather, .arrow, .csv, .csv.gz and zarr
files larger than memory, folders and globs of them, or - (--format csv, stream).
LOSS: huber, huber:delta=2, or FILE.py:NAME; `fastloss losses` lists them.

  --pred C --target C --weight C   columns; C,C,C of scores; or .npy files
  --NAME V            a parameter: a number or a column; a further input
  -o FILE             rows with losses: .parquet .feather .csv .npz .npy
  --grad C            the gradient, too, as column C; --output C: the loss
  --keep C,C          columns of the source that rows keep (default: all)
  --where SQL         only rows with, for instance, "loss > 2 and age < 30"
  --worst N|P%        only the rows with the largest losses, largest first
  --by C              a summary for each value of C; --json: all as JSON
  --fail-above X      exit code 1 if the mean is above X
  --nulls absent|null|raise, --nan raise|absent|keep     what such rows are
  --no-quantiles, --resume, --chunk-rows N, --threads N, --quiet

Examples, in the folder that `fastloss demo data` makes:
  fastloss score huber homes.parquet --pred guess --target price --by region
  fastloss score huber homes.csv --pred guess --target price --worst 1% -o w.csv
  fastloss score cross_entropy logits.npy labels.npy --json
"""

WHOLE = ("ignore_index",)
SEVERAL = ("class_weight",)


class ScoreParser(Parser):
    """Reads the loss first, so that its parameters are options of their own."""

    def __init__(self, run: Callable[[argparse.Namespace], int]) -> None:
        super().__init__("score", "")
        self.add_argument("loss", metavar="LOSS")
        self.add_argument("sources", nargs="*", metavar="SOURCE")
        for name in ("pred", "target", "weight", "grad", "output", "keep", "where", "worst", "by"):
            self.add_argument(f"--{name}")
        self.add_argument("-o", "--out")
        for name in ("json", "no-quantiles", "resume", "quiet"):
            self.add_argument(f"--{name}", action="store_true")
        self.add_argument("--fail-above", type=float)
        self.add_argument("--nulls", choices=("absent", "null", "raise"), default="absent")
        self.add_argument("--nan", choices=("raise", "absent", "keep"), default="raise")
        self.add_argument("--format", choices=("npy", "npz", "parquet", "arrow", "stream", "csv", "zarr"))
        self.add_argument("--chunk-rows", type=positive)
        self.add_argument("--threads", type=positive)
        self.set_defaults(run=run)
        self.own: list[str] = []

    def format_help(self) -> str:
        """One screen, with examples."""
        return HELP

    def parse_intermixed_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """The arguments, and in `more` what is the loss's own."""
        words = list(args or ())
        loss = None
        if not {"-h", "--help"} & {*words}:
            word = self._loss(words)
            loss = None if word is None else loss_of(word, "score")
            for name in _options(loss):
                if f"--{name}" not in self._option_string_actions:
                    read = _columns if name in getattr(loss, "inputs", ()) else _value(name)
                    self.add_argument(f"--{name}", f"--{name.replace('_', '-')}", dest=f"own {name}", type=read)
                    self.own.append(name)
        found = super().parse_intermixed_args(words, namespace)
        given = {name: getattr(found, f"own {name}") for name in self.own}
        found.more = {name: value for name, value in given.items() if value is not None}
        found.chosen = loss
        return found

    def _loss(self, words: Sequence[str]) -> str | None:
        """The first word that is neither an option nor an option's value."""
        skip = False
        for word in words:
            if skip:
                skip = False
            elif word.startswith("-") and word != "-":
                action = self._option_string_actions.get(word)
                skip = action is None or action.nargs != 0
                skip = skip and "=" not in word
            else:
                return word
        return None


def _options(loss: Any) -> list[str]:
    """What the loss takes by name, beside what every scorer takes."""
    if not hasattr(loss, "shared"):
        return []
    keywords = [k for k in ("ignore_index", "label_smoothing", "class_weight") if k in keywords_of(loss)]
    return [*loss.parameters, *loss.inputs[1:], *keywords]


def _columns(text: str) -> Any:
    """A column, which may be called as a number is, or several."""
    return text.split(",") if "," in text else text


def _value(name: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if name in SEVERAL:
            return [float(part) for part in text.split(",")]
        try:
            return int(text) if name in WHOLE else float(text)
        except ValueError:
            return _columns(text)

    return read
