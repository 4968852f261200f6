"""How the child processes of a run begin to record: our `sitecustomize` calls `begin`.

A child that runs a script or a module is replaced by one that runs it as `enterspan run` does: its
own functions are seen, and its span has its name. What multiprocessing and its like start, `-c` and
the like record whatever they call, below the span of the run.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from enterspan._run.environment import SETTINGS, carrier, settings_here
from enterspan._run.starts import program_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from enterspan._run.recording import Recording, Settings
    from enterspan.instrument.instrumentation import Instrumentation


def begin() -> None:
    """Called when a child starts that is not started anew: record what it calls."""
    settings = settings_here()
    if settings is not None:
        _record_workers(settings)


def main() -> None:
    """Run the program of a child, whose words are in `sys.argv`; called by the launcher."""
    from enterspan._run.follow import follow
    from enterspan._run.program import Program, ProgramError

    words = sys.argv[1:]
    settings = settings_here()
    try:
        if settings is None:
            raise ProgramError("the settings can't be read")
        first = words[0]
        if first[:2] == "-m" and first != "-m":
            words = ["-m", first[2:], *words[1:]]
        program = Program.of_module(words[1], words[2:]) if first[:2] == "-m" else Program.at(
            first, words[1:]
        )  # fmt: skip
    except ProgramError:  # Python itself says it best
        del os.environ[SETTINGS]
        at = program_at(sys.orig_argv)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:at], *sys.argv[1:]])  # noqa: S606
        raise
    follow(program, settings, is_child=True)


def _record_workers(settings: Settings) -> None:
    """Record what is called in this process: each call from outside is one invocation."""
    from enterspan._run.recording import Recording
    from enterspan._span.invocation import remote_span
    from enterspan._tracing import tracing

    try:
        recording = Recording(settings, is_child=True)
    except (OSError, ValueError):
        return
    context = tracing.extract(carrier())
    if context is not None:
        tracer = tracing._tracer
        tracer.add_ambient(recording, remote_span(tracer, context))
    _await_main(recording)


def _await_main(recording: Recording) -> None:
    """Have the functions wrapped that a worker gets from the main module of the program."""
    from enterspan.instrument.imports import finder

    waiting: Any = _Workers(recording)
    finder.add(waiting)
    for name in (_SPAWN, *_PICKLES):
        if name in sys.modules:
            waiting.arrived(name, sys.modules[name])


_SPAWN: Final = "multiprocessing.spawn"
_PICKLES: Final = ("cloudpickle.cloudpickle", "joblib.externals.cloudpickle.cloudpickle")


class _Workers:
    """Waits for the modules that bring the functions of a main module to a worker."""

    def __init__(self, recording: Recording) -> None:
        self._all = [each for each in (recording.named, recording.own) if each is not None]
        self._own = recording.own

    def wants(self, name: str) -> bool:
        """Those of multiprocessing, and of cloudpickle."""
        return name == _SPAWN or name in _PICKLES

    def found(self, name: str, _: object) -> bool:
        """Wherever they lie."""
        return self.wants(name)

    def arrived(self, name: str, module: ModuleType) -> None:
        """Look at what they import or make, when they have done so."""
        names = vars(module)
        if name == _SPAWN:
            for key in ("_fixup_main_from_path", "_fixup_main_from_name"):
                if key in names:
                    names[key] = _Then(names[key], self._imported)
        elif "_make_function" in names:
            names["_make_function"] = _Then(names["_make_function"], self._made)

    def settled(self) -> None:
        """Nothing is looked for later."""

    def _imported(self, result: object) -> object:
        """The main module has been imported again."""
        main = sys.modules.get("__mp_main__")
        if main is not None:
            file = os.path.basename(str(vars(main).get("__file__", "")))
            for each in self._all:
                own = each is self._own
                names = ("__main__",) if own else ("__main__", file.partition(".")[0])
                _wrap_main(each, main, names)
        return result

    def _made(self, function: Any) -> Any:
        """A function has been made again that was pickled by value."""
        from enterspan._forms.callables import is_function

        if is_function(function) and function.__globals__.get("__name__") == "__main__":
            for each in self._all:
                if each.wants_main("__main__"):
                    return each.wrapped_alone(function)
        return function


class _Then:
    """A function whose result is given to another one."""

    def __init__(self, first: Any, then: Any) -> None:
        self._first = first
        self._then = then

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._then(self._first(*args, **kwargs))


def _wrap_main(instrumentation: Instrumentation, main: ModuleType, names: Sequence[str]) -> None:
    """Wrap what is wanted of a main module; its functions see a copy of its names."""
    from enterspan._forms.callables import is_ours, original_of

    for name in names:
        if name and instrumentation.wants_main(name):
            instrumentation.main_defines(name, main, "")
    held = {id(original_of(value)): value for value in vars(main).values() if is_ours(value)}
    for wrapper in held.values():
        seen: Any = getattr(original_of(wrapper), "__globals__", None)
        for key, value in list(seen.items()) if type(seen) is dict else ():
            if id(value) in held:
                seen[key] = held[id(value)]
