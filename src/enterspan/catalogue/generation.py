"""Writes or checks the module of a catalogue.

A generated module imports this package when the program starts: what only `generate` needs is
imported inside it.
"""

from os import PathLike

from enterspan.catalogue.errors import CatalogueError


def generate(
    catalogue: str | PathLike[str],
    output: str | PathLike[str] | None = None,
    *,
    check: bool = False,
) -> bool:
    """Write the module for a catalogue, and return whether that changes it.

    The module is replaced as a whole or not at all.

    Args:
        catalogue: the TOML file.
        output: the module, by default the `output` of the catalogue.
        check: write nothing.

    Raises:
        CatalogueError: for an invalid catalogue, with its file and line, and for a module that
            can't be written.
    """
    from enterspan.catalogue.declarations import output_of, read_catalogue
    from enterspan.catalogue.module import MARK, render
    from enterspan.exporters._files import replace_file

    declared = read_catalogue(catalogue)
    path = output_of(declared, output)
    text = render(declared)
    try:
        if path.exists() and not path.is_file():
            raise CatalogueError(f"can't write {str(path)!r}: it is not a file")
        before = path.read_bytes() if path.exists() else None
        if before and not before.startswith(MARK.encode()):
            raise CatalogueError(
                f"{str(path)!r} was not generated from a catalogue, and is not overwritten: choose"
                " another output, or delete it"
            )
        data = text.encode()
        changed = before is None or before.replace(b"\r\n", b"\n") != data
        if changed and not check:
            replace_file(path, data)
    except OSError as error:
        raise CatalogueError(f"can't write {str(path)!r}: {error.strerror or error}") from None
    return changed
