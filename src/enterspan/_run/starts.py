"""Decides whether a child process of a run is restarted; used by its `sitecustomize`.

Only the standard library is imported: a restarted process imports the rest itself.
"""

import os
import sys
from typing import Final

SITE: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")
"""The folder that is put in front of PYTHONPATH."""
LAUNCHER: Final = os.path.join(SITE, "launch.py")

_VALUED: Final = ("-W", "-X", "--check-hash-based-pycs")
_POOLS: Final = ("multiprocessing", "joblib.externals.loky", "loky", "billiard", "execnet")
"""Modules that start workers with their own main module."""
_OWN: Final = "enterspan"
"""The command of this package: a run that a program starts is a run of its own."""
_TRACKER: Final = "resource_tracker"
"""In the code of helper processes of multiprocessing and loky, which run no program code."""


def program_at(words: list[str]) -> int:
    """The index of the program in a command line, after Python's options."""
    at = 1
    while at < len(words):
        word = words[at]
        if not word.startswith("-") or word == "-" or word[:2] in ("-c", "-m"):
            return at
        at += 2 if word in _VALUED else 1
    return len(words)


def is_replaced(words: list[str], at: int) -> bool:
    """Whether a child is restarted: it runs a script, or a module that is not a worker."""
    if not sys.executable or sys.flags.interactive or at >= len(words):
        return False
    name = os.path.basename(words[0])
    if not name.startswith(("python", "pypy")):
        return False  # embedded: uwsgi and others
    word = words[at]
    if word[:2] == "-m":
        module = word[2:] or "".join(words[at + 1 : at + 2])
        return bool(module) and not f"{module}.".startswith(tuple(f"{pool}." for pool in _POOLS))
    return not word.startswith("-") and os.path.exists(word)


def _is_command(script: str) -> bool:
    """Whether a script is the command of this package, and none of a program with its name."""
    folder, name = os.path.split(os.path.abspath(script))
    commands = [os.path.dirname(sys.executable), *os.environ.get("PATH", "").split(os.pathsep)]
    return name == _OWN and folder in commands


def is_ready() -> bool:
    """Whether this process records its calls; does not return if it is restarted."""
    words: list[str] = getattr(sys, "orig_argv", [])
    at = program_at(words)
    first = words[at : at + 2]
    if words[at : at + 1] == [LAUNCHER] or any(_TRACKER in word for word in first):
        return False
    if first == ["-m", _OWN] or (first and _is_command(first[0])):
        return False
    if os.name == "posix" and is_replaced(words, at):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os.execv(sys.executable, [sys.executable, *words[1:at], LAUNCHER, *words[at:]])  # noqa: S606
    return True
