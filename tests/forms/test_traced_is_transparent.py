"""A traced function, method or class can't be told from the undecorated one by those who look."""

from __future__ import annotations

import abc
import asyncio
import collections.abc
import contextlib
import copy
import dataclasses
import doctest
import enum
import functools
import gc
import inspect
import pickle
import sys
import types
import typing
import unittest.mock
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import Tracing, traced, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan.testing import Trace


def sync(a: int, /, b: str = "b", *rest: float, key: bool = True, **more: bytes) -> list[Any]:
    """Doc."""
    return [a, b, rest, key, more]


async def coro(a: int, *, b: str = "b") -> list[Any]:
    """Doc."""
    return [a, b]


def gen(a: int = 1) -> Iterator[int]:
    """Doc."""
    yield a


async def agen(a: int = 1) -> Any:
    """Doc."""
    yield a


@types.coroutine
def awaited(a: int = 1) -> Iterator[int]:
    """Doc."""
    yield a


KINDS = [sync, coro, gen, agen, awaited]
every_kind = pytest.mark.parametrize("function", KINDS, ids=lambda f: f.__name__)


def decorated(function: Any) -> list[Any]:
    """A function traced in each spelling."""
    return [
        traced(function),
        traced()(function),
        traced("name")(function),
        traced("name", capture_args=True, capture_return=True, attributes={"a": 1})(function),
    ]


@every_kind
def test_everything_that_can_be_looked_up_is_the_same(function: Any) -> None:
    """Names, docs, defaults, annotations, signature, source: as before."""
    for made in decorated(function):
        assert isinstance(made, types.FunctionType)
        assert made.__wrapped__ is function
        for name in (
            "__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__",
            "__annotations__", "__globals__",
        ):  # fmt: skip
            assert getattr(made, name) == getattr(function, name), name
        assert inspect.signature(made) == inspect.signature(function)
        bare = inspect.signature(made, follow_wrapped=False)
        assert str(bare) == str(inspect.signature(function))
        assert inspect.getfullargspec(made) == inspect.getfullargspec(function)
        assert inspect.getsource(made) == inspect.getsource(function)
        assert inspect.getdoc(made) == "Doc."


@every_kind
def test_the_predicates_of_inspect_say_the_same(function: Any) -> None:
    """Frameworks choose how to call a function by them."""
    predicates = [
        inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction,
        inspect.isfunction, inspect.isroutine, inspect.ismethod, callable,
    ]  # fmt: skip
    for made in decorated(function):
        for predicate in predicates:
            assert predicate(made) == predicate(function), predicate
        flags = 0x20 | 0x80 | 0x100 | 0x200
        assert made.__code__.co_flags & flags == function.__code__.co_flags & flags


def test_type_hints_are_read_in_the_functions_own_module() -> None:
    """Also those that are text."""
    assert typing.get_type_hints(traced(annotated)) == typing.get_type_hints(annotated)
    assert typing.get_type_hints(traced(annotated))["a"] is Shop


def annotated(a: Shop, b: Shop | None = None) -> list[Shop]:
    return [a]


class Shop:
    """Something to hint at."""


@every_kind
@pytest.mark.parametrize("heard", [True, False])
def test_a_wrong_call_is_refused_as_before(function: Any, heard: bool) -> None:
    """The same TypeError with the same text, at the call, and no span."""
    with pytest.raises(TypeError) as expected:
        function(b=1, nothing=1)
    made = traced(function)
    with capture() if heard else contextlib.nullcontext(), pytest.raises(TypeError) as caught:
        made(b=1, nothing=1)
    with capture() as trace:
        with pytest.raises(TypeError):
            made(b=1, nothing=1)
        assert trace.events == []
    assert str(caught.value) == str(expected.value)


