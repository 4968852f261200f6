"""Access to the fields of exceptions through `BaseException`.

An exception class may override attribute access: a frozen dataclass refuses every assignment.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Final

_field: Final[Any] = BaseException.__dict__["__traceback__"]
traceback_of: Final[Callable[[BaseException], Any]] = _field.__get__
set_traceback: Final[Callable[[BaseException, TracebackType | None], None]] = _field.__set__
cause_of: Final[Callable[[BaseException], BaseException | None]] = BaseException.__dict__[
    "__cause__"
].__get__
context_of: Final[Callable[[BaseException], BaseException | None]] = BaseException.__dict__[
    "__context__"
].__get__
is_context_suppressed: Final[Callable[[BaseException], bool]] = BaseException.__dict__[
    "__suppress_context__"
].__get__


def hide_first_frame(
    error: BaseException, *, get: Any = traceback_of, put: Any = set_traceback
) -> None:
    """Remove the outermost frame of a traceback; from Python 3.11 on, `raise` keeps it removed."""
    traceback = get(error)
    if traceback is not None:
        put(error, traceback.tb_next)
