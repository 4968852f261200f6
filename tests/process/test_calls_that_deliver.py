"""Calls that deliver before they return: from another process, and entry points."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import pytest

from enterspan import traced, tracing
from enterspan._forms import propagate
from enterspan.exporters.jsonlines import JsonLinesExporter
from enterspan.testing import capture

LONG = 3600.0


@traced
def work(n):
    with tracing.span("inner"):
        return n


@traced
async def awork(n):
    await asyncio.sleep(0)
    return n


@traced
def fails(n):
    raise ValueError(n)


def listen(path):
    tracing.add_exporter(JsonLinesExporter(path), delay=LONG)


def names_in(path):
    if not path.exists():
        return []
    return [json.loads(line)["name"] for line in path.read_text().splitlines()]


def in_a_pool(path, fn, method="fork", count=10):
    """Call in a pool whose workers are terminated as soon as they have answered."""
    context = multiprocessing.get_context(method)
    with context.Pool(2, listen, (path,)) as pool, capture(), tracing.span("outer"):
        return pool.map(fn, range(count))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_that_ends_its_workers_loses_nothing(tmp_path, method):
    with capture(), tracing.span("outer"):
        job = tracing.propagate(work)
    path = tmp_path / "t.jsonl"
    assert in_a_pool(path, job, method) == list(range(10))
    assert sorted(names_in(path)) == ["inner"] * 10 + ["work"] * 10


def test_what_has_failed_is_delivered_too(tmp_path):
    with capture(), tracing.span("outer"):
        job = tracing.propagate(fails)
    with pytest.raises(ValueError, match="0"):
        in_a_pool(tmp_path / "t.jsonl", job, count=1)
    assert names_in(tmp_path / "t.jsonl") == ["fails"]


def run(coroutine_function, n):
    return asyncio.run(coroutine_function(n))


def test_a_coroutine_delivers_when_it_has_ended(tmp_path):
    """Not when it is made: there is nothing to deliver yet."""
    path = tmp_path / "t.jsonl"
    with capture(), tracing.span("outer"):
        job = tracing.propagate(awork)
    context = multiprocessing.get_context("fork")
    with context.Pool(1, listen, (path,)) as pool:
        assert pool.apply(run, (job, 7)) == 7
    assert names_in(path) == ["awork"]


@pytest.fixture
def deliveries(monkeypatch):
    """How long each delivery was allowed to take."""
    seen = []
    monkeypatch.setattr(tracing._tracer, "deliver", seen.append)
    return seen


def test_a_call_in_the_same_process_delivers_nothing(deliveries):
    """Neither in a thread, nor after a detour through a pickle."""
    with capture(), tracing.span("outer"):
        job = tracing.propagate(work)
        thread = threading.Thread(target=job, args=(1,))
        thread.start()
        thread.join()
        pickle.loads(pickle.dumps(job))(1)
    assert deliveries == []


def test_a_call_from_elsewhere_delivers_within_a_second(deliveries, monkeypatch):
    """A process of another machine may have the same id."""
    with capture(), tracing.span("outer"):
        sent = pickle.dumps(tracing.propagate(work))
    monkeypatch.setattr(propagate, "_here", b"another")
    job = pickle.loads(sent)
    with capture():
        assert job(5) == 5
        assert deliveries == [1.0]
        assert pickle.loads(pickle.dumps(job))(6) == 6  # sent on by this process to itself
    assert deliveries == [1.0]


def test_a_call_from_elsewhere_can_be_told_not_to(deliveries, monkeypatch):
    """Then it is up to the end of the process, or to a later call."""
    with capture(), tracing.span("outer"):
        sent = pickle.dumps(tracing.propagate(work, flush=False))
    monkeypatch.setattr(propagate, "_here", b"another")
    with capture():
        assert pickle.loads(sent)(5) == 5
        assert pickle.loads(pickle.dumps(pickle.loads(sent)))(6) == 6
    assert deliveries == []


def test_an_exporter_that_hangs_holds_up_one_call_and_not_each(script):
    """It is not waited for again until it has caught up."""
    done = script(
        """
        import pickle, threading
        from enterspan import tracing
        from enterspan._forms import propagate

        class Hung:
            calls = 0
            hold = threading.Event()
            def export(self, spans):
                self.hold.wait()
                self.calls += len(spans)
            def shutdown(self):
                pass

        def work():
            with tracing.span("work"):
                pass

        if __name__ == "__main__":
            hung = Hung()
            added = tracing.add_exporter(hung, delay=3600)
            with tracing.span("outer"):
                sent = pickle.dumps(tracing.propagate(work))
            propagate._here = b"another"
            waits = []
            flush = added.flush
            def counted(deadline):
                waits.append(1)
                return flush(deadline)
            added.flush = counted
            job = pickle.loads(sent)
            for _ in range(20):
                job()
            assert len(waits) == 1, waits
            hung.hold.set()
            assert tracing.flush(20)
            job()
            assert len(waits) == 3, waits
            assert hung.calls == 22
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- entry points ---------------------------------------------------------------------------------

