"""Where and with what was measured: a figure without that means nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import enterspan
from enterspan import __version__
from lineup import LINEUP, version_of


def describe(source: str | None) -> dict[str, object]:
    """The date, the interpreter, the processor and the versions of all that took part."""
    packages = sorted({name for entry in LINEUP.values() for name in entry.packages})
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "enterspan": ", ".join([text for text in (__version__, source or revision()) if text]),
        "packages": {name: version_of(name) for name in packages},
    }


def revision() -> str:
    """The commit that is measured, and whether there is more to it; empty outside a repository."""
    command = ["git", "describe", "--always", "--dirty=, changed since"]
    folder = Path(enterspan.__file__).parent
    try:
        told = subprocess.run(  # noqa: S603
            command, cwd=folder, check=False, capture_output=True, text=True
        )
    except OSError:
        return ""
    return f"commit {told.stdout.strip()}" if told.returncode == 0 else ""


def cpu_name() -> str:
    """What the processor calls itself."""
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
