"""Run well-known programs plain and under three tools; print a table of what each costs and shows.

    python bench/others/commands.py                     all programs that are installed
    python bench/others/commands.py pytest yt-dlp       some of them
    python bench/others/commands.py --show pylint       the tree that `enterspan run` draws of one
    python bench/others/commands.py --tools enterspan   without some of the tools
    python bench/others/commands.py --keep DIR pylint   leave what was run and shown in DIR

The tools are `enterspan run`, pyinstrument and VizTracer, each with the options that come to mind
first. What is compared is the CPU time of all processes, the least of some runs, which take turns.
A tree's lines are those that the tool has added to what the program writes. The programs need no
network: the pages that they read are served here. It takes some ten minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

BIN = Path(sys.executable).parent
PATIENCE = 120
"""Seconds; a program that takes longer has not ended."""
TOOLS = ("enterspan", "pyinstrument", "viztracer")

# --- what is run ----------------------------------------------------------------------------------

SAMPLE = """\
import math


def area(radius):
    return math.pi * radius**2


class Shape:
    def __init__(self, sides):
        self.sides = sides

    def perimeter(self):
        return sum(self.sides)

    def describe(self, unit="cm"):
        return f"{len(self.sides)} sides, {self.perimeter()} {unit}"
"""

TESTS = """\

import pytest


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@pytest.fixture
def numbers():
    return [fibonacci(n) for n in range(15)]


@pytest.mark.parametrize("n", range(5))
def test_grows(n, numbers):
    assert numbers[n] <= numbers[n + 1]


def test_json(numbers):
    assert json.loads(json.dumps(numbers)) == numbers


def test_files(tmp_path, numbers):
    path = tmp_path / "numbers"
    path.write_text(json.dumps(numbers))
    assert json.loads(path.read_text()) == numbers


def test_fails():
    with pytest.raises(ZeroDivisionError):
        1 / 0


def test_slow(numbers):
    assert fibonacci(20) == 6765
"""

SPIDER = """\
import scrapy


class Pages(scrapy.Spider):
    name = "pages"
    start_urls = ["{url}/0.html"]

    def parse(self, response):
        yield {{"title": response.css("title::text").get()}}
        yield from response.follow_all(css="a", callback=self.parse)
"""

CRAWLER = """\
import asyncio
import re
import sys

import aiohttp


async def fetch(session, url):
    async with session.get(url) as response:
        return await response.text()


def links(page):
    return re.findall(r'href="([^"]+)"', page)


async def crawl(base):
    seen, waiting = {"0.html"}, ["0.html"]
    async with aiohttp.ClientSession() as session:
        while waiting:
            pages = await asyncio.gather(*[fetch(session, f"{base}/{page}") for page in waiting])
            waiting = sorted({link for page in pages for link in links(page)} - seen)
            seen.update(waiting)
    return len(seen)


print(asyncio.run(crawl(sys.argv[1])), "pages")
"""

FRAMES = """\
import numpy
import pandas
from joblib import Parallel, delayed


def make(seed):
    random = numpy.random.default_rng(seed)
    shops, prices = random.integers(0, 20, 50_000), random.random(50_000)
    return pandas.DataFrame({"shop": shops, "price": prices})


def summarise(seed):
    frame = make(seed)
    return frame.groupby("shop").price.agg(["mean", "sum", "count"])


def combine(parts):
    return pandas.concat(parts).groupby(level=0).sum()


def main():
    parts = Parallel(n_jobs=2)(delayed(summarise)(seed) for seed in range(8))
    print(combine(parts).shape)


if __name__ == "__main__":
    main()
"""

DJANGO = """\
import os
import sys

from django.conf import settings
from django.http import HttpResponse
from django.urls import path

settings.configure(
    DEBUG=True,
    SECRET_KEY="-",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="__main__",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)


def total(prices):
    return sum(prices)


def cart(request):
    return HttpResponse(f"{total(range(1_000))} in all")


urlpatterns = [path("cart", cart)]

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""

CONF = """\
import sys

project = "sample"
extensions = ["sphinx.ext.autodoc"]
sys.path.insert(0, ".")
"""
INDEX = """\
Sample
======

.. automodule:: sample
   :members:
   :undoc-members:

.. automodule:: json
   :members:
"""


def page(number: int, pages: int) -> str:
    """A page that leads to others."""
    near = [2 * number + 1, 2 * number + 2]
    links = "".join([f'<p><a href="{n}.html">page {n}</a></p>' for n in near if n < pages])
    return f"<html><head><title>Page {number}</title></head><body>{links}</body></html>"


@dataclass
class Command:
    """A program, and what it is run on."""

    name: str
    about: str
    words: Callable[[str], list[str]]
    """Its words, given the address of the pages; the first is a command, or a script."""
    package: str
    fetched: Sequence[str] = ()
    """Paths that are asked of it, where it is a server."""
    port: int = 0


def _fixed(*words: str) -> Callable[[str], list[str]]:
    """Words, in which URL stands for the address of the pages."""
    return lambda url: [word.replace("URL", url) for word in words]


