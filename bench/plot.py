"""The picture of the page: how many times our cost each peer costs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cases import CASES, Mode
from lineup import LINEUP
from targets import find_pair

if TYPE_CHECKING:
    from pathlib import Path

    from targets import Results

SHOWN = ("call", "block", "await", "generator", "exception", "off call")
BARS = "#4c78a8"
LINE = "#d62728"


def draw(python: str, results: Results, path: Path) -> None:
    """A panel for each of the cases that are shown; a bar is a peer, its whisker the quartiles."""
    matplotlib: Any = import_module("matplotlib")
    matplotlib.use("svg")
    # The same figures give the same file.
    matplotlib.rcParams.update(
        {"svg.hashsalt": "enterspan", "svg.fonttype": "none", "font.size": 8}
    )
    pyplot: Any = import_module("matplotlib.pyplot")
    cases = [case for case in CASES if case.key in SHOWN]
    figure, panels = pyplot.subplots(2, 3, figsize=(10, 6.4), layout="constrained")
    for panel, case in zip(panels.flat, cases, strict=True):
        fill(panel, results, case.key)
        suffix = "" if case.mode is Mode.OFF else ", recorded"
        panel.set_title(case.title.replace("`", "") + suffix, fontsize=9)
    figure.suptitle(
        f"Cost relative to enterspan (red line), Python {python}, logarithmic;"
        " to the right is dearer, whiskers are quartiles"
    )
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def fill(panel: Any, results: Results, key: str) -> None:
    """The bars of one case, the dearest on top."""
    pairs = [(entry.title, find_pair(results, entry.name, key)) for entry in LINEUP.values()]
    bars = sorted((pair["own"]["times"], title) for title, pair in pairs if pair is not None)
    bars.sort(key=lambda bar: bar[0][1])
    names = [title for _, title in bars]
    middles = [values[1] for values, _ in bars]
    whiskers = [
        [values[1] - values[0] for values, _ in bars],
        [values[2] - values[1] for values, _ in bars],
    ]
    # From our own cost, which is 1: to the right what is dearer, to the left what is cheaper.
    widths = [middle - 1 for middle in middles]
    panel.barh(names, widths, left=1, xerr=whiskers, color=BARS, height=0.7, ecolor="#333333")
    panel.set_xscale("log")
    panel.axvline(1, color=LINE, linewidth=1)
    for at, middle in enumerate(middles):
        text = f" {middle:.2g}" if middle < 10 else f" {middle:,.0f}"
        panel.text(middle, at, text, va="bottom", fontsize=6)
    panel.spines[["top", "right"]].set_visible(False)
