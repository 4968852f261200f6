"""What a call of an instrumented function costs, beside a wrapt wrapper that does nothing.

    python bench/instrumented.py

Ratios of one run: off (nobody listens) should stay below 1.3 of the do-nothing wrapper, on (a span
is recorded and handed to an exporter) below 1.5 of the do-nothing wrapper and a span together.
"""

from __future__ import annotations

import functools
import sys
import types
from timeit import repeat
from typing import TYPE_CHECKING, Any

import wrapt

from enterspan import traced, tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enterspan import SpanData

CALLS = 20_000


def plain(x: int) -> int:
    """A function; it is its cost that is not measured."""
    return x


class Silence:
    """An exporter that forgets."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Do nothing."""

    def shutdown(self) -> None:
        """Do nothing."""


def nanoseconds(function: Callable[[int], Any]) -> float:
    """The best of seven runs, for each call, within one invocation."""

    def run() -> None:
        with tracing.invocation("bench"):
            for n in range(CALLS):
                function(n)

    return min(repeat(run, number=1, repeat=7)) / CALLS * 1e9


def module() -> Any:
    """A module with a plain function and a cached one, which can't be exchanged in place."""
    made = types.ModuleType("bench_target")
    exec("def f(x): return x", vars(made))  # noqa: S102 - our own line
    vars(made)["g"] = functools.lru_cache(maxsize=None)(plain)
    sys.modules["bench_target"] = made
    return made


def pass_on(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
    """Do nothing but call."""
    return wrapped(*args, **kwargs)


def main() -> None:
    """Print the table."""
    made = module()
    nothing = wrapt.FunctionWrapper(plain, pass_on)
    span = traced("span")(plain)
    with tracing.instrument("bench_target:f", "bench_target:g"):
        off = [nanoseconds(f) for f in (plain, nothing, made.f, made.g)]
        with tracing.add_exporter(Silence(), max_queue=1_000_000):
            on = [nanoseconds(f) for f in (span, made.f, made.g)]
    base = off[1]
    whole = base + on[0] - off[0]
    print(f"Python {sys.version.split()[0]}: do-nothing {base:.0f} ns, with a span {whole:.0f} ns")
    print(f"off: a function {off[2] / base:.2f}, anything else {off[3] / base:.2f} (at most 1.3)")
    print(f"on:  a function {on[1] / whole:.2f}, anything else {on[2] / whole:.2f} (at most 1.5)")


if __name__ == "__main__":
    main()
