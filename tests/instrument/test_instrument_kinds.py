"""Whatever a function is, naming it wraps it, or says why not, and changes nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import functools
import gc
import inspect
import logging
import pickle
import sys
import traceback
import types
import typing
import unittest.mock
import warnings
import weakref
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from enterspan import Tracing, tracing
from enterspan.testing import capture

SHOP = '''
    """A shop of every kind of function."""
    import abc, asyncio, contextlib, dataclasses, enum, functools, inspect, sys, types
    import typing, warnings

    def total(a, /, b=2, *c, d=3, **e):
        """Add."""
        return a, b, c, d, e

    async def coro(x):
        await asyncio.sleep(0)
        return x

    def gen(n):
        got = yield n
        return got

    async def agen(n):
        yield n

    @types.coroutine
    def awaited(x):
        yield
        return x

    @functools.lru_cache(maxsize=None)
    def cached(x): return x

    @functools.singledispatch
    def dispatched(x): return "object"

    @dispatched.register
    def on_int(x: int): return "int"

    def decorate(f):
        @functools.wraps(f)
        def inner(*args, **kwargs):
            return f(*args, **kwargs)
        return inner

    @decorate
    def decorated(x): return x

    @contextlib.contextmanager
    def managed():
        yield 1

    @contextlib.asynccontextmanager
    async def amanaged():
        yield 1

    exec("def executed(x): return x")

    class Meta(type):
        def __getattribute__(cls, name):
            raise RuntimeError("touched")
        def __setattr__(cls, name, value):
            raise RuntimeError("set")

    class Metaed(metaclass=Meta):
        def method(self): return 1

    class Base:
        def inherited(self): return "base"

    class Cart(Base):
        __slots__ = ("rows",)
        def __init__(self): self.rows = []
        def add(self, row): self.rows.append(row); return self
        def __len__(self): return len(self.rows)
        @classmethod
        def make(cls): return cls()
        @staticmethod
        def price(x): return x
        @property
        def size(self): return len(self.rows)
        @size.setter
        def size(self, n): self.rows = [None] * n
        @size.deleter
        def size(self): self.rows = []
        def inherited(self): return "cart " + super().inherited()
        class Row:
            def label(self): return "row"
        async def fetch(self): return 1
        alias = add
        part = functools.partialmethod(add, "part")
        @functools.singledispatchmethod
        def handle(self, x): return "object"
        @handle.register
        def _handle_int(self, x: int): return "int"

    class Lazy:
        @functools.cached_property
        def rows(self): return [1]

    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): return 0
        @property
        @abc.abstractmethod
        def name(self): ...

    class Square(Shape):
        def area(self): return super().area() + 4
        name = "square"

    class Sized(typing.Protocol):
        def size_of(self) -> int: ...

    class Colour(enum.Enum):
        RED = 1
        def shout(self): return self.name
        @classmethod
        def first(cls): return cls.RED

    @dataclasses.dataclass(frozen=True)
    class Point:
        x: int = 1
        def norm(self): return abs(self.x)

    class Untouchable:
        def __getattribute__(self, name): raise RuntimeError("touched")
        def __call__(self): return "called"

    untouchable = Untouchable()
    part = functools.partial(total, 1)
    CONSTANT = 7

    def warned(): warnings.warn("old", DeprecationWarning, stacklevel=2)
    def caller(): return sys._getframe(1).f_code.co_name
    def boom(): raise ValueError("boom")
    def passed(it): return it
'''


@pytest.fixture
def shop(modules: Any) -> Any:
    """The shop, imported and not instrumented."""
    return modules(shop=SHOP)


def names(trace: Any) -> list[str]:
    return [span.name for span in trace.spans]


CALLS = {
    "total": (lambda s: s.total(1, 2, 3, d=4, z=5), ["total"]),
    "coro": (lambda s: asyncio.run(s.coro(1)), ["coro"]),
    "gen": (lambda s: list(s.gen(1)), ["gen"]),
    "cached": (lambda s: (s.cached(1), s.cached(1), s.cached.cache_info().hits), ["cached"] * 2),
    "dispatched": (lambda s: s.dispatched("x"), ["dispatched"]),
    "on_int": (lambda s: s.dispatched(1), ["on_int", "dispatched"]),
    "decorated": (lambda s: s.decorated(1), ["decorated"]),
    "executed": (lambda s: s.executed(1), ["executed"]),
    "Metaed.method": (lambda s: type.__call__(s.Metaed).method(), ["Metaed.method"]),
    "Cart.add": (lambda s: len(s.Cart().add(1).rows), ["Cart.add"]),
    "Cart.make": (lambda s: type(s.Cart.make()).__name__, ["Cart.make"]),
    "Cart.price": (lambda s: (s.Cart.price(1), s.Cart().price(2)), ["Cart.price"] * 2),
    "Cart.size": (lambda s: s.Cart().size, ["Cart.size"]),
    "Cart.inherited": (lambda s: s.Cart().inherited(), ["Base.inherited", "Cart.inherited"]),
    "Row.label": (lambda s: s.Cart.Row().label(), ["Cart.Row.label"]),
    "Cart.fetch": (lambda s: asyncio.run(s.Cart().fetch()), ["Cart.fetch"]),
    "Cart.alias": (lambda s: s.Cart().alias(1).rows, ["Cart.add"]),
    "Cart.part": (lambda s: s.Cart().part().rows, ["Cart.add"]),
    "Cart.handle": (lambda s: s.Cart().handle("x"), ["Cart.handle"]),
    "Lazy.rows": (lambda s: [s.Lazy().rows], ["Lazy.rows"]),
    "Square.area": (lambda s: s.Square().area(), ["Shape.area", "Square.area"]),
    "Colour.shout": (lambda s: s.Colour.RED.shout(), ["Colour.shout"]),
    "Colour.first": (lambda s: s.Colour.first().value, ["Colour.first"]),
    "Point.norm": (lambda s: s.Point(-3).norm(), ["Point.norm"]),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_kind_of_function_is_recorded_once_a_call(shop: Any, name: str) -> None:
    """The result is as before, there is one span for each call, and nothing is left behind."""
    call, expected = CALLS[name]
    before = call(shop)
    if name == "cached":
        shop.cached.cache_clear()
    with tracing.instrument("shop"):
        with capture() as trace:
            assert call(shop) == before
        assert names(trace) == expected
    if name == "cached":
        shop.cached.cache_clear()
    with capture() as trace:
        assert call(shop) == before
        assert trace.spans == []


def everything(module: Any) -> dict[str, Any]:
    """All that a module and its classes hold, and what its functions are made of."""
    found: dict[str, Any] = dict(vars(module))
    for name, value in vars(module).items():
        if type(value) is types.FunctionType:
            found[name + " parts"] = [
                value.__code__, value.__closure__, value.__defaults__, dict(vars(value)),
                value.__kwdefaults__, value.__name__, value.__qualname__, value.__module__,
            ]  # fmt: skip
        if issubclass(type(value), type):
            for key, member in type.__dict__["__dict__"].__get__(value).items():
                found[f"{name}.{key}"] = member
                if type(member) is types.FunctionType:
                    found[f"{name}.{key} code"] = member.__code__
    return found


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(
        left[key] is right[key] or (key.endswith(" parts") and left[key] == right[key])
        for key in left
    )


def test_removal_puts_back_every_original_identically(shop: Any) -> None:
    """Functions, classes, descriptors, codes: the same objects as before."""
    before = everything(shop)
    found = tracing.instrument("shop")
    assert not same(everything(shop), before)
    found.remove()
    assert same(everything(shop), before)
    found.remove()
    assert same(everything(shop), before)


def test_functions_and_classes_themselves_are_untouched(shop: Any) -> None:
    """What was held before instrumenting is the same object with the same code, and is plain."""
    total, code, add = shop.total, shop.total.__code__, vars(shop.Cart)["add"]
    parts = everything(shop)["total parts"]
    classes = {name: value for name, value in vars(shop).items() if type(value) is type}
    with tracing.instrument("shop"), capture() as trace:
        assert (total.__code__, shop.total.__code__) == (code, code)
        assert shop.total == total
        assert shop.Cart.add == add
        assert not hasattr(shop.total, "__wrapped__")
        assert shop.decorated.__wrapped__.__name__ == "decorated"
        assert {name: vars(shop)[name] for name in classes} == classes
        assert total(1) == (1, 2, (), 3, {})
        copied = types.FunctionType(shop.total.__code__, {}, "copy", shop.total.__defaults__)
        copied.__kwdefaults__ = shop.total.__kwdefaults__
        assert copied(5) == (5, 2, (), 3, {})
    assert names(trace) == []
    now = [total.__code__, total.__closure__, total.__defaults__, dict(vars(total))]
    assert now == parts[:4]


def test_what_is_wrapped_and_what_not_is_said(shop: Any) -> None:
    """Each function once, by the name under which it was found; reasons for what is left alone."""
    with tracing.instrument("shop", "shop:CONSTANT", "shop:untouchable") as found:
        assert len(found.wrapped) == len(set(found.wrapped))
        assert {"shop:total", "shop:Cart.add", "shop:Cart.Row.label"} < set(found.wrapped)
        assert "shop:Cart.__len__" not in found.wrapped
        assert found.skipped["shop:caller"] == "it inspects its caller's frame"
        assert found.skipped["shop:CONSTANT"] == "it is an int, not a function"
        assert "shop:untouchable" not in found.wrapped
        assert found.skipped["shop:untouchable"] == "it raises RuntimeError when it is examined"
        assert found.unmatched == ()
        assert shop.caller() == inspect.currentframe().f_code.co_name


def test_a_partial_is_wrapped_if_it_is_named(shop: Any) -> None:
    """And not by a pattern that picks it among others."""
    with tracing.instrument("shop:p*") as found:
        assert found.wrapped == ("shop:passed",)
    with tracing.instrument("shop:part") as found, capture() as trace:
        assert found.wrapped == ("shop:part",)
        assert shop.part() == (1, 2, (), 3, {})
        assert isinstance(shop.part, functools.partial)
    assert names(trace) == ["part"]
    assert type(shop.part) is functools.partial


def test_dunders_are_wrapped_only_if_they_are_named(shop: Any) -> None:
    """By a name, or by a pattern that begins with underscores itself."""
    with tracing.instrument("shop:Cart.__len__") as found, capture() as trace:
        assert found.wrapped == ("shop:Cart.__len__",)
        assert len(shop.Cart()) == 0
        assert names(trace) == ["Cart.__len__"]
    with tracing.instrument("shop:Cart.__*__") as found:
        assert set(found.wrapped) == {"shop:Cart.__init__", "shop:Cart.__len__"}
    with tracing.instrument("shop:Cart.*") as found:
        assert "shop:Cart.__init__" not in found.wrapped


def test_an_inherited_method_is_wrapped_where_it_is_defined(modules: Any) -> None:
    """So that it is traced through every subclass, and no subclass gets a member."""
    module = modules(
        heirs="""
        class Base:
            def save(self): return "saved"
        class One(Base): pass
        class Two(Base): pass
        """
    )
    with tracing.instrument("heirs:One.save") as found, capture() as trace:
        assert found.wrapped == ("heirs:Base.save",)
        assert module.One().save() == module.Two().save() == "saved"
        assert "save" not in vars(module.One)
    assert names(trace) == ["Base.save", "Base.save"]


def test_a_function_of_another_module_in_a_class_is_not_its_own(modules: Any) -> None:
    """As it is, or as a static or class method, such as those that enum puts into its classes."""
    modules(other="def plain(*a): return 1\ndef static(): return 2\ndef cls(c): return 3\n")
    module = modules(
        mine="""
        import enum, other
        class Shop:
            plain = other.plain
            static = staticmethod(other.static)
            cls = classmethod(other.cls)
            own = staticmethod(lambda: 4)
        class Size(enum.Enum):
            SMALL = 1
            def of(self): return self.value
        """
    )
    with tracing.instrument("mine") as found, capture() as trace:
        assert (module.Shop().plain(), module.Shop.static(), module.Shop.cls()) == (1, 2, 3)
        assert (module.Shop.own(), module.Size.SMALL.of()) == (4, 1)
    assert found.wrapped == ("mine:Shop.own", "mine:Size.of")
    assert names(trace) == ["Shop.own", "Size.of"]


@pytest.mark.parametrize(
    "name", ["total", "coro", "gen", "agen", "awaited", "decorated", "managed"]
)
def test_whoever_looks_at_a_function_sees_the_same(shop: Any, name: str) -> None:
    """Signature, source, predicates, hints, docs."""

    def looks() -> list[Any]:
        function = getattr(shop, name)
        return [
            str(inspect.signature(function)), inspect.getsource(function), inspect.getdoc(function),
            inspect.getfullargspec(function), typing.get_type_hints(function),
            inspect.getmodule(function), inspect.getsourcelines(function)[1],
            *[f(function) for f in (
                inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isfunction,
                inspect.isasyncgenfunction, inspect.isroutine, inspect.isawaitable,
                asyncio.iscoroutinefunction if sys.version_info < (3, 12) else callable,
            )],
        ]  # fmt: skip

    before = looks()
    with tracing.instrument("shop"):
        assert looks() == before
        assert isinstance(getattr(shop, name), types.FunctionType)


def test_a_wrong_call_is_refused_as_before(shop: Any) -> None:
    """With the same words."""
    with pytest.raises(TypeError) as expected:
        shop.total()
    with tracing.instrument("shop"), capture() as trace, pytest.raises(TypeError) as caught:
        shop.total()
    assert (str(caught.value), trace.spans) == (str(expected.value), [])


def test_abstract_classes_protocols_and_frozen_dataclasses_are_as_before(shop: Any) -> None:
    """What can't be made can't be made, what can't be set can't be set."""
    with tracing.instrument("shop"):
        with pytest.raises(TypeError):
            shop.Shape()
        assert shop.Shape.__abstractmethods__ == {"area", "name"}
        assert isinstance(shop.Square(), shop.Shape)
        with pytest.raises(dataclasses.FrozenInstanceError):
            shop.Point().x = 2
        assert copy.copy(shop.Point(3)) == shop.Point(3)
        assert list(shop.Colour) == [shop.Colour.RED]


def test_context_managers_work_as_before(shop: Any) -> None:
    """Plain and async ones."""

    async def main() -> int:
        async with shop.amanaged() as value:
            return value

    with tracing.instrument("shop"), capture() as trace:
        with shop.managed() as value:
            assert value == 1
        assert asyncio.run(main()) == 1
    assert names(trace) == ["managed", "amanaged"]


def test_a_function_that_hands_on_a_generator_hands_on_the_same_one(shop: Any) -> None:
    """What a function did not make itself need not end with it."""

    async def agen() -> Any:
        yield 1

    class Later:
        def __await__(self) -> Any:
            yield

    for thing in ((n for n in (1, 2)), agen(), Later(), object()):
        with tracing.instrument("shop"), capture() as trace:
            assert shop.passed(thing) is thing
        assert names(trace) == ["passed"]


def test_pickling_and_copying_are_by_reference(shop: Any) -> None:
    """Functions, methods, cached functions, bound methods."""
    with tracing.instrument("shop"):
        for thing in (shop.total, shop.cached, shop.Cart.add, shop.Cart.price, shop.Cart.make):
            assert pickle.loads(pickle.dumps(thing)) == thing
            assert copy.deepcopy(thing) == copy.copy(thing) == thing
        text = pickle.dumps(shop.cached)
    assert pickle.loads(text) is shop.cached


def test_a_process_pool_takes_instrumented_functions(shop: Any) -> None:
    """By reference, with whatever start method there is."""
    with tracing.instrument("shop"), ProcessPoolExecutor(1) as pool:
        assert pool.submit(shop.total, 1).result(30) == (1, 2, (), 3, {})
        assert pool.submit(shop.cached, 2).result(30) == 2


def test_mocks_with_autospec_work_as_before(shop: Any) -> None:
    """Made from what is instrumented, put over it, and taken off again."""
    with tracing.instrument("shop"), capture() as trace:
        mocked = unittest.mock.create_autospec(shop.total)
        mocked(1)
        with pytest.raises(TypeError):
            mocked()
        with unittest.mock.patch.object(shop.Cart, "add", autospec=True) as add:
            shop.Cart().add(1)
        assert add.call_count == 1
        shop.Cart().add(1)
    assert names(trace) == ["Cart.add"]


@pytest.mark.parametrize("heard", [True, False])
def test_warnings_name_the_caller(shop: Any, heard: bool) -> None:
    """`stacklevel` counts as if nothing lay in between, and so does logging's."""
    with tracing.instrument("shop"), capture() if heard else contextlib.nullcontext():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            shop.warned()
    assert [w.filename for w in caught] == [__file__]


