"""The recording of one process of a run: its outputs, limits and instrumentations.

Child processes get the settings of the command line through the environment, and each has its own
recording.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from contextlib import suppress
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.frozen import frozen
from enterspan._pipeline import process
from enterspan._run.bounds import MAX_BYTES, MAX_SPANS, Bounds, full_text, lost_text
from enterspan._run.live import FREE, FREE_IN_CHILDREN, FREE_INSTALLED, LiveSelection
from enterspan._run.program import aside
from enterspan._run.stderr import identity_of_stderr, own_stderr
from enterspan._terminal.live import HELD
from enterspan._terminal.say import say
from enterspan._terminal.screen import is_terminal, screen_for
from enterspan._tracing import tracing
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesTail
from enterspan.instrument.config import Wishes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

    from enterspan._run.auto import OwnInstrumentation
    from enterspan._run.program import Program
    from enterspan.instrument.instrumentation import Instrumentation

_NOTICEABLE: Final = 0.2
"""The time that wrapping took is reported from this many seconds on."""
_SUMMARY_LINES: Final = 60
"""The maximum number of lines of the summary."""
_OWN_MOST: Final = 100
"""How many function names a child process passes to the run for the summary."""


@frozen
class Settings:
    """The settings of a run, for each of its processes."""

    wishes: Wishes = Wishes()
    auto: bool = False
    is_asked: bool = False
    """Whether `--auto` was given explicitly, whatever the program imports."""
    given: tuple[str, ...] = ()
    """The options about traced functions, which have no effect where none is traced."""
    output: str | None = None
    sums_up: bool = False
    """Whether spans may not be drawn immediately, and a summary is made from the file at the
    end."""
    keeps_output: bool = True
    """Whether the file was requested."""
    quiet: bool = False
    stacks: bool = False
    ids: bool = False
    max_spans: int = MAX_SPANS
    max_bytes: int = MAX_BYTES
    packages: tuple[str, ...] = ()
    stderr: tuple[int, ...] = ()
    notes: str | None = None
    """The file for the notes of child processes, reported at the end."""
    pid: int = 0
    """The process that reads the notes."""

    def to_text(self) -> str:
        """Serialize for the environment."""
        return json.dumps({**_values(self), "wishes": _values(self.wishes)})

    @classmethod
    def from_text(cls, text: str) -> Settings:
        """Read what `to_text` wrote. Raises ValueError, TypeError or KeyError for anything else."""
        values: dict[str, Any] = json.loads(text)
        wishes = {name: _tupled(value) for name, value in values.pop("wishes").items()}
        return cls(wishes=Wishes(**wishes), **{k: _tupled(v) for k, v in values.items()})


def changed(settings: Settings, **values: Any) -> Settings:
    """A copy with some settings changed."""
    return Settings(**{**_values(settings), **values})


def _values(thing: Any) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in type(thing).__match_args__}


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Recording:
    """Records this process."""

    def __init__(
        self, settings: Settings, program: Program | None = None, *, is_child: bool = False
    ) -> None:
        """Instrument, and subscribe.

        Raises ValueError for an invalid pattern, and OSError if nothing can be written.
        """
        self.settings = settings
        self.named: Instrumentation | None = None
        self.own: OwnInstrumentation | None = None
        self.live: LiveSelection | None = None
        self._noted: set[str] = set()
        self._installed = program.name if program is not None and program.packages else None
        self._stderr: Any = None
        self._path = sys.path[:]
        tails: list[Any] = []
        if settings.output is not None:
            tails.append(JsonLinesTail(settings.output, mode="a" if is_child else "w"))
        if not settings.quiet:
            stderr = self._stderr = own_stderr()
            # On a terminal, a line may be delayed, between lines of the program.
            hold = HELD if is_terminal(stderr) else 0.0
            shown = ConsoleTail(stderr, stacks=settings.stacks, ids=settings.ids, hold=hold)
            if settings.sums_up:
                free = (
                    FREE_INSTALLED if settings.packages else FREE_IN_CHILDREN if is_child else FREE
                )
                self.live = LiveSelection(shown, self._kind_of, time_ns(), free)
            tails.append(self.live or shown)
        self.bounds = Bounds(
            tails,
            settings.max_spans,
            settings.output,
            settings.max_bytes,
            self._stop,
        )
        if settings.wishes.instrument:
            self.named = tracing.instrument(*settings.wishes.instrument, **settings.wishes.options)
        if settings.auto and (tails or settings.is_asked):  # else a wrapper would only use up stack
            self._instrument_own()
        if self.named is not None or self.own is not None:
            from enterspan._run.loaded import notice_loaded

            notice_loaded()
        if tails:
            tracing.add_tail(self.bounds, delivery="inline", key="enterspan run")
        if is_child:
            self.bounds.begins = self._note_matches
            process.track(self)

    def _stop(self) -> None:
        """Record no more; wrappers that are for nothing would only use up the stack."""
        tracing.configure(enabled=False)
        if self.own is not None:
            self.own.stop()

    def _instrument_own(self) -> None:
        from enterspan._forms.options import Options
        from enterspan._run.adaptive import Policy
        from enterspan._run.auto import OwnCode, OwnInstrumentation

        wishes = self.settings.wishes
        options = Options(
            capture_args=wishes.capture_args,
            capture_return=wishes.capture_return,
            redact=wishes.redact,
        )
        tracer = tracing._tracer
        policy = Policy(tracer, wishes.min_duration)
        own = OwnCode(self.settings.packages)
        self.own = OwnInstrumentation(tracer, own, wishes.exclude, options, policy)
        self.own.is_asked = self.settings.is_asked
        self.own.start()

    def _kind_of(self, name: str) -> bool | None:
        """Classify a span by its name for `LiveSelection`."""
        own = self.own
        if own is None or own.uses is not None:
            return None
        share = own.policy.shares.get(name)
        if share is None:
            return False if name == self._installed else None
        return share is own.policy.own

    # --- the program's main module ---

    def prepare(
        self, program: Program, module: ModuleType, code: CodeType, source: bytes | None
    ) -> CodeType:
        """The code of the program, instrumented."""
        named, own = self.named, self.own
        if own is not None and not own.takes(source):
            own.give_up("__main__")
            own = None
        names = [] if named is None else [
            name for name in ("__main__", program.module) if named.wants_main(name)
        ]  # fmt: skip
        if own is None and not names:
            return code
        if own is not None:
            own.begins_with(program.module, code.co_filename)
        from enterspan._run.definitions import watched_code

        return watched_code(code, source, _MainWatch(module, named, names, own))

    # --- the end of the run ---

    def finish(self) -> None:
        """Show the summary and the messages.

        They include the children, whose notes are read.
        """
        settings = self.settings
        children = Notes(settings.notes)
        least = self._sum_up(children)
        if settings.output is not None and not settings.keeps_output:
            with suppress(OSError):
                os.unlink(settings.output)
        for line in self.report(children, least):
            self._say(line)
        self._release()

    def _release(self) -> None:
        """Drop what was wrapped: the program's modules are finalized as without enterspan.

        This object is referenced until after that.
        """
        for each in (self.named, self.own):
            if each is not None:
                each.forget()
        self.named = self.own = None

    def _say(self, line: str) -> None:
        try:
            say(line, self._stderr)
        except OSError:
            pass  # standard error was closed or redirected

    def _sum_up(self, children: Notes) -> int:
        """Show the summary, unless everything was drawn; return the limit for short spans."""
        left_out = children.left_out + (0 if self.live is None else self.live.left_out)
        if not left_out or self.settings.output is None:
            return 0
        stream = sys.stderr if self._stderr is None else self._stderr
        try:
            return self._draw_summary(self.settings.output, stream, children)
        except Exception as error:  # it was removed, can't be written, or the stack is exhausted
            self._say(f"the tree of the whole run can't be shown: {type(error).__name__}: {error}")
            return 0

    def _draw_summary(self, output: str, stream: Any, children: Notes) -> int:
        path, sys.path[:] = sys.path[:], self._path  # the program may have modules with these names
        known = {name: sys.modules[name] for name in aside if name in sys.modules}
        sys.modules.update(aside)
        try:
            from enterspan._recording.assemble import read_recording
            from enterspan._view.tree import Look, summary
        finally:
            sys.path[:] = path
            for name in aside:
                sys.modules.pop(name, None)
            sys.modules.update(known)
        look = Look(stacks=self.settings.stacks, ids=self.settings.ids)
        with open(output, "rb") as file:
            recording = read_recording(file, output)
        own = self._own_names() | children.own
        found = summary(recording, screen_for(stream), _SUMMARY_LINES, look, own)
        stream.write("".join([line + "\n" for line in found.lines]))
        stream.flush()
        return found.least_ns

    def _own_names(self) -> set[str]:
        """The functions of the user's code that an installed program called."""
        if self.own is None or not self.settings.packages:
            return set()
        policy = self.own.policy
        return {name for name, share in policy.shares.items() if share is policy.own}

    def report(self, children: Notes, least: int) -> list[str]:
        """The messages at the end."""
        said = []
        if not self.settings.quiet:
            said += self._summary_line(least)
            said += self._costs()
            said += self._own_line(children)
        problems = [self.bounds.problem, children.problem]
        said += [problem for problem in problems if problem is not None]
        lost = self.bounds.lost + children.lost
        said += lost_text(lost, self.bounds.lost_by or children.lost_by)
        if self.named is not None:
            from enterspan._run.list import unmatched

            said += unmatched(self.named, self.settings.wishes, children.met)
        return said

    def _summary_line(self, least: int) -> list[str]:
        if not least:
            return []
        from enterspan._run.auto import duration

        name = "FILE" if not self.settings.keeps_output else str(self.settings.output)
        all_of_it = f"enterspan view {name}"
        if not self.settings.keeps_output:
            all_of_it = f"--output FILE, then {all_of_it}"
        return [f"the tree shows spans of at least {duration(least)}; for all of them: {all_of_it}"]

    def _costs(self) -> list[str]:
        if self.named is not None and self.named.seconds >= _NOTICEABLE:
            return [self.named.summary()]
        return []

    def _own_line(self, children: Notes) -> list[str]:
        own = self.own
        if own is None:
            return []
        if own.uses is not None:
            why = "had no effect, as the program imports enterspan: add --auto"
            return [f"{name} {why}" for name in self.settings.given]
        from enterspan._run.auto import compiled_among, cut_facts, cut_pieces, duration

        count = len(own.policy.known)
        spans = self.bounds.spans + children.spans
        compiled = compiled_among(self.settings.packages)
        why = f"{', '.join(compiled)} is compiled, what it calls inside can't be traced"
        if not count and not children.spans:
            return [f"--auto: {why}"] if compiled else []
        cut = cut_pieces([*cut_facts(own.policy.cut), *children.cut])
        shortest = own.policy.min_ns
        pieces = [f"--auto traced {count:,} function{'' if count == 1 else 's'}"
                  + (f" in {own.seconds:.1f} s" if own.seconds >= _NOTICEABLE else "")
                  + f": {spans:,} span{'' if spans == 1 else 's'}"]  # fmt: skip
        if compiled:
            pieces.append(why)
        if cut:
            pieces.append(f"not recorded: {cut}")
        if shortest:
            pieces.append(f"short ones left out (now under {duration(shortest)})")
        more = ["--min-duration 0"] if shortest else []
        more += ["--instrument PATTERN"] if cut else []
        hint = f"more: {', '.join(more)}; " if more else ""
        return [f"{'; '.join(pieces)} ({hint}less: --exclude PATTERN, --no-auto)"]

    # --- a child's notes ---

    def _note_matches(self) -> None:
        """Note the patterns that match in this process, as soon as they do."""
        if self.named is None:
            return
        every = set(map(str, self.settings.wishes.instrument))
        met = every - set(map(str, self.named.unmatched))
        if met - self._noted:
            self._noted |= met
            self._note({"met": sorted(met)})

    def flush_at_exit(self, timeout: float = 0.0) -> None:
        """Do nothing: everything is written immediately."""

    def shut_down_at_exit(self, timeout: float = 0.0) -> None:
        """Do nothing."""

    def end_process(self, timeout: float = 0.0) -> None:  # noqa: ARG002
        """Write notes for the first process of the run."""
        self._note_matches()
        note: dict[str, Any] = {"spans": self.bounds.spans}
        if self.live is not None:
            note["left_out"] = self.live.left_out
            note["own"] = sorted(self._own_names() & self.bounds.names.keys())[:_OWN_MOST]
        if self.own is not None:
            from enterspan._run.auto import cut_facts

            note["cut"] = cut_facts(self.own.policy.cut)
        if self.bounds.lost:
            note["lost"] = self.bounds.lost
            note["lost_by"] = self.bounds.lost_by
        if self.bounds.reached is not None:
            note["reached"] = self.bounds.reached
            note["names"] = dict(self.bounds.names.most_common(10))
        self._note(note)
        self._release()

    def after_fork_in_parent(self) -> None:
        """Do nothing."""

    def after_fork_in_child(self, _: int) -> None:
        """Reset the counts, which the parent reports."""
        self._noted = set()
        self.bounds.spans = self.bounds.lost = 0
        self.bounds.names.clear()
        if self.live is not None:
            self.live.left_out = 0

    def _note(self, note: dict[str, Any]) -> None:
        path = self.settings.notes
        if path is None or os.getpid() == self.settings.pid:  # this process reads them
            return
        try:
            os.kill(self.settings.pid, 0)  # raises if it has ended: it would not remove the file
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            fd = os.open(path, flags, 0o600)
        except OSError:
            return
        try:
            os.write(fd, (json.dumps(note) + "\n").encode())
        except OSError:
            pass  # the disk is full
        finally:
            os.close(fd)


