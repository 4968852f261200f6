"""The live tree: what a person sees, line by line, from streams of events made by hand."""

# ruff: noqa: RUF001 - the glyphs are what is tested

from __future__ import annotations

import datetime as dt
import errno
import gc
import io
import os
import re
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import enterspan
from enterspan import events
from enterspan.events import (
    Attribute,
    Attributes,
    CustomEventInfo,
    DiagnosticChannel,
    DroppedEvents,
    Exception_,
    FetchEventInfo,
    FetchResponseInfo,
    Log,
    Onset,
    Outcome,
    Return,
    SpanClose,
    SpanOpen,
    StreamDiagnostic,
    TailEvent,
    TailSpanContext,
)
from enterspan.exporters import console
from enterspan.exporters.console import ConsoleTail

EPOCH = 1_700_000_000_000_000_000
MS = 1_000_000


def pairs(attributes):
    return tuple(Attribute(name, value) for name, value in attributes.items())


class Clock:
    """The time of all streams of one test, in milliseconds from the first."""

    def __init__(self):
        self.now = EPOCH

    def wait(self, milliseconds):
        self.now += int(milliseconds * MS)


class Stream:
    """One invocation's events, made by hand and given to a tail.

    Unless it *may_hold*, nothing is held back: what each event draws can be seen at once.
    """

    count = 0

    def __init__(
        self, tail, clock, name="main", info=None, *, inside=None, may_hold=False, **attributes
    ):
        Stream.count += 1
        self.tail = tail
        self.may_hold = may_hold
        self.id = f"{Stream.count:016x}"
        self.clock = clock
        self.began = clock.now
        self.sequence = 0
        self.spans = 0
        self.handler = tail(self.event(inside, Onset(self.id, name, info, pairs(attributes))))
        self.show()

    def show(self):
        if not self.may_hold:
            self.tail.flush()

    def event(self, span, payload):
        context = TailSpanContext("ab" * 16, span, None)
        made = TailEvent(self.id, context, self.clock.now, self.sequence, payload)
        self.sequence += 1
        return made

    def send(self, span, payload):
        self.handler(self.event(span or self.id, payload))
        self.show()

    def open(self, name, parent=None):
        self.spans += 1
        span = f"{self.id[8:]}{self.spans:08x}"
        self.send(parent, SpanOpen(span, name))
        return span

    def close(self, span, outcome="ok", after=0, **attributes):
        self.clock.wait(after)
        if attributes:
            self.send(span, Attributes(pairs(attributes)))
        self.send(span, SpanClose(outcome))

    def log(self, span, level, message, *, truncated=False, **attributes):
        self.send(span, Log(level, message, pairs(attributes), truncated))

    def fail(self, span, name, message):
        stack = f'Traceback (most recent call last):\n  File "shop.py", line 3\n{name}: {message}'
        self.send(span, Exception_(name, message, stack))

    def end(self, outcome="ok", cpu=1.5, **attributes):
        if attributes:
            self.send(None, Attributes(pairs(attributes)))
        self.send(None, Outcome(outcome, int(cpu * MS), self.clock.now - self.began))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def screen():
    """A stream in memory, and a tail that draws on it, 80 columns wide and without colours."""
    text = io.StringIO()
    return text, ConsoleTail(text, width=80, color=False)


def drawn(text):
    return text.getvalue().splitlines()


def art(picture):
    """The lines of a picture in this file: a bar at the left keeps their first columns."""
    return [line.strip()[1:] for line in picture.strip().splitlines()]


def test_a_program_is_drawn_as_a_tree(screen, clock):
    """A line at the open, a line with the duration at the close, and the outcome last."""
    text, tail = screen
    shop = Stream(tail, clock, "shop.py", CustomEventInfo("shop.py"), shift="early")
    load = shop.open("load")
    query = shop.open("sqlite", load)
    shop.log(query, "debug", "select", sql="select 1")
    shop.close(query, after=3.21, rows=12, cached=False)
    shop.close(load, after=40, source="shop.db")
    pay = shop.open("pay")
    shop.send(pay, DiagnosticChannel("retry", {"attempt": 2}))
    shop.log(pay, "warning", "slow", truncated=True, seconds=1.5)
    shop.close(pay, after=1250)
    clock.wait(0.75)
    shop.end(orders=3, shift="early")
    assert drawn(text) == art("""
        |            ╭ shop.py  shift=early
        |            │ ╭ load
        |            │ │ ╭ sqlite
        |   debug    │ │ │ select  sql="select 1"
        | 3.21 ms    │ │ ╰ sqlite  rows=12  cached=False
        | 43.2 ms    │ ╰ load  source=shop.db
        |            │ ╭ pay
        |   event    │ │ retry  attempt=2
        | warning    │ │ slow …  seconds=1.5
        | 1.25 s     │ ╰ pay
        | 1.29 s     ╰ shop.py  ok  4 spans, cpu 1.50 ms  orders=3
    """)


def test_a_failure_is_shown_on_the_line_of_the_span_that_it_left(screen, clock):
    """The error stands where it happened; the spans around it are marked, and say no more."""
    text, tail = screen
    main = Stream(tail, clock)
    pay = main.open("pay")
    charge = main.open("charge", pay)
    main.fail(charge, "CardDeclined", "card 4242 was declined")
    main.close(charge, "exception", after=12, card=4242)
    main.close(pay, "exception")
    main.end("exception")
    assert drawn(text) == art("""
        |            ╭ main
        |            │ ╭ pay
        |            │ │ ╭ charge
        | 12.0 ms    │ │ ✗ charge  CardDeclined: card 4242 was declined  card=4242
        | 12.0 ms    │ ✗ pay
        | 12.0 ms    ✗ main  exception  3 spans, 1 failed, cpu 1.50 ms
    """)


def test_a_failure_that_its_span_survived_gets_a_line_of_its_own(screen, clock):
    """A recorded exception is written before the next thing that happens."""
    text, tail = screen
    main = Stream(tail, clock)
    span = main.open("try")
    main.fail(span, "ValueError", "first")
    main.fail(span, "ValueError", "")
    main.log(span, "info", "going on")
    main.close(span)
    main.fail(None, "OSError", "of the root")
    main.end()
    assert drawn(text) == art("""
        |            ╭ main
        |            │ ╭ try
        |   error    │ │ ValueError: first
        |   error    │ │ ValueError
        |    info    │ │ going on
        |    0 ns    │ ╰ try
        |    0 ns    ╰ main  ok  OSError: of the root  2 spans, cpu 1.50 ms
    """)


