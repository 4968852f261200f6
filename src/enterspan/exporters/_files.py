"""The files that exporters and commands write.

`File` is opened late and appended to with unbuffered, undivided writes: nothing is lost when the
process is killed, nothing is written twice after a fork, and processes that share a file don't mix
their lines. `replace_files` writes whole files.
"""

from __future__ import annotations

import errno
import os
import re
import select
import stat
import sys
import weakref
from collections.abc import Callable, Mapping  # noqa: TC003 - for typing.get_type_hints
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, Literal, TypeAlias

from enterspan._model.interrupts import is_interrupt
from enterspan._model.threads import RLock, members
from enterspan._pipeline import process

if sys.platform != "win32":
    import fcntl

_Mode: TypeAlias = Literal["w", "a"]

_LOCK_TIMEOUT: Final = 0.5
"""Seconds to wait for another process that writes to the same file, in case it was stopped."""
_LINE_TIMEOUT: Final = 0.05
"""Seconds to wait for the end of a line that another process may be writing: the first writers of a
file take no lock."""
_ROOM_TIMEOUT: Final = 2.0
"""Seconds to wait for room in a full pipe."""
_READER_TIMEOUT: Final = 1.0
"""Seconds to wait for the first reader of a named pipe."""
_POLL: Final = 0.005
_PIPE_BYTES: Final = getattr(select, "PIPE_BUF", 512)
"""The largest atomic write to a pipe."""


class NotWrittenError(OSError):
    """Lines could not be written; `lost` is their number."""

    lost = 0


