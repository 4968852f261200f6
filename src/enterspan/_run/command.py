"""`enterspan run`: its options, and what happens before, while and after a program runs."""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from enterspan._run.list import show, unmatched
from enterspan._run.program import Program, ProgramError, hide_from_traceback, program_frames
from enterspan._terminal.say import say
from enterspan._tracing import tracing
from enterspan.events import CustomEventInfo
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesTail
from enterspan.instrument.config import ProjectError, Wishes, project_wishes, seconds_of

# All that `run` needs is imported here, before the program's folder is on the search path: it may
# have modules of the same names.

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from types import ModuleType

    from enterspan._tracing import InvocationScope
    from enterspan.instrument.instrumentation import Instrumentation

_VALUED: Final = ("--output", "--instrument", "--exclude", "--min-duration")
"""The options that are followed by a value."""

_NOTICEABLE: Final = 0.2
"""From so many seconds on it is reported how long wrapping took."""


class RefusedError(Exception):
    """The command can't be done; the text says why, in one line."""


# --- the command line -----------------------------------------------------------------------------


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to a command line."""
    run = commands.add_parser(
        "run",
        help="run a program and show its spans, live",
        description="Run a Python program unchanged, and show its spans on stderr, live.",
        usage="enterspan run [OPTION ...] (SCRIPT | -m MODULE) [ARGS ...]",
        epilog="SCRIPT is a file, or a folder or zip archive with a __main__.py. What follows "
        "SCRIPT or MODULE belongs to the program. A PATTERN is shop (a module, or a package with "
        "all below it), 'shop:*' (its own functions), 'shop.*' (those below it), shop.cart:total "
        "or 'shop.cart:Cart.*' (names in it). What the command line leaves out is read from "
        "[tool.enterspan] in pyproject.toml.",
        allow_abbrev=False,
    )
    run.add_argument(
        "--instrument",
        metavar="PATTERN",
        action="append",
        help="trace the functions that PATTERN picks; can be given several times",
    )
    run.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        help="leave out of them what PATTERN picks; can be given several times",
    )
    run.add_argument(
        "--min-duration",
        metavar="TIME",
        help="leave out their spans that are shorter, such as 1ms or 0.5s",
    )
    run.add_argument(
        "--list",
        action="store_true",
        help="only show what would be traced, and what not and why; imports the modules named",
    )
    run.add_argument("--output", metavar="FILE", help="write the events to FILE, as JSON lines")
    run.add_argument("--quiet", action="store_true", help="show nothing on stderr")


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Part the options of `run` from the program, which begins with SCRIPT or `-m MODULE`."""
    at = 1
    while at < len(arguments):
        argument = arguments[at]
        if argument == "--":
            return arguments[:at], arguments[at + 1 :]
        if argument.startswith("-m"):
            attached = [argument[2:]] if argument[2:] else []
            return arguments[:at], ["-m", *attached, *arguments[at + 1 :]]
        if not argument.startswith("-") or argument == "-":
            return arguments[:at], arguments[at:]
        at += 2 if argument in _VALUED else 1
    return arguments, []


# --- the run --------------------------------------------------------------------------------------


def run(options: argparse.Namespace, words: list[str]) -> int:
    """Do the command; RefusedError where it can't be done.

    What the program raises comes out of here: SystemExit, KeyboardInterrupt and all.
    """
    wishes = _wishes(options)
    if options.list:
        return _list(wishes, words)
    instrumentation = _instrument(wishes)
    program = _found(words)
    _subscribe(options)
    info = CustomEventInfo(program.name)
    scope = tracing.invocation(program.name, info=info, ambient=True)
    ending = _Ending(scope, lambda: report(instrumentation, wishes, quiet=options.quiet))
    scope.__enter__()
    atexit.register(ending)
    try:
        program.run(_watched(program, instrumentation))
    except BaseException as error:
        ending.error = error
        hide_from_traceback()
        raise
    return 0


