"""The checks, one session each. `python3 check.py --all` runs them where there is no nox."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import nox
import nox.command

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False  # check.py says loudly what it skips

PROJECT = nox.project.load_toml("pyproject.toml")
# Some versions of nox add those without the GIL, which have a session of their own.
PYTHONS = [v for v in nox.project.python_versions(PROJECT) if not v.endswith("t")]
MEASURED = "3.14"
"""The Python on which coverage is measured, which is quick from 3.14 on, and stubs are checked."""

FREE_THREADED = next((v for v in ("3.14t", "3.13t") if shutil.which(f"python{v}")), None)
"""A Python without the GIL, where there is one on PATH."""


LOCKS = Path("requirements")
"""The lock files: what each session installs, with versions and hashes."""


class Lock(NamedTuple):
    """A lock file, the Python from which on it holds, and the groups that it resolves together."""

    file: str
    python: str
    groups: tuple[str, ...]


LOCKED = (
    Lock("nox.txt", "3.10", ("nox",)),
    Lock("python3.10.txt", "3.10", ("test",)),
    Lock("oldest.txt", "3.10", ("test", "oldest")),
    Lock("receiver.txt", "3.10", ("receiver",)),
    Lock(
        "checks.txt",
        "3.11",
        (
            *(
                "test",
                "frameworks",
                "otel",
                "models",
                "browser",
                "gates",
                "lint",
                "types",
                "layers",
            ),
            *("build", "bench", "bench-brief", "others", "docs", "nox"),
        ),
    ),
)


IN_CI = os.environ.get("CI", "").lower() == "true"
IS_LOCKED = os.environ.get("ENTERSPAN_REQUIREMENTS") == "locked"
"""Whether sessions install the locked versions; check.py sets this in CI."""


def group(name: str) -> tuple[str, ...]:
    """The requirements of one dependency group."""
    return nox.project.dependency_groups(PROJECT, name)


def extra(name: str) -> list[str]:
    """The requirements of one extra."""
    requirements: list[str] = PROJECT["project"]["optional-dependencies"][name]
    return requirements


def lock_of(session: nox.Session) -> Path:
    """The lock file for the Python of a session."""
    if session.name == "oldest":
        return LOCKS / "oldest.txt"
    code = "import sys; print(*sys.version_info[:2], sep='.')"
    version = session.run("python", "-c", code, silent=True)
    is_oldest = version is not None and version.strip() == "3.10"
    return LOCKS / ("python3.10.txt" if is_oldest else "checks.txt")


def install_requirements(session: nox.Session, *requirements: str, **options: Any) -> None:
    """Install requirements; where they are locked, these versions and files and no others."""
    if not IS_LOCKED:
        session.install("--quiet", *requirements, **options)
        return
    lock = lock_of(session)
    try:
        session.install("--quiet", "--constraint", str(lock), *requirements, **options)
    except nox.command.CommandFailed:
        session.error(
            f"can't install what {lock} names. After a change of requirements, renew it: "
            "python3 check.py lock. To go on without: ENTERSPAN_REQUIREMENTS=newest"
        )


def install(session: nox.Session, *groups: str, of: tuple[str, ...] = ()) -> None:
    """Install the project, as a user would, with extras, and the requirements of some groups."""
    requirements = [line for name in groups for line in group(name)]
    if not IS_LOCKED:
        session.install("--quiet", f".[{','.join(of)}]" if of else ".", *requirements)
        return
    # A folder has no hash: the project is installed after what it requires.
    requirements += PROJECT["project"]["dependencies"]
    requirements += [line for name in of for line in extra(name)]
    install_requirements(session, *requirements)
    session.install("--quiet", "--no-deps", ".")


def run_all(session: nox.Session, *commands: list[str], env: dict[str, str] | None = None) -> None:
    """Run each command, also after one that failed."""
    failed: list[str] = []
    for command in commands:
        try:
            session.run(*command, env=env)
        except nox.command.CommandFailed:
            failed.append(command[0])
    if failed:
        session.error(f"failed: {', '.join(failed)}")


ALONE = ["-p", "no:cacheprovider", "--confcutdir=tests/gates"]
"""Options for tests that need nothing of the others' conftest, which needs the package."""


def check_gate(session: nox.Session, *commands: list[str], env: dict[str, str]) -> None:
    """Plant faults in a copy of the checkout, and see that these commands fail there."""
    told = {
        **env,
        "ENTERSPAN_GATE": session.name.partition("-")[0],
        "ENTERSPAN_GATE_COMMANDS": json.dumps(commands),
        "TMPDIR": tempfile.gettempdir(),  # nox's own is below the checkout, whose settings apply
    }
    session.run("python", "-m", "pytest", "-q", *ALONE, "tests/gates/test_gates.py", env=told)


