"""Flask behind a real server of threads, asked by requests."""

from __future__ import annotations

import contextlib
import threading

import flask
import pytest
import requests
from werkzeug.serving import make_server

from enterspan.integrations.wsgi import TracingMiddleware
from enterspan.testing import capture


@contextlib.contextmanager
def running(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


@pytest.fixture
def app(mine, tmp_path):
    """An application with a route of every kind."""
    made = flask.Flask("shop")
    made.logger.disabled = True
    (tmp_path / "a.txt").write_text("content")

    @made.get("/items/<int:number>")
    def item(number):
        with mine.span("load"):
            return str(number)

    @made.get("/fail")
    def fail():
        raise ValueError("x")

    @made.get("/stream")
    def stream():
        def pieces():
            for n in range(3):
                with mine.span("piece"):
                    yield f"{n}"

        return flask.Response(pieces())

    @made.get("/endless")
    def endless():
        def pieces():
            while True:
                yield "x" * 10_000

        return flask.Response(pieces())

    @made.get("/file")
    def file():
        return flask.send_file(tmp_path / "a.txt")

    blueprint = flask.Blueprint("api", "api", url_prefix="/api")

    @blueprint.post("/orders/<key>")
    def order(key):
        return key, 201

    made.register_blueprint(blueprint)
    made.wsgi_app = TracingMiddleware(made.wsgi_app, tracing=mine, exclude=["/health"])
    return made


def test_the_route_is_the_name(mine, app, until, outcomes):
    with running(app) as address, capture(mine, everything=True) as trace:
        with mine.span("client") as client:
            headers = {}
            mine.inject(headers)
            assert requests.get(f"{address}/items/7", headers=headers, timeout=10).text == "7"
        assert requests.post(f"{address}/api/orders/a", timeout=10).status_code == 201
        assert requests.get(f"{address}/nowhere", timeout=10).status_code == 404
        assert requests.get(f"{address}/fail", timeout=10).status_code == 500
        assert requests.get(f"{address}/file", timeout=10).text == "content"
        assert requests.get(f"{address}/health", timeout=10).status_code == 404
        until(lambda: len(outcomes(trace)) == 6)
    root = trace.find("GET /items/<int:number>")
    assert root.parent_span_id == client.context.span_id
    names = {span.name for span in trace.spans if span.kind == "server"}
    assert names == {  # one may end as the next begins
        "GET /items/<int:number>",
        "POST /api/orders/<key>",
        "GET",
        "GET /fail",
        "GET /file",
    }
    assert trace.find("POST /api/orders/<key>").attributes["http.response.status_code"] == 201
    assert trace.find("GET /fail").status == "error"
    assert outcomes(trace) == ["ok"] * 6


def test_a_streamed_body_is_inside(mine, app, until, outcomes):
    with running(app) as address, capture(mine, everything=True) as trace:
        assert requests.get(f"{address}/stream", timeout=10).text == "012"
        until(lambda: outcomes(trace))
    assert trace.tree() == "GET /stream\n  piece\n  piece\n  piece"
    assert outcomes(trace) == ["ok"]


def test_a_client_that_hangs_up_is_a_cancellation(mine, app, until, outcomes):
    with running(app) as address, capture(mine, everything=True) as trace:
        with requests.get(f"{address}/endless", stream=True, timeout=10) as answer:
            next(answer.iter_content(100))
        until(lambda: outcomes(trace))
    assert outcomes(trace) == ["canceled"]


def test_flasks_own_client_works_as_before(mine, app, outcomes):
    with capture(mine) as trace:
        with app.test_client().get("/items/7") as answer:
            assert answer.text == "7"
    assert trace.tree() == "GET /items/<int:number>\n  load"
    assert outcomes(trace) == ["ok"]
