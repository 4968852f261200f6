"""The command `enterspan run`: its options, and the run of a program."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from enterspan._run.bounds import MAX_BYTES, MAX_SPANS, bytes_of, size_text
from enterspan._run.follow import CannotRecordError, follow
from enterspan._run.list import show
from enterspan._run.program import Program, ProgramError
from enterspan._run.recording import Settings, stderr_identity
from enterspan._terminal.say import say
from enterspan._tracing import tracing
from enterspan.instrument.config import ProjectError, Wishes, project_wishes, seconds_of

# Everything that `run` needs is imported here, before the program's folder is on the search path,
# which may have modules with the same names.

if TYPE_CHECKING:
    import argparse

_VALUED: Final = (
    "--output",
    "--instrument",
    "--exclude",
    "--min-duration",
    "--capture-args",
    "--redact",
    "--max-spans",
    "--max-size",
)
"""The options that are followed by a value."""


class RefusedError(Exception):
    """The command can't be carried out; the text gives the reason in one line."""


# --- the command line -----------------------------------------------------------------------------


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser], summary: str) -> None:
    """Add the command to a command line."""
    run = commands.add_parser(
        "run",
        help=summary,
        description="Run a Python program unchanged, and show its calls on stderr, live or as a "
        "summary at the end.",
        usage="enterspan run [OPTION ...] (COMMAND | SCRIPT | -m MODULE | -c CODE | -) [ARGS ...]",
        epilog="COMMAND is one that pip installed. SCRIPT is a file, or a folder or zip archive "
        "with a __main__.py; - is standard input. What follows it belongs to the program. "
        "A program that does not import enterspan has its own code traced (--auto), unless "
        "--instrument is given. A PATTERN is shop (a module, or a package with all modules "
        "below it), 'shop:*' (functions of shop itself), 'shop.*' (modules below it), "
        "shop.cart:total or 'shop.cart:Cart.*' (names in a module). Options that are not given "
        "are read from [tool.enterspan] in pyproject.toml.",
        allow_abbrev=False,
    )
    what = run.add_argument_group("what to trace")
    what.add_argument(
        "--auto",
        action="store_true",
        default=None,
        help="trace the program's own code, but not Python's and not installed packages; short "
        "functions that are called very often are left out and reported",
    )
    what.add_argument(
        "--no-auto",
        dest="auto",
        action="store_false",
        help="trace only functions that the program or a PATTERN marks",
    )
    what.add_argument(
        "--instrument",
        metavar="PATTERN",
        action="append",
        help="trace the functions that PATTERN picks: shop, shop:public, shop.cart:total, ...;"
        " may be repeated",
    )
    what.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        help="do not trace the functions that PATTERN picks; may be repeated",
    )
    what.add_argument(
        "--min-duration",
        metavar="TIME",
        help="leave out spans of traced functions that are shorter than TIME, such as 1ms or 0.5s; "
        "with --auto the limit grows during the run unless it is given",
    )
    what.add_argument(
        "--capture-args",
        metavar="NAMES",
        action="append",
        help="record arguments with these names (a,b), or all",
    )
    what.add_argument("--capture-return", action="store_true", help="record results")
    what.add_argument(
        "--redact",
        metavar="NAMES",
        action="append",
        help="record arguments with these names (a,b) as [redacted]",
    )
    what.add_argument(
        "--no-children",
        action="store_true",
        help="do not trace the Python processes that the program starts",
    )
    what.add_argument(
        "--list",
        action="store_true",
        help="show what would be traced, and what would not and why, without running the program; "
        "imports the modules that are named",
    )
    how = run.add_argument_group("output")
    how.add_argument("--output", metavar="FILE", help="write the events to FILE, as JSON lines")
    how.add_argument("--quiet", action="store_true", help="show nothing on stderr")
    how.add_argument("--stacks", action="store_true", help="show the tracebacks of failures")
    how.add_argument("--ids", action="store_true", help="show the ids of traces and spans")
    how.add_argument(
        "--max-spans",
        metavar="N",
        help=f"stop recording a process after N spans (default: {MAX_SPANS:,})",
    )
    how.add_argument(
        "--max-size",
        metavar="SIZE",
        help=f"stop recording when FILE reaches SIZE (default: {size_text(MAX_BYTES)})",
    )


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split the options of `run` from the program, which begins with SCRIPT, `-m`, `-c` or `-`."""
    at = 1
    while at < len(arguments):
        argument = arguments[at]
        if argument == "--":
            return arguments[:at], arguments[at + 1 :]
        if argument[:2] in ("-m", "-c"):
            attached = [argument[2:]] if argument[2:] else []
            return arguments[:at], [argument[:2], *attached, *arguments[at + 1 :]]
        if not argument.startswith("-") or argument == "-":
            return arguments[:at], arguments[at:]
        at += 2 if argument in _VALUED else 1
    return arguments, []


# --- the run --------------------------------------------------------------------------------------


def run(options: argparse.Namespace, words: list[str]) -> int:
    """Run the command; RefusedError if it can't be carried out.

    Exceptions of the program propagate, including SystemExit and KeyboardInterrupt.
    """
    wishes = _wishes(options)
    if options.list:
        return _list(wishes, words)
    auto = not wishes.instrument if options.auto is None else options.auto
    bounds = _bounds(options)
    program = _found(words)
    if options.output is not None and _is_same(options.output, words[0]):
        raise RefusedError(f"can't write {options.output!r}: it is the program itself")
    for problem in _without_effect(options, wishes, auto=auto):
        say(problem)
    output, sums_up = _output(options, wishes, auto=auto)
    settings = Settings(
        wishes=wishes,
        auto=auto,
        is_asked=bool(options.auto),
        given=tuple(_of_tracing(options)),
        output=output,
        sums_up=sums_up,
        keeps_output=options.output is not None,
        quiet=options.quiet,
        stacks=options.stacks,
        ids=options.ids,
        max_spans=bounds[0],
        max_bytes=bounds[1],
        packages=program.packages,
        stderr=stderr_identity(),
        notes=os.path.join(tempfile.gettempdir(), f"enterspan-{token_hex(16)}"),
        pid=os.getpid(),
    )
    try:
        follow(program, settings, children=not options.no_children)
    except CannotRecordError as error:
        if output is not None and options.output is None:
            os.unlink(output)
        raise RefusedError(_why_not(options, error.reason)) from None
    return 0


def _output(options: argparse.Namespace, wishes: Wishes, *, auto: bool) -> tuple[str | None, bool]:
    """The output file, and whether it is read at the end for a summary.

    Without a requested file, a temporary one is used for the summary.
    """
    given: str | None = options.output
    sums_up = auto and not options.quiet and wishes.min_duration is None
    if given is not None:
        path = os.path.abspath(given)
        return path, sums_up and (os.path.isfile(path) or not os.path.exists(path))
    if not sums_up:
        return None, False
    try:
        descriptor, path = tempfile.mkstemp(".jsonl", "enterspan-")
    except OSError:
        return None, False
    os.close(descriptor)
    return path, True


def _why_not(options: argparse.Namespace, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"can't write {options.output!r}: {error.strerror}"
    return _in_one_line(error)


def _in_one_line(error: Exception) -> str:
    """A message without its list of the forms of a pattern, which `--help` has."""
    return str(error).partition(":\n")[0]


def _bounds(options: argparse.Namespace) -> tuple[int, int]:
    spans, size = options.max_spans, options.max_size
    if spans is not None and not (spans.isdecimal() and int(spans)):
        raise RefusedError(f"--max-spans must be a number of spans, not {spans!r}")
    try:
        most = MAX_BYTES if size is None else bytes_of(size)
    except ValueError as error:
        raise RefusedError(f"--max-size: {error}") from None
    return MAX_SPANS if spans is None else int(spans), most


def _without_effect(options: argparse.Namespace, wishes: Wishes, *, auto: bool) -> list[str]:
    """The messages about options without effect."""
    lines = []
    if not auto and not wishes.instrument:
        given = _of_tracing(options)
        lines += [f"{name} has no effect without --instrument or --auto" for name in given]
    elif options.redact and not wishes.capture_args:
        lines.append("--redact has no effect without --capture-args")
    if options.quiet:
        shown = {"--stacks": options.stacks, "--ids": options.ids}
        lines += [f"{name} has no effect with --quiet" for name in _set(shown)]
    if options.output is None and options.max_size is not None and not auto:
        lines.append("--max-size has no effect without --output")
    return lines


def _of_tracing(options: argparse.Namespace) -> list[str]:
    """The given options that say how functions are traced."""
    return _set(
        {
            "--exclude": options.exclude,
            "--min-duration": options.min_duration,
            "--capture-args": options.capture_args,
            "--capture-return": options.capture_return,
            "--redact": options.redact,
        }
    )


def _set(given: dict[str, Any]) -> list[str]:
    return [name for name, value in given.items() if value]


def _wishes(options: argparse.Namespace) -> Wishes:
    """What to instrument: from the command line, else from the project."""
    try:
        project = project_wishes(Path.cwd())
        given = options.instrument or ()
        shortest = options.min_duration
        names = _names(options.capture_args)
        return Wishes(
            tuple(given) or (() if options.auto else project.instrument),
            tuple(options.exclude or ()) or project.exclude,
            project.min_duration if shortest is None else seconds_of(shortest),
            project.capture_args if names is None else ("all" in names) or names,
            options.capture_return or project.capture_return,
            _names(options.redact) or project.redact,
            "--instrument" if given else project.source,
        )
    except (ProjectError, ValueError) as error:
        raise RefusedError(str(error)) from None


def _names(given: list[str] | None) -> tuple[str, ...] | None:
    """Names that were given separately, or separated by commas."""
    if given is None:
        return None
    names = tuple([name.strip() for text in given for name in text.split(",")])
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"{name!r} is not a parameter's name: write a,b")
    return names


def _list(wishes: Wishes, words: list[str]) -> int:
    """Show what would be wrapped; a program is optional, and shows where to find modules."""
    if not wishes.instrument:
        raise RefusedError("nothing to list: name a PATTERN with --instrument")
    try:
        tracing.instrument(*wishes.instrument, **wishes.options).remove()
    except ValueError as error:
        raise RefusedError(_in_one_line(error)) from None
    if words:
        _found(words).enter()
    else:
        sys.path.insert(0, str(Path.cwd()))
    for problem in show(wishes):
        say(problem)
    return 0


_NEEDED: Final = {"-m": "a MODULE", "-c": "some CODE"}


def _is_same(output: str, program: str) -> bool:
    try:
        return os.path.samefile(output, program)
    except OSError:
        return False  # one of them does not exist


def _found(words: list[str]) -> Program:
    if not words:
        raise RefusedError("nothing to run: name a COMMAND or a SCRIPT, or -m and a MODULE")
    if len(words) == 1 and words[0] in _NEEDED:
        raise RefusedError(f"nothing to run: {words[0]} is followed by {_NEEDED[words[0]]}")
    try:
        return Program.found(words)
    except ProgramError as error:
        raise RefusedError(str(error)) from None
