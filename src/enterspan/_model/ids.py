"""Trace and span ids, and their propagation by W3C Trace Context (`traceparent`, `tracestate`).

All rules here are from https://www.w3.org/TR/trace-context/.
"""

from __future__ import annotations

import os
from _random import Random

from enterspan._model.diagnostics import warn_once
from enterspan._model.frozen import HAS_GIL, frozen, twin
from enterspan._model.interrupts import is_interrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final


SAMPLED: Final = 0x01
"""The `sampled` flag of W3C Trace Context."""

_TRACE_BITS: Final = 128
_SPAN_BITS: Final = 64
_TRACEPARENT: Final = 55
"""The length of a `traceparent` of version 00, and the minimum length of later versions."""
_TRACEPARENT_BYTES: Final = 26
"""How many bytes the four fields of that length spell."""
_NO_VERSION: Final = 0xFF
_TRACESTATE_MEMBERS: Final = 32
_TRACESTATE_CHARACTERS: Final = 512

_random = Random(int.from_bytes(os.urandom(32), "big"))
random_bits: Callable[[int], int] = _random.getrandbits
"""The default source of ids, which `random.seed` does not affect."""


def reseed() -> None:
    """Reseed the generator, in a forked child."""
    _random.seed(int.from_bytes(os.urandom(32), "big"))


@frozen
class SpanContext:
    """The identity of a span, which is propagated to other processes.

    `trace_id` has 128 bits and `span_id` 64; zero means none. `trace_flags` are the eight bits of
    W3C Trace Context, `trace_state` the text of its `tracestate` header. `is_remote` is True for a
    context that was extracted from a carrier.
    """

    trace_id: int
    span_id: int
    trace_flags: int = 0
    trace_state: str = ""
    is_remote: bool = False

    @property
    def traceparent(self) -> str:
        """The W3C header value, version 00."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.trace_flags & 0xFF:02x}"

    @property
    def is_valid(self) -> bool:
        """Whether both ids are set, and all fields are valid for W3C Trace Context."""
        return (
            type(self.trace_id) is int
            and 0 < self.trace_id < 1 << _TRACE_BITS
            and type(self.span_id) is int
            and 0 < self.span_id < 1 << _SPAN_BITS
            and type(self.trace_flags) is int
            and 0 <= self.trace_flags <= 0xFF
            and type(self.trace_state) is str
        )


def bounded(context: SpanContext) -> SpanContext:
    """Return a context whose `tracestate` is valid in a header and within W3C's length limit."""
    state = context.trace_state
    if len(state) <= _TRACESTATE_CHARACTERS and state.isascii() and state.isprintable():
        return context
    return make_context(
        context.trace_id,
        context.span_id,
        context.trace_flags,
        parse_tracestate([context.trace_state]),
        context.is_remote,
    )


_SpanContext = twin(SpanContext)
_new: Any = object.__new__


def make_context(trace_id: int, span_id: int, flags: int, state: str, remote: bool) -> SpanContext:
    """Make a `SpanContext`, fast."""
    if not HAS_GIL:
        return SpanContext(trace_id, span_id, flags, state, remote)
    made: Any = _new(_SpanContext)
    made.trace_id = trace_id
    made.span_id = span_id
    made.trace_flags = flags
    made.trace_state = state
    made.is_remote = remote
    made.__class__ = SpanContext
    return made  # type: ignore[no-any-return]


def system_bits(size: int) -> int:
    """The operating system's source of ids, for process images that are restored."""
    return int.from_bytes(os.urandom(size // 8), "big") or 1


NO_CONTEXT: Final = make_context(0, 0, 0, "", False)


def bits_from(
    generator: Any, suppressed: Callable[[Callable[[], object]], object]
) -> Callable[[int], int]:
    """Adapt a user's generator to a source like `random_bits` that never fails.

    It is called with tracing suppressed. If it raises, or returns no integer of the right size, a
    random id is used.
    """

    def bits(size: int) -> int:
        generate = generator.generate_span_id if size == _SPAN_BITS else generator.generate_trace_id
        try:
            made = suppressed(generate)
        except BaseException as error:
            if is_interrupt(error):
                raise
            warn_once(generator, "id generator", error)
        else:
            if type(made) is int and 0 < made < 1 << size:
                return made
        return random_bits(size)

    return bits


def parse_traceparent(text: object) -> SpanContext | None:
    """Parse a `traceparent` value; None if W3C requires that it is ignored.

    A version above 00 is read as 00, and may have more fields after its flags. Surrounding spaces
    and tabs are stripped, as in HTTP.
    """
    if not isinstance(text, str):
        return None
    text = str.__str__(text).strip(" \t")
    if len(text) < _TRACEPARENT or text[2] != "-" or text[35] != "-" or text[52] != "-":
        return None
    digits = text[:_TRACEPARENT].replace("-", "")
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        return None
    # `fromhex` accepts capitals and blanks as well.
    if len(data) != _TRACEPARENT_BYTES or data.hex() != digits:
        return None
    version, flags = data[0], data[-1]
    if len(text) != _TRACEPARENT and (version == 0 or text[_TRACEPARENT] != "-"):
        return None
    trace_id, span_id = int.from_bytes(data[1:17], "big"), int.from_bytes(data[17:25], "big")
    if version == _NO_VERSION or not trace_id or not span_id:
        return None
    return make_context(trace_id, span_id, flags, "", True)


def parse_tracestate(values: list[str]) -> str:
    """Join and validate `tracestate` values; an invalid list is dropped as a whole, as W3C allows.

    Empty members are left out. A list of more than 32 members is invalid; from one of more than 512
    characters, members over 128 characters are removed first, then members from the end.
    """
    members: list[str] = []
    seen: set[str] = set()
    for part in ",".join(values).split(","):
        member = part.strip(" \t")
        if not member:
            continue
        key, equals, value = member.partition("=")
        if not equals or not _is_state_key(key) or not _is_state_value(value) or key in seen:
            return ""
        seen.add(key)
        members.append(f"{key}={value}")
        if len(members) > _TRACESTATE_MEMBERS:
            return ""
    return _shorten(members)


def _shorten(members: list[str]) -> str:
    for limit in (128, 0):
        index = len(members) - 1
        while len(",".join(members)) > _TRACESTATE_CHARACTERS and index >= 0:
            if len(members[index]) > limit:
                del members[index]
            index -= 1
    return ",".join(members)


_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_KEY_START = _LOWER | frozenset("0123456789")
_KEY_REST = _KEY_START | frozenset("_-*/")


def _is_state_key(key: str) -> bool:
    tenant, at, system = key.partition("@")
    if at:
        return _is_key_part(tenant, 241, _KEY_START) and _is_key_part(system, 14, _LOWER)
    # Level 1's grammar requires a letter first, its prose and level 2 a letter or a digit: both are
    # accepted, because an invalid key drops the whole list.
    return _is_key_part(key, 256, _KEY_START)


def _is_key_part(text: str, limit: int, first: frozenset[str]) -> bool:
    return 0 < len(text) <= limit and text[0] in first and _KEY_REST.issuperset(text)


def _is_state_value(value: str) -> bool:
    return 0 < len(value) <= 256 and all(" " <= c <= "~" and c not in ",=" for c in value)
