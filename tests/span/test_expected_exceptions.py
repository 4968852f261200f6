"""Exceptions that are control flow: types, and dotted names of types that may never be imported."""

from __future__ import annotations

import builtins
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import Tracing, traced, tracing

if TYPE_CHECKING:
    from enterspan.testing import Trace

WRONG: Any = ["", "ValueError", "a.", ".a", "a b.c", "a.b()", "os.path", "sys.path.x", "os.walk"]


@pytest.fixture
def model_kit():
    """A package that shows an exception under another name than the one of its definition."""

    class RateLimitError(Exception):
        pass

    class TooMany(RateLimitError):
        pass

    RateLimitError.__module__ = "model_kit._errors"
    package = types.ModuleType("model_kit")
    package.RateLimitError = RateLimitError
    package.Client = type("Client", (), {"Limited": RateLimitError})
    package.errors = types.ModuleType("model_kit._errors")  # under another name than its own
    package.errors.Limited = RateLimitError
    sys.modules["model_kit"] = package
    try:
        yield TooMany
    finally:
        del sys.modules["model_kit"]


def outcome(trace: Trace, error: BaseException, expected: Any) -> str:
    @traced("call", expected=expected)
    def call() -> None:
        raise error

    with pytest.raises(type(error)):
        call()
    span = trace.spans[-1]
    assert (span.outcome == "ok") == (span.events == ()) == (span.status == "unset")
    return span.outcome


@pytest.mark.parametrize(
    "name",
    [
        "model_kit.RateLimitError",
        "model_kit._errors.RateLimitError",
        "model_kit.Client.Limited",
        "model_kit.errors.Limited",
    ],
)
def test_a_dotted_name_is_that_of_a_class_or_of_where_it_is_shown(
    trace: Trace, model_kit: type[Exception], name: str
) -> None:
    """Of a base class, too; alone or in a list, beside types."""
    assert outcome(trace, model_kit(), name) == "ok"
    assert outcome(trace, model_kit(), [KeyError, name]) == "ok"
    assert outcome(trace, ValueError(), [KeyError, name]) == "exception"


def test_nothing_is_imported_for_a_name(trace: Trace) -> None:
    """A module that is not loaded, and a name that leads to nothing, mean no exception."""
    assert "wave" not in sys.modules
    names = ["wave.Error", "sys.nothing", "nowhere.a.B"]
    assert outcome(trace, ValueError(), names) == "exception"
    assert "wave" not in sys.modules
    import wave

    assert outcome(trace, wave.Error(), names) == "ok"


def test_a_module_is_not_asked_for_a_name(trace: Trace) -> None:
    """One that loads its attributes when they are asked for would import something."""
    lazy = types.ModuleType("lazy_kit")

    def load(name: str) -> object:
        raise AssertionError(f"{name} was asked for")

    lazy.__getattr__ = load
    sys.modules["lazy_kit"] = lazy
    try:
        assert outcome(trace, ValueError(), "lazy_kit.Error") == "exception"
    finally:
        del sys.modules["lazy_kit"]


def test_a_class_inside_of_another_is_not_known_by_its_last_name(trace: Trace) -> None:
    class Limited(Exception):
        pass

    Limited.__module__, Limited.__qualname__ = "model_kit", "Client.Limited"
    assert outcome(trace, Limited(), "model_kit.Limited") == "exception"
    assert outcome(trace, Limited(), "model_kit.Client.Limited") == "ok"


class Shouting(str):
    """A text of another class, such as a member of an enumeration."""

    __slots__ = ()
    __eq__ = __hash__ = None  # type: ignore[assignment]


def test_a_name_may_be_a_text_of_any_class(trace: Trace) -> None:
    assert outcome(trace, KeyError(), Shouting("builtins.KeyError")) == "ok"
    assert outcome(trace, KeyError(), [Shouting("builtins.KeyError")]) == "ok"


class Unspeakable:
    """What raises when it is shown, and can't be hashed."""

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        raise AssertionError


@pytest.mark.parametrize("module", [Unspeakable(), [], None])
def test_an_exception_may_say_anything_of_its_module(
    trace: Trace, caplog: pytest.LogCaptureFixture, module: Any
) -> None:
    """It is recorded all the same, beside names that are expected."""
    kind = type("Failure", (Exception,), {"__module__": module})
    assert outcome(trace, kind("broken"), "model_kit.RateLimitError") == "exception"
    (event,) = trace.spans[-1].events
    assert event.attributes["exception.type"] == "Failure"
    assert event.attributes["exception.message"] == "broken"
    assert not caplog.records


def test_every_form_takes_names(trace: Trace) -> None:
    with pytest.raises(ValueError), tracing.invocation("job", expected="builtins.ValueError"):
        raise ValueError
    assert trace.find("job").outcome == "ok"
    mine = Tracing("mine")
    mine.configure(expected=["builtins.ValueError"], canceled="builtins.KeyError")
    assert mine._tracer.expected == ("builtins.ValueError",)
    assert mine._tracer.canceled == ("builtins.KeyError",)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_name_of_an_exception_is_refused(name: Any) -> None:
    """Also one that leads to something else; a name without a module may be any class's."""
    with pytest.raises(TypeError, match="expected"):
        traced(expected=name)
    with pytest.raises(TypeError, match="expected"):
        traced(expected=[name])


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups")
def test_a_group_is_what_all_its_exceptions_are(trace: Trace) -> None:
    import asyncio

    group: Any = builtins.BaseExceptionGroup  # type: ignore[name-defined, unused-ignore]
    canceled = asyncio.CancelledError()

    class Endless(group):  # type: ignore[misc]
        @property
        def exceptions(self) -> Any:
            return (self,)

    cases = [
        (group("", [KeyError()]), "ok"),
        (group("", [KeyError(), group("", [KeyError()])]), "ok"),
        (group("", [KeyError(), ValueError()]), "exception"),
        (group("", [canceled, group("", [canceled])]), "canceled"),
        (group("", [canceled, ValueError()]), "exception"),
        (type("Mine", (group,), {})("", [canceled]), "canceled"),
        (Endless("", [canceled]), "exception"),
    ]
    for error, _ in cases:
        scope = tracing.invocation("i", expected=KeyError)
        scope.__enter__()
        scope.__exit__(type(error), error, None)
    assert [span.outcome for span in trace.spans] == [outcome for _, outcome in cases]