def _wishes(options: argparse.Namespace) -> Wishes:
    """What is to be instrumented: what the command line says, and else the project."""
    try:
        project = project_wishes(Path.cwd())
        given = options.instrument or ()
        shortest = options.min_duration
        return Wishes(
            tuple(given) or project.instrument,
            tuple(options.exclude or ()) or project.exclude,
            project.min_duration if shortest is None else seconds_of(shortest),
            project.capture_args,
            project.capture_return,
            project.redact,
            "--instrument" if given else project.source,
        )
    except (ProjectError, ValueError) as error:
        raise RefusedError(str(error)) from None


def _instrument(wishes: Wishes) -> Instrumentation | None:
    if not wishes.instrument:
        return None
    try:
        return tracing.instrument(*wishes.instrument, **wishes.options)
    except ValueError as error:
        raise RefusedError(str(error)) from None


def _watched(
    program: Program, instrumentation: Instrumentation | None
) -> Callable[[ModuleType, str], None] | None:
    """What is called when the program itself has defined something; None if nothing is wanted."""
    names = ("__main__", program.module)
    if instrumentation is None or not any(map(instrumentation.wants_main, names)):
        return None

    def look(module: ModuleType, defined: str) -> None:
        for name in names:
            instrumentation.main_defines(name, module, defined)

    return look


def _list(wishes: Wishes, words: list[str]) -> int:
    """Show what would be wrapped; a program need not be named, but tells where modules are."""
    if not wishes.instrument:
        raise RefusedError("nothing to list: name a PATTERN with --instrument")
    found = _instrument(wishes)
    if found is not None:
        found.remove()
    if words:
        _found(words).enter()
    else:
        sys.path.insert(0, str(Path.cwd()))
    for problem in show(wishes):
        say(problem)
    return 0


def report(instrumentation: Instrumentation | None, wishes: Wishes, *, quiet: bool) -> None:
    """Report what wrapping has cost, and the patterns that have picked nothing in the whole run."""
    if instrumentation is None:
        return
    if instrumentation.seconds >= _NOTICEABLE and not quiet:
        say(instrumentation.summary())
    for problem in unmatched(instrumentation, wishes):
        say(problem)


def _found(words: list[str]) -> Program:
    if not words or words == ["-m"]:
        raise RefusedError("nothing to run: name a SCRIPT, or -m and a MODULE")
    try:
        if words[0] == "-m":
            return Program.of_module(words[1], words[2:])
        return Program.at(words[0], words[1:])
    except ProgramError as error:
        raise RefusedError(str(error)) from None


_OWN: Final = "enterspan run"
"""The key of the outputs: the program may add others for the same files and streams."""


def _subscribe(options: argparse.Namespace) -> None:
    """Add the outputs: inline, so that what has happened has been written."""
    if options.output is not None:
        try:
            tail = JsonLinesTail(options.output, mode="w")
            tracing.add_tail(tail, delivery="inline", key=(_OWN, "file"))
        except OSError as error:
            raise RefusedError(f"can't write {options.output!r}: {error.strerror}") from None
    if not options.quiet:
        tracing.add_tail(ConsoleTail(), delivery="inline", key=(_OWN, "console"))


class _Ending:
    """Ends the invocation when the process ends: after its threads, and its own exit handlers.

    It is an exit handler itself, registered before the program can register one: they are called
    in reverse order. A forked child leaves the invocation to its parent.
    """

    def __init__(self, scope: InvocationScope, last_words: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self._last_words = last_words
        self._scope = scope
        self._process = os.getpid()

    def __call__(self) -> None:
        """End the invocation with what became of the program."""
        if os.getpid() != self._process:
            return
        error, self.error = self.error, None
        if error is None:
            self._scope.__exit__(None, None, None)
        else:
            error.__traceback__ = program_frames(error.__traceback__)
            self._scope.__exit__(type(error), error, error.__traceback__)
        self._last_words()
