"""All figures, as tables: `figures.md`, with the targets, each Python and every peer."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from cases import CASES, Mode
from imports import CODE
from lineup import LINEUP, OURS
from targets import TARGETS, find_pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from targets import Results

INTRODUCTION = """\
# Figures

All that was measured, by Python. Written by `python bench/publish.py`; don't edit it.
`docs/performance.md` says how it is measured, and what it comes to.
"""

MODES = {
    Mode.RECORDED: "## Recorded",
    Mode.OFF: "## No subscriber",
    Mode.TAIL: "## One live tail, inline",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table; its first column is text, the others figures."""
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def targets(runs: Mapping[str, Results]) -> Iterator[str]:
    yield "## Targets"
    yield ""
    rows: list[list[str]] = []
    judged = missed = 0
    for target in TARGETS:
        row = [target.what, target.target]
        for results in runs.values():
            verdict = target.judge(results)
            if verdict is None:
                row.append("not measured")
            else:
                judged += 1
                missed += not verdict.met
                row.append(f"{verdict.figure} {'met' if verdict.met else '**missed**'}")
        rows.append(row)
    yield from table(["what", "target", *(f"Python {name}" for name in runs)], rows)
    yield f"Of these {judged} figures {judged - missed} meet their target."
    yield ""


def costs(results: Results, mode: Mode) -> Iterator[str]:
    """How many times our cost each peer costs, for the cases of a mode."""
    cases = [case for case in CASES if case.mode is mode]
    peers = [name for name in LINEUP if any(find_pair(results, name, case.key) for case in cases)]
    rows: list[list[str]] = []
    for case in cases:
        pairs = [find_pair(results, name, case.key) for name in peers]
        mine = [pair["own"]["ours_ns"][1] for pair in pairs if pair is not None]
        if mine:
            cells = ["" if pair is None else times(pair["own"]["times"]) for pair in pairs]
            rows.append([case.title, f"{median(mine):,.0f} ns", *cells])
    if rows:
        yield from table(["", OURS, *(LINEUP[name].title for name in peers)], rows)


def times(values: Sequence[float]) -> str:
    low, middle, high = values
    if middle < 1:
        return f"{middle:.2f} ({low:.2f} to {high:.2f})"
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def threads(results: Results) -> Iterator[str]:
    """The caller's thread beside what it waits, and beside all threads."""
    rows: list[list[str]] = []
    for case in CASES:
        pair = find_pair(results, "otel", case.key)
        if pair is not None:
            rows.append(
                [case.title]
                + [
                    text
                    for field in ("own", "wall", "all")
                    for text in (f"{pair[field]['ours_ns'][1]:,.0f}", times(pair[field]["times"]))
                ]
            )
    if rows:
        yield "### The caller's thread, and all threads"
        yield ""
        yield "Nanoseconds of ours, and how many times that the OpenTelemetry SDK costs: in CPU"
        yield "time of the calling thread; in time that the caller waits; in CPU time of all"
        yield "threads, up to where every span was delivered."
        yield ""
        head = ["", "thread", "times", "waited", "times", "all threads", "times"]
        yield from table(head, rows)


def memory(results: Results) -> Iterator[str]:
    found = {(row["name"], row["meter"]): row["bytes"] for row in results.get("memory") or ()}
    names = dict.fromkeys(name for name, _ in found)
    if names:
        yield "### A finished span in the queue"
        yield ""
        rows = [
            [LINEUP[name].title]
            + [bytes_of(found.get((name, meter))) for meter in ("traced", "resident")]
            for name in names
        ]
        yield from table(["bytes, with one attribute", "by tracemalloc", "resident"], rows)


def bytes_of(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.0f}"


def imports(results: Results) -> Iterator[str]:
    found: dict[str, Any] = results.get("imports") or {}
    rows = [
        [f"import {name}", spread(found[name]["cpu_ms"]), spread(found[name]["wall_ms"])]
        for name in CODE
        if name in found
    ]
    if rows:
        yield "### Imports"
        yield ""
        yield from table(["ms above an empty interpreter", "CPU", "waited"], rows)


def throughput(results: Results) -> Iterator[str]:
    rows = [
        [LINEUP[row["name"]].title, spread(row["cpu_us"]), f"{row['dropped'] / row['spans']:.0%}"]
        for row in results.get("throughput") or ()
    ]
    if rows:
        yield "### From the block to a line of JSON in a file, at full speed"
        yield ""
        yield from table(["", "µs of CPU a span, all threads", "dropped"], rows)


def served(results: Results) -> Iterator[str]:
    found: dict[str, Any] = results.get("served") or {}
    rows = [
        [
            row["name"],
            f"{row['bare_ns'] / 1e3:,.1f}",
            f"{row['ours_ns'][1] / 1e3:,.1f}",
            f"{row['theirs_ns'][1] / 1e3:,.1f}",
            str(row["spans"]),
            times(row["part"]),
        ]
        for row in found.get("rows") or ()
    ]
    if rows:
        yield "### A request through an integration"
        yield ""
        yield "Microseconds of CPU of the thread: of the bare application, and what enterspan's"
        yield "integration and OpenTelemetry's instrumentation add to it. The last column is the"
        yield f"ratio of the two. Measured on {found['date']}: {found['cpu']}, enterspan"
        yield f"{found['enterspan']}."
        yield ""
        head = ["µs a request", "bare", OURS, "OpenTelemetry", "OpenTelemetry's spans", "ratio"]
        yield from table(head, rows)


def growth(results: Results) -> Iterator[str]:
    rows = [
        [
            row["title"],
            ", ".join(f"{size:,}" for size in row["sizes"]),
            ", ".join(f"{value[1]:.2f}" for value in row["relative"]),
        ]
        for row in results.get("growth") or ()
    ]
    if rows:
        yield "### As work grows"
        yield ""
        yield from table(["cost of", "how many", "relative to the smallest"], rows)


def spread(values: Sequence[float]) -> str:
    low, middle, high = values
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def machine(runs: Mapping[str, Results]) -> Iterator[str]:
    yield "## With what"
    yield ""
    rows = [
        ["Python", *(f"{one['implementation']} {one['python']}" for one in runs.values())],
        ["date", *(str(one["date"]) for one in runs.values())],
        ["machine", *(f"{one['cpu']}, {one['cores']} cores" for one in runs.values())],
        ["system", *(str(one["system"]) for one in runs.values())],
        ["seconds for each case", *(f"{one['seconds']:g}" for one in runs.values())],
        ["enterspan", *(str(one["enterspan"]) for one in runs.values())],
    ]
    packages = sorted({name for one in runs.values() for name in one["packages"]})
    rows += [
        [name, *(one["packages"].get(name) or "absent" for one in runs.values())]
        for name in packages
    ]
    yield from table(["", *runs], rows)
    skipped = {reason for one in runs.values() for reason in one["skipped"] if "not inst" in reason}
    for reason in sorted(skipped):
        yield f"Skipped: {reason}."
        yield ""


def pages(runs: Mapping[str, Results]) -> Iterator[str]:
    """The whole page."""
    yield INTRODUCTION
    yield from targets(runs)
    for mode, heading in MODES.items():
        yield heading
        yield ""
        yield "How many times enterspan's own cost, which is in the first column."
        yield ""
        for name, results in runs.items():
            yield f"Python {name}:"
            yield ""
            yield from costs(results, mode)
    for name, results in runs.items():
        yield f"## More of Python {name}"
        yield ""
        for part in (threads, memory, imports, throughput, served, growth):
            yield from part(results)
    yield from machine(runs)
