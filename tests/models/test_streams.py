"""Answers that are streamed to a client, which stays to the end, or leaves."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANSWERED = "gen_ai.output.messages"


@pytest.fixture
def address(recipe: Callable[..., Any]) -> Iterator[str]:
    """The recipe, served by uvicorn."""
    app = recipe("serve", "starlette").app
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed: nox -s models")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/ask?q=Oslo"
        server.should_exit = True
        thread.join(20)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_a_client_that_stays_gets_all_of_it(address: str) -> None:
    httpx = pytest.importorskip("httpx", reason="httpx is not installed: nox -s models")
    with capture(everything=True) as trace:
        lines = httpx.get(address).text.split("\n\n")
        until(lambda: len(trace.spans) == 2)
    assert trace.tree() == "GET /ask\n  chat"
    text = "".join(line.removeprefix("data: ") for line in lines)
    (message,) = json.loads(str(trace.find("chat").attributes[ANSWERED]))
    assert message["content"] == text == "In Oslo: rain, and no end of it."
    assert {span.outcome for span in trace.spans} == {"ok"}


def test_a_client_that_leaves_cancels_the_answer(address: str) -> None:
    """What it was sent is on the span, whose outcome says so; no failure is recorded."""
    httpx = pytest.importorskip("httpx", reason="httpx is not installed: nox -s models")
    with capture(everything=True) as trace:
        with httpx.stream("GET", address) as response:
            seen = next(iter(response.iter_lines()))
        until(lambda: len(trace.spans) == 2)
    assert seen == "data: In"
    chat = trace.find("chat")
    (message,) = json.loads(str(chat.attributes[ANSWERED]))
    assert "In Oslo: rain, and no end of it.".startswith(message["content"])
    assert message["content"] != "In Oslo: rain, and no end of it."
    assert [span.outcome for span in trace.spans] == ["canceled", "canceled"]
    assert (chat.status, [event.name for event in chat.events]) == ("unset", ["first item"])
