"""Shared by the exporters for OpenTelemetry's receivers and exporters."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

_KEYS: Final = (
    "_SUPPRESS_INSTRUMENTATION_KEY",
    "_SUPPRESS_HTTP_INSTRUMENTATION_KEY",
    "suppress_instrumentation",
)
"""OpenTelemetry's context keys, or their values without OpenTelemetry."""


class ExportError(Exception):
    """Spans could not be delivered; the message has the receiver and the reason.

    `lost` is the number of spans of the batch that are lost; None for all of them.
    """

    def __init__(self, message: str, lost: int | None = None) -> None:
        super().__init__(message)
        self.lost = lost


@contextmanager
def uninstrumented() -> Generator[None, None, None]:
    """A block in which OpenTelemetry's instrumentations are suppressed."""
    context = sys.modules.get("opentelemetry.context")
    if context is None:
        yield
        return
    current = context.get_current()
    for key in _KEYS:
        current = context.set_value(getattr(context, key, key), True, current)
    token = context.attach(current)
    try:
        yield
    finally:
        context.detach(token)
