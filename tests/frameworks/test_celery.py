"""Celery's integration, with a real worker in a thread of this process."""

from __future__ import annotations

import inspect
import logging

import pytest
from celery import Celery, chain, chord, group
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Ignore, Reject, Retry

from enterspan import Tracing
from enterspan.integrations.celery import install
from enterspan.testing import capture

pytestmark = pytest.mark.filterwarnings("default")  # Celery's and kombu's own


class Refused(Exception):
    """An exception that a task declares in `throws`."""


class Unpicklable(Exception):
    """An exception for which Celery stores another one."""

    def __reduce__(self):
        raise TypeError("not to be pickled")


@pytest.fixture(scope="module")
def mine():
    """A Tracing for the worker of this module."""
    made = Tracing("mine")
    yield made
    made.shutdown(5)


@pytest.fixture(scope="module")
def shop(mine):
    """An application, with tasks of every kind, and a worker."""
    app = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.worker_hijack_root_logger = False

    @app.task(shared=False, name="pack")
    def pack(number):
        with mine.span("wrap"):
            return number

    @app.task(shared=False, name="add")
    def add(numbers):
        return sum(numbers)

    @app.task(shared=False, name="order")
    def order(number):
        pack.delay(number=number)

    @app.task(shared=False, name="fail")
    def fail():
        with mine.span("inner"):
            raise ValueError("of the task")

    @app.task(shared=False, name="fail oddly")
    def fail_oddly():
        with mine.span("inner"):
            raise Unpicklable("of the task")

    @app.task(shared=False, name="refuse", throws=(Refused,))
    def refuse():
        raise Refused("not today")

    @app.task(shared=False, name="ignore")
    def ignore():
        with mine.span("inner"):
            raise Ignore

    @app.task(shared=False, name="reject")
    def reject():
        raise Reject("no", requeue=False)

    @app.task(shared=False, name="again", bind=True, max_retries=3, default_retry_delay=0)
    def again(self):
        with mine.span(f"attempt {self.request.retries}"):
            if self.request.retries < 2:
                raise self.retry(countdown=0)
        return "done"

    @app.task(shared=False, name="in vain", bind=True, max_retries=1, default_retry_delay=0)
    def in_vain(self):
        try:
            raise KeyError("of the task")
        except KeyError as error:
            raise self.retry(exc=error, countdown=0) from error

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    worker = start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR")
    with install(mine), worker:
        yield app
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def working(mine, shop):
    """What is recorded, by the worker too."""
    return lambda: capture(mine, everything=True) if EVERYTHING else capture(mine)


EVERYTHING = "everything" in inspect.signature(capture).parameters
"""Whether `capture` has to be told that the worker's thread is meant, too."""


def tasks_of(trace):
    return [span for span in trace.spans if span.kind == "consumer"]


def outcomes(trace):
    return [e.event.outcome for e in trace.events if e.event.type == "outcome"]


def test_a_task_runs_in_the_trace_that_sent_it(mine, shop, working, until):
    with working() as trace:
        with mine.span("request") as request:
            assert shop.tasks["pack"].delay(7).get(timeout=20) == 7
        until(lambda: len(outcomes(trace)) == 2)
    assert trace.tree() == "request\n  pack\n    wrap"
    (pack,) = tasks_of(trace)
    assert pack.context.trace_id == request.context.trace_id
    assert pack.status == "unset"
    facts = {k: v for k, v in pack.attributes.items() if k != "messaging.message.id"}
    assert facts == {
        "messaging.system": "celery",
        "messaging.operation.type": "process",
        "messaging.destination.name": "celery",
        "celery.state": "SUCCESS",
    }
    assert len(pack.attributes["messaging.message.id"]) == 36


def test_a_task_that_nobody_waits_for_begins_a_trace(mine, shop, working, until):
    with working() as trace:
        for number in range(2):
            shop.tasks["pack"].delay(number)
        until(lambda: len(outcomes(trace)) == 2)
    assert len({span.context.trace_id for span in tasks_of(trace)}) == 2


def test_chains_groups_and_chords_are_one_trace(mine, shop, working, until):
    pack, add, order = (shop.tasks[name] for name in ("pack", "add", "order"))
    with working() as trace:
        with mine.span("request"):
            chain(pack.s(7), pack.s(), order.s()).apply_async()
            group(pack.s(n) for n in range(2)).apply_async()
            chord([pack.s(n) for n in range(2)], add.s()).apply_async()
        until(lambda: len(tasks_of(trace)) == 9)
        until(lambda: len(outcomes(trace)) == 10)
    assert len({span.context.trace_id for span in trace.spans}) == 1
    assert sorted(span.name for span in tasks_of(trace)) == ["add", "order", *["pack"] * 7]


