"""A wrapper of wrapt that does nothing; and, for instrumented calls, one around a traced function.

An instrumented call can't cost less than wrapt's wrapper and a span. That sum is one contender.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt
from cases import Mode
from contender import Contender
from contenders import ours
from workload import add, add_async, awaits, calls, failing, failures, numbers, walks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from workload import Run


def forward(
    wrapped: Callable[..., Any], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    del instance
    return wrapped(*args, **kwargs)


def wrap(function: Any) -> Any:
    return wrapt.FunctionWrapper(function, forward)


class Peer(Contender):
    """Records in the instrumented form alone, and then as we do."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        self.spans = ours.Peer(mode)

    def forms(self) -> Mapping[str, Run]:
        return {
            "call": calls(wrap(add)),
            "root call": calls(wrap(add)),
            "await": awaits(wrap(add_async)),
            "generator": walks(wrap(numbers)),
            "exception": failures(failing(wrap)),
            "instrumented": calls(
                wrap(add if self.mode is Mode.OFF else self.spans.tracing.traced(add))
            ),
        }

    def parent(self) -> AbstractContextManager[Any]:
        return self.spans.parent()

    def drain(self) -> None:
        self.spans.drain()
