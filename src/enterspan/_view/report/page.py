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

from enterspan._view.output import replaced_file
from enterspan._view.report.data import report_json

if TYPE_CHECKING:
    import os

    from enterspan._recording.assemble import Recording

_SCRIPTS: Final = ("text", "model", "search", "axis", "waterfall", "flame", "details", "app")
"""In the order in which they need one another; together they are the page's one script."""


def write_html(
    recording: Recording, target: str | os.PathLike[str], *, title: str = "trace"
) -> int:
    """Write a report to a file, as a whole or not at all, and return its size in bytes.

    Raises OSError where that can't be done.
    """
    data = page_html(recording, title).encode("utf-8", "replace")
    with replaced_file(target) as file:
        file.write(data)
    return len(data)


def page_html(recording: Recording, title: str = "trace") -> str:
    """The whole page; `title` is shown on it, and in the browser's tab."""
    style, script = _part("page.css"), _script()
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return Template(_part("page.html")).substitute(
        policy=policy, title=escape(title), style=style, data=report_json(recording), script=script
    )


def _script() -> str:
    parts = [_part(f"{name}.js") for name in _SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def _part(name: str) -> str:
    return (files("enterspan") / "_view" / "report" / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy calls an element's content, which must be exactly this."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
