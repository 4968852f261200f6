# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The events of the live stream, as frozen values.

A stream begins with one `onset`, sequence 0, which opens the invocation's root span. Then come, in
the order in which they happen: `spanOpen` and `spanClose` of each span below the root, with the
span's `attributes` right before its close; `log`, `exception` and `diagnosticChannel` of any span;
and at most one `return`, when the handler has returned. Every span that was opened is closed: spans
that are still open at the end are closed as `abandoned`, innermost first. Last come the root's
`attributes`, a `streamDiagnostic` if events of this stream were dropped, and one `outcome`.
Sequence numbers have no gaps.

The vocabulary is that of workerd's streaming tail workers.
"""

import datetime as dt
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enterspan._model.limits import AttributeValue
from types import MappingProxyType
from typing import Generic, TypeAlias
from typing_extensions import TypeVar as DefaultTypeVar

__all__ = [
    "AlarmEventInfo",
    "Attribute",
    "Attributes",
    "ConnectEventInfo",
    "CustomEventInfo",
    "DiagnosticChannel",
    "DroppedEvents",
    "EmailEventInfo",
    "Event",
    "EventInfo",
    "Exception_",
    "FetchEventInfo",
    "FetchResponseInfo",
    "Log",
    "Onset",
    "Outcome",
    "QueueEventInfo",
    "Return",
    "RpcEventInfo",
    "ScheduledEventInfo",
    "SpanClose",
    "SpanOpen",
    "StreamDiagnostic",
    "TailEvent",
    "TailSpanContext",
    "TestEventInfo",
    "TraceEventInfo",
    "WebSocketEventInfo",
]

_E = DefaultTypeVar("_E", covariant=True, bound="Event", default="Event")

@dataclass(frozen=True)
class FetchEventInfo:
    """An HTTP request: its method, its URL and its headers as pairs of name and value.

    Secrets in the query and the headers have no value here, and the URL has no password. In every
    info, a text of more than 16 KiB is cut; headers are cut after the first 128, or after 64 KiB.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]] | Mapping[str, str] = ()

    def __post_init__(self) -> None:
        """Turn headers given as a mapping or a list into a tuple of pairs."""

    @property
    def type(self) -> typing.Literal["fetch"]:
        """The wire name."""

@dataclass(frozen=True)
class ConnectEventInfo:
    """A raw connection."""

    @property
    def type(self) -> typing.Literal["connect"]:
        """The wire name."""

@dataclass(frozen=True)
class RpcEventInfo:
    """A remote procedure call of `method`."""

    method: str

    def __post_init__(self) -> None:
        """Cut a text that is too long."""

    @property
    def type(self) -> typing.Literal["rpc"]:
        """The wire name."""

@dataclass(frozen=True)
class ScheduledEventInfo:
    """A scheduled run: when it was due (a datetime with a zone), and the cron expression."""

    scheduled_time: dt.datetime
    cron: str

    def __post_init__(self) -> None:
        """Raise ValueError for a time without a zone, and cut a long text."""

    @property
    def type(self) -> typing.Literal["scheduled"]:
        """The wire name."""

@dataclass(frozen=True)
class AlarmEventInfo:
    """An alarm: when it was due (a datetime with a zone)."""

    scheduled_time: dt.datetime

    def __post_init__(self) -> None:
        """Raise ValueError for a time without a zone."""

    @property
    def type(self) -> typing.Literal["alarm"]:
        """The wire name."""

@dataclass(frozen=True)
class QueueEventInfo:
    """A batch of messages taken from a queue."""

    queue_name: str
    batch_size: int

    def __post_init__(self) -> None:
        """Cut a text that is too long."""

    @property
    def type(self) -> typing.Literal["queue"]:
        """The wire name."""

@dataclass(frozen=True)
class EmailEventInfo:
    """An e-mail: its sender, its recipient and its size in bytes."""

    mail_from: str
    rcpt_to: str
    raw_size: int

    def __post_init__(self) -> None:
        """Cut texts that are too long."""

    @property
    def type(self) -> typing.Literal["email"]:
        """The wire name."""

@dataclass(frozen=True)
class TraceEventInfo:
    """A batch of traces, passed to a consumer of traces."""

    traces: Sequence[object]

    @property
    def type(self) -> typing.Literal["trace"]:
        """The wire name."""

