"""What a signal handler raises while an event is written comes out in the program."""

from __future__ import annotations

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

    def of(function, kind):
        def handler(number, frame):
            raise kind("from the handler")

        signal.signal(signal.SIGUSR1, handler)
        waiting = [True]

        def interrupted(*args, **kwargs):
            if waiting:
                waiting.clear()
                signal.raise_signal(signal.SIGUSR1)
            return function(*args, **kwargs)

        return interrupted

    yield of
    signal.signal(signal.SIGUSR1, before)


class Os:
    """The module `os` of one other module, with a function changed."""

    def __init__(self, name, function):
        self._changed = {name: function}

    def __getattr__(self, name):
        return self._changed.get(name) or getattr(os, name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["encode", "write", "fstat", "stat"])
def test_a_file_passes_it_on(place, kind, interrupting, tmp_path, monkeypatch):
    """And goes on with the next event."""
    tracing = Tracing("file")
    with tracing.add_tail(JsonLinesTail(tmp_path / "t.jsonl"), delivery="inline") as subscription:
        with tracing.span("first"):
            pass
        if place == "encode":
            monkeypatch.setattr(jsonlines, place, interrupting(jsonlines.encode, kind))
        else:
            monkeypatch.setattr(_files, "os", Os(place, interrupting(getattr(os, place), kind)))
        with pytest.raises(kind, match="from the handler"):
            tracing.span("second").__enter__()
        monkeypatch.undo()
        with tracing.span("third"):
            pass
        assert subscription.stats.failed == 0
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    names = [json.loads(line)["event"].get("name") for line in lines]
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
