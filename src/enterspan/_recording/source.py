"""The input files of a command: paths, or `-` for stdin, optionally compressed with gzip.

Several files are read as one, in order of time: a rotated file and its successors, or the files of
several services. A file that can't be read is reported, and the others are read.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
import zlib
from contextlib import ExitStack
from heapq import merge
from typing import IO, TYPE_CHECKING, Any, Final, cast

from enterspan._model.records import SpanData
from enterspan._recording.assemble import ids_with_lines
from enterspan._recording.wire import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import BinaryIO

    from typing_extensions import Self

    from enterspan._recording.assemble import SpanIds
    from enterspan._recording.wire import Parsed

_IN_MEMORY: Final = 16 * 1024 * 1024
"""A pipe that is read twice is kept in memory up to this size, and then in a temporary file."""
_GZIP: Final = b"\x1f\x8b"


class UnreadableError(ValueError):
    """No file is a readable trace; `complaints` has a line for each."""

    def __init__(self, complaints: Sequence[str]) -> None:
        super().__init__("; ".join(complaints))
        self.complaints = tuple(complaints)


def name_of(path: str) -> str:
    """The name of a file in messages."""
    return "stdin" if path == "-" else path


def open_file(path: str) -> BinaryIO:
    """Open one file, without decompressing it. Raises ValueError."""
    try:
        if path == "-":
            return open(sys.stdin.fileno(), "rb", closefd=False)
        return open(path, "rb")  # noqa: PTH123 - the caller closes it
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise ValueError(f"can't read {path!r}: {_reason(error)}") from None


def is_compressed(file: BinaryIO) -> bool:
    """Whether a file begins with gzip's magic number; nothing is consumed."""
    return bool(cast("Any", file).peek(2)[:2] == _GZIP)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


class Inputs:
    """The files of a command, read once or, with `twice`, possibly twice; a context manager.

    `trace` is the beginning of a trace id, in hex: lines without it are skipped.
    """

    def __init__(self, paths: Sequence[str], *, twice: bool = False, trace: str = "") -> None:
        self._paths = _distinct(paths)
        self._twice = twice
        self._only = trace.encode()
        self._stack = ExitStack()
        self._files: list[tuple[BinaryIO, BinaryIO, Reader]] = []
        self._failures: list[str] = []

    def __enter__(self) -> Self:
        """Open the files. Raises UnreadableError if none of them can be opened."""
        try:
            for path in self._paths:
                try:
                    self._open(path)
                except ValueError as error:
                    self._failures.append(str(error))
            self._check()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close them."""
        self._stack.close()

    def _open(self, path: str) -> None:
        raw = self._stack.enter_context(open_file(path))
        try:
            file = _unpacked(raw) if is_compressed(raw) else raw
            if self._twice and not (raw.seekable() and file.seekable()):
                file = self._stack.enter_context(_kept(file))
        except OSError as error:
            raise ValueError(f"can't read {path!r}: {_reason(error)}") from None
        self._files.append((raw, file, Reader(name_of(path))))

    def _check(self) -> None:
        if not self._files and self._failures:
            raise UnreadableError(self._failures)

    # --- reading ------------------------------------------------------------------------------

    def parsed(self) -> Iterator[Parsed]:
        """The content of all files, in order of time if there are several.

        Raises UnreadableError at the end if there is nothing.
        """
        parts = [self._parsed(file, reader) for _, file, reader in self._files]
        yield from merge(*parts, key=_moment) if len(parts) > 1 else parts[0]
        if not any(reader.parsed for _, _, reader in self._files):
            raise UnreadableError(self._failures)

    def _parsed(self, file: BinaryIO, reader: Reader) -> Iterator[Parsed]:
        try:
            yield from reader.read(file, self._only)
        except ValueError as error:
            self._failures.append(str(error))

    def ids_with_lines(self) -> SpanIds:
        """The ids of the finished spans, if there are events as well; the files are read for that.

        They are rewound afterwards.
        """
        return ids_with_lines(*[file for _, file, _ in self._files])

    @property
    def first(self) -> tuple[BinaryIO, Reader]:
        """The first file, and its reader."""
        return self._files[0][1:]

    # --- messages -----------------------------------------------------------------

    @property
    def failures(self) -> Sequence[str]:
        """The messages for files that can't be read, or are not traces."""
        return self._failures

    @property
    def problem_count(self) -> int:
        """How many lines could not be read."""
        return sum(reader.problem_count for _, _, reader in self._files)

    def complaints(self) -> Iterator[str]:
        """The messages for lines and files that could not be read."""
        for _, _, reader in self._files:
            if reader.parsed:
                yield from reader.complaints()
        yield from self._failures

    @property
    def size(self) -> int:
        """The number of bytes to read, or 0 if unknown."""
        return sum(_size_of(raw) for raw, _, _ in self._files)

    @property
    def position(self) -> int:
        """The number of bytes read so far."""
        return sum(raw.tell() for raw, _, _ in self._files if _size_of(raw))


def _moment(found: Parsed) -> int:
    return found.end_ns if isinstance(found, SpanData) else found.timestamp


def _distinct(paths: Sequence[str]) -> list[str]:
    """The paths without duplicates of the same file."""
    return list({path if path == "-" else os.path.realpath(path): path for path in paths}.values())


def _size_of(file: BinaryIO) -> int:
    try:
        found = os.fstat(file.fileno())
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _kept(file: BinaryIO) -> BinaryIO:
    kept: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        shutil.copyfileobj(file, kept)
    except _CutError:
        pass  # the part before it is still read
    kept.seek(0)
    return kept  # type: ignore[return-value]


# --- gzip -----------------------------------------------------------------------------------------


class _CutError(OSError):
    """A compressed file is damaged, or truncated."""


def _unpacked(raw: BinaryIO) -> BinaryIO:
    import gzip
    import io

    class Unpacked(gzip.GzipFile):
        """Reports damage as an OSError."""

        def read1(self, size: int = -1) -> bytes:
            try:
                return super().read1(size)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise _CutError(errno.EIO, f"not whole: {error}") from None

        def readinto(self, buffer: Any) -> int:
            data = self.read1(len(buffer))
            buffer[: len(data)] = data
            return len(data)

    return io.BufferedReader(Unpacked(fileobj=raw, mode="rb"), 1 << 16)
