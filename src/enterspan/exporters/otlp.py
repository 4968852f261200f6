"""OTLP: finished spans to a collector, or to any OpenTelemetry exporter.

`OTLPExporter` sends with OpenTelemetry's OTLP exporter: the OTEL_* variables for endpoints,
headers, TLS, compression and retries apply. `OTelExporter` passes spans to any other OpenTelemetry
`SpanExporter`. Both run on the worker thread of their subscription.
"""

# The optional packages may not be installed when types are checked.
# pyright: reportMissingImports=false, reportMissingModuleSource=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import FunctionType
from typing import Any, Final, Literal, TypeAlias

from enterspan._model import ids as _ids
from enterspan._model.diagnostics import warn
from enterspan._model.records import SpanData
from enterspan.exporters._protobuf import encode_resource, encode_spans

try:
    from opentelemetry import context as _context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import (
        Link,
        SpanContext,
        SpanKind,
        Status,
        StatusCode,
        TraceFlags,
        TraceState,
    )
except ImportError as error:
    raise ImportError(
        "enterspan.exporters.otlp needs OpenTelemetry: pip install 'enterspan[otlp]'"
    ) from error

_Protocol: TypeAlias = Literal["http/protobuf", "grpc"]

__all__ = ["GRPC", "HTTP", "ExportError", "OTLPExporter", "OTelExporter"]

HTTP: Final = "http/protobuf"
"""The default protocol, as in the specification."""
GRPC: Final = "grpc"

_PROTOCOL_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_COMPRESSIONS: Final = {"none": "NoCompression", "deflate": "Deflate", "gzip": "Gzip"}
_PAUSE: Final = 1.0
"""Seconds between two attempts, in addition to the retries of OpenTelemetry's exporter."""

_MOST_BYTES: Final = 4_000_000
"""The size above which a batch is sent in parts. By default gRPC receivers take 4 MiB, and answer
larger messages with a code that means a retry could succeed."""

_RETRYABLE: Final = frozenset(
    {
        "ABORTED",
        "CANCELLED",
        "DATA_LOSS",
        "DEADLINE_EXCEEDED",
        "OUT_OF_RANGE",
        "RESOURCE_EXHAUSTED",
        "UNAVAILABLE",
    }
)
"""The gRPC codes after which OTLP requires a retry."""

_THEIRS: Final = "opentelemetry.exporter.otlp."
"""The prefix of the modules of OpenTelemetry's OTLP exporters."""


class ExportError(Exception):
    """Spans could not be delivered; the text has the receiver and the reason.

    `lost` is the number of spans of the batch that are lost; None for all of them.
    """

    def __init__(self, message: str, lost: int | None = None) -> None:
        super().__init__(message)
        self.lost = lost


class _TooLargeError(Exception):
    """A message is larger than receivers take by default."""


class OTelExporter:
    """An exporter that passes finished spans to any OpenTelemetry `SpanExporter`.

    `tracing.add_exporter(OTelExporter(ConsoleSpanExporter()))`. The `SpanExporter` is called with
    `ReadableSpan`s, whose resource merges `tracing.configure(resource=...)` with the OTEL_*
    variables (`Resource.create`). During the call, OpenTelemetry's instrumentations are suppressed
    in this thread. A batch for which it raises, or does not return success, counts as failed.

    Raises:
        TypeError: if `span_exporter` is not a SpanExporter.
    """

    def __init__(self, span_exporter: object) -> None:
        for name in ("export", "shutdown"):
            if isinstance(span_exporter, type) or not callable(getattr(span_exporter, name, None)):
                raise TypeError(
                    "OTelExporter takes an instance of an OpenTelemetry SpanExporter,"
                    f" not {span_exporter!r}"
                )
        self._exporter: Any = span_exporter
        self._resources = _Resources()

    def export(self, spans: Sequence[SpanData]) -> None:
        """Export a batch. Raises ExportError if that fails, and what the SpanExporter raises."""
        batch = [readable(span, self._resources) for span in spans]
        with _Suppressed():
            result = self._exporter.export(batch)
        if result is not SpanExportResult.SUCCESS:
            raise ExportError(f"{type(self._exporter).__name__} returned {_shown(result)}")

    def shutdown(self) -> None:
        """Shut the SpanExporter down."""
        with _Suppressed():
            self._exporter.shutdown()


