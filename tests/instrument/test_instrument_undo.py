"""Several who instrument the same, other tools in between, and the way back in any order."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import sys
import threading
import time
import types
import weakref
from collections import OrderedDict
from contextlib import nullcontext
from typing import Any

import pytest
import wrapt

from enterspan import Tracing, tracing
from enterspan._model.frozen import HAS_GIL
from enterspan.instrument.holders import Moves
from enterspan.testing import capture

SOURCE = """
import functools, asyncio
def f(x=1): return x
@functools.lru_cache
def g(x=1): return x
def outer(): return f()
async def slow(gate): await gate.wait(); return "done"
def gen(): yield 1; yield 2
class C:
    def m(self): return 1
"""


@pytest.fixture
def module(modules: Any) -> Any:
    return modules(target=SOURCE)


def called(function: Any, of: Tracing = tracing) -> list[str]:
    with capture(of) as trace:
        function()
    return [span.name for span in trace.spans]


@pytest.mark.parametrize("name", ["f", "g"])
@pytest.mark.parametrize("first_out", [0, 1])
def test_twice_the_same_is_one_span_until_both_are_removed(
    module: Any, name: str, first_out: int
) -> None:
    """In whichever order."""
    original, code = getattr(module, name), module.f.__code__
    both = [tracing.instrument("target"), tracing.instrument(f"target:{name}", "target.*")]
    assert called(getattr(module, name)) == [name]
    both[first_out].remove()
    assert called(getattr(module, name)) == [name]
    both[1 - first_out].remove()
    assert called(getattr(module, name)) == []
    assert getattr(module, name) is original
    assert module.f.__code__ is code


def test_overlapping_patterns_are_one_span(module: Any) -> None:
    """And one name in the report."""
    with tracing.instrument(
        "target", "target:f", "target:*", "target.f", module, module.f
    ) as found:
        assert called(module.f) == ["f"]
        assert found.wrapped.count("target:f") == 1
        assert found.unmatched == ()


def test_the_first_options_count_until_they_are_removed(module: Any) -> None:
    """Then those of the next."""
    one = tracing.instrument("target:f", capture_args=True)
    two = tracing.instrument("target:f", "target:g", capture_return=True)

    def seen() -> dict[str, Any]:
        with capture() as trace:
            module.f(3)
        return dict(trace.find("f").attributes)

    assert seen() == {"x": 3}
    one.remove()
    assert seen() == {"return": 3}
    two.remove()


@pytest.mark.parametrize("name", ["f", "g"])
@pytest.mark.parametrize("first_out", [0, 1])
def test_each_tracing_has_a_span_of_its_own(
    module: Any, mine: Tracing, name: str, first_out: int
) -> None:
    """And takes only that back."""
    original, code = getattr(module, name), module.f.__code__
    both = [tracing.instrument("target"), mine.instrument("target")]
    with capture() as theirs, capture(mine) as ours:
        getattr(module, name)()
    assert [s.name for s in theirs.spans] == [s.name for s in ours.spans] == [name]
    both[first_out].remove()
    assert called(getattr(module, name), (tracing, mine)[first_out]) == []
    assert called(getattr(module, name), (mine, tracing)[first_out]) == [name]
    both[1 - first_out].remove()
    assert getattr(module, name) is original
    assert module.f.__code__ is code


def test_traced_functions_are_left_alone(modules: Any, mine: Tracing) -> None:
    """One span for each call; another Tracing adds its own."""
    module = modules(
        already="""
        import functools
        from enterspan import traced
        @traced
        def plain(): return 1
        @functools.lru_cache
        @traced
        def below(): return 1
        def keep(f):
            @functools.wraps(f)
            def inner(): return f()
            return inner
        @keep
        @traced
        def under(): return 1
        @traced
        @functools.lru_cache
        def above(): return 1
        class C:
            @property
            @traced
            def p(self): return 1
            @traced
            @classmethod
            def c(cls): return 1
        """
    )
    calls = (module.plain, module.under, module.above, lambda: module.C().p, module.C.c)
    with tracing.instrument("already") as found:
        for call in calls:
            assert len(called(call)) == 1
        for name in ("plain", "under", "above", "C.p", "C.c"):
            assert found.skipped[f"already:{name}"] == "it is traced already"
    with mine.instrument("already"):
        assert called(module.plain, mine) == ["plain"]


@pytest.mark.parametrize("name", ["f", "g"])
def test_another_tools_wrapper_above_ours_survives(module: Any, name: str) -> None:
    """And finds nothing of ours in it any more."""
    found = tracing.instrument("target")
    ours = getattr(module, name)
    theirs = wrapt.FunctionWrapper(ours, lambda w, i, a, k: ("theirs", w(*a, **k)))
    setattr(module, name, theirs)
    assert called(theirs) == [name]
    found.remove()
    assert getattr(module, name) is theirs
    assert theirs(5) == ("theirs", 5)
    assert called(theirs) == []


def test_another_tools_wrapper_below_ours_survives(module: Any) -> None:
    """A wrapt one, and a closure."""
    theirs = wrapt.FunctionWrapper(module.f, lambda w, i, a, k: ("theirs", w(*a, **k)))
    module.f = theirs
    plain = module.outer

    @functools.wraps(plain)
    def closure() -> Any:
        return ("closure", plain())

    module.outer = closure
    with tracing.instrument("target"):
        assert called(module.f) == ["f"]
        assert module.outer() == ("closure", ("theirs", 1))
    assert module.f is theirs
    assert module.outer is closure
    assert called(module.outer) == []


def test_a_body_that_another_tool_has_put_there_since_stays(module: Any) -> None:
    """As a reloader does that exchanges bodies in place."""
    found = tracing.instrument("target:f")
    module.f.__code__ = (lambda x=1: ("new", x)).__code__
    found.remove()
    assert module.f(2) == ("new", 2)
    assert called(module.f) == []


def test_calls_under_way_end_as_they_began(module: Any) -> None:
    """A coroutine, a generator."""

    async def main() -> None:
        gate = asyncio.Event()
        found = tracing.instrument("target")
        task = asyncio.create_task(module.slow(gate))
        body = module.gen()
        next(body)
        await asyncio.sleep(0)
        found.remove()
        gate.set()
        assert await task == "done"
        assert list(body) == [2]

    with capture() as trace:
        asyncio.run(main())
    assert sorted(span.name for span in trace.spans) == ["gen", "slow"]
    assert {span.outcome for span in trace.spans} == {"ok"}


def test_names_tables_and_descriptors_anywhere_are_changed_and_put_back(
    module: Any, modules: Any
) -> None:
    """In other modules and their classes: names, dicts, lists, descriptors."""
    other = modules(
        other="""
        import functools
        from target import f, f as again, C
        TABLE, LIST = {"f": f}, [f]
        bound = C.m.__get__(C())
        class View:
            table = {"f": f}
            static = staticmethod(f)
            own = classmethod(f)
            size = property(f, f)
            cached = functools.cached_property(f)
            part = functools.partialmethod(f)
            @functools.singledispatchmethod
            def dispatched(self, x): return "object"
            dispatched.register(int, f)
        @functools.singledispatch
        def dispatched(x): return "object"
        dispatched.register(int, f)
        """
    )

    def held() -> list[Any]:
        view = vars(other.View)
        places: list[Any] = [
            other.f, other.again, other.TABLE["f"], other.LIST[0], other.bound, view["table"]["f"],
            view["cached"].func, view["part"].func, other.dispatched.registry[int],
            view["dispatched"].dispatcher.registry[int],
        ]  # fmt: skip
        return [*places, view["static"], view["own"], view["size"], view["cached"], view["part"]]

    calls: list[Any] = [
        lambda: other.f(), lambda: other.again(), lambda: other.TABLE["f"](),
        lambda: other.LIST[0](), lambda: other.View.table["f"](), lambda: other.View.static(),
        lambda: other.View.own(), lambda: other.View().size, lambda: other.View().cached,
        lambda: other.View().part(), lambda: other.dispatched(1),
        lambda: vars(other.View)["dispatched"].dispatcher.registry[int](),
    ]  # fmt: skip
    before = held()
    assert [called(call) for call in calls] == [[]] * len(calls)
    with tracing.instrument("target"):
        assert [called(call) for call in calls] == [["f"]] * len(calls)
        assert called(other.bound) == ["C.m"]
    assert [now is then for now, then in zip(held(), before, strict=True)] == [True] * len(before)
    assert [called(call) for call in calls] == [[]] * len(calls)
    assert called(other.bound) == []


def test_what_is_taken_while_it_is_instrumented_is_plain_after_removal(module: Any) -> None:
    """Wherever it is; and names of modules that were loaded meanwhile are put back."""
    found = tracing.instrument("target")
    kept = [
        module.f, functools.partial(module.f), (module.f,)[0], module.C().m, lambda f=module.f: f()
    ]  # fmt: skip
    assert [called(call) for call in kept] == [["f"], ["f"], ["f"], ["C.m"], ["f"]]
    later: Any = types.ModuleType("later")
    sys.modules["later"] = later
    try:
        later.f, later.TABLE = module.f, {"f": module.f}
        found.remove()
        assert later.f is later.TABLE["f"] is module.f
        assert type(module.f) is types.FunctionType
    finally:
        del sys.modules["later"]
    assert [called(call) for call in kept] == [[]] * len(kept)


def test_who_holds_what_can_only_be_replaced_is_told_if_it_can_not_be_changed(module: Any) -> None:
    """A tuple of another kind and a partial hold a cached function for good; tables are changed."""
    module.TABLE = {"g": module.g}
    module.HELD = (module.g, (module.g,))
    module.PART = functools.partial(module.g)
    with tracing.instrument("target:g") as found:
        assert called(module.TABLE["g"]) == ["g"]
        assert called(module.PART) == []
        assert "target:g" in found.wrapped
        assert "a functools.partial" in found.skipped["target:g"]
        assert "a tuple" in found.skipped["target:g"]
        assert "a dict" not in found.skipped["target:g"]
    assert module.TABLE["g"] is module.g is module.HELD[0]


TUPLES = """
import target
PAIR = PAIRS = (target.f, 1)
TABLE = {"f": (target.f, target.g)}
class C:
    FORMS = (target.f, target.g)