class File:
    """A file to which lines are appended, each in an undivided write.

    Before each write, it is checked by name and reopened if it was renamed, removed or replaced, as
    by log rotation. Recorded data may be confidential: a new file is readable only by its owner.
    The descriptors of `/dev/stdout` and the like are duplicated, because they share their position
    with the program's output, and never truncated.

    Args:
        path: Its path. If the name ends in `.gz`, each write is a member of a gzip file.
        mode: `"w"` truncates the file at once.
        max_bytes: The size above which it is renamed to `NAME.1`, and a new one is begun.
        backups: How many renamed files are kept.
    """

    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    _fd: int | None = None

    def __init__(
        self,
        path: str | os.PathLike[str],
        mode: _Mode,
        *,
        max_bytes: int | None = None,
        backups: int = 3,
    ) -> None:
        self.name = os.fspath(path)
        self._path = Path(path).absolute()  # the program may change its working directory
        self._descriptor = _descriptor_of(self._path)
        self._max_bytes = max_bytes
        self._backups = backups
        self._identity: tuple[int, int] | None = None
        self._where = str(self._path)
        self._end = -2  # the size after this process's last write; -1 before
        self._closed = False
        self._wait_for_reader = True
        self._pack = _packer(self.name)
        self.renew_lock()
        if self._descriptor is not None and max_bytes is not None:
            raise ValueError(f"{self.name} is open already: max_bytes is for files with a name")
        if self._descriptor is None:
            _check_writable(self._path, self.name)
            if mode == "w" and self._path.is_file():
                os.truncate(self._path, 0)
        else:
            self._opened()
        _places.add(self)

    @property
    def target(self) -> tuple[str, object]:
        """The identity of the file."""
        if self._descriptor is not None:
            return ("descriptor", self._descriptor)
        return ("file", os.path.realpath(self._path))

    def renew_lock(self) -> None:
        """Use a new lock, as in a forked child.

        It is shared with other files of the same path, as file locks belong to the process.
        """
        self.writing = _locks.setdefault(self.target, RLock())  # reentrant for signal handlers

    def write(self, text: str) -> None:
        """Append text. Raises NotWrittenError, OSError if not opened, ValueError after `close`."""
        data = self._pack(utf8(text))
        with self.writing:
            fd, size = self._current()
            is_alone = size == self._end and (size >= 0 or len(data) <= _PIPE_BYTES)
            if is_alone and self._max_bytes is None:  # no other process has written to it
                self._append(fd, data, size)
                return
            fd, is_locked = self.opened_and_locked()
            try:
                size = _size_of(os.fstat(fd))
                most = self._max_bytes if is_locked else None
                if most is None or size <= 0 or size + len(data) <= most:
                    self._append(fd, data if self._is_whole(fd, size) else b"\n" + data, size)
                    return
                self._rotate(fd)
            finally:
                unlock(fd)
            self.write(text)

    def opened_and_locked(self) -> tuple[int, bool]:
        """Open the file unless it is open, and lock it; return whether it is locked.

        It may have been moved in the meantime, repeatedly if several processes rotate it.
        """
        deadline = monotonic() + _LOCK_TIMEOUT
        while True:
            fd, _size = self._current()
            if not _lock(fd, deadline):
                return fd, False
            if not self._has_moved():
                return fd, True
            unlock(fd)

    def close(self) -> None:
        """Close the file permanently."""
        self._closed = True
        fd, self._fd = self._fd, None
        if fd is not None and self._is_ours(fd):
            os.close(fd)

    __del__ = close

    # --- opening ---

    def _current(self) -> tuple[int, int]:
        """The descriptor of the file that now has the name, and its size; -1 for no size.

        If the program closed the descriptor, or reused it for another file, it is replaced.
        """
        if self._closed:
            raise ValueError(f"{self.name} was closed")
        fd = self._fd
        if fd is not None:
            try:
                found = os.fstat(fd)
            except OSError as error:
                if is_interrupt(error):
                    raise
                self._fd = None
            else:
                if (found.st_dev, found.st_ino) != self._identity:
                    self._fd = None
                elif not self._has_moved():
                    return fd, _size_of(found)
                else:
                    self._fd = None
                    os.close(fd)
        fd = self._opened()
        return fd, _size_of(os.fstat(fd))

    def _opened(self) -> int:
        if self._descriptor is not None:
            self._fd = fd = os.dup(self._descriptor)
        elif self._is_pipe():
            self._fd = fd = self._opened_pipe()
        else:
            self._fd = fd = self._opened_file()
        found = os.fstat(fd)
        self._identity = found.st_dev, found.st_ino
        self._end = -2
        return fd

    def _opened_file(self) -> int:
        flags = self.flags | getattr(os, "O_BINARY", 0)
        try:
            return os.open(self._path, flags, 0o600)
        except PermissionError:  # it may be writable and not readable
            return os.open(self._path, flags & ~os.O_RDWR | os.O_WRONLY, 0o600)

    def _is_pipe(self) -> bool:
        try:
            return stat.S_ISFIFO(self._path.stat().st_mode)
        except OSError as error:
            if is_interrupt(error):
                raise
            return False

    def _opened_pipe(self) -> int:
        """Open a named pipe, after waiting briefly for a reader."""
        deadline = monotonic() + (_READER_TIMEOUT if self._wait_for_reader else 0.0)
        self._wait_for_reader = False
        while True:
            try:
                return os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                if monotonic() >= deadline:
                    raise OSError(error.errno, "no process reads this pipe", self.name) from None
            sleep(_POLL)

    def _is_ours(self, fd: int) -> bool:
        """Whether the descriptor is still this file: a program may close it and reuse it."""
        try:
            found = os.fstat(fd)
        except OSError as error:
            if is_interrupt(error):
                raise
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def _has_moved(self) -> bool:
        """Whether the name now refers to another file, or to none."""
        if self._descriptor is not None:
            return False
        try:
            found = os.stat(self._where)  # noqa: PTH116 - once for each event
        except OSError as error:
            if is_interrupt(error):
                raise
            return isinstance(error, (FileNotFoundError, NotADirectoryError))
        return (found.st_dev, found.st_ino) != self._identity

    # --- writing ---

    def _append(self, fd: int, data: bytes, size: int) -> None:
        at = 0
        try:
            while at < len(data):
                at += _write(fd, data[at:] if at else data)
        except OSError as error:
            if is_interrupt(error):  # a TimeoutError of a signal handler is one, too
                raise
            raise self._failure(error, fd, data, at, size) from error
        self._end = size + len(data) if size >= 0 else -1

    def _failure(self, error: OSError, fd: int, data: bytes, at: int, size: int) -> NotWrittenError:
        """Remove a line that was written in part, as on a full disk; count the lost lines."""
        whole = 0 if self._is_packed else data.rfind(b"\n", 0, at) + 1
        self._end = -2
        if at > whole and size >= 0:
            try:
                if os.fstat(fd).st_size == size + at:
                    os.ftruncate(fd, size + whole)
            except OSError as repair:  # the next write begins a new line
                if is_interrupt(repair):
                    raise
        failure = NotWrittenError(error.errno, error.strerror, self.name)
        failure.lost = 0 if self._is_packed else data.count(b"\n", whole)
        return failure

    @property
    def _is_packed(self) -> bool:
        return self._pack is not bytes

    def _is_whole(self, fd: int, size: int) -> bool:
        """Whether the file ends with a complete line: a process may have been killed while writing.

        A member of a gzip file can't be repaired.
        """
        if size <= 0 or size == self._end or self._is_packed or self._descriptor is not None:
            return True
        deadline = monotonic() + _LINE_TIMEOUT
        while not _ends_with_a_line(fd):
            if monotonic() >= deadline:
                return False
            sleep(_POLL)
        return True

    def _rotate(self, fd: int) -> None:
        """Rename the older files, then this one; called with the lock held."""
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        names = [self._path, *[Path(f"{self._path}.{n + 1}") for n in range(self._backups)]]
        if not self._backups:
            self._path.unlink()
        for at in range(self._backups, 0, -1):
            if names[at - 1].exists():
                names[at - 1].replace(names[at])
        made = os.open(self._path, self.flags, mode)
        if sys.platform != "win32":
            os.fchmod(made, mode)
        os.close(made)  # every process opens the new file at its next write


