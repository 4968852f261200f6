"""The programs under `examples/` run, plain and traced, and do the same both times."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]

PRINTED = """\
order 1001: 22.52 paid, R002007, with Stork
order 1002: declined, the card has expired
order 1003: 23.78 paid, R001940, with Stork
item       stock   price
biscuits      36    3.25
mug           11    9.50
tea           27    6.40
teapot         3   38.00
"""

NAMES = (
    "Catalogue.stock_up",
    "order 1001",
    "order 1002",
    "order 1003",
    "pricing.total",
    "Catalogue.find",
    "payments.charge",
    "payments.authorise",
    "pack",
    "shipping.cheapest",
    "shipping.quote",
    "report",
    "report.lines",
    "Catalogue.items",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout, as a person would, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def traced() -> subprocess.CompletedProcess[str]:
    """The shop, run with its live tree."""
    return run("-m", "enterspan", "run", "examples/shop")


def test_the_shop_runs_without_us() -> None:
    """Without a subscriber, the traced program prints its own lines and nothing else."""
    plain = run("examples/shop")
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, PRINTED, "")


def test_the_shop_does_the_same_when_traced(traced: subprocess.CompletedProcess[str]) -> None:
    """Its output and its exit code are as without us; the tree goes to stderr."""
    assert (traced.returncode, traced.stdout) == (0, PRINTED)


@pytest.mark.parametrize("name", NAMES)
def test_the_tree_names_each_step(traced: subprocess.CompletedProcess[str], name: str) -> None:
    """Whatever was traced can be read off the tree."""
    assert re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", traced.stderr), traced.stderr


def test_the_tree_shows_the_failure_once(traced: subprocess.CompletedProcess[str]) -> None:
    """The declined card stands where it happened; the order that handled it is no failure."""
    assert traced.stderr.count("CardDeclinedError: the card has expired") == 1


def test_the_tree_shows_attributes_and_logs(traced: subprocess.CompletedProcess[str]) -> None:
    """What the program told its spans is there to read."""
    assert "the gateway is busy, trying again" in traced.stderr
    assert "cents=2007" in traced.stderr
    assert "carrier=Stork" in traced.stderr


def test_the_quiet_form_says_nothing() -> None:
    """`--quiet` leaves the program's own output, and nothing else."""
    quiet = run("-m", "enterspan", "run", "--quiet", "examples/shop")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, PRINTED, "")


def test_a_recorded_shop_can_be_viewed_later(tmp_path: Path) -> None:
    """What `--output` wrote, `view` shows: the same spans, the same failure."""
    file = tmp_path / "shop.jsonl"
    assert run("-m", "enterspan", "run", "--output", str(file), "examples/shop").returncode == 0
    view = run("-m", "enterspan", "view", str(file))
    assert view.returncode == 0, view.stderr
    assert [name for name in NAMES if name not in view.stdout] == []
    assert "CardDeclinedError" in view.stdout


def test_the_picture_shows_lines_of_the_tree_that_the_shop_prints(
    traced: subprocess.CompletedProcess[str], folded: Callable[[list[str]], list[str]]
) -> None:
    """The README's picture is an excerpt; figures, and what of two tasks is first, may differ."""
    picture = ET.parse(ROOT / "docs" / "live-tree.svg").getroot()
    texts = [text_of(line) for line in picture.iter() if line.tag.endswith("}text")]
    own = [shape(line) for line in [*PRINTED.splitlines(), "...", "$ enterspan run examples/shop"]]
    shown = [line for line in map(shape, folded(texts)) if line not in own]
    printed = [shape(line) for line in folded(traced.stderr.splitlines())]
    assert len(shown) > 15
    assert Counter(shown) - Counter(printed) == Counter()


def text_of(line: ET.Element) -> str:
    """A line of the picture, whose spaces are positions there."""
    pieces = sorted((float(piece.attrib["x"]), piece.text or "") for piece in line)
    text, end = "", 0.0
    for x, piece in pieces:
        text += " " * (round((x - end) / 7.2) if text else 1) + piece
        end = x + len(piece) * 7.2
    return text


def shape(line: str) -> str:
    """A line without its spaces and its measured times."""
    return "".join(re.sub(r"\b[\d.]+ (ns|µs|us|ms|s)\b", "", line).split())
