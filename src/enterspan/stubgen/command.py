"""The command `enterspan stubs`: write or check the stubs of a package."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from enterspan._terminal.say import say

# The generator is imported by `run`: `enterspan run` does not need it.

_OWN: Final = "enterspan"
_FOLDER: Final = "stubs"
_TABLE: Final = "tool.enterspan.catalogue"
_PROBLEMS_MOST: Final = 20
"""How many problems are shown; the first ones are often the cause of the others."""


def add_parser(commands: Any) -> None:
    """Add the command to a subparsers action."""
    parser = commands.add_parser(
        "stubs",
        help="write typed stubs of a package, and the module of a span catalogue",
        description="Render .pyi stubs of a package from its annotated source. Decorators of "
        "enterspan are left out: type checkers see each function as it is written.",
        epilog="Exits with 1 if --check finds a difference, and with 2 if stubs can't be made.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "package",
        metavar="PACKAGE",
        nargs="?",
        help="a package or module, named as in an import (default: the span catalogue of the"
        " project, or enterspan itself if there is none)",
    )
    parser.add_argument(
        "--output", metavar="DIR", default=_FOLDER, help="the folder for the stubs (default: stubs)"
    )
    parser.add_argument(
        "--catalogue",
        metavar="TOML",
        help="the span catalogue (default: [tool.enterspan.catalogue] of pyproject.toml, if any)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; report which stubs are out of date"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from enterspan.catalogue import CatalogueError
    from enterspan.stubgen.problems import StubError

    try:
        catalogue = _catalogue_of(options)
        code = 0 if catalogue is None else _generate(catalogue, options.check)
        if catalogue is not None and options.package is None:
            return code
        package = _OWN if options.package is None else options.package
        return max(code, _render(package, options.output, options.check))
    except CatalogueError as error:
        _report(str(error))
    except StubError as error:
        _report(*error.lines)
    return 2


def _catalogue_of(options: argparse.Namespace) -> Path | None:
    """The TOML file of the span catalogue: the one named, or the project's, if any."""
    from enterspan._model.toml import project_file

    if options.catalogue is not None:
        return Path(options.catalogue)
    file = project_file(Path.cwd())
    if file is None or f"[{_TABLE}" not in file.read_text(encoding="utf-8", errors="replace"):
        return None
    return file


def _generate(catalogue: Path, check: bool) -> int:
    from enterspan.catalogue import generate
    from enterspan.catalogue.declarations import output_of, read_catalogue

    changed = generate(catalogue, check=check)
    module = output_of(read_catalogue(catalogue))
    if not check:
        _print(f"{module} of {catalogue}, {'changed' if changed else 'not changed'}")
    elif changed:
        _report(f"{module} is not what {catalogue} says: run `enterspan stubs`")
        return 1
    return 0


def _render(package: str, output: str, check: bool) -> int:
    from enterspan.stubgen.files import compare, write
    from enterspan.stubgen.problems import place
    from enterspan.stubgen.surface import render_package

    folder = Path(output)
    root = package.rpartition(".")[2]
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    stubs = render_package(package)
    if check:
        differences = compare(stubs, folder, root)
        _print(*differences)
        if differences:
            again = "" if package == _OWN else f" {package}"
            again += "" if output == _FOLDER else f" --output {output}"
            _report(f"the stubs are out of date: run `enterspan stubs{again}`")
        return 1 if differences else 0
    changed, removed = write(stubs, folder, root)
    _print(*[f"removed {place(path)}" for path in removed])
    total = f"{len(stubs)} stub{'s' if len(stubs) != 1 else ''}"
    _print(f"{total} of {package} in {place(folder)}, {len(changed)} of them changed")
    return 0


def _report(*lines: str) -> None:
    for line in lines[:_PROBLEMS_MOST]:
        say(line)
    if len(lines) > _PROBLEMS_MOST:
        say(f"... and {len(lines) - _PROBLEMS_MOST} more")


def _print(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
