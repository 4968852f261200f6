"""A wrapper of wrapt that does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt

from contender import Idle
from workload import add, add_async, awaits, calls, failing, failures, numbers, walks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workload import Run


def forward(
    wrapped: Callable[..., Any], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    del instance
    return wrapped(*args, **kwargs)


def wrap(function: Any) -> Any:
    return wrapt.FunctionWrapper(function, forward)


class Peer(Idle):
    """What an instrumented function costs at least."""

    def forms(self) -> Mapping[str, Run]:
        return {
            "call": calls(wrap(add)),
            "root call": calls(wrap(add)),
            "await": awaits(wrap(add_async)),
            "generator": walks(wrap(numbers)),
            **failures(failing(wrap)),
            "instrumented": calls(wrap(add)),
        }
