"""`--auto`: a program's own functions are seen, and how much of them."""

from __future__ import annotations

import sys
import textwrap

import pytest

from enterspan import Tracing
from enterspan._forms.options import Options
from enterspan._run.adaptive import AdaptiveWrapping, Policy
from enterspan._run.auto import OwnCode, cut_pieces, uses_us

APP = """
    import json, sys
    from store import cart
    def main():
        print(json.dumps({"total": cart.total([1, 2, 3])}))
        return 3
    if __name__ == "__main__":
        sys.exit(main())
"""
CART = """
    import textwrap
    def price(item):
        return item * 2
    def total(items):
        textwrap.dedent("  x")
        return sum([price(item) for item in items])
"""


def test_a_program_shows_its_own_functions_and_no_others(folder_of):
    """The script's and those of the packages beside it; not the standard library's."""
    folder = folder_of(app=APP, store__cart=CART, store____init__="")
    done = folder.run("app.py")
    assert (done.returncode, done.stdout) == (3, '{"total": 12}\n')
    assert folder.opened == ["app.py", "main", "total", "price", "price", "price"]
    assert "total" in done.stderr
    assert folder.said(done) == [
        "enterspan: --auto traced 3 functions: 6 spans (less: --exclude PATTERN, --no-auto)"
    ]


@pytest.mark.parametrize("form", [["-m", "app"], ["./app.py"], ["-c", "import app; app.main()"]])
def test_every_form_of_a_program_shows_them(form, folder_of):
    """A module, a path, a text."""
    folder = folder_of(app=APP, store__cart=CART, store____init__="")
    folder.run(*form)
    assert folder.opened[1:] == ["main", "total", "price", "price", "price"]


LOADS = """
    import importlib.util
    def load(name):
        spec = importlib.util.spec_from_file_location(name, name + ".py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(type(module.__loader__), module.__spec__.loader is module.__loader__)
        return module
    load("tasks").build()
"""
TASKS = """
    def register(function):
        return function
    @register
    def build(): Steps().one()
    class Steps:
        def one(self): pass
"""


@pytest.mark.parametrize("options", [[], ["--instrument", "tasks", "--instrument", "app:load"]])
def test_a_module_that_the_program_loads_by_its_path_is_seen(options, folder_of):
    """As nox, invoke or alembic load the files of their users; the module sees its own loader."""
    folder = folder_of(app=LOADS, tasks=TASKS)
    done = folder.run(*options, "app.py")
    assert (done.returncode, done.stdout) == (0, folder.python("app.py").stdout)
    assert folder.opened[:2] == ["app.py", "load"]
    assert folder.opened[-2:] == ["build", "Steps.one"]


def test_a_module_that_is_loaded_by_its_path_and_traces_itself_is_left_alone(folder_of):
    """As one that is imported."""
    folder = folder_of(
        app=LOADS,
        tasks="""
            from enterspan import tracing
            def helper(): pass
            def build():
                helper()
                with tracing.span("own"): pass
        """,
    )
    folder.run("app.py")
    assert folder.opened == ["app.py", "load", "own"]


def test_a_module_of_the_standard_library_is_no_code_of_the_user(folder_of):
    """When it is run, its functions are drawn as those of an installed program."""
    folder = folder_of(
        cart="""
            def price(n):
                '''
                >>> price(2)
                4
                '''
                return n * 2
        """
    )
    done = folder.run("-m", "doctest", "-v", "cart.py")
    assert (done.returncode, "1 passed" in done.stdout) == (0, True)
    live = done.stderr.split("ok  self")[0]
    assert "price" in live
    assert "register_optionflag" not in live


def test_a_function_of_the_standard_library_is_no_code_of_the_user_wherever_it_is():
    """As a finder of the import system in a class of an installed program."""
    tracer = Tracing("shares")._tracer
    policy = Policy(tracer, None)
    wrapping = AdaptiveWrapping(tracer, Options(), policy, {"shop"})
    wrapping.wrap(textwrap.dedent, "dedent", "")
    wrapping.wrap(uses_us, "uses_us", "")
    assert policy.shares == {"dedent": policy.installed, "uses_us": policy.own}


def test_without_auto_there_is_the_program_alone(folder_of):
    """And nothing is said."""
    folder = folder_of(app=APP, store__cart=CART, store____init__="")
    done = folder.run("--no-auto", "app.py")
    assert folder.opened == ["app.py"]
    assert folder.said(done) == []


def test_a_pattern_takes_the_place_of_auto_unless_both_are_asked_for(folder_of):
    """Who names something wants to see that."""
    folder = folder_of(app=APP, store__cart=CART, store____init__="")
    folder.run("--instrument", "store.cart:total", "app.py")
    assert folder.opened == ["app.py", "total"]
    folder.run("--auto", "--instrument", "store.cart:total", "app.py")
    assert folder.opened == ["app.py", "main", "total", "price", "price", "price"]