"""


def test_a_tuple_in_a_module_or_a_table_is_exchanged(module: Any, modules: Any) -> None:
    """Two instrumentations take turns; each tuple is put back itself, wherever it lies."""
    two = modules(two="import one\nfrom one import PAIR", one=TUPLES)
    one = two.one

    def held() -> list[Any]:
        return [one.PAIR, one.PAIRS, two.PAIR, one.TABLE["f"], one.C.FORMS]

    def functions() -> set[Any]:
        return {id(each) for each in sum(held(), ()) if callable(each)}

    before = [id(each) for each in held()]
    with tracing.instrument("target:f") as found:
        with tracing.instrument("target:g") as other:
            assert functions() == {id(module.f), id(module.g)}
            assert called(one.TABLE["f"][1]) == ["g"]
            assert one.PAIR is one.PAIRS is two.PAIR
            assert found.skipped == other.skipped == {}
        assert called(one.TABLE["f"][0]) == ["f"]
        assert called(one.TABLE["f"][1]) == []
    assert [id(each) for each in held()] == before


def test_dicts_and_lists_of_classes_of_their_own_are_tables(module: Any) -> None:
    """Those of the standard library, and those that can't be changed by their own methods."""

    class Frozen(dict):
        def __setitem__(self, key: Any, value: Any) -> None:
            raise TypeError("it is frozen")

        def values(self) -> Any:
            raise TypeError("it doesn't say")

    class Steps(list):
        def __iter__(self) -> Any:
            raise TypeError("it doesn't say")

    module.TABLES = Frozen(f=(module.f,))
    module.ORDERED = OrderedDict(f=module.f, g=None)
    module.STEPS = Steps([module.f])
    with tracing.instrument("target:f") as found:
        assert called(module.TABLES["f"][0]) == ["f"]
        assert called(module.ORDERED["f"]) == ["f"]
        assert called(module.STEPS[0]) == ["f"]
        assert found.skipped == {}
    assert module.TABLES["f"][0] is module.ORDERED["f"] is module.STEPS[0] is module.f


