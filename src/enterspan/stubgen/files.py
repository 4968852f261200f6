"""Writes stubs to disk, all or none, or compares them with the existing ones."""

import difflib
from pathlib import Path
from typing import Final

from enterspan.exporters._files import replace_files
from enterspan.stubgen.package import HEADER
from enterspan.stubgen.problems import StubError, place

DIFF_LINES: Final = 20
"""The maximum number of shown lines of a difference."""


def write(stubs: dict[str, str], folder: Path, root: str) -> tuple[list[Path], list[Path]]:
    """Write stubs below a folder; return which have changed and which were removed.

    Stubs of the `root` for modules that no longer exist are removed. Raises StubError if the folder
    can't be written, or if a hand-written file has the name of a stub.
    """
    there = {folder / name: _text_at(folder / name) for name in stubs}
    for path, text in there.items():
        if path.is_dir():
            raise StubError(f"{place(path)}: is a folder, where a stub is to be written")
        if text is not None and not text.startswith(HEADER):
            what = "was not made by `enterspan stubs`: move it away, or choose another folder"
            raise StubError(f"{place(path, 1)}: {what}")
    removed = _outdated(stubs, folder, root)
    changed = {folder / n: text for n, text in stubs.items() if there[folder / n] != text}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
        replace_files({path: text.encode() for path, text in changed.items()})
        for path in removed:
            path.unlink()
    except OSError as error:
        where = place(Path(error.filename or folder))
        raise StubError(f"{where}: can't write stubs there: {error.strerror}") from None
    return [*changed], removed


def compare(stubs: dict[str, str], folder: Path, root: str) -> list[str]:
    """The differences, file by file; none if the stubs are up to date."""
    lines: list[str] = []
    for name, text in stubs.items():
        there = _text_at(folder / name)
        where = place(folder / name)
        if there is None:
            lines.append(f"{where}: is missing")
        elif there != text:
            lines.append(f"{where}: is not what the source says")
            lines += _difference(there, text, where)
    outdated = _outdated(stubs, folder, root)
    return lines + [f"{place(path)}: belongs to no module any more" for path in outdated]


def _difference(there: str, text: str, where: str) -> list[str]:
    before, after = there.splitlines(), text.splitlines()
    lines = list(difflib.unified_diff(before, after, where, "the source", lineterm="", n=1))
    shown = [f"  {line}" for line in lines[:DIFF_LINES]]
    more = len(lines) - len(shown)
    return [*shown, f"  ... and {more} more lines"] if more else shown


def _text_at(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None


def _outdated(stubs: dict[str, str], folder: Path, root: str) -> list[Path]:
    """The stubs made by this command for modules of the package that no longer exist."""
    return [
        path
        for path in sorted((folder / root).rglob("*.pyi"))
        if path.relative_to(folder).as_posix() not in stubs
        and (_text_at(path) or "").startswith(HEADER)
    ]
