# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Shared by the exporters for OpenTelemetry's receivers and exporters."""

class ExportError(Exception):
    """Spans could not be delivered; the message has the receiver and the reason.

    `lost` is the number of spans of the batch that are lost; None for all of them.
    """

    lost: int | None
    def __init__(self, message: str, lost: int | None = None) -> None: ...