def _size_of(found: os.stat_result) -> int:
    return found.st_size if stat.S_ISREG(found.st_mode) else -1


_places: weakref.WeakSet[File | Stream] = weakref.WeakSet()


_locks: weakref.WeakValueDictionary[Any, Any] = weakref.WeakValueDictionary()


def _after_fork_in_child() -> None:
    _locks.clear()
    for place in members(_places):
        place.renew_lock()


process.at_fork(in_child=_after_fork_in_child)


def _packer(name: str) -> Callable[[bytes], bytes]:
    """The function that converts UTF-8 text to the written bytes."""
    "".encode("utf-16")  # imports the codec, which is needed for surrogates
    if not name.endswith(".gz"):
        return bytes
    import gzip

    return lambda data: gzip.compress(data, compresslevel=6)


def _ends_with_a_line(fd: int) -> bool:
    """Read the last byte by the same descriptor: closing another one would release the lock."""
    try:
        os.lseek(fd, -1, os.SEEK_END)
        return os.read(fd, 1) == b"\n"
    except OSError as error:
        if is_interrupt(error):
            raise
        return True


def _write(fd: int, data: bytes) -> int:
    """Write as much as a file accepts; wait for a full pipe."""
    try:
        return os.write(fd, data)
    except BlockingIOError as error:
        if is_interrupt(error):
            raise
        room = select.poll()
        room.register(fd, select.POLLOUT)
        if not room.poll(_ROOM_TIMEOUT * 1000):
            raise
        return os.write(fd, data)


def _lock(fd: int, deadline: float) -> bool:
    """Lock a file for this process, so that lines stay whole; False if that fails."""
    if sys.platform == "win32":
        return False
    while True:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if is_interrupt(error):
                raise
            if not isinstance(error, (BlockingIOError, PermissionError)):
                return False  # some network disks and devices have no locks
            if monotonic() >= deadline:
                return False
            sleep(_POLL)
        else:
            return True


def unlock(fd: int) -> None:
    """Unlock the file for other processes."""
    if sys.platform != "win32":
        try:
            fcntl.lockf(fd, fcntl.LOCK_UN)
        except OSError as error:  # it was closed, or not locked
            if is_interrupt(error):
                raise


_is_descriptor: Final = re.compile(r"/(?:dev|proc/(?:self|\d+))/fd/(\d+)").fullmatch
_LINKS: Final = 40
"""How many links are followed, as by Linux."""
_STANDARD: Final = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def _descriptor_of(path: str | os.PathLike[str]) -> int | None:
    """The descriptor of this process that a path refers to, also through links."""
    name = Path(path)
    for _ in range(_LINKS):
        if str(name) in _STANDARD:
            return _STANDARD[str(name)]
        found = _is_descriptor(str(name))
        if found is not None:
            return int(found[1])
        if not name.is_symlink():
            return None
        name = name.parent / name.readlink()
    return None


