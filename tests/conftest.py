"""What several files of tests need: a Tracing of their own, a story of a stream, a process."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

import enterspan
from enterspan import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

pytest_plugins = ["pytester"]

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile(
    "no stopwatch", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("no stopwatch")


def pytest_configure(config: pytest.Config) -> None:
    """Undo what was inherited as ignored: cron, `nohup` and a shell's `&` start us like that.

    A child would inherit it again. A handler it does not inherit, so SIGHUP gets one that does
    nothing: these tests go on after a hang-up, and their children have the default.
    """
    if hasattr(config, "workerinput") and sys.version_info >= (3, 15):
        # A worker of xdist has a thread of its own, which Python counts from 3.15 on.
        ignored = "ignore:This process .* is multi-threaded:DeprecationWarning"
        config.addinivalue_line("filterwarnings", ignored)
    for name, handler in (
        ("SIGINT", signal.default_int_handler),
        ("SIGTERM", signal.SIG_DFL),
        ("SIGQUIT", signal.SIG_DFL),
        ("SIGUSR1", signal.SIG_DFL),
        ("SIGUSR2", signal.SIG_DFL),
        ("SIGCHLD", signal.SIG_DFL),
        ("SIGHUP", lambda number, frame: None),
    ):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _folded(lines: Iterable[str]) -> list[str]:
    """Lines of a live tree; a span with nothing in between is one line, however long it took."""
    folded: list[str] = []
    for line in lines:
        before = re.fullmatch(r"([^╭]*)╭ (.*)", folded[-1]) if folded else None
        now = before and re.fullmatch(rf"([^╰✗]*)[╰✗] {re.escape(before[2])}(  .*)?", line)
        if before and now and before[1].count("│") == now[1].count("│"):
            folded[-1] = line.replace("╰", "─", 1)
        else:
            folded.append(line)
    return folded


@pytest.fixture
def folded() -> Callable[[Iterable[str]], list[str]]:
    """The lines of a live tree as they are where each span ends at once."""
    return _folded


@pytest.fixture
def mine() -> Iterator[Tracing]:
    """A Tracing of this test's own, shut down at its end."""
    made = Tracing("mine")
    yield made
    made.shutdown(5)


@pytest.fixture
def told() -> Callable[[list[Any]], list[str]]:
    """Tell a stream as lines that name the spans instead of their ids."""

    def tell(events: list[Any]) -> list[str]:
        names: dict[str | None, str] = {None: "nothing"}
        return [_line(event, names) for event in events]

    return tell


@pytest.fixture
def lines_run() -> Callable[[Callable[[], object]], int]:
    """Call something, and count the lines of enterspan that are executed meanwhile."""
    package = str(Path(enterspan.__file__).parent)

    def count(function: Callable[[], object]) -> int:
        executed = 0

        def trace(frame: Any, what: str, argument: object) -> Any:
            nonlocal executed
            executed += what == "line"
            return trace if frame.f_code.co_filename.startswith(package) else None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            function()
        finally:
            sys.settrace(before)
        return executed

    return count


def _line(tail_event: Any, names: dict[str | None, str]) -> str:
    event = tail_event.event
    where = tail_event.span_context.span_id
    if event.type in ("onset", "spanOpen"):
        names[event.span_id] = event.name
    of = names.get(where, "a remote span")
    details: dict[str, Callable[[], str]] = {
        "onset": lambda: f"{event.name} in {of}",
        "spanOpen": lambda: f"{event.name} in {of}",
        "attributes": lambda: f"{of} " + str({a.name: a.value for a in event.info}),
        "log": lambda: f"{of} {event.level} {event.message}",
        "exception": lambda: f"{of} {event.name}: {event.message}",
        "diagnosticChannel": lambda: f"{of} {event.channel} {dict(event.message)}",
        "spanClose": lambda: f"{of} {event.outcome}",
        "return": lambda: str(event.info and event.info.status_code),
        "streamDiagnostic": lambda: str(event.diagnostic.count),
        "outcome": lambda: event.outcome,
    }
    return f"{event.type} {details[event.type]()}"


@pytest.fixture
def modules(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Write modules, `name=source`, and give the first, imported, or the folder for `load=False`.

    A name with two underscores in it stands for one in a package. They are forgotten at the end.
    """
    folder = tmp_path / "modules"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(load: bool = True, **sources: str) -> Any:
        for name, source in sources.items():
            *packages, last = name.split("__")
            place = folder
            for package in packages:
                place /= package
                place.mkdir(exist_ok=True)
                (place / "__init__.py").touch()
            (place / f"{last}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module(next(iter(sources)).replace("__", ".")) if load else folder

    yield write
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes without coverage, which writes a file and keeps objects at their end."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def script(tmp_path: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program of some lines in a process of its own, and give what it printed."""

    def run(
        source: str, *options: str, timeout: float = 60, measured: bool = True
    ) -> subprocess.CompletedProcess[str]:
        # coverage has a lock too, and a child that is forked while a thread holds it hangs.
        env = {k: v for k, v in os.environ.items() if measured or not k.startswith("COVERAGE_")}
        program = tmp_path / "program.py"
        program.write_text(textwrap.dedent(source), encoding="utf-8")
        return subprocess.run(
            [sys.executable, *options, str(program)],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            cwd=tmp_path,
            env=env,
        )

    return run
