"""Log lines, our own and the standard library's."""

from __future__ import annotations

import logging
import logging.config

import pytest

from enterspan import Tracing, tracing
from enterspan.integrations.logging import LogHandler, install
from enterspan.testing import capture


def lines(trace):
    return [
        (t.event.level, t.event.message, {a.name: a.value for a in t.event.attributes})
        for t in trace.events
        if t.event.type == "log"
    ]


@pytest.fixture
def logger():
    made = logging.getLogger("a.shop")
    made.setLevel(logging.DEBUG)
    made.propagate = False
    yield made
    made.handlers.clear()


def test_a_log_belongs_to_the_current_span(mine):
    with capture(mine) as trace, mine.span("outer"):
        mine.log("INFO", "one", k=1)
        with mine.span("inner") as inner:
            mine.log("Warning", "two")
    assert lines(trace) == [("info", "one", {"k": 1}), ("warning", "two", {})]
    log = next(t for t in trace.events if t.event.type == "log" and t.event.message == "two")
    assert log.span_context.span_id == f"{inner.context.span_id:016x}"
    assert [e.name for e in trace.find("inner").events] == ["log"]


def test_a_log_with_no_span_goes_nowhere(mine):
    mine.log("info", "nobody listens")
    with capture(mine) as trace:
        mine.log("info", "no span")
    assert trace.events == []


def test_attributes_may_have_the_names_of_the_parameters(mine):
    with capture(mine) as trace, mine.span("s"):
        mine.log("info", "text", level=1, message=2, self=3)
    assert lines(trace) == [("info", "text", {"level": 1, "message": 2, "self": 3})]


@pytest.mark.parametrize("level", [None, 1, "", "\ud800", object()])
def test_any_level_and_message_will_do(mine, level):
    with capture(mine) as trace, mine.span("s"):
        mine.log(level, level)
    assert len(lines(trace)) == 1
    lines(trace)[0][1].encode()


def test_a_message_that_logs_itself_says_so_once(mine):
    class Chatty:
        def __repr__(self):
            mine.log("info", self)
            mine.log("info", self)
            with mine.span("noise"):
                return "chatty"

    with capture(mine) as trace, mine.span("s") as span:
        mine.log("info", Chatty(), k=Chatty())
        span.add_event(Chatty(), {Chatty(): Chatty()})
        span.update_name(Chatty()).set_status("error", Chatty())
        span.set_attribute("k", Chatty()).add_link(span.context, {"k": Chatty()})
    assert lines(trace) == [("info", "chatty", {"k": "chatty"})]
    assert trace.tree() == "chatty"


def test_a_handler_feeds_records_of_logging(mine, logger):
    logger.addHandler(LogHandler(mine))
    with capture(mine) as trace, mine.span("s"):
        logger.warning("hello %s", "you")
        logger.debug("quiet")
    (first, second) = lines(trace)
    assert first[:2] == ("warning", "hello you")
    assert second[:2] == ("debug", "quiet")
    attributes = first[2]
    assert attributes["logger"] == "a.shop"
    assert attributes["code.filepath"] == __file__
    assert attributes["code.function"] == "test_a_handler_feeds_records_of_logging"
    assert isinstance(attributes["code.lineno"], int)


def test_a_handler_has_a_level_and_the_default_tracing(trace, logger):
    logger.addHandler(LogHandler(level=logging.ERROR))
    with tracing.span("s"):
        logger.warning("no")
        logger.error("yes")
    assert [line[1] for line in lines(trace)] == ["yes"]


def test_a_record_with_an_exception_has_its_traceback(mine, logger):
    logger.addHandler(LogHandler(mine))
    with capture(mine) as trace, mine.span("s"):
        try:
            raise ValueError("x")
        except ValueError:
            logger.exception("failed")
    _, message, attributes = lines(trace)[0]
    assert message == "failed"
    assert attributes["exception.type"] == "ValueError"
    assert attributes["exception.message"] == "x"
    assert attributes["exception.stacktrace"].startswith("Traceback")
    assert attributes["exception.stacktrace"].endswith("ValueError: x")