def cache(session: nox.Session) -> list[str]:
    """Options that give pytest a cache of its own: two sessions may run at a time."""
    return ["-o", f"cache_dir={session.create_tmp()}/cache"]


WATCHED = ["--timeout=120", "--durations=10", "--durations-min=2"]
"""Options: a test that hangs is ended, and the slowest ones are listed."""
WORKERS = ["--numprocesses=2", "--dist=worksteal"]
"""Options: many tests wait for a process of their own, so two run at a time."""


def run_tests(session: nox.Session, *command: str, env: dict[str, str] | None = None) -> None:
    """Run pytest; in CI, run what failed once more, alone.

    CI runs two sessions of two processes each on two cores, with tests that wait for servers and
    for other processes. check.py reports what passed only the second time.
    """
    command = (*command, *cache(session))
    try:
        session.run(*command, env=env)
    except nox.command.CommandFailed:
        if not IN_CI:
            raise
        alone = ["--numprocesses=0"] if "--numprocesses=2" in command else []
        failed = ["--last-failed", "--last-failed-no-failures=none", "--exitfirst", *alone]
        session.run(*command, *failed, env=env)


@nox.session
def here(session: nox.Session) -> None:
    """Run the tests on the Python that nox runs on, in two processes."""
    install(session, "test")
    run_tests(session, "python", "-m", "pytest", *WORKERS, *WATCHED, *session.posargs)


@nox.session(python=[python for python in PYTHONS if python != MEASURED])
def tests(session: nox.Session) -> None:
    """Run the tests on the installed package."""
    install(session, "test")
    run_tests(session, "python", "-m", "pytest", *WORKERS, *WATCHED, *session.posargs)


@nox.session(python=FREE_THREADED)
def free_threaded(session: nox.Session) -> None:
    """Run the tests without the GIL; skipped where there is no Python for it."""
    if FREE_THREADED is None:
        session.skip("there is NO python3.14t or python3.13t here: nothing ran without the GIL")
    # wrapt has no wheel of its extension for these, and in Python its frames would be seen.
    compiled = {"WRAPT_INSTALL_EXTENSIONS": "true"}
    session.install("--quiet", "--no-cache-dir", "--no-binary", "wrapt", ".", env=compiled)
    locked = ["--constraint", str(lock_of(session))] if IS_LOCKED else []
    for requirement in group("test"):
        try:
            session.install("--quiet", "--only-binary", ":all:", *locked, requirement)
        except nox.command.CommandFailed:
            session.warn(f"{requirement} is NOT installed: there is no wheel for {FREE_THREADED}")
    command = ("python", "-m", "pytest", *WORKERS, *WATCHED, *session.posargs)
    run_tests(session, *command, env={"PYTHON_GIL": "0"})


@nox.session(python=MEASURED)
def coverage(session: nox.Session) -> None:
    """Run the tests on the installed package, those with OpenTelemetry too, and measure them."""
    install(session, "test", "otel", of=("otel", "otlp"))
    # coverage starts pytest, and not the other way round: pytest imports our plugin, and with it
    # the package, before a plugin could begin to measure.
    session.run("coverage", "erase")
    run_tests(session, "coverage", "run", "-m", "pytest", *WORKERS, *WATCHED)
    combine, report = ["coverage", "combine", "--quiet"], ["coverage", "report"]
    session.run(*combine)
    session.run(*report)
    check_gate(session, ["coverage", "run", "-m", "enterspan", "--help"], combine, report, env={})


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """Run the tests of what is wrapped, with the oldest requirements that are allowed."""
    install(session, "test", "oldest")
    paths = session.posargs or ["tests/forms", "tests/instrument"]
    # The anyio that goes with them has a plugin for an older pytest.
    env = {"PYTEST_ADDOPTS": "-p no:anyio"}
    run_tests(session, "python", "-m", "pytest", *WORKERS, *WATCHED, *paths, env=env)
    quick = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_check.py"]
    check_gate(session, quick, env=env)


def run_frameworks(session: nox.Session, *options: str) -> None:
    """Run the tests with real frameworks, servers and clients."""
    install(session, "frameworks")
    paths = session.posargs or ["tests/frameworks"]
    run_tests(session, "python", "-m", "pytest", "--timeout=120", *options, *paths)


@nox.session
def frameworks(session: nox.Session) -> None:
    """Run the tests with real frameworks, servers and clients."""
    run_frameworks(session)


