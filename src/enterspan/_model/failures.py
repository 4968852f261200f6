"""Exceptions: their outcome, their description, and which ones have been recorded already.

An exception that passes through ten spans is one event, on the innermost. Nothing is stored on the
exception, and neither it nor its traceback is kept alive.
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
from enterspan._model.late import put_off
from enterspan._model.tracebacks import (
    cause_of,
    context_of,
    is_context_suppressed,
    traceback_of,
)
from enterspan._model.values import safe_str

TYPE_CHECKING = False
if not TYPE_CHECKING:
    put_off(globals(), {"linecache": "getline"})
if TYPE_CHECKING:
    from linecache import getline
    from types import TracebackType
    from typing import Any, Final, TypeAlias

    from enterspan._model.limits import Limits

    ExceptionTypes: TypeAlias = tuple[type[BaseException] | str, ...]
    """Exception types, or their dotted names."""

_FRAMES_FIRST: Final = 20
_FRAMES_LAST: Final = 40
"""A stack shows its outermost and innermost frames, so that deep recursions stay readable."""
_CHAIN: Final = 4
"""How many causes of an exception are shown."""
_GROUP: Final = 8
"""How many members of an exception group are shown, at each level."""
_GROUP_DEPTH: Final = 8
"""How deeply nested groups are shown."""
_REMEMBERED: Final = 32
"""How many propagating exceptions an invocation remembers; of more, one may be recorded twice."""
_REMEMBERED_CHARACTERS: Final = 32_768
"""The total length of their descriptions; the last one is always remembered."""

_LEAVES: Final = 1_000
"""In how many exceptions of a group, nested ones included, all are looked at."""
_GROUPS: Final = ("ExceptionGroup", "BaseExceptionGroup")

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
"""The cancellation exceptions of all frameworks, by module and name, so that none has to be
imported. `Tracing.configure(canceled=...)` adds to them."""


def is_expected(exception: BaseException, expected: ExceptionTypes) -> bool:
    """Whether an exception has one of the given types; no code of a metaclass runs.

    An exception group has, if all its exceptions do.
    """
    kinds = mro_of(type(exception))
    if any(_is_one(kinds, one) for one in expected):
        return True
    leaves = _leaves_of(exception)
    return bool(leaves) and all(is_expected(leaf, expected) for leaf in leaves)


def _leaves_of(exception: BaseException) -> list[BaseException]:
    """The exceptions in a group and the groups in it; none for what is no group."""
    leaves: list[BaseException] = []
    waiting = [exception]
    for _ in range(_LEAVES):
        if not waiting:
            return leaves
        one = waiting.pop()
        members = _members_of(one)
        if members:
            waiting += members
        elif one is not exception:
            leaves.append(one)
    return []  # too many to tell


def _members_of(exception: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group, also of the backport for Python 3.10."""
    if not any(name_of(base) in _GROUPS for base in mro_of(type(exception))):
        return ()
    try:
        members = exception.exceptions  # type: ignore[attr-defined]
    except Exception as error:
        if is_interrupt(error):
            raise
        return ()
    return members if type(members) is tuple else ()


def _is_one(kinds: tuple[type, ...], one: Any) -> bool:
    """Whether one of some classes is a type, or has a dotted name, or is exported under it."""
    if type(one) is not str:
        return any(kind is one for kind in kinds)
    shown = loaded(one)
    return any(kind is shown or _path_of(kind) == one for kind in kinds)


def _path_of(kind: type) -> str:
    """The dotted name of a class where it is defined."""
    return f"{module_of(kind)}.{qualified_name_of(kind).rpartition('<locals>.')[2]}"


_module: Any = ModuleType
_names_of: Any = _module.__dict__["__dict__"].__get__


def loaded(name: str) -> Any:
    """Resolve a dotted name in the loaded modules; nothing is imported.

    Returns None if it can't be resolved: then no instance of it exists under that name.
    """
    module_name, _, path = name.rpartition(".")
    while module_name:
        module = modules.get(module_name)
        if module is not None and issubclass(type(module), ModuleType):
            first, *rest = path.split(".")
            found: Any = _names_of(module).get(first)
            for part in rest:
                if issubclass(type(found), ModuleType):  # exported under another name
                    found = _names_of(found).get(part)
                elif issubclass(type(found), type):
                    found = dict_of(found).get(part)
                else:
                    return found  # the rest of the name can't be resolved
            return found
        module_name, _, last = module_name.rpartition(".")
        path = f"{last}.{path}"
    return None


