"""Every public name of the installed package has a type, and `Any` only where it is agreed."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

BIN = Path(sys.executable).parent
AGREED = {
    "_tracing.pyi": 4,  # `capture_return` takes a function of any result
    "events.pyi": 1,  # `TailEvent.to_dict()` gives JSON
    # Applications, requests and responses: no stub imports a framework, which may be missing.
    "integrations/_http.pyi": 3,
    "integrations/aiohttp.pyi": 9,
    "integrations/asgi.pyi": 1,
    "integrations/django.pyi": 5,
    "integrations/falcon.pyi": 3,
    "integrations/flask.pyi": 2,
    "integrations/grpc.pyi": 15,
    "integrations/quart.pyi": 2,
}
"""How often `Any` may stand in each stub, at most, and why."""


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
    """Count the `Any` of each public stub."""
    spec = find_spec("enterspan")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    failed = False
    for path in sorted(package.rglob("*.pyi")):
        stub = path.relative_to(package).as_posix()
        lines = sorted(lines_with_any(path))
        if len(lines) > AGREED.get(stub, 0):
            failed = True
            print(f"Any stands {len(lines)} times in {stub}, of at most {AGREED.get(stub, 0)}")
            print("\n".join(f"  line {line}" for line in lines))
    return 1 if failed else 0


def lines_with_any(path: Path) -> Iterator[int]:
    """The lines of a stub where `Any` is a type."""
    for node in ast.walk(ast.parse(path.read_text())):
        name = getattr(node, "id", None) or getattr(node, "attr", None)
        if name == "Any" and isinstance(node, ast.expr):
            yield node.lineno


if __name__ == "__main__":
    sys.exit(main())
