"""The configuration of an OTLPExporter: its arguments, else the OTEL_EXPORTER_OTLP_* variables.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ defines the variables. Invalid settings
raise here, when the exporter is made. No message shows a secret: API keys are in the userinfo and
the query of an endpoint, and in headers.
"""

import math
import os
import re
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, cast
from urllib.parse import SplitResult, unquote, urlsplit

from enterspan._model.diagnostics import warn

HTTP: Final = "http/protobuf"
"""The default protocol, as in the specification."""
GRPC: Final = "grpc"

COMPRESSIONS: Final = ("none", "gzip", "deflate")

_USERINFO: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*:)?(//)?.*@", re.DOTALL)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_GRPC_NAME: Final = re.compile(r"(?!grpc-)[0-9a-z_.-]+")
_LEAST_SECRET: Final = 4
"""A shorter value is not a key: hiding it would make messages unreadable."""


class Certificates(NamedTuple):
    """Certificate files (PEM), each None if not given."""

    authority: Path | None
    key: Path | None
    client: Path | None


class Settings(NamedTuple):
    """The settings of an exporter."""

    protocol: str
    endpoint: str
    """The URL or gRPC target, without userinfo."""
    url: SplitResult
    shown: str
    """The endpoint without possible secrets."""
    headers: dict[str, str]
    timeout: float
    compression: str
    is_secure: bool
    certificates: Certificates
    tls: ssl.SSLContext | None
    """None if the connection is not encrypted."""
    secrets: tuple[str, ...]

    def hide(self, text: str) -> str:
        """Return a message of the receiver, or of a library, with secrets replaced."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def settings_of(
    endpoint: object,
    protocol: object,
    headers: object,
    timeout: object,
    compression: object,
    insecure: bool | None,
    files: tuple[Any, Any, Any],
) -> Settings:
    """Read and validate all settings."""
    chosen = _choice("protocol", protocol, HTTP, GRPC)
    full, source = _endpoint(endpoint, chosen)
    url = _parsed(full, source, chosen)
    found, login = _headers(headers, chosen), _login(url)
    if login:
        found.setdefault("authorization", login)
    if url.scheme in ("http", "https"):
        is_secure = url.scheme == "https"
        plain = url._replace(netloc=url.netloc.rpartition("@")[2], fragment="")
        bare = plain.geturl() if chosen == HTTP else plain.netloc
    else:
        if insecure is None:
            insecure = _variable("INSECURE")[1].lower() == "true"
        is_secure, bare = not insecure, full.rpartition("@")[2]
    certificates = _certificates(*files) if is_secure else Certificates(None, None, None)
    return Settings(
        chosen,
        bare,
        url,
        masked(full),
        found,
        _timeout(timeout),
        _choice("compression", compression, *COMPRESSIONS),
        is_secure,
        certificates,
        _tls(certificates) if is_secure else None,
        _secrets(url, found),
    )


def masked(endpoint: str) -> str:
    """An endpoint without userinfo, query and fragment."""
    return _USERINFO.sub(lambda found: (found[1] or "") + (found[2] or ""), _place(endpoint))


def _secrets(url: SplitResult, headers: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets, which no message may show, longest first."""
    userinfo = url.netloc.rpartition("@")[0]
    values = [userinfo, *userinfo.split(":"), url.query]
    values += [pair.partition("=")[2] for pair in re.split("[&;]", url.query)]
    values += [part for value in headers.values() for part in (value, *value.split())]
    every = {form for value in values for form in (value, unquote(value))}
    return tuple(sorted((v for v in every if len(v) >= _LEAST_SECRET), key=len, reverse=True))


# --- one by one -----------------------------------------------------------------------------------


def _variable(name: str) -> tuple[str, str]:
    """The variable that is set, preferring the one for traces, and its value."""
    variables = (f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")
    found = [(variable, os.environ.get(variable, "").strip()) for variable in variables]
    return found[0] if found[0][1] else found[1]


def _choice(name: str, given: object, *choices: str) -> str:
    """An option: the argument, else a variable, else the first choice."""
    source = name
    if given is None:
        source, given = _variable(name.upper())
    if given not in ("", *choices):
        raise ValueError(f"{source} must be {' or '.join(map(repr, choices))}, not {given!r}")
    return str(given) or choices[0]


def _endpoint(given: object, protocol: str) -> tuple[str, str]:
    """The endpoint, and where it was configured."""
    if given is not None:
        if not isinstance(given, str) or not given:
            shown = repr(given) if given == "" else f"a {type(given).__name__}"
            raise TypeError(f"endpoint must be a URL (a str), not {shown}")
        return given, "the endpoint"
    variable, url = _variable("ENDPOINT")
    if protocol == GRPC:
        return url or "http://localhost:4317", variable
    if "TRACES" in variable:
        return url, variable
    url = url or "http://localhost:4318"
    place = _place(url)
    return f"{place.removesuffix('/')}/v1/traces{url[len(place) :]}", variable


def _place(endpoint: str) -> str:
    """An endpoint without query and fragment."""
    return re.split(r"[?#]", endpoint, maxsplit=1)[0]


def _parsed(endpoint: str, source: str, protocol: str) -> SplitResult:
    """The parts of an endpoint; ValueError if it is invalid."""
    shown = masked(endpoint)
    try:
        url = urlsplit(endpoint)
        has_place = bool(url.hostname) and url.port != 0
    except ValueError:
        raise ValueError(f"{source} is not a URL: {shown!r}") from None
    if any(c.isspace() or not c.isprintable() for c in endpoint):
        raise ValueError(f"{source} must have no spaces and no line breaks, not {shown!r}")
    is_http = url.scheme in ("http", "https")
    if is_http and not has_place:
        raise ValueError(f"{source} has no host: {shown!r}")
    if protocol == HTTP and not is_http:
        raise ValueError(
            f"{source} must begin with http:// or https:// for {HTTP}, not {shown!r}"
            " (OTEL_EXPORTER_OTLP_ENDPOINT, or the argument endpoint)"
        )
    return url


def _login(url: SplitResult) -> str | None:
    """The Authorization header for a user and a password in the endpoint."""
    if not url.netloc.rpartition("@")[0] or url.scheme not in ("http", "https"):
        return None
    pair = f"{unquote(url.username or '')}:{unquote(url.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _headers(given: object, protocol: str) -> dict[str, str]:
    """The headers of the variable, overridden by the given ones; names in lower case."""
    if given is not None and not hasattr(given, "items"):
        shown = type(given).__name__
        raise TypeError(f"headers must be a mapping of names to texts, not a {shown}")
    more = cast("Mapping[str, str]", given or {})
    variable, text = _variable("HEADERS")
    sources = [(variable, _pairs(variable, text)), ("headers", more.items())]
    return {
        name: value
        for source, pairs in sources
        for name, value in [_header(source, protocol, *pair) for pair in pairs]
    }


def _header(source: str, protocol: str, name: object, value: object) -> tuple[str, str]:
    """A header; TypeError or ValueError, without its value, if it can't be sent."""
    if not isinstance(name, str):
        raise TypeError(
            f"{source}: the name of a header must be a str, not a {type(name).__name__}"
        )
    if not isinstance(value, str):
        kind = type(value).__name__
        raise TypeError(f"{source}: the value of {name[:50]!r} must be a str, not a {kind}")
    pattern = _NAME if protocol == HTTP else _GRPC_NAME
    if not pattern.fullmatch(name.lower()):
        raise ValueError(f"{source}: a header's name can't be sent over {protocol}: {name[:50]!r}")
    if not value.isascii() or any(not c.isprintable() and c != "\t" for c in value):
        raise ValueError(f"{source}: the value of {name[:50]!r} must be printable ASCII")
    return name.lower(), value


def _pairs(variable: str, text: str) -> Iterator[tuple[str, str]]:
    """The pairs of a variable of the form `name=value,name=value`, percent-decoded."""
    for pair in filter(str.strip, text.split(",")):
        name, equals, value = pair.partition("=")
        if equals:
            yield unquote(name).strip(), unquote(value).strip()
        else:  # the text may be a secret
            warn(f"{variable} must be name=value,name=value; a part without = is left out")


def seconds(source: str, given: object) -> float:
    """A number of seconds above 0."""
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise TypeError(f"{source} must be a number of seconds, not {given!r}")
    if not 0 < given < math.inf:
        raise ValueError(f"{source} must be above 0 (seconds) and finite, not {given!r}")
    return float(given)


def _timeout(given: object) -> float:
    source = "timeout"
    if given is None:
        source, text = _variable("TIMEOUT")
        try:
            given = float(text or 10)
        except ValueError:
            raise ValueError(f"{source} must be a number of seconds, not {text!r}") from None
    return seconds(source, given)


# --- certificates ---------------------------------------------------------------------------------


def _certificates(authority: Any, key: Any, client: Any) -> Certificates:
    found = [
        Path(given) if given else None
        for given in (
            authority or _variable("CERTIFICATE")[1],
            key or _variable("CLIENT_KEY")[1],
            client or _variable("CLIENT_CERTIFICATE")[1],
        )
    ]
    if found[1] and not found[2]:
        raise ValueError("a client key needs its certificate: client_certificate_file")
    return Certificates(*found)


def _tls(files: Certificates) -> ssl.SSLContext:
    """The TLS context of a connection; OSError or ValueError for an invalid file."""
    for file in files:
        if file is not None:
            file.read_bytes()  # an OSError that names the file
    try:
        context = ssl.create_default_context(cafile=files.authority)
    except (ssl.SSLError, ValueError):
        raise ValueError(f"there are no certificates (PEM) in {files.authority}") from None
    if files.client is not None:
        try:
            context.load_cert_chain(files.client, files.key, _refuse_password)
        except ssl.SSLError:
            raise ValueError(
                f"{files.client} is not a certificate (PEM), or"
                f" {files.key or 'what it holds'} is not its private key"
            ) from None
    return context


def _refuse_password() -> NoReturn:
    """Raise ValueError for an encrypted key: OpenSSL would ask for its password on the terminal."""
    raise ValueError("the client's private key is encrypted: a password can't be given")
