"""Files that are replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from typing import BinaryIO


@contextmanager
def replaced_file(target: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """A stream for the new content of a file, which is replaced at the end of the block.

    Readers see the old content or the new one. An existing file keeps its permissions; pipes and
    other special files are written directly. Raises OSError if that fails; then, or if the block
    raises, an existing file is unchanged.
    """
    path = Path(os.path.realpath(target)) if os.fspath(target) else Path()
    mode = _mode(path, os.fspath(target))
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as stream:  # noqa: PTH123 - as for /dev/stdout
            yield stream
        return
    new = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}")
    most = 0o666 if mode is None else stat.S_IMODE(mode)
    try:
        # Private from the first byte on, if the old file is.
        with open(new, "xb", opener=lambda name, flags: os.open(name, flags, most)) as file:
            yield file
        if mode is not None:
            new.chmod(stat.S_IMODE(mode))
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def refuse_inputs(target: str, inputs: Iterable[str]) -> None:
    """Raise ValueError if the output is one of the input files."""
    if Path(target).exists():
        for path in inputs:
            if path != "-" and Path(path).exists() and Path(target).samefile(path):
                raise ValueError(f"can't write {target!r}: it is the trace itself")


def _mode(path: Path, name: str) -> int | None:
    """The mode of the existing file, or None. Raises OSError if it can't be written."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", name)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder does not exist", name)
    if not path.exists():
        return None
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is not writable", name)
    return path.stat().st_mode
