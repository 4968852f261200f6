"""The catalogue: the spans of a program, declared in TOML.

In `pyproject.toml` it is the table `tool.enterspan.catalogue`; in a file of its own the same keys
are at the top level. All of it is checked when it is read, and the first error is raised as a
`CatalogueError` with its file and line.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from keyword import iskeyword
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeVar

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
_ATTRIBUTE_KEYS: Final = ("doc", "parameter", "required", "type", "value", "values")

_CONTAINERS: Final[dict[type, str]] = {dict: "a table", list: "a list"}
_SHORTHANDS: Final[dict[type, str]] = {str: "type", list: "values"}
_KINDS: Final[dict[type, str]] = {str: "a string", bool: "true or false"}
_Option = TypeVar("_Option", str, bool)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a span; `parameter` is its name in the generated method, if it has one."""

    name: str
    parameter: str
    kind: Kind
    required: bool
    doc: str


@dataclass(frozen=True, slots=True)
class SpanEntry:
    """A span of the catalogue. With `extra`, it may have undeclared attributes.

    `constants` are attributes of one value, which each span has without being given it.
    """

    name: str
    method: str
    attributes: tuple[Attribute, ...]
    doc: str
    extra: bool
    constants: tuple[Attribute, ...] = ()


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
    if where.name == "pyproject.toml" or document.has(TABLE):
        table = _Table(document, TABLE, _tool_table(document), "the catalogue")
    else:
        table = _Table(document, (), document.root, "the catalogue")
    table.check_keys(_CATALOGUE_KEYS)
    return _catalogue(table, where.parent)


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
    for length, name in enumerate(TABLE):
        if not isinstance(table, dict):
            raise document.error(TABLE[:length], f"{TABLE[length - 1]!r} must be a table")
        if name not in table:
            raise CatalogueError(
                f"there is no table [{'.'.join(TABLE)}]: declare spans in it, or name another"
                " file with --catalogue FILE",
                document.file,
            )
        table = table[name]
    return table


class _Table:
    """A table of a document; errors have the line of their key."""

    def __init__(
        self, document: Document, key: Key, values: Any, label: str, like: str = "a table"
    ) -> None:
        self.document = document
        self.key = key
        self.label = label
        """What it is called in messages."""
        if not isinstance(values, dict):
            raise self.error(f"{label} must be {like}, not {_shown(values)}")
        self.values: dict[str, Any] = values

    def error(self, message: str, *path: str | int) -> TomlError:
        """An error of the table, or of the value at a path in it."""
        return self.document.error((*self.key, *path), message)

    def check_keys(self, known: tuple[str, ...]) -> None:
        """Refuse any other key."""
        for name in self.values:
            if name not in known:
                hint = _nearest(name, known)
                raise self.error(f"{self.label} has the unknown key {name!r}: {hint}", name)

    def table(self, name: str, label: str, like: str = "a table") -> "_Table":
        """A table in it; an empty one where there is none."""
        key = (*self.key, name)
        return _Table(self.document, key, self.values.get(name, {}), label, like)

    def option(self, name: str, default: _Option) -> _Option:
        """A value of the type of its default."""
        value = self.values.get(name, default)
        if not isinstance(value, type(default)):
            what = f"{name!r} must be {_KINDS[type(default)]}, not {_shown(value)}"
            raise self.error(what, name)
        return value

    def identifier(self, name: str, option: str, reserved: frozenset[str]) -> str:
        """The Python name: given as `method` or `parameter`, or made from the name."""
        path, advice = [option], ""
        if option in self.values:
            found = as_read(self.option(option, ""))
            made = f"the {option} {found!r} of {self.label}"
        else:
            path, advice = [], f"; say {option} = ..."
            found = identifier_of(name, RESERVED_PARAMETERS & reserved)
            made = f"{self.label} makes no {option}: {found!r}"
        if not is_public_identifier(found):
            raise self.error(f"{made} is not a public identifier{advice}", *path)
        if found in reserved:
            raise self.error(f"{made} is reserved{advice}", *path)
        return found


def _catalogue(table: _Table, folder: Path) -> Catalogue:
    spans = table.table("spans", "spans", "a table ([spans.NAME])")
    if not spans.values:
        raise spans.error("no spans are declared: [spans.NAME] declares one")
    tables = [spans.table(name, f"span {name!r}") for name in spans.values]
    entries = tuple(map(_span, tables))
    _check_collisions([(t, e.method) for t, e in zip(tables, entries, strict=True)], "method")
    output, doc = table.option("output", ""), table.option("doc", "")
    try:
        path = _inside(folder, _module_path(Path(output))) if "output" in table.values else None
    except CatalogueError as error:
        raise table.error(error.message, "output") from None
    names = table.option("names", default=False)
    tracing = table.option("tracing", "enterspan:tracing")
    module, _, name = tracing.partition(":")
    parts = (*module.split("."), name)
    if not all(part.isidentifier() and not iskeyword(part) for part in parts):
        raise table.error(f"'tracing' must be 'module:name', not {tracing!r}", "tracing")
    allow = table.values.get("allow", [])
    if not isinstance(allow, list) or not all(isinstance(item, str) for item in allow):
        raise table.error("'allow' must be a list of patterns of span names", "allow")
    return Catalogue(table.document.file, entries, doc, path, names, tracing, tuple(allow))


