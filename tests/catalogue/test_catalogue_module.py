"""The generated module and its stub: the plain API, and the same text whenever they are written."""

from __future__ import annotations

import ast
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enterspan import Span, Tracing, cli, tracing
from enterspan.catalogue import CatalogueError, generate, span_of
from enterspan.catalogue.declarations import read_catalogue
from enterspan.catalogue.draft import Draft
from enterspan.catalogue.module import render, render_stub
from enterspan.catalogue.recorded import Usage
from enterspan.testing import capture

SHOP = """
output = "spans.py"
names = true
[spans."checkout.pay"]
doc = "A customer pays."
attributes.cart_id = "str"
attributes.total = { type = "float", required = false }
[spans.fetch]
attributes."http.method" = ["GET", "HEAD"]
attributes."http.status" = { type = "int", required = false }
attributes.route = { type = "str", required = false }
"""


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.toml"
    path.write_text(SHOP)
    return path


def loaded(text, name="spans_under_test"):
    module = ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
    return module


@pytest.fixture
def spans(shop):
    return loaded(render(read_catalogue(shop)))


def recorded(trace):
    return [(span.name, dict(span.attributes), span.outcome) for span in trace.spans]


# --- what it does ---------------------------------------------------------------------------------


def test_a_method_is_a_block(spans):
    """With the attributes that were given, and no others."""
    with capture() as trace:
        with spans.checkout_pay(cart_id="c1", total=2.5) as span:
            assert type(span) is Span
            assert tracing.current_span() is span
        with pytest.raises(KeyError), spans.checkout_pay(cart_id="c2"):
            raise KeyError
    assert recorded(trace) == [
        ("checkout.pay", {"cart_id": "c1", "total": 2.5}, "ok"),
        ("checkout.pay", {"cart_id": "c2"}, "exception"),
    ]


def test_a_method_is_an_async_block(spans):
    """The same object, in a coroutine."""

    async def pay():
        async with spans.checkout_pay(cart_id="c1"):
            return 3

    with capture() as trace:
        coroutine = pay()
        with pytest.raises(StopIteration) as done:
            coroutine.send(None)
    assert done.value.value == 3
    assert recorded(trace) == [("checkout.pay", {"cart_id": "c1"}, "ok")]


def test_attributes_with_other_names_are_recorded_under_their_own(spans):
    """None leaves one unset, as in the plain call; a mapping can be given as well."""
    with capture() as trace:
        with spans.fetch(http_method="GET", http_status=None, route="/"):
            pass
        with spans.fetch({"more": 1}, http_method="HEAD"):
            pass
        spans.fetch.start_span(http_method="GET", http_status=200).end()
    assert recorded(trace) == [
        ("fetch", {"http.method": "GET", "route": "/"}, "ok"),
        ("fetch", {"more": 1, "http.method": "HEAD"}, "ok"),
        ("fetch", {"http.method": "GET", "http.status": 200}, "ok"),
    ]


def test_the_other_forms(spans):
    """Decorator, bare and with options; callbacks; spans that the caller ends."""

    @spans.checkout_pay.traced
    def bare(x):
        return x

    @spans.checkout_pay.traced(capture_args=["cart_id"], attributes={"total": 1.0})
    def with_options(cart_id):
        return cart_id

    with capture() as trace:
        assert bare(1) == 1
        assert with_options("c1") == "c1"
        assert spans.checkout_pay.traced()(len)("abc") == 3
        assert spans.checkout_pay.enter_span(lambda span, x, *, y: (x, y), 1, y=2) == (1, 2)
        spans.checkout_pay.start_active_span(lambda span: span).end()
        spans.checkout_pay.start_span(cart_id="c2").end()
    assert recorded(trace) == [
        ("checkout.pay", {}, "ok"),
        ("checkout.pay", {"total": 1.0, "cart_id": "c1"}, "ok"),
        ("checkout.pay", {}, "ok"),
        ("checkout.pay", {}, "ok"),
        ("checkout.pay", {}, "ok"),
        ("checkout.pay", {"cart_id": "c2"}, "ok"),
    ]
    with pytest.raises(TypeError):
        spans.checkout_pay.traced(capture_args=3)
    with pytest.raises(TypeError):
        spans.checkout_pay.traced(3)


