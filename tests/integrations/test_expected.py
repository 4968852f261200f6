"""Exceptions with which frameworks answer are no failures, in any span."""

from __future__ import annotations

import pytest

from enterspan.integrations._expected import is_answer, is_task_control
from enterspan.integrations.wsgi import TracingMiddleware
from enterspan.testing import capture


def made(module, name, **attributes):
    """A framework's class, as its module and its name say."""
    kind = type(name, (Exception,), {"__module__": module, **attributes})
    return type("Own", (kind,), {})()


@pytest.mark.parametrize(
    "error,expected",
    [
        (made("werkzeug.exceptions", "HTTPException", code=404), True),
        (made("werkzeug.exceptions", "HTTPException", code=500), False),
        (made("werkzeug.exceptions", "HTTPException", code=None), True),
        (made("starlette.exceptions", "HTTPException", status_code=302), True),
        (made("starlette.exceptions", "HTTPException", status_code=503), False),
        (
            made("starlette.exceptions", "HTTPException", status_code=property(lambda s: 1 / 0)),
            False,
        ),
        (made("starlette.websockets", "WebSocketDisconnect", code=1006), True),
        (made("falcon.errors", "WebSocketDisconnected"), True),
        (made("litestar.exceptions.websocket_exceptions", "WebSocketException", code=4500), True),
        (made("django.http.response", "Http404"), True),
        (made("django.core.exceptions", "PermissionDenied"), True),
        (made("somewhere", "HTTPException", code=404), False),
        (ValueError("x"), False),
    ],
)
def test_an_answer_is_known_by_its_class_and_status(error, expected):
    assert is_answer(error) is expected


@pytest.mark.parametrize("name", ["Retry", "Ignore", "Reject"])
def test_what_tells_celery_what_to_do_is_no_failure(name):
    assert is_task_control(made("celery.exceptions", name))
    assert not is_task_control(made("celery.exceptions", "TimeLimitExceeded"))


def test_an_answer_that_leaves_a_span_is_no_failure_of_it(mine):
    error = made("werkzeug.exceptions", "HTTPException", code=404)
    TracingMiddleware(lambda environ, start_response: [], tracing=mine)
    with capture(mine) as trace:
        for failure in (error, ValueError("x")):
            with pytest.raises(type(failure)), mine.span("work"):
                raise failure
    assert [(span.outcome, span.status) for span in trace.spans] == [
        ("ok", "unset"),
        ("exception", "error"),
    ]
