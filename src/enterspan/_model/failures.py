"""Exceptions: what they mean for a span, how they are described, and that each is recorded once.

An exception that passes through ten spans is one event, on the innermost. Nothing is written on the
exception to remember that, and neither it nor its traceback is kept alive.
"""

from __future__ import annotations

import weakref
from sys import modules
from types import ModuleType

from enterspan._model.classes import (
    dict_of,
    full_name_of,
    module_of,
    mro_of,
    name_of,
    qualified_name_of,
)
from enterspan._model.excerpt import cut
from enterspan._model.frozen import frozen
from enterspan._model.interrupts import is_interrupt
from enterspan._model.values import safe_str

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Final, TypeAlias

    from enterspan._model.values import Limits

    ExceptionTypes: TypeAlias = tuple[type[BaseException] | str, ...]
    """Exception types, and dotted names of such."""

_FRAMES_FIRST: Final = 20
_FRAMES_LAST: Final = 40
"""A stack shows its outermost and its innermost frames: a recursion of thousands stays readable."""
_CHAIN: Final = 4
"""How many causes of an exception are shown."""
_GROUP: Final = 8
"""How many members of an exception group are shown, at each level."""
_GROUP_DEPTH: Final = 8
"""How deeply nested groups are shown."""
_REMEMBERED: Final = 32
"""How many exceptions in flight an invocation remembers; more at once is one event too many."""
_REMEMBERED_CHARACTERS: Final = 32_768
"""How long their descriptions may be together; the last one is always remembered."""

_OK: Final = (GeneratorExit, StopIteration, StopAsyncIteration)

CANCELLATIONS: Final = frozenset(
    {
        ("asyncio.exceptions", "CancelledError"),
        ("builtins", "KeyboardInterrupt"),
        ("concurrent.futures._base", "CancelledError"),
        ("gevent", "GreenletExit"),
        ("greenlet", "GreenletExit"),
        ("trio", "Cancelled"),
        ("trio._core._exceptions", "Cancelled"),
        ("twisted.internet.defer", "CancelledError"),
    }
)
"""Cancellation in every framework, by module and name, so that none has to be imported to know that
it isn't in use. `Tracing.configure(canceled=...)` adds to it."""


def _no_source(_filename: str, _line: int) -> str:
    return ""


_getline: Callable[[str, int], str] = _no_source


def prepare() -> None:
    """Import what descriptions need. Nothing may be imported where an exception is recorded."""
    global _getline  # noqa: PLW0603 - once, when the first subscriber is added
    from linecache import getline

    _getline = getline


def is_expected(exception: BaseException, expected: ExceptionTypes) -> bool:
    """Whether an exception is of one of some types; no metaclass is asked."""
    kinds = mro_of(type(exception))
    return any(_is_one(kinds, one) for one in expected)


def _is_one(kinds: tuple[type, ...], one: Any) -> bool:
    """Whether one of some classes is a type, or has a dotted name, or is shown under it."""
    if type(one) is not str:
        return any(kind is one for kind in kinds)
    shown = loaded(one)
    return any(kind is shown or _path_of(kind) == one for kind in kinds)


def _path_of(kind: type) -> str:
    """The dotted name of where a class is defined."""
    return f"{module_of(kind)}.{qualified_name_of(kind).rpartition('<locals>.')[2]}"


_module: Any = ModuleType
_names_of: Any = _module.__dict__["__dict__"].__get__


def loaded(name: str) -> Any:
    """What a dotted name leads to in the modules that are loaded; nothing is imported.

    None where it leads to nothing: then there can't be an instance of it under that name.
    """
    module_name, _, path = name.rpartition(".")
    while module_name:
        module = modules.get(module_name)
        if module is not None and issubclass(type(module), ModuleType):
            first, *rest = path.split(".")
            found: Any = _names_of(module).get(first)
            for part in rest:
                if issubclass(type(found), ModuleType):  # shown under another name than its own
                    found = _names_of(found).get(part)
                elif issubclass(type(found), type):
                    found = dict_of(found).get(part)
                else:
                    return found  # the rest of the name leads to nothing that is known
            return found
        module_name, _, last = module_name.rpartition(".")
        path = f"{last}.{path}"
    return None


def outcome_of(exception: BaseException, canceled: ExceptionTypes = ()) -> str:
    """Return `ok`, `exception` or `canceled`: what an exception says about what it ended."""
    kind = type(exception)  # not isinstance: an exception's `__class__` may be anything
    if canceled and is_expected(exception, canceled):
        return "canceled"
    if issubclass(kind, _OK):
        return "ok"
    if issubclass(kind, SystemExit):
        code = exception.code  # type: ignore[attr-defined]
        return "ok" if code is None or (isinstance(code, int) and not code) else "exception"
    if module_of(kind) == "builtins":  # the usual case, in short
        return "canceled" if kind is KeyboardInterrupt else "exception"
    if any(full_name_of(base) in CANCELLATIONS for base in mro_of(kind)):
        return "canceled"
    return "exception"


@frozen
class Failure:
    """An exception as text: its class's name, with and without the module, message and stack."""

    name: str
    qualified_name: str
    message: str
    stack: str

    @property
    def summary(self) -> str:
        """One line: the class's name and the message."""
        return f"{self.name}: {self.message}" if self.message else self.name