def test_it_is_the_plain_api_and_nothing_in_between(spans):
    """A partial of the Tracing's own method, of exactly that type."""
    assert type(spans.checkout_pay) is partial
    assert spans.checkout_pay.func == tracing.span
    assert spans.checkout_pay.args == ("checkout.pay",)
    assert spans.tracing is tracing
    assert spans.SpanName("x") == "x"


def test_with_nobody_listening_it_does_what_the_plain_call_does(spans):
    """It gives the one no-op span."""
    for scope in (spans.checkout_pay(cart_id="c1"), spans.fetch(http_method="GET")):
        assert scope is tracing.span("x")
        with scope as span:
            assert not span.is_traced


def public(module):
    return {name for name in dir(module) if not name.startswith("_")}


def test_the_module_holds_nothing_else(shop, spans):
    """The names of the spans, and those that it is asked for; whether they were used or not."""
    assert public(spans) == {"SpanName", "checkout_pay", "fetch", "tracing"}
    assert spans.fetch is spans.fetch
    assert public(spans) == {"SpanName", "checkout_pay", "fetch", "tracing"}
    with pytest.raises(AttributeError, match="module 'spans_under_test' has no attribute 'fetsh'"):
        _ = spans.fetsh
    shop.write_text(SHOP.replace("names = true", "names = false"))
    fewer = loaded(render(read_catalogue(shop)))
    assert public(fewer) == {"checkout_pay", "fetch"}
    assert fewer.__doc__ == "The spans of this program."


def test_all_names_can_be_imported_at_once(spans, monkeypatch):
    monkeypatch.setitem(sys.modules, "spans_under_test", spans)
    names = {}
    exec("from spans_under_test import *", names)
    assert names["checkout_pay"] is spans.checkout_pay
    assert public(spans) == {name for name in names if not name.startswith("_")}


def test_threads_that_use_a_span_first_get_the_same(spans, monkeypatch):
    """What another thread has made meanwhile stays."""
    made = []

    def span_of_with_a_race(*args):
        made.append(span_of(*args))
        if len(made) == 1:
            assert spans.fetch is made[1]
        return made[-1]

    monkeypatch.setattr("enterspan.catalogue.spans.span_of", span_of_with_a_race)
    assert spans.fetch is made[1]
    assert len(made) == 2


def test_a_module_that_is_loaded_again_has_the_new_spans(shop, spans):
    assert spans.fetch.args == ("fetch",)
    shop.write_text(SHOP.replace("[spans.fetch]", "[spans.get]\nmethod = 'fetch'"))
    exec(render(read_catalogue(shop)), spans.__dict__)
    assert spans.fetch.args == ("get",)


def test_a_module_that_an_older_version_has_written_runs():
    """All of it was in one file, with the types in a branch that never ran."""
    spans = loaded("""\
from typing import TYPE_CHECKING

from enterspan import tracing as _tracing
from enterspan.catalogue.spans import span_of as _plain

if TYPE_CHECKING:
    from enterspan.catalogue.spans import CatalogueScope as _Scope
else:
    checkout_pay = _plain(_tracing, 'checkout.pay')
    fetch = _plain(_tracing, 'fetch', {'http_method': 'http.method'})
""")
    with capture() as trace, spans.checkout_pay(cart_id="c1"), spans.fetch(http_method="GET"):
        pass
    assert recorded(trace) == [
        ("fetch", {"http.method": "GET"}, "ok"),
        ("checkout.pay", {"cart_id": "c1"}, "ok"),
    ]


def test_it_can_be_for_a_tracing_of_ones_own(shop, mine, monkeypatch):
    """A library has one that is not the default."""
    monkeypatch.setitem(sys.modules, "telemetry_of_a_library", ModuleType("t"))
    sys.modules["telemetry_of_a_library"].own = mine
    shop.write_text('tracing = "telemetry_of_a_library:own"\n' + SHOP)
    spans = loaded(render(read_catalogue(shop)))
    with capture() as default, spans.checkout_pay(cart_id="c1"):
        pass
    assert spans.checkout_pay.func == mine.span
    assert recorded(default) == []


