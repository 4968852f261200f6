"""Work in other processes: `propagate` takes the span along, by pickle."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

from enterspan import Tracing, traced, tracing
from enterspan.testing import capture


@traced
def double(x):
    with tracing.span("add"):
        return x + x


def report(x):
    """What a call records, told by the process in which it ran."""
    with capture() as trace:
        pass  # its end puts back what is current
    trace = []

    class Collector:
        def export(self, spans):
            trace.extend(spans)

        def shutdown(self):
            pass

    with tracing.add_exporter(Collector()):
        result = double(x)
        carrier = {}
        tracing.inject(carrier)
        tracing.flush(10)
    return result, [(s.name, s.context, s.parent_span_id) for s in trace], carrier


async def areport(x):
    await asyncio.sleep(0)
    return report(x)


def run(coroutine_function, x):
    return asyncio.run(coroutine_function(x))


def check(found, outer):
    result, spans, carrier = found
    (add, add_context, add_parent), (name, context, parent) = spans
    assert (result, add, name) == (10, "add", "double")
    assert context.trace_id == add_context.trace_id == outer.context.trace_id
    assert parent == outer.context.span_id
    assert add_parent == context.span_id
    assert carrier["traceparent"] == outer.context.traceparent


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_pool_opens_its_spans_under_the_one_that_submitted(method):
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        with capture() as trace, tracing.span("outer") as outer:
            futures = [pool.submit(tracing.propagate(report), 5) for _ in range(2)]
            mapped = list(pool.map(tracing.propagate(report), [5, 5]))
            found = [*mapped, *(future.result(60) for future in futures)]
    for each in found:
        check(each, outer)
    assert trace.tree() == "outer"  # what others recorded is theirs


def test_the_span_may_be_over_when_the_work_begins():
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        with capture(), tracing.span("outer") as outer:
            future = pool.submit(tracing.propagate(report), 5)
        check(future.result(60), outer)


def test_a_pool_of_multiprocessing_and_a_process_do_the_same():
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool, capture(), tracing.span("outer") as outer:
        check(pool.apply(tracing.propagate(report), (5,)), outer)
        (found,) = pool.map(tracing.propagate(report), [5])
        check(found, outer)


def there_and_back(thing):
    return pickle.loads(pickle.dumps(thing))


def test_partials_and_methods_travel_as_well():
    with capture(), tracing.span("outer") as outer:
        partial = tracing.propagate(functools.partial(report, 5))
    check(there_and_back(partial)(), outer)


def test_a_coroutine_function_runs_under_the_span_there():
    with capture(), tracing.span("outer") as outer:
        bound = tracing.propagate(areport)
    check(run(there_and_back(bound), 5), outer)


def test_what_is_open_there_is_the_child_of_nobody_here():
    """A stand-in: it can't be written to, and it is no invocation of this process."""
    with capture(), tracing.span("outer"):
        bound = there_and_back(tracing.propagate(look))
    assert bound() == (False, None, True)


def look():
    span = tracing.current_span()
    span.set_attribute("a", 1).add_event("x").set_status("error").end()
    with capture() as trace:
        tracing.log("info", "nobody hears it")
    assert trace.events == []
    return span.is_traced, tracing.current_invocation(), "outer" not in repr(span)


def invoked():
    with capture() as trace:
        pass
    spans = []

    class Collector:
        def export(self, batch):
            spans.extend(batch)

        def shutdown(self):
            pass

    with tracing.add_exporter(Collector()):
        tracing.log("info", "to nobody")
        with tracing.invocation("job"), tracing.span("step"):
            pass
        with tracing.use_span(tracing.current_span()), tracing.span("used"):
            pass
        tracing.start_span("started").end()
        tracing.flush(10)
    assert trace.spans == []
    return {s.name: (s.parent_span_id, s.context.trace_id) for s in spans}


