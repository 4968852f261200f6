"""The resource of this process: the attributes that all of its spans share.

https://opentelemetry.io/docs/specs/semconv/resource/ defines the names, and
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ the variables.
"""

from __future__ import annotations

import os

from enterspan._model.limits import DEFAULT_LIMITS
from enterspan._model.values import clean_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


_instance: Final[list[str]] = []


def default_resource() -> dict[str, Any]:
    """Return the resource from the environment and this process; a forked child has its own.

    An OTEL_RESOURCE_ATTRIBUTES that is not a list of `name=value` is ignored.
    """
    found: dict[str, Any] = {}
    for pair in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            found[_decoded(name)] = _decoded(value)
    service = os.environ.get("OTEL_SERVICE_NAME")
    if service:
        found["service.name"] = clean_text(service, DEFAULT_LIMITS.value_bytes)
    if not _instance:
        _instance.append(_uuid())
    return {"service.instance.id": _instance[0], "process.pid": os.getpid(), **found}


def renew() -> None:
    """Generate a new `service.instance.id`, in a forked child."""
    _instance.clear()


def _decoded(text: str) -> str:
    text = text.strip()
    if "%" in text:
        from urllib.parse import unquote

        text = unquote(text)
    return clean_text(text, DEFAULT_LIMITS.value_bytes)


def _uuid() -> str:
    """A random UUID (RFC 9562, version 4), without importing `uuid`."""
    number = int.from_bytes(os.urandom(16), "big")
    number = number & ~(0xF << 76) | 4 << 76
    text = f"{number & ~(0x3 << 62) | 0x2 << 62:032x}"
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])
