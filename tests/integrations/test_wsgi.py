"""WSGI applications behind the middleware, seen through the protocol alone (PEP 3333)."""

from __future__ import annotations

import gc
import io
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from enterspan import FetchEventInfo, FetchResponseInfo
from enterspan.integrations.wsgi import TracingMiddleware
from enterspan.testing import capture

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def environ_of(method="GET", path="/cart", **more):
    made = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", **more}
    setup_testing_defaults(made)
    return made


class Server:
    """What a server is to an application: it takes the start and asks for the body."""

    def __init__(self):
        self.starts = []
        self.written = []

    def start_response(self, status, headers, exc_info=None):
        if exc_info and self.written:
            raise exc_info[1]
        self.starts.append(status)
        return self.written.append

    def run(self, app, environ=None, pieces=None):
        """Send the body, or so many pieces of it, and close it."""
        body = app(environ or environ_of(), self.start_response)
        try:
            for n, piece in enumerate(body):
                self.written.append(piece)
                if n + 1 == pieces:
                    break
        finally:
            if hasattr(body, "close"):
                body.close()
        return b"".join(self.written)


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture
def around(mine):
    """Put the middleware around an application, with a Tracing of this test's own."""

    def wrap(app, **options):
        return TracingMiddleware(app, tracing=mine, **options)

    return wrap


def outcomes(trace):
    return [e.event.outcome for e in trace.events if e.event.type == "outcome"]


def returns(trace):
    return [e.event.info for e in trace.events if e.event.type == "return"]


def test_a_request_is_an_invocation(mine, around, told):
    def app(environ, start_response):
        with mine.span("work"):
            return hello(environ, start_response)

    with capture(mine) as trace:
        environ = environ_of(path="/cart/7", REMOTE_ADDR="10.0.0.1", QUERY_STRING="a=1&token=x")
        assert Server().run(around(app), environ) == b"hello"
    assert [line for line in told(trace.events) if not line.startswith("attributes")] == [
        "onset GET in nothing",
        "spanOpen work in GET",
        "spanClose work ok",
        "return 200",
        "outcome ok",
    ]
    url = "http://127.0.0.1/cart/7?a=1&token=REDACTED"
    assert trace.events[0].event.info == FetchEventInfo("GET", url)
    root = trace.find("GET")
    assert root.kind == "server"
    assert root.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/cart/7",
        "url.query": "a=1&token=REDACTED",
        "server.address": "127.0.0.1",
        "server.port": 80,
        "network.protocol.version": "1.0",
        "client.address": "10.0.0.1",
        "http.response.status_code": 200,
    }


def test_with_nobody_listening_it_is_the_application(around):
    body = [b"a"]
    app = around(lambda environ, start_response: body)
    assert app(environ_of(), None) is body


def test_the_trace_goes_on_from_the_headers(mine, around):
    with capture(mine) as trace:
        Server().run(around(hello), environ_of(HTTP_TRACEPARENT=PARENT, HTTP_TRACESTATE="a=1"))
    assert f"{trace.spans[0].context.trace_id:032x}" == TRACE
    assert trace.spans[0].context.trace_state == "a=1"


def test_the_body_is_lazy_and_inside_and_the_server_is_not(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [])
        with mine.span("stream"):
            for n in range(3):
                with mine.span(f"piece {n}"):
                    made.append(n)
                    yield b"%d" % n
        with mine.span("after"):
            pass

    made = []
    with capture(mine) as trace:
        body = around(app)(environ_of(), lambda *start: None)
        assert made == []
        pieces = iter(body)
        for n in range(3):
            assert next(pieces) == b"%d" % n
            assert made == list(range(n + 1))
            assert mine.current_invocation() is None
            with mine.span("server"):
                pass
        assert outcomes(trace) == ["ok"] * 3  # the server's own
        assert next(pieces, None) is None
        assert outcomes(trace) == ["ok"] * 4, "a server need not close it any more"
        body.close()
    assert outcomes(trace) == ["ok"] * 4
    assert trace.tree() == (
        "GET\n  stream\n    piece 0\n    piece 1\n    piece 2\n  after\nserver\nserver\nserver"
    )


