# Made by `enterspan stubs` from the annotated source: don't edit it.
"""One operation, from its beginning to its end: what a user holds, and what remains of it.

A span that has ended keeps its name and its ids. What it recorded went to the subscribers.

The hot path is here, in `begin`, in `end` and in the compiled wrapper of `_forms`: fields are
filled by stores, those that few spans use are in `Details`, and nothing is computed before it is
needed.
"""

import typing
import typing_extensions
from collections.abc import Mapping
from enterspan._model import protocols
from enterspan._model.ids import SpanContext
from enterspan._model.values import AttributeValue

class Span:
    """One operation: it has a name, a place in the tree, a beginning and an end.

    Spans come from a `Tracing`. No method raises because of what it was given, and after the end
    none does anything.

    >>> from enterspan import tracing
    >>> from enterspan.testing import capture
    >>> with capture() as trace, tracing.span("load") as span:
    ...     span.set_attribute("rows", 12).set_status("ok")
    <Span 'load' ...>
    """

    @property
    def name(self) -> str:
        """The name of the operation."""

    @property
    def context(self) -> SpanContext:
        """The span's identity."""

    @property
    def is_traced(self) -> bool:
        """True while the span is recorded; False once it has ended."""

    def set_attribute(self, key: str, value: AttributeValue | None) -> typing_extensions.Self:
        """Record an attribute.

        Args:
            key: Its name.
            value: A string, number, bool or a sequence of one of these; None leaves it unset, and
                any other value is recorded as its `repr`.

        Returns:
            The span.
        """

    def set_attributes(
        self,
        attributes: Mapping[str, object] | None = None,
        /,
        **more: AttributeValue | None,
    ) -> typing_extensions.Self:
        """Record several attributes, given as a mapping, by keyword, or both."""

    def add_event(
        self,
        name: str,
        attributes: Mapping[str, object] | None = None,
        /,
        **more: AttributeValue | None,
    ) -> typing_extensions.Self:
        """Record that something happened now.

        Live tails get it at once as a `diagnosticChannel` event, exporters with the span.
        """

    def record_exception(
        self,
        exception: BaseException,
        /,
        **attributes: AttributeValue | None,
    ) -> typing_extensions.Self:
        """Record an exception that the program handled, with its traceback."""

    def set_status(
        self,
        status: typing.Literal["ok", "error"],
        description: str = "",
    ) -> typing_extensions.Self:
        """Set whether the operation worked. `ok` is final, and so is either for a later exception.

        Args:
            status: `"ok"` or `"error"`. Anything else is ignored, with one warning.
            description: What went wrong, for `"error"`.

        Returns:
            The span.

        The rule is that of OpenTelemetry's specification (Set Status).
        """

    def add_link(
        self,
        context: SpanContext,
        attributes: Mapping[str, object] | None = None,
        /,
    ) -> typing_extensions.Self:
        """Relate the span to another one that is not its parent; what is no context is ignored."""

    def update_name(self, name: str) -> typing_extensions.Self:
        """Give the span another name."""

    def set_kind(self, kind: protocols.Kind) -> typing_extensions.Self:
        """Set the span's role in a conversation: one of OpenTelemetry's span kinds.

        Args:
            kind: `"internal"`, `"server"`, `"client"`, `"producer"` or `"consumer"`. Anything else
                is ignored, with one warning.

        Returns:
            The span.
        """

    def end(self) -> None:
        """End the span; a second time does nothing."""

    def __repr__(self) -> str:
        """Show the name, the ids and whether it is open."""

    def __copy__(self) -> typing_extensions.Self:
        """Return itself: a span has an identity."""

    def __deepcopy__(self, memo: object) -> typing_extensions.Self:
        """Return itself: a span has an identity."""

    def __reduce__(self) -> str:
        """Refuse to be pickled."""
