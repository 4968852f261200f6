"""Forked and spawned children: they deliver what is theirs, and nothing of the parent's."""

from __future__ import annotations

import os
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")

SETUP = """
import os, sys, threading, time, warnings
warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
from enterspan import tracing

class Exporter:
    def export(self, spans):
        with open(f"out.{os.getpid()}", "a") as out:
            for span in spans:
                out.write(f"{span.name} {span.outcome} {span.context.trace_id:x}"
                          f" {span.context.span_id:x} {span.parent_span_id or 0:x}\\n")
    def shutdown(self):
        pass

def spans(count=3, name="s"):
    for _ in range(count):
        with tracing.span(name):
            pass

def wait(pid):
    end = time.monotonic() + 30
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(pid, 9)
            raise SystemExit("the child hangs")
        time.sleep(0.005)
"""


@pytest.fixture
def family(script, tmp_path):
    """Run a program, and give stderr and the lines of each process by what it printed its id as."""

    def run(source, **options):
        done = script(SETUP + textwrap.dedent(source), **options)
        assert (done.returncode, done.stderr) == (0, "")
        told = {}
        for line in done.stdout.splitlines():
            name, pid = line.split()
            out = tmp_path / f"out.{pid}"
            rows = out.read_text().splitlines() if out.exists() else []
            told[name] = [row.split() for row in rows]
        return told

    return run


def names(rows):
    return [row[0] for row in rows]


def test_a_child_delivers_its_own_spans_and_never_the_parents(family):
    told = family(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        spans(2, "parent")
        pid = os.fork()
        if not pid:
            spans(3, "child")
            sys.exit()
        assert wait(pid) == 0
        spans(1, "parent")
        print("parent", os.getpid())
        print("child", pid)
        """
    )
    assert names(told["parent"]) == ["parent"] * 3
    assert names(told["child"]) == ["child"] * 3


def test_ids_differ_between_parent_and_children(family):
    told = family(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        spans(1)
        pids = []
        for _ in range(3):
            pid = os.fork()
            if not pid:
                spans(20)
                sys.exit()
            pids.append(pid)
        spans(20)
        for n, pid in enumerate(pids):
            assert wait(pid) == 0
            print(f"child{n}", pid)
        print("parent", os.getpid())
        """
    )
    rows = [row for rows in told.values() for row in rows]
    assert len(rows) == 81
    assert len({row[2] for row in rows}) == len({row[3] for row in rows}) == 81


def test_a_resource_that_is_given_before_the_fork_is_of_each_child_that_subscribes(script):
    """A server that forks its workers configures first; each worker adds its exporter."""
    done = script(
        SETUP
        + textwrap.dedent(
            """
            class Told(Exporter):
                def export(self, spans):
                    found = spans[0].resource
                    print(found["role"], os.getpid() == found["process.pid"],
                          found["service.instance.id"], flush=True)

            tracing.configure(resource={"role": "worker"})
            for _ in range(2):
                pid = os.fork()
                if not pid:
                    tracing.add_exporter(Told())
                    spans(1)
                    sys.exit()
                assert wait(pid) == 0
            tracing.add_exporter(Told())
            spans(1)
            """
        )
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[:2] for row in rows] == [["worker", "True"]] * 3, done.stderr
    assert len({row[2] for row in rows}) == 3


def test_a_child_subscribes_where_a_thread_of_the_parent_changed_settings(family):
    """Nobody had subscribed, and the lock of the settings was held as the process forked."""
    told = family(
        """
        held, done = threading.Event(), threading.Event()

        def change():
            with tracing._tracer.settings_lock:
                held.set()
                done.wait()

        thread = threading.Thread(target=change)
        thread.start()
        held.wait()
        pid = os.fork()
        if not pid:
            tracing.add_exporter(Exporter())
            spans(1, "child")
            sys.exit()
        code = wait(pid)
        done.set()
        thread.join()
        assert code == 0
        print("child", pid)
        """
    )
    assert names(told["child"]) == ["child"]


