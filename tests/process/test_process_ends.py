"""Every way in which a process can end: what is finished is delivered, silently and soon."""

from __future__ import annotations

import signal
import sys

import pytest

SETUP = """
import atexit, os, signal, sys, threading, time
from enterspan import tracing

class Exporter:
    def __init__(self, path="out.txt"):
        self.path = path
    def export(self, spans):
        with open(self.path, "a") as out:
            for span in spans:
                out.write(f"{span.name} {span.outcome}\\n")
    def shutdown(self):
        pass

class Hung(Exporter):
    def export(self, spans):
        threading.Event().wait()

def spans(count=3, name="s"):
    for _ in range(count):
        with tracing.span(name):
            pass
"""


@pytest.fixture
def ends(script, tmp_path):
    """Run a program after the set-up, and give its exit code, stderr and the lines exported."""

    def run(source, timeout=60):
        import textwrap

        done = script(SETUP + textwrap.dedent(source), timeout=timeout)
        out = tmp_path / "out.txt"
        lines = out.read_text().splitlines() if out.exists() else []
        return done.returncode, done.stderr, lines

    return run


def test_a_normal_end(ends):
    assert ends(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        spans()
        """
    ) == (0, "", ["s ok"] * 3)


@pytest.mark.parametrize("code,status", [("0", 0), ("3", 3), ("None", 0)])
def test_sys_exit(ends, code, status):
    outcome = "exception" if status else "ok"
    assert ends(
        f"""
        tracing.add_exporter(Exporter(), delay=3600)
        with tracing.span("outer"):
            spans(1)
            sys.exit({code})
        """
    ) == (status, "", ["s ok", f"outer {outcome}"])


def test_an_unhandled_exception(ends):
    code, err, lines = ends(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        with tracing.span("outer"):
            spans(1)
            raise ValueError("x")
        """
    )
    assert (code, lines) == (1, ["s ok", "outer exception"])
    assert err.splitlines()[0] == "Traceback (most recent call last):"
    assert err.splitlines()[-1] == "ValueError: x"
    assert "enterspan" not in err.replace("enterspan import", "")