class OTLPExporter:
    """An exporter that sends finished spans over OTLP, to a collector or a back-end.

    `tracing.add_exporter(OTLPExporter())` is configured by the OTEL_* variables; arguments override
    them.

    While the receiver can't be reached, the batch is retried, and later spans wait in the queue of
    the subscription; those that don't fit are counted as dropped. A batch that the receiver rejects
    counts as failed. Either is logged once. A batch that is too large for the receiver (over 4 MB,
    or if the receiver says so) is sent in parts.

    Args:
        endpoint: the full URL; over http with its path, `/v1/traces`.
        protocol: `http/protobuf` or `grpc`.
        headers: headers of each request.
        timeout: how many seconds one attempt may take.
        compression: `none`, `gzip` or `deflate`.
        **options: passed to OpenTelemetry's exporter of the protocol: `certificate_file`,
            `session`, `credentials`, `insecure`, ...

    Raises:
        ValueError, TypeError: for an invalid option.
        ImportError: if OpenTelemetry's exporter of the protocol is not installed.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        protocol: _Protocol | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        compression: Literal["none", "gzip", "deflate"] | None = None,
        **options: object,
    ) -> None:
        self._protocol = _protocol(protocol)
        _check(endpoint, headers, timeout)
        given: dict[str, Any] = {"endpoint": endpoint, "timeout": timeout}
        given["headers"] = None if headers is None else dict(headers)
        if compression is not None:
            given["compression"] = _compression(self._protocol, compression)
        known = {name: value for name, value in given.items() if value is not None}
        self._options: dict[str, Any] = {**known, **options}
        self._given_up = threading.Event()
        self._shut_down = False
        self._warned = False
        self._message_bytes = 0
        """The size of the last message, if it was too large to be sent."""
        self._resources = _Resources()
        self._connect()

    def __repr__(self) -> str:
        """Show the receiver."""
        return f"<OTLPExporter to {self._where}>"

    def _connect(self) -> None:
        """Create OpenTelemetry's exporter; a forked child creates its own."""
        self._process = os.getpid()
        self._log = _Log(self._warn_once)
        kind, self._takes_records = _adapted(
            _exporter_type(self._protocol), self._encode, self._log
        )
        with _Suppressed():
            self._exporter: Any = kind(**self._options)
        endpoint = str(getattr(self._exporter, "_endpoint", self._options.get("endpoint", "")))
        self._where = f"{endpoint} ({self._protocol})"
        if self._protocol == HTTP and not endpoint.lower().startswith(("http://", "https://")):
            raise ValueError(
                f"the endpoint for {HTTP} must begin with http:// or https://, not {endpoint!r}:"
                " see OTEL_EXPORTER_OTLP_ENDPOINT"
            )

    def export(self, spans: Sequence[SpanData]) -> None:
        """Send a batch. Raises ExportError if the receiver rejects it or time is up."""
        if self._process != os.getpid():
            self._connect()
        parts = [spans]
        lost, why = 0, None
        while parts:
            part = parts.pop()
            failure = self._deliver(part)
            if failure is not None and failure.is_too_large and len(part) > 1:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            elif failure is not None:
                lost, why = lost + len(part), failure
        if why is not None:
            how = "was not reached in time:" if why.is_passing else "did not take"
            raise ExportError(f"{self._where} {how} {lost} of {len(spans)} spans: {why.text}", lost)

    def _deliver(self, spans: Sequence[SpanData]) -> "_Failure | None":
        """Send spans until the receiver takes or rejects them, or time is up."""
        batch: Any = spans
        if not self._takes_records:
            batch = [readable(span, self._resources) for span in spans]
        why = None
        while not self._given_up.is_set():
            why = self._send(batch)
            if why is None or not why.is_passing:
                return why
            if not self._given_up.is_set():
                self._warn_once(why.text)
                self._given_up.wait(_PAUSE)
        return why or _Failure("time is up", is_passing=True)

    def _send(self, batch: Any) -> "_Failure | None":
        self._log.failure = None
        self._message_bytes = 0
        with _Suppressed():
            try:
                result = self._exporter.export(batch)
            except _TooLargeError:
                result = SpanExportResult.FAILURE
            except OSError as error:  # some releases raise connection errors
                return _Failure(f"{type(error).__name__}: {error}", is_passing=True)
        if result is SpanExportResult.SUCCESS:
            return None
        if self._message_bytes > _MOST_BYTES:
            text = f"{self._message_bytes} bytes are too many"
            return _Failure(text, is_passing=False, is_too_large=True)
        return self._log.why(f"it returned {_shown(result)}")

    def _encode(self, spans: Sequence[SpanData]) -> Any:
        """Replace OpenTelemetry's `encode_spans`: encode our records directly."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        groups = [(self._resources.encoded(r), batch) for r, batch in _by_resource(spans)]
        encoded = encode_spans(groups)
        self._message_bytes = len(encoded)
        if self._message_bytes > _MOST_BYTES and len(spans) > 1:
            raise _TooLargeError
        self._message_bytes = 0
        return ExportTraceServiceRequest.FromString(encoded)

    def _warn_once(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            warn(
                f"OTLPExporter can't deliver to {self._where}: {why.rstrip('.')}."
                " Spans wait in the queue. Check that a receiver of this protocol is running there:"
                " OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL configure it"
            )

    def give_up(self) -> None:
        """Stop retrying and shut down; may be called while `export` runs."""
        self._given_up.set()
        self.shutdown()

    def shutdown(self) -> None:
        """Close the connection; idempotent."""
        self._given_up.set()
        if not self._shut_down:
            self._shut_down = True
            with _Suppressed():
                self._exporter.shutdown()


# --- options --------------------------------------------------------------------------------------


def _protocol(given: object) -> str:
    """The protocol: as given, from the variables, or the default."""
    source = "protocol"
    if given is None:
        for source in _PROTOCOL_VARIABLES:
            given = os.environ.get(source, "").strip() or None
            if given is not None:
                break
        else:
            return HTTP
    if given not in (HTTP, GRPC):
        raise ValueError(f"{source} must be {HTTP!r} or {GRPC!r}, not {given!r}")
    return str(given)


def _check(endpoint: object, headers: object, timeout: object) -> None:
    if endpoint is not None and (not isinstance(endpoint, str) or not endpoint):
        raise TypeError(f"endpoint must be a URL, not {endpoint!r}")
    if headers is not None and not hasattr(headers, "items"):
        raise TypeError(f"headers must be a mapping of names to texts, not {headers!r}")
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be a number of seconds, not {timeout!r}")
    if not timeout > 0:
        raise ValueError(f"timeout must be above 0 (seconds), not {timeout!r}")


def _compression(protocol: str, given: object) -> Any:
    if not isinstance(given, str) or given not in _COMPRESSIONS:
        raise ValueError(f"compression must be one of {', '.join(_COMPRESSIONS)}, not {given!r}")
    if protocol == GRPC:
        from grpc import Compression
    else:
        from opentelemetry.exporter.otlp.proto.http import Compression
    return getattr(Compression, _COMPRESSIONS[given])


def _exporter_type(protocol: str) -> Any:
    try:
        if protocol == GRPC:
            from opentelemetry.exporter.otlp.proto.grpc import trace_exporter
        else:
            from opentelemetry.exporter.otlp.proto.http import trace_exporter
    except ImportError as error:
        raise ImportError(
            f"the protocol {protocol} needs OpenTelemetry's exporter: pip install 'enterspan[otlp]'"
        ) from error
    return trace_exporter.OTLPSpanExporter


def _adapted(kind: Any, encode: Any, log: "_Log") -> tuple[Any, bool]:
    """OpenTelemetry's exporter with our encoder and logger; whether the encoder is used.

    Its methods use the globals `encode_spans`, which costs more than the rest of an export, and
    `_logger` or `logger`. A subclass has copies of these methods with other globals; the modules
    are unchanged. A release without such methods is used as it is.
    """
    replaced = {"encode_spans": encode, "_logger": log, "logger": log}
    copies: dict[str, Any] = {}
    is_encoding = False
    for cls in reversed(kind.__mro__):
        if not cls.__module__.startswith(_THEIRS):
            continue
        for name, function in vars(cls).items():
            if isinstance(function, FunctionType) and replaced.keys() & function.__code__.co_names:
                is_encoding = is_encoding or "encode_spans" in function.__code__.co_names
                copies[name] = _copied(function, replaced)
            else:
                copies.pop(name, None)
    return type(kind)(kind.__name__, (kind,), copies), is_encoding


def _copied(function: FunctionType, replaced: dict[str, Any]) -> FunctionType:
    copied = FunctionType(
        function.__code__,
        {**function.__globals__, **replaced},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied


# --- while OpenTelemetry's code runs --------------------------------------------------------------


class _Suppressed:
    """A block in which OpenTelemetry's instrumentations don't trace the requests of an export."""

    _KEYS: Final = (
        getattr(_context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation"),
        getattr(_context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation"),
        "suppress_instrumentation",
    )

    def __enter__(self) -> None:
        current = _context.get_current()
        for key in self._KEYS:
            current = _context.set_value(key, True, current)
        self._token = _context.attach(current)

    def __exit__(self, *exc: object) -> None:
        _context.detach(self._token)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a batch was not delivered; whether a retry, or a smaller batch, may succeed."""

    text: str
    is_passing: bool
    is_too_large: bool = False