def test_stacks_are_shown_when_they_are_asked_for(clock):
    """`stacks=True` shows the whole traceback below the failure, inside the rails."""
    text = io.StringIO()
    main = Stream(ConsoleTail(text, stacks=True), clock)
    span = main.open("work")
    main.fail(span, "ValueError", "kept")
    main.log(span, "info", "on")
    main.fail(span, "ValueError", "bad")
    main.close(span, "exception")
    main.end("exception")
    assert drawn(text) == art("""
        |            ╭ main
        |            │ ╭ work
        |   error    │ │ ValueError: kept
        |            │   Traceback (most recent call last):
        |            │     File "shop.py", line 3
        |            │   ValueError: kept
        |    info    │ │ on
        |    0 ns    │ ✗ work  ValueError: bad
        |            │   Traceback (most recent call last):
        |            │     File "shop.py", line 3
        |            │   ValueError: bad
        |    0 ns    ✗ main  exception  2 spans, 1 failed, cpu 1.50 ms
    """)


def test_ids_are_shown_when_they_are_asked_for(clock):
    """`ids=True` shows the trace's id on the first line and each span's where it opens."""
    text = io.StringIO()
    main = Stream(ConsoleTail(text, ids=True), clock)
    span = main.open("work")
    assert drawn(text)[0] == "            ╭ main  " + "ab" * 16
    assert drawn(text)[1] == f"            │ ╭ work  {span}"


def test_outcomes_other_than_ok_are_named(screen, clock):
    """canceled, abandoned, or what was given to close()."""
    text, tail = screen
    main = Stream(tail, clock)
    main.close(main.open("a"), "canceled")
    main.close(main.open("b"), "abandoned")
    main.end("too late")
    assert drawn(text)[2::2] == art("""
        |    0 ns    │ ╰ a  canceled
        |    0 ns    │ ╰ b  abandoned
    """)
    assert drawn(text)[-1] == "    0 ns    ╰ main  too late  3 spans, cpu 1.50 ms"


def test_an_answer_stands_beside_the_outcome(screen, clock):
    """The status of a response is on the last line, if nothing came between."""
    text, tail = screen
    request = Stream(tail, clock, "cart", FetchEventInfo("GET", "https://shop.example/cart"))
    request.send(None, Return(FetchResponseInfo(200)))
    request.end(user=7)
    assert drawn(text) == art("""
        |            ╭ cart  fetch GET https://shop.example/cart
        |    0 ns    ╰ cart  ok  200  cpu 1.50 ms  user=7
    """)


def test_an_answer_before_the_end_has_a_line_of_its_own(screen, clock):
    """What goes on after the response can be told from what went before."""
    text, tail = screen
    request = Stream(tail, clock, "cart")
    mail = request.open("mail")
    request.send(None, Return(FetchResponseInfo(503)))
    request.close(mail)
    request.send(None, Return(None))
    request.end()
    assert drawn(text) == art("""
        |            ╭ cart
        |            │ ╭ mail
        |  return    │ 503
        |    0 ns    │ ╰ mail
        |    0 ns    ╰ cart  ok  2 spans, cpu 1.50 ms
    """)


def test_dropped_events_are_told(screen, clock):
    """A stream with a hole in it says so before its outcome."""
    text, tail = screen
    main = Stream(tail, clock)
    main.send(None, StreamDiagnostic(DroppedEvents(1)))
    main.send(None, StreamDiagnostic(DroppedEvents(1200)))
    assert drawn(text)[1:] == art("""
        | dropped    │ 1 event could not be delivered
        | dropped    │ 1200 events could not be delivered
    """)


def test_events_of_spans_that_never_opened_do_no_harm(screen, clock):
    """After a drop, closes without an open are passed over, and children hang on the root."""
    text, tail = screen
    main = Stream(tail, clock)
    main.close("f" * 16, rows=1)
    main.close(main.open("child", "e" * 16))
    main.log("d" * 16, "info", "somewhere")
    main.end()
    assert drawn(text) == art("""
        |            ╭ main
        |            │ ╭ child
        |    0 ns    │ ╰ child
        |    info    │ somewhere
        |    0 ns    ╰ main  ok  2 spans, cpu 1.50 ms
    """)


def test_an_event_of_a_kind_to_come_is_passed_over(screen, clock):
    """A vocabulary that grows does not break the tail."""
    text, tail = screen
    main = Stream(tail, clock)

    class Novelty:
        type = "novelty"

    main.send(None, Novelty())
    assert len(drawn(text)) == 1


def test_a_second_onset_is_passed_over(screen, clock):
    """A stream that begins again inside itself is drawn to its end, once."""
    text, tail = screen
    main = Stream(tail, clock)
    main.send(main.id, Onset(main.id, "again", None, ()))
    main.close(main.open("work"))
    main.end()
    assert drawn(text) == art("""
        |            ╭ main
        |            │ ╭ work
        |    0 ns    │ ╰ work
        |    0 ns    ╰ main  ok  2 spans, cpu 1.50 ms
    """)


# --- several things at once -----------------------------------------------------------------------


def test_namesakes_that_are_open_side_by_side_are_numbered(screen, clock):
    """Three fetches at once are told apart; one after the other they need no number."""
    text, tail = screen
    main = Stream(tail, clock)
    first, second, third = (main.open("fetch") for _ in range(3))
    parse = main.open("parse", second)
    main.log(first, "info", "redirected")
    main.close(parse)
    main.close(second)
    main.close(first)
    main.close(third)
    main.close(main.open("fetch"))
    assert drawn(text) == art("""
        |            ╭ main
        |            │ ╭ fetch
        |            │ ╭ fetch #2
        |            │ ╭ fetch #3
        |            │ │ ╭ parse  ‹fetch #2›
        |    info    │ │ redirected  ‹fetch›
        |    0 ns    │ │ ╰ parse
        |    0 ns    │ ╰ fetch #2
        |    0 ns    │ ╰ fetch
        |    0 ns    │ ╰ fetch #3
        |            │ ╭ fetch
        |    0 ns    │ ╰ fetch
    """)


