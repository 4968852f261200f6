"""The `incoming` option: how the trace context of a caller is used.

W3C Trace Context, "Security Considerations": a service at the edge may restart the trace of
untrusted callers.
"""

from __future__ import annotations

from enterspan._model.diagnostics import warn_once
from enterspan._model.interrupts import is_interrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from enterspan._model.protocols import Incoming
    from enterspan._span.tracer import Tracer

WAYS: Final = ("parent", "link", "ignore")
_NOTHING: Final = ""
"""An unreadable parent: a new trace begins, without a link."""


def check_incoming(incoming: object) -> None:
    """Raise for a value that is neither one of the choices nor a function."""
    if not (callable(incoming) or (isinstance(incoming, str) and incoming in WAYS)):
        raise ValueError(
            "incoming must be 'parent', 'link' or 'ignore', or a function that returns one of them,"
            f" not {incoming!r}"
        )


def placed(
    tracer: Tracer,
    incoming: Incoming | Callable[..., Incoming],
    parent: Any,
    /,
    *about: Any,
    **more: Any,
) -> tuple[Any, bool]:
    """Return the parent of an invocation for a caller's context, and whether a new trace begins.

    If the function raises, or returns something else, a warning is logged once, and the caller is
    linked.
    """
    way: Any = incoming
    if callable(way):
        try:
            way = tracer.suppressed(lambda: incoming(*about, **more))  # type: ignore[operator]
            if not (type(way) is str and way in WAYS):
                raise TypeError(f"a {type(way).__name__} is none of {', '.join(map(repr, WAYS))}")
        except BaseException as error:
            if is_interrupt(error) or not isinstance(error, Exception):
                raise
            warn_once(incoming, "incoming", error, "and its caller is linked")
            way = "link"
    if way == "ignore":
        return _NOTHING, False
    return parent, way == "link"