def test_an_entry_can_be_pickled(mine):
    """What a process pool takes along opens a span there."""
    again = pickle.loads(pickle.dumps(span_of(Tracing("pickled"), "a").traced))
    assert again(len)("abc") == 3


def test_a_generated_module_imports_nothing_of_the_generator():
    """No TOML is read where the program runs, and no code that would read it."""
    code = (
        "import sys; from enterspan.catalogue.spans import span_of;"
        "print(sorted(m for m in sys.modules if m.startswith('enterspan.catalogue')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == [
        "enterspan.catalogue",
        "enterspan.catalogue.spans",
    ]


def test_what_a_program_loads_grows_by_less_than_a_line_a_span(tmp_path):
    """And makes no span before it is used: docs, types and signatures are in the stub."""
    sizes = []
    for count in (100, 200):
        path = tmp_path / "many.toml"
        path.write_text(
            "".join(
                [
                    f"[spans.'area.{n:03}']\ndoc = 'What it does.'\nmethod = 'area_{n:03}'\n"
                    "attributes.cart_id = 'str'\nattributes.total = 'float'\n"
                    for n in range(count)
                ]
            )
        )
        text = render(read_catalogue(path))
        assert set(vars(loaded(text))) & {f"area_{n:03}" for n in range(count)} == set()
        sizes.append(len(text))
    assert sizes[1] - sizes[0] == 100 * len("'area_100': 'area.100',\n")


# --- its text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [render, render_stub])
def test_the_text_is_the_same_each_time_and_says_what_it_is(shop, made):
    """It begins with the mark by which it is known; the catalogue's folder is not in it."""
    text = made(read_catalogue(shop))
    assert text == made(read_catalogue(shop))
    assert text.startswith("# Generated by enterspan from shop.toml: ")
    assert str(shop.parent) not in text
    ast.parse(text)


def test_docs_are_where_editors_look(shop):
    """In the class and at the variable, with those of the attributes."""
    shop.write_text("""
        [spans.a]
        doc = '''
Ends in a quote"
   and has \\\\ and \"\"\" inside'''
        attributes."x.y" = { type = "int", doc = "Of\\n  two lines." }
    """)
    tree = ast.parse(render_stub(read_catalogue(shop)))
    entry = next(
        node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and "entry" in node.name
    )
    doc = 'Ends in a quote"\n   and has \\\\ and """ inside\n\nx_y (x.y): Of two lines.'
    assert ast.get_docstring(entry) == doc
    assert isinstance(tree.body[-1], ast.Expr)
    assert ast.literal_eval(tree.body[-1].value).strip() == doc


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.dictionaries(st.text(max_size=6), st.sampled_from(["x", 1, 1.5, True, [1], ["a"], []])),
        min_size=1,
        max_size=6,
    )
)
def test_a_draft_of_anything_makes_a_module_that_works(tmp_path_factory, names):
    """Whatever the names: the draft can be read, the module be run, and it records that name."""
    draft = Draft()
    draft.add_all([Usage(n, dict(a), 1, True) for n, a in names.items()])
    path = tmp_path_factory.mktemp("drafted") / "c.toml"
    for ascii_only in (False, True):
        path.write_text(draft.text(ascii_only=ascii_only), encoding="utf-8")
        catalogue = read_catalogue(path)
        assert sorted(s.name for s in catalogue.spans) == sorted(names)
        for span in catalogue.spans:
            assert {a.name for a in span.attributes} == set(names[span.name])
    ast.parse(render_stub(catalogue))
    made = loaded(render(catalogue))
    for span in catalogue.spans:
        given = {a.parameter: names[span.name][a.name] for a in span.attributes}
        with capture() as trace, getattr(made, span.method)(**given):
            pass
        assert trace.spans[0].name == span.name
        assert set(trace.spans[0].attributes) == set(names[span.name])


# --- the file -------------------------------------------------------------------------------------


FILES = ["shop.toml", "spans.py", "spans.pyi"]


