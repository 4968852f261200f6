"""WSGI servers and applications that do what they shouldn't."""

from __future__ import annotations

import gc
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from enterspan.integrations.wsgi import TracingMiddleware
from enterspan.testing import capture


def environ_of(path="/", method="GET", **more):
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "shop",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        **more,
    }


def start_response(status, headers, exc_info=None):
    return lambda data: None


def outcomes(trace):
    return [e.event.outcome for e in trace.events if e.event.type == "outcome"]


@pytest.fixture
def around(mine):
    return lambda app: TracingMiddleware(app, tracing=mine)


def hello(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]


HOSTILE = [
    {"HTTP_TRACEPARENT": "00-\xff-\x00-01"},
    {"HTTP_TRACEPARENT": "0" * 1_000_000},
    {"HTTP_TRACESTATE": "a=b," * 100_000},
    {"HTTP_USER_AGENT": "x" * 1_000_000},
    {"HTTP_USER_AGENT": "\ud800"},
    {"HTTP_HOST": "[::1"},
    {"HTTP_HOST": ":::::"},
    {"QUERY_STRING": "\xff=\x00&" * 10_000},
    {"QUERY_STRING": "token" * 20_000},
    {"SERVER_PROTOCOL": ""},
    {"SERVER_PORT": "\u0663"},
    {"REQUEST_METHOD": "BREW\r\nX: 1"},
    {"PATH_INFO": "/\xff\xfe\x80"},
    {"PATH_INFO": "x" * 1_000_000},
    {"REMOTE_ADDR": "\ud800"},
    {"HTTP_": "nothing"},
    {"HTTP_X": b"bytes"},
]


@pytest.mark.parametrize("more", HOSTILE, ids=lambda more: next(iter(more)))
def test_whatever_is_asked_there_is_an_answer_and_an_invocation(mine, around, more, caplog):
    with capture(mine) as trace:
        body = around(hello)(environ_of(**more), start_response)
        assert list(body) == [b"hello"]
        body.close()
    assert outcomes(trace) == ["ok"]
    (root,) = trace.spans
    assert root.parent_span_id is None
    assert root.name in ("GET", "HTTP")
    assert caplog.records == []


def test_generators_that_are_never_closed_or_begun_end_with_their_garbage(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [])
        with mine.span("body"):
            yield b"one"
            yield b"two"

    with capture(mine) as trace:
        never_begun = around(app)(environ_of(), start_response)
        half_way = around(app)(environ_of(), start_response)
        assert next(iter(half_way)) == b"one"
        del never_begun, half_way
        gc.collect()
        assert mine.current_invocation() is None
        mine.flush(5)
    assert len(outcomes(trace)) == 2
    assert sorted(span.name for span in trace.spans) == ["GET", "GET", "body"]


class Body:
    """A body that raises in one phase of its life."""

    def __init__(self, phase, error):
        self.phase = phase
        self.error = error
        self.pieces = ["first", "second"]

    def reach(self, phase):
        if phase == self.phase:
            raise self.error

    def __iter__(self):
        self.reach("iter")
        return self

    def __next__(self):
        if not self.pieces:
            raise StopIteration
        self.reach(self.pieces.pop(0))
        return b"piece"

    def close(self):
        self.reach("close")


@pytest.mark.parametrize("phase", ["call", "iter", "first", "second", "close"])
@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), KeyboardInterrupt()])
def test_an_exception_of_any_phase_passes_and_leaves_nothing_current(mine, around, phase, error):
    def app(environ, start_response):
        start_response("200 OK", [])
        body = Body(phase, error)
        body.reach("call")
        return body

    def serve():
        body = around(app)(environ_of(), start_response)
        try:
            list(body)
        finally:
            body.close()

    with capture(mine) as trace:
        with pytest.raises(type(error)) as raised:
            serve()
        assert raised.value is error
        assert mine.current_invocation() is None
    expected = "canceled" if isinstance(error, KeyboardInterrupt) else "exception"
    # The last piece ends the request, so that its `close()` is later.
    assert outcomes(trace) == (["ok", expected] if phase == "close" else [expected])


