"""Reasons why stubs can't be made: one line each, with file and line."""

import os
from pathlib import Path


class StubError(Exception):
    """Stubs can't be made; each of the `lines` is one reason."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def place(path: Path | str, line: int | None = None) -> str:
    """A file and a line for a message, relative to the working directory if below it."""
    shown = os.path.relpath(path)
    if shown.startswith(os.pardir):
        shown = str(path)
    return shown if line is None else f"{shown}:{line}"
