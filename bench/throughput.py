"""From the block in the program to the line in the file: CPU time a span, at full speed.

    python bench/throughput.py

Spans with one attribute, a hundred under each parent, as fast as one thread can make them, and
with no waiting in between. The CPU time of all threads counts, up to where the file is closed; then
the lines of the file are counted. What is not there was dropped.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from statistics import quantiles
from time import process_time_ns
from typing import TYPE_CHECKING, Any

from enterspan import Tracing
from enterspan.exporters.jsonlines import JsonLinesExporter
from lineup import LINEUP
from workload import settle

if TYPE_CHECKING:
    from collections.abc import Callable

SIBLINGS = 100


def ours(path: Path, count: int) -> int:
    """Write spans to a file; how many the exporter's subscription says were dropped."""
    tracing = Tracing("throughput")
    subscription = tracing.add_exporter(JsonLinesExporter(path))
    for _ in range(count // SIBLINGS):
        with tracing.invocation("parent"):
            for number in range(SIBLINGS - 1):
                with tracing.span("block", number=number):
                    pass
    tracing.shutdown()
    return subscription.stats.dropped


def line(span: Any) -> str:
    """A span of the SDK on one line."""
    return f"{span.to_json(indent=None)}\n"


def otel(path: Path, count: int) -> int:
    """The same with the SDK's own exporter that writes JSON to a stream."""
    sdk: Any = import_module("opentelemetry.sdk.trace")
    export: Any = import_module("opentelemetry.sdk.trace.export")
    with path.open("w") as file:
        exporter = export.ConsoleSpanExporter(out=file, formatter=line)
        provider = sdk.TracerProvider()
        provider.add_span_processor(export.BatchSpanProcessor(exporter))
        block = provider.get_tracer("throughput").start_as_current_span
        for _ in range(count // SIBLINGS):
            with block("parent"):
                for number in range(SIBLINGS - 1):
                    with block("block", attributes={"number": number}):
                        pass
        provider.shutdown()
    with path.open("rb") as file:
        return count - sum(1 for _ in file)


WRITERS: dict[str, Callable[[Path, int], int]] = {"enterspan": ours, "otel": otel}


def measure(rounds: int, spans: int) -> list[dict[str, Any]]:
    names = [name for name in WRITERS if not LINEUP[name].missing()]
    took: dict[str, list[float]] = {name: [] for name in names}
    dropped = dict.fromkeys(names, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spans.jsonl")
        for name in names:
            WRITERS[name](path, 10 * SIBLINGS)  # what is made once is not measured
        settle()
        for _ in range(rounds):
            random.shuffle(names)
            for name in names:
                path.unlink()  # JSON lines are appended
                gc.collect()
                start = process_time_ns()
                lost = WRITERS[name](path, spans)
                took[name].append((process_time_ns() - start) / spans / 1000)
                dropped[name] += lost
                with path.open("rb") as file:
                    lines = sum(1 for _ in file)
                if lines + lost != spans:
                    raise RuntimeError(f"{name}: {spans:,} made, {lines:,} written, {lost:,} lost")
    return [
        {
            "name": name,
            "cpu_us": [round(value, 2) for value in quantiles(took[name], n=4)],
            "spans": rounds * spans,
            "dropped": dropped[name],
        }
        for name in sorted(names)
    ]


def main() -> int:
    """Measure, and print what was found as one line of JSON."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--spans", type=int, default=50_000, help="in each round")
    given = options.parse_args()
    spans = max(1, given.spans // SIBLINGS) * SIBLINGS
    print(json.dumps(measure(max(2, given.rounds), spans)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
