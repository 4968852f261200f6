"""Imported by each Python that a run has started: records it, if enterspan is installed there.

It takes itself off the search path, and the `sitecustomize` that it hides is imported in its place.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location

_HERE = os.path.dirname(os.path.abspath(__file__))


def _hand_on() -> None:
    sys.path[:] = [entry for entry in sys.path if entry != _HERE]
    sys.path_importer_cache.pop(_HERE, None)
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
    if "ENTERSPAN_RUN" not in os.environ or find_spec("enterspan") is None:
        return
    spec = spec_from_file_location("starts", os.path.join(os.path.dirname(_HERE), "starts.py"))
    if spec is None or spec.loader is None:
        return
    starts = module_from_spec(spec)
    spec.loader.exec_module(starts)
    if starts.is_ready():
        import_module("enterspan._run.children").begin()


try:
    _hand_on()
finally:
    try:
        _begin()
    except Exception:  # noqa: S110 - another version, another Python: the program runs, unrecorded
        pass
