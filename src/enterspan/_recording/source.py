"""A trace file, opened for bytes: a path, or `-` for stdin."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import BinaryIO

_IN_MEMORY: Final = 16 * 1024 * 1024
"""A pipe that is read twice is kept in memory up to here, and then in a temporary file."""


@contextmanager
def opened(path: str, *, twice: bool = False) -> Generator[BinaryIO]:
    """Open a file, which may be read twice if that is asked for.

    Raises ValueError where it can't be opened or, in the block, read.
    """
    try:
        with _file_of(path) as file:
            yield _kept(file) if twice and not file.seekable() else file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ValueError(f"can't read {path!r}: {error.strerror or error}") from None


def _file_of(path: str) -> BinaryIO:
    if path == "-":
        return open(sys.stdin.fileno(), "rb", closefd=False)
    try:
        return open(path, "rb")  # noqa: PTH123 - the caller's block closes it
    except ValueError as error:
        raise OSError(str(error)) from None  # a path with a null byte


def _kept(file: BinaryIO) -> BinaryIO:
    kept: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - garbage closes it
    shutil.copyfileobj(file, kept)
    kept.seek(0)
    return kept  # type: ignore[return-value]
