"""The README says what is so: its Python examples are run, each by itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

README = Path(__file__).parents[2] / "README.md"


class Fence(NamedTuple):
    """A fenced block: the line where it starts, its language, its text."""

    line: int
    language: str
    text: str


def fences() -> list[Fence]:
    """All fenced blocks of the README, in order."""
    text = README.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Fence(text.count("\n", 0, m.start()) + 1, m[1], m[2]) for m in found]


def examples() -> list[tuple[Fence, str | None]]:
    """Each Python block, with what it prints where a `text` block comes right after it."""
    blocks = fences()
    return [
        (block, after.text if after is not None and after.language == "text" else None)
        for block, after in zip(blocks, [*blocks[1:], None], strict=True)
        if block.language == "python"
    ]


@pytest.mark.parametrize(
    "block,prints", [pytest.param(*example, id=f"line {example[0].line}") for example in examples()]
)
def test_an_example_of_the_readme_runs_and_prints_what_it_says(
    block: Fence,
    prints: str | None,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each Python block runs in a fresh namespace, and prints the `text` block that follows."""
    monkeypatch.chdir(tmp_path)
    code = compile("\n" * block.line + block.text, str(README), "exec")
    exec(code, {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert printed == (prints or "")


def test_the_readme_has_examples() -> None:
    """A change of the README's form must not silently turn its tests off."""
    assert len(examples()) >= 1


def test_the_first_two_commands_are_the_ones_that_the_project_promises() -> None:
    """They are meant to be copied, so they are whole, and they use what a fresh machine has."""
    commands = [fence.text.strip() for fence in fences() if fence.language == "sh"]
    assert commands[:2] == [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/enterspan run examples/shop",
        "python3 check.py",
    ]
