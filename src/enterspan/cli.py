"""The command `enterspan`: run a program and watch it, look at what was recorded.

A command that can't be done says why in one line on stderr, and exits with 2.
"""

from __future__ import annotations

import argparse
import atexit
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from enterspan._run.list import show, unmatched
from enterspan._run.program import Program, ProgramError, hide_from_traceback, program_frames
from enterspan._tracing import tracing
from enterspan._version import __version__
from enterspan._view import command as view
from enterspan.catalogue import command as catalogue_command
from enterspan.events import CustomEventInfo
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesTail
from enterspan.instrument.config import Wishes, project_wishes
from enterspan.instrument.config import ProjectError, seconds_of
from enterspan.stubgen import command as stubs

# All that `run` needs is imported here, before the program's folder is on the search path: it may
# have modules of the same names.

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from enterspan._span.scope import InvocationScope
    from enterspan.instrument import Instrumentation


class RefusedError(Exception):
    """The command can't be done; the text says why, in one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says (`sys.argv` by default) and return the exit code.

    What a program that is run raises comes out of here: SystemExit, KeyboardInterrupt and all.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    program: list[str] = []
    if arguments[:1] == ["run"]:
        arguments, program = _split(arguments)
    options = parser.parse_args(arguments)
    try:
        if options.command == "run":
            return _run(options, program)
        if options.command == "catalogue":
            return catalogue_command.run(options)
        if options.command == "stubs":
            return stubs.run(options)
        return view.run(options)
    except RefusedError as error:
        _say(str(error))
        return 2


def _say(text: str) -> None:
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr.write(f"enterspan: {text}\n")


# --- the command line -----------------------------------------------------------------------------

_VALUED = ("--output", "--instrument", "--exclude", "--min-duration")
"""The options of `run` that are followed by a value."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with 2."""
        self.exit(2, f"enterspan: {message} (see {self.prog} --help)\n")


def _parser() -> _Parser:
    parser = _Parser(
        prog="enterspan", description="See what a Python program does.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"enterspan {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run",
        help="run a program and show its spans, live",
        description="Run a Python program unchanged, and show its spans on stderr, live.",
        usage="enterspan run [OPTION ...] (SCRIPT | -m MODULE) [ARGS ...]",
        epilog="SCRIPT is a file, or a folder or zip archive with a __main__.py. What follows "
        "SCRIPT or MODULE belongs to the program. A PATTERN is shop (a module), 'shop.*' (those "
        "below it), shop.cart:total or 'shop.cart:Cart.*' (names in it). What the command line "
        "leaves out is read from [tool.enterspan] in pyproject.toml.",
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
    view.add_parser(commands)
    catalogue_command.add_parser(commands)
    stubs.add_parser(commands)
    return parser


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
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


# --- run ------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace, words: list[str]) -> int:
    wishes = _wishes(options)
    if options.list:
        return _list(wishes, words)
    instrumentation = _instrument(wishes)
    program = _found(words)
    _subscribe(options)
    info = CustomEventInfo(program.name)
    scope = tracing.invocation(program.name, info=info, ambient=True)
    ending = _Ending(scope, lambda: _tell_unmatched(instrumentation, wishes))
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
    """What is done when the program itself has defined something; None if nobody asked for it."""
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
        _say(problem)
    return 0


def _tell_unmatched(instrumentation: Instrumentation | None, wishes: Wishes) -> None:
    """Say which patterns have picked nothing in the whole run."""
    if instrumentation is not None:
        for problem in unmatched(instrumentation, wishes):
            _say(problem)


def _found(words: list[str]) -> Program:
    if not words or words == ["-m"]:
        raise RefusedError("nothing to run: name a SCRIPT, or -m and a MODULE")
    try:
        if words[0] == "-m":
            return Program.of_module(words[1], words[2:])
        return Program.at(words[0], words[1:])
    except ProgramError as error:
        raise RefusedError(str(error)) from None


def _subscribe(options: argparse.Namespace) -> None:
    """Plug in who is to listen: inline, so that what has happened has been written."""
    if options.output is not None:
        try:
            tracing.add_tail(JsonLinesTail(options.output), delivery="inline")
        except OSError as error:
            raise RefusedError(f"can't write {options.output!r}: {error.strerror}") from None
    if not options.quiet:
        tracing.add_tail(ConsoleTail(), delivery="inline")


class _Ending:
    """Ends the invocation when the process ends: after its threads, and its own exit handlers.

    It is an exit handler itself, registered before the program could register one: they are called
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
