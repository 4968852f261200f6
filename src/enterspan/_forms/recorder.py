"""Records the calls of one function: how their spans begin and end, and what they record."""

from __future__ import annotations

from _collections_abc import Mapping
from sys import getsizeof

from enterspan._forms.results import PLAIN, kind_of
from enterspan._model.classes import dict_of, mro_of
from enterspan._model.clock import nanoseconds
from enterspan._model.diagnostics import warn_left_out, warn_once
from enterspan._model.interrupts import is_interrupt
from enterspan._model.limits import DEFAULT_LIMITS
from enterspan._model.secrets import REDACTED
from enterspan._model.values import CUT, clean_text
from enterspan._span.begin import begin
from enterspan._span.details import Details, constant_attributes, first_attributes, put_attributes
from enterspan._span.end import end_span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType
    from typing import Any, Final

    from enterspan._forms.options import Options
    from enterspan._model.limits import Limits
    from enterspan._model.secrets import Secrets
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer

_RETURN: Final = "return"
"""The attribute set by `capture_return=True`."""
_FIRST_ITEM: Final = "first item"
"""The event of a generator's first item."""
_ITEMS: Final = 65_536
_ITEM_BYTES: Final = 8_388_608
"""How many yielded items are kept to be folded, and how many bytes of text."""


class Recorder:
    """Records the calls of one function as spans."""

    __slots__ = (
        "_attributes",
        "_constant",
        "_details",
        "_options",
        "_returned",
        "_secrets",
        "captured",
        "name",
        "tracer",
    )

    begin: Callable[..., Span | None] = staticmethod(begin)
    """Begins the span of a call, with the result of `start`."""
    end: Callable[..., None] = staticmethod(end_span)
    """Ends the span."""

    def __init__(
        self, tracer: Tracer, options: Options, name: str, captured: tuple[str, ...] = ()
    ) -> None:
        self.tracer = tracer
        self.name = name
        self.captured = captured
        self._options = options
        self._returned = returned_by(options.capture_return)
        self._attributes = options.static_attributes
        # The constant attributes, and the limits with which they were cleaned.
        self._constant: tuple[Limits | None, dict[str, Any] | None] = None, None
        self._details = bool(options.min_duration or options.kind or options.expected)
        # The tracer's secrets, and those with the function's `redact` added.
        self._secrets = tracer.secrets, tracer.secrets.with_names(options.redact)

    @property
    def starts(self) -> bool:
        """Whether a span begins with more than a name."""
        return self._options.attributes is not None or self._details

    @property
    def captures_return(self) -> bool:
        """Whether the result is recorded."""
        return bool(self._returned)

    @property
    def folds(self) -> bool:
        """Whether the items of a generator are passed to a function when it ends."""
        return any(make is not None for _, make in self._returned)

    @property
    def folded_name(self) -> str:
        """The first attribute made from the items."""
        return next((name for name, make in self._returned if make is not None), _RETURN)

    def start(self, /, *args: Any, **kwargs: Any) -> tuple[Any, Details | None]:
        """Return the initial attributes and details of the span of a call."""
        options = self._options
        attributes, details = None, None
        if self._attributes is not None:
            limits, constant = self._constant
            if constant is not None and limits is self.tracer.limits:
                attributes = constant.copy()
            else:
                attributes, details = self._static(self._attributes)
        elif callable(options.attributes):
            given = ask(self.tracer, "attributes", options.attributes, args, kwargs)
            if given is not None:
                attributes, details = first_attributes(given, {}, self.tracer)
        return attributes, self.details(details) if self._details else details

    def _static(self, attributes: dict[str, Any]) -> tuple[dict[str, Any], Details | None]:
        tracer = self.tracer
        limits, constant = self._constant
        if limits is not tracer.limits:
            limits = tracer.limits
            constant = constant_attributes(attributes, tracer)
            self._constant = limits, constant
        if constant is not None:
            return constant.copy(), None
        return first_attributes(attributes, {}, tracer)

    def details(self, details: Details | None = None) -> Details:
        """Return the initial details of each span of the function."""
        options = self._options
        details = details or Details()
        details.min_duration = nanoseconds(options.min_duration or 0)
        details.expected = options.expected
        if options.kind is not None:
            details.kind = options.kind
        return details

    def arguments(self, span: Span, values: Mapping[str, Any]) -> None:
        """Record captured arguments."""
        if span._end:
            return
        labels = self._options.labels or {}
        secrets = self._use_secrets()
        shown = []
        for name, value in values.items():
            given = REDACTED if secrets.hides(name) else _shown(value, secrets)
            shown.append((labels.get(name, name), given))
        put_attributes(span, shown, secrets)

    def result(self, span: Span, value: Any, items: list[Any] | None = None) -> None:
        """Record a captured return value, or the value made from the *items* of a generator."""
        if span._end:
            return
        secrets = self._use_secrets()
        shown = []
        for name, make in self._returned:
            made = value
            if make is not None:
                if _is_used_up(value):
                    warn_left_out(make, "capture_return", "the call returns an iterator")
                    continue
                given = value if items is None else items.copy()  # the function may change it
                made = ask(self.tracer, "capture_return", make, (given,), {})
            shown.append((name, _shown(made, secrets)))
        put_attributes(span, shown, secrets)

    def fold(self, span: Span) -> Folded:
        """Return a collector of the items that a generator yields."""
        return Folded(self, span)

    def _use_secrets(self) -> Secrets:
        """Return the secrets of the tracer's settings, with the function's `redact` added."""
        all_of_them, secrets = self._secrets
        if all_of_them is not self.tracer.secrets:
            all_of_them = self.tracer.secrets
            secrets = all_of_them.with_names(self._options.redact)
            self._secrets = all_of_them, secrets
        return secrets