def test_retries_are_siblings_and_no_failures(mine, shop, working, until):
    with working() as trace:
        with mine.span("request"):
            result = shop.tasks["again"].delay()
        assert result.get(timeout=20) == "done"
        until(lambda: len(outcomes(trace)) == 4)
    assert trace.tree() == (
        "request\n  again\n    attempt 0\n  again\n    attempt 1\n  again\n    attempt 2"
    )
    runs = tasks_of(trace)
    assert [run.attributes["celery.state"] for run in runs] == ["RETRY", "RETRY", "SUCCESS"]
    assert [run.attributes.get("celery.retries") for run in runs] == [None, 1, 2]
    assert {(span.status, span.outcome, span.events) for span in trace.spans} == {
        ("unset", "ok", ())
    }


def test_the_last_retry_that_fails_is_the_failure(mine, shop, working, until):
    with working() as trace:
        with pytest.raises(KeyError):
            shop.tasks["in vain"].delay().get(timeout=20)
        until(lambda: len(outcomes(trace)) == 2)
    assert [run.status for run in tasks_of(trace)] == ["unset", "error"]
    assert tasks_of(trace)[1].status_description == "KeyError: 'of the task'"


@pytest.mark.parametrize(
    "name,description",
    [("fail", "ValueError: of the task"), ("fail oddly", "Unpicklable: of the task")],
)
def test_a_failure_is_recorded_once_with_its_exception(
    mine, shop, working, until, name, description
):
    with working() as trace:
        with pytest.raises(Exception, match="of the task"):
            shop.tasks[name].delay().get(timeout=20)
        until(lambda: len(outcomes(trace)) == 1)
    inner, fail = trace.spans
    assert fail.status_description == description
    assert (fail.status, fail.outcome) == ("error", "exception")
    assert fail.attributes["celery.state"] == "FAILURE"
    assert [event.name for event in inner.events] == ["exception"]
    assert fail.events == ()


@pytest.mark.parametrize(
    "name,state", [("refuse", "FAILURE"), ("ignore", "IGNORED"), ("reject", "REJECTED")]
)
def test_what_is_no_failure_of_a_task_is_none_here(mine, shop, working, until, name, state):
    with working() as trace:
        shop.tasks[name].delay()
        until(lambda: len(outcomes(trace)) == 1)
    assert {(span.status, span.outcome) for span in trace.spans} == {("unset", "ok")}
    assert tasks_of(trace)[0].attributes["celery.state"] == state


def test_an_eager_task_is_a_child_of_its_caller(mine, shop):
    with capture(mine) as trace, mine.span("request"):
        shop.tasks["pack"].apply((7,))
        shop.tasks["again"].apply()
    assert trace.tree().startswith("request\n  pack\n    wrap\n  again\n    attempt 0")
    assert len({span.context.trace_id for span in trace.spans}) == 1


def test_a_second_install_does_nothing_and_remove_undoes_both(mine, shop, working, until):
    second = install(mine)
    with working() as trace:
        shop.tasks["pack"].delay(1)
        until(lambda: len(outcomes(trace)) == 1)
        second.remove()
        assert shop.tasks["pack"].delay(2).get(timeout=20) == 2
    install(mine)
    assert len(tasks_of(trace)) == 1


def test_removing_twice_leaves_a_later_installation_alone(mine, shop):
    first = install(mine)
    first.remove()
    install(mine)
    first.remove()
    with capture(mine) as trace:
        shop.tasks["pack"].apply((7,))
    assert trace.tree() == "pack\n  wrap"


@pytest.mark.parametrize("name", ["fail", "refuse", "again"])
def test_an_exception_that_an_eager_task_lets_through_is_its_failure(mine, shop, name):
    raised = {"fail": ValueError, "refuse": Refused, "again": Retry}[name]
    with capture(mine) as trace, pytest.raises(raised):
        shop.tasks[name].apply(throw=True)
    (task,) = tasks_of(trace)
    assert task.outcome == ("exception" if name == "fail" else "ok")
    assert task.status == ("error" if name == "fail" else "unset")


def test_what_is_no_tracing_is_refused():
    with pytest.raises(TypeError, match="Tracing"):
        install("shop")
