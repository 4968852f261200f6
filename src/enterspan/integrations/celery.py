"""Celery: each run of a task is an invocation, in the trace of its sender.

Attributes have the names of OpenTelemetry's conventions for messaging:
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

from enterspan._model.carriers import HEADERS
from enterspan._model.diagnostics import warn_once
from enterspan._model.removable import Removable
from enterspan._tracing import Tracing
from enterspan._tracing import tracing as default_tracing
from enterspan.events import QueueEventInfo
from enterspan.integrations._expected import is_task_control
from enterspan.integrations._http import leave
from enterspan.integrations.logging import LogHandler

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["Installation", "install"]

_RUN: Final = "_enterspan"
"""The attribute of a task's request that holds its invocation."""


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
    if tracing is not None and not isinstance(tracing, Tracing):
        raise TypeError(f"install takes a Tracing, not {tracing!r}")
    return Installation(default_tracing if tracing is None else tracing)


class Installation(Removable):
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
            # A retry is a child of the original sender, whose context its headers may still have.
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
        except Exception as error:  # a custom task class
            warn_once(task, "task", error, "and is not traced")
            return
        setattr(request, _RUN, _Run(scope, scope.__enter__()))

    def _fail(self, sender: Any = None, exception: Any = None, **_: Any) -> None:
        run = _run_of(sender)
        if run is not None:
            # The given one is a replacement if the task's exception can't be pickled.
            run.error = sys.exc_info()[1] or exception

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
        """Keep handlers of the root logger, which the worker may clear when it sets up logging."""
        self._handlers = [h for h in logging.getLogger().handlers if isinstance(h, LogHandler)]

    def _put_handlers_back(self, **_: Any) -> None:
        root = logging.getLogger()
        for handler in self._handlers:
            if handler not in root.handlers:
                root.addHandler(handler)

    # --- removal ---

    def remove(self) -> None:
        """Remove the integration; a second call does nothing."""
        receivers, self._receivers = self._receivers, ()
        for signal, receiver in receivers:
            signal.disconnect(receiver, dispatch_uid=self._uid)


class _Run:
    """A run of a task: its invocation, and the exception that ended it."""

    def __init__(self, scope: Any, invocation: Any) -> None:
        self.scope = scope
        self.span = invocation.span
        self.error: BaseException | None = None


def _run_of(task: Any) -> _Run | None:
    return getattr(getattr(task, "request", None), _RUN, None)


def _carrier_of(request: Any) -> dict[str, str]:
    """The trace context in a task's message."""
    found = {name: getattr(request, name, None) for name in HEADERS}
    return {name: value for name, value in found.items() if isinstance(value, str)}