def test_exclude_leaves_out_of_it(folder_of):
    """By the same patterns."""
    folder = folder_of(app=APP, store__cart=CART, store____init__="")
    folder.run("--exclude", "store.cart:price", "app.py")
    assert folder.opened == ["app.py", "main", "total"]


USES = {
    "the script": {"app": "from enterspan import traced\ndef f(): pass\nf()"},
    "a module": {"app": "import shop\ndef f(): pass\nf()", "shop": "import enterspan as e"},
}


@pytest.mark.parametrize("where", USES)
def test_a_program_that_traces_itself_is_left_alone(where, folder_of):
    """Unless it is asked for."""
    folder = folder_of(**USES[where])
    done = folder.run("app.py")
    assert folder.opened == ["app.py"]
    assert folder.said(done) == []
    folder.run("--auto", "app.py")
    assert folder.opened == ["app.py", "f"]


@pytest.mark.parametrize(
    "source, uses",
    [
        (b"import enterspan", True),
        (b"import os, enterspan.testing as t", True),
        (b"def f():\n    from enterspan import traced", True),
        (b"from .enterspan import x", False),
        (b"# enterspan\nimport enterspanner", False),
        (b"enterspan = ", False),
        (None, False),
    ],
)
def test_what_imports_enterspan_is_known_by_its_source(source, uses):
    """Wherever the import stands."""
    assert uses_us(source) is uses


def test_what_is_registered_as_it_is_defined_is_seen(folder_of):
    """Routes, commands and tables hold a function before its module has been executed."""
    folder = folder_of(
        app="import shop\nfor view in shop.routes: view()\nprint(shop.table[0]())",
        shop="""
            import functools
            routes = []
            def kept(function):
                @functools.wraps(function)
                def inner(): return function()
                return inner
            def route(function):
                routes.append(function)
                return function
            @route
            def index(): return price()
            def price(): return 1
            table = (price,)
            @kept
            def cart(): return 2
            routes.append(cart)
        """,
    )
    done = folder.run("app.py")
    assert done.stdout == "1\n"
    assert folder.opened == ["app.py", "route", "kept", "index", "price", "cart", "price"]


def test_a_failed_import_shows_the_frames_of_the_program_alone(folder_of):
    """None of ours, and none of the import system."""
    folder = folder_of(app="import shop", shop="def f():\n    raise ValueError('no')\nf()")
    plain = folder.python("app.py")
    done = folder.run("--quiet", "app.py")
    if sys.version_info >= (3, 11):
        assert done.stderr == plain.stderr
    assert done.stderr.splitlines()[-1] == "ValueError: no"


def test_what_is_called_often_and_shortly_is_cut_and_counted(folder_of):
    """With its calls, all of them, and how to see more."""
    folder = folder_of(
        app="""
            def tiny(n): return n
            def main(): return sum([tiny(n) for n in range(12_345)])
            print(main())
        """
    )
    done = folder.run("app.py")
    assert done.stdout == "76193340\n"
    assert 20 <= folder.opened.count("tiny") <= 110
    line = folder.said(done)[-1]
    assert "not recorded: tiny \N{MULTIPLICATION SIGN}12,345, " in line
    assert "--instrument PATTERN" in line
    assert "--exclude PATTERN" in line


def test_a_deep_recursion_ends_as_without_us(folder_of):
    """A function that calls itself deeply is put back: a wrapper would take its stack."""
    folder = folder_of(
        app="""
            import sys
            sys.setrecursionlimit(30_000)
            def down(n): return n and down(n - 1)
            class Node:
                def walk(self, n): return n and self.walk(n - 1)
            print(down(20_000), Node().walk(20_000))
        """
    )
    done = folder.run("app.py")
    assert (done.returncode, done.stdout) == (0, "0 0\n")
    assert folder.opened.count("down") <= 20
    assert "+, " in folder.said(done)[-1]


@pytest.mark.parametrize("options", [("--quiet",), ("--max-spans", "5")])
def test_a_recursion_that_nothing_records_ends_as_without_us(folder_of, options):
    """There is no wrapper, or none any more, where nothing is written or the bound is reached."""
    folder = folder_of(
        app="""
            def f(): pass
            for _ in range(10): f()
            def down(n): return n and down(n - 1)
            print(down(900))
        """
    )
    done = folder.python("-m", "enterspan", "run", *options, "app.py")
    assert (done.returncode, done.stdout) == (0, "0\n")


def test_a_failure_that_the_caller_handles_is_no_reason_to_be_shown(folder_of):
    """With a duration to reach; one that goes further is shown where it arrives."""
    folder = folder_of(
        app="""
            def find(name): raise KeyError(name)
            def handled():
                try: find("a")
                except KeyError: return 1
            def passed(): find("b")
            handled()
            try: passed()
            except KeyError: pass
        """
    )
    folder.run("--min-duration", "10s", "app.py")
    assert folder.opened == ["app.py", "passed"]
    failures = [e["event"] for e in folder.events if e["event"]["type"] == "exception"]
    assert [failure["name"] for failure in failures] == ["KeyError"]
    folder.run("--min-duration", "0", "app.py")
    assert folder.opened == ["app.py", "handled", "find", "passed", "find"]