class _Log(logging.Logger):
    """The logger of one exporter, which keeps why the last batch failed and prints nothing.

    The result of an export has no reason; it is in the log only.
    """

    def __init__(self, on_retry: Callable[[str], None]) -> None:
        super().__init__("enterspan.exporters.otlp")
        self._on_retry = on_retry
        self.failure: _Failure | None = None

    def why(self, otherwise: str) -> _Failure:
        """The failure of the last batch; without one in the log, a final one."""
        return self.failure or _Failure(otherwise, is_passing=False)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        """Take warnings whatever the logging configuration of the program is."""
        return level >= logging.WARNING

    def handle(self, record: logging.LogRecord) -> None:
        """Keep the failure; report one after which a retry may succeed."""
        text = record.getMessage()
        if self.failure is not None and "max retries" in text:
            text = self.failure.text  # the reason of the retries says more
        self.failure = _Failure(
            text, is_passing=_is_passing(record), is_too_large=_is_too_large(record)
        )
        if self.failure.is_passing:
            self._on_retry(text)


def _is_passing(record: logging.LogRecord) -> bool:
    """Whether OpenTelemetry's exporter retried, or would have had there been time."""
    message = str(record.msg).lower()
    if "transient" in message or "retries" in message:
        return True
    args = record.args if isinstance(record.args, tuple) else ()
    return any(getattr(arg, "name", None) in _RETRYABLE for arg in args)