def test_a_record_with_a_stack_has_it(mine, logger):
    logger.addHandler(LogHandler(mine))
    with capture(mine) as trace, mine.span("work"):
        logger.info("here", stack_info=True)
        logger.info("there")
    first, second = [dict(event.attributes) for event in trace.spans[0].events]
    assert first["code.stacktrace"].startswith("Stack (most recent call last)")
    assert "code.stacktrace" not in second


def test_an_exception_of_which_only_a_text_has_come(mine):
    """A record that `SocketHandler` sends has no more."""
    sent = {"name": "shop", "msg": "failed", "exc_text": "Traceback\nValueError: x"}
    with capture(mine) as trace, mine.span("s"):
        LogHandler(mine).emit(logging.makeLogRecord(sent))
    assert lines(trace)[0][2]["exception.stacktrace"].endswith("ValueError: x")


def test_what_is_given_as_extra_is_among_the_attributes(mine, logger):
    logger.addHandler(LogHandler(mine))
    with capture(mine) as trace, mine.span("s"), install(mine, trace_id="the_trace"):
        extra = {"user_id": 7, "card": {"kind": "debit"}, "api_token": "hunter2", "level": "x"}
        logger.warning("slow", extra=extra)
    (_, message, attributes) = lines(trace)[0]
    assert message == "slow"
    assert attributes == {
        "user_id": 7,
        "card": '{"kind": "debit"}',
        "api_token": "[redacted]",
        "level": "x",
        "logger": "a.shop",
        "code.filepath": __file__,
        "code.lineno": attributes["code.lineno"],
        "code.function": "test_what_is_given_as_extra_is_among_the_attributes",
    }


def test_the_message_is_the_records_own_whatever_the_format(mine, logger):
    handler = LogHandler(mine)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    with capture(mine) as trace, mine.span("s"):
        logger.info("charged %d", 380)
    assert lines(trace)[0][1] == "charged 380"


def test_a_configuration_as_a_dict(trace):
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"long": {"format": "%(asctime)s %(message)s"}},
            "handlers": {
                "spans": {
                    "class": "enterspan.integrations.logging.LogHandler",
                    "level": "WARNING",
                    "formatter": "long",
                }
            },
            "loggers": {"by.dict": {"handlers": ["spans"], "level": "DEBUG"}},
        }
    )
    with tracing.span("s"):
        logging.getLogger("by.dict").info("no")
        logging.getLogger("by.dict").warning("yes")
    logging.getLogger("by.dict").handlers.clear()
    assert [line[1] for line in lines(trace)] == ["yes"]


def test_a_record_that_cannot_be_formatted_is_loggings_affair(mine, monkeypatch, capsys):
    record = logging.makeLogRecord({"msg": "%d", "args": ("not a number",)})
    with capture(mine) as trace, mine.span("s"):
        LogHandler(mine).handle(record)
        assert "--- Logging error ---" in capsys.readouterr().err
        monkeypatch.setattr(logging, "raiseExceptions", False)
        LogHandler(mine).handle(record)
    assert lines(trace) == []
    assert capsys.readouterr().err == ""


def test_what_enterspan_says_about_a_tail_does_not_go_to_that_tail(mine):
    """On the root logger, a handler would else be fed by its own failures."""
    root = logging.getLogger()
    handler = LogHandler(mine)
    root.addHandler(handler)
    seen = []

    def broken(event):
        seen.append(event.event.type)
        raise ValueError("x")

    try:
        with mine.add_tail(lambda onset: broken, delivery="inline"):
            with capture(mine) as trace, mine.span("s"), mine.span("t"):
                pass
    finally:
        root.removeHandler(handler)
    assert lines(trace) == []
    assert seen == ["spanOpen"]


def test_a_handler_of_one_tracing_does_not_feed_another(mine, logger):
    other = Tracing("other")
    logger.addHandler(LogHandler(other))
    with capture(mine) as trace, mine.span("s"):
        logger.warning("x")
    assert lines(trace) == []
