"""What a call of an instrumented function costs, and what it costs to instrument an import.

    python bench/instrumented.py                calls
    python bench/instrumented.py pandas django  and the imports of packages that are installed

Ratios of one run. A recorded call should stay below 1.2 of a wrapt wrapper that does nothing and a
span together; with no subscriber a call should cost no more than a closure that does nothing. An
import should take at most 1.5 times the CPU with the whole package instrumented.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import types
from functools import partial
from statistics import median
from timeit import repeat
from typing import TYPE_CHECKING, Any

import wrapt

from enterspan import traced, tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enterspan import SpanData

CALLS = 20_000
ROUNDS = 9

SOURCE = """
def f(x): return x
class C:
    def m(self, x): return x
    def closed(self, x): return x
"""


def plain(x: int) -> int:
    """A function; it is its cost that is not measured."""
    return x


def closure(*args: Any, **kwargs: Any) -> Any:
    """A decorator's closure that does nothing."""
    return plain(*args, **kwargs)


class Silence:
    """An exporter that forgets."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Do nothing."""

    def shutdown(self) -> None:
        """Do nothing."""


def nanoseconds(functions: dict[str, Callable[[int], Any]]) -> dict[str, float]:
    """The median of some rounds, for each call, in one invocation; the rounds take turns."""

    def run(function: Callable[[int], Any]) -> None:
        with tracing.invocation("bench"):
            for n in range(CALLS):
                function(n)

    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            taken[name] += repeat(partial(run, function), number=1, repeat=1)
    return {name: median(some) / CALLS * 1e9 for name, some in taken.items()}


def module() -> Any:
    """A module with a function, a method and a cached function."""
    made = types.ModuleType("bench_target")
    sys.modules["bench_target"] = made
    exec(SOURCE, vars(made))  # noqa: S102 - our own lines
    vars(made)["g"] = functools.lru_cache(maxsize=None)(plain)
    return made


def pass_on(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
    """Do nothing but call."""
    return wrapped(*args, **kwargs)


def calls() -> None:
    """Print what calls cost."""
    made = module()
    held: Any = made.C.closed

    def closed(*args: Any, **kwargs: Any) -> Any:
        return held(*args, **kwargs)

    made.C.closed = closed
    nothing = wrapt.FunctionWrapper(plain, pass_on)
    span = traced("span")(plain)
    thing = made.C()

    def call_closed(x: int) -> Any:
        return thing.closed(x)  # what calls a method binds it as well

    def call_method(x: int) -> Any:
        return thing.m(x)

    methods = {"closed": call_closed, "method": call_method}
    with tracing.instrument("bench_target:f", "bench_target:g", "bench_target:C.m"):
        known = {"function": made.f, "cached": made.g}
        off = nanoseconds({"plain": plain, "closure": closure, **known, **methods})
        with tracing.add_exporter(Silence(), max_queue=1_000_000):
            on = nanoseconds({"nothing": nothing, "span": span, **known, **methods})
    whole = on["nothing"] + on["span"] - off["plain"]
    print(
        f"Python {sys.version.split()[0]}: closure {off['closure']:.0f} ns, do-nothing wrapper"
        f" {on['nothing']:.0f} ns, with a span {whole:.0f} ns"
    )
    print(
        f"no subscriber: a function {off['function'] / off['closure']:.2f},"
        f" a cached one {off['cached'] / off['closure']:.2f},"
        f" a method {off['method'] / off['closed']:.2f} (at most 1.0)"
    )
    print(
        f"recorded: a function {on['function'] / whole:.2f}, a cached one"
        f" {on['cached'] / whole:.2f}, a method {on['method'] / whole:.2f} (at most 1.2)"
    )


IMPORT = """
import sys, time
from enterspan import tracing
import enterspan.instrument.instrumentation
begun = time.process_time()
found = tracing.instrument(sys.argv[1]) if sys.argv[2] else None
__import__(sys.argv[1])
if sys.argv[1] == "django":
    from django.conf import settings
    settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"])
    sys.modules["django"].setup()
print(time.process_time() - begun, len(found.wrapped) if found else 0)
"""


def imports(name: str) -> None:
    """Print what an import costs with a package instrumented and without; the two take turns."""
    taken: dict[str, list[float]] = {"": [], "instrumented": []}
    wrapped = 0
    for _ in range(ROUNDS):
        for mode, some in taken.items():
            done = subprocess.run(  # noqa: S603 - our own lines
                [sys.executable, "-c", IMPORT, name, mode],
                capture_output=True,
                text=True,
                check=True,
            )
            seconds, count = done.stdout.split()
            some.append(float(seconds))
            wrapped = max(wrapped, int(count))
    before, after = median(taken[""]), median(taken["instrumented"])
    print(
        f"import {name}: {before:.2f} s of CPU, instrumented {after:.2f} s, {wrapped:,} functions,"
        f" {after / before:.2f} times (at most 1.5)"
    )


def main(packages: list[str]) -> None:
    """Print the tables."""
    calls()
    for name in packages:
        imports(name)


if __name__ == "__main__":
    main(sys.argv[1:])
