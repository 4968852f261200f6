"""Whether a child process of a run is started anew; read by its `sitecustomize`.

Nothing but the standard library is imported: what is started anew imports the rest itself.
"""

import os
import sys
from typing import Final

SITE: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")
"""The folder that is put in front of PYTHONPATH."""
LAUNCHER: Final = os.path.join(SITE, "launch.py")

_VALUED: Final = ("-W", "-X", "--check-hash-based-pycs")
_POOLS: Final = ("multiprocessing", "joblib.externals.loky", "loky", "billiard", "execnet")
"""Modules that start workers with a main module of theirs."""
_TRACKER: Final = "resource_tracker"
"""In the code of a helper of multiprocessing and loky, which runs nothing of the program."""


def program_at(words: list[str]) -> int:
    """Where in the words of a command line the program begins, after the options of Python."""
    at = 1
    while at < len(words):
        word = words[at]
        if not word.startswith("-") or word == "-" or word[:2] in ("-c", "-m"):
            return at
        at += 2 if word in _VALUED else 1
    return len(words)


def is_replaced(words: list[str], at: int) -> bool:
    """Whether a child is started anew: one that runs a script, or a module that is no worker."""
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


def is_ready() -> bool:
    """Whether this process is to record what it calls; one that is to run anew does not return."""
    words: list[str] = getattr(sys, "orig_argv", [])
    at = program_at(words)
    if words[at : at + 1] == [LAUNCHER] or any(_TRACKER in word for word in words[at : at + 2]):
        return False
    if os.name == "posix" and is_replaced(words, at):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os.execv(sys.executable, [sys.executable, *words[1:at], LAUNCHER, *words[at:]])  # noqa: S606
    return True
