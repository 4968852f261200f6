"""The command `enterspan view`: look at what was recorded."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from enterspan._recording.ended import EndedSpans, read_selected
from enterspan._recording.select import Selection, glob_of, nanoseconds_of
from enterspan._recording.traces import read_traces
from enterspan._terminal.screen import counted, screen_for
from enterspan._view.follow import follow
from enterspan._view.progress import shown_progress
from enterspan._view.slowest import Slowest
from enterspan._view.summary import Summary
from enterspan._view.tree import tree_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Iterable
    from typing import BinaryIO

    from enterspan._recording.traces import Lines, Problem, Traces

_FORMATS: Final = ("tree", "chrome", "otlp")
_CHUNK: Final = 512
"""So many lines are written at once."""


class _UnwritableError(Exception):
    """What was to be shown can't be written."""


def add_parser(commands: Any) -> None:
    """Add the command to those of `enterspan`."""
    parser = commands.add_parser(
        "view",
        help="look at a recorded trace",
        description="Show the spans of a JSON lines file: as a tree, a list or a table.",
        usage="enterspan view FILE [OPTION ...]",
        epilog="GLOB is a name, with * for any rest and ? for any character. TIME is such as "
        "250us, 1ms or 0.5s. --errors, --name and --min-duration choose spans for every form "
        "of output but --format.",
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
    parser.add_argument("--min-duration", metavar="TIME", help="only spans that took so long")
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
        raise argparse.ArgumentTypeError(f"{text!r} is no number of spans: write 1 or more")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Do what the options say, and return the exit code."""
    # What is read is kept, or let go at once: looking for cycles in it takes more than reading it.
    collects = gc.isenabled()
    gc.disable()
    try:
        _check_together(options)
        _show(options, _selection(options))
        _flush()
    except BrokenPipeError:
        _close_stdout()  # whoever read this has seen enough
    except KeyboardInterrupt:
        return 130  # as shells have it: 128 and the signal's number
    except _UnwritableError as error:
        _close_stdout()
        _say(str(error))
        return 2
    except ValueError as error:
        _say(str(error))
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


def _selection(options: argparse.Namespace) -> Selection:
    shortest = options.min_duration
    return Selection(
        None if options.name is None else glob_of(options.name),
        0 if shortest is None else nanoseconds_of(shortest),
        options.errors,
    )


def _show(options: argparse.Namespace, selection: Selection) -> None:
    path = options.file
    name = "stdin" if path == "-" else path
    if options.follow:
        with _opened(path) as file:
            follow(file, None if path == "-" else path, name, selection, sys.stdout, _say)
    elif options.summary:
        _summarize(path, name, selection)
    elif options.slowest is not None:
        _list_slowest(path, name, selection, options.slowest)
    elif options.format != "tree":
        _convert(path, options.format, options.output, selection)
    else:
        traces = _read(path, name, selection)
        _output(traces, options)
        _say_problems(name, traces.problems, traces.problem_count)


# --- reading --------------------------------------------------------------------------------------


@contextmanager
def _opened(path: str) -> Generator[BinaryIO]:
    """Open a file. Raises ValueError where it can't be opened or, in the block, read."""
    try:
        file = _file_of(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"can't read {path!r}: {_reason(error)}") from None
    with file:
        try:
            yield file
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ValueError(f"can't read {path!r}: {_reason(error)}") from None


def _file_of(path: str) -> BinaryIO:
    if path == "-":
        return open(sys.stdin.fileno(), "rb", closefd=False)
    return open(path, "rb")  # noqa: PTH123 - the caller's block closes it


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def _lines_of(path: str) -> Generator[Lines]:
    with _opened(path) as file, shown_progress(file) as lines:
        yield lines


def _read(path: str, name: str, selection: Selection) -> Traces:
    with _lines_of(path) as lines:
        if selection.takes_all:
            return read_traces(lines, name)
        return read_selected(lines, name, selection)


def _summarize(path: str, name: str, selection: Selection) -> None:
    spans, summary = EndedSpans(), Summary()
    with _lines_of(path) as lines:
        for span in spans.of(lines, name):
            if selection.takes(span):
                summary.add(span)
    _write(summary.lines(screen_for(sys.stdout)))
    _say_rest(name, spans)


def _list_slowest(path: str, name: str, selection: Selection, most: int) -> None:
    spans, slowest = EndedSpans(), Slowest(most)
    with _lines_of(path) as lines:
        for span in spans.of(lines, name):
            slowest.meet(span)
            if selection.takes(span):
                slowest.add(span, spans.around(span))
    _write(slowest.lines(screen_for(sys.stdout)))
    _say_rest(name, spans)


# --- writing --------------------------------------------------------------------------------------


def _output(traces: Traces, options: argparse.Namespace) -> None:
    """Give the traces to what makes the form that is asked for; it is imported only then."""
    if options.html is not None:
        _write_page(traces, options.file, options.html)
    else:
        _write(tree_lines(traces, screen_for(sys.stdout), unfold=options.unfold))


def _write_page(traces: Traces, path: str, target: str) -> None:
    name = "stdin" if path == "-" else Path(path).name
    if path != "-" and Path(target).exists() and Path(target).samefile(path):
        raise ValueError(f"can't write {target!r}: it is the trace itself")
    try:
        import_module("enterspan._view.report").write_html(traces, target, title=name)
    except OSError as error:
        raise ValueError(f"can't write {target!r}: {_reason(error)}") from None


def _convert(path: str, form: str, output: str | None, selection: Selection) -> None:
    """Have a file written in another tool's format."""
    if not selection.takes_all:
        raise ValueError(
            f"--errors, --name and --min-duration don't go with --format {form}: it takes all spans"
        )
    try:
        complaints: list[str] = import_module("enterspan._view.convert").convert(path, form, output)
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:
            what = "write" if error.filename == output else "read"
            raise ValueError(f"can't {what} {error.filename!r}: {_reason(error)}") from None
        raise _UnwritableError(f"can't write: {_reason(error)}") from None
    for complaint in complaints:
        _say(complaint)


def _write(lines: Iterable[str]) -> None:
    chunk: list[str] = []
    try:
        for line in lines:
            chunk.append(line + "\n")
            if len(chunk) >= _CHUNK:
                sys.stdout.write("".join(chunk))
                chunk.clear()
        sys.stdout.write("".join(chunk))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _UnwritableError(f"can't write: {_reason(error)}") from None


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _UnwritableError(f"can't write: {_reason(error)}") from None


def _close_stdout() -> None:
    """What is still in the buffer goes nowhere: at its end Python would fail on it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_rest(name: str, spans: EndedSpans) -> None:
    """Say what was not counted."""
    book = spans.book
    _say_problems(name, book.problems, book.problem_count)
    if book.nodes:
        _say(f"{name}: {counted(len(book.nodes), 'span')} had not ended, and can't be counted")


def _say_problems(name: str, problems: Iterable[Problem], count: int) -> None:
    shown = 0
    for problem in problems:
        shown += 1
        _say(f"{name}: line {problem.line} is {problem.reason}")
    if count > shown:
        _say(f"{name}: {count - shown} more lines could not be read")


def _say(text: str) -> None:
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr.write(f"enterspan: {text}\n")