def _span(table: _Table) -> SpanEntry:
    table.check_keys(_SPAN_KEYS)
    name = str(table.key[-1])
    method = table.identifier(name, "method", RESERVED_METHODS)
    given = table.table("attributes", f"the attributes of {table.label}", "a table (NAME = TYPE)")
    of = table.label
    found = [_attribute(given, name, f"attribute {name!r} of {of}") for name in given.values]
    given_later = [(inner, each) for inner, each in found if each.parameter]
    _check_collisions(
        [(inner, attribute.parameter) for inner, attribute in given_later], "parameter"
    )
    attributes = tuple([attribute for _, attribute in given_later])
    constants = tuple([attribute for _, attribute in found if not attribute.parameter])
    extra = table.option("extra", default=False)
    return SpanEntry(name, method, attributes, table.option("doc", ""), extra, constants)


def _attribute(within: _Table, name: str, label: str) -> tuple[_Table, Attribute]:
    given = within.values[name]
    shorthand = _SHORTHANDS.get(type(given))
    listed = () if shorthand == "values" else ("values",)
    values = {shorthand: given} if shorthand else given
    like = "a type, a list of values, or a table"
    table = _Table(within.document, (*within.key, name), values, label, like)
    table.check_keys(_ATTRIBUTE_KEYS)
    if "value" in values:
        return table, _constant(table, name)
    parameter = table.identifier(name, "parameter", RESERVED_PARAMETERS)
    required, doc = table.option("required", default=True), table.option("doc", "")
    return table, Attribute(name, parameter, _kind(table, listed), required, doc)


def _constant(table: _Table, name: str) -> Attribute:
    """An attribute of one value, which no call is given."""
    for key in table.values:
        if key not in ("doc", "value"):
            raise table.error(f"{table.label} has a value, and so it has no {key!r}", key)
    value = table.values["value"]
    if type(value) not in (str, bool, int):
        what = f"the value of {table.label} must be a str, bool or int, not {_shown(value)}"
        raise table.error(what, "value")
    kind = Kind((type(value).__name__,), (value,))
    return Attribute(name, "", kind, required=True, doc=table.option("doc", ""))


def _kind(table: _Table, listed: tuple[str, ...]) -> Kind:
    """The type of an attribute; its values are at the path `listed`."""
    label, given = table.label, table.values
    if not given.keys() & {"type", "values"}:
        raise table.error(f"{label} has no type: one of {', '.join(KINDS)}")
    text = table.option("type", "")
    names = parse_names(text) if "type" in given else ()
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        hint = _nearest(unknown[0], KINDS)
        raise table.error(f"{label} has the unknown type {text!r}: {hint}", "type")
    if "values" not in given:
        return Kind(names)
    values = given["values"]
    if not isinstance(values, list) or not values:
        raise table.error(f"the values of {label} must be a list that is not empty", *listed)
    for at, value in enumerate(values):
        if type(value) not in (str, bool, int):
            what = f"a value of {label} must be a str, bool or int, not {value!r}"
            raise table.error(what, *listed, at)
        if any(type(v) is type(value) and v == value for v in values[:at]):
            raise table.error(f"{label} has the value {value!r} twice", *listed, at)
    found = {type(value).__name__ for value in values}
    if not names:
        return Kind(tuple([name for name in SCALARS if name in found]), tuple(values))
    scalars = {name.removeprefix("list[").removesuffix("]") for name in names}
    if len(names) > 1 or found != scalars:
        text = " | ".join(names)
        raise table.error(f"not all values of {label} are of its type {text!r}", *listed)
    return Kind(names, tuple(values))


def _check_collisions(made: list[tuple[_Table, str]], option: str) -> None:
    first: dict[str, _Table] = {}
    for table, name in made:
        other = first.setdefault(name, table)
        if other is not table:
            line = other.document.line(other.key)
            raise table.error(
                f"{table.label} and {other.label} (line {line}) both make the {option} {name!r};"
                f" say {option} = ... for one of them"
            )


def _inside(folder: Path, output: Path) -> Path:
    """The path of the module, seen from the catalogue; CatalogueError outside the project."""
    file = project_file(folder.resolve())
    project = folder.resolve() if file is None else file.parent
    if not (folder / output).resolve().is_relative_to(project):
        raise CatalogueError(
            f"the output {str(output)!r} is outside the project {str(project)!r}: write the module"
            " inside it, or say --output"
        )
    return folder / output


def _module_path(path: Path) -> Path:
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise CatalogueError(f"the output must be a module, such as 'spans.py', not {str(path)!r}")
    return path


def _shown(value: object) -> str:
    """A TOML value for a message."""
    return _CONTAINERS.get(type(value), f"{value!r:.60}")


def _nearest(text: str, known: tuple[str, ...]) -> str:
    """A hint for a message: the closest known text, or all of them."""
    near = get_close_matches(text, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"it must be one of {', '.join(known)}"