def test_an_exception_that_ends_the_program_is_in_the_trace(folder_of):
    """However short the functions were that it left."""
    folder = folder_of(app="def f(): g()\ndef g(): raise ValueError('no')\nf()\n")
    folder.run("--min-duration", "10s", "app.py")
    failures = [e["event"] for e in folder.events if e["event"]["type"] == "exception"]
    assert [failure["message"] for failure in failures] == ["no"]


def test_generators_are_left_alone_unless_they_are_named(folder_of):
    """Each of their steps would cost."""
    folder = folder_of(
        app="def steps():\n    yield 1\ndef main():\n    return list(steps())\nmain()"
    )
    folder.run("app.py")
    assert folder.opened == ["app.py", "main"]
    folder.run("--instrument", "app", "app.py")
    assert folder.opened == ["app.py", "main", "steps"]


def test_arguments_and_results_can_be_captured(folder_of):
    """And left out by name."""
    folder = folder_of(app="def login(user, password): return user\nlogin('ann', password='x')")
    folder.run("--capture-args", "all", "--capture-return", "--redact", "password", "app.py")
    [given] = [e["event"]["info"] for e in folder.events if e["event"]["type"] == "attributes"]
    values = {each["name"]: each["value"] for each in given}
    assert values == {"user": "ann", "password": "[redacted]", "return": "ann"}


@pytest.mark.parametrize(
    "path, is_own",
    [
        ("/home/ann/shop/cart.py", True),
        ("/home/ann/shop/.venv/lib/python3.12/site-packages/shop/cart.py", False),
        ("/usr/lib/python3/dist-packages/shop.py", False),
        ("/home/ann/site-packages/tool/__init__.py", True),
        (sys.modules["os"].__file__, False),
        (None, False),
        ("built-in", False),
    ],
)
def test_a_module_is_the_programs_own_by_where_it_lies(path, is_own):
    """Neither with Python nor where pip installs, unless it came with the program."""
    assert OwnCode(["tool"]).lies_in("tool" if "tool" in str(path) else "shop", path) is is_own


def test_the_functions_that_were_cut_are_told_by_the_number_of_their_calls():
    """Those of several processes together; a count that is not known to its end has a plus."""
    found = [("a", 5, 200, True), ("b", 1000, 3_000_000, True), ("a", 7, 5_000, True),
             ("c", 20, 1, False), ("d", 1, 1, True)]  # fmt: skip
    times = "\N{MULTIPLICATION SIGN}"
    assert cut_pieces(found) == (
        f"b {times}1,000, 3.00 ms each; c {times}20+, under 1.00 µs each;"
        f" a {times}12, 5.00 µs each; 1 more"
    )


def test_what_is_said_at_the_end_is_shown_with_the_tree(folder_of):
    """On the standard error of the run, whatever the program has made of `sys.stderr`."""
    folder = folder_of(app="import io, sys\ndef f(): pass\nf()\nsys.stderr = io.StringIO()")
    assert len(folder.said(folder.run("app.py"))) == 1


def test_what_is_said_at_the_end_is_not_recorded(folder_of):
    """A program that writes its standard error itself is not traced doing that for us."""
    tee = """
        import sys
        class Tee:
            def write(self, text):
                return sys.__stderr__.write(text)
            def flush(self):
                sys.__stderr__.flush()
        sys.stderr = Tee()
        print("hello", file=sys.stderr)
    """
    folder = folder_of(app=tee)
    done = folder.run("--min-duration", "0", "app.py")
    assert done.stderr.splitlines()[-1] == folder.said(done)[-1]
    assert set(folder.opened) == {"app.py", "Tee.write"}


def test_a_loader_of_the_program_stays_what_it_is(folder_of):
    """With a spec without a name, copied, or called by the program itself."""
    folder = folder_of(
        app="""
        import copy
        import importlib.util
        import types
        from importlib.machinery import ModuleSpec, SourceFileLoader

        class Nameless:
            def create_module(self, spec): return types.ModuleType("nameless")
            def exec_module(self, module): pass

        importlib.util.module_from_spec(ModuleSpec(None, Nameless()))
        loader = SourceFileLoader("plugin", "plugin.py")
        spec = importlib.util.spec_from_loader("plugin", loader)
        module = importlib.util.module_from_spec(spec)
        copies = copy.copy(spec.loader), copy.deepcopy(spec).loader
        loader.exec_module(module)
        print(module.__loader__ is loader, {type(each).__name__ for each in copies}, module.f())
        """,
        plugin="def f(): return 1\n",
    )
    assert folder.run("app.py").stdout == "True {'SourceFileLoader'} 1\n"
