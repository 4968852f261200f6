"""ASGI's lifespan: flushes before the shutdown is reported to the server.

Servers that are stopped by a signal end without atexit; the end of the lifespan is the only hook
that they all have. https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

from asyncio import to_thread
from typing import TYPE_CHECKING, Any

from enterspan._pipeline.process import EXIT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan._tracing import Tracing


class Lifespan:
    """The lifespan of an application, handled here if the application does not support it."""

    def __init__(self, tracing: Tracing, receive: Any, send: Any) -> None:
        self._tracing = tracing
        self._receive = receive
        self._send = send
        self._was_asked = False
        self._is_ending = False
        self._is_over = False

    async def run(self, app: Callable[..., Any], scope: Any) -> None:
        """Run the application for its lifespan, and handle what it does not."""
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            if self._is_ending and not self._is_over:
                await self._deliver()
            if self._was_asked:
                raise
            # It does not support lifespans, and raises, as Django does.
        if not self._was_asked:
            await self._answer()

    async def receive(self) -> Any:
        """Return the server's next message."""
        message = await self._receive()
        self._was_asked = True
        self._is_ending = message["type"] == "lifespan.shutdown"
        return message

    async def send(self, message: Any) -> None:
        """Forward the application's message; at the end of the shutdown, after a flush."""
        if message["type"].startswith("lifespan.shutdown."):
            self._is_over = True
            await self._deliver()
        await self._send(message)

    async def _answer(self) -> None:
        """Answer the server for an application that has not received any message."""
        for phase in ("lifespan.startup", "lifespan.shutdown"):
            if (await self.receive())["type"] != phase:
                return  # no server sends that: it is not to be answered
            await self.send({"type": f"{phase}.complete"})

    async def _deliver(self) -> None:
        """Flush, on another thread if an asyncio loop is running."""
        try:
            await to_thread(self._tracing.flush, EXIT_TIMEOUT)
        except RuntimeError:  # another async library, or no thread can be started
            self._tracing.flush(EXIT_TIMEOUT)
