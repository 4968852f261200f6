"""What a finished span holds while it waits for its exporter, in bytes, with one attribute.

    python bench/memory.py enterspan

Exporters are told to wait for an hour, and then this many spans are made: what is allocated more
than before, divided by their number. It is counted twice, in a process each: as Python counts it
(`tracemalloc`) and as the system does (resident pages), since a peer written in another language
allocates where Python does not look. That all of them were waiting is proved by their arrival.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tracemalloc
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cases import Mode
from contender import MissingError
from lineup import LINEUP

if TYPE_CHECKING:
    from collections.abc import Callable

SIBLINGS = 100
"""How many spans each parent has."""
HOUR = 3600


class Queue(NamedTuple):
    """Something that finished spans wait in."""

    make: Callable[[int], None]
    """Make so many spans, which wait."""
    deliver: Callable[[], int]
    """Let them go; how many arrived."""


def ours(room: int) -> Queue:
    from contenders.ours import CountingExporter
    from enterspan import Tracing

    tracing = Tracing("memory")
    counter = CountingExporter()
    # So far away that no span is weighed: that would wake the worker before the hour is over.
    bound = room * 1024 * 1024
    tracing.add_exporter(
        counter, max_queue=room, max_batch=room, delay=float(HOUR), max_bytes=bound
    )

    def make(count: int) -> None:
        for _ in range(count // SIBLINGS):
            with tracing.invocation("parent"):
                for number in range(SIBLINGS - 1):
                    with tracing.span("block", number=number):
                        pass

    def deliver() -> int:
        waited = counter.count == 0
        tracing.flush()
        return counter.count if waited else -1

    return Queue(make, deliver)


def otel(room: int) -> Queue:
    from contenders.otel import CountingExporter, export, sdk

    counter = CountingExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(
        export.BatchSpanProcessor(
            counter,
            max_queue_size=room,
            max_export_batch_size=room,
            schedule_delay_millis=HOUR * 1000,
        )
    )
    block = provider.get_tracer("memory").start_as_current_span

    def make(count: int) -> None:
        for _ in range(count // SIBLINGS):
            with block("parent"):
                for number in range(SIBLINGS - 1):
                    with block("block", attributes={"number": number}):
                        pass

    def deliver() -> int:
        waited = counter.count == 0
        provider.force_flush()
        return counter.count if waited else -1

    return Queue(make, deliver)


def ddtrace(room: int) -> Queue:
    """It hands over whole traces: finished spans wait for their root, here the same for all."""
    del room
    os.environ["DD_TRACE_PARTIAL_FLUSH_ENABLED"] = "false"
    peer: Any = import_module("contenders.ddtrace").Peer(Mode.RECORDED)
    root = peer.tracer.trace("root")
    root.__enter__()

    def make(count: int) -> None:
        for _ in range(count // SIBLINGS):
            with peer.tracer.trace("parent"):
                for number in range(SIBLINGS - 1):
                    with peer.tracer.trace("block") as made:
                        made.set_tag("number", number)

    def deliver() -> int:
        waited = peer.arrived() == 0
        root.__exit__(None, None, None)
        return peer.arrived() - 1 if waited else -1

    return Queue(make, deliver)


def minimal(room: int) -> Queue:
    from contenders.minimal import MinimalSpan, finished

    del room

    def make(count: int) -> None:
        for _ in range(count // SIBLINGS):
            with MinimalSpan("parent"):
                for number in range(SIBLINGS - 1):
                    with MinimalSpan("block", number=number):
                        pass

    return Queue(make, lambda: len(finished))


QUEUES = {"enterspan": ours, "otel": otel, "ddtrace": ddtrace, "minimal": minimal}


def traced_bytes() -> int:
    return tracemalloc.get_traced_memory()[0]


def resident_bytes() -> int:
    """The resident pages of this process, where the system says so in a file (Linux)."""
    pages = Path("/proc/self/statm")
    if not pages.exists():
        raise MissingError("this system has no /proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


METERS = {"traced": traced_bytes, "resident": resident_bytes}


def weigh(name: str, meter: str, count: int) -> float:
    """Bytes a span."""
    read = METERS[meter]
    queue = QUEUES[name](4 * count)
    queue.make(10 * SIBLINGS)
    if meter == "traced":
        tracemalloc.start()
    gc.collect()
    before = read()
    queue.make(count)
    gc.collect()
    held = read() - before
    arrived = queue.deliver()
    if arrived != count + 10 * SIBLINGS:
        raise RuntimeError(f"{name}: {count + 10 * SIBLINGS:,} made, {arrived:,} were waiting")
    return held / count


def main() -> int:
    """Weigh, and print what was found as one line of JSON."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("name", choices=list(QUEUES))
    options.add_argument("--meter", choices=list(METERS), default="traced")
    options.add_argument("--spans", type=int, default=20_000)
    given = options.parse_args()
    absent = LINEUP[given.name].missing()
    if absent:
        print(json.dumps({"missing": f"not installed: {', '.join(absent)}"}))
        return 0
    try:
        bytes_each = weigh(given.name, given.meter, given.spans)
    except MissingError as reason:
        print(json.dumps({"missing": str(reason)}))
        return 0
    print(json.dumps({"name": given.name, "meter": given.meter, "bytes": round(bytes_each, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