def test_generate_writes_once_and_then_finds_it_unchanged(shop, tmp_path):
    """The files' times stay, and so do their modes."""
    module, stub = tmp_path / "spans.py", tmp_path / "spans.pyi"
    assert generate(shop) is True
    assert module.read_text() == render(read_catalogue(shop))
    assert stub.read_text() == render_stub(read_catalogue(shop))
    for file in (module, stub):
        file.chmod(0o640)
        os.utime(file, (1, 1))
    assert generate(shop) is False
    assert [file.stat().st_mtime for file in (module, stub)] == [1, 1]
    shop.write_text(SHOP.replace("cart_id", "cart"))
    assert generate(shop) is True
    assert "cart_id" not in stub.read_text()
    assert [stat.S_IMODE(file.stat().st_mode) for file in (module, stub)] == [0o640, 0o640]
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


@pytest.mark.parametrize("name", ["spans.py", "spans.pyi"])
def test_check_changes_nothing(shop, tmp_path, capsys, name):
    """1 where one of the two is missing or another, 0 where both are as they should be."""
    file = tmp_path / name
    command = ["catalogue", "--generate", "--check", "--catalogue", str(shop)]
    assert cli.main(command) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop.toml"]
    assert cli.main(command[:2] + command[3:]) == 0
    assert cli.main(command) == 0
    text = file.read_text()
    file.write_text(text + "\n")
    capsys.readouterr()
    assert cli.main(command) == 1
    assert file.read_text() == text + "\n"
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"enterspan: {file} does not match {shop}: run `enterspan catalogue --generate`\n"
    )
    file.unlink()
    assert cli.main(command) == 1
    assert capsys.readouterr().err == (
        f"enterspan: {file} is missing: run `enterspan catalogue --generate`\n"
    )
    assert not file.exists()


def test_a_module_that_has_no_stub_gets_one(shop, tmp_path):
    """An older version wrote all of it into the module: that is a generated one as well."""
    (tmp_path / "spans.py").write_text("# Generated by enterspan from shop.toml: ...\n")
    assert generate(shop, check=True) is True
    assert generate(shop) is True
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_carriage_returns_are_no_drift(shop, tmp_path):
    """git may have put them there."""
    generate(shop)
    for file in (tmp_path / "spans.py", tmp_path / "spans.pyi"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert generate(shop, check=True) is False


@pytest.mark.parametrize("name", ["spans.py", "spans.pyi"])
def test_a_file_that_somebody_wrote_is_never_written_over(shop, tmp_path, capsys, name):
    """It is left as it is, and so is the other one; an empty one is fair game."""
    file = tmp_path / name
    file.write_text("import os\n")
    assert cli.main(["catalogue", "--generate", "--catalogue", str(shop)]) == 2
    said = capsys.readouterr().err
    assert f"{str(file)!r} was not generated from a catalogue, and is not overwritten" in said
    assert file.read_text() == "import os\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop.toml", name]
    file.write_text("")
    assert generate(shop) is True


def test_a_link_is_followed(shop, tmp_path):
    """And stays a link."""
    (tmp_path / "real").mkdir()
    for name in ("spans.py", "spans.pyi"):
        (tmp_path / name).symlink_to(tmp_path / "real" / name)
    assert generate(shop) is True
    assert (tmp_path / "spans.py").is_symlink()
    assert (tmp_path / "spans.pyi").is_symlink()
    assert generate(shop) is False


