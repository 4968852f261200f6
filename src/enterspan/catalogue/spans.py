"""The classes and functions that generated modules use.

The classes are for type checkers: a generated module describes with them what each span takes. At
run time a span of a catalogue is a `functools.partial` of `Tracing.span` and its siblings, so that
no code runs between the call and the plain API.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    overload,
)

from enterspan._forms.recorder import ask
from enterspan._model.interrupts import is_interrupt
from enterspan._model.protocols import Kind
from enterspan._model.values import AttributeValue, items_of
from enterspan._span.scope import SpanScope
from enterspan._span.span import Span
from enterspan._tracing import Tracing

KEYWORDS: Final = frozenset({"kind", "links"})
"""Keywords of `Tracing.span` that are no attributes."""
SpanKind: TypeAlias = Kind
"""What a span's kind may be."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., object] | property)
_Span_co = TypeVar("_Span_co", bound=Span, covariant=True)
_Attributes_contra = TypeVar("_Attributes_contra", contravariant=True)
_Name_contra = TypeVar("_Name_contra", bound=str, contravariant=True)


class CatalogueScope(SpanScope, Generic[_Span_co]):
    """The block around a span of a catalogue, for type checkers: it returns that kind of span."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __enter__(self) -> _Span_co: ...
        async def __aenter__(self) -> _Span_co: ...


class CatalogueSpan(Protocol[_Span_co, _Attributes_contra, _Name_contra]):
    """A span of a catalogue, for type checkers.

    Called with the attributes of the span, it returns the block `Tracing.span`.
    """

    @overload
    def traced(self, function: _F, /) -> _F: ...
    @overload
    def traced(
        self,
        function: None = None,
        /,
        *,
        attributes: _Attributes_contra | None = None,
        kind: SpanKind | None = None,
        capture_args: bool | Sequence[_Name_contra] | Mapping[str, str] = False,
        capture_return: bool
        | str
        | Callable[[Any], object]
        | Mapping[str, Callable[[Any], object] | bool] = False,
        redact: Sequence[str] = (),
        min_duration: float | None = None,
        expected: type[BaseException] | str | Sequence[type[BaseException] | str] = (),
    ) -> Callable[[_F], _F]: ...
    def traced(self, function: Any = None, /, **options: Any) -> Any:
        """Open the span around each call, as `Tracing.traced` does: bare, or with its options."""
        ...

    def enter_span(
        self,
        callback: Callable[Concatenate[_Span_co, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Call `callback(span, *args, **kwargs)` with the span, as `Tracing.enter_span` does."""
        ...

    def start_active_span(
        self,
        callback: Callable[Concatenate[_Span_co, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Call `callback` as `enter_span` does; the caller ends the span."""
        ...


def span_of(
    tracing: Tracing,
    name: str,
    renamed: Mapping[str, str] | None = None,
    constants: Mapping[str, AttributeValue] | None = None,
) -> Any:
    """Return the plain API of a Tracing for the span of one name.

    It is called as `Tracing.span` is, without the name, and has the attributes `traced`,
    `enter_span`, `start_active_span` and `start_span`. `renamed` maps parameters to attributes of
    another name, and `constants` are attributes that each span has.
    """
    span: Any = tracing.span
    start: Any = tracing.start_span
    enter: Any = tracing.enter_span
    enter_open: Any = tracing.start_active_span
    traced: Any = partial(_traced, tracing, name)
    if renamed is not None or constants:
        given = dict(constants or {})
        span, start = (_renaming(f, tracing, dict(renamed or {}), given) for f in (span, start))
    if constants:
        enter, enter_open = (_with_constants(form, constants) for form in (enter, enter_open))
        traced = partial(_traced_with, tracing, name, constants)
    # A plain `partial` with attributes: calls of a subclass are slower.
    block: Any = partial(span, name)
    block.start_span = partial(start, name)
    block.enter_span = partial(enter, name)
    block.start_active_span = partial(enter_open, name)
    block.traced = traced
    return block


def _renaming(form: Any, tracing: Tracing, names: dict[str, str], constants: dict[str, Any]) -> Any:
    """A form that takes attributes under the names of their parameters, and adds constant ones."""
    tracer = tracing._tracer
    name_of = names.get

    def renamed(name: str, attributes: Any = None, /, **more: Any) -> Any:
        if tracer.off:
            return form(name)
        values = {**constants, **{name_of(key, key): more[key] for key in more}}
        if not KEYWORDS.isdisjoint(values):  # attributes of such names can only be in a mapping
            attributes = {**_dict(attributes), **values}
            values = {}
        return form(name, attributes, **values)

    return renamed


def _dict(attributes: object) -> dict[str, Any]:
    """What there is of attributes that may be no mapping, or one that raises."""
    try:
        return dict(items_of(attributes))
    except Exception as error:  # a key without a hash
        if is_interrupt(error):
            raise
        return {}


def _with_constants(form: Any, constants: Mapping[str, AttributeValue]) -> Any:
    """A form for callbacks, whose spans have constant attributes before the callback runs."""

    def enter(name: str, callback: Any, /, *args: Any, **kwargs: Any) -> Any:
        def begun(span: Span, /, *args: Any, **kwargs: Any) -> Any:
            return callback(span.set_attributes(constants), *args, **kwargs)

        return form(name, begun, *args, **kwargs)

    return enter


def _traced(tracing: Tracing, name: str, function: Any = None, /, **options: Any) -> Any:
    decorate = tracing.traced(name, **options)
    return decorate if function is None else decorate(function)


def _traced_with(
    tracing: Tracing, name: str, constants: Any, function: Any = None, /, **options: Any
) -> Any:
    attributes: Any = options.pop("attributes", None)
    plain: Any = attributes or {}
    if callable(attributes):

        def merged(*args: Any, **kwargs: Any) -> Any:
            tracer = tracing._tracer
            return {**constants, **_dict(ask(tracer, "attributes", attributes, args, kwargs))}

        options["attributes"] = merged
    else:
        options["attributes"] = {**constants, **plain}
    return _traced(tracing, name, function, **options)
