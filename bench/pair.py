"""Two contenders side by side in one process: they take turns of a few milliseconds each.

    python bench/pair.py otel recorded --seconds 4

A busy moment of the machine so hits both. A round is one turn of each, in random order; a block is
some rounds; the two medians of a block give one ratio, and the ratios of all blocks their median
and quartiles. Garbage is collected before each turn, so that no turn pays for the one before.

After the last turn it is proved that what was made was recorded: each sink has counted exactly as
many spans as were opened. A run whose counts are wrong is an error, not a figure.

`run.py` starts this once for each peer and mode: what peers do to one another's worlds (patched
modules, global providers, context variables) then reaches no other pair.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
from statistics import median, quantiles
from time import perf_counter_ns, process_time_ns, thread_time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from cases import CASES, Case, Mode
from contender import Contender, MissingError
from lineup import LINEUP, OURS
from workload import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workload import Run

TURN_NS = 3_000_000
"""How long a turn lasts, roughly."""
ROUNDS = 8
"""How many turns each has in a block."""
FEWEST_BLOCKS = 4


class WrongCountError(Exception):
    """What was made is not what was recorded."""


class Turn(NamedTuple):
    """What a turn cost, in nanoseconds a run."""

    own: float
    """CPU time of the calling thread: the figure that a busy machine disturbs least."""
    wall: float
    """What the caller waited: with others on the machine, and with workers for the interpreter."""
    all: float
    """CPU time of all threads, up to where everything was delivered."""


class Player:
    """One contender in one case, and the count of what it made."""

    def __init__(self, name: str, contender: Contender, run: Run, case: Case) -> None:
        self.name = name
        self.contender = contender
        self.run = run
        self.case = case
        self.runs = 0
        self.turns = 0
        self.before = contender.arrived()
        self.count = 0

    def turn(self, count: int) -> Turn:
        """Run so often, inside a parent if the case has one; what that costs is shared by all."""
        contender, run = self.contender, self.run
        gc.collect()
        all_threads = process_time_ns()
        start = perf_counter_ns()
        own = thread_time_ns()
        if self.case.nested:
            with contender.parent():
                run(count)
        else:
            run(count)
        own = thread_time_ns() - own
        wall = perf_counter_ns() - start
        contender.drain()
        all_threads = process_time_ns() - all_threads
        self.runs += count
        self.turns += 1
        share = float(count)
        if self.case.nested and contender.records:  # the parent is a span like the others
            share += 1 / self.case.spans
        return Turn(own / share, wall / share, all_threads / share)

    def calibrate(self) -> None:
        """Find out how often it runs in one turn."""
        count = 8
        self.turn(count)  # the first turn pays for what is made once
        while True:
            spent = min(self.turn(count).own for _ in range(3)) * count
            if spent > TURN_NS / 4:
                break
            count *= 2
        self.count = max(1, round(count * TURN_NS / spent))

    def prove(self) -> int:
        """How many spans or events arrived; raises where that is not what was made."""
        self.contender.drain()
        arrived = self.contender.arrived() - self.before
        expected = 0
        if self.contender.records:
            expected = self.contender.expected(self.case, self.runs, self.turns)
        if arrived != expected:
            raise WrongCountError(
                f"{self.name}, {self.case.title}: {expected:,} made, {arrived:,} recorded"
            )
        return arrived


def measure(ours: Player, peer: Player, seconds: float) -> dict[str, Any]:
    """One case, for so long."""
    players = [ours, peer]
    for player in players:
        player.calibrate()
    settle()
    blocks: list[dict[Player, Turn]] = []
    deadline = perf_counter_ns() + int(seconds * 1e9)
    while perf_counter_ns() < deadline or len(blocks) < FEWEST_BLOCKS:
        turns: dict[Player, list[Turn]] = {player: [] for player in players}
        for _ in range(ROUNDS):
            random.shuffle(players)
            for player in players:
                turns[player].append(player.turn(player.count))
        blocks.append({player: middle(taken) for player, taken in turns.items()})
    mine = [block[ours] for block in blocks]
    theirs = [block[peer] for block in blocks]
    return {
        "case": ours.case.key,
        "blocks": len(blocks),
        **{field: figures(mine, theirs, at) for at, field in enumerate(Turn._fields)},
        "ours_arrived": ours.prove(),
        "peer_arrived": peer.prove(),
    }


def middle(turns: Sequence[Turn]) -> Turn:
    """The median of each figure."""
    return Turn(*(median(values) for values in zip(*turns, strict=True)))


def figures(mine: Sequence[Turn], theirs: Sequence[Turn], at: int) -> dict[str, list[float]]:
    """One figure of both, and how many times dearer the peer is."""
    return {
        "ours_ns": spread([turn[at] for turn in mine]),
        "peer_ns": spread([turn[at] for turn in theirs]),
        "times": spread([b[at] / a[at] for a, b in zip(mine, theirs, strict=True)]),
    }


def spread(values: Sequence[float]) -> list[float]:
    """The lower quartile, the median and the upper quartile."""
    return [float(f"{value:.4g}") for value in quantiles(values, n=4)]


def compare(name: str, mode: Mode, seconds: float, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """All the cases of a mode that both have."""
    ours = LINEUP[OURS].load(mode)
    peer = LINEUP[name].load(mode)
    our_forms, peer_forms = ours.forms(), peer.forms()
    found: list[dict[str, Any]] = []
    for case in CASES:
        if case.mode is not mode or (wanted and case.key not in wanted):
            continue
        if case.form not in our_forms or case.form not in peer_forms:
            continue
        measured = measure(
            Player(OURS, ours, our_forms[case.form], case),
            Player(name, peer, peer_forms[case.form], case),
            seconds,
        )
        found.append({"peer": name, "mode": mode.value, **measured})
    return found


def main() -> int:
    """Measure, and print what was found as one line of JSON."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("peer", choices=[name for name in LINEUP if name != OURS])
    options.add_argument("mode", type=Mode, choices=list(Mode))
    options.add_argument("--seconds", type=float, default=3.0, help="for each case")
    options.add_argument("--case", action="append", default=[], help="only this one; repeatable")
    given = options.parse_args()
    try:
        found = compare(given.peer, given.mode, given.seconds, given.case)
    except MissingError as reason:
        print(json.dumps({"missing": str(reason)}))
        return 0
    except WrongCountError as error:
        print(f"NOT what was made was recorded: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
