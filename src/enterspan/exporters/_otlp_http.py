"""Sends encoded batches over HTTP."""

# The optional packages may not be installed when types are checked.
# pyright: reportMissingImports=false, reportMissingModuleSource=false

import gzip
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.request import getproxies_environment, proxy_bypass

import urllib3
from urllib3.util import parse_url

from enterspan._version import __version__
from enterspan.exporters._otlp_answers import MOST_ANSWER, Refusal, of_http
from enterspan.exporters._otlp_settings import Settings

AGENT: Final = f"enterspan/{__version__}"

_PACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "none": bytes,
    "gzip": partial(gzip.compress, compresslevel=6, mtime=0),
    "deflate": zlib.compress,
}


class HttpSender:
    """Posts batches to one endpoint, over persistent connections."""

    def __init__(self, settings: Settings) -> None:
        headers = {"user-agent": AGENT, "content-type": "application/x-protobuf"}
        if settings.compression != "none":
            headers["Content-Encoding"] = settings.compression
        # No retries and redirections: the exporter decides.
        options = {
            "headers": {**headers, **settings.headers},
            "timeout": settings.timeout,
            "retries": False,
            "ssl_context": settings.tls,
        }
        self._make = partial(_manager_of(settings), **options)
        self._endpoint = settings.endpoint
        self._pack = _PACK[settings.compression]
        self._delay_of = urllib3.Retry(0).get_retry_after
        "".encode("idna")  # imports the codec, which urllib3 uses when it connects
        self.connect()

    def connect(self) -> None:
        """Reset to no connection, as in a forked child."""
        self._pool = self._make()

    def send(self, body: bytes) -> Refusal | None:
        """Send a batch; None if it is delivered."""
        packed = self._pack(body)
        try:
            try:
                answer = self._post(packed)
            except urllib3.exceptions.ProtocolError:  # a persistent connection may have been closed
                answer = self._post(packed)
            text = _read(answer)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return Refusal(str(error) or type(error).__name__, is_passing=True)
        return of_http(answer.status, answer.reason or "", self._wait(answer), text)

    def _wait(self, answer: Any) -> float | None:
        """The delay in seconds that the receiver requested, as a number or a date."""
        try:
            asked: float | None = self._delay_of(answer)
        except (urllib3.exceptions.HTTPError, ValueError, OverflowError):
            return None
        return asked

    def _post(self, body: bytes) -> Any:
        return self._pool.request(
            "POST", self._endpoint, body=body, preload_content=False, decode_content=False
        )

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._pool.clear()


def _read(answer: Any) -> bytes:
    """Read the body of a response; if it is too long, its connection is closed."""
    text: bytes = answer.read(MOST_ANSWER + 1)
    if len(text) > MOST_ANSWER:
        answer.close()
    answer.release_conn()
    return text


def _manager_of(settings: Settings) -> Callable[..., Any]:
    """Make the connection pool, through the environment's proxy for the URL."""
    url = settings.url
    proxy = getproxies_environment().get(url.scheme)
    if not proxy or proxy_bypass(url.netloc.rpartition("@")[2]):
        return urllib3.PoolManager  # type: ignore[no-any-return]
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    try:
        login = parse_url(proxy).auth
        manager = partial(
            urllib3.ProxyManager, proxy, proxy_headers=urllib3.make_headers(proxy_basic_auth=login)
        )
        manager()
    except (urllib3.exceptions.HTTPError, ValueError):  # the message has the password
        raise ValueError(
            f"the variable {url.scheme}_proxy is not the URL of an HTTP proxy"
        ) from None
    return manager
