"""The recipes for frameworks that talk to models, with fake models: no network, no keys."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUIRED = os.environ.get("ENTERSPAN_TEST_MODELS") == "required"
"""Whether the frameworks must be there: so it is in the session `models`."""
EXAMPLES = Path(__file__).parents[2] / "examples" / "models"

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks a server for prices


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Import a recipe, whose package is skipped where it is missing."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    before = set(sys.modules)

    def load(name: str, package: str = "") -> Any:
        if package and not REQUIRED:
            pytest.importorskip(package, reason=f"{package} is not installed: nox -s models")
        return importlib.import_module(name)

    yield load
    tracing._tracer.expected = ()
    for name in set(sys.modules) - before:
        if str(EXAMPLES) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
