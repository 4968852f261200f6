"""The options of `traced`: attributes, captured arguments and results, and what is refused."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import Limits, traced, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan import Tracing
    from enterspan.testing import Trace


def test_all_arguments_are_captured_by_name(trace: Trace) -> None:
    """Defaults, varargs and keywords too; not `self`."""

    class Shop:
        @traced(capture_args=True)
        def sell(
            self, item: str, /, n: int = 1, *rest: int, gift: bool = False, **more: Any
        ) -> None: ...

    Shop().sell("tea", 2, 3, 4, note="x")
    (span,) = trace.spans
    assert dict(span.attributes) == {
        "item": "tea", "n": 2, "rest": (3, 4), "gift": False, "more": '{"note": "x"}',
    }  # fmt: skip


def test_only_the_named_arguments_are_captured(trace: Trace) -> None:
    """In every kind of function, and before its body runs."""

    @traced("sync", capture_args=["a"])
    def sync(a: int, secret: str) -> int:
        a = 0  # too late to be captured
        return a + 0

    @traced("coro", capture_args=("a",))
    async def coro(a: int, secret: str) -> None: ...

    @traced("gen", capture_args=["a"])
    def gen(a: int, secret: str) -> Iterator[int]:
        yield a

    @traced("agen", capture_args=["a"])
    async def agen(a: int, secret: str) -> Any:
        yield a

    async def main() -> None:
        await coro(1, "s")
        async for _ in agen(1, "s"):
            pass

    sync(1, "s")
    list(gen(1, "s"))
    asyncio.run(main())
    assert {span.name: dict(span.attributes) for span in trace.spans} == {
        name: {"a": 1} for name in ("sync", "coro", "gen", "agen")
    }


def test_the_result_is_captured_as_return(trace: Trace) -> None:
    """A coroutine's and a generator's as well; None is no result; a failure has none."""

    @traced("sync", capture_return=True)
    def sync() -> list[int]:
        return [1, 2]

    @traced("coro", capture_return=True)
    async def coro() -> dict[str, int]:
        return {"a": 1}

    @traced("gen", capture_return=True)
    def gen() -> Iterator[int]:
        yield 1
        return 5

    @traced("none", capture_return=True)
    def none() -> None: ...

    @traced("fails", capture_return=True)
    def fails() -> None:
        raise KeyError

    sync()
    asyncio.run(coro())
    list(gen())
    none()
    with pytest.raises(KeyError):
        fails()
    assert {span.name: dict(span.attributes) for span in trace.spans} == {
        "sync": {"return": (1, 2)},
        "coro": {"return": '{"a": 1}'},
        "gen": {"return": 5},
        "none": {},
        "fails": {},
    }


def test_attributes_are_set_on_each_span_anew(trace: Trace) -> None:
    """What one call adds is not on the next; what the mapping becomes later is not seen."""
    given: dict[str, Any] = {"team": "shop", "tags": ["a"]}

    @traced(attributes=given)
    def sell(number: int) -> None:
        tracing.current_span().set_attribute("number", number)

    given["team"] = "other"
    given["tags"].append("b")
    sell(1)
    sell(2)
    assert [dict(span.attributes) for span in trace.spans] == [
        {"team": "shop", "tags": ("a",), "number": n} for n in (1, 2)
    ]


def test_arguments_are_only_looked_at_when_somebody_listens(trace: Trace) -> None:
    """A hostile argument changes nothing, heard or not."""

    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    @traced(capture_args=True, capture_return=True)
    def give(thing: Any) -> Any:
        return thing

    hostile = Hostile()
    assert give(hostile) is hostile
    (span,) = trace.spans
    assert set(span.attributes) == {"thing", "return"}


def test_a_repr_that_is_traced_records_nothing(trace: Trace) -> None:
    """Looking at an argument is none of the program's doing."""

    class Noisy:
        @traced
        def __repr__(self) -> str:
            return "noisy"

    @traced("give", capture_args=True)
    def give(thing: Any) -> None: ...

    give(Noisy())
    assert trace.tree() == "give"
    assert trace.spans[0].attributes["thing"] == "noisy"


