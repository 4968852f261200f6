"""The names and attributes of the spans of a trace file, for catalogues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from enterspan._recording.assemble import Stream, ids_with_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from enterspan._recording.assemble import RecordedSpan
    from enterspan._recording.wire import Reader

OWN_PREFIX: Final = "enterspan."
"""The prefix of attributes that this library sets to report omissions."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How a name was used by one span.

    `line` is where the span ends. `is_whole` is False where attributes may be missing that the span
    had: the file ends before the span does, or its limits left some out.
    """

    name: str
    attributes: dict[str, Any]
    line: int
    is_whole: bool


def usages(file: BinaryIO, reader: Reader) -> Iterator[Usage]:
    """Each span of a file once it has ended; in the end those that never did.

    Raises ValueError for a file that is empty or holds no trace.
    """
    stream = Stream(ids_with_lines(file), events=False)
    for span in stream.spans(reader.read(file)):
        yield _usage(span, reader.number)


def _usage(span: RecordedSpan, line: int) -> Usage:
    attributes = {
        name: value
        for name, value in span.attributes.items()
        if value is not None and not name.startswith(OWN_PREFIX)
    }
    is_limited = any(name.startswith(OWN_PREFIX) for name in span.attributes)
    return Usage(span.name, attributes, line, span.outcome is not None and not is_limited)
