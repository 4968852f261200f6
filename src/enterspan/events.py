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

from __future__ import annotations

from types import MappingProxyType

from enterspan._model.frozen import HAS_GIL, frozen, twin
from enterspan._model.late import Late
from enterspan._model.limits import DEFAULT_LIMITS, INT_MAX, INT_MIN, AttributeValue
from enterspan._model.secrets import DEFAULT_SECRETS
from enterspan._model.values import clean_text, safe_repr

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from _collections_abc import Iterable, Mapping, Sequence

    from enterspan._model.block import Generic

    dt = Late("datetime")
    typing = Late("typing")
if TYPE_CHECKING:
    import datetime as dt
    import typing
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Final, Generic, TypeAlias  # noqa: TC004 - at run time it is that above

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

if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    _E = DefaultTypeVar("_E", covariant=True, bound="Event", default="Event")
else:
    _E = Late("typing", "TypeVar", "_E")


# --- event infos: what triggered an invocation ----------------------------------------------------


@frozen
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
        headers: Any = self.headers
        pairs: Iterable[Any] = headers.items() if hasattr(headers, "items") else headers
        if type(self.url) is str:
            _set(self, "url", DEFAULT_SECRETS.clean_url(self.url))
        _cut(self, "method", "url")
        _set(self, "headers", tuple(DEFAULT_SECRETS.clean_headers(_cut_headers(pairs))))

    @property
    def type(self) -> typing.Literal["fetch"]:
        """The wire name."""
        return "fetch"


@frozen
class ConnectEventInfo:
    """A raw connection."""

    @property
    def type(self) -> typing.Literal["connect"]:
        """The wire name."""
        return "connect"


@frozen
class RpcEventInfo:
    """A remote procedure call of `method`."""

    method: str

    def __post_init__(self) -> None:
        """Cut a text that is too long."""
        _cut(self, "method")

    @property
    def type(self) -> typing.Literal["rpc"]:
        """The wire name."""
        return "rpc"


@frozen
class ScheduledEventInfo:
    """A scheduled run: when it was due (a datetime with a zone), and the cron expression."""

    scheduled_time: dt.datetime
    cron: str

    def __post_init__(self) -> None:
        """Raise ValueError for a time without a zone, and cut a long text."""
        _needs_zone(self.scheduled_time, "scheduled_time")
        _cut(self, "cron")

    @property
    def type(self) -> typing.Literal["scheduled"]:
        """The wire name."""
        return "scheduled"


@frozen
class AlarmEventInfo:
    """An alarm: when it was due (a datetime with a zone)."""

    scheduled_time: dt.datetime

    def __post_init__(self) -> None:
        """Raise ValueError for a time without a zone."""
        _needs_zone(self.scheduled_time, "scheduled_time")

    @property
    def type(self) -> typing.Literal["alarm"]:
        """The wire name."""
        return "alarm"


@frozen
class QueueEventInfo:
    """A batch of messages taken from a queue."""

    queue_name: str
    batch_size: int

    def __post_init__(self) -> None:
        """Cut a text that is too long."""
        _cut(self, "queue_name")

    @property
    def type(self) -> typing.Literal["queue"]:
        """The wire name."""
        return "queue"


@frozen
class EmailEventInfo:
    """An e-mail: its sender, its recipient and its size in bytes."""

    mail_from: str
    rcpt_to: str
    raw_size: int

    def __post_init__(self) -> None:
        """Cut texts that are too long."""
        _cut(self, "mail_from", "rcpt_to")

    @property
    def type(self) -> typing.Literal["email"]:
        """The wire name."""
        return "email"


@frozen
class TraceEventInfo:
    """A batch of traces, passed to a consumer of traces."""

    traces: Sequence[object]

    @property
    def type(self) -> typing.Literal["trace"]:
        """The wire name."""
        return "trace"


@frozen
class WebSocketEventInfo:
    """One event of a web socket; `code` and `was_clean` are set for a close."""

    kind: typing.Literal["message", "close", "error"]
    code: int | None = None
    was_clean: bool | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown kind."""
        if self.kind not in ("message", "close", "error"):
            raise ValueError(f"kind must be 'message', 'close' or 'error', not {self.kind!r}")

    @property
    def type(self) -> typing.Literal["webSocket"]:
        """The wire name."""
        return "webSocket"


@frozen
class TestEventInfo:
    """A test."""

    __test__ = False  # for pytest: this is not a test class

    name: str

    def __post_init__(self) -> None:
        """Cut a text that is too long."""
        _cut(self, "name")

    @property
    def type(self) -> typing.Literal["test"]:
        """The wire name."""
        return "test"


@frozen
class CustomEventInfo:
    """Any other trigger."""

    name: str = ""

    def __post_init__(self) -> None:
        """Cut a text that is too long."""
        _cut(self, "name")

    @property
    def type(self) -> typing.Literal["custom"]:
        """The wire name."""
        return "custom"


@frozen
class FetchResponseInfo:
    """The response to an HTTP request."""

    status_code: int

    @property
    def type(self) -> typing.Literal["fetch"]:
        """The wire name."""
        return "fetch"


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

EVENT_INFOS: tuple[type[Any], ...] = (
    FetchEventInfo,
    ConnectEventInfo,
    RpcEventInfo,
    ScheduledEventInfo,
    AlarmEventInfo,
    QueueEventInfo,
    EmailEventInfo,
    TraceEventInfo,
    WebSocketEventInfo,
    TestEventInfo,
    CustomEventInfo,
)


# --- the events of an invocation --------------------------------------------------------------


@frozen
class Attribute:
    """One attribute of a span."""

    name: str
    value: AttributeValue


@frozen
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
        return "onset"


@frozen
class SpanOpen:
    """A span was opened; the event's `span_context.span_id` is its parent."""

    span_id: str
    name: str

    @property
    def type(self) -> typing.Literal["spanOpen"]:
        """The wire name."""
        return "spanOpen"


