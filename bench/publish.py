"""Write `docs/performance.md`, its picture and `bench/figures.md` from what `run.py` measured.

    python bench/publish.py
    python bench/publish.py --check     are the pages what the results say?

It reads `bench/results/*.json`, one file for each Python, and the remarks in `bench/remarks.md`.
The same input gives the same output.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import figures
import plot
import summary

HERE = Path(__file__).parent
PAGES = {HERE.parent / "docs" / "performance.md": summary.page, HERE / "figures.md": figures.pages}
PICTURE = HERE.parent / "docs" / "performance.svg"


def read() -> dict[str, Any]:
    """The results, by Python, the oldest first."""
    files = (HERE / "results").glob("*.json")
    ordered = sorted(files, key=lambda file: [int(part) for part in file.stem.split(".")])
    return {file.stem: json.loads(file.read_text()) for file in ordered}


def main() -> int:
    """Write the pages, or look whether they would change."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--check", action="store_true", help="write nothing; 1 if it would change")
    given = options.parse_args()
    runs = read()
    if not runs:
        print("nothing in bench/results yet: python bench/run.py", file=sys.stderr)
        return 1
    texts = {path: "\n".join(lines(runs)).rstrip() + "\n" for path, lines in PAGES.items()}
    if given.check:
        old = [
            path for path, text in texts.items() if not path.exists() or path.read_text() != text
        ]
        for path in old:
            print(f"{path} is not what bench/results say: python bench/publish.py", file=sys.stderr)
        return 1 if old else 0
    for path, text in texts.items():
        path.write_text(text)
        print(f"written: {path}")
    newest = list(runs)[-1]
    plot.draw(newest, runs[newest], PICTURE)
    print(f"written: {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