@nox.session(python=PYTHONS[-1])
def frameworks_newest(session: nox.Session) -> None:
    """Run the tests with real frameworks on the newest Python."""
    # On 3.15, a gevent that patches beside running threads hangs in about one of 300 processes.
    run_frameworks(session, "-k", "not patched_at_any_moment")


@nox.session
def models(session: nox.Session) -> None:
    """Run the recipes for frameworks that talk to models, with fake models; skip none."""
    install(session, "models")
    paths = session.posargs or ["tests/models"]
    command = ("python", "-m", "pytest", "--timeout=120", *paths)
    run_tests(session, *command, env={"ENTERSPAN_TEST_MODELS": "required"})


@nox.session
def otel(session: nox.Session) -> None:
    """Run the tests with OpenTelemetry, its instrumentations and a real receiver; skip none."""
    install(session, "test", "otel", of=("otel", "otlp"))
    home = Path(session.create_tmp(), "receiver")
    program = home / ("Scripts" if os.name == "nt" else "bin") / "ddapm-test-agent"
    if not program.exists():
        session.run("python", "-m", "venv", str(home))
        python = program.with_name("python")
        what = ["-r", str(LOCKS / "receiver.txt")] if IS_LOCKED else group("receiver")
        session.run(str(python), "-m", "pip", "install", "--quiet", *what, external=True)
    run_tests(
        session,
        "python",
        "-m",
        "pytest",
        "tests/otel",
        "tests/process/test_endings.py",
        "--timeout=120",
        *session.posargs,
        env={"ENTERSPAN_TEST_OTEL": "required", "ENTERSPAN_TEST_RECEIVER": str(program.resolve())},
    )
    session.run("python", "bench/otlp.py", "--rounds", "3", "--check")


@nox.session
def browser(session: nox.Session) -> None:
    """Click through the report in Chromium; skipped where there is none, and none can be had."""
    chromium = find_chromium(session)
    if chromium is None:
        session.skip("there is NO chromium on this machine: the report was not looked at")
    install(session, "browser")
    paths = session.posargs or ["tests/browser"]
    command = ("python", "-m", "pytest", "--timeout=100", *paths)
    run_tests(session, *command, env={"ENTERSPAN_TEST_CHROMIUM": chromium})


