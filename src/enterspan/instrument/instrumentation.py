"""An instrumentation: what was asked for, what came of it, and the way back."""

from __future__ import annotations

import sys
from time import perf_counter
from types import BuiltinFunctionType, MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from enterspan._forms.callables import Wrapping, is_function, original_of
from enterspan._forms.recorder import span_name
from enterspan._model.values import DEFAULT_LIMITS, clean_text
from enterspan.instrument.holders import Moves
from enterspan.instrument.imports import finder, watch_lazy, watch_unfinished
from enterspan.instrument.patches import (
    Claim,
    Patch,
    patch_of,
    patching,
    traces_itself,
)
from enterspan.instrument.patterns import (
    ALL_NAMES,
    GRAMMAR,
    Asked,
    Names,
    Pattern,
    PublicNames,
)
from enterspan.instrument.public import LEFT_OUT, left_out, public_locations
from enterspan.instrument.targets import (
    Location,
    functions_at,
    home_of_callable,
    is_class,
    is_compiled,
    is_module,
    is_passive,
    is_replaceable,
    location_at,
    locations_in,
    locations_of_class,
    module_name,
    pieces_of,
    replaced_inside,
)
from enterspan.instrument.unsupported import (
    Package,
    is_looker,
    package_of,
    refused_module,
    unchangeable,
    unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from importlib.machinery import ModuleSpec

    from enterspan._forms.options import Options
    from enterspan._span.tracer import Tracer


def instrument(
    tracer: Tracer, targets: Sequence[object], exclude: object, options: Options
) -> Instrumentation:
    """Wrap what the targets pick; TypeError or ValueError for a target that can't be read."""
    if not targets:
        raise TypeError(f"instrument needs something to instrument: {GRAMMAR}")
    made = Instrumentation(
        tracer,
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
        """Find it; ValueError where no name leads to a function."""
        self.thing = thing
        if not (is_module(thing) or is_class(thing)):
            home_of_callable(thing)

    def names_in(self, module: str) -> Sequence[Names]:
        """A module is looked for again when it is reloaded."""
        return (ALL_NAMES,) if is_module(self.thing) and module_name(self.thing) == module else ()

    def lies_in(self, module: str, _: str | None) -> bool:
        """Whether a module may have something of it."""
        return bool(self.names_in(module))

    def locations(self) -> list[tuple[Location, Asked]]:
        """What it comes to, and how closely that was asked for."""
        thing = self.thing
        if is_module(thing):
            name = module_name(thing)
            return _picked(name, thing, ALL_NAMES, locations_in(name, thing))
        if is_class(thing):
            return _methods(thing, Asked.BY_MODULE)
        return [(home_of_callable(thing), Asked.BY_NAME)]

    def covers(self, location: Location) -> bool:
        """Whether something at a location is this, or belongs to it."""
        thing = self.thing
        if is_module(thing):
            return module_name(thing) == location.module
        if is_class(thing):
            return any(location.owner is each.owner for each in locations_of_class(thing))
        return not _functions_of(thing).isdisjoint(_functions_of(location.value))

    @property
    def text(self) -> Any:
        """What was given."""
        return self.thing


Target: TypeAlias = "Pattern | Given"


def _functions_of(value: Any) -> set[int]:
    every = (value, *[piece.function for piece in pieces_of(value) or ()])
    return {id(original_of(each)) for each in every}


def _picked(
    name: str, module: ModuleType, names: Names, every: list[Location]
) -> list[tuple[Location, Asked]]:
    """What is meant by the names of a pattern in a module, and how closely it was asked for."""
    if type(names) is PublicNames:
        return [(at, names.asked) for at in public_locations(names, name, module, every)]
    if not names.is_exact:
        return [(at, names.asked) for at in every if names.pick(at.name)]
    found = location_at(name, module, names.text)
    if found is None:
        return []
    if is_class(found.value):
        return _methods(found.value, names.asked)
    return [] if is_module(found.value) else [(found, Asked.BY_NAME)]


def _methods(cls: Any, asked: Asked) -> list[tuple[Location, Asked]]:
    return [(at, asked) for at in locations_of_class(cls) if ALL_NAMES.pick(at.name)]


class Instrumentation:
    """What `tracing.instrument(...)` has wrapped and will wrap; also a block, which removes it.

    It stays until `remove()`, whether or not there is a reference to this.
    """

    def __init__(  # internal
        self, tracer: Tracer, targets: list[Target], exclude: list[Target], options: Options
    ) -> None:
        self._tracer = tracer
        self._targets = targets
        self._exclude = exclude
        self._wrapping = Wrapping(tracer, options)
        self._patches: dict[int, Patch] = {}
        self._wrapped: dict[str, None] = {}
        self._skipped: dict[str, str] = {}
        self._met: set[int] = set()  # the targets that picked something, by their places
        self._held = Moves()  # what is held elsewhere: looked for when an import has ended
        self._unseen = Moves()  # what can't be changed holds it
        self._changes: dict[Package, int] = {}  # those that have been dealt with
        self._known_modules: set[int] = set()  # in which that has been looked for
        self._seconds = 0.0
        self._removed = False

    # --- what it says ---

    @property
    def wrapped(self) -> tuple[str, ...]:
        """The functions that are traced, as `module:qualified.name`."""
        return tuple(self._wrapped)

    @property
    def skipped(self) -> Mapping[str, str]:
        """What was picked and left alone, or is also held where it is called unseen, and why.

        What else holds a function is looked for when this is read.
        """
        with patching:
            unseen = self._unseen.held()
            self._unseen = Moves()
            for name, kinds in (unseen.holders() if unseen else {}).items():
                self._skipped[name] = f"{', '.join(kinds)} holds it too, and calls it unseen"
        return MappingProxyType(dict(self._skipped))

    @property
    def unmatched(self) -> tuple[object, ...]:
        """The targets that picked nothing yet, as they were given."""
        return tuple(
            [target.text for at, target in enumerate(self._targets) if at not in self._met]
        )

    @property
    def seconds(self) -> float:
        """How long it took to wrap all this, in seconds; the modules' own imports don't count."""
        return self._seconds

    def summary(self) -> str:
        """What it did and what that cost, in one line: `wrapped 3,786 functions in 0.4 s`."""
        count = len(self._wrapped)
        return f"wrapped {count:,} function{'' if count == 1 else 's'} in {self._seconds:.1f} s"

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
            self._release(reversed(self._patches.values())).carry_out_everywhere()
            self._patches.clear()
            self._unseen = Moves()

    def wrapped_alone(self, function: Any) -> Any:  # internal
        """A function that no name leads to, wrapped as if it had been picked."""
        package = package_of(str(function.__module__))
        reason = unsupported(function, package) or self._wrapping.refuses(function)
        if reason is not None:
            return function
        return self._wrapping.wrap(function, span_name(function), package.path)

    def put_back(self, wrapper: Any) -> bool:  # internal
        """Put a function in the place of its wrapper; False if another thread is at work here."""
        if not patching.acquire():
            return False
        try:
            for patch in list(self._patches.values()):
                if patch.current is wrapper:
                    del self._patches[id(patch)]
                    self._held.cancel(wrapper)
                    self._release([patch])
        finally:
            patching.release()
        return True

    def _release(self, patches: Iterable[Patch]) -> Moves:
        """Put originals back in their places; what is still held elsewhere is returned."""
        moves = Moves()
        owners: dict[int, Any] = {}
        for patch in patches:
            module = patch.module
            patch.drop(self, moves, package_of(module).path)
            for owner in (sys.modules.get(module), patch.owner):
                owners[id(owner)] = owner
        moves.carry_out([owner for owner in owners.values() if is_module(owner) or is_class(owner)])
        return moves.held()

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
            if any(type(target) is not Given or is_module(target.text) for target in self._targets):
                finder.add(self)
            for name, module in list(sys.modules.items()):
                if self.wants(name) and is_module(module) and not watch_lazy(module):
                    watch_unfinished(module)
                    self.arrived(name, module)
            begun = perf_counter()
            for at, target in enumerate(self._targets):
                if type(target) is Given:
                    self._take_given(at, target.locations())
            self._seconds += perf_counter() - begun
            self.settled()

    def wants(self, name: str) -> bool:  # internal
        """Whether there may be something for this in a module of this name."""
        return any(True for _ in self._names_in(name))

    def found(self, name: str, spec: ModuleSpec) -> bool:  # internal
        """Whether that is still so, now that it is known where the module lies."""
        return any(target.lies_in(name, spec.origin) for target in self._targets)

    def arrived(self, name: str, module: ModuleType) -> None:  # internal
        """Wrap what was asked for in a module that has been executed."""
        self._look_at(name, module, self._names_in(name))

    def settled(self) -> None:  # internal
        """Look for what is held elsewhere, once for all modules of an import that has ended."""
        with patching:
            held = self._held.held()
            self._held = Moves()
            if self._removed or not held:
                return
            begun = perf_counter()
            held.carry_out_everywhere(self._known_modules)
            self._known_modules.update(map(id, list(sys.modules.values())))
            self._unseen.extend(held.held())
            self._seconds += perf_counter() - begun

    def wants_main(self, name: str) -> bool:  # internal
        """Whether there may be something for this in a program, whose module has a name too."""
        return any(target.names_in(name) for target in self._targets)

    def main_defines(self, name: str, module: ModuleType, defined: str) -> None:  # internal
        """Wrap what was asked for of what a program has just defined; its module has two names."""
        self._look_at(name, module, self._targets_in(name), defined)
        self.settled()

    def defines(self, name: str, module: ModuleType, defined: str) -> None:  # internal
        """The same for a module, when what holds things elsewhere is looked for later."""
        self._look_at(name, module, self._targets_in(name), defined)

    def _look_at(
        self, name: str, module: ModuleType, wanted: Iterable[tuple[int, Names]], only: str = ""
    ) -> None:
        with patching:
            if self._removed:
                return
            begun = perf_counter()
            every = locations_in(name, module, only)
            self._learn(name, module, every)
            private: list[str] = []  # names, and not functions: what holds them is counted
            picked = [(at, self._pick(name, module, names, every, private)) for at, names in wanted]
            if only:  # a name of a pattern may lead elsewhere
                picked = [
                    (at, [pick for pick in some if pick[0].name.partition(".")[0] == only])
                    for at, some in picked
                ]
            moves = self._take_all(picked)
            del picked
            for full_name in private:
                if full_name not in self._wrapped:
                    self._skipped.setdefault(full_name, LEFT_OUT)
            owners = {id(at.owner): at.owner for at in every}
            del every  # it holds the functions too
            held = moves.held()
            if held:
                held.carry_out([module, *owners.values()])
                self._held.extend(held)
            self._seconds += perf_counter() - begun

    def _pick(
        self,
        name: str,
        module: ModuleType,
        names: Names,
        every: list[Location],
        private: list[str],
    ) -> list[tuple[Location, Asked]]:
        """What is meant in a module; what is left out because it is not public is added."""
        found = _picked(name, module, names, every)
        if type(names) is PublicNames:
            private += left_out(every, [location for location, _ in found])
            self._look_again_in(name, found)
        return found

    def _look_again_in(self, name: str, found: list[tuple[Location, Asked]]) -> None:
        """Take other modules, of which something is wrapped now, for new ones."""
        for home in {location.module for location, _ in found} - {name}:
            self._known_modules.discard(id(sys.modules.get(home)))

    def _take_given(self, at: int, locations: list[tuple[Location, Asked]]) -> None:
        for name in {location.module for location, _ in locations}:
            module: Any = sys.modules.get(name)
            if is_module(module):
                self._learn(name, module, locations_in(name, module))
        self._held.extend(self._take_all([(at, locations)]))

    def _learn(self, name: str, module: ModuleType, locations: list[Location]) -> None:
        """Look at a module from which something may be picked."""
        package = package_of(name)
        package.learn(module, functions_at(locations))
        if package.changes != self._changes.get(package, 0):
            self._changes[package] = package.changes
            self._reconsider(package)

    def _reconsider(self, package: Package) -> None:
        """Put back what turns out to be unsupported, by a function that was loaded later."""
        late: list[Patch] = []
        for patch in self._patches.values():
            if package_of(patch.module) is not package:
                continue
            patch.move(package.path)
            function = original_of(patch.current)
            reason = package.reason(function) if is_function(function) else None
            if reason is not None:
                late.append(patch)
                self._held.cancel(patch.current)
                self._wrapped.pop(patch.name, None)
                self._skipped[patch.name] = reason
        self._held.extend(self._release(late))
        for patch in late:
            del self._patches[id(patch)]

    def _take_all(self, picked: list[tuple[int, list[tuple[Location, Asked]]]]) -> Moves:
        """Wrap what lies at some locations, and put that in its place there."""
        moves = Moves()
        for at, locations in picked:
            for location, asked in locations:
                reason = refused_module(location.module)
                if reason is None and self._exclude:
                    reason = self._excluded(location)
                if reason is None:
                    try:
                        reason = self._wrap(location, moves, asked)
                    except ValueError as error:
                        reason = str(error)
                    except Exception as error:
                        reason = f"it raises {type(error).__name__} when it is looked at"
                if reason == "":
                    continue
                self._met.add(at)
                name = location.full_name
                if reason is None:
                    moves.change(location.owner, location.key, location.value)
                    self._wrapped[name] = None
                    self._skipped.pop(name, None)
                elif name not in self._wrapped:
                    self._skipped[name] = reason
        return moves

    def _names_in(self, module: str) -> Iterator[tuple[int, Names]]:
        if not module.endswith(".__main__"):  # that is executed under another name
            yield from self._targets_in(module)

    def _targets_in(self, module: str) -> Iterator[tuple[int, Names]]:
        for at, target in enumerate(self._targets):
            for names in target.names_in(module):
                yield at, names

    def _wrap(self, location: Location, moves: Moves, asked: Asked) -> str | None:
        """Wrap what lies at a location: None if that was done, else why not ("": no function)."""
        value: Any = location.value
        if not is_function(value):
            value = replaced_inside(value)
            if issubclass(type(value), MethodType) and asked is not Asked.BY_NAME:
                return ""
        reason = unchangeable(location.owner)
        if reason is not None:
            return reason
        pieces = pieces_of(location.value)
        if pieces is None and traces_itself(value, self._tracer):
            return "it is traced already"
        if pieces is None:
            return self._wrap_object(location, value, moves, asked)
        reasons = [self._wrap_function(location, f, suffix, moves) for f, suffix in pieces]
        return None if None in reasons else reasons[0]

    def _wrap_function(
        self, location: Location, function: Any, suffix: str, moves: Moves
    ) -> str | None:
        if traces_itself(function, self._tracer):
            return "it is traced already"
        package = package_of(location.module)
        reason = unsupported(original_of(function), package) or self._wrapping.refuses(function)
        if reason is None:
            self._claim(location, function, _span_name(location) + suffix, package, moves)
        return reason

    def _wrap_object(
        self, location: Location, value: Any, moves: Moves, asked: Asked
    ) -> str | None:
        """Wrap something that is no Python function, or say why not."""
        named = asked is Asked.BY_NAME
        if not callable(value):
            return "" if is_passive(value) and not named else f"it is {_kind(value)}, no function"
        if not (named or is_replaceable(value)):
            return f"it is {_kind(value)}, no function; name it to have it wrapped"
        if asked is Asked.BROADLY and is_compiled(value):
            return "it is written in C; name its module to have it wrapped"
        home = value.__module__ if type(value) is BuiltinFunctionType else None
        if type(home) is str and (refused := refused_module(home)) is not None:
            return refused
        if is_looker(value):
            return "it looks at the frame that called it"
        self._claim(location, value, _span_name(location), package_of(location.module), moves)
        return None

    def _claim(
        self, location: Location, value: Any, name: str, package: Package, moves: Moves
    ) -> None:
        patch = patch_of(value, location)
        patch.add(Claim(self, self._wrapping, name), moves, package.path)
        self._patches[id(patch)] = patch

    def _excluded(self, location: Location) -> str | None:
        for target in self._exclude:
            if target.covers(location):
                return f"excluded by {target.text}"
        return None


_SHORT: Final = 60
"""A qualified name as short as this is a span's name as it is."""


def _span_name(location: Location) -> str:
    name = location.name
    if len(name) < _SHORT and name.isascii():
        return name
    return clean_text(name, DEFAULT_LIMITS.name_bytes)


def _kind(value: Any) -> str:
    """What sort of thing something is, with its article."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
