"""The command `enterspan view`: look at what was recorded."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from enterspan._recording.assemble import Stream, ids_with_lines, read_recording
from enterspan._recording.select import Filter, glob_of, nanoseconds_of, read_filtered
from enterspan._recording.source import opened
from enterspan._recording.wire import Reader, complaints
from enterspan._terminal.screen import screen_for
from enterspan._terminal.text import counted
from enterspan._view.follow import follow
from enterspan._view.output import replaced_file
from enterspan._view.table import Slowest, Summary
from enterspan._view.terminal import (
    UnwritableError,
    close_stdout,
    flush_stdout,
    reason_of,
    say,
    shown_progress,
    stdout,
    write_bytes,
    write_lines,
)
from enterspan._view.tree import tree_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Iterable

    from enterspan._recording.assemble import Recording

_FORMATS: Final = ("tree", "chrome", "otlp")


def add_parser(commands: Any) -> None:
    """Add the command to those of `enterspan`."""
    parser = commands.add_parser(
        "view",
        help="look at a recorded trace",
        description="Show the spans of a JSON lines file: as a tree, a list or a table.",
        usage="enterspan view FILE [OPTION ...]",
        epilog="GLOB is a name, with * for any rest and ? for any character. TIME is such as "
        "250us, 1ms or 0.5s. --errors, --name and --min-duration combine, and go with every form "
        "of output except --format.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="a recorded trace; - is stdin")
    parser.add_argument(
        "--follow", action="store_true", help="show also what is written from now on (Ctrl-C ends)"
    )
    parser.add_argument(
        "--slowest", metavar="N", type=_count, help="list the N spans that took longest"
    )
    parser.add_argument(
        "--summary", action="store_true", help="for each name: count, total, p50, p95, max"
    )
    parser.add_argument("--errors", action="store_true", help="only spans that failed")
    parser.add_argument("--name", metavar="GLOB", help="only spans of this name")
    parser.add_argument("--min-duration", metavar="TIME", help="only spans that took at least TIME")
    parser.add_argument(
        "--unfold", action="store_true", help="show repeated spans one by one in the tree"
    )
    parser.add_argument("--html", metavar="FILE", help="write a page to FILE, to be opened offline")
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="tree",
        help="tree (default); chrome: for Perfetto and speedscope; otlp: for a collector",
    )
    parser.add_argument(
        "--output", metavar="OUT", help="write chrome or otlp to OUT, not to stdout"
    )


def _count(text: str) -> int:
    import argparse

    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of spans: write 1 or more")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Do what the options say, and return the exit code."""
    # What is read is kept, or freed at once: looking for cycles in it takes longer than reading it.
    collects = gc.isenabled()
    gc.disable()
    try:
        _check_together(options)
        _show(options, _filter(options))
        flush_stdout()
    except BrokenPipeError:
        close_stdout()  # the reader has seen enough
    except KeyboardInterrupt:
        return 130  # as shells have it: 128 and the signal's number
    except UnwritableError as error:
        close_stdout()
        say(str(error))
        return 2
    except ValueError as error:
        say(str(error))
        return 2
    finally:
        if collects:
            gc.enable()
    return 0


def _check_together(options: argparse.Namespace) -> None:
    """Raise ValueError for options that ask for two things at once."""
    forms = ("--slowest", "--summary", "--html")
    asked = [form for form in forms if getattr(options, form[2:]) not in (None, False)]
    if options.format != "tree":
        asked.append(f"--format {options.format}")
    if len(asked) > 1:
        raise ValueError(f"{asked[0]} and {asked[1]} are two forms of output: choose one")
    if options.output is not None and options.format == "tree":
        raise ValueError("--output needs --format chrome or --format otlp")
    if options.follow and asked:
        raise ValueError(f"{asked[0]} needs the whole file: it does not go with --follow")


def _filter(options: argparse.Namespace) -> Filter:
    shortest = options.min_duration
    return Filter(
        None if options.name is None else glob_of(options.name),
        0 if shortest is None else nanoseconds_of(shortest),
        options.errors,
    )


def _show(options: argparse.Namespace, wanted: Filter) -> None:
    path = options.file
    name = "stdin" if path == "-" else path
    if options.follow:
        with opened(path) as file:
            follow(file, None if path == "-" else path, name, wanted, stdout())
    elif options.summary:
        _fold(path, name, wanted, Summary())
    elif options.slowest is not None:
        _fold(path, name, wanted, Slowest(options.slowest))
    elif options.format != "tree":
        _convert(path, name, options.format, options.output, wanted)
    else:
        _show_trees(path, name, wanted, options)


def _fold(path: str, name: str, wanted: Filter, table: Summary | Slowest) -> None:
    """Show what a table makes of the spans of a file, one after the other."""
    reader, unfinished = Reader(name), 0
    with opened(path, twice=True) as file, shown_progress(file) as lines:
        stream = Stream(ids_with_lines(file), events=table.needs_events)
        for span in stream.spans(reader.read(lines)):
            unfinished += span.outcome is None
            table.add(span, asked_for=wanted.takes(span))
    write_lines(table.lines(screen_for(stdout())))
    _complain(reader.complaints())
    if unfinished:
        say(f"{name}: {counted(unfinished, 'span')} had not ended, and can't be counted")


def _convert(path: str, name: str, form: str, output: str | None, wanted: Filter) -> None:
    """Write the spans of a file in another tool's format."""
    from enterspan._view.convert import converted

    if not wanted.takes_all:
        raise ValueError(
            f"--errors, --name and --min-duration don't go with --format {form}: it takes all spans"
        )
    reader = Reader(name)
    with opened(path, twice=True) as file:
        pieces = converted(file, reader, form)
        if output is None:
            write_bytes(pieces)
        else:
            with _written(path, output), replaced_file(output) as target:
                target.writelines(pieces)
    _complain(reader.complaints())


def _show_trees(path: str, name: str, wanted: Filter, options: argparse.Namespace) -> None:
    """Show the spans of a file with the spans around them: on stdout, or as a page."""
    recording = _read(path, name, wanted)
    if options.html is None:
        write_lines(tree_lines(recording, screen_for(stdout()), unfold=options.unfold))
    else:
        from enterspan._view.report import write_html

        title = "stdin" if path == "-" else Path(path).name
        with _written(path, options.html):
            write_html(recording, options.html, title=title)
    _complain(complaints(name, recording.problems, recording.problem_count))


@contextmanager
def _written(path: str, target: str) -> Generator[None]:
    """A block that writes a file. Raises ValueError where that can't be done."""
    if path != "-" and Path(target).exists() and Path(target).samefile(path):
        raise ValueError(f"can't write {target!r}: it is the trace itself")
    try:
        yield
    except OSError as error:
        raise ValueError(f"can't write {target!r}: {reason_of(error)}") from None


def _complain(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)


# --- reading --------------------------------------------------------------------------------------


def _read(path: str, name: str, wanted: Filter) -> Recording:
    if wanted.takes_all:
        with opened(path) as file, shown_progress(file) as lines:
            return read_recording(lines, name)
    with opened(path, twice=True) as file, shown_progress(file) as lines:
        return read_filtered(file, lines, name, wanted)
