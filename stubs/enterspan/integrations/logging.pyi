# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The standard library's logging in the trace: a record becomes a `log` of the current span."""

import logging
from enterspan._tracing import Tracing

class LogHandler(logging.Handler):
    """A handler that logs each record on the span that is current where it was made.

    The level is the record's, in lower case; attributes are the logger's name and the place in the
    source (`logger`, `code.filepath`, `code.lineno`, `code.function`).
    """

    def __init__(self, tracing: Tracing | None = None, level: int | str = logging.NOTSET) -> None:
        """Feed `tracing`, or the default instance."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; what goes wrong is logging's to report (`Handler.handleError`)."""
