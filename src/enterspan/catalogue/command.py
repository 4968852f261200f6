"""The command `enterspan catalogue`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from enterspan._terminal.say import say
from enterspan._terminal.screen import safe_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from enterspan._recording.wire import Reader
    from enterspan.catalogue.recorded import Usage


def add_parser(commands: Any, summary: str) -> None:
    """Add the command to those of `enterspan`."""
    parser = commands.add_parser(
        "catalogue",
        help=summary,
        description="Without an option, draft a catalogue of the spans in FILE and print it. With"
        " --check, report how FILE differs from the catalogue, and exit with 1 if it does."
        " With --generate, write the module of typed spans, and its stub.",
        usage="enterspan catalogue FILE [--check] | enterspan catalogue --generate [--check]",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="a recorded trace; - is stdin")
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare FILE, or with --generate the module and its stub, with the catalogue; change"
        " nothing",
    )
    parser.add_argument("--generate", action="store_true", help="write the module of typed spans")
    parser.add_argument(
        "--catalogue",
        metavar="TOML",
        help="the catalogue (default: the nearest pyproject.toml)",
    )
    parser.add_argument(
        "--output",
        metavar="MODULE",
        help="where --generate writes the module; the stub goes beside it",
    )


def run(options: argparse.Namespace) -> int:
    """Do what the options say, and return the exit code."""
    try:
        _check_options(options)
        if options.generate:
            return _generate(options)
        code = _compare(options) if options.check else _draft(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough; at exit Python would fail on the rest once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        say(f"can't write: {error.strerror or error}")
        return 2
    except ValueError as error:
        say(str(error))
        return 2
    return code


def _check_options(options: argparse.Namespace) -> None:
    if options.generate and options.file is not None:
        raise ValueError("--generate takes no FILE: --catalogue names the catalogue")
    if not options.generate and options.file is None:
        raise ValueError("nothing to do: name the FILE of a recorded trace, or pass --generate")
    if options.output is not None and not options.generate:
        raise ValueError("--output needs --generate")
    if options.catalogue is not None and not (options.generate or options.check):
        raise ValueError("--catalogue needs --check or --generate")


def _catalogue_path(options: argparse.Namespace) -> Path:
    from pathlib import Path

    from enterspan.catalogue.declarations import find_catalogue

    return find_catalogue(Path.cwd()) if options.catalogue is None else Path(options.catalogue)


def _generate(options: argparse.Namespace) -> int:
    from enterspan.catalogue.generation import generate, outdated

    catalogue = _catalogue_path(options)
    if not options.check:
        generate(catalogue, options.output)
        return 0
    files = outdated(catalogue, options.output)
    for file in files:
        what = f"does not match {catalogue}" if file.exists() else "is missing"
        say(f"{file} {what}: run `enterspan catalogue --generate`")
    return 1 if files else 0


def _draft(options: argparse.Namespace) -> int:
    from enterspan.catalogue.draft import MOST_NAMES, Draft

    draft = Draft()
    reader = _go_through(options.file, draft.add_all)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(draft.text(ascii_only=not encoding.lower().startswith("utf")))
    _complain(reader)
    if draft.left_out:
        say(
            f"{options.file}: {draft.left_out:,} spans have more than {MOST_NAMES:,} names, and are"
            " left out: are there ids in the names?"
        )
    return 0


def _compare(options: argparse.Namespace) -> int:
    from enterspan.catalogue.comparison import Comparison
    from enterspan.catalogue.declarations import read_catalogue

    catalogue = read_catalogue(_catalogue_path(options))
    comparison = Comparison(catalogue)
    reader = _go_through(options.file, comparison.add_all)
    found = comparison.findings()
    for finding in found:
        times = "once" if finding.count == 1 else f"{finding.count:,} times"
        _print(f"{options.file}:{finding.line}: {finding.text} ({times})")
    if comparison.left_out:
        _print(f"{options.file}: {comparison.left_out:,} more are not listed")
    _complain(reader)
    return 1 if found else 0


def _go_through(path: str, take: Callable[[Iterator[Usage]], None]) -> Reader:
    """Give the spans of a file to *take*. Raises ValueError where it can't be read."""
    from enterspan._recording.source import Inputs
    from enterspan.catalogue.recorded import usages

    with Inputs([path], twice=True) as inputs:
        file, reader = inputs.first
        take(usages(file, reader))
    return reader


def _complain(reader: Reader) -> None:
    for complaint in reader.complaints():
        say(complaint)


def _print(text: str) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    line = safe_text(text).encode(encoding, "backslashreplace").decode(encoding)
    sys.stdout.write(line + "\n")
