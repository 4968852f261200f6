"""The threads of this package: what they hold, where they may not run, and that they rest."""

from __future__ import annotations

import os
import sys
import time

import pytest

from enterspan._pipeline.worker import Worker

PINNED = """
import contextvars, gc, weakref
from enterspan import Tracing

class Big: pass

class Kept:
    def export(self, spans): seen.append((user.get(None), other.current_span().context.span_id))
    def shutdown(self): pass

user, seen = contextvars.ContextVar("user"), []
other, tracing = Tracing("other"), Tracing("mine")
other.add_exporter(Kept())

def request():
    user.set(Big())
    with other.span("request"):
        tracing.add_exporter(Kept())
        tracing.add_tail(lambda onset: lambda event: None)
        with tracing.invocation("job", linger=0.01):
            tracing.start_span("open")
        assert tracing.flush(20)
    return weakref.ref(user.get())

big = contextvars.Context().run(request)
assert tracing.flush(20) and other.flush(20)
gc.collect()
print(big() is None, {type(value) for value, _ in seen}, {span for _, span in seen})
"""


@pytest.mark.parametrize(
    "options",
    [
        (),
        pytest.param(
            ("-X", "thread_inherit_context=1"),
            marks=pytest.mark.skipif(sys.version_info < (3, 14), reason="3.14"),
        ),
    ],
)
def test_they_begin_with_an_empty_context(script, options):
    """They hold nothing of the request that happens to start them, and export under no span."""
    done = script(PINNED, *options)
    assert done.stdout == "True {<class 'NoneType'>} {0}\n", done.stderr


INTERPRETER = """
from concurrent import interpreters

CODE = '''
from enterspan import tracing
heard = []

class Kept:
    def export(self, spans): [print(span.name, flush=True) for span in spans]
    def shutdown(self): pass

def tail(onset):
    heard.append(onset.event.name)
    return lambda event: heard.append(event.event.type)

tracing.add_exporter(Kept())
tracing.add_tail(tail)
with tracing.invocation("job", linger=0.01):
    with tracing.span("work"):
        pass
    tracing.start_span("left open")
while "outcome" not in heard:
    assert tracing.flush(20)
with tracing.span("later"):
    pass
with tracing.invocation("at exit", linger=1000):
    tracing.start_span("never ended")
{end}
'''
import sys
for end in ("assert tracing.shutdown(20)", ""):
    interpreter = interpreters.create()
    interpreter.exec(CODE.replace("{end}", end))
    interpreter.close()
    print("closed", flush=True)
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="concurrent.interpreters")
def test_a_subinterpreter_delivers_and_ends(script):
    """Daemon threads are disabled there; closing it waits for nothing that never ends."""
    done = script(INTERPRETER)
    assert done.returncode == 0, done.stderr
    one = ["at exit", "job", "later", "left open", "never ended", "work"]
    assert sorted(done.stdout.splitlines()) == sorted(["closed", "closed", *one, *one])
    assert done.stderr == ""


FORK = """
import os, threading, warnings
warnings.simplefilter("error")
from enterspan import tracing

class Quiet:
    def export(self, spans): pass
    def shutdown(self): pass

outcomes, told = [], threading.Event()

def handler(event):
    outcomes.append(event.event.type)
    if event.event.type == "outcome":
        told.set()

tracing.add_exporter(Quiet())
tracing.add_tail(lambda onset: handler, delivery="inline")
with tracing.invocation("lingers", linger=0.3):
    tracing.start_span("open")
pid = os.fork()
if pid == 0:
    os._exit(7 if threading.active_count() == 1 else 8)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
{more}
print(told.wait(20))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_fork_finds_no_thread_of_ours_and_timers_go_on(script):
    """Python warns of a fork while threads run, from 3.12 on, and this warning is an error here."""
    more = ""
    if sys.version_info[:2] == (3, 12):  # it counts the threads after all hooks
        more = "with tracing.span('next'): pass"
    done = script(FORK.replace("{more}", more), measured=False)
    assert (done.stdout, done.stderr) == ("7\nTrue\n", "")


def test_a_thread_that_gathers_ends_at_once_when_it_is_to_pause():
    """A fork does not wait for a batch to fill."""
    delivered = []
    deliver = delivered.append
    worker = Worker(
        lambda run, *of: run(*of), deliver, "gathers", 600.0, rest=lambda: None, prompt=True
    )
    worker.put("item", 0, 1)
    deadline = time.monotonic() + 30
    while worker._wake.is_rung and time.monotonic() < deadline:
        time.sleep(0.001)
    worker.pause()
    worker.wait_for_pause(deadline)
    assert not worker.is_running
    assert delivered == [["item"]]