def test_a_child_that_outlives_its_parent_still_says_where_it_belongs(screen, clock):
    """A closed span is remembered while it has open children, and then forgotten."""
    text, tail = screen
    main = Stream(tail, clock)
    outer = main.open("outer")
    middle = main.open("middle", outer)
    inner = main.open("inner", middle)
    main.close(outer)
    main.close(middle)
    main.log(inner, "info", "still here")
    main.close(inner)
    main.log(outer, "info", "late")
    assert drawn(text)[4:] == art("""
        |    0 ns    │ ╰ outer
        |    0 ns    │ │ ╰ middle
        |    info    │ │ │ │ still here  ‹inner›
        |    0 ns    │ │ │ ╰ inner
        |    info    │ late
    """)


def test_invocations_that_are_open_at_once_are_numbered(screen, clock):
    """Each line says whose it is, as long as there is more than one; then the numbers go."""
    text, tail = screen
    first = Stream(tail, clock, "first")
    second = Stream(tail, clock, "second")
    a, b = first.open("a"), second.open("b")
    first.close(a)
    first.end()
    second.close(b)
    third = Stream(tail, clock, "third")
    third.end()
    second.end()
    Stream(tail, clock, "fourth").end()
    assert drawn(text) == art("""
        |            ╭ first
        |          2 ╭ second
        |          1 │ ╭ a  ‹first›
        |          2 │ ╭ b  ‹second›
        |    0 ns  1 │ ╰ a
        |    0 ns  1 ╰ first  ok  2 spans, cpu 1.50 ms
        |    0 ns  2 │ ╰ b
        |          3 ╭ third
        |    0 ns  3 ╰ third  ok  cpu 1.50 ms
        |    0 ns  2 ╰ second  ok  2 spans, cpu 1.50 ms
        |            ╭ fourth
        |    0 ns    ╰ fourth  ok  cpu 1.50 ms
    """)


def test_an_invocation_inside_another_is_drawn_inside_it(screen, clock):
    """A request in a program that is run: one tree, and no numbers while there is one request."""
    text, tail = screen
    program = Stream(tail, clock, "server.py")
    serve = program.open("serve")
    request = Stream(tail, clock, "GET /", inside=serve)
    request.close(request.open("query"))
    request.end()
    program.close(serve)
    program.end()
    assert drawn(text) == art("""
        |            ╭ server.py
        |            │ ╭ serve
        |            │ │ ╭ GET /
        |            │ │ │ ╭ query
        |    0 ns    │ │ │ ╰ query
        |    0 ns    │ │ ╰ GET /  ok  2 spans, cpu 1.50 ms
        |    0 ns    │ ╰ serve
        |    0 ns    ╰ server.py  ok  2 spans, cpu 1.50 ms
    """)


def test_requests_at_once_inside_a_program_are_numbered(screen, clock):
    """Two requests compete; the program they run in does not."""
    text, tail = screen
    program = Stream(tail, clock, "server.py")
    first = Stream(tail, clock, "GET /a", inside=program.id)
    second = Stream(tail, clock, "GET /b", inside=program.id)
    first.log(None, "info", "a")
    second.log(None, "info", "b")
    first.end()
    second.end()
    program.log(None, "info", "done")
    assert drawn(text) == art("""
        |            ╭ server.py
        |            │ ╭ GET /a
        |          3 │ ╭ GET /b
        |    info  2 │ │ a  ‹GET /a›
        |    info  3 │ │ b  ‹GET /b›
        |    0 ns  2 │ ╰ GET /a  ok  cpu 1.50 ms
        |    0 ns  3 │ ╰ GET /b  ok  cpu 1.50 ms
        |    info    │ done  ‹server.py›
    """)


def test_a_parent_that_is_not_here_is_no_parent(screen, clock):
    """A request that continues a trace from elsewhere is a tree of its own."""
    text, tail = screen
    other = Stream(tail, clock, "other")
    Stream(tail, clock, "request", inside="e" * 16).end()
    other.end()
    assert drawn(text) == art("""
        |            ╭ other
        |          2 ╭ request
        |    0 ns  2 ╰ request  ok  cpu 1.50 ms
        |    0 ns    ╰ other  ok  cpu 1.50 ms
    """)


def test_a_number_is_not_used_twice_while_anything_is_open(screen, clock):
    """A long invocation sees a hundred others come and go; then numbers begin again."""
    text, tail = screen
    long = Stream(tail, clock, "long")
    for n in range(150):
        Stream(tail, clock, f"short {n}").end()
    long.end()
    Stream(tail, clock, "alone").end()
    numbers = [line[9:11].strip() for line in drawn(text) if "╭ short" in line]
    assert numbers[:3] == ["2", "3", "4"]
    assert len(set(numbers[:98])) == 98
    assert max(map(int, numbers)) == 99
    assert "╭ alone" in drawn(text)[-2]
    assert drawn(text)[-2].strip() == "╭ alone"


def test_more_invocations_than_two_digits_have_numbers_of_three(screen, clock):
    text, tail = screen
    streams = [Stream(tail, clock, f"request {n}") for n in range(150)]
    numbers = [line[8:12].strip() for line in drawn(text)]
    assert numbers == ["", *[str(n) for n in range(2, 151)]]
    for stream in streams:
        stream.end()


def test_a_request_that_ended_in_500_is_marked_and_says_each_thing_once(screen, clock):
    text, tail = screen
    stream = Stream(tail, clock, "GET /orders/{id}")
    stream.send(stream.id, Attributes((
        Attribute("http.request.method", "GET"),
        Attribute("http.route", "/orders/{id}"),
        Attribute("http.response.status_code", 500),
        Attribute("order", 7),
    )))  # fmt: skip
    stream.send(stream.id, Return(FetchResponseInfo(500)))
    stream.end()
    assert drawn(text)[-1] == "    0 ns    ✗ GET /orders/{id}  ok  500  cpu 1.50 ms  order=7"


def test_a_failure_is_counted_where_it_begins(screen, clock):
    """Two failures: one passed two spans, the other was caught by the root."""
    text, tail = screen
    stream = Stream(tail, clock, "main")
    outer = stream.open("outer")
    inner = stream.open("inner", outer)
    stream.close(inner, "exception")
    stream.close(outer, "exception")
    stream.close(stream.open("other"), "exception")
    stream.end("exception")
    assert "4 spans, 2 failed" in drawn(text)[-1]


