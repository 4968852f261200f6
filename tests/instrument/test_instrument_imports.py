"""Modules that are there, that come later, that come again, and that never come."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import tracing
from enterspan._model.frozen import HAS_GIL
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def leaves_no_trace() -> Iterator[None]:
    """The import system is afterwards what it was before."""
    before = list(sys.meta_path), list(sys.path_hooks)
    yield
    assert (list(sys.meta_path), list(sys.path_hooks)) == before


def called(function: Any) -> list[str]:
    with capture() as trace:
        function()
    return [span.name for span in trace.spans]


def test_nothing_is_imported(modules: Any) -> None:
    """Naming a module does not bring it in."""
    modules(load=False, later="def f(): pass")
    with tracing.instrument("later", "later:f", "later.f") as found:
        assert "later" not in sys.modules
        assert found.wrapped == ()
        assert found.unmatched == ("later", "later:f", "later.f")


@pytest.mark.parametrize(
    "target", ["pack.later", "pack.*", "pack.later:f", "pack.later.f", "pack.l*"]
)
def test_a_module_that_comes_later_is_wrapped_when_it_has_come(modules: Any, target: str) -> None:
    """Whatever form the pattern has; the module's loader and spec are its own."""
    modules(load=False, pack__later="def f(): pass\nSEEN = type(__loader__), type(__spec__.loader)")
    with tracing.instrument(target) as found:
        module = importlib.import_module("pack.later")
        assert called(module.f) == ["f"]
        assert found.wrapped == ("pack.later:f",)
        assert found.unmatched == ()
        loader = importlib.machinery.SourceFileLoader
        assert (*module.SEEN, type(module.__loader__), type(module.__spec__.loader)) == (
            loader,
        ) * 4
        assert type(module.__spec__) is importlib.machinery.ModuleSpec
    assert called(module.f) == []


def test_a_package_pattern_means_what_lies_below_it(modules: Any) -> None:
    """And not the package itself, nor one whose name begins alike."""
    modules(
        load=False, pack__a="def f(): pass", pack__sub__b="def f(): pass", packs="def f(): pass"
    )
    with tracing.instrument("pack.*") as found:
        for name in ("pack.a", "pack.sub.b", "packs"):
            importlib.import_module(name)
        assert found.wrapped == ("pack.a:f", "pack.sub.b:f")


def test_a_packages_plain_name_means_it_and_all_below_it(modules: Any) -> None:
    """`shop:*` its own functions, `shop.*` those below it; also in what is excluded."""
    folder = modules(load=False, pack__a="def f(): pass", pack__sub__b="def f(): pass")
    (folder / "pack" / "__init__.py").write_text("def top(): pass\n")
    own, below = {"pack:top"}, {"pack.a:f", "pack.sub.b:f"}
    picks = {"pack": own | below, "pack:*": own, "pack.*": below, "pack.sub": {"pack.sub.b:f"}}
    for loaded in (False, True):
        for pattern, wanted in picks.items():
            with tracing.instrument(pattern) as found:
                importlib.import_module("pack.a")
                importlib.import_module("pack.sub.b")
                if loaded:
                    assert set(found.wrapped) == wanted
        with tracing.instrument("pack", exclude="pack.sub") as found:
            assert set(found.wrapped) == {"pack:top", "pack.a:f"}


