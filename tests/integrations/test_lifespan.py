"""The lifespan of an ASGI application: at its end, what is finished has been delivered."""

from __future__ import annotations

import asyncio
import threading

import pytest

from enterspan.integrations.asgi import TracingMiddleware

STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
STARTED, STOPPED = {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}
SCOPE = {"type": "lifespan", "asgi": {"version": "3.0"}}


class Names:
    """An exporter that keeps names, and the threads on which it was asked for them."""

    def __init__(self):
        self.names = []

    def export(self, spans):
        self.names += [span.name for span in spans]

    def shutdown(self):
        pass


class Server:
    """A server that begins a lifespan, does some work, and ends it."""

    def __init__(self, mine):
        self.mine = mine
        self.exporter = Names()
        mine.add_exporter(self.exporter, delay=60)
        self.waiting = [STARTUP, SHUTDOWN]
        self.sent = []
        self.delivered = []

    async def receive(self):
        message = self.waiting.pop(0)
        if message is SHUTDOWN:
            with self.mine.span("request"):
                pass
        return message

    async def send(self, message):
        self.sent.append(message)
        self.delivered.append(list(self.exporter.names))

    async def serve(self, app):
        await TracingMiddleware(app, tracing=self.mine)(dict(SCOPE), self.receive, self.send)


async def knows(scope, receive, send):
    await receive()
    await send(STARTED)
    await receive()
    await send(STOPPED)


async def refuses(scope, receive, send):
    raise ValueError(f"Django can only handle ASGI/HTTP connections, not {scope['type']}.")


async def ignores(scope, receive, send):
    if scope["type"] == "http":
        raise AssertionError


@pytest.mark.parametrize("app", [knows, refuses, ignores])
def test_what_is_finished_is_delivered_before_the_server_may_go(app, mine):
    """Also where the application does not know of lifespans."""
    server = Server(mine)
    asyncio.run(server.serve(app))
    assert server.sent == [STARTED, STOPPED]
    assert server.delivered == [[], ["request"]]


def test_a_shutdown_that_fails_delivers_as_well(mine):
    async def app(scope, receive, send):
        await receive()
        await send(STARTED)
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "no"})

    server = Server(mine)
    asyncio.run(server.serve(app))
    assert server.delivered[-1] == ["request"]


def test_a_shutdown_that_raises_delivers_as_well_and_raises(mine):
    async def app(scope, receive, send):
        await receive()
        await send(STARTED)
        await receive()
        raise KeyError("of the application")

    server = Server(mine)
    with pytest.raises(KeyError, match="of the application"):
        asyncio.run(server.serve(app))
    assert server.exporter.names == ["request"]
    assert server.sent == [STARTED]


def test_a_startup_that_raises_is_the_servers_to_see(mine):
    """The application knows of lifespans, so its exception says that it can't be started."""

    async def app(scope, receive, send):
        await receive()
        raise KeyError("no database")

    server = Server(mine)
    with pytest.raises(KeyError, match="no database"):
        asyncio.run(server.serve(app))
    assert server.sent == []


def test_a_startup_that_fails_is_not_answered_twice(mine):
    failed = {"type": "lifespan.startup.failed", "message": "no"}

    async def app(scope, receive, send):
        await receive()
        await send(failed)

    server = Server(mine)
    asyncio.run(server.serve(app))
    assert server.sent == [failed]


def test_two_middlewares_answer_once(mine):
    server = Server(mine)
    asyncio.run(server.serve(TracingMiddleware(refuses, tracing=mine)))
    assert server.sent == [STARTED, STOPPED]


def test_delivery_does_not_stop_the_event_loop(mine):
    """The receiver may be a task of the same loop."""

    async def main():
        turns = asyncio.Event()
        loop = asyncio.get_running_loop()

        class Waits(Names):
            def export(self, spans):
                seen = threading.Event()
                loop.call_soon_threadsafe(seen.set)
                assert seen.wait(20)
                super().export(spans)
                loop.call_soon_threadsafe(turns.set)

        server = Server(mine)
        waits = Waits()
        mine.add_exporter(waits, delay=60)
        await server.serve(knows)
        await turns.wait()
        return waits.names

    assert asyncio.run(main()) == ["request"]


def test_it_needs_no_asyncio(mine):
    """Hypercorn can run an application on trio."""
    trio = pytest.importorskip("trio")
    server = Server(mine)
    trio.run(server.serve, knows)
    assert server.delivered == [[], ["request"]]


def test_an_exporter_that_hangs_does_not_hold_the_server_up(mine, monkeypatch):
    monkeypatch.setattr("enterspan.integrations._lifespan.EXIT_TIMEOUT", 0.1)
    gate = threading.Event()

    class Hangs(Names):
        def export(self, spans):
            gate.wait(60)

    server = Server(mine)
    mine.add_exporter(Hangs(), delay=60)
    asyncio.run(server.serve(knows))
    assert server.sent == [STARTED, STOPPED]
    gate.set()
