"""`flush_on_signal`: what is finished is delivered, then what was done without it is done."""

from __future__ import annotations

import os
import signal
import textwrap
import threading

import pytest

from enterspan import tracing

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")

SETUP = """
import os, signal, sys, threading, time
from enterspan import tracing

class Exporter:
    def export(self, spans):
        for span in spans:
            print(span.name, span.outcome, flush=True)
    def shutdown(self):
        print("shutdown", flush=True)

def spans(name="s"):
    with tracing.span(name):
        pass

def kill(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
    time.sleep(0)

tracing.add_exporter(Exporter(), delay=3600)
"""


@pytest.fixture
def ends(script):
    """Run a program after the set-up; its exit code and what it printed."""

    def run(source):
        done = script(SETUP + textwrap.dedent(source))
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return run


def test_a_signal_that_nobody_handles_ends_the_process_as_without_it(ends):
    """What is open is abandoned, and the exporters are shut down."""
    assert ends(
        """
        tracing.flush_on_signal()
        with tracing.invocation("job"):
            spans()
            kill()
            time.sleep(60)
        """
    ) == (-signal.SIGTERM, ["s ok", "job abandoned", "shutdown"])


def test_a_handler_that_was_there_is_called_afterwards(ends):
    assert ends(
        """
        def handler(number, frame):
            print("handler", number, frame is not None, flush=True)
        signal.signal(signal.SIGTERM, handler)
        tracing.flush_on_signal()
        spans("before")
        kill()
        spans("after")
        """
    ) == (0, ["before ok", f"handler {signal.SIGTERM} True", "after ok", "shutdown"])


def test_a_handler_that_exits_delivers_the_rest_at_the_end(ends):
    assert ends(
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        tracing.flush_on_signal()
        with tracing.span("outer"):
            spans()
            kill()
            time.sleep(60)
        """
    ) == (3, ["s ok", "outer exception", "shutdown"])


def test_a_signal_that_is_ignored_stays_so(ends):
    """Programs that are started from here ignore it, too; a handler would be reset for them."""
    assert ends(
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        tracing.flush_on_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        spans()
        kill(signal.SIGHUP)
        print("went on", flush=True)
        """
    ) == (0, ["went on", "s ok", "shutdown"])


def test_a_signal_that_ends_nothing_does_so_afterwards(ends):
    assert ends(
        """
        tracing.flush_on_signal(signal.SIGCHLD)
        spans("before")
        for _ in range(2):
            kill(signal.SIGCHLD)
        print("went on", flush=True)
        spans("after")
        kill(signal.SIGCHLD)
        print("end", flush=True)
        """
    ) == (0, ["before ok", "went on", "after ok", "end", "shutdown"])


def test_several_signals_may_be_named(ends):
    assert ends(
        """
        tracing.flush_on_signal(signal.SIGTERM, signal.SIGUSR1)
        spans()
        kill(signal.SIGUSR1)
        time.sleep(60)
        """
    ) == (-signal.SIGUSR1, ["s ok", "shutdown"])


def test_a_second_call_changes_nothing(ends):
    assert ends(
        """
        calls = []
        signal.signal(signal.SIGTERM, lambda *_: calls.append(1))
        tracing.flush_on_signal()
        first = signal.getsignal(signal.SIGTERM)
        tracing.flush_on_signal(timeout=1)
        assert signal.getsignal(signal.SIGTERM) is first
        kill()
        print(calls, flush=True)
        """
    ) == (0, ["[1]", "shutdown"])


def test_it_is_called_again_after_a_handler_was_set(ends):
    """The new handler is called, and it may call the one that it found."""
    assert ends(
        """
        tracing.flush_on_signal()
        signal.signal(signal.SIGTERM, lambda *_: print("theirs", flush=True))
        tracing.flush_on_signal()
        spans()
        kill()
        """
    ) == (0, ["s ok", "theirs", "shutdown"])


def test_two_tracings_both_deliver(ends):
    assert ends(
        """
        from enterspan import Tracing
        other = Tracing("other")
        other.add_exporter(Exporter(), delay=3600)
        tracing.flush_on_signal()
        other.flush_on_signal()
        spans("mine")
        with other.span("other"):
            pass
        kill()
        time.sleep(60)
        """
    ) == (-signal.SIGTERM, ["other ok", "mine ok", "shutdown", "shutdown"])


def test_a_second_signal_is_not_held_up(script):
    """An exporter hangs: the first signal waits for it, the second one ends the process."""
    done = script(
        SETUP
        + textwrap.dedent(
            """
            class Hung(Exporter):
                def export(self, spans):
                    os.kill(os.getpid(), signal.SIGTERM)
                    threading.Event().wait()
            tracing.add_exporter(Hung(), delay=3600)
            tracing.flush_on_signal(timeout=3600)
            spans()
            kill()
            time.sleep(60)
            """
        )
    )
    assert done.returncode == -signal.SIGTERM


def test_a_handler_of_asyncio_still_gets_the_signal(ends):
    assert ends(
        """
        import asyncio
        async def main():
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            tracing.flush_on_signal()
            async with tracing.span("serve"):
                spans()
                kill()
                await stop.wait()
            print("stopped", flush=True)
        asyncio.run(main())
        """
    ) == (0, ["s ok", "stopped", "serve ok", "shutdown"])


def test_a_forked_worker_that_is_terminated_delivers_too(script, tmp_path):
    """`with Pool()` ends its workers by SIGTERM."""
    done = script(
        """
        import multiprocessing, signal
        from enterspan import traced, tracing
        from enterspan.exporters.jsonlines import JsonLinesExporter

        def subscribe():
            tracing.add_exporter(JsonLinesExporter("spans.jsonl"), delay=3600)
            tracing.flush_on_signal()

        @traced
        def work(n):
            return n

        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2, subscribe) as pool:
                pool.map(work, range(10))
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len((tmp_path / "spans.jsonl").read_text().splitlines()) == 10


@pytest.mark.parametrize(
    "signals, error, words",
    [
        (("SIGTERM",), TypeError, "a signal must be an int, such as signal.SIGTERM, not 'SIGTERM'"),
        ((True,), TypeError, "a signal must be an int"),
        ((signal.SIGKILL,), ValueError, "can't be handled"),
        ((99_999,), ValueError, "signal number out of range"),
    ],
)
def test_what_can_not_be_handled_is_refused(signals, error, words):
    with pytest.raises(error, match=words):
        tracing.flush_on_signal(*signals)


def test_another_thread_is_told_that_it_can_not():
    raised = []

    def call():
        try:
            tracing.flush_on_signal()
        except ValueError as error:
            raised.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert raised == ["flush_on_signal must be called in the main thread"]
