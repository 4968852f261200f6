"""What is to be instrumented, as a command line and a pyproject.toml say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from enterspan._model.frozen import frozen
from enterspan.instrument.project import ProjectError, project_file, read_table, seconds_of

if TYPE_CHECKING:
    from pathlib import Path


@frozen
class Wishes:
    """The arguments of `Tracing.instrument`, and where they were written."""

    instrument: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_duration: float | None = None
    capture_args: bool | tuple[str, ...] = False
    capture_return: bool = False
    redact: tuple[str, ...] = ()
    source: str = "--instrument"

    @property
    def options(self) -> dict[str, Any]:
        """All but the targets, by keyword."""
        return {
            "exclude": self.exclude,
            "min_duration": self.min_duration,
            "capture_args": self.capture_args,
            "capture_return": self.capture_return,
            "redact": self.redact,
        }


def wishes_of(file: Path) -> Wishes:
    """Read the table of a pyproject.toml; ProjectError for what makes no sense in it."""
    table = read_table(file)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            continue  # a table of its own is for somebody else
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
