"""The HTML report: one file that needs no network, in which texts of a trace are never executed.

The texts of a trace are in a data block, which browsers don't execute, and the script inserts them
as text only. A Content-Security-Policy allows the script and the style sheet by their hashes, and
no other scripts or requests.
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
"""In order of their dependencies; concatenated, they are the page's script."""


def write_html(
    spans: Iterable[RecordedSpan] | Recording,
    target: str | os.PathLike[str],
    *,
    title: str = "trace",
    unread: Callable[[], int] = int,
) -> int:
    """Write a report to a file, as a whole or not at all, and return the number of spans.

    `unread` is called at the end for the number of unreadable lines. Raises OSError if the file
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
    """The page, in pieces; `title` is its heading, and the title of the browser's tab."""
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
    """The hash of an element's content for a Content-Security-Policy."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
