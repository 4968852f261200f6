"""Celery, APScheduler and a plain queue: the recipes of docs/entry-points.md."""

from __future__ import annotations

import queue
import threading
from datetime import datetime, timezone

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.signals import before_task_publish

from enterspan import QueueEventInfo, ScheduledEventInfo
from enterspan.testing import capture


@pytest.mark.filterwarnings("default")  # Celery's and kombu's own
def test_a_task_of_celery_runs_in_the_trace_that_sent_it(mine, until, outcomes):
    app = Celery("shop", broker="memory://", backend="cache+memory://")

    @before_task_publish.connect(weak=False)
    def send_context(headers, **_):
        mine.inject(headers)

    @app.task(bind=True, name="pack.test")
    @mine.entrypoint(
        "pack",
        info=lambda task, *args: QueueEventInfo("celery", 1),
        parent=lambda task, *args: {
            name: getattr(task.request, name, None) or "" for name in ("traceparent", "tracestate")
        },
    )
    def pack(task, pieces):
        with mine.span("fold"):
            return pieces + 1

    try:
        with capture(mine) as trace:
            with start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
                with mine.span("order") as order:
                    assert pack.delay(4).get(timeout=20) == 5
                until(lambda: len(outcomes(trace)) == 2)
    finally:
        before_task_publish.disconnect(send_context)
    assert trace.tree() == "order\n  pack\n    fold"
    assert trace.find("pack").context.trace_id == order.context.trace_id
    assert trace.find("pack").kind == "consumer"


def test_a_job_of_apscheduler_is_an_invocation(mine, until, outcomes):
    @mine.entrypoint(
        "nightly", info=lambda: ScheduledEventInfo(datetime.now(timezone.utc), "0 3 * * *")
    )
    def nightly():
        with mine.span("sweep"):
            pass

    scheduler = BackgroundScheduler(timezone=timezone.utc)
    with capture(mine, everything=True) as trace:
        scheduler.start()
        try:
            scheduler.add_job(nightly)
            # Its thread takes the job off the list, which the shutdown must not come before.
            until(lambda: outcomes(trace) and not scheduler.get_jobs())
        finally:
            scheduler.shutdown()
    assert trace.tree() == "nightly\n  sweep"
    assert outcomes(trace) == ["ok"]


def test_messages_of_a_plain_queue_carry_their_trace(mine, outcomes):
    messages = queue.Queue()

    def send(body):
        headers = {}
        mine.inject(headers)
        messages.put({"headers": headers, "body": body})

    @mine.entrypoint(
        "consume",
        info=lambda message: QueueEventInfo("orders", 1),
        parent=lambda message: message["headers"],
    )
    def consume(message):
        with mine.span("handle"):
            handled.append(message["body"])

    def worker():
        while (message := messages.get()) is not None:
            consume(message)

    handled = []
    with capture(mine, everything=True) as trace:
        thread = threading.Thread(target=worker)
        thread.start()
        with mine.span("producer"):
            send("a")
        send("b")
        messages.put(None)
        thread.join(10)
    assert handled == ["a", "b"]
    assert trace.children_of(trace.find("producer"))[0].name == "consume"
    assert len(trace.children_of(None)) == 2
