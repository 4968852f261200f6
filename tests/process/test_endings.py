"""The matrix: each way in which a process ends, and each output, delivers what is finished.

A cell is a process whose first and only export is at its end. Those of one ending are one process
with all outputs, but for grpc, which has threads of its own: it gets one for itself.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="signals, forks")

HERE = Path(__file__).parent
ENDINGS = {
    "normal": (0, ["main"]),
    "sys_exit": (3, ["main"]),
    "uncaught_exception": (1, ["main"]),
    "ctrl_c": (-2, ["early", "main"]),
    "term_with_a_handler": (7, ["early", "main"]),
    "term_without_a_handler": (-15, ["early", "main"]),
    "thread_still_running": (0, ["main", "child"]),
    "asyncio_run": (4, ["main"]),
    "atexit_flush": (0, ["main", "child"]),
    "fork": (0, ["main", "child"]),
    "multiprocessing_fork": (0, ["main", "child"]),
    "multiprocessing_spawn": (0, ["main", "child"]),
    "multiprocessing_forkserver": (0, ["main", "child"]),
}
"""The exit code, and whose spans are delivered."""
ERRORS = {"uncaught_exception": "ValueError: uncaught", "ctrl_c": "KeyboardInterrupt"}
"""The last line of stderr; of the others it is empty."""
LOCAL = ("jsonlines", "sampling", "own")
PACKAGES = {"otel": "opentelemetry", "http": "urllib3", "grpc": "grpc"}
OUTPUTS = (*LOCAL, *PACKAGES)
FORKED = {"fork", "multiprocessing_fork", "multiprocessing_spawn", "multiprocessing_forkserver"}


def is_there(output):
    name = PACKAGES.get(output)
    if name == "opentelemetry":
        return bool(importlib.util.find_spec(name) and importlib.util.find_spec(f"{name}.sdk"))
    return name is None or importlib.util.find_spec(name) is not None


class Receiver:
    """The receiver, in a process of its own: this one is forked by other tests."""

    def __init__(self):
        command = [sys.executable, str(HERE / "receiver.py")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.ports = self.process.stdout.readline().split()
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def names(self, protocol, ending):
        """Whose spans of an ending have arrived; the answer to a request comes after its line."""
        while not self.lines.empty():
            self.seen.append(self.lines.get())
        return [line.split()[2] for line in self.seen if line.startswith(f"{protocol} {ending} ")]

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def ended(receiver, tmp_path_factory):
    """Run the process of a cell once: its exit code, stderr and folder."""

    @cache
    def run(ending, outputs):
        folder = tmp_path_factory.mktemp(ending)
        http, grpc = receiver.ports
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
        done = subprocess.run(
            [
                *(sys.executable, "-W", "ignore::DeprecationWarning", str(HERE / "endings.py")),
                *(ending, ",".join(outputs)),
                *(f"http://127.0.0.1:{http}/v1/traces", f"http://127.0.0.1:{grpc}"),
            ],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stderr, folder

    return run


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_finished_is_delivered_at_the_end(ending, output, ended, receiver):
    """Once, whatever the end; and each exporter is shut down once in each process."""
    if not is_there(output):
        pytest.skip(f"{PACKAGES[output]} is not installed")
    expected_code, expected = ENDINGS[ending]
    others = tuple(each for each in OUTPUTS if each != "grpc" and is_there(each))
    code, err, folder = ended(ending, ("grpc",) if output == "grpc" else others)
    assert code == expected_code, err
    assert ERRORS.get(ending, "") == err.strip().rpartition("\n")[2]
    if output in ("http", "grpc"):
        found = receiver.names(output, ending)
    elif output in ("jsonlines", "sampling"):
        lines = (folder / f"{output}.txt").read_text().splitlines()
        found = [json.loads(line)["name"].split()[1] for line in lines]
    else:
        lines = (folder / f"{output}.txt").read_text().splitlines()
        found = [line.split()[1] for line in lines if not line.startswith("shutdown")]
    assert sorted(found) == sorted(expected)
    if output == "own":
        shut = [line.split()[1] for line in lines if line.startswith("shutdown")]
        assert sorted(shut) == (["child", "main"] if ending in FORKED else ["main"])
