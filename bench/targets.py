"""What the figures should be, and whether they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Results = Mapping[str, Any]
    """What `run.py` wrote for one Python."""

FLAT = 1.25
"""How much dearer a span may be at the largest size, to be called flat."""


THIRD = 0.33
"""What a request may cost here, as a part of what it costs with OpenTelemetry's instrumentation."""


class Verdict(NamedTuple):
    """A figure, in words, and whether it is as it should be."""

    figure: str
    met: bool


class Target(NamedTuple):
    """One row."""

    what: str
    target: str
    judge: Callable[[Results], Verdict | None]
    """None: it was not measured."""


def find_pair(results: Results, peer: str, case: str) -> Mapping[str, Any] | None:
    """One pair in one case."""
    rows: list[Mapping[str, Any]] = results.get("pairs") or []
    return next((row for row in rows if row["peer"] == peer and row["case"] == case), None)


def cheaper(what: str, case: str, peer: str, title: str, times: float) -> Target:
    """We are so many times cheaper than a peer."""

    def judge(results: Results) -> Verdict | None:
        row = find_pair(results, peer, case)
        if row is None:
            return None
        low, middle, high = row["own"]["times"]
        return Verdict(f"{middle:.1f} ({low:.1f} to {high:.1f})", middle >= times)

    return Target(what, f"{times:g} times cheaper than {title}", judge)


def at_most(what: str, case: str, peer: str, title: str, times: float) -> Target:
    """We cost at most so many times what a peer does."""

    def judge(results: Results) -> Verdict | None:
        row = find_pair(results, peer, case)
        if row is None:
            return None
        low, middle, high = (1 / value for value in reversed(row["own"]["times"]))
        return Verdict(f"{middle:.2f} ({low:.2f} to {high:.2f})", middle <= times)

    return Target(what, f"at most {times:g} times {title}", judge)


def written(results: Results) -> Verdict | None:
    for row in results.get("throughput") or ():
        if row["name"] == "enterspan":
            low, middle, high = row["cpu_us"]
            figure = f"{middle:.1f} µs ({low:.1f} to {high:.1f}), {row['dropped']:,} dropped"
            return Verdict(figure, middle < 10 and not row["dropped"])
    return None


def weighed(results: Results) -> Verdict | None:
    for row in results.get("memory") or ():
        if row["name"] == "enterspan" and row["meter"] == "traced":
            return Verdict(f"{row['bytes']:.0f} bytes", row["bytes"] < 500)
    return None


def imported(results: Results) -> Verdict | None:
    found = results.get("imports")
    if not found or "times" not in found:
        return None
    low, middle, high = found["times"]
    figure = f"{middle:.1f} ({low:.1f} to {high:.1f})"
    if found["imported"]:
        figure += f", imports {', '.join(found['imported'])}"
    return Verdict(figure, middle >= 4 and not found["imported"])


def flat(key: str) -> Callable[[Results], Verdict | None]:
    def judge(results: Results) -> Verdict | None:
        for row in results.get("growth") or ():
            if row["key"] == key:
                low, middle, high = row["relative"][-1]
                return Verdict(f"{middle:.2f} ({low:.2f} to {high:.2f})", middle <= FLAT)
        return None

    return judge


def served(framework: str) -> Target:
    """A request through our integration costs at most a third of what OpenTelemetry's does."""

    def judge(results: Results) -> Verdict | None:
        found: Results = results.get("served") or {}
        for row in found.get("rows") or ():
            if row["name"] == framework:
                low, middle, high = row["part"]
                return Verdict(f"{middle:.2f} ({low:.2f} to {high:.2f})", round(middle, 2) <= THIRD)
        return None

    return Target(
        f"a request: {framework}", f"at most {THIRD} of OpenTelemetry's instrumentation", judge
    )


OTEL = "the OpenTelemetry SDK"
FLAT_TEXT = f"flat: at most {FLAT:g} times the smallest size"

TARGETS = (
    cheaper("decorated call", "call", "otel", OTEL, 20),
    cheaper("decorated call", "call", "ddtrace", "ddtrace", 11),
    cheaper("`with` and one attribute", "block", "otel", OTEL, 15),
    cheaper("`with` and one attribute", "block", "ddtrace", "ddtrace", 8),
    cheaper("async function", "await", "otel", OTEL, 15),
    cheaper("`async with`", "async block", "otel", f"{OTEL}'s `with` in a coroutine", 15),
    cheaper("generator of 10 items", "generator", "otel", f"{OTEL}'s `with` in its body", 15),
    at_most("no subscriber: decorated call", "off call", "closure", "a do-nothing closure", 1.3),
    at_most("no subscriber: `with`", "off bare block", "closure", "`nullcontext`", 2),
    cheaper("exception through 10 spans", "exception", "otel", OTEL, 50),
    cheaper("live tail, inline: decorated call", "tail call", "otel", f"{OTEL}'s processor", 6),
    cheaper("live tail, inline: `with`", "tail block", "otel", f"{OTEL}'s processor", 6),
    Target("JSON lines, end to end", "under 10 µs of CPU a span, none dropped", written),
    Target("a finished span in the queue", "under 500 bytes with one attribute", weighed),
    Target(
        "`import enterspan`",
        "4 times cheaper than `opentelemetry.trace`; no asyncio, wrapt, opentelemetry in it",
        imported,
    ),
    Target("depth 100", FLAT_TEXT, flat("depth")),
    Target("10,000 siblings", FLAT_TEXT, flat("siblings")),
    Target("1,000 open invocations", FLAT_TEXT, flat("invocations")),
    Target("10,000 tasks", FLAT_TEXT, flat("tasks")),
    Target("8 declining tails", FLAT_TEXT, flat("tails")),
    at_most(
        "instrumented call",
        "instrumented",
        "wrapt-span",
        "a do-nothing wrapt wrapper and a span",
        1.5,
    ),
    at_most(
        "no subscriber: instrumented call",
        "off instrumented",
        "wrapt",
        "a do-nothing wrapt wrapper",
        1.3,
    ),
    *map(served, ("starlette", "fastapi", "wsgi", "flask", "django", "aiohttp", "grpc")),
)


def judge_all(results: Results) -> Iterator[tuple[Target, Verdict | None]]:
    """Each target and what became of it."""
    for target in TARGETS:
        yield target, target.judge(results)
