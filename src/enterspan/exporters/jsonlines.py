"""JSON lines: one JSON object a line, in UTF-8, for live events and for finished spans.

Every line goes out in one piece, unbuffered and appended to the file. So nothing is lost when the
process is killed, nothing is written twice when it forks, and the lines of parent and child stand
side by side. Both kinds of line may be in one file.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import weakref
from json import JSONEncoder
from json.encoder import encode_basestring
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from enterspan._values import (
    DEFAULT_LIMITS,
    INT_MAX,
    INT_MIN,
    clean_text,
    clean_value,
    safe_repr,
)
from enterspan._warnings import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import IO, Literal, TypeAlias

    from enterspan._records import SpanData, SpanEvent, SpanLink
    from enterspan.events import Onset, TailEvent

    _Target: TypeAlias = str | os.PathLike[str] | IO[str] | IO[bytes]
    _Mode: TypeAlias = Literal["w", "a"]

__all__ = ["JsonLinesExporter", "JsonLinesTail"]


class JsonLinesTail:
    """A live tail that writes each event as a line: `TailEvent.to_dict()` as JSON.

    `path` is a file, or a stream open for text or bytes. A file is opened when there is something
    to write, and then replaced (`mode="w"`) or continued (`mode="a"`). Should writing fail later,
    that is logged once and nothing more is written.

    Raises OSError where the file can't be written, and ValueError or TypeError for an unknown mode
    or a path that is none.
    """

    def __init__(self, path: _Target, *, mode: _Mode = "w") -> None:
        self._place = _place_of(path, mode)
        self._failed = False

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Begin with an invocation; what is returned writes the rest of it."""
        self._write(event)
        return None if self._failed else self._write

    def close(self) -> None:
        """Close the file; a stream that was given stays open."""
        self._failed = True
        self._place.close()

    def _write(self, event: TailEvent) -> None:
        if self._failed:
            return
        try:
            self._place.write(event_line(event))
        except (OSError, ValueError) as error:
            self._failed = True
            warn(f"writing events to {self._place.name} failed and was stopped", error)


class JsonLinesExporter:
    """An exporter that writes each finished span as a line; the spans of a batch in one write.

    `path` is a file, or a stream open for text or bytes. A file is opened when there is something
    to write, and then replaced (`mode="w"`) or continued (`mode="a"`).

    Raises OSError where the file can't be written, and ValueError or TypeError for an unknown mode
    or a path that is none.
    """

    def __init__(self, path: _Target, *, mode: _Mode = "w") -> None:
        self._place = _place_of(path, mode)

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError where that fails, and ValueError after `shutdown`."""
        lines = [span_line(span) for span in spans]
        if lines:
            self._place.write("".join(lines))

    def shutdown(self) -> None:
        """Close the file; a stream that was given stays open."""
        self._place.close()


# --- where lines go -------------------------------------------------------------------------------


class _File:
    """A file that lines are appended to, each write in one piece."""

    _fd: int | None = None

    def __init__(self, path: str | os.PathLike[str], mode: _Mode) -> None:
        self._path = Path(path).absolute()  # the program may change its folder
        self.name = str(path)
        self._mode = mode
        self._identity: tuple[int, int] | None = None
        self._opening = threading.RLock()
        self._torn = False
        self._closed = False
        _check_writable(self._path, self.name)
        _unopened.add(self)

    def write(self, text: str) -> None:
        """Append text. Raises OSError, and ValueError when the file was closed."""
        data = utf8(text)
        fd = self.open()
        if self._torn:  # a full disk has cut a line: the next one must not continue it
            data = b"\n" + data
        at = 0
        try:
            while at < len(data):
                at += os.write(fd, data[at:] if at else data)
        finally:
            if at:
                self._torn = data[at - 1] != _NEWLINE

    def open(self) -> int:
        """Open the file if it is not open; what the program did to the descriptor is mended."""
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

    def open_early(self) -> None:
        """Open the file now; where that fails, the first write will say so."""
        try:
            self.open()
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """Close the file for good."""
        self._closed = True
        fd, self._fd = self._fd, None
        if fd is not None and self._is_ours(fd):
            os.close(fd)

    __del__ = close

    def _opened(self, how: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | how | getattr(os, "O_BINARY", 0)
        self._torn = not how and _ends_inside_a_line(self._path)
        fd = os.open(self._path, flags, 0o666)
        found = os.fstat(fd)
        self._identity = found.st_dev, found.st_ino
        _unopened.discard(self)
        return fd

    def _is_ours(self, fd: int) -> bool:
        """Whether the descriptor still is this file: a program that closes all may reuse it."""
        try:
            found = os.fstat(fd)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity


_NEWLINE: Final = ord("\n")
_unopened: weakref.WeakSet[_File] = weakref.WeakSet()


def _open_all() -> None:
    """Before a fork: else parent and child would both replace the file, and each other's lines."""
    for file in list(_unopened):
        file.open_early()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_open_all)


