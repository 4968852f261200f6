"""Functions that look at their callers' frames find them, or are left alone with the reason."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable

LOOKS = "it inspects its caller's frame"

SOURCE = """
import inspect, sys, traceback, logging
from inspect import stack as frames
from sys import _getframe as get_frame

def by_stack(): return inspect.stack()[1].function
def by_alias(): return frames()[1][3]
def by_frame(): return sys._getframe(1).f_code.co_name
def by_back(): return inspect.currentframe().f_back.f_code.co_name
def by_traceback(): return traceback.extract_stack(limit=2)[0].name
def by_walk():
    names = [frame.f_code.co_name for frame, _ in traceback.walk_stack(None)]
    return "<lambda>" if "<lambda>" in names else names
def by_threads():
    import threading
    return sys._current_frames()[threading.get_ident()].f_back.f_code.co_name
def by_comprehension(): return [f.function for f in inspect.stack()][1]
def by_logger(): return logging.getLogger().findCaller(stacklevel=2)[2]
def _caller(depth): return sys._getframe(depth).f_code.co_name
def by_helper(): return _caller(2)
def _far(): return sys._getframe(2).f_code.co_name
def by_constant(): return _far()
def by_frame_and_back(): return _next()
def _next(): return sys._getframe(1).f_back.f_code.co_name
def by_stack_without_source(): return _second()
def _second(): return inspect.stack(0)[2].function
def by_end_of_stack(): return _third()
def _third(): return traceback.extract_stack()[-3].name
def by_inner():
    def inner(): return sys._getframe(2).f_code.co_name
    return inner()
class Scope:
    def __init__(self, level): self.name = sys._getframe(level).f_code.co_name
def _scope(level): return Scope(level + 1)
def by_scope(level=0): return _scope(level + 2).name
def by_kwargs(**kwargs): return by_scope(**kwargs, level=1)
def _handed_on(depth): return _caller(depth + 1)
def by_two_helpers(): return _handed_on(2)
class Log:
    def _log(self, level): return get_frame(2).f_code.co_name
    def info(self): return self._log("info")
def plain(): return 1
"""
NAMES = (
    "by_stack", "by_alias", "by_frame", "by_back", "by_traceback", "by_walk", "by_threads",
    "by_comprehension", "by_helper", "by_constant", "by_two_helpers", "by_frame_and_back",
    "by_stack_without_source", "by_end_of_stack", "by_inner", "by_scope", "by_kwargs",
)  # fmt: skip
CALLS: dict[str, Callable[[Any], Any]] = {
    name: lambda module, name=name: getattr(module, name)()  # type: ignore[misc]
    for name in NAMES
}
CALLS["Log.info"] = lambda module: module.Log().info()
if sys.version_info >= (3, 11):
    CALLS["by_logger"] = lambda module: module.by_logger()


@pytest.mark.parametrize("target", ["whose", "whose:{}"])
@pytest.mark.parametrize("name", CALLS)
def test_a_function_that_looks_at_its_callers_is_left_alone(
    modules: Any, name: str, target: str
) -> None:
    """Also when it is named, and when it does so through another that takes a depth."""
    module = modules(whose=SOURCE)
    plain = CALLS[name](module)
    with tracing.instrument(target.format(name)) as found, capture() as trace:
        assert CALLS[name](module) == plain == "<lambda>"
        assert f"whose:{name}" not in found.wrapped
        reason = found.skipped[f"whose:{name}"]
        assert reason == LOOKS or reason.endswith("which inspects its callers' frames by a depth")
        assert found.wrapped in {(), ("whose:plain",)}
    assert trace.spans == []


def test_what_is_found_to_look_later_is_put_back(modules: Any) -> None:
    """A helper that is loaded after the functions that call it: they are wrapped no more."""
    modules(
        load=False,
        lately__early="""
        def who(): from lately import helper; return helper.caller(2)
        def other(): return 1
        """,
        lately__helper="""
        import sys
        def caller(depth): return sys._getframe(depth).f_code.co_name
        """,
    )
    with tracing.instrument("lately") as found:
        early = importlib.import_module("lately.early")
        assert "lately.early:who" in found.wrapped
        importlib.import_module("lately.helper")
        assert found.wrapped == ("lately.early:other",)
        assert "depth" in found.skipped["lately.early:who"]
        with capture() as trace:
            assert early.who() == test_what_is_found_to_look_later_is_put_back.__name__
            assert early.other() == 1
    assert [span.name for span in trace.spans] == ["other"]


def test_what_is_near_is_no_reason_to_leave_callers_alone(modules: Any) -> None:
    """A function that looks at the frame next to its own sees the function that calls it."""
    module = modules(
        near="""
        import inspect, sys, traceback
        def name(): return sys._getframe(1).f_code.co_name, sys._getframe(1).f_lineno and 5
        def own(): return inspect.stack()[0][3]
        def next_one(): return inspect.stack()[1][3]
        def by_limit(): return traceback.extract_stack(limit=2)[0].name
        def outside():
            frame, count = inspect.currentframe(), 0
            while frame.f_globals["__name__"] == __name__: frame, count = frame.f_back, count + 1
            return count
        def asks(): return name()[0], own(), next_one(), by_limit()
        def makes():
            def made(): return 1
            return made
        """
    )
    plain = module.asks()
    with tracing.instrument("near") as found, capture() as trace:
        assert module.asks() == plain == ("asks", "own", "asks", "asks")
        assert found.wrapped == ("near:asks", "near:makes")
    assert trace.tree() == "asks"


def test_what_is_found_late_is_put_back_by_every_instrumentation(modules: Any) -> None:
    """Each of several that have wrapped it."""
    modules(
        load=False,
        several__early="def who(): from several import helper; return helper.caller(2)\n",
        several__helper="""
        import sys
        def caller(depth): return sys._getframe(depth).f_code.co_name
        """,
    )
    with tracing.instrument("several") as one, tracing.instrument("several.*") as other:
        early = importlib.import_module("several.early")
        assert one.wrapped == other.wrapped == ("several.early:who",)
        importlib.import_module("several.helper")
        assert one.wrapped == other.wrapped == ()
        with capture() as trace:
            expected = test_what_is_found_late_is_put_back_by_every_instrumentation.__name__
            assert early.who() == expected
    assert trace.spans == []


def test_a_helper_of_another_package_counts_as_well(modules: Any) -> None:
    """It need not be instrumented itself."""
    module = modules(
        asks="from helps import caller\ndef who(): return caller(2)\n",
        helps="import sys\ndef caller(depth): return sys._getframe(depth).f_code.co_name\n",
    )
    with tracing.instrument("asks") as found, capture():
        assert module.who() == test_a_helper_of_another_package_counts_as_well.__name__
        assert found.wrapped == ()


def test_a_package_that_counts_its_own_frames_counts_ours(modules: Any) -> None:
    """As pandas and matplotlib do, to name the first frame outside for a warning."""
    modules(
        load=False,
        counting__level="""
        import inspect, os
        HERE = os.path.dirname(__file__)
        def find_level():
            frame, n = inspect.currentframe(), 0
            while frame and inspect.getfile(frame).startswith(HERE):
                frame, n = frame.f_back, n + 1
            return n
        """,
        counting__api="""
        import warnings
        from counting.level import find_level
        def outer(): return middle()
        def middle(): return inner()
        def inner(): warnings.warn("old", stacklevel=find_level())
        def fixed(): warnings.warn("fixed", stacklevel=2)
        """,
        counting__early="from counting.api import outer\ndef most(): return outer()\n",
    )
    with tracing.instrument("counting") as found, capture() as trace:
        early = importlib.import_module("counting.early")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            early.most()
            sys.modules["counting.api"].fixed()
    assert [w.filename for w in caught] == [__file__, __file__]
    assert trace.tree().split() == ["most", "outer", "middle", "inner"]
    assert found.skipped["counting.api:fixed"].startswith("it gives a fixed stacklevel")


def test_functions_that_count_references_are_left_alone(modules: Any) -> None:
    """The wrapper's call holds the arguments as well."""
    module = modules(counts="import sys\ndef count(x): return sys.getrefcount(x)\n")
    plain = module.count(object())
    with tracing.instrument("counts") as found, capture():
        seen = module.count(object())
        assert seen == plain
        assert "references" in found.skipped["counts:count"]


