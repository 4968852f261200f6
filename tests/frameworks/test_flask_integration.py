"""Flask's integration: one line, and the exceptions behind a 500 are in the trace."""

from __future__ import annotations

import flask
import pytest

from enterspan.integrations.flask import install
from enterspan.testing import capture


@pytest.fixture
def app(mine):
    """An application that answers exceptions in every way."""
    made = flask.Flask("shop")
    made.logger.disabled = True
    install(made, tracing=mine, exclude=["/health"])

    @made.get("/items/<int:number>")
    def item(number):
        with mine.span("load"):
            return str(number)

    @made.get("/boom")
    def boom():
        with mine.span("load"):
            raise ValueError("of the view")

    @made.get("/gone")
    def gone():
        with mine.span("look"):
            flask.abort(404)

    @made.get("/unavailable")
    def unavailable():
        flask.abort(503)

    @made.get("/card")
    def card():
        raise KeyError("card")

    @made.get("/till")
    def till():
        raise LookupError("till")

    @made.get("/away")
    def away():
        return flask.redirect("/gone")

    @made.get("/stream")
    def stream():
        def pieces():
            yield "x"
            raise ValueError("of the body")

        return flask.Response(pieces())

    @made.errorhandler(KeyError)
    def handled(error):
        return "no such card", 400

    @made.errorhandler(LookupError)
    def handled_badly(error):
        return "out of order", 500

    @made.get("/health")
    def health():
        return "ok"

    return made


def root_of(mine, app, path):
    with capture(mine) as trace:
        answer = app.test_client().get(path)
        status = answer.status_code
        assert answer.data
    (root,) = [span for span in trace.spans if span.kind == "server"]
    assert root.attributes["http.response.status_code"] == status
    return root, trace


@pytest.mark.parametrize(
    "path,name,status,description",
    [
        ("/items/7", "GET /items/<int:number>", "unset", ""),
        ("/boom", "GET /boom", "error", "ValueError: of the view"),
        ("/gone", "GET /gone", "unset", ""),
        ("/nowhere", "GET", "unset", ""),
        ("/card", "GET /card", "unset", ""),
        ("/till", "GET /till", "error", "LookupError: till"),
        ("/away", "GET /away", "unset", ""),
    ],
)
def test_a_request_has_the_exception_behind_a_500(mine, app, path, name, status, description):
    root, trace = root_of(mine, app, path)
    assert (root.name, root.status, root.status_description) == (name, status, description)
    events = [event.name for span in trace.spans for event in span.events]
    assert events == (["exception"] if status == "error" else []), "once, on the innermost span"
    assert root.outcome == ("exception" if status == "error" else "ok")


@pytest.mark.parametrize("path", ["/boom", "/gone", "/nowhere", "/card", "/till"])
def test_an_answer_to_an_exception_that_a_test_does_not_close_is_whole(mine, app, path):
    with capture(mine) as trace:
        answer = app.test_client().get(path)
        (root,) = [span for span in trace.spans if span.kind == "server"]
    assert root.outcome == ("exception" if answer.status_code == 500 else "ok")
    assert outcomes(trace) == [root.outcome]


def outcomes(trace):
    return [e.event.outcome for e in trace.events if e.event.type == "outcome"]


def test_an_abort_with_500_or_more_is_a_failure(mine, app):
    root, _ = root_of(mine, app, "/unavailable")
    assert (root.status, root.attributes["error.type"]) == (
        "error",
        "werkzeug.exceptions.ServiceUnavailable",
    )


def test_a_body_that_fails_is_a_failure(mine, app):
    with capture(mine) as trace, pytest.raises(ValueError, match="of the body"):
        app.test_client().get("/stream").get_data()
    assert trace.find("GET /stream").status_description == "ValueError: of the body"


def test_excluded_paths_record_nothing(mine, app):
    with capture(mine) as trace:
        assert app.test_client().get("/health").text == "ok"
    assert trace.spans == []


def test_an_excluded_request_leaves_nothing_in_the_environment(mine):
    """Some servers use one for all requests of a connection."""
    made = flask.Flask("shop")
    made.logger.disabled = True
    install(made, tracing=mine, exclude=["/out/*"])

    @made.get("/out/boom")
    def boom():
        raise ValueError

    with capture(mine):
        environ = made.test_request_context("/out/boom").request.environ
        list(made.wsgi_app(environ, lambda *_: None))
    assert not [key for key in environ if key.startswith("enterspan.")]


def test_a_second_install_does_nothing(mine, app):
    before = app.wsgi_app
    install(app, tracing=mine)
    assert app.wsgi_app is before


def test_the_application_answers_as_before(mine, app):
    client = app.test_client()
    with capture(mine):
        answers = [client.get(path) for path in ("/card", "/till")]
    assert [(answer.status_code, answer.text) for answer in answers] == [
        (400, "no such card"),
        (500, "out of order"),
    ]
    app.testing = True
    with capture(mine) as trace, pytest.raises(ValueError, match="of the view"):
        client.get("/boom")
    assert trace.find("GET /boom").outcome == "exception"


def test_what_is_no_application_is_refused():
    with pytest.raises(TypeError, match="Flask application"):
        install(lambda environ, start_response: [])