def test_an_invocation_that_is_dropped_gives_its_number_back(screen, clock):
    """A tail that was removed never sees the outcome; its invocations are not counted for ever."""
    text, tail = screen
    for _ in range(3):
        Stream(tail, clock, "gone")
        gc.collect()
    Stream(tail, clock, "next")
    assert drawn(text) == ["            ╭ gone"] * 3 + ["            ╭ next"]


def test_nothing_of_an_invocation_is_kept_after_its_outcome(screen, clock):
    """Its spans are freed, also where somebody still holds the handler."""
    _, tail = screen
    main = Stream(tail, clock)
    main.open("never closed")
    main.end()
    handler = main.handler
    assert handler.args[0].spans == {}
    gone = weakref.ref(handler)
    del handler, main
    gc.collect()
    assert gone() is None


def test_long_invocations_keep_only_what_is_open(screen, clock):
    """A program that runs for days does not fill memory with the spans it has closed."""
    _, tail = screen
    main = Stream(tail, clock)
    for _ in range(100):
        outer = main.open("outer")
        main.close(main.open("inner", outer))
        main.close(outer)
    assert len(main.handler.args[0].spans) == 1


# --- what the terminal can take -------------------------------------------------------------------


def test_lines_fit_a_narrow_terminal(clock):
    """At 40 columns every line fits, and says by an ellipsis that there was more."""
    text = io.StringIO()
    main = Stream(ConsoleTail(text, width=40), clock, "a program with a rather long name")
    span = main.open("select")
    main.close(span, sql="select id, name from products", rows=3)
    main.end()
    assert drawn(text) == art("""
        |            ╭ a program with a rather l…
        |            │ ╭ select
        |    0 ns    │ ╰ select  sql="select id,…
        |    0 ns    ╰ a program wi…  ok  2 span…
    """)


@pytest.mark.parametrize("width", [20, 33, 60, 200])
def test_no_line_is_wider_than_the_terminal(width, clock):
    """However deep, long or wide the text: lines never wrap."""
    text = io.StringIO()
    main = Stream(
        ConsoleTail(text, width=width), clock, "日本語" * 50, FetchEventInfo("G", "/" * 99)
    )
    at = None
    for depth in range(60):
        at = main.open(f"level {depth} 漢字", at)
        main.log(at, "info", "e\u0301" * 80, 鍵="値" * 40)
    main.fail(at, "Broken", "x" * 300)
    main.close(at, "exception", a="b" * 500)
    main.end()
    lines = drawn(text)
    assert len(lines) == 123
    assert max(columns(line) for line in lines) <= width


def columns(line):
    """What the lines of the test above take: CJK two columns, a combining accent none."""
    return sum(2 if "\u3000" < c < "\ufb00" else 0 if c == "\u0301" else 1 for c in line)


def test_levels_that_are_too_deep_to_draw_are_counted(clock):
    """At half of the width the rails stop, and a number says how many there are more."""
    text = io.StringIO()
    main = Stream(ConsoleTail(text, width=28), clock)
    at = None
    for depth in range(6):
        at = main.open(str(depth), at)
    assert drawn(text) == art("""
        |            ╭ main
        |            │ ╭ 0
        |            │ │ ╭ 1
        |            │ │ │ ╭ 2
        |            │ │ │ │ ╭ 3
        |            │ │ +3  ╭ 4
        |            │ │ +4  ╭ 5
    """)


def test_nothing_that_could_move_the_cursor_reaches_the_terminal(screen, clock):
    """Escape sequences, newlines and direction marks in names and values are shown, not obeyed."""
    text, tail = screen
    evil = "a\x1b[2J\r\nb\x00\x85\u202e\u2028\ud800"
    main = Stream(tail, clock, evil, **{evil: evil})
    span = main.open(evil)
    main.fail(span, evil, evil)
    main.close(span, evil, **{evil: (evil,)})
    main.log(None, evil, evil)
    main.send(None, DiagnosticChannel(evil, {evil: evil}))
    main.end(evil)
    shown = text.getvalue()
    assert all(line.isprintable() for line in shown.split("\n"))
    assert len(drawn(text)) == 6
    assert "a\\x1b[2J\\r\\nb\\x00\\x85\\u202e\\u2028\\ud800" in drawn(text)[1]


def test_a_stream_that_can_not_draw_gets_plain_ascii(clock):
    """The glyphs, the micro sign and the ellipsis have ASCII forms; other text is escaped."""
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, "ascii")
    main = Stream(ConsoleTail(text, width=60), clock, "café")
    first = main.open("a")
    second = main.open("b")
    main.log(first, "info", "x" * 100)
    main.close(first, "exception", after=0.05)
    main.close(second)
    main.end()
    assert raw.getvalue().decode("ascii").splitlines() == art(
        r"""
        |            / caf\xe9
        |            | / a
        |            | / b
        |    info    | | """
        + "x" * 41
        + r"""...
        | 50.0 us    | x a
        | 50.0 us    | \ b
        | 50.0 us    \ caf\xe9  ok  3 spans, 1 failed, cpu 1.50 ms
    """
    )


def test_the_stream_is_what_sys_stderr_is_at_the_time(clock, monkeypatch):
    """Without a stream, redirections of sys.stderr are followed, and None is no error."""
    before, after = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", before)
    main = Stream(ConsoleTail(), clock)
    monkeypatch.setattr(sys, "stderr", None)
    main.log(None, "info", "lost")
    monkeypatch.setattr(sys, "stderr", after)
    main.end()
    assert (len(drawn(before)), len(drawn(after))) == (1, 1)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


COLORED = {
    (True, None): True,
    (False, None): False,
    (True, ("NO_COLOR", "1")): False,
    (True, ("NO_COLOR", "")): True,
    (False, ("FORCE_COLOR", "1")): True,
    (False, ("FORCE_COLOR", "")): False,
    (True, ("TERM", "dumb")): False,
}