class Stream:
    """A stream that the caller has opened and will close."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._closed = False
        self.renew_lock()
        self.name = str(getattr(stream, "name", None) or "a stream")
        try:
            stream.write(b"")
            self._takes_text = False
        except TypeError:
            self._takes_text = True

        _places.add(self)

    @property
    def target(self) -> tuple[str, object]:
        """The identity of the stream."""
        return ("stream", id(self._stream))

    def renew_lock(self) -> None:
        """Begin with a new lock, as in a forked child."""
        self.writing = RLock()

    def write(self, text: str) -> None:
        """Write text and flush it: a fork would copy the buffer."""
        if self._closed:
            raise ValueError(f"{self.name} was closed")
        data: Any = ascii_text(text) if self._takes_text else utf8(text)
        with self.writing:
            written = self._stream.write(data)
            while type(written) is int and 0 < written < len(data):  # unbuffered: may be short
                data = data[written:]
                written = self._stream.write(data)
            self._stream.flush()

    def close(self) -> None:
        """Refuse further writes; the stream stays open."""
        self._closed = True


def place_of(path: Any, mode: str, max_bytes: int | None = None, backups: int = 3) -> File | Stream:
    """A `File` or a `Stream` for *path*. Raises ValueError or TypeError for anything else."""
    for name, value, least in (("max_bytes", max_bytes, 1), ("backups", backups, 0)):
        if value is not None and type(value) is not int:
            raise TypeError(f"{name} must be an int, not {value!r}")
        if value is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
    if mode not in ("w", "a"):
        raise ValueError(f"mode must be 'w' or 'a', not {mode!r}")
    if isinstance(path, (str, os.PathLike)):
        return File(path, mode, max_bytes=max_bytes, backups=backups)  # type: ignore[arg-type]
    if callable(getattr(path, "write", None)):
        if max_bytes is not None:
            raise ValueError("max_bytes needs a path: an open stream is not renamed")
        return Stream(path)
    raise TypeError(f"path must be a path or an open stream, not {path!r:.100}")


def replace_files(contents: Mapping[str | os.PathLike[str], bytes]) -> None:
    """Write whole files: readers see the old content or the new, never a part.

    An existing file keeps its permissions, and a link its target. Pipes and devices are written
    directly. Raises OSError if one of the files can't be written; then none is changed.
    """
    made: dict[Path, Path] = {}
    try:
        for target, data in contents.items():
            stream = _opened_stream(target)
            if stream is not None:
                with open(stream, "wb") as file:  # noqa: PTH123 - a descriptor is no path
                    file.write(data)
                continue
            path = Path(os.path.realpath(target)) if os.fspath(target) else Path()
            _check_writable(path, os.fspath(target))
            new = path.with_name(f".{path.name[:100]}.{os.urandom(6).hex()}")
            made[new] = path
            _create(new, data, like=path)
        _rename(made)
    finally:
        for new in made:
            new.unlink(missing_ok=True)


def _create(new: Path, data: bytes, *, like: Path) -> None:
    """Write a new file, with the permissions of another one if that exists."""
    mode = stat.S_IMODE(like.stat().st_mode) if like.exists() else None
    fd = os.open(new, _NEW, 0o666 if mode is None else mode & 0o600)
    with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor is no path
        file.write(data)
    if mode is not None:
        new.chmod(mode)


def _rename(made: Mapping[Path, Path]) -> None:
    """Rename all files or none: what was at the place of one is kept until all are renamed."""
    before: dict[Path, Path] = {}
    renamed: list[Path] = []
    try:
        for new, path in made.items():
            if len(made) > 1 and path.exists():
                before[path] = new.with_suffix(".old")
                _link(path, before[path])
        for new, path in made.items():
            new.replace(path)
            renamed.append(path)
    except BaseException:
        for path in renamed:
            if path in before:
                before[path].replace(path)
            else:
                path.unlink()
        raise
    finally:
        for old in before.values():
            old.unlink(missing_ok=True)


def _link(path: Path, name: Path) -> None:
    """Give a file a second name; a copy where the file system has no hard links."""
    try:
        os.link(path, name)
    except OSError:
        _create(name, path.read_bytes(), like=path)


_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def _opened_stream(target: str | os.PathLike[str]) -> int | None:
    """The descriptor of a pipe, a terminal or another device; None for a file."""
    descriptor = _descriptor_of(target)
    if descriptor is not None:
        return os.dup(descriptor)
    path = Path(target)
    if not path.exists() or path.is_file() or path.is_dir():
        return None
    return os.open(path, os.O_WRONLY)


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