def test_a_fork_inside_an_open_span_with_an_exit_in_the_child(family):
    """The open span is the parent's; the child's are its children, in the same trace."""
    told = family(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        with tracing.span("outer"):
            pid = os.fork()
            if not pid:
                with tracing.span("child"):
                    sys.exit(3)
            assert wait(pid) == 3
        print("parent", os.getpid())
        print("child", pid)
        """
    )
    ((name, outcome, trace, span, parent),) = told["parent"]
    assert (name, outcome, parent) == ("outer", "ok", "0")
    ((name, outcome, child_trace, _, above),) = told["child"]
    assert (name, outcome) == ("child", "exception")
    assert child_trace == trace
    assert above == span


def test_a_fork_inside_an_invocation_tells_the_parents_tail_nothing(family, script):
    """The parent's stream stays whole; what the child does is an invocation of its own."""
    done = script(
        SETUP
        + textwrap.dedent(
            """
            def tail(onset):
                def show(e):
                    with open("events", "a") as out:
                        out.write(f"{os.getpid()} {onset.event.name} {e.event.type}\\n")
                show(onset)
                return show
            tracing.add_tail(tail, delivery=sys.argv[1] if len(sys.argv) > 1 else "inline")
            with tracing.invocation("main"), tracing.span("outer"):
                tracing.flush()
                pid = os.fork()
                if not pid:
                    tracing.log("info", "in the child")
                    with tracing.span("child"):
                        sys.exit()
                assert wait(pid) == 0
            tracing.flush()
            for line in open("events"):
                owner, name, kind = line.split()
                print("child" if int(owner) == pid else "parent", name, kind)
            """
        )
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    assert [line for line in told if line.startswith("parent")] == [
        "parent main onset",
        "parent main spanOpen",
        "parent main spanClose",
        "parent main return",
        "parent main outcome",
    ]
    assert [line for line in told if line.startswith("child")] == [
        "child child onset",
        "child child return",
        "child child outcome",
    ]


def test_a_fork_while_other_threads_hold_every_lock(family):
    """They export, log, start invocations and wait on timers meanwhile; no child hangs."""
    told = family(
        """
        import logging
        sys.setswitchinterval(1e-5)
        tracing.add_exporter(Exporter(), delay=0.001)
        tracing.add_tail(lambda onset: lambda e: None)
        stop = threading.Event()
        def produce():
            while not stop.is_set():
                with tracing.invocation("p", linger=0.001):
                    tracing.start_span("p")
                with tracing.add_tail(lambda onset: None, delivery="inline"):
                    pass
                time.sleep(0)
        threads = [threading.Thread(target=produce) for _ in range(3)]
        for thread in threads:
            thread.start()
        pids = []
        for _ in range(15):
            pid = os.fork()
            if not pid:
                with tracing.invocation("child", linger=0.01):
                    spans(3, "child")
                assert tracing.flush(10)
                stop.set()
                os._exit(0)
            pids.append(pid)
        for n, pid in enumerate(pids):
            assert wait(pid) == 0
            print(f"child{n}", pid)
        stop.set()
        for thread in threads:
            thread.join()
        """,
        measured=False,
    )
    assert len(told) == 15
    for rows in told.values():
        assert names(rows) == ["child"] * 4


def test_a_child_that_only_flushes(family):
    told = family(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        spans(5, "parent")
        pid = os.fork()
        if not pid:
            assert tracing.flush(10)
            assert tracing.shutdown(10)
            os._exit(0)
        assert wait(pid) == 0
        print("parent", os.getpid())
        print("child", pid)
        """
    )
    assert told["child"] == []
    assert names(told["parent"]) == ["parent"] * 5


def test_the_counts_of_a_child_are_its_own(script):
    done = script(
        SETUP
        + textwrap.dedent(
            """
            subscription = tracing.add_exporter(Exporter(), delay=3600)
            spans(5)
            pid = os.fork()
            if not pid:
                spans(2)
                tracing.flush()
                stats = subscription.stats
                os._exit(stats.received * 10 + stats.exported)
            print(wait(pid))
            """
        )
    )
    assert (done.stdout, done.stderr) == ("22\n", "")


def test_a_grandchild(family):
    told = family(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        with tracing.span("outer"):
            pid = os.fork()
            if not pid:
                with tracing.span("child"):
                    pid = os.fork()
                    if not pid:
                        with tracing.span("grandchild"):
                            sys.exit()
                    assert wait(pid) == 0
                print("grandchild", pid)
                sys.exit()
            assert wait(pid) == 0
        print("parent", os.getpid())
        print("child", pid)
        """
    )
    ((_, _, trace, outer, _),) = told["parent"]
    ((_, _, trace2, child, parent2),) = told["child"]
    ((name, _, trace3, _, parent3),) = told["grandchild"]
    assert name == "grandchild"
    assert trace == trace2 == trace3
    assert (parent2, parent3) == (outer, child)


def test_a_forked_child_does_not_warn_of_our_own_thread(script):
    """Python 3.12 and later warn of forks in a process with several threads."""
    done = script(
        """
        import os
        from enterspan import tracing
        class Exporter:
            def export(self, spans): pass
            def shutdown(self): pass
        tracing.add_exporter(Exporter())
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


MULTIPROCESSING = """
import multiprocessing, os, sys
from enterspan import tracing, traced

class Exporter:
    def export(self, spans):
        with open(f"out.{os.getpid()}", "a") as out:
            for span in spans:
                out.write(f"{span.name}\\n")
    def shutdown(self):
        pass

tracing.add_exporter(Exporter(), delay=3600)

@traced
def work(n):
    return os.getpid()

if __name__ == "__main__":
    method = sys.argv[1] if len(sys.argv) > 1 else METHOD
    context = multiprocessing.get_context(method)
    process = context.Process(target=work, args=(1,))
    process.start()
    process.join(40)
    assert process.exitcode == 0, process.exitcode
    print(process.pid)
    with context.Pool(1) as pool:
        (pid,) = pool.map(work, [2])
        pool.close()
        pool.join()
    print(pid)
    work(3)
    tracing.flush()
    print(os.getpid())
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_deliver_without_a_flush(script, tmp_path, method):
    done = script(
        MULTIPROCESSING.replace("METHOD", repr(method)), "-W", "ignore::DeprecationWarning"
    )
    assert (done.returncode, done.stderr) == (0, "")
    for pid in done.stdout.split():
        assert (tmp_path / f"out.{pid}").read_text() == "work\n"


def test_a_process_pool_of_futures_delivers_and_takes_traced_functions(script, tmp_path):
    done = script(
        MULTIPROCESSING.partition("if __name__")[0]
        + textwrap.dedent(
            """
            if __name__ == "__main__":
                from concurrent.futures import ProcessPoolExecutor
                context = multiprocessing.get_context("fork")
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    print(pool.submit(work, 1).result(40))
            """
        ),
        "-W",
        "ignore::DeprecationWarning",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / f"out.{done.stdout.strip()}").read_text() == "work\n"


def test_a_child_that_ends_by_os_exit_keeps_what_was_flushed(family):
    told = family(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        pid = os.fork()
        if not pid:
            spans(2, "flushed")
            tracing.flush()
            spans(2, "lost")
            os._exit(0)
        assert wait(pid) == 0
        print("child", pid)
        """
    )
    assert names(told["child"]) == ["flushed"] * 2