def test_logging_names_the_function_that_logs(modules: Any) -> None:
    """Not what lies around it."""
    module = modules(talks="import logging\ndef talk(): logging.getLogger('t').error('x')\n")
    seen: list[Any] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]
    logging.getLogger("t").addHandler(handler)
    try:
        with tracing.instrument("talks"), capture():
            module.talk()
    finally:
        logging.getLogger("t").removeHandler(handler)
    assert [(r.funcName, r.lineno) for r in seen] == [("talk", 2)]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a traceback can't be changed there")
@pytest.mark.parametrize("heard", [True, False])
def test_tracebacks_show_the_programs_own_frames(shop: Any, heard: bool) -> None:
    """As many as before."""
    with tracing.instrument("shop"), capture() if heard else contextlib.nullcontext():
        try:
            shop.boom()
        except ValueError as error:
            frames = traceback.extract_tb(error.__traceback__)
    assert [(f.filename, f.name) for f in frames] == [
        (__file__, test_tracebacks_show_the_programs_own_frames.__name__),
        (shop.__file__, "boom"),
    ]


def test_an_exception_is_recorded_once_and_comes_out_the_same(shop: Any) -> None:
    """The object that was raised."""
    with tracing.instrument("shop"), capture() as trace:
        with pytest.raises(ValueError, match="boom"):
            shop.boom()
    assert trace.find("boom").outcome == "exception"
    assert [e.event.type for e in trace.events].count("exception") == 1


