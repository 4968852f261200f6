"""The client: it orders two things, in one trace with the service that sells them.

    python examples/service/client.py http://127.0.0.1:8000

`outputs.py` says where its events go.
"""

from __future__ import annotations

import logging
import sys

import httpx
from enterspan import tracing
from outputs import open_outputs

log = logging.getLogger("shopper")


def order(client: httpx.Client, sku: str, count: int) -> None:
    """Order something; the trace goes along in the headers of the request."""
    with tracing.span("order", sku=sku, count=count) as span:
        span.set_kind("client")
        headers: dict[str, str] = {}
        tracing.inject(headers)
        answer = client.post(f"/orders/{sku}", params={"count": count}, headers=headers)
        span.set_attribute("http.response.status_code", answer.status_code)
        log.info("asked for %d of %s: %d", count, sku, answer.status_code)
        print(answer.status_code, answer.text)


def main() -> None:
    """Order some tea, and something that is not sold."""
    close_outputs = open_outputs(log)
    with tracing.invocation("shopping"), httpx.Client(base_url=sys.argv[1]) as client:
        order(client, "tea", 2)
        order(client, "unicorn", 1)
    close_outputs()


if __name__ == "__main__":
    main()
