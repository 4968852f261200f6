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
MOST = 3
"""`TailEvent.to_dict()` gives JSON, and the base of both middlewares has an application of any kind."""


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
    exported = [symbol for symbol in completeness["symbols"] if symbol["isExported"]]
    public = [symbol for symbol in exported if is_public(symbol["name"])]
    missing = [s["name"] for s in public if not s["isTypeKnown"] or s["isTypeAmbiguous"]]
    print(f"pyright: {len(public) - len(missing)} of {len(public)} public types are complete")
    print("".join(f"  {name}\n" for name in missing), end="")
    return 0 if public and not missing else 1


def is_public(name: str) -> bool:
    """Whether a name is of a module that has a stub: internal modules of a package have none."""
    spec = find_spec("enterspan")
    assert spec is not None
    assert spec.origin is not None
    place = Path(spec.origin).parent
    for part in name.split(".")[1:]:
        if (place / part).is_dir():
            place /= part
        elif (place / f"{part}.py").exists():
            return (place / f"{part}.pyi").exists()
        else:
            break
    return True


def check_any() -> int:
    """Count the `Any` of the public stubs."""
    spec = find_spec("enterspan")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    found: list[str] = []
    for path in sorted(package.rglob("*.pyi")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if name == "Any" and isinstance(node, ast.expr):
                found.append(f"{path.relative_to(package)}:{node.lineno}")
    print(f"Any stands {len(found)} times in the stubs, of at most {MOST}")
    if len(found) > MOST:
        print("\n".join(f"  {place}" for place in found))
    return 0 if len(found) <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
