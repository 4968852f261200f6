"""The standard library's logging in the trace: a record becomes a `log` of the current span."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from enterspan._tracing import tracing as default_tracing

if TYPE_CHECKING:
    from enterspan._tracing import Tracing

_OWN = "enterspan"
"""Our own logger: what it says about a tail must not go to that tail."""


class LogHandler(logging.Handler):
    """A handler that logs each record on the span that is current where it was made.

    The level is the record's, in lower case; attributes are the logger's name and the place in the
    source (`logger`, `code.filepath`, `code.lineno`, `code.function`).
    """

    def __init__(self, tracing: Tracing | None = None, level: int | str = logging.NOTSET) -> None:
        """Feed `tracing`, or the default instance."""
        super().__init__(level)
        self._tracing = tracing if tracing is not None else default_tracing

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; what goes wrong is logging's to report (`Handler.handleError`)."""
        if str(record.name).partition(".")[0] == _OWN:
            return
        attributes: dict[str, Any] = {
            "logger": record.name,
            "code.filepath": record.pathname,
            "code.lineno": record.lineno,
            "code.function": record.funcName,
        }
        try:
            self._tracing.log(
                record.levelname.lower(),
                self.format(record),
                **attributes,
            )
        except Exception:
            self.handleError(record)
