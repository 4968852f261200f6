"""What is recorded of arguments and results, under which names, and what is left out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import Tracing, traced, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from enterspan.testing import Trace


def test_arguments_are_recorded_as_the_attributes_that_a_mapping_names(trace: Trace) -> None:
    @traced("call", capture_args={"messages": "gen_ai.input.messages", "model": "gen_ai.model"})
    def call(messages: list[Any], model: str, rest: int) -> None: ...

    class Client:
        @traced("method", capture_args={"model": "gen_ai.model"})
        async def method(self, model: str) -> None: ...

    call([{"role": "user"}], "m-1", 3)
    asyncio.run(Client().method("m-2"))
    assert [dict(span.attributes) for span in trace.spans] == [
        {"gen_ai.input.messages": '[{"role": "user"}]', "gen_ai.model": "m-1"},
        {"gen_ai.model": "m-2"},
    ]


def test_a_result_is_recorded_under_a_name_or_through_a_function(trace: Trace) -> None:
    @traced("named", capture_return="llm.output")
    def named() -> str:
        return "tea"

    @traced("made", capture_return=lambda answer: answer["tokens"])
    async def made() -> dict[str, int]:
        return {"tokens": 7}

    def broken(_: object) -> None:
        raise KeyError

    @traced("fails", capture_return=broken)
    def fails() -> int:
        return 5

    named()
    asyncio.run(made())
    assert fails() == 5
    assert [dict(span.attributes) for span in trace.spans] == [
        {"llm.output": "tea"},
        {"return": 7},
        {},
    ]


def test_a_mapping_makes_several_attributes_of_a_result(trace: Trace) -> None:
    """Each with a function of it, or the result itself; what a generator yields likewise."""

    @traced("call", capture_return={"output": True, "tokens": lambda answer: answer["n"]})
    def call() -> dict[str, Any]:
        return {"text": "tea", "n": 7}

    @traced("stream", capture_return={"output": "".join, "chunks": len})
    def stream() -> Iterator[str]:
        yield "te"
        yield "a"

    call()
    list(stream())
    assert [dict(span.attributes) for span in trace.spans] == [
        {"output": '{"text": "tea", "n": 7}', "tokens": 7},
        {"output": "tea", "chunks": 2},
    ]


@pytest.mark.parametrize("wanted", [{}, {"": True}, {"a": False}, {"a": 1}, {1: len}, 5, ""])
def test_what_says_nothing_about_a_result_is_refused(wanted: Any) -> None:
    """With the forms that there are."""
    with pytest.raises(TypeError, match="capture_return must be True, False, the name"):
        traced(capture_return=wanted)


def test_an_iterator_that_is_returned_is_the_callers_alone(
    trace: Trace, caplog: pytest.LogCaptureFixture
) -> None:
    """No function of the result uses it up, whatever its class; a warning says so, once."""

    class Stream:
        def __init__(self) -> None:
            self.left = ["a", "te"]

        def __iter__(self) -> Stream:
            return self

        def __next__(self) -> str:
            if not self.left:
                raise StopIteration
            return self.left.pop()

    class Later:
        async def __anext__(self) -> str:
            raise AssertionError("it was asked")

    made: list[object] = []

    def use_up(result: Any) -> None:
        made.append(list(result))

    @traced("call", capture_return=use_up)
    def call(result: Any) -> Any:
        return result

    assert list(call(Stream())) == ["te", "a"]
    assert list(call(iter([1]))) == [1]
    assert list(call(map(str, [1]))) == ["1"]
    call(Later())
    assert made == []
    assert all(not span.attributes for span in trace.spans)
    assert [r.message for r in caplog.records if "iterator" in r.message] == [
        f"capture_return {use_up.__qualname__} is left out: the call returns an iterator"
    ]
    call([1])
    assert made == [[1]]


def test_what_a_generator_yields_is_folded(trace: Trace) -> None:
    """At its end, and where it is left or fails too; the first item is an event."""

    @traced("sync", capture_return="".join)
    def sync(fail: bool = False) -> Iterator[str]:
        yield "te"
        yield "a"
        if fail:
            raise KeyError

    @traced("async", capture_return=len)
    async def several() -> AsyncIterator[int]:
        for item in range(5):
            yield item

    async def main() -> None:
        assert [item async for item in several()] == [0, 1, 2, 3, 4]
        left = several()
        assert await left.__anext__() == 0
        await left.aclose()

    assert list(sync()) == ["te", "a"]
    left = sync()
    next(left)
    left.close()
    with pytest.raises(KeyError):
        list(sync(fail=True))
    asyncio.run(main())
    assert [span.attributes["return"] for span in trace.spans] == ["tea", "te", "tea", 5, 1]
    for span in trace.spans:
        assert span.events[0].name == "first item"
        assert span.start_ns <= span.events[0].timestamp_ns <= span.end_ns


def test_a_generator_that_yields_nothing_is_folded_too(trace: Trace) -> None:
    @traced("empty", capture_return=len)
    def empty() -> Iterator[str]:
        yield from ()

    assert list(empty()) == []
    assert trace.find("empty").attributes["return"] == 0
    assert not trace.find("empty").events


def test_a_result_that_can_be_gone_through_once_is_left_to_the_caller(trace: Trace) -> None:
    @traced("items", capture_return=list)
    def items() -> Iterator[int]:
        return (item for item in (1, 2))

    @traced("mapped", capture_return=list)
    def mapped() -> Iterator[int]:
        return map(abs, (1, -2))

    assert list(items()) == [1, 2]
    assert list(mapped()) == [1, 2]


def test_a_fold_that_is_interrupted_leaves_the_span_ended(trace: Trace) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    @traced("left", capture_return=interrupted)
    def left() -> Iterator[int]:
        yield 1
        raise ValueError

    @traced("async", capture_return=interrupted)
    async def several() -> AsyncIterator[int]:
        yield 1

    async def main() -> None:
        with pytest.raises(KeyboardInterrupt):
            assert [item async for item in several()]

    with pytest.raises(KeyboardInterrupt):
        list(left())
    asyncio.run(main())
    assert [span.name for span in trace.spans] == ["left", "async"]


def test_the_current_span_in_a_function_of_the_result_is_none(trace: Trace) -> None:
    """It is suppressed there: what it calls is not recorded."""

    @traced("made", capture_return=lambda _: tracing.current_span().is_traced)
    def made() -> int:
        return 1

    made()
    assert trace.find("made").attributes["return"] is False


@pytest.mark.parametrize(
    "item, kept", [(1, 65_536), ("\U0001f375" * 100_000, 21), (object(), 8_192)]
)
def test_what_is_kept_to_be_folded_is_bounded(trace: Trace, item: object, kept: int) -> None:
    """In items, and in bytes of memory."""

    @traced("long", capture_return=len)
    def long() -> Iterator[object]:
        for _ in range(70_000):
            yield item

    assert sum(1 for _ in long()) == 70_000
    assert trace.find("long").attributes["return"] == kept


def test_of_an_endless_generator_the_beginning_is_folded(trace: Trace) -> None:
    @traced("long", capture_return=len)
    def long() -> Iterator[str]:
        for _ in range(300):
            yield "x" * 100_000

    @traced("named", capture_return={"whole": True, "count": len, "text": "".join})
    def named() -> Iterator[str]:
        yield from long()

    assert sum(map(len, named())) == 30_000_000
    span = trace.find("long")
    assert span.attributes["return"] == 84
    assert span.attributes["enterspan.cut"] == ("return: 300 items",)
    span = trace.find("named")
    assert span.attributes["count"] == 84
    assert span.attributes["text"] == "x" * 16_384
    assert span.attributes["enterspan.cut"] == (
        "whole: 84 items",
        "text: 8400000 characters",
        "count: 300 items",
    )


@pytest.mark.parametrize(
    "options, error",
    [
        ({"capture_args": {"a": 1}}, TypeError),
        ({"capture_args": {"a": ""}}, TypeError),
        ({"capture_args": {1: "a"}}, TypeError),
        ({"capture_args": {"b": "a"}}, ValueError),
        ({"capture_return": ""}, TypeError),
        ({"capture_return": 3}, TypeError),
        ({"capture_return": None}, TypeError),
    ],
)
def test_what_can_not_be_used_is_refused(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        traced(**options)(lambda a: a)


def test_secrets_are_left_out_of_what_is_captured(trace: Trace) -> None:
    """By the names of arguments, the default ones too, and inside of values."""

    @traced("login", capture_args=True, capture_return=True, redact=["plan"])
    def login(user: str, password: str, plan: str, url: str, *rest: Any, **more: Any) -> Any:
        return {"user": user, "token": "hunter2"}

    login("ada", "hunter2", "hunter2", "https://a:hunter2@b/", {"Plan": "hunter2"}, pin="hunter2")
    attributes = dict(trace.find("login").attributes)
    assert "hunter2" not in repr(attributes)
    assert attributes == {
        "user": "ada",
        "password": "[redacted]",
        "plan": "[redacted]",
        "url": "https://b/",
        "rest": '[{"Plan": "[redacted]"}]',
        "more": '{"pin": "[redacted]"}',
        "return": '{"user": "ada", "token": "[redacted]"}',
    }


def test_secrets_of_all_functions_are_configured(mine: Tracing) -> None:
    """Also after a function was decorated."""

    @mine.traced("pay", capture_args=True)
    def pay(iban: str, amount: int) -> None: ...

    with capture(mine) as trace:
        pay("DE1", 1)
        mine.configure(redact=["iban"])
        pay("DE1", 2)
        mine.configure(redact=[])
        pay("DE1", 3)
    assert [span.attributes["iban"] for span in trace.spans] == ["DE1", "[redacted]", "DE1"]


def test_of_exceptions_the_type_alone_may_be_recorded(mine: Tracing) -> None:
    mine.configure(exceptions="type")
    with capture(mine) as trace, pytest.raises(ValueError, match="hunter2"):
        with mine.span("fails"):
            raise ValueError("hunter2")
    (span,) = trace.spans
    assert (span.status, span.status_description) == ("error", "ValueError")
    assert [dict(event.attributes) for event in span.events] == [{"exception.type": "ValueError"}]
    assert "hunter2" not in str([event.to_dict() for event in trace.events])
    mine.configure(exceptions="full")
    with pytest.raises(ValueError, match="exceptions must be"):
        mine.configure(exceptions="none")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="redact"):
        mine.configure(redact="password")


def test_each_function_gets_all_items(trace: Trace) -> None:
    """Whatever another one does with them."""

    def first_of(items: list[int]) -> int:
        first = items.pop(0)
        items.clear()
        return first

    @traced(capture_return={"first": first_of, "count": len, "all": True})
    def count() -> Iterator[int]:
        yield from range(3)

    assert list(count()) == [0, 1, 2]
    assert trace.spans[0].attributes == {"first": 0, "count": 3, "all": (0, 1, 2)}
