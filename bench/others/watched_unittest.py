"""Run a script that runs tests with unittest, and note how each went, as `watched` does for pytest.

python watched_unittest.py SCRIPT [ARGUMENT]...
"""

from __future__ import annotations

import runpy
import sys
import unittest
from pathlib import Path
from typing import Any

from watched import Outcomes, write

WORDS = {
    "addSuccess": "passed",
    "addFailure": "failed",
    "addError": "failed",
    "addSkip": "skipped",
    "addExpectedFailure": "xskipped",
    "addUnexpectedSuccess": "xpassed",
}


def watch(watched: Outcomes) -> None:
    """Have each result of a test noted."""

    def noting(name: str) -> Any:
        found: Any = getattr(unittest.TestResult, name)

        def add(result: unittest.TestResult, test: unittest.TestCase, *more: Any) -> None:
            failed = more and name in {"addError", "addFailure"}
            watched.note(test.id(), WORDS[name], repr(more[0][1]) if failed else "")
            found(result, test, *more)

        return add

    for name in WORDS:
        setattr(unittest.TestResult, name, noting(name))


if __name__ == "__main__":
    watched = Outcomes()
    watch(watched)
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        write(watched)
