"""`enterspan run` runs a program as Python does: each one here is run both ways, and compared."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

POSIX = os.name == "posix"

PROBE = """
import json, re, sys, threading
def shown(value):
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
names = {name: shown(value) for name, value in list(globals().items())}
names.pop("shown")
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "names": names, "order": list(names),
    "is main": sys.modules["__main__"].__dict__ is globals(),
    "main thread": threading.current_thread() is threading.main_thread(),
    "hook": sys.excepthook is sys.__excepthook__,
}))
"""

PROGRAMS = {
    "prints": "print('hello')",
    "reads stdin": "print(input(), *open(0).read().split())",
    "exits with 0": "import sys; sys.exit(0)",
    "exits with None": "import sys; sys.exit()",
    "exits with 3": "import sys; sys.exit(3)",
    "exits with a bool": "import sys; sys.exit(True)",
    "exits with text": "import sys; sys.exit('that was it')",
    "exits with an object": "import sys; sys.exit([1, 2])",
    "exits hard": "import os; print('a', flush=True); os._exit(4)",
    "raises SystemExit with nothing": "raise SystemExit",
    "raises": """
        def inner():
            raise ValueError("no good")
        inner()
    """,
    "raises with a cause": """
        try:
            {}["x"]
        except KeyError as error:
            raise RuntimeError("no x") from error
    """,
    "raises a group of its own": """
        class Odd(BaseException):
            def __str__(self):
                return "odd"
        raise Odd
    """,
    "raises with a broken text": """
        class Broken(Exception):
            def __str__(self):
                1 / 0
        raise Broken
    """,
    "is no Python": "print('never')\nif x y:\n",
    "asserts": "assert 1 == 2, 'numbers'",
    "divides through a library": "import json; json.loads('{')",
    "fails to import": "import there_is_no_such_module",
    "has an excepthook": """
        import sys
        def hook(kind, error, tb):
            print("hook", kind, error, tb.tb_frame.f_code.co_name)
        sys.excepthook = hook
        1 / 0
    """,
    "prints its own traceback": """
        import sys, traceback
        def hook(kind, error, tb):
            traceback.print_exception(error)
            print(len(traceback.extract_tb(tb)), error.__traceback__ is tb)
            print(sys.excepthook is hook, sys.last_traceback is tb, sys.last_value is error)
        sys.excepthook = hook
        1 / 0
    """,
    "has exit handlers": """
        import atexit, threading
        atexit.register(print, "registered first, called last")
        atexit.register(lambda: print("main thread alive:", threading.main_thread().is_alive()))
        print("end of the program")
        1 / 0
    """,
    "has an exit handler that fails": "import atexit; atexit.register(lambda: 1 / 0)",
    "leaves a thread": """
        import threading, time
        def work():
            time.sleep(0.2)
            print("worked")
        threading.Thread(target=work).start()
        print("main is done")
    """,
    "leaves a daemon": """
        import threading, time
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    """,
    "leaves an executor": """
        import atexit
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2)
        pool.submit(lambda: print("in the pool"))
        atexit.register(print, "exit")
    """,
    "fails in a thread": """
        import threading
        threading.excepthook = lambda args: print("thread", args.exc_type)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    """,
    "pickles what it defines": """
        import pickle
        class Point:
            x = 1
        def double(n):
            return n * 2
        print(pickle.loads(pickle.dumps(Point())).__class__ is Point, pickle.dumps(double))
        print(pickle.loads(pickle.dumps(double)) is double)
    """,
    "has future imports": """
        x: there_is_no_such_name = 1
    """,
    "looks at its source": """
        import inspect
        def f():
            pass
        print(inspect.getsource(f), inspect.getmodule(f), inspect.stack()[0].function)
    """,
    "shows its stack": """
        import inspect, logging, sys, traceback
        logging.basicConfig(format="%(message)s", stream=sys.stdout)
        def caller(): inner()
        def inner():
            print([frame.function for frame in inspect.stack()])
            print([entry.name for entry in traceback.extract_stack()])
            print([frame.f_code.co_name for frame, _ in traceback.walk_stack(sys._getframe())])
            logging.warning("where", stack_info=True)
            traceback.print_stack(file=sys.stdout)
        caller()
    """,
    "leaves objects to the end": """
        class Open:
            def __del__(self): print("closed", self.name, used())
        def used(): return 1
        thing = Open()
        thing.name = used()
    """,
    "shows its command line": "import sys; print(sys.orig_argv[3:])",
    "starts itself anew, which becomes": """
        import os, sys
        if "AGAIN" not in os.environ:
            environ = {**os.environ, "AGAIN": "1"}
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environ)
        def work(): print("again", sys.argv)
        work()
    """,
    "looks at its main module": """
        import __main__
        value = 1
        print(__main__.value, __main__.__file__ == __file__, __name__)
    """,
    "forks": """
        import os, sys
        child = os.fork()
        if not child:
            print("child", flush=True)
            sys.exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """,
    "forks and fails in the child": """
        import os, sys
        child = os.fork()
        if not child:
            raise ValueError("in the child")
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """,
    "becomes another program": """
        import os, sys
        os.execv(sys.executable, [sys.executable, "-c", "print('another')"])
    """,
    "warns when it is compiled": """
        import sys
        if sys.flags.interactive is None:
            assert (1, "always true")
        text = "\\d"
        print(1 is 1, text)
    """,
    "recurses too deeply": """
        def down(n): return down(n + 1)
        try:
            down(0)
        except RecursionError as error:
            print(type(error))
    """,
    "looks at its functions": """
        import dis, inspect, types
        def price(cart: list, /, tax=1, *rest, rate: float = 2.0, **more) -> float:
            "What it costs."
            return 0.0
        print(inspect.signature(price), price.__doc__, price.__name__, price.__defaults__)
        print(isinstance(price, types.FunctionType), callable(price), price.__code__.co_name)
        print(price.__annotations__, price.__module__, price.__kwdefaults__, price == price)
        print(inspect.isfunction(price), price.__code__.co_firstlineno, bool(price.__globals__))
    """,
    "looks at its classes": """
        import abc, dataclasses, enum, functools
        class Shape(abc.ABC):
            __slots__ = ("side",)
            def __init__(self, side): self.side = side
            @property
            def area(self): "Squared."; return self.side ** 2
            @abc.abstractmethod
            def name(self): ...
            @classmethod
            def unit(cls): return cls(1)
            @staticmethod
            def two(): return 2
            @functools.cached_property
            def never(self): return 1
        class Square(Shape):
            def name(self): return "square" + str(super().area)
        print(Square.unit().name(), Square.two(), Shape.area.__doc__, sorted(vars(Square)))
        try:
            Shape(1)
        except TypeError as error:
            print(str(error)[:40])
        @dataclasses.dataclass(order=True)
        class Point:
            x: int
            def far(self): return Point(self.x + 1)
        print(Point(1).far(), Point(1) < Point(2), [f.name for f in dataclasses.fields(Point)])
        class Color(enum.Enum):
            RED = 1
            def dark(self): return self.name.lower()
        print(Color.RED.dark(), list(Color), Color(1))
    """,
    "decorates": """
        import contextlib, functools
        def twice(function):
            @functools.wraps(function)
            def inner(*args): return function(*args) * 2
            return inner
        @twice
        @functools.lru_cache(maxsize=8)
        def price(n): return n
        print(price(2), price(2), price.__wrapped__.cache_info().hits, price.__name__)
        @functools.singledispatch
        def show(value): return "any"
        @show.register
        def _(value: int): return "int"
        print(show(1), show("a"))
        @contextlib.contextmanager
        def block():
            yield 1
        with block() as one:
            print(one)
    """,
    "awaits": """
        import asyncio
        async def step(n):
            await asyncio.sleep(0)
            return n
        async def steps():
            for n in range(3):
                yield await step(n)
        async def main():
            print(await asyncio.gather(*[step(n) for n in range(3)]), [n async for n in steps()])
        asyncio.run(main())
    """,
    "generates": """
        def numbers():
            try:
                got = yield 1
                print("got", got)
                yield from [2, 3]
            finally:
                print("closed")
        found = numbers()
        print(next(found), found.send("x"), found.close(), list(numbers()))
    """,
    "tests itself": """
        import doctest, unittest
        def double(n):
            \"\"\"Double.

            >>> double(2)
            4
            \"\"\"
            return n * 2
        class T(unittest.TestCase):
            def test_double(self): self.assertEqual(double(2), 4)
        print(doctest.testmod())
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(T).run(result)
        print(result)
        print(unittest.defaultTestLoader.loadTestsFromTestCase(T).countTestCases())
    """,
    "mocks what it defines": """
        import sys
        from unittest import mock
        def price(): return 1
        def total(): return price() + 1
        with mock.patch(f"{__name__}.price", return_value=10):
            print(total())
        with mock.patch.object(sys.modules[__name__], "price", autospec=True) as fake:
            fake.return_value = 5
            print(total())
        print(total())
    """,
    "copies and compares what it defines": """
        import copy, weakref
        def f(): pass
        class C:
            def m(self): pass
        c = C()
        print(copy.copy(f) is f, copy.deepcopy(f) is f, weakref.ref(f)() is f, f in {f}, c.m == c.m)
        print(C.m.__qualname__, c.m.__func__ is C.m, hash(f) == hash(f))
    """,
    "looks at its callers": """
        import inspect, logging, sys, warnings
        logging.basicConfig(format="%(funcName)s %(lineno)d %(message)s", stream=sys.stdout)
        def name(): return sys._getframe(1).f_code.co_name
        def caller(): return name(), [frame.function for frame in inspect.stack()][:2]
        def log(): logging.warning("hello")
        print(caller())
        log()
        def old(): warnings.warn("old", UserWarning, stacklevel=2)
        def user(): old()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            user()
        print(seen[0].lineno)
    """,
    "is interrupted": "raise KeyboardInterrupt",
    "kills itself": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "handles a signal": """
        import os, signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
        os.kill(os.getpid(), signal.SIGTERM)
    """,
}
if sys.version_info >= (3, 11):
    PROGRAMS["raises an exception group"] = "raise ExceptionGroup('two', [OSError(1), OSError()])"

PARALLEL = """
import multiprocessing, sys

