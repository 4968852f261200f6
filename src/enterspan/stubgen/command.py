"""The command `enterspan stubs`: write or check the stubs of a package."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from enterspan._terminal.say import say

# The generator is imported by `run`: `enterspan run` does not need it.

_FOLDER: Final = "stubs"


def add_parser(commands: Any, summary: str) -> None:
    """Add the command to a subparsers action."""
    parser = commands.add_parser(
        "stubs",
        help=summary,
        description="Render .pyi stubs of a package from its source. Decorators of enterspan are"
        " left out: type checkers see each function as it is written. What has no annotation is"
        " inferred; where that is impossible, the stub says Incomplete, and stderr lists it."
        " A module of the package is imported only if its source leaves open what a decorator"
        " returns, what a name is bound to, or what is in __all__. Tests, conftest and __main__"
        " are neither imported nor rendered.",
        epilog="Exits with 1 if --check finds a difference or --strict anything Incomplete or"
        " unreadable, and with 2 if stubs can't be made.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "package", metavar="PACKAGE", help="a package or module, named as in an import"
    )
    parser.add_argument(
        "--output", metavar="DIR", default=_FOLDER, help="the folder for the stubs (default: stubs)"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; report which stubs are out of date"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit with 1 if anything is Incomplete or can't be read",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from enterspan.stubgen.problems import StubError

    try:
        return _render(options)
    except StubError as error:
        _report(*error.lines)
    return 2


def _render(options: argparse.Namespace) -> int:
    from enterspan.stubgen.files import compare, write
    from enterspan.stubgen.problems import place
    from enterspan.stubgen.surface import render_package

    package: str = options.package
    folder = Path(options.output)
    root = package.replace(".", "/")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    made = render_package(package)
    code = 1 if options.strict and (made.unknown or made.unread) else 0
    if options.check:
        differences = compare(made.texts, folder, root)
        _print(*differences)
        _report(*made.unread, *made.failed, *made.unknown)
        if differences:
            again = "" if options.output == _FOLDER else f" --output {options.output}"
            _report(f"the stubs are out of date: run `enterspan stubs {package}{again}`")
        return 1 if differences else code
    changed, removed = write(made.texts, folder, root)
    _print(*[f"removed {place(path)}" for path in removed])
    total = f"{len(made.texts)} stub{'s' if len(made.texts) != 1 else ''}"
    _print(f"{total} of {package} in {place(folder)}, {len(changed)} of them changed")
    _report(*made.unread, *made.failed, *made.unknown)
    if made.unknown:
        _report(f"{len(made.unknown)} types are not known: the stubs say Incomplete")
    return code


def _report(*lines: str) -> None:
    for line in lines:
        say(line)


def _print(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
