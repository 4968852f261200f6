"""What looks at an instrumented function, its file or its frames finds what was there before."""

from __future__ import annotations

import contextlib
import cProfile
import importlib
import inspect
import io
import linecache
import logging
import pstats
import sys
import traceback
import types
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = """
import asyncio, functools, logging, types, warnings

def plain(n=1000):
    total = 0
    for i in range(n):
        total += i
    return total

def gen(): yield 1
async def agen(): yield 1
async def coro(): return 1
@types.coroutine
def awaited(): yield

def warned(): warnings.warn("own", stacklevel=2)
def positional(): warnings.warn("own", UserWarning, 2)
def _helper(): warnings.warn("helper", stacklevel=3)
def helped(): _helper()
class Base:
    def _old(self): warnings.warn("method", stacklevel=3)
class Cart(Base):
    def add(self): self._old()
    @staticmethod
    def make(): _helper()
    def fails(self): raise KeyError("method")
    @classmethod
    def fail(cls): raise KeyError("class")

def deprecated(function):
    @functools.wraps(function)
    def inner():
        warnings.warn("deprecated", stacklevel=2)
        return function()
    return inner

@deprecated
def old(): return 1

def logged(): logging.getLogger("looks").error("x", stacklevel=2)

def fails(): raise KeyError("fails")
"""

FUNCTIONS = [
    "plain", "gen", "agen", "coro", "awaited", "fails", "warned", "positional", "_helper", "helped",
]  # fmt: skip

heard = pytest.mark.parametrize("listening", [capture, contextlib.nullcontext])


@pytest.fixture
def looks(modules: Any) -> Any:
    return modules(looks=SOURCE)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_file_is_its_own(looks: Any, name: str) -> None:
    """By the same path, in inspect and in the code itself."""
    with tracing.instrument("looks") as found:
        function = getattr(looks, name)
        assert f"looks:{name}" in found.wrapped
        assert inspect.getfile(function) == looks.__file__
        assert inspect.getsourcefile(function) == looks.__file__
        assert function.__code__.co_filename == looks.__file__


@heard
def test_the_frame_in_between_is_in_a_file_that_can_be_opened(looks: Any, listening: Any) -> None:
    """At the line that runs; one frame, and none with no subscriber."""
    here = inspect.currentframe()
    between: list[tuple[str, str]] = []

    class Spy:
        def __index__(self) -> int:
            frame = inspect.currentframe().f_back.f_back  # the caller of the body
            while frame is not here:
                path = frame.f_code.co_filename
                between.append((Path(path).resolve().name, linecache.getline(path, frame.f_lineno)))
                frame = frame.f_back
            return 1

    with tracing.instrument("looks"), listening():
        looks.plain(Spy())
    assert [(name, line.strip()) for name, line in between] == (
        [("frame_bootstrap.py", "result = wrapped(*args, **kwargs)")]
        if listening is capture
        else []
    )


def run_all(*calls: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: [call() for call in calls]


@heard
@pytest.mark.parametrize(
    "name, call",
    [
        ("warned", lambda s: s.warned()),
        ("positional", lambda s: s.positional()),
        ("helped", lambda s: s.helped()),
        ("old", lambda s: s.old()),
        ("Cart.add", lambda s: s.Cart().add()),
        ("Cart.make", lambda s: s.Cart.make()),
    ],
)
def test_warnings_name_who_called(looks: Any, listening: Any, name: str, call: Any) -> None:
    """However many instrumented functions lie between."""
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with tracing.instrument("looks") as found, listening():
                call(looks)
        assert [(w.filename, w.lineno) for w in caught] == [
            (__file__, call.__code__.co_firstlineno)
        ]
        assert f"looks:{name}" in found.wrapped


@heard
def test_far_stack_levels_pass_all_wrappers_of_a_package(modules: Any, listening: Any) -> None:
    """Also those of functions that lead there by ways that can't be read from names."""
    modules(
        deep__inner="""
        import warnings
        def tell(): warnings.warn("far", stacklevel=5)
        def run(call): return call()
        """,
        deep__outer="""
        from deep import inner
        class Api:
            def __init__(self): self._run, self._tell = inner.run, inner.tell
            def use(self): return self._use()
            def _use(self): return self._run(self._tell)
        """,
    )
    with tracing.instrument("deep.*") as found, listening():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            importlib.import_module("deep.outer").Api().use()
    assert len(found.wrapped) == 4
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="logging counts all frames there")
@heard
def test_logging_with_a_stack_level_names_who_called(looks: Any, listening: Any) -> None:
    """As without."""
    seen: list[Any] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]
    logging.getLogger("looks").addHandler(handler)
    try:
        with tracing.instrument("looks"), listening():
            looks.logged()
    finally:
        logging.getLogger("looks").removeHandler(handler)
    assert [record.pathname for record in seen] == [__file__]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a traceback can't be changed there")
@heard
@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.fails(),
        lambda s: s.Cart().fails(),
        lambda s: s.Cart.fail(),
    ],
)
def test_tracebacks_are_as_before(looks: Any, listening: Any, call: Any) -> None:
    """Frame by frame: file, line, name."""

    def frames() -> list[Any]:
        with pytest.raises(KeyError) as caught:
            call(looks)
        found = traceback.extract_tb(caught.value.__traceback__)
        return [(f.filename, f.lineno, f.name) for f in found]

    before = frames()
    with tracing.instrument("looks"), listening():
        assert frames() == before


@heard
def test_a_profile_counts_each_call_once_under_the_functions_name(
    looks: Any, listening: Any, tmp_path: Path
) -> None:
    """And can be written to a file; the time is the function's own."""
    profile = cProfile.Profile()
    with tracing.instrument("looks"), listening():
        profile.enable()
        looks.plain(300_000)
        looks.plain(300_000)
        profile.disable()
    profile.dump_stats(tmp_path / "profile")
    stats: Any = pstats.Stats(str(tmp_path / "profile"), stream=io.StringIO())
    rows = {place: row for place, row in stats.stats.items() if place[2] == "plain"}
    assert list(rows) == [(looks.__file__, looks.plain.__code__.co_firstlineno, "plain")]
    ((_, calls, own, total, _),) = rows.values()
    assert calls == 2
    assert own > 0.5 * total


def test_a_tracer_sees_the_lines_of_the_function_and_no_others(looks: Any) -> None:
    """As a debugger or a coverage tool does."""

    def lines() -> set[tuple[str, int]]:
        seen: set[tuple[str, int]] = set()

        def trace(frame: Any, event: str, _: Any) -> Any:
            if event == "line" and frame.f_code.co_filename == looks.__file__:
                seen.add((frame.f_code.co_filename, frame.f_lineno))
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            looks.plain(2)
        finally:
            sys.settrace(before)
        return seen

    plain = lines()
    with tracing.instrument("looks"), capture():
        traced = lines()
    assert traced == plain != set()


def test_a_suspended_body_shows_its_own_state(looks: Any) -> None:
    """Names, code names and states of what is made by calling."""
    with tracing.instrument("looks"), capture():
        body = looks.gen()
        assert (body.__name__, body.__qualname__) == ("gen", "gen")
        assert inspect.getgeneratorstate(body) == inspect.GEN_CREATED
        next(body)
        assert inspect.getgeneratorstate(body) == inspect.GEN_SUSPENDED
        body.close()
        assert inspect.getgeneratorstate(body) == inspect.GEN_CLOSED
        later = looks.coro()
        assert type(later) is types.CoroutineType
        assert later.__qualname__ == "coro"
        later.close()
