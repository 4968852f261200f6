"""The origin of spans: the service and the process in their resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_UNKNOWN: Final = "unknown_service"
"""OpenTelemetry's prefix for unnamed services."""


def service_of(resource: Mapping[str, Any]) -> str:
    """The service's name; empty if unnamed."""
    name = resource.get("service.name")
    return name if isinstance(name, str) and not name.startswith(_UNKNOWN) else ""


def process_of(resource: Mapping[str, Any]) -> str:
    """The identity of a process within its service: its pid, or else its instance id."""
    pid = resource.get("process.pid")
    return str(resource.get("service.instance.id") or "")[:8] if pid is None else str(pid)


class Origins:
    """The services and processes of a trace, with labels if there are several."""

    def __init__(self, resources: Iterable[Mapping[str, Any]] = ()) -> None:
        self._services: dict[str, set[str]] = {}
        self._seen: dict[int, Mapping[str, Any]] = {}  # kept, so that ids are not reused
        self._labels: dict[int, str] = {}
        self._indexes: dict[str, int] = {}
        for resource in resources:
            self.add(resource)

    def add(self, resource: Mapping[str, Any]) -> None:
        """Add a resource."""
        if id(resource) in self._seen:
            return
        self._seen[id(resource)] = resource
        self._services.setdefault(service_of(resource), set()).add(process_of(resource))
        self._labels.clear()

    @property
    def are_several(self) -> bool:
        """Whether there is more than one service or process."""
        return len(self._services) > 1 or any(len(each) > 1 for each in self._services.values())

    def label(self, resource: Mapping[str, Any]) -> str:
        """`shop`, or `shop 4711` where the service has several processes."""
        label = self._labels.get(id(resource))
        if label is None:
            service, process = service_of(resource), process_of(resource)
            several = len(self._services.get(service, ())) > 1 and process
            words = [service, process if service else f"pid {process}"] if several else [service]
            label = " ".join([word for word in words if word])
            if id(resource) in self._seen:
                self._labels[id(resource)] = label
        return label

    def index(self, label: str) -> int:
        """A small number for a label, in the order of first use."""
        return self._indexes.setdefault(label, len(self._indexes))