def test_a_property_and_a_class_take_the_names_that_fit(trace: Trace) -> None:
    """A name needs to be a parameter of one of the functions, not of all."""

    class Shop:
        _value = 1

        def get(self) -> int:
            return self._value

        def put(self, value: int) -> None:
            self._value = value

        value = traced("value", capture_args=["value"])(property(get, put))

    @traced(capture_args=["item"])
    class Store:
        def sell(self, item: str) -> None: ...

        def close(self) -> None: ...

    Shop().value = 3
    Store().sell("tea")
    Store().close()
    assert [dict(span.attributes) for span in trace.spans] == [{"value": 3}, {"item": "tea"}, {}]


def test_other_callables_capture_their_arguments_too(trace: Trace) -> None:
    """As `args` and `kwargs`: they have no parameters of their own to name."""
    traced("max", capture_args=True, capture_return=True)(max)([1, 2], default=0)
    assert dict(trace.spans[0].attributes) == {
        "args": "[[1, 2]]", "kwargs": '{"default": 0}', "return": 2,
    }  # fmt: skip


def function(a: int) -> None: ...


@pytest.mark.parametrize(
    "options,error,match",
    [
        ({"capture_args": "a"}, TypeError, r"list of parameter names"),
        ({"capture_args": [1]}, TypeError, "list of parameter names"),
        ({"capture_args": 5}, TypeError, "list of parameter names"),
        ({"capture_args": ["nothing"]}, ValueError, "function has no parameter 'nothing'"),
        ({"capture_return": 1}, TypeError, "capture_return"),
        ({"attributes": [1]}, TypeError, "attributes must be a mapping"),
        ({"min_duration": "1"}, TypeError, "min_duration"),
        ({"min_duration": True}, TypeError, "min_duration"),
        ({"min_duration": -1}, ValueError, "min_duration"),
        ({"min_duration": float("nan")}, ValueError, "min_duration"),
        ({"name": ""}, ValueError, "empty"),
        ({"nothing": 1}, TypeError, "nothing"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(
    options: dict[str, Any], error: type[Exception], match: str
) -> None:
    """When the decorator is made or put on, not when the function is called."""
    with pytest.raises(error, match=match):
        traced(**options)(function)


def test_names_can_be_captured_of_functions_only() -> None:
    """A C function's parameters have no names to go by."""
    with pytest.raises(ValueError, match="named parameters"):
        traced(capture_args=["a"])(functools.partial(function, 1))


def test_a_name_that_no_function_of_a_class_or_property_has_is_refused() -> None:
    """A slip of the pen is found when the class is made."""
    with pytest.raises(ValueError, match="has a parameter 'itme'"):

        @traced(capture_args=["itme"])
        class Store:
            def sell(self, item: str) -> None: ...

    with pytest.raises(ValueError, match="has a parameter 'valeu'"):
        traced(capture_args=["valeu"])(property(lambda self: 1))


def test_attributes_of_every_call_have_the_limits_of_the_call(mine: Tracing) -> None:
    """Whatever they were when the function was decorated; what is dropped is counted."""
    given = {"prompt": "p" * 20_000, "note": "n" * 200, "n": 5, "tags": ["a", "b"]}

    @mine.traced(attributes=given)
    def call() -> None:
        mine.current_span().set_attribute("later", "l" * 300)

    given["n"] = 6
    with capture(mine) as trace:
        call()
        for changed in (
            Limits(value_bytes=100, value_bytes_of={"prompt": 30_000}),
            Limits(attributes=2),
            Limits(),
        ):
            mine.configure(limits=changed)
            call()
    first, short, few, last = trace.spans
    assert first.attributes == last.attributes
    assert (len(first.attributes["prompt"]), first.attributes["tags"]) == (16_384, ("a", "b"))
    assert first.attributes["enterspan.cut"] == ("prompt: 20000 characters",)
    assert short.attributes["enterspan.cut"] == ("note: 200 characters", "later: 300 characters")
    assert (len(short.attributes["prompt"]), short.attributes["n"]) == (20_000, 5)
    assert list(few.attributes)[:2] == ["prompt", "note"]
    assert few.dropped_attributes == 3


def test_a_mapping_of_results_may_be_changed_later(mine: Tracing) -> None:
    wanted: Any = {"length": len}
    decorate = mine.traced(capture_return=wanted)
    wanted["length"] = wanted["more"] = 3
    with capture(mine) as trace:
        decorate(lambda: [1, 2])()
    assert trace.spans[0].attributes == {"length": 2}
