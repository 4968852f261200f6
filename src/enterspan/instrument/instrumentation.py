"""An instrumentation: what was asked for, what came of it, and the way back."""

from __future__ import annotations

import sys
from types import FunctionType, MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from enterspan._forms.traced import Options, parameter_names
from enterspan._model.values import DEFAULT_LIMITS, clean_text
from enterspan.instrument.bodies import BodyError
from enterspan.instrument.holders import Moves
from enterspan.instrument.imports import finder, watch_lazy, watch_unfinished
from enterspan.instrument.obstacles import obstacle_at, obstacle_in, refused_module
from enterspan.instrument.patches import (
    BodyPatch,
    Claim,
    StandIn,
    claim_body,
    claim_object,
    patching,
    release,
    traces_itself,
)
from enterspan.instrument.patterns import ALL_NAMES, GRAMMAR, Asked, Names, Pattern
from enterspan.instrument.targets import (
    Spot,
    home_of_callable,
    is_class,
    is_compiled,
    is_module,
    is_passive,
    is_replaceable,
    module_name,
    pieces_of,
    replaced_inside,
    spot_at,
    spots_in,
    spots_of_class,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from enterspan._span.switchboard import Switchboard


def instrument(
    board: Switchboard, targets: Sequence[object], exclude: object, options: Options
) -> Instrumentation:
    """Wrap what the targets pick; TypeError or ValueError for a target that can't be read."""
    if not targets:
        raise TypeError(f"instrument needs something to instrument: {GRAMMAR}")
    made = Instrumentation(
        board,
        [_read(target) for target in targets],
        [_read(target) for target in _listed(exclude)],
        options,
    )
    made.start()
    return made


def _listed(exclude: object) -> Iterable[object]:
    if isinstance(exclude, (list, tuple, set, frozenset)):
        return exclude
    return (exclude,)


def _read(target: object) -> Target:
    if isinstance(target, str):
        return Pattern(target)
    if is_module(target) or is_class(target) or callable(target) or pieces_of(target):
        return Given(target)
    raise TypeError(f"can't instrument {target!r}: {GRAMMAR}")


class Given:
    """A target that was given as an object."""

    __slots__ = ("thing",)

    def __init__(self, thing: Any) -> None:
        """Find it; ValueError where no name leads to something that only a name can lead to."""
        self.thing = thing
        if not (is_module(thing) or is_class(thing) or pieces_of(thing)):
            home_of_callable(thing)

    def names_in(self, module: str) -> Sequence[Names]:
        """A module is looked for again when it is reloaded."""
        return (ALL_NAMES,) if is_module(self.thing) and module_name(self.thing) == module else ()

    def spots(self) -> Iterable[tuple[Spot, Asked]]:
        """What it comes to, and how closely that was asked for."""
        thing = self.thing
        if is_module(thing):
            return _picked(module_name(thing), thing, ALL_NAMES)
        if is_class(thing):
            return [(s, Asked.BY_MODULE) for s in spots_of_class(thing) if ALL_NAMES.pick(s.name)]
        return [(home_of_callable(thing), Asked.BY_NAME)]

    def covers(self, spot: Spot) -> bool:
        """Whether something at a spot is this, or belongs to it."""
        thing = self.thing
        if is_module(thing):
            return module_name(thing) == spot.module
        if is_class(thing):
            return any(spot.owner is s.owner for s in spots_of_class(thing))
        mine = {id(piece.function) for piece in pieces_of(thing) or ()} | {id(thing)}
        there = {id(piece.function) for piece in pieces_of(spot.value) or ()} | {id(spot.value)}
        return not mine.isdisjoint(there)

    @property
    def text(self) -> Any:
        """What was given."""
        return self.thing


Target: TypeAlias = "Pattern | Given"


def _picked(name: str, module: ModuleType, names: Names) -> list[tuple[Spot, Asked]]:
    """What is meant by the names of a pattern in a module, and how closely it was asked for."""
    if not names.is_exact:
        return [(s, names.asked) for s in spots_in(name, module) if names.pick(s.name)]
    found = spot_at(name, module, names.text)
    if found is None:
        return []
    if is_class(found.value):
        return [(s, names.asked) for s in spots_of_class(found.value) if ALL_NAMES.pick(s.name)]
    return [] if is_module(found.value) else [(found, Asked.BY_NAME)]


class Instrumentation:
    """What `tracing.instrument(...)` has wrapped and will wrap; also a block, which removes it.

    It stays until `remove()`, whether or not somebody holds this.
    """

    def __init__(  # internal
        self, board: Switchboard, targets: list[Target], exclude: list[Target], options: Options
    ) -> None:
        self._board = board
        self._targets = targets
        self._exclude = exclude
        self._options = options
        self._patches: dict[int, BodyPatch | StandIn] = {}
        self._wrapped: dict[str, None] = {}
        self._skipped: dict[str, str] = {}
        self._met: set[int] = set()  # the targets that picked something, by their places
        self._removed = False

    # --- what it says ---

    @property
    def wrapped(self) -> tuple[str, ...]:
        """The functions that are traced, as `module:qualified.name`."""
        return tuple(self._wrapped)

    @property
    def skipped(self) -> Mapping[str, str]:
        """What was picked and left alone, or is still called unseen by some: name and reason."""
        return MappingProxyType(dict(self._skipped))

    @property
    def unmatched(self) -> tuple[object, ...]:
        """The targets that picked nothing yet, as they were given."""
        return tuple(
            [target.text for at, target in enumerate(self._targets) if at not in self._met]
        )

    def __repr__(self) -> str:
        """Show how much there is."""
        return (
            f"<Instrumentation of {len(self._wrapped)} functions, {len(self._skipped)} skipped"
            f"{', removed' if self._removed else ''}>"
        )

    # --- the way back ---

    def remove(self) -> None:
        """Put back every original; calls that are under way end as they began. Again: nothing."""
        with patching:
            if self._removed:
                return
            self._removed = True
            finder.remove(self)
            moves = Moves()
            for patch in reversed(self._patches.values()):
                release(patch, self, moves)
            moves.carry_out()
            self._patches.clear()

    def __enter__(self) -> Instrumentation:  # noqa: PYI034 - Self needs an import here
        """Give this."""
        return self

    def __exit__(self, *failure: object) -> None:
        """Remove it."""
        self.remove()

    # --- what it does ---

    def start(self) -> None:  # internal
        """Wrap what is there, and wait for what comes."""
        with patching:
            if any(type(target) is Pattern or is_module(target.text) for target in self._targets):
                finder.add(self)
            for name, module in list(sys.modules.items()):
                if self.wants(name) and is_module(module) and not watch_lazy(module):
                    watch_unfinished(module)
                    self.arrived(name, module)
            moves = Moves()
            for at, target in enumerate(self._targets):
                if type(target) is Given:
                    for spot, asked in target.spots():
                        self._take(at, spot, moves, asked)
            self._carry_out(moves)

    def wants(self, name: str) -> bool:  # internal
        """Whether there may be something for this in a module of this name."""
        return any(True for _ in self._names_in(name))

    def arrived(self, name: str, module: ModuleType) -> None:  # internal
        """Wrap what was asked for in a module that has been executed."""
        self._look_at(name, module, self._names_in(name))

    def _look_at(
        self, name: str, module: ModuleType, wanted: Iterable[tuple[int, Names]], only: str = ""
    ) -> None:
        with patching:
            if self._removed:
                return
            moves = Moves()
            for at, names in wanted:
                for spot, asked in _picked(name, module, names):
                    if only in ("", spot.name.partition(".")[0]):
                        self._take(at, spot, moves, asked)
            self._carry_out(moves)

    def wants_main(self, name: str) -> bool:  # internal
        """Whether there may be something for this in a program, whose module has a name too."""
        return any(target.names_in(name) for target in self._targets)

    def main_defines(self, name: str, module: ModuleType, defined: str) -> None:  # internal
        """Wrap what was asked for of what a program has just defined; its module has two names."""
        self._look_at(name, module, self._targets_in(name), defined)

    def _names_in(self, module: str) -> Iterator[tuple[int, Names]]:
        if not module.endswith(".__main__"):  # that is executed under another name
            yield from self._targets_in(module)

    def _targets_in(self, module: str) -> Iterator[tuple[int, Names]]:
        for at, target in enumerate(self._targets):
            for names in target.names_in(module):
                yield at, names

    def _take(self, at: int, spot: Spot, moves: Moves, asked: Asked) -> None:
        """Wrap what lies at a spot, or say why not."""
        reason = self._excluded(spot) or refused_module(spot.module)
        if reason is None:
            try:
                reason = self._wrap(spot, moves, asked)
            except (BodyError, ValueError) as error:
                reason = str(error)
            except Exception as error:
                reason = f"it raises {type(error).__name__} when it is looked at"
        if reason == "":
            return
        self._met.add(at)
        if reason is None:
            self._wrapped[spot.full_name] = None
            self._skipped.pop(spot.full_name, None)
        elif spot.full_name not in self._wrapped:
            self._skipped[spot.full_name] = reason

    def _wrap(self, spot: Spot, moves: Moves, asked: Asked) -> str | None:
        """Wrap what lies at a spot: None if that was done, else why not ("": it is no function)."""
        value: Any = replaced_inside(spot.value)
        if issubclass(type(value), MethodType) and asked is not Asked.BY_NAME:
            return ""
        if traces_itself(value, self._board):
            return "it is traced already"
        pieces = pieces_of(spot.value)
        if pieces is None:
            return self._replace(spot, value, moves, asked)
        reasons = [
            self._exchange(piece.function, _span_name(spot) + piece.suffix) for piece in pieces
        ]
        return None if None in reasons else reasons[0]

    def _exchange(self, function: FunctionType, name: str) -> str | None:
        """Exchange a function's body, or say why not."""
        if traces_itself(function, self._board):
            return "it is traced already"
        reason = obstacle_in(function)
        if reason is None:
            options = self._options_for(name, parameter_names(function))
            patch = claim_body(function, Claim(self, self._board, options))
            self._patches[id(patch)] = patch
        return reason

    def _replace(self, spot: Spot, value: Any, moves: Moves, asked: Asked) -> str | None:
        """Have something that is no plain function replaced, or say why not."""
        named = asked is Asked.BY_NAME
        if not callable(value):
            return "" if is_passive(value) and not named else f"it is {_kind(value)}, no function"
        if not (named or is_replaceable(value)):
            return f"it is {_kind(value)}, no function; name it to have it wrapped"
        if asked is Asked.BROADLY and is_compiled(value):
            return "it is written in C; name its module to have it wrapped"
        reason = obstacle_at(spot.owner)
        if reason is None:
            options = self._options_for(_span_name(spot), ())
            claim = Claim(self, self._board, options)
            patch = claim_object(value, claim, moves, spot.full_name)
            self._patches[id(patch)] = patch
        return reason

    def _options_for(self, name: str, known: tuple[str, ...]) -> Options:
        """The options of one function: those names to capture that it has."""
        options = self._options
        wanted = options.capture_args
        if isinstance(wanted, tuple):
            wanted = tuple([arg for arg in wanted if arg in known])
        return Options(
            name,
            options.attributes,
            wanted,
            options.capture_return,
            options.min_duration,
            options.redact,
        )

    def _carry_out(self, moves: Moves) -> None:
        moves.carry_out()
        for name, kinds in moves.left().items():
            self._skipped[name] = f"{', '.join(kinds)} holds it too, and calls it unseen"

    def _excluded(self, spot: Spot) -> str | None:
        for target in self._exclude:
            if target.covers(spot):
                return f"excluded by {target.text}"
        return None


def _span_name(spot: Spot) -> str:
    return clean_text(spot.name, DEFAULT_LIMITS.name_bytes)


def _kind(value: Any) -> str:
    """What sort of thing something is, with its article."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
