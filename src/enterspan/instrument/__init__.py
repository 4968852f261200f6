"""Functions that somebody else wrote, traced: picked by patterns, patched, and put back."""

from enterspan.instrument._instrumentation import Instrumentation as Instrumentation
from enterspan.instrument._instrumentation import instrument as instrument
from enterspan.instrument._patterns import Pattern as Pattern

__all__ = ["Instrumentation"]
