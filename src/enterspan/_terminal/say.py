"""What the commands say on stderr."""

from __future__ import annotations

import sys

from enterspan._terminal.screen import safe_text


def say(text: str) -> None:
    """Write a line to stderr, if there is one; what is in it can't move the cursor."""
    stream = sys.stderr
    if stream is None:  # pyright: ignore[reportUnnecessaryComparison]
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line = safe_text(f"enterspan: {text}").encode(encoding, "backslashreplace").decode(encoding)
    stream.write(line + "\n")
