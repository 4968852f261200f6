"""The command `enterspan`: run a program and trace it, and view recorded traces.

A command that can't be carried out prints the reason in one line on stderr and exits with 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

from enterspan._terminal.say import say
from enterspan._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_COMMANDS: Final = {
    "run": ("enterspan._run.command", "run a program and show its spans live"),
    "view": ("enterspan._view.command", "show a recorded trace"),
    "diff": ("enterspan._view.diff", "compare two recorded traces"),
    "catalogue": ("enterspan.catalogue.command", "draft, check and generate a catalogue of spans"),
    "stubs": ("enterspan.stubgen.command", "write type stubs of a package"),
}
"""The module and the summary of each command; only the given command's module is imported."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line (`sys.argv` by default) and return the exit code.

    Exceptions of a program that is run propagate, including SystemExit and KeyboardInterrupt.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    given = arguments[0] if arguments else ""
    parser = _parser([given] if given in _COMMANDS else [])
    program: list[str] = []
    if given == "run":
        from enterspan._run.command import split

        arguments, program = split(arguments)
    elif given and not given.startswith("-") and given not in _COMMANDS:
        parser.error(f"there is no command {given!r}{_hint(given)}")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        say(f"unrecognized arguments: {' '.join(unknown)} (see enterspan {options.command} --help)")
        return 2
    if options.command != "run":
        code: int = import_module(_COMMANDS[options.command][0]).run(options)
        return code
    from enterspan._run.command import RefusedError, run

    try:
        return run(options, program)
    except RefusedError as error:
        say(str(error))
        return 2


def _complete() -> None:
    """Complete a command line for the shell and exit, if argcomplete (an extra) is installed."""
    try:
        argcomplete: Any = import_module("argcomplete")
    except ModuleNotFoundError:
        return
    parser = _parser(_COMMANDS)
    commands: Any = next(each for each in parser._actions if each.dest == "command")
    program = commands.choices["run"].add_argument("program", nargs=argparse.REMAINDER)
    program.completer = _Programs(argcomplete.completers.FilesCompleter())
    argcomplete.autocomplete(parser)


class _Programs:
    """Completes the program of `run`: a file or a command."""

    def __init__(self, files: Any) -> None:
        self._files = files

    def __call__(self, prefix: str, **known: Any) -> list[str]:
        from enterspan._run.installed import command_names

        found: list[str] = list(self._files(prefix, **known))
        return found + [name for name in command_names() if prefix and name.startswith(prefix)]


def _hint(word: str) -> str:
    """Suggest what was meant by a word that is not a command."""
    from difflib import get_close_matches
    from pathlib import Path

    close = get_close_matches(word, _COMMANDS, 1)
    if close:
        return f"; did you mean {close[0]}?"
    if Path(word).exists():
        return f"; did you mean enterspan run {word}?"
    return f"; there are {', '.join(_COMMANDS)}"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with 2."""
        say(f"{message} (see {self.prog} --help)")
        self.exit(2)


def _parser(whole: Iterable[str]) -> _Parser:
    """The parser of the command line, with the options of the given commands."""
    parser = _Parser(
        prog="enterspan", description="See what a Python program does.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"enterspan {__version__}")
    commands: Any = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in _COMMANDS.items():
        if name in whole:
            import_module(module).add_parser(commands, summary)
        else:
            commands.add_parser(name, help=summary)
    return parser
