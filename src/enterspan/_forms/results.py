"""Classifies the result of a call: a coroutine, a generator, a future, or a plain value.

No attribute of a result or its type is read: metaclasses, lazy proxies and mocks may have every
attribute, and do work to compute it. Types are compared by identity and looked up in `__mro__`.
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
"""The call is complete."""
COROUTINE: Final = "coroutine"
GENERATOR: Final = "generator"
ASYNC_GENERATOR: Final = "async generator"
FUTURE: Final = "future"
"""The call is complete when it settles; it takes callbacks."""
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
"""The known types of futures, by module and name, and how to add a callback to each."""
_DECLARED: Final = "_asyncio_future_blocking"
"""The attribute by which a class declares itself a future (`asyncio.isfuture`)."""


def kind_of(result: object) -> str:
    """Return the kind of a result: one of the constants above."""
    kind = type(result)
    if result is None or kind is str or kind is int or kind is bool or kind is dict or kind is list:
        return PLAIN
    if kind is CoroutineType:
        return COROUTINE
    if kind is GeneratorType:
        return GENERATOR
    if kind is AsyncGeneratorType:
        return ASYNC_GENERATOR
    # `type` caches this; another metaclass may run any code.
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
    """Call *ended* with the exception of a future, or None, when it settles."""
    subscribe = _subscribe_of(type(future))
    if subscribe is None:
        ended(None)
        return
    try:
        subscribe(future, ended)
    except Exception as error:  # such as if its event loop is closed
        ended(None)
        if is_interrupt(error):
            raise
