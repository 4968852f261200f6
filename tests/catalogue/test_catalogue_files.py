"""A catalogue in TOML: what may stand in it, and what is said of one that makes no sense."""

from __future__ import annotations

import sys

import pytest

from enterspan import cli
from enterspan._model.toml import Document
from enterspan.catalogue import CatalogueError
from enterspan.catalogue.declarations import find_catalogue, read_catalogue


@pytest.fixture
def write(tmp_path):
    def write(text, name="c.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def described(catalogue):
    return {
        span.name: {a.name: (a.parameter, a.kind.text, a.required, a.doc) for a in span.attributes}
        for span in catalogue.spans
    }


# --- what may be declared -------------------------------------------------------------------------


def test_every_way_to_declare_an_attribute(write):
    """Shorthands, unions, values, lists, options."""
    catalogue = read_catalogue(write("""
        [spans."checkout.pay"]
        doc = "Paid."
        attributes.a = "str"
        attributes.b = { type = "list[float]", required = false, doc = "Weights." }
        attributes.c = "int|str"
        attributes.d = ["x", "y"]
        attributes.e = { values = [1, true], parameter = "other" }
        attributes.f = { type = "list[str]", values = ["x"] }
        attributes."http.method" = "str"
        attributes.class = "bool"
        attributes.self = "bool"
        [spans.idle]
    """))  # fmt: skip
    assert described(catalogue) == {
        "checkout.pay": {
            "a": ("a", "str", True, ""),
            "b": ("b", "list[float]", False, "Weights."),
            "c": ("c", "int | str", True, ""),
            "d": ("d", "'x' | 'y'", True, ""),
            "e": ("other", "1 | True", True, ""),
            "f": ("f", "list['x']", True, ""),
            "http.method": ("http_method", "str", True, ""),
            "class": ("class_", "bool", True, ""),
            "self": ("self_", "bool", True, ""),
        },
        "idle": {},
    }
    assert [span.method for span in catalogue.spans] == ["checkout_pay", "idle"]
    assert (catalogue.output, catalogue.names, catalogue.tracing, catalogue.allow) == (
        None,
        False,
        "enterspan:tracing",
        (),
    )


def test_in_pyproject_it_has_a_table_of_its_own(write, tmp_path):
    """And the output is found from there."""
    path = write(
        "[project]\nname = 'x'\n[tool.enterspan.catalogue]\noutput = 'src/s.py'\nnames = true\n"
        "allow = ['main', 'GET *']\ntracing = 'shop.telemetry:own'\n"
        "[tool.enterspan.catalogue.spans.a]\n",
        "pyproject.toml",
    )
    catalogue = read_catalogue(path)
    assert catalogue.output == tmp_path / "src" / "s.py"
    assert (catalogue.names, catalogue.tracing) == (True, "shop.telemetry:own")
    assert catalogue.allow == ("main", "GET *")
    (tmp_path / "below" / "it").mkdir(parents=True)
    assert find_catalogue(tmp_path / "below" / "it") == path


@pytest.mark.parametrize(
    "name, method",
    [
        ("checkout", "checkout"),
        ("checkout.pay", "checkout_pay"),
        ("GET /cart/{id}", "GET_cart_id"),
        ("a--b", "a_b"),
        ("_private", "private"),
        ("import", "import_"),
        ("größe", "größe"),
        ("match", "match"),
        ("a__b", "a__b"),
    ],
)
def test_the_rule_for_methods(write, name, method):
    """Other characters become one underscore; none at the ends; keywords get one."""
    assert read_catalogue(write(f'[spans."{name}"]')).spans[0].method == method


def test_byte_order_marks_and_carriage_returns_are_fine(write):
    """What Windows does to a file."""
    assert read_catalogue(write(b"\xef\xbb\xbf[spans.a]\r\nattributes.b = 'str'\r\n")).spans


# --- what may not ---------------------------------------------------------------------------------

BAD = {
    "": (None, "no spans are declared"),
    "[spans]": (1, "no spans are declared"),
    "\nspans = 3": (2, "spans must be a table ([spans.NAME]), not 3"),
    "[[spans]]\nname = 'a'": (1, "spans must be a table ([spans.NAME]), not a list"),
    "[spans]\na = 'str'": (2, "span 'a' must be a table, not 'str'"),
    "spam = 1\n[spans.a]": (1, "the catalogue has the unknown key 'spam': did you mean 'spans'?"),
    "[spans.a]\nkind = 'x'": (2, "span 'a' has the unknown key 'kind': it must be one of"),
    "[spans.a]\n\nattributes.b = 'string'": (
        3,
        "attribute 'b' of span 'a' has the unknown type 'string': did you mean 'str'?",
    ),
    "[spans.a.attributes]\nc = 'int'\nb = { doc = '', type = 'list[list[str]]' }": (
        3,
        "attribute 'b' of span 'a' has the unknown type 'list[list[str]]'",
    ),
    "[spans.a]\nattributes.b = 'datetime'": (2, "it must be one of str, bool, int, float, "),
    "[spans.a]\nattributes.b = ''": (2, "has the unknown type ''"),
    "[spans.a]\nattributes.b = 3": (2, "must be a type, a list of values, or a table, not 3"),
    "[spans.a]\nattributes.b = inf": (2, "must be a type, a list of values, or a table, not inf"),
    "[spans.a]\nattributes.b = {}": (2, "attribute 'b' of span 'a' has no type"),
    "[spans.a]\nattributes.b = { type = 3 }": (2, "'type' must be a string, not 3"),
    "[spans.a]\nattributes.b = []": (2, "must be a list that is not empty"),
    "[spans.a]\nattributes.b = [\n  'x',\n  'y',\n  'x',\n]": (5, "has the value 'x' twice"),
    "[spans.a]\nattributes.b = [1.5]": (2, "must be a str, bool or int, not 1.5"),
    "[spans.a]\nattributes.b = { type = 'int', values = ['x'] }": (2, "are of its type 'int'"),
    "[spans.a]\nattributes.b = { type = 'int | str', values = [1] }": (2, "its type 'int | str'"),
    "[spans.a]\nattributes.b = { type = 'int', required = 'no' }": (
        2,
        "'required' must be true or false, not 'no'",
    ),
    "[spans.a]\nattributes.b = { type = 'int', require = false }": (
        2,
        "has the unknown key 'require': did you mean 'required'?",
    ),
    "[spans.a]\nattributes = 'str'": (2, "the attributes of span 'a' must be a table"),
    "[spans.a]\ndoc = 3": (2, "'doc' must be a string, not 3"),
    "[spans.a]\nextra = 1": (2, "'extra' must be true or false, not 1"),
    "names = 'yes'\n[spans.a]": (1, "'names' must be true or false, not 'yes'"),
    "allow = 'x'\n[spans.a]": (1, "'allow' must be a list of patterns"),
    "tracing = 'os.system'\n[spans.a]": (1, "'tracing' must be 'module:name'"),
    "tracing = 'a b:c'\n[spans.a]": (1, "'tracing' must be 'module:name'"),
    "output = 'spans.txt'\n[spans.a]": (1, "the output must be a module, such as 'spans.py'"),
    "output = 'my-spans.py'\n[spans.a]": (1, "the output must be a module, such as 'spans.py'"),
    "[spans.a]\n[spans.'---']": (2, "span '---' makes no method: '' is not a public identifier"),
    "[spans.'']": (1, "span '' makes no method"),
    "[spans.2fa]": (1, "'2fa' is not a public identifier; say method = ..."),
    "[spans.a]\nmethod = 'a b'": (2, "the method 'a b' of span 'a' is not a public identifier"),
    "[spans.a]\nmethod = '_x'": (2, "the method '_x' of span 'a' is not a public identifier"),
    "[spans.a]\nmethod = 'class'": (2, "the method 'class' of span 'a' is not a public identifier"),
    "[spans.a]\nmethod = 'str'": (2, "the method 'str' of span 'a' is reserved"),
    "[spans.tracing]": (1, "makes no method: 'tracing' is reserved; say method = ..."),
    "[spans.a]\nattributes.'..' = 'str'": (2, "attribute '..' of span 'a' makes no parameter"),
    "[spans.a]\nattributes.b = { type = 'str', parameter = 'self' }": (2, "'self' of attribute"),
    "[spans.'a.b']\n\n[spans.a-b]": (
        3,
        "span 'a-b' and span 'a.b' (line 1) both make the method 'a_b'; say method = ...",
    ),
    "[spans.a]\nattributes.b-c = 'str'\nattributes.'b.c' = 'str'": (
        3,
        "both make the parameter 'b_c'; say parameter = ... for one of them",
    ),
    "[spans.a]\n[spans.b]\n[spans.a]": (3, "not TOML: Cannot declare ('spans', 'a') twice"),
    "[spans.a]\ndoc = 'x'\ndoc = 'y'": (3, "not TOML: Cannot overwrite a value"),
    "[spans.a]\nattributes.b = str": (2, "not TOML: Invalid value"),
    "[spans.a]\nattributes.b = 'str": (2, "not TOML: "),
    "[spans.a]\nx = " + "[" * 100_000: (None, "nested too deeply"),
    b"[spans.a]\n# \xff": (2, "not UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text[:40]))
def test_what_makes_no_sense_is_told_with_its_line(write, capsys, text):
    """One line on stderr, exit code 2, and nothing written."""
    line, message = BAD[text]
    path = write(text)
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(path)
    assert message in str(caught.value)
    assert caught.value.line == line
    place = f"{path}: " if line is None else f"{path}:{line}: "
    assert str(caught.value).startswith(place)
    output = path.with_name("spans.py")
    command = ["catalogue", "--generate", "--catalogue", str(path), "--output", str(output)]
    assert cli.main(command) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"enterspan: {caught.value}\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "text, message",
    [
        ("[tool.other]", "there is no table [tool.enterspan.catalogue]"),
        ("tool = 3", "1: 'tool' must be a table"),
        ("[tool]\nenterspan = 3", "2: 'enterspan' must be a table"),
        ("[tool.enterspan]\n\ncatalogue = 3", "3: the catalogue must be a table, not 3"),
    ],
)
def test_a_pyproject_without_the_table_is_told_so(write, text, message):
    """It is never read as a file of its own."""
    with pytest.raises(CatalogueError, match=r"pyproject\.toml:") as caught:
        read_catalogue(write(text, "pyproject.toml"))
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    """Its name and the reason."""
    with pytest.raises(CatalogueError, match=r"can't read .*none\.toml': No such file"):
        read_catalogue(tmp_path / "none.toml")
    with pytest.raises(CatalogueError, match=r"can't read .*: Is a directory"):
        read_catalogue(tmp_path)


def test_no_pyproject_anywhere_above(tmp_path, monkeypatch, capsys):
    """The message names the way out."""
    monkeypatch.chdir(tmp_path.anchor)  # above the tests there may be one
    assert cli.main(["catalogue", "--generate"]) == 2
    assert "name the catalogue with --catalogue FILE" in capsys.readouterr().err


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="Python has tomllib from 3.11 on")
def test_without_tomli_it_says_what_to_install(write, monkeypatch):
    """On Python 3.10 only."""
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(CatalogueError, match=r"pip install 'enterspan\[toml\]'"):
        read_catalogue(write("[spans.a]"))


# --- cost ---------------------------------------------------------------------------------------


def test_reading_a_good_catalogue_looks_for_no_lines(write, monkeypatch):
    """A thousand spans are read at once."""
    monkeypatch.setattr(Document, "line", lambda self, key: pytest.fail("not needed"))
    text = "".join([f"[spans.s{n}]\nattributes.a = 'str'\n" for n in range(1000)])
    assert len(read_catalogue(write(text)).spans) == 1000