@pytest.fixture
def bare(monkeypatch):
    """An environment that says nothing about colours and columns."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("is_terminal, variable", COLORED)
def test_colours_are_for_terminals_unless_the_environment_objects(
    is_terminal, variable, bare, clock
):
    """NO_COLOR, FORCE_COLOR and TERM=dumb are heard; an empty variable says nothing."""
    if variable:
        bare.setenv(*variable)
    text = Terminal() if is_terminal else io.StringIO()
    Stream(ConsoleTail(text), clock)
    assert ("\x1b[" in text.getvalue()) is COLORED[is_terminal, variable]


def test_no_color_wins_over_force_color(bare, clock):
    """Who asks for no colours gets none."""
    bare.setenv("NO_COLOR", "1")
    bare.setenv("FORCE_COLOR", "1")
    text = Terminal()
    Stream(ConsoleTail(text), clock)
    assert text.getvalue() == "            ╭ main\n"


def test_colours_say_what_matters(clock):
    """Failures are red, what is ok is green, structure is dim, and each colour is taken back."""
    text = io.StringIO()
    main = Stream(ConsoleTail(text, color=True), clock)
    span = main.open("pay")
    main.fail(span, "ValueError", "bad")
    main.close(span, "exception", after=5, n=1)
    main.end()
    dim, red, off = "\x1b[2m", "\x1b[1;31m", "\x1b[0m"
    summary = "2 spans, 1 failed, cpu 1.50 ms"
    assert drawn(text) == [
        f"        {dim}    ╭ {off}\x1b[1mmain{off}",
        f"        {dim}    │ ╭ {off}pay",
        f" 5.00 ms{dim}    │ {off}{red}✗ pay{off}  \x1b[31mValueError: bad{off}  {dim}n={off}1",
        f" 5.00 ms{dim}    ╰ {off}\x1b[1mmain{off}  \x1b[32mok{off}  {dim}{summary}{off}",
    ]


def test_colours_change_nothing_else(clock):
    """Without the colours, the lines are those of a plain stream."""
    texts = io.StringIO(), io.StringIO()
    for text, color in zip(texts, (True, False), strict=True):
        tail = ConsoleTail(text, color=color, width=50)
        main, other = Stream(tail, clock, "main"), Stream(tail, clock, "other")
        span = main.open("x" * 60)
        main.log(span, "error", "漢字" * 30)
        main.close(span, "canceled", key="value")
        other.send(None, Return(FetchResponseInfo(404)))
        other.end()
        main.end("exception")
    assert re.sub(r"\x1b\[[\d;]*m", "", texts[0].getvalue()) == texts[1].getvalue()


@pytest.mark.parametrize(
    "columns, width", [("", 100), ("50", 50), ("7", 20), ("0", 100), ("x", 100)]
)
def test_a_file_is_as_wide_as_columns_says_or_100(columns, width, bare, clock):
    """COLUMNS counts if it is a number; less than 20 columns is not tried."""
    bare.setenv("COLUMNS", columns)
    text = io.StringIO()
    Stream(ConsoleTail(text), clock, "x" * 300)
    assert len(drawn(text)[0]) == width


@pytest.mark.parametrize(
    "width, error", [(19, ValueError), (0, ValueError), ("80", TypeError), (True, TypeError)]
)
def test_a_width_that_is_none_is_refused(width, error):
    """The mistake is named where it is made."""
    with pytest.raises(error, match="width must be"):
        ConsoleTail(width=width)


PTY = """
import os, pty, struct, fcntl, termios, sys
child, fd = pty.fork()
if not child:
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 46, 0, 0))
os.write(fd, b"\\n")
shown = b""
try:
    while chunk := os.read(fd, 4096):
        shown += chunk
except OSError:
    pass
os.waitpid(child, 0)
sys.stdout.write(shown.decode())
"""

ON_THE_TERMINAL = """
input()
from enterspan import tracing
from enterspan.exporters.console import ConsoleTail
tracing.add_tail(ConsoleTail(), delivery="inline")
with tracing.span("x" * 90) as span:
    tracing.log("info", "x" * 90)
"""


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
def test_a_real_terminal_gets_colours_and_its_own_width():
    """On a pseudo-terminal of 46 columns, lines have colours and 46 columns."""
    environ = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    result = subprocess.run(
        [sys.executable, "-c", PTY, ON_THE_TERMINAL],
        env={**environ, "TERM": "xterm"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in result.stdout.splitlines() if "xxx" in line][:2]
    assert [len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in lines] == [46, 46]
    assert "\x1b[1m" in lines[0]
    assert "\x1b[36m" in lines[1]


# --- what can go wrong ----------------------------------------------------------------------------


class Broken(io.StringIO):
    """A stream that fails, and counts how often it was tried."""

    def __init__(self, error):
        super().__init__()
        self.error = error
        self.tries = 0

    def write(self, text):
        self.tries += 1
        raise self.error


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError(), OSError(5, "I/O error"), ValueError("closed"), RuntimeError("again")],
)
def test_a_stream_that_breaks_is_left_alone(error, clock):
    """The program never learns of it, and there is no second try."""
    broken = Broken(error)
    main = Stream(ConsoleTail(broken), clock)
    main.close(main.open("a"))
    main.end()
    Stream(ConsoleTail(broken), clock)
    assert broken.tries == 2


def test_a_full_disk_is_counted_and_written_to_again(mine):
    """Each event that it did not take is counted as failed, and the others are there."""
    full = Broken(OSError(errno.ENOSPC, "No space left"))
    room = io.StringIO()

    class Disk(io.StringIO):
        place = full

        def write(self, text):
            return self.place.write(text)

    disk = Disk()
    tail = mine.add_tail(ConsoleTail(disk, color=False), delivery="inline")
    with mine.invocation("main"):
        with mine.span("lost"):
            pass
        disk.place = room
        with mine.span("kept"):
            pass
    assert "kept" in room.getvalue()
    assert "lost" not in room.getvalue()
    assert tail.stats.failed == full.tries > 0
    assert tail.stats.received == tail.stats.exported + tail.stats.failed


def test_a_closed_stream_is_no_error(clock):
    """A file that was closed under us gets nothing more."""
    text = io.StringIO()
    tail = ConsoleTail(text)
    main = Stream(tail, clock)
    text.close()
    main.end()


def test_a_stream_for_bytes_is_no_error(clock):
    """What can't take text gets none."""
    raw = io.BytesIO()
    Stream(ConsoleTail(raw), clock).end()
    assert raw.getvalue() == b""


