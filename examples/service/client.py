"""The client: it orders two things, in one trace with the service that sells them.

    python examples/service/client.py http://127.0.0.1:8000

Its events go to the file that SHOP_TRACE names, or, without it, live to the terminal.
"""

from __future__ import annotations

import os
import sys

import httpx
from enterspan import tracing
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesTail


def order(client: httpx.Client, sku: str, count: int) -> None:
    """Order something; the trace goes along in the headers of the request."""
    with tracing.span("order", sku=sku, count=count) as span:
        span.set_kind("client")
        headers: dict[str, str] = {}
        tracing.inject(headers)
        answer = client.post(f"/orders/{sku}", params={"count": count}, headers=headers)
        span.set_attribute("http.response.status_code", answer.status_code)
        print(answer.status_code, answer.text)


def main() -> None:
    """Order some tea, and something that is not sold."""
    file = os.environ.get("SHOP_TRACE")
    tracing.add_tail(JsonLinesTail(file) if file else ConsoleTail())
    with tracing.invocation("shopping"), httpx.Client(base_url=sys.argv[1]) as client:
        order(client, "tea", 2)
        order(client, "unicorn", 1)


if __name__ == "__main__":
    main()
