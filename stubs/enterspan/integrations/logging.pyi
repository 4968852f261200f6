# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The standard library's logging: records in the trace, and trace ids on records."""

import logging
from enterspan._model.removable import Removable
from enterspan._tracing import Tracing

__all__ = ["LogHandler", "RecordIds", "install", "trace_ids"]

class LogHandler(logging.Handler):
    """A handler that logs each record on the span that is current where it was made.

    The level is the record's, in lower case; the message is the record's own, whatever the
    handler's formatter. Attributes are the logger's name, the place in the source (`logger`,
    `code.filepath`, `code.lineno`, `code.function`; `code.stacktrace` with `stack_info=True`), the
    program's `extra`, without the values of secrets, and the exception, with the names of
    OpenTelemetry's conventions (`exception.type`, `exception.message`, `exception.stacktrace`).

    In a configuration for `logging.config.dictConfig`, it is
    `{"class": "enterspan.integrations.logging.LogHandler"}`.
    """

    def __init__(self, tracing: Tracing | None = None, level: int | str = logging.NOTSET) -> None:
        """Log to `tracing`, or to the default instance."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; errors are reported by logging (`Handler.handleError`)."""

def trace_ids(tracing: Tracing | None = None) -> tuple[str, str]:
    """Return the current trace id and span id, as hex; two empty strings without a span.

    They are the ids that `inject` would write, also for a trace that is not sampled.
    """

def install(
    tracing: Tracing | None = None,
    *,
    trace_id: str = "trace_id",
    span_id: str = "span_id",
) -> RecordIds:
    """Add the ids of the current trace and span to every log record created from now on.

    They are attributes of the record, in hex, and empty without a span, for formats with
    `%(trace_id)s` and `%(span_id)s`. Records are still made by the previous record factory. If the
    program sets an attribute of that name itself (`extra={"trace_id": ...}`), its value is kept.
    The result's `remove()` undoes this; it is also a context manager.

    Raises TypeError or ValueError for names that can't be attributes.
    """

class RecordIds(Removable):
    """The installed ids on records, from `install` until `remove`."""

    names: tuple[str, str]
    def __init__(self, tracing: Tracing | None, trace_id: str, span_id: str) -> None: ...

    def remove(self) -> None:
        """Remove the ids; a factory that was installed later stays. A second call does nothing."""
