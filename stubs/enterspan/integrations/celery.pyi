# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Celery: each run of a task is an invocation, in the trace of its sender.

Attributes have the names of OpenTelemetry's conventions for messaging:
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from enterspan._model.removable import Removable
from enterspan._tracing import Tracing

__all__ = ["Installation", "install"]

def install(tracing: Tracing | None = None) -> Installation:
    """Make the tasks of all Celery applications of this process invocations.

    Call it where the application is created, so that both senders and workers call it. Sending a
    task (`delay`, `chain`, `group`, `chord`) propagates the current span, which becomes the parent
    of the run; the parent of a retry is the original sender. `Retry`, `Ignore`, `Reject` and the
    task's own `throws` are not failures. When a worker sets up the root logger, a `LogHandler` on
    it is kept. A second call does nothing.

    Worker processes flush when they end; that needs no more than an exporter.

    Args:
        tracing: By default the default instance.

    Returns:
        An object whose `remove()` undoes this; also a context manager.

    Raises:
        TypeError: `tracing` is not a `Tracing`.
    """

class Installation(Removable):
    """The integration, from `install` until `remove`."""

    def remove(self) -> None:
        """Remove the integration; a second call does nothing."""
