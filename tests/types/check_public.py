"""Every public name of the installed package has a type, and `Any` is at most one of them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

BIN = Path(sys.executable).parent
MOST = 1
"""`TailEvent.to_dict()` gives JSON, for which there is no better word."""


def main() -> int:
    """Return 1 if a type is missing or if there is more of `Any` than agreed."""
    return max(check_completeness(), check_any())


def check_completeness() -> int:
    """Ask pyright for its score, from a folder in which no checkout is in sight."""
    command = [str(BIN / "pyright"), "--verifytypes", "enterspan", "--ignoreexternal"]
    # It looks for the package with the first Python on the path.
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [*command, "--outputjson"],
        cwd=BIN,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    completeness = json.loads(done.stdout)["typeCompleteness"]
    print(f"pyright: {completeness['completenessScore']:.1%} of the public types are complete")
    for symbol in completeness["symbols"]:
        if symbol["isExported"] and (not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]):
            print(f"  {symbol['name']}")
    return 0 if completeness["completenessScore"] == 1 else 1


def check_any() -> int:
    """Count the `Any` of the public stubs."""
    spec = find_spec("enterspan")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    found: list[str] = []
    for path in sorted(package.rglob("*.pyi")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name) and node.id == "Any":
                found.append(f"{path.relative_to(package)}:{node.lineno}")
    print(f"Any stands {len(found)} times in the stubs, of at most {MOST}")
    if len(found) > MOST:
        print("\n".join(f"  {place}" for place in found))
    return 0 if len(found) <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
