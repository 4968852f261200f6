"""What a signal handler raises while an event is written comes out in the program."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import signal

import pytest

from enterspan import Tracing
from enterspan.exporters import _files, jsonlines
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesTail

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="signals")

KINDS = [TimeoutError, ValueError]
"""Those that writing itself may raise: a handler for SIGALRM usually raises the first."""


@pytest.fixture
def interrupting():
    """Make a function of another one that is interrupted by an exception, once."""
    before = signal.getsignal(signal.SIGUSR1)

    def of(function, kind, path=None):
        def handler(number, frame):
            raise kind("from the handler")

        signal.signal(signal.SIGUSR1, handler)
        waiting = [True]

        def interrupted(*args, **kwargs):
            # Not for the file of another test, which may be closed at any time.
            if waiting and (path is None or is_same(args[0], path)):
                waiting.clear()
                signal.raise_signal(signal.SIGUSR1)
            return function(*args, **kwargs)

        return interrupted

    yield of
    signal.signal(signal.SIGUSR1, before)


def is_same(path, other):
    return os.path.samestat(os.stat(path), os.stat(other))  # noqa: PTH116 - may be an int


class Changed:
    """A module as one other module sees it, with some functions changed."""

    def __init__(self, module, functions):
        self._module = module
        self._functions = functions

    def __getattr__(self, name):
        return self._functions.get(name) or getattr(self._module, name)


def written_in_part(fd, data):
    """Write as on a full disk."""
    if data.startswith(b"{"):
        return os.write(fd, data[:1])
    raise OSError(errno.ENOSPC, "No space left on device")


PLACES = ["encode", "write", "fstat", "stat", "lseek", "read", "ftruncate", "lockf"]
"""Functions that writing an event calls; from `lseek` on, only beside another process, or to
repair a line that was written in part.
"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_a_file_passes_it_on(place, kind, interrupting, tmp_path, monkeypatch):
    """And goes on with the next event."""
    path = tmp_path / "t.jsonl"
    tracing = Tracing("file")
    with tracing.add_tail(JsonLinesTail(path), delivery="inline") as subscription:
        with tracing.span("first"):
            pass
        if place == "encode":
            monkeypatch.setattr(jsonlines, place, interrupting(jsonlines.encode, kind))
        elif place == "lockf":
            with path.open("a") as file:
                file.write("{}\n")
            changed = {place: interrupting(fcntl.lockf, kind, path)}
            monkeypatch.setattr(_files, "fcntl", Changed(fcntl, changed))
        else:
            if place in ("lseek", "read"):
                with path.open("a") as file:
                    file.write("{}\n")
            changed = {place: interrupting(getattr(os, place), kind, path)}
            if place == "ftruncate":
                changed["write"] = written_in_part
            monkeypatch.setattr(_files, "os", Changed(os, changed))
        with pytest.raises(kind, match="from the handler"):
            tracing.span("second").__enter__()
        monkeypatch.undo()
        with tracing.span("third"):
            pass
        assert subscription.stats.failed == 0
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    events = [json.loads(line).get("event", {}) for line in lines if line != "{"]
    names = [event.get("name") for event in events]
    assert [name for name in names if name in ("first", "third")] == ["first", "third"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["write", "isatty"])
def test_a_console_passes_it_on(place, kind, interrupting, monkeypatch):
    """And still draws."""
    monkeypatch.delenv("COLUMNS", raising=False)  # the terminal is asked for its width
    stream = io.StringIO()
    tracing = Tracing("console")
    with tracing.add_tail(ConsoleTail(stream, hold=0), delivery="inline"):
        with tracing.span("first"):
            pass
        setattr(stream, place, interrupting(getattr(stream, place), kind))
        with pytest.raises(kind, match="from the handler"):
            tracing.span("second").__enter__()
        with tracing.span("third"):
            pass
    assert "third" in stream.getvalue()


@pytest.mark.parametrize("kind", [*KINDS, RuntimeError, LookupError, TypeError])
def test_the_end_of_a_span_passes_it_on(kind, interrupting):
    """Also if it arrives as the span is detached; nothing stays current."""
    tracing = Tracing("end")
    ended = []
    with tracing.add_tail(lambda _: ended.append, delivery="inline"):
        tracer = tracing._tracer
        reset = tracer.reset
        scope = tracing.span("one")
        scope.__enter__()
        tracer.reset = interrupting(reset, kind)
        with pytest.raises(kind, match="from the handler"):
            scope.__exit__(None, None, None)
        tracer.reset = reset
        assert not tracing.current_span().is_traced
    assert ended[-1].event.type == "outcome"
