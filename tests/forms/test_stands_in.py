"""What stands in for a callable answers every question as the callable does.

Frameworks ask before they call: whether it is a coroutine function, what its parameters are, where
it lies. One matrix: kinds of callables, times the forms that replace a callable (`traced`,
`entrypoint`, `propagate`, `instrument`), times a subscriber or none. Every question is asked of the
original first and of its replacement afterwards, by the same code in the same place.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import inspect
import operator
import pickle
import pydoc
import re
import typing
import unittest.mock
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUBJECTS = '''
"""One callable of each kind."""

import functools
import math
import types
import typing


def plain(a: int, b: str = "b") -> "list[object]":
    """Doc."""
    if a == 13:
        raise LookupError("thirteen")
    return [a, b]


small = lambda a, b=2: (a, b)


async def coro(a: int, b: str = "b") -> "list[object]":
    """Doc."""
    if a == 13:
        raise LookupError("thirteen")
    return [a, b]


def gen(a: int, b: str = "b") -> "typing.Iterator[object]":
    """Doc."""
    yield a
    if a == 13:
        raise LookupError("thirteen")
    yield b


async def agen(a: int, b: str = "b") -> "typing.AsyncIterator[object]":
    """Doc."""
    yield a
    if a == 13:
        raise LookupError("thirteen")
    yield b


@types.coroutine
def awaited(a: int, b: str = "b") -> "typing.Iterator[object]":
    """Doc."""
    yield
    if a == 13:
        raise LookupError("thirteen")
    return [a, b]


def every(
    a: int, /, b: int, c: "int" = 3, *rest: str, d: bytes, e: float = 5.0, **more: int
) -> "tuple[object, ...]":
    """Doc."""
    if a == 13:
        raise LookupError("thirteen")
    return a, b, c, rest, d, e, more


@typing.overload
def either(a: int) -> int: ...
@typing.overload
def either(a: str) -> str: ...
def either(a: "int | str") -> "int | str":
    """Doc."""
    return a


@functools.singledispatch
def chosen(a: object) -> str:
    """Doc."""
    return "object"


@chosen.register
def _(a: int) -> str:
    return "int"


@functools.lru_cache(maxsize=None)
def cached(a: int, b: str = "b") -> "tuple[object, ...]":
    """Doc."""
    return a, b


part = functools.partial(plain, b="p")
coro_part = functools.partial(coro, b="p")
length = len
root = math.erfc


class Instance:
    """Doc."""

    def __call__(self, a: int, b: str = "b") -> "list[object]":
        """Doc of the call."""
        if a == 13:
            raise LookupError("thirteen")
        return [a, b]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instance)

    def __hash__(self) -> int:
        return 7


class AsyncInstance:
    """Doc."""

    async def __call__(self, a: int, b: str = "b") -> "list[object]":
        """Doc of the call."""
        return [a, b]


instance = Instance()
async_instance = AsyncInstance()


class Box:
    """Doc."""

    def __init__(self, a: int = 1) -> None:
        self.a = a

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Box) and self.a == other.a

    __hash__ = None

    def method(self, a: int, b: str = "b") -> "list[object]":
        """Doc."""
        if a == 13:
            raise LookupError("thirteen")
        return [self.a, a, b]

    async def coro_method(self, a: int, b: str = "b") -> "list[object]":
        """Doc."""
        return [self.a, a, b]

    def gen_method(self, a: int, b: str = "b") -> "typing.Iterator[object]":
        """Doc."""
        yield self.a
        yield a

    @classmethod
    def of_class(cls, a: int, b: str = "b") -> "list[object]":
        """Doc."""
        return [cls.__name__, a, b]

    @staticmethod
    def static(a: int, b: str = "b") -> "list[object]":
        """Doc."""
        return [a, b]

    @classmethod
    async def coro_of_class(cls, a: int, b: str = "b") -> "list[object]":
        """Doc."""
        return [cls.__name__, a, b]

    @property
    def prop(self) -> int:
        """Doc."""
        return self.a

    @prop.setter
    def prop(self, value: int) -> None:
        self.a = value

    @functools.cached_property
    def kept(self) -> int:
        """Doc."""
        return self.a

    half = functools.partialmethod(method, b="h")


box = Box()
bound = box.method
bound_coro = box.coro_method
of_class = Box.of_class


class Public:
    """Doc."""

    def __init__(self, a: int, b: str = "b") -> None:
        if a == 13:
            raise LookupError("thirteen")
        self.a = a

    def method(self, a: int) -> int:
        """Doc."""
        return a

    @classmethod
    def of_class(cls, a: int) -> int:
        """Doc."""
        return a

    @staticmethod
    def static(a: int) -> int:
        """Doc."""
        return a

    async def coro_method(self, a: int) -> int:
        """Doc."""
        return a
'''

MODULE_LEVEL = [
    "plain",
    "small",
    "coro",
    "gen",
    "agen",
    "awaited",
    "every",
    "either",
    "chosen",
    "cached",
    "part",
    "coro_part",
    "length",
    "root",
    "instance",
    "async_instance",
    "bound",
    "bound_coro",
    "of_class",
]
MEMBERS = [
    "method",
    "coro_method",
    "gen_method",
    "of_class",
    "static",
    "coro_of_class",
    "prop",
    "kept",
    "half",
]
ASKED = [
    *MODULE_LEVEL,
    *[f"{owner}.{name}" for name in MEMBERS for owner in ("Box", "box")],
    *[f"vars(Box)[{name!r}]" for name in MEMBERS],
    *["Public", "Public.method", "Public(1).method", "Public.of_class", "Public(1).static"],
]
"""The expressions whose values are asked."""


def put(module: Any, form: Callable[[Any], Any]) -> None:
    """Replace each callable of the module by what a decorator makes of it."""
    held = {name: getattr(module, name) for name in MODULE_LEVEL}
    for name, original in held.items():
        setattr(module, name, form(original))
    for name in MEMBERS:
        setattr(module.Box, name, form(vars(module.Box)[name]))
    module.Public = form(module.Public)


@contextlib.contextmanager
def traced(mine: Any, module: Any) -> Iterator[dict[str, Any]]:
    put(module, mine.traced)
    yield vars(module)


@contextlib.contextmanager
def entrypoint(mine: Any, module: Any) -> Iterator[dict[str, Any]]:
    put(module, mine.entrypoint)
    yield vars(module)


@contextlib.contextmanager
def propagate(mine: Any, module: Any) -> Iterator[dict[str, Any]]:
    """It is no decorator: the names of the module stay as they are."""
    with capture(mine), mine.span("above"):
        names = {name: mine.propagate(getattr(module, name)) for name in (*MODULE_LEVEL, "Public")}
    yield {**vars(module), **names}


@contextlib.contextmanager
def instrument(mine: Any, module: Any) -> Iterator[dict[str, Any]]:
    # The recording itself calls `len`.
    named = [f"subjects:{name}" for name in MODULE_LEVEL if name != "length"]
    with mine.instrument("subjects", *named):
        yield vars(module)


FORMS = {f.__name__: f for f in (traced, entrypoint, propagate, instrument)}


def unpickled(subject: Any) -> Any:
    found = pickle.loads(pickle.dumps(subject))
    return found.__class__ is subject.__class__


def wrapped(subject: Any) -> Any:
    def outer() -> None: ...

    outer = functools.wraps(subject)(outer)
    return (
        outer.__name__,
        outer.__qualname__,
        outer.__module__,
        outer.__doc__,
        outer.__wrapped__ is subject,
        str(inspect.signature(outer)),
    )


def bound_in_a_class(subject: Any) -> Any:
    kind: Any = type("Holder", (), {})
    kind.member = subject  # a property takes no name from that
    holder = kind()
    member = holder.member
    return (
        inspect.ismethod(member),
        member == subject,
        getattr(member, "__self__", None) is holder,
        str(inspect.signature(member)),
    )


def attribute(name: str) -> Callable[[Any], Any]:
    return operator.attrgetter(name)


def settable(subject: Any) -> Any:
    subject.colour = "red"
    try:
        return subject.colour
    finally:
        del subject.colour


def shown(text: str) -> str:
    """Text without addresses."""
    return re.sub(r"0x[0-9a-f]+|id='\\d+'", "0x", text)


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    **{
        predicate.__name__: predicate
        for predicate in (
            inspect.isfunction,
            inspect.ismethod,
            inspect.isroutine,
            inspect.isbuiltin,
            inspect.isclass,
            inspect.isgeneratorfunction,
            inspect.iscoroutinefunction,
            inspect.isasyncgenfunction,
            inspect.ismethoddescriptor,
            inspect.isdatadescriptor,
            inspect.isabstract,
            inspect.isawaitable,
            callable,
        )
    },
    "asyncio.iscoroutinefunction": asyncio.iscoroutinefunction,
    "of a partial": lambda s: inspect.iscoroutinefunction(functools.partial(s)),
    "of its __call__": lambda s: inspect.iscoroutinefunction(s.__call__),
    "signature": lambda s: str(inspect.signature(s)),
    "own signature": lambda s: str(inspect.signature(s, follow_wrapped=False)),
    "getfullargspec": inspect.getfullargspec,
    "getdoc": inspect.getdoc,
    "getsource": inspect.getsource,
    "getsourcelines": lambda s: inspect.getsourcelines(s)[1],
    "getsourcefile": inspect.getsourcefile,
    "getmodule": lambda s: inspect.getmodule(s).__name__,
    "unwrap": lambda s: id(inspect.unwrap(getattr(s, "__func__", s)).__code__),
    "help": lambda s: shown(pydoc.plain(pydoc.render_doc(s))),
    "get_type_hints": lambda s: str(typing.get_type_hints(s)),
    "get_overloads": lambda s: len(getattr(typing, "get_overloads", lambda _: ())(s)),
    **{
        name: attribute(name)
        for name in (
            "__name__",
            "__qualname__",
            "__module__",
            "__doc__",
            "__annotations__",
            "__defaults__",
            "__kwdefaults__",
            "__code__.co_flags",
            "__code__.co_argcount",
            "__code__.co_name",
            "__code__.co_varnames",
            "args",
            "keywords",
            "cache_parameters",
        )
    },
    "globals": lambda s: id(s.__globals__),
    # A classmethod of 3.14 keeps its `__annotate__` once that was asked for.
    "attributes": lambda s: sorted(set(vars(s)) - {"__wrapped__", "__slotnames__", "__annotate__"}),
    "an attribute of one's own": settable,
    "func": lambda s: s.func.__qualname__,
    "cache_info": lambda s: s.cache_info()[2],
    "registry": lambda s: len(s.registry),
    "class": lambda s: s.__class__.__name__,
    "isinstance": lambda s: [kind.__name__ for kind in KINDS if isinstance(s, kind)],
    "pickle": unpickled,
    "copy": lambda s: copy.copy(s) is s,
    "deepcopy": lambda s: copy.deepcopy(s) is s,
    "weakref": lambda s: weakref.ref(s)() is s,
    "hash": lambda s: hash(s) == hash(s) and {s: 1}[s],
    "eq": lambda s: (operator.eq(s, s), s == object()),
    "bool": bool,
    "repr": lambda s: shown(repr(s)),
    "wraps": wrapped,
    "bound in a class": bound_in_a_class,
    "partial": lambda s: functools.partial(s).func is s,
    "autospec": lambda s: type(unittest.mock.create_autospec(s)).__name__,
    "autospec signature": lambda s: str(inspect.signature(unittest.mock.create_autospec(s))),
}
KINDS = (
    type(lambda: 0),
    type(len),
    functools.partial,
    staticmethod,
    classmethod,
    property,
    functools.cached_property,
    functools.partialmethod,
    type,
    type(KeyError().__str__),
    type(pytest.Item.__init__),
    type(capture().__enter__),
)


def answers(names: dict[str, Any], expression: str) -> dict[str, Any]:
    """What one subject answers to all questions."""
    subject = eval(expression, names)
    told = {}
    for question, ask in QUESTIONS.items():
        try:
            told[question] = ask(subject)
        except Exception as error:
            told[question] = type(error)
    return told


@pytest.fixture
def subjects(modules: Any) -> Any:
    return modules(subjects=SUBJECTS)


class Inherent(NamedTuple):
    """A question that some callables answer otherwise, in some forms, and why that must be."""

    questions: str
    forms: str
    expressions: str
    why: str


FUNCTION = r"(plain|small|coro|gen|agen|awaited|every|either|chosen)"
MEMBER = r"(Box\.|box\.|vars\(Box\)\['|Public\.|Public\(1\)\.)\w+('\])?"
INHERENT = [
    Inherent(
        r"__code__\.co_(flags|varnames)|getsourcefile",
        "traced|entrypoint",
        f"{FUNCTION}|{MEMBER}",
        "The wrapper is a function with a code object of its own, as every decorator's is. Its"
        " frames lie in a file that can be read. `inspect.getsource` finds the original.",
    ),
    Inherent(
        "repr",
        "propagate",
        ".*",
        "It shows the span beside the callable.",
    ),
    Inherent(
        "help",
        ".*",
        "part|coro_part|cached|instance|async_instance|Public",
        "pydoc takes the title from the type, and `inspect` lists the members that are traced.",
    ),
    Inherent(
        "getfullargspec|own signature|autospec( signature)?",
        ".*",
        "instance|async_instance|Public",
        "These look at the type of a callable object, and `__call__` is looked up there.",
    ),
    Inherent(
        "ismethoddescriptor",
        ".*",
        "root|length",
        "A wrapper can be bound, so that methods stay methods.",
    ),
    Inherent(
        "pickle",
        "traced|entrypoint|instrument",
        r"part|coro_part|vars\(Box\)\['half'\]",
        "It holds a function whose name leads to the wrapper now; with any decorator it is so.",
    ),
]
"""All differences that there are; docs/limits.md has those that a program may meet."""


def different(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
    """What is answered otherwise: expressions and questions."""
    return [
        (expression, question)
        for expression in ASKED
        for question in QUESTIONS
        if before[expression][question] != after[expression][question]
    ]


@pytest.mark.filterwarnings("ignore:functools.partial will be:FutureWarning")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("subscribed", [True, False], ids=["subscribed", "not"])
def test_every_question_is_answered_as_before(
    subjects: Any, mine: Any, form: str, subscribed: bool
) -> None:
    """Except for what INHERENT lists, of which nothing may be left over either."""
    before = {expression: answers(vars(subjects), expression) for expression in ASKED}
    with FORMS[form](mine, subjects) as names:
        with capture(mine) if subscribed else contextlib.nullcontext():
            after = {expression: answers(names, expression) for expression in ASKED}
    known = [entry for entry in INHERENT if re.fullmatch(entry.forms, form)]
    met, unknown = set(), []
    for expression, question in different(before, after):
        found = [
            entry
            for entry in known
            if re.fullmatch(entry.questions, question)
            and re.fullmatch(entry.expressions, expression)
        ]
        met.update(found[:1])
        if not found:
            told = before[expression][question], after[expression][question]
            unknown.append((expression, question, *told))
    assert unknown == []
    assert met == set(known)


# --- calls ----------------------------------------------------------------------------------------


RIGHT = [((1,), {}), ((1, "c"), {}), ((1,), {"b": "c"})]
WRONG = [((), {}), ((1, "c", 3), {}), ((1,), {"nothing": 2})]
CALLS: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    **{
        key: [*RIGHT, ((13,), {}), *WRONG]
        for key in [
            "plain",
            "coro",
            "gen",
            "agen",
            "awaited",
            "instance",
            "bound",
            "bound_coro",
            "of_class",
            "box.method",
            "box.gen_method",
            "Box.of_class",
            "box.of_class",
            "Box.static",
            "box.static",
            "Box.coro_of_class",
            "async_instance",
            "box.coro_method",
        ]
    },
    "small": [*RIGHT, *WRONG],
    "part": [((1,), {}), ((13,), {}), ((), {}), ((1, "c"), {}), ((1,), {"nothing": 2})],
    "coro_part": [((1,), {}), ((13,), {}), ((), {}), ((1, "c"), {}), ((1,), {"nothing": 2})],
    "box.half": [((1,), {}), ((13,), {}), ((), {}), ((1, "c"), {}), ((1,), {"nothing": 2})],
    "every": [
        ((1, 2), {"d": b""}),
        ((1, 2, 4, "x", "y"), {"d": b"", "e": 1.0, "z": 9, "a": 8}),
        ((13, 2), {"d": b""}),
        ((1,), {"d": b""}),
        ((1, 2), {}),
        ((), {"a": 1, "b": 2, "d": b""}),
    ],
    "either": [((1,), {}), (("a",), {}), ((), {}), ((1, 2), {})],
    "chosen": [((1,), {}), (("a",), {}), ((), {})],
    "length": [(("abc",), {}), ((1,), {}), ((), {})],
    "root": [((4,), {}), (("a",), {}), ((), {})],
    "Public": [((1,), {}), ((13,), {}), ((), {}), ((1, 2, 3), {})],
    "Public(1).method": [((1,), {}), ((), {}), ((1, 2), {})],
    "Public.of_class": [((1,), {}), ((), {}), ((1, 2), {})],
    "Public(1).static": [((1,), {}), ((), {}), ((1, 2), {})],
    "Public(1).coro_method": [((1,), {}), ((), {}), ((1, 2), {})],
}
"""Calls, of which those with the wrong arguments are a TypeError."""


def result_of(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a call comes to in the end: its result and its type, or what it raises."""
    try:
        result = function(*args, **kwargs)
    except Exception as error:
        return "raises at once", type(error), str(error)
    kind = type(result).__name__
    try:
        if inspect.isasyncgen(result):
            result = asyncio.run(everything(result))
        elif inspect.isawaitable(result):
            result = asyncio.run(finished(result))
        elif inspect.isgenerator(result):
            result = list(result)
    except Exception as error:
        return kind, type(error), str(error)
    return kind, result if isinstance(result, (list, tuple, str, int, float)) else type(result)


