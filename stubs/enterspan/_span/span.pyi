# Made by `enterspan stubs` from the annotated source: don't edit it.
"""One operation, open to closed: what a user holds, and what is left of it afterwards.

A span that has ended is a light shell: its name and its ids. What it recorded went to those who
listen, and the shell lets go of it.

The hot path is here, in `_scope` and in `_traced`: fields are filled by stores, facts that few
spans have live in `Rare`, and nothing is computed that nobody asked for. That costs some beauty.
"""

from collections.abc import Mapping
from enterspan._model.ids import SpanContext
from enterspan._model.values import AttributeValue
from typing_extensions import Self

class Span:
    """One operation: it has a name, a place in the tree, a beginning and an end.

    Spans come from a `Tracing`. No method raises because of what it was given, and after the end
    none does anything.
    """

    @property
    def name(self) -> str:
        """What the operation is called."""

    @property
    def context(self) -> SpanContext:
        """The span's identity."""

    @property
    def is_traced(self) -> bool:
        """True while the span is recorded; False once it has ended."""

    def set_attribute(self, key: str, value: AttributeValue | None) -> Self:
        """Record an attribute; None leaves it unset. A value of another type becomes its repr."""

    def set_attributes(
        self,
        attributes: Mapping[str, AttributeValue | None] | None = None,
        /,
        **more: AttributeValue | None,
    ) -> Self:
        """Record several attributes."""

    def add_event(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue | None] | None = None,
        /,
        **more: AttributeValue | None,
    ) -> Self:
        """Record that something happened now.

        Live tails get it at once as a `diagnosticChannel` event, exporters with the span.
        """

    def record_exception(
        self,
        exception: BaseException,
        /,
        **attributes: AttributeValue | None,
    ) -> Self:
        """Record an exception that the program handled, with its traceback."""

    def set_status(self, status: str, description: str = "") -> Self:
        """Say whether the operation worked: `ok` or `error`; anything else is ignored."""

    def add_link(
        self,
        context: SpanContext,
        attributes: Mapping[str, AttributeValue | None] | None = None,
        /,
    ) -> Self:
        """Relate the span to another one that is not its parent; no SpanContext is ignored."""

    def update_name(self, name: str) -> Self:
        """Give the span another name."""

    def set_kind(self, kind: str) -> Self:
        """Say what the span is in a conversation; anything else than the five kinds is ignored.

        `internal`, `server`, `client`, `producer` or `consumer` (OpenTelemetry's span kinds).
        """

    def end(self) -> None:
        """End the span; a second time does nothing."""

    def __repr__(self) -> str:
        """Show the name, the ids and whether it is open."""

    def __copy__(self) -> Self:
        """A span has an identity: a copy is itself."""

    def __deepcopy__(self, memo: object) -> Self:
        """A span has an identity: a copy is itself."""

    def __reduce__(self) -> str:
        """Refuse: what travels is `span.context`."""
