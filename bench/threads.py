"""How spans scale: what one costs where one thread records, and where several do at once.

    python bench/threads.py
    python -X gil=0 bench/threads.py        a build without the GIL

For each number of threads: the time of a decorated call on the wall, over all calls of all threads,
and its CPU time on the thread that makes it. Without the GIL the first is divided by the number of
threads, up to that of the cores, as long as the second stays what it is: what threads share costs
each of them. Rounds of all numbers take turns; the medians are printed.
"""

from __future__ import annotations

import argparse
import sys
from statistics import median
from threading import Barrier, Thread
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING

from enterspan import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enterspan import SpanData


class Uncounted:
    """An exporter that keeps nothing."""

    def export(self, spans: Sequence[SpanData]) -> None:
        pass

    def shutdown(self) -> None:
        pass


def subscribe(tracing: Tracing, mode: str) -> None:
    """Have the spans recorded, by an exporter or by a live tail on the thread itself."""
    if mode == "recorded":
        tracing.add_exporter(Uncounted(), max_queue=10_000_000, max_bytes=1 << 40)
    else:
        tracing.add_tail(lambda _onset: lambda _event: None, delivery="inline")


def round_of(call: Callable[[], None], tracing: Tracing, threads: int, calls: int) -> list[float]:
    """Nanoseconds a call: on the wall, and of the CPU."""
    cpu: list[int] = []
    ready = Barrier(threads + 1)

    def work() -> None:
        with tracing.invocation("thread"):
            ready.wait()
            start = thread_time_ns()
            for _ in range(calls):
                call()
            cpu.append(thread_time_ns() - start)

    every = [Thread(target=work) for _ in range(threads)]
    for thread in every:
        thread.start()
    ready.wait()
    start = perf_counter_ns()
    for thread in every:
        thread.join()
    wall = perf_counter_ns() - start
    tracing.flush()
    return [wall / calls / threads, sum(cpu) / calls / threads]


def main() -> int:
    """Measure, and print a line for each number of threads."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--calls", type=int, default=20_000, help="of each thread, in each round")
    given = options.parse_args()
    has_gil: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)
    print(f"Python {sys.version.split()[0]}, {'with' if has_gil() else 'without'} the GIL")
    for mode in ("recorded", "tail"):
        tracing = Tracing(mode)
        subscribe(tracing, mode)

        @tracing.traced
        def call() -> None:
            pass

        found: dict[int, list[list[float]]] = {count: [] for count in given.threads}
        for turn in range(given.rounds + 1):
            for count, rounds in found.items():
                took = round_of(call, tracing, count, given.calls if turn else 1_000)
                if turn:  # what is made once is not measured
                    rounds.append(took)
        for count, rounds in found.items():
            wall, cpu = [median(column) for column in zip(*rounds, strict=True)]
            print(f"{mode:9} {count} threads: {wall:7,.0f} ns on the wall, {cpu:7,.0f} ns of CPU")
        tracing.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
