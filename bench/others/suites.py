"""The packages whose own tests are run with all of the package instrumented, and how that is done.

Versions are pinned: another version may have other tests.
"""

from __future__ import annotations

from dataclasses import dataclass

INSTALLED = "installed"
"""The tests are a part of the package as it is installed."""
SDIST = "sdist"
"""The tests are in the source archive of the package index."""


@dataclass(frozen=True)
class Suite:
    """One package's tests."""

    version: str
    tests: str
    """What the runner is told to run, and options for it, with spaces between."""
    needs: str = ""
    """What its tests need besides pytest."""
    source: str = SDIST
    """Where the tests are: `INSTALLED`, `SDIST`, or the address of a Git repository."""
    targets: str = ""
    """What is instrumented, where that is not the package's name."""
    script: str = ""
    """What runs the tests, if not pytest: a script in the source that uses unittest."""
    tag: str = ""
    """The tag in that repository."""


SUITES = {
    "attrs": Suite("26.1.0", "tests", "cloudpickle hypothesis pympler", targets="attr attrs"),
    "click": Suite("8.5.1", "tests"),
    "django": Suite(
        "5.2.19",
        "--parallel=1 basic expressions forms_tests handlers logging_tests middleware model_fields"
        " signals urlpatterns_reverse view_tests",
        "asgiref jinja2 pytest sqlparse tblib",
        script="tests/runtests.py",
    ),
    "flask": Suite("3.1.3", "tests", "asgiref greenlet pytest<9 python-dotenv"),
    "httpx": Suite(
        "0.28.1",
        "tests",
        "chardet cryptography httpx[brotli,cli,http2,socks,zstd] trio trustme uvicorn",
    ),
    "itsdangerous": Suite("2.2.0", "tests", "freezegun"),
    "jinja2": Suite("3.1.6", "tests", "trio"),
    "loguru": Suite(
        "0.7.3",
        "tests",
        "colorama freezegun pytest-mypy-plugins",
        source="https://github.com/Delgan/loguru",
        tag="0.7.3",
    ),
    "marshmallow": Suite("4.4.0", "tests", "simplejson"),
    "networkx": Suite(
        "3.6.1",
        "--pyargs networkx.classes networkx.algorithms.shortest_paths",
        source=INSTALLED,
    ),
    "pandas": Suite(
        "3.1.1",
        "--pyargs pandas.tests.api pandas.tests.apply pandas.tests.copy_view pandas.tests.util",
        "hypothesis",
        source=INSTALLED,
    ),
    "pluggy": Suite("1.7.0", "testing", "pytest-benchmark"),
    "pydantic": Suite(
        "2.14.4",
        "tests --ignore=tests/benchmarks --ignore=tests/mypy --ignore=tests/test_docs.py"
        " --ignore=tests/typechecking",
        "cloudpickle dirty-equals email-validator faker jsonschema pytest-benchmark pytest-examples"
        " pytest-mock pytest-run-parallel pytz time-machine",
    ),
    "requests": Suite(
        "2.34.2",
        "tests",
        "pytest-httpbin==2.1.0 httpbin~=0.10.0 pytest-mock requests[socks] trustme",
    ),
    "rich": Suite(
        "14.3.3", "tests", "attrs", source="https://github.com/Textualize/rich", tag="v14.3.3"
    ),
    "sqlalchemy": Suite(
        "2.1.9",
        "test/base test/engine test/sql/test_operators.py test/sql/test_query.py"
        " test/sql/test_select.py test/sql/test_text.py",
        "greenlet",
    ),
    "structlog": Suite("26.1.0", "tests", "pytest-asyncio rich simplejson time-machine"),
    "toolz": Suite("1.2.0", "--pyargs toolz", source=INSTALLED),
}
