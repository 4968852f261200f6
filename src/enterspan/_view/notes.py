"""Formats the logs, exceptions and other events of spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from enterspan._terminal.text import undelivered_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enterspan._model.records import SpanEvent
    from enterspan._recording.assemble import RecordedSpan


@dataclass(frozen=True, slots=True)
class Note:
    """An event of a span.

    `kind` is `log`, `exception`, `event` or `dropped`; `label` the log's level or the exception's
    class, `stack` the exception's formatted traceback.
    """

    kind: str
    time_ns: int
    text: str
    label: str
    attributes: Mapping[str, Any]
    stack: str = ""


def notes_of(span: RecordedSpan) -> list[Note]:
    """The notes of a span, in order; for an invocation, including the number of dropped events."""
    notes = [note_of(event) for event in span.events]
    if span.undelivered is not None:
        moment, count = span.undelivered
        notes.append(Note("dropped", moment, undelivered_text(count), "", {}))
    return notes


def note_of(event: SpanEvent) -> Note:
    """Convert an event; logs and exceptions are recognized by their attributes."""
    name, moment, attributes = event.name, event.timestamp_ns, event.attributes
    if name == "exception" and "exception.type" in attributes:
        label = str(attributes["exception.type"]).rpartition(".")[2]
        text = str(attributes.get("exception.message", ""))
        stack = str(attributes.get("exception.stacktrace", ""))
        return Note("exception", moment, text, label, _others(name, attributes), stack)
    if name == "log" and "log.message" in attributes:
        label, text = str(attributes.get("log.severity", "info")), str(attributes["log.message"])
        return Note("log", moment, text, label, _others(name, attributes))
    return Note("event", moment, name, "", attributes)


def _others(prefix: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in attributes.items() if not k.startswith(prefix + ".")}
