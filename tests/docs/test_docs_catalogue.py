"""docs/catalogue.md says what is so: its catalogue is generated, and its calls are made with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text(encoding="utf-8")
CATALOGUES = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def run(folder: Path, *command: str) -> None:
    """Run a Python that finds the page's package, and prints nothing."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TOML is read from Python 3.11 on")
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_calls_of_the_page_are_what_its_catalogue_makes(program: str, tmp_path: Path) -> None:
    """The module is generated from the page's own TOML, with the names for plain calls."""
    (catalogue,) = CATALOGUES
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    text = "names = true\n" + catalogue.replace("src/shop/spans.py", "shop/spans.py")
    (tmp_path / "catalogue.toml").write_text(text, encoding="utf-8")
    generate = ["catalogue", "--generate", "--catalogue", "catalogue.toml"]
    subprocess.run(
        [sys.executable, "-m", "enterspan", *generate], cwd=tmp_path, check=True, timeout=60
    )
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    run(tmp_path, "program.py")


def test_there_are_examples() -> None:
    """A change of the page's form must not silently turn its tests off."""
    assert (len(CATALOGUES), len(PROGRAMS)) == (1, 2)
