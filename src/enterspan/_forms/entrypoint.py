"""Entry points: functions of which each call is an invocation.

These are jobs, queue consumers, handlers of remote calls, alarms. The info and the parent are in
the arguments of the call, so both options may be functions of these. Otherwise an entry point is a
traced function: only how a call begins and ends differs.
"""

from __future__ import annotations

from enterspan._forms.incoming import check_incoming, placed
from enterspan._forms.recorder import Recorder, ask
from enterspan._model.carriers import extract_context
from enterspan._model.clock import check_seconds
from enterspan._model.diagnostics import warn_once
from enterspan._model.excerpt import cut
from enterspan._model.frozen import frozen
from enterspan._model.ids import SpanContext, bounded, parse_traceparent
from enterspan._model.values import safe_repr
from enterspan._span.begin import InvocationStart
from enterspan._span.context import SUPPRESSED
from enterspan._span.details import Details, first_attributes
from enterspan._span.invocation import exit_root
from enterspan._span.span import Span
from enterspan.events import EVENT_INFOS, make_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from enterspan._forms.options import Options
    from enterspan._span.invocation import Facade, Given
    from enterspan._span.tracer import Tracer
    from enterspan.events import Attribute


_FLUSH_TIMEOUT: Final = 5.0
"""Seconds for which the end of a call waits for a flush."""


def check_info(info: object) -> None:
    """Refuse what is no event info."""
    if info is not None and not isinstance(info, EVENT_INFOS):
        raise TypeError(f"info must be an event info, such as FetchEventInfo, not {info!r}")


@frozen
class Entry:
    """The options of one entry point."""

    facade: Facade
    info: Any = None
    parent: Any = None
    linger: float | None = 0.0
    ambient: bool = False
    new_trace: bool = False
    incoming: Any = "parent"
    flush: bool = False

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for invalid options, when decorating."""
        info = self.info
        if info is not None and not callable(info) and not isinstance(info, EVENT_INFOS):
            raise TypeError(
                "info must be an event info, such as QueueEventInfo, or a function of the"
                f" arguments that returns one, not {info!r}"
            )
        if isinstance(self.parent, (bool, int, float, bytes)):
            raise TypeError(
                "parent must be a SpanContext, a traceparent, a carrier, or a function of the"
                f" arguments that returns one, not {self.parent!r}"
            )
        for name, value in (
            ("ambient", self.ambient),
            ("new_trace", self.new_trace),
            ("flush", self.flush),
        ):
            if not isinstance(value, bool):
                raise TypeError(f"{name} must be True or False, not {value!r}")
        check_seconds("linger", self.linger)
        check_incoming(self.incoming)

    def recorder(
        self, tracer: Tracer, options: Options, name: str, names: tuple[str, ...]
    ) -> EntryRecorder:
        """Make the recorder of one function."""
        return EntryRecorder(tracer, options, name, names)


class EntryRecorder(Recorder):
    """Records the calls of one function as invocations."""

    __slots__ = ("_entry",)

    def __init__(
        self,
        tracer: Tracer,
        options: Options,
        name: str,
        captured: tuple[str, ...] = (),
    ) -> None:
        super().__init__(tracer, options, name, captured)
        self._entry: Entry = options.entry

    @staticmethod
    def begin(
        tracer: Tracer, _name: str, start: Any, _details: None, current: bool = True
    ) -> Span | None:
        """Begin an invocation, whose root is the span of the call; None while suppressed."""
        return None if tracer.variable.get() is SUPPRESSED else start.begin(current)

    @property
    def end(self) -> Any:  # type: ignore[override]
        """The function that ends the invocation when the body has finished."""
        if not self._entry.flush:
            return exit_root
        flush = self._entry.facade.flush

        def end(root: Span, error: BaseException | None = None) -> None:
            exit_root(root, error)
            flush(_FLUSH_TIMEOUT)

        return end

    @property
    def starts(self) -> bool:
        """Always: each call has its own start."""
        return True

    def start(self, /, *args: Any, **kwargs: Any) -> tuple[InvocationStart, None]:
        """Return the start of the invocation for a call."""
        entry, tracer = self._entry, self.tracer
        info = ask(tracer, "info", entry.info, args, kwargs)
        if info is not None and not isinstance(info, EVENT_INFOS):
            shown = cut(safe_repr(info, 200), 200)
            warn_once(entry.info, "info", TypeError(f"{shown} is no event info"))
            info = None
        parent = ask(tracer, "parent", entry.parent, args, kwargs, {})
        new_trace = entry.new_trace
        if entry.incoming != "parent" and parent is not None:
            parent, is_linked = placed(tracer, entry.incoming, parent, *args, **kwargs)
            new_trace = new_trace or is_linked
        start = invocation_start(
            tracer,
            entry.facade,
            self.name,
            info,
            parent,
            entry.linger,
            ambient=entry.ambient,
            new_trace=new_trace,
            attributes=ask(tracer, "attributes", self._options.attributes, args, kwargs),
            details=self.details() if self._details else None,
        )
        return start, None


def invocation_start(
    tracer: Tracer,
    facade: Facade,
    name: str,
    info: Any,
    parent: Any,
    linger: float | None,
    *,
    ambient: bool,
    new_trace: bool,
    attributes: Any,
    details: Details | None,
) -> InvocationStart:
    """Prepare an invocation: read the parent, in any form, and clean the attributes."""
    values = None
    given: Given = tuple
    if attributes is not None:
        values, cleaned = first_attributes(attributes, {}, tracer)
        if details is not None:
            cleaned.kind = details.kind
            cleaned.expected = details.expected
            cleaned.min_duration = details.min_duration
        details = cleaned
        if values:
            given = _Pairs(values)
    context = parent_context(parent)
    restarts = parent is not None and context is None
    return InvocationStart(
        tracer,
        facade,
        name,
        info=info,
        parent=context,
        linger=linger,
        ambient=ambient,
        new_trace=new_trace or restarts,
        unlinked=restarts and not new_trace,
        attributes=values,
        details=details,
        given=given,
    )


class _Pairs:
    """Makes the attributes for the stream, if there is one."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __call__(self) -> tuple[Attribute, ...]:
        """Make the attributes."""
        return make_attributes(self._values).info


def parent_context(parent: Any) -> SpanContext | None:
    """Return the context of a parent in any form; None if it can't be read."""
    if issubclass(type(parent), Span):  # not isinstance: its `__class__` may be anything
        parent = parent.context
    kind = type(parent)
    if issubclass(kind, SpanContext):
        return bounded(parent) if parent.is_valid else None
    if issubclass(kind, str):
        return parse_traceparent(parent)
    return None if parent is None else extract_context(parent)
