"""The run-time support of generated modules, whose spans are created on first use.

Their types are in the stub beside the generated module. At run time a span of a
catalogue is a `functools.partial` of `Tracing.span` and its siblings, so that no code runs between
the call and the plain API.
"""

from __future__ import annotations

from functools import partial

from enterspan._forms.recorder import ask
from enterspan._model.interrupts import is_interrupt
from enterspan._model.values import items_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final, TypeAlias

    from typing_extensions import Self

    from enterspan._model.limits import AttributeValue
    from enterspan._span.span import Span
    from enterspan._tracing import Tracing

    Declared: TypeAlias = str | tuple[str, Mapping[str, str], Mapping[str, AttributeValue]]

KEYWORDS: Final = frozenset({"kind", "links"})
"""Keywords of `Tracing.span` that are no attributes."""


class SpanName(str):
    """A name outside the catalogue, for type checkers, as in `tracing.span(SpanName("..."))`.

    At run time the name itself.
    """

    __slots__ = ()

    def __new__(cls, name: str, /) -> Self:
        """Return the name."""
        return name  # type: ignore[return-value]


def spans_of(
    module: dict[str, Any], tracing: Tracing, declared: Mapping[str, Declared]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a generated module (PEP 562).

    *declared* has the span of each method: its name, or the arguments that `span_of` takes after
    the Tracing.
    """
    for method in declared:
        module.pop(method, None)  # where the module is loaded again

    def find(name: str) -> Any:
        if name == "__all__":  # for `from spans import *`
            return [each for each in names() if not each.startswith("_")]
        entry = declared.get(name)
        if entry is None:
            where = module.get("__name__")
            raise AttributeError(f"module {where!r} has no attribute {name!r}")
        renamed, constants = None, None
        if not isinstance(entry, str):
            entry, renamed, constants = entry
        made = span_of(tracing, entry, renamed, constants)
        return module.setdefault(name, made)  # as another thread may have made it meanwhile

    def names() -> list[str]:
        return sorted({*module, *declared})

    return find, names


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
    """The attributes as a dict; empty if they are not a mapping, or raise."""
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
