"""Make stubs of other packages with three generators, check them, and print a table of the counts.

    python bench/others/stubs.py                      all packages of the table that are installed
    python bench/others/stubs.py click rich           some of them
    python bench/others/stubs.py --keep DIR click     leave stubs and what was said of them in DIR

The generators are `enterspan stubs`, mypy's stubgen and `pyright --createstub`. mypy and pyright
check the stubs; stubtest compares them with the running package. The same is done with a copy of
the package's own source in place of stubs: what is said of that as well is said of any faithful
stub, and is counted apart, as the second number of `1+5`. It takes minutes.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PACKAGES = {
    **{name: name for name in ("anyio", "click", "httpcore", "httpx", "networkx", "pluggy")},
    **{name: name for name in ("rich", "starlette", "structlog", "typer")},
    "attr": "attrs",
    "attrs": "attrs",
}
"""Modules, and the distributions that they are in."""

GENERATORS = ("ours", "stubgen", "createstub")
SOURCE = "source"
"""The name of what is no generator: the package as it is."""

INTERNAL = ("_", "test_", "tests", "conftest")
"""How the names begin that no stub needs to have."""

STUBGEN = "from mypy.stubgen import main; main()"
PYRIGHT = ("-m", "pyright", "--pythonpath", sys.executable)
CONCISE = ("--concise", "--mypy-config-file", "mypy.ini")

IMPLICIT = ("self", "cls", "mcs", "mcls", "_cls", "_self")

ANYWHERE = (
    "is inconsistent, metaclass differs|is not a Union"
    r"|^\S+\._DT is not present at runtime"
)
"""What stubtest 2 says of any alias of a Literal and of any ordered dataclass, in any stub."""


@dataclass
class Findings:
    """What is wrong with the stubs that one generator made of one package."""

    missing: Counter[str] | None
    """Public names that the running package has and the stubs have not."""
    unknown: int
    """Parameters, results and variables that are `Incomplete` or have no annotation."""
    mypy: Counter[str]
    pyright: Counter[str]
    stubtest: Counter[str] | None
    """Differences other than missing names; None where mypy cannot even read the stubs."""

    def beside(self, source: Findings) -> str:
        """The counts, each with how many of them the package's own source has."""
        checked = (self.mypy, source.mypy), (self.pyright, source.pyright)
        counts = [
            counted(self.missing, source.missing),
            str(self.unknown),
            *[counted(found, own) for found, own in checked],
            counted(self.stubtest, source.stubtest),
        ]
        return " · ".join(counts)


def counted(found: Counter[str] | None, own: Counter[str] | None) -> str:
    """How many there are: `1`, or `1+5` where the source has five of six."""
    if found is None:
        return "-"
    shared = (found & (own or Counter())).total()
    return f"{found.total() - shared}+{shared}" if shared else str(found.total())