def test_every_way_to_open_a_span_belongs_to_it():
    with capture(), tracing.span("outer") as outer:
        bound = there_and_back(tracing.propagate(invoked))
    found = bound()
    above = outer.context.span_id
    assert {name: parent == above for name, (parent, _) in found.items()} == {
        "step": False,
        "job": True,
        "used": True,
        "started": True,
    }
    assert {trace for _, trace in found.values()} == {outer.context.trace_id}


def test_afterwards_the_process_is_as_before():
    with capture(), tracing.span("outer"):
        bound = there_and_back(tracing.propagate(double))
    with capture() as trace:
        assert bound(5) == 10
        assert double(5) == 10
    first, second = [s for s in trace.spans if s.name == "double"]
    assert first.parent_span_id is not None
    assert second.parent_span_id is None


def test_an_unsampled_span_is_unsampled_there():
    class Never:
        def should_sample(self, *asked):
            return False

    tracing.configure(sampler=Never())
    try:
        with capture(), tracing.span("outer"):
            bound = there_and_back(tracing.propagate(report))
    finally:
        tracing.configure(sampler=None)
    assert bound(5)[1] == []


def test_without_a_span_it_is_the_function_itself():
    assert tracing.propagate(double) is double


def test_another_tracing_finds_its_like_by_name():
    mine = Tracing("of the pool")
    with capture(mine), mine.span("outer") as outer:
        bound = there_and_back(mine.propagate(report))
        named = bound._self_bound.tracer.name
    assert named == "of the pool"
    assert outer.context.span_id == bound._self_bound.span.context.span_id


def test_it_looks_like_the_function_and_binds_like_one():
    class Shop:
        def price(self, x):
            """The price."""
            return (self, x)

    with capture(), tracing.span("outer"):
        Shop.bound = tracing.propagate(Shop.price)
        twice = tracing.propagate(tracing.propagate(double))
    shop = Shop()
    assert shop.bound(3) == (shop, 3)
    assert Shop.bound(shop, 3) == (shop, 3)
    assert Shop.bound.__name__ == "price"
    assert inspect.getdoc(Shop.bound) == "The price."
    assert str(inspect.signature(Shop.bound)) == "(self, x)"
    assert "price" in repr(vars(Shop)["bound"])
    assert twice(5) == 10
    assert there_and_back(twice)(5) == 10


def test_a_copy_in_this_process_is_the_thing_itself():
    with capture(), tracing.span("outer"):
        bound = tracing.propagate(double)
    assert copy.copy(bound) is bound
    assert copy.deepcopy([bound])[0] is bound


def test_what_cannot_be_pickled_still_says_so():
    with capture(), tracing.span("outer"):
        bound = tracing.propagate(lambda: None)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(bound)


LOST = """
import logging, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from enterspan import tracing

class Quiet:
    def export(self, spans): pass
    def shutdown(self): pass

def subscribe():
    tracing.add_exporter(Quiet())

def job(number):
    return number * 2

def subscribing(number):
    subscribe()
    return number * 2

if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    subscribe()
    function, start = (subscribing if "itself" in sys.argv else job), None
    if "initializer" in sys.argv:
        start = subscribe
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context, initializer=start) as pool:
        with tracing.span("outer"):
            jobs = [pool.submit(tracing.propagate(function), n) for n in (1, 2)]
            print([job.result() for job in jobs])
"""


@pytest.mark.parametrize("how, warnings", [("no", 1), ("initializer", 0), ("itself", 0)])
def test_spans_that_are_lost_in_a_process_without_a_subscriber_are_warned_about_once(
    script, how, warnings
):
    """`forkserver`, the default on Linux from 3.14 on, inherits none."""
    program = LOST.replace("sys.argv", repr([how]))
    done = script(program)
    assert done.stdout == "[2, 4]\n", done.stderr
    assert done.stderr.count("nothing subscribes to the Tracing 'default'") == warnings, done.stderr
