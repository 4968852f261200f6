"""Passes settings to the child processes of a run through the environment.

These are the settings, the trace context, and a folder at the front of PYTHONPATH, whose
`sitecustomize` is imported by each Python that starts.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from enterspan._run.recording import Settings, changed, stderr_identity
from enterspan._run.starts import SITE

if TYPE_CHECKING:
    from enterspan._model.ids import SpanContext

SETTINGS: Final = "ENTERSPAN_RUN"
"""The variable with the settings."""
CONTEXT: Final = "TRACEPARENT"
"""The variable with the context, as OpenTelemetry has it (Environment variables as carriers)."""
STATE: Final = "TRACESTATE"


def carrier() -> dict[str, str]:
    """The trace context that this process was started with."""
    names = {CONTEXT: "traceparent", STATE: "tracestate"}
    return {key: os.environ[name] for name, key in names.items() if name in os.environ}


def hand_down(settings: Settings | None, context: SpanContext) -> None:
    """Make Python processes that are started from here on record, below a span.

    Without settings, this process's own settings are passed on.
    """
    if settings is not None:
        os.environ[SETTINGS] = settings.to_text()
        path = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = SITE + (os.pathsep + path if path else "")
    if context.span_id:
        os.environ[CONTEXT] = context.traceparent
        if context.trace_state:
            os.environ[STATE] = context.trace_state


def settings_here() -> Settings | None:
    """The settings of this process; None if they are invalid."""
    try:
        settings = Settings.from_text(os.environ[SETTINGS])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    # If the program reads its child's output, no tree must be in it.
    quiet = settings.quiet or stderr_identity() != settings.stderr
    return changed(settings, quiet=quiet)
