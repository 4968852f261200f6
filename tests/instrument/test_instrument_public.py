"""`package:public`: what a package shows to others, and a report of what is left out."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import Tracing, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMPL = """
def _made(n):
    return n + 1

def shown(n):
    return _made(n)

def unseen(n):
    return n

class _Base:
    def send(self):
        return self._pack()

    def _pack(self):
        return "packed"

class Client(_Base):
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True

    def _reset(self):
        self.closed = False

    @classmethod
    def make(cls):
        return cls()

    @property
    def state(self):
        return self._state()

    def _state(self):
        return "idle"

class _Hidden:
    def run(self):
        return None
"""
TOOLS = """
__all__ = ["listed", "_odd"]

def listed():
    return _odd()

def unlisted():
    return 1

def _odd():
    return unlisted()
"""
INIT = """
from kit._impl import Client, shown, _made as renamed
from kit import tools
from json import dumps

def top():
    return _own()

def _own():
    return shown(1)
"""
PUBLIC = (
    "kit._impl:Client.close",
    "kit._impl:Client.make",
    "kit._impl:Client.state",
    "kit._impl:_Base.send",
    "kit._impl:_made",
    "kit._impl:shown",
    "kit.tools:_odd",
    "kit.tools:listed",
    "kit:top",
)
LEFT_OUT = (
    "kit._impl:Client._reset",
    "kit._impl:Client._state",
    "kit._impl:_Base._pack",
    "kit._impl:_Hidden.run",
    "kit._impl:unseen",
    "kit.tools:unlisted",
    "kit:_own",
)


@pytest.fixture
def kit(modules: Callable[..., Path]) -> Path:
    """A package that shows what it defines in a private module."""
    folder = modules(load=False, kit___impl=IMPL, kit__tools=TOOLS)
    (folder / "kit" / "_impl.py").write_text(IMPL)
    (folder / "kit" / "__init__.py").write_text(INIT)
    return folder


def use() -> Any:
    kit: Any = sys.modules["kit"]
    assert (kit.top(), kit.renamed(1), kit.tools.listed()) == (2, 2, 1)
    client = kit.Client.make()
    assert (client.send(), client.state, client.close()) == ("packed", "idle", None)


@pytest.mark.parametrize("is_loaded", [True, False])
def test_what_a_package_shows_is_wrapped_where_it_is_defined(kit: Path, is_loaded: bool) -> None:
    """Before it is imported and after; what is left out is reported, and all of it comes back."""
    mine = Tracing("mine")
    if is_loaded:
        importlib.import_module("kit")
    with mine.instrument("kit:public") as found:
        importlib.import_module("kit")
        assert tuple(sorted(found.wrapped)) == PUBLIC
        assert dict(found.skipped) == dict.fromkeys(LEFT_OUT, "it is not public")
        assert found.unmatched == ()
        with capture(mine) as trace:
            use()
    assert trace.tree() == (
        "top\n  shown\n    _made\n_made\nlisted\n  _odd\nClient.make\n_Base.send\nClient.state\n"
        "Client.close"
    )
    with capture(mine) as trace:
        use()
    assert trace.spans == []


def test_a_private_module_that_comes_later_is_left_out(kit: Path) -> None:
    """Until a public one shows what it defines."""
    (kit / "kit" / "__init__.py").write_text("")
    (kit / "kit" / "api.py").write_text("from kit._impl import shown")
    with tracing.instrument("kit:public") as found:
        importlib.import_module("kit._impl")
        assert found.wrapped == ()
        assert found.unmatched == ("kit:public",)
        assert found.skipped["kit._impl:shown"] == "it is not public"
        importlib.import_module("kit.api")
        assert found.wrapped == ("kit._impl:shown",)
        assert "kit._impl:shown" not in found.skipped
        assert found.skipped["kit._impl:unseen"] == "it is not public"
        with capture() as trace:
            sys.modules["kit.api"].shown(1)
            sys.modules["kit._impl"].shown(1)
        assert [span.name for span in trace.spans] == ["shown", "shown"]


def test_what_holds_it_already_in_its_own_module_calls_it_seen(kit: Path) -> None:
    """A class there that was looked at before the function was shown to others."""
    held = IMPL + "\nHELD = (unseen,)\nclass _Box:\n    get = staticmethod(shown)\n"
    (kit / "kit" / "_impl.py").write_text(held)
    (kit / "kit" / "__init__.py").write_text("")
    (kit / "kit" / "api.py").write_text("from kit._impl import shown")
    with tracing.instrument("kit:public", "kit._impl:unseen"):
        importlib.import_module("kit._impl")
        importlib.import_module("kit.api")
        with capture() as trace:
            sys.modules["kit._impl"]._Box.get(1)
        assert [span.name for span in trace.spans] == ["shown"]


def test_it_goes_with_other_patterns_and_with_exclude(kit: Path) -> None:
    with tracing.instrument(
        "kit:public", "kit._impl:_Hidden", exclude=["kit.tools", "kit:top"]
    ) as found:
        importlib.import_module("kit")
        assert "kit._impl:_Hidden.run" in found.wrapped
        assert "kit._impl:_Hidden.run" not in found.skipped
        assert found.skipped["kit:top"] == "excluded by kit:top"
        assert found.skipped["kit.tools:listed"] == "excluded by kit.tools"


def test_one_module_and_those_below_have_public_functions_too(kit: Path) -> None:
    importlib.import_module("kit")
    with tracing.instrument("kit.tools:public") as found:
        assert found.wrapped == ("kit.tools:listed", "kit.tools:_odd")
    with tracing.instrument("kit.*:public") as found:
        assert found.wrapped == ("kit.tools:listed", "kit.tools:_odd")
    # A private module that is named is what is asked for.
    with tracing.instrument("kit._impl:public") as found:
        assert "kit._impl:unseen" in found.wrapped
        assert "kit._impl:_made" not in found.wrapped


def test_a_function_of_that_name_is_picked_by_its_path(modules: Any) -> None:
    modules(open_kit="def public():\n    pass\ndef _private():\n    pass")
    with tracing.instrument("open_kit.public") as found:
        assert found.wrapped == ("open_kit:public",)
        assert dict(found.skipped) == {}


@pytest.mark.parametrize("pattern", [":public", "*:public", "kit.:public", "kit:public:x"])
def test_a_pattern_that_can_not_be_read_shows_the_grammar(pattern: str) -> None:
    with pytest.raises(ValueError, match="shop:public        the public ones of a package"):
        tracing.instrument(pattern)


def test_a_package_of_the_standard_library_is_as_before() -> None:
    """Used with its public functions recorded, it gives the same."""
    import json

    before = json.dumps({"a": [1, None]}), json.loads("[1.5]")
    with tracing.instrument("json:public") as found, capture() as trace:
        assert (json.dumps({"a": [1, None]}), json.loads("[1.5]")) == before
    assert {"dumps", "loads", "JSONDecoder.decode"} <= {span.name for span in trace.spans}
    assert "json.decoder:JSONDecoder.decode" in found.wrapped
    assert found.skipped["json.scanner:py_make_scanner"] == "it is not public"