def find_chromium(session: nox.Session) -> str | None:
    """The system's Chromium; on Debian, root installs it. No browser is downloaded otherwise."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    may_install = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")
    if not may_install or not Path("/etc/debian_version").exists():
        return None
    try:
        session.run("apt-get", "-qq", "update", external=True, silent=True)
        session.run(
            *("apt-get", "-qq", "install", "-y", "--no-install-recommends"),
            *("chromium", "fonts-dejavu-core"),
            env={"DEBIAN_FRONTEND": "noninteractive"},
            external=True,
            silent=True,
        )
    except nox.command.CommandFailed:
        return None
    return shutil.which("chromium")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    install_requirements(session, *group("lint"), *group("gates"))
    commands = (["ruff", "check", "."], ["ruff", "format", "--check", "."])
    run_all(session, *commands)
    check_gate(session, *commands, env={})


@nox.session
def types(session: nox.Session) -> None:
    """Check types: the package with mypy and pyright, what uses it with ty and pyrefly as well."""
    install(session, "types", "test", "nox", "frameworks", "otel", of=("otel", "otlp"))
    checkers = (
        ["mypy"],
        ["pyright", "--pythonpath", f"{session.bin}/python"],
        ["ty", "check", "--python", f"{session.bin}/python"],
        ["pyrefly", "check", "--python-interpreter-path", f"{session.bin}/python"],
    )
    run_all(session, *checkers, ["python", "tests/types_catalogue/check.py"])
    check_gate(session, *checkers, env={})


@nox.session(python=MEASURED)
def stubs(session: nox.Session) -> None:
    """Check the stubs: against the source, against the running package, in four checkers."""
    install_requirements(session, *group("build"), *group("types"), *group("test"))
    dist = Path(session.create_tmp(), "dist").resolve()
    for old in dist.glob("*"):
        old.unlink()
    session.run("python", "-m", "build", "--wheel", "--outdir", str(dist), silent=True)
    (wheel,) = dist.glob("*.whl")
    extras = [line for name in ("otel", "otlp", "otlp-grpc") for line in extra(name)]
    required = [*PROJECT["project"]["dependencies"], *extras]
    install_requirements(session, *group("otel"), "celery>=5.5", *required)
    session.install("--quiet", "--force-reinstall", "--no-deps", str(wheel))
    own_cache = cache(session)
    # nox puts temporary files below the checkout, where checkers read its settings.
    session.env["TMPDIR"] = tempfile.gettempdir()
    here = Path.cwd()
    types = here / "tests" / "types"
    lists = [f"--allowlist={types / name}.txt" for name in ("stubtest_differs", "stubtest_missing")]
    stubtest = ["stubtest", "enterspan", "--concise", "--ignore-unused-allowlist"]
    check = ["enterspan", "stubs", "enterspan", "--check", "--strict"]
    run_all(
        session,
        check,
        ["python", str(types / "check_types.py")],
        ["python", str(types / "check_public.py")],
        ["python", str(types / "check_stubs.py")],
        # Those that have mypy check a stub; other sessions have no mypy.
        ["python", "-m", "pytest", "-q", *own_cache, "tests/stubgen/test_stubs_inferred.py"],
    )
    check_gate(session, check, env={})
    # From another folder: what is checked is the wheel's package, and not the checkout's.
    session.chdir(session.create_tmp())
    session.env["MYPYPATH"] = str(here / "stubs")
    run_all(
        session,
        [*stubtest, "--ignore-missing-stub", lists[0]],
        [*stubtest, *lists],
    )


@nox.session
def layers(session: nox.Session) -> None:
    """Check that imports go down only, and in no circle."""
    install_requirements(session, *group("layers"), *group("gates"))
    source = {"PYTHONPATH": "src"}
    no_circle = ["python", "-m", "pytest", "-q", *ALONE, "tests/gates/test_layers.py"]
    run_all(session, ["lint-imports"], no_circle, env=source)
    check_gate(session, ["lint-imports"], no_circle, env=source)


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel and the source archive, and use what came out as a user would."""
    install_requirements(session, *group("build"), *group("gates"))
    dist = Path(session.create_tmp(), "dist").resolve()
    for old in dist.glob("*"):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    (wheel,) = dist.glob("*.whl")
    (archive,) = dist.glob("*.tar.gz")
    for built in (archive, wheel):
        session.install("--quiet", "--force-reinstall", str(built))
        session.run("enterspan", "run", "--quiet", "examples/shop")
    use = ["enterspan", "run", "--quiet", "examples/shop"]
    anew = ["python", "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", "."]
    check_gate(session, anew, use, env={})


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, with warnings as errors, and run every example in it; skip none."""
    install(session, "test", "docs", of=("otel", "otlp"))
    site = Path(session.create_tmp(), "site").resolve()
    # Not with --quiet: it leaves out the warnings before --strict has counted them.
    build = ["mkdocs", "build", "--strict", "--site-dir", str(site)]
    quiet = {"NO_MKDOCS_2_WARNING": "1"}
    compatible = ["python", "docs/compatibility.py", "--check"]
    run_all(session, build, compatible, env=quiet)
    examples = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/docs/test_docs.py"]
    check_gate(session, build, compatible, [*examples, "-k", "index.md"], env=quiet)
    files = ["docs", "otel/test_otel_docs.py"]
    session.run(
        "python",
        "-m",
        "pytest",
        "--timeout=120",
        *cache(session),
        *[f"tests/{name}" for name in files],
        *session.posargs,
        env={"ENTERSPAN_TEST_DOCS": "required"},
    )


@nox.session
def others(session: nox.Session) -> None:
    """Run other packages' own tests, with the whole package instrumented and without."""
    install(session, "others")
    session.run("python", "bench/others/compare.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmark briefly, beside one peer: does it work? With arguments, beside all peers.

    Figures need a quiet machine and some ten minutes: `nox -s bench -- --seconds 2`.
    """
    install(session, "bench" if session.posargs else "bench-brief")
    session.run("python", "bench/run.py", *(session.posargs or ["--brief"]))


@nox.session(name="lock", default=False)
def lock_requirements(session: nox.Session) -> None:
    """Renew the lock files in `requirements`: the newest versions that the groups allow."""
    session.install("--quiet", *group("lock"))
    compiling = ["uv", "--quiet", "pip", "compile", "--universal", "--upgrade"]
    compiling += ["--generate-hashes", "--no-annotate"]
    compiling += ["--custom-compile-command", "python3 check.py lock"]
    for lock in LOCKED:
        # nox and the receiver have environments without the project.
        project = ["pyproject.toml", "--all-extras"] if "test" in lock.groups else []
        groups = [f"--group={name}" for name in lock.groups]
        where = ["--python-version", lock.python, "--output-file", str(LOCKS / lock.file)]
        session.run(
            *(*compiling, *where, *project, *groups),
            env={"UV_PYTHON_DOWNLOADS": "never"},
            silent=True,
        )
