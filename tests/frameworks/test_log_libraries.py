"""structlog and loguru: the recipes of docs/logs.md."""

from __future__ import annotations

import structlog
from loguru import logger

from enterspan.integrations.logging import trace_ids
from enterspan.testing import capture


def ids(span):
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def test_structlog_has_the_ids_and_feeds_the_trace(mine):
    def add_trace(_logger, method, event):
        event["trace_id"], event["span_id"] = trace_ids(mine)
        return event

    def to_trace(_logger, method, event):
        attributes = {k: v for k, v in event.items() if k not in ("event", "trace_id", "span_id")}
        mine.log(method, event["event"], **attributes)
        return event

    output = structlog.testing.LogCapture()
    log = structlog.wrap_logger(None, processors=[add_trace, to_trace, output])
    with capture(mine) as trace, mine.span("s") as span:
        log.info("paid", cents=5)
    log.info("outside")
    (inside, outside) = output.entries
    assert (inside["trace_id"], inside["span_id"]) == ids(span)
    assert (outside["trace_id"], outside["span_id"]) == ("", "")
    (event,) = [e.event for e in trace.events if e.event.type == "log"]
    assert (event.level, event.message) == ("info", "paid")
    assert [(a.name, a.value) for a in event.attributes] == [("cents", 5)]


def test_loguru_has_the_ids_and_feeds_the_trace(mine):
    def add_trace(record):
        record["extra"]["trace_id"], record["extra"]["span_id"] = trace_ids(mine)

    def to_trace(message):
        record = message.record
        mine.log(record["level"].name, record["message"], logger=record["name"])

    lines = []
    patched = logger.patch(add_trace)
    sinks = [
        logger.add(lines.append, format="{extra[trace_id]} {extra[span_id]} {message}"),
        logger.add(to_trace),
    ]
    try:
        with capture(mine) as trace, mine.span("s") as span:
            patched.warning("low on {}", "tea")
        patched.info("outside")
    finally:
        for sink in sinks:
            logger.remove(sink)
    assert [str(line).rstrip("\n") for line in lines] == [
        " ".join([*ids(span), "low on tea"]),
        "  outside",
    ]
    (event,) = [e.event for e in trace.events if e.event.type == "log"]
    assert (event.level, event.message) == ("warning", "low on tea")
