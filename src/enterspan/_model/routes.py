"""The name of a request. What the stream begins with is a part of it: the route is known later."""

from __future__ import annotations


def routed_name(name: str, route: object) -> str:
    """Return the name with the route after it, where there is one and it is not there yet."""
    if not isinstance(route, str) or name.endswith(f" {route}"):
        return name
    return f"{name} {route}"
