"""Stubs on disk: compared with what is there, or written, all of them or none."""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from enterspan.stubgen.problems import StubError, place
from enterspan.stubgen.surface import HEADER

DIFF_LINES: Final = 20
"""How much is shown of how a stub differs."""


def write(stubs: dict[str, str], folder: Path, roots: set[str]) -> tuple[list[Path], list[Path]]:
    """Write stubs below a folder; return what has changed, and what is gone.

    Each is written to a folder of its own first, so that nothing is half-written. What was made
    earlier below the `roots`, and is not made any more, is removed. StubError where the folder
    can't be written, or where a stub is in the way that somebody wrote by hand.
    """
    for name in stubs:
        _refuse_foreign(folder / name)
    old = [path for path in _made_before(folder, roots) if path.as_posix() not in stubs]
    changed = [name for name in stubs if _text_at(folder / name) != stubs[name]]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".stubs-", dir=folder))
        try:
            for name in changed:
                _write_one(staging / name, stubs[name])
            for name in changed:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            for name in changed:
                os.replace(staging / name, folder / name)  # noqa: PTH105
            for path in old:
                (folder / path).unlink()
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        where = place(Path(error.filename or folder))
        raise StubError(f"{where}: can't write stubs there: {error.strerror}") from None
    return [folder / name for name in changed], [folder / path for path in old]


def compare(stubs: dict[str, str], folder: Path, roots: set[str]) -> list[str]:
    """What a file by file comparison says: nothing, where the stubs are up to date."""
    said: list[str] = []
    for name, text in stubs.items():
        there = _text_at(folder / name)
        where = place(folder / name)
        if there is None:
            said.append(f"{where}: is missing")
        elif there != text:
            said.append(f"{where}: is not what the source says")
            said += _difference(there, text, where)
    for path in _made_before(folder, roots):
        if path.as_posix() not in stubs:
            said.append(f"{place(folder / path)}: belongs to no module any more")
    return said


def _difference(there: str, text: str, where: str) -> list[str]:
    lines = list(
        difflib.unified_diff(
            there.splitlines(), text.splitlines(), where, "the source", lineterm="", n=1
        )
    )
    shown = [f"  {line}" for line in lines[:DIFF_LINES]]
    more = len(lines) - len(shown)
    return [*shown, f"  ... and {more} more lines"] if more else shown


def _text_at(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None


def _write_one(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def _refuse_foreign(path: Path) -> None:
    if path.is_dir():
        raise StubError(f"{place(path)}: is a folder, and a stub is to be written there")
    text = _text_at(path)
    if text is not None and not text.startswith(HEADER):
        what = "was not made by `enterspan stubs`: move it away, or choose another folder"
        raise StubError(f"{place(path, 1)}: {what}")


def _made_before(folder: Path, roots: set[str]) -> list[Path]:
    """The stubs below a folder that were made by this command for the same packages."""
    found: list[Path] = []
    for root in sorted(roots):
        for path in sorted((folder / root).rglob("*.pyi")):
            text = _text_at(path)
            if text is not None and text.startswith(HEADER):
                found.append(path.relative_to(folder))
    return found
