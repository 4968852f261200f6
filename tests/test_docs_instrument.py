"""docs/instrument.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parent.parent / "docs" / "instrument.md"


def test_its_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The Python block, and the text block after it."""
    found = re.search(
        r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    exec(compile(found[1], str(PAGE), "exec"), {"__name__": "page"})
    assert capsys.readouterr().out == found[2]
