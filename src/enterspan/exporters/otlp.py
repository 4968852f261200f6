"""OTLP: sends finished spans to a collector or a backend.

The protocol is defined by https://opentelemetry.io/docs/specs/otlp/, the variables by
https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Final, Literal, Protocol, TypeAlias

from enterspan._model.diagnostics import warn
from enterspan._model.records import SpanData
from enterspan._version import __version__
from enterspan.exporters._opentelemetry import ExportError, uninstrumented
from enterspan.exporters._otlp_answers import Refusal
from enterspan.exporters._otlp_settings import (
    GRPC,
    HTTP,
    Settings,
    seconds,
    settings_of,
)
from enterspan.exporters._protobuf import encode_resource, encode_spans

_Protocol: TypeAlias = Literal["http/protobuf", "grpc"]
_Compression: TypeAlias = Literal["none", "gzip", "deflate"]
_File: TypeAlias = str | os.PathLike[str]

__all__ = ["GRPC", "HTTP", "ExportError", "OTLPExporter"]

_PAUSE: Final = 1.0
"""Seconds before the second attempt; each later pause is doubled."""
_LONGEST_PAUSE: Final = 30.0
_LONGEST_REQUEST: Final = 21_600.0
"""The longest delay in seconds that a receiver can request: 6 hours, as in urllib3."""
_jittered: Final = Random().uniform  # noqa: S311 - and the program's own sequence stays as it is

_MOST_BYTES: Final = 4_000_000
"""The size above which a batch is split. By default gRPC receivers accept 4 MiB."""


class _Sender(Protocol):
    """A connection to a receiver, over one of the protocols."""

    def connect(self) -> None:
        """Reset to no connection, as in a forked child."""

    def send(self, body: bytes) -> Refusal | None:
        """Send a batch; None if it was delivered. Called by one thread at a time."""

    def close(self) -> None:
        """Close the connection; may be called while `send` runs."""


class OTLPExporter:
    """An exporter that sends finished spans over OTLP, to a collector or a backend.

    `tracing.add_exporter(OTLPExporter())` is configured by the OTEL_* variables; arguments override
    them.

    While the receiver is unreachable, or asks for a delay, a batch is retried for `retry_for`
    seconds, and later spans stay queued; those that don't fit are counted as dropped. A batch whose
    retries fail, or that the receiver rejects, counts as failed. Each is logged once. A batch that
    is too large for the receiver (over 4 MB, or if it says so) is split.

    Args:
        endpoint: the full URL; over http with its path, `/v1/traces`. A user and a password in it
            are sent as HTTP's basic authentication.
        protocol: `http/protobuf` or `grpc`.
        headers: the headers of each request.
        timeout: the timeout of one attempt, in seconds.
        compression: `none`, `gzip` or `deflate`.
        insecure: whether a gRPC endpoint without `http://` or `https://` is used without TLS.
        certificate_file: the CA certificates to verify the receiver's certificate (PEM).
        client_key_file: the client's private key (PEM).
        client_certificate_file: the client's certificate (PEM).
        retry_for: for how many seconds a batch is retried, while later ones wait.

    Raises:
        ValueError, TypeError: for an invalid option.
        OSError: if a file of certificates can't be read.
        ImportError: if the package for the protocol is not installed: urllib3 (the extra `otlp`),
            or grpcio (the extra `otlp-grpc`).

    Neither its `repr` nor a warning or an error shows the userinfo and the query of the endpoint,
    or a header's value.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        protocol: _Protocol | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        compression: _Compression | None = None,
        insecure: bool | None = None,
        certificate_file: _File | None = None,
        client_key_file: _File | None = None,
        client_certificate_file: _File | None = None,
        retry_for: float = 300.0,
    ) -> None:
        files = (certificate_file, client_key_file, client_certificate_file)
        self._settings = settings_of(
            endpoint, protocol, headers, timeout, compression, insecure, files
        )
        self._retry_for = seconds("retry_for", retry_for)
        self._where = f"{self._settings.shown} ({self._settings.protocol})"
        self._given_up = threading.Event()
        self._rest_until = 0.0  # monotonic: the receiver asked for no requests before that
        self._warned: set[str] = set()
        self._defaults = _default_resource()
        self._resource: tuple[Mapping[str, Any] | None, bytes] = None, b""
        self._sender = _sender(self._settings)
        self._process = os.getpid()

    def __repr__(self) -> str:
        """Show the receiver."""
        return f"<OTLPExporter to {self._where}>"

    @property
    def subscription_target(self) -> object:
        """The receiver and the credentials: a second exporter for both replaces the first one."""
        settings = self._settings
        return settings.protocol, settings.endpoint, tuple(sorted(settings.headers.items()))

    def export(self, spans: Sequence[SpanData]) -> None:
        """Send a batch. Raises ExportError if the receiver rejects it or the retries time out."""
        if self._process != os.getpid():
            self._begin_anew()
        deadline = monotonic() + self._retry_for
        parts = [spans]
        lost, why = 0, ""
        while parts:
            part = parts.pop()
            failed: list[Exception] = []
            refusal = self._deliver(part, failed, deadline)
            if refusal is not None and refusal.is_too_large and len(part) > 1:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
                continue
            if failed:
                lost += len(failed)
                why = f"can't be sent {{}}: {type(failed[0]).__name__}: {failed[0]}"
            if refusal is not None:
                left = len(part) - len(failed)
                lost += left if refusal.rejected is None else min(refusal.rejected, left)
                how = "was not reached in time: {}" if refusal.is_passing else "did not take {}"
                why = f"{how}: {refusal.text}"
        if why:
            text = why.replace("{}", f"{lost} of {len(spans)} spans", 1)
            raise ExportError(self._settings.hide(f"{self._where} {text}"), lost)

    def _begin_anew(self) -> None:
        """Reset in a forked child."""
        self._process = os.getpid()
        self._rest_until = 0.0
        given_up, self._given_up = self._given_up, threading.Event()
        if given_up.is_set():
            self._given_up.set()
        self._sender.connect()

    def _deliver(
        self, spans: Sequence[SpanData], failed: list[Exception], deadline: float
    ) -> Refusal | None:
        """Send spans until the receiver accepts or rejects them, or the time is up."""
        body = self._encode(spans, failed)
        if len(failed) == len(spans) and spans:
            return None
        if len(body) > _MOST_BYTES and len(spans) > 1:
            return Refusal(f"{len(body)} bytes are too many", is_too_large=True)
        why = None
        pause, wait = _PAUSE, self._rest_until - monotonic()
        while not self._given_up.is_set():
            if wait > 0:
                self._given_up.wait(min(wait, max(0.0, deadline - monotonic())))
                if self._given_up.is_set() or monotonic() < self._rest_until:
                    break
            with uninstrumented():
                why = self._send(body)
            if why is None or not why.is_passing or monotonic() >= deadline:
                return why
            if self._given_up.is_set():
                break
            self._warn_once(
                f"can't deliver to {self._where}: {why.text.rstrip('.')}."
                " Spans wait in the queue. Check that a receiver of this protocol is running there:"
                " OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL configure it",
                "passing",
            )
            if why.wait:
                wait = min(why.wait, _LONGEST_REQUEST)
                self._rest_until = monotonic() + wait
            else:
                wait = pause * _jittered(0.8, 1.2)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return why or Refusal("time is up", is_passing=True)

    def _send(self, body: bytes) -> Refusal | None:
        refusal = self._sender.send(body)
        if refusal is None or refusal.rejected != 0:
            return refusal
        self._warn_once(f"delivered to {self._where}, which says: {refusal.text}", "remark")
        return None

    def _encode(self, spans: Sequence[SpanData], failed: list[Exception]) -> bytes:
        groups = [list(run) for _, run in groupby(spans, lambda span: id(span.resource))]
        return encode_spans([(self._encoded(group[0].resource), group) for group in groups], failed)

    def _encoded(self, given: Mapping[str, Any]) -> bytes:
        """An encoded resource with its defaults; the last one is cached."""
        known, encoded = self._resource
        if known is not given:
            encoded = encode_resource({**self._defaults, **given}, "")
            self._resource = given, encoded
        return encoded

    def _warn_once(self, text: str, kind: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            warn(self._settings.hide(f"OTLPExporter {text}"))

    def shutdown(self) -> None:
        """Stop retrying, and close the connection; may be called while `export` runs."""
        self._given_up.set()
        self._sender.close()

    give_up = shutdown


def _sender(settings: Settings) -> _Sender:
    """Make the sender for the protocol."""
    package, extra = ("grpc", "otlp-grpc") if settings.protocol == GRPC else ("urllib3", "otlp")
    try:
        if settings.protocol == GRPC:
            from enterspan.exporters._otlp_grpc import GrpcSender

            return GrpcSender(settings)
        from enterspan.exporters._otlp_http import HttpSender

        return HttpSender(settings)
    except ImportError as error:
        raise ImportError(
            f"OTLPExporter needs {package}: pip install 'enterspan[{extra}]'"
        ) from error


def _default_resource() -> dict[str, str]:
    """Default attributes for resources without them."""
    return {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "enterspan",
        "telemetry.sdk.version": __version__,
        "service.name": f"unknown_service:{Path(sys.executable or 'python').name}",
    }