class Folded:
    """The items that one call of a generator has yielded, within a limit."""

    __slots__ = ("_bytes", "_count", "_items", "_recorder", "_span")

    def __init__(self, recorder: Recorder, span: Span) -> None:
        self._recorder = recorder
        self._span = span
        self._items: list[Any] = []
        self._bytes = self._count = 0

    def item(self, item: Any) -> None:
        """Keep an item; the first one adds an event to the span."""
        items = self._items
        if not self._count:
            self._span.add_event(_FIRST_ITEM)
        self._count += 1
        if len(items) < _ITEMS and self._bytes < _ITEM_BYTES:
            items.append(item)
            self._bytes += _weight_of(item)

    def result(self, span: Span, _: object) -> None:
        """Record the result of the function for the items."""
        items, self._items = self._items, []
        self._recorder.result(span, items, items)
        if len(items) < self._count:
            note = f"{self._recorder.folded_name}: {self._count} items"
            put_attributes(span, ((CUT, (*(span._attributes or {}).get(CUT, ()), note)),))
        self._count = 0

    def close(self, span: Span, error: BaseException | None, end: Callable[..., None]) -> None:
        """Record the items of a generator that was left, and end its span."""
        try:
            if self._count:
                self.result(span, None)
        finally:
            end(span, error)


def returned_by(
    wanted: bool | str | Callable[[Any], Any] | Mapping[str, Any],
) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """The attributes for a result, and the functions that compute them."""
    if wanted is False:
        return ()
    if isinstance(wanted, Mapping):
        return tuple((name, make if callable(make) else None) for name, make in wanted.items())
    if callable(wanted):
        return ((_RETURN, wanted),)
    return ((wanted if isinstance(wanted, str) else _RETURN, None),)


def _is_used_up(value: Any) -> bool:
    """Whether a function of the result would consume an iterator meant for the caller."""
    steps = ("__next__", "__anext__")
    return kind_of(value) is not PLAIN or any(
        step in dict_of(kind) for kind in mro_of(type(value)) for step in steps
    )


def _weight_of(item: Any) -> int:
    """The bytes of an item in memory; of what is neither text nor number, a guess."""
    kind = type(item)
    if kind is str or kind is bytes or kind is bytearray:
        return getsizeof(item)
    return 32 if kind is int or kind is float or kind is bool else 1_024


def _shown(value: Any, secrets: Secrets) -> Any:
    return secrets.shown(value) if type(value) is str else value


def ask(
    tracer: Tracer,
    what: str,
    given: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    otherwise: Any = None,
) -> Any:
    """Return an option, or its function's result for the call, computed with tracing suppressed."""
    if not callable(given):
        return given
    try:
        return tracer.suppressed(lambda: given(*args, **kwargs))
    except BaseException as error:
        if is_interrupt(error):
            raise
        warn_once(given, what, error)
        return otherwise


def recorder_for(
    tracer: Tracer, options: Options, default_name: str, names: tuple[str, ...] = ()
) -> Recorder:
    """Make the recorder of a function."""
    make = Recorder if options.entry is None else options.entry.recorder
    return make(tracer, options, options.name or default_name, names)


def span_name(function: Any) -> str:
    """The span name for a function: qualified, without enclosing functions."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    if not isinstance(name, str):
        name = type(function).__qualname__
    return clean_text(name.rpartition("<locals>.")[2], DEFAULT_LIMITS.name_bytes)


def captured(options: Options, names: tuple[str, ...], function: FunctionType) -> tuple[str, ...]:
    """The names of the captured arguments of a function with these parameters."""
    wanted = options.capture_args
    if isinstance(wanted, tuple):
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise ValueError(
                f"{function.__qualname__} has no parameter {unknown[0]!r} to capture;"
                f" it has {', '.join(names) or 'none'}"
            )
        return wanted
    if not wanted:
        return ()
    return names[1:] if names[:1] in (("self",), ("cls",)) else names
