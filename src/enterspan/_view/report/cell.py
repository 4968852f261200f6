"""The display of a captured trace in a notebook: a small waterfall without scripts.

It uses the notebook's text colour, and a style sheet whose rules only apply to its own elements.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from enterspan._terminal.screen import UNICODE
from enterspan._terminal.text import duration_text, error_text
from enterspan._view.notes import note_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from enterspan._model.records import SpanData, SpanEvent

_MOST: Final = 500
"""The maximum number of spans, because notebooks store their output."""
_DEEPEST: Final = 24
_TEXT: Final = 500
"""The maximum length of a shown value."""
_EVENTS: Final = 50
_HINTS: Final = 3
_HINT: Final = 40
"""The number of attributes beside a name, and the maximum length of each."""

_STYLE: Final = """
.enterspan-trace{font:13px/1.5 system-ui,sans-serif;max-width:1100px;color:inherit}
.enterspan-trace p{margin:4px 0;opacity:.75}
.enterspan-trace summary,.enterspan-trace .es-row{display:flex;align-items:center;height:22px;
list-style:none;white-space:nowrap;border-radius:4px}
.enterspan-trace summary{cursor:pointer}
.enterspan-trace summary::-webkit-details-marker{display:none}
.enterspan-trace summary:hover{background:#8882}
.enterspan-trace .es-name{flex:0 0 42%;overflow:hidden;text-overflow:ellipsis;
box-sizing:border-box;padding-right:8px}
.enterspan-trace .es-name::before{content:"\\00b7";display:inline-block;width:14px;opacity:.5}
.enterspan-trace summary .es-name::before{content:"\\25b8"}
.enterspan-trace details[open]>summary .es-name::before{content:"\\25be"}
.enterspan-trace .es-track{position:relative;flex:1;height:12px;margin-right:8px}
.enterspan-trace i{position:absolute;top:0;bottom:0;min-width:2px;border-radius:3px;
background:#5b8def}
.enterspan-trace .es-time{flex:0 0 72px;text-align:right;font-variant-numeric:tabular-nums;
opacity:.8}
.enterspan-trace .es-hint{margin-left:10px;opacity:.6;font-weight:400;color:inherit;font-size:12px}
.enterspan-trace .es-failed .es-name{color:#d9434c;font-weight:600}
.enterspan-trace .es-failed i{background:#d9434c}
.enterspan-trace .es-odd i{background:#d8943a}
.enterspan-trace dl{display:grid;grid-template-columns:max-content 1fr;gap:0 12px;
margin:2px 0 8px 28px;font-size:12px}
.enterspan-trace dt{opacity:.7;font-weight:400}
.enterspan-trace dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}
""".replace("\n", "")


def cell_html(families: Mapping[Any, Sequence[SpanData]]) -> str:
    """Finished spans as HTML; `families` has each span's children, and the roots under None.

    Spans are identified by trace id and span id.
    """
    every = [span for children in families.values() for span in children]
    base = min((span.start_ns for span in every), default=0)
    whole = max(max((span.end_ns for span in every), default=0) - base, 1)
    failed = sum(span.outcome == "exception" for span in every)
    text = f"{len(every):,} span{'s' * (len(every) != 1)}"
    if every:
        text += f" in {duration_text(whole, UNICODE).strip()}"
    if failed:
        text += f", {failed:,} failed"
    rows = [_row(span, depth, base, whole) for span, depth in _first(families)]
    more = len(every) - len(rows)
    rest = f"<p>and {more:,} more span{'s' * (more != 1)}</p>" if more else ""
    return (
        f'<div class="enterspan-trace"><style>{_STYLE}</style><p>{text}</p>'
        f"{''.join(rows)}{rest}</div>"
    )


def _first(families: Mapping[Any, Sequence[SpanData]]) -> Iterable[tuple[SpanData, int]]:
    """The first spans in the order of the tree, each with its depth."""
    waiting = [(span, 0) for span in reversed(families.get(None, ()))]
    for _ in range(_MOST):
        if not waiting:
            return
        span, depth = waiting.pop()
        yield span, depth
        below = families.get((span.context.trace_id, span.context.span_id), ())
        waiting += [(child, depth + 1) for child in reversed(below)]


def _row(span: SpanData, depth: int, base: int, whole: int) -> str:
    left = (span.start_ns - base) / whole * 100
    width = max(span.end_ns - span.start_ns, 0) / whole * 100
    kind = {"ok": "es-ok", "exception": "es-failed"}.get(span.outcome, "es-odd")
    name = _text(span.name)
    line = (
        f'<span class="es-name" style="padding-left:{min(depth, _DEEPEST) * 14}px" title="{name}">'
        f'{name}{_hint(span)}</span><span class="es-track">'
        f'<i style="left:{left:.3f}%;width:{width:.3f}%"></i>'
        f'</span><span class="es-time">{duration_text(span.duration_ns, UNICODE).strip()}</span>'
    )
    facts = "".join(_facts(span))
    if not facts:
        return f'<div class="es-row {kind}">{line}</div>'
    return f'<details class="{kind}"><summary>{line}</summary><dl>{facts}</dl></details>'


def _hint(span: SpanData) -> str:
    """The first attributes, beside the name."""
    pairs = list(span.attributes.items())[:_HINTS]
    words = [f"{key}={str(value)[:_HINT]}" for key, value in pairs]
    return f'<span class="es-hint">{_text("  ".join(words))}</span>' if words else ""


def _facts(span: SpanData) -> Iterable[str]:
    """The details of a span other than its name and times."""
    if span.outcome != "ok":
        yield _fact("outcome", span.outcome)
    for key, value in span.attributes.items():
        yield _fact(key, value)
    for event in span.events[:_EVENTS]:
        yield _fact(*_words(event))
    if len(span.events) > _EVENTS:
        yield _fact("", f"and {len(span.events) - _EVENTS:,} more events")


def _words(event: SpanEvent) -> tuple[str, str]:
    """An event as a label and a text."""
    note = note_of(event)
    if note.kind == "event":
        return note.text, ", ".join(f"{key}={value}" for key, value in note.attributes.items())
    if note.kind == "log":
        return note.label, note.text
    return "exception", error_text(note.label, note.text)


def _fact(word: str, value: object) -> str:
    return f"<dt>{_text(word)}</dt><dd>{_text(value)}</dd>"


def _text(value: object) -> str:
    """Escape a text for HTML, with lone surrogates replaced."""
    text = str(value)
    text = text if len(text) <= _TEXT else text[:_TEXT] + "…"
    return escape(text.encode("utf-8", "replace").decode())
