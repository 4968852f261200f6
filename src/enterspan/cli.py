"""The command `enterspan`: run a program and watch it, look at what was recorded.

A command that can't be done says why in one line on stderr, and exits with 2.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from enterspan._run import command as run
from enterspan._terminal.say import say
from enterspan._version import __version__
from enterspan._view import command as view
from enterspan._view import diff
from enterspan.catalogue import command as catalogue_command
from enterspan.stubgen import command as stubs

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says (`sys.argv` by default) and return the exit code.

    What a program that is run raises comes out of here: SystemExit, KeyboardInterrupt and all.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    program: list[str] = []
    if arguments[:1] == ["run"]:
        arguments, program = run.split(arguments)
    options = parser.parse_args(arguments)
    try:
        if options.command == "run":
            return run.run(options, program)
        if options.command == "catalogue":
            return catalogue_command.run(options)
        if options.command == "stubs":
            return stubs.run(options)
        if options.command == "diff":
            return diff.run(options)
        return view.run(options)
    except run.RefusedError as error:
        say(str(error))
        return 2


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with 2."""
        say(f"{message} (see {self.prog} --help)")
        self.exit(2)


def _parser() -> _Parser:
    parser = _Parser(
        prog="enterspan", description="See what a Python program does.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"enterspan {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in (run, view, diff, catalogue_command, stubs):
        command.add_parser(commands)
    return parser
