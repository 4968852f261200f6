# Made by `enterspan stubs` from the annotated source: don't edit it.
"""What a tail may return: a callable for every event, or an object with some of these methods.

Used by type checkers only, which check a handler method by method.
"""

from collections.abc import Callable
from enterspan.events import (
    Attributes,
    DiagnosticChannel,
    Exception_,
    Log,
    Onset,
    Outcome,
    Return,
    SpanClose,
    SpanOpen,
    StreamDiagnostic,
    TailEvent,
)
from typing import Protocol, TypeAlias

class HandlesSpanOpen(Protocol):
    """Takes the `spanOpen` events of an invocation."""

    def span_open(self, event: TailEvent[SpanOpen], /) -> object:
        """A span was opened."""

class HandlesAttributes(Protocol):
    """Takes the `attributes` events of an invocation."""

    def attributes(self, event: TailEvent[Attributes], /) -> object:
        """The attributes of a span, right before it closes."""

class HandlesLog(Protocol):
    """Takes the `log` events of an invocation."""

    def log(self, event: TailEvent[Log], /) -> object:
        """A message was logged."""

class HandlesException(Protocol):
    """Takes the `exception` events of an invocation."""

    def exception(self, event: TailEvent[Exception_], /) -> object:
        """An exception left a span, or was recorded on it."""

class HandlesDiagnosticChannel(Protocol):
    """Takes the `diagnosticChannel` events of an invocation."""

    def diagnostic_channel(self, event: TailEvent[DiagnosticChannel], /) -> object:
        """An event was added to a span."""

class HandlesSpanClose(Protocol):
    """Takes the `spanClose` events of an invocation."""

    def span_close(self, event: TailEvent[SpanClose], /) -> object:
        """A span has ended."""

class HandlesReturn(Protocol):
    """Takes the `return` event of an invocation."""

    def return_(self, event: TailEvent[Return], /) -> object:
        """The handler has returned."""

class HandlesStreamDiagnostic(Protocol):
    """Takes the `streamDiagnostic` event of an invocation."""

    def stream_diagnostic(self, event: TailEvent[StreamDiagnostic], /) -> object:
        """A report about the stream itself."""

class HandlesOutcome(Protocol):
    """Takes the `outcome` event of an invocation."""

    def outcome(self, event: TailEvent[Outcome], /) -> object:
        """The invocation has ended."""

_Handler: TypeAlias = (
    Callable[[TailEvent], object]
    | HandlesSpanOpen
    | HandlesAttributes
    | HandlesLog
    | HandlesException
    | HandlesDiagnosticChannel
    | HandlesSpanClose
    | HandlesReturn
    | HandlesStreamDiagnostic
    | HandlesOutcome
)
_Tail: TypeAlias = Callable[[TailEvent[Onset]], _Handler | None]
