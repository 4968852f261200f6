# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Celery: each run of a task is an invocation, in the trace of what has sent it.

Attributes are named as OpenTelemetry's conventions for messaging name them:
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from enterspan._tracing import Tracing
from types import TracebackType
from typing_extensions import Self

__all__ = ["Installation", "install"]

def install(tracing: Tracing | None = None) -> Installation:
    """Make the tasks of all Celery applications of this process invocations.

    Call it where the application is made, so that what sends tasks and what runs them both do. A
    task that is sent (`delay`, `chain`, `group`, `chord`) carries the current span along, and its
    run is a child of that; a retry is a child of what has sent the task at first, beside the run
    that it repeats. `Retry`, `Ignore`, `Reject` and the task's own `throws` are no failures. Where
    the worker takes over the root logger, a `LogHandler` there stays. A second call does nothing.

    What the processes of a worker have finished is delivered at their end; for that, an exporter is
    all that it needs.

    Args:
        tracing: By default the default instance.

    Returns:
        What `remove()` undoes it with; also a block.

    Raises:
        TypeError: It is no Tracing.
    """

class Installation:
    """The integration, from `install` until `remove`."""

    def remove(self) -> None:
        """Undo it; a second time does nothing."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove it."""