def test_the_bodies_of_generators_are_inside_their_spans(shop: Any) -> None:
    """send, return values, and the consumer outside."""
    with tracing.instrument("shop"), capture() as trace:
        body = shop.gen(1)
        assert next(body) == 1
        with tracing.span("consumer"):
            with pytest.raises(StopIteration) as stop:
                body.send("sent")
        assert stop.value.value == "sent"

        async def main() -> list[int]:
            assert await shop.awaited(3) == 3
            return [n async for n in shop.agen(4)]

        assert asyncio.run(main()) == [4]
    assert trace.tree().splitlines() == ["gen", "consumer", "awaited", "agen"]


def test_options_are_those_of_traced(modules: Any, mine: Tracing) -> None:
    """Arguments, results, durations; what is redacted is nowhere in the trace."""
    module = modules(
        safe="""
        import functools
        def login(user, password, **more): return "token"
        def other(x): return x
        @functools.lru_cache
        def cached(*args, **kwargs): return 1
        """
    )
    with mine.instrument(
        "safe", capture_args=True, capture_return=True, redact=["password", "pin"]
    ), capture(mine) as trace:  # fmt: skip
        module.login("ada", "hunter2", pin="4711", city="London")
        module.cached("hunter2", password="hunter2")
    login = trace.find("login").attributes
    assert (login["user"], login["password"], login["return"]) == ("ada", "[redacted]", "token")
    assert "hunter2" not in str([dict(span.attributes) for span in trace.spans])
    assert "4711" not in str([dict(span.attributes) for span in trace.spans])
    assert "London" in str(login["more"])
    with mine.instrument("safe", capture_args=["x"]), capture(mine) as trace:
        module.login("ada", "b")
        module.other(3)
    assert [dict(span.attributes) for span in trace.spans] == [{}, {"x": 3}]


