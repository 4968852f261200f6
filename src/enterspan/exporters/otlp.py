"""OTLP: finished spans to a collector or a back-end.

The protocol is https://opentelemetry.io/docs/specs/otlp/, the variables are those of
https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

# The optional packages may not be installed when types are checked.
# pyright: reportMissingImports=false, reportMissingModuleSource=false

import gzip
import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast
from urllib.parse import SplitResult, unquote, urlsplit

from enterspan._model.diagnostics import warn
from enterspan._model.records import SpanData
from enterspan._version import __version__
from enterspan.exporters._opentelemetry import ExportError, uninstrumented
from enterspan.exporters._protobuf import decode_fields, encode_resource, encode_spans

_Protocol: TypeAlias = Literal["http/protobuf", "grpc"]
_Files: TypeAlias = tuple[str | os.PathLike[str] | None, ...]
_Compression: TypeAlias = Literal["none", "gzip", "deflate"]

__all__ = ["GRPC", "HTTP", "ExportError", "OTLPExporter"]

HTTP: Final = "http/protobuf"
"""The default protocol, as in the specification."""
GRPC: Final = "grpc"

_COMPRESSIONS: Final = {"none": "NoCompression", "gzip": "Gzip", "deflate": "Deflate"}
"""gRPC's names for the compressions."""

_PAUSE: Final = 1.0
"""Seconds before the second attempt; each later pause is twice as long."""
_LONGEST_PAUSE: Final = 30.0
_LONGEST_REQUEST: Final = 21_600.0
"""Seconds for which a receiver can ask to be left alone: 6 hours, as in urllib3."""
_jittered: Final = Random().uniform  # noqa: S311 - and the program's own sequence stays as it is

_MOST_BYTES: Final = 4_000_000
"""The size above which a batch is sent in parts. By default gRPC receivers take 4 MiB, and answer
larger messages with a code that means a retry could succeed."""

_RETRYABLE_STATUSES: Final = frozenset({429, 502, 503, 504})
_RETRYABLE_CODES: Final = frozenset(
    {"ABORTED", "CANCELLED", "DATA_LOSS", "DEADLINE_EXCEEDED", "OUT_OF_RANGE", "UNAVAILABLE"}
)
"""The answers after which OTLP requires a retry; `RESOURCE_EXHAUSTED` only if it has a delay."""

_METHOD: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_AGENT: Final = f"enterspan/{__version__}"


class _Refusal(NamedTuple):
    """Why spans were not delivered, and what may help."""

    text: str
    is_passing: bool = False
    """Whether a retry may succeed."""
    wait: float | None = None
    """Seconds that the receiver asked to wait."""
    is_too_large: bool = False
    rejected: int | None = None
    """How many of the spans; None for all."""


_Send: TypeAlias = Callable[[bytes], _Refusal | None]


