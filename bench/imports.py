"""What an import costs, above an interpreter that imports nothing.

    python bench/imports.py

Whole processes take turns, in random order; what an import costs in a round is what its process
took, less what the empty one took in the same round. Byte code is there for all of them: it is kept
in a folder of its own, which the first, unmeasured round fills.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from statistics import quantiles

from lineup import version_of

FUNCTION = "\ndef function(): pass"
CODE = {
    "empty": "pass",
    "enterspan": "import enterspan",
    "enterspan, and a decorated function": f"import enterspan\n@enterspan.traced{FUNCTION}",
    "enterspan, and a subscriber": (
        "import enterspan\nenterspan.tracing.add_tail(lambda onset: None, delivery='inline')"
    ),
    "opentelemetry.trace": "import opentelemetry.trace",
    "opentelemetry.trace, and a decorated function": (
        "import opentelemetry.trace as otel\n"
        f"@otel.get_tracer('bench').start_as_current_span('function'){FUNCTION}"
    ),
    "opentelemetry.sdk.trace": "import opentelemetry.sdk.trace",
}
HEAVY = ("asyncio", "wrapt", "opentelemetry", "inspect", "dataclasses", "logging")
"""What `import enterspan` must not import."""


def start(code: str, environment: dict[str, str]) -> tuple[float, float]:
    """Run a process to its end; its CPU time and its duration, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)  # noqa: S603 - ours
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu * 1000, wall * 1000


def measure(rounds: int, cache: str) -> dict[str, object]:
    """Milliseconds of each import above the empty process, and how many times dearer the peer's."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    names = [
        name for name in CODE if "opentelemetry" not in name or version_of("opentelemetry-sdk")
    ]
    for name in names:
        start(CODE[name], environment)
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            took[name].append(start(CODE[name], environment))

    def above(name: str, at: int) -> list[float]:
        pairs = zip(took[name], took["empty"], strict=True)
        return [mine[at] - empty[at] for mine, empty in pairs]

    found: dict[str, object] = {"rounds": rounds}
    for name in names:
        if name != "empty":
            found[name] = {"cpu_ms": spread(above(name, 0)), "wall_ms": spread(above(name, 1))}
    peer = "opentelemetry.trace"
    if peer in names:
        mine, theirs = above("enterspan", 0), above(peer, 0)
        found["times"] = spread([b / a for a, b in zip(mine, theirs, strict=True) if a > 0])
    return found


def spread(values: list[float]) -> list[float]:
    return [round(value, 2) for value in quantiles(values, n=4)]


def imported() -> list[str]:
    """The heavy modules that `import enterspan` brings in; none, it is to be hoped."""
    code = (
        "import sys; before = set(sys.modules); import enterspan;"
        f" print(*[m for m in {HEAVY!r} if m in sys.modules and m not in before])"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return told.stdout.split()


def main() -> int:
    """Measure, and print what was found as one line of JSON."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rounds", type=int, default=20)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        found = measure(max(2, given.rounds), cache)
    print(json.dumps({**found, "imported": imported()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
