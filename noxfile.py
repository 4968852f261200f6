"""The checks, one session each. `python3 check.py` runs them all on a machine that has no nox."""

from __future__ import annotations

from pathlib import Path

import nox
import nox.command

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False  # check.py says loudly what it skips

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
MEASURED = PYTHONS[-1]
"""The Python on which coverage is measured; on the others the tests run without a tracer."""


def group(name: str) -> tuple[str, ...]:
    """The requirements of one dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


def install(session: nox.Session, *groups: str) -> None:
    """Install the project, as a user would, and the requirements of some groups."""
    requirements = [line for name in groups for line in group(name)]
    session.install("--quiet", ".", *requirements)


def run_all(session: nox.Session, *commands: list[str]) -> None:
    """Run each command, also after one that failed."""
    failed: list[str] = []
    for command in commands:
        try:
            session.run(*command)
        except nox.command.CommandFailed:
            failed.append(command[0])
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on the installed package; with coverage on one Python."""
    install(session, "test")
    # A cache of its own: two sessions may run at a time.
    cache = ["-o", f"cache_dir={session.create_tmp()}/cache"]
    slow = ["--durations=10", "--durations-min=2"]
    pytest = ["-m", "pytest", "--timeout=120", *slow, *cache, *session.posargs]
    if session.python != MEASURED or session.posargs:
        session.run("python", *pytest)
        return
    # coverage starts pytest, and not the other way round: pytest imports our plugin, and with it
    # the package, before a plugin could begin to measure.
    session.run("coverage", "erase")
    session.run("coverage", "run", *pytest)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("--quiet", *group("lint"))
    run_all(session, ["ruff", "check", "."], ["ruff", "format", "--check", "."])


@nox.session
def types(session: nox.Session) -> None:
    """Check types: the package with mypy and pyright, what uses it with ty and pyrefly as well."""
    install(session, "types", "test", "nox")
    run_all(
        session,
        ["mypy"],
        ["pyright", "--pythonpath", f"{session.bin}/python"],
        ["ty", "check", "--python", f"{session.bin}/python"],
        ["pyrefly", "check", "--python-interpreter-path", f"{session.bin}/python"],
    )


@nox.session
def layers(session: nox.Session) -> None:
    """Check that no lower layer imports a higher one."""
    install(session, "layers")
    session.run("lint-imports")


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel and the source archive, and use what came out as a user would."""
    session.install("--quiet", *group("build"))
    dist = Path(session.create_tmp(), "dist").resolve()
    for old in dist.glob("*"):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    (wheel,) = dist.glob("*.whl")
    (archive,) = dist.glob("*.tar.gz")
    for built in (archive, wheel):
        session.install("--quiet", "--force-reinstall", str(built))
        session.run("enterspan", "run", "--quiet", "examples/shop")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Run the examples of the README and of `examples/`: a part of what `tests` does."""
    install(session, "test")
    session.run("python", "-m", "pytest", "tests/test_readme.py", "tests/test_examples.py")


@nox.session
def others(session: nox.Session) -> None:
    """Run other packages' own tests, with the whole package instrumented and without."""
    install(session, "others")
    session.run("python", "bench/others/compare.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the small benchmark, shortly: that it works is checked here, figures need a quiet box."""
    install(session, "bench")
    session.run("python", "bench/quick.py", *(session.posargs or ["--seconds", "2"]))