@pytest.mark.parametrize(
    "output, message",
    [
        ("none/spans.py", "its folder does not exist"),
        ("shop.toml/spans.py", "its folder does not exist"),
        ("folder.py", "it is not a file"),
        ("spans.pyi", "the output must be a module"),
        ("a\nb.py", "the output must be a module"),
    ],
)
def test_where_nothing_can_be_written(shop, tmp_path, capsys, output, message):
    """One line, exit code 2, nothing half-written."""
    (tmp_path / "folder.py").mkdir()
    before = sorted(tmp_path.rglob("*"))
    command = ["catalogue", "--generate", "--catalogue", str(shop)]
    assert cli.main([*command, "--output", str(tmp_path / output)]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("failing", [1, 2])
def test_a_write_that_fails_leaves_the_old_files(shop, tmp_path, monkeypatch, failing):
    """Both of them, and nothing beside them."""
    generate(shop)
    old = [(tmp_path / name).read_text() for name in FILES[1:]]
    shop.write_text(SHOP.replace("http.method", "http.verb"))
    calls, replace = [], Path.replace

    def full(path, target):
        calls.append(target)
        if len(calls) == failing:
            raise OSError(28, "No space left on device", str(path), None, str(target))
        return replace(path, target)

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(CatalogueError, match=r"can't write '.*spans\.pyi?': No space left"):
        generate(shop)
    assert [(tmp_path / name).read_text() for name in FILES[1:]] == old
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    monkeypatch.undo()
    assert generate(shop) is True


def test_nobody_said_where_it_goes(shop):
    """The message says how."""
    shop.write_text(SHOP.replace('output = "spans.py"', ""))
    with pytest.raises(CatalogueError, match="no output is given: add output = "):
        generate(shop)


@pytest.mark.parametrize(
    "name",
    [
        "x\nraise SystemExit('injected')\n#.toml",
        "x\rraise SystemExit('injected')\r#.toml",
        "x\x0craise SystemExit('injected').toml",
        'x"""\nraise SystemExit("injected")\n"""#.toml',
        "x\u2028raise SystemExit('injected').toml",
        "x\\.toml",
        "# -*- coding: utf-7 -*- +AAo-raise SystemExit('injected')#.toml",
        "coding=utf_16.toml",
        "vim: set fileencoding=ascii : é.toml",
        "größe.toml",
    ],
)
def test_the_name_of_the_file_is_no_code(tmp_path, name):
    path = tmp_path / name
    path.write_text(SHOP, encoding="utf-8")
    assert generate(path) is True
    output = tmp_path / "spans.py"
    code = f"import runpy; runpy.run_path({str(output)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    first, second = output.read_text(encoding="utf-8").split("\n")[:2]
    assert (first[:1], second) == ("#", "# fmt: off")
    assert generate(path) is False


@pytest.mark.parametrize("output", ["../spans.py", "a/../../spans.py", "/spans.py", "out/spans.py"])
def test_a_catalogue_writes_nothing_outside_its_project(tmp_path, output):
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (project / "pyproject.toml").touch()  # the folders of these tests may be in another project
    (project / "out").symlink_to(outside)
    path = project / "shop.toml"
    given = f"{outside}/spans.py" if output == "/spans.py" else output
    path.write_text(SHOP.replace('output = "spans.py"', f'output = "{given}"'), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"shop\.toml:\d+: the output '.*' is outside"):
        generate(path)
    assert not list(tmp_path.rglob("spans.py"))
    path.write_text(SHOP, encoding="utf-8")
    assert generate(path, outside / "spans.py") is True  # as the command line says it


def test_a_catalogue_in_a_folder_of_the_project_may_write_beside_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "shop.toml"
    path.write_text(SHOP.replace('output = "spans.py"', 'output = "../spans.py"'))
    assert generate(path) is True
    assert (tmp_path / "spans.py").exists()


def test_a_tracing_that_is_a_keyword_is_refused(shop):
    shop.write_text('tracing = "import:class"\n' + SHOP)
    with pytest.raises(CatalogueError, match="'tracing' must be 'module:name'"):
        generate(shop)


MODEL = """
output = "spans.py"
[spans.chat]
attributes.operation = { value = "chat", doc = "What it is." }
attributes.version = { value = 2 }
attributes."gen.model" = { type = "str", parameter = "model" }
attributes.messages = { type = "json", required = false }
[spans.ping]
attributes.operation = { value = "ping" }
"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(MODEL)
    return path


def test_every_form_of_a_span_has_its_constants(model):
    """And no call takes them: blocks, spans, callbacks, and traced functions of each kind."""
    spans = loaded(render(read_catalogue(model)))
    constant = {"operation": "chat", "version": 2}

    @spans.chat.traced
    def bare():
        pass

    @spans.chat.traced(attributes={"gen.model": "m"}, kind="client")
    def with_more():
        pass

    @spans.chat.traced(attributes=lambda name: {"gen.model": name})
    def computed(name):
        pass

    @spans.chat.traced(attributes=lambda: None)
    def with_nothing():
        pass

    with capture() as trace:
        with spans.chat(model="m", messages=[{"role": "user"}]):
            pass
        spans.chat.start_span(model="m").end()
        assert spans.chat.enter_span(lambda span, a, b: (a, b), 1, b=2) == (1, 2)
        spans.chat.start_active_span(lambda span: span).end()
        bare()
        with_more()
        computed("m")
        with_nothing()
        with spans.ping():
            pass
    named = {**constant, "gen.model": "m"}
    assert [dict(span.attributes) for span in trace.spans] == [
        {**named, "messages": '[{"role": "user"}]'},
        named,
        constant,
        constant,
        constant,
        named,
        named,
        constant,
        {"operation": "ping"},
    ]
    assert [span.kind for span in trace.spans].count("client") == 1
    with spans.chat(model="m"), spans.ping():
        pass  # without a subscriber


def fails(*_):
    raise ZeroDivisionError


class Hostile(Mapping):
    """A mapping that has nothing to say."""

    __iter__ = __len__ = __getitem__ = fails


@pytest.mark.parametrize("given", [5, [("a", 1)], Hostile(), {"a": 1}])
def test_constants_stay_whatever_else_is_given(model, caplog, given):
    """What can't be used is left out by itself, as without constants."""
    model.write_text(MODEL + '[spans.kinds]\nattributes.kind = { value = "k" }\nextra = true\n')
    spans = loaded(render(read_catalogue(model)))
    more = given if isinstance(given, dict) else {}

    @spans.chat.traced(attributes=lambda: given)
    def computed():
        pass

    def unknown():
        raise ZeroDivisionError

    @spans.chat.traced(attributes=unknown)
    def failing():
        pass

    with capture() as trace:
        computed()
        failing()
        with spans.kinds(given):
            pass
        spans.kinds.start_span(given).end()
    constant = {"operation": "chat", "version": 2}
    assert [dict(span.attributes) for span in trace.spans] == [
        {**more, **constant},
        constant,
        {**more, "kind": "k"},
        {**more, "kind": "k"},
    ]
    # That a number is no mapping is said once in a process.
    told = [each for each in caplog.records if "takes a mapping" not in each.getMessage()]
    (record,) = told
    assert "unknown raised ZeroDivisionError" in record.getMessage()


def test_constants_are_documented_and_are_no_parameters(model):
    text = render_stub(read_catalogue(model))
    assert "It has operation='chat', version=2." in text
    assert "def __call__(self, *, model: str, messages: _object | None = None)" in text
    assert "operation:" not in text


@pytest.mark.parametrize(
    "attribute, words",
    [
        ('{ value = "a", type = "str" }', "has a value, and so it has no 'type'"),
        ('{ value = "a", required = false }', "has a value, and so it has no 'required'"),
        ("{ value = 1.5 }", "must be a str, bool or int, not 1.5"),
        ('{ value = ["a"] }', "must be a str, bool or int, not a list"),
    ],
)
def test_a_constant_that_makes_no_sense_is_refused(tmp_path, attribute, words):
    path = tmp_path / "model.toml"
    path.write_text(f"[spans.chat.attributes]\noperation = {attribute}\n")
    with pytest.raises(CatalogueError, match=words):
        read_catalogue(path)


def test_a_recording_is_checked_for_constants_and_takes_any_json(model, tmp_path, capsys):
    from enterspan.exporters.jsonlines import JsonLinesExporter

    file = tmp_path / "run.jsonl"
    with tracing.add_exporter(JsonLinesExporter(file)):
        with tracing.span("chat", {"gen.model": "m", "operation": "chart", "messages": [1, "a"]}):
            pass
        assert tracing.flush(10)
    assert cli.main(["catalogue", "--catalogue", str(model), "--check", str(file)]) == 1
    said = capsys.readouterr().out
    assert "attribute 'operation' of span 'chat' is not 'chat': 'chart'" in said
    assert "attribute 'version' of span 'chat' is required and missing" in said
    assert "messages" not in said
