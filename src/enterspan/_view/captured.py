"""Captured spans as text, for the REPL."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from enterspan._recording.assemble import Assembler, Recording, roots_of
from enterspan._terminal.screen import UNICODE, Screen
from enterspan._view.tree import tree_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from enterspan._model.records import SpanData

_WIDTH: Final = 100
_LINES_MOST: Final = 200
"""The maximum number of lines, in a REPL and in the report of a failed test."""


def captured_lines(spans: Iterable[SpanData]) -> list[str]:
    """The trees of finished spans, as `enterspan view` draws them."""
    assembler = Assembler()
    for span in spans:
        assembler.add(span)
    recording = Recording(roots_of(assembler.spans))
    lines = tree_lines(recording, Screen(_WIDTH, UNICODE, color=False, encoding=None))
    shown = list(islice(lines, _LINES_MOST))
    return [*shown, "..."] if next(lines, None) is not None else shown
