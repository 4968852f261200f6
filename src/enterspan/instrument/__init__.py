"""Functions that somebody else wrote, traced: picked by patterns, patched, and put back."""

# internal modules: users import the package

from enterspan.instrument.instrumentation import Instrumentation as Instrumentation
from enterspan.instrument.instrumentation import instrument as instrument
from enterspan.instrument.patterns import Pattern as Pattern

__all__ = ["Instrumentation"]
