# Made by `enterspan stubs` from the annotated source: don't edit it.
"""`Span`: one operation, from its beginning to its end.

A span that has ended keeps its name and its ids; its data went to the subscribers.

The hot path is here, in `begin`, in `end` and in the compiled wrapper of `_forms`: fields are set
by plain stores, rarely used ones are in `Details`, and nothing is computed before it is needed.
"""

import typing
import typing_extensions
from collections.abc import Mapping
from enterspan._model import protocols
from enterspan._model.ids import SpanContext
from enterspan._model.limits import AttributeValue

class Span:
    """One operation: a name, a parent, a beginning and an end.

    Spans are made by a `Tracing`. No method raises because of its arguments, and after the end of
    the span its methods do nothing.

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
            value: A str, number or bool, or a sequence of one of these. None leaves it unset, and
                any other value is recorded as text.

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
        """Record an event that happens now.

        Live tails get it immediately, as a `diagnosticChannel` event; exporters with the span.
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
        """Set the status. A later exception does not change it, and `ok` is final.

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
        """Add a link to another span; anything but a context or a span is ignored."""

    def update_name(self, name: str) -> typing_extensions.Self:
        """Change the name of the span."""

    def set_kind(self, kind: protocols.Kind) -> typing_extensions.Self:
        """Set the kind of the span: one of OpenTelemetry's span kinds.

        Args:
            kind: `"internal"`, `"server"`, `"client"`, `"producer"` or `"consumer"`. Anything else
                is ignored, with one warning.

        Returns:
            The span.
        """

    def end(self) -> None:
        """End the span; a second call does nothing."""

    def __repr__(self) -> str:
        """Show the name, the ids and whether it is open."""

    def __copy__(self) -> typing_extensions.Self:
        """Return itself: a span can't be copied."""

    def __deepcopy__(self, memo: object) -> typing_extensions.Self:
        """Return itself: a span can't be copied."""

    def __reduce__(self) -> str:
        """Raise TypeError: a span can't be pickled."""
