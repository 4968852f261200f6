"""The bridge where programs are rough: deep stacks, forks, threads, any order of opening."""

from __future__ import annotations

import os
import random
import sys
import threading
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry is not installed: nox -s otel")

from opentelemetry import trace

from enterspan import Tracing
from enterspan.integrations.otel import install
from enterspan.testing import capture


def test_a_recursion_to_the_end_of_the_stack_is_the_programs_own(
    bridged: Tracing, sdk: Any
) -> None:
    @bridged.traced
    def down(depth: int) -> int:
        try:
            return down(depth + 1)
        except RecursionError:
            return depth

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(600)
    try:
        with bridged.span("outer"):
            assert down(0) > 10
        assert trace.get_current_span() is trace.INVALID_SPAN
    finally:
        sys.setrecursionlimit(limit)
    sdk.memory.clear()
    with bridged.span("after"), sdk.foreign.start_as_current_span("theirs"):
        pass
    assert sdk.tree() == "after\n  theirs"


def test_a_forked_childs_spans_are_its_own_and_in_the_trace(bridged: Tracing, sdk: Any) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    read, write = os.pipe()
    with bridged.span("parent") as parent:
        child = os.fork()
        if not child:
            with bridged.span("child"):
                pass
            (span,) = sdk.spans
            text = f"{span.name} {span.parent.span_id:x} {span.context.trace_id:x}"
            os.write(write, text.encode())
            os._exit(0)
        os.waitpid(child, 0)
    told = os.read(read, 1_000).decode()
    os.close(read)
    os.close(write)
    assert told == f"child {parent.context.span_id:x} {parent.context.trace_id:x}"
    assert [span.name for span in sdk.spans] == ["parent"]


def test_a_foreign_span_in_a_forked_child_is_an_invocation_there_and_in_the_trace(
    bridged: Tracing, sdk: Any
) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    read, write = os.pipe()
    with capture(bridged) as recorded, bridged.span("parent") as parent:
        child = os.fork()
        if not child:
            recorded.clear()
            with sdk.foreign.start_as_current_span("theirs"), bridged.span("ours"):
                pass
            under = recorded.find("theirs").parent_span_id
            last = recorded.events[-1].event.type
            os.write(write, f"{recorded.tree()} {under:x} {last}".encode())
            os._exit(0)
        os.waitpid(child, 0)
    told = os.read(read, 1_000).decode()
    os.close(read)
    os.close(write)
    assert told == f"theirs\n  ours {parent.context.span_id:x} outcome"
    assert recorded.tree() == "parent"


def test_threads_that_open_and_close_at_once_lose_nothing(bridged: Tracing, sdk: Any) -> None:
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for turn in range(50):
            with bridged.invocation(f"{number}/{turn}"):
                with sdk.foreign.start_as_current_span("theirs"), bridged.span("ours"):
                    pass

    with capture(bridged, everything=True) as recorded:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(sdk.spans) == len(recorded.spans) == 8 * 50 * 3
    assert sdk.tree().count("\n  theirs\n    ours") == 400


def test_a_span_ended_by_another_thread_is_ended_in_the_provider(
    bridged: Tracing, sdk: Any
) -> None:
    span = bridged.start_span("handed over")
    thread = threading.Thread(target=span.end)
    thread.start()
    thread.join()
    assert [s.name for s in sdk.spans] == ["handed over"]


def test_removed_and_installed_while_threads_record_it_hurts_nobody(
    mine: Tracing, sdk: Any
) -> None:
    errors: list[BaseException] = []
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                with mine.span("outer"), mine.span("inner"):
                    pass
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    with capture(mine):
        for thread in threads:
            thread.start()
        for _ in range(200):
            with install(mine, sdk.provider):
                pass
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


@pytest.mark.parametrize("seed", range(20))
def test_any_nesting_of_both_is_the_same_tree_for_both(
    seed: int, bridged: Tracing, sdk: Any
) -> None:
    chance = random.Random(seed)
    count = 0

    def grow(depth: int) -> None:
        nonlocal count
        for _ in range(chance.randrange(1, 4)):
            count += 1
            name = f"span {count}"
            form = chance.randrange(5)
            if form == 0:
                block: Any = sdk.foreign.start_as_current_span(name)
            elif form == 1:
                block = bridged.invocation(name)
            else:
                block = bridged.span(name)
            if form == 2:
                list(walk(name, depth))
            else:
                with block:
                    if depth < 4:
                        grow(depth + 1)

    def walk(name: str, depth: int) -> Any:
        @bridged.traced(name)
        def body() -> Any:
            yield 1
            if depth < 4:
                grow(depth + 1)
            yield 2

        yield from body()

    with capture(bridged) as recorded, bridged.span("root"):
        grow(0)
    assert recorded.tree() == sdk.tree()
    assert len(sdk.spans) == count + 1


@pytest.mark.parametrize("seed", range(20))
def test_blocks_left_in_any_order_leave_nothing_current(
    seed: int, bridged: Tracing, sdk: Any
) -> None:
    chance = random.Random(seed)
    open_blocks: list[Any] = []
    with capture(bridged):
        for number in range(30):
            if open_blocks and chance.random() < 0.5:
                block = open_blocks.pop(chance.randrange(len(open_blocks)))
                block.__exit__(None, None, None)
            else:
                block = bridged.span(f"span {number}")
                block.__enter__()
                open_blocks.append(block)
        while open_blocks:
            open_blocks.pop(chance.randrange(len(open_blocks))).__exit__(None, None, None)
        assert trace.get_current_span() is trace.INVALID_SPAN
        assert not bridged.current_span().is_traced
