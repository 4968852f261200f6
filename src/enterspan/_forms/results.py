"""What a call has returned: the one place that tells a coroutine from a generator from a future.

A result is never asked anything, and neither is its type: a metaclass, a lazy proxy or a mock may
answer every question, and do work to answer it. Types are looked up by identity and in `__mro__`.
"""

from __future__ import annotations

from types import AsyncGeneratorType, CoroutineType, GeneratorType

from enterspan._model.classes import dict_of, full_name_of, mro_of
from enterspan._model.interrupts import is_interrupt
from enterspan._span.invocation import failure_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, TypeAlias

    Ended: TypeAlias = Callable[[BaseException | None], None]

PLAIN: Final = "plain"
"""The call is done with what it has returned."""
COROUTINE: Final = "coroutine"
GENERATOR: Final = "generator"
ASYNC_GENERATOR: Final = "async generator"
FUTURE: Final = "future"
"""It takes callbacks, and the call is done when it settles."""
AWAITABLE: Final = "awaitable"
"""Any other object with an `__await__`."""


def _subscribe_future(future: Any, ended: Ended) -> None:
    future.add_done_callback(lambda settled: ended(failure_of(settled)))


def _subscribe_deferred(deferred: Any, ended: Ended) -> None:
    def passed(result: Any) -> Any:
        error = getattr(result, "value", None) if _is_failure(type(result)) else None
        ended(error if isinstance(error, BaseException) else None)
        return result

    deferred.addBoth(passed)


def _is_failure(kind: type) -> bool:
    return any(full_name_of(base) == _FAILURE for base in mro_of(kind))


_FAILURE: Final = ("twisted.python.failure", "Failure")
_FUTURES: Final[dict[tuple[Any, Any], Callable[[Any, Ended], None]]] = {
    ("_asyncio", "Future"): _subscribe_future,
    ("_asyncio", "Task"): _subscribe_future,
    ("asyncio.futures", "Future"): _subscribe_future,
    ("concurrent.futures._base", "Future"): _subscribe_future,
    ("twisted.internet.defer", "Deferred"): _subscribe_deferred,
}
"""The types that are known to settle, by module and name, and how a callback is added to one."""
_DECLARED: Final = "_asyncio_future_blocking"
"""The attribute by which a class declares to be a future like asyncio's (`asyncio.isfuture`)."""


def kind_of(result: object) -> str:
    """Return what kind of result this is: one of the constants above."""
    kind = type(result)
    if result is None or kind is str or kind is int or kind is bool or kind is dict or kind is list:
        return PLAIN
    if kind is CoroutineType:
        return COROUTINE
    if kind is GeneratorType:
        return GENERATOR
    if kind is AsyncGeneratorType:
        return ASYNC_GENERATOR
    # `type` answers for itself, from a cache; another metaclass may do anything.
    if type(kind) is type and not (
        hasattr(kind, "__await__") or hasattr(kind, "add_done_callback")
    ):
        return PLAIN
    if _subscribe_of(kind) is not None:
        return FUTURE
    is_awaitable = any("__await__" in dict_of(base) for base in mro_of(kind))
    return AWAITABLE if is_awaitable else PLAIN


def _subscribe_of(kind: type) -> Callable[[Any, Ended], None] | None:
    for base in mro_of(kind):
        subscribe = _FUTURES.get(full_name_of(base))
        if subscribe is not None:
            return subscribe
        if _DECLARED in dict_of(base):
            return _subscribe_future
    return None


def when_settled(future: Any, ended: Ended) -> None:
    """Have *ended* called with the exception of a future, or None, when it settles."""
    subscribe = _subscribe_of(type(future))
    if subscribe is None:
        ended(None)
        return
    try:
        subscribe(future, ended)
    except Exception as error:  # such as one whose event loop is closed
        ended(None)
        if is_interrupt(error):
            raise