SERVER_PORT = 8931

COMMANDS = (
    Command("black", "`black .`, 8 files", _fixed("black", "."), "black"),
    Command("mypy", "`mypy sample.py`", _fixed("mypy", "sample.py"), "mypy"),
    Command("pylint", "`pylint`, 2 files", _fixed("pylint", "lib0.py", "lib1.py"), "pylint"),
    Command("httpie", "`http URL`", _fixed("http", "--ignore-stdin", "URL/0.html"), "httpie"),
    Command("yt-dlp", "`yt-dlp URL`", _fixed("yt-dlp", "--no-update", "URL/film.mp4"), "yt-dlp"),
    Command("scrapy", "`scrapy`, 30 pages", _fixed("scrapy", "runspider", "spider.py"), "scrapy"),
    Command("sphinx", "`sphinx-build`", _fixed("sphinx-build", "-q", ".", "built"), "sphinx"),
    Command("pytest", "`pytest`, 9 tests", _fixed("pytest"), "pytest"),
    Command("check", "`manage.py check`", _fixed("manage.py", "check"), "django"),
    Command("migrate", "`manage.py migrate`", _fixed("manage.py", "migrate"), "django"),
    Command(
        "runserver",
        "`manage.py runserver`, 20 requests",
        _fixed("manage.py", "runserver", str(SERVER_PORT)),
        "django",
        fetched=["cart"] * 20,
        port=SERVER_PORT,
    ),
    Command("pandas", "a script with pandas, joblib", _fixed("frames.py"), "pandas"),
    Command("crawler", "a crawler, 30 pages", _fixed("crawler.py", "URL"), "aiohttp"),
)


def prepare(folder: Path, url: str) -> None:
    """Write what the programs are run on."""
    import email
    import textwrap

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    library = Path(email.__file__).parent
    names = sorted(path for path in library.glob("*.py") if path.name != "__init__.py")
    for number, source in enumerate(names[:6]):
        (folder / f"lib{number}.py").write_text(source.read_text())
    files = {
        "sample.py": SAMPLE,
        "test_sample.py": TESTS,
        "spider.py": SPIDER.format(url=url),
        "crawler.py": CRAWLER,
        "frames.py": FRAMES,
        "manage.py": DJANGO,
        "conf.py": CONF,
        "index.rst": INDEX,
    }
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text))


# --- the pages that are served --------------------------------------------------------------------


class _Pages(http.server.BaseHTTPRequestHandler):
    """Serves the pages, and something that looks like a film."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        name = self.path.rpartition("/")[2]
        number = name.partition(".")[0]
        if name == "film.mp4":
            kind, body = "video/mp4", b"\0" * 200_000
        elif number.isdigit():
            kind, body = "text/html", page(int(number), 30).encode()
        else:
            kind, body = "", b""
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is there
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has left."""


