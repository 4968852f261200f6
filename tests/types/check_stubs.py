"""What mypy, pyright and stubtest say of stubs of the modules in `odd/`, which are hard to render.

    python tests/types/check_stubs.py

They may say what they say of the source itself, and nothing else.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = "odd_sources"

sys.path[:0] = [str(HERE.parents[1] / "bench" / "others"), str(HERE / "odd")]

import stubs  # noqa: E402 - where the comparison with other generators is


def main() -> int:
    """Print what is said of the stubs alone."""
    os.environ["PYTHONPATH"] = str(HERE / "odd")
    with tempfile.TemporaryDirectory() as folder:
        made, source = (
            stubs.measure(PACKAGE, generator, Path(folder, generator))
            for generator in ("ours", stubs.SOURCE)
        )
    if made.stubtest is None or source.stubtest is None:
        sys.exit("stubtest can't compare the stubs or the source: see what mypy says of them")
    said = made.mypy + made.pyright + made.stubtest + (made.missing or stubs.Counter())
    own = source.mypy + source.pyright + source.stubtest + (source.missing or stubs.Counter())
    for line in (said - own).elements():
        print(line)
    return 1 if said - own else 0


if __name__ == "__main__":
    sys.exit(main())