def test_attributes_may_be_computed_from_the_arguments(modules: Any, mine: Tracing) -> None:
    """For each kind of function; a function that fails, or returns nothing, is none."""
    module = modules(
        asked="""
        def query(statement, *, limit=None): return statement
        def many(statement): yield statement
        async def later(statement): return statement
        def odd(): return 1
        class Connection:
            def execute(self, statement): return statement
        """
    )

    def attributes(*args: Any, **kwargs: Any) -> Any:
        return {"statement": args[-1], **kwargs}

    targets = ["asked:query", "asked:odd", "asked:Connection"]
    with mine.instrument(*targets, attributes=attributes), capture(mine) as trace:
        module.query("a", limit=3)
        module.Connection().execute("b")
        assert module.odd() == 1
    assert [dict(span.attributes) for span in trace.spans] == [
        {"statement": "a", "limit": 3}, {"statement": "b"}, {},
    ]  # fmt: skip


def test_a_wrong_call_by_keyword_is_refused_as_before(shop: Any) -> None:
    """Whatever is wrong with it: nothing is recorded, and no frame is below ours."""
    calls: list[Any] = [
        lambda: shop.total(a=1), lambda: shop.total(1, b=1, d=2, f=3), lambda: shop.passed(),
        lambda: shop.passed(1, 2), lambda: shop.passed(it=1, that=2), lambda: shop.passed(1, it=1),
        lambda: shop.Cart().add(), lambda: shop.Cart().add(1, row=1), lambda: shop.Cart.add(),
        lambda: shop.coro(), lambda: shop.gen(),
    ]  # fmt: skip

    def answers() -> list[str]:
        found = []
        for call in calls:
            try:
                found.append(str(call()))
            except TypeError as error:
                found.append(str(error))
        return found

    plain = answers()
    with tracing.instrument("shop"), capture() as trace:
        assert answers() == plain
    assert [span.name for span in trace.spans] == ["total"]