class _MainWatch:
    """Wraps the functions that the program's main module defines."""

    def __init__(
        self,
        module: ModuleType,
        named: Instrumentation | None,
        names: Sequence[str],
        own: OwnInstrumentation | None,
    ) -> None:
        self._module = module
        self._named = named
        self._names = names
        self._own = own

    def tell(self, name: str) -> None:
        """Wrap new definitions; the module has two names."""
        if self._named is not None:
            for each in self._names:
                self._named.main_defines(each, self._module, name)
        if self._own is not None:
            self._own.defined(self._module, name)

    def wrap(self, function: Any) -> Any:
        """Wrap a function before its decorators are applied."""
        return function if self._own is None else self._own.wrapped_early(function)


class Notes:
    """The notes of the child processes."""

    def __init__(self, path: str | None) -> None:
        self.met: set[str] = set()
        self.cut: list[tuple[str, int, int, bool]] = []
        self.spans = 0
        self.left_out = 0
        self.lost = 0
        self.lost_by = ""
        self.own: set[str] = set()
        self._reached: str | None = None
        self._names: Counter[str] = Counter()
        self._full = 0
        for line in _lines(path):
            self._read(line)

    def _read(self, line: str) -> None:
        try:
            note = json.loads(line)
        except ValueError:
            return
        self.met.update(note.get("met", ()))
        self.cut += [(name, calls, each, whole) for name, calls, each, whole in note.get("cut", ())]
        self.spans += note.get("spans", 0)
        self.left_out += note.get("left_out", 0)
        self.lost += note.get("lost", 0)
        self.lost_by = self.lost_by or note.get("lost_by", "")
        self.own.update(note.get("own", ()))
        if "reached" in note:
            self._reached = note["reached"]
            self._full += note.get("spans", 0)
            self._names.update(note.get("names", {}))

    @property
    def problem(self) -> str | None:
        """The message about children that reached a limit."""
        if self._reached is None:
            return None
        return "in child processes, " + full_text(self._reached, self._full, self._names)


def _lines(path: str | None) -> Sequence[str]:
    if path is None:
        return ()
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        os.unlink(path)
    except OSError:
        return ()
    return lines


def stderr_identity() -> tuple[int, ...]:
    """The identity of the run's standard error, for children."""
    return tuple(identity_of_stderr())
