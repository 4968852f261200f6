"""Hides the frames of enterspan in the stacks that `inspect` and `traceback` list.

A program that shows its stack, or looks for the file that was run in the outermost frame (as
`coverage run` does), finds its own frames alone, as without enterspan.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms import frame_bootstrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType, FrameType

_WRAPPER: Final = frame_bootstrap.call.__code__


def hide_from_stacks(outermost: CodeType) -> None:
    """Leave out the frames of enterspan, and from the frame of *outermost* on all others."""
    list_frames: Any = inspect.getouterframes
    walk: Any = traceback.walk_stack

    def own(found: Iterable[Any]) -> Iterator[Any]:
        for each in found:
            frame: FrameType = each[0]
            if frame.f_code is outermost:
                return
            if not _is_ours(frame):
                yield each

    @wraps(list_frames)
    def getouterframes(frame: Any, context: int = 1) -> Any:
        return list(own(list_frames(frame, context)))

    @wraps(walk)
    def walk_stack(f: Any) -> Any:
        if f is None and sys.version_info < (3, 14):
            return walk(None)  # it counts the frames from where it is iterated over
        return own(walk(sys._getframe(1) if f is None else f))

    inspect.getouterframes = getouterframes
    traceback.walk_stack = walk_stack


def _is_ours(frame: FrameType) -> bool:
    code = frame.f_code
    if code.co_name == _WRAPPER.co_name and code.co_code == _WRAPPER.co_code:
        return True
    name = frame.f_globals.get("__name__")
    return type(name) is str and name.startswith("enterspan.")
