"""Who takes part, and what has to be installed for it."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cases import Mode
    from contender import Contender

OURS = "enterspan"


class Entry(NamedTuple):
    """A contender, before anything of it is imported."""

    name: str
    module: str
    title: str
    packages: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [name for name in self.packages if version_of(name) is None]

    def load(self, mode: Mode) -> Contender:
        """Import it and set it up."""
        peer: type[Contender] = import_module(f"contenders.{self.module}").Peer
        return peer(mode)


LINEUP = {
    entry.name: entry
    for entry in (
        Entry(OURS, "ours", "enterspan"),
        Entry("bare", "bare", "nothing at all"),
        Entry("closure", "closure", "a do-nothing closure"),
        Entry("wrapt", "wrapt_noop", "a do-nothing wrapt wrapper", ("wrapt",)),
        Entry("wrapt-span", "wrapt_span", "a wrapt wrapper and a span", ("wrapt",)),
        Entry("minimal", "minimal", "a minimal hand-written span"),
        Entry("otel", "otel", "OpenTelemetry SDK", ("opentelemetry-sdk",)),
        Entry("otel-api", "otel_api", "OpenTelemetry API alone", ("opentelemetry-api",)),
        Entry("ddtrace", "ddtrace", "ddtrace", ("ddtrace",)),
        Entry("sentry", "sentry", "sentry-sdk", ("sentry-sdk",)),
        Entry("logfire", "logfire", "logfire", ("logfire",)),
        Entry("elastic", "elastic", "elastic-apm", ("elastic-apm",)),
        Entry("eliot", "eliot", "eliot", ("eliot",)),
        Entry("xray", "xray", "aws-xray-sdk", ("aws-xray-sdk",)),
    )
}


def version_of(package: str) -> str | None:
    """The version of an installed package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
