"""Imported by each Python process that a run starts: records it, if enterspan is installed there.

It removes its folder from the search path, and imports the `sitecustomize` that it hides. Python 2
reads this file, too: it has no annotations, and does that alone.
"""

import os
import sys
from importlib import import_module

_HERE = os.path.dirname(os.path.abspath(__file__))

sys.path[:] = [entry for entry in sys.path if entry != _HERE]
sys.path_importer_cache.pop(_HERE, None)
_ours = sys.modules.pop("sitecustomize", None)
try:
    import_module("sitecustomize")  # the next one
except ImportError as error:
    if getattr(error, "name", "sitecustomize") != "sitecustomize":
        raise
finally:
    if _ours is not None:
        sys.modules.setdefault("sitecustomize", _ours)  # the import system looks for it
    try:
        if "ENTERSPAN_RUN" in os.environ and sys.version_info[0] > 2:
            from importlib.util import find_spec, module_from_spec, spec_from_file_location

            _file = os.path.join(os.path.dirname(_HERE), "starts.py")
            _spec = spec_from_file_location("starts", _file)
            if (
                find_spec("enterspan") is not None
                and _spec is not None
                and _spec.loader is not None
            ):
                _starts = module_from_spec(_spec)
                _spec.loader.exec_module(_starts)
                if _starts.is_ready():
                    import_module("enterspan._run.children").begin()
    except Exception:  # noqa: S110 - another version, another Python: the program runs, unrecorded
        pass