def test_threads_do_not_tear_each_others_lines(clock):
    """Lines of invocations in many threads come out whole, and all of them."""
    text = io.StringIO()
    tail = ConsoleTail(text)
    streams = [Stream(tail, clock, f"thread {n}") for n in range(8)]
    ready = threading.Barrier(8)

    def work(stream):
        ready.wait()
        for n in range(50):
            stream.close(stream.open(f"span {n}"))
        stream.end()

    threads = [threading.Thread(target=work, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = drawn(text)
    whole = re.compile(r"[ \dmnµs.]{8}[ \d]{4}(│ )?[╭╰] (span \d+(  ‹thread \d›)?|thread \d.*)")
    assert len(lines) == 8 * (1 + 100 + 1)
    assert [line for line in lines if not whole.fullmatch(line)] == []


def test_an_event_from_within_a_write_comes_after_it(clock):
    """A signal handler or a finalizer that traces during a write neither hangs nor tears."""
    lines = []
    late = []

    class Nested(io.StringIO):
        def write(self, text):
            if "first" in text:
                late.append(Stream(tail, clock, "second"))
            lines.append(text.strip().split()[-1])

    tail = ConsoleTail(Nested())
    late.append(Stream(tail, clock, "first"))
    assert lines == ["first", "second"]


FORKING = """
import io, os, sys, threading
from enterspan import tracing
from enterspan.exporters.console import ConsoleTail

class Slow(io.StringIO):
    def write(self, text):
        if os.getpid() == parent:
            writing.set()
            forked.wait()
        else:
            sys.stdout.write(text)

parent, writing, forked = os.getpid(), threading.Event(), threading.Event()
tracing.add_tail(ConsoleTail(Slow()), delivery="inline")
thread = threading.Thread(target=lambda: tracing.span("slow").__enter__())
thread.start()
writing.wait()
child = os.fork()
if child:
    forked.set()
    thread.join()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with tracing.span("in the child"):
    pass
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_child_forked_while_a_line_is_written_draws_its_own():
    """The parent's thread, which holds the pen, is not there in the child."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert result.returncode == 0, result.stderr
    shown = r"(.*╭ in the child\n)?.*[╰─] in the child  ok.*\n"
    assert re.fullmatch(shown, result.stdout)


# --- what an invocation is about ------------------------------------------------------------------

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone.utc)
ABOUT = [
    (events.FetchEventInfo("GET", "/cart"), "  fetch GET /cart"),
    (events.ConnectEventInfo(), "  connect"),
    (events.RpcEventInfo("Shop.buy"), "  rpc Shop.buy"),
    (
        events.ScheduledEventInfo(NOON, "0 12 * * *"),
        "  scheduled 0 12 * * * 2026-03-01T12:00:00+00:00",
    ),
    (events.AlarmEventInfo(NOON), "  alarm " + NOON.isoformat()),
    (events.QueueEventInfo("mails", 10), "  queue mails 10"),
    (events.EmailEventInfo("a@x.example", "b@x.example", 900), "  email a@x.example b@x.example"),
    (events.TraceEventInfo(()), "  trace"),
    (events.WebSocketEventInfo("close", 1001, was_clean=True), "  webSocket close 1001"),
    (events.WebSocketEventInfo("message"), "  webSocket message"),
    (events.TestEventInfo("test_cart"), "  test test_cart"),
    (events.CustomEventInfo("nightly"), "  custom nightly"),
    (events.CustomEventInfo("main"), ""),
    (events.CustomEventInfo(), ""),
    (None, ""),
]


@pytest.mark.parametrize("info, shown", ABOUT)
def test_the_first_line_says_what_the_invocation_is_about(info, shown, screen, clock):
    """Each kind in its own words; nothing where the name has said it."""
    text, tail = screen
    Stream(tail, clock, "main", info)
    assert drawn(text) == ["            ╭ main" + shown]


# --- a span that ends at once is one line ---------------------------------------------------------


def test_a_span_that_ends_at_once_is_one_line(screen, clock):
    """Nothing between its opening and its end, and no more than 20 ms: one line says both."""
    text, tail = screen
    main = Stream(tail, clock, may_hold=True)
    quick = main.open("quick")
    main.close(quick, after=20, n=1)
    slow = main.open("slow")
    main.close(slow, after=21)
    assert drawn(text) == [
        "            ╭ main",
        " 20.0 ms    │ ─ quick  n=1",
        "            │ ╭ slow",
        " 21.0 ms    │ ╰ slow",
    ]


@pytest.mark.parametrize("what", ["log", "child", "event", "other", "survived", "dropped"])
def test_what_comes_between_needs_a_line_before_it(screen, clock, what):
    """The opening is written first, so that lines are in the order in which things happened."""
    text, tail = screen
    main = Stream(tail, clock, may_hold=True)
    span = main.open("work")
    if what == "log":
        main.log(span, "info", "hello")
    elif what == "child":
        main.close(main.open("child", span))
    elif what == "event":
        main.send(span, DiagnosticChannel("ready", {}))
    elif what == "other":
        Stream(tail, clock, "other", may_hold=True)
    elif what == "survived":
        main.fail(span, "ValueError", "bad")
        main.log(span, "info", "hello")
    else:
        main.send(None, StreamDiagnostic(DroppedEvents(3)))
    main.close(span)
    lines = [line[12:].split("  ")[0] for line in drawn(text)]
    assert lines[0].lstrip("1 ") == "╭ main"
    assert lines[1].endswith("│ ╭ work")
    assert lines[-1].endswith("│ ╰ work")
    assert len(lines) > 3


def test_a_failure_at_once_is_one_line(screen, clock):
    """With its error, its number beside a namesake, and its outcome."""
    text, tail = screen
    main = Stream(tail, clock, may_hold=True)
    bad = main.open("bad")
    main.fail(bad, "ValueError", "no")
    main.close(bad, "exception", after=1)
    gone = main.open("gone")
    main.close(gone, "canceled", after=1)
    assert drawn(text)[1:] == [
        " 1.00 ms    │ ✗ bad  ValueError: no",
        " 1.00 ms    │ ─ gone  canceled",
    ]


def test_an_invocation_that_ends_at_once_is_one_line(screen, clock):
    """What it is about, how it ended, and all of its attributes, each once."""
    text, tail = screen
    info = FetchEventInfo("GET", "https://shop.example/cart/7", {})
    got = Stream(tail, clock, "GET", info, may_hold=True, user="jo", size=1)
    got.clock.wait(3)
    got.send(None, Attributes(pairs({"user": "jo", "size": 2, "http.route": "/cart/{id}"})))
    got.send(None, Return(FetchResponseInfo(200)))
    got.send(None, Outcome("ok", MS, 3 * MS))
    assert drawn(text) == [
        " 3.00 ms    ─ GET /cart/{id}  fetch GET https://shop.example/cart/7  ok  200  cpu 1.00 ms",
        "  user=jo  size=2",
    ] or drawn(text)[0].startswith(" 3.00 ms    ─ GET /cart/{id}  fetch GET https://shop.ex")
    assert len(text.getvalue().splitlines()) == 1


def test_what_is_held_back_is_written_in_a_moment():
    """A span that stays open is seen without any other event, and by no thread that counts."""
    written = threading.Event()

    class Told(io.StringIO):
        def write(self, text):
            done = super().write(text)
            if "waiting" in text:
                written.set()
            return done

    mine = enterspan.Tracing("held")
    text = Told()
    before = threading.active_count()
    mine.add_tail(ConsoleTail(text, width=80, color=False), delivery="inline")
    with mine.span("main"), mine.span("waiting"):
        assert written.wait(30)
        assert threading.active_count() == before
    assert [line[12:].split("  ")[0] for line in drawn(text)] == [
        "╭ main",
        "│ ╭ waiting",
        "│ ╰ waiting",
        "╰ main",
    ]
    mine.shutdown(5)


def test_flush_writes_what_is_held_back(screen, clock):
    """And only once."""
    text, tail = screen
    Stream(tail, clock, may_hold=True)
    tail.flush()
    tail.flush()
    assert drawn(text) == ["            ╭ main"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_line_held_back_at_a_fork_is_the_parents(screen, clock, tmp_path):
    """It is written before the fork, once."""
    path = tmp_path / "lines"
    with path.open("w", encoding="utf-8") as file:
        main = Stream(ConsoleTail(file, width=80, color=False), clock, may_hold=True)
        child = os.fork()
        if not child:
            main.tail.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert path.read_text("utf-8").splitlines() == ["            ╭ main"]


def test_a_tail_that_is_let_go_takes_its_thread_with_it(clock):
    """The thread that writes late holds no tail, and ends."""
    tail = ConsoleTail(io.StringIO())
    late = tail._late
    Stream(tail, clock, may_hold=True)
    gone = weakref.ref(tail)
    del tail
    gc.collect()
    assert gone() is None
    deadline = time.monotonic() + 30
    while late.is_running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not late.is_running


def test_with_no_hold_each_line_comes_at_once(clock):
    """Two lines for each span, in step with what the program itself writes."""
    text = io.StringIO()
    tail = ConsoleTail(text, width=80, color=False, hold=0)
    main = Stream(tail, clock, may_hold=True)
    assert drawn(text) == ["            ╭ main"]
    main.close(main.open("step"))
    assert drawn(text) == ["            ╭ main", "            │ ╭ step", "    0 ns    │ ╰ step"]


@pytest.mark.parametrize(
    "hold, error",
    [
        ("1", TypeError),
        (True, TypeError),
        (-1, ValueError),
        (61, ValueError),
        (float("nan"), ValueError),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(hold, error):
    """With what it may be."""
    with pytest.raises(error, match="hold must be"):
        ConsoleTail(hold=hold)


@pytest.mark.parametrize("stream", ["trace.txt", 2, b"x"])
def test_what_is_no_stream_is_refused(stream):
    """Nothing would ever be shown."""
    with pytest.raises(TypeError, match="stream must be an open stream, not "):
        ConsoleTail(stream)


# --- any order of events --------------------------------------------------------------------------

STEPS = ["begin", "nest", "open", "open", "close", "close", "log", "fail", "end", "wait", "late"]
LINE = re.compile(r".{8} (?P<number>.{2}) (?P<rails>(?:│ )*)(?P<sign>[╭╰─✗]) (?P<name>s\d+)\b.*")


class Spans:
    """Spans of several invocations at once, opened and closed in any order, with a name each."""

    def __init__(self, tail, clock):
        self.tail = tail
        self.clock = clock
        self.depths = {}
        self.streams = []
        self.open = []  # the stream, the span or None for its root, its name, its depth

    def step(self, what, pick):
        index = pick % len(self.open) if self.open else 0
        if what == "wait":
            self.clock.wait(pick % 30)
        elif what == "late":
            self.tail.flush()
        elif what == "begin" or not self.open:
            self.begin(None, 0)
        elif what == "end":
            self.end(self.streams[pick % len(self.streams)])
        else:
            self.step_in(what, *self.open[index])

    def step_in(self, what, stream, span, name, depth):
        if what == "nest":
            self.begin(span or stream.id, depth + 1)
        elif what == "open":
            new = self.name(depth + 1)
            self.open.append((stream, stream.open(new, span), new, depth + 1))
        elif what == "log":
            stream.log(span, "info", "hello")
        elif what == "fail":
            stream.fail(span, "ValueError", "no")
        elif span is not None:
            stream.close(span)
            self.open.remove((stream, span, name, depth))

    def begin(self, inside, depth):
        name = self.name(depth)
        stream = Stream(self.tail, self.clock, name, inside=inside, may_hold=True)
        self.streams.append(stream)
        self.open.append((stream, None, name, depth))

    def end(self, stream):
        for each in [each for each in self.open if each[0] is stream and each[1]]:
            stream.close(each[1])
        stream.end()
        self.open = [each for each in self.open if each[0] is not stream]
        self.streams.remove(stream)

    def name(self, depth):
        name = f"s{len(self.depths)}"
        self.depths[name] = depth
        return name


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1000)), max_size=60))
def test_each_span_has_one_line_at_its_opening_and_one_at_its_end(steps):
    """Whatever goes on at once: a whole line, or an opening and, later, one end at its depth."""
    text = io.StringIO()
    clock = Clock()
    tail = ConsoleTail(text, width=1000, color=False)
    spans = Spans(tail, clock)
    for step in steps:
        spans.step(*step)
    for stream in list(spans.streams):
        spans.end(stream)
    tail.flush()
    signs = {}
    for line in drawn(text):
        found = LINE.fullmatch(line)
        if found is not None:
            assert len(found["rails"]) // 2 == spans.depths[found["name"]], line
            signs.setdefault(found["name"], []).append(found["sign"])
    assert set(signs) == set(spans.depths)
    for found in signs.values():
        assert found in (["─"], ["✗"], ["╭", "╰"], ["╭", "✗"])


