"""What is wrong with a catalogue, and where."""

from __future__ import annotations


class CatalogueError(ValueError):
    """A catalogue that can't be used: the text says why, in one line, with file and line."""

    def __init__(self, message: str, file: str | None = None, line: int | None = None) -> None:
        place = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(place + message)
        self.message = message
        """What is wrong, without the place."""
        self.file = file
        """The file, as it was named, or None."""
        self.line = line
        """The line, counted from 1, or None."""
