"""The version, in the one place where the build reads it too."""

from __future__ import annotations

__version__ = "0.2.0"
