"""Threads that serve one request after another: each job has the span of its submitter, or none."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import queue, sys, threading
from multiprocessing.pool import ThreadPool

def twisted():
    from twisted.internet import reactor, threads
    from twisted.python.threadpool import ThreadPool
    own = ThreadPool(minthreads=0, maxthreads=1)
    own.start()
    serving = threading.Thread(target=reactor.run, args=(False,))  # no signal handlers
    serving.start()
    def through_reactor(call):
        # A call that is put off to the reactor's thread leaves this context behind; that of the
        # pool does not, whoever calls it.
        def way(job):
            done = queue.Queue()
            call(lambda: done.put(job()))
            done.get(timeout=10)
        return way
    pool = reactor.getThreadPool()
    yield {
        "callInThread": through_reactor(reactor.callInThread),
        "deferToThread": through_reactor(threads.deferToThread),
        "deferToThreadPool": through_reactor(
            lambda job: threads.deferToThreadPool(reactor, own, job)
        ),
        "callInThreadWithCallback": through_reactor(
            lambda job: pool.callInThreadWithCallback(None, job)
        ),
    }
    reactor.callFromThread(reactor.stop)
    serving.join()
    own.stop()

def gevent():
    import gevent, gevent.threadpool
    pool = gevent.threadpool.ThreadPool(1)
    executor = gevent.threadpool.ThreadPoolExecutor(1)
    hub = gevent.get_hub().threadpool
    yield {
        "spawn": lambda job: pool.spawn(job).get(),
        "apply": lambda job: pool.apply(job),
        "apply_async": lambda job: pool.apply_async(job).get(),
        "map": lambda job: pool.map(lambda _: job(), [1]),
        "imap": lambda job: list(pool.imap(lambda _: job(), [1])),
        "executor": lambda job: executor.submit(job).result(),
        "of the hub": lambda job: hub.apply(job),
    }

def standard():
    # A client that starts its worker with the first job, as many do.
    jobs, done, worker = queue.Queue(), queue.Queue(), []
    def serve():
        while (job := jobs.get()) is not None:
            done.put(job())
    def lazily(job):
        if not worker:
            worker.append(threading.Thread(target=serve))
            worker[0].start()
        jobs.put(job)
        done.get(timeout=10)
    pool = ThreadPool(1)
    yield {"pool": lambda job: pool.apply(job), "lazily": lazily}
    jobs.put(None)
    worker[0].join()
    pool.terminate()

from enterspan import Tracing
from enterspan.testing import capture
tracing = Tracing("lasting")
tracing.configure(propagate_threads=True)

def job():
    with tracing.span("job"):
        pass

wrong = []
for ways in globals()[sys.argv[1]]():
    for name, way in ways.items():
        with capture(tracing, everything=True) as trace:
            for outer in "ab":
                with tracing.span(outer):
                    way(job)
            way(job)
        # The worker of a queue is nobody's, once the invocation that started it is over.
        second = "job" if name == "lazily" else "  job"
        expected = f"a\\n  job\\nb\\n{second}\\njob"
        if trace.tree() != expected:
            wrong.append((name, trace.tree()))
print(wrong)
"""


@pytest.mark.parametrize("kind", ["twisted", "gevent", "standard"])
def test_a_job_of_a_lasting_thread_has_the_span_of_its_submitter_or_none(kind):
    command = [sys.executable, "-c", PROGRAM, kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