def test_it_says_what_it_has_cost(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many functions, and in how many seconds; the module's own work does not count."""
    now = [0.0]

    def clock() -> float:
        now[0] += 0.1  # each look at it
        return now[0]

    monkeypatch.setattr("enterspan.instrument.instrumentation.perf_counter", clock)
    modules(load=False, slow="import sys\nsys.modules['now'][0] += 50\ndef f(): pass\n")
    monkeypatch.setitem(sys.modules, "now", now)  # type: ignore[arg-type]
    with tracing.instrument("slow") as found:
        importlib.import_module("slow")
    assert now[0] > 50
    # Without the GIL, references do not tell what else holds a function: it is always looked for.
    seconds = 0.2 if HAS_GIL else 0.3
    assert found.seconds == pytest.approx(seconds)
    assert found.summary() == f"wrapped 1 function in {seconds} s"


def test_a_module_that_fails_to_import_fails_as_before(modules: Any) -> None:
    """And can be imported once it is mended."""
    folder = modules(load=False, broken="def f(): pass\n1 / 0")
    with tracing.instrument("broken") as found:
        with pytest.raises(ZeroDivisionError):
            importlib.import_module("broken")
        assert "broken" not in sys.modules
        assert found.wrapped == ()
        (folder / "broken.py").write_text("def f(): pass")
        importlib.invalidate_caches()
        assert called(importlib.import_module("broken").f) == ["f"]


def test_a_module_that_is_not_there_is_not_found_as_before() -> None:
    """The same error."""
    with tracing.instrument("nowhere.*", "nowhere"):
        with pytest.raises(ModuleNotFoundError) as caught:
            importlib.import_module("nowhere")
        assert caught.value.name == "nowhere"
        assert importlib.util.find_spec("nowhere") is None


def test_a_reloaded_module_is_wrapped_again_and_the_old_functions_still_are(modules: Any) -> None:
    """Until all of them are put back."""
    module = modules(again="def f(): pass")
    with tracing.instrument("again"):
        old = module.f
        importlib.reload(module)
        assert module.f is not old
        assert called(module.f) == called(old) == ["f"]
    assert called(module.f) == called(old) == []


def test_a_module_given_as_an_object_is_wrapped_again_after_a_reload(modules: Any) -> None:
    """As if its name had been given."""
    module = modules(again="def f(): pass")
    with tracing.instrument(module) as found:
        importlib.reload(module)
        assert called(module.f) == ["f"]
        assert found.unmatched == ()


def test_circular_imports_and_names_taken_early_are_no_matter(modules: Any) -> None:
    """Who took a function while its module was half done has what is traced."""
    modules(
        load=False,
        one="""
        import functools
        def f(): pass
        @functools.lru_cache
        def g(): pass
        import two
        """,
        two="from one import f, g\nHELD = [f]\nCLASS = type('C', (), {'method': staticmethod(g)})",
    )
    with tracing.instrument("one"):
        one = importlib.import_module("one")
        two = sys.modules["two"]
        assert two.f is one.f
        assert called(two.f) == called(two.HELD[0]) == ["f"]
        assert called(two.g) == called(two.CLASS.method) == ["g"]
    assert two.g is one.g is vars(two.CLASS)["method"].__func__
    assert called(two.g) == called(two.f) == []


def test_a_package_may_instrument_itself_while_it_is_imported(modules: Any) -> None:
    """What it defines after that is wrapped when it is done."""
    folder = modules(load=False, selfish__part="def g(): pass")
    (folder / "selfish" / "__init__.py").write_text(
        "from enterspan import tracing\n"
        "def early(): pass\n"
        "found = tracing.instrument('selfish', 'selfish.*')\n"
        "def late(): pass\n"
        "from selfish import part\n"
    )
    selfish = importlib.import_module("selfish")
    try:
        assert called(selfish.early) == ["early"]
        assert called(selfish.late) == ["late"]
        assert called(selfish.part.g) == ["g"]
        assert type(selfish.__spec__) is importlib.machinery.ModuleSpec
        assert selfish.found.unmatched == ()
    finally:
        selfish.found.remove()


def test_lazy_modules_stay_asleep_and_are_wrapped_when_they_wake(modules: Any) -> None:
    """One that was lazy before, and one that is made lazy after."""
    modules(load=False, sleepy="AWAKE = True\ndef f(): pass", dozy="def f(): pass")

    def lazily(name: str) -> Any:
        spec = importlib.util.find_spec(name)
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    before = lazily("sleepy")
    with tracing.instrument("sleepy", "dozy") as found:
        after = lazily("dozy")
        assert found.wrapped == ()
        assert "AWAKE" not in object.__getattribute__(before, "__dict__")
        assert called(before.f) == called(after.f) == ["f"]
        assert set(found.wrapped) == {"sleepy:f", "dozy:f"}
    assert called(before.f) == called(after.f) == []


def test_what_a_module_makes_when_it_is_asked_is_not_asked_for(modules: Any) -> None:
    """A module's own `__getattr__` (PEP 562) is not called, nor is `__dir__`."""
    module = modules(
        shy="""
        def f(): pass
        def __getattr__(name): raise RuntimeError(name)
        def __dir__(): raise RuntimeError
        """
    )
    with tracing.instrument("shy", "shy:nothing") as found:
        assert found.wrapped == ("shy:f",)
        assert found.unmatched == ("shy:nothing",)
        assert called(module.f) == ["f"]


def test_strange_things_in_sys_modules_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """None, and objects that raise when they are touched."""

    class Raises:
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    monkeypatch.setitem(sys.modules, "odd.none", None)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "odd.raises", Raises())  # type: ignore[arg-type]
    with tracing.instrument("odd.*") as found:
        assert (found.wrapped, dict(found.skipped)) == ((), {})


def test_threads_may_import_while_others_instrument(modules: Any) -> None:
    """Every module is wrapped once, and none is left wrapped."""
    sources = {f"busy__m{n}": "import time\ntime.sleep(0.001)\ndef f(): pass" for n in range(40)}
    modules(load=False, **sources)
    names = [name.replace("__", ".") for name in sources]
    # At the first file after a change of sys.path, coverage.py takes out of sys.modules whatever
    # other threads import meanwhile. Here that is over before they begin.
    importlib.import_module("busy")
    errors: list[BaseException] = []

    def work(part: list[str]) -> None:
        try:
            for name in part:
                importlib.import_module(name)
        except BaseException as error:
            errors.append(error)

    with tracing.instrument("busy.*") as kept:
        threads = [threading.Thread(target=work, args=(names[n::3],)) for n in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            tracing.instrument("busy.*").remove()
        for thread in threads:
            thread.join()
        assert errors == []
        assert sorted(kept.wrapped) == sorted(f"{name}:f" for name in names)
        for name in names:
            assert called(sys.modules[name].f) == ["f"]
    for name in names:
        assert called(sys.modules[name].f) == []


def test_the_finder_is_there_only_while_somebody_waits() -> None:
    """And leaves in whatever order they go."""
    before = list(sys.meta_path)
    one, two = tracing.instrument("a"), tracing.instrument("b")
    assert len(sys.meta_path) == len(before) + 1
    one.remove()
    assert len(sys.meta_path) == len(before) + 1
    two.remove()
    assert sys.meta_path == before


def test_finding_a_module_does_not_wrap_it(modules: Any) -> None:
    """A spec that was only looked at can be pickled, and still works when all is removed."""
    modules(load=False, looked="def f(): pass")
    with tracing.instrument("looked") as found:
        spec = importlib.util.find_spec("looked")
        assert isinstance(spec.loader, importlib.machinery.SourceFileLoader)
        assert spec.loader.get_source("looked") == "def f(): pass"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert type(module.__loader__) is importlib.machinery.SourceFileLoader
    assert found.wrapped == ()