# --- the thread that writes late ------------------------------------------------------------------


def test_a_line_is_written_to_where_it_was_held_back(clock, monkeypatch):
    """What redirects standard error meanwhile captures only what happens there."""
    before, captured = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", before)
    main = Stream(ConsoleTail(width=80, color=False), clock, may_hold=True)
    monkeypatch.setattr(sys, "stderr", captured)
    main.tail.flush()
    assert (drawn(before), drawn(captured)) == (["            ╭ main"], [])
    span = main.open("inside")
    monkeypatch.setattr(sys, "stderr", before)
    main.close(span)
    main.end()
    assert drawn(captured) == ["            │ ╭ inside"]
    assert len(drawn(before)) == 3


class Slow(io.StringIO):
    """A stream that keeps a thread that is not the test's until it may go on."""

    def __init__(self):
        super().__init__()
        self.own = threading.get_ident()
        self.writing = threading.Event()
        self.go_on = threading.Event()

    def write(self, text):
        if threading.get_ident() != self.own:
            self.writing.set()
            self.go_on.wait(60)
        return super().write(text)


def test_a_flush_waits_for_a_line_that_is_being_written_late():
    """A process ends with the whole tree, though another thread was just writing."""
    mine = enterspan.Tracing("late")
    text = Slow()
    mine.add_tail(ConsoleTail(text, width=80, color=False), delivery="inline")
    with mine.span("main"):
        assert text.writing.wait(30)
        threading.Timer(0.1, text.go_on.set).start()
    assert mine.flush(30)
    assert [line[12:].split("  ")[0] for line in drawn(text)] == ["╭ main", "╰ main"]
    mine.shutdown(5)


