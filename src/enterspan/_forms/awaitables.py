"""Proxies of awaitables that are no coroutines: with a span that ends when they were awaited.

This module imports wrapt, and is imported when a subscriber is added: while spans are recorded,
nothing is imported.
"""

from __future__ import annotations

from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, Final

from wrapt import BaseObjectProxy

from enterspan._forms.driver import Body, Unstarted, awaited, run_coroutine
from enterspan._span.end import end_span

if TYPE_CHECKING:
    from enterspan._span.span import Span

_kinds: Final[dict[tuple[str, ...], Any]] = {}


def proxy_of(body: Body, awaitable: Any) -> Any:
    """Return a proxy of an awaitable that can be awaited once, within the span of a body."""
    kind = type(awaitable)
    more = tuple([name for name in ("__aiter__", "__anext__") if hasattr(kind, name)])
    if more not in _kinds:
        _kinds[more] = type("Awaited", (_Awaited,), {name: _forward(name) for name in more})
    made = _kinds[more](awaitable)
    made._self_body = body
    made._self_unstarted = Unstarted(body, awaitable)
    return made


class _Awaited(BaseObjectProxy[Any]):
    _self_body: Body
    _self_unstarted: Unstarted

    def __await__(self) -> Any:
        self._self_unstarted.take()
        return run_coroutine(self._self_body, awaited(self.__wrapped__)).__await__()

    async def __aenter__(self) -> Any:
        self._self_unstarted.take()
        body = self._self_body
        only_entered = Body(body.tracer, body.span, _end_if_left, body.entry)
        return await run_coroutine(only_entered, awaited(self.__wrapped__, "__aenter__"))

    async def __aexit__(self, *failure: object) -> Any:
        return await run_coroutine(
            self._self_body, awaited(self.__wrapped__, "__aexit__", *failure)
        )

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)

    def __copy__(self) -> Any:
        return copy(self.__wrapped__)

    def __deepcopy__(self, memo: Any) -> Any:
        return deepcopy(self.__wrapped__, memo)


def _end_if_left(span: Span, error: BaseException | None = None) -> None:
    """End a span if its block could not be entered."""
    if error is not None:
        end_span(span, error)


def _forward(name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        return getattr(self.__wrapped__, name)(*args)

    return method