def test_write_and_pieces_and_exc_info_together(mine, around):
    sent = []
    statuses = []

    def starts(status, headers, exc_info=None):
        statuses.append(status)
        if exc_info is not None and sent:
            raise exc_info[1]
        return sent.append

    def app(environ, start_response):
        write = start_response("200 OK", [])
        write(b"written")
        try:
            raise ValueError("too late")
        except ValueError:
            start_response("500 Oops", [], sys.exc_info())
        return [b"never"]

    with capture(mine) as trace, pytest.raises(ValueError, match="too late"):
        around(app)(environ_of(), starts)
    assert (sent, statuses) == ([b"written"], ["200 OK", "500 Oops"])
    assert outcomes(trace) == ["exception"]
    (root,) = trace.spans
    assert root.attributes["http.response.status_code"] == 200
    assert [event.name for event in root.events] == ["exception"]


def test_a_hundred_at_a_time_on_many_threads_are_apart(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [])
        number = environ["PATH_INFO"]
        with mine.span(f"call {number}"):
            pass

        def pieces():
            for n in range(3):
                with mine.span(f"piece {n} {number}"):
                    yield b"x"

        return pieces()

    application = around(app)
    gate = threading.Barrier(16)

    def serve(first):
        gate.wait(10)
        for n in range(first, 160, 16):
            body = application(environ_of(f"/{n}"), start_response)
            assert b"".join(body) == b"xxx"
            body.close()

    with capture(mine, everything=True) as trace, ThreadPoolExecutor(16) as pool:
        list(pool.map(serve, range(16)))
    assert outcomes(trace) == ["ok"] * 160
    roots = {s.attributes["url.path"]: s.context.span_id for s in trace.spans if s.name == "GET"}
    for path, span_id in roots.items():
        inside = [s.name for s in trace.spans if s.parent_span_id == span_id]
        assert inside == [f"call {path}", *[f"piece {n} {path}" for n in range(3)]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_workers_forked_after_the_exporter_was_added_deliver_their_own(mine, around, tmp_path):
    """As a server does that loads the application first and forks its workers then."""
    from enterspan.exporters.jsonlines import JsonLinesExporter

    file = tmp_path / "spans.jsonl"
    mine.add_exporter(JsonLinesExporter(file), delay=0.01)
    application = around(hello)

    def serve(count):
        for _ in range(count):
            body = application(environ_of(), start_response)
            list(body)
            body.close()

    serve(1)
    assert mine.flush(10)
    children = []
    for _ in range(3):
        child = os.fork()
        if not child:
            status = 1
            try:
                serve(10)
                status = 0 if mine.flush(10) else 2
            finally:
                os._exit(status)
        children.append(child)
    serve(10)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert mine.flush(10)
    mine.shutdown(10)
    assert len(file.read_text().splitlines()) == 41


@pytest.mark.parametrize("error", [TypeError, NotImplementedError, ValueError])
def test_a_body_that_refuses_to_say_its_length_is_sent_as_before(mine, around, error):
    """As a server does: the length is an offer."""

    class Body:
        def __len__(self):
            raise error("no length")

        def __iter__(self):
            return iter([b"a", b"b"])

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body()

    with capture(mine) as trace:
        body = around(app)(environ_of(), start_response)
        with pytest.raises(error, match="no length"):
            len(body)
        assert [*iter(body.__next__, b"b")] == [b"a"]  # a list would ask for the length
        with pytest.raises(StopIteration):
            next(body)
        body.close()
    assert outcomes(trace) == ["ok"]


def test_a_key_that_is_no_text_is_answered_as_before(mine, caplog):
    app = TracingMiddleware(hello, tracing=mine, capture_headers=["x-shop"])
    with capture(mine) as trace:
        assert list(app({**environ_of(), 7: 7}, start_response)) == [b"hello"]
    assert outcomes(trace) == ["ok"]
