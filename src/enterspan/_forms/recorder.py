"""How the calls of one function are recorded: how a span begins, what is on it, how it ends."""

from __future__ import annotations

from _collections_abc import Mapping

from enterspan._forms.results import PLAIN, kind_of
from enterspan._model.classes import dict_of, mro_of
from enterspan._model.diagnostics import warn_left_out, warn_once
from enterspan._model.interrupts import is_interrupt
from enterspan._model.secrets import REDACTED, without_userinfo
from enterspan._model.values import CUT, DEFAULT_LIMITS, clean_text
from enterspan._span.begin import begin
from enterspan._span.details import Details, constant_attributes, first_attributes, put_attributes
from enterspan._span.end import end_span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType
    from typing import Any, Final

    from enterspan._forms.options import Options
    from enterspan._model.secrets import Secrets
    from enterspan._model.values import Limits
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer

_RETURN: Final = "return"
"""The attribute that `capture_return` sets."""
_FIRST_ITEM: Final = "first item"
"""The event that tells when a generator has yielded for the first time."""
_ITEMS: Final = 65_536
_ITEM_BYTES: Final = 8_388_608
"""How much of what a generator yields is kept to be folded: items, and bytes of their texts."""


class Recorder:
    """Records the calls of one function as spans."""

    __slots__ = (
        "_attributes",
        "_constant",
        "_details",
        "_limits",
        "_options",
        "_returned",
        "_secrets",
        "_secrets_of_all",
        "captured",
        "name",
        "tracer",
    )

    begin: Callable[..., Span | None] = staticmethod(begin)
    """Begins the span of a call, given what `start` returns."""
    end: Callable[..., None] = staticmethod(end_span)
    """Ends it."""

    def __init__(
        self, tracer: Tracer, options: Options, name: str, captured: tuple[str, ...] = ()
    ) -> None:
        self.tracer = tracer
        self.name = name
        self.captured = captured
        self._options = options
        self._returned = returned_by(options.capture_return)
        self._attributes = options.static_attributes
        self._limits: Limits | None = None  # those that the constant ones were cleaned by
        self._constant: dict[str, Any] | None = None
        self._details = bool(options.min_duration or options.kind or options.expected)
        self._secrets_of_all = tracer.secrets
        self._secrets = tracer.secrets.with_names(options.redact)

    @property
    def starts(self) -> bool:
        """Whether a span begins with more than its name."""
        return self._options.attributes is not None or self._details

    @property
    def captures_return(self) -> bool:
        """Whether the result is recorded."""
        return bool(self._returned)

    @property
    def folds(self) -> bool:
        """Whether what a generator yields is given to a function when it ends."""
        return any(make is not None for _, make in self._returned)

    @property
    def folded_name(self) -> str:
        """The attribute that the items are folded into first."""
        return next((name for name, make in self._returned if make is not None), _RETURN)

    def start(self, /, *args: Any, **kwargs: Any) -> tuple[Any, Details | None]:
        """Return the attributes and the details that the span of a call begins with."""
        options = self._options
        attributes, details = None, None
        if self._attributes is not None:
            constant = self._constant
            if constant is not None and self._limits is self.tracer.limits:
                attributes = constant.copy()
            else:
                attributes, details = self._static(self._attributes)
        elif callable(options.attributes):
            given = ask(self.tracer, "attributes", options.attributes, args, kwargs)
            if given is not None:
                attributes, details = self.tracer.suppressed(
                    first_attributes, given, {}, self.tracer
                )
        return attributes, self.details(details) if self._details else details

    def _static(self, attributes: dict[str, Any]) -> tuple[dict[str, Any], Details | None]:
        tracer = self.tracer
        if self._limits is not tracer.limits:
            limits = tracer.limits
            self._constant = tracer.suppressed(constant_attributes, attributes, tracer)
            self._limits = limits
        if self._constant is not None:
            return self._constant.copy(), None
        return tracer.suppressed(first_attributes, attributes, {}, tracer)

    def details(self, details: Details | None = None) -> Details:
        """Return the details that each span of the function begins with."""
        options = self._options
        details = details or Details()
        details.min_duration = int((options.min_duration or 0) * 1e9)
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
            given = REDACTED if secrets.hides(name) else _shown(value)
            shown.append((labels.get(name, name), given))
        put_attributes(span, shown, secrets)

    def result(self, span: Span, value: Any, items: list[Any] | None = None) -> None:
        """Record a captured return value, or what is made of the *items* of a generator."""
        if span._end:
            return
        shown = []
        for name, make in self._returned:
            made = value
            if make is not None:
                if _is_used_up(value):
                    warn_left_out(make, "capture_return", "the call returns an iterator")
                    continue
                given = value if items is None else items.copy()  # a function may change it
                made = ask(self.tracer, "capture_return", make, (given,), {})
            shown.append((name, _shown(made)))
        put_attributes(span, shown, self._use_secrets())

    def fold(self, span: Span) -> Folded:
        """Return what keeps the items that a generator yields, until they are folded."""
        return Folded(self, span)

    def _use_secrets(self) -> Secrets:
        """Return the names of secrets, those of the tracer's settings and the function's own."""
        if self._secrets_of_all is not self.tracer.secrets:
            self._secrets_of_all = self.tracer.secrets
            self._secrets = self._secrets_of_all.with_names(self._options.redact)
        return self._secrets