SIGNATURES = [
    "",
    "a",
    "a, /",
    "a, b=1, /",
    "a, /, b",
    "a, /, b=2, *c, d, e=3, **f",
    "*, a",
    "*, a=1, b",
    "*args",
    "**kwargs",
    "*args, **kwargs",
    "self",
    "cls",
    "fn, board, name, span, result, error, begin, finish, fail, settle, kind, is_plain",
    "_fn, _board, _name, _span, _result, _error, _begin, _finish, _fail, _settle, _kind",
    "_, _x, _xfn, _x_fn, __fn, _x_x, _x_x_board",
    "kit, make, wrapper, args=1, kwargs=2, start=3, end=4, options=5",
    "type, str, int, bool, None_, print, BaseException",
    "match, case, _type, soft=1",
    "é, ñandú, 名前, µ",
    ", ".join([f"a{n}" for n in range(300)]),
]


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda s: s[:40])
@pytest.mark.parametrize("head", ["def", "async def", "gen", "agen"])
@pytest.mark.parametrize("heard", [True, False])
def test_any_parameters_arrive_as_they_were_given(signature: str, head: str, heard: bool) -> None:
    """Whatever the parameters are called, and however they are passed."""
    word = "async def" if head in ("async def", "agen") else "def"
    body = "yield locals()" if head in ("gen", "agen") else "return locals()"
    scope: dict[str, Any] = {}
    exec(f"{word} function({signature}):\n    {body}", scope)
    function = scope["function"]
    parameters = inspect.signature(function).parameters.values()
    args = [object() for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    kwargs: dict[str, Any] = {
        p.name: object() for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty
    }
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        args += [1, 2]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        kwargs.update({"other": 1, "fn": 2, "_span": 3, "not an identifier": 4})
    for made in decorated(function):
        with capture() if heard else contextlib.nullcontext():
            assert outcome(made(*args, **kwargs)) == outcome(function(*args, **kwargs))


def outcome(result: Any) -> Any:
    """What comes of a call, of whatever kind."""
    if inspect.iscoroutine(result):
        with pytest.raises(StopIteration) as stop:
            result.send(None)
        return stop.value.value
    if inspect.isasyncgen(result):
        return outcome(result.__anext__().__await__())
    if hasattr(result, "send") or type(result).__name__ == "async_generator_asend":
        try:
            return next(result)
        except StopIteration as stop:
            return stop.value
    return result


def test_defaults_are_the_same_objects() -> None:
    """A mutable default is shared as before."""

    def collect(item: int, into: list[int] = []) -> list[int]:  # noqa: B006
        into.append(item)
        return into

    made = traced(collect)
    assert made(1) is made(2) is collect.__defaults__[0]  # type: ignore[index]


def test_private_names_in_a_class() -> None:
    """A parameter with two underscores is mangled by Python, and found all the same."""

    class Safe:
        @traced
        def open(self, __code: int, *, __key: int = 2) -> tuple[int, int]:  # noqa: PYI063 - on purpose
            return __code, __key

    with capture():
        assert Safe().open(1) == (1, 2)


def test_a_function_made_by_hand_is_traced_as_well() -> None:
    """Code whose parameters can't be written as Python text: a generator expression's."""
    code = (item for item in ()).gi_code
    function = types.FunctionType(code, {})
    with capture():
        assert list(traced(function)(iter([1, 2]))) == [1, 2]


def test_attributes_of_a_function_are_kept() -> None:
    """Marks that frameworks put on functions are there afterwards, and are a copy."""

    def view() -> None: ...

    view.csrf_exempt = True  # type: ignore[attr-defined]
    made = traced(view)
    assert made.csrf_exempt is True  # type: ignore[attr-defined]
    made.more = 1  # type: ignore[attr-defined]
    assert not hasattr(view, "more")


# --- pickle, copy, weak references ----------------------------------------------------------------


@traced
def at_module_level(a: int) -> int:
    return a + 1


@traced("cached")
@functools.lru_cache(maxsize=4)
def cached(a: int) -> int:
    return a + 1


class Cart:
    """A class with traced methods, to be pickled."""

    @traced
    def add(self, number: int) -> int:
        return number + 1

    @traced
    @staticmethod
    def static(number: int) -> int:
        return number + 1

    @traced
    @classmethod
    def made(cls, number: int) -> int:
        return number + 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_traced_functions_are_pickled_by_name(protocol: int) -> None:
    """What comes back is the very same, also for bound methods and cached functions."""
    for function in (at_module_level, cached, Cart.static):
        assert pickle.loads(pickle.dumps(function, protocol)) is function
    bound = pickle.loads(pickle.dumps(Cart().add, protocol))
    assert bound(1) == 2
    assert pickle.loads(pickle.dumps(Cart.made, protocol))(1) == 2


def test_cloudpickle_sends_traced_functions_by_value() -> None:
    """A local function with a closure, of any kind, is traced where it arrives."""
    cloudpickle = pytest.importorskip("cloudpickle")
    more = 5

    @traced("plain", capture_args=True, attributes={"a": 1})
    def plain(number: int, *, key: int = 1) -> int:
        return number + more + key

    @traced("slow")
    async def slow(number: int) -> int:
        return number + more

    @traced("steps")
    def steps(number: int) -> Iterator[int]:
        yield number + more

    @traced("astep")
    async def astep(number: int) -> Any:
        yield number + more

    part = traced("part")(functools.partial(plain.__wrapped__, 1))  # type: ignore[attr-defined]
    made = [
        pickle.loads(cloudpickle.dumps(function)) for function in (plain, slow, steps, astep, part)
    ]
    with capture() as trace:
        assert made[0](1) == 7
        assert asyncio.run(made[1](1)) == 6
        assert list(made[2](1)) == [6]
        assert outcome(made[3](1)) == 6
        assert made[4]() == 7
    assert [span.name for span in trace.spans][:3] == ["plain", "slow", "steps"]
    assert trace.find("plain").attributes["number"] == 1
    assert trace.find("part").name == "part"


def test_copies_of_a_function_are_the_function() -> None:
    """copy and deepcopy leave functions alone."""
    for function in (at_module_level, cached, traced(len)):
        assert copy.copy(function) is function
        assert copy.deepcopy(function) is function
        assert copy.deepcopy([function])[0] is function


def test_traced_functions_can_be_referred_to_weakly_and_are_collected() -> None:
    """Nothing in the library keeps a function."""
    for make in (lambda: lambda: None, lambda: functools.partial(len, ())):
        function: Any = make()
        made = traced(function)
        reference = weakref.ref(made)
        inner = weakref.ref(function)
        made()
        with capture():
            made()
        del made, function
        gc.collect()
        assert reference() is None
        assert inner() is None


# --- methods and classes --------------------------------------------------------------------------


def test_super_with_and_without_arguments(trace: Trace) -> None:
    """Each class's method is a span of its own."""

    class Base:
        @traced
        def go(self) -> str:
            return "base"

        @traced
        @classmethod
        def make(cls) -> str:
            return cls.__name__

    class Child(Base):
        @traced
        def go(self) -> str:
            return "child of " + super().go()

        @classmethod
        @traced
        def make(cls) -> str:
            return super().make() + "!"

    assert Child().go() == "child of base"
    assert Child.make() == "Child!"
    assert trace.tree() == "Child.go\n  Base.go\nChild.make\n  Base.make"


def test_a_property_with_setter_and_deleter(trace: Trace) -> None:
    """Each accessor is a span; the property is a property, with its doc."""

    class Shop:
        _value = 1

        @traced
        @property
        def value(self) -> int:
            """The value."""
            return self._value

        @value.setter
        def value(self, value: int) -> None:
            self._value = value

    class Full:
        _value = 1

        def get(self) -> int:
            """The value."""
            return self._value

        def put(self, value: int) -> None:
            self._value = value

        def drop(self) -> None:
            del self._value

        value = traced(property(get, put, drop))

    full = Full()
    full.value = 5
    assert full.value == 5
    del full.value
    assert full.value == 1
    assert type(vars(Full)["value"]) is property
    assert Full.value.__doc__ == Shop.value.__doc__ == "The value."
    shop = Shop()
    shop.value = 3
    assert shop.value == 3
    assert trace.tree().split("\n") == [
        "Full.put.setter", "Full.get", "Full.drop.deleter", "Full.get", "Shop.value",
    ]  # fmt: skip


def test_a_property_subclass_keeps_its_type_and_what_it_holds(trace: Trace) -> None:
    """Also where its constructor is of its own kind."""

    class Column(property):
        def __init__(self, get: Any, *args: Any, unit: str = "none") -> None:
            super().__init__(get, *args)
            self.unit = unit

    class Table:
        price = traced("price")(Column(lambda self: 7, unit="EUR"))

    assert type(vars(Table)["price"]) is Column
    assert vars(Table)["price"].unit == "EUR"
    assert Table().price == 7
    assert trace.tree() == "price"


def test_a_cached_property_is_still_cached(trace: Trace) -> None:
    """It is computed once, in one span, and stored under its name."""

    class Shop:
        @traced
        @functools.cached_property
        def stock(self) -> list[int]:
            """The stock."""
            return [1]

    shop = Shop()
    assert shop.stock is shop.stock
    assert vars(shop) == {"stock": [1]}
    assert Shop.stock.__doc__ == "The stock."
    assert trace.tree() == "Shop.stock"


def test_abstract_methods_stay_abstract() -> None:
    """Above and below, in properties too."""

    class Shop(abc.ABC):
        @traced
        @abc.abstractmethod
        def above(self) -> None: ...

        @abc.abstractmethod
        @traced
        def below(self) -> None: ...

        @traced
        @property
        @abc.abstractmethod
        def value(self) -> None: ...

        @traced
        @classmethod
        @abc.abstractmethod
        def made(cls) -> None: ...

    assert Shop.__abstractmethods__ == {"above", "below", "value", "made"}
    with pytest.raises(TypeError, match="abstract"):
        Shop()  # type: ignore[abstract]


def test_a_whole_class(trace: Trace) -> None:  # noqa: C901 - a class with a method of each kind
    """Each public method, of every kind; nothing else is touched, and the class is the same."""

    class Shop:
        limit = 3

        def __init__(self) -> None:
            self.opened = True

        def plain(self) -> int:
            return self._private()

        async def slow(self) -> int:
            return 1

        def steps(self) -> Iterator[int]:
            yield 1

        @staticmethod
        def static() -> int:
            return 1

        @classmethod
        def made(cls) -> str:
            return cls.__name__

        @property
        def value(self) -> int:
            return 1

        def _private(self) -> int:
            return 1

        @traced("already")
        def done(self) -> int:
            return 1

        class Inner:
            def go(self) -> int:
                return 1

    before = dict(vars(Shop))
    assert traced(Shop) is Shop
    changed = {name for name in before if vars(Shop)[name] is not before[name]}
    assert changed == {"plain", "slow", "steps", "static", "made"}
    shop = Shop()
    assert (shop.plain(), asyncio.run(shop.slow()), list(shop.steps())) == (1, 1, [1])
    assert (shop.static(), shop.made(), shop.value, shop.done(), shop.Inner().go()) == (
        1, "Shop", 1, 1, 1,
    )  # fmt: skip
    assert trace.tree().split("\n") == [
        "Shop.plain", "Shop.slow", "Shop.steps", "Shop.static", "Shop.made", "already",
    ]  # fmt: skip


def test_a_named_class_names_its_methods(trace: Trace) -> None:
    """The name stands before the method's."""

    @traced("shop")
    class Anything:
        def go(self) -> None: ...

    Anything().go()
    assert trace.tree() == "shop.go"


def test_dataclasses_enums_slots_and_named_tuples(trace: Trace) -> None:
    """Traced above or inside, they are what they were."""

    @traced
    @dataclasses.dataclass(frozen=True, slots=True)
    class Point:
        x: int = 1

        def far(self) -> int:
            return self.x * 100

    @dataclasses.dataclass(slots=True)
    class Inside:
        x: int = 1

        @traced
        def far(self) -> int:
            return self.x * 100

    @traced
    class Colour(enum.Enum):
        RED = 1

        def shout(self) -> str:
            return self.name + "!"

        @traced
        @classmethod
        def best(cls) -> Colour:
            return cls.RED

    @traced
    class Pair(typing.NamedTuple):
        a: int

        def twice(self) -> int:
            return self.a * 2

    assert Point() == Point(1)
    assert dataclasses.asdict(Point(2)) == {"x": 2}
    assert (Point(2).far(), Inside(3).far(), Pair(2).twice()) == (200, 300, 4)
    assert Colour.RED.shout() == "RED!"
    assert Colour.best() is Colour(1)
    assert list(Colour) == [Colour.RED]
    assert not hasattr(Point(), "__dict__")
    assert [span.name for span in trace.spans] == [
        "Point.far", "Inside.far", "Pair.twice", "Colour.shout", "Colour.best",
    ]  # fmt: skip


def test_a_mock_made_after_a_traced_function_has_its_signature() -> None:
    """autospec reads what inspect reads."""
    mock = unittest.mock.create_autospec(traced(sync))
    mock(1, "x", key=False)
    with pytest.raises(TypeError):
        mock()
    slow = unittest.mock.create_autospec(traced(coro))
    assert (
        inspect.iscoroutinefunction(slow)
        or isinstance(slow, unittest.mock.AsyncMock)
        or (inspect.iscoroutine(made := slow(1)) and made.close() is None)
    )
    with unittest.mock.patch.object(Cart, "add", autospec=True) as add:
        Cart().add(1)
    assert add.call_args.args[1] == 1


def test_a_traced_mock_is_called(trace: Trace) -> None:
    """Anything callable will do."""
    mock = unittest.mock.Mock(return_value=3)
    assert traced("mock")(mock)(1, a=2) == 3
    mock.assert_called_once_with(1, a=2)
    assert trace.tree() == "mock"


def test_pydantic_validates_the_arguments_of_a_traced_function(trace: Trace) -> None:
    """By its type hints; also in a model's methods, and with the decorators in the other order."""
    pydantic = pytest.importorskip("pydantic")

    def add(a: int, b: int = 1) -> int:
        return a + b

    assert pydantic.validate_call(traced("below")(add))("2") == 3
    assert traced("above")(pydantic.validate_call(add))("2") == 3
    assert [span.name for span in trace.spans] == ["below", "above"]

    class Model(pydantic.BaseModel):
        x: int = 1

        @traced
        def twice(self) -> int:
            return self.x * 2

        @traced
        @property
        def thrice(self) -> int:
            return self.x * 3

        @traced
        @classmethod
        def best(cls) -> Any:
            return cls(x=9)

    assert set(Model.model_fields) == {"x"}
    assert (Model().twice(), Model().thrice, Model.best().x) == (2, 3, 9)


def test_doctests_of_traced_functions_are_found_and_run() -> None:
    """As those of undecorated ones."""
    module = types.ModuleType("shop")
    exec(
        "from enterspan import traced\n"
        "@traced\n"
        "def twice(n):\n"
        "    '''\n    >>> twice(2)\n    4\n    '''\n"
        "    return n * 2\n",
        vars(module),
    )
    sys.modules["shop"] = module
    try:
        found = doctest.DocTestFinder().find(module, "shop")
        assert [test.name for test in found if test.examples] == ["shop.twice"]
        assert doctest.testmod(module).attempted == 1
        assert doctest.testmod(module).failed == 0
    finally:
        del sys.modules["shop"]


# --- other callables ------------------------------------------------------------------------------


def test_a_cached_function_is_still_cached(trace: Trace) -> None:
    """cache_info, cache_clear, and methods; a hit is a call as well."""

    class Shop:
        @traced("rate")
        @functools.lru_cache  # noqa: B019
        def rate(self, number: int) -> int:
            return number

    cached.cache_clear()
    assert [cached(1), cached(1), cached(2)] == [2, 2, 3]
    assert cached.cache_info()[:2] == (1, 2)
    assert cached.cache_parameters() == {"maxsize": 4, "typed": False}
    shop = Shop()
    assert (shop.rate(1), shop.rate(number=1), Shop.rate(shop, 1)) == (1, 1, 1)
    assert [span.name for span in trace.spans] == ["cached"] * 3 + ["rate"] * 3


def test_single_dispatch_above_and_below(trace: Trace) -> None:
    """It can be registered with, and dispatches by type."""

    @traced
    @functools.singledispatch
    def above(value: object) -> str:
        return "object"

    @above.register
    @traced("of int")
    def _(value: int) -> str:
        return "int"

    @functools.singledispatch
    @traced
    def below(value: object) -> str:
        return "object"

    @below.register
    def _(value: int) -> str:
        return "int"

    assert [above("a"), above(1), below("a"), below(1)] == ["object", "int", "object", "int"]
    assert above.dispatch(int) is above.registry[int]
    names = [span.name for span in trace.spans]
    assert names == ["above", "of int", "above", "below"]

    class Shop:
        @functools.singledispatchmethod
        def sell(self, value: object) -> str:
            return "object"

        @sell.register
        @traced("sell int")
        def _(self, value: int) -> str:
            return "int"

    assert (Shop().sell("a"), Shop().sell(1)) == ("object", "int")


def test_callable_instances_and_builtins_look_as_before(trace: Trace) -> None:
    """In all but the call they are what was given."""

    class Greeter:
        word = "hello"

        def __call__(self, name: str) -> str:
            return f"{self.word} {name}"

    greeter = Greeter()
    made = traced(greeter)
    assert isinstance(made, Greeter)
    assert made.word == "hello"
    greeter.word = "hi"
    assert made("you") == "hi you"
    assert inspect.signature(made) == inspect.signature(greeter)
    length = traced(len)
    assert length.__name__ == "len"
    assert length([1, 2]) == 2
    assert inspect.signature(length) == inspect.signature(len)
    part = traced("part")(functools.partial(sync, 1, key=False))
    assert part.args == (1,)
    assert inspect.signature(part) == inspect.signature(functools.partial(sync, 1, key=False))
    assert part("x")[1] == "x"
    assert inspect.iscoroutinefunction(traced(functools.partial(coro, 1)))
    assert len(trace.spans) == 3


@pytest.mark.parametrize(
    "thing", [3, None.__class__, [], pytest.param(object(), id="object"), b"name", 1.5], ids=repr
)
def test_what_cant_be_traced_is_refused_by_name(thing: Any) -> None:
    """A TypeError that shows what was given; a class is one thing that can be traced."""
    if isinstance(thing, type):
        assert traced(thing) is thing
        return
    with pytest.raises(TypeError, match="traced takes a function"):
        traced(thing)
    with pytest.raises(TypeError, match="traced takes a function"):
        traced("name")(thing)


def test_twice_traced_is_two_spans_and_by_two_instances_one_each(trace: Trace) -> None:
    """Each decorator does its own."""
    other = Tracing("other")
    with capture(other) as theirs:
        assert traced("outer")(other.traced("theirs")(traced("inner")(sync)))(1)[0] == 1
    assert trace.tree() == "outer\n  inner"
    assert theirs.tree() == "theirs"


def test_a_name_defaults_to_the_qualified_name_without_where_it_was_defined(trace: Trace) -> None:
    """Functions inside functions are called what the program calls them."""

    class Shop:
        @traced
        def sell(self) -> None: ...

    Shop().sell()
    traced(lambda: None)()
    at_module_level(1)
    traced(functools.partial(at_module_level.__wrapped__, 1))()  # type: ignore[attr-defined]
    assert [span.name for span in trace.spans][:3] == ["Shop.sell", "<lambda>", "at_module_level"]
    assert tracing.current_span().is_traced is False


class Steps(collections.abc.Coroutine):
    """A coroutine that is none of Python's own, such as one compiled by Cython."""

    def __init__(self, body):
        self.body = body

    def send(self, value):
        return self.body.send(value)

    def throw(self, *error):
        return self.body.throw(*error)

    def close(self):
        return self.body.close()

    def __await__(self):
        return self.body.__await__()


@pytest.mark.parametrize("way", ["task", "await", "steps", "thrown into"])
def test_a_coroutine_of_another_class_runs_within_the_span(trace, way):
    async def body():
        try:
            await asyncio.sleep(0)
        finally:
            with tracing.span("child"):
                pass
        return 5

    @traced
    def f():
        return Steps(body())

    async def main():
        if way == "task":
            return await asyncio.create_task(f())
        if way == "await":
            return await f()
        steps = f()
        steps.send(None)
        assert not tracing.current_span().is_traced
        if way == "thrown into":
            steps.throw(KeyError("x"))
        try:
            steps.send(None)
        except StopIteration as stop:
            return stop.value

    if way == "thrown into":
        with pytest.raises(KeyError):
            asyncio.run(main())
        assert trace.find("f").outcome == "exception"
    else:
        assert asyncio.run(main()) == 5
    assert trace.tree().splitlines()[1] == "  child"
    assert len(trace) == 2


def test_a_coroutine_of_another_class_that_is_closed_ends_its_span(trace):
    @traced
    def f():
        return Steps(nothing())

    async def nothing():
        await asyncio.sleep(0)

    f().close()
    steps = f()
    steps.send(None)
    steps.close()
    assert [span.outcome for span in trace.spans] == ["ok", "ok"]


def test_an_awaitable_that_is_more_stays_it(trace):
    class More:
        def __await__(self):
            return iter(())

        def __iter__(self):
            return iter([1, 2])

        def __next__(self):
            return 3

        def __call__(self, n):
            return n * 2

    class Plain:
        def __await__(self):
            return iter(())

    for make in (More, traced(lambda: More())):
        made = make()
        assert (list(made), next(made), made(4), callable(made)) == ([1, 2], 3, 8, True)
    plain = traced(lambda: Plain())()
    assert not callable(plain)
    with pytest.raises(TypeError):
        iter(plain)


def test_a_coroutine_of_another_class_that_is_canceled_before_it_starts_is_told(trace):
    told = []

    class Told(Steps):
        def throw(self, *error):
            told.append(type(error[0]))
            return super().throw(*error)

    async def nothing():
        await asyncio.sleep(0)

    @traced
    def f():
        return Told(nothing())

    async def main():
        task = asyncio.get_running_loop().create_task(f())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with tracing.span("root"):
        asyncio.run(main())
        assert told == [asyncio.CancelledError]
        assert trace.find("f").outcome == "canceled"


def test_a_coroutine_of_another_class_may_be_asked_again(trace):
    class Iterated(collections.abc.Coroutine):
        def __init__(self):
            self.steps = iter([1])

        def send(self, value):
            return next(self.steps)

        def throw(self, *error):
            return 7

        def close(self):
            pass

        def __await__(self):
            return self.steps

    steps = traced(lambda: Iterated())()
    assert steps.throw(KeyError()) == 7
    assert steps.send(None) == 1
    for _ in range(2):
        with pytest.raises(StopIteration):
            steps.send(None)
    assert [span.outcome for span in trace.spans] == ["ok"]