def test_short_calls_are_left_out_and_their_children_kept(modules: Any, mine: Tracing) -> None:
    """They hang on the parent of what was left out."""
    module = modules(
        quick="""
        import time
        def inner(): time.sleep(0.03)
        def fast(): pass
        def outer(): fast(); inner(); fast()
        """
    )
    with mine.instrument("quick", min_duration=0.01), capture(mine) as trace:
        module.outer()
    assert trace.tree().splitlines() == ["outer", "  inner"]


def test_c_functions_are_wrapped_where_they_lie_and_where_they_were_imported(modules: Any) -> None:
    """And put back in all these places."""
    import math

    before = math.sqrt
    module = modules(uses="from math import sqrt\nTABLE = {'root': sqrt}\nLIST = [sqrt]\n")
    with tracing.instrument("math:sqrt") as found, capture() as trace:
        assert module.sqrt is math.sqrt is module.TABLE["root"] is module.LIST[0]
        assert module.sqrt(4) == 2
        assert inspect.isbuiltin(math.sqrt)
        assert "math:sqrt" in found.wrapped
    assert names(trace) == ["sqrt"]
    assert before is math.sqrt is module.sqrt is module.TABLE["root"] is module.LIST[0]


def test_c_functions_are_left_alone_by_a_pattern_for_many_modules() -> None:
    """C code may want the very object: only who names the module has them wrapped."""
    with tracing.instrument("mat*") as found:
        assert "math:sqrt" not in found.wrapped
        assert found.skipped["math:sqrt"].startswith("it is written in C")
    with tracing.instrument("math") as found:
        assert "math:sqrt" in found.wrapped


