"""The standard library's logging: records in the trace, and trace ids on records."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from enterspan._model.failures import describe, semantic
from enterspan._model.interrupts import is_interrupt
from enterspan._model.removable import Removable
from enterspan._model.secrets import REDACTED
from enterspan._tracing import tracing as default_tracing

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan._model.failures import Failure
    from enterspan._tracing import Tracing

__all__ = ["LogHandler", "RecordIds", "install", "trace_ids"]

_OWN = "enterspan"
"""This package's logger: warnings about a tail must not go to that tail."""


_TAKEN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""The attributes that logging itself sets on a record."""


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
        super().__init__(level)
        self._tracing = tracing if tracing is not None else default_tracing

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; errors are reported by logging (`Handler.handleError`)."""
        if str(record.name).partition(".")[0] == _OWN:
            return
        try:
            level: Any = record.levelname.lower()  # also one that the program has added
            self._tracing.log(level, record.getMessage(), **self._attributes(record))
        except Exception as error:
            if is_interrupt(error):
                raise
            self.handleError(record)

    def _attributes(self, record: logging.LogRecord) -> dict[str, Any]:
        hides = self._tracing._tracer.secrets.hides
        ids = {name for found in _installed for name in found.names}
        here = ("", *trace_ids(self._tracing))
        return {
            **{
                key: REDACTED if hides(key) else value
                for key, value in vars(record).items()
                if type(key) is str
                and key not in _TAKEN
                and not (key in ids and type(value) is str and value in here)
            },
            "logger": record.name,
            "code.filepath": record.pathname,
            "code.lineno": record.lineno,
            "code.function": record.funcName,
            **({"code.stacktrace": record.stack_info} if record.stack_info else {}),
            **self._exception(record),
        }

    def _exception(self, record: logging.LogRecord) -> dict[str, Any]:
        error = record.exc_info[1] if type(record.exc_info) is tuple else None
        if error is not None:
            tracer = self._tracing._tracer
            described: Failure = tracer.suppressed(
                describe, error, tracer.limits, tracer.exceptions_by_type
            )
            return semantic(described)
        if record.exc_text:  # formatted already, by another process
            return {"exception.stacktrace": record.exc_text}
        return {}


def trace_ids(tracing: Tracing | None = None) -> tuple[str, str]:
    """Return the current trace id and span id, as hex; two empty strings without a span.

    They are the ids that `inject` would write, also for a trace that is not sampled.
    """
    context = (tracing if tracing is not None else default_tracing)._context_here()
    return ("", "") if context is None else (f"{context.trace_id:032x}", f"{context.span_id:016x}")


def install(
    tracing: Tracing | None = None, *, trace_id: str = "trace_id", span_id: str = "span_id"
) -> RecordIds:
    """Add the ids of the current trace and span to every log record created from now on.

    They are attributes of the record, in hex, and empty without a span, for formats with
    `%(trace_id)s` and `%(span_id)s`. Records are still made by the previous record factory. If the
    program sets an attribute of that name itself (`extra={"trace_id": ...}`), its value is kept.
    The result's `remove()` undoes this; it is also a context manager.

    Raises TypeError or ValueError for names that can't be attributes.
    """
    for name in (trace_id, span_id):
        if not isinstance(name, str):
            raise TypeError(f"the name of a record's attribute must be a str, not {name!r}")
        if not name.isidentifier() or name in _TAKEN:
            raise ValueError(f"a record can't have the attribute {name!r}")
    if trace_id == span_id:
        raise ValueError(f"the two ids need two names, not {trace_id!r} twice")
    return RecordIds(tracing, trace_id, span_id)


class _Attributes(dict[str, Any]):
    """The attributes of a record, where `extra` may overwrite the ids.

    `Logger.makeRecord` raises for an `extra` that is an attribute already; a library that sets one
    does not know about the ids.
    """

    __slots__ = ("ids",)
    ids: tuple[str, ...]

    def __contains__(self, name: object) -> bool:
        return name not in self.ids and super().__contains__(name)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


_installed: list[RecordIds] = []


class RecordIds(Removable):
    """The installed ids on records, from `install` until `remove`."""

    def __init__(self, tracing: Tracing | None, trace_id: str, span_id: str) -> None:
        self._tracing = tracing if tracing is not None else default_tracing
        self.names = trace_id, span_id
        self._make: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()
        self._removed = False
        self._factory = self._with_ids
        _installed.append(self)
        logging.setLogRecordFactory(self._factory)

    def _with_ids(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        if not self._removed:
            attributes = _Attributes(record.__dict__)
            attributes.ids = (*getattr(record.__dict__, "ids", ()), *self.names)
            attributes.update(zip(self.names, trace_ids(self._tracing), strict=True))
            record.__dict__ = attributes
        return record

    def remove(self) -> None:
        """Remove the ids; a factory that was installed later stays. A second call does nothing."""
        if not self._removed:
            _installed.remove(self)
        self._removed = True
        if logging.getLogRecordFactory() is self._factory:
            logging.setLogRecordFactory(self._make)