@frozen
class Attributes:
    """All attributes of a span, sent right before it closes."""

    info: tuple[Attribute, ...]

    @property
    def type(self) -> typing.Literal["attributes"]:
        """The wire name."""
        return "attributes"


@frozen
class Log:
    """A log message. `level` is lower case; `truncated` means that the message was cut."""

    level: str
    message: str
    attributes: tuple[Attribute, ...]
    truncated: bool

    @property
    def type(self) -> typing.Literal["log"]:
        """The wire name."""
        return "log"


@frozen
class Exception_:
    """An exception left a span, or was recorded on it; `stack` is the formatted traceback."""

    name: str
    message: str
    stack: str

    @property
    def type(self) -> typing.Literal["exception"]:
        """The wire name."""
        return "exception"


@frozen
class DiagnosticChannel:
    """A named event of a span: `channel` is its name, `message` its attributes."""

    channel: str
    message: Mapping[str, AttributeValue]

    @property
    def type(self) -> typing.Literal["diagnosticChannel"]:
        """The wire name."""
        return "diagnosticChannel"


@frozen
class SpanClose:
    """A span has ended."""

    outcome: str

    @property
    def type(self) -> typing.Literal["spanClose"]:
        """The wire name."""
        return "spanClose"


@frozen
class Return:
    """The handler has returned; the invocation may go on."""

    info: FetchResponseInfo | None

    @property
    def type(self) -> typing.Literal["return"]:
        """The wire name."""
        return "return"


@frozen
class DroppedEvents:
    """How many events of this stream were dropped."""

    count: int

    @property
    def type(self) -> typing.Literal["droppedEvents"]:
        """The wire name."""
        return "droppedEvents"


@frozen
class StreamDiagnostic:
    """A report about the stream itself."""

    diagnostic: DroppedEvents

    @property
    def type(self) -> typing.Literal["streamDiagnostic"]:
        """The wire name."""
        return "streamDiagnostic"


@frozen
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
        return "outcome"


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


@frozen
class TailSpanContext:
    """The span of an event: ids in lower-case hex. Without a remote parent, there are no flags."""

    trace_id: str
    span_id: str | None
    trace_flags: int | None


@frozen
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
        context = self.span_context
        where: dict[str, Any] = {"traceId": context.trace_id}
        if context.span_id is not None:
            where["spanId"] = context.span_id
        if context.trace_flags is not None:
            where["traceFlags"] = context.trace_flags
        return {
            "invocationId": self.invocation_id,
            "spanContext": where,
            "timestamp": self.timestamp,
            "sequence": self.sequence,
            "event": _wire(self.event),
        }


_SHORT: Final = DEFAULT_LIMITS.value_bytes // 4
"""A text of this many characters is within the limit of a value, in any script."""
_FOREIGN_BYTES: Final = 262_144
"""The maximum size of an info in the wire form: that of a log."""
_FOREIGN_DEPTH: Final = 12
"""The maximum depth of an info in the wire form."""

# Values on the hot path are made by plain stores: see `frozen`.
_new: Any = object.__new__
_Attribute, _Attributes = twin(Attribute), twin(Attributes)
_FetchEventInfo: Any = twin(FetchEventInfo)


def make_fetch_info(method: str, url: str, headers: Sequence[tuple[str, str]]) -> FetchEventInfo:
    """Make the info of a request from which secrets were removed already."""
    if headers or len(url) > _SHORT or len(method) > _SHORT or not HAS_GIL:
        return FetchEventInfo(method, url, headers)
    made = _new(_FetchEventInfo)
    made.method = method
    made.url = url
    made.headers = ()
    made.__class__ = FetchEventInfo
    return made  # type: ignore[no-any-return]


def make_attributes(attributes: Mapping[str, Any]) -> Attributes:
    """Convert a span's attributes to `Attribute` values."""
    if not HAS_GIL:
        return Attributes(tuple([Attribute(*pair) for pair in list(attributes.items())]))
    pairs: list[Any] = []
    for name, value in list(attributes.items()):
        pair = _new(_Attribute)
        pair.name = name
        pair.value = value
        pair.__class__ = Attribute
        pairs.append(pair)
    made: Any = _new(_Attributes)
    made.info = tuple(pairs)
    made.__class__ = Attributes
    return made  # type: ignore[no-any-return]