def test_open_invocations_are_abandoned(ends):
    assert ends(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        scope = tracing.invocation("main")
        scope.__enter__()
        tracing.start_span("open")
        """
    ) == (0, "", ["open abandoned", "main abandoned"])


@pytest.mark.parametrize("delivery", ["inline", "background"])
def test_a_stream_has_its_outcome_also_at_the_end_of_the_process(ends, script, delivery):
    done = script(
        f"""
        from enterspan import tracing
        def tail(onset):
            return lambda e: print(onset.event.name, e.event.type, getattr(e.event, "outcome", ""))
        tracing.add_tail(tail, delivery="{delivery}")
        scope = tracing.invocation("asked for")
        scope.__enter__()
        tracing.start_span("open")
        import contextvars
        held = contextvars.Context().run(tracing.start_span, "implicit")
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == [
        "asked for outcome abandoned",
        "asked for spanClose abandoned",
        "asked for spanOpen ",
        "implicit outcome abandoned",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_sigterm_by_default_ends_the_process_as_without_us(ends):
    """Nothing can run then; what has been delivered before stays."""
    code, err, lines = ends(
        """
        tracing.add_exporter(Exporter(), delay=0.01)
        spans()
        tracing.flush()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        """
    )
    assert (code, err, lines) == (-signal.SIGTERM, "", ["s ok"] * 3)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_sigterm_with_a_handler_that_exits(ends):
    assert ends(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        with tracing.span("outer"):
            spans()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        """
    ) == (7, "", ["s ok"] * 3 + ["outer exception"])


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_keyboard_interrupt(ends):
    code, err, lines = ends(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        with tracing.span("outer"):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        """
    )
    assert lines == ["outer canceled"]
    assert err.splitlines()[-1] == "KeyboardInterrupt"


def test_a_daemon_thread_that_still_produces(ends):
    code, err, lines = ends(
        """
        tracing.add_exporter(Exporter())
        running = threading.Event()
        def produce():
            while True:
                spans(1, "daemon")
                running.set()
        threading.Thread(target=produce, daemon=True).start()
        running.wait()
        spans(1, "main")
        """
    )
    assert (code, err) == (0, "")
    assert "main ok" in lines
    assert "daemon ok" in lines


def test_a_thread_that_ends_after_main(ends):
    code, err, lines = ends(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        def late():
            threading.main_thread().join()
            spans(2, "late")
        threading.Thread(target=late).start()
        spans(1, "main")
        """
    )
    assert (code, err, lines) == (0, "", ["main ok", "late ok", "late ok"])


@pytest.mark.parametrize("before", [True, False])
def test_the_first_span_in_an_atexit_handler(ends, before):
    """Registered before the exporter it runs after our own, else before."""
    add = "tracing.add_exporter(Exporter(), delay=3600)"
    register = "atexit.register(spans)"
    first, second = (register, add) if before else (add, register)
    assert ends(f"{first}\n{second}\n") == (0, "", ["s ok"] * 3)


def test_an_exporter_that_is_added_at_exit(ends):
    """Where no thread can be started any more, delivery is on the spot."""
    assert ends(
        """
        @atexit.register
        def last():
            tracing.add_exporter(Exporter())
            spans()
            tracing.flush()
        """
    ) == (0, "", ["s ok"] * 3)


def test_an_exporter_that_is_added_at_exit_and_never_flushed(ends):
    assert ends(
        """
        @atexit.register
        def last():
            tracing.add_exporter(Exporter())
            spans()
        """
    ) == (0, "", ["s ok"] * 3)


def test_an_exporter_and_a_tail_that_are_removed_at_exit(ends):
    assert ends(
        """
        @atexit.register
        def last():
            with tracing.add_exporter(Exporter()), tracing.add_tail(lambda onset: print):
                spans()
        """
    ) == (0, "", ["s ok"] * 3)


def test_a_hung_exporter_holds_up_the_end_for_a_few_seconds_only(ends):
    """Also where spans are made after our own handler; and its neighbour delivers all.

    It hangs for ever: that the program ends is the proof.
    """
    code, err, lines = ends(
        """
        atexit.register(spans, 5, "late")
        tracing.add_exporter(Hung())
        tracing.add_exporter(Exporter(), delay=3600)
        tracing.add_tail(lambda onset: threading.Event().wait())
        spans()
        """
    )
    assert (code, err) == (0, "")
    assert lines == ["s ok"] * 3 + ["late ok"] * 5


def test_a_hung_exporter_alone(ends):
    assert ends(
        """
        atexit.register(spans, 5, "late")
        tracing.add_exporter(Hung(), delay=0.01)
        spans()
        """
    ) == (0, "", [])


def test_exporters_that_raise_at_the_end(ends):
    code, err, lines = ends(
        """
        import logging
        logging.getLogger("enterspan").addHandler(logging.NullHandler())
        logging.getLogger("enterspan").propagate = False
        class Bad(Exporter):
            def export(self, spans):
                raise SystemExit(9)
            shutdown = export
        tracing.add_exporter(Bad())
        tracing.add_exporter(Exporter())
        spans()
        """
    )
    assert (code, err, lines) == (0, "", ["s ok"] * 3)


def test_a_flush_with_a_handler_of_the_users_own_still_works(ends):
    assert ends(
        """
        tracing.add_exporter(Exporter(), delay=3600)
        spans()
        atexit.register(tracing.shutdown)
        """
    ) == (0, "", ["s ok"] * 3)


def test_spans_in_finalizers_at_the_very_end(ends):
    """Module globals are gone by then: nothing is said about it."""
    code, err, lines = ends(
        """
        tracing.add_exporter(Exporter())
        spans()
        class Late:
            def __del__(self):
                if spans is not None and tracing is not None:  # the program's own are gone, too
                    spans()
        late = Late()
        sys.late = Late()
        """
    )
    assert (code, err) == (0, "")
    assert lines[:3] == ["s ok"] * 3


def test_asyncio_run_that_is_left_by_an_exception(ends):
    code, err, lines = ends(
        """
        import asyncio
        tracing.add_exporter(Exporter(), delay=3600)
        async def work():
            async with tracing.span("task"):
                await asyncio.sleep(60)
        async def main():
            task = asyncio.create_task(work())
            await asyncio.sleep(0)
            sys.exit(4)
        asyncio.run(main())
        """
    )
    assert (code, err, lines) == (4, "", ["task canceled"])


def test_importing_without_use_leaves_no_thread_and_no_trace(script):
    done = script(
        """
        import threading, sys
        import enterspan
        with enterspan.tracing.span("x"), enterspan.tracing.invocation():
            pass
        print(threading.active_count(), "asyncio" in sys.modules, "wrapt" in sys.modules)
        """
    )
    assert (done.stdout, done.stderr) == ("1 False False\n", "")