def test_the_close_of_the_body_is_inside(mine, around):
    class Body:
        def __iter__(self):
            with mine.span("iter"):
                return iter([b"a"])

        def close(self):
            with mine.span("close"):
                closed.append(True)

    closed = []
    with capture(mine) as trace:
        Server().run(around(lambda environ, start: (start("200 OK", []), Body())[1]))
    assert closed == [True]
    assert trace.tree() == "GET\n  iter\n  close"
    assert outcomes(trace) == ["ok", "ok"], "the request has ended with the last piece"


def test_a_close_that_raises_is_a_failure_of_its_own(mine, around):
    class Body(list):
        def close(self):
            raise KeyError("x")

    with capture(mine) as trace, pytest.raises(KeyError):
        Server().run(around(lambda environ, start: Body([b"a"])))
    assert trace.tree() == "GET\n  close"
    assert [(span.name, span.outcome) for span in trace.spans] == [
        ("GET", "ok"),
        ("close", "exception"),
    ]


def test_a_close_before_the_end_that_raises_is_the_requests_failure(mine, around):
    class Body(list):
        def close(self):
            raise KeyError("x")

    with capture(mine) as trace:
        body = around(lambda environ, start: Body([b"a"]))(environ_of(), lambda *start: None)
        with pytest.raises(KeyError):
            body.close()
    assert [(span.name, span.outcome) for span in trace.spans] == [("GET", "exception")]


def test_an_environment_that_is_used_again_is_traced_again(mine, around):
    environ = environ_of()
    before = dict(environ)
    with capture(mine) as trace:
        for _ in range(3):
            list(around(hello)(environ, lambda *start: None))
            assert environ == before
    assert outcomes(trace) == ["ok"] * 3


def test_a_second_close_does_nothing(mine, around):
    with capture(mine) as trace:
        body = around(hello)(environ_of(), lambda *start: None)
        list(body)
        body.close()
        body.close()
    assert outcomes(trace) == ["ok"]