async def everything(items: Any) -> list[Any]:
    return [item async for item in items]


async def finished(awaitable: Any) -> Any:
    return await awaitable


def results(names: dict[str, Any], expression: str) -> list[Any]:
    return [result_of(eval(expression, names), *call) for call in CALLS[expression]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("subscribed", [True, False], ids=["subscribed", "not"])
def test_every_call_comes_to_the_same(
    subjects: Any, mine: Any, form: str, subscribed: bool
) -> None:
    """The same result of the same type, or the same exception at the same moment."""
    before = {expression: results(vars(subjects), expression) for expression in CALLS}
    with FORMS[form](mine, subjects) as names:
        with capture(mine) if subscribed else contextlib.nullcontext():
            after = {expression: results(names, expression) for expression in CALLS}
    for expression, expected in before.items():
        for call, one, other in zip(CALLS[expression], expected, after[expression], strict=True):
            assert other == one, (expression, call)
    assert {kind for found in before.values() for kind, *_ in found} >= {
        "raises at once", "list", "coroutine", "generator", "async_generator",
    }  # fmt: skip


OBJECTS = {"instance", "async_instance", "part", "coro_part", "bound", "bound_coro", "of_class"}
"""Callables that are no functions: `traced` learns from their call that it can't be made."""
_BOUND = {"bound", "bound_coro", "of_class"}
"""Bound methods, which `instrument` follows to their functions."""


@pytest.mark.parametrize("form", ["traced", "entrypoint", "instrument"])
@pytest.mark.parametrize(
    "expression", sorted(CALLS.keys() - {"length", "root", "Public", "chosen"})
)
def test_a_call_with_the_wrong_arguments_records_nothing(
    subjects: Any, mine: Any, form: str, expression: str
) -> None:
    """And one with the right arguments records one span; objects record a call that failed."""
    expected = results(vars(subjects), expression)
    is_object = expression in OBJECTS - (_BOUND if form == "instrument" else set())
    with FORMS[form](mine, subjects) as names:
        for call, one in zip(CALLS[expression], expected, strict=True):
            with capture(mine) as trace:
                result_of(eval(expression, names), *call)
            wrong = one[0] == "raises at once" and one[1] is TypeError
            assert len(trace.spans) == (0 if wrong and not is_object else 1), call
            assert not wrong or all(span.status == "error" for span in trace.spans)


def test_propagate_records_nothing_and_is_under_its_span(subjects: Any, mine: Any) -> None:
    """It only makes its span current."""
    seen = []
    with capture(mine) as trace:
        with mine.span("above") as above:
            bound = mine.propagate(lambda: seen.append(mine.current_span()))
        with mine.span("elsewhere"):
            bound()
            assert mine.current_span() is not above
    assert len(trace.spans) == 2
    assert seen == [mine.current_span()]  # it had ended by then


@pytest.mark.parametrize("form", ["traced", "propagate"])
def test_annotations_are_those_of_the_original_after_the_class_was_asked(
    subjects: Any, mine: Any, form: str
) -> None:
    """Python gives a class an empty dictionary of its own when it is asked for annotations."""
    with FORMS[form](mine, subjects) as names:
        for name in ("instance", "part", "cached", "plain"):
            kind = type(names[name])
            if kind.__module__.startswith("enterspan"):
                inspect.get_annotations(kind)
                kind.__annotations__
        assert typing.get_type_hints(names["cached"])["a"] is int
        assert str(inspect.signature(names["cached"])).startswith("(a: int")


@pytest.mark.parametrize("form", ["traced", "entrypoint", "propagate"])
def test_an_object_is_called_by_its_type(mine: Any, form: str) -> None:
    """As Python calls it: an attribute `__call__` of the object itself is no matter."""

    class Shadowed:
        def __init__(self) -> None:
            self.__call__ = lambda: "object"

        def __call__(self) -> str:
            return "type"

    with capture(mine), mine.span("above"):
        wrapper = getattr(mine, form)(Shadowed())
        assert wrapper() == "type"
        assert type(wrapper).__call__(wrapper) == "type"
