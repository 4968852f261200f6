"""The command `enterspan view`: shows recordings."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from enterspan._recording.assemble import Recording, Stream, recording_of
from enterspan._recording.select import (
    Filter,
    OneTrace,
    filtered,
    glob_of,
    nanoseconds_of,
    pair_of,
    trace_id_of,
)
from enterspan._recording.source import Inputs, UnreadableError, is_compressed, name_of, open_file
from enterspan._terminal.say import say
from enterspan._terminal.screen import is_terminal, screen_for
from enterspan._terminal.text import counted
from enterspan._view.follow import follow
from enterspan._view.output import refuse_inputs, replaced_file
from enterspan._view.table import Slowest, Summary
from enterspan._view.terminal import (
    UnwritableError,
    close_stdout,
    flush_stdout,
    reason_of,
    stdout,
    watched,
    write_bytes,
    write_lines,
)
from enterspan._view.tree import Look, tree_count, tree_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Iterator

    from enterspan._recording.assemble import RecordedSpan
    from enterspan._recording.wire import Parsed
    from enterspan._terminal.screen import Screen

_FORMATS: Final = ("tree", "chrome", "otlp")
_LINES_MOST: Final = 10_000
"""The largest number of lines of a tree that is printed without `--full`."""
_LINES_ON_A_TERMINAL: Final = 1_000


def add_parser(commands: Any, summary: str) -> None:
    """Add the command to those of `enterspan`."""
    parser = commands.add_parser(
        "view",
        help=summary,
        description="Show the spans of recorded traces (JSON lines), as a tree, a list or a table.",
        usage="enterspan view FILE ... [OPTION ...]",
        epilog="GLOB is a name, with *, ? and [...]. TIME is a number with "
        "its unit: 250us, 1ms, 0.5s. --errors, --name, --min-duration and --where combine, and "
        "work with every output except --format; --trace works with all.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a recorded trace, also .gz; - is stdin"
    )
    parser.add_argument(
        "--follow", action="store_true", help="also show what is appended to FILE, until Ctrl-C"
    )
    parser.add_argument(
        "--slowest", metavar="N", type=_count, help="list the N spans that took longest"
    )
    parser.add_argument(
        "--summary", action="store_true", help="for each name: count, total, p50, p95, max"
    )
    parser.add_argument("--trace", metavar="ID", help="only the trace whose id begins with ID")
    parser.add_argument("--errors", action="store_true", help="only spans that failed")
    parser.add_argument("--name", metavar="GLOB", help="only spans whose name matches GLOB")
    parser.add_argument("--min-duration", metavar="TIME", help="only spans that took at least TIME")
    parser.add_argument(
        "--where",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="only spans with this attribute (or: service, outcome, kind, status)",
    )
    parser.add_argument(
        "--limit", metavar="N", type=_limit, help="show at most N trees, or names of the summary"
    )
    parser.add_argument(
        "--unfold", action="store_true", help="show repeated spans one by one in the tree"
    )
    parser.add_argument("--full", action="store_true", help="show everything, uncut and unfolded")
    parser.add_argument("--stacks", action="store_true", help="show the tracebacks of failures")
    parser.add_argument("--ids", action="store_true", help="show whole ids")
    parser.add_argument("--html", metavar="FILE", help="write an HTML report to FILE")
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="tree",
        help="tree (default); chrome: for Perfetto and speedscope; otlp: for a collector",
    )
    parser.add_argument(
        "--output", metavar="OUT", help="write chrome or otlp to OUT instead of stdout"
    )


def _count(text: str, what: str = "spans") -> int:
    import argparse

    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {what}: write 1 or more")
    return int(text)


def _limit(text: str) -> int:
    return _count(text, "trees")


def run(options: argparse.Namespace) -> int:
    """Run the command, and return the exit code."""
    with guarded() as outcome:
        _check_together(options)
        _View(options).show(outcome)
    return outcome.code


class Outcome:
    """How a command ended."""

    code = 0


@contextmanager
def guarded() -> Generator[Outcome]:
    """A block in which errors are reported, and determine the exit code."""
    # Spans are kept or freed immediately: collecting cycles would take longer than reading.
    collects = gc.isenabled()
    gc.disable()
    outcome = Outcome()
    try:
        yield outcome
        flush_stdout()
    except BrokenPipeError:
        close_stdout()  # the reader closed the pipe
    except KeyboardInterrupt:
        outcome.code = 130  # as in shells: 128 plus the signal number
    except UnwritableError as error:
        close_stdout()
        say(str(error))
        outcome.code = 2
    except UnreadableError as error:
        for complaint in error.complaints:
            say(complaint)
        outcome.code = 2
    except ValueError as error:
        say(str(error))
        outcome.code = 2
    finally:
        if collects:
            gc.enable()


def _check_together(options: argparse.Namespace) -> None:
    """Raise ValueError for conflicting options."""
    forms = ("--slowest", "--summary", "--html")
    asked = [form for form in forms if getattr(options, form[2:]) not in (None, False)]
    if options.format != "tree":
        asked.append(f"--format {options.format}")
    if len(asked) > 1:
        raise ValueError(f"{asked[0]} and {asked[1]} are two forms of output: choose one")
    if options.output is not None and options.format == "tree":
        raise ValueError("--output needs --format chrome or --format otlp")
    if options.limit is not None and asked and asked != ["--summary"]:
        raise ValueError(
            f"--limit is for trees and --summary: it can't be combined with {asked[0]}"
        )
    if not options.follow:
        return
    if asked:
        raise ValueError(f"{asked[0]} needs the whole file: it can't be combined with --follow")
    if options.limit is not None:
        raise ValueError("--limit needs the whole file: it can't be combined with --follow")
    if len(options.files) > 1:
        raise ValueError("--follow shows one file: name one")


class _View:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._paths: list[str] = options.files
        shortest = options.min_duration
        self._wanted = Filter(
            None if options.name is None else glob_of(options.name),
            0 if shortest is None else nanoseconds_of(shortest),
            options.errors,
            tuple([pair_of(text) for text in options.where]),
        )
        trace = None if options.trace is None else trace_id_of(options.trace)
        self._trace = None if trace is None else OneTrace(trace)
        self._inputs = Inputs(
            self._paths,
            twice=self._reads_twice,
            trace=trace or "",
        )
        self._found = 0

    @property
    def _reads_twice(self) -> bool:
        options = self._options
        return bool(
            options.summary
            or options.slowest is not None
            or options.html is not None
            or options.format != "tree"
            or not self._wanted.takes_all
        )

    def show(self, outcome: Outcome) -> None:
        """Run it."""
        if self._options.follow:
            self._follow()
            return
        with self._inputs:
            self._show()
        for complaint in self._inputs.complaints():
            say(complaint)
        if self._inputs.failures:
            outcome.code = 2

    def _show(self) -> None:
        options = self._options
        if options.summary:
            self._fold(Summary(options.limit))
        elif options.slowest is not None:
            self._fold(Slowest(options.slowest, ids=options.ids))
        elif options.format != "tree":
            self._convert(options.format, options.output)
        elif options.html is not None:
            self._write_page(options.html)
        else:
            self._show_trees()

    def _follow(self) -> None:
        path = self._paths[0]
        look = Look(self._options.unfold, self._options.stacks, self._options.ids)
        with open_file(path) as file:
            if path != "-" and (path.endswith(".gz") or is_compressed(file)):
                raise ValueError(f"--follow reads files as they grow: {path!r} is compressed")
            trace = None if self._trace is None else self._trace.of
            place = None if path == "-" else path
            follow(file, place, name_of(path), self._wanted, stdout(), look, trace)

    # --- reading ------------------------------------------------------------------------------

    def _parsed(self) -> Iterator[Parsed]:
        """The content of the files. Raises ValueError if no trace has the requested id."""
        parsed = watched(self._inputs.parsed(), self._inputs)
        if self._trace is None:
            yield from parsed
            return
        yield from self._trace.of(parsed)
        found, beginning = len(self._trace.found), self._options.trace
        if not found:
            raise ValueError(f"--trace {beginning}: no trace id begins with it")
        if found > 1:
            say(f"--trace {beginning}: {found:,} trace ids begin with it")

    def _spans(self, *, events: bool = True) -> Iterator[RecordedSpan]:
        """Each span when it has ended; counts the matching ones."""
        stream = Stream(self._inputs.ids_with_lines(), events=events)
        return stream.spans(self._parsed())

    # --- forms of output ----------------------------------------------------------------------

    def _fold(self, table: Summary | Slowest) -> None:
        """Feed the spans to a table, and show it."""
        unfinished = found = 0
        takes = self._wanted.takes
        for span in self._spans(events=table.needs_events or bool(self._wanted.where)):
            asked_for = takes(span)
            found += asked_for
            unfinished += asked_for and span.outcome is None
            table.add(span, asked_for=asked_for)
        write_lines(table.lines(self._screen()))
        self._say_nothing_found(found)
        if unfinished:
            names = ", ".join([name_of(path) for path in self._paths])
            say(f"{names}: {counted(unfinished, 'span')} had not ended, and can't be counted")
        if isinstance(table, Summary) and table.left_out:
            say(f"{counted(table.left_out, 'more name')} left out by --limit")

    def _convert(self, form: str, output: str | None) -> None:
        """Write the spans in another tool's format."""
        from enterspan._view.convert import converted

        if not self._wanted.takes_all:
            raise ValueError(
                "--errors, --name, --min-duration and --where can't be combined with --format "
                f"{form}, which takes all spans"
            )
        pieces = converted(self._parsed(), self._inputs.ids_with_lines(), form)
        if output is None:
            write_bytes(pieces)
        else:
            with self._written(output), replaced_file(output) as target:
                target.writelines(pieces)

    def _recording(self) -> Recording:
        if self._wanted.takes_all:
            return recording_of(self._parsed())
        return filtered(self._spans(), self._wanted)

    def _write_page(self, target: str) -> None:
        """Write the spans as a report."""
        from enterspan._view.report import write_html

        title = ", ".join(["stdin" if path == "-" else Path(path).name for path in self._paths])
        spans = self._spans() if self._wanted.takes_all else self._recording().spans()
        with self._written(target):
            count = write_html(
                spans, target, title=title, unread=lambda: self._inputs.problem_count
            )
        self._say_nothing_found(count)

    def _show_trees(self) -> None:
        """Show the matching spans with their ancestors."""
        options, recording = self._options, self._recording()
        look = Look(options.unfold or options.full, options.stacks, options.ids)
        screen = self._screen()
        lines = tree_lines(recording, screen, look, options.limit)
        if options.limit is not None:
            write_lines(lines)
            more = tree_count(recording, look) - options.limit
            if more > 0:
                say(f"{counted(more, 'more tree')} left out by --limit")
        elif look.unfold:
            write_lines(lines)
        else:
            self._show_some(lines, _LINES_MOST if screen.whole else _LINES_ON_A_TERMINAL)
        self._say_nothing_found(len(recording.roots))

    def _show_some(self, lines: Iterator[str], most: int) -> None:
        write_lines(islice(lines, most))
        if next(lines, None) is not None:
            say(
                f"shown are the first {most:,} lines: --full shows all, --limit N whole trees, "
                "--trace ID one trace, --slowest N a list"
            )

    def _screen(self) -> Screen:
        """The properties of stdout; in a pipe or a file nothing is cut."""
        screen = screen_for(stdout())
        return screen._replace(whole=self._options.full or not is_terminal(stdout()))

    def _say_nothing_found(self, found: int) -> None:
        if not found and not self._wanted.takes_all:
            say("no span matches")

    @contextmanager
    def _written(self, target: str) -> Generator[None]:
        """A block that writes a file. Raises ValueError if that fails."""
        refuse_inputs(target, self._paths)
        try:
            yield
        except OSError as error:
            raise ValueError(f"can't write {target!r}: {reason_of(error)}") from None
