"""What is recorded of one process of a run: its outputs, its bounds, what is instrumented in it.

The settings are those of the command line. The program's child processes get them through the
environment, and each makes one of these.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.frozen import frozen
from enterspan._pipeline import process
from enterspan._run.bounds import MAX_BYTES, MAX_SPANS, Bounds, full_text
from enterspan._run.stderr import identity_of_stderr, own_stderr
from enterspan._terminal.live import HELD
from enterspan._terminal.screen import is_terminal
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
"""From so many seconds on it is reported how long wrapping took."""


@frozen
class Settings:
    """What a run was told, for each of its processes."""

    wishes: Wishes = Wishes()
    auto: bool = False
    is_asked: bool = False
    """Whether `--auto` was given, and holds whatever the program imports."""
    output: str | None = None
    quiet: bool = False
    stacks: bool = False
    ids: bool = False
    max_spans: int = MAX_SPANS
    max_bytes: int = MAX_BYTES
    packages: tuple[str, ...] = ()
    stderr: tuple[int, ...] = ()
    notes: str | None = None
    """The file in which child processes leave what is to be said at the end."""
    pid: int = 0
    """The process that reads it."""

    def to_text(self) -> str:
        """As it travels in the environment."""
        return json.dumps({**_values(self), "wishes": _values(self.wishes)})

    @classmethod
    def from_text(cls, text: str) -> Settings:
        """Read what `to_text` wrote. Raises ValueError, TypeError or KeyError for anything else."""
        values: dict[str, Any] = json.loads(text)
        wishes = {name: _tupled(value) for name, value in values.pop("wishes").items()}
        return cls(wishes=Wishes(**wishes), **{k: _tupled(v) for k, v in values.items()})


def changed(settings: Settings, **values: Any) -> Settings:
    """Settings with some of them changed."""
    return Settings(**{**_values(settings), **values})


def _values(thing: Any) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in type(thing).__match_args__}


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Recording:
    """What records this process."""

    def __init__(self, settings: Settings, *, is_child: bool = False) -> None:
        """Instrument, and subscribe.

        Raises ValueError for a pattern that can't be read, and OSError where nothing can be
        written.
        """
        self.settings = settings
        self.named: Instrumentation | None = None
        self.own: OwnInstrumentation | None = None
        self._noted: set[str] = set()
        tails: list[Any] = []
        if settings.output is not None:
            tails.append(JsonLinesTail(settings.output, mode="a" if is_child else "w"))
        if not settings.quiet:
            stderr = own_stderr()
            # Where a person reads it, a line may come late, between two of the program's own.
            hold = HELD if is_terminal(stderr) else 0.0
            shown = ConsoleTail(stderr, stacks=settings.stacks, ids=settings.ids, hold=hold)
            tails.append(shown)
        self.bounds = Bounds(
            tails,
            settings.max_spans,
            settings.output,
            settings.max_bytes,
            lambda: tracing.configure(enabled=False),
        )
        if settings.wishes.instrument:
            self.named = tracing.instrument(*settings.wishes.instrument, **settings.wishes.options)
        if settings.auto:
            self._instrument_own()
        if tails:
            tracing.add_tail(self.bounds, delivery="inline", key="enterspan run")
        if is_child:
            self.bounds.begins = self._note_matches
            process.track(self)

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

    # --- the program's own module ---

    def prepare(
        self, program: Program, module: ModuleType, code: CodeType, source: bytes | None
    ) -> CodeType:
        """The code of the program, as it is to be run."""
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
            own.main = program.module
        from enterspan._run.definitions import watched_code

        return watched_code(code, source, _MainWatch(module, named, names, own))

    # --- what is said at the end ---

    def report(self) -> list[str]:
        """What there is to say: of this process, and of its children, whose notes are read."""
        children = _Notes(self.settings.notes)
        said = []
        if not self.settings.quiet:
            said += self._costs()
            said += self._own_line(children)
        problems = [self.bounds.problem, children.problem]
        said += [problem for problem in problems if problem is not None]
        if self.named is not None:
            from enterspan._run.list import unmatched

            said += unmatched(self.named, self.settings.wishes, children.met)
        return said

    def _costs(self) -> list[str]:
        if self.named is not None and self.named.seconds >= _NOTICEABLE:
            return [self.named.summary()]
        return []

    def _own_line(self, children: _Notes) -> list[str]:
        own = self.own
        if own is None:
            return []
        if own.uses is not None:
            return []
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
                  + f": {spans:,} spans"]  # fmt: skip
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
        """Note the patterns that have matched in this process, as soon as they have."""
        if self.named is None:
            return
        every = set(map(str, self.settings.wishes.instrument))
        met = every - set(map(str, self.named.unmatched))
        if met - self._noted:
            self._noted |= met
            self._note({"met": sorted(met)})

    def flush_at_exit(self, timeout: float = 0.0) -> None:
        """Everything is written as it happens."""

    def shut_down_at_exit(self, timeout: float = 0.0) -> None:
        """Nothing is left to be done."""

    def end_process(self, timeout: float = 0.0) -> None:  # noqa: ARG002
        """Leave notes for the process that the run began with."""
        self._note_matches()
        note: dict[str, Any] = {"spans": self.bounds.spans}
        if self.own is not None:
            from enterspan._run.auto import cut_facts

            note["cut"] = cut_facts(self.own.policy.cut)
        if self.bounds.reached is not None:
            note["reached"] = self.bounds.reached
            note["names"] = dict(self.bounds.names.most_common(10))
        self._note(note)

    def after_fork_in_parent(self) -> None:
        """Nothing has changed."""

    def after_fork_in_child(self, _: int) -> None:
        """What was counted is the parent's to tell."""
        self._noted = set()
        self.bounds.spans = 0
        self.bounds.names.clear()

    def _note(self, note: dict[str, Any]) -> None:
        path = self.settings.notes
        if path is None:
            return
        try:
            os.kill(self.settings.pid, 0)  # raises if it has ended: it would not remove the file
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            fd = os.open(path, flags, 0o600)
        except OSError:
            return
        try:
            os.write(fd, (json.dumps(note) + "\n").encode())
        finally:
            os.close(fd)


class _MainWatch:
    """Has wrapped what the program itself defines."""

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
        """Wrap what has been defined; its module has two names."""
        if self._named is not None:
            for each in self._names:
                self._named.main_defines(each, self._module, name)
        if self._own is not None:
            self._own.defined(self._module, name)

    def wrap(self, function: Any) -> Any:
        """Wrap a function before its decorators get it."""
        return function if self._own is None else self._own.wrapped_early(function)


class _Notes:
    """What the child processes have left."""

    def __init__(self, path: str | None) -> None:
        self.met: set[str] = set()
        self.cut: list[tuple[str, int, int, bool]] = []
        self.spans = 0
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
        if "reached" in note:
            self._reached = note["reached"]
            self._full += note.get("spans", 0)
            self._names.update(note.get("names", {}))

    @property
    def problem(self) -> str | None:
        """What to say of the children that have reached a bound."""
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
    """What tells a child whether its standard error is the run's."""
    return tuple(identity_of_stderr())