# --- the wire form --------------------------------------------------------------------------------


def _wire(value: Any) -> Any:
    """The wire form of a value of this package, whose texts are clean and sizes bounded."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if value - value == 0 else repr(value)  # JSON has no nan and no infinity
    if kind is tuple:
        return [_wire(item) for item in value]
    if kind is MappingProxyType or kind is dict:  # a dict that was read from a file
        return {name: _wire(item) for name, item in value.items()}
    if kind is Outcome:
        return {
            "type": "outcome",
            "outcome": value.outcome,
            "cpuTime": value.cpu_time / 1e6,
            "wallTime": value.wall_time / 1e6,
        }
    wire: dict[str, Any] = {"type": value.type} if kind is not Attribute else {}
    for name in kind.__match_args__:
        field = getattr(value, name)
        if name == "resource" and not field:
            continue
        foreign = name == "info" and kind is not Attributes
        wire[_camel(name)] = _Foreign().wire(field, 0) if foreign else _wire(field)
    return wire


class _Foreign:
    """Converts values made by users, such as infos, to JSON values of bounded size."""

    def __init__(self) -> None:
        self.budget = _FOREIGN_BYTES

    def wire(self, value: Any, depth: int) -> Any:
        """Return the wire form; a value that can't be read is replaced by a text that says so."""
        try:
            return self._wire(value, depth)
        except Exception:
            return self._text(safe_repr(value, max(self.budget, 0)))

    def _wire(self, value: Any, depth: int) -> Any:
        kind: Any = type(value)
        self.budget -= 8
        if value is None or kind is bool or (kind is int and INT_MIN <= value <= INT_MAX):
            return value
        if kind is float:
            return value if value - value == 0 else repr(value)
        if kind is str:
            return self._text(value)
        if depth < _FOREIGN_DEPTH:
            if kind is FetchEventInfo:
                pairs = [{"name": name, "value": text} for name, text in value.headers]
                fields = {"method": value.method, "url": value.url, "headers": pairs}
                return {"type": value.type, **self._dict(fields, depth)}
            if hasattr(kind, "__match_args__") and hasattr(kind, "_twin"):
                head = {"type": value.type} if hasattr(kind, "type") else {}
                names: tuple[str, ...] = value.__match_args__
                fields = {_camel(name): getattr(value, name) for name in names}
                return {**head, **self._dict(fields, depth)}
            if kind is dict or kind is MappingProxyType:
                return self._dict(value, depth)
            if kind is list or kind is tuple:
                return self._list(value, depth)
        if hasattr(value, "isoformat"):
            return self._text(value.isoformat())
        return self._text(safe_repr(value, max(self.budget, 0)))

    def _text(self, value: object) -> str:
        text = clean_text(value, max(self.budget, 0))
        self.budget -= len(text)
        return text

    def _list(self, values: Iterable[Any], depth: int) -> list[Any]:
        wire = []
        for value in values:
            if self.budget <= 0:
                break
            wire.append(self.wire(value, depth + 1))
        return wire

    def _dict(self, values: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        wire = {}
        for name, value in list(values.items()):
            if self.budget <= 0:
                break
            wire[self._text(name)] = self.wire(value, depth + 1)
        return wire


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join([part.title() for part in rest])


def _set(value: Any, name: str, new: object) -> None:
    """Set a field of a frozen value under construction."""
    type(value)._twin.__dict__[name].__set__(value, new)


def _cut(info: Any, *names: str) -> None:
    """Cut texts of an info that exceed the limit of a value."""
    for name in names:
        value = getattr(info, name)
        if issubclass(type(value), str) and (type(value) is not str or len(value) > _SHORT):
            _set(info, name, clean_text(value, DEFAULT_LIMITS.value_bytes))


def _cut_headers(pairs: Iterable[Any]) -> tuple[tuple[Any, Any], ...]:
    """Cut headers: each one, their number, and their total size."""
    kept: list[tuple[Any, Any]] = []
    left = DEFAULT_LIMITS.span_bytes
    for name, value in pairs:
        if left <= 0:
            break
        texts = [_cut_header(name, left), _cut_header(value, left)]
        left -= sum([len(text) for text in texts if type(text) is str or type(text) is bytes])
        if left < 0 or len(kept) >= DEFAULT_LIMITS.attributes:
            break
        kept.append((texts[0], texts[1]))
    return tuple(kept)


def _cut_header(text: Any, left: int) -> Any:
    limit = max(min(DEFAULT_LIMITS.value_bytes, left), 0)
    kind = type(text)
    if issubclass(kind, str):
        return text if kind is str and len(text) <= _SHORT else clean_text(text, limit)
    return text[:limit] if kind is bytes else text


def _needs_zone(time: Any, name: str) -> None:
    if getattr(time, "tzinfo", None) is None:
        raise ValueError(f"{name} must be a datetime with a time zone, not {time!r}")
