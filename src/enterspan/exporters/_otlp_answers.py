"""The responses of OTLP receivers, and what they mean for the spans of a batch.

https://opentelemetry.io/docs/specs/otlp/ ("Failures", "OTLP/HTTP Response", "Partial Success")
defines them. Both protocols have one classification.
"""

import json
from typing import Any, Final, NamedTuple

from enterspan.exporters._protobuf import decode_fields

MOST_ANSWER: Final = 65_536
"""How many bytes of a response are read; an ExportTraceServiceResponse has a few dozen."""

_SHOWN: Final = 300
"""How much of a receiver's message is shown."""

_PASSING_STATUSES: Final = frozenset({429, 502, 503, 504})
_PASSING_CODES: Final = frozenset(
    {"ABORTED", "CANCELLED", "DATA_LOSS", "DEADLINE_EXCEEDED", "OUT_OF_RANGE", "UNAVAILABLE"}
)
"""Responses after which OTLP requires a retry; `RESOURCE_EXHAUSTED` only with a delay."""

_TOO_LARGE: Final = ("larger than max", "exceeds maximum", "exceeds the maximum")
"""The messages of gRPC's servers (C++, Go, Java, .NET) for a request over their limit. It has no
code of its own: it is `RESOURCE_EXHAUSTED` or `OUT_OF_RANGE`, like a quota."""


class Refusal(NamedTuple):
    """Why spans were not delivered, and whether to retry."""

    text: str
    is_passing: bool = False
    """Whether a retry may succeed."""
    wait: float | None = None
    """Seconds that the receiver asked to wait."""
    is_too_large: bool = False
    rejected: int | None = None
    """The number of rejected spans; None for all, 0 if all were accepted with a warning."""


def of_http(status: int, reason: str, wait: float | None, body: bytes) -> Refusal | None:
    """Classify an HTTP response; None if all spans are delivered."""
    if 200 <= status < 300:
        return _of_response(body)
    said = _words(body)
    text = f"HTTP {status} {reason}".strip() + (f": {said}" if said else "")
    return Refusal(text, status in _PASSING_STATUSES, wait, status == 413)


def of_grpc(code: str, details: str | None, trailing: Any) -> Refusal:
    """Classify a gRPC error."""
    wait = _retry_delay(trailing)
    text = f"{code}: {_cut(details or '')}"
    if wait is None and any(words in text for words in _TOO_LARGE):
        return Refusal(text, is_too_large=True)
    has_room_later = code == "RESOURCE_EXHAUSTED" and wait is not None
    return Refusal(text, code in _PASSING_CODES or has_room_later, wait)


def of_message(body: bytes) -> Refusal | None:
    """Return the rejected spans of an ExportTraceServiceResponse; None if there are none."""
    try:
        rejected, text = _partial_success(body)
    except (LookupError, TypeError, AttributeError, ValueError):
        return Refusal("the response is not an ExportTraceServiceResponse")
    if rejected or text:
        return Refusal(_cut(text) or "rejected", rejected=rejected)
    return None


def _of_response(body: bytes) -> Refusal | None:
    """Parse the body of a successful response; a proxy's page is not one."""
    if len(body) <= MOST_ANSWER and body.lstrip()[:1] == b"{":
        try:
            partial = json.loads(body).get("partialSuccess") or {}
            rejected, text = int(partial.get("rejectedSpans") or 0), partial.get("errorMessage")
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        else:
            shown = _cut(str(text or ""))
            rejected = max(rejected, 0)
            return Refusal(shown or "rejected", rejected=rejected) if rejected or shown else None
    if len(body) > MOST_ANSWER:
        return Refusal("the response is not an ExportTraceServiceResponse")
    return of_message(body)


def _partial_success(body: bytes) -> tuple[int, str]:
    """The number of rejected spans, and the receiver's message."""
    answer = dict(decode_fields(body))
    partial = dict(decode_fields(answer.get(1, b"")))
    rejected = 0 + partial.get(1, 0)  # a TypeError for bytes
    text = partial.get(2, b"").decode("utf-8", "replace")
    return (0 if rejected >= 1 << 63 else rejected), text


def _words(body: bytes) -> str:
    """The message in the body of an error: that of a google.rpc.Status, or plain text."""
    try:
        status: dict[int, Any] = dict(decode_fields(body))
        message: bytes = status.get(2, b"")
        if message and set(status) <= {1, 2, 3}:
            return _cut(message.decode("utf-8"))
    except (LookupError, TypeError, AttributeError, UnicodeDecodeError):
        pass
    text = body[:MOST_ANSWER].decode("utf-8", "replace").strip()
    return "" if text.startswith("<") or "\x00" in text else _cut(text)


def _cut(text: str) -> str:
    """A receiver's message, on one line and cut."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * _SHOWN]).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


def _retry_delay(trailing: Any) -> float | None:
    """The delay of a google.rpc.RetryInfo in the details of a gRPC error."""
    try:
        status = dict(trailing or ())["grpc-status-details-bin"]
        for number, value in decode_fields(status):
            detail = dict(decode_fields(value)) if number == 3 else {}
            if detail.get(1, b"").endswith(b"/google.rpc.RetryInfo"):
                delay = dict(decode_fields(dict(decode_fields(detail[2]))[1]))
                return float(delay.get(1, 0) + delay.get(2, 0) / 1e9)
    except (LookupError, TypeError, AttributeError, ValueError):
        pass
    return None
