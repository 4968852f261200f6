"""The pages under `docs/` on entry points, sampling and logs say what is so: their examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ("entry-points.md", "sampling.md", "logs.md", "report.md")
FOREIGN = re.compile(r"^from (starlette|flask|celery)\b", re.MULTILINE)
"""Examples with these are run in the session `frameworks`."""


def examples(foreign: bool) -> list[object]:
    """Each Python block, with what it prints where a `text` block comes right after it."""
    found: list[object] = []
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        blocks = list(re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
        for block, after in zip(blocks, [*blocks[1:], None], strict=True):
            if block[1] == "python" and bool(FOREIGN.search(block[2])) is foreign:
                prints = after[2] if after is not None and after[1] == "text" else ""
                line = text.count("\n", 0, block.start()) + 1
                found.append(pytest.param(block[2], prints, id=f"{page}:{line}"))
    return found


def run(source: str, prints: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a block in a fresh namespace; it prints what the page says."""
    exec(compile(source, "<docs>", "exec"), {"__name__": "docs"})
    assert capsys.readouterr().out == prints


@pytest.mark.parametrize("source,prints", examples(foreign=False))
def test_an_example_runs_and_prints_what_it_says(source, prints, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(source, prints, capsys)


def test_every_page_has_examples():
    """A change of a page's form must not silently turn its tests off."""
    assert len(examples(foreign=False)) >= 9
    assert len(examples(foreign=True)) == 3
