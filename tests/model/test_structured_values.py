"""What has structure is recorded as JSON, whatever is in it, within the limit."""

from __future__ import annotations

import array
import collections
import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import json
import pathlib
import types
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import hypothesis
import pytest
from hypothesis import strategies

from enterspan import Limits, Tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator


def recorded(value: object, limit: int = 16_384, **settings: Any) -> Any:
    """What becomes of a value as an attribute."""
    tracing = Tracing("values")
    tracing.configure(limits=Limits(value_bytes=limit), **settings)
    with capture(tracing) as trace, tracing.span("s") as span:
        span.set_attribute("key", value)
    return trace.spans[0].attributes["key"]


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: float


@dataclasses.dataclass
class Order:
    id: int
    lines: list[Point]
    color: Color
    note: str = dataclasses.field(default="hidden", repr=False)


@dataclasses.dataclass(slots=True)
class Slotted:
    a: int


class Weird(dict[str, int]):
    def items(self) -> Any:
        raise AssertionError("it is not asked")


class Shown:
    def __repr__(self) -> str:
        return "<shown>"


@pytest.mark.parametrize(
    "value, meant",
    [
        ({}, {}),
        ({"a": [1, None, True, 2.5], "b": {"c": "é\n\"'"}}, ...),
        (
            {1: 4, None: 3, False: 1, 2.5: 5, (1, 2): 6},
            {"1": 4, "false": 1, "null": 3, "2.5": 5, "(1, 2)": 6},
        ),
        ({Color.RED: Level.HIGH}, {"red": 3}),
        ([[1, 2], (3,), {4}], [[1, 2], [3], [4]]),
        ([1, "a"], ...),
        (frozenset({7}), [7]),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.UserDict(a=1), {"a": 1}),
        (collections.deque([{"a": 1}]), [{"a": 1}]),
        ([10**400, 1.5], [str(10**400), 1.5]),
        (Weird(a=1), {"a": 1}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.Counter("aa"), {"a": 2}),
        (Point(1, 2.5), {"x": 1, "y": 2.5}),
        (
            Order(7, [Point(1, 2)], Color.RED),
            {"id": 7, "lines": [{"x": 1, "y": 2}], "color": "red"},
        ),
        (Slotted(3), {"a": 3}),
        ([Shown(), b"x"], ["<shown>", "b'x'"]),
        ([float("nan"), float("-inf"), 2**70, ""], ["nan", "-inf", str(2**70), ""]),
        ([dt.date(2026, 1, 2), dt.timedelta(1)], ["2026-01-02", "1 day, 0:00:00"]),
        ([decimal.Decimal("1.50"), uuid.UUID(int=1)], ["1.50", str(uuid.UUID(int=1))]),
        ([pathlib.PurePosixPath("/a/b")], ["/a/b"]),
        (["\ud800", 1], ["\ufffd", 1]),
    ],
)
def test_as_json(value: Any, meant: Any) -> None:
    assert json.loads(recorded(value)) == (value if meant is ... else meant)


@pytest.mark.parametrize(
    "value, text",
    [
        (Color.RED, "red"),
        (
            dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.timezone.utc),
            "2026-01-02T03:04:00+00:00",
        ),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.PurePosixPath("/a"), "/a"),
        (Shown(), "<shown>"),
        (b"x", "b'x'"),
        (1 + 2j, "(1+2j)"),
        (array.array("i", [1]), "array('i', [1])"),
        ("plain", "plain"),
    ],
)
def test_what_has_no_structure_is_a_plain_text(value: object, text: str) -> None:
    assert recorded(value) == text


def test_a_scalar_in_an_enum_stays_one() -> None:
    assert recorded(Level.HIGH) == 3
    assert recorded(enum.Enum("Other", {"A": 5}).A) == 5


def test_a_container_in_itself() -> None:
    ring: list[Any] = [1]
    ring.append({"again": ring})
    assert json.loads(recorded(ring)) == [1, {"again": "..."}]
    twice = {"a": 1}
    assert json.loads(recorded([twice, twice])) == [twice, twice]


def test_a_container_that_is_deeper_than_anyone_reads() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    text = recorded(deep)
    json.loads(text)
    assert "..." in text


def test_what_raises_is_said_and_the_rest_is_there() -> None:
    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError

    assert json.loads(recorded([1, Bad()])) == [1, "<Bad that can't be shown>"]


_VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
)


@hypothesis.given(_VALUES.map(lambda value: {"v": value}), strategies.integers(64, 400))
def test_whatever_is_cut_is_json_and_within_the_limit(value: Any, limit: int) -> None:
    text = recorded(value, limit)
    assert len(text.encode()) <= limit
    json.loads(text)


def test_a_cut_value_is_told_on_its_span() -> None:
    tracing = Tracing("cut")
    tracing.configure(limits=Limits(value_bytes=100))
    with capture(tracing) as trace, tracing.span("s", first="x" * 300) as span:
        span.set_attribute("text", "y" * 250).set_attribute("short", "z" * 100)
        span.set_attribute("list", ["a"] * 500).set_attribute("numbers", list(range(400)))
        span.set_attribute("json", [{"k": "v" * 50}] * 9)
        span.add_event("happened", {"event text": "w" * 120})
    found = trace.spans[0]
    assert found.attributes["enterspan.cut"] == (
        "first: 300 characters",
        "text: 250 characters",
        "list: 500 items",
        "numbers: 400 items",
        "json: over 100 bytes",
    )
    assert found.events[0].attributes["enterspan.cut"] == ("event text: 120 characters",)


