"""Measure two source trees of enterspan side by side, to see what a change costs.

    python bench/before_after.py OLD/src NEW/src
    python bench/before_after.py OLD/src NEW/src --case call --case block --processes 10

Each tree is measured in a process of its own, and beside it, in the same process, one peer: the
minimal span; a closure where tracing is off; OpenTelemetry's processor for live tails, if it is
installed. The two processes take turns of a few milliseconds in random order, never both at once,
and are started anew several times, because two processes of the same code differ by a few percent.
Medians of 8 turns make one ratio; the median and the quartiles of all ratios are printed. As in
`pair.py` the figure is CPU time of the calling thread, and a span that is lost is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from cases import CASES, Case, Mode
from lineup import LINEUP, OURS
from pair import ROUNDS, Player, spread
from workload import settle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    Key: TypeAlias = tuple[str, str]
    """A side and a contender."""

BESIDE = {Mode.RECORDED: "minimal", Mode.OFF: "closure", Mode.TAIL: "otel"}
HEAD = f"{'':34}{'old ns':>9}{'new ns':>9}   {'new / old':22}{'old / peer':22}{'new / peer':22}peer"


class Side:
    """A process that measures one source tree in one mode."""

    def __init__(self, source: Path, mode: Mode, peers: Sequence[str]) -> None:
        command = [sys.executable, __file__, "--serve", mode.value, *peers]
        environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONHASHSEED": "0"}
        pipe = subprocess.PIPE
        self.process: subprocess.Popen[str] = subprocess.Popen(  # noqa: S603
            command, env=environment, stdin=pipe, stdout=pipe, text=True
        )
        found = Path(self.read())
        if source.resolve() not in found.parents:
            sys.exit(f"measured is {found}, not {source}")

    def turn(self, name: str, case: str) -> float | None:
        """Nanoseconds a run of one turn; None if the contender has no such form."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([name, case]) + "\n")
        self.process.stdin.flush()
        nanoseconds: float | None = self.read()
        return nanoseconds

    def read(self) -> Any:
        """The next line that the process writes."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit("a measuring process failed")
        return json.loads(line)

    def end(self) -> None:
        """Have the counts compared."""
        self.process.communicate()
        if self.process.returncode:
            sys.exit("a measuring process failed")


def serve(mode: Mode, names: Sequence[str]) -> None:
    """Take the turns that the standard input asks for."""
    import enterspan

    if sys.platform == "linux":  # one core for both: others' work on it hits both alike
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    contenders = {name: LINEUP[name].load(mode) for name in (OURS, *names)}
    forms = {name: contender.forms() for name, contender in contenders.items()}
    cases = {case.key: case for case in CASES}
    players: dict[tuple[str, str], Player | None] = {}
    say(enterspan.__file__)
    for line in sys.stdin:
        name, key = json.loads(line)
        if (name, key) not in players:
            run = forms[name].get(cases[key].form)
            player = Player(name, contenders[name], run, cases[key]) if run else None
            players[name, key] = player
            if player:
                player.calibrate()
                settle()
        player = players[name, key]
        say(player and player.turn(player.count).own)
        if player:
            player.prove()


def say(value: object) -> None:
    """Write a line to the parent process."""
    print(json.dumps(value), flush=True)


def measure(
    sides: dict[str, Side], case: Case, names: Sequence[str], blocks: int
) -> Iterator[dict[Key, float]]:
    """The medians of each block of turns."""
    keys = [(side, name) for side in sides for name in names]
    known = [key for key in keys if sides[key[0]].turn(key[1], case.key) is not None]
    for _ in range(blocks):
        turns: dict[Key, list[float]] = {key: [] for key in known}
        for _ in range(ROUNDS):
            random.shuffle(known)
            for side, name in known:
                turns[side, name].append(sides[side].turn(name, case.key) or 0.0)
        yield {key: median(values) for key, values in turns.items()}


def row(case: Case, peer: str, blocks: Sequence[dict[Key, float]]) -> str:
    """One line of the table."""
    old, new = ("old", OURS), ("new", OURS)
    nanoseconds = [median(block[key] for block in blocks) for key in (old, new)]
    pairs: list[tuple[Key, Key]] = [(new, old), (old, ("old", peer)), (new, ("new", peer))]
    ratios = [ratio([b[x] / b[y] for b in blocks if y in b]) for x, y in pairs]
    slower = spread([block[new] / block[old] for block in blocks])[0] > 1
    return (
        f"{case.title:34}{nanoseconds[0]:>9,.0f}{nanoseconds[1]:>9,.0f}   "
        + "".join(f"{text:22}" for text in ratios)
        + (peer if ratios[1] else "")
        + ("  SLOWER" if slower else "")
    )


def ratio(values: Sequence[float]) -> str:
    """The median and the quartiles, or nothing."""
    if not values:
        return ""
    low, middle, high = spread(values)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def compare(given: argparse.Namespace) -> None:
    """Measure each mode, and print the rows of its cases."""
    print(HEAD, flush=True)
    for mode in Mode:
        cases = [c for c in CASES if c.mode is mode and c.key in (given.case or [c.key])]
        if not cases:
            continue
        peer = given.peer or BESIDE[mode]
        peers = [] if LINEUP[peer].missing() else [peer]
        found: dict[Case, list[dict[Key, float]]] = {case: [] for case in cases}
        for _ in range(given.processes):
            sides = {name: Side(getattr(given, name), mode, peers) for name in ("old", "new")}
            for case in cases:
                found[case] += measure(sides, case, [OURS, *peers], given.blocks)
            for side in sides.values():
                side.end()
        for case in cases:
            print(row(case, peer, found[case]), flush=True)


def main() -> int:
    """Compare, or be one of the two processes."""
    if sys.argv[1:2] == ["--serve"]:
        serve(Mode(sys.argv[2]), sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("old", type=Path, help="the folder that has enterspan/ in it")
    parser.add_argument("new", type=Path)
    parser.add_argument("--case", action="append", default=[], choices=[c.key for c in CASES])
    parser.add_argument("--peer", choices=[name for name in LINEUP if name != OURS])
    parser.add_argument("--processes", type=int, default=5, help="of each tree, one after another")
    parser.add_argument("--blocks", type=int, default=4, help="of each case in each process")
    compare(parser.parse_args())
    return 0


if __name__ == "__main__":
    sys.exit(main())
