"""Answers streamed to a browser (server-sent events): what happens when the client leaves.

`uvicorn serve:app`. The request is an invocation, the answer a span in it, which holds what the
client was sent. A client that leaves cancels both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enterspan.integrations.asgi import TracingMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Route

from agent import chat
from fake import Model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

service = Model(delay=0.05)


async def events(question: str) -> AsyncIterator[str]:
    """The answer as events of the stream."""
    messages: list[dict[str, object]] = [
        {"role": "user", "content": question},
        {"role": "tool", "content": "rain, and no end of it"},
    ]
    async for chunk in chat(service.name, messages, service):
        yield f"data: {chunk.text}\n\n"


async def ask(request: Request) -> StreamingResponse:
    """Answer the question in the address."""
    answer = events(request.query_params["q"])
    return StreamingResponse(answer, media_type="text/event-stream")


app = Starlette(routes=[Route("/ask", ask)], middleware=[Middleware(TracingMiddleware)])