def test_what_python_gives_for_looking_is_left_alone() -> None:
    """Written in C, and named."""
    with tracing.instrument("sys:_getframe", "inspect:stack", "inspect:currentframe") as found:
        assert found.wrapped == ()
        assert set(found.skipped.values()) == {LOOKS}


def count_calls(work: Callable[[], object]) -> int:
    """How many calls of Python functions some work takes."""
    count = 0

    def seen(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


MODULE = """
import sys, functools
{imports}
def by_frame{n}(): return sys._getframe(1)
def who{n}(depth): return sys._getframe(depth)
def asks{n}(): return who{n}(2)
def held{n}(x=1): return x
PAIR = (held{n}, functools.partial(held{n}))
TABLE = {{"held": held{n}, "list": [1, None] * 200 + [held{n}]}}
class C{n}:
    def method(self): return held{n}()
    @property
    def size(self): return 1
    @classmethod
    def make(cls): return cls()
"""


@pytest.mark.parametrize("loaded", [True, False])
def test_the_work_grows_with_what_is_instrumented(modules: Any, loaded: bool) -> None:
    """Twice the modules, twice the calls: whether they are loaded already or come later."""
    counts = []
    for name, size in (("small", 20), ("large", 40)):
        every = {
            f"{name}__m{n}": MODULE.format(
                n=n, imports=f"from {name}.m{n - 1} import held{n - 1}" if n else ""
            )
            for n in range(size)
        }
        modules(load=False, **every)
        last = f"{name}.m{size - 1}"
        plain = 0 if loaded else count_calls(lambda last=last: importlib.import_module(last))  # type: ignore[misc]
        if loaded:
            importlib.import_module(last)
        else:
            for key in [key for key in sys.modules if key.partition(".")[0] == name]:
                del sys.modules[key]

        def work(name: str = name, last: str = last, size: int = size) -> None:
            found = tracing.instrument(name)
            importlib.import_module(last)
            assert len(found.wrapped) == size * 4
            found.remove()

        counts.append(count_calls(work) - plain)
    assert counts[1] < 2.3 * counts[0]
