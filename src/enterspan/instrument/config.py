"""What to instrument, from a command line or `[tool.enterspan]` in pyproject.toml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.frozen import frozen
from enterspan._model.toml import TomlError, project_file, read_toml

if TYPE_CHECKING:
    from pathlib import Path


_TABLE: Final = re.compile(
    rb"tool\s*\.\s*[\"']?enterspan\b|\btool\s*=|enterspan\s*=|\[\s*tool\s*\]"
)
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_DURATION: Final = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*(ns|us|µs|ms|s|m)?\s*")


class ProjectError(ValueError):
    """A project's table is invalid; the text gives the reason in one line."""


def seconds_of(text: str) -> float:
    """Read a duration such as `1ms`, `0.5s` or `250us`; a bare number is seconds.

    Raises ValueError for anything else.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration: write 250us, 1ms, 0.5s, or seconds")
    return float(found[1]) * _UNITS[found[2] or "s"]


def read_table(file: Path) -> dict[str, Any]:
    """The table `[tool.enterspan]` of a pyproject.toml; empty if there is none.

    Raises ProjectError for a file that can't be read.
    """
    try:
        if _TABLE.search(file.read_bytes()) is None:
            return {}
        root = read_toml(file).root
    except OSError as error:
        raise ProjectError(f"can't read {file}: {error.strerror}") from None
    except TomlError as error:
        raise ProjectError(f"can't read {error}" if error.file else str(error)) from None
    tool = root.get("tool", {})
    table: Any = tool.get("enterspan", {}) if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        raise ProjectError(f"{file}: tool.enterspan must be a table")
    return table


@frozen
class Wishes:
    """The arguments of `Tracing.instrument`, and their source."""

    instrument: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_duration: float | None = None
    capture_args: bool | tuple[str, ...] = False
    capture_return: bool = False
    redact: tuple[str, ...] = ()
    source: str = "--instrument"

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments: all but the targets."""
        return {
            "exclude": self.exclude,
            "min_duration": self.min_duration,
            "capture_args": self.capture_args,
            "capture_return": self.capture_return,
            "redact": self.redact,
        }


def wishes_of(file: Path) -> Wishes:
    """Read the table of a pyproject.toml; ProjectError if it is invalid."""
    table = read_table(file)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            continue  # a table of its own belongs to another tool
        name = key.replace("-", "_")
        if name not in _READERS:
            known = ", ".join(sorted(name.replace("_", "-") for name in _READERS))
            raise ProjectError(f"{file}: [tool.enterspan] has no {key!r}; there are {known}")
        try:
            values[name] = _READERS[name](value)
        except ValueError as error:
            raise ProjectError(f"{file}: [tool.enterspan] {key}: {error}") from None
    return Wishes(**values, source=f"{file.name}: instrument")


def project_wishes(folder: Path) -> Wishes:
    """The wishes of the project that a folder belongs to; none where it has none."""
    file = project_file(folder)
    return Wishes() if file is None else wishes_of(file)


def _texts(value: object) -> tuple[str, ...]:
    items: Any = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"must be a list of texts, not {value!r}")
    return tuple(items)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def _names(value: object) -> bool | tuple[str, ...]:
    return value if isinstance(value, bool) else _texts(value)


def _seconds(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    if isinstance(value, str):
        return seconds_of(value)
    raise ValueError(f"must be a duration such as '1ms', or seconds, not {value!r}")


_READERS: Final[dict[str, Any]] = {
    "instrument": _texts,
    "exclude": _texts,
    "min_duration": _seconds,
    "capture_args": _names,
    "capture_return": _flag,
    "redact": _texts,
}
