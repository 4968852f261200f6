"""The original standard error of a run, whatever the program does with `sys.stderr`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from typing import TextIO

_STDERR = 2


class OwnStderr:
    """Writes to the original standard error.

    Output that the program redirects or captures is not affected, such as in tests that pytest
    runs. If the descriptor was closed or reused, nothing is written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._fd = os.dup(_STDERR)
        self._identity = _identity(self._fd)
        self._process = os.getpid()
        self.encoding = stream.encoding
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a whole text; OSError if that is not possible.

        Raises also in a forked child that has redirected its standard error.
        """
        if _identity(self._fd) != self._identity:
            raise OSError("standard error was closed")
        if os.getpid() != self._process and _identity(_STDERR) != self._identity:
            os.close(self._fd)
            raise OSError("standard error was redirected")
        data = text.encode(self.encoding, "backslashreplace")
        while data:
            data = data[os.write(self._fd, data) :]
        return len(text)

    def flush(self) -> None:
        """Do nothing: it is unbuffered."""

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._fd)


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def own_stderr() -> Any:
    """The stream of this process; None, for `sys.stderr`, if that was replaced."""
    stream, own = sys.stderr, cast("Any", sys.__stderr__)
    try:
        if os.name == "nt":
            return None  # a console takes text, not bytes
        if stream is not own or own.fileno() != _STDERR:
            return None
        return OwnStderr(own)
    except (OSError, ValueError, AttributeError):
        return None


def identity_of_stderr() -> list[int]:
    """The identity of the file of standard error; empty if there is none."""
    try:
        return list(_identity(_STDERR))
    except OSError:
        return []
