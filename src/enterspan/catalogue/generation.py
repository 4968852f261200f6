"""Writing the module for a catalogue, or finding out whether it is as it should be.

A generated module imports this package when the program starts, so what reads catalogues is
imported here only when it is needed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from enterspan.catalogue.errors import CatalogueError

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from enterspan.catalogue.declarations import Catalogue


def generate(
    catalogue: str | PathLike[str],
    output: str | PathLike[str] | None = None,
    *,
    check: bool = False,
) -> bool:
    """Write the module for a catalogue, and return whether it was another before.

    `catalogue` is the TOML file; `output` the module, by default what the catalogue says. With
    `check` nothing is written. Raises CatalogueError for a catalogue that makes no sense, with its
    file and line, and for a module that can't be written; nothing is half-written then.
    """
    from enterspan.catalogue.declarations import read_catalogue
    from enterspan.catalogue.module import MARK, render

    declared = read_catalogue(catalogue)
    path = output_of(declared, output)
    text = render(declared)
    try:
        if path.exists() and not path.is_file():
            raise CatalogueError(f"can't write {str(path)!r}: it is no file")
        before = path.read_bytes() if path.exists() else None
        if before and not before.startswith(MARK.encode()):
            raise CatalogueError(
                f"{str(path)!r} was not generated from a catalogue, and is left as it is: choose"
                " another output, or delete it"
            )
        data = text.encode()
        changed = before is None or before.replace(b"\r\n", b"\n") != data
        if changed and not check:
            _replace(path, data)
    except OSError as error:
        raise CatalogueError(f"can't write {str(path)!r}: {error.strerror or error}") from None
    return changed


def output_of(catalogue: Catalogue, output: str | PathLike[str] | None = None) -> Path:
    """Where the module goes. Raises CatalogueError where nobody has said it."""
    from pathlib import Path

    from enterspan.catalogue.declarations import check_module_path

    if output is not None:
        path = Path(output)
        check_module_path(path)
        return path
    if catalogue.output is None:
        raise CatalogueError(
            "it does not say where the module goes: output = 'spans.py'", catalogue.file
        )
    return catalogue.output


def _replace(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    path = path.resolve()  # through a link, and not instead of it
    made = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with made.open("xb") as file:
            file.write(data)
        if path.exists():
            made.chmod(path.stat().st_mode)
        made.replace(path)
    except BaseException:
        try:
            made.unlink()
        except OSError:
            pass  # it was never made
        raise
