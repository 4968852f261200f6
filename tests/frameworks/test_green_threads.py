"""gevent and eventlet: patched at any moment, the program goes on, and its spans arrive."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest


def run(program, *arguments):
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


MATRIX = """
import os, sys, threading, time
kind, moment = sys.argv[1:]

def patch(now):
    if now != moment:
        return
    if kind == "gevent":
        from gevent import monkey
        monkey.patch_all()
    else:
        import warnings
        warnings.simplefilter("ignore")
        import eventlet
        eventlet.monkey_patch()

patch("before import")
from enterspan import tracing
patch("before subscribe")
spans, events = [], []

class Exporter:
    def export(self, batch): spans.extend(span.name for span in batch)
    def shutdown(self): pass

tracing.add_exporter(Exporter())
tracing.add_tail(lambda onset: lambda event: events.append(event.event.type))
with tracing.invocation("first", linger=0.01):
    tracing.start_span("open")
assert tracing.flush(10)
patch("before fork")
pid = os.fork()
if pid == 0:
    patch("after fork")
del spans[:], events[:]

def work():
    with tracing.invocation("work", linger=5):
        time.sleep(0.01)

threads = [threading.Thread(target=work) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert tracing.flush(10), "flush has not come to its end"
said = f"{spans.count('work')} spans, {events.count('outcome')} outcomes\\n"
if pid:
    os.waitpid(pid, 0)
os.write(1, said.encode())
if not pid:
    os._exit(0)
"""


@pytest.mark.parametrize("kind", ["gevent", "eventlet"])
@pytest.mark.parametrize(
    "moment", ["before import", "before subscribe", "before fork", "after fork", "never"]
)
def test_a_program_that_is_patched_at_any_moment_goes_on(kind, moment):
    """The child and its parent record the same, and all of it arrives."""
    done = run(MATRIX, kind, moment)
    assert done.stdout == "20 spans, 20 outcomes\n" * 2, done.stderr
    assert done.returncode == 0


SERVER = """
from enterspan import tracing
from enterspan.exporters.jsonlines import JsonLinesExporter
{subscription}

def app(environ, start_response):
    import time
    with tracing.span("request"):
        time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
"""
SUBSCRIPTION = "tracing.add_exporter(JsonLinesExporter({path!r}))"


@contextlib.contextmanager
def gunicorn(folder, *options):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "log.txt"
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-b", f"127.0.0.1:{port}"]
    with log.open("wb") as file:
        server = subprocess.Popen(
            [*command, "-c", "conf.py", *options, "server:app"],
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_it_listens(server, port, log)
            yield port
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def wait_until_it_listens(server, port, log):
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    pytest.fail(log.read_text())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="gunicorn needs fork")
@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["as usual", "preload"])
@pytest.mark.parametrize("where", ["conf.py", "server.py"])
def test_gunicorn_answers_every_request(tmp_path, where, options):
    """Its worker patches itself after the fork: an exporter of the master is there already."""
    path = tmp_path / "spans.jsonl"
    subscription = SUBSCRIPTION.format(path=str(path))
    for name in ("conf.py", "server.py"):
        text = SERVER.format(subscription=subscription if name == where else "")
        (tmp_path / name).write_text(text)
    answers = []

    def ask(port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
            answers.append(answer.read())

    with gunicorn(tmp_path, *options) as port:
        asking = [threading.Thread(target=ask, args=(port,)) for _ in range(8)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    assert answers == [b"done"] * 8
    assert path.read_text().count('"name":"request"') == 8


FOLLOWING = """
import sys
kind = sys.argv[1]
if kind == "gevent":
    from gevent import monkey
    monkey.patch_all()
    import gevent, gevent.pool, gevent.threadpool
    pool, threads = gevent.pool.Pool(2), gevent.threadpool.ThreadPool(1)
    ways = {
        "spawn": lambda job: gevent.spawn(job).get(),
        "spawn_later": lambda job: gevent.spawn_later(0.001, job).get(),
        "pool": lambda job: pool.spawn(job).get(),
        "threadpool": lambda job: threads.spawn(job).get(),
        "apply": lambda job: threads.apply(job),
    }
else:
    import warnings
    warnings.simplefilter("ignore")
    import eventlet
    eventlet.monkey_patch()
    pool = eventlet.GreenPool(2)
    def spawn_n(job):
        done = eventlet.Event()
        eventlet.spawn_n(lambda: done.send(job()))
        done.wait()
    ways = {
        "spawn": lambda job: eventlet.spawn(job).wait(),
        "spawn_after": lambda job: eventlet.spawn_after(0.001, job).wait(),
        "spawn_n": spawn_n,
        "pool": lambda job: pool.spawn(job).wait(),
    }
import threading
from concurrent.futures import ThreadPoolExecutor
executor = ThreadPoolExecutor(1)
ways["executor"] = lambda job: executor.submit(job).result()
def run(job):
    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
ways["thread"] = run

from enterspan import Tracing
from enterspan.testing import capture
tracing = Tracing("green")
tracing.configure(propagate_threads=True)
wrong = []
for name, way in ways.items():
    def job():
        with tracing.span("job"):
            pass
    with capture(tracing, everything=True) as trace:
        for outer in "ab":
            with tracing.span(outer):
                way(job)
    if trace.tree() != "a\\n  job\\nb\\n  job":
        wrong.append((name, trace.tree()))
tracing.configure(propagate_threads=False)
with capture(tracing, everything=True) as trace, tracing.span("a"):
    ways["spawn"](job)
if sorted(trace.tree().split()) != ["a", "job"] or "  job" in trace.tree():
    wrong.append(("switched off", trace.tree()))
print(wrong)
"""


@pytest.mark.parametrize("kind", ["gevent", "eventlet"])
def test_greenlets_and_pools_begin_with_the_span_where_they_are_spawned(kind):
    done = run(FOLLOWING, kind)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
