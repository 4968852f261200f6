"""The README and the pages under `docs/`: every example is run, and prints what is shown.

- A `python` block runs as a program of its own; a `text` block right after it is what it prints.
- With a title it is written to a file of that name first, for the blocks that come after it.
- A `console` block is a terminal: the lines that begin with `$` are run, the others are compared,
  with times taken as equal and a line of `...` for any lines.
- `<!-- not run: why -->` above a block says that it is not, and why.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import enterspan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCS = Path(__file__).parents[2] / "docs"
ELSEWHERE = {
    "opentelemetry.md": "with a receiver: tests/otel/test_otel_docs.py",
    "catalogue.md": "with its catalogue: tests/docs/test_docs_catalogue.py",
}
"""Pages whose examples need something around them."""
SHOWN = {
    "view.md": "the tests of the viewer run these commands, on files of their own",
    "formats.md": "the tests of the formats do",
}
"""Pages whose terminals work on files that only the reader has."""
EXTRAS = {"enterspan.exporters.otlp": {"urllib3"}}
"""Modules of enterspan that need an extra, and the packages that it installs."""
REQUIRED = os.environ.get("ENTERSPAN_TEST_DOCS") == "required"
"""Whether a package that an example needs must be there: so it is in the session `docs`."""
_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n\n?)?"
    r"^(?P<indent> *)```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_CLIENTS = re.compile(r"enterspan\.integrations\.(httpx|requests) import")
_VARIES = re.compile(r"\d[\d,.]* ?(?:ns|µs|ms|s)\b|\b[0-9a-f]{16,32}\b")


class Block(NamedTuple):
    """A fenced block of a page, and the files that the blocks before it have made."""

    page: str
    line: int
    language: str
    title: str | None
    text: str
    why_not: str | None
    files: dict[str, str]
    prints: str


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = list(_FENCE.finditer(text))
    files: dict[str, str] = {}
    for match, after in zip(found, [*found[1:], None], strict=False):
        if match["title"] is not None:
            files[match["title"]] = match["text"]
        follows = (
            after is not None
            and after["language"] == "text"
            and not text[match.end() : after.start()].strip()
        )
        yield Block(
            page.name,
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            match["title"],
            match["text"],
            match["why"],
            dict(files),
            after["text"] if follows and after is not None else "",
        )


README = DOCS.parent / "README.md"
ALL = [block for page in (README, *sorted(DOCS.glob("**/*.md"))) for block in blocks_of(page)]


def chosen(language: str) -> list[object]:
    """The blocks of a language that are run here."""
    return [
        pytest.param(block, id=f"{block.page}:{block.line}")
        for block in ALL
        if block.language == language
        and block.why_not is None
        and block.page not in ELSEWHERE
        and not (language == "console" and block.page in SHOWN)
    ]


def packages_of(source: str) -> set[str]:
    """The packages that a program imports, and those of the extras that it needs."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module.partition(".")[0], *EXTRAS.get(node.module, ())}
    return names


def need(block: Block, source: str) -> None:
    """Skip a block that needs what is not installed, or fail, where all is said to be."""
    own = {Path(name).stem for name in block.files}
    if "OTLPExporter" in source and importlib.util.find_spec("urllib3") is None:
        source += "\nimport urllib3"  # the exporter imports it when it is made
    source += "".join(f"\nimport {name}" for name in _CLIENTS.findall(source))
    missing = [n for n in sorted(packages_of(source) - own) if importlib.util.find_spec(n) is None]
    if missing and REQUIRED:
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (nox -s docs)")


def write(files: dict[str, str], folder: Path) -> None:
    """Write what the blocks before have made."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def environment() -> dict[str, str]:
    """One in which the commands are those of this Python, and nothing is coloured or buffered."""
    others = ("COVERAGE_", "OTEL_", "PYTEST_")  # coverage and forks do not go together
    kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "100"}


@pytest.mark.parametrize("block", chosen("python"))
def test_an_example_runs_and_prints_what_the_page_says(block: Block, tmp_path: Path) -> None:
    """Each in a process of its own, which says nothing on stderr."""
    need(block, block.text)
    write(block.files, tmp_path)
    program = tmp_path / (block.title or "example.py")
    program.write_text(block.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program.name],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == block.prints


def commands_of(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a terminal, each with the lines that it is said to print."""
    commands: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    return commands


def alike(line: str) -> str:
    """What is compared of a line: not how long things took, nor how many blanks that left."""
    return " ".join(_VARIES.sub("#", line).split())


def is_as_shown(printed: list[str], shown: list[str]) -> bool:
    """Whether lines are those that are shown; `...` stands for any."""
    pieces: list[list[str]] = [[]]
    for line in shown:
        if line.strip() == "...":
            pieces.append([])
        else:
            pieces[-1].append(line)
    first, *rest = pieces
    if printed[: len(first)] != first:
        return False
    if not rest:
        return len(printed) == len(first)
    *middle, last = rest
    at = len(first)
    for piece in middle:
        while printed[at : at + len(piece)] != piece:
            at += 1
            if at > len(printed):
                return False
        at += len(piece)
    return len(printed) - at >= len(last) and (not last or printed[-len(last) :] == last)


@pytest.mark.skipif(os.name != "posix", reason="the commands are those of a POSIX shell")
@pytest.mark.parametrize("block", chosen("console"))
def test_commands_print_what_the_page_says(
    block: Block, tmp_path: Path, folded: Callable[[list[str]], list[str]]
) -> None:
    """Standard output and error together, as on a terminal."""
    for source in block.files.values():
        need(block, source)
    write(block.files, tmp_path)
    for command, shown in commands_of(block.text):
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        printed = [alike(line) for line in folded(done.stdout.splitlines())]
        assert is_as_shown(printed, [alike(line) for line in folded(shown)]), done.stdout


def test_the_reference_has_every_public_name() -> None:
    """What `enterspan` exports; the default instance and its decorator are explained in words."""
    pages = "\n".join(p.read_text(encoding="utf-8") for p in (DOCS / "reference").glob("*.md"))
    listed = set(re.findall(r"^::: enterspan\.(\w+)$", pages, re.MULTILINE))
    assert set(enterspan.__all__) - {"__version__", "traced", "tracing"} == listed - {"sampling"}


def test_nothing_is_left_out_by_accident() -> None:
    """Pages without examples are few, and a block that is not run says why."""
    with_examples = {block.page for block in ALL if block.language in {"python", "console"}}
    assert with_examples >= {
        "README.md",
        "index.md",
        "tutorial.md",
        "recipes.md",
        "exit-fork-overload.md",
        "entry-points.md",
        "instrument.md",
        "logs.md",
        "sampling.md",
        *ELSEWHERE,
    }
    assert len([block for block in ALL if block.language == "python"]) >= 40
    assert {block.page for block in ALL if block.why_not is not None} <= {"typing.md"}


@pytest.mark.parametrize(
    "printed,shown,result",
    [
        ("a b", "a b", True),
        ("a b", "a", False),
        ("a", "a b", False),
        ("a b c", "a ... c", True),
        ("a c", "a ... c", True),
        ("a", "a ... a", False),
        ("a b c d", "... b ... d", True),
        ("a b c d", "... c ... b ...", False),
        ("a b c", "a ...", True),
        ("a b c", "... c", True),
    ],
)
def test_what_is_shown_is_compared_line_by_line(printed: str, shown: str, result: bool) -> None:
    """The comparison itself can fail."""
    assert is_as_shown(printed.split(), shown.split()) is result
