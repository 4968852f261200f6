"""A package that is hard to render: imports and what they pass on."""

from . import alls as alls, sub
from .generics312 import *
from .sub import thing, inner as deep
from .sub.inner import Inner as _Inner
from .conditional import HAS_JSON as HAS_JSON
from odd_sources import enums as en

__all__ = ["alls", "sub", "thing", "deep", "en", "get_inner"]
__all__ += ["HAS_JSON"]
from . import generics312 as _g

__all__ += _g.__all__


def get_inner() -> _Inner:
    return _Inner()