def test_what_can_not_be_changed_is_left_alone_with_a_reason() -> None:
    """Methods of classes that are not written in Python."""
    with tracing.instrument(int, "builtins:list.append") as found:
        assert found.wrapped == ()
        assert "builtins:list.append" in found.skipped
        assert [1].append is not None


def test_enterspan_does_not_trace_itself() -> None:
    """Nor what it records with: that would have no end."""
    with tracing.instrument("enterspan.*", "threading", "contextvars") as found, capture() as trace:
        assert found.wrapped == ()
        assert found.skipped != {}
        with tracing.span("x"):
            pass
    assert names(trace) == ["x"]


def test_a_name_of_ones_own_for_a_builtin_is_left_alone(modules: Any) -> None:
    """It would be replaced in `builtins` too, and what records a span calls it."""
    module = modules(uses="length = len\n")
    with tracing.instrument("uses:length") as found, capture() as trace:
        assert module.length("abc") == 3
        assert found.wrapped == ()
        assert found.skipped == {"uses:length": "enterspan needs it to record spans"}
    assert trace.spans == []


RAISING = """
def function(x): raise ValueError
def generator(x):
    raise ValueError
    yield
async def coroutine(x): raise ValueError
async def stream(x):
    raise ValueError
    yield
"""


@pytest.mark.parametrize("call", [
    lambda target, x: target.function(x),
    lambda target, x: target.function(x=x),
    lambda target, x: next(target.generator(x)),
    lambda target, x: target.coroutine(x).send(None),
    lambda target, x: target.stream(x).asend(None).send(None),
])  # fmt: skip
@pytest.mark.parametrize("captured", [True, False])
def test_an_exception_keeps_no_argument_alive(modules: Any, call: Any, captured: bool) -> None:
    """There is no cycle of its traceback and our frame: nothing waits for the collector."""
    target = modules(target=RAISING)

    class Argument:
        pass

    def is_kept() -> bool:
        argument = Argument()
        reference = weakref.ref(argument)
        with pytest.raises(ValueError) as raised:
            call(target, argument)
        del argument, raised
        return reference() is not None

    gc.collect()
    gc.disable()
    try:
        assert not is_kept()
        with tracing.instrument("target", capture_args=captured), capture() as trace:
            assert not is_kept()
        assert len(trace.spans) == 1
    finally:
        gc.enable()