class Folded:
    """What one call of a generator has yielded, within a limit."""

    __slots__ = ("_bytes", "_count", "_items", "_recorder", "_span")

    def __init__(self, recorder: Recorder, span: Span) -> None:
        self._recorder = recorder
        self._span = span
        self._items: list[Any] = []
        self._bytes = self._count = 0

    def item(self, item: Any) -> None:
        """Keep an item; the first one is an event of the span."""
        items = self._items
        if not self._count:
            self._span.add_event(_FIRST_ITEM)
        self._count += 1
        if len(items) < _ITEMS and self._bytes < _ITEM_BYTES:
            items.append(item)
            self._bytes += _weight_of(item)

    def result(self, span: Span, _: object) -> None:
        """Record what the function makes of the items."""
        items, self._items = self._items, []
        self._recorder.result(span, items, items)
        if len(items) < self._count:
            note = f"{self._recorder.folded_name}: {self._count} items"
            put_attributes(span, ((CUT, (*(span._attributes or {}).get(CUT, ()), note)),))
        self._count = 0

    def close(self, span: Span, error: BaseException | None, end: Callable[..., None]) -> None:
        """Record what there is of a generator that is left, and end its span."""
        try:
            if self._count:
                self.result(span, None)
        finally:
            end(span, error)


def returned_by(
    wanted: bool | str | Callable[[Any], Any] | Mapping[str, Any],
) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """The attributes that a result is recorded as, and the functions that make them of it."""
    if wanted is False:
        return ()
    if isinstance(wanted, Mapping):
        return tuple((name, make if callable(make) else None) for name, make in wanted.items())
    if callable(wanted):
        return ((_RETURN, wanted),)
    return ((wanted if isinstance(wanted, str) else _RETURN, None),)


def _is_used_up(value: Any) -> bool:
    """Whether a function of a result would take away what the caller is given."""
    steps = ("__next__", "__anext__")
    return kind_of(value) is not PLAIN or any(
        step in dict_of(kind) for kind in mro_of(type(value)) for step in steps
    )


def _weight_of(item: Any) -> int:
    """Roughly the bytes of an item; of what is neither text nor number, a guess."""
    kind = type(item)
    if kind is str or kind is bytes or kind is bytearray:
        return len(item)
    return 32 if kind is int or kind is float or kind is bool else 1_024


def _shown(value: Any) -> Any:
    return without_userinfo(value) if type(value) is str else value


def ask(
    tracer: Tracer,
    what: str,
    given: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    otherwise: Any = None,
) -> Any:
    """Return an option, or what a function says of the call's arguments; it is suppressed in it."""
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
    """Make what records the calls of a function, of which the arguments of some names."""
    make = Recorder if options.entry is None else options.entry.recorder
    return make(tracer, options, options.name or default_name, names)


def span_name(function: Any) -> str:
    """A function's name as a span's: qualified, without the functions that it is defined in."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    if not isinstance(name, str):
        name = type(function).__qualname__
    return clean_text(name.rpartition("<locals>.")[2], DEFAULT_LIMITS.name_bytes)


def captured(options: Options, names: tuple[str, ...], function: FunctionType) -> tuple[str, ...]:
    """The names of the arguments that are captured of a function with these parameters."""
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