class OTLPExporter:
    """An exporter that sends finished spans over OTLP, to a collector or a back-end.

    `tracing.add_exporter(OTLPExporter())` is configured by the OTEL_* variables; arguments override
    them.

    While the receiver can't be reached, the batch is retried, and later spans wait in the queue of
    the subscription; those that don't fit are counted as dropped. A batch that the receiver rejects
    counts as failed. Either is logged once. A batch that is too large for the receiver (over 4 MB,
    or if the receiver says so) is sent in parts.

    Args:
        endpoint: the full URL; over http with its path, `/v1/traces`.
        protocol: `http/protobuf` or `grpc`.
        headers: headers of each request.
        timeout: how many seconds one attempt may take.
        compression: `none`, `gzip` or `deflate`.
        insecure: whether a gRPC endpoint without `http://` or `https://` is used without TLS.
        certificate_file: the certificates that the receiver's is checked with (PEM).
        client_key_file: the client's private key (PEM).
        client_certificate_file: the client's certificate (PEM).

    Raises:
        ValueError, TypeError: for an invalid option.
        OSError: if a file of certificates can't be read.
        ImportError: if the package for the protocol is not installed: urllib3 (the extra `otlp`),
            or grpcio (the extra `otlp-grpc`).
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
        certificate_file: str | os.PathLike[str] | None = None,
        client_key_file: str | os.PathLike[str] | None = None,
        client_certificate_file: str | os.PathLike[str] | None = None,
    ) -> None:
        self._protocol = _choice("protocol", protocol, HTTP, GRPC)
        self._endpoint = _endpoint(endpoint, self._protocol)
        self._where = f"{self._endpoint} ({self._protocol})"
        self._headers = _headers(headers)
        self._timeout = _timeout(timeout)
        self._compression = _choice("compression", compression, *_COMPRESSIONS)
        self._insecure = (
            insecure if insecure is not None else _variable("INSECURE")[1].lower() == "true"
        )
        self._files = (
            certificate_file or _variable("CERTIFICATE")[1] or None,
            client_key_file or _variable("CLIENT_KEY")[1] or None,
            client_certificate_file or _variable("CLIENT_CERTIFICATE")[1] or None,
        )
        self._given_up = threading.Event()
        self._warned = False
        self._defaults = _default_resource()
        self._resource: tuple[Mapping[str, Any] | None, bytes] = None, b""
        self._connect()

    def __repr__(self) -> str:
        """Show the receiver."""
        return f"<OTLPExporter to {self._where}>"

    @property
    def subscription_target(self) -> object:
        """The receiver: a second exporter to it replaces the first one."""
        return self._where

    def _connect(self) -> None:
        """Prepare the connection; a forked child has its own."""
        self._process = os.getpid()
        connect = self._connect_http if self._protocol == HTTP else self._connect_grpc
        self._send, self._close = connect()

    def _connect_http(self) -> tuple[_Send, Callable[[], object]]:
        urllib3 = _required("urllib3", "otlp")
        url = urlsplit(self._endpoint)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(
                f"the endpoint for {HTTP} must begin with http:// or https://, not"
                f" {self._endpoint!r}: see OTEL_EXPORTER_OTLP_ENDPOINT"
            )
        headers = {"user-agent": _AGENT, "content-type": "application/x-protobuf", **self._headers}
        if self._compression != "none":
            headers["Content-Encoding"] = self._compression
        options = {"headers": headers, "timeout": self._timeout, "retries": False}
        pool = _pool(urllib3, url, self._files, **options)  # neither retries nor redirections
        post = partial(pool.request, "POST", self._endpoint, decode_content=False)
        errors = urllib3.exceptions
        after = urllib3.Retry(0).get_retry_after
        pack: Any = {"none": bytes, "gzip": gzip.compress, "deflate": zlib.compress}[
            self._compression
        ]

        def send(body: bytes) -> _Refusal | None:
            packed = pack(body)
            try:
                try:
                    answer = post(body=packed)
                except errors.ProtocolError:  # the receiver may have closed a kept connection
                    answer = post(body=packed)
                status = answer.status
                wait = after(answer) if status in _RETRYABLE_STATUSES else None
            except (errors.HTTPError, ValueError, OverflowError) as error:
                return _Refusal(str(error), is_passing=True)
            if 200 <= status < 300:
                return _rejected(answer.data)
            text = f"HTTP {status} {answer.reason}"
            return _Refusal(text, status in _RETRYABLE_STATUSES, wait, status == 413)

        return send, pool.clear

    def _connect_grpc(self) -> tuple[_Send, Callable[[], object]]:
        grpc = _required("grpc", "otlp-grpc")
        url = urlsplit(self._endpoint)
        is_url = url.scheme in ("http", "https")
        target = url.netloc if is_url else self._endpoint
        options = (
            ("grpc.primary_user_agent", _AGENT),
            ("grpc.max_reconnect_backoff_ms", int(_LONGEST_PAUSE * 1_000)),
        )
        compression = getattr(grpc.Compression, _COMPRESSIONS[self._compression])
        if url.scheme == "http" if is_url else self._insecure:
            channel = grpc.insecure_channel(target, options, compression)
        else:
            files = [path and Path(path).read_bytes() for path in self._files]
            credentials = grpc.ssl_channel_credentials(*files)
            channel = grpc.secure_channel(target, credentials, options, compression)
        export = channel.unary_unary(_METHOD)
        metadata = tuple(self._headers.items())

        def send(body: bytes) -> _Refusal | None:
            try:
                return _rejected(export(body, timeout=self._timeout, metadata=metadata))
            except grpc.RpcError as error:
                name, wait = error.code().name, _retry_delay(error)
                has_room_later = name == "RESOURCE_EXHAUSTED" and wait is not None
                is_passing = name in _RETRYABLE_CODES or has_room_later
                return _Refusal(f"{name}: {error.details()}", is_passing, wait)

        return send, channel.close

    def export(self, spans: Sequence[SpanData]) -> None:
        """Send a batch. Raises ExportError if the receiver rejects it or time is up."""
        if self._process != os.getpid():
            self._connect()
        parts = [spans]
        lost, why = 0, None
        while parts:
            part = parts.pop()
            refusal = self._deliver(part)
            if refusal is not None and refusal.is_too_large and len(part) > 1:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            elif refusal is not None:
                why = refusal
                lost += len(part) if why.rejected is None else min(why.rejected, len(part))
        if why is not None:
            how = "was not reached in time:" if why.is_passing else "did not take"
            raise ExportError(f"{self._where} {how} {lost} of {len(spans)} spans: {why.text}", lost)

    def _deliver(self, spans: Sequence[SpanData]) -> _Refusal | None:
        """Send spans until the receiver takes or rejects them, or time is up."""
        body = self._encode(spans)
        if len(body) > _MOST_BYTES and len(spans) > 1:
            return _Refusal(f"{len(body)} bytes are too many", is_too_large=True)
        why = None
        pause = _PAUSE
        while not self._given_up.is_set():
            with uninstrumented():
                why = self._send(body)
            if why is None or not why.is_passing:
                return why
            if not self._given_up.is_set():
                self._warn_once(why.text)
                wait = why.wait or pause * _jittered(0.8, 1.2)
                self._given_up.wait(min(wait, _LONGEST_REQUEST))
                pause = min(pause * 2, _LONGEST_PAUSE)
        return why or _Refusal("time is up", is_passing=True)

    def _encode(self, spans: Sequence[SpanData]) -> bytes:
        groups = [list(run) for _, run in groupby(spans, lambda span: id(span.resource))]
        return encode_spans([(self._encoded(group[0].resource), group) for group in groups])

    def _encoded(self, given: Mapping[str, Any]) -> bytes:
        """A resource with its defaults; the last one is cached."""
        if self._resource[0] is not given:
            self._resource = given, encode_resource({**self._defaults, **given}, "")
        return self._resource[1]

    def _warn_once(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            warn(
                f"OTLPExporter can't deliver to {self._where}: {why.rstrip('.')}."
                " Spans wait in the queue. Check that a receiver of this protocol is running there:"
                " OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL configure it"
            )

    def shutdown(self) -> None:
        """Stop retrying and close the connection; may be called while `export` runs."""
        self._given_up.set()
        self._close()

    give_up = shutdown


# --- options --------------------------------------------------------------------------------------


def _variable(name: str) -> tuple[str, str]:
    """The variable that is set, that for traces first, and its value."""
    variables = (f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")
    found = [(variable, os.environ.get(variable, "").strip()) for variable in variables]
    return found[0] if found[0][1] else found[1]


def _choice(name: str, given: object, *choices: str) -> str:
    """An option: as given, from the variables, or the first choice."""
    source = name
    if given is None:
        source, given = _variable(name.upper())
    if given not in ("", *choices):
        raise ValueError(f"{source} must be {' or '.join(map(repr, choices))}, not {given!r}")
    return str(given) or choices[0]


def _endpoint(given: object, protocol: str) -> str:
    if given is not None:
        if not isinstance(given, str) or not given:
            raise TypeError(f"endpoint must be a URL, not {given!r}")
        return given
    variable, url = _variable("ENDPOINT")
    if protocol == GRPC:
        return url or "http://localhost:4317"
    if "TRACES" in variable:
        return url
    return f"{(url or 'http://localhost:4318').removesuffix('/')}/v1/traces"


def _headers(given: object) -> dict[str, str]:
    """The headers of the variable and, before them, those given; names in lower case."""
    if given is not None and not hasattr(given, "items"):
        raise TypeError(f"headers must be a mapping of names to texts, not {given!r}")
    more = cast("Mapping[str, str]", given or {})
    pairs = [*_pairs(*_variable("HEADERS")), *more.items()]
    return {name.lower(): value for name, value in pairs}


def _pairs(variable: str, text: str) -> Iterator[tuple[str, str]]:
    for pair in filter(str.strip, text.split(",")):
        name, equals, value = pair.partition("=")
        if equals:
            yield unquote(name).strip(), unquote(value).strip()
        else:  # its text may be a secret
            warn(f"{variable} must be name=value,name=value; a part without = is left out")


def _timeout(given: object) -> float:
    source = "timeout"
    if given is None:
        source, text = _variable("TIMEOUT")
        try:
            given = float(text or 10)
        except ValueError:
            raise ValueError(f"{source} must be a number of seconds, not {text!r}") from None
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise TypeError(f"{source} must be a number of seconds, not {given!r}")
    if not given > 0:
        raise ValueError(f"{source} must be above 0 (seconds), not {given!r}")
    return float(given)


def _default_resource() -> dict[str, str]:
    """The attributes that `configure(resource=...)` need not give, from the variables."""
    variable = "OTEL_RESOURCE_ATTRIBUTES"
    service = os.environ.get("OTEL_SERVICE_NAME")
    return {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "enterspan",
        "telemetry.sdk.version": __version__,
        "service.name": f"unknown_service:{Path(sys.executable or 'python').name}",
        **dict(_pairs(variable, os.environ.get(variable, ""))),
        **({"service.name": service} if service else {}),
    }


def _pool(urllib3: Any, url: SplitResult, files: _Files, **options: Any) -> Any:
    """A pool of connections to a URL, through the proxy that the environment has for it."""
    from ssl import create_default_context
    from urllib.request import getproxies_environment, proxy_bypass

    "".encode("idna")  # imports the encoding, which urllib3 uses when it connects
    authority, key, certificate = files
    if url.scheme == "https":
        options["ssl_context"] = create_default_context(cafile=authority)
        if certificate is not None:
            options["ssl_context"].load_cert_chain(certificate, key)
    proxy = getproxies_environment().get(url.scheme)
    if not proxy or proxy_bypass(url.netloc):
        return urllib3.PoolManager(**options)
    login = urllib3.make_headers(proxy_basic_auth=urllib3.util.parse_url(proxy).auth)
    return urllib3.ProxyManager(proxy, proxy_headers=login, **options)


def _required(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"OTLPExporter needs {name}: pip install 'enterspan[{extra}]'") from error


# --- answers --------------------------------------------------------------------------------------


def _rejected(answer: bytes) -> _Refusal | None:
    """What an ExportTraceServiceResponse says of spans that were not taken."""
    try:
        partial = dict(decode_fields(dict(decode_fields(answer)).get(1, b"")))
        rejected = 0 + partial.get(1, 0)  # a TypeError for bytes
        text = partial.get(2, b"").decode("utf-8", "replace")
    except (LookupError, TypeError, AttributeError):
        return None  # not such a message: a proxy's page
    return _Refusal(text or "rejected", rejected=rejected) if rejected else None


def _retry_delay(error: Any) -> float | None:
    """The delay that an error of gRPC has in its details, as a google.rpc.RetryInfo."""
    try:
        status = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
        for number, value in decode_fields(status):
            detail = dict(decode_fields(value)) if number == 3 else {}
            if detail.get(1, b"").endswith(b"/google.rpc.RetryInfo"):
                delay = dict(decode_fields(dict(decode_fields(detail[2]))[1]))
                return float(delay.get(1, 0) + delay.get(2, 0) / 1e9)
    except (LookupError, TypeError, AttributeError):
        pass
    return None
