"""Files that others use, too: other processes, log rotation, a shell, a disk that is full."""

from __future__ import annotations

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import MappingProxyType

import pytest

from enterspan import SpanContext, SpanData
from enterspan.exporters import _files
from enterspan.exporters.chrome import ChromeTraceExporter
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail
from enterspan.exporters.otlpjson import OTLPJsonExporter

EMPTY = MappingProxyType({})


def span(name):
    context = SpanContext(1, 2, 1, "")
    ending = ("unset", "", "ok", "2" * 16, "internal", "default", EMPTY, 0, 0, 0)
    return SpanData(name, context, None, 1, 2, EMPTY, (), (), *ending)


def names_in(path):
    return [json.loads(line)["name"] for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.jsonl"


# --- log rotation ---------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="an open file can't be renamed")
def test_the_lock_is_on_the_file_that_is_written_to(path, monkeypatch):
    """Not on one that was moved away while the lock was waited for: the new one may get its fd."""
    locked = []
    lock = _files._lock

    def lock_too_late(fd, deadline):
        got = lock(fd, deadline)
        if not locked:
            path.rename(path.with_suffix(".1"))
        locked.append(os.fstat(fd).st_ino)
        return got

    exporter = JsonLinesExporter(path, max_bytes=1000)
    exporter.export([span("one")])
    monkeypatch.setattr(_files, "_lock", lock_too_late)
    exporter.export([span("two")])
    assert names_in(path.with_suffix(".1")) == ["one"]
    assert names_in(path) == ["two"]
    assert len(locked) == 2
    assert locked[-1] == path.stat().st_ino


def test_a_file_that_was_renamed_is_begun_anew(path):
    """As by logrotate: what was written before is in the old one."""
    exporter = JsonLinesExporter(path)
    exporter.export([span("one")])
    path.rename(path.with_suffix(".1"))
    exporter.export([span("two")])
    exporter.export([span("three")])
    assert names_in(path.with_suffix(".1")) == ["one"]
    assert names_in(path) == ["two", "three"]


def test_a_file_that_was_removed_is_begun_anew(path):
    exporter = JsonLinesExporter(path)
    exporter.export([span("one")])
    path.unlink()
    exporter.export([span("two")])
    assert names_in(path) == ["two"]


def test_a_file_that_was_copied_and_emptied_has_no_hole(path):
    exporter = JsonLinesExporter(path)
    exporter.export([span("one")])
    os.truncate(path, 0)
    exporter.export([span("two")])
    assert names_in(path) == ["two"]


def test_a_link_that_was_switched_is_followed(path, tmp_path):
    path.symlink_to(tmp_path / "monday")
    exporter = JsonLinesExporter(path)
    exporter.export([span("one")])
    path.unlink()
    path.symlink_to(tmp_path / "tuesday")
    exporter.export([span("two")])
    assert names_in(tmp_path / "monday") == ["one"]
    assert names_in(tmp_path / "tuesday") == ["two"]


def test_a_folder_that_is_gone_fails_until_it_is_there_again(tmp_path):
    (tmp_path / "logs").mkdir()
    exporter = JsonLinesExporter(tmp_path / "logs" / "t.jsonl")
    exporter.export([span("one")])
    (tmp_path / "logs").rename(tmp_path / "old")
    with pytest.raises(FileNotFoundError):
        exporter.export([span("lost")])
    (tmp_path / "logs").mkdir()
    exporter.export([span("two")])
    assert names_in(tmp_path / "old" / "t.jsonl") == ["one"]
    assert names_in(tmp_path / "logs" / "t.jsonl") == ["two"]


def test_no_descriptor_is_left_open_by_rotation(path):
    exporter = JsonLinesExporter(path)
    exporter.export([span("first")])
    before = len(list(Path("/dev/fd").iterdir()))
    for number in range(20):
        path.rename(f"{path}.{number}")
        exporter.export([span("next")])
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_tail_follows_a_rotation_too(path, mine):
    mine.add_tail(JsonLinesTail(path), delivery="inline")
    with mine.invocation("one"):
        path.rename(path.with_suffix(".1"))
        mine.log("info", "two")
    lines = [json.loads(line)["event"]["type"] for line in path.read_text().splitlines()]
    assert lines == ["log", "return", "outcome"]


# --- a limit of its own ---------------------------------------------------------------------------


def test_a_file_that_is_large_is_renamed_and_a_few_are_kept(path):
    size = len(_line("n0"))
    exporter = JsonLinesExporter(path, max_bytes=2 * size, backups=2)
    for number in range(9):
        exporter.export([span(f"n{number}")])
    assert names_in(path) == ["n8"]
    assert names_in(path.with_name("t.jsonl.1")) == ["n6", "n7"]
    assert names_in(path.with_name("t.jsonl.2")) == ["n4", "n5"]
    assert len(list(path.parent.iterdir())) == 3


def _line(name):
    from enterspan.exporters.jsonlines import span_line

    return span_line(span(name))


def test_no_backup_is_kept_if_none_is_wanted(path):
    exporter = JsonLinesExporter(path, max_bytes=len(_line("n0")), backups=0)
    for number in range(3):
        exporter.export([span(f"n{number}")])
    assert names_in(path) == ["n2"]
    assert len(list(path.parent.iterdir())) == 1


def test_a_batch_above_the_limit_is_written_whole(path):
    exporter = JsonLinesExporter(path, max_bytes=10)
    exporter.export([span("a"), span("b")])
    exporter.export([span("c")])
    assert names_in(path.with_name("t.jsonl.1")) == ["a", "b"]
    assert names_in(path) == ["c"]


def test_two_exporters_of_one_file_agree_about_its_size(path):
    """The one that did not rename it writes to the new one."""
    limit = 2 * len(_line("n0"))
    first, second = [JsonLinesExporter(path, max_bytes=limit, backups=9) for _ in range(2)]
    for number in range(6):
        (first, second)[number % 2].export([span(f"n{number}")])
    kept = [names_in(each) for each in sorted(path.parent.iterdir())]
    assert sorted(name for names in kept for name in names) == [f"n{n}" for n in range(6)]
    assert all(len(names) == 2 for names in kept)


@pytest.mark.parametrize(
    "options, error",
    [
        ({"max_bytes": 0}, ValueError),
        ({"max_bytes": 1.5}, TypeError),
        ({"backups": -1}, ValueError),
        ({"max_bytes": True}, TypeError),
    ],
)
def test_a_limit_that_is_none_is_refused(path, options, error):
    with pytest.raises(error, match=r"max_bytes|backups"):
        JsonLinesExporter(path, **options)
    with pytest.raises(ValueError, match="max_bytes needs a path"):
        JsonLinesTail(sys.stderr, max_bytes=100)


# --- several processes ----------------------------------------------------------------------------

WRITER = """
import sys
from enterspan import tracing
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail

path, kind, name = sys.argv[1:]
if kind == "exporter":
    tracing.add_exporter(JsonLinesExporter(path), max_batch=7)
else:
    tracing.add_tail(JsonLinesTail(path), delivery="inline")
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    with tracing.span(f"{name}{number}", text=name * 3000):
        pass
"""


@pytest.mark.parametrize("kind", ["exporter", "tail"])
def test_processes_that_write_at_the_same_time_write_whole_lines(path, kind):
    """All lines of all of them are there, each in one piece."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), kind, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abc"
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = [line.get("name") or line["event"].get("name") for line in lines]
    expected = sorted(f"{name}{number}" for name in "abc" for number in range(100))
    assert sorted(name for name in found if name) == expected


def test_a_line_that_a_killed_process_left_is_ended_by_the_next_one(path):
    """Also when this one has the file open already."""
    exporter = JsonLinesExporter(path)
    exporter.export([span("one")])
    with path.open("a") as file:
        file.write('{"torn')
    exporter.export([span("two")])
    first, torn, last = path.read_text().splitlines()
    assert (json.loads(first)["name"], torn, json.loads(last)["name"]) == ("one", '{"torn', "two")


@pytest.mark.skipif(sys.platform == "win32", reason="locks")
def test_a_process_that_was_stopped_with_the_lock_holds_nothing_up(path, monkeypatch):
    monkeypatch.setattr(_files, "_LOCK_TIMEOUT", 0.01)
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.lockf(file, fcntl.LOCK_EX);"
        "print('locked', flush=True); sys.stdin.readline()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "locked\n"
        JsonLinesExporter(path).export([span("one")])
        assert names_in(path) == ["one"]
    finally:
        holder.communicate("\n", timeout=30)


# --- what is at a path ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [JsonLinesExporter, OTLPJsonExporter, ChromeTraceExporter])
def test_a_new_file_belongs_to_its_owner_alone(tmp_path, make):
    before = os.umask(0o022)
    try:
        make(tmp_path / "new").export([span("one")])
        (tmp_path / "old").touch(0o644)
        make(tmp_path / "old").export([span("one")])
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert modes == {"new": 0o600, "old": 0o644}


def test_a_file_that_was_rotated_keeps_its_permissions(path):
    exporter = JsonLinesExporter(path, max_bytes=10)
    exporter.export([span("one")])
    path.chmod(0o640)
    exporter.export([span("two")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("make", [JsonLinesExporter, JsonLinesTail])
def test_a_name_that_ends_in_gz_is_compressed(tmp_path, make, mine):
    """It can be read while the program runs, and is appended to by the next one."""
    path = tmp_path / "t.jsonl.gz"
    add = mine.add_exporter if make is JsonLinesExporter else mine.add_tail
    for name in ("first", "second"):
        with add(make(path)):
            with mine.span(name):
                pass
            assert mine.flush(10)
            with gzip.open(path, "rt") as lines:
                texts = list(lines)
            assert any(f'"name":"{name}"' in line for line in texts)
    assert any('"name":"first"' in line for line in texts)
    for line in texts:
        json.loads(line)


def test_a_member_that_a_full_disk_cuts_is_cut_off(tmp_path, monkeypatch):
    """What follows could not be read otherwise."""
    path = tmp_path / "t.jsonl.gz"
    exporter = JsonLinesExporter(path)
    exporter.export([span("one")])
    whole = os.write
    left = [20]

    def full(fd, data):
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= (written := whole(fd, data[: left[0]]))
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            exporter.export([span("two")])
    exporter.export([span("three")])
    with gzip.open(path, "rt") as lines:
        assert [json.loads(line)["name"] for line in lines] == ["one", "three"]


STANDARD = """
import os, sys
from enterspan import tracing
from enterspan.exporters.jsonlines import JsonLinesExporter

print("before", flush=True)
tracing.add_exporter(JsonLinesExporter(sys.argv[1], mode="w"))
for name in ("one", "two"):
    with tracing.span(name):
        pass
    tracing.flush()
    print("after", name, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="descriptors")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_standard_output_is_shared_with_the_program_and_never_emptied(tmp_path, name):
    """Redirected to a file: the lines stand between those that the program prints."""
    if name.startswith("/proc") and not Path(name).exists():
        pytest.skip("no /proc")
    (tmp_path / "link").symlink_to("/dev/stdout")
    with (tmp_path / "out").open("w") as out:
        out.write("kept\n")
        out.flush()
        program = [sys.executable, "-c", STANDARD, name]
        subprocess.run(program, stdout=out, cwd=tmp_path, check=True, timeout=60)
    lines = (tmp_path / "out").read_text().splitlines()
    assert [line for line in lines if line[0] != "{"] == [
        "kept",
        "before",
        "after one",
        "after two",
    ]
    assert [json.loads(line)["name"] for line in lines if line[0] == "{"] == ["one", "two"]
    assert json.loads(lines[2])["name"] == "one"


@pytest.mark.skipif(os.name != "posix", reason="descriptors")
def test_standard_output_may_be_a_socket(tmp_path):
    """Which can't be opened by its name."""
    import socket

    ours, theirs = socket.socketpair()
    with ours, theirs:
        program = [sys.executable, "-c", STANDARD, "/dev/stdout"]
        subprocess.run(program, stdout=theirs, cwd=tmp_path, check=True, timeout=60)
        theirs.close()
        with ours.makefile() as lines:
            texts = list(lines)
    assert sum(line.startswith('{"type":"span"') for line in texts) == 2


@pytest.mark.skipif(os.name != "posix", reason="descriptors")
def test_a_descriptor_that_is_not_open_is_refused_at_once():
    with pytest.raises(OSError, match="Bad file descriptor"):
        JsonLinesExporter("/dev/fd/999")


# --- named pipes ----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_named_pipe_without_a_reader_loses_what_it_does_not_take(tmp_path, monkeypatch):
    """The first reader is waited for; afterwards a write fails at once, until there is one."""
    monkeypatch.setattr(_files, "_READER_TIMEOUT", 0.01)
    os.mkfifo(tmp_path / "pipe")
    exporter = JsonLinesExporter(tmp_path / "pipe")
    for _ in range(2):
        with pytest.raises(OSError, match="no process reads this pipe"):
            exporter.export([span("lost")])
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    exporter.export([span("one")])
    assert json.loads(os.read(reader, 9999))["name"] == "one"
    os.close(reader)
    with pytest.raises(OSError, match="pipe"):
        exporter.export([span("lost")])
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    exporter.export([span("two")])
    assert json.loads(os.read(reader, 9999))["name"] == "two"
    os.close(reader)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_named_pipe_whose_reader_does_not_read_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "_ROOM_TIMEOUT", 0.01)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    exporter = JsonLinesExporter(tmp_path / "pipe")
    with pytest.raises(OSError, match="unavailable"):
        exporter.export([span("x" * 2_000_000)])
    os.close(reader)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize("add", ["add_exporter(JsonLinesExporter", "add_tail(JsonLinesTail"])