def test_a_flush_of_a_tracing_writes_what_is_held_back():
    """`flush()` delivers to a person what a person waits for."""
    mine = enterspan.Tracing("flushed")
    text = io.StringIO()
    mine.add_tail(ConsoleTail(text, width=80, color=False), delivery="inline")
    with mine.span("main"):
        assert mine.flush()
        assert drawn(text) == ["            ╭ main"]


def test_what_a_stream_does_not_take_is_bounded_and_counted(monkeypatch):
    """A terminal that was stopped (Ctrl-S) costs neither memory nor time without end."""
    monkeypatch.setattr(console, "_MOST", 10)
    monkeypatch.setattr(console, "_PATIENCE", 0.01)
    mine = enterspan.Tracing("stopped")
    text = Slow()
    tail = ConsoleTail(text, width=80, color=False)
    subscription = mine.add_tail(tail, delivery="inline")
    with mine.span("main"):
        assert text.writing.wait(30)
        for _ in range(100):
            with mine.span("more"):
                pass
        assert len(tail._waiting) == 10
    text.go_on.set()
    assert mine.flush(30)
    assert not tail._waiting
    stats = subscription.stats
    assert (stats.exported, stats.failed) == (11, stats.received - 11)
    mine.shutdown(5)


def test_large_events_that_a_stream_does_not_take_are_bounded_in_bytes(monkeypatch):
    """They may be as large as a log message may be."""
    monkeypatch.setattr(console, "_PATIENCE", 0.0)
    mine = enterspan.Tracing("stopped")
    text = Slow()
    tail = ConsoleTail(text, width=80, color=False)
    subscription = mine.add_tail(tail, delivery="inline")
    size, logs = 200_000, 200
    with mine.span("main"):
        assert text.writing.wait(30)
        tracemalloc.start()
        for number in range(logs):
            mine.log("info", f"{number}".ljust(size, "m"))
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert 16_777_216 / 2 < held < 16_777_216 * 1.1
    text.go_on.set()
    assert mine.flush(30)
    assert tail._waiting_bytes.held == 0
    assert logs - 16_777_216 / size - 5 < subscription.stats.failed < logs
    mine.shutdown(5)


def test_no_thread_runs_ahead_of_the_one_that_draws(monkeypatch):
    """A stream slower than the program holds it up; what waits does not grow."""
    monkeypatch.setattr(console, "_MANY", 10)
    monkeypatch.setattr(console, "_PATIENCE", 60.0)
    mine = enterspan.Tracing("ahead")
    text = Slow()
    text.own = 0
    tail = ConsoleTail(text, width=80, color=False)
    mine.add_tail(tail, delivery="inline")
    most = []

    def work():
        with mine.span("one"):
            for _ in range(20):
                with mine.span("step"):
                    most.append(len(tail._waiting))

    first, second = threading.Thread(target=work), threading.Thread(target=work)
    first.start()
    assert text.writing.wait(30)
    second.start()
    second.join(0.2)
    assert second.is_alive()
    text.go_on.set()
    first.join(30)
    second.join(30)
    assert max(most) <= 11
    assert len(drawn(text)) >= 42
    mine.shutdown(5)


def test_what_is_written_late_is_not_traced():
    """A stream whose `write` is traced would write about its writing for ever."""
    mine = enterspan.Tracing("loop")
    written = threading.Event()

    class Traced(io.StringIO):
        @mine.traced
        def write(self, text):
            done = super().write(text)
            written.set()
            return done

    text = Traced()
    mine.add_tail(ConsoleTail(text, width=80, color=False), delivery="inline")
    with mine.span("main"):
        assert written.wait(30)
    assert [line[12:].split("  ")[0] for line in drawn(text)] == ["╭ main", "╰ main"]
    mine.shutdown(5)


def test_an_interrupt_before_a_line_is_drawn_leaves_the_tail_as_it_was(clock, monkeypatch):
    """Ctrl-C may arrive after any call; what comes next is drawn."""
    text = io.StringIO()
    tail = ConsoleTail(text, width=80, color=False)
    main = Stream(tail, clock)
    calls = 0

    def interrupt(frame, event, _):
        nonlocal calls
        if event in ("c_return", "return") and frame.f_code is ConsoleTail._work_off.__code__:
            calls += 1
            if calls == at:
                raise KeyboardInterrupt

    at = 0
    while calls >= at:
        at, calls = at + 1, 0
        sys.setprofile(interrupt)
        try:
            main.log(None, "info", "interrupted")
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        main.log(None, "info", f"after {at}")
        assert drawn(text)[-1] == f"    info    │ after {at}"
    assert at > 3
