"""Measure everything, and write what was found into `bench/results/`.

    python bench/run.py                                 all of it: about ten minutes
    python bench/run.py --brief                         does it work? half a minute, no figures
    python bench/run.py --peer otel --case call --seconds 5 --part pairs

Each pair and each measurement runs in a process of its own, one at a time. A peer that is not
installed is skipped, loudly: `pip install --group bench` has them all. Then `python
bench/publish.py` writes the page in `docs/`. A process that fails makes this fail.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import machine
from cases import CASES, Mode
from lineup import LINEUP, OURS
from memory import METERS, QUEUES

HERE = Path(__file__).parent
PARTS = ("pairs", "memory", "imports", "throughput", "growth", "served")
BRIEF = ("closure", "minimal", "otel")
"""Who takes part in a brief run, which only asks whether all of this works."""


class Session:
    """What was found so far, and what was not."""

    def __init__(self) -> None:
        self.skipped: list[str] = []
        self.failed: list[str] = []

    def start(self, script: str, *arguments: str) -> Any:
        """Run a measurement in a process; what it found, or None."""
        what = " ".join((script, *arguments))
        say(f"{what} ...")
        command = [sys.executable, str(HERE / f"{script}.py"), *arguments]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603
        if done.returncode:
            self.failed.append(what)
            say(f"!! FAILED: {what}")
            return None
        found: Any = json.loads(done.stdout.splitlines()[-1])
        if "missing" in found:  # a key; a list of figures has no such member
            self.skip(what, found["missing"])
            return None
        return found

    def skip(self, what: str, reason: str) -> None:
        self.skipped.append(f"{what}: {reason}")
        say(f"!! SKIPPED {what}: {reason}")


def pairs(session: Session, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Us beside each peer, in each mode."""
    found: list[dict[str, Any]] = []
    wanted = [text for key in given.case for text in ("--case", key)]
    modes = [mode for mode in Mode if any(is_wanted(case.key, given) for case in cases_of(mode))]
    for entry in LINEUP.values():
        if entry.name == OURS or (given.peer and entry.name not in given.peer):
            continue
        if entry.missing():
            session.skip(entry.title, f"not installed: {', '.join(entry.missing())}")
            continue
        for mode in modes:
            seconds = f"--seconds={given.seconds}"
            rows = session.start("pair", entry.name, mode.value, seconds, *wanted)
            for row in rows or ():
                say(line_of(row))
            found += rows or ()
    return found


def cases_of(mode: Mode) -> list[Any]:
    return [case for case in CASES if case.mode is mode]


def is_wanted(key: str, given: argparse.Namespace) -> bool:
    return not given.case or key in given.case


def line_of(row: dict[str, Any]) -> str:
    """A pair's figures: what the caller's thread works, and the ratio with its quartiles."""
    low, times, high = row["own"]["times"]
    mine, theirs = row["own"]["ours_ns"][1], row["own"]["peer_ns"][1]
    return (
        f"  {row['case']:18}{mine:>9,.0f} ns   {row['peer']:9}{theirs:>11,.0f} ns"
        f"   x {times:7.2f}  ({low:.2f} to {high:.2f})"
        f"   all threads x {row['all']['times'][1]:.2f}"
    )


def weights(session: Session, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Bytes of a span that waits."""
    spans = "2000" if given.brief else "20000"
    names = [name for name in QUEUES if not given.peer or name in (OURS, *given.peer)]
    found = [
        session.start("memory", name, "--meter", meter, "--spans", spans)
        for name in names
        for meter in METERS
    ]
    return [one for one in found if one is not None]


def measure(session: Session, given: argparse.Namespace) -> dict[str, Any]:
    """All parts that are wanted."""
    found: dict[str, Any] = {"seconds": given.seconds, **machine.describe(given.source)}
    rounds, spans, seconds = ("2", "2000", "0.1") if given.brief else ("20", "50000", "5")
    if "pairs" in given.part:
        found["pairs"] = pairs(session, given)
    if "memory" in given.part:
        found["memory"] = weights(session, given)
    if "imports" in given.part:
        found["imports"] = session.start("imports", "--rounds", rounds)
    if "throughput" in given.part:
        found["throughput"] = session.start("throughput", "--spans", spans)
    if "growth" in given.part:
        found["growth"] = session.start("growth", "--seconds", seconds)
    if "served" in given.part:
        missing = LINEUP["otel"].missing()
        if missing:
            session.skip("served", f"not installed: {', '.join(missing)}")
        else:
            found["served"] = session.start("served", "--seconds", seconds)
    found["skipped"] = session.skipped
    return found


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--seconds", type=float, default=2.0, help="for each case of each pair")
    add("--peer", action="append", default=[], choices=[n for n in LINEUP if n != OURS])
    add("--case", action="append", default=[], choices=[case.key for case in CASES])
    add("--part", action="append", default=[], choices=PARTS)
    add("--brief", action="store_true", help="does it work? few peers, no figures")
    add("--source", help="what to call the source that is measured; else git says it")
    add("--output", type=Path, help="the file to write; bench/results/PYTHON.json")
    given = parser.parse_args()
    given.part = given.part or list(PARTS)
    if given.brief:
        given.seconds = min(given.seconds, 0.01)
        given.peer = given.peer or list(BRIEF)
    return given


def main() -> int:
    """Measure, write the file, and say what is not in it."""
    given = options()
    session = Session()
    start = time.monotonic()
    found = measure(session, given)
    whole = not (given.brief or given.case or given.peer or len(given.part) < len(PARTS))
    path = given.output
    if path is None and whole:
        path = HERE / "results" / f"{sys.version_info.major}.{sys.version_info.minor}.json"
    if path is None:
        say("nothing is written: this was a part of it, and no --output was given")
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")
        say(f"written: {path}")
    for reason in session.skipped:
        say(f"!! skipped {reason}")
    for what in session.failed:
        say(f"!! FAILED: {what}")
    say(f"{time.monotonic() - start:.0f} s")
    return 1 if session.failed else 0


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
