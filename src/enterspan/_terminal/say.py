"""Messages of the commands on stderr."""

from __future__ import annotations

import sys
from typing import Any

from enterspan._terminal.screen import safe_text


def say(text: str, stream: Any = None) -> None:
    """Write a line to *stream*, else to stderr if available, with control characters escaped."""
    stream = sys.stderr if stream is None else stream
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line = safe_text(f"enterspan: {text}").encode(encoding, "backslashreplace").decode(encoding)
    stream.write(line + "\n")
