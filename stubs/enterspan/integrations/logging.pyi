# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The standard library's logging and the trace: records in the trace, and its ids on records."""

import logging
from enterspan._tracing import Tracing
from types import TracebackType
from typing_extensions import Self

__all__ = ["LogHandler", "RecordIds", "install", "trace_ids"]

class LogHandler(logging.Handler):
    """A handler that logs each record on the span that is current where it was made.

    The level is the record's, in lower case, and the message is the record's own, whatever format
    the handler was given. Attributes are the logger's name, the place in the source (`logger`,
    `code.filepath`, `code.lineno`, `code.function`), what the program gave as `extra`, where the
    values of secrets are left out, and the exception, named as OpenTelemetry's conventions name it
    (`exception.type`, `exception.message`, `exception.stacktrace`).

    In a configuration for `logging.config.dictConfig`, it is
    `{"class": "enterspan.integrations.logging.LogHandler"}`.
    """

    def __init__(self, tracing: Tracing | None = None, level: int | str = logging.NOTSET) -> None:
        """Feed `tracing`, or the default instance."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; what goes wrong is logging's to report (`Handler.handleError`)."""

def trace_ids(tracing: Tracing | None = None) -> tuple[str, str]:
    """Return the current trace's id and the current span's, as hex; two empty texts without one.

    They are the ids that `inject` would send, so also those of a trace that is not sampled.
    """

def install(
    tracing: Tracing | None = None,
    *,
    trace_id: str = "trace_id",
    span_id: str = "span_id",
) -> RecordIds:
    """Put the ids of the current trace and span on every record that is made from now on.

    They are attributes of the record, in hex, and empty where there is no span: a format has them
    as `%(trace_id)s` and `%(span_id)s`. The record factory that was there before goes on making the
    records. Where the program gives an attribute of such a name itself (`extra={"trace_id": ...}`),
    the program's is on the record. `remove()` undoes it; also a block.

    TypeError or ValueError for names that can't be attributes.
    """

class RecordIds:
    """The ids on records, from `install` until `remove`."""

    names: tuple[str, str]
    def __init__(self, tracing: Tracing | None, trace_id: str, span_id: str) -> None: ...

    def remove(self) -> None:
        """Undo it; a factory that was installed since stays. A second time does nothing."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove it."""
