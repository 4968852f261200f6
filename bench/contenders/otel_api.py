"""OpenTelemetry's API without any SDK: what a library pays that has OpenTelemetry in it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cases import Mode
from contender import Contender, MissingError
from contenders.otel_forms import forms_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workload import Run


class Peer(Contender):
    """The tracer of a process that has set none up."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is not Mode.OFF:
            raise MissingError("the API alone records nothing")
        self.tracer: Any = import_module("opentelemetry.trace").get_tracer("bench")

    def forms(self) -> Mapping[str, Run]:
        return forms_of(self.tracer)
