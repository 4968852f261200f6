"""Programs in a folder of their own, run both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest


class Folder:
    """A folder with a program in it."""

    def __init__(self, path):
        self.path = path
        self.events = []

    def write(self, **files):
        """Write files: `pack__mod` is pack/mod.py."""
        for name, text in files.items():
            file = self.path / (name.replace("__", "/") + ".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
        return self

    def python(self, *words, stdin="", **environ):
        """Run Python here."""
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.path,
            env={**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8", **environ},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=100,
        )

    def run(self, *words, stdin="", **environ):
        """Run a program under `enterspan run`, and read the events that it wrote."""
        output = self.path / "events.jsonl"
        done = self.python(
            "-m", "enterspan", "run", "--output", str(output), *words, stdin=stdin, **environ
        )
        lines = output.read_text().splitlines() if output.exists() else []
        self.events = [json.loads(line) for line in lines]
        return done

    @staticmethod
    def said(done):
        """The lines that the command itself has written."""
        return [line for line in done.stderr.splitlines() if line.startswith("enterspan: ")]

    @property
    def opened(self):
        """The names of the spans, in order of their start."""
        return [
            event["event"]["name"]
            for event in self.events
            if event["event"]["type"] in ("onset", "spanOpen")
        ]

    @property
    def traces(self):
        """The traces that they belong to."""
        return {event["spanContext"]["traceId"] for event in self.events}


@pytest.fixture
def folder_of(tmp_path):
    """Make a folder with some programs."""
    return lambda **files: Folder(tmp_path).write(**files)