def double(n):
    return 2 * n

class Point:
    def __init__(self, x):
        self.x = x
    def __eq__(self, other):
        return self.x == other.x

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        print(pool.map(double, range(5)), pool.apply(Point, (3,)) == Point(3))
    process = context.Process(target=sys.exit, args=(9,))
    process.start()
    process.join()
    print(process.exitcode, multiprocessing.active_children())
"""


def python(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def both(
    cwd: Path, *program: str, stdin: str = "", quiet: bool = True
) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    """Run a program without us and with us."""
    options = ["--quiet"] if quiet else []
    return (
        python(*program, cwd=cwd, stdin=stdin),
        python("-m", "enterspan", "run", *options, *program, cwd=cwd, stdin=stdin),
    )


def said(result: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return result.returncode, result.stdout, without_addresses(result.stderr)


def without_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def needs_posix(name: str) -> bool:
    return not POSIX and any(word in name for word in ("fork", "signal", "kill", "becomes"))


@pytest.mark.parametrize("name", [name for name in PROGRAMS if not needs_posix(name)])
def test_a_program_says_the_same_and_exits_the_same(name, tmp_path):
    """stdout, stderr with its tracebacks, and the exit status are Python's own."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAMS[name]))
    plain, traced = both(tmp_path, "program.py", stdin="one\ntwo three\n")
    assert said(traced) == said(plain)


