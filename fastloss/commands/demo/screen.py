"""The demo's output: lines on stdout, and on stderr a bar that moves while something runs."""

from __future__ import annotations

import sys
import textwrap
import threading
from contextlib import suppress
from shutil import get_terminal_size
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

BEAT, PATIENCE = 0.25, 1.75
"""Seconds between two movements of the bar; and, where there is no terminal, of silence that a line breaks."""

WIDTH = 100
"""Of paragraphs; tables take no more."""


class Screen:
    """Lines, what each part showed, and signs of life in between, which a thread gives while kernels are compiled."""

    def __init__(self, steps: int) -> None:
        self.conclusions: list[str] = []
        self._steps = steps
        self._bar: Any = None
        self._doing, self._since, self._spoke = "", 0.0, 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        if sys.stderr is not None and sys.stderr.isatty():
            with suppress(ModuleNotFoundError):
                from tqdm import tqdm

                form = "{percentage:3.0f}%|{bar:30}| {elapsed}  {desc}"
                width = min(get_terminal_size().columns, 100)  # tqdm writes nothing where a terminal says that it has 0
                self._bar = tqdm(total=self._steps, file=sys.stderr, bar_format=form, ncols=width, leave=False)
        self._since = self._spoke = perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        if self._bar is not None:
            self._bar.close()

    def line(self, text: str = "") -> None:
        """Write a line, above the bar."""
        if self._bar is None:
            print(text, flush=True)
        else:
            self._bar.write(text, file=sys.stdout)
            sys.stdout.flush()
        self._spoke = perf_counter()

    def text(self, words: str) -> None:
        """Write a paragraph."""
        for line in textwrap.wrap(words, WIDTH):
            self.line(line)
        self.line()

    def step(self, doing: str) -> None:
        """One step further; what the next one does."""
        self._doing, self._since = doing, perf_counter()
        if self._bar is not None:
            self._bar.set_description_str(doing, refresh=False)
            self._bar.update()
            self._bar.refresh()

    def showed(self, conclusion: str) -> None:
        """Write what a part has shown, and keep it for the end."""
        self.conclusions.append(conclusion)
        self.line(f"   => {conclusion}\n")

    def _beat(self) -> None:
        while not self._end.wait(BEAT):
            if self._bar is not None:
                self._bar.refresh()
            elif perf_counter() - self._spoke > PATIENCE and sys.stderr is not None:
                with suppress(OSError, ValueError):
                    print(f"... {self._doing}, {perf_counter() - self._since:.0f} s", file=sys.stderr, flush=True)
                self._spoke = perf_counter()