def _is_too_large(record: logging.LogRecord) -> bool:
    """Whether a smaller batch would be within the limit of the receiver or the exporter."""
    args = record.args if isinstance(record.args, tuple) else ()
    too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value
    return any(str(arg) == str(too_large) for arg in args) or "max_request_size" in str(record.msg)


def _shown(result: object) -> str:
    return str(getattr(result, "name", result))


# --- records as OpenTelemetry has them ------------------------------------------------------------

_KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_STATUSES: Final = {"unset": StatusCode.UNSET, "ok": StatusCode.OK, "error": StatusCode.ERROR}


class _Finished(ReadableSpan):  # type: ignore[misc]
    """A ReadableSpan with the counts of what was dropped."""

    _record: SpanData

    @property
    def dropped_attributes(self) -> int:
        """How many attributes were dropped."""
        return self._record.dropped_attributes

    @property
    def dropped_events(self) -> int:
        """How many events were dropped."""
        return self._record.dropped_events

    @property
    def dropped_links(self) -> int:
        """How many links were dropped."""
        return self._record.dropped_links


def readable(span: SpanData, resources: "_Resources") -> ReadableSpan:
    """A finished span for OpenTelemetry's exporters."""
    context = span.context
    own = _otel_context(context, span_id=context.span_id, is_remote=False)
    parent = None
    if span.parent_span_id:
        parent = _otel_context(
            context, span_id=span.parent_span_id, is_remote=span.parent_is_remote
        )
    code = _STATUSES.get(span.status, StatusCode.UNSET)
    description = span.status_description if code is StatusCode.ERROR else None
    made = _Finished(
        name=span.name,
        context=own,
        parent=parent,
        resource=resources.of(span.resource),
        attributes=span.attributes,
        events=[Event(e.name, e.attributes, e.timestamp_ns) for e in span.events],
        links=[Link(_otel_context(li.context), li.attributes) for li in span.links],
        kind=_KINDS.get(span.kind, SpanKind.INTERNAL),
        status=Status(code, description or None),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope(span.scope),
    )
    made._record = span
    return made


def _otel_context(
    context: _ids.SpanContext, *, span_id: int | None = None, is_remote: bool | None = None
) -> SpanContext:
    state = context.trace_state
    return SpanContext(
        context.trace_id,
        context.span_id if span_id is None else span_id,
        context.is_remote if is_remote is None else is_remote,
        TraceFlags(context.trace_flags),
        TraceState.from_header([state]) if state else None,
    )


class _Resources:
    """Resources merged with what OpenTelemetry detects; the last one is cached."""

    def __init__(self) -> None:
        self._known: tuple[Mapping[str, Any], Resource, bytes] | None = None

    def of(self, given: Mapping[str, Any]) -> Resource:
        """The resource: `configure(resource=...)` overrides OTEL_RESOURCE_ATTRIBUTES."""
        return self._find(given)[1]

    def encoded(self, given: Mapping[str, Any]) -> bytes:
        """The resource, encoded for OTLP."""
        return self._find(given)[2]

    def _find(self, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], Resource, bytes]:
        known = self._known
        if known is None or known[0] is not given:
            made = Resource.create(dict(given))
            encoded = encode_resource(made.attributes, made.schema_url)
            known = self._known = (given, made, encoded)
        return known


def _by_resource(
    spans: Sequence[SpanData],
) -> Iterator[tuple[Mapping[str, Any], Sequence[SpanData]]]:
    """The spans in runs of the same resource."""
    first = 0
    for index, span in enumerate(spans):
        if span.resource is not spans[first].resource:
            yield spans[first].resource, spans[first:index]
            first = index
    if spans:
        yield spans[first].resource, spans[first:]
