# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Chrome Trace Event JSON, for Perfetto, speedscope and chrome://tracing.

The file is an object with an array of events, the JSON Object Format of the Trace Event Format
(https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU). A span is a
complete event (`X`) on a track; its span events are instants (`i`) on the same track; names of
processes and tracks are metadata (`M`). Viewers draw an event below another one on the same track
that encloses it, so spans that overlap without being parent and child get separate tracks.
"""

import os
from collections.abc import Sequence
from enterspan._model.records import SpanData

__all__ = ["ChromeTraceExporter"]

class ChromeTraceExporter:
    """An exporter that writes finished spans as Chrome Trace Event JSON.

    `path` is a file, which is truncated when the exporter is made. It is complete after every
    batch: it can be opened while the program runs, or after it was killed. Several processes may
    share it; each is drawn as a process.

    Spans are drawn below parents of the same batch. A span whose parent comes in a later batch is
    drawn below it unless it overlaps others there; then it is drawn on another track.

    Raises OSError if the file can't be written, and TypeError if `path` is not a path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None: ...

    @property
    def subscription_target(self) -> object:
        """The file: a second exporter for it replaces the first one."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError if that fails, and ValueError after `shutdown`."""

    def shutdown(self) -> None:
        """Close the file."""
