"""Proxies of awaitables that are no coroutines: with a span that ends when they were awaited.

This module imports wrapt, and is imported when a subscriber is added: while spans are recorded,
nothing is imported.
"""

from __future__ import annotations

from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, Final

from wrapt import BaseObjectProxy

from enterspan._forms.driver import Body, Unstarted, awaited, run_coroutine
from enterspan._forms.loop import hidden, hide_frames
from enterspan._model.classes import dict_of, mro_of
from enterspan._span.end import end_span

if TYPE_CHECKING:
    from enterspan._span.span import Span

_FORWARDED: Final = ("__aiter__", "__anext__", "__iter__", "__next__", "__call__")
"""Methods that a proxy has only if the awaitable has them."""
_STEPS: Final = ("send", "throw", "close")
"""The methods of a coroutine (`collections.abc.Coroutine`), by which a task drives it."""
_kinds: Final[dict[tuple[Any, tuple[str, ...]], Any]] = {}


def proxy_of(body: Body, awaitable: Any) -> Any:
    """Return a proxy of an awaitable that can be awaited once, within the span of a body."""
    known = {name for base in mro_of(type(awaitable)) for name in dict_of(base)}
    more = tuple([name for name in _FORWARDED if name in known])
    base = _AwaitedCoroutine if known.issuperset(_STEPS) else _Awaited
    key = base, more
    if key not in _kinds:
        _kinds[key] = type("Awaited", (base,), {name: _forward(name) for name in more})
    made = _kinds[key](awaitable)
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


class _AwaitedCoroutine(_Awaited):
    def send(self, value: Any) -> Any:
        return self._self_step(self.__wrapped__.send, value)

    def throw(self, *error: Any) -> Any:
        return self._self_step(self.__wrapped__.throw, *error)

    def close(self) -> None:
        self._self_step(self.__wrapped__.close)
        body = self._self_body
        body.end(body.span, None)

    def _self_step(self, step: Any, *args: Any) -> Any:
        self._self_unstarted.take()
        body = self._self_body
        try:
            return body.run(step, *args)
        except StopIteration:
            body.end(body.span, None)
            raise
        except BaseException as error:
            try:
                hide_frames(error)
                body.end(body.span, error)
            except BaseException:  # one that arrived as either was called
                body.end(body.span, error)
                raise
            raise


def _end_if_left(span: Span, error: BaseException | None = None) -> None:
    """End a span if its block could not be entered."""
    if error is not None:
        end_span(span, error)


def _forward(name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        return getattr(self.__wrapped__, name)(*args)

    return method


hidden.append(Body.run.__code__)
