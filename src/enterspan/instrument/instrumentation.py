"""`Instrumentation`: its targets, its results, and its removal."""

from __future__ import annotations

import sys
from time import perf_counter
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from enterspan._forms.callables import Wrapping, is_function, original_of
from enterspan._forms.recorder import span_name
from enterspan._model.limits import DEFAULT_LIMITS
from enterspan._model.removable import Removable
from enterspan._model.values import clean_text
from enterspan.instrument.holders import Moves, forget_unused
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
    closures_of,
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
    """Wrap what the targets pick; TypeError or ValueError for an invalid target."""
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
        """Locate it; ValueError if no name leads to a function."""
        self.thing = thing
        if not (is_module(thing) or is_class(thing)):
            home_of_callable(thing)

    def names_in(self, module: str) -> Sequence[Names]:
        """The names that it picks in a module, which may have been reloaded."""
        return (ALL_NAMES,) if is_module(self.thing) and module_name(self.thing) == module else ()

    def lies_in(self, module: str, _: str | None) -> bool:
        """Whether a module may contain a match."""
        return bool(self.names_in(module))

    def locations(self) -> list[tuple[Location, Asked]]:
        """The picked locations, and how specifically they were requested."""
        thing = self.thing
        if is_module(thing):
            name = module_name(thing)
            return _picked(name, thing, ALL_NAMES, locations_in(name, thing))
        if is_class(thing):
            return _methods(thing, Asked.BY_MODULE)
        return [(home_of_callable(thing), Asked.BY_NAME)]

    def covers(self, location: Location) -> bool:
        """Whether a location is this object, or belongs to it."""
        thing = self.thing
        if is_module(thing):
            return module_name(thing) == location.module
        if is_class(thing):
            return any(location.owner is each.owner for each in locations_of_class(thing))
        return not _functions_of(thing).isdisjoint(_functions_of(location.value))

    @property
    def text(self) -> Any:
        """The target as text."""
        return self.thing


Target: TypeAlias = "Pattern | Given"


def _functions_of(value: Any) -> set[int]:
    every = (value, *[piece.function for piece in pieces_of(value) or ()])
    return {id(original_of(each)) for each in every}


def _picked(
    name: str, module: ModuleType, names: Names, every: list[Location]
) -> list[tuple[Location, Asked]]:
    """The locations that a pattern picks in a module, and how specifically."""
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


