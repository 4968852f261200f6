"""A real browser, and reports for it to show."""

from __future__ import annotations

import io
import json
import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from enterspan._recording.assemble import read_recording
from enterspan._view.report import write_html

MS = 1_000_000
BASE = 1_700_000_000_000_000_000


def span(name, number, parent=None, start=0.0, end=1.0, **changed):
    """A finished span; its number is its id, times are milliseconds."""
    wire = {
        "type": "span",
        "name": name,
        "traceId": "ab" * 16,
        "spanId": f"{number:016x}",
        "parentSpanId": None if parent is None else f"{parent:016x}",
        "startNs": BASE + int(start * MS),
        "endNs": BASE + int(end * MS),
        "attributes": {},
        "events": [],
        "outcome": "ok",
        "invocationId": f"{1:016x}",
    }
    return {**wire, **changed}


def traces_of(spans):
    return read_recording(io.BytesIO(b"".join(json.dumps(s).encode() + b"\n" for s in spans)), "t")


@pytest.fixture(scope="session")
def browser():
    path = os.environ.get("ENTERSPAN_TEST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        # As root, as in containers, Chromium does without its sandbox.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Show spans; at the end nothing may have been wrong, asked for or loaded from elsewhere."""
    pages, wrong = [], []

    def show(spans, **options):
        write_html(traces_of(spans), tmp_path / "report.html", title="report")
        page = browser.new_page(**{"viewport": {"width": 1200, "height": 700}, **options})
        pages.append(page)
        page.set_default_timeout(10_000)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append("a dialog"), dialog.dismiss()))
        page.on("request", lambda request: _note(request.url, wrong))
        page.goto((tmp_path / "report.html").as_uri())
        page.wait_for_selector(".row:not([hidden]), .line:not([hidden])", state="attached")
        return page

    yield show
    for page in pages:
        page.close()
    assert wrong == []


def _note(url, wrong):
    if not url.startswith(("file:", "data:")):
        wrong.append(url)
