"""Draw the pictures of the README and the site, from a run of `examples/shop`.

    python docs/pictures.py              all of them; needs Chromium and Pillow
    python docs/pictures.py --tree-only  `live-tree.svg` alone; needs neither

`live-tree.svg` is what `enterspan run` prints on a terminal, in its colours. `page.png` and
`report.png` show the page of `enterspan view --html`, narrow and wide. The folder in which the shop
was run is shown as `/home/ann`; nothing else is changed.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SHOWN_FOLDER = "/home/ann"
FIRST, LAST = "╭ shipping.cheapest", "╰ order 1002"
"""The lines that the picture begins and ends with: tasks overlap there, and one call fails."""

CHARACTER, LINE, MARGIN = 7.2, 17, 14
"""Pixels: a character's width, a line's height, the space around the text."""
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#f2cc60", "36": "#79c0ff"}
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
PLAIN, DIM, BACKGROUND = "#e6edf3", "#9aa4b0", "#0d1117"
_STYLE = re.compile(r"\x1b\[([\d;]*)m")


class Piece(NamedTuple):
    """Some text of a line, in one style."""

    column: int
    text: str
    colour: str
    is_bold: bool


def main() -> int:
    """Draw what the command line asks for."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(HERE.parent / "examples" / "shop", Path(folder, "examples", "shop"))
        tree, recording = run_shop(Path(folder))
        (HERE / "live-tree.svg").write_text(draw(excerpt(tree)), encoding="utf-8")
        if "--tree-only" not in sys.argv[1:]:
            photograph(Path(folder), recording)
    return 0


def run_shop(folder: Path) -> tuple[list[str], Path]:
    """Return the lines that the run prints on a terminal, and the file that it records."""
    recording = folder / "shop.jsonl"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "enterspan", "run"),
            *("--output", str(recording), "examples/shop"),
        ],
        cwd=folder,
        env={
            **os.environ,
            "FORCE_COLOR": "1",
            "COLUMNS": "90",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    text = recording.read_text(encoding="utf-8").replace(str(folder), SHOWN_FOLDER)
    recording.write_text(text, encoding="utf-8")
    return done.stdout.splitlines(), recording


def excerpt(lines: list[str]) -> list[str]:
    """The lines from the first to the last of the picture, below the command."""
    plain = [_STYLE.sub("", line) for line in lines]
    begin = next(at for at, line in enumerate(plain) if FIRST in line)
    end = next(at for at, line in enumerate(plain) if LAST in line)
    return ["$ enterspan run examples/shop", plain[0], "  ...", *lines[begin : end + 1], "  ..."]


def draw(lines: list[str]) -> str:
    """An SVG of lines of a terminal; each piece is as wide as its characters are in any font."""
    columns = max(len(_STYLE.sub("", line)) for line in lines)
    width = round(columns * CHARACTER + 2 * MARGIN)
    height = len(lines) * LINE + 2 * MARGIN
    size = f'width="{width}" height="{height}"'
    rows = "\n".join(
        f'<text y="{MARGIN + number * LINE + 12}">{"".join(map(show, pieces(line)))}</text>'
        for number, line in enumerate(lines)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size} role="img">
<title>What enterspan run prints of the example shop</title>
<style>text {{ font: 12px {FONTS}; white-space: pre }}</style>
<rect {size} rx="8" fill="{BACKGROUND}"/>
{rows}
</svg>
"""


def pieces(line: str) -> list[Piece]:
    """The pieces of a line with the escape sequences of a terminal."""
    found: list[Piece] = []
    column, colour, is_bold = 0, PLAIN, False
    for number, part in enumerate(_STYLE.split(line)):
        if number % 2:
            codes = part.split(";")
            is_bold = "1" in codes
            named = [COLOURS[code] for code in codes if code in COLOURS]
            colour = named[0] if named else DIM if "2" in codes else PLAIN
        else:
            found += [
                Piece(column + word.start(), word[0], colour, is_bold)
                for word in re.finditer(r"\S+(?: \S+)*", part)
            ]
            column += len(part)
    return found


def show(piece: Piece) -> str:
    """One piece as SVG."""
    x = MARGIN + piece.column * CHARACTER
    weight = ' font-weight="bold"' if piece.is_bold else ""
    return (
        f'<tspan x="{x:.1f}" textLength="{len(piece.text) * CHARACTER:.1f}"'
        f' fill="{piece.colour}"{weight}>{html.escape(piece.text, quote=False)}</tspan>'
    )


def photograph(folder: Path, recording: Path) -> None:
    """Take pictures of the page, at the span that failed."""
    page = folder / "shop.html"
    subprocess.run(
        [sys.executable, "-m", "enterspan", "view", str(recording), "--html", str(page)],
        check=True,
        timeout=60,
    )
    failed = find_failed(recording)
    take(page.as_uri(), HERE / "page.png", (880, 700), 1)
    take(f"{page.as_uri()}#{failed}", HERE / "report.png", (1280, 720), 1)


def find_failed(recording: Path) -> str:
    """The address of the span that the exception left first."""
    events = [json.loads(line) for line in recording.read_text(encoding="utf-8").splitlines()]
    context = next(e["spanContext"] for e in events if e["event"]["type"] == "exception")
    return f"trace={context['traceId']}&span={context['spanId']}"


def take(address: str, target: Path, size: tuple[int, int], scale: float) -> None:
    """Take a picture of a page, in few colours, so that it is small."""
    from PIL import Image

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or "google-chrome"
    subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", "--hide-scrollbars"),
            *(f"--window-size={size[0]},{size[1]}", f"--force-device-scale-factor={scale}"),
            *("--virtual-time-budget=5000", f"--screenshot={target}", address),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    Image.open(target).convert("RGB").quantize(160, dither=Image.Dither.NONE).save(
        target, optimize=True
    )


if __name__ == "__main__":
    sys.exit(main())
