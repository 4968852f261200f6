"""Write the tables of `compatibility.md`, or check them.

    python docs/compatibility.py           write them, with the versions that are installed here
    python docs/compatibility.py --check   exit with 1 if anything but these versions is out of date

It lists the Pythons, requirements and dependency groups of `pyproject.toml`, and the tests that
use each package. Write the page where the tests of the sessions `frameworks` and `otel` have
passed.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"
ON: dict[str, str] = {
    "aiohttp": "`integrations.aiohttp`: server and client",
    "apscheduler": "`@tracing.entrypoint`",
    "celery": "`integrations.celery.install()`",
    "django": "`integrations.django`, and `integrations.asgi` around it",
    "eventlet": "`configure(propagate_threads=True)`",
    "falcon": "`integrations.asgi` or `.wsgi`, with `integrations.falcon`",
    "fastapi": "`integrations.asgi`",
    "flask": "`integrations.flask.install(app)`",
    "gevent": "`configure(propagate_threads=True)`",
    "grpcio": "`integrations.grpc`: servers and clients, also asyncio's",
    "gunicorn": "nothing, for its workers",
    "httpx": "`integrations.httpx.install()`",
    "litestar": "`integrations.asgi`",
    "loguru": "[two functions](logs.md#loguru)",
    "quart": "`integrations.quart.install(app)`",
    "requests": "`integrations.requests.install()`",
    "starlette": "`integrations.asgi`",
    "structlog": "[a processor](logs.md#structlog)",
    "twisted": "`configure(propagate_threads=True)`, for its thread pool",
    "uvicorn": "nothing, with `integrations.asgi`",
    "uvicorn-worker": "nothing, with `integrations.asgi`",
}
"""How a package is traced. Those of the group that are not here are clients of the tests."""
MODULES = {"grpcio": "grpc", "opentelemetry-distro": "opentelemetry-instrument"}
"""What is looked for in the tests, where it is not the package's name."""


class Requirement(NamedTuple):
    """A requirement: the package, and the versions that are allowed."""

    package: str
    limits: str


def main() -> int:
    """Write the page, or compare it."""
    text = PAGE.read_text(encoding="utf-8")
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(with_tables(text, importlib.metadata.version), encoding="utf-8")
        return 0
    if text == with_tables(text, versions_of(text).__getitem__):
        return 0
    print("docs/compatibility.md is out of date: python docs/compatibility.py writes it")
    return 1


def versions_of(text: str) -> dict[str, str]:
    """The versions that a page says its packages were tried with; `?` for what it does not list."""

    class Listed(dict[str, str]):
        def __missing__(self, package: str) -> str:
            return "?"

    return Listed(re.findall(r"^\| `([\w.-]+)` \| [^|]* \| ([^|]+) \|", text, re.MULTILINE))


def with_tables(text: str, version_of: Any) -> str:
    """The page with its tables made anew."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    made = "\n".join(
        [
            *pythons(project),
            *needed(project, version_of),
            *frameworks(project, version_of),
            *telemetry(project, version_of),
        ]
    )
    return f"{before}{BEGIN}\n{made}\n\n{END}{after}"


def pythons(project: dict[str, Any]) -> list[str]:
    """The Pythons: those of the classifiers, each with the session that runs all tests on it."""
    found = re.findall(r"Python :: (3\.\d+)$", "\n".join(classifiers(project)), re.MULTILINE)
    rows = [f"| CPython {version} | `tests-{version}` |" for version in found]
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    (measured,) = re.findall(r'^MEASURED = "([\d.]+)"$', noxfile, re.MULTILINE)
    rows = [row.replace(f"tests-{measured}", "coverage") for row in rows]
    return ["## Pythons", "", "| Python, on Linux | session |", "| --- | --- |", *rows, ""]


def classifiers(project: dict[str, Any]) -> list[str]:
    """The classifiers of the project."""
    return list(project["project"]["classifiers"])


def needed(project: dict[str, Any], version_of: Any) -> list[str]:
    """What enterspan itself, and its extras, need."""
    extras = project["project"]["optional-dependencies"]
    rows = [(line, "always") for line in project["project"]["dependencies"]]
    rows += [(line, f"`enterspan[{extra}]`") for extra in extras for line in extras[extra]]
    return [
        "## What is installed with it",
        "",
        "| package | versions | tried with | installed |",
        "| --- | --- | --- | --- |",
        *[
            f"| `{r.package}` | {r.limits} | {version_of(r.package)} | {where} |"
            for r, where in [(read(line), where) for line, where in rows]
            if r.package != "tomli"
        ],
        "",
    ]


def frameworks(project: dict[str, Any], version_of: Any) -> list[str]:
    """The frameworks, servers and libraries, and how each is traced."""
    listed = [read(line) for line in group(project, "frameworks")]
    return [
        "## Frameworks, servers, libraries",
        "",
        "| package | versions | tried with | switched on by | in `tests/frameworks/test_*` |",
        "| --- | --- | --- | --- | --- |",
        *[
            f"| `{r.package}` | {r.limits} | {version_of(r.package)} | {ON[r.package]} |"
            f" {tests(r.package, 'frameworks')} |"
            for r in listed
            if r.package in ON
        ],
        "",
    ]


def telemetry(project: dict[str, Any], version_of: Any) -> list[str]:
    """OpenTelemetry's packages, and its instrumentations through the bridge."""
    listed = [read(line) for line in group(project, "otel")]
    return [
        "## OpenTelemetry",
        "",
        "| package | versions | tried with | in `tests/otel/test_*` |",
        "| --- | --- | --- | --- |",
        *[
            f"| `{r.package}` | {r.limits} | {version_of(r.package)} | {tests(r.package, 'otel')} |"
            for r in listed
            if r.package.startswith("opentelemetry-")
        ],
    ]


def group(project: dict[str, Any], name: str) -> list[str]:
    """The requirements of a dependency group itself, without those of the groups in it."""
    return [line for line in project["dependency-groups"][name] if isinstance(line, str)]


def read(line: str) -> Requirement:
    """A requirement as a row shows it."""
    match = re.match(r"([\w-]+)([^;]*)", line)
    assert match is not None
    return Requirement(match[1], match[2].strip().replace(",", ", ").replace(">=", "≥ "))


def tests(package: str, folder: str) -> str:
    """The files of a folder of tests that use a package, without what all of their names have."""
    module = MODULES.get(package) or package.replace("opentelemetry-", "opentelemetry.", 1)
    module = module.replace(".exporter-otlp", ".exporter.otlp")
    module = module.replace(".instrumentation-", ".instrumentation.").replace("-", "[_-]")
    case = re.escape(package.removeprefix("opentelemetry-instrumentation-"))
    pattern = re.compile(
        rf'(?<![\w./])(?<!enterspan\.integrations\.){module}(?!\w)|^@case\(\s*"{case}"',
        re.MULTILINE,
    )
    files = sorted((ROOT / "tests" / folder).glob("test_*.py"))
    found = [file.name for file in files if pattern.search(file.read_text(encoding="utf-8"))]
    return ", ".join(name.removeprefix("test_").removesuffix(".py") for name in found)


if __name__ == "__main__":
    sys.exit(main())
