"""Run small programs twice, plain and with all of a package instrumented and recorded; compare.

    python bench/others/programs.py          those of the folder `programs` that can be run
    python bench/others/programs.py pandas   one of them

The programs exercise what a package is for, and print what came of it. The exit code is 1 if one
prints something else, if it fails, or if no span was recorded.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"

RECORDED = """
import sys
from enterspan import tracing
from enterspan.testing import capture
found = tracing.instrument({name!r})
with capture() as trace:
    exec(compile(open({path!r}).read(), {path!r}, "exec"))
found.remove()
print(found.summary() + f", {{len(trace.spans):,}} spans", file=sys.stderr)
sys.exit(not trace.spans)
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run Python."""
    return subprocess.run(  # noqa: S603 - our own command lines
        [sys.executable, *command], capture_output=True, text=True, check=False
    )


def compare(name: str) -> bool:
    """Run one program both ways; False if there is a difference."""
    path = str(PROGRAMS / f"{name}.txt")
    plain = run(path)
    recorded = run("-c", RECORDED.format(name=name, path=path))
    same = (plain.returncode, plain.stdout) == (recorded.returncode, recorded.stdout)
    said = recorded.stderr.strip().splitlines()[-1:] or ["nothing said"]
    print(f"{name}: {'the same' if same and not plain.returncode else 'DIFFERENT'}; {said[0]}")
    return same and plain.returncode == 0


def main(names: list[str]) -> int:
    """Compare what the command line asks for."""
    every = sorted(file.stem for file in PROGRAMS.glob("*.txt"))
    tried = names or [name for name in every if importlib.util.find_spec(name)]
    same = [compare(name) for name in tried]
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
