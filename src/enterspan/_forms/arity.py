"""A mark for functions that hand arguments on to a callback: their stubs have overloads.

Checkers infer more from a type variable for each argument than from a ParamSpec: a lambda's
parameters, a generic callback, an overloaded one. Such overloads are generated: the source has the
ParamSpec form alone, and `enterspan stubs` renders the rest.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _F = TypeVar("_F", bound=Callable[..., Any])


def by_arity(most: int) -> Callable[[_F], _F]:  # noqa: ARG001 - the generator of stubs reads it
    """Ask for overloads with 0 to `most` positional arguments, and the general one at the end."""
    return lambda function: function
