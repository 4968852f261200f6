"""The README's promises: the two commands, the pictures, the links and the figure.

Its examples are run with those of the pages, by `test_docs.py`.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)|(?:href|src)=\"([^\"]+)\"", TEXT)


def test_the_first_two_commands_are_the_ones_that_the_project_promises() -> None:
    """They are meant to be copied, so they are whole, and they use what a fresh machine has."""
    commands = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert [command.strip() for command in commands[:2]] == [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/enterspan run examples/shop",
        "python3 check.py",
    ]


def test_the_commands_and_the_pictures_are_on_the_first_screen() -> None:
    """They are in the first lines, before the first heading below the title."""
    first = TEXT[: TEXT.index("\n## ")]
    assert len(first.splitlines()) <= 24
    assert "check.py" in first
    assert first.index("docs/live-tree.svg") < first.index("docs/page.png")


@pytest.mark.parametrize("link", sorted({a or b for a, b in LINKS}))
def test_a_link_of_the_readme_leads_somewhere(link: str) -> None:
    """They lead to files of the checkout; the site's gate does not read the README."""
    assert (ROOT / link).is_file()


@pytest.mark.parametrize("name", ["live-tree.svg", "page.png", "report.png"])
def test_a_picture_is_small(name: str) -> None:
    """A README that loads slowly is not read."""
    assert (ROOT / "docs" / name).stat().st_size < 60_000


def test_the_picture_of_the_tree_asks_for_nothing() -> None:
    """It is text in one style sheet: no script, no font and no picture is loaded by it."""
    root = ET.parse(ROOT / "docs" / "live-tree.svg").getroot()
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        "svg",
        "title",
        "style",
        "rect",
        "text",
        "tspan",
    }


def test_the_figure_of_the_readme_is_that_of_the_measurements() -> None:
    """A decorated call beside OpenTelemetry's SDK, on the Python that the table begins with."""
    words = {"tenth": 10, "eleventh": 11, "twelfth": 12, "fourteenth": 14, "sixteenth": 16}
    (word,) = re.findall(r"costs about an? (\w+) of\s+what it costs with the SDK", TEXT)
    tables = (ROOT / "bench" / "figures.md").read_text(encoding="utf-8")
    recorded = tables[tables.index("## Recorded") :]
    head, row = (
        next(line for line in recorded.splitlines() if line.startswith(start)).split("|")
        for start in ("|  | enterspan |", "| decorated call |")
    )
    measured = row[[cell.strip() for cell in head].index("OpenTelemetry SDK")]
    assert words[word] == pytest.approx(float(measured.split()[0]), abs=1)
