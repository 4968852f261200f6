"""What a project says about enterspan in its pyproject.toml: the table `[tool.enterspan]`."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

_TABLE: Final = re.compile(
    rb"tool\s*\.\s*[\"']?enterspan\b|\btool\s*=|enterspan\s*=|\[\s*tool\s*\]"
)
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_DURATION: Final = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*(ns|us|µs|ms|s|m)?\s*")


class ProjectError(ValueError):
    """A project's table can't be read; the text says why, in one line."""


def seconds_of(text: str) -> float:
    """Read a duration such as `1ms`, `0.5s` or `250us`; a bare number is seconds.

    Raises ValueError for anything else.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration: write 250us, 1ms, 0.5s, or seconds")
    return float(found[1]) * _UNITS[found[2] or "s"]


def project_file(folder: Path) -> Path | None:
    """The nearest pyproject.toml, in a folder or above it."""
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if file.is_file():
            return file
    return None


def read_table(file: Path) -> dict[str, Any]:
    """The table `[tool.enterspan]` of a pyproject.toml; empty where there is none.

    Raises ProjectError for a file that can't be read.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ProjectError(f"can't read {file}: {error.strerror}") from None
    if _TABLE.search(data) is None:
        return {}
    loads, toml_error = _parser(file)
    try:
        table: Any = loads(data.decode()).get("tool", {}).get("enterspan", {})
    except (toml_error, UnicodeDecodeError, AttributeError) as error:
        raise ProjectError(f"can't read {file}: {error}") from None
    if not isinstance(table, dict):
        raise ProjectError(f"{file}: tool.enterspan must be a table")
    return table


def _parser(file: Path) -> tuple[Any, Any]:
    """What reads TOML; it is in the standard library from Python 3.11 on."""
    try:
        toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ModuleNotFoundError:
        raise ProjectError(
            f"reading {file} needs tomli before Python 3.11: pip install 'enterspan[toml]'"
        ) from None
    return toml.loads, toml.TOMLDecodeError
