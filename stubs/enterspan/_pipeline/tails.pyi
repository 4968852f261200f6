# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Live tails: their subscriptions, and the stream of each invocation that each tail gets.

The thread that puts an event on an inline stream delivers the queued events, unless another thread
is delivering, which then delivers this event, too: events stay in order, and no thread waits for a
tail that another one has called. The queue is bounded in bytes, and the number of events that a
thread delivers for others is limited.
"""

from enterspan.events import (
    Attributes,
    DiagnosticChannel,
    Exception_,
    Log,
    Outcome,
    Return,
    SpanClose,
    SpanOpen,
    StreamDiagnostic,
    TailEvent,
)

class TailHandler:
    """The base class of handlers that are objects: each method does nothing unless overridden.

    Decorate each method with `@typing.override` (`typing_extensions.override` before Python 3.12)
    to make a misspelt name an error in type checkers.
    """

    def span_open(self, event: TailEvent[SpanOpen], /) -> None:
        """A span below the root opens."""

    def attributes(self, event: TailEvent[Attributes], /) -> None:
        """The attributes of a span, right before it closes."""

    def log(self, event: TailEvent[Log], /) -> None:
        """A message was logged."""

    def exception(self, event: TailEvent[Exception_], /) -> None:
        """An exception left a span, or was recorded on it."""

    def diagnostic_channel(self, event: TailEvent[DiagnosticChannel], /) -> None:
        """An event was added to a span."""

    def span_close(self, event: TailEvent[SpanClose], /) -> None:
        """A span has ended."""

    def return_(self, event: TailEvent[Return], /) -> None:
        """The handler has returned."""

    def stream_diagnostic(self, event: TailEvent[StreamDiagnostic], /) -> None:
        """A report about the stream itself, such as dropped events."""

    def outcome(self, event: TailEvent[Outcome], /) -> None:
        """The invocation has ended; nothing follows."""
