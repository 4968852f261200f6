"""`docs/performance.md`: the figures that matter when you choose a library."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from cases import CASES, Mode
from figures import growth, imports, memory, served, table, throughput
from lineup import LINEUP, OURS
from targets import find_pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from targets import Results

PEERS = ("otel", "ddtrace", "sentry", "logfire", "elastic")
"""The alternatives to enterspan that record whole traces."""
ROWS = (
    "call", "block", "await", "generator", "exception",
    "off call", "off block", "off await",
)  # fmt: skip
SPANS = (10, 100, 1_000)
REQUEST_MS = 50

BEFORE = """\
# Performance

The cost of tracing with enterspan and with other libraries. Written by `python bench/publish.py`;
don't edit it.

![How many times enterspan's cost each library costs](performance.svg)

Measured with Python {python} ({cpu}, {cores} cores, {date}). Other machines have other times, and
somewhat other ratios: on an Intel Xeon, those of the spans were up to half as large again.
`bench/figures.md` in the repository has the figures for each Python, with quartiles, more
libraries, all versions, and the project's targets.
"""

MEASURED = """\
## How it is measured

enterspan and one other library run in one process, in turns of about 3 ms in random order, so that
load on the machine affects both. Eight turns of each are a block; the medians of a block give one
ratio, and the median of these ratios is shown. Garbage is collected before each turn, untimed, and
the collector is on during the turns. Every library exports in batches, in its default
configuration, to an exporter that counts spans and keeps none. After each case the counts are
compared: the run fails if a span was lost.

Times are CPU times of the calling thread: the cost of a span for the program, and the least
affected by load.

To measure it yourself, on a machine that is idle for ten minutes:

```sh
pip install . && pip install --group bench
python bench/run.py
python bench/publish.py
```
"""


def own_ns(results: Results, key: str) -> float | None:
    """The cost of a case with enterspan: the median over the runs beside all peers."""
    pairs = [find_pair(results, name, key) for name in LINEUP]
    found = [pair["own"]["ours_ns"][1] for pair in pairs if pair is not None]
    return median(found) if found else None


def cost_ns(results: Results, name: str, key: str) -> float | None:
    """The cost of a case with a library: its ratio times our cost."""
    own = own_ns(results, key)
    if name == OURS or own is None:
        return own
    pair = find_pair(results, name, key)
    return None if pair is None else own * pair["own"]["times"][1]


def short(value: float | None, unit: float = 1e3) -> str:
    """Three digits, in microseconds by default; empty if it was not measured."""
    if value is None:
        return ""
    scaled = value / unit
    return f"{scaled:,.0f}" if scaled >= 100 else f"{scaled:.3g}"


def spans(results: Results) -> Iterator[str]:
    """A span in its usual forms, beside the peers."""
    yield "## A span"
    yield ""
    yield "Microseconds of the calling thread. Empty cell: the library has no such form."
    yield ""
    titles = {case.key: case for case in CASES}
    rows: list[list[str]] = []
    for key in ROWS:
        if own_ns(results, key) is not None:
            what = titles[key].title.removeprefix("off: ")
            state = "nothing subscribed" if titles[key].mode is Mode.OFF else "recorded"
            cells = [short(cost_ns(results, name, key)) for name in (OURS, *PEERS)]
            rows.append([f"{what}, {state}", *cells])
    yield from table(["µs", *(LINEUP[name].title for name in (OURS, *PEERS))], rows)


def requests(results: Results) -> Iterator[str]:
    """The cost of a request with some spans."""
    yield "## A request"
    yield ""
    yield f"The cost of the spans of a request of {REQUEST_MS} ms, each a block with one attribute,"
    yield "in milliseconds and as a part of the request:"
    yield ""
    rows: list[list[str]] = []
    for count in SPANS:
        cells: list[str] = []
        for name in (OURS, *PEERS):
            root, block = (cost_ns(results, name, key) for key in ("root block", "block"))
            if root is None or block is None:
                cells.append("")
                continue
            cost = (root + block * (count - 1)) / 1e6
            part = cost / REQUEST_MS
            cells.append(f"{short(cost, 1)} ({part:.{'1' if part < 0.1 else '0'}%})")
        rows.append([f"{count:,} spans", *cells])
    yield from table(["ms", *(LINEUP[name].title for name in (OURS, *PEERS))], rows)


def page(runs: Mapping[str, Results]) -> Iterator[str]:
    """The whole page, of the newest Python on which every peer was measured, if there is one."""
    complete = [
        python
        for python, results in runs.items()
        if all(cost_ns(results, name, "call") is not None for name in PEERS)
    ]
    python = (complete or list(runs))[-1]
    results: Any = runs[python]
    yield BEFORE.format(python=python, **{key: results[key] for key in ("cpu", "cores", "date")})
    yield from spans(results)
    yield from requests(results)
    for part in (served, growth, memory, throughput, imports):
        yield from (line.replace("### ", "## ") for line in part(results))
    yield (Path(__file__).parent / "remarks.md").read_text(encoding="utf-8")
    yield MEASURED
