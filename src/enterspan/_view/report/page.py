"""The report: one HTML file that needs no network, and in which no text of a trace can run.

The texts of a trace are in a data block, which a browser does not execute, and the script puts them
on the page as text only. A Content-Security-Policy allows the one script and the one style sheet
by their hashes, and nothing else: no other script, no request of any kind.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from enterspan._recording.assemble import Recording
from enterspan._view.output import replaced_file
from enterspan._view.report.data import ReportData

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    from enterspan._recording.assemble import RecordedSpan

_SCRIPTS: Final = (
    "text", "model", "search", "axis", "list", "waterfall", "flame", "details", "app",
)  # fmt: skip
"""In the order in which they need one another; together they are the page's one script."""


def write_html(
    spans: Iterable[RecordedSpan] | Recording,
    target: str | os.PathLike[str],
    *,
    title: str = "trace",
    unread: Callable[[], int] = int,
) -> int:
    """Write a report to a file, as a whole or not at all, and return how many spans it has.

    `unread` is asked in the end how many lines could not be read. Raises OSError where the file
    can't be written.
    """
    if isinstance(spans, Recording):
        count = spans.problem_count
        return write_html(spans.spans(), target, title=title, unread=lambda: count)
    with ReportData() as data:
        for span in spans:
            data.add(span)
        with replaced_file(target) as file:
            for piece in page_pieces(data.pieces(unread()), title):
                file.write(piece.encode("utf-8", "replace"))
        return data.count


def page_pieces(data: Iterator[str], title: str) -> Iterator[str]:
    """The page, in pieces; `title` is shown on it, and in the browser's tab."""
    style, script = _part("page.css"), _script()
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = {"policy": policy, "title": escape(title), "style": style, "script": script}
    head, tail = _part("page.html").split("$data")
    yield Template(head).substitute(parts)
    for number, piece in enumerate(data):
        yield f'<script type="application/json" id="{f"more-{number - 1}" if number else "data"}">'
        yield piece
        yield "</script>\n"
    yield Template(tail).substitute(parts)


def _script() -> str:
    parts = [_part(f"{name}.js") for name in _SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def _part(name: str) -> str:
    return (files("enterspan") / "_view" / "report" / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy calls an element's content, which must be exactly this."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
