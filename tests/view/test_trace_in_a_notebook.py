"""A captured trace shows itself in a notebook: static, escaped, without a script."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser

import pytest

from enterspan.testing import capture

HOSTILE = "</style></details><script>alert(1)</script><img src=x onerror=alert(1)>"
VOID = {"img", "br", "input", "link", "meta"}


class Cell(HTMLParser):
    """The elements of a cell, each of which must be closed, and the text outside of its styles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.texts, self.attributes = [], [], [], set()
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


def test_spans_are_rows_in_the_order_of_the_tree(mine):
    with capture(mine) as trace:
        with mine.span("outer", user=7):
            with mine.span("first"):
                pass
            with pytest.raises(ValueError), mine.span("second"):
                raise ValueError("no luck")
    cell = Cell(trace._repr_html_())
    texts = cell.texts
    assert texts[0].startswith("3 spans in ")
    assert texts[0].endswith(", 1 failed")
    assert [t for t in texts if t in ("outer", "first", "second")] == ["outer", "first", "second"]
    assert texts[texts.index("user") + 1] == "7"
    assert "ValueError: no luck" in texts
    assert cell.tags.count("details") == 2
    assert cell.tags.count("i") == 3


def test_hostile_texts_are_text(mine):
    with capture(mine) as trace:
        with pytest.raises(ValueError), mine.span(HOSTILE, {HOSTILE: HOSTILE}) as span:
            span.add_event(HOSTILE, {HOSTILE: HOSTILE})
            mine.log(HOSTILE, HOSTILE)
            raise ValueError(HOSTILE)
    html = trace._repr_html_()
    cell = Cell(html)
    assert set(cell.tags) == {
        "div",
        "style",
        "p",
        "details",
        "summary",
        "span",
        "i",
        "dl",
        "dt",
        "dd",
    }
    assert cell.attributes == {"class", "style", "title"}
    assert cell.texts.count(HOSTILE) >= 5
    html.encode()


def test_an_empty_trace_says_so(mine):
    with capture(mine) as trace:
        pass
    assert Cell(trace._repr_html_()).texts == ["0 spans"]


def test_lone_surrogates_and_long_values_are_shown_as_far_as_can_be(mine):
    with capture(mine) as trace, mine.span("a\ud800b", {"long": "x" * 5000}):
        pass
    html = trace._repr_html_()
    assert html.encode()
    assert "x" * 500 + "…" in html
    assert "x" * 501 not in html


def test_of_many_spans_the_first_are_shown_and_the_others_counted(mine):
    with capture(mine) as trace, mine.span("outer"):
        for n in range(700):
            with mine.span(f"span {n}"):
                pass
    cell = Cell(trace._repr_html_())
    assert cell.tags.count("i") == 500
    assert cell.texts[0].startswith("701 spans")
    assert cell.texts[-1] == "and 201 more spans"


def test_a_deep_trace_does_not_nest_elements(mine):
    with capture(mine) as trace:
        spans = []
        for n in range(400):
            with mine.use_span(spans[-1]) if spans else mine.invocation("root", linger=None):
                spans.append(mine.start_span(f"{n}"))
        for span in reversed(spans):
            span.end()
    deepest = 0

    class Depth(Cell):
        def handle_starttag(self, tag, attrs):
            nonlocal deepest
            super().handle_starttag(tag, attrs)
            deepest = max(deepest, len(self.open))

    assert Depth(trace._repr_html_()).tags.count("i") == 401
    assert deepest <= 5


def test_capturing_does_not_import_what_a_notebook_needs():
    code = "import sys, enterspan.testing; print('enterspan._view.report' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
