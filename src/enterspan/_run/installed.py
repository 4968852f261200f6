"""Installed commands and packages.

The files of distributions are read as specified (PyPA: entry points, recorded files).
`importlib.metadata` would import a third of the standard library, before the program's folder is on
the search path.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHEBANG_BYTES: Final = 1024
_ENV: Final = re.compile(r"#!\s*\S*/env(?:\s+-S)?\s+(\S+)")
_DIRECT: Final = re.compile(r"#!\s*(.+?)(?:\s+-\S+)*\s*$")
_TRAMPOLINE: Final = re.compile(r"'''exec'\s+\"?([^\"]+?)\"?\s+\"\$0\"")
"""What pip writes below `#!/bin/sh` if the path of Python is too long, or has spaces."""
_BINARIES: Final = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""The magic numbers of binaries on Linux and macOS."""
_PYTHON: Final = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?$")


class ForeignError(Exception):
    """A command can't be run in this process; the text gives the reason."""


def command_path(name: str) -> str | None:
    """The path of a command: beside this Python, or on PATH."""
    own = os.path.dirname(sys.executable or "")
    return shutil.which(name, path=own) or shutil.which(name)


def command_names() -> list[str]:
    """The commands beside this Python."""
    try:
        return sorted(os.listdir(os.path.dirname(sys.executable)))
    except OSError:
        return []


def check_runs_here(path: str, name: str) -> None:
    """Raise ForeignError for a command that is for another Python, or not written in Python."""
    python = interpreter_of(path, name)
    if python is not None and os.sep in python and not _is_this(python):
        raise ForeignError(
            f"{name!r} belongs to another Python, {python}: install enterspan there"
            f" ({python} -m pip install enterspan), or {name} beside {sys.executable}"
        )


def interpreter_of(path: str, name: str) -> str | None:
    """The Python in the first line of a file; None if there is none.

    Raises ForeignError for another interpreter.
    """
    with open(path, "rb") as file:
        head = file.read(_SHEBANG_BYTES)
    if head[:2] == b"#!" and not path.endswith((".py", ".pyw")):
        first, _, rest = head.decode("utf-8", "replace").partition("\n")
        python = _interpreter(first, rest)
        if python is not None:
            return python
    elif not head.startswith(_BINARIES):
        return None
    raise ForeignError(f"{name!r} is not written in Python")


def _interpreter(first: str, rest: str) -> str | None:
    """The Python of a script; None if there is none."""
    found = _ENV.match(first) or _DIRECT.match(first)
    if found is not None and found[1].endswith("/sh"):
        found = _TRAMPOLINE.search(rest)
    if found is None:
        return None
    return found[1] if _PYTHON.search(found[1]) else None


def _is_this(python: str) -> bool:
    here = os.path.dirname(os.path.abspath(sys.executable))
    there = os.path.dirname(os.path.abspath(python))
    if here == there:
        return True
    try:
        if os.path.samefile(here, there):
            return True
        in_venv = any(Path(each).parent.joinpath("pyvenv.cfg").is_file() for each in (here, there))
        return not in_venv and os.path.samefile(python, sys.executable)
    except OSError:
        return False


_SCRIPTS: Final = ("console_scripts]", "gui_scripts]")
"""The sections of entry points that are commands; other sections may have the same names."""

# --- what belongs to a program --------------------------------------------------------------------


def packages_of_command(name: str) -> tuple[str, ...]:
    """The packages of a command's distribution; none if it is unknown."""
    line = re.compile(rf"^{re.escape(name)}\s*=\s*([\w.]+)", re.MULTILINE)
    for info in _infos():
        try:
            sections = (info / "entry_points.txt").read_text("utf-8").split("\n[")
        except (OSError, UnicodeDecodeError):
            continue
        commands = "".join([part for part in sections if part.lstrip("[").startswith(_SCRIPTS)])
        found = line.search(commands)
        if found is not None:
            return tuple(dict.fromkeys((found[1].partition(".")[0], *_top_levels(info))))
    return ()


def packages_beside(package: str) -> tuple[str, ...]:
    """An installed package, and the others of its distribution."""
    wanted = f"{package}/"
    for info in sorted(_infos(), key=lambda info: not _is_named(info, package)):
        try:
            with (info / "RECORD").open(encoding="utf-8") as record:
                if any(line.startswith(wanted) for line in record):
                    return tuple(dict.fromkeys((package, *_top_levels(info))))
        except (OSError, UnicodeDecodeError):
            continue
    return (package,)


def _is_named(info: Path, package: str) -> bool:
    return info.name.lower().replace("-", "_").startswith(package.lower() + "_") or (
        info.name.lower().partition("-")[0] == package.lower()
    )


def _infos() -> Iterator[Path]:
    for folder in sys.path:
        if is_site(folder):
            try:
                yield from Path(folder).glob("*.dist-info")
            except OSError:
                continue


def _top_levels(info: Path) -> list[str]:
    """The packages and modules of a distribution, sorted by name."""
    found: set[str] = set()
    try:
        lines = (info / "RECORD").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    for line in lines:
        path = line.partition(",")[0].strip('"')
        first, _, rest = path.partition("/")
        name = first if rest else first.partition(".")[0]
        if name.isidentifier() and path.endswith((".py", ".so", ".pyd")):
            found.add(name)
    return sorted(found)


def is_site(path: str) -> bool:
    """Whether a path is in a `site-packages` folder."""
    parts = path.replace("\\", "/").split("/")
    return "site-packages" in parts or "dist-packages" in parts
