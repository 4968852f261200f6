"""Real servers on this machine, for real clients."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
import uvicorn


@contextlib.contextmanager
def running(app, **options):
    """Serve an ASGI application with uvicorn; give its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = uvicorn.Config(app, log_level="critical", lifespan="on", **options)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield f"127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture
def serve():
    """The context manager that serves an ASGI application."""
    return running


@pytest.fixture
def until():
    """Wait until something is so."""

    def wait(condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.005)

    return wait


def outcomes_of(trace):
    return [e.event.outcome for e in trace.events if e.event.type == "outcome"]


@pytest.fixture
def outcomes():
    """The outcomes of what was recorded, in order."""
    return outcomes_of
