"""Starts recording in the child processes of a run; `sitecustomize` calls `begin`.

A child that runs a script or a module is replaced by one that runs it like `enterspan run`: its own
functions are traced, and its span has its name. Children of multiprocessing, `-c` and the like
record their calls below the span of the run.
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
    """Called when a child starts that is not restarted: record its calls."""
    settings = settings_here()
    if settings is not None:
        _record_workers(settings)


def main() -> None:
    """Run the program of a child, whose command line is in `sys.argv`; called by the launcher."""
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
    except ProgramError:  # Python itself reports it
        del os.environ[SETTINGS]
        at = program_at(sys.orig_argv)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:at], *sys.argv[1:]])  # noqa: S606
        raise
    follow(program, settings, is_child=True)


def _record_workers(settings: Settings) -> None:
    """Record the calls in this process: each call from outside is one invocation."""
    from enterspan._run.recording import Recording
    from enterspan._run.signals import end_before_signals
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
    end_before_signals(lambda _: False)
    _await_main(recording)


def _await_main(recording: Recording) -> None:
    """Wrap the functions that a worker gets from the program's main module."""
    from enterspan.instrument.imports import finder

    waiting: Any = _Workers(recording)
    finder.add(waiting)
    for name in (_SPAWN, *_PICKLES):
        if name in sys.modules:
            waiting.arrived(name, sys.modules[name])


_SPAWN: Final = "multiprocessing.spawn"
_PICKLES: Final = ("cloudpickle.cloudpickle", "joblib.externals.cloudpickle.cloudpickle")


class _Workers:
    """Waits for the modules that load the functions of a main module in a worker."""

    def __init__(self, recording: Recording) -> None:
        self._all = [each for each in (recording.named, recording.own) if each is not None]
        self._own = recording.own

    def wants(self, name: str) -> bool:
        """Whether it is one of multiprocessing, or cloudpickle."""
        return name == _SPAWN or name in _PICKLES

    def found(self, name: str, _: object) -> bool:
        """Return True, wherever they are."""
        return self.wants(name)

    def arrived(self, name: str, module: ModuleType) -> None:
        """Hook the functions that import or create the main module's functions."""
        names = vars(module)
        if name == _SPAWN:
            for key in ("_fixup_main_from_path", "_fixup_main_from_name"):
                if key in names:
                    names[key] = _Then(names[key], self._imported)
        elif "_make_function" in names:
            names["_make_function"] = _Then(names["_make_function"], self._made)

    def settled(self) -> None:
        """Do nothing."""

    def _imported(self, result: object) -> object:
        """Wrap the functions of the main module, which was imported again."""
        main = sys.modules.get("__mp_main__")
        if main is not None:
            file = os.path.basename(str(vars(main).get("__file__", "")))
            for each in self._all:
                own = each is self._own
                names = ("__main__",) if own else ("__main__", file.partition(".")[0])
                _wrap_main(each, main, names)
        return result

    def _made(self, function: Any) -> Any:
        """Wrap a function that was unpickled by value."""
        from enterspan._forms.callables import is_function

        if is_function(function) and function.__globals__.get("__name__") == "__main__":
            for each in self._all:
                if each.wants_main("__main__"):
                    return each.wrapped_alone(function)
        return function


class _Then:
    """A function whose result is passed to another one."""

    def __init__(self, first: Any, then: Any) -> None:
        self._first = first
        self._then = then

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._then(self._first(*args, **kwargs))


def _wrap_main(instrumentation: Instrumentation, main: ModuleType, names: Sequence[str]) -> None:
    """Wrap the picked functions of a main module, which use a copy of its globals."""
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
