"""The catalogue: the spans of a program, declared in TOML.

In `pyproject.toml` it is the table `tool.enterspan.catalogue`; in a file of its own the same keys
are at the top level. All of it is checked when it is read, and the first error is raised as a
`CatalogueError` with its file and line.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Final

from enterspan._model.toml import Document, Key, TomlError, project_file, read_toml
from enterspan.catalogue.errors import CatalogueError
from enterspan.catalogue.kinds import KINDS, SCALARS, Kind, parse_names
from enterspan.catalogue.names import (
    RESERVED_METHODS,
    RESERVED_PARAMETERS,
    as_read,
    identifier_of,
    is_public_identifier,
)

TABLE: Final = ("tool", "enterspan", "catalogue")
"""The table of the catalogue in pyproject.toml."""

_CATALOGUE_KEYS: Final = ("allow", "doc", "names", "output", "spans", "tracing")
_SPAN_KEYS: Final = ("attributes", "doc", "extra", "method")
_ATTRIBUTE_KEYS: Final = ("doc", "parameter", "required", "type", "values")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a span; `parameter` is its name in the generated method."""

    name: str
    parameter: str
    kind: Kind
    required: bool
    doc: str


@dataclass(frozen=True, slots=True)
class SpanEntry:
    """A span of the catalogue. With `extra`, it may have undeclared attributes."""

    name: str
    method: str
    attributes: tuple[Attribute, ...]
    doc: str
    extra: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All spans of a program, in the order of the file.

    `output` is the path of the generated module, `names` whether it has the literal overloads,
    `tracing` its Tracing, as `module:name`, and `allow` the patterns of undeclared span names that
    a recording may have.
    """

    file: str
    spans: tuple[SpanEntry, ...]
    doc: str
    output: Path | None
    names: bool
    tracing: str
    allow: tuple[str, ...]


def read_catalogue(path: str | PathLike[str]) -> Catalogue:
    """Read a catalogue. Raises CatalogueError, with file and line, for an invalid one."""
    where = Path(path)
    document = read_toml(where, CatalogueError)
    key: Key = ()
    table: Any = document.root
    if where.name == "pyproject.toml" or document.has(TABLE):
        key, table = TABLE, _tool_table(document)
    return _Reader(document).catalogue(key, table, where.parent)


def find_catalogue(folder: Path) -> Path:
    """The nearest pyproject.toml, from a folder upward. Raises CatalogueError without one."""
    found = project_file(folder)
    if found is None:
        raise CatalogueError(
            f"there is no pyproject.toml in {str(folder)!r} or above: name the catalogue with"
            " --catalogue FILE"
        )
    return found


def output_of(catalogue: Catalogue, output: str | PathLike[str] | None = None) -> Path:
    """The path of the generated module. Raises CatalogueError where none is given."""
    if output is not None:
        return _module_path(Path(output))
    if catalogue.output is None:
        raise CatalogueError("no output is given: add output = 'spans.py'", catalogue.file)
    return catalogue.output


def _tool_table(document: Document) -> Any:
    table: Any = document.root
    for length, name in enumerate(TABLE, 1):
        if not isinstance(table, dict):
            raise document.error(TABLE[: length - 1], f"{TABLE[length - 2]!r} must be a table")
        if name not in table:
            raise CatalogueError(
                f"there is no table [{'.'.join(TABLE)}]: declare spans in it, or name another"
                " file with --catalogue FILE",
                document.file,
            )
        table = table[name]
    return table


class _Reader:
    """Turns tables into declarations; errors have the line of their key."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def catalogue(self, key: Key, table: Any, folder: Path) -> Catalogue:
        """Read the whole catalogue."""
        self._check_table(key, table, "the catalogue", _CATALOGUE_KEYS)
        spans = table.get("spans")
        if spans is None:
            raise self._wrong(key, "no spans are declared: [spans.NAME] declares one")
        self._check_table((*key, "spans"), spans, "spans", None, "[spans.NAME]")
        if not spans:
            raise self._wrong((*key, "spans"), "no spans are declared: [spans.NAME] declares one")
        entries = [self._span((*key, "spans", name), name, spans[name]) for name in spans]
        taken = [((*key, "spans", e.name), f"span {e.name!r}", e.method) for e in entries]
        self._check_collisions(taken, "method")
        output = self._text(key, table, "output", "")
        return Catalogue(
            self._document.file,
            tuple(entries),
            self._text(key, table, "doc", ""),
            self._output(key, output, folder) if "output" in table else None,
            self._flag(key, table, "names", default=False),
            self._tracing(key, table),
            self._patterns(key, table),
        )

    def _span(self, key: Key, name: str, table: Any) -> SpanEntry:
        label = f"span {name!r}"
        self._check_table(key, table, label, _SPAN_KEYS)
        method = self._identifier(key, name, table, "method", label, RESERVED_METHODS)
        attributes = table.get("attributes", {})
        within: Key = (*key, "attributes")
        self._check_table(within, attributes, f"the attributes of {label}", None, "NAME = TYPE")
        read = [self._attribute((*within, n), n, attributes[n], label) for n in attributes]
        taken = [((*within, a.name), f"attribute {a.name!r} of {label}", a.parameter) for a in read]
        self._check_collisions(taken, "parameter")
        extra = self._flag(key, table, "extra", default=False)
        return SpanEntry(name, method, tuple(read), self._text(key, table, "doc", ""), extra)

    def _attribute(self, key: Key, name: str, given: Any, span: str) -> Attribute:
        label = f"attribute {name!r} of {span}"
        listed: Key = (*key, "values")
        if isinstance(given, str):
            given = {"type": given}
        elif isinstance(given, list):
            given, listed = {"values": given}, key
        if not isinstance(given, dict):
            raise self._wrong(
                key, f"{label} must be a type, a list of values, or a table, not {_shown(given)}"
            )
        self._check_table(key, given, label, _ATTRIBUTE_KEYS)
        parameter = self._identifier(key, name, given, "parameter", label, RESERVED_PARAMETERS)
        required = self._flag(key, given, "required", default=True)
        doc = self._text(key, given, "doc", "")
        return Attribute(name, parameter, self._kind(key, given, listed, label), required, doc)

    # --- types ---

    def _kind(self, key: Key, table: dict[str, Any], listed: Key, label: str) -> Kind:
        if "type" not in table and "values" not in table:
            raise self._wrong(key, f"{label} has no type: one of {', '.join(KINDS)}")
        names: tuple[str, ...] = ()
        if "type" in table:
            text = self._text(key, table, "type", "")
            try:
                names = parse_names(text)
            except ValueError as error:
                near = _nearest(str(error), KINDS)
                raise self._wrong(
                    (*key, "type"), f"{label} has the unknown type {text!r}: {near}"
                ) from None
        if "values" not in table:
            return Kind(names)
        return self._values(listed, table["values"], names, label)

    def _values(self, key: Key, values: Any, names: tuple[str, ...], label: str) -> Kind:
        if not isinstance(values, list) or not values:
            raise self._wrong(key, f"the values of {label} must be a list that is not empty")
        for at, value in enumerate(values):
            if type(value) not in (str, bool, int):
                raise self._wrong(
                    (*key, at), f"a value of {label} must be a str, bool or int, not {value!r}"
                )
            if any(type(v) is type(value) and v == value for v in values[:at]):
                raise self._wrong((*key, at), f"{label} has the value {value!r} twice")
        found = {type(value).__name__ for value in values}
        if not names:
            return Kind(tuple([name for name in SCALARS if name in found]), tuple(values))
        first, *others = names
        if others or found != {first.removeprefix("list[").removesuffix("]")}:
            text = " | ".join(names)
            raise self._wrong(key, f"not all values of {label} are of its type {text!r}")
        return Kind(names, tuple(values))

    # --- names ---

    def _identifier(
        self,
        key: Key,
        name: str,
        table: dict[str, Any],
        option: str,
        label: str,
        reserved: frozenset[str],
    ) -> str:
        """The Python name: given as `method` or `parameter`, or made from the name."""
        given = option in table
        if given:
            found = as_read(self._text(key, table, option, ""))
            where: Key = (*key, option)
            made = f"the {option} {found!r} of {label}"
        else:
            found = identifier_of(name, RESERVED_PARAMETERS & reserved)
            where = key
            made = f"{label} makes no {option}: {found!r}"
        advice = "" if given else f"; say {option} = ..."
        if not is_public_identifier(found):
            why = "is not a public identifier"
            raise self._wrong(where, f"{made} {why}{advice}")
        if found in reserved:
            raise self._wrong(where, f"{made} is reserved{advice}")
        return found

    def _check_collisions(self, taken: Iterable[tuple[Key, str, str]], option: str) -> None:
        first: dict[str, tuple[Key, str]] = {}
        for key, label, name in taken:
            if name in first:
                other, other_label = first[name]
                raise self._wrong(
                    key,
                    f"{label} and {other_label} (line {self._document.line(other)}) both make the"
                    f" {option} {name!r}; say {option} = ... for one of them",
                )
            first[name] = key, label

    # --- the other keys ---

    def _output(self, key: Key, text: str, folder: Path) -> Path:
        try:
            return folder / _module_path(Path(text))
        except CatalogueError as error:
            raise self._wrong((*key, "output"), error.message) from None

    def _tracing(self, key: Key, table: dict[str, Any]) -> str:
        text = self._text(key, table, "tracing", "enterspan:tracing")
        module, colon, name = text.partition(":")
        if not colon or not all(part.isidentifier() for part in (*module.split("."), name)):
            raise self._wrong((*key, "tracing"), f"'tracing' must be 'module:name', not {text!r}")
        return text

    def _patterns(self, key: Key, table: dict[str, Any]) -> tuple[str, ...]:
        given = table.get("allow", [])
        if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
            raise self._wrong((*key, "allow"), "'allow' must be a list of patterns of span names")
        return tuple(given)

    def _text(self, key: Key, table: dict[str, Any], name: str, default: str) -> str:
        value = table.get(name, default)
        if not isinstance(value, str):
            raise self._wrong((*key, name), f"{name!r} must be a string, not {_shown(value)}")
        return value

    def _flag(self, key: Key, table: dict[str, Any], name: str, *, default: bool) -> bool:
        value = table.get(name, default)
        if not isinstance(value, bool):
            raise self._wrong((*key, name), f"{name!r} must be true or false, not {_shown(value)}")
        return value

    def _check_table(
        self, key: Key, table: Any, label: str, known: tuple[str, ...] | None, like: str = ""
    ) -> None:
        if not isinstance(table, dict):
            hint = f" ({like})" if like else ""
            raise self._wrong(key, f"{label} must be a table{hint}, not {_shown(table)}")
        for name in table if known else ():
            if name not in known:  # type: ignore[operator]
                near = _nearest(name, known)  # type: ignore[arg-type]
                raise self._wrong((*key, name), f"{label} has the unknown key {name!r}: {near}")

    def _wrong(self, key: Key, message: str) -> TomlError:
        return self._document.error(key, message)


def _module_path(path: Path) -> Path:
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise CatalogueError(f"the output must be a module, such as 'spans.py', not {str(path)!r}")
    return path


def _shown(value: object) -> str:
    """A TOML value for a message."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return f"{value!r:.60}"


def _nearest(text: str, known: tuple[str, ...]) -> str:
    """A hint for a message: the closest known text, or all of them."""
    near = get_close_matches(text, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"it must be one of {', '.join(known)}"
