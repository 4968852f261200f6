"""Carriers: what a trace context travels in. Headers, the environment of a request, a message.

They come in many forms: a mapping, in any case and with one value or several for a name; pairs of
text or of bytes, as in ASGI; the environment of a WSGI request. What they hold came over a network,
and what they are may be anything, so nothing here raises.
"""

from __future__ import annotations

from itertools import islice

from enterspan._model.ids import make_context, parse_traceparent, parse_tracestate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from enterspan._model.ids import SpanContext

_PARENT: Final = "traceparent"
_STATE: Final = "tracestate"
_NAMES: Final = {_PARENT: _PARENT, _STATE: _STATE}
_WSGI_NAMES: Final = {"http_traceparent": _PARENT, "http_tracestate": _STATE}
"""How PEP 3333 names the two in the environment of a request."""
_LENGTHS: Final = frozenset(map(len, _NAMES))
_WSGI_LENGTHS: Final = frozenset(map(len, _WSGI_NAMES))
_WSGI_SIGN: Final = "REQUEST_METHOD"
"""What every WSGI environment has (PEP 3333), and no carrier of headers."""
_PAIRS: Final = 10_000
"""How many headers are looked at: a carrier that makes them up may have no end."""


def extract_context(carrier: object) -> SpanContext | None:
    """Read the trace context of a carrier, by the letter of W3C Trace Context.

    None where there is no `traceparent`, where it is invalid, or where there is more than one.
    """
    try:
        found = _values_of(carrier)
    except Exception:
        return None
    if len(found[_PARENT]) != 1:
        return None
    context = parse_traceparent(found[_PARENT][0])
    if context is None:
        return None
    if not found[_STATE]:
        return context
    state = parse_tracestate(found[_STATE])
    return make_context(context.trace_id, context.span_id, context.trace_flags, state, True)


def _values_of(carrier: Any) -> dict[str, list[str]]:
    """All values of the two headers, in their order."""
    found: dict[str, list[str]] = {_PARENT: [], _STATE: []}
    names = _NAMES
    if hasattr(carrier, "keys") and _WSGI_SIGN in carrier:
        if type(carrier) is dict:  # as a server makes it: names are in upper case
            return {name: _texts(carrier.get(key.upper())) for key, name in _WSGI_NAMES.items()}
        names = _WSGI_NAMES
    lengths = _LENGTHS if names is _NAMES else _WSGI_LENGTHS
    for key, value in islice(_pairs_of(carrier), _PAIRS):
        kind = type(key)
        length = len(key) if kind is bytes else str.__len__(key) if issubclass(kind, str) else None
        if length is not None and length not in lengths:
            continue  # most headers: nothing is made of them
        name = names.get(_text(key).lower())
        if name is not None:
            found[name] += _texts(value)
    return found


def _texts(value: object) -> list[str]:
    """The values of one name; none where there is none."""
    if value is None:
        return []
    values = value if isinstance(value, (list, tuple)) else (value,)
    return [_text(v) for v in values]


def _pairs_of(carrier: Any) -> Any:
    # A mapping of headers may hold a name twice, and tells only by its items.
    if hasattr(carrier, "items"):
        return carrier.items()
    if hasattr(carrier, "keys"):
        return ((key, carrier[key]) for key in carrier.keys())  # noqa: SIM118 - it is all we know
    if isinstance(carrier, (str, bytes, bytearray)):
        return ()
    return iter(carrier)


def _text(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    return str.__str__(value) if isinstance(value, str) else ""


def inject_context(context: SpanContext, carrier: Any) -> None:
    """Write a trace context into a mutable mapping, over whatever context it held before.

    In another case the old one would be a second header, and two are as good as none.
    """
    names = carrier.keys() if hasattr(carrier, "keys") else ()
    for key in [name for name in names if _text(name).lower() in _NAMES]:
        try:
            del carrier[key]
        except KeyError:
            continue  # it went with another one that differed in case
    carrier[_PARENT] = context.traceparent
    if context.trace_state:
        carrier[_STATE] = context.trace_state