@pytest.mark.skipif(not HAS_GIL, reason="references are not counted exactly without the GIL")
def test_what_only_a_decorator_holds_is_not_searched_for(
    modules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In all modules, as that takes long; what something else holds as well is."""
    searched: list[Any] = []
    everywhere = Moves.carry_out_everywhere

    def search(moves: Moves, *known: Any) -> None:
        searched.append(moves)
        everywhere(moves, *known)

    monkeypatch.setattr(Moves, "carry_out_everywhere", search)
    other = modules(
        other="class C: pass",
        kept="""
        import functools
        def f(x=1): return x
        def repeated(of):
            @functools.wraps(of)
            def run(): return of(), of()
            return run
        twice = repeated(f)
        """,
    )
    kept = modules(again="import kept").kept
    with tracing.instrument("kept") as found:
        assert searched == []
        assert found.skipped == {"kept:f": "a closure, a dict holds the original too"}
    searched.clear()
    other.C.run = kept.f
    with tracing.instrument("kept"):
        assert len(searched) == 1
        assert called(other.C.run) == ["f"]


def test_types_may_refuse_to_be_compared_and_hashed(modules: Any) -> None:
    """Those of values in names, tables and classes, and those of holders."""
    asked = modules(
        asked="""
        class Meta(type):
            def __eq__(self, other): raise RuntimeError("compared")
            def __hash__(self): raise RuntimeError("hashed")
        class Odd(metaclass=Meta): pass
        def f(x=1): return x
        odd = Odd()
        TABLE = {"f": f, "odd": Odd()}
        class C:
            odd = Odd()
            def m(self): return 1
        odd.held = f
        """
    )
    for target in ("asked", "asked:public"):
        with tracing.instrument(target) as found:
            assert called(asked.TABLE["f"]) == ["f"]
            assert {"asked:f", "asked:C.m"} <= {*found.wrapped}
            assert {*found.skipped} <= {"asked:f", "asked:Meta.__hash__", "asked:Meta.__eq__"}


def test_a_tuple_in_a_list_is_left_alone(module: Any, modules: Any) -> None:
    """The list may be a queue, whose jobs are taken and added at any time."""
    one = modules(one="import target\nJOBS = [(target.f, 1), (target.g, 2)]")
    before = [id(job) for job in one.JOBS]
    with tracing.instrument("target:f") as found:
        assert [id(job) for job in one.JOBS] == before
        assert found.skipped == {"target:f": "a tuple holds the original too"}


@pytest.mark.skipif(not HAS_GIL, reason="references are not counted exactly without the GIL")
def test_a_tuple_that_the_program_drops_is_not_kept(module: Any, modules: Any) -> None:
    """Nor what lies in it beside the function."""

    class Payload:
        pass

    one = modules(one="import target\nTABLE = {}")
    one.TABLE["job"] = (module.f, Payload())
    with tracing.instrument("target:f"):
        payload = weakref.ref(one.TABLE.pop("job")[1])
    gc.collect()
    assert payload() is None


@pytest.mark.skipif(not HAS_GIL, reason="references are not counted exactly without the GIL")
def test_a_tuple_that_something_else_holds_as_well_is_told(module: Any, modules: Any) -> None:
    """Until it does no more."""
    holder = modules(holder="import target\nPAIR = (target.f, 1)\ndef run(of=PAIR): return of[0]()")
    with tracing.instrument("target:f") as found:
        assert found.skipped == {"target:f": "a tuple holds the original too"}
        assert called(holder.PAIR[0]) == ["f"]
        assert called(holder.run) == []
    holder.run.__defaults__ = None
    with tracing.instrument("target:f") as found:
        assert found.skipped == {}


def test_a_descriptor_in_two_classes_hides_no_other_reference(modules: Any) -> None:
    """It is one descriptor in both, as before, and the table of another module is found."""
    other = modules(
        other="import shapes\nTABLE = {'f': shapes.f}",
        shapes="""
        def f(x=1): return x
        class A: size = property(f)
        class B: length = vars(A)["size"]
        """,
    )
    one, before = other.shapes, id(vars(other.shapes.A)["size"])
    with tracing.instrument("shapes:f") as found:
        assert called(other.TABLE["f"]) == ["f"]
        assert vars(one.A)["size"] is vars(one.B)["length"]
        assert found.skipped == {}
    assert id(vars(one.A)["size"]) == id(vars(one.B)["length"]) == before


def test_objects_as_targets(module: Any) -> None:
    """A function, a class, a bound method, a method."""
    with tracing.instrument(module.f, module.C) as found:
        assert (called(module.f), called(module.C().m)) == (["f"], ["C.m"])
        assert called(module.outer) == ["f"]
        assert set(found.wrapped) == {"target:f", "target:C.m"}
    with tracing.instrument(module.C().m, module.g, print) as found:
        assert set(found.wrapped) == {"target:C.m", "target:g"}
        assert found.skipped["builtins:print"] == "enterspan needs it to record spans"
        assert called(module.C().m) == ["C.m"]
    assert called(module.f) == called(module.C().m) == []
    assert type(print).__name__ == "builtin_function_or_method"


def test_what_is_excluded_is_left_out(module: Any) -> None:
    """By a pattern, a list, an object, a class; and it is said by what."""
    for exclude in (
        "target:f",
        ["target:f"],
        module.f,
        ("target:g", module.f),
        "target.f",
        "target:[f]",
    ):
        with tracing.instrument("target", exclude=exclude) as found:
            assert "target:f" not in found.wrapped
            assert "target:C.m" in found.wrapped
            assert found.skipped["target:f"].startswith("excluded by")
    for exclude in (module.C, "target:C", "target:C.*"):
        with tracing.instrument("target", exclude=exclude) as found:
            assert "target:C.m" not in found.wrapped
            assert "target:f" in found.wrapped
    with tracing.instrument("target", exclude="target") as found:
        assert found.wrapped == ()


BAD = ["", " ", "a b", "1a", "a..b", ".a", "a.", "a:", ":b", "a:b:c", "a/b", "a.py:", "*", "*.*",
       "a()", "a:b..c", "a:1", "a:b c", "a:b[", "a:b-c", "shop cart"]  # fmt: skip


@pytest.mark.parametrize("target", BAD)
def test_a_pattern_that_can_not_be_read_is_refused_with_the_grammar(
    module: Any, target: str
) -> None:
    """And nothing is wrapped."""
    for arguments in ({"targets": ("target", target)}, {"targets": ("target",), "exclude": target}):
        with pytest.raises(ValueError, match=r"shop\.cart:total"):
            tracing.instrument(*arguments.pop("targets"), **arguments)
    assert called(module.f) == []


@pytest.mark.parametrize("target", [None, 1, b"shop", ["shop"], object()])
def test_what_is_no_target_is_refused_with_the_grammar(module: Any, target: Any) -> None:
    """And nothing is wrapped."""
    with pytest.raises(TypeError, match=r"shop\.cart:total"):
        tracing.instrument("target", target)
    assert called(module.f) == []
    with pytest.raises(TypeError):
        tracing.instrument()


@pytest.mark.parametrize(
    "options",
    [
        {"min_duration": -1},
        {"min_duration": "1"},
        {"capture_args": "x"},
        {"capture_return": 1},
        {"redact": "x"},
    ],
)
def test_options_that_make_no_sense_are_refused(module: Any, options: Any) -> None:
    """At once."""
    with pytest.raises((TypeError, ValueError)):
        tracing.instrument("target", **options)
    assert called(module.f) == []


def test_an_object_that_no_name_leads_to_is_refused() -> None:
    """It could not be replaced: a method of an instance, a function inside of another."""
    for thing in ([].append, lambda: None):
        with pytest.raises(ValueError, match="no name"):
            tracing.instrument(thing)


def test_threads_may_call_while_others_instrument_and_remove(module: Any) -> None:
    """Every call gives its result."""
    stop = threading.Event()
    wrong: list[Any] = []

    def work() -> None:
        while not stop.is_set():
            try:
                if (module.f(2), module.g(3), list(module.gen()), module.C().m()) != (
                    2,
                    3,
                    [1, 2],
                    1,
                ):
                    wrong.append("result")
            except BaseException as error:
                wrong.append(error)
            time.sleep(0.0005)  # let the others have the interpreter

    threads = [threading.Thread(target=work) for _ in range(3)]
    with capture():
        for thread in threads:
            thread.start()
        for _ in range(15):
            with tracing.instrument("target"), tracing.instrument("target:f"):
                pass
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert called(module.f) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_can_remove_what_its_parent_has_instrumented(script: Any) -> None:
    """And the parent's stays."""
    done = script(
        """
        import json, os
        from enterspan import tracing
        from enterspan.testing import capture
        found = tracing.instrument("json:*")
        def count():
            with capture() as trace:
                json.loads("1")
            return len(trace.spans)
        assert count() == 1
        pid = os.fork()
        if not pid:
            assert count() == 1
            found.remove()
            assert count() == 0
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        assert count() == 1
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not HAS_GIL, reason="functions are kept alive without the GIL (3.13)")
def test_nothing_is_kept_alive(module: Any) -> None:
    """Neither a function nor its wrapper, once it has been removed."""
    found = tracing.instrument("target")
    wrapper = weakref.ref(module.f)
    found.remove()
    seen = [wrapper, weakref.ref(module.f)]
    del module.f, found
    gc.collect()
    assert [ref() for ref in seen] == [None, None]


def test_with_nobody_listening_results_and_exceptions_are_as_before(module: Any) -> None:
    """As if it were not there."""
    with tracing.instrument("target"):
        assert module.f(4) == 4
        with pytest.raises(TypeError, match=r"f\(\) takes from 0 to 1"):
            module.f(1, 2, 3)


def test_importing_enterspan_brings_in_none_of_it(script: Any) -> None:
    """It is imported when `instrument` is first called."""
    done = script(
        """
        import sys
        import enterspan
        late = ("enterspan.instrument", "wrapt", "inspect")
        assert not [name for name in sys.modules if name.startswith(late)]
        """,
        measured=False,  # coverage brings in some of it
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_functions_may_be_instrumented_and_removed_many_times_while_they_run(
    module: Any,
) -> None:
    """Each call gives its result, each generator ends, and the code is what it was."""
    code = module.f.__code__
    stop = threading.Event()
    wrong: list[Any] = []

    def work() -> None:
        while not stop.is_set():
            if (module.f(2), list(module.gen()), module.C().m()) != (2, [1, 2], 1):
                wrong.append("result")  # an exception fails the test as well: see the thread's end
        wrong.append("ended")

    thread = threading.Thread(target=work)
    with capture():
        thread.start()
        for _ in range(50):
            tracing.instrument("target").remove()
        stop.set()
        thread.join()
    assert wrong == ["ended"]
    assert module.f.__code__ is code


@pytest.mark.parametrize("how", ["close", "throw", "collect"])
def test_a_suspended_generator_can_be_left_in_any_way(module: Any, how: str) -> None:
    """Closed, thrown into, or forgotten; recorded or not, also after removal."""
    for listening in (True, False):
        for removed in (True, False):
            with capture() if listening else nullcontext():
                found = tracing.instrument("target")
                body = module.gen()
                assert next(body) == 1
                if removed:
                    found.remove()
                if how == "close":
                    body.close()
                elif how == "throw":
                    with pytest.raises(KeyError):
                        body.throw(KeyError())
                del body
                gc.collect()
                found.remove()


def test_defaults_that_change_later_count(modules: Any) -> None:
    """Positional and keyword ones, and those that are taken away."""
    module = modules(given="def f(a, b=1, *, c=2): return a, b, c\n")
    with tracing.instrument("given"), capture():
        module.f.__defaults__ = (7, 8)
        module.f.__kwdefaults__["c"] = 9
        assert module.f() == (7, 8, 9)
        module.f.__kwdefaults__ = {"c": 3}
        assert module.f(1) == (1, 8, 3)
        module.f.__defaults__ = None
        with pytest.raises(TypeError):
            module.f(1)
    module.f.__kwdefaults__ = None
    assert module.f(1, 2, c=3) == (1, 2, 3)


def test_closures_and_class_cells_are_shared_with_the_body(modules: Any) -> None:
    """What the body sets, others see; `super()` and `__class__` work."""
    module = modules(
        cells="""
        def counter():
            n = 0
            def up():
                nonlocal n
                n += 1
                return n
            def now(): return n
            return up, now
        up, now = counter()
        class A:
            def who(self): return __class__.__name__
        class B(A):
            def who(self): return super().who() + __class__.__name__
        def fact(n): return n * fact(n - 1) if n else 1
        """
    )
    with tracing.instrument("cells", module.up, module.now), capture() as trace:
        assert (module.up(), module.up(), module.now()) == (1, 2, 2)
        assert module.B().who() == "AB"
        assert module.fact(3) == 6
    assert (module.up(), module.now()) == (3, 3)
    assert [span.name for span in trace.spans] == [
        "up", "up", "now", "A.who", "B.who", *["fact"] * 4,
    ]  # fmt: skip
