"""The ids of the trace on the records of logging."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle

import pytest

from enterspan import SpanContext
from enterspan.integrations.logging import LogHandler, install, trace_ids
from enterspan.testing import capture


@pytest.fixture(autouse=True)
def _factory_as_before():
    before = logging.getLogRecordFactory()
    yield
    assert logging.getLogRecordFactory() is before


@pytest.fixture
def lines():
    """A logger and what it has written."""
    logger = logging.getLogger("ids.on.records")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    written = []

    class Keeper(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    handler = Keeper()
    handler.setFormatter(logging.Formatter("%(message)s %(trace_id)s %(span_id)s"))
    logger.addHandler(handler)
    yield logger, written
    logger.handlers.clear()


def ids(span):
    return f"{span.context.trace_id:032x} {span.context.span_id:016x}"


def test_every_record_has_the_ids_of_where_it_was_made(mine, lines):
    logger, written = lines
    with install(mine), capture(mine):
        logger.info("outside")
        with mine.span("outer") as outer:
            logger.info("outer")
            with mine.span("inner") as inner:
                logger.info("inner")
    assert written == ["outside  ", f"outer {ids(outer)}", f"inner {ids(inner)}"]


def test_with_nobody_listening_they_are_empty(mine, lines):
    logger, written = lines
    with install(mine), mine.span("s"):
        logger.info("x")
    assert written == ["x  "]
    assert trace_ids(mine) == ("", "")


def test_they_follow_tasks(mine, lines):
    logger, written = lines

    async def work(n):
        with mine.span("s") as span:
            await asyncio.sleep(0)
            logger.info("%d", n)
            return f"{n} {ids(span)}"

    async def main():
        return await asyncio.gather(*(work(n) for n in range(5)))

    with install(mine), capture(mine):
        expected = asyncio.run(main())
    assert sorted(written) == expected


def test_an_unsampled_trace_has_ids_as_well(mine, lines):
    logger, written = lines

    class Collector:
        def export(self, spans):
            pass

        def shutdown(self):
            pass

    with install(mine), mine.add_exporter(Collector()):
        with mine.invocation(parent=SpanContext(7, 9, 0)):
            logger.info("x")
    assert written[0].startswith(f"x {7:032x} ")


def test_the_factory_that_was_there_goes_on(mine, lines):
    logger, written = lines

    class Mine(logging.LogRecord):
        pass

    made = []

    def factory(*args, **kwargs):
        made.append(Mine(*args, **kwargs))
        return made[-1]

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(factory)
    try:
        with install(mine), capture(mine), mine.span("s") as span:
            logger.info("x")
        assert logging.getLogRecordFactory() is factory
    finally:
        logging.setLogRecordFactory(before)
    assert [type(record) for record in made] == [Mine]
    assert written == [f"x {ids(span)}"]


def test_a_factory_that_came_later_stays_and_ours_is_silent(mine):
    ours = install(mine)
    inner = logging.getLogRecordFactory()

    def later(*args, **kwargs):
        record = inner(*args, **kwargs)
        record.later = True
        return record

    logging.setLogRecordFactory(later)
    try:
        ours.remove()
        ours.remove()
        assert logging.getLogRecordFactory() is later
        record = logging.makeLogRecord({})
        assert record.later
        assert not hasattr(record, "trace_id")
    finally:
        logging.setLogRecordFactory(ours._make)


def test_removed_in_any_order_nothing_is_left(mine):
    first, second = install(mine), install(mine, trace_id="t", span_id="s")
    record = logging.makeLogRecord({})
    assert (record.trace_id, record.t) == ("", "")
    second.remove()
    first.remove()
    assert not hasattr(logging.makeLogRecord({}), "trace_id")


def test_other_names_leave_room_for_the_programs_own(mine, lines):
    logger, written = lines
    with install(mine, trace_id="enterspan_trace", span_id="enterspan_span"):
        logger.info("x", extra={"trace_id": "mine", "span_id": "own"})
    assert written == ["x mine own"]


def test_an_extra_of_the_same_name_is_the_programs(mine, lines):
    """A library that gives one knows nothing of the ids, and logging refuses to overwrite any."""
    logger, written = lines
    with install(mine), install(mine), capture(mine), mine.span("s") as span:
        logger.info("x", extra={"trace_id": "mine"})
        with pytest.raises(KeyError):
            logger.info("x", extra={"name": "refused as ever"})  # noqa: G101
        record = logger.makeRecord("x", 20, "f", 1, "m", (), None, extra={"span_id": 7, "a": 1})
    assert written == [f"x mine {ids(span).split()[1]}"]
    for same in (record, copy.copy(record), pickle.loads(pickle.dumps(record))):
        assert (same.trace_id, same.span_id, same.a) == (ids(span).split()[0], 7, 1)
    assert type(pickle.loads(pickle.dumps(record)).__dict__) is dict


def test_a_record_travels_with_its_ids(mine):
    with install(mine), capture(mine), mine.span("s") as span:
        record = logging.getLogger("x").makeRecord("x", 20, "f", 1, "m", (), None)
    sent = logging.makeLogRecord(pickle.loads(pickle.dumps(record.__dict__)))
    assert f"{sent.trace_id} {sent.span_id}" == ids(span)


def test_beside_the_handler_both_tell_the_same(mine, lines):
    logger, written = lines
    logger.addHandler(LogHandler(mine))
    with install(mine), capture(mine) as trace, mine.span("s") as span:
        logger.info("x")
    (log,) = [e for e in trace.events if e.event.type == "log"]
    assert written == [f"x {log.span_context.trace_id} {log.span_context.span_id}"]
    assert written == [f"x {ids(span)}"]


@pytest.mark.parametrize(
    "names,error",
    [
        ({"trace_id": "msg"}, ValueError),
        ({"span_id": "message"}, ValueError),
        ({"trace_id": "with space"}, ValueError),
        ({"trace_id": ""}, ValueError),
        ({"trace_id": "span_id"}, ValueError),
        ({"trace_id": 7}, TypeError),
    ],
)
def test_names_that_cannot_be_are_refused_and_nothing_is_installed(mine, names, error):
    with pytest.raises(error):
        install(mine, **names)


def test_the_default_tracing_is_meant_if_none_is_given(trace, lines):
    from enterspan import tracing

    logger, written = lines
    with install(), tracing.span("s") as span:
        logger.info("x")
    assert written == [f"x {ids(span)}"]