class Instrumentation(Removable):
    """The result of `tracing.instrument(...)`; also a context manager, which removes it.

    It stays active until `remove()`, even without a reference to this object.
    """

    def __init__(  # internal
        self, tracer: Tracer, targets: list[Target], exclude: list[Target], options: Options
    ) -> None:
        self._tracer = tracer
        self._targets = targets
        self._exclude = exclude
        self._wrap_with(Wrapping(tracer, options))
        self._patches: dict[int, Patch] = {}
        self._wrapped: dict[str, None] = {}
        self._skipped: dict[str, str] = {}
        self._met: set[int] = set()  # the indexes of targets that picked something
        self._held = Moves()  # references elsewhere, searched for after an import
        self._closures: dict[int, Any] = {}  # that reference some of these and can't be changed
        self._unseen = Moves()  # referenced by what can't be changed
        self._changes: dict[Package, int] = {}  # processed modules
        self._known_modules: set[int] = set()  # modules that were searched for references
        self._seconds = 0.0
        self._removed = False

    def _wrap_with(self, wrapping: Wrapping) -> None:
        self._wrapping = wrapping
        self._claims = (Claim(self, wrapping),)

    # --- results ---

    @property
    def wrapped(self) -> tuple[str, ...]:
        """The functions that are traced, as `module:qualified.name`."""
        return tuple(self._wrapped)

    @property
    def skipped(self) -> Mapping[str, str]:
        """What was not wrapped, or is also referenced where it can't be replaced, and why.

        Other references are searched for when this is read.
        """
        with patching:
            unseen = self._unseen.held()
            self._unseen = Moves()
            for name, kinds in (unseen.holders() if unseen else {}).items():
                if name in self._wrapped:  # else it was restored in the meantime
                    self._skipped[name] = f"{', '.join(sorted(kinds))} holds the original too"
        return MappingProxyType(dict(self._skipped))

    @property
    def unmatched(self) -> tuple[object, ...]:
        """The targets that have picked nothing yet, as given."""
        return tuple(
            [target.text for at, target in enumerate(self._targets) if at not in self._met]
        )

    @property
    def seconds(self) -> float:
        """How long wrapping took, in seconds, without the imports of the modules."""
        return self._seconds

    def summary(self) -> str:
        """The number of functions and the time: `wrapped 3,786 functions in 0.4 s`."""
        count = len(self._wrapped)
        return f"wrapped {count:,} function{'' if count == 1 else 's'} in {self._seconds:.1f} s"

    def __repr__(self) -> str:
        """Show the number of functions."""
        return (
            f"<Instrumentation of {len(self._wrapped)} functions, {len(self._skipped)} skipped"
            f"{', removed' if self._removed else ''}>"
        )

    # --- removal ---

    def remove(self) -> None:
        """Restore every original; running calls are not affected. A second call does nothing."""
        with patching:
            if self._removed:
                return
            self._removed = True
            finder.remove(self)
            self._release(reversed(self._patches.values())).carry_out_everywhere()
            self._patches.clear()
            self._held, self._unseen, self._closures = Moves(), Moves(), {}
            forget_unused()

    def forget(self) -> None:  # internal
        """Hold no function any more; at the end of a process, where restoring takes too long."""
        self._removed = True
        finder.remove(self)
        self._patches.clear()
        self._held, self._unseen, self._closures = Moves(), Moves(), {}

    def wrapped_alone(self, function: Any) -> Any:  # internal
        """Wrap a function that no name leads to, as if it had been picked."""
        package = package_of(str(function.__module__))
        reason = unsupported(function, package) or self._wrapping.refuses(function)
        if reason is not None:
            return function
        return self._wrapping.wrap(function, span_name(function), package.path)

    def put_back(self, wrapper: Any) -> bool:  # internal
        """Restore a function in place of its wrapper; False if another thread is patching."""
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
        """Restore originals; return those that are still referenced elsewhere."""
        moves = Moves()
        owners: dict[int, Any] = {}
        for patch in patches:
            module = patch.module
            patch.drop(self, moves, package_of(module).path)
            for owner in (sys.modules.get(module), patch.owner):
                owners[id(owner)] = owner
        moves.carry_out([owner for owner in owners.values() if is_module(owner) or is_class(owner)])
        return moves.held()

    # --- wrapping ---

    def start(self) -> None:  # internal
        """Wrap loaded modules, and wait for later imports."""
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
        """Whether a module of this name may contain a match."""
        return any(True for _ in self._names_in(name))

    def found(self, name: str, spec: ModuleSpec) -> bool:  # internal
        """Whether that still holds, given the module's location."""
        return any(target.lies_in(name, spec.origin) for target in self._targets)

    def arrived(self, name: str, module: ModuleType) -> None:  # internal
        """Wrap the picked functions of a module that was executed."""
        self._look_at(name, module, self._names_in(name))

    def settled(self) -> None:  # internal
        """Search for other references, once for all modules of an import."""
        with patching:
            held, closures = self._held.held(), self._closures
            self._held, self._closures = Moves(), {}
            if self._removed or not held:
                return
            begun = perf_counter()
            if held.held(closures.values()):
                held.carry_out_everywhere(self._known_modules)
                self._known_modules.update(map(id, list(sys.modules.values())))
            self._unseen.extend(held.held())
            self._seconds += perf_counter() - begun

    def wants_main(self, name: str) -> bool:  # internal
        """Whether a program's main module, which also has a name, may contain a match."""
        return any(target.names_in(name) for target in self._targets)

    def main_defines(self, name: str, module: ModuleType, defined: str) -> None:  # internal
        """Wrap picked functions that a program has just defined; its module has two names."""
        self._look_at(name, module, self._targets_in(name), defined)
        self.settled()

    def defines(self, name: str, module: ModuleType, defined: str) -> None:  # internal
        """Wrap picked functions that a module has just defined; find references later."""
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
            private: list[str] = []  # names, and not functions, whose references are counted
            picked = [(at, self._pick(name, module, names, every, private)) for at, names in wanted]
            if only:  # a name of a pattern may be defined elsewhere
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
            del every  # it also references the functions
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
        """The picked locations in a module; non-public ones are added to `skipped`."""
        found = _picked(name, module, names, every)
        if type(names) is PublicNames:
            private += left_out(every, [location for location, _ in found])
            self._look_again_in(name, found)
        return found

    def _look_again_in(self, name: str, found: list[tuple[Location, Asked]]) -> None:
        """Treat modules with newly wrapped functions as new."""
        for home in {location.module for location, _ in found} - {name}:
            self._known_modules.discard(id(sys.modules.get(home)))

    def _take_given(self, at: int, locations: list[tuple[Location, Asked]]) -> None:
        for name in {location.module for location, _ in locations}:
            module: Any = sys.modules.get(name)
            if is_module(module):
                self._learn(name, module, locations_in(name, module))
        self._held.extend(self._take_all([(at, locations)]))

    def _learn(self, name: str, module: ModuleType, locations: list[Location]) -> None:
        """Examine a module for functions that inspect frames."""
        package = package_of(name)
        functions = functions_at(locations)
        self._closures.update([(id(each), each) for each in closures_of(functions)])
        package.learn(module, functions)
        if package.changes != self._changes.get(package, 0):
            self._changes[package] = package.changes
            self._reconsider(package)

    def _reconsider(self, package: Package) -> None:
        """Restore what turns out to be unsupported because of a function loaded later."""
        late: list[Patch] = []
        path = package.path
        for patch in self._patches.values():
            if package_of(patch.module) is not package:
                continue
            if patch.path != path:
                patch.move(path)
            function = original_of(patch.current)
            reason = package.reason(function) if type(function) is FunctionType else None
            if reason is not None:
                late.append(patch)
                self._held.cancel(patch.current)
                self._wrapped.pop(patch.name, None)
                self._skipped[patch.name] = reason
        self._held.extend(self._release(late))
        for patch in late:
            del self._patches[id(patch)]

    def _take_all(self, picked: list[tuple[int, list[tuple[Location, Asked]]]]) -> Moves:
        """Wrap the functions at some locations, and replace them there."""
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
                        reason = f"it raises {type(error).__name__} when it is examined"
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
        """Wrap the value at a location: None if done, else the reason ("": not a function)."""
        value: Any = location.value
        if type(value) is FunctionType:  # most are
            refused = unchangeable(location.owner)
            return refused or self._wrap_function(location, value, "", moves)
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
        """Wrap a value that is not a Python function, or return the reason why not."""
        named = asked is Asked.BY_NAME
        if not callable(value):
            return (
                "" if is_passive(value) and not named else f"it is {_kind(value)}, not a function"
            )
        if not (named or is_replaceable(value)):
            return f"it is {_kind(value)}, not a function; name it to wrap it"
        if asked is Asked.BROADLY and is_compiled(value):
            return "it is written in C; name its module to have it wrapped"
        home = value.__module__ if type(value) is BuiltinFunctionType else None
        if type(home) is str and (refused := refused_module(home)) is not None:
            return refused
        if is_looker(value):
            return "it inspects its caller's frame"
        self._claim(location, value, _span_name(location), package_of(location.module), moves)
        return None

    def _claim(
        self, location: Location, value: Any, name: str, package: Package, moves: Moves
    ) -> None:
        patch = patch_of(value, location, name)
        patch.add(self._claims, name, moves, package.path)
        self._patches[id(patch)] = patch

    def _excluded(self, location: Location) -> str | None:
        for target in self._exclude:
            if target.covers(location):
                return f"excluded by {target.text}"
        return None


_SHORT: Final = 60
"""A qualified name up to this length is used as a span's name directly."""


def _span_name(location: Location) -> str:
    name = location.name
    if len(name) < _SHORT and name.isascii():
        return name
    return clean_text(name, DEFAULT_LIMITS.name_bytes)


def _kind(value: Any) -> str:
    """The kind of a value, with its article."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
