"""Notices the modules that a program loads by their paths, and does not import.

So do alembic, invoke, mkdocs and nox with the files of their users: they make a spec, a module from
it, and execute that with the loader of the spec.
"""

from __future__ import annotations

import importlib.util
from functools import wraps
from typing import Any

from enterspan.instrument.imports import finder


def notice_loaded() -> None:
    """Wrap their functions, too, from now on."""
    make: Any = importlib.util.module_from_spec

    @wraps(make)
    def module_from_spec(spec: Any) -> Any:
        loader = spec.loader
        finder.expect(spec)
        module = make(spec)
        if getattr(module, "__loader__", None) is not loader and loader is not None:
            module.__loader__ = loader  # only the spec's is ours, and only until it is used
        return module

    importlib.util.module_from_spec = module_from_spec