def main(arguments: list[str]) -> int:
    """Print the table for the packages on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("packages", nargs="*", metavar="PACKAGE")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="leave everything there")
    parser.add_argument("--only", choices=GENERATORS, action="append", help="a generator")
    options = parser.parse_args(arguments)
    names = options.packages or [name for name in PACKAGES if is_installed(PACKAGES[name])]
    generators = options.only or GENERATORS
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = (options.keep or Path(temporary)).resolve()
        print("| | " + " | ".join(generators) + " |")
        print("| --- |" + " --- |" * len(generators))
        for name in names:
            source = measure(name, SOURCE, folder / SOURCE / name)
            counts = [
                measure(name, generator, folder / generator / name).beside(source)
                for generator in generators
            ]
            version = importlib.metadata.version(PACKAGES.get(name, name))
            print(f"| {name} {version} | " + " | ".join(counts) + " |", flush=True)
    return 0


def is_installed(distribution: str) -> bool:
    """Whether a distribution is here."""
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def measure(package: str, generator: str, folder: Path) -> Findings:
    """Make and check the stubs of one package."""
    shutil.rmtree(folder, ignore_errors=True)
    stubs = folder / "typings"
    stubs.mkdir(parents=True)
    commands = {
        "ours": ["-m", "enterspan", "stubs", package, "--output", "typings"],
        "stubgen": ["-c", STUBGEN, "-q", "-p", package, "-o", "typings"],
        "createstub": [*PYRIGHT, "--createstub", package],
    }
    configuration = "[mypy]\nignore_missing_imports = True\n"
    if generator == SOURCE:
        spec = find_spec(package)
        shutil.copytree(Path(spec.origin if spec and spec.origin else "").parent, stubs / package)
    else:
        run("made", folder, commands[generator])
        if not any(stubs.rglob("*.pyi")):
            sys.exit(f"{generator} made no stubs of {package}: {(folder / 'made.txt').read_text()}")
    (folder / "mypy.ini").write_text(configuration)
    (folder / "pyrightconfig.json").write_text('{"stubPath": "typings", "include": ["typings"]}')
    mypy = run("mypy", folder, ["-m", "mypy", "--strict", f"typings/{package}"])
    checked = json.loads(run("pyright", folder, [*PYRIGHT, "--outputjson"]))
    if generator == SOURCE:  # errors inside of functions are no reason not to compare
        (folder / "mypy.ini").write_text(f"{configuration}ignore_errors = True\n")
    compared = run(
        "stubtest", folder, ["-m", "mypy.stubtest", package, *CONCISE], MYPYPATH=str(stubs)
    )
    missing, different = differences(compared)
    found = [d for d in checked["generalDiagnostics"] if d["severity"] == "error"]
    return Findings(
        missing,
        sum(count_unknown(path) for path in stubs.rglob("*.pyi")),
        Counter(
            said_of(*line.split(": error: ")) for line in mypy.splitlines() if ": error: " in line
        ),
        Counter(said_of(error["file"], error["message"]) for error in found),
        different,
    )


def said_of(place: str, message: str) -> str:
    """A complaint with its module, without the line."""
    module = place.partition("typings/")[2].partition(".py")[0]
    return f"{module}: {message.partition(chr(10))[0]}"


def run(name: str, folder: Path, command: list[str], **variables: str) -> str:
    """Run Python in a folder; return what it prints, which is also written to a file."""
    done = subprocess.run(  # noqa: S603 - the commands are those above
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    (folder / f"{name}.txt").write_text(said)
    return done.stdout if name == "pyright" else said  # which prints JSON


def count_unknown(stub: Path) -> int:
    """The parameters, results and variables in a stub that have no known type."""
    found = 0
    tree = ast.parse(stub.read_text())
    members = {
        member
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("Enum" in ast.dump(base) for base in node.bases)
        for member in node.body
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            given = [*node.args.posonlyargs, *node.args.args]
            given = given[given[:1] != [] and given[0].arg in IMPLICIT :]
            given += [*node.args.kwonlyargs, *filter(None, (node.args.vararg, node.args.kwarg))]
            found += sum(is_unknown(annotation) for annotation in [a.annotation for a in given])
            found += is_unknown(node.returns) and node.name != "__init__"
        elif isinstance(node, ast.AnnAssign):
            found += is_unknown(node.annotation)
        elif isinstance(node, ast.Assign) and node not in members:
            found += isinstance(node.value, ast.Constant) and node.value.value is Ellipsis
    return found


def is_unknown(annotation: ast.expr | None) -> bool:
    """Whether there is none, or it says `Incomplete`."""
    return annotation is None or "Incomplete" in ast.unparse(annotation)


def differences(said: str) -> tuple[Counter[str] | None, Counter[str] | None]:
    """The names that stubtest misses, and what differs."""
    if "not checking stubs due to mypy" in said or "Traceback" in said:
        return None, None
    missing, different = Counter[str](), Counter[str]()
    for line in said.splitlines():
        name, _, what = line.partition(" ")
        if what.startswith(("is not present in stub", "failed to find stubs")):
            missing[line] += not any(part.startswith(INTERNAL) for part in name.split("."))
        elif what and not re.search(ANYWHERE, line):
            different[line] += 1
    return missing, different


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
