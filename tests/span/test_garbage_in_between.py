"""The garbage collector runs in the middle of anything, and finds generators left in a block.

What they do then, they do inside whatever the program was at: before Python 3.12 even inside
`ContextVar.set`, which crashed the interpreter.
"""

from __future__ import annotations

import contextvars
import gc
import threading

import pytest

from enterspan import Tracing
from enterspan._model.threads import Bell

STRESS = """
    import gc, contextvars
    from enterspan import Tracing

    mine = Tracing("mine")
    for number in range(40):
        contextvars.ContextVar(f"of the program {number}").set(number)

    class Exporter:
        def export(self, spans):
            pass

        def shutdown(self):
            pass

    @mine.traced
    def traced():
        try:
            yield 1
        finally:
            with mine.span("cleanup"):
                pass

    def with_cleanup():
        with mine.span("inside"):
            try:
                yield 1
            finally:
                with mine.span("cleanup"):
                    pass

    def plain():
        with mine.span("inside"):
            yield 1

    @mine.traced
    def work():
        with mine.span("inner"):
            pass

    mine.add_exporter(Exporter())
    %s
    gc.set_threshold(3)
    for _ in range(5_000):
        cycle = [%s()]
        next(cycle[0])
        cycle.append(cycle)
        work()
    gc.set_threshold(700)
    print("alive", mine.current_span().is_traced in (True, False))
"""


@pytest.mark.parametrize("tail", ["", "mine.add_tail(lambda e: str, delivery='inline')"])
@pytest.mark.parametrize("generator", ["traced", "with_cleanup", "plain"])
def test_generators_that_are_collected_in_the_middle_of_anything_crash_nothing(
    script, generator, tail
):
    done = script(STRESS % (tail, generator), "-X", "faulthandler", timeout=110, measured=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive True\n", "")


def test_what_is_held_for_the_collector_is_let_go_at_its_next_run(mine):
    """A context that was current when the collector ran is not kept for long."""

    class Thing:
        gone = False

        def __del__(self):
            type(self).gone = True

    variable = contextvars.ContextVar("of the program")

    def inside():
        variable.set(Thing())
        gc.collect()

    with mine.add_tail(lambda _: None, delivery="inline"):
        contextvars.Context().run(inside)
        gc.collect()
        gc.collect()
    assert Thing.gone


def test_garbage_reaches_a_background_tail_without_anybody_calling():
    mine = Tracing("mine")
    told = threading.Event()

    def tail(onset):
        return lambda event: event.event.type == "outcome" and told.set()

    with mine.add_tail(tail):
        contextvars.Context().run(lambda: mine.start_span("lost") and None)
        gc.collect()
        assert told.wait(5)


def test_a_bell_that_was_rung_twice_wakes_once():
    bell = Bell()
    assert not bell.is_rung
    bell.ring()
    bell.ring()
    assert bell.is_rung
    bell.wait(None)
    assert not bell.is_rung
    bell.wait(0.01)
    assert not bell.is_rung
    bell.ring()
    bell.hush()
    bell.hush()
    assert not bell.is_rung