@pytest.mark.parametrize("name", ["prints", "has exit handlers", "awaits", "raises"])
def test_development_mode_has_nothing_to_report(name, tmp_path):
    """`-X dev -W error`: no warning of ours, no file left open."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAMS[name]))
    plain = python("-X", "dev", "program.py", cwd=tmp_path)
    traced = python("-X", "dev", "-m", "enterspan", "run", "--quiet", "program.py", cwd=tmp_path)
    assert said(traced) == said(plain)


TERMINAL = """
import json, os, sys
def look():
    return [os.isatty(fd) for fd in range(3)], os.get_terminal_size().columns
print(json.dumps(look()), input("name? "))
"""


@pytest.mark.skipif(not POSIX, reason="terminals")
def test_a_terminal_is_one_for_the_program(tmp_path):
    """It may ask, and is answered."""
    import pty

    (tmp_path / "program.py").write_text(TERMINAL)
    shown = []
    for start in ([], ["-m", "enterspan", "run", "--quiet"]):
        main, other = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, *start, "program.py"],
            cwd=tmp_path, stdin=other, stdout=other, stderr=other,
        )  # fmt: skip
        os.close(other)
        os.write(main, b"ann\n")
        assert process.wait(60) == 0
        text = b""
        while True:
            try:
                text += os.read(main, 4096)
            except OSError:  # Linux says so at the end
                break
            if b"]] ann" in text or b"] ann" in text:
                break
        os.close(main)
        shown.append(text.replace(b"\r", b"").split(b"[[")[-1])
    assert shown[0] == shown[1]


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("name", [name for name in PROGRAMS if not needs_posix(name)])
def test_the_live_tree_leaves_stdout_and_the_exit_status_alone(name, tmp_path):
    """With the console tail on, only stderr has more in it, and all that was there before."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAMS[name]))
    if sys.version_info < (3, 11) and name == "raises":
        pytest.skip("a traceback can't be changed there: it shows a frame of ours")
    plain, traced = both(tmp_path, "program.py", stdin="one\ntwo three\n", quiet=False)
    assert (traced.returncode, traced.stdout) == (plain.returncode, plain.stdout)
    assert without_addresses(plain.stderr) in without_addresses(traced.stderr)


