# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Live tails: who is subscribed, and the stream that each of them gets of each invocation.

`TailStream` is the span processor that turns what happens in an invocation into events, and puts
each on the `Stream` of every tail that accepted the invocation. The thread that puts an event on an
inline stream delivers what waits there, unless another one is delivering, which then delivers this
event, too: events stay in order, and no thread waits for a tail that another one has called. What
waits is bounded in bytes, and so is how much one thread delivers for others.
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

    With `@typing.override` (before Python 3.12 `typing_extensions.override`) above each method, one
    whose name is misspelt is an error to type checkers.
    """

    def span_open(self, event: TailEvent[SpanOpen], /) -> None:
        """A span below the root opens."""

    def attributes(self, event: TailEvent[Attributes], /) -> None:
        """The attributes of a span that closes."""

    def log(self, event: TailEvent[Log], /) -> None:
        """A line was logged."""

    def exception(self, event: TailEvent[Exception_], /) -> None:
        """An exception left a span, or was recorded on it."""

    def diagnostic_channel(self, event: TailEvent[DiagnosticChannel], /) -> None:
        """A span has an event."""

    def span_close(self, event: TailEvent[SpanClose], /) -> None:
        """A span has ended."""

    def return_(self, event: TailEvent[Return], /) -> None:
        """The handler has answered."""

    def stream_diagnostic(self, event: TailEvent[StreamDiagnostic], /) -> None:
        """The stream itself has something to report."""

    def outcome(self, event: TailEvent[Outcome], /) -> None:
        """The invocation has ended; nothing follows."""
