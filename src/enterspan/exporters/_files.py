"""Files that exporters and commands write.

`File` is opened late and appended to, each write in one piece and unbuffered: nothing is lost when
the process is killed, nothing is written twice after a fork, and parent and child write their
lines side by side. `replace_files` writes whole files.
"""

import errno
import os
import stat
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from enterspan._model.threads import RLock
from enterspan._pipeline import process

_Mode: TypeAlias = Literal["w", "a"]


class File:
    """A file that lines are appended to, each write in one piece."""

    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    _fd: int | None = None

    def __init__(self, path: str | os.PathLike[str], mode: _Mode) -> None:
        self._path = Path(path).absolute()  # the program may change its working directory
        self.name = str(path)
        self._mode = mode
        self._identity: tuple[int, int] | None = None
        self._opening = RLock()
        self._torn = False
        self._closed = False
        _check_writable(self._path, self.name)
        _unopened.add(self)

    def write(self, text: str) -> None:
        """Append text. Raises OSError, and ValueError after `close`."""
        data = utf8(text)
        fd = self.open()
        if self._torn:  # a full disk has cut the last line: begin a new one
            data = b"\n" + data
        at = 0
        try:
            while at < len(data):
                at += os.write(fd, data[at:] if at else data)
        finally:
            if at:
                self._torn = data[at - 1] != _NEWLINE

    def open(self) -> int:
        """Open the file unless it is open; return its descriptor.

        A descriptor that the program has closed, or reused for another file, is replaced.
        """
        fd = self._fd
        if fd is not None and self._is_ours(fd):
            return fd
        with self._opening:
            if self._closed:
                raise ValueError(f"{self.name} was closed")
            if self._fd is None or self._fd == fd:
                self._fd = self._opened(os.O_TRUNC if self._mode == "w" else 0)
                self._mode = "a"
            return self._fd

    def close(self) -> None:
        """Close the file for good."""
        self._closed = True
        fd, self._fd = self._fd, None
        if fd is not None and self._is_ours(fd):
            os.close(fd)

    __del__ = close

    def _opened(self, how: int) -> int:
        flags = self.flags | how | getattr(os, "O_BINARY", 0)
        self._torn = not how and _ends_inside_a_line(self._path)
        fd = os.open(self._path, flags, 0o666)
        found = os.fstat(fd)
        self._identity = found.st_dev, found.st_ino
        _unopened.discard(self)
        return fd

    def _is_ours(self, fd: int) -> bool:
        """Whether the descriptor still is this file: a program may close all and reuse them."""
        try:
            found = os.fstat(fd)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity


_NEWLINE: Final = ord("\n")
_unopened: weakref.WeakSet[File] = weakref.WeakSet()


def open_all() -> None:
    """Open all files before a fork, or parent and child would each empty the file."""
    for file in list(_unopened):
        with suppress(OSError, ValueError):  # which the first write raises
            file.open()


process.at_fork(before=open_all)


class Stream:
    """A stream that the caller has opened and will close."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._closed = False
        self._writing = RLock()
        self.name = str(getattr(stream, "name", None) or "a stream")
        try:
            stream.write(b"")
            self._takes_text = False
        except TypeError:
            self._takes_text = True

    def write(self, text: str) -> None:
        """Write text and flush it: a fork would copy what a buffer holds."""
        if self._closed:
            raise ValueError(f"{self.name} was closed")
        data: Any = ascii_text(text) if self._takes_text else utf8(text)
        with self._writing:
            written = self._stream.write(data)
            while type(written) is int and 0 < written < len(data):  # unbuffered: may be short
                data = data[written:]
                written = self._stream.write(data)
            self._stream.flush()

    def close(self) -> None:
        """Refuse further writes; the stream stays open."""
        self._closed = True


def place_of(path: Any, mode: str) -> File | Stream:
    """The file at a path, or an open stream. Raises ValueError or TypeError for anything else."""
    if mode not in ("w", "a"):
        raise ValueError(f"mode must be 'w' or 'a', not {mode!r}")
    if isinstance(path, (str, os.PathLike)):
        return File(path, mode)  # type: ignore[arg-type]
    if callable(getattr(path, "write", None)):
        return Stream(path)
    raise TypeError(f"path must be a path or an open stream, not {path!r:.100}")


def replace_file(target: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file; see `replace_files`."""
    replace_files({target: data})


def replace_files(contents: Mapping[str | os.PathLike[str], bytes]) -> None:
    """Write whole files: readers see the old content or the new, never a part.

    An existing file keeps its permissions, and a link its target. A pipe or a device is written to.
    Raises OSError if one of the files can't be written; all are as they were then.
    """
    made: dict[Path, Path] = {}
    try:
        for target, data in contents.items():
            if _is_stream(target):
                with open(target, "wb") as stream:  # noqa: PTH123 - /dev/stdout is no path
                    stream.write(data)
                continue
            path = Path(os.path.realpath(target)) if os.fspath(target) else Path()
            _check_writable(path, os.fspath(target))
            new = path.with_name(f".{path.name[:100]}.{os.urandom(6).hex()}")
            made[new] = path
            with new.open("xb") as file:
                file.write(data)
            if path.exists():
                new.chmod(stat.S_IMODE(path.stat().st_mode))
        for new, path in made.items():
            new.replace(path)
    finally:
        for new in made:
            new.unlink(missing_ok=True)


def _is_stream(target: str | os.PathLike[str]) -> bool:
    """Whether a path is a pipe, a terminal or another device."""
    path = Path(target)
    return path.exists() and not path.is_file() and not path.is_dir()


def _check_writable(path: Path, name: str) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", name)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder does not exist", name)
    if path.exists():
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "the file is not writable", name)
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "its folder is not writable", name)


def _ends_inside_a_line(path: Path) -> bool:
    """Whether a process was stopped while it wrote the last line."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False


def utf8(text: str) -> bytes:
    """Encode text; surrogates that form a pair become their character, others U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def ascii_text(text: str) -> str:
    """Escape every other character, for text streams of an unknown encoding."""
    if text.isascii():
        return text
    wide = utf8(text).decode().encode("utf-16-be")
    units = [int.from_bytes(wide[i : i + 2], "big") for i in range(0, len(wide), 2)]
    return "".join([chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in units])
