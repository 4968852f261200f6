"""The options of a traced function, validated when it is decorated."""

from __future__ import annotations

from _collections_abc import Mapping

from enterspan._model.clock import check_seconds
from enterspan._model.failures import loaded
from enterspan._model.frozen import frozen, twin
from enterspan._model.limits import WHOLE
from enterspan._model.values import clean_all
from enterspan._span.span import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from enterspan._model.failures import ExceptionTypes


@frozen
class Options:
    """The options of a traced function."""

    name: str | None = None
    attributes: Mapping[str, Any] | Callable[..., Any] | None = None
    kind: str | None = None
    capture_args: bool | tuple[str, ...] = False
    capture_return: bool | str | Callable[[Any], Any] | Mapping[str, Any] = False
    redact: tuple[str, ...] = ()
    min_duration: float | None = None
    expected: ExceptionTypes = ()
    labels: Mapping[str, str] | None = None  # attributes that captured arguments are recorded as
    entry: Any = None  # the options of an entry point

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for invalid options, when decorating."""
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"a span's name must be a str, not {self.name!r}")
        if self.name == "":
            raise ValueError("a span's name can't be empty")
        attributes = self.attributes
        if attributes is not None and not callable(attributes) and not hasattr(attributes, "keys"):
            raise TypeError(
                "attributes must be a mapping, or a function of the call's arguments that returns"
                f" one, not {attributes!r}"
            )
        check_kind(self.kind)
        check_returned(self.capture_return)
        if isinstance(self.capture_return, Mapping):  # copied: the caller may change it later
            twin(Options).capture_return.__set__(self, dict(self.capture_return))
        check_seconds("min_duration", self.min_duration)

    @property
    def static_attributes(self) -> dict[str, Any] | None:
        """The initial attributes of each span, uncut; None if they depend on the call."""
        if self.attributes is None or callable(self.attributes):
            return None
        return clean_all(self.attributes, {}, WHOLE)


def replaced(options: Options, **changes: Any) -> Options:
    """Return a copy with some options changed."""
    values: dict[str, Any] = {name: getattr(options, name) for name in Options.__match_args__}
    return Options(**{**values, **changes})


def with_entry(options: Options, entry: Any) -> Options:
    """Return a copy with another entry, without validating it again: there may be thousands."""
    made: Any = object.__new__(twin(Options))
    for name in Options.__match_args__:
        setattr(made, name, getattr(options, name))
    made.entry = entry
    made.__class__ = Options
    return made  # type: ignore[no-any-return]


def check_returned(wanted: object) -> None:
    """Raise TypeError for an invalid `capture_return`."""
    if isinstance(wanted, Mapping):
        named: dict[object, object] = dict(wanted)
        is_good = bool(named) and all(
            isinstance(name, str) and name and (make is True or callable(make))
            for name, make in named.items()
        )
    else:
        is_good = wanted != "" and (isinstance(wanted, (bool, str)) or callable(wanted))
    if not is_good:
        raise TypeError(
            "capture_return must be True, False, the name of an attribute, a function of the"
            " result, or a mapping from names of attributes to functions or True,"
            f" not {wanted!r}"
        )


def names_of(option: str, given: bool | Iterable[str], *, of: str = "parameter names") -> Any:
    """Return True, False or a tuple of names; TypeError for anything else."""
    if isinstance(given, bool):
        return given
    if isinstance(given, str):
        raise TypeError(f"{option} must be True, False or a list of {of}: [{given!r}]")
    try:
        names: tuple[Any, ...] = tuple(given)
    except TypeError:
        names = (given,)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{option} must be True, False or a list of {of}, not {given!r}")
    return names


def labels_of(given: object) -> Mapping[str, str] | None:
    """Return the attribute names of captured arguments, if a mapping gives them."""
    if not isinstance(given, Mapping):
        return None
    labels: dict[str, Any] = dict(given)
    for name, label in labels.items():
        if not isinstance(label, str) or not label:
            raise TypeError(
                f"capture_args must map parameters to names of attributes; {name!r} has {label!r}"
            )
    return labels


def redacted_names(redact: Sequence[str]) -> tuple[str, ...]:
    """Return the names of arguments to redact."""
    try:
        names: tuple[Any, ...] = () if isinstance(redact, str) else tuple(redact)
    except TypeError:
        names = (redact,)
    if isinstance(redact, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"redact must be a list of parameter names, not {redact!r}")
    return names


def exception_types(option: str, given: Any) -> ExceptionTypes:
    """Return a tuple of exception types and their names; TypeError for anything else."""
    try:
        kinds: tuple[Any, ...] = (given,) if isinstance(given, str) else tuple(given)
    except TypeError:  # a single one
        kinds = (given,)
    kinds = tuple([str.__str__(kind) if isinstance(kind, str) else kind for kind in kinds])
    for kind in kinds:
        found = loaded(kind) if isinstance(kind, str) and _is_dotted(option, kind) else kind
        if found is None and isinstance(kind, str):
            continue  # its module may be loaded later
        if not (isinstance(found, type) and issubclass(found, BaseException)):
            raise TypeError(
                f"{option} must be exception types, or dotted names of such, not {kind!r}"
            )
    return kinds


def _is_dotted(option: str, name: str) -> bool:
    """Whether this is a dotted name; TypeError for a name without a module, or no name at all."""
    if "." not in name or not all(part.isidentifier() for part in name.split(".")):
        raise TypeError(
            f"{option}: {name!r} is not the dotted name of an exception type, such as"
            " 'openai.RateLimitError' or 'builtins.ValueError'"
        )
    return True


def check_kind(kind: object) -> None:
    """Raise TypeError or ValueError for an invalid span kind."""
    if kind is not None and (type(kind) is not str or kind not in KINDS):
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, not {kind!r}")