def outcome_of(exception: BaseException, canceled: ExceptionTypes = ()) -> str:
    """Return the outcome of a span that an exception left: `ok`, `exception` or `canceled`."""
    kind = type(exception)  # not isinstance: an exception's `__class__` may be anything
    if canceled and is_expected(exception, canceled):
        return "canceled"
    if issubclass(kind, _OK):
        return "ok"
    if issubclass(kind, SystemExit):
        code = exception.code  # type: ignore[attr-defined]
        return "ok" if code is None or (isinstance(code, int) and not code) else "exception"
    if module_of(kind) == "builtins":  # the usual case
        if kind is KeyboardInterrupt:
            return "canceled"
        return _outcome_of_group(exception, canceled) if name_of(kind) in _GROUPS else "exception"
    if any(full_name_of(base) in CANCELLATIONS for base in mro_of(kind)):
        return "canceled"
    return _outcome_of_group(exception, canceled)


def _outcome_of_group(exception: BaseException, canceled: ExceptionTypes) -> str:
    leaves = _leaves_of(exception)
    is_canceled = leaves and all(outcome_of(leaf, canceled) == "canceled" for leaf in leaves)
    return "canceled" if is_canceled else "exception"


@frozen
class Failure:
    """An exception as text: the class's name, with and without the module, message and stack."""

    name: str
    qualified_name: str
    message: str
    stack: str

    @property
    def summary(self) -> str:
        """One line: the class's name and the message."""
        return f"{self.name}: {self.message}" if self.message else self.name


def describe(exception: BaseException, limits: Limits, by_type: bool = False) -> Failure:
    """Describe an exception as text; never raises, whatever the exception's methods do.

    With *by_type*, the message and the stack are left out.
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
    """The attributes of an exception event, with OpenTelemetry's names."""
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
        if (cause := cause_of(current)) is not None:
            current, why = cause, "... which caused this one:"
        elif not is_context_suppressed(current):
            current, why = context_of(current), "... and while that was handled, this one came:"
        else:
            current = None
    lines: list[str] = []
    if current is not None and len(chain) == _CHAIN:
        lines.append("(more exceptions before these)")
    for link, (failed, _) in enumerate(reversed(chain)):
        lines += _frames(traceback_of(failed))
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
        source = getline(code.co_filename, line).strip()
        if source:
            lines.append(f"    {source}")
    return lines


def _members(exception: BaseException, limits: Limits, depth: int) -> list[str]:
    """The members of an exception group (Python 3.11 and later), recursively, each indented."""
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
    """An exception that was recorded, and what identifies it.

    Builtin exceptions can't be weakly referenced, and a new one may have the address of an old one.
    So the (usually empty) dict of its attributes is kept, which no other exception has.
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
        """Whether an exception at its address is the same one."""
        if self._reference is not None:
            return self._reference() is exception
        return self._namespace is _namespace_of(exception)


class SeenExceptions:
    """The exceptions recorded in an invocation, so that each is recorded once."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: list[_Seen] = []

    def add(self, exception: BaseException, outcome: str, description: str) -> None:
        """Add an exception that was just recorded."""
        seen = [*self._seen[1 - _REMEMBERED :], _Seen(exception, outcome, description)]
        left = sum([len(one.description) for one in seen]) - _REMEMBERED_CHARACTERS
        first = 0
        while left > 0 and first < len(seen) - 1:
            left -= len(seen[first].description)
            first += 1
        self._seen = seen[first:]

    def forget(self, exception: BaseException) -> None:
        """Remove an exception that could not be recorded."""
        self._seen = [seen for seen in self._seen if seen.identity != id(exception)]

    def find(self, exception: BaseException) -> _Seen | None:
        """Return the description recorded for this exception, if any."""
        identity = id(exception)
        for seen in reversed(self._seen):
            if seen.identity == identity and seen.is_same(exception):
                return seen
        return None
