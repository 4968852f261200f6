"""A marker for functions that pass arguments to a callback: their stubs get overloads.

With a type variable for each argument, checkers infer more than from a ParamSpec: for lambdas,
generic and overloaded callbacks. The source has the ParamSpec form only, and `enterspan stubs`
renders the overloads.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _F = TypeVar("_F", bound=Callable[..., Any])


def by_arity(most: int) -> Callable[[_F], _F]:  # noqa: ARG001 - the generator of stubs reads it
    """Request overloads for 0 to `most` positional arguments, and the general one at the end."""
    return lambda function: function