def describe(exception: BaseException, limits: Limits, by_type: bool = False) -> Failure:
    """Turn an exception into text; never raises, whatever the exception does.

    *by_type* leaves out its message and its stack.
    """
    kind = type(exception)
    name = cut(name_of(kind), limits.name_bytes)
    module = module_of(kind)
    qualified = name if module in ("", "builtins") else f"{module}.{qualified_name_of(kind)}"
    full_name = cut(qualified, limits.name_bytes)
    if by_type:
        return Failure(name, full_name, "", "")
    message = safe_str(exception, limits.value_bytes)
    try:
        stack = cut("\n".join(_stack(exception, message, limits)), limits.event_bytes)
    except Exception as error:
        if is_interrupt(error):
            raise
        stack = f"{name}: {message}"
    return Failure(name, full_name, message, stack)


def semantic(failure: Failure) -> dict[str, Any]:
    """The attributes of an exception event, named as OpenTelemetry's conventions name them."""
    if not failure.stack:
        return {"exception.type": failure.qualified_name}
    return {
        "exception.type": failure.qualified_name,
        "exception.message": failure.message,
        "exception.stacktrace": failure.stack,
    }


def _stack(exception: BaseException, message: str, limits: Limits) -> list[str]:
    chain: list[tuple[BaseException, str]] = []
    current: BaseException | None = exception
    why = ""
    seen: set[int] = set()
    while current is not None and id(current) not in seen and len(chain) < _CHAIN:
        seen.add(id(current))
        chain.append((current, why))
        if current.__cause__ is not None:
            current, why = current.__cause__, "... which caused this one:"
        elif current.__context__ is not None and not current.__suppress_context__:
            current, why = current.__context__, "... and while that was handled, this one came:"
        else:
            current = None
    lines: list[str] = []
    if current is not None and len(chain) == _CHAIN:
        lines.append("(more exceptions before these)")
    for link, (failed, _) in enumerate(reversed(chain)):
        lines += _frames(failed.__traceback__)
        text = message if failed is exception else safe_str(failed, limits.value_bytes)
        lines.append(f"{name_of(type(failed))}: {text}")
        lines += _members(failed, limits, 1)
        if link < len(chain) - 1:
            lines += ["", chain[len(chain) - 1 - link][1], ""]
    return lines


def _frames(traceback: TracebackType | None) -> list[str]:
    if traceback is None:
        return []
    entries: list[tuple[Any, int]] = []
    left_out = 0
    while traceback is not None:
        entries.append((traceback.tb_frame.f_code, traceback.tb_lineno))
        if len(entries) > _FRAMES_FIRST + _FRAMES_LAST:
            del entries[_FRAMES_FIRST]
            left_out += 1
        traceback = traceback.tb_next
    lines = ["Traceback (most recent call last):"]
    for index, (code, line) in enumerate(entries):
        if index == _FRAMES_FIRST and left_out:
            lines.append(f"  ... {left_out} more frames ...")
        lines.append(f'  File "{code.co_filename}", line {line}, in {code.co_name}')
        source = _getline(code.co_filename, line).strip()
        if source:
            lines.append(f"    {source}")
    return lines


def _members(exception: BaseException, limits: Limits, depth: int) -> list[str]:
    """The members of an exception group, from Python 3.11 on, and theirs, each indented."""
    members = getattr(exception, "exceptions", None)
    if type(members) is not tuple or depth > _GROUP_DEPTH:
        return []
    indent = "  | " * depth
    lines: list[str] = []
    for member in members[:_GROUP]:
        lines.append(f"{indent}{name_of(type(member))}: {safe_str(member, limits.value_bytes)}")
        lines += _members(member, limits, depth + 1)
    if len(members) > _GROUP:
        lines.append(f"{indent}... {len(members) - _GROUP} more")
    return lines


_namespace_of: Any = BaseException.__dict__["__dict__"].__get__


class _Seen:
    """An exception that was recorded, and what is needed to know it again.

    Builtin exceptions can't be referred to weakly, and a new one may lie at the address of an old
    one. So the (usually empty) dict of its attributes is held, which no other exception has.
    """

    __slots__ = ("_namespace", "_reference", "description", "identity", "outcome")

    def __init__(self, exception: BaseException, outcome: str, description: str) -> None:
        self.outcome = outcome
        self.description = description
        self.identity = id(exception)
        self._reference: Any = None
        self._namespace: Any = None
        try:
            self._reference = weakref.ref(exception)
        except TypeError:  # a builtin exception
            self._namespace = _namespace_of(exception)

    def is_same(self, exception: BaseException) -> bool:
        """Whether this is the exception at its address."""
        if self._reference is not None:
            return self._reference() is exception
        return self._namespace is _namespace_of(exception)


class SeenExceptions:
    """The exceptions that have been recorded in an invocation, to record each once."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: list[_Seen] = []

    def add(self, exception: BaseException, outcome: str, description: str) -> None:
        """Remember an exception that was just recorded."""
        seen = [*self._seen[1 - _REMEMBERED :], _Seen(exception, outcome, description)]
        left = sum([len(one.description) for one in seen]) - _REMEMBERED_CHARACTERS
        first = 0
        while left > 0 and first < len(seen) - 1:
            left -= len(seen[first].description)
            first += 1
        self._seen = seen[first:]

    def forget(self, exception: BaseException) -> None:
        """Forget an exception that could not be recorded after all."""
        self._seen = [seen for seen in self._seen if seen.identity != id(exception)]

    def find(self, exception: BaseException) -> _Seen | None:
        """Return what was recorded of this exception."""
        identity = id(exception)
        for seen in reversed(self._seen):
            if seen.identity == identity and seen.is_same(exception):
                return seen
        return None