class _Stream:
    """A stream that somebody else opened, and will close."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._closed = False
        self._writing = threading.RLock()
        self.name = str(getattr(stream, "name", None) or "a stream")
        try:
            stream.write(b"")
            self._takes_text = False
        except TypeError:
            self._takes_text = True

    def write(self, text: str) -> None:
        """Write text and flush it: what a buffer holds would be written twice after a fork."""
        if self._closed:
            raise ValueError(f"{self.name} was closed")
        with self._writing:
            if self._takes_text:
                self._stream.write(_ascii(text))
            else:
                self._write_bytes(utf8(text))
            self._stream.flush()

    def _write_bytes(self, data: bytes) -> None:
        written = self._stream.write(data)
        while type(written) is int and 0 < written < len(data):  # unbuffered: it may stop short
            data = data[written:]
            written = self._stream.write(data)

    def close(self) -> None:
        """Write no more; the stream stays open."""
        self._closed = True


def _place_of(path: Any, mode: str) -> _File | _Stream:
    if mode not in ("w", "a"):
        raise ValueError(f"mode must be 'w' or 'a', not {mode!r}")
    if isinstance(path, (str, os.PathLike)):
        return _File(path, mode)  # type: ignore[arg-type]
    if callable(getattr(path, "write", None)):
        return _Stream(path)
    raise TypeError(f"path must be a path or an open stream, not {path!r:.100}")


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
    """Whether a file was left by a process that did not finish its last line."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False


# --- JSON -----------------------------------------------------------------------------------------

_quote: Final[Callable[[str], str]] = encode_basestring
_LIMITS: Final = DEFAULT_LIMITS
_DEPTH: Final = 12
"""Deeper than this a value is written as its text; none that the core cleaned is."""
_encode: Final = JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
).encode


def utf8(text: str) -> bytes:
    """Encode text; surrogates that form a pair become their character, others U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _ascii(text: str) -> str:
    """Escape what a text stream of whatever encoding might not take, or write as no UTF-8."""
    if text.isascii():
        return text
    wide = utf8(text).decode().encode("utf-16-be")
    units = [int.from_bytes(wide[i : i + 2], "big") for i in range(0, len(wide), 2)]
    return "".join([chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in units])


def event_line(event: TailEvent) -> str:
    """One event as a line."""
    wire = event.to_dict()
    try:
        return _encode(wire) + "\n"
    except (TypeError, ValueError, RecursionError):
        return _json(wire) + "\n"


def span_line(span: SpanData) -> str:
    """One finished span as a line."""
    context = span.context
    parent = span.parent_span_id
    attributes, events, links = span.attributes, span.events, span.links
    # Written out, and without a dictionary in between: this runs once for each span.
    return (
        f'{{"type":"span","name":{_text(span.name)}'
        f',"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
        f',"parentSpanId":{"null" if parent is None else f"{chr(34)}{parent:016x}{chr(34)}"}'
        f',"traceFlags":{context.trace_flags},"traceState":{_text(context.trace_state)}'
        f',"startNs":{span.start_ns},"endNs":{span.end_ns},"kind":{_text(span.kind)}'
        f',"attributes":{_object(attributes) if attributes else "{}"}'
        f',"events":{_array(_event, events) if events else "[]"}'
        f',"links":{_array(_link, links) if links else "[]"}'
        f',"status":{_text(span.status)},"statusDescription":{_text(span.status_description)}'
        f',"outcome":{_text(span.outcome)},"invocationId":{_text(span.invocation_id)}'
        f',"scope":{_text(span.scope)},"resource":{_resource(span.resource)}'
        f',"droppedAttributes":{span.dropped_attributes},"droppedEvents":{span.dropped_events}'
        f',"droppedLinks":{span.dropped_links}}}\n'
    )


def _event(event: SpanEvent) -> str:
    return (
        f'{{"name":{_text(event.name)},"timestampNs":{event.timestamp_ns}'
        f',"attributes":{_object(event.attributes)}}}'
    )


def _link(link: SpanLink) -> str:
    context = link.context
    return (
        f'{{"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
        f',"traceFlags":{context.trace_flags},"traceState":{_text(context.trace_state)}'
        f',"attributes":{_object(link.attributes)}}}'
    )


def _array(write: Callable[[Any], str], items: Sequence[Any]) -> str:
    return "[" + ",".join([write(item) for item in items]) + "]"


_last_resource: tuple[Mapping[str, Any] | None, str] = (None, "{}")


def _resource(resource: Mapping[str, Any]) -> str:
    """All spans of a Tracing have one resource: it is written once."""
    global _last_resource  # noqa: PLW0603 - a pair, replaced as a whole, so threads may race
    known, text = _last_resource
    if resource is not known:
        text = _object(resource)
        _last_resource = (resource, text)
    return text


def _text(text: Any) -> str:
    return _quote(text if type(text) is str else clean_text(text, _LIMITS.value_bytes))


def _object(mapping: Mapping[Any, Any], depth: int = 0) -> str:
    parts: list[str] = []
    for key, value in list(mapping.items()):
        if type(value) is str:
            parts.append(f"{_text(key)}:{_quote(value)}")
        else:
            parts.append(f"{_text(key)}:{_json(value, depth)}")
    return "{" + ",".join(parts) + "}"


def _json(value: Any, depth: int = 0) -> str:
    """Any value as JSON; what JSON has no form for becomes text."""
    kind: object = type(value)
    if kind is str:
        return _quote(value)
    if kind is int and INT_MIN <= value <= INT_MAX:
        return repr(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return repr(value) if value - value == 0 else _quote(repr(value))
    if value is None:
        return "null"
    if depth < _DEPTH:
        if kind is tuple or kind is list:
            return "[" + ",".join([_json(item, depth + 1) for item in value]) + "]"
        if kind is dict:
            return _object(value, depth + 1)
        cleaned, _ = clean_value(value, _LIMITS)
        return _json(cleaned, depth + 1)
    return _quote(safe_repr(value, _LIMITS.value_bytes))