def test_secrets_are_left_out_at_any_depth() -> None:
    value = {
        "user": "ada",
        "Password": "hunter2",
        "in": [{"api_key": "hunter2", "kept": 1}, ("token", "hunter2"), ["page", "2"]],
        "headers": [(b"authorization", b"hunter2"), (b"accept", b"*/*")],
        "url": "https://ada:hunter2@shop/",
    }
    text = recorded(value)
    assert "hunter2" not in text
    assert json.loads(text)["in"] == [
        {"api_key": "[redacted]", "kept": 1},
        ["token", "[redacted]"],
        ["page", "2"],
    ]


def test_an_object_is_known_by_its_class_where_a_program_has_secrets_of_its_own() -> None:
    """Its `repr` may have one in it."""
    assert json.loads(recorded([Shown(), 1 + 2j], redact=["plan"])) == [
        f"<{__name__}.Shown>",
        "(1+2j)",
    ]
    assert recorded(Shown(), redact=["plan"]) == f"<{__name__}.Shown>"
    assert json.loads(recorded({"plan": 1, "plans": 2}, redact=["plan"])) == {
        "plan": "[redacted]",
        "plans": 2,
    }


def test_a_long_list_of_lists_is_cut_to_json() -> None:
    for value in ([[i, i] for i in range(100_000)], [[]] * 100_000, [{"a": {}}] * 50_000):
        text = recorded(value)
        json.loads(text)
        assert len(text.encode()) <= 16_384


def test_a_long_key_is_measured_in_bytes() -> None:
    assert json.loads(recorded({"日" * 300: 1}, 512)) == {}


class TextKey(str):
    __slots__ = ()


class EnumKey(str, enum.Enum):
    PASSWORD = "password"


class Headers(collections.abc.Mapping[str, str]):
    """A mapping of a class of its own, as those of requests, httpx and Starlette are."""

    def __init__(self, *pair: str) -> None:
        self.pair = pair

    def __getitem__(self, name: str) -> str:
        return self.pair[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self.pair[:1])

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return f"Headers{self.pair}"


@pytest.mark.parametrize(
    "value",
    [
        {TextKey("password"): "hunter2"},
        {EnumKey.PASSWORD: "hunter2"},
        ("password", "hunter2"),
        {"header": ("authorization", "hunter2")},
        collections.deque([{"password": "hunter2"}]),
        {"a": types.SimpleNamespace(password="hunter2")},
        ["https://ada:hunter2@shop/"],
        collections.ChainMap({"password": "hunter2"}),
        collections.UserList([{"password": "hunter2"}]),
        {"password": "hunter2"}.items(),
        [{"password": "hunter2"}.values(), {"a": {"password": "hunter2"}}.values()][1:],
        Headers("Authorization", "hunter2"),
    ],
)
def test_a_secret_is_found_in_other_shapes(value: object) -> None:
    assert "hunter2" not in repr(recorded(value))


def test_a_mapping_of_any_class_is_an_object_as_far_as_it_shows_itself() -> None:
    """One that fails is shown by its `repr`; one without a `repr`, which may load, is not read."""

    class Failing(Headers):
        def __getitem__(self, name: str) -> str:
            raise KeyError(name)

    class Lazy(Headers):
        __repr__ = object.__repr__

        def __iter__(self) -> Iterator[str]:
            raise AssertionError("it was read")

    assert recorded({"headers": Headers("host", "shop")}) == '{"headers": {"host": "shop"}}'
    assert recorded([Failing("host", "shop"), 1]) == """["Headers('host', 'shop')", 1]"""
    assert "Lazy object at" in recorded(Lazy("host", "shop"))


def test_no_metaclass_and_no_descriptor_is_asked() -> None:
    asked = []

    class Meta(type):
        def __eq__(cls, other: object) -> bool:
            asked.append("eq")
            return True

        def __hash__(cls) -> int:
            asked.append("hash")
            return 1

    class Odd(metaclass=Meta):
        __slots__ = ()

    class Query:
        def __get__(self, instance: object, owner: object = None) -> Any:
            if instance is not None:
                asked.append("query")
            return self

        def __set__(self, instance: object, value: object) -> None:
            vars(instance)["rows"] = value

    @dataclasses.dataclass
    class Row:
        rows: Any = Query()  # noqa: RUF009 - a descriptor

    recorded(Odd())
    recorded([Odd(), 1])
    assert json.loads(recorded(Row(3)))["rows"] == 3
    assert asked == []


def test_a_class_that_shows_itself_is_left_to_do_so() -> None:
    @dataclasses.dataclass(repr=False)
    class Hidden:
        code: str

        def __repr__(self) -> str:
            return "Hidden(***)"

    assert recorded(Hidden("hunter2")) == "Hidden(***)"


class HasNoData(collections.UserList[Any]):
    """A list of the standard library that was not initialized."""

    def __init__(self) -> None:
        pass


class HasNoPairs(collections.UserDict[str, Any]):
    """And a dictionary."""

    def __init__(self) -> None:
        pass


def test_what_cannot_be_shown_takes_nothing_with_it() -> None:
    value = [HasNoData(), {"a": HasNoPairs(), "password": "p"}, 1]
    assert json.loads(recorded(value)) == [
        "<HasNoData that can't be shown>",
        {"a": "<HasNoPairs that can't be shown>", "password": "[redacted]"},
        1,
    ]
