# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Finished spans on their way to an exporter: a bounded queue, a worker, and a count of all."""

from collections.abc import Sequence
from enterspan._records import SpanData
from typing import Protocol

class Exporter(Protocol):
    """What gets finished spans. Both methods are called on a worker thread, one at a time."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Take a batch of finished spans; what it raises is logged, and the batch has failed."""

    def shutdown(self) -> None:
        """Let go of everything; nothing is exported after this."""
