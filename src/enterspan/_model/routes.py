"""The name of a request: at the onset only the method is known, the route later."""

from __future__ import annotations


def routed_name(name: str, route: object) -> str:
    """Return the name with the route appended, if there is one and the name lacks it."""
    if not isinstance(route, str) or name.endswith(f" {route}"):
        return name
    return f"{name} {route}"
