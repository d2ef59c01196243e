"""Where a command says what: machines read standard output, or people do."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    RenderableType,
    RenderHook,
    RenderResult,
)
from rich.segment import Segment
from rich.text import Text

from pedidos_cli.text import harmless, harmless_json


class Output:
    """Standard output for results, standard error for everything else.

    Args:
        as_json: results are JSON documents; nothing else reaches standard output.
    """

    def __init__(
        self, *, as_json: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self._stdout = stdout or sys.stdout
        self.console = _console(self._stdout)
        self.errors = _console(stderr or sys.stderr)

    @property
    def progress(self) -> Console | None:
        """Where progress is shown; None when only a machine is there to see it."""
        if not self.as_json:
            return self.console
        return self.errors if self.errors.is_terminal else None

    def document(self, document: Mapping[str, Any] | list[Any], *, compact: bool = False) -> None:
        """Prints one JSON document; `compact` on a line of its own."""
        text = json.dumps(document, indent=None if compact else 2, ensure_ascii=False, default=str)
        print(harmless_json(text), file=self._stdout, flush=True)

    def say(self, text: RenderableType) -> None:
        """Tells a person the result; silent under `--json`."""
        if not self.as_json:
            self.console.print(text, markup=False, soft_wrap=isinstance(text, str | Text))

    def note(self, text: str) -> None:
        """Tells a person something beside the result, on standard error."""
        self.errors.print(text, markup=False, soft_wrap=True)


def _console(file: TextIO) -> Console:
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        # A file has no width of its own, and 80 columns cut ids.
        console = Console(file=file, highlight=False, width=140)
    console.push_render_hook(Harmless())
    return console


class Harmless(RenderHook):
    """Lets no control character of a printed text reach the terminal; its own commands pass."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Wraps whatever is to be printed."""
        return [_Shown(one) for one in renderables]


@dataclass(frozen=True, slots=True)
class _Shown:
    printed: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.printed, options):
            if segment.control:
                yield segment
            else:
                yield Segment(harmless(segment.text), segment.style)