def test_a_fork_does_not_wait_for_the_reader_of_a_pipe(script, tmp_path, add):
    """Neither before anything is written, nor while the worker waits."""
    os.mkfifo(tmp_path / "pipe")
    done = script(
        f"""
        import logging, os, warnings
        warnings.simplefilter("ignore")
        logging.getLogger("enterspan").addHandler(logging.NullHandler())
        logging.getLogger("enterspan").propagate = False
        from enterspan import tracing
        from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail
        tracing.{add}("pipe"))
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            with tracing.span("x"):
                pass
        print("went on")
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


# --- a full disk ----------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from enterspan import tracing
from enterspan.exporters.chrome import ChromeTraceExporter
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail
from enterspan.exporters.otlpjson import OTLPJsonExporter
import logging
logging.getLogger("enterspan").addHandler(logging.NullHandler())
logging.getLogger("enterspan").propagate = False

def limit(size):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

def work(name):
    for _ in range(20):
        with tracing.span(name, text="x" * 500):
            pass
        assert tracing.flush(20)

kind = sys.argv[1]
if kind == "ConsoleTail":
    added = tracing.add_tail(ConsoleTail(open("out", "w", buffering=1)), delivery="inline")
elif kind == "JsonLinesTail":
    added = tracing.add_tail(JsonLinesTail("out"), delivery="inline")
else:
    added = tracing.add_exporter(globals()[kind]("out"))
limit(600 if kind == "ConsoleTail" else 5000)
work("before")
stats = added.stats
assert stats.failed > 0 < stats.exported, stats
limit(resource.RLIM_INFINITY)
failed = stats.failed
work("after")
stats = added.stats
assert stats.failed == failed, stats
assert stats.received == stats.exported + stats.failed + stats.dropped, stats
assert open("out").read().count("after") >= 20
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits")
@pytest.mark.parametrize(
    "kind",
    [
        "JsonLinesTail",
        "JsonLinesExporter",
        "OTLPJsonExporter",
        "ChromeTraceExporter",
        "ConsoleTail",
    ],
)
def test_a_full_disk_is_counted_and_written_to_when_there_is_room(tmp_path, kind):
    """A limit of the size of files stands for it: a part is written, the rest fails."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, kind],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    if kind in ("JsonLinesTail", "JsonLinesExporter", "OTLPJsonExporter"):
        for line in (tmp_path / "out").read_text().splitlines():
            json.loads(line)
    elif kind == "ChromeTraceExporter":
        json.loads((tmp_path / "out").read_text())


# --- forks ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize("kind", ["path", "stream"])
def test_a_child_does_not_inherit_a_lock_that_another_thread_held(tmp_path, kind):
    """Held here by hand, as by a thread that was in the middle of a write."""
    stream = (tmp_path / "t.jsonl").open("w")
    exporter = JsonLinesExporter(tmp_path / "t.jsonl" if kind == "path" else stream)
    held, forked = threading.Event(), threading.Event()
    place = exporter._place
    lock = place.writing

    def hold():
        with lock:
            held.set()
            forked.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if not child:
        signal.alarm(20)
        exporter.export([span("child")])
        os._exit(0)
    _, status = os.waitpid(child, 0)
    forked.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert names_in(tmp_path / "t.jsonl") == ["child"]
    stream.close()


def test_two_exporters_of_one_process_rotate_one_file(path):
    """A lock of the system's belongs to the process, and not to one of its files."""
    exporters = [JsonLinesExporter(path, max_bytes=9000, backups=900) for _ in range(2)]

    def write(exporter, name):
        for number in range(300):
            exporter.export([span(f"{name} {number}")])

    threads = [
        threading.Thread(target=write, args=pair) for pair in zip(exporters, "ab", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [name for file in path.parent.iterdir() for name in names_in(file)]
    assert sorted(names) == sorted(f"{name} {number}" for name in "ab" for number in range(300))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_several_processes_rotate_one_file(path):
    exporter = JsonLinesExporter(path, max_bytes=9000, backups=900)
    children = []
    for name in "abc":
        child = os.fork()
        if not child:
            signal.alarm(60)
            for number in range(200):
                exporter.export([span(f"{name} {number}")])
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    names = [name for file in path.parent.iterdir() for name in names_in(file)]
    assert sorted(names) == sorted(f"{name} {number}" for name in "abc" for number in range(200))


def test_what_has_no_name_can_not_be_renamed(tmp_path):
    with (tmp_path / "out").open("w") as stream:
        (tmp_path / "link").symlink_to(f"/dev/fd/{stream.fileno()}")
        with pytest.raises(ValueError, match="max_bytes is for files with a name"):
            JsonLinesExporter(tmp_path / "link", max_bytes=500)
