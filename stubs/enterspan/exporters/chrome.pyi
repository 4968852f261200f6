# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Chrome Trace Event JSON: finished spans as Perfetto, speedscope and chrome://tracing draw them.

The file is an object with an array of events, the JSON Object Format of the Trace Event Format
(https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU). A span is a
complete event (`X`) on a track; what happened in it are instants (`i`) on the same track; names of
processes and tracks are metadata (`M`). Viewers draw one event below another where it lies within
its time, on the same track, so spans that overlap without being parent and child get tracks beside
each other.
"""

import os
from collections.abc import Sequence
from enterspan._model.records import SpanData

__all__ = ["ChromeTraceExporter"]

class ChromeTraceExporter:
    """An exporter that writes finished spans as Chrome Trace Event JSON.

    `path` is a file, which is emptied at once. After every batch it is complete: it can be opened
    while the program runs, or after it was killed. Processes may share it: each is drawn as a
    process of its own.

    Spans that come in one batch are drawn below their parents. A span whose parent comes in a later
    one is drawn below it too, unless spans that overlap it are there: then it is drawn on a
    track beside.

    Raises OSError where the file can't be written, and TypeError for what is not a path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None: ...

    @property
    def subscription_target(self) -> object:
        """The file: a second exporter for it replaces the first one."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError where that fails, and ValueError after `shutdown`."""

    def shutdown(self) -> None:
        """Close the file."""