@dataclass(frozen=True)
class WebSocketEventInfo:
    """One event of a web socket; `code` and `was_clean` are set for a close."""

    kind: typing.Literal["message", "close", "error"]
    code: int | None = None
    was_clean: bool | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown kind."""

    @property
    def type(self) -> typing.Literal["webSocket"]:
        """The wire name."""

@dataclass(frozen=True)
class TestEventInfo:
    """A test."""

    name: str

    def __post_init__(self) -> None:
        """Cut a text that is too long."""

    @property
    def type(self) -> typing.Literal["test"]:
        """The wire name."""

@dataclass(frozen=True)
class CustomEventInfo:
    """Any other trigger."""

    name: str = ""

    def __post_init__(self) -> None:
        """Cut a text that is too long."""

    @property
    def type(self) -> typing.Literal["custom"]:
        """The wire name."""

@dataclass(frozen=True)
class FetchResponseInfo:
    """The response to an HTTP request."""

    status_code: int

    @property
    def type(self) -> typing.Literal["fetch"]:
        """The wire name."""

EventInfo: TypeAlias = (
    FetchEventInfo
    | ConnectEventInfo
    | RpcEventInfo
    | ScheduledEventInfo
    | AlarmEventInfo
    | QueueEventInfo
    | EmailEventInfo
    | TraceEventInfo
    | WebSocketEventInfo
    | TestEventInfo
    | CustomEventInfo
)

@dataclass(frozen=True)
class Attribute:
    """One attribute of a span."""

    name: str
    value: AttributeValue

@dataclass(frozen=True)
class Onset:
    """The invocation has begun; `span_id` is the id of its root span.

    `resource` has the attributes of its process: see `configure(resource=...)`.
    """

    span_id: str
    name: str
    info: EventInfo | None
    attributes: tuple[Attribute, ...]
    resource: Mapping[str, AttributeValue] = MappingProxyType({})

    @property
    def type(self) -> typing.Literal["onset"]:
        """The wire name."""

@dataclass(frozen=True)
class SpanOpen:
    """A span was opened; the event's `span_context.span_id` is its parent."""

    span_id: str
    name: str

    @property
    def type(self) -> typing.Literal["spanOpen"]:
        """The wire name."""

@dataclass(frozen=True)
class Attributes:
    """All attributes of a span, sent right before it closes."""

    info: tuple[Attribute, ...]

    @property
    def type(self) -> typing.Literal["attributes"]:
        """The wire name."""

@dataclass(frozen=True)
class Log:
    """A log message. `level` is lower case; `truncated` means that the message was cut."""

    level: str
    message: str
    attributes: tuple[Attribute, ...]
    truncated: bool

    @property
    def type(self) -> typing.Literal["log"]:
        """The wire name."""

@dataclass(frozen=True)
class Exception_:
    """An exception left a span, or was recorded on it; `stack` is the formatted traceback."""

    name: str
    message: str
    stack: str

    @property
    def type(self) -> typing.Literal["exception"]:
        """The wire name."""

@dataclass(frozen=True)
class DiagnosticChannel:
    """A named event of a span: `channel` is its name, `message` its attributes."""

    channel: str
    message: Mapping[str, AttributeValue]

    @property
    def type(self) -> typing.Literal["diagnosticChannel"]:
        """The wire name."""

@dataclass(frozen=True)
class SpanClose:
    """A span has ended."""

    outcome: str

    @property
    def type(self) -> typing.Literal["spanClose"]:
        """The wire name."""

@dataclass(frozen=True)
class Return:
    """The handler has returned; the invocation may go on."""

    info: FetchResponseInfo | None

    @property
    def type(self) -> typing.Literal["return"]:
        """The wire name."""

@dataclass(frozen=True)
class DroppedEvents:
    """How many events of this stream were dropped."""

    count: int

    @property
    def type(self) -> typing.Literal["droppedEvents"]:
        """The wire name."""

@dataclass(frozen=True)
class StreamDiagnostic:
    """A report about the stream itself."""

    diagnostic: DroppedEvents

    @property
    def type(self) -> typing.Literal["streamDiagnostic"]:
        """The wire name."""

@dataclass(frozen=True)
class Outcome:
    """The invocation has ended.

    `cpu_time` is the CPU time of the process and `wall_time` the elapsed time since the onset, in
    nanoseconds (in milliseconds in the wire form).
    """

    outcome: str
    cpu_time: int
    wall_time: int

    @property
    def type(self) -> typing.Literal["outcome"]:
        """The wire name."""

Event: TypeAlias = (
    Onset
    | SpanOpen
    | Attributes
    | Log
    | Exception_
    | DiagnosticChannel
    | SpanClose
    | Return
    | StreamDiagnostic
    | Outcome
)

@dataclass(frozen=True)
class TailSpanContext:
    """The span of an event: ids in lower-case hex. Without a remote parent, there are no flags."""

    trace_id: str
    span_id: str | None
    trace_flags: int | None

@dataclass(frozen=True)
class TailEvent(Generic[_E]):
    """One event of one invocation's stream.

    `timestamp` is in nanoseconds since the epoch. `sequence` is 0 for the onset and has no gaps.
    """

    invocation_id: str
    span_context: TailSpanContext
    timestamp: int
    sequence: int
    event: _E

    def to_dict(self) -> dict[str, typing.Any]:
        """Return the wire form: camelCase keys, JSON values, times of an outcome in milliseconds.

        Absent values (no parent, no flags of a remote parent) have no key, as in workerd.
        """
