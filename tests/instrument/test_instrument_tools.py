"""Debuggers, profilers, compilers and picklers see the function that they saw before."""

from __future__ import annotations

import io
import os
import pdb  # noqa: T100 - it is what is tried
import pickle
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import pytest

from enterspan import tracing
from enterspan.testing import capture

SOURCE = """
def price(amount):
    total = amount + 1
    return total * 2

class Cart:
    def add(self, item):
        items = [item, item]
        return len(items)
"""


@pytest.fixture
def tools(modules: Any) -> Any:
    return modules(tools=SOURCE)


def debugged(module: Any, commands: str, instrumented: bool) -> list[str]:
    """What pdb prints of the program's own while it runs both functions."""
    output = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO(commands), stdout=output, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    scope = {"tools": module}
    before = sys.gettrace()  # pdb takes it off for good, and coverage would see no more
    try:
        with ExitStack() as stack:
            if instrumented:
                stack.enter_context(tracing.instrument("tools"))
                stack.enter_context(capture())
            debugger.run("tools.price(3); tools.Cart().add('tea')", scope, scope)
    finally:
        sys.settrace(before)
    lines = [line.replace("(Pdb) ", "") for line in output.getvalue().splitlines()]
    return [
        line
        for line in lines
        if line.startswith(("('", "->", "***", "> ")) and "string" not in line
    ]


@pytest.mark.parametrize(
    "commands",
    [
        "b tools.price\nc\np ('amount', amount)\nn\np ('total', total)\nn\nc\n",
        "b tools.Cart.add\nc\np ('item', item)\nn\np ('items', items)\nc\n",
        "b tools:4\nc\np ('total', total)\nr\nc\n",
        "b tools:9\nc\np ('items', items)\na\nw\nc\n",
    ],
)
def test_a_breakpoint_stops_in_the_body(tools: Any, commands: str) -> None:
    """With the function's arguments and locals, and `next` goes from line to line."""
    plain = debugged(tools, commands, False)
    seen = debugged(tools, commands, True)
    assert any(line.startswith("('") for line in plain)
    frames = "frame_bootstrap", "result = wrapped(*args, **kwargs)"
    assert [line for line in seen if not any(part in line for part in frames)] == plain


def test_line_profiler_times_the_lines_of_the_body(tools: Any) -> None:
    line_profiler = pytest.importorskip("line_profiler", reason="line_profiler is not installed")
    hits: list[Any] = []
    for instrumented in (False, True):
        profiler = line_profiler.LineProfiler()
        with tracing.instrument("tools" if instrumented else "nowhere"), capture():
            profiler.add_function(tools.price)
            profiler.enable_by_count()
            tools.price(3)
            profiler.disable_by_count()
        timings = profiler.get_stats().timings
        hits.append({key: [line[:2] for line in rows] for key, rows in timings.items()})
    assert hits[0] == hits[1]
    assert [line[1] for rows in hits[1].values() for line in rows] == [1, 1]


def test_numba_compiles_an_instrumented_function(tools: Any) -> None:
    numba = pytest.importorskip("numba", reason="numba is not installed")
    with tracing.instrument("tools"), capture() as trace:
        assert numba.njit(tools.price)(3) == 8
    assert trace.spans == []


ELSEWHERE = """
import pickle, sys
assert not any(name.startswith(("enterspan", "wrapt", "tools")) for name in sys.modules)
sys.meta_path.insert(0, type("Refuses", (), {"find_spec": staticmethod(
    lambda name, *_: (_ for _ in ()).throw(ImportError(name))
    if name.partition(".")[0] in ("enterspan", "wrapt", "tools") else None)}))
with open(sys.argv[1], "rb") as file:
    price, add, bound, caller = pickle.load(file)
cart = type("Cart", (), {})()
print(type(price).__name__, price(3), add(cart, 1), bound("tea"), caller(3))
"""


def test_functions_pickled_by_value_are_plain_where_they_arrive(
    modules: Any, tmp_path: Any
) -> None:
    """With cloudpickle, and without enterspan there; so are functions that they call."""
    cloudpickle = pytest.importorskip("cloudpickle", reason="cloudpickle is not installed")
    module = modules(tools=SOURCE + "\ndef caller(amount): return price(amount) + 1\n")
    cloudpickle.register_pickle_by_value(module)
    file = tmp_path / "functions"
    try:
        with tracing.instrument("tools"), capture():
            things = module.price, module.Cart.add, module.Cart().add, module.caller
            file.write_bytes(cloudpickle.dumps(things))
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(file)],
        env={key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("function 8 2 2 9\n", "")


def test_bound_methods_are_methods(tools: Any) -> None:
    """To inspect, to pickle and to copy; each access from the class gives the same function."""
    with tracing.instrument("tools"), capture() as trace:
        cart = tools.Cart()
        assert tools.Cart.add is tools.Cart.add
        assert cart.add == cart.add
        assert cart.add.__self__ is cart
        assert pickle.loads(pickle.dumps(cart.add))("tea") == 2
        assert pickle.loads(pickle.dumps(tools.Cart.add)) is tools.Cart.add
    assert [span.name for span in trace.spans] == ["Cart.add"]


TRACER = """
import sys, threading

class Tracer:
    def __init__(self): self.lock = threading.Lock()
    def start(self):
        with self.lock:
            sys.settrace(self.called)
            self.called
            sys.settrace(None)
    def called(self, frame, event, arg):
        with self.lock:
            return None
    def stop(self): pass

class Monitor:
    def start(self): sys.monitoring.use_tool_id(2, "shop")
    def called(self, *_): return None

class Job:
    def run(self): return None
    def debug(self): threading.setprofile(print)

class Hooks:
    def call(self, frame, event, arg): return None
    def on_close(self, frame, event): return None

def callback(frame, event, arg, *, depth=0): return callback
def other(value): return Tracer()
"""


def test_what_traces_calls_itself_is_left_alone(modules: Any) -> None:
    """A wrapper's frames would be calls, too: a lock that is held meanwhile would block forever."""
    module = modules(tracer=TRACER)
    with tracing.instrument("tracer") as made, capture():
        assert made.wrapped == ("tracer:Job.run", "tracer:Hooks.on_close", "tracer:other")
        assert {*made.skipped.values()} == {"it traces calls itself"}
        module.other(1).start()