@pytest.mark.parametrize("module", ["program", "package", "package.part"])
@pytest.mark.parametrize("text", ["raise ValueError('bad')", "if x y:", "import sys; sys.exit(3)"])
def test_a_module_fails_the_same_save_for_the_frames_of_runpy(module, text, tmp_path):
    """`-m` shows the frames of the program; those of the machinery around it are left out."""
    for file in ("program.py", "package/__main__.py", "package/part.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    plain, traced = both(tmp_path, "-m", module)
    assert (traced.returncode, traced.stdout) == (plain.returncode, plain.stdout)
    lines = plain.stderr.splitlines()
    inner = [i for i, line in enumerate(lines) if "package" in line or "program" in line]
    if inner and "Traceback" in lines[0] and "ValueError" in text:
        lines[1 : inner[0]] = []
    elif inner:
        lines[: inner[0]] = []
    assert traced.stderr.splitlines() == lines


def test_a_package_that_fails_to_import_shows_its_own_frames(tmp_path):
    """What goes wrong in the package around the module is the program's failure, exit code 1."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("1 / 0\n")
    (tmp_path / "package" / "__main__.py").write_text("")
    result = both(tmp_path, "-m", "package")[1]
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert "__init__.py" in result.stderr.splitlines()[1]
    assert result.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


LAYOUT = (
    "probe.py",
    "folder/__main__.py",
    "lib/probe.py",
    "package/__main__.py",
    "package/part.py",
)
FORMS = {
    "a file": ["probe.py"],
    "a file from here": ["./probe.py"],
    "a file from above": ["../here/probe.py"],
    "a file elsewhere": ["lib/probe.py"],
    "a symbolic link": ["link.py"],
    "a folder": ["folder"],
    "a folder with a slash": ["./folder/"],
    "an archive": ["archive.zip"],
    "a module": ["-m", "probe"],
    "a module in one word": ["-mprobe"],
    "a package": ["-m", "package"],
    "a module of a package": ["-m", "package.part"],
}


@pytest.fixture
def here(tmp_path):
    """A folder with one program in every form that Python runs."""
    here = tmp_path / "here"
    for name in LAYOUT:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(PROBE)
    with zipfile.ZipFile(here / "archive.zip", "w") as archive:
        archive.write(here / "probe.py", "__main__.py")
    (here / "link.py").symlink_to(here / "lib" / "probe.py")
    return here


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("command", ["python -m enterspan", "enterspan"])
def test_every_form_sees_the_same_arguments_path_and_main_module(form, command, here):
    """sys.argv, sys.path, and each name in `__main__` are what they are without us."""
    script = here / "bin" / "enterspan"
    script.parent.mkdir()
    script.write_text("import sys\nfrom enterspan.cli import main\nsys.exit(main())\n")
    start = ["-m", "enterspan"] if command.startswith("python") else [str(script)]
    program = [*FORMS[form], "--quiet", "-x", "--", "last"]
    plain = python(*program, cwd=here)
    traced = python(*start, "run", "--quiet", *program, cwd=here)
    assert (traced.returncode, traced.stderr) == (0, "")
    assert json.loads(traced.stdout) == json.loads(plain.stdout)


@pytest.mark.parametrize("form", ["a file", "a folder", "a module"])
@pytest.mark.skipif(sys.version_info < (3, 11), reason="-P came with Python 3.11")
def test_a_safe_path_stays_safe(form, here):
    """With -P, nothing is put in front of the search path that Python would not put there."""
    environ = {**os.environ, "PYTHONPATH": f"{here}/lib:{os.environ.get('PYTHONPATH', '')}"}

    def probe(*command: str) -> object:
        run = subprocess.run(
            [sys.executable, "-P", *command], cwd=here, env=environ, stdout=-1, check=True
        )
        return json.loads(run.stdout)

    program = FORMS[form]
    assert probe("-m", "enterspan", "run", "--quiet", *program) == probe(*program)


def test_a_compiled_file_runs(here):
    """Python runs a .pyc; so do we."""
    python("-m", "compileall", "-b", "-q", "probe.py", cwd=here)
    plain, traced = both(here, "probe.pyc")
    assert said(traced) == said(plain)
    assert traced.returncode == 0


@pytest.mark.parametrize(
    "method", ["spawn", *(["fork", "forkserver"] if sys.platform == "linux" else [])]
)
@pytest.mark.parametrize("form", ["program.py", "-m program"])
def test_multiprocessing_finds_what_the_program_defines(method, form, tmp_path):
    """Children get functions and classes of `__main__`, however they are started."""
    (tmp_path / "program.py").write_text(PARALLEL)
    command = [*form.split(), method]
    plain = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    traced = subprocess.run(
        [sys.executable, "-m", "enterspan", "run", "--quiet", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert plain.stdout == "[0, 2, 4, 6, 8] True\n9 []\n"
    assert said(traced) == said(plain)


def test_multiprocessing_may_have_been_imported_before(tmp_path):
    """It remembers what was `__main__` then; the children's answers speak of the program's."""
    (tmp_path / "program.py").write_text(PARALLEL)
    (tmp_path / "sitecustomize.py").write_text("import multiprocessing")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-m", "enterspan", "run", "--quiet", "program.py", "spawn"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (result.stdout, result.stderr) == ("[0, 2, 4, 6, 8] True\n9 []\n", "")


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """Start a program and wait for its first line."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


SLEEPER = """
import time
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not POSIX, reason="signals")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_signal_ends_the_program_as_without_us(number, tmp_path):
    """The process dies of the signal itself, with Python's own words, if any."""
    (tmp_path / "program.py").write_text(SLEEPER)
    ends = []
    for command in (["program.py"], ["-m", "enterspan", "run", "--quiet", "program.py"]):
        process = start(*command, cwd=tmp_path)
        time.sleep(0.2)
        process.send_signal(getattr(signal, number))
        ends.append((*process.communicate(timeout=30), process.returncode))
    assert ends[1] == ends[0]
    assert ends[1][2] == -getattr(signal, number)


@pytest.mark.skipif(not POSIX, reason="signals")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_what_was_traced_before_a_signal_has_been_written(number, tmp_path):
    """Console and file have every line up to the last moment."""
    text = f"from enterspan import tracing\nwith tracing.span('napping'):{SLEEPER}"
    lines = text.split("\n")
    (tmp_path / "program.py").write_text("\n".join([*lines[:2], *["  " + x for x in lines[2:]]]))
    process = start("-m", "enterspan", "run", "--output", "t.jsonl", "program.py", cwd=tmp_path)
    process.send_signal(getattr(signal, number))
    _, shown = process.communicate(timeout=30)
    written = [json.loads(x)["event"] for x in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [(event["type"], event["name"]) for event in written] == [
        ("onset", "program.py"),
        ("spanOpen", "napping"),
    ]
    assert [line.split()[-1] for line in shown.splitlines()] == ["program.py", "napping"]


@pytest.mark.skipif(not POSIX, reason="pipes")
def test_a_reader_that_leaves_is_the_programs_affair(tmp_path):
    """A broken stdout ends in what Python makes of it."""
    (tmp_path / "program.py").write_text("for i in range(100_000): print(i)")
    ends = []
    for command in (["program.py"], ["-m", "enterspan", "run", "--quiet", "program.py"]):
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        shown = process.stderr.read()
        process.stderr.close()
        ends.append((shown, process.wait(30)))
    assert ends[1] == ends[0]
    assert "BrokenPipeError" in ends[1][0]
