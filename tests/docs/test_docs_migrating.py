"""docs/migrating.md says what is so: what its tables name of ours exists."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from enterspan import Span, Tracing

PAGE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text(encoding="utf-8")
CELLS = re.findall(r"^\| .+ \| (.+) \|$", PAGE, re.MULTILINE)
CODE = sorted({code for cell in CELLS for code in re.findall(r"`([^`]+)`", cell)})
METHODS = sorted({code for code in CODE if re.match(r"(with |@)?(tracing|span)\.\w", code)})
PATHS = sorted({code.removesuffix("()") for code in CODE if re.match(r"enterspan\.\w", code)})


def keywords_of(call: str) -> set[str]:
    """The names that a call passes its arguments by."""
    return set(re.findall(r"[(, ](\w+)=", call))


@pytest.mark.parametrize("code", METHODS)
def test_a_method_is_there_and_takes_what_it_is_given(code: str) -> None:
    """Of `tracing` and of spans, with the names of its arguments."""
    match = re.match(r"(?:with |@)?(tracing|span)\.(\w+)", code)
    assert match is not None
    owner = Tracing if match[1] == "tracing" else Span
    method = getattr(owner, match[2])
    if not callable(method):
        return
    parameters = inspect.signature(method).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        assert keywords_of(code) <= set(parameters)


@pytest.mark.parametrize("code", [c for c in CODE if c.startswith("@traced")])
def test_an_option_of_the_decorator_is_there(code: str) -> None:
    """They are those of `Tracing.traced`."""
    assert keywords_of(code) <= set(inspect.signature(Tracing.traced).parameters)


@pytest.mark.parametrize("path", PATHS)
def test_what_is_imported_is_there(path: str) -> None:
    """A module's member, whose module needs no package that is not installed."""
    module, _, name = path.rpartition(".")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))
    assert hasattr(found, name)


def test_the_tables_were_found() -> None:
    """A change of the page's form must not silently turn its tests off."""
    assert len(METHODS) >= 40
    assert len(PATHS) >= 12
