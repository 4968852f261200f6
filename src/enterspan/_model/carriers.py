"""Carriers of a trace context: headers, WSGI environments, messages.

They have many forms: a mapping with names in any case and one or several values for a name; pairs
of str or bytes, as in ASGI; a WSGI environment. Their content came over a network, and they may be
of any type, so nothing here raises.
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
HEADERS: Final = (_PARENT, _STATE)
"""The names of the two headers of W3C Trace Context, in lower case."""
_NAMES: Final = {_PARENT: _PARENT, _STATE: _STATE}
_WSGI_PARENT: Final = "HTTP_TRACEPARENT"
_WSGI_STATE: Final = "HTTP_TRACESTATE"
"""The names of the two headers in a WSGI environment (PEP 3333)."""
_WSGI_NAMES: Final = {_WSGI_PARENT.lower(): _PARENT, _WSGI_STATE.lower(): _STATE}
_LENGTHS: Final = frozenset(map(len, _NAMES))
_WSGI_LENGTHS: Final = frozenset(map(len, _WSGI_NAMES))
_WSGI_SIGN: Final = "REQUEST_METHOD"
"""A key of every WSGI environment (PEP 3333), which no mapping of headers has."""
_PAIRS: Final = 10_000
"""How many headers are read: a carrier that generates them may be endless."""


def extract_context(carrier: object) -> SpanContext | None:
    """Read the trace context of a carrier as W3C Trace Context defines it.

    Returns None if there is no `traceparent`, an invalid one, or more than one.
    """
    try:
        found = _values_of(carrier)
    except Exception:
        return None
    parents, states = found
    if len(parents) != 1:
        return None
    context = parse_traceparent(parents[0])
    if context is None or not states:
        return context
    state = parse_tracestate(states)
    return make_context(context.trace_id, context.span_id, context.trace_flags, state, True)


def _values_of(carrier: Any) -> tuple[list[str], list[str]]:
    """All values of the two headers, in order."""
    found: dict[str, list[str]] = {_PARENT: [], _STATE: []}
    names = _NAMES
    if hasattr(carrier, "keys") and _WSGI_SIGN in carrier:
        if type(carrier) is dict:  # as servers make it, with names in upper case
            return _texts(carrier.get(_WSGI_PARENT)), _texts(carrier.get(_WSGI_STATE))
        names = _WSGI_NAMES
    lengths = _LENGTHS if names is _NAMES else _WSGI_LENGTHS
    for key, value in islice(_pairs_of(carrier), _PAIRS):
        kind = type(key)
        length = len(key) if kind is bytes else str.__len__(key) if issubclass(kind, str) else None
        if length is not None and length not in lengths:
            continue  # most headers: skipped without a conversion
        name = names.get(_text(key).lower())
        if name is not None:
            found[name] += _texts(value)
    return found[_PARENT], found[_STATE]


def _texts(value: object) -> list[str]:
    """The values of one name, if any."""
    if value is None:
        return []
    if type(value) is str:
        return [value]
    values = value if isinstance(value, (list, tuple)) else (value,)
    return [_text(v) for v in values]


def _pairs_of(carrier: Any) -> Any:
    # A mapping of headers may have a name twice, which only its items show.
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
    """Write a trace context into a mutable mapping, replacing the one that it has.

    An old one in another case would be a second header, which makes both invalid.
    """
    names = carrier.keys() if hasattr(carrier, "keys") else ()
    for key in [name for name in names if _text(name).lower() in _NAMES]:
        try:
            del carrier[key]
        except KeyError:
            continue  # removed already, with another name that differed in case
    carrier[_PARENT] = context.traceparent
    if context.trace_state:
        carrier[_STATE] = context.trace_state
