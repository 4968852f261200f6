"""A request's route is known after it began: what is drawn has it all the same."""

from __future__ import annotations

import io

import pytest

from enterspan import FetchEventInfo
from enterspan._model.routes import routed_name
from enterspan._recording.assemble import read_recording
from enterspan._terminal.screen import UNICODE, Screen
from enterspan._view.tree import tree_lines
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesTail

INFO = FetchEventInfo("GET", "http://shop/carts/7")


def request(mine, name="GET"):
    with mine.invocation(name, info=INFO) as invocation:
        invocation.span.update_name("GET /carts/{id}").set_attribute("http.route", "/carts/{id}")


def test_a_recorded_stream_is_read_with_the_route(mine, tmp_path):
    file = tmp_path / "events.jsonl"
    with mine.add_tail(JsonLinesTail(file), delivery="inline"):
        request(mine)
        with mine.span("GET", {"http.route": "/not/a/request"}):
            pass
    with file.open("rb") as lines:
        traces = read_recording(lines, "events.jsonl")
    drawn = "\n".join(tree_lines(traces, Screen(100, UNICODE, False, None)))
    assert "GET /carts/{id}" in drawn


def test_the_live_tree_ends_with_it(mine):
    text = io.StringIO()
    with mine.add_tail(ConsoleTail(text, width=120, color=False), delivery="inline"):
        request(mine)
    *begun, ended = text.getvalue().splitlines()
    assert all("GET" in line and "/carts/{id}" not in line for line in begun)
    assert "GET /carts/{id}" in ended


@pytest.mark.parametrize(
    "name,route,whole",
    [
        ("GET", "/carts", "GET /carts"),
        ("GET /carts", "/carts", "GET /carts"),
        ("GET", None, "GET"),
        ("GET", 7, "GET"),
    ],
)
def test_a_route_is_there_once(name, route, whole):
    assert routed_name(name, route) == whole
