"""Writes or checks the module of a catalogue, and its stub."""

from os import PathLike
from pathlib import Path

from enterspan.catalogue.declarations import output_of, read_catalogue
from enterspan.catalogue.errors import CatalogueError
from enterspan.catalogue.module import MARK, render, render_stub
from enterspan.exporters._files import replace_files


def generate(
    catalogue: str | PathLike[str],
    output: str | PathLike[str] | None = None,
    *,
    check: bool = False,
) -> bool:
    """Write the module and the stub for a catalogue, and return whether that changes them.

    The stub lies beside the module, for type checkers: `spans.pyi` beside `spans.py`. Both are
    replaced, as a whole, or none is.

    Args:
        catalogue: the TOML file.
        output: the module, by default the `output` of the catalogue.
        check: write nothing.

    Raises:
        CatalogueError: for an invalid catalogue, with its file and line, and for files that
            can't be written.
    """
    texts = outdated(catalogue, output)
    if texts and not check:
        try:
            replace_files({path: text.encode() for path, text in texts.items()})
        except OSError as error:
            named = {error.filename2, error.filename}
            (path, *_) = [*[p for p in texts if str(p) in named], *texts]
            raise _cannot_write(path, error) from None
    return bool(texts)


def outdated(
    catalogue: str | PathLike[str], output: str | PathLike[str] | None = None
) -> dict[Path, str]:  # internal
    """Return the files of a catalogue that are missing or outdated, with their new contents.

    Raises CatalogueError as `generate` does.
    """
    declared = read_catalogue(catalogue)
    path = output_of(declared, output)
    texts = {path: render(declared), path.with_suffix(".pyi"): render_stub(declared)}
    return {file: text for file, text in texts.items() if _differs(file, text)}


def _differs(path: Path, text: str) -> bool:
    """Whether a file has other contents; CatalogueError if it must not be overwritten."""
    try:
        if path.exists() and not path.is_file():
            raise CatalogueError(f"can't write {str(path)!r}: it is not a file")
        before = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise _cannot_write(path, error) from None
    if before and not before.startswith(MARK.encode()):
        raise CatalogueError(
            f"{str(path)!r} was not generated from a catalogue, and is not overwritten: choose"
            " another output, or delete it"
        )
    return before is None or before.replace(b"\r\n", b"\n") != text.encode()


def _cannot_write(path: Path, error: OSError) -> CatalogueError:
    return CatalogueError(f"can't write {str(path)!r}: {error.strerror or error}")
