"""What is wrong with a package that stubs are asked for: one line each, with its file and line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class StubError(Exception):
    """Stubs can't be made; each of the `lines` is one reason."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def place(path: Path | str, line: int | None = None) -> str:
    """A file and a line as they are written: relative to the working directory if below it."""
    shown = os.path.relpath(path)
    if shown.startswith(os.pardir):
        shown = str(path)
    return shown if line is None else f"{shown}:{line}"
