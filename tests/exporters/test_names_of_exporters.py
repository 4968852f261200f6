"""`enterspan.exporters` has every exporter and tail by its own name."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from enterspan import exporters

HOMES = {
    "ChromeTraceExporter": "chrome",
    "ConsoleTail": "console",
    "JsonLinesExporter": "jsonlines",
    "JsonLinesTail": "jsonlines",
    "OTLPJsonExporter": "otlpjson",
}


@pytest.mark.parametrize("name", HOMES)
def test_an_exporter_is_what_its_module_has(name: str) -> None:
    """One class, wherever it is imported from."""
    module = importlib.import_module(f"enterspan.exporters.{HOMES[name]}")
    assert getattr(exporters, name) is getattr(module, name)


def test_the_names_are_listed() -> None:
    """`dir` has those that can be imported, and nothing else."""
    assert set(dir(exporters)) == {*HOMES, "OTLPExporter", "OTelExporter"}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """With the usual message."""
    with pytest.raises(AttributeError, match=r"module 'enterspan\.exporters' has no attribute 'X'"):
        exporters.X


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    """Neither an exporter nor what it needs."""
    code = "import sys, enterspan.exporters; print([m for m in sys.modules if '.exporters.' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