@contextlib.contextmanager
def served() -> Generator[str]:
    """A block in which the pages are served; gives their address."""
    server = _Server(("127.0.0.1", 0), _Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- how it is run --------------------------------------------------------------------------------


class Run(NamedTuple):
    """What came of one run."""

    seconds: float
    """CPU time of all its processes."""
    code: int | None
    """The exit code; None if it was killed because it did not end."""
    said: str
    """What it wrote to standard error."""
    shown: int | None
    """Lines in what the tool shows; None if it shows nothing."""
    size: int | None
    """Bytes of the file that the tool has written; None if there is none."""


@dataclass
class Found:
    """What came of all runs of one program under one tool."""

    runs: list[Run] = field(default_factory=list[Run])

    @property
    def seconds(self) -> float:
        """The least time that it took."""
        return min(run.seconds for run in self.runs)

    @property
    def last(self) -> Run:
        """The last run."""
        return self.runs[-1]


def line(tool: str, words: Sequence[str], output: Path) -> list[str]:
    """The command line that runs a program under a tool."""
    first, *rest = words
    path = first if first.endswith(".py") else str(BIN / first)
    if tool == "enterspan":
        own = [sys.executable, "-m", "enterspan", "run", "--output", str(output)]
        return [*own, first, *rest]
    if tool == "pyinstrument":
        return [sys.executable, "-m", "pyinstrument", "-r", "text", "-o", str(output), path, *rest]
    if tool == "viztracer":
        return [sys.executable, "-m", "viztracer", "--quiet", "-o", str(output), "--", path, *rest]
    return [sys.executable, path, *rest]


def run_once(command: Command, tool: str, place: Path, url: str) -> Run:
    """Run a program once, in a folder that is made anew."""
    folder = place / "files"
    prepare(folder, url)
    output = place / f"{tool}.{'json' if tool == 'viztracer' else 'out'}"
    output.unlink(missing_ok=True)
    home = place / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    before = cpu_seconds()
    said, printed = place / f"{tool}.err", place / f"{tool}.stdout"
    with said.open("w") as err, printed.open("w") as out:
        process = subprocess.Popen(  # noqa: S603 - the commands are those above
            line(tool, command.words(url), output),
            cwd=folder,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        code = finished(process, command)
    seconds = cpu_seconds() - before
    written = output.stat().st_size if output.exists() else None
    shown = None
    if tool == "pyinstrument" and written:
        shown = len(output.read_text().splitlines())
    return Run(seconds, code, said.read_text(errors="replace"), shown, written)


def environment(home: Path) -> dict[str, str]:
    """As it is, but with a home of its own, and with compiled modules kept as they usually are."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    found = {**os.environ, "HOME": str(home), "PATH": path}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


def finished(process: subprocess.Popen[bytes], command: Command) -> int | None:
    """Wait for a program; a server is asked, and interrupted."""
    try:
        if command.port:
            ask(command)
            os.killpg(process.pid, signal.SIGINT)
        return process.wait(PATIENCE)
    except (subprocess.TimeoutExpired, TimeoutError):
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(command: Command) -> None:
    """Wait until a server answers, and ask what is to be asked of it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", command.port), 1).close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError from None
            time.sleep(0.1)
    for path in command.fetched:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(
                f"http://127.0.0.1:{command.port}/{path}", timeout=PATIENCE
            ).read()


def cpu_seconds() -> float:
    """The CPU time of all child processes that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- the table ------------------------------------------------------------------------------------


def ratio(found: Found, plain: Found) -> str:
    """How many times as long it took, or that it did not end."""
    if found.last.code is None:
        return f"not done in {PATIENCE} s"
    times = f"{found.seconds / plain.seconds:.1f}"
    return times if found.last.code == plain.last.code else f"{times}, exits {found.last.code}"


def size(found: Found) -> str:
    """The size of a file."""
    written = found.last.size
    if not written:
        return "none"
    return f"{written / 1e6:,.0f} MB" if written >= 1e6 else f"{max(written / 1e3, 1):,.0f} kB"


TREE = re.compile(
    r"\s*(\d[\d.]* (ns|\u00b5s|ms|s)|\d+m \d\ds)\s{2,}\S|\s*[\u2502\u256d\u2570]|enterspan: "
)
"""How a line of the tree begins: with a duration, or with a rail."""


def tree(found: Found) -> list[str]:
    """The lines that are not the program's."""
    return [line for line in found.last.said.splitlines() if TREE.match(line)]


def row(command: Command, plain: Found, found: dict[str, Found]) -> str:
    """One program's row."""
    cells = [command.about, f"{plain.seconds:.2f} s"]
    if "enterspan" in found:
        one = found["enterspan"]
        cells += [ratio(one, plain), f"{len(tree(one))} lines", size(one)]
    if "pyinstrument" in found:
        one = found["pyinstrument"]
        cells += [ratio(one, plain), f"{one.last.shown} lines" if one.last.shown else "nothing"]
    if "viztracer" in found:
        one = found["viztracer"]
        cells += [ratio(one, plain), size(one)]
    return f"| {' | '.join(cells)} |"


HEADS = {
    "enterspan": ["`enterspan run`", "tree", "file"],
    "pyinstrument": ["pyinstrument", "shows"],
    "viztracer": ["VizTracer", "file"],
}


def head(tools: Sequence[str]) -> str:
    """The first two lines of the table."""
    heads = ["program", "plain", *[name for tool in tools for name in HEADS[tool]]]
    return f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}"


def is_here(command: Command) -> bool:
    """Whether a program is installed."""
    import importlib.metadata

    try:
        importlib.metadata.version(command.package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Print the table, or one tree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")
    parser.add_argument("--tools", default=",".join(TOOLS), help="which, with commas between")
    parser.add_argument("--runs", type=int, default=3, help="of which the quickest counts")
    parser.add_argument("--show", action="store_true", help="print the trees, not the table")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="leave everything there")
    options = parser.parse_args(arguments)
    # A shell may have started this with the signal ignored, and the servers would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    names = options.programs or [each.name for each in COMMANDS]
    tools = ["enterspan"] if options.show else options.tools.split(",")
    with tempfile.TemporaryDirectory() as temporary, served() as url:
        place: Path = (options.keep or Path(temporary)).resolve()
        if not options.show:
            print(head(tools), flush=True)
        for command in COMMANDS:
            if command.name in names and is_here(command):
                found = compared(command, tools, options.runs, place / command.name, url)
                plain = found.pop("plain")
                said = tree(found["enterspan"]) if options.show else [row(command, plain, found)]
                print("\n".join(said), flush=True)
    return 0


def compared(
    command: Command, tools: Sequence[str], runs: int, place: Path, url: str
) -> dict[str, Found]:
    """Run a program plain and under the tools, in turns."""
    place.mkdir(parents=True, exist_ok=True)
    found = {tool: Found() for tool in ("plain", *tools)}
    for _ in range(runs):
        for tool, each in found.items():
            if not each.runs or each.last.code is not None:
                each.runs.append(run_once(command, tool, place, url))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
