"""Imported by each Python that a run has started: records it, if enterspan is installed there.

It takes itself off the search path, and the `sitecustomize` that it hides is imported in its place.
"""

import os
import sys
from importlib import import_module


def _hand_on() -> None:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - nothing is imported
    sys.path[:] = [entry for entry in sys.path if entry != here]
    sys.path_importer_cache.pop(here, None)
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import_module("sitecustomize")  # the next one
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        if ours is not None:
            sys.modules.setdefault("sitecustomize", ours)  # the import system looks for it


def _begin() -> None:
    if "ENTERSPAN_RUN" not in os.environ:
        return
    try:
        from enterspan._run.children import begin
    except ImportError:
        return  # another Python, which has no enterspan
    begin()


try:
    _hand_on()
finally:
    _begin()