HANDLERS = """
import asyncio, os, sys
from enterspan import tracing
from enterspan.exporters.jsonlines import JsonLinesExporter

tracing.add_exporter(JsonLinesExporter("t.jsonl"), delay=3600)

@tracing.entrypoint("handler", flush=True)
def plain():
    with tracing.span("work"):
        pass

@tracing.entrypoint("handler", flush=True)
async def coroutine():
    with tracing.span("work"):
        await asyncio.sleep(0)

@tracing.entrypoint("handler", flush=True)
def generator():
    with tracing.span("work"):
        yield 1

@tracing.entrypoint("handler", flush=True)
def failing():
    with tracing.span("work"):
        raise KeyError("no")

kind = sys.argv[1]
if kind == "plain":
    plain()
elif kind == "coroutine":
    asyncio.run(coroutine())
elif kind == "generator":
    list(generator())
else:
    try:
        failing()
    except KeyError:
        pass
os._exit(0)
"""


@pytest.mark.parametrize("kind", ["plain", "coroutine", "generator", "failing"])
def test_an_entry_point_delivers_before_it_returns(tmp_path, kind):
    """The process is stopped at once, as by a host that freezes it."""
    subprocess.run(
        [sys.executable, "-c", HANDLERS, kind],
        cwd=tmp_path,
        check=True,
        timeout=60,
    )
    assert names_in(tmp_path / "t.jsonl") == ["work", "handler"]


def test_an_entry_point_does_not_wait_for_good(mine, monkeypatch):
    """A receiver that is down costs each call 5 seconds at most."""
    limits = []
    flush = type(mine).flush
    monkeypatch.setattr(
        type(mine), "flush", lambda self, timeout=None: limits.append(timeout) or flush(self, 0.01)
    )

    class Hung:
        hold = threading.Event()

        def export(self, spans):
            self.hold.wait(30)

        def shutdown(self):
            pass

    mine.add_exporter(Hung())

    @mine.entrypoint(flush=True)
    def handler():
        return 7

    assert handler() == 7
    assert limits == [5.0]
    Hung.hold.set()


# --- the end of a program, and the pools of others ------------------------------------------------


def test_an_exporter_that_uses_a_pool_works_at_the_end(script):
    """Python 3.12 starts no thread there: the pool has one already."""
    done = script(
        """
        from concurrent.futures import ThreadPoolExecutor
        from enterspan import tracing

        class Pooled:
            def __init__(self):
                self.pool = ThreadPoolExecutor(1)
                self.pool.submit(int).result()
            def export(self, spans):
                self.pool.submit(print, [span.name for span in spans], flush=True).result()
            def shutdown(self):
                print("shutdown", flush=True)

        tracing.add_exporter(Pooled(), delay=3600)
        with tracing.span("only"):
            pass
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "['only']\nshutdown\n", "")


@pytest.mark.skipif(sys.version_info[:2] == (3, 12), reason="it starts no thread at its end")
def test_an_exporter_that_makes_its_first_pool_at_the_end_works(script):
    """OpenTelemetry's resource detectors run in one; the module of pools is imported by then."""
    done = script(
        """
        from enterspan import tracing

        class Pooled:
            def export(self, spans):
                from concurrent.futures import ThreadPoolExecutor
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(print, [span.name for span in spans], flush=True)
            def shutdown(self):
                print("shutdown", flush=True)

        tracing.add_exporter(Pooled(), delay=3600)
        with tracing.span("only"):
            pass
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "['only']\nshutdown\n", "")


def test_exit_handlers_are_recorded_whenever_they_were_registered(script):
    """Those that were registered before run last, and the exporters are shut down after them."""
    done = script(
        """
        import atexit
        atexit.register(lambda: work("first"))
        from enterspan import tracing
        atexit.register(lambda: work("second"))

        class Exporter:
            def export(self, spans):
                print([span.name for span in spans], flush=True)
            def shutdown(self):
                print("shutdown", flush=True)

        def work(name):
            with tracing.span(name):
                pass

        tracing.add_exporter(Exporter(), delay=3600)
        atexit.register(work, "third")
        """
    )
    assert done.stdout.splitlines() == ["['third']", "['second']", "['first']", "shutdown"]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_child_shuts_down_no_exporter_that_got_nothing_from_it(script):
    """A connection that is open in it is still the parent's."""
    done = script(
        """
        import os, sys
        from enterspan import tracing

        class Exporter:
            def export(self, spans): pass
            def shutdown(self): print("shutdown", os.getpid() == parent, flush=True)

        parent = os.getpid()
        tracing.add_exporter(Exporter())
        for used in (False, True):
            pid = os.fork()
            if not pid:
                if used:
                    with tracing.span("x"):
                        pass
                sys.exit()
            os.waitpid(pid, 0)
        """
    )
    assert (done.stdout, done.stderr) == ("shutdown False\nshutdown True\n", "")


def test_a_process_pool_of_futures_delivers_by_its_end(tmp_path):
    """Without propagate: its workers end by themselves."""
    path = tmp_path / "t.jsonl"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=listen, initargs=(path,)) as pool:
        assert list(pool.map(work, range(3))) == [0, 1, 2]
    assert sorted(names_in(path)) == ["inner"] * 3 + ["work"] * 3