def test_a_body_that_is_closed_before_its_end_is_a_client_that_went_away(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"a"
        yield b"b"

    with capture(mine) as trace:
        Server().run(around(app), pieces=1)
        around(app)(environ_of(), None).close()
        Server().run(around(app), pieces=2)  # whoever stops there has not seen the end
    assert outcomes(trace) == ["canceled"] * 3
    assert {(s.outcome, s.status) for s in trace.spans} == {("canceled", "unset")}


def test_where_nothing_is_missing_the_end_need_not_be_asked_for(mine, around):
    def app(environ, start_response):
        status = "204 No Content" if environ["PATH_INFO"] == "/none" else "200 OK"
        start_response(status, [("Content-Length", "2")])
        yield b"a"
        yield b"b"

    with capture(mine) as trace:
        Server().run(around(app), pieces=2)
        Server().run(around(hello), pieces=1)
        around(hello)(environ_of("HEAD"), lambda *start: None).close()
        Server().run(around(app), environ_of(path="/none"), pieces=1)
        Server().run(around(app), pieces=1)
    assert outcomes(trace) == ["ok", "ok", "ok", "ok", "canceled"]


def test_an_exception_of_the_application_passes(mine, around):
    error = ValueError("x")

    def app(environ, start_response):
        raise error

    with capture(mine) as trace, pytest.raises(ValueError, match="x") as raised:
        around(app)(environ_of(), None)
    assert raised.value is error
    assert outcomes(trace) == ["exception"]
    assert returns(trace) == []
    assert trace.spans[0].attributes["error.type"] == "ValueError"


@pytest.mark.parametrize("closes", [True, False])
def test_an_exception_of_the_body_is_recorded_once_and_at_once(mine, around, closes):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"a"
        raise ValueError("x")

    with capture(mine) as trace:
        body = around(app)(environ_of(), lambda *start: None)
        assert next(body) == b"a"
        with pytest.raises(ValueError, match="x"):
            next(body)
        assert [e.event.message for e in trace.events if e.event.type == "exception"] == ["x"]
        assert outcomes(trace) == ["exception"], "a server need not close it any more"
        if closes:
            body.close()
    assert outcomes(trace) == ["exception"]
    assert [e.name for e in trace.spans[0].events] == ["exception"]
    assert trace.spans[0].status == "error"


def test_another_status_with_exc_info_is_the_one_that_counts(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            raise ValueError("x")
        except ValueError as error:
            start_response("500 Oops", [], (type(error), error, error.__traceback__))
        return [b"sorry"]

    server = Server()
    with capture(mine) as trace:
        assert server.run(around(app)) == b"sorry"
    assert server.starts == ["200 OK", "500 Oops"]
    assert returns(trace) == [FetchResponseInfo(500)]
    assert trace.spans[0].status == "error"
    assert [e.name for e in trace.spans[0].events] == ["exception"]


@pytest.mark.parametrize("status,outcome", [("404 No", "ok"), ("503 Down", "exception")])
def test_the_exception_that_a_framework_makes_a_500_of_is_recorded(mine, around, status, outcome):
    def app(environ, start_response):
        try:
            raise ValueError("of a view")
        except ValueError:
            start_response(status, [])
        return [b"sorry"]

    with capture(mine) as trace:
        assert Server().run(around(app)) == b"sorry"
    (root,) = trace.spans
    assert root.outcome == outcome
    if outcome == "exception":
        assert root.status_description == "ValueError: of a view"
        assert root.attributes["error.type"] == "ValueError"


def test_an_exception_that_the_server_handles_is_not_that_of_a_request(mine, around):
    def app(environ, start_response):
        start_response("503 Down", [])
        return [b"sorry"]

    with capture(mine) as trace:
        try:
            raise ValueError("of the server")
        except ValueError:
            assert Server().run(around(app)) == b"sorry"
    (root,) = trace.spans
    assert (root.outcome, root.attributes["error.type"]) == ("ok", "503")


def test_exc_info_after_the_headers_is_raised_by_the_server(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"a"
        try:
            raise ValueError("late")
        except ValueError as error:
            start_response("500 Oops", [], (type(error), error, error.__traceback__))

    with capture(mine) as trace, pytest.raises(ValueError, match="late"):
        Server().run(around(app))
    assert returns(trace) == [FetchResponseInfo(200)]
    assert outcomes(trace) == ["exception"]


def test_the_write_callable_works(mine, around, told):
    def app(environ, start_response):
        write = start_response("200 OK", [("Content-Length", "6")])
        with mine.span("write"):
            write(b"abc")
        write(b"def")
        return []

    with capture(mine) as trace:
        assert Server().run(around(app)) == b"abcdef"
    lines = [line for line in told(trace.events) if not line.startswith("attributes")]
    assert lines == [
        "onset GET in nothing",
        "spanOpen write in GET",
        "return 200",
        "spanClose write ok",
        "outcome ok",
    ]


def test_the_length_of_a_body_can_be_seen_as_before(mine, around):
    with capture(mine):
        body = around(hello)(environ_of(), lambda *start: None)
        assert len(body) == 1
        body.close()
        stream = around(lambda environ, start: iter([b"a"]))(environ_of(), None)
        assert not hasattr(stream, "__len__")
        stream.close()


class Wrapper(FileWrapper):
    """A server's own class, which it sends in its own way."""


def test_a_file_stays_what_the_server_knows(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    file = io.BytesIO(b"content")
    with capture(mine) as trace:
        body = around(app)(environ_of(**{"wsgi.file_wrapper": Wrapper}), lambda *start: None)
        assert type(body) is Wrapper
        assert outcomes(trace) == []
        body.close()
        assert outcomes(trace) == ["ok"]
    assert file.closed


def test_a_file_that_cannot_be_watched_ends_the_request_with_the_call(mine, around):
    class Slotted:
        __slots__ = ("file",)

        def __init__(self, file):
            self.file = file

    with capture(mine) as trace:
        app = around(lambda environ, start: environ["wsgi.file_wrapper"](3))
        assert type(app(environ_of(**{"wsgi.file_wrapper": Slotted}), None)) is Slotted
    assert outcomes(trace) == ["ok"]


def test_a_body_that_is_never_closed_ends_with_its_last_piece(mine, around):
    with capture(mine) as trace:
        body = around(hello)(environ_of(), lambda *start: None)
        list(body)
        assert outcomes(trace) == ["ok"]


class Pieces:
    """An iterator of a framework's own, with or without a length."""

    def __init__(self, *pieces):
        self.pieces = iter(pieces)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.pieces)


class SizedPieces(Pieces):
    def __len__(self):
        return 1


@pytest.mark.parametrize(
    "body,headers",
    [
        ([b"hello"], []),
        (SizedPieces(b"hello"), []),
    ],
)
def test_a_body_of_which_nothing_is_missing_is_over_though_it_is_held(mine, around, body, headers):
    """A test client reads the first piece, and its test keeps the answer."""

    def app(environ, start_response):
        start_response("200 OK", headers)
        return body

    with capture(mine) as trace:
        held = around(app)(environ_of(), lambda *start: None)
        assert next(iter(held)) == b"hello"
        assert outcomes(trace) == ["ok"]
        assert list(held) == []
    assert outcomes(trace) == ["ok"]


def test_the_end_of_an_iterator_belongs_to_its_request(mine, around):
    """What it does after the last chunk, whatever length the headers have."""

    class Failing(Pieces):
        def __next__(self):
            try:
                return next(self.pieces)
            except StopIteration:
                with mine.span("rest"):
                    raise LookupError("at the end") from None

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return Failing(b"hello")

    with capture(mine) as trace, pytest.raises(LookupError):
        Server().run(around(app))
    assert trace.tree() == "GET\n  rest"
    assert outcomes(trace) == ["exception"]


def test_the_rest_of_a_generator_belongs_to_its_request(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        yield b"hello"
        with mine.span("rest"):
            pass

    with capture(mine) as trace:
        assert Server().run(around(app)) == b"hello"
    assert trace.tree() == "GET\n  rest"
    assert outcomes(trace) == ["ok"]


@pytest.mark.parametrize("make", [lambda: [b"hello"], lambda: iter([b"hello"])])
def test_a_body_of_which_nothing_is_missing_is_over_when_it_is_dropped(mine, around, make):
    """A test client reads the first piece, and its test looks at the status alone."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return make()

    with capture(mine) as trace:
        body = around(app)(environ_of(), lambda *start: None)
        assert next(body) == b"hello"
        del body
        gc.collect()
        assert [span.name for span in trace.spans] == ["GET"]
    assert outcomes(trace) == ["ok"]


def test_an_empty_list_is_a_body_that_is_whole(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [])
        return []

    with capture(mine) as trace:
        assert len(around(app)(environ_of(), lambda *start: None)) == 0
        gc.collect()
    assert outcomes(trace) == ["ok"]


@pytest.mark.parametrize("read", [0, 1])
def test_a_body_that_is_neither_read_to_its_end_nor_closed_ends_with_its_garbage(
    mine, around, read
):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"hello", b"again"]

    with capture(mine) as trace:
        body = around(app)(environ_of(), lambda *start: None)
        for _ in range(read):
            next(body)
        del body
        gc.collect()
    assert outcomes(trace) == ["abandoned"]


def test_a_body_may_be_sent_by_another_thread(mine, around):
    def app(environ, start_response):
        start_response("200 OK", [])
        with mine.span("one"):
            yield b"a"
        with mine.span("two"):
            yield b"b"

    with capture(mine) as trace:
        body = around(app)(environ_of(), lambda *start: None)
        threads = [threading.Thread(target=next, args=(body, None)) for _ in range(3)]
        for thread in threads:
            thread.start()
            thread.join()
        threading.Thread(target=body.close).start()
        while not outcomes(trace):
            pass
    assert trace.tree() == "GET\n  one\n  two"
    assert outcomes(trace) == ["ok"]


def test_of_excluded_paths_nothing_is_recorded(mine, around):
    def app(environ, start_response):
        with mine.span("call"):
            start_response("200 OK", [])
        with mine.span("body"):
            yield b"a"

    with capture(mine) as trace:
        app = around(app, exclude=["/health", "/caf\u00e9"])
        assert Server().run(app, environ_of(path="/health")) == b"a"
        path = "/caf\u00e9".encode().decode("latin-1")
        assert Server().run(app, environ_of(path=path)) == b"a"
    assert trace.events == []
    assert trace.spans == []


def test_inside_another_one_it_does_nothing(mine, around):
    with capture(mine) as trace:
        Server().run(around(around(hello)))
    assert trace.tree() == "GET"


class Rule:
    rule = "/users/<int:id>"


class Flask:
    url_rule = Rule()


def test_the_route_is_the_name_where_flask_knows_it(mine, around):
    def app(environ, start_response):
        environ["werkzeug.request"] = Flask()
        return hello(environ, start_response)

    with capture(mine) as trace:
        Server().run(around(app), environ_of(path="/users/7", SCRIPT_NAME="/api"))
    (span,) = trace.spans
    assert span.name == "GET /api/users/<int:id>"
    assert span.attributes["http.route"] == "/api/users/<int:id>"
    assert span.attributes["url.path"] == "/api/users/7"


@pytest.mark.parametrize("status", ["", "abc", None, 200, "2"])
def test_a_status_that_is_none_does_not_hurt(mine, around, status):
    def app(environ, start_response):
        start_response(status, [])
        return [b"a"]

    with capture(mine) as trace:
        assert Server().run(around(app)) == b"a"
    assert outcomes(trace) == ["ok"]


@pytest.mark.parametrize("piece", [None, "text", 7])
def test_a_piece_that_is_no_bytes_is_the_servers_affair(mine, around, piece):
    with capture(mine) as trace:
        body = around(lambda environ, start_response: iter([piece]))(environ_of(), None)
        assert list(body) == [piece]
        body.close()
    assert outcomes(trace) == ["ok"]


def test_an_environment_that_is_not_as_it_should_be_does_not_hurt(mine, around, caplog):
    with capture(mine) as trace:
        assert Server().run(around(hello), {"PATH_INFO": 7}) == b"hello"
    assert trace.events == []
    assert len(caplog.records) == 1


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


def test_it_is_valid_wsgi_on_a_real_server(mine, around):
    """wsgiref's validator looks at the application from both sides."""
    import urllib.request

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"a", b"b"])

    server = make_server("127.0.0.1", 0, validator(around(validator(app))), handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with capture(mine, everything=True) as trace:
            url = f"http://127.0.0.1:{server.server_port}/x"
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.read() == b"ab"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert trace.tree() == "GET"
    assert outcomes(trace) == ["ok"]


@pytest.mark.parametrize(
    "options,error,says",
    [
        ({"exclude": "/health"}, TypeError, "list"),
        ({"capture_headers": [7]}, TypeError, "no str"),
        ({"linger": "x"}, TypeError, "seconds"),
        ({"tracing": "default"}, TypeError, "Tracing"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error, says):
    with pytest.raises(error, match=says):
        TracingMiddleware(hello, **options)


def test_what_is_no_application_is_refused():
    with pytest.raises(TypeError, match="callable"):
        TracingMiddleware(None)


def test_what_lies_under_frameworks_keys_may_be_anything(mine, around):
    class Rude:
        @property
        def url_rule(self):
            raise KeyError("x")

    def app(environ, start_response):
        environ["werkzeug.request"] = Rude()
        return hello(environ, start_response)

    with capture(mine) as trace:
        list(around(app)(environ_of(), lambda *start: None))
    assert [(span.name, span.outcome) for span in trace.spans] == [("GET", "ok")]
    assert trace.spans[0].attributes["http.response.status_code"] == 200
