"""Celery: each run of a task is an invocation, in the trace of what has sent it.

Attributes are named as OpenTelemetry's conventions for messaging name them:
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

# Celery may not be installed when types are checked.
# pyright: reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportUnknownParameterType=false, reportMissingTypeStubs=false

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

try:
    from celery import current_task, signals
except ImportError as missing:
    raise ImportError("enterspan.integrations.celery needs Celery: pip install celery") from missing

from enterspan._model.diagnostics import warn_once
from enterspan._tracing import Tracing
from enterspan._tracing import tracing as default_tracing
from enterspan.events import QueueEventInfo
from enterspan.integrations._expected import is_task_control
from enterspan.integrations._http import leave
from enterspan.integrations.logging import LogHandler

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Installation", "install"]

_HEADERS: Final = ("traceparent", "tracestate")
_RUN: Final = "_enterspan"
"""The attribute of a task's request that holds its invocation."""


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
    if tracing is not None and not isinstance(tracing, Tracing):
        raise TypeError(f"install takes a Tracing, not {tracing!r}")
    return Installation(default_tracing if tracing is None else tracing)


class Installation:
    """The integration, from `install` until `remove`."""

    def __init__(self, tracing: Tracing) -> None:  # internal
        self._tracing = tracing
        self._handlers: list[logging.Handler] = []
        tracing._tracer.expect(is_task_control)
        self._receivers: tuple[tuple[Any, Callable[..., None]], ...] = (
            (signals.before_task_publish, self._publish),
            (signals.task_prerun, self._begin),
            (signals.task_failure, self._fail),
            (signals.task_retry, self._retry),
            (signals.task_postrun, self._end),
            (signals.celeryd_init, self._keep_handlers),
            (signals.after_setup_logger, self._put_handlers_back),
        )
        for signal, receiver in self._receivers:
            signal.connect(receiver, weak=False, dispatch_uid=self._uid)

    @property
    def _uid(self) -> str:
        return f"enterspan of {id(self._tracing)}"

    # --- sending ---

    def _publish(self, headers: Any = None, **_: Any) -> None:
        if headers is None:
            return
        sender = getattr(current_task, "request", None)
        if sender is not None and sender.id == headers.get("id") and not sender.is_eager:
            # A retry: a child of what has sent the task at first, which its headers may still have.
            headers.update(_carrier_of(sender))
        else:
            self._tracing.inject(headers)

    # --- running ---

    def _begin(self, task_id: str = "", task: Any = None, **_: Any) -> None:
        if self._tracing._tracer.off:
            return
        request = task.request
        try:
            delivery = request.delivery_info or {}
            queue = delivery.get("routing_key") or delivery.get("exchange") or ""
            scope = self._tracing.invocation(
                task.name,
                info=QueueEventInfo(str(queue), 1),
                parent=_carrier_of(request) or None,
                attributes={
                    "messaging.system": "celery",
                    "messaging.operation.type": "process",
                    "messaging.destination.name": queue or None,
                    "messaging.message.id": task_id,
                    "celery.retries": request.retries or None,
                },
                expected=tuple(getattr(task, "throws", ()) or ()),
            )
        except Exception as error:  # a task of one's own making
            warn_once(task, "task", error, "and is not traced")
            return
        setattr(request, _RUN, _Run(scope, scope.__enter__()))

    def _fail(self, sender: Any = None, exception: Any = None, **_: Any) -> None:
        run = _run_of(sender)
        if run is not None:
            run.error = exception

    def _retry(self, request: Any = None, reason: Any = None, **_: Any) -> None:
        run = getattr(request, _RUN, None)
        if run is not None:
            run.error = reason

    def _end(self, task: Any = None, state: Any = None, **_: Any) -> None:
        run = _run_of(task)
        if run is not None:
            delattr(task.request, _RUN)
            run.span.set_attribute("celery.state", state)
            # Without a state, the exception leaves the task: `task_eager_propagates`, SystemExit.
            leave(run.scope, sys.exc_info()[1] if state is None else run.error)

    # --- logging ---

    def _keep_handlers(self, **_: Any) -> None:
        """The worker is about to set logging up: it may clear the root logger."""
        self._handlers = [h for h in logging.getLogger().handlers if isinstance(h, LogHandler)]

    def _put_handlers_back(self, **_: Any) -> None:
        root = logging.getLogger()
        for handler in self._handlers:
            if handler not in root.handlers:
                root.addHandler(handler)

    # --- the end ---

    def remove(self) -> None:
        """Undo it; a second time does nothing."""
        receivers, self._receivers = self._receivers, ()
        for signal, receiver in receivers:
            signal.disconnect(receiver, dispatch_uid=self._uid)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove it."""
        self.remove()


class _Run:
    """A run of a task: its invocation, and the exception that has ended it."""

    def __init__(self, scope: Any, invocation: Any) -> None:
        self.scope = scope
        self.span = invocation.span
        self.error: BaseException | None = None


def _run_of(task: Any) -> _Run | None:
    return getattr(getattr(task, "request", None), _RUN, None)


def _carrier_of(request: Any) -> dict[str, str]:
    """The trace context that a task's message has brought."""
    found = {name: getattr(request, name, None) for name in _HEADERS}
    return {name: value for name, value in found.items() if isinstance(value, str)}
