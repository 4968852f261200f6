"""The command `enterspan stubs`: write the stubs of a package, or check those that are there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import argparse

# The generator is imported when it is asked for: `enterspan run` has no use for it.

_OWN: Final = "enterspan"
_FOLDER: Final = "stubs"
_TABLE: Final = "tool.enterspan.catalogue"
_MOST: Final = 20
"""How many problems are shown; the first ones are usually the reason of the others."""


def add_parser(commands: Any) -> None:
    """Add `stubs` to the commands."""
    parser = commands.add_parser(
        "stubs",
        help="write typed stubs of a package, and the module of a span catalogue",
        description="Render .pyi stubs of a package from its annotated source. Decorators of "
        "enterspan are left out of them: checkers see each function as it was written.",
        epilog="Exits with 1 if --check finds a difference, and with 2 if stubs can't be made.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "package",
        metavar="PACKAGE",
        nargs="?",
        help="a package or module, named as in an import (default: the project's span catalogue,"
        " or, where there is none, enterspan itself)",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        default=_FOLDER,
        help="the folder that holds the stubs (default: stubs)",
    )
    parser.add_argument(
        "--catalogue",
        metavar="TOML",
        help="the span catalogue (default: [tool.enterspan.catalogue] of pyproject.toml, if any)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, say which stubs are out of date"
    )


def run(options: argparse.Namespace) -> int:
    """Do what the command line asks for; return the exit code."""
    from enterspan.catalogue import CatalogueError

    try:
        catalogue = _catalogue_of(options)
        code = 0 if catalogue is None else _generate(catalogue, options)
    except CatalogueError as error:
        _complain((str(error),))
        return 2
    if catalogue is not None and options.package is None:
        return code
    if options.package is None:
        options.package = _OWN
    return max(code, _render(options))


def _catalogue_of(options: argparse.Namespace) -> Path | None:
    """The TOML file of the span catalogue: the one that was named, or the project's, if any."""
    if options.catalogue is not None:
        return Path(options.catalogue)
    for folder in (Path.cwd(), *Path.cwd().parents):
        found = folder / "pyproject.toml"
        if found.is_file():
            text = found.read_text(encoding="utf-8", errors="replace")
            return found if f"[{_TABLE}" in text else None
    return None


def _generate(catalogue: Path, options: argparse.Namespace) -> int:
    from enterspan.catalogue import generate
    from enterspan.catalogue.declarations import read_catalogue
    from enterspan.catalogue.generation import output_of

    changed = generate(catalogue, check=options.check)
    module = output_of(read_catalogue(catalogue))
    if not options.check:
        _say(f"{module} of {catalogue}, {'changed' if changed else 'not changed'}")
    elif changed:
        _complain((f"{module} is not what {catalogue} says: run `enterspan stubs`",))
        return 1
    return 0


def _render(options: argparse.Namespace) -> int:
    from enterspan.stubgen.files import compare, write
    from enterspan.stubgen.package import search_here
    from enterspan.stubgen.problems import StubError, place
    from enterspan.stubgen.surface import render_package

    folder = Path(options.output)
    try:
        search_here()
        stubs = render_package(options.package)
        roots = {options.package.rpartition(".")[2]}
        if options.check:
            return _tell_differences(compare(stubs, folder, roots), options)
        changed, gone = write(stubs, folder, roots)
    except StubError as error:
        _complain(error.lines)
        return 2
    for path in gone:
        _say(f"removed {place(path)}")
    total = f"{len(stubs)} stub{'s' if len(stubs) != 1 else ''}"
    _say(f"{total} of {options.package} in {place(folder)}, {len(changed)} of them changed")
    return 0


def _tell_differences(said: list[str], options: argparse.Namespace) -> int:
    if not said:
        return 0
    for line in said:
        _say(line)
    again = "" if options.package == _OWN else f" {options.package}"
    place = "" if options.output == _FOLDER else f" --output {options.output}"
    _complain((f"the stubs are out of date: run `enterspan stubs{again}{place}`",))
    return 1


def _complain(lines: tuple[str, ...]) -> None:
    for line in lines[:_MOST]:
        sys.stderr.write(f"enterspan: {line}\n")
    if len(lines) > _MOST:
        sys.stderr.write(f"enterspan: ... and {len(lines) - _MOST} more\n")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
